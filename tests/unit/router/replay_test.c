/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#define ARCHIVE                                                                       \
    "{\"ArchiveName\":\"all\",\"EventSourceArn\":\"" ARN("event-bus/default") "\",\"" \
                                                                              "CreationTime\":1}"
#define RULE(name, queue)                                                                \
    "{\"Name\":\"" name "\",\"EventBusName\":\"default\",\"EventPattern\":\"{"           \
    "\\\"source\\\":[\\\"shop\\\"]}\",\"State\":\"ENABLED\",\"Targets\":[{\"Id\":\"1\"," \
    "\"Arn\":\"arn:aws:sqs:us-east-1:000000000000:" queue "\"}]}"
#define REPLAY(state, more)                                                                   \
    "{\"ReplayName\":\"again\",\"EventSourceArn\":\"" ARN(                                    \
        "archive/all") "\",\""                                                                \
                       "State\":\"" state "\",\"EventStartTime\":10,\"EventEndTime\":500000," \
                       "\"Destination\":{\"Arn\":\"" ARN("event-bus/default") "\"" more "}}"

/* What has come to the queues: "LANE ID[ replay NAME];" for each, in no order of the queues. */
static void describe_arrived(struct world *world, struct buffer *out)
{
    struct error err;

    settle(world);
    buffer_add_literal(out, "");
    list_each (node, &world->arrived) {
        struct event *event = container_of(node, struct event, link);
        scoped(json_decref) json_t *body = json_parse(buffer_text(&event->body), &err);
        CHECK_MSG(body, "%s", err.text);
        struct text lane = text_skip(text_of(event->lane), sizeof "queue/" HEAD - 1);
        buffer_add_format(out, "%.*s %.*s", TEXT_ARG(lane), TEXT_ARG(json_text(body, "id")));
        if (json_object_get(body, "replay-name"))
            buffer_add_format(out, " replay %.*s", TEXT_ARG(json_text(body, "replay-name")));
        buffer_add_char(out, ';');
    }
}

static void check_arrived(struct world *world, const char *want)
{
    scoped(buffer_done) struct buffer out = {0};

    describe_arrived(world, &out);
    CHECK_TEXT(buffer_text(&out), want);
}

struct asking {
    char state[20], reason[100];
    int64_t last_ms;
};

static void run_ask(struct world *world, void *arg)
{
    struct asking *asking = arg;
    const json_t *replay =
        registry_find(buses_registry(world->buses, BUSES_REPLAY), TEXT(HEAD "again"));

    snprintf(asking->state, sizeof asking->state, "%.*s", TEXT_ARG(json_text(replay, "State")));
    snprintf(asking->reason, sizeof asking->reason, "%.*s",
             TEXT_ARG(json_text(replay, "StateReason")));
    asking->last_ms = json_int(replay, "EventLastReplayedTime", 0);
    answer(world);
}

static struct asking replay_to_its_end(struct world *world, const char *document)
{
    struct asking asking;

    put_document(world, BUSES_REPLAY, HEAD "again", document);
    wait_for(&world->ended_count);
    step(world, run_ask, &asking);
    return asking;
}

/* Four events in the archive, of which the replay's span has two; none has gone to a queue. */
static void open_with_events(struct world *world)
{
    world_init(world);
    put_document(world, BUSES_ARCHIVE, HEAD "all", ARCHIVE);
    put(world, EVENT("late", "shop"), 500000);
    put(world, EVENT("second", "shop"), 120000);
    put(world, EVENT("first", "shop"), 10);
    put(world, EVENT("early", "shop"), 9);
    put_document(world, BUSES_RULE, HEAD "default/a", RULE("a", "one"));
    put_document(world, BUSES_RULE, HEAD "default/b", RULE("b", "two"));
    check_arrived(world, "");
}

TEST(a_replay_puts_the_events_of_its_span_into_the_bus_again)
{
    struct world world = {0};

    open_with_events(&world);
    put_document(&world, BUSES_RULE, HEAD "default/b", NULL);
    struct asking asking = replay_to_its_end(&world, REPLAY("STARTING", ""));
    CHECK_TEXT(text_of(asking.state), "COMPLETED");
    CHECK(asking.last_ms == 120000);
    check_arrived(&world, "one first replay again;one second replay again;");
    world_done(&world);
}

TEST(a_replay_goes_to_no_other_rules_than_it_names)
{
    struct world world = {0};

    open_with_events(&world);
    struct asking asking =
        replay_to_its_end(&world, REPLAY("STARTING", ",\"FilterArns\":[\"" ARN("rule/b") "\"]"));
    CHECK_TEXT(text_of(asking.state), "COMPLETED");
    check_arrived(&world, "two first replay again;two second replay again;");
    world_done(&world);
}

TEST(a_replay_that_was_broken_off_goes_on_at_its_minute)
{
    struct world world = {0};

    open_with_events(&world);
    put_document(&world, BUSES_RULE, HEAD "default/b", NULL);
    scoped(buffer_done) struct buffer document = {0};
    buffer_add_literal(&document, REPLAY("RUNNING", ""));
    document.len--; /* its last brace */
    buffer_add_literal(&document, ",\"EventLastReplayedTime\":60000}");
    buffer_add_char(&document, '\0');
    struct asking asking = replay_to_its_end(&world, document.at);
    CHECK_TEXT(text_of(asking.state), "COMPLETED");
    check_arrived(&world, "one second replay again;");
    world_done(&world);
}

TEST(a_replay_is_not_put_into_the_archive_again)
{
    struct world world = {0};

    open_with_events(&world);
    (void)replay_to_its_end(&world, REPLAY("STARTING", ""));
    world_forget(&world);
    (void)replay_to_its_end(&world, REPLAY("STARTING", ",\"FilterArns\":[\"" ARN("rule/b") "\"]"));
    check_arrived(&world, "two first replay again;two second replay again;");
    world_done(&world);
}

TEST(a_cancelled_replay_puts_no_more)
{
    struct world world = {0};

    open_with_events(&world);
    CHECK_TEXT(text_of(replay_to_its_end(&world, REPLAY("CANCELLING", "")).state), "CANCELLED");
    check_arrived(&world, "");
    world_done(&world);
}

TEST(a_replay_without_its_archive_fails_and_says_so)
{
    struct world world = {0};

    open_with_events(&world);
    put_document(&world, BUSES_ARCHIVE, HEAD "all", NULL);
    struct asking asking = replay_to_its_end(&world, REPLAY("STARTING", ""));
    CHECK_TEXT(text_of(asking.state), "FAILED");
    CHECK_TEXT(text_of(asking.reason), "The archive does not exist any more.");
    check_arrived(&world, "");
    world_done(&world);
}

TEST(an_empty_span_is_completed_at_once)
{
    struct world world = {0};

    world_init(&world);
    put_document(&world, BUSES_ARCHIVE, HEAD "all", ARCHIVE);
    CHECK_TEXT(text_of(replay_to_its_end(&world, REPLAY("STARTING", "")).state), "COMPLETED");
    world_done(&world);
}
