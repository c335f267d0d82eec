/* SPDX-License-Identifier: Apache-2.0 */
#include "http/sigv4.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "http/request_parser.h"
#include "test.h"

/* The key, the time and the signatures of AWS's own test suite, and requests that
 * botocore signed with them. */
#define KEY "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define NOW_MS 1440938160000 /* 20150830T123600Z */
#define MINUTE_MS 60000

#define DATE "X-Amz-Date: 20150830T123600Z\r\n"
#define HOST "Host: example.amazonaws.com\r\n"
#define SCOPE(service) KEY "/20150830/us-east-1/" service "/aws4_request"
#define AUTHORIZATION(service, headers, signature)                                          \
    "Authorization: AWS4-HMAC-SHA256 Credential=" SCOPE(service) ", SignedHeaders=" headers \
                                                                 ", Signature=" signature "\r\n"
#define VANILLA "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"

/* A request that is read and verified. */
struct check {
    char *bytes;
    struct http_request request;
    struct http_field fields[HTTP_FIELDS_MAX];
    struct arena arena;
    struct sigv4_claim claim;
    struct sigv4_scope scope;
    struct sigv4_secret secret;
    bool key_is_unknown;
    struct sigv4_refusal refusal;
};

static void check_done_scoped(struct check *check)
{
    free(check->bytes);
    arena_done(&check->arena);
}

static struct check check_new(const char *service)
{
    return (struct check){
        .scope = {TEXT("us-east-1"), text_of(service), NOW_MS, 5 * MINUTE_MS},
        .secret = {TEXT(SECRET), TEXT_NONE},
    };
}

static void parse(struct check *check, struct text source)
{
    struct request_parser parser;
    size_t used;

    free(check->bytes);
    check->bytes = mem_copy(source.at, source.len);
    request_parser_init(&parser, &check->request, check->fields);
    CHECK_MSG(request_parse(&parser, check->bytes, source.len, &used) == PARSE_DONE, "%.*s",
              TEXT_ARG(source));
}

static int run(struct check *check, const char *source, const char *body)
{
    uint8_t hash[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];

    parse(check, text_of(source));
    crypto_sha256(text_of(body), hash);
    crypto_hex(hash, sizeof hash, hex);
    if (sigv4_read(&check->request, &check->arena, &check->claim, &check->refusal) < 0)
        return -1;
    return sigv4_verify(&check->request, &check->claim, &check->scope,
                        check->key_is_unknown ? NULL : &check->secret, text_of(hex), &check->arena,
                        &check->refusal);
}

