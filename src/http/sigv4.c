/* SPDX-License-Identifier: Apache-2.0 */
#include "http/sigv4.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/scoped.h"
#include "http/sigv4_priv.h"
#include "http/uri.h"

#define EXPIRES_MAX_S (7 * 24 * 3600)

static int refuse(struct sigv4_refusal *refusal, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct sigv4_refusal *refusal, const char *code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    refusal->code = code;
    vsnprintf(refusal->message, sizeof refusal->message, format, args);
    va_end(args);
    return -1;
}

static void add_message(struct sigv4_refusal *refusal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sentences that apply together stand together, as AWS gives them. */
static void add_message(struct sigv4_refusal *refusal, const char *format, ...)
{
    va_list args;
    size_t len = strlen(refusal->message);

    if (len > 0 && len + 1 < sizeof refusal->message)
        refusal->message[len++] = ' ';
    va_start(args, format);
    vsnprintf(refusal->message + len, sizeof refusal->message - len, format, args);
    va_end(args);
}

/* --- reading a claim --- */

static int check_escapes(struct text query, struct sigv4_refusal *refusal)
{
    for (size_t i = text_find(query, '%'); i < query.len; i++) {
        if (query.at[i] != '%')
            continue;
        if (i + 2 >= query.len)
            return refuse(refusal, "MalformedQueryString",
                          "Incomplete trailing escape %% sequence");
        if (text_hex_digit(query.at[i + 1]) < 0 || text_hex_digit(query.at[i + 2]) < 0)
            return refuse(refusal, "MalformedQueryString",
                          "Illegal hex character in escape %% pattern: %.3s", query.at + i);
    }
    return 0;
}

static int check_algorithm(struct text algorithm, struct sigv4_refusal *refusal)
{
    if (text_equal(algorithm, TEXT(SIGV4_ALGORITHM)))
        return 0;
    return refuse(refusal, "IncompleteSignature", "Unsupported AWS 'algorithm': '%.*s'.",
                  TEXT_ARG(algorithm));
}

/* A parameter that is given twice counts as given last. */
static int read_parameters(struct text header, struct sigv4_claim *claim,
                           struct sigv4_refusal *refusal)
{
    struct text rest = text_trim(text_skip(header, text_find(header, ' '))), piece;

    while (text_split(&rest, ',', &piece)) {
        piece = text_trim(piece);
        size_t equals = text_find(piece, '=');
        if (equals == piece.len)
            return refuse(refusal, "IncompleteSignature",
                          "'%.*s' not a valid key=value pair (missing equal-sign) in "
                          "Authorization header: '%.*s'",
                          TEXT_ARG(piece), TEXT_ARG(header));
        struct text name = text_slice(piece, 0, equals), value = text_skip(piece, equals + 1);
        if (text_equal(name, TEXT("Credential")))
            claim->credential = value;
        else if (text_equal(name, TEXT("Signature")))
            claim->signature = value;
        else if (text_equal(name, TEXT("SignedHeaders")))
            claim->signed_headers = value;
    }
    return 0;
}

static int check_header_parts(const struct sigv4_claim *claim, struct text header,
                              struct sigv4_refusal *refusal)
{
    static const char format[] = "Authorization header requires '%s' parameter.";

    refuse(refusal, "IncompleteSignature", "%s", "");
    if (!claim->credential.len)
        add_message(refusal, format, "Credential");
    if (!claim->signature.len)
        add_message(refusal, format, "Signature");
    if (!claim->signed_headers.len)
        add_message(refusal, format, "SignedHeaders");
    if (!claim->timestamp.len)
        add_message(refusal, "Authorization header requires existence of either a 'X-Amz-Date' "
                             "or a 'Date' header.");
    if (!refusal->message[0])
        return 0;
    add_message(refusal, "Authorization=%.*s", TEXT_ARG(header));
    return -1;
}

static int read_header_form(const struct http_request *request, struct text header,
                            struct sigv4_claim *claim, struct sigv4_refusal *refusal)
{
    if (check_algorithm(text_slice(header, 0, text_find(header, ' ')), refusal) < 0 ||
        read_parameters(header, claim, refusal) < 0)
        return -1;
    claim->timestamp = http_header(request, TEXT("x-amz-date"));
    if (!text_is_set(claim->timestamp))
        claim->timestamp = http_header(request, TEXT("date"));
    claim->session_token = http_header(request, TEXT("x-amz-security-token"));
    return check_header_parts(claim, header, refusal);
}

static int check_query_parts(const struct sigv4_claim *claim, struct sigv4_refusal *refusal)
{
    static const char format[] = "AWS query-string parameters must include '%s'.";

    refuse(refusal, "IncompleteSignature", "%s", "");
    if (!claim->credential.len)
        add_message(refusal, format, "X-Amz-Credential");
    if (!claim->signature.len)
        add_message(refusal, format, "X-Amz-Signature");
    if (!claim->signed_headers.len)
        add_message(refusal, format, "X-Amz-SignedHeaders");
    if (!claim->timestamp.len)
        add_message(refusal, format, "X-Amz-Date");
    if (!refusal->message[0])
        return 0;
    add_message(refusal, "Re-examine the query-string parameters.");
    return -1;
}

/* In seconds. 0 when it is not given. */
static int read_expires(struct text expires, int64_t *ret, struct sigv4_refusal *refusal)
{
    static const char code[] = "AuthorizationQueryParametersError";
    bool negative = expires.len > 1 && expires.at[0] == '-';

    *ret = 0;
    if (!text_is_set(expires))
        return 0;
    if (!text_to_int(text_skip(expires, negative), 0, INT64_MAX / 1000000, ret))
        return refuse(refusal, code, "X-Amz-Expires should be a number");
    if (negative)
        return refuse(refusal, code, "X-Amz-Expires must be non-negative");
    if (*ret > EXPIRES_MAX_S)
        return refuse(refusal, code,
                      "X-Amz-Expires must be less than a week (in seconds); "
                      "that is, the given X-Amz-Expires must be less than 604800 seconds");
    return 0;
}

static int read_query_form(const struct http_request *request, struct arena *arena,
                           struct sigv4_claim *claim, struct sigv4_refusal *refusal)
{
    struct text query = request->query;
    struct text expires = uri_query_find(arena, query, TEXT("X-Amz-Expires"));
    int64_t expires_s;

    claim->presigned = true;
    if (check_algorithm(uri_query_find(arena, query, TEXT("X-Amz-Algorithm")), refusal) < 0)
        return -1;
    claim->credential = uri_query_find(arena, query, TEXT("X-Amz-Credential"));
    claim->signature = uri_query_find(arena, query, TEXT("X-Amz-Signature"));
    claim->signed_headers = uri_query_find(arena, query, TEXT("X-Amz-SignedHeaders"));
    claim->timestamp = uri_query_find(arena, query, TEXT("X-Amz-Date"));
    claim->session_token = uri_query_find(arena, query, TEXT("X-Amz-Security-Token"));
    if (check_query_parts(claim, refusal) < 0 ||
        read_expires(expires, &expires_s, refusal) < 0)
        return -1;
    /* From the date, which is not known yet. 0 seconds are over, and not no limit. */
    claim->expires_ms = expires_s > 0 ? expires_s * 1000 : text_is_set(expires);
    return 0;
}

static bool is_signed(struct text signed_headers, struct text name)
{
    struct text one;

    while (text_split(&signed_headers, ';', &one))
        if (text_equal(one, name))
            return true;
    return false;
}

static int read_date(struct sigv4_claim *claim, struct sigv4_refusal *refusal)
{
    claim->signed_at_ms = clock_parse_basic(claim->timestamp);
    if (claim->signed_at_ms < 0)
        return refuse(refusal, "IncompleteSignature",
                      "Date must be in ISO-8601 'basic format'. Got '%.*s'. See "
                      "http://en.wikipedia.org/wiki/ISO_8601",
                      TEXT_ARG(claim->timestamp));
    if (claim->expires_ms > 0)
        claim->expires_ms += claim->signed_at_ms;
    return 0;
}

/* Its five elements; false when there are more or fewer, and then the key is empty. */
static bool read_credential(struct sigv4_claim *claim, struct text *ret_terminator)
{
    struct text *const parts[] = {&claim->access_key, &claim->date, &claim->region, &claim->service,
                                  ret_terminator};
    struct text rest = claim->credential;

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        size_t slash = text_find(rest, '/');
        if ((slash == rest.len) != (i + 1 == COUNT_OF(parts))) {
            claim->access_key = TEXT_NONE;
            return false;
        }
        *parts[i] = text_slice(rest, 0, slash);
        rest = text_skip(rest, slash + 1);
    }
    return true;
}

