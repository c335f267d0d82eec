/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/authorizer.h"

#include "base/json.h"
#include "base/mem.h"
#include "test.h"

#define PLACE "arn:aws:execute-api:us-east-1:123456789012:abc/prod/"

static const struct authorizer_place place = {TEXT("123456789012"), TEXT("us-east-1"), TEXT("abc"),
                                              TEXT("prod"), 0};

/* A function that answers what the test says, at once. */
struct oracle {
    struct invoker invoker;
    const char *answer; /* NULL: it fails */
    int asked;
    struct text event;
};

static void answer(struct invoker *invoker, struct invocation *invocation)
{
    struct oracle *oracle = container_of(invoker, struct oracle, invoker);

    oracle->asked++;
    invocation->outcome = oracle->answer ? INVOCATION_OK : INVOCATION_FUNCTION_ERROR;
    if (oracle->answer)
        buffer_add_text(&invocation->response, text_of(oracle->answer));
    invocation->sink->on_done(invocation);
}

static struct text no_value(struct authorization *authorization, struct text name)
{
    return text_equal(name, TEXT("context.routeKey")) ? TEXT("GET /pets") : TEXT_NONE;
}

static void write_event(struct authorization *authorization, const struct text *sources,
                        size_t count, struct buffer *out)
{
    buffer_add_literal(out, "{}");
}

static void on_done(struct authorization *authorization)
{
    (void)authorization;
}

struct world {
    struct loop *loop;
    struct directory directory;
    struct oracle oracle;
    struct authorizing *authorizing;
    struct arena arena;
};

static void open_world(struct world *world)
{
    static char star[] = "*", action[] = "lambda:InvokeFunction";
    struct function *function = function_new();

    *world = (struct world){.oracle.invoker.invoke = answer};
    world->loop = loop_new("test");
    model_set(&function->account, place.account);
    model_set(&function->region, place.region);
    model_set(&function->name, TEXT("judge"));
    function->latest = version_new();
    function->permissions = mem_new(struct permission);
    function->permission_count = 1;
    char **fields[] = {
        &function->permissions->statement_id,       &function->permissions->source_arn,
        &function->permissions->source_account,     &function->permissions->function_url_auth_type,
        &function->permissions->event_source_token, &function->permissions->principal_org_id,
        &function->permissions->qualifier};
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        *fields[i] = mem_strdup("");
    function->permissions->principal = mem_strdup(star);
    function->permissions->action = mem_strdup(action);
    directory_put(&world->directory, function);
    function_unref(function);
    world->authorizing =
        authorizing_new(world->loop, &world->oracle.invoker, &world->directory, NULL);
}

static void close_world(struct world *world)
{
    authorizing_free(world->authorizing);
    directory_done(&world->directory);
    loop_free(world->loop);
    arena_done(&world->arena);
}

static struct authorizer *compile(const char *settings, struct error *err)
{
    scoped(json_decref) json_t *json = json_loads(settings, 0, NULL);

    CHECK_MSG(json != NULL, "%s", settings);
    return authorizer_compile(json, &place, err);
}

#define JUDGE                                                                                      \
    "\"authorizerType\":\"REQUEST\",\"authorizerId\":\"a\",\"identitySource\":[\"$request.header." \
    "Token\"],\"authorizerUri\":\"arn:aws:lambda:us-east-1:123456789012:function:judge\""
#define SIMPLE                                                                              \
    "{" JUDGE ",\"authorizerPayloadFormatVersion\":\"2.0\",\"enableSimpleResponses\":true," \
    "\"authorizerResultTtlInSeconds\":60}"
#define POLICY "{" JUDGE ",\"authorizerPayloadFormatVersion\":\"2.0\"}"
#define POLICY_1 "{" JUDGE ",\"authorizerPayloadFormatVersion\":\"1.0\"}"

static int ask(struct world *world, const struct authorizer *authorizer, const char *token,
               const char *route, struct authorization *ret)
{
    struct http_field field = {TEXT("token"), text_of(token)};
    const struct http_request request = {.fields = &field, .field_count = token != NULL};

    *ret = (struct authorization){
        .done = on_done,
        .request = &request,
        .arena = &world->arena,
        .route_arn = text_of(route),
        .source_ip = TEXT("192.0.2.1"),
        .value = no_value,
        .write_event = write_event,
    };
    authorize(world->authorizing, authorizer, ret);
    return ret->status;
}

