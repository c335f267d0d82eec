/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/access_format.h"

#include "base/arena.h"
#include "base/mem.h"
#include "gateway/access_log.h"

#define PREFIX TEXT("$context.")

enum kind {
    KIND_TEXT,
    KIND_NUMBER,
    KIND_EPOCH, /* a number; 0: none */
    KIND_CODE, /* a status; 0: none */
    KIND_STATUS,
    KIND_MILLIS, /* of microseconds; below 0: none */
    KIND_FIRST_LABEL,
    KIND_ERROR,
    KIND_QUOTED_ERROR,
    KIND_ERROR_TYPE,
    KIND_PROCESSED,
    KIND_SERVICE_CODE,
    KIND_FOUND, /* entry->find() knows it */
    KIND_NONE,  /* AWS has it, Evoke never a value for it */
};

static const struct variable {
    struct text name;
    enum kind kind;
    size_t offset;
} variables[] = {
#define AT(field) offsetof(struct access_entry, field)
    {TEXT("accountId"), KIND_TEXT, AT(account)},
    {TEXT("apiId"), KIND_TEXT, AT(api_id)},
    {TEXT("authorizer.principalId"), KIND_TEXT, AT(principal)},
    {TEXT("domainName"), KIND_TEXT, AT(domain)},
    {TEXT("domainPrefix"), KIND_FIRST_LABEL, AT(domain)},
    {TEXT("authenticate.error"), KIND_NONE, 0},
    {TEXT("authenticate.latency"), KIND_NONE, 0},
    {TEXT("authenticate.status"), KIND_NONE, 0},
    {TEXT("authorize.error"), KIND_NONE, 0},
    {TEXT("authorize.latency"), KIND_NONE, 0},
    {TEXT("authorize.status"), KIND_NONE, 0},
    {TEXT("authorizer.error"), KIND_NONE, 0},
    {TEXT("awsEndpointRequestId"), KIND_TEXT, AT(integration_id)},
    {TEXT("awsEndpointRequestId2"), KIND_NONE, 0},
    {TEXT("connectedAt"), KIND_EPOCH, AT(connected_ms)},
    {TEXT("connectionId"), KIND_TEXT, AT(connection_id)},
    {TEXT("customDomain.basePathMatched"), KIND_NONE, 0},
    {TEXT("dataProcessed"), KIND_PROCESSED, 0},
    {TEXT("error.message"), KIND_ERROR, 0},
    {TEXT("error.messageString"), KIND_QUOTED_ERROR, 0},
    {TEXT("error.responseType"), KIND_ERROR_TYPE, 0},
    {TEXT("error.validationErrorString"), KIND_NONE, 0},
    {TEXT("eventType"), KIND_TEXT, AT(event_type)},
    {TEXT("extendedRequestId"), KIND_TEXT, AT(request_id)},
    {TEXT("function"), KIND_TEXT, AT(function)},
    {TEXT("httpMethod"), KIND_TEXT, AT(method)},
    {TEXT("identity.accessKey"), KIND_TEXT, AT(user)},
    {TEXT("identity.accountId"), KIND_FOUND, 0},
    {TEXT("identity.apiKeyId"), KIND_TEXT, AT(key_id)},
    {TEXT("identity.caller"), KIND_FOUND, 0},
    {TEXT("identity.clientCert.clientCertPem"), KIND_FOUND, 0},
    {TEXT("identity.clientCert.issuerDN"), KIND_FOUND, 0},
    {TEXT("identity.clientCert.serialNumber"), KIND_FOUND, 0},
    {TEXT("identity.clientCert.subjectDN"), KIND_FOUND, 0},
    {TEXT("identity.clientCert.validity.notAfter"), KIND_FOUND, 0},
    {TEXT("identity.clientCert.validity.notBefore"), KIND_FOUND, 0},
    {TEXT("identity.cognitoAuthenticationProvider"), KIND_NONE, 0},
    {TEXT("identity.cognitoAuthenticationType"), KIND_NONE, 0},
    {TEXT("identity.cognitoIdentityId"), KIND_NONE, 0},
    {TEXT("identity.cognitoIdentityPoolId"), KIND_NONE, 0},
    {TEXT("identity.principalOrgId"), KIND_NONE, 0},
    {TEXT("identity.sourceIp"), KIND_TEXT, AT(peer)},
    {TEXT("identity.user"), KIND_FOUND, 0},
    {TEXT("identity.userAgent"), KIND_TEXT, AT(agent)},
    {TEXT("identity.userArn"), KIND_FOUND, 0},
    {TEXT("integration.error"), KIND_TEXT, AT(integration_error)},
    {TEXT("integration.integrationStatus"), KIND_SERVICE_CODE, 0},
    {TEXT("integration.latency"), KIND_MILLIS, AT(integration_us)},
    {TEXT("integration.requestId"), KIND_TEXT, AT(integration_id)},
    {TEXT("integration.status"), KIND_CODE, AT(integration_status)},
    {TEXT("integrationErrorMessage"), KIND_TEXT, AT(integration_error)},
    {TEXT("integrationLatency"), KIND_MILLIS, AT(integration_us)},
    {TEXT("integrationStatus"), KIND_SERVICE_CODE, 0},
    {TEXT("messageId"), KIND_TEXT, AT(message_id)},
    {TEXT("path"), KIND_TEXT, AT(path)},
    {TEXT("protocol"), KIND_TEXT, AT(protocol)},
    {TEXT("referer"), KIND_TEXT, AT(referer)},
    {TEXT("requestId"), KIND_TEXT, AT(request_id)},
    {TEXT("requestTime"), KIND_TEXT, AT(time)},
    {TEXT("requestTimeEpoch"), KIND_NUMBER, AT(epoch_ms)},
    {TEXT("responseLatency"), KIND_MILLIS, AT(us)},
    {TEXT("responseLength"), KIND_NUMBER, AT(bytes)},
    {TEXT("routeKey"), KIND_TEXT, AT(route_key)},
    {TEXT("stage"), KIND_TEXT, AT(stage)},
    {TEXT("status"), KIND_STATUS, AT(status)},
    {TEXT("target"), KIND_TEXT, AT(target)},
    {TEXT("waf.error"), KIND_NONE, 0},
    {TEXT("waf.latency"), KIND_NONE, 0},
    {TEXT("waf.status"), KIND_NONE, 0},
    {TEXT("xrayTraceId"), KIND_TEXT, AT(trace)},
#undef AT
};
/* Of any authorizer: "authorizer.claims.sub", "authorizer.role". */
static const struct variable of_authorizer = {TEXT("authorizer."), KIND_FOUND, 0};