int sigv4_read(const struct http_request *request, struct arena *arena, struct sigv4_claim *ret,
               struct sigv4_refusal *refusal)
{
    struct text header = http_header(request, TEXT("authorization")), terminator;

    *ret = (struct sigv4_claim){0};
    if (check_escapes(request->query, refusal) < 0)
        return -1;
    bool in_query = text_is_set(uri_query_find(arena, request->query, TEXT("X-Amz-Algorithm")));
    if (!in_query && !text_is_set(header))
        return refuse(refusal, "MissingAuthenticationToken",
                      "Request is missing Authentication Token");
    if (in_query && text_is_set(header))
        return refuse(refusal, "InvalidSignature", "%s", "");
    if ((in_query ? read_query_form(request, arena, ret, refusal)
                  : read_header_form(request, header, ret, refusal)) < 0)
        return -1;
    if (!is_signed(ret->signed_headers, TEXT("host")))
        return refuse(refusal, "InvalidSignature",
                      "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    if (read_date(ret, refusal) < 0)
        return -1;
    (void)read_credential(ret, &terminator); /* sigv4_verify() says what is wrong with it */
    return 0;
}

/* --- verifying --- */

static int check_time(const struct sigv4_claim *claim, const struct sigv4_scope *scope,
                      struct sigv4_refusal *refusal)
{
    char at[32], border[32], now[32];
    int64_t valid_ms =
        claim->expires_ms > 0 ? claim->expires_ms - claim->signed_at_ms : scope->skew_ms;

