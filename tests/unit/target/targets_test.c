/* SPDX-License-Identifier: Apache-2.0 */
#include "target/targets.h"

#include "../router/world.h"
#include "endpoint.h"
#include "model/note.h"

#define QUEUE "arn:aws:sqs:us-east-1:000000000000:dead"
#define LANE LANE_TARGET "/" HEAD "api-destination/d"
#define CONNECTION_ARN ARN("connection/c/0123")

/* Targets on the world's loop, an endpoint, and what one delivery leaves behind. */
struct scene {
    struct world world;
    struct targets *targets;
    struct log_writer *logs[1];
    struct endpoint endpoint;
    struct buses_watch connections;
    sem_t judged;   /* a connection was found to be good or not */
    bool is_closed; /* no address may be connected to */
};

static void on_connection(struct buses_watch *watch, struct text key, const json_t *document)
{
    struct scene *scene = container_of(watch, struct scene, connections);

    if (document && !text_equal(json_text(document, "ConnectionState"), TEXT("AUTHORIZING")))
        sem_post(&scene->judged);
}

static bool may_connect(const void *arg, const struct sockaddr_storage *address)
{
    return !((const struct scene *)arg)->is_closed;
}

static void prepare(struct world *world)
{
    struct scene *scene = container_of(world, struct scene, world);
    const struct targets_options options = {.buses = world->buses,
                                            .events = world->events,
                                            .control = world->loop,
                                            .loops = &world->loop,
                                            .loop_count = 1,
                                            .logs = scene->logs,
                                            .account = "000000000000",
                                            .region = "us-east-1",
                                            .may_connect = may_connect,
                                            .may_connect_arg = scene};

    scene->targets = targets_new(&options);
    scene->connections = (struct buses_watch){.changed = on_connection, .kind = BUSES_CONNECTION};
    buses_watch(world->buses, &scene->connections);
}

static void dismantle(struct world *world)
{
    targets_free(container_of(world, struct scene, world)->targets);
}

static void open_scene(struct scene *scene, const struct endpoint_answer *answers, size_t count)
{
    *scene = (struct scene){.world = {.prepare = prepare, .dismantle = dismantle}};
    CHECK(sem_init(&scene->judged, 0, 0) == 0);
    endpoint_open(&scene->endpoint, answers, count);
    world_init(&scene->world);
}

static void close_scene(struct scene *scene)
{
    world_done(&scene->world);
    endpoint_close(&scene->endpoint);
    sem_destroy(&scene->judged);
}

/* json has %d for the endpoint's port. */
static void put_with_port(struct scene *scene, enum buses_kind kind, const char *name,
                          const char *before, const char *after)
{
    scoped(free) char *key = mem_format(HEAD "%s", name);
    scoped(free) char *json = mem_format("%s%d%s", before, scene->endpoint.port, after);

    put_document(&scene->world, kind, key, json);
}

static void put_destination(struct scene *scene, const char *path)
{
    scoped(free) char *after = mem_format("%s\"}", path);

    put_with_port(scene, BUSES_DESTINATION, "d",
                  "{\"Name\":\"d\",\"HttpMethod\":\"PUT\",\"ConnectionArn\":\"" CONNECTION_ARN
                  "\",\"InvocationEndpoint\":\"http://127.0.0.1:",
                  after);
}

struct recording {
    struct world *world;
    struct event_change change;
    struct event_write write;
};

static void on_recorded(struct event_write *write, bool failed, const struct error *err)
{
    CHECK_MSG(!failed, "%s", err->text);
    answer(container_of(write, struct recording, write)->world);
}

static void run_record(struct world *world, void *arg)
{
    struct recording *recording = arg;

    recording->write = (struct event_write){
        .done = on_recorded, .loop = world->loop, .changes = &recording->change, .count = 1};
    event_store_write(world->events, &recording->write);
}