struct piece {
    struct text literal;             /* before the variable; of the format's source */
    struct text name;                /* of the variable, likewise */
    const struct variable *variable; /* NULL: the end */
};

struct access_format {
    char *source;
    struct piece *pieces;
    size_t count;
};

/* --- compiling --- */

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* A full stop behind a name ends a sentence. */
static struct text take_name(struct text rest)
{
    size_t len = 0;

    while (len < rest.len && is_name(rest.at[len]))
        len++;
    while (len > 0 && rest.at[len - 1] == '.')
        len--;
    return text_slice(rest, 0, len);
}

static const struct variable *find_variable(struct text name)
{
    for (size_t i = 0; i < COUNT_OF(variables); i++)
        if (text_equal(variables[i].name, name))
            return &variables[i];
    if (text_starts(name, of_authorizer.name) && name.len > of_authorizer.name.len)
        return &of_authorizer;
    return NULL;
}

static int check_source(struct text source, struct error *err)
{
    if (source.len == 0 || source.len > ACCESS_FORMAT_MAX)
        return error_set(err, ERROR_INVALID, "the format of an access log has 1 to %d bytes",
                         ACCESS_FORMAT_MAX);
    for (size_t i = 0; i < source.len; i++)
        if ((unsigned char)source.at[i] < 0x20 || source.at[i] == 0x7f)
            return error_set(err, ERROR_INVALID,
                             "the format of an access log is one line without control characters");
    return 0;
}