    clock_format_basic(claim->signed_at_ms, at);
    clock_format_basic(scope->now_ms, now);
    if (claim->signed_at_ms < scope->now_ms - valid_ms) {
        clock_format_basic(scope->now_ms - valid_ms, border);
        return refuse(refusal, "InvalidSignature",
                      "Signature expired: %s is now earlier than %s (%s - %d min.)", at, border,
                      now, (int)(valid_ms / 60000));
    }
    if (claim->signed_at_ms > scope->now_ms + scope->skew_ms) {
        clock_format_basic(scope->now_ms + scope->skew_ms, border);
        return refuse(refusal, "InvalidSignature",
                      "Signature not yet current: %s is still later than %s (%s + %d min.)", at,
                      border, now, (int)(scope->skew_ms / 60000));
    }
    return 0;
}

static int check_scope(const struct sigv4_claim *claim, const struct sigv4_scope *scope,
                       struct text terminator, struct sigv4_refusal *refusal)
{
    struct text day = text_slice(claim->timestamp, 0, 8);

    refuse(refusal, "InvalidSignature", "%s", "");
    if (!text_equal(claim->region, scope->region))
        add_message(refusal,
                    "Credential should be scoped to a valid region, not '%.*s': here it is "
                    "'%.*s'.",
                    TEXT_ARG(claim->region), TEXT_ARG(scope->region));
    if (!text_equal(claim->service, scope->service))
        add_message(refusal, "Credential should be scoped to correct service: '%.*s'.",
                    TEXT_ARG(scope->service));
    if (!text_equal(terminator, TEXT(SIGV4_TERMINATOR)))
        add_message(refusal,
                    "Credential should be scoped with a valid terminator: '" SIGV4_TERMINATOR
                    "', not '%.*s'.",
                    TEXT_ARG(terminator));
    if (!text_equal(claim->date, day))
        add_message(refusal,
                    "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                    "date from HTTP: '%.*s' != '%.*s', from '%.*s'.",
                    TEXT_ARG(claim->date), TEXT_ARG(day), TEXT_ARG(claim->timestamp));
    return refusal->message[0] ? -1 : 0;
}

/* The token belongs to the key; who has only one of them has neither. */
static int check_key(const struct sigv4_claim *claim, const struct sigv4_secret *secret,
                     struct sigv4_refusal *refusal)
{
    if (secret && text_is_set(claim->session_token) == text_is_set(secret->session_token) &&
        crypto_equal(claim->session_token, secret->session_token))
        return 0;
    return refuse(refusal, "UnrecognizedClient",
                  "The security token included in the request is invalid.");
}

/* The hash that is signed: what the header says, if it is true or waives it. False when
 * it is not. */
static bool find_body_hash(const struct http_request *request, struct text *body_sha256)
{
    struct text said = http_header(request, TEXT("x-amz-content-sha256"));

    if (!text_is_set(said) || text_equal(said, *body_sha256))
        return true;
    *body_sha256 = said;
    return text_equal(said, TEXT("UNSIGNED-PAYLOAD"));
}

static bool is_right(const struct canonical *canonical, enum query_form form,
                     const struct signing_scope *scope, struct text secret, struct text signature,
                     struct arena *arena)
{
    char want[SIGV4_HEX_LEN + 1];