/* An event on its way to the destination; its id. */
static uint64_t deliver(struct scene *scene, const char *body, const char *http)
{
    scoped(buffer_done) struct buffer text = {0};
    struct note note = {.first_ms = INT64_MAX / 2,
                        .source_arn = TEXT(ARN("rule/r")),
                        .target_id = TEXT("1"),
                        .target_arn = TEXT(ARN("api-destination/d")),
                        .dead_letter = TEXT(QUEUE),
                        .has_max_attempts = true,
                        .extra = text_of(http)};

    note_format(&note, &text);
    struct recording recording = {.world = &scene->world,
                                  .change = {.action = EVENT_PUT,
                                             .lane = TEXT(LANE),
                                             .note = buffer_text(&text),
                                             .body = text_of(body)}};
    step(&scene->world, run_record, &recording);
    return recording.change.id;
}

struct asking {
    struct world *world;
    struct event_read read;
    bool is_gone;
};

static void on_asked(struct event_read *read, bool failed, const struct error *err)
{
    struct asking *asking = container_of(read, struct asking, read);

    asking->is_gone = failed;
    buffer_done(&read->body);
    answer(asking->world);
}

static void run_ask(struct world *world, void *arg)
{
    struct asking *asking = arg;

    asking->read.done = on_asked;
    asking->read.loop = world->loop;
    event_store_read(world->events, &asking->read);
}

/* Asks until the event is off its lane. */
static void wait_until_gone(struct scene *scene, uint64_t id)
{
    struct asking asking = {.world = &scene->world, .read = {.id = id}};

    while (!asking.is_gone)
        step(&scene->world, run_ask, &asking);
}

static void check_has(struct scene *scene, size_t request, const char *part)
{
    struct text text = buffer_text(&scene->endpoint.requests[request]);

    CHECK_MSG(text_find_text(text, text_of(part)) < text.len, "no '%s' in\n%.*s", part,
              TEXT_ARG(text));
}

/* What is in the dead-letter queue: its attribute of that name. */
static void check_dead_letter(struct scene *scene, const char *name, const char *want)
{
    scoped(arena_done) struct arena arena = {0};
    struct note note;
    struct error err;

    CHECK(!list_empty(&scene->world.arrived));
    struct event *event = container_of(scene->world.arrived.next, struct event, link);
    CHECK_TEXT(text_of(event->lane), LANE_QUEUE "/" HEAD "dead");
    CHECK(note_parse(buffer_text(&event->note), &arena, &note, &err) == 0);
    scoped(json_decref) json_t *attributes = json_parse(note.attributes, &err);
    CHECK_TEXT(json_text(json_object_get(attributes, name), "StringValue"), want);
}

#define BASIC                                                                              \
    "{\"Name\":\"c\",\"ConnectionState\":\"AUTHORIZED\",\"AuthorizationType\":\"BASIC\","  \
    "\"AuthParameters\":{\"BasicAuthParameters\":{\"Username\":\"u\",\"Password\":\"p\"}," \
    "\"InvocationHttpParameters\":{"                                                       \
    "\"HeaderParameters\":[{\"Key\":\"X-Conn\",\"Value\":\"one\"}],"                       \
    "\"QueryStringParameters\":[{\"Key\":\"q\",\"Value\":\"a b\"}],"                       \
    "\"BodyParameters\":[{\"Key\":\"k\",\"Value\":\"v\"}]}}}"

TEST(a_destination_gets_what_target_and_connection_say)
{
    static const struct endpoint_answer answers[] = {{200, "thanks"}};
    struct scene scene;

    open_scene(&scene, answers, 1);
    put_document(&scene.world, BUSES_CONNECTION, HEAD "c", BASIC);
    put_destination(&scene, "/in/*/x?z=1");
    uint64_t id = deliver(&scene, "{\"total\":7}",
                          "{\"http\":{\"PathParameterValues\":[\"a/b\"],\"HeaderParameters\":"
                          "{\"X-Own\":\"two\"},\"QueryStringParameters\":{\"q\":\"no\","
                          "\"r\":\"2\"}}}");
    endpoint_wait(&scene.endpoint);
    check_has(&scene, 0, "PUT /in/a%2Fb/x?z=1&r=2&q=a%20b HTTP/1.1\r\n");
    check_has(&scene, 0, "\r\nAuthorization: Basic dTpw\r\n");
    check_has(&scene, 0, "\r\nX-Conn: one\r\n");
    check_has(&scene, 0, "\r\nX-Own: two\r\n");
    check_has(&scene, 0, "\r\nUser-Agent: Amazon/EventBridge/ApiDestinations\r\n");
    check_has(&scene, 0, "\r\n\r\n{\"k\":\"v\",\"total\":7}");
    wait_until_gone(&scene, id);
    CHECK(list_empty(&scene.world.arrived));
    close_scene(&scene);
}

