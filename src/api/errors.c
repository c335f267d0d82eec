/* SPDX-License-Identifier: Apache-2.0 */
#include "api/errors.h"

#include "api/writer.h"

/* Who is at fault, as member "Type" says; some exceptions come from a layer that has none. */
enum fault { FAULT_UNTOLD, FAULT_USER, FAULT_SERVICE };

struct form {
    const char *code;
    int status; /* with REST-JSON */
    enum fault fault;
    bool capital; /* "Message", else "message" */
};

static const struct form forms[] = {
    {"AccessDeniedException", 403, FAULT_UNTOLD, true},
    {"CodeStorageExceededException", 400, FAULT_USER, false},
    {"ExpiredTokenException", 403, FAULT_UNTOLD, false},
    {"IncompleteSignatureException", 400, FAULT_UNTOLD, false},
    {"InternalFailure", 500, FAULT_UNTOLD, false},
    {"InvalidParameterValueException", 400, FAULT_USER, false},
    {"InvalidRequestContentException", 400, FAULT_USER, false},
    {"InvalidSignatureException", 403, FAULT_UNTOLD, false},
    {"MissingAuthenticationTokenException", 403, FAULT_UNTOLD, false},
    {"NotImplementedException", 501, FAULT_USER, false},
    {"PolicyLengthExceededException", 400, FAULT_USER, false},
    {"PreconditionFailedException", 412, FAULT_USER, false},
    {"RecursiveInvocationException", 400, FAULT_USER, true},
    {"RequestEntityTooLargeException", 413, FAULT_UNTOLD, false},
    {"RequestTooLargeException", 413, FAULT_USER, false},
    {"ResourceConflictException", 409, FAULT_USER, false},
    {"ResourceNotFoundException", 404, FAULT_USER, true},
    {"SerializationException", 400, FAULT_UNTOLD, true},
    {"ServiceException", 500, FAULT_SERVICE, true},
    {"ServiceUnavailableException", 503, FAULT_SERVICE, false},
    {"TooManyRequestsException", 429, FAULT_USER, false},
    {"UnknownOperationException", 404, FAULT_UNTOLD, false},
    {"UnrecognizedClientException", 403, FAULT_UNTOLD, false},
    {"UnsupportedMediaTypeException", 415, FAULT_USER, false},
    {"ValidationException", 400, FAULT_UNTOLD, false},
};

static const struct form *find_form(const char *code)
{
    static const struct form other = {"", 400, FAULT_UNTOLD, false};

    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (strcmp(forms[i].code, code) == 0)
            return &forms[i];
    return &other;
}

static void add_xml(struct buffer *out, struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c == '<')
            buffer_add_literal(out, "&lt;");
        else if (c == '>')
            buffer_add_literal(out, "&gt;");
        else if (c == '&')
            buffer_add_literal(out, "&amp;");
        else
            buffer_add_char(out, c < ' ' && c != '\n' && c != '\t' ? ' ' : (char)c);
    }
}

static void write_xml(const struct exception *exception, bool sender, struct buffer *out)
{
    buffer_add_format(out,
                      "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
                      "  <Error>\n    <Type>%s</Type>\n    <Code>%s</Code>\n    <Message>",
                      sender ? "Sender" : "Receiver", exception->code);
    add_xml(out, exception->message);
    buffer_add_format(out,
                      "</Message>\n  </Error>\n  <RequestId>%s</RequestId>\n</ErrorResponse>\n",
                      exception->request_id);
}

static void write_rest_json(const struct form *form, const struct exception *exception,
                            struct buffer *out)
{
    struct writer writer = {.out = out};

    write_open(&writer, NULL, '{');
    if (text_is_set(exception->reason))
        write_text(&writer, "Reason", exception->reason);
    if (form->fault != FAULT_UNTOLD)
        write_string(&writer, "Type", form->fault == FAULT_USER ? "User" : "Service");
    write_text(&writer, form->capital ? "Message" : "message", exception->message);
    write_close(&writer, '}');
}

static void write_json_1_1(const struct exception *exception, struct buffer *out)
{
    struct writer writer = {.out = out};

    write_open(&writer, NULL, '{');
    write_string(&writer, "__type", exception->code);
    write_text(&writer, "message", exception->message);
    write_close(&writer, '}');
}

int errors_write(enum protocol protocol, const struct exception *exception, struct buffer *out)
{
    const struct form *form = find_form(exception->code);

    switch (protocol) {
    case PROTOCOL_REST_JSON:
        write_rest_json(form, exception, out);
        return form->status;
    case PROTOCOL_JSON: /* the status tells no more than whose fault it is */
        write_json_1_1(exception, out);
        return form->status >= 500 ? form->status : 400;
    case PROTOCOL_QUERY:
        write_xml(exception, form->status < 500, out);
        return strcmp(exception->code, "IncompleteSignature") == 0 ||
                       strcmp(exception->code, "InvalidAction") == 0 || form->status == 413
                   ? 400
               : form->status >= 500 ? form->status
                                     : 403;
    }
    return 500;
}

void errors_signature_code(enum protocol protocol, const char *name, char out[static 64])
{
    static const char *const query_names[][2] = {
        {"UnrecognizedClient", "InvalidClientTokenId"},
        {"InvalidSignature", "SignatureDoesNotMatch"},
    };

    if (protocol != PROTOCOL_QUERY) {
        snprintf(out, 64, "%sException", name);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(query_names); i++)
        if (strcmp(name, query_names[i][0]) == 0)
            name = query_names[i][1];
    snprintf(out, 64, "%s", name);
}

const char *errors_code_of(enum error_code code)
{
    switch (code) {
    case ERROR_INVALID:
        return "InvalidParameterValueException";
    case ERROR_NOT_FOUND:
        return "ResourceNotFoundException";
    case ERROR_CONFLICT:
        return "ResourceConflictException";
    case ERROR_LIMIT:
        return "InvalidParameterValueException";
    case ERROR_DENIED:
        return "AccessDeniedException";
    case ERROR_SYSTEM:
        break;
    }
    return "ServiceException";
}