static int compile(struct access_format *format, struct error *err)
{
    struct text rest = text_of(format->source);

    for (;;) {
        struct piece *piece = &format->pieces[format->count++];
        size_t at = text_find_text(rest, PREFIX);
        piece->literal = text_slice(rest, 0, at);
        if (at >= rest.len)
            return 0;
        rest = text_skip(rest, at + PREFIX.len);
        struct text name = take_name(rest);
        piece->name = name;
        piece->variable = find_variable(name);
        if (!piece->variable)
            return error_set(err, ERROR_INVALID,
                             "the format of an access log: $context.%.*s is not a variable of it",
                             TEXT_ARG(name));
        rest = text_skip(rest, name.len);
    }
}

struct access_format *access_format_compile(struct text source, struct error *err)
{
    if (check_source(source, err) < 0)
        return NULL;
    scoped(access_format_free) struct access_format *format = mem_new(struct access_format);
    format->source = text_dup(source);
    format->pieces = mem_zalloc((source.len / PREFIX.len + 1) * sizeof *format->pieces);
    return compile(format, err) < 0 ? NULL : take(format);
}

void access_format_free(struct access_format *format)
{
    if (!format)
        return;
    free(format->pieces);
    free(format->source);
    free(format);
}

/* --- writing --- */

static void add_unit(struct buffer *out, uint32_t unit)
{
    buffer_add_format(out, "\\u%04x", unit);
}