TEST(requests_signed_by_others_are_accepted)
{
    static const struct {
        const char *service, *source, *body, *token;
    } cases[] = {
        /* AWS's suite */
        {"service",
         "GET / HTTP/1.1\r\n" HOST DATE AUTHORIZATION("service", "host;x-amz-date", VANILLA) "\r\n",
         "", NULL},
        {"service",
         "GET / HTTP/1.1\r\n" HOST DATE
         "My-Header1: value2\r\nMy-Header1: value2\r\nMy-Header1: value1\r\n" AUTHORIZATION(
             "service", "host;my-header1;x-amz-date",
             "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea") "\r\n",
         "", NULL},
        {"service",
         "GET / HTTP/1.1\r\n" HOST DATE
         "My-Header1:value4\r\nMy-Header1:value1\r\nMy-Header1:value3\r\n"
         "My-Header1:value2\r\n" AUTHORIZATION(
             "service", "host;my-header1;x-amz-date",
             "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01") "\r\n",
         "", NULL},
        {"service",
         "GET / HTTP/1.1\r\n" HOST DATE
         "My-Header1: value1\r\nMy-Header2: \"a   b   c\"\r\n" AUTHORIZATION(
             "service", "host;my-header1;my-header2;x-amz-date",
             "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736") "\r\n",
         "", NULL},
        {"service",
         "GET /?Param-3=Value3&Param=Value2&%E1%88%B4=Value1 HTTP/1.1\r\n" HOST DATE AUTHORIZATION(
             "service", "host;x-amz-date",
             "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac") "\r\n",
         "", NULL},
        {"service",
         "GET /?Param2=value2&Param1=value1 HTTP/1.1\r\n" HOST DATE AUTHORIZATION(
             "service", "host;x-amz-date",
             "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500") "\r\n",
         "", NULL},
        {"service",
         "GET //example// HTTP/1.1\r\n" HOST DATE AUTHORIZATION(
             "service", "host;x-amz-date",
             "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84") "\r\n",
         "", NULL},
        {"service",
         "GET /?%E1%88%B4=bar&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY
         "%2F20150830%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z&"
         "X-Amz-SignedHeaders=host&X-Amz-Expires=3600&X-Amz-Signature="
         "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600 HTTP/1.1\r\n" HOST
         "\r\n",
         "", NULL},
        /* botocore */
        {"lambda",
         "POST /2015-03-31/functions/f/invocations?Qualifier=1 HTTP/1.1\r\n" HOST DATE
         "Content-Type: application/json\r\nX-Amz-Invocation-Type: RequestResponse\r\n"
         "User-Agent: not signed\r\n" AUTHORIZATION(
             "lambda", "content-type;host;x-amz-date;x-amz-invocation-type",
             "75560d027665832928818ee81157eaf79254acc995f4e5db88661eeee1bd28ca") "\r\n",
         "{\"a\": 1}", NULL},
        {"lambda",
         "GET /2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af "
         "HTTP/1.1\r\n" HOST DATE AUTHORIZATION(
             "lambda", "host;x-amz-date",
             "8f8b823e94acbe80543640e8e9fdbff54cb4d57eb13310fbd3d77baf5635a119") "\r\n",
         "", NULL},
        {"lambda",
         "GET /prod/%40connections/abc%3D HTTP/1.1\r\n" HOST DATE AUTHORIZATION(
             "lambda", "host;x-amz-date",
             "726858737ebde9bfc97472108aad5de1bf3920b7c1c1d90b2b26e43671878993") "\r\n",
         "", NULL},
        {"lambda", /* the raw pairs */
         "GET /x?e=a+b&f=%2b&g HTTP/1.1\r\n" HOST DATE AUTHORIZATION(
             "lambda", "host;x-amz-date",
             "58e346e0e011055a45c6e5fe9f3e622c29ffcbc3cf9f02ef1e1e6fd815ca1067") "\r\n",
         "", NULL},
        {"lambda",
         "GET /a%20b/../c//d/./e/ HTTP/1.1\r\n" HOST DATE AUTHORIZATION(
             "lambda", "host;x-amz-date",
             "f6cecb6a74184a676026506036fd1bea56d6651d34430c6970d969a28125276e") "\r\n",
         "", NULL},
        {"lambda",
         "GET / HTTP/1.1\r\n" HOST DATE "X-Amz-Security-Token: TOKEN/+=\r\n" AUTHORIZATION(
             "lambda", "host;x-amz-date;x-amz-security-token",
             "27932a89d8b1647d8353800dc1620b67f376e95cf2c1be585a9b38558ee54fb5") "\r\n",
         "", "TOKEN/+="},
        {"lambda",
         "GET "
         "/2015-03-31/functions?MaxItems=5&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY
         "%2F20150830%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Date=20150830T123600Z&"
         "X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="
         "a35b45b19923eb5f800ab69f4c35f947a3b1c794e54bb60a7a77fa5e8a559c41 HTTP/1.1\r\n" HOST
         "\r\n",
         "", NULL},
        {"lambda",
         "GET /f?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY
         "%2F20150830%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Date=20150830T123600Z&"
         "X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=TOKEN%2F%2B%3D&"
         "X-Amz-Signature=b951deb384d0a084448eed3b1f94ace86fa7d5132717ea879b7bd65de9dc5d0f "
         "HTTP/1.1\r\n" HOST "\r\n",
         "", "TOKEN/+="},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(check_done) struct check check = check_new(cases[i].service);

        check.secret.session_token = text_of(cases[i].token);
        CHECK_MSG(run(&check, cases[i].source, cases[i].body) == 0, "case %zu: %s: %s", i,
                  check.refusal.code, check.refusal.message);
        CHECK_TEXT(check.claim.access_key, KEY);
        CHECK_TEXT(check.claim.region, "us-east-1");
        CHECK_TEXT(check.claim.service, cases[i].service);
        CHECK(check.claim.signed_at_ms == NOW_MS);
    }
}

#define MISMATCH                                                                                 \
    "The request signature we calculated does not match the signature you provided. Check your " \
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
#define GET(authorization) "GET / HTTP/1.1\r\n" HOST DATE authorization "\r\n"
#define SIGNED AUTHORIZATION("service", "host;x-amz-date", VANILLA)
#define AUTH "Authorization: AWS4-HMAC-SHA256 "
#define QUERY                                                                       \
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY                        \
    "%2F20150830%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z&" \
    "X-Amz-SignedHeaders=host&X-Amz-Signature=" VANILLA