TEST(an_answer_decides_if_it_is_one)
{
#define DOCUMENT(effect, resource)                                                      \
    "{\"principalId\":\"eva\",\"policyDocument\":{\"Statement\":[{\"Effect\":\"" effect \
    "\",\"Action\":\"execute-api:Invoke\",\"Resource\":\"" resource "\"}]}}"
    static const struct {
        const char *settings, *answer;
        int status;
    } cases[] = {
        {SIMPLE, "{\"isAuthorized\":true}", 0},
        {SIMPLE, "{\"isAuthorized\":true,\"context\":null}", 0},
        {SIMPLE, "{\"isAuthorized\":false}", 403},
        {SIMPLE, "{\"isAuthorized\":\"true\"}", 500},
        {SIMPLE, "{\"isAuthorized\":1}", 500},
        {SIMPLE, "{\"isAuthorized\":true,\"context\":[]}", 500},
        {SIMPLE, DOCUMENT("Allow", "*"), 500},
        {SIMPLE, "true", 500},
        {SIMPLE, "", 500},
        {SIMPLE, NULL, 500},
        {POLICY, DOCUMENT("Allow", "*"), 0},
        {POLICY, DOCUMENT("Allow", PLACE "GET/pets"), 0},
        {POLICY, DOCUMENT("Allow", PLACE "GET/toys"), 403},
        {POLICY, DOCUMENT("Deny", "*"), 403},
        {POLICY, DOCUMENT("Perhaps", "*"), 500},
        {POLICY, "{\"isAuthorized\":true}", 500},
        {POLICY_1,
         "{\"policyDocument\":{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
         "\"Resource\":\"*\"}},\"context\":{\"a\":{}}}",
         500},
    };
    struct world world;

    open_world(&world);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err;
        struct authorization authorization;
        scoped(free) char *token = mem_format("t%zu", i);
        scoped(authorizer_free) struct authorizer *authorizer = compile(cases[i].settings, &err);
        CHECK_MSG(authorizer != NULL, "%s", err.text);
        world.oracle.answer = cases[i].answer;
        CHECK_MSG(ask(&world, authorizer, token, PLACE "GET/pets", &authorization) ==
                      cases[i].status,
                  "%s: %d", cases[i].answer, authorization.status);
    }
    close_world(&world);
}

TEST(an_answer_is_kept_for_the_same_question)
{
    struct world world;
    struct error err;
    struct authorization got;

    open_world(&world);
    scoped(authorizer_free) struct authorizer *authorizer = compile(SIMPLE, &err);
    world.oracle.answer =
        "{\"isAuthorized\":true,\"context\":{\"a\":1},\"usageIdentifierKey\":\"k\"}";
    CHECK(ask(&world, authorizer, "x", PLACE "GET/pets", &got) == 0 && world.oracle.asked == 1);
    CHECK_TEXT(got.context, "{\"a\":1}");
    world.oracle.answer = "{\"isAuthorized\":false}";
    CHECK(ask(&world, authorizer, "x", PLACE "GET/toys", &got) == 0 && world.oracle.asked == 1);
    CHECK_TEXT(got.context, "{\"a\":1}");
    CHECK_TEXT(got.usage_key, "k");
    CHECK(ask(&world, authorizer, "y", PLACE "GET/pets", &got) == 403 && world.oracle.asked == 2);
    /* No source, no question. */
    CHECK(ask(&world, authorizer, NULL, PLACE "GET/pets", &got) == 401 && world.oracle.asked == 2);
    CHECK(ask(&world, authorizer, "", PLACE "GET/pets", &got) == 401 && world.oracle.asked == 2);
    close_world(&world);
}

/* Who sends the first of two alone is another client: the function that let pass saw both. */
TEST(an_answer_is_kept_for_all_values_of_a_source)
{
#define TWO "\"$request.header.Token\",\"$request.querystring.t\""
    static const struct http_field fields[] = {
        {TEXT("token"), TEXT("a")}, {TEXT("x"), TEXT("x")}, {TEXT("token"), TEXT("b")}};
    static const struct {
        size_t first, count;
        const char *query;
        int asked;
    } cases[] = {
        {0, 3, "t=1", 1}, {0, 3, "x=2&t=1", 1},   {0, 1, "t=1", 2},
        {2, 1, "t=1", 3}, {0, 1, "t=1&t=2", 4},   {0, 1, "t=1%2c2", 4},
        {0, 1, "t=2", 5}, {0, 1, "%74=1&t=2", 5}, {0, 1, "t=2&t=1", 6},
    };
    struct world world;
    struct error err;

    open_world(&world);
    scoped(authorizer_free) struct authorizer *authorizer = compile(
        "{\"authorizerType\":\"REQUEST\",\"authorizerId\":\"a\",\"identitySource\":[" TWO "],"
        "\"authorizerUri\":\"arn:aws:lambda:us-east-1:123456789012:function:judge\","
        "\"authorizerPayloadFormatVersion\":\"2.0\",\"enableSimpleResponses\":true,"
        "\"authorizerResultTtlInSeconds\":60}",
        &err);
    world.oracle.answer = "{\"isAuthorized\":true}";
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct http_request request = {.fields = fields + cases[i].first,
                                             .field_count = cases[i].count,
                                             .query = text_of(cases[i].query)};
        struct authorization got = {.done = on_done,
                                    .request = &request,
                                    .arena = &world.arena,
                                    .value = no_value,
                                    .write_event = write_event};
        authorize(world.authorizing, authorizer, &got);
        CHECK_MSG(got.status == 0 && world.oracle.asked == cases[i].asked, "case %zu: %d", i,
                  world.oracle.asked);
    }
    close_world(&world);
}

