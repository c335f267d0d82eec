/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/json.h"
#include "base/path.h"
#include "fixture.h"

/* --- type NONE --- */

TEST(a_public_url_needs_the_permission_that_says_so)
{
    static const struct {
        const char *action, *principal, *type, *source_arn, *source_account;
        bool want;
    } cases[] = {
        {"lambda:InvokeFunctionUrl", "*", "NONE", "", "", true},
        {"lambda:InvokeFunctionUrl", "*", "", "", "", true},
        {"lambda:*", "*", "NONE", "", "", true},
        {"*", "*", "NONE", "", "", true},
        {"lambda:InvokeFunction", "*", "NONE", "", "", false},
        {"lambda:InvokeFunctionUrl", "*", "AWS_IAM", "", "", false},
        {"lambda:InvokeFunctionUrl", "123456789012", "NONE", "", "", false},
        {"lambda:InvokeFunctionUrl", "s3.amazonaws.com", "NONE", "", "", false},
        {"lambda:InvokeFunctionUrl", "*", "NONE", "arn:aws:s3:::b", "", false},
        {"lambda:InvokeFunctionUrl", "*", "NONE", "", "123456789012", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct function *function = fixture_function("f", URL_A);
        const struct route route = {.function = function};
        CHECK(!auth_is_public(&route));
        fixture_permit(function);
        struct permission *permission = &function->permissions[0];
        model_set(&permission->action, text_of(cases[i].action));
        model_set(&permission->principal, text_of(cases[i].principal));
        model_set(&permission->function_url_auth_type, text_of(cases[i].type));
        model_set(&permission->source_arn, text_of(cases[i].source_arn));
        model_set(&permission->source_account, text_of(cases[i].source_account));
        CHECK_MSG(auth_is_public(&route) == cases[i].want, "case %zu", i);
        function->url.auth = URL_AUTH_IAM;
        CHECK(!auth_is_public(&route));
        function_unref(function);
    }
}

/* --- type AWS_IAM --- */

#define ROLE "arn:aws:iam::000000000000:role/work/clerk"

struct place {
    char folder[32];
    struct keyring *keyring;
    struct fixture f;
    struct key root;
    struct arena arena;
};

/* "locked" wants signatures; "caller" lists it under calls, "stranger" does not. */
static void init(struct place *place)
{
    struct error err;

    *place = (struct place){.folder = "/tmp/auth_test_XXXXXX"};
    CHECK(mkdtemp(place->folder));
    place->keyring = keyring_open(place->folder, &err);
    CHECK_MSG(place->keyring, "%s", err.text);
    CHECK(keyring_find(place->keyring, text_of(keyring_root_key(place->keyring)), TEXT_NONE,
                       &place->root) == KEY_ROOT);
    fixture_init(&place->f, place->keyring);

    struct function *locked = fixture_function("locked", URL_A);
    locked->url.auth = URL_AUTH_IAM;
    fixture_permit(locked); /* a permission for everybody does not open it */
    fixture_put(&place->f, locked);
    struct function *caller = fixture_function("caller", "");
    model_set(&caller->latest->config.role, TEXT(ROLE));
    caller->latest->config.calls = mem_zalloc(sizeof(char *));
    caller->latest->config.calls[0] = mem_strdup("locked");
    caller->latest->config.call_count = 1;
    fixture_put(&place->f, caller);
    fixture_put(&place->f, fixture_function("stranger", ""));
}

static void done(struct place *place)
{
    struct error err;

    fixture_done(&place->f);
    keyring_free(place->keyring);
    arena_done(&place->arena);
    CHECK(path_remove_tree(place->folder, &err) == 0);
}

struct signed_request {
    const char *access_key, *secret, *session_token, *service, *region;
    const char *body, *sent_body;
    int64_t age_ms;
    const char *content_sha256; /* header, or NULL */
};

#define PATH "/functions/locked/a%20b"

/* The head of a POST with what is signed, and the signature. */
static const char *sign(struct place *place, const struct signed_request *r)
{
    char date[32];
    int64_t now_ms = clock_now_ms() - r->age_ms;
    struct http_field headers[4] = {
        {TEXT("host"), TEXT("h.test")},
        {TEXT("x-amz-date"), text_of(clock_format_basic(now_ms, date))},
    };
    size_t count = 2;

    if (r->session_token)
        headers[count++] =
            (struct http_field){TEXT("x-amz-security-token"), text_of(r->session_token)};
    if (r->content_sha256)
        headers[count++] =
            (struct http_field){TEXT("x-amz-content-sha256"), text_of(r->content_sha256)};
    const struct sigv4_signing signing = {
        .method = TEXT("POST"),
        .path = TEXT(PATH),
        .query = TEXT("q=1"),
        .headers = headers,
        .header_count = count,
        .body = text_of(r->body),
        .access_key = text_of(r->access_key),
        .secret = text_of(r->secret),
        .region = text_of(r->region),
        .service = text_of(r->service),
        .now_ms = now_ms,
    };
    struct text authorization = sigv4_sign(&signing, &place->arena);
    char *head =
        arena_format(&place->arena, "POST %s?q=1\ncontent-length: %zu", PATH, strlen(r->sent_body));
    for (size_t i = 0; i < count; i++)
        head = arena_format(&place->arena, "%s\n%.*s: %.*s", head, TEXT_ARG(headers[i].name),
                            TEXT_ARG(headers[i].value));
    return arena_format(&place->arena, "%s\nauthorization: %.*s", head, TEXT_ARG(authorization));
}

/* The status of the refusal, 0 when it was let through. In pieces of that size. */
static int try(struct place *place, const struct signed_request *r, size_t piece)
{
    const char *head = sign(place, r);
    struct text body = text_of(r->sent_body);

    fixture_begin(&place->f, head);
    for (; body.len > 0; body = text_skip(body, piece))
        fixture_body(&place->f, text_slice(body, 0, piece));
    fixture_end(&place->f);
    if (!place->f.invoked)
        return place->f.status;
    fixture_return(&place->f, "1");
    return 0;
}

static struct signed_request by_root(const struct place *place)
{
    return (struct signed_request){
        .access_key = keyring_root_key(place->keyring),
        .secret = place->root.secret,
        .service = "lambda",
        .region = "us-east-1",
        .body = "some body",
        .sent_body = "some body",
    };
}

TEST(the_owner_of_the_account_may_call_what_is_locked)
{
    struct place place;

    init(&place);
    struct signed_request r = by_root(&place);
    CHECK(try(&place, &r, 100) == 0);
    CHECK(try(&place, &r, 2) == 0);
    r.body = r.sent_body = "";
    CHECK(try(&place, &r, 1) == 0);
    r.content_sha256 = "UNSIGNED-PAYLOAD";
    r.sent_body = "anything";
    CHECK(try(&place, &r, 3) == 0);
    done(&place);
}

static void check_refused(struct place *place, const struct signed_request *r, const char *type)
{
    for (size_t piece = 1; piece < 10; piece += 8) {
        CHECK_MSG(try(place, r, piece) == 403, "%s: %d", type, place->f.status);
        CHECK_TEXT(fixture_field(&place->f, "x-amzn-errortype"), type);
    }
}

TEST(a_signature_that_is_not_right_is_refused)
{
    struct place place;

    init(&place);
    struct signed_request r = by_root(&place);
    r.sent_body = "Some body";
    check_refused(&place, &r, "InvalidSignatureException");
    CHECK(text_find_text(buffer_text(&place.f.body), TEXT("The request signature we calculated")) <
          place.f.body.len);
    r = by_root(&place);
    r.secret = "wrong";
    check_refused(&place, &r, "InvalidSignatureException");
    r = by_root(&place);
    r.service = "s3";
    check_refused(&place, &r, "InvalidSignatureException");
    r = by_root(&place);
    r.region = "eu-west-1";
    check_refused(&place, &r, "InvalidSignatureException");
    r = by_root(&place);
    r.age_ms = 6 * 60 * 1000;
    check_refused(&place, &r, "InvalidSignatureException");
    r = by_root(&place);
    r.access_key = "AKIAAAAAAAAAAAAAAAAA";
    check_refused(&place, &r, "UnrecognizedClientException");
    CHECK(place.f.invocations == 0);
    done(&place);
}

TEST(a_request_without_a_signature_is_forbidden)
{
    struct place place;

    init(&place);
    fixture_request(&place.f, "GET /functions/locked/\nhost: h", "");
    CHECK(place.f.status == 403);
    CHECK(text_starts(buffer_text(&place.f.body), TEXT("{\"Message\":\"Forbidden.")));
    fixture_request(&place.f, "GET /functions/locked/\nhost: h\nauthorization: Bearer x", "");
    CHECK(place.f.answered && place.f.status >= 400 && place.f.invocations == 0);
    done(&place);
}

static struct signed_request by_instance(const struct instance_key *key)
{
    return (struct signed_request){
        .access_key = key->access_key,
        .secret = key->secret,
        .session_token = key->session_token,
        .service = "lambda",
        .region = "us-east-1",
        .body = "x",
        .sent_body = "x",
    };
}

TEST(an_instance_may_call_what_its_function_lists)
{
    struct instance_key caller, stranger, gone;
    struct place place;

    init(&place);
    keyring_issue(place.keyring, TEXT("000000000000/us-east-1/caller"), &caller);
    keyring_issue(place.keyring, TEXT("000000000000/us-east-1/stranger"), &stranger);
    keyring_issue(place.keyring, TEXT("000000000000/us-east-1/gone"), &gone);

    struct signed_request r = by_instance(&caller);
    CHECK(try(&place, &r, 1) == 0);
    r.session_token = NULL;
    CHECK(try(&place, &r, 1) == 403);
    r.session_token = stranger.session_token;
    CHECK(try(&place, &r, 1) == 403);

    r = by_instance(&stranger);
    CHECK(try(&place, &r, 1) == 403);
    CHECK(text_starts(buffer_text(&place.f.body), TEXT("{\"Message\":\"Forbidden.")));
    r = by_instance(&gone);
    CHECK(try(&place, &r, 1) == 403);

    r = by_instance(&caller);
    keyring_revoke(place.keyring, caller.access_key);
    CHECK(try(&place, &r, 1) == 403);
    done(&place);
}

TEST(in_a_sandbox_the_version_that_runs_there_counts)
{
    struct instance_key key;
    struct place place;

    init(&place);
    keyring_issue(place.keyring, TEXT("000000000000/us-east-1/stranger"), &key);
    place.f.origin.inside =
        directory_find(&place.f.directory, TEXT("000000000000"), TEXT("us-east-1"), TEXT("caller"))
            ->latest;
    struct signed_request r = by_instance(&key);
    CHECK(try(&place, &r, 1) == 403); /* the socket's key is another */
    place.f.origin.access_key = key.access_key;
    CHECK(try(&place, &r, 1) == 0);
    done(&place);
}

TEST(a_key_of_another_instance_opens_nothing_in_a_sandbox)
{
    struct instance_key own, stolen;
    struct place place;

    init(&place);
    keyring_issue(place.keyring, TEXT("000000000000/us-east-1/stranger"), &own);
    keyring_issue(place.keyring, TEXT("000000000000/us-east-1/caller"), &stolen);
    struct signed_request r = by_instance(&stolen);
    CHECK(try(&place, &r, 1) == 0); /* outside */
    place.f.origin.inside = directory_find(&place.f.directory, TEXT("000000000000"),
                                           TEXT("us-east-1"), TEXT("stranger"))
                                ->latest;
    place.f.origin.access_key = own.access_key;
    check_refused(&place, &r, "UnrecognizedClientException");
    struct signed_request root = by_root(&place); /* whoever was given it */
    CHECK(try(&place, &root, 1) == 0);
    done(&place);
}

TEST(the_policy_of_what_is_called_may_name_who_calls)
{
    static const struct {
        const char *principal, *action, *type;
        int status;
    } cases[] = {
        {ROLE, "lambda:InvokeFunctionUrl", "AWS_IAM", 0},
        {ROLE, "lambda:InvokeFunctionUrl", "", 0},
        {"arn:aws:sts::000000000000:assumed-role/clerk/caller", "lambda:*", "AWS_IAM", 0},
        {"*", "lambda:InvokeFunctionUrl", "AWS_IAM", 0},
        {ROLE, "lambda:InvokeFunctionUrl", "NONE", 403},
        {ROLE, "lambda:InvokeFunction", "", 403},
        {ROLE "2", "lambda:InvokeFunctionUrl", "AWS_IAM", 403},
        {"arn:aws:iam::000000000000:root", "lambda:InvokeFunctionUrl", "AWS_IAM", 403},
        {"000000000000", "lambda:InvokeFunctionUrl", "AWS_IAM", 403},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct instance_key key;
        struct place place;
        init(&place);
        struct function *locked = fixture_function("locked", URL_A);
        locked->url.auth = URL_AUTH_IAM;
        fixture_permit(locked);
        model_set(&locked->permissions[0].principal, text_of(cases[i].principal));
        model_set(&locked->permissions[0].action, text_of(cases[i].action));
        model_set(&locked->permissions[0].function_url_auth_type, text_of(cases[i].type));
        fixture_put(&place.f, locked);
        struct function *caller = fixture_function("caller", ""); /* lists nothing */
        model_set(&caller->latest->config.role, TEXT(ROLE));
        fixture_put(&place.f, caller);
        keyring_issue(place.keyring, TEXT("000000000000/us-east-1/caller"), &key);
        struct signed_request r = by_instance(&key);
        int status = try(&place, &r, 1);
        CHECK_MSG(status == cases[i].status, "%s %s: %d", cases[i].principal, cases[i].action,
                  status);
        done(&place);
    }
}

TEST(an_event_names_the_instance_that_called)
{
    struct instance_key key;
    struct error err;
    struct place place;

    init(&place);
    keyring_issue(place.keyring, TEXT("000000000000/us-east-1/caller"), &key);
    struct signed_request r = by_instance(&key);
    fixture_begin(&place.f, sign(&place, &r));
    fixture_body(&place.f, TEXT("x"));
    CHECK(place.f.invoked);
    scoped(json_decref) json_t *event = json_parse(buffer_text(&place.f.invoked->payload), &err);
    const json_t *context = json_object_get(event, "requestContext");
    const json_t *iam = json_object_get(json_object_get(context, "authorizer"), "iam");
    CHECK_TEXT(json_text(context, "accountId"), "000000000000");
    CHECK_TEXT(json_text(iam, "accessKey"), key.access_key);
    CHECK_TEXT(json_text(iam, "userArn"), "arn:aws:sts::000000000000:assumed-role/clerk/caller");
    CHECK_TEXT(json_text(iam, "callerId"), "AROAEVOKE:caller");
    CHECK(!json_object_get(json_object_get(event, "headers"), "authorization"));
    CHECK(!json_object_get(json_object_get(event, "headers"), "x-amz-security-token"));
    fixture_return(&place.f, "1");
    done(&place);
}
