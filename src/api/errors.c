/* SPDX-License-Identifier: Apache-2.0 */
#include "api/errors.h"

#include "api/writer.h"
#include "api/xml.h"

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
    {"BadRequestException", 400, FAULT_UNTOLD, false},
    {"CodeStorageExceededException", 400, FAULT_USER, false},
    {"ConflictException", 409, FAULT_UNTOLD, true},
    {"ExpiredTokenException", 403, FAULT_UNTOLD, false},
    {"IncompleteSignatureException", 400, FAULT_UNTOLD, false},
    {"InternalFailure", 500, FAULT_UNTOLD, false},
    {"InternalServerException", 500, FAULT_UNTOLD, true},
    {"InternalServerErrorException", 500, FAULT_UNTOLD, false},
    {"InvalidParameterValueException", 400, FAULT_USER, false},
    {"InvalidRequestContentException", 400, FAULT_USER, false},
    {"InvalidSignatureException", 403, FAULT_UNTOLD, false},
    {"LimitExceededException", 429, FAULT_UNTOLD, false},
    {"MissingAuthenticationTokenException", 403, FAULT_UNTOLD, false},
    {"NotFoundException", 404, FAULT_UNTOLD, false},
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
    {"ServiceQuotaExceededException", 402, FAULT_UNTOLD, true},
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

/* --- SQS --- */

/* SQS's exceptions: the shape's name, what older clients call it, the HTTP status. */
static const struct sqs_name {
    const char *code, *query_code;
    int status;
} sqs_names[] = {
#define OLD "AWS.SimpleQueueService."
    {"BatchEntryIdsNotDistinct", OLD "BatchEntryIdsNotDistinct", 400},
    {"BatchRequestTooLong", OLD "BatchRequestTooLong", 400},
    {"EmptyBatchRequest", OLD "EmptyBatchRequest", 400},
    {"InvalidBatchEntryId", OLD "InvalidBatchEntryId", 400},
    {"MessageNotInflight", OLD "MessageNotInflight", 400},
    {"MissingRequiredParameterException", "MissingParameter", 400},
    {"OverLimit", "OverLimit", 403},
    {"PurgeQueueInProgress", OLD "PurgeQueueInProgress", 403},
    {"QueueDeletedRecently", OLD "QueueDeletedRecently", 400},
    {"QueueDoesNotExist", OLD "NonExistentQueue", 400},
    {"QueueNameExists", "QueueAlreadyExists", 400},
    {"RequestThrottled", "RequestThrottled", 403},
    {"ResourceNotFoundException", "ResourceNotFoundException", 404},
    {"TooManyEntriesInBatchRequest", OLD "TooManyEntriesInBatchRequest", 400},
    {"UnsupportedOperation", OLD "UnsupportedOperation", 400},
#undef OLD
};

static const struct sqs_name *find_sqs_name(const char *code)
{
    for (size_t i = 0; i < COUNT_OF(sqs_names); i++)
        if (strcmp(sqs_names[i].code, code) == 0)
            return &sqs_names[i];
    return NULL;
}

void errors_query_code(const char *code, char out[static ERRORS_CODE_MAX])
{
    const struct sqs_name *name = find_sqs_name(code);
    struct text text = text_of(name ? name->query_code : code);

    if (!name && text_ends(text, TEXT("Exception")))
        text = text_slice(text, 0, text.len - (sizeof "Exception" - 1));
    snprintf(out, ERRORS_CODE_MAX, "%.*s", TEXT_ARG(text));
}

static int sqs_status(const struct form *form, const struct exception *exception)
{
    const struct sqs_name *name = find_sqs_name(exception->code);

    return name ? name->status : form->status;
}

static void write_sqs_xml(const struct exception *exception, bool sender, struct buffer *out)
{
    char code[ERRORS_CODE_MAX];

    errors_query_code(exception->code, code);
    buffer_add_format(out,
                      "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"" SQS_NAMESPACE
                      "\"><Error><Type>%s</Type><Code>%s</Code><Message>",
                      sender ? "Sender" : "Receiver", code);
    xml_add_text(out, exception->message);
    buffer_add_format(out, "</Message><Detail/></Error><RequestId>%s</RequestId></ErrorResponse>\n",
                      exception->request_id);
}

static void write_sqs_json(const struct exception *exception, struct buffer *out)
{
    struct writer writer = {.out = out};
    scoped(buffer_done) struct buffer type = {0};

    buffer_add_format(&type, "com.amazonaws.sqs#%s", exception->code);
    write_open(&writer, NULL, '{');
    write_text(&writer, "__type", buffer_text(&type));
    write_text(&writer, "message", exception->message);
    write_close(&writer, '}');
}

/* --- STS --- */

static void write_xml(const struct exception *exception, bool sender, struct buffer *out)
{
    buffer_add_format(out,
                      "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
                      "  <Error>\n    <Type>%s</Type>\n    <Code>%s</Code>\n    <Message>",
                      sender ? "Sender" : "Receiver", exception->code);
    xml_add_text(out, exception->message);
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
    if (form->fault != FAULT_UNTOLD && exception->look == LOOK_LAMBDA)
        write_string(&writer, "Type", form->fault == FAULT_USER ? "User" : "Service");
    bool is_capital = exception->look == LOOK_BARE ||
                      (exception->look == LOOK_LAMBDA && form->capital);
    write_text(&writer, is_capital ? "Message" : "message", exception->message);
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
    case PROTOCOL_SQS_JSON:
        write_sqs_json(exception, out);
        return sqs_status(form, exception);
    case PROTOCOL_SQS_QUERY:
        write_sqs_xml(exception, form->status < 500, out);
        return sqs_status(form, exception);
    }
    return 500;
}

void errors_signature_code(enum protocol protocol, const char *name, char out[static 64])
{
    static const char *const query_names[][2] = {
        {"UnrecognizedClient", "InvalidClientTokenId"},
        {"InvalidSignature", "SignatureDoesNotMatch"},
    };

    if (!protocol_is_query(protocol)) {
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