    sigv4_sign_canonical(canonical, form, scope, secret, arena, want);
    return crypto_equal(text_from(want, SIGV4_HEX_LEN), signature);
}

/* As every signer writes them, and so that none is hashed twice however long it is. */
static bool is_ascending(struct text names)
{
    struct text last = TEXT_NONE, name;

    while (text_split(&names, ';', &name)) {
        if (text_compare(last, name) >= 0)
            return false;
        last = name;
    }
    return true;
}

static bool check_signature(const struct http_request *request, const struct sigv4_claim *claim,
                            struct text secret, struct text body_sha256, struct arena *arena)
{
    struct signing_scope scope = {claim->date, claim->region, claim->service, claim->timestamp};

    if (!is_ascending(claim->signed_headers) || !find_body_hash(request, &body_sha256))
        return false;
    struct canonical canonical = {
        .method = request->method_text,
        .path = request->path,
        .query = request->query,
        .fields = request->fields,
        .field_count = request->field_count,
        .signed_headers = claim->signed_headers,
        .body_sha256 = body_sha256,
        .service = claim->service,
    };
    return is_right(&canonical, QUERY_ENCODED, &scope, secret, claim->signature, arena) ||
           (canonical.query.len > 0 &&
            is_right(&canonical, QUERY_RAW, &scope, secret, claim->signature, arena));
}

int sigv4_verify(const struct http_request *request, const struct sigv4_claim *claim,
                 const struct sigv4_scope *scope, const struct sigv4_secret *secret,
                 struct text body_sha256, struct arena *arena, struct sigv4_refusal *refusal)
{
    struct sigv4_claim parts = *claim;
    struct text terminator;

    if (check_time(claim, scope, refusal) < 0)
        return -1;
    if (!read_credential(&parts, &terminator))
        return refuse(refusal, "IncompleteSignature",
                      "Credential must have exactly 5 slash-delimited elements, "
                      "e.g. keyid/date/region/service/term, got '%.*s'",
                      TEXT_ARG(claim->credential));
    if (check_scope(claim, scope, terminator, refusal) < 0 || check_key(claim, secret, refusal) < 0)
        return -1;
    if (!check_signature(request, claim, secret->secret, body_sha256, arena))
        return refuse(refusal, "InvalidSignature",
                      "The request signature we calculated does not match the signature you "
                      "provided. Check your AWS Secret Access Key and signing method. Consult the "
                      "service documentation for details.");
    return 0;
}

/* --- signing --- */

static int compare_names(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

static struct text join_names(const struct http_field *fields, size_t count, struct arena *arena)
{
    struct text *names = arena_alloc(arena, (count + 1) * sizeof *names);
    scoped(buffer_done) struct buffer out = {0};

    for (size_t i = 0; i < count; i++)
        names[i] = fields[i].name;
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && text_equal(names[i], names[i - 1]))
            continue;
        if (i > 0)
            buffer_add_char(&out, ';');
        buffer_add_text(&out, names[i]);
    }
    return arena_copy(arena, buffer_text(&out));
}

/* What the header says, or the hash of the body. */
static struct text hash_body(const struct sigv4_signing *signing, struct arena *arena)
{
    scoped(buffer_done) struct buffer hash = {0};
    struct text said =
        http_field_find(signing->headers, signing->header_count, TEXT("x-amz-content-sha256"));

    if (text_is_set(said))
        return said;
    sigv4_add_hash(&hash, signing->body);
    return arena_copy(arena, buffer_text(&hash));
}

struct text sigv4_sign(const struct sigv4_signing *signing, struct arena *arena)
{
    char timestamp[32], signature[SIGV4_HEX_LEN + 1];

    clock_format_basic(signing->now_ms, timestamp);
    struct canonical canonical = {
        .method = signing->method,
        .path = signing->path,
        .query = signing->query,
        .fields = signing->headers,
        .field_count = signing->header_count,
        .signed_headers = join_names(signing->headers, signing->header_count, arena),
        .body_sha256 = hash_body(signing, arena),
        .service = signing->service,
    };
    struct signing_scope scope = {text_from(timestamp, 8), signing->region, signing->service,
                                  text_of(timestamp)};
    sigv4_sign_canonical(&canonical, QUERY_ENCODED, &scope, signing->secret, arena, signature);
    return text_of(arena_format(arena,
                                SIGV4_ALGORITHM " Credential=%.*s/%.8s/%.*s/%.*s/" SIGV4_TERMINATOR
                                          ", SignedHeaders=%.*s, Signature=%s",
                                TEXT_ARG(signing->access_key), timestamp, TEXT_ARG(signing->region),
                                TEXT_ARG(signing->service), TEXT_ARG(canonical.signed_headers),
                                signature));
}