TEST(what_a_destination_refuses_goes_to_the_dead_letter_queue)
{
    static const struct {
        int status;
        const char *code, *exhausted;
    } cases[] = {
        {400, "ERROR_FROM_TARGET", ""},
        {404, "ERROR_FROM_TARGET", ""},
        {401, "NO_PERMISSIONS", "MaximumRetryAttempts"},
        {429, "THROTTLING", "MaximumRetryAttempts"},
        {500, "ERROR_FROM_TARGET", "MaximumRetryAttempts"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct endpoint_answer refusal = {cases[i].status, "no"};
        struct scene scene;
        open_scene(&scene, &refusal, 1);
        put_document(&scene.world, BUSES_CONNECTION, HEAD "c", BASIC);
        put_destination(&scene, "/");
        uint64_t id = deliver(&scene, "{}", "");
        wait_for(&scene.world.arrived_count);
        check_dead_letter(&scene, "ERROR_CODE", cases[i].code);
        check_dead_letter(&scene, "EXHAUSTED_RETRY_CONDITION", cases[i].exhausted);
        check_dead_letter(&scene, "RULE_ARN", ARN("rule/r"));
        check_dead_letter(&scene, "TARGET_ARN", ARN("api-destination/d"));
        wait_until_gone(&scene, id);
        close_scene(&scene);
    }
}

TEST(an_address_that_may_not_be_called_is_told_of)
{
    struct scene scene;

    open_scene(&scene, NULL, 0);
    scene.is_closed = true;
    put_document(&scene.world, BUSES_CONNECTION, HEAD "c", BASIC);
    put_destination(&scene, "/");
    uint64_t id = deliver(&scene, "{}", "");
    wait_for(&scene.world.arrived_count);
    check_dead_letter(&scene, "ERROR_CODE", "CONNECTION_FAILURE");
    check_dead_letter(&scene, "ERROR_MESSAGE",
                      "the address is neither public nor listed by the daemon's setting "
                      "upstream-networks, or it is the daemon's own");
    CHECK(scene.endpoint.served == 0);
    wait_until_gone(&scene, id);
    close_scene(&scene);
}

TEST(without_destination_or_connection_nobody_is_called)
{
    struct scene scene;

    open_scene(&scene, NULL, 0);
    (void)deliver(&scene, "{}", "");
    wait_for(&scene.world.arrived_count);
    check_dead_letter(&scene, "ERROR_CODE", "NO_RESOURCE");
    check_dead_letter(&scene, "ERROR_MESSAGE", "The API destination does not exist.");
    world_forget(&scene.world);
    put_destination(&scene, "/");
    (void)deliver(&scene, "{}", "");
    wait_for(&scene.world.arrived_count);
    check_dead_letter(&scene, "ERROR_MESSAGE", "The connection does not exist.");
    CHECK(scene.endpoint.served == 0);
    close_scene(&scene);
}

static void put_oauth(struct scene *scene, const char *state)
{
    scoped(free) char *before =
        mem_format("{\"Name\":\"c\",\"ConnectionState\":\"%s\",\"AuthParameters\":{"
                   "\"OAuthParameters\":{\"HttpMethod\":\"POST\",\"ClientParameters\":{"
                   "\"ClientID\":\"me\",\"ClientSecret\":\"s&t\"},\"OAuthHttpParameters\":{"
                   "\"BodyParameters\":[{\"Key\":\"scope\",\"Value\":\"all\"}]},"
                   "\"AuthorizationEndpoint\":\"http://127.0.0.1:",
                   state);

    put_with_port(scene, BUSES_CONNECTION, "c", before, "/token\"}}}");
}

TEST(one_token_is_fetched_for_many_events)
{
    static const struct endpoint_answer answers[] = {
        {200, "{\"access_token\":\"T1\",\"expires_in\":3600}"}, {200, ""}, {200, ""}};
    struct scene scene;

    open_scene(&scene, answers, 3);
    put_oauth(&scene, "AUTHORIZED");
    put_destination(&scene, "/");
    wait_until_gone(&scene, deliver(&scene, "{\"n\":1}", ""));
    wait_until_gone(&scene, deliver(&scene, "{\"n\":2}", ""));
    check_has(&scene, 0, "POST /token HTTP/1.1\r\n");
    check_has(&scene, 0,
              "\r\n\r\ngrant_type=client_credentials&client_id=me&client_secret=s%26t&scope=all");
    check_has(&scene, 1, "\r\nAuthorization: Bearer T1\r\n");
    check_has(&scene, 2, "\r\nAuthorization: Bearer T1\r\n");
    check_has(&scene, 2, "{\"n\":2}");
    close_scene(&scene);
}

TEST(an_event_whose_token_cannot_be_had_is_not_sent)
{
    static const struct endpoint_answer answers[] = {{403, "{}"}};
    struct scene scene;

    open_scene(&scene, answers, 1);
    put_oauth(&scene, "AUTHORIZED");
    put_destination(&scene, "/");
    uint64_t id = deliver(&scene, "{}", "");
    wait_for(&scene.world.arrived_count);
    check_dead_letter(&scene, "ERROR_CODE", "CONNECTION_FAILURE");
    check_dead_letter(&scene, "ERROR_MESSAGE",
                      "The authorization endpoint answered with status 403.");
    wait_until_gone(&scene, id);
    close_scene(&scene);
}

struct reading {
    char state[20], reason[120];
};

static void run_read_connection(struct world *world, void *arg)
{
    struct reading *reading = arg;
    const json_t *document =
        registry_find(buses_registry(world->buses, BUSES_CONNECTION), TEXT(HEAD "c"));

    snprintf(reading->state, sizeof reading->state, "%.*s",
             TEXT_ARG(json_text(document, "ConnectionState")));
    snprintf(reading->reason, sizeof reading->reason, "%.*s",
             TEXT_ARG(json_text(document, "StateReason")));
    answer(world);
}

TEST(a_new_connection_is_tried_and_told_what_came_of_it)
{
    static const struct {
        struct endpoint_answer said;
        const char *state, *reason;
    } cases[] = {
        {{200, "{\"access_token\":\"T\"}"}, "AUTHORIZED", ""},
        {{500, ""}, "DEAUTHORIZED", "The authorization endpoint answered with status 500."},
        {{200, "{}"},
         "DEAUTHORIZED",
         "The answer of the authorization endpoint has no access_token."},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reading reading;
        struct scene scene;
        open_scene(&scene, &cases[i].said, 1);
        put_oauth(&scene, "AUTHORIZING");
        wait_for(&scene.judged);
        step(&scene.world, run_read_connection, &reading);
        CHECK_TEXT(text_of(reading.state), cases[i].state);
        CHECK_TEXT(text_of(reading.reason), cases[i].reason);
        close_scene(&scene);
    }
}

TEST(an_issuer_that_cannot_be_reached_is_tried_again)
{
    static const struct endpoint_answer answers[] = {{0, ""}, {200, "{\"access_token\":\"T\"}"}};
    struct reading reading;
    struct scene scene;

    open_scene(&scene, answers, 2);
    put_oauth(&scene, "AUTHORIZING");
    endpoint_wait(&scene.endpoint);
    step(&scene.world, run_read_connection, &reading);
    CHECK_TEXT(text_of(reading.state), "AUTHORIZING");
    wait_for(&scene.judged);
    step(&scene.world, run_read_connection, &reading);
    CHECK_TEXT(text_of(reading.state), "AUTHORIZED");
    check_has(&scene, 1, "grant_type=client_credentials&client_id=me&");
    close_scene(&scene);
}
