/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/events.h"

#include "base/json.h"
#include "base/path.h"
#include "fixture.h"
#include "router/bus.h"
#include "store/event_store.h"

#define HEAD "000000000000/us-east-1/"
#define RULE                                                                           \
    "{\"Name\":\"r\",\"EventBusName\":\"default\",\"EventPattern\":\"{\\\"source\\\":" \
    "[\\\"/shop\\\"]}\",\"State\":\"ENABLED\",\"Targets\":[{\"Id\":\"1\",\"Arn\":"     \
    "\"arn:aws:sqs:us-east-1:000000000000:q\"}]}"
#define STRUCTURED "content-type: application/cloudevents+json\n"
#define EVENT(source) \
    "{\"specversion\":\"1.0\",\"id\":\"e\",\"type\":\"t\",\"source\":\"" source "\",\"data\":{}}"

/* A gateway with the buses "default" and "open", which everybody may post to, and "closed". */
struct scene {
    struct fixture f;
    struct bus_view view;
    struct keyring *keyring;
    struct event_store *store;
    char folder[40];
    struct event_receiver receiver;
    size_t arrived;
    struct buffer bodies;
};

static void add_bus(struct scene *scene, const char *key, const char *rule, bool is_public)
{
    scoped(bus_unref) struct bus *bus = bus_new(text_of(key), NULL, 0);
    struct error err;

    if (rule) {
        scoped(json_decref) json_t *document = json_parse(text_of(rule), &err);
        struct bus_rule *made =
            bus_rule_new(TEXT("000000000000"), TEXT("us-east-1"), document, &err);
        CHECK_MSG(made, "%s", err.text);
        struct bus *before = bus;
        bus = bus_with(before, 0, made);
        bus_unref(before);
    }
    struct bus *before = bus;
    bus = bus_with_access(before, is_public);
    bus_unref(before);
    bus_view_put(&scene->view, bus);
}

static struct loop *home(struct event_receiver *receiver, struct text lane)
{
    return container_of(receiver, struct scene, receiver)->f.loop;
}

static void on_arrived(struct event_receiver *receiver, struct list *events)
{
    struct scene *scene = container_of(receiver, struct scene, receiver);

    for (struct list *node; (node = list_pop(events));) {
        struct event *event = container_of(node, struct event, link);
        buffer_add_text(&scene->bodies, buffer_text(&event->body));
        buffer_add_char(&scene->bodies, '\n');
        event_free(event);
        scene->arrived++;
    }
}

static void open_scene(struct scene *scene)
{
    struct error err;

    *scene = (struct scene){.folder = "/tmp/evoke-post-XXXXXX"};
    CHECK(mkdtemp(scene->folder));
    scene->store = event_store_open(
        &(struct event_store_options){.folder = scene->folder, .max_bytes = 1 << 20}, &err);
    CHECK_MSG(scene->store, "%s", err.text);
    scene->keyring = keyring_open(scene->folder, &err);
    CHECK_MSG(scene->keyring, "%s", err.text);
    fixture_init(&scene->f, scene->keyring);
    gateway_free(scene->f.gateway);
    bus_view_init(&scene->view);
    add_bus(scene, HEAD "default", RULE, true);
    add_bus(scene, HEAD "open", NULL, true);
    add_bus(scene, HEAD "closed", NULL, false);
    const struct gateway_options options = {
        .loop = scene->f.loop,
        .invoker = &scene->f.invoker,
        .directory = &scene->f.directory,
        .buses = &scene->view,
        .events = scene->store,
        .keyring = scene->keyring,
        .account = "000000000000",
        .region = "us-east-1",
    };
    scene->f.gateway = gateway_new(&options);
    scene->f.origin.service = scene->f.gateway;
    scene->receiver = (struct event_receiver){LANE_QUEUE, home, on_arrived};
    event_store_subscribe(scene->store, &scene->receiver);
    event_store_start(scene->store);
}

/* What was posted is on disk and its answer given: then the loop runs what that left to it. */
static void let_finish(struct scene *scene)
{
    event_store_close(take(scene->store));
    loop_stop(scene->f.loop);
    loop_run(scene->f.loop);
}

static void close_scene(struct scene *scene)
{
    struct error err;

    if (scene->store)
        let_finish(scene);
    fixture_done(&scene->f);
    bus_view_done(&scene->view);
    keyring_free(scene->keyring);
    buffer_done(&scene->bodies);
    CHECK(path_remove_tree(scene->folder, &err) == 0);
}

static void post(struct scene *scene, const char *path, const char *fields, const char *body)
{
    scoped(free) char *head =
        mem_format("POST %s\nhost: h\ncontent-length: %zu\n%s", path, strlen(body), fields);

    fixture_request(&scene->f, head, body);
}

