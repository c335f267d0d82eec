/* SPDX-License-Identifier: Apache-2.0 */
#include "router/dispatch.h"

#include "base/json.h"
#include "model/limits.h"
#include "model/note.h"
#include "test.h"

#define HEAD "0/r/"
#define EVENT                                                                          \
    "{\"version\":\"0\",\"id\":\"e1\",\"detail-type\":\"placed\",\"source\":\"shop\"," \
    "\"account\":\"0\",\"time\":\"2026-01-31T12:00:00Z\",\"region\":\"r\","            \
    "\"resources\":[],\"detail\":{\"total\":7}}"

/* Buses made of rules' documents, and a dispatch that looks at them. */
struct scene {
    struct bus_view view;
    struct directory functions;
    struct dispatch dispatch;
};

static void open_scene(struct scene *scene)
{
    *scene = (struct scene){0};
    bus_view_init(&scene->view);
    dispatch_init(&scene->dispatch, &scene->view, &scene->functions);
}

static void close_scene(struct scene *scene)
{
    dispatch_done(&scene->dispatch);
    bus_view_done(&scene->view);
    directory_done(&scene->functions);
}

static void add_bus(struct scene *scene, const char *name, const char *const *rules)
{
    scoped(bus_unref) struct bus *bus = bus_new(text_of(name), NULL, 0);
    struct error err;

    for (size_t i = 0; rules[i]; i++) {
        scoped(json_decref) json_t *document = json_parse(text_of(rules[i]), &err);
        struct bus_rule *rule = bus_rule_new(TEXT("0"), TEXT("r"), document, &err);
        CHECK_MSG(rule, "%s", err.text);
        struct bus *before = bus;
        bus = bus_with(before, i, rule);
        bus_unref(before);
    }
    bus_view_put(&scene->view, bus);
}

static void put(struct scene *scene, const char *bus)
{
    const struct bus_event event = {
        .json = TEXT(EVENT), .id = TEXT("e1"), .accepted_ms = 5, .time_ms = 3, .size = 30};

    dispatch_event(&scene->dispatch, text_of(bus), &event);
}

/* The lanes that got something, in order, with a blank behind each. */
static void check_lanes(const struct scene *scene, const char *want)
{
    scoped(buffer_done) struct buffer lanes = {0};

    for (size_t i = 0; i < scene->dispatch.count; i++) {
        buffer_add_text(&lanes, scene->dispatch.changes[i].lane);
        buffer_add_char(&lanes, ' ');
    }
    CHECK_TEXT(buffer_text(&lanes), want);
}

static struct note note_of(const struct scene *scene, size_t index, struct arena *arena)
{
    struct note note = {0};
    struct error err;

    CHECK(note_parse(scene->dispatch.changes[index].note, arena, &note, &err) == 0);
    return note;
}

#define RULE(name, bus, pattern, targets)                                             \
    "{\"Name\":\"" name "\",\"EventBusName\":\"" bus "\",\"EventPattern\":\"" pattern \
    "\",\"State\":\"ENABLED\",\"Targets\":[" targets "]}"
#define SHOP "{\\\"source\\\":[\\\"shop\\\"]}"
#define TARGET(id, arn, more) "{\"Id\":\"" id "\",\"Arn\":\"" arn "\"" more "}"
#define QUEUE(id, name, more) TARGET(id, "arn:aws:sqs:r:0:" name, more)
#define DEAD ",\"DeadLetterConfig\":{\"Arn\":\"arn:aws:sqs:r:0:dead\"}"

TEST(each_target_of_each_matching_rule_gets_a_record)
{
    struct scene scene;

    open_scene(&scene);
    add_bus(&scene, HEAD "default",
            (const char *const[]){
                RULE("a", "default", SHOP, QUEUE("1", "one", "") "," QUEUE("2", "two", "")),
                RULE("b", "default", SHOP, QUEUE("1", "one", "")),
                RULE("c", "default", "{\\\"source\\\":[\\\"other\\\"]}", QUEUE("1", "no", "")),
                RULE("d", "default", SHOP, ""), NULL});
    put(&scene, HEAD "default");
    CHECK(scene.dispatch.count == 3);
    put(&scene, HEAD "unknown");
    CHECK(scene.dispatch.count == 3);
    CHECK_TEXT(scene.dispatch.changes[0].body, EVENT);
    close_scene(&scene);
}