TEST(refusals_come_with_the_codes_and_texts_of_aws)
{
    static const struct {
        const char *source, *code, *message;
    } cases[] = {
        {"GET /?a=%4 HTTP/1.1\r\n" HOST "\r\n", "MalformedQueryString",
         "Incomplete trailing escape % sequence"},
        {"GET /?a=%zz1 HTTP/1.1\r\n" HOST "\r\n", "MalformedQueryString",
         "Illegal hex character in escape % pattern: %zz"},
        {"GET / HTTP/1.1\r\n" HOST "\r\n", "MissingAuthenticationToken",
         "Request is missing Authentication Token"},
        {"GET /?X-Amz-Date=1 HTTP/1.1\r\n" HOST DATE "\r\n", "MissingAuthenticationToken",
         "Request is missing Authentication Token"},
        {"GET /?" QUERY " HTTP/1.1\r\n" HOST DATE SIGNED "\r\n", "InvalidSignature", ""},
        {GET("Authorization: Bearer x\r\n"), "IncompleteSignature",
         "Unsupported AWS 'algorithm': 'Bearer'."},
        {GET("Authorization: AWS4-HMAC-SHA1 Credential=x\r\n"), "IncompleteSignature",
         "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'."},
        {GET(AUTH "Credential=x, Signature\r\n"), "IncompleteSignature",
         "'Signature' not a valid key=value pair (missing equal-sign) in Authorization header: "
         "'AWS4-HMAC-SHA256 Credential=x, Signature'"},
        {GET(AUTH "a=b\r\n"), "IncompleteSignature",
         "Authorization header requires 'Credential' parameter. Authorization header requires "
         "'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. "
         "Authorization=AWS4-HMAC-SHA256 a=b"},
        {"GET / HTTP/1.1\r\n" HOST SIGNED "\r\n", "IncompleteSignature",
         "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
         "Authorization=AWS4-HMAC-SHA256 Credential=" SCOPE(
             "service") ", SignedHeaders=host;x-amz-date, Signature=" VANILLA},
        {"GET /?X-Amz-Algorithm=x HTTP/1.1\r\n" HOST "\r\n", "IncompleteSignature",
         "Unsupported AWS 'algorithm': 'x'."},
        {"GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=1 HTTP/1.1\r\n" HOST "\r\n",
         "IncompleteSignature",
         "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters "
         "must include 'X-Amz-Signature'. AWS query-string parameters must include "
         "'X-Amz-SignedHeaders'. Re-examine the query-string parameters."},
        {"GET /?" QUERY "&X-Amz-Expires=x HTTP/1.1\r\n" HOST "\r\n",
         "AuthorizationQueryParametersError", "X-Amz-Expires should be a number"},
        {"GET /?" QUERY "&X-Amz-Expires=-1 HTTP/1.1\r\n" HOST "\r\n",
         "AuthorizationQueryParametersError", "X-Amz-Expires must be non-negative"},
        {"GET /?" QUERY "&X-Amz-Expires=604801 HTTP/1.1\r\n" HOST "\r\n",
         "AuthorizationQueryParametersError",
         "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
         "must be less than 604800 seconds"},
        {GET(AUTHORIZATION("service", "x-amz-date", VANILLA)), "InvalidSignature",
         "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
        {"GET / HTTP/1.1\r\n" HOST "X-Amz-Date: yesterday\r\n" SIGNED "\r\n", "IncompleteSignature",
         "Date must be in ISO-8601 'basic format'. Got 'yesterday'. See "
         "http://en.wikipedia.org/wiki/ISO_8601"},
        {"GET / HTTP/1.1\r\n" HOST "X-Amz-Date: 20150830T123059Z\r\n" SIGNED "\r\n",
         "InvalidSignature",
         "Signature expired: 20150830T123059Z is now earlier than 20150830T123100Z "
         "(20150830T123600Z - 5 min.)"},
        {"GET / HTTP/1.1\r\n" HOST "X-Amz-Date: 20150830T124101Z\r\n" SIGNED "\r\n",
         "InvalidSignature",
         "Signature not yet current: 20150830T124101Z is still later than 20150830T124100Z "
         "(20150830T123600Z + 5 min.)"},
        {GET(AUTH "Credential=x, SignedHeaders=host, Signature=y\r\n"), "IncompleteSignature",
         "Credential must have exactly 5 slash-delimited elements, e.g. "
         "keyid/date/region/service/term, got 'x'"},
        {GET(AUTH "Credential=a/b/c/d/e/f, SignedHeaders=host, Signature=y\r\n"),
         "IncompleteSignature",
         "Credential must have exactly 5 slash-delimited elements, e.g. "
         "keyid/date/region/service/term, got 'a/b/c/d/e/f'"},
        {GET(AUTH "Credential=" KEY "/20150830/eu-west-1/service/aws4_request, "
                  "SignedHeaders=host, Signature=y\r\n"),
         "InvalidSignature", "Credential should be scoped to a valid region, not 'eu-west-1': here it is "
         "'us-east-1'."},
        {GET(AUTH "Credential=" KEY "/20150831/x/y/z, SignedHeaders=host, Signature=y\r\n"),
         "InvalidSignature",
         "Credential should be scoped to a valid region, not 'x': here it is 'us-east-1'. "
         "Credential should be scoped to correct service: 'service'. Credential should be scoped with a valid terminator: "
         "'aws4_request', not 'z'. Date in Credential scope does not match YYYYMMDD from ISO-8601 "
         "version of date from HTTP: '20150831' != '20150830', from '20150830T123600Z'."},
        {GET("X-Amz-Security-Token: t\r\n" SIGNED), "UnrecognizedClient",
         "The security token included in the request is invalid."},
        {GET(AUTHORIZATION("service", "host;x-amz-date", "y")), "InvalidSignature", MISMATCH},
        {"POST / HTTP/1.1\r\n" HOST DATE SIGNED "\r\n", "InvalidSignature", MISMATCH},
        {"GET /x HTTP/1.1\r\n" HOST DATE SIGNED "\r\n", "InvalidSignature", MISMATCH},
        {"GET /?x HTTP/1.1\r\n" HOST DATE SIGNED "\r\n", "InvalidSignature", MISMATCH},
        {"GET / HTTP/1.1\r\nHost: example.org\r\n" DATE SIGNED "\r\n", "InvalidSignature",
         MISMATCH},
        {"GET / HTTP/1.1\r\n" HOST "X-Amz-Date: 20150830T123601Z\r\n" SIGNED "\r\n",
         "InvalidSignature", MISMATCH},
        {GET(AUTHORIZATION("service", "x-amz-date;host", VANILLA)), "InvalidSignature", MISMATCH},
        {GET(AUTHORIZATION("service", "host;host;x-amz-date", VANILLA)), "InvalidSignature",
         MISMATCH},
        /* what the header says of the body must be true */
        {GET("X-Amz-Content-Sha256: "
             "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856\r\n" SIGNED),
         "InvalidSignature", MISMATCH},
        {GET("X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\n" SIGNED),
         "InvalidSignature", MISMATCH},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(check_done) struct check check = check_new("service");

        CHECK_MSG(run(&check, cases[i].source, "") < 0, "case %zu was accepted", i);
        CHECK_MSG(strcmp(check.refusal.code, cases[i].code) == 0, "case %zu: %s", i,
                  check.refusal.code);
        CHECK_MSG(strcmp(check.refusal.message, cases[i].message) == 0, "case %zu: %s", i,
                  check.refusal.message);
    }
}

TEST(a_request_of_another_body_is_refused)
{
    scoped(check_done) struct check check = check_new("service");

    CHECK(run(&check, GET(SIGNED), "x") < 0);
    CHECK(strcmp(check.refusal.message, MISMATCH) == 0);
}

TEST(keys_tokens_and_secrets_must_be_the_right_ones)
{
    scoped(check_done) struct check check = check_new("service");

    CHECK(run(&check, GET(SIGNED), "") == 0);
    check.secret.session_token = TEXT("t"); /* the key has one, the request has not */
    CHECK(run(&check, GET(SIGNED), "") < 0);
    CHECK(strcmp(check.refusal.code, "UnrecognizedClient") == 0);
    check.secret.session_token = TEXT_NONE;
    check.key_is_unknown = true;
    CHECK(run(&check, GET(SIGNED), "") < 0);
    CHECK(strcmp(check.refusal.code, "UnrecognizedClient") == 0);
    check.key_is_unknown = false;
    check.secret.secret = TEXT("another");
    CHECK(run(&check, GET(SIGNED), "") < 0);
    CHECK(strcmp(check.refusal.code, "InvalidSignature") == 0);
}

TEST(times_are_accepted_up_to_the_skew)
{
    static const struct {
        int64_t from_now_ms;
        bool want;
    } cases[] = {
        {0, true},
        {5 * MINUTE_MS, true},
        {-5 * MINUTE_MS, true},
        {5 * MINUTE_MS + 1000, false},
        {-5 * MINUTE_MS - 1000, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(check_done) struct check check = check_new("service");

        check.scope.now_ms = NOW_MS + cases[i].from_now_ms;
        CHECK_MSG((run(&check, GET(SIGNED), "") == 0) == cases[i].want, "case %zu", i);
    }
}

TEST(a_presigned_request_is_good_until_it_expires)
{
    static const char source[] =
        "GET "
        "/2015-03-31/functions?MaxItems=5&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY
        "%2F20150830%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Date=20150830T123600Z&"
        "X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="
        "a35b45b19923eb5f800ab69f4c35f947a3b1c794e54bb60a7a77fa5e8a559c41 HTTP/1.1\r\n" HOST "\r\n";
    scoped(check_done) struct check check = check_new("lambda");

    check.scope.now_ms = NOW_MS + 60000;
    CHECK(run(&check, source, "") == 0);
    CHECK(check.claim.presigned && check.claim.expires_ms == NOW_MS + 60000);
    check.scope.now_ms = NOW_MS + 61000;
    CHECK(run(&check, source, "") < 0);
    CHECK(text_starts(text_of(check.refusal.message), TEXT("Signature expired: ")));
}

TEST(a_presigned_request_for_no_seconds_is_over)
{
    static const char source[] =
        "GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" KEY
        "%2F20150830%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Date=20150830T123600Z&"
        "X-Amz-Expires=0&X-Amz-SignedHeaders=host&X-Amz-Signature=y HTTP/1.1\r\n" HOST "\r\n";
    scoped(check_done) struct check check = check_new("lambda");

    check.scope.now_ms = NOW_MS + 1000;
    CHECK(run(&check, source, "") < 0);
    CHECK(text_starts(text_of(check.refusal.message), TEXT("Signature expired: ")));
}

/* Signs with sigv4_sign() what sigv4_verify() then reads. */
static int sign_and_verify(const char *target, struct text body, const char *payload_hash)
{
    scoped(check_done) struct check check = check_new("lambda");
    scoped(buffer_done) struct buffer source = {0};
    const struct http_field headers[] = {
        {TEXT("x-amz-date"), TEXT("20150830T123600Z")},
        {TEXT("host"), TEXT("example.amazonaws.com")},
        {TEXT("x-b"), TEXT(" two  blanks ")},
        {TEXT("x-amz-content-sha256"), text_of(payload_hash)},
    };
    struct text path = text_of(target);
    size_t mark = text_find(path, '?');
    struct sigv4_signing signing = {
        .method = TEXT("PUT"),
        .path = text_slice(path, 0, mark),
        .query = text_skip(path, mark + 1),
        .headers = headers,
        .header_count = COUNT_OF(headers) - !payload_hash,
        .body = body,
        .access_key = TEXT(KEY),
        .secret = TEXT(SECRET),
        .region = TEXT("us-east-1"),
        .service = TEXT("lambda"),
        .now_ms = NOW_MS,
    };
    struct text authorization = sigv4_sign(&signing, &check.arena);

    buffer_add_format(&source, "PUT %s HTTP/1.1\r\n", target);
    for (size_t i = 0; i < signing.header_count; i++)
        buffer_add_format(&source, "%.*s: %.*s\r\n", TEXT_ARG(headers[i].name),
                          TEXT_ARG(headers[i].value));
    buffer_add_format(&source, "Authorization: %.*s\r\n\r\n", TEXT_ARG(authorization));
    buffer_add(&source, "", 1);
    return run(&check, source.at, "body");
}

TEST(what_we_sign_is_verified)
{
    static const char *const targets[] = {
        "/", "/a/b?x=1", "/a%2Fb//../c?b=2&a=%20&a=1&c", "/?=&&x==", "/%C3%A9?%e1%88%b4=+",
    };

    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        CHECK_MSG(sign_and_verify(targets[i], TEXT("body"), NULL) == 0, "%s", targets[i]);
        CHECK(sign_and_verify(targets[i], TEXT("another"), "UNSIGNED-PAYLOAD") == 0);
        CHECK(sign_and_verify(targets[i], TEXT("another"), NULL) < 0);
    }
}

TEST(our_own_signature_is_that_of_the_suite)
{
    scoped(arena_done) struct arena arena = {0};
    static const struct http_field headers[] = {
        {TEXT("x-amz-date"), TEXT("20150830T123600Z")},
        {TEXT("host"), TEXT("example.amazonaws.com")},
    };
    struct sigv4_signing signing = {
        .method = TEXT("GET"),
        .path = TEXT("/"),
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .access_key = TEXT(KEY),
        .secret = TEXT(SECRET),
        .region = TEXT("us-east-1"),
        .service = TEXT("service"),
        .now_ms = NOW_MS,
    };

    CHECK_TEXT(sigv4_sign(&signing, &arena),
               "AWS4-HMAC-SHA256 Credential=" SCOPE("service") ", SignedHeaders=host;x-amz-date, "
                                                               "Signature=" VANILLA);
}