TEST(paths_of_events_are_told_from_others)
{
    CHECK(events_is_path(TEXT("/events")) && events_is_path(TEXT("/events/")) &&
          events_is_path(TEXT("/events/shop")));
    CHECK(!events_is_path(TEXT("/event")) && !events_is_path(TEXT("/eventsx")) &&
          !events_is_path(TEXT("/x/events")));
}

TEST(an_event_is_answered_when_its_records_are_on_disk)
{
    struct scene scene;

    open_scene(&scene);
    post(&scene, "/events", STRUCTURED, EVENT("/shop"));
    CHECK(!scene.f.answered);
    let_finish(&scene);
    CHECK(scene.f.answered && scene.f.status == 202 && scene.f.body.len == 0);
    CHECK(scene.arrived == 1);
    scoped(json_decref) json_t *event = json_parse(buffer_text(&scene.bodies), &(struct error){0});
    CHECK_TEXT(json_text(event, "source"), "/shop");
    CHECK_TEXT(json_text(event, "detail-type"), "t");
    close_scene(&scene);
}

TEST(an_event_that_no_rule_takes_is_accepted_at_once)
{
    struct scene scene;

    open_scene(&scene);
    post(&scene, "/events/default", STRUCTURED, EVENT("/other"));
    CHECK(scene.f.answered && scene.f.status == 202);
    post(&scene, "/events/open", STRUCTURED, EVENT("/shop"));
    CHECK(scene.f.answered && scene.f.status == 202);
    let_finish(&scene);
    CHECK(scene.arrived == 0);
    close_scene(&scene);
}

TEST(a_body_in_pieces_is_one_batch)
{
    static const char body[] = "[" EVENT("/shop") "," EVENT("/shop") "]";
    struct scene scene;

    open_scene(&scene);
    scoped(free) char *head = mem_format("POST /events\nhost: h\ncontent-length: %zu\n"
                                         "content-type: application/cloudevents-batch+json\n",
                                         sizeof body - 1);
    fixture_begin(&scene.f, head);
    for (size_t i = 0; i < sizeof body - 1; i += 7)
        fixture_body(&scene.f, text_slice(text_skip(text_of(body), i), 0,
                                          sizeof body - 1 - i < 7 ? sizeof body - 1 - i : 7));
    fixture_end(&scene.f);
    let_finish(&scene);
    CHECK(scene.f.answered && scene.f.status == 202 && scene.arrived == 2);
    close_scene(&scene);
}

TEST(what_is_no_event_for_a_bus_is_refused)
{
    static const struct {
        const char *head, *body;
        int status;
        const char *type;
    } cases[] = {
        {"GET /events\nhost: h\n", "", 405, "MethodNotAllowedException"},
        {"POST /events/none\nhost: h\ncontent-length: 2\n", "{}", 404, "ResourceNotFoundException"},
        {"POST /events/%zz\nhost: h\ncontent-length: 2\n", "{}", 400, "BadRequestException"},
        {"POST /events\nhost: h\ncontent-length: 99999999999\n", "", 413,
         "RequestTooLargeException"},
        {"POST /events\nhost: h\ncontent-length: 2\n" STRUCTURED, "{}", 400, "ValidationException"},
        {"POST /events\nhost: h\ncontent-length: 4\n" STRUCTURED, "{\"a\"", 400,
         "ValidationException"},
        {"POST /events/closed\nhost: h\ncontent-length: 2\n" STRUCTURED, "{}", 403, NULL},
        {"POST /events/default\nhost: h\ncontent-length: 2\nauthorization: AWS4-HMAC-SHA256 x\n",
         "{}", 403, NULL},
    };
    struct scene scene;

    open_scene(&scene);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture_request(&scene.f, cases[i].head, cases[i].body);
        CHECK_MSG(scene.f.answered && scene.f.status == cases[i].status, "%s: %d", cases[i].head,
                  scene.f.status);
        for (size_t j = 0; cases[i].type && j < scene.f.field_count; j++)
            if (text_equal(scene.f.fields[j].name, TEXT("x-amzn-ErrorType")))
                CHECK_TEXT(scene.f.fields[j].value, cases[i].type);
        scoped(json_decref) json_t *answer =
            json_parse(buffer_text(&scene.f.body), &(struct error){0});
        CHECK_MSG(text_is_set(json_text(answer, "message")), "%s", cases[i].head);
    }
    let_finish(&scene);
    CHECK(scene.arrived == 0);
    close_scene(&scene);
}

TEST(a_client_that_leaves_does_not_take_its_event_with_it)
{
    struct scene scene;

    open_scene(&scene);
    post(&scene, "/events", STRUCTURED, EVENT("/shop"));
    fixture_close(&scene.f, true);
    let_finish(&scene);
    CHECK(!scene.f.answered && scene.arrived == 1);
    close_scene(&scene);
}