TEST(a_target_is_given_what_its_transformation_makes)
{
    struct scene scene;

    open_scene(&scene);
    add_bus(
        &scene, HEAD "default",
        (const char *const[]){
            RULE("a", "default", SHOP, QUEUE("1", "one", ",\"InputPath\":\"$.detail\"")), NULL});
    put(&scene, HEAD "default");
    check_lanes(&scene, "queue/0/r/one ");
    CHECK_TEXT(scene.dispatch.changes[0].body, "{\"total\":7}");
    close_scene(&scene);
}

TEST(what_cannot_be_delivered_goes_to_the_dead_letter_queue)
{
    static const struct {
        const char *target, *code;
    } rows[] = {
        {TARGET("1", "arn:aws:lambda:r:0:function:gone", DEAD), "NO_RESOURCE"},
        {TARGET("1", "arn:aws:events:r:0:event-bus/gone", DEAD), "NO_RESOURCE"},
        {TARGET("1", "arn:aws:kinesis:r:0:stream/s", DEAD), "SDK_CLIENT_ERROR"},
        {TARGET("1", "arn:aws:events:r:0:event-bus/default", DEAD), "THIRD_ACCOUNT_HOP_DETECTED"},
        {QUEUE("1", "q", ",\"InputPath\":\"$.nothing\"" DEAD), "INVALID_JSON"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene scene;
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer rule = {0}, code = {0};
        buffer_add_format(&rule,
                          "{\"Name\":\"a\",\"EventBusName\":\"default\",\"EventPattern\":\"" SHOP
                          "\",\"Targets\":[%s]}",
                          rows[i].target);
        open_scene(&scene);
        add_bus(&scene, HEAD "default", (const char *const[]){rule.at, NULL});
        put(&scene, HEAD "default");
        check_lanes(&scene, "queue/0/r/dead ");
        CHECK_TEXT(scene.dispatch.changes[0].body, EVENT);
        buffer_add_format(&code, "\"ERROR_CODE\":{\"DataType\":\"String\",\"StringValue\":\"%s\"}",
                          rows[i].code);
        struct text attributes = note_of(&scene, 0, &arena).attributes;
        CHECK_MSG(text_find_text(attributes, buffer_text(&code)) < attributes.len, "%zu: %.*s", i,
                  TEXT_ARG(attributes));
        close_scene(&scene);
    }
}

TEST(without_a_dead_letter_queue_it_is_dropped)
{
    struct scene scene;

    open_scene(&scene);
    add_bus(&scene, HEAD "default",
            (const char *const[]){
                RULE("a", "default", SHOP, TARGET("1", "arn:aws:kinesis:r:0:stream/s", "")), NULL});
    put(&scene, HEAD "default");
    CHECK(scene.dispatch.count == 0);
    close_scene(&scene);
}

static void add_function(struct scene *scene, const char *source_arn)
{
    scoped(function_unref) struct function *function = function_new();

    model_set(&function->account, TEXT("0"));
    model_set(&function->region, TEXT("r"));
    model_set(&function->name, TEXT("f"));
    function->latest = version_new();
    function->permissions = calloc(1, sizeof *function->permissions);
    function->permission_count = 1;
    function->permissions[0] = (struct permission){
        .qualifier = strdup(""),
        .statement_id = strdup("s"),
        .action = strdup("lambda:InvokeFunction"),
        .principal = strdup("events.amazonaws.com"),
        .source_arn = strdup(source_arn),
        .source_account = strdup(""),
        .function_url_auth_type = strdup(""),
        .event_source_token = strdup(""),
        .principal_org_id = strdup(""),
    };
    directory_put(&scene->functions, function);
}

TEST(a_function_s_policy_says_which_rules_may_invoke_it)
{
    static const struct {
        const char *source_arn, *lanes;
    } rows[] = {
        {"", "function/0/r/f "},
        {"arn:aws:events:r:0:rule/a", "function/0/r/f "},
        {"arn:aws:events:*:rule/?", "function/0/r/f "},
        {"arn:aws:events:r:0:rule/b", "queue/0/r/dead "},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene scene;
        open_scene(&scene);
        add_function(&scene, rows[i].source_arn);
        add_bus(&scene, HEAD "default",
                (const char *const[]){RULE("a", "default", SHOP,
                                           TARGET("1", "arn:aws:lambda:r:0:function:f:live", DEAD)),
                                      NULL});
        put(&scene, HEAD "default");
        check_lanes(&scene, rows[i].lanes);
        close_scene(&scene);
    }
}

TEST(an_event_goes_from_bus_to_bus_in_the_same_write)
{
    struct scene scene;
    scoped(arena_done) struct arena arena = {0};

    open_scene(&scene);
    add_bus(&scene, HEAD "default",
            (const char *const[]){
                RULE("a", "default", SHOP, TARGET("1", "arn:aws:events:r:0:event-bus/next", "")),
                NULL});
    add_bus(&scene, HEAD "next",
            (const char *const[]){RULE("b", "next", SHOP,
                                       QUEUE("1", "one", DEAD) "," TARGET(
                                           "2", "arn:aws:events:r:0:event-bus/default", "")),
                                  NULL});
    put(&scene, HEAD "default");
    check_lanes(&scene, "queue/0/r/one ");
    CHECK_TEXT(note_of(&scene, 0, &arena).source_arn, "arn:aws:events:r:0:rule/next/b");
    close_scene(&scene);
}

TEST(an_api_destination_s_record_keeps_the_event_it_was_made_of)
{
    struct scene scene;
    scoped(arena_done) struct arena arena = {0};

    open_scene(&scene);
    add_bus(&scene, HEAD "default",
            (const char *const[]){
                RULE("a", "default", SHOP,
                     TARGET("1", "arn:aws:events:r:0:api-destination/d/uuid",
                            ",\"Input\":\"{}\",\"RetryPolicy\":{\"MaximumRetryAttempts\":0}")),
                NULL});
    put(&scene, HEAD "default");
    check_lanes(&scene, "target/0/r/api-destination/d ");
    struct note note = note_of(&scene, 0, &arena);
    CHECK_TEXT(note.extra, "{\"http\":{},\"event\":" EVENT "}");
    CHECK(note.has_max_attempts && note.max_attempts == 0);
    close_scene(&scene);
}

TEST(only_the_rules_a_replay_names_get_its_events)
{
    struct scene scene;
    struct error err;
    scoped(json_decref) json_t *only = json_parse(TEXT("[\"arn:aws:events:r:0:rule/b\"]"), &err);
    const struct bus_event event = {
        .json = TEXT(EVENT), .id = TEXT("e1"), .only = only, .is_replay = true};

    open_scene(&scene);
    add_bus(&scene, HEAD "default",
            (const char *const[]){RULE("a", "default", SHOP, QUEUE("1", "one", "")),
                                  RULE("b", "default", SHOP, QUEUE("1", "two", "")), NULL});
    dispatch_event(&scene.dispatch, TEXT(HEAD "default"), &event);
    check_lanes(&scene, "queue/0/r/two ");
    close_scene(&scene);
}

TEST(a_snapshot_stays_as_it_was_when_the_next_one_is_made)
{
    struct error err;
    scoped(json_decref) json_t *document = json_parse(TEXT(RULE("a", "default", SHOP, "")), &err);
    scoped(bus_unref) struct bus *empty = bus_new(TEXT(HEAD "default"), NULL, 0);
    scoped(bus_unref) struct bus *one =
        bus_with(empty, BUS_CHUNK + 1, bus_rule_new(TEXT("0"), TEXT("r"), document, &err));
    scoped(bus_unref) struct bus *none = bus_with(one, BUS_CHUNK + 1, NULL);

    CHECK(!bus_rule_at(empty, BUS_CHUNK + 1));
    CHECK_TEXT(text_of(bus_rule_at(one, BUS_CHUNK + 1)->name), "a");
    CHECK(!bus_rule_at(one, 0));
    CHECK(matcher_count(one->matcher) == 1);
    CHECK(!bus_rule_at(none, BUS_CHUNK + 1));
    CHECK(matcher_count(none->matcher) == 0);
}

#define CLOUD(members)                                                                        \
    "{\"version\":\"0\",\"id\":\"e1\",\"detail-type\":\"orders.placed\",\"source\":\"shop\"," \
    "\"account\":\"0\",\"time\":\"2026-01-31T12:00:00Z\",\"region\":\"r\",\"resources\":[],"  \
    "\"detail\":{},\"cloudevent\":{\"specversion\":\"1.0\"" members "}}"

static void put_json(struct scene *scene, struct text json)
{
    const struct bus_event event = {.json = json, .id = TEXT("e1"), .accepted_ms = 5};

    dispatch_clear(&scene->dispatch);
    dispatch_event(&scene->dispatch, TEXT(HEAD "default"), &event);
}

TEST(a_rule_may_have_the_filters_of_a_trigger)
{
    static const char filters[] =
        RULE("a", "default",
             "{\\\"filters\\\":[{\\\"prefix\\\":{\\\"type\\\":\\\"orders.\\\"}},"
             "{\\\"cesql\\\":\\\"EXISTS subject AND hops < 5\\\"}]}",
             QUEUE("1", "one", ""));
    struct scene scene;

    open_scene(&scene);
    add_bus(&scene, HEAD "default", (const char *const[]){filters, NULL});
    put_json(&scene, TEXT(CLOUD(",\"subject\":\"x\",\"hops\":4")));
    CHECK(scene.dispatch.count == 1);
    put_json(&scene, TEXT(CLOUD(",\"subject\":\"x\",\"hops\":5")));
    CHECK(scene.dispatch.count == 0);
    put_json(&scene, TEXT(CLOUD("")));
    CHECK(scene.dispatch.count == 0);
    put_json(&scene, TEXT(EVENT));
    CHECK(scene.dispatch.count == 0);
    close_scene(&scene);
}

static void add_tagged(struct scene *scene, const char *name, const char *team, const char *accepts)
{
    scoped(function_unref) struct function *function = function_new();

    model_set(&function->account, TEXT("0"));
    model_set(&function->region, TEXT("r"));
    model_set(&function->name, text_of(name));
    function->latest = version_new();
    function_set_tag(function, TEXT("team"), text_of(team));
    if (accepts)
        function_set_tag(function, TEXT("accepts"), text_of(accepts));
    directory_put(&scene->functions, function);
}

TEST(a_target_may_be_the_functions_with_certain_tags)
{
    struct scene scene;

    open_scene(&scene);
    add_tagged(&scene, "no-tag", "billing", NULL);
    add_tagged(&scene, "other-team", "shipping", "orders.*");
    add_tagged(&scene, "other-event", "billing", "invoices.*");
    add_tagged(&scene, "meant", "billing", "invoices.* orders.*");
    add_bus(
        &scene, HEAD "default",
        (const char *const[]){RULE("a", "default", SHOP,
                                   TARGET("1", "arn:aws:lambda:r:0:function-tagged:team=billing",
                                          ",\"InputPath\":\"$.source\"")),
                              NULL});
    put_json(&scene, TEXT(CLOUD("")));
    check_lanes(&scene, "function/0/r/meant ");
    CHECK_TEXT(scene.dispatch.changes[0].body, "\"shop\"");
    put_json(&scene, TEXT(CLOUD(",\"tags\":\"invoices.late\"")));
    CHECK(scene.dispatch.count == 2);
    put_json(&scene, TEXT(EVENT));
    CHECK(scene.dispatch.count == 0);
    close_scene(&scene);
}

TEST(functions_elsewhere_are_not_meant)
{
    struct scene scene;

    open_scene(&scene);
    add_tagged(&scene, "meant", "billing", "#");
    add_bus(&scene, HEAD "default",
            (const char *const[]){
                RULE("a", "default", SHOP,
                     TARGET("1", "arn:aws:lambda:x:0:function-tagged:team=billing", "") "," TARGET(
                         "2", "arn:aws:lambda:r:1:function-tagged:team=billing", "")),
                NULL});
    put_json(&scene, TEXT(EVENT));
    CHECK(scene.dispatch.count == 0);
    close_scene(&scene);
}