TEST(a_policy_may_ask_for_tls_and_the_time)
{
#define ONLY(effect, condition)                                                   \
    "{\"policyDocument\":{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\"," \
    "\"Resource\":\"*\"},{\"Effect\":\"" effect                                   \
    "\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{" condition "}}]}}"
    static const struct http_field field = {TEXT("token"), TEXT("t")};
    static const struct http_request request = {.fields = &field, .field_count = 1};
    static const struct {
        const char *answer;
        bool is_secure;
        int status;
    } cases[] = {
        {ONLY("Deny", "\"Bool\":{\"aws:SecureTransport\":\"false\"}"), false, 403},
        {ONLY("Deny", "\"Bool\":{\"aws:SecureTransport\":\"false\"}"), true, 0},
        {ONLY("Deny", "\"NumericLessThan\":{\"aws:EpochTime\":\"100\"}"), true, 403},
        {ONLY("Deny", "\"NumericLessThan\":{\"aws:EpochTime\":\"99\"}"), true, 0},
    };
    struct world world;
    struct error err;

    open_world(&world);
    scoped(authorizer_free) struct authorizer *authorizer = compile(POLICY, &err);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct authorization got = {.done = on_done,
                                    .request = &request,
                                    .arena = &world.arena,
                                    .is_secure = cases[i].is_secure,
                                    .now_ms = 99999,
                                    .value = no_value,
                                    .write_event = write_event};
        world.oracle.answer = cases[i].answer;
        authorize(world.authorizing, authorizer, &got);
        CHECK_MSG(got.status == cases[i].status, "case %zu: %d", i, got.status);
    }
    close_world(&world);
}

TEST(kept_answers_are_bounded)
{
    struct world world;
    struct error err;
    struct authorization got;

    open_world(&world);
    scoped(authorizer_free) struct authorizer *authorizer = compile(SIMPLE, &err);
    world.oracle.answer = "{\"isAuthorized\":true}";
    for (int i = 0; i <= AUTHORIZING_KEPT_MAX; i++) {
        scoped(free) char *token = mem_format("t%d", i);
        CHECK(ask(&world, authorizer, token, "", &got) == 0);
    }
    int asked = world.oracle.asked;
    CHECK(ask(&world, authorizer, "t1", "", &got) == 0 && world.oracle.asked == asked);
    CHECK(ask(&world, authorizer, "t0", "", &got) == 0 && world.oracle.asked == asked + 1);
    close_world(&world);
}

TEST(settings_that_are_wrong_are_told)
{
    static const struct {
        const char *settings, *reason;
    } cases[] = {
        {"{\"authorizerType\":\"TOKEN\"}", "authorizerType must be JWT or REQUEST"},
        {"{" JUDGE ",\"enableSimpleResponses\":true}",
         "enableSimpleResponses needs authorizerPayloadFormatVersion 2.0"},
        {"{" JUDGE ",\"authorizerResultTtlInSeconds\":3601}",
         "authorizerResultTtlInSeconds must be 0 to 3600"},
        {"{\"authorizerType\":\"REQUEST\",\"identitySource\":[\"$request.body.x\"]}",
         "identitySource has no '$request.body.x': there are $request.header.NAME, "
         "$request.querystring.NAME, $context.NAME and $stageVariables.NAME"},
        {"{\"authorizerType\":\"JWT\",\"identitySource\":[],\"jwtConfiguration\":{\"issuer\":"
         "\"https://i\"}}",
         "identitySource of a JWT authorizer must be one header or query parameter"},
        {"{\"authorizerType\":\"JWT\",\"jwtConfiguration\":{\"issuer\":\"i\"}}",
         "jwtConfiguration.issuer must be a URL"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        CHECK(!compile(cases[i].settings, &err));
        CHECK_TEXT(text_of(err.text), cases[i].reason);
    }
}