static void add_code_point(struct buffer *out, uint32_t code)
{
    if (code < 0x10000) {
        add_unit(out, code);
        return;
    }
    add_unit(out, 0xd800 + ((code - 0x10000) >> 10));
    add_unit(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
}

/* Of valid UTF-8; *at moves on. */
static uint32_t take_code_point(struct text text, size_t *at)
{
    uint8_t lead = (uint8_t)text.at[(*at)++];
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    uint32_t code = more ? lead & (0x3fu >> more) : lead;

    while (more-- > 0)
        code = code << 6 | ((uint8_t)text.at[(*at)++] & 0x3f);
    return code;
}

static void add_escaped(struct buffer *out, struct text word)
{
    bool is_utf8 = text_is_utf8(word);

    for (size_t i = 0; i < word.len;) {
        char c = word.at[i];
        if (c == '"' || c == '\\')
            buffer_add_char(out, '\\');
        if (c >= 0x20 && c < 0x7f) {
            buffer_add_char(out, c);
            i++;
        } else if (is_utf8) {
            add_code_point(out, take_code_point(word, &i));
        } else {
            add_unit(out, (uint8_t)c);
            i++;
        }
    }
}

static void add_word(struct buffer *out, struct text word)
{
    if (word.len == 0)
        buffer_add_char(out, '-');
    add_escaped(out, text_slice(word, 0, ACCESS_WORD_MAX));
}

static void add_code(struct buffer *out, int status)
{
    if (status > 0)
        buffer_add_int(out, status);
    else
        buffer_add_char(out, '-');
}

static struct text error_of(const struct access_entry *entry)
{
    return entry->error.len > 0 ? entry->error : entry->refusal;
}

/* As API Gateway names the kinds of its own answers. */
static struct text error_type(const struct access_entry *entry)
{
    static const struct {
        int status;
        struct text type;
    } types[] = {
        {400, TEXT("DEFAULT_4XX")},         {401, TEXT("UNAUTHORIZED")},
        {403, TEXT("ACCESS_DENIED")},       {404, TEXT("RESOURCE_NOT_FOUND")},
        {413, TEXT("REQUEST_TOO_LARGE")},   {415, TEXT("UNSUPPORTED_MEDIA_TYPE")},
        {429, TEXT("THROTTLED")},           {500, TEXT("INTEGRATION_FAILURE")},
        {503, TEXT("INTEGRATION_FAILURE")},
    };

    if (error_of(entry).len == 0)
        return TEXT_NONE;
    if (entry->is_timeout)
        return TEXT("INTEGRATION_TIMEOUT");
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (entry->status == types[i].status)
            return types[i].type;
    return entry->status < 500 ? TEXT("DEFAULT_4XX") : TEXT("DEFAULT_5XX");
}

/* What stands before the code of a function answers 200 whenever that answered. */
static int service_code(const struct access_entry *entry)
{
    return entry->integration_status > 0 && entry->function.len > 0 ? 200
                                                                    : entry->integration_status;
}

static void add_value(struct buffer *out, const struct access_entry *entry,
                      const struct piece *piece)
{
    const struct variable *variable = piece->variable;
    const void *field = (const char *)entry + variable->offset;
    const struct text *text = field;

    switch (variable->kind) {
    case KIND_TEXT:
        add_word(out, *text);
        break;
    case KIND_FIRST_LABEL:
        add_word(out, text_slice(*text, 0, text_find(*text, '.')));
        break;
    case KIND_ERROR:
        add_word(out, error_of(entry));
        break;
    case KIND_QUOTED_ERROR:
        buffer_add_char(out, '"');
        add_word(out, error_of(entry));
        buffer_add_char(out, '"');
        break;
    case KIND_ERROR_TYPE:
        add_word(out, error_type(entry));
        break;
    case KIND_PROCESSED:
        buffer_add_int(out, entry->received_bytes + entry->bytes);
        break;
    case KIND_FOUND:
        add_word(out, entry->find ? entry->find(entry->arg, piece->name) : TEXT_NONE);
        break;
    case KIND_NONE:
        buffer_add_char(out, '-');
        break;
    case KIND_CODE:
        add_code(out, *(const int *)field);
        break;
    case KIND_SERVICE_CODE:
        add_code(out, service_code(entry));
        break;
    case KIND_EPOCH:
        if (*(const int64_t *)field)
            buffer_add_int(out, *(const int64_t *)field);
        else
            buffer_add_char(out, '-');
        break;
    case KIND_NUMBER:
        buffer_add_int(out, *(const int64_t *)field);
        break;
    case KIND_MILLIS:
        if (*(const int64_t *)field < 0)
            buffer_add_char(out, '-');
        else
            buffer_add_int(out, *(const int64_t *)field / 1000);
        break;
    case KIND_STATUS:
        buffer_add_int(out, entry->status ? entry->status : 499);
        break;
    }
}

/* --- keeping --- */

/* What entry->find() said, for each variable that it was asked for. */
struct kept {
    size_t count;
    struct kept_value {
        struct text name, value;
    } values[];
};

static struct text find_kept(void *arg, struct text name)
{
    const struct kept *kept = arg;

    for (size_t i = 0; i < kept->count; i++)
        if (text_equal(kept->values[i].name, name))
            return kept->values[i].value;
    return TEXT_NONE;
}

static void keep_found(const struct access_format *format, struct access_entry *entry,
                       struct arena *arena)
{
    struct kept *kept =
        arena_zalloc(arena, sizeof *kept + format->count * sizeof kept->values[0]);

    for (size_t i = 0; entry->find && i < format->count; i++) {
        const struct piece *piece = &format->pieces[i];
        if (!piece->variable || piece->variable->kind != KIND_FOUND)
            continue;
        struct text value = arena_copy(arena, entry->find(entry->arg, piece->name));
        kept->values[kept->count++] =
            (struct kept_value){arena_copy(arena, piece->name), value};
    }
    entry->find = find_kept;
    entry->arg = kept;
}

void access_format_keep(const struct access_format *format, struct access_entry *entry,
                        struct arena *arena)
{
    keep_found(format, entry, arena);
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        if (variables[i].kind != KIND_TEXT)
            continue;
        struct text *text = (struct text *)(void *)((char *)entry + variables[i].offset);
        *text = arena_copy(arena, text_slice(*text, 0, ACCESS_WORD_MAX));
    }
    entry->error = arena_copy(arena, entry->error);
    entry->refusal = arena_copy(arena, entry->refusal);
}

void access_format_write(const struct access_format *format, const struct access_entry *entry,
                         struct buffer *out)
{
    for (size_t i = 0; i < format->count; i++) {
        buffer_add_text(out, format->pieces[i].literal);
        if (format->pieces[i].variable)
            add_value(out, entry, &format->pieces[i]);
    }
    buffer_add_char(out, '\n');
}
