/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* The shard's side of the ring, against an instance that keeps to the rules, and against
 * many that do not. */

/* --- one that keeps to them --- */

#define MANY 3000

static size_t length_of(int index)
{
    static const size_t special[] = {
        0,
        1,
        RING_RECORD_MAX - sizeof "Root=1-1234" + 1,
        RING_RECORD_MAX,
        RING_RECORD_MAX + 1,
        RING_RECORD_MAX - 2000,
        100000,
        3,
    };

    if (index % 16 == 0)
        return special[(size_t)index / 16 % COUNT_OF(special)];
    return (size_t)(index * 7919) % (index % 5 == 0 ? 30000 : 700);
}

static char byte_of(int index, size_t at)
{
    return (char)('a' + (index * 31 + (int)at) % 26);
}

/* What the event's sender wrote, and what its answer is. */
static struct buffer pattern(int index)
{
    struct buffer text = {0};
    size_t len = length_of(index);
    char *room = buffer_room(&text, len + 1);

    for (size_t i = 0; i < len; i++)
        room[i] = byte_of(index, i);
    buffer_added(&text, len);
    return text;
}

/* As many as there is room for; arg counts how many are still to come. */
static void send_some(struct world *world, void *arg)
{
    while (world->sent < MANY && environment_room(world->environment, length_of(world->sent)) > 0) {
        scoped(buffer_done) struct buffer payload = pattern(world->sent);
        struct invocation *invocation = new_event(world, buffer_text(&payload));
        world->events[world->sent++] = invocation;
        environment_send(world->environment, invocation);
    }
    *(int *)arg = world->sent;
}

/* Fetches and answers it by the Runtime API, as what is too large for the ring is. */
static void serve_by_api(struct peer *peer, const struct ring_event *event, int api)
{
    struct peer_reply reply = {0};
    char path[100], id[40];

    peer_get_next(api);
    peer_read(api, &reply);
    CHECK(reply.status == 200);
    peer_request_id(&reply, id);
    CHECK(strncmp(id, event->request_id, UUID_LEN) == 0);
    snprintf(path, sizeof path, "invocation/%s/response", id);
    peer_post(api, path, "", buffer_text(&reply.body));
    peer_read(api, &reply);
    CHECK(reply.status == 202);
    peer_reply_done(&reply);
    peer_answer(peer, ANSWER_BY_API, event->sequence, TEXT_NONE, TEXT_NONE);
    peer_free_slot(peer);
}

static void serve(struct peer *peer, int index, int api)
{
    struct ring_event *event = peer_next(peer);

    CHECK(event->sequence == (uint64_t)index + 1 && event->deadline_ms == 1234567890123);
    if (event->flags & RING_EVENT_BY_API) {
        serve_by_api(peer, event, api);
        return;
    }
    struct text payload = peer_payload(peer, event);
    CHECK(event->context_len == 0 && payload.len == length_of(index));
    CHECK_MSG(text_starts(text_from(payload.at + payload.len, event->trace_len), TEXT("Root=1-")),
              "the trace of event %d is lost", index);
    peer_respond(peer, event, payload);
}

TEST(events_and_answers_keep_their_order_over_every_wrap_around)
{
    struct peer peer;
    struct world *world = world_start(&peer);
    int sent = 0;

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    int api = peer_connect(&peer);
    for (int i = 0; i < MANY; i++) {
        if (i == sent || i % 40 == 0)
            call(world, send_some, &sent);
        if (i == sent) { /* the answer before is still on its way */
            wait_for(world, NOTED_ANSWERED, i);
            call(world, send_some, &sent);
        }
        CHECK(sent > i);
        serve(&peer, i, api);
    }
    wait_for(world, NOTED_ANSWERED, MANY);
    for (int i = 0; i < MANY; i++) {
        scoped(buffer_done) struct buffer want = pattern(i);
        CHECK_MSG(world->answered[i] == i + 1, "event %d was answered as number %d", i,
                  world->answered[i]);
        CHECK_MSG(text_equal(buffer_text(&want), buffer_text(&world->answers[i])),
                  "event %d of %zu bytes came back as %zu bytes", i, want.len,
                  world->answers[i].len);
    }
    CHECK(count_of(world, NOTED_IDLE) == MANY);
    (void)close(api);
    finish(world, &peer);
}

static void fill_up(struct world *world, void *arg)
{
    size_t len = *(size_t *)arg;
    scoped(buffer_done) struct buffer large = {0};

    memset(buffer_room(&large, len), 'x', len);
    while (environment_room(world->environment, len) > 0) {
        struct invocation *invocation = new_event(world, text_from(large.at, len));
        world->events[world->sent++] = invocation;
        environment_send(world->environment, invocation);
    }
}

TEST(what_has_room_also_fits)
{
    /* Near RING_RECORD_MAX context and trace decide which way an event goes. */
    for (size_t len = 60000; len < RING_RECORD_MAX + 100; len += 500) {
        struct peer peer;
        struct world *world = world_start(&peer);

        peer_ready(&peer);
        wait_for(world, NOTED_READY, 1);
        call(world, fill_up, &len);
        CHECK_MSG(world->sent >= 3, "%zu bytes: only %d fit", len, world->sent);
        finish(world, &peer);
    }
}

TEST(an_early_freed_slot_is_not_given_again_before_its_answer)
{
    struct peer peer;
    struct world *world = world_start(&peer);
    size_t len = 10;

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    call(world, fill_up, &len);
    CHECK(world->sent == (int)RING_SLOTS);
    /* It copies an event out, frees its slot, and works on it. */
    struct ring_event *event = peer_next(&peer);
    uint64_t sequence = event->sequence;
    peer_free_slot(&peer);
    call(world, fill_up, &len);
    CHECK(world->sent == (int)RING_SLOTS);
    peer_answer(&peer, ANSWER_RESPONSE, sequence, TEXT("1"), TEXT_NONE);
    wait_for(world, NOTED_ANSWERED, 1);
    call(world, fill_up, &len);
    CHECK(world->sent == (int)RING_SLOTS + 1);
    finish(world, &peer);
}

TEST(an_error_carries_its_type_and_the_error_of_initialising_comes_before_the_end)
{
    struct peer peer;
    struct world *world = world_start(&peer);

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    send_event(world, "{}");
    struct ring_event *event = peer_next(&peer);
    peer_answer(&peer, ANSWER_ERROR, event->sequence, TEXT("{\"errorMessage\":\"no\"}"),
                TEXT("Runtime.Oops"));
    peer_free_slot(&peer);
    wait_for(world, NOTED_ANSWERED, 1);
    CHECK(world->is_error[0] && strcmp(world->error_type[0], "Runtime.Oops") == 0);
    CHECK_TEXT(buffer_text(&world->answers[0]), "{\"errorMessage\":\"no\"}");
    finish(world, &peer);

    world = world_start(&peer);
    peer_attach(&peer);
    peer_answer(&peer, ANSWER_INIT_ERROR, 0, TEXT("{\"e\":1}"), TEXT("Init.Bad"));
    peer_exited(&peer, 256); /* both may be there at the same time */
    wait_for(world, NOTED_ENDED, 1);
    CHECK(count_of(world, NOTED_INIT_FAILED) == 1 && count_of(world, NOTED_READY) == 0);
    CHECK_TEXT(buffer_text(&world->text), "Init.Bad {\"e\":1}\n");
    world_free(world);
}

TEST(an_answer_that_was_sent_before_the_exit_counts)
{
    struct peer peer;
    struct world *world = world_start(&peer);

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    send_event(world, "{}");
    peer_respond(&peer, peer_next(&peer), TEXT("last words"));
    finish(world, &peer);

    world = world_start(&peer);
    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    for (int i = 0; i < 3; i++)
        send_event(world, "{}");
    /* Published without a wake-up, as by a process that is killed in between. */
    struct ring_event *event = peer_next(&peer);
    atomic_store(&peer.ring->out.waiting, 0);
    peer_publish(&peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = event->sequence});
    peer_exited(&peer, 0);
    wait_for(world, NOTED_ENDED, 1);
    CHECK(count_of(world, NOTED_ANSWERED) == 1 && world->answered[0] == 1);
    world_free(world);
}

TEST(it_may_be_ready_before_the_spawner_says_that_it_runs)
{
    struct world *world = world_new();

    call(world, start_environment, NULL);
    struct peer peer = peer_accept(world->spawner);
    peer_ready(&peer);
    settle(world);
    CHECK(count_of(world, NOTED_READY) == 0);
    peer_started(&peer);
    wait_for(world, NOTED_READY, 1);
    send_event(world, "{}");
    peer_respond(&peer, peer_next(&peer), TEXT("1"));
    wait_for(world, NOTED_ANSWERED, 1);
    finish(world, &peer);
}

static void check_stamps(struct world *world, void *arg)
{
    int64_t began_us, *before = arg;

    (void)environment_running(world->environment, &began_us);
    CHECK(began_us >= *before && began_us <= clock_mono_us());
}

TEST(time_stamps_count_only_within_what_was_seen)
{
    static const struct {
        int64_t began_us, ended_us;
    } stamps[] = {{0, 0}, {INT64_MIN, INT64_MAX}, {INT64_MAX, INT64_MIN}, {-1, 1}};
    struct peer peer;
    struct world *world = world_start(&peer);

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    for (size_t i = 0; i < COUNT_OF(stamps); i++) {
        int64_t before = clock_mono_us();
        send_event(world, "{}");
        call(world, check_stamps, &before);
        struct ring_event *event = peer_next(&peer);
        /* on_answered() asserts that what comes of it makes sense. */
        peer_publish(&peer, (struct ring_answer){.kind = ANSWER_RESPONSE,
                                                 .sequence = event->sequence,
                                                 .began_us = stamps[i].began_us,
                                                 .ended_us = stamps[i].ended_us});
        peer_free_slot(&peer);
        wait_for(world, NOTED_ANSWERED, (int)i + 1);
    }
    finish(world, &peer);
}

/* --- taking back --- */

TEST(the_youngest_that_has_not_begun_is_taken_back_and_never_the_oldest)
{
    struct peer peer;
    struct world *world = world_start(&peer);

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    for (int i = 0; i < 4; i++)
        send_event(world, "{}");
    CHECK(take_back(world) == 3);
    struct ring_event *event = peer_next(&peer);
    CHECK(take_back(world) == 2 && take_back(world) == 1 && take_back(world) == -1);
    peer_respond(&peer, event, TEXT("0"));
    wait_for(world, NOTED_ANSWERED, 1);
    send_event(world, "{}"); /* behind three that were taken back */
    event = peer_next(&peer);
    CHECK(event->sequence == 5);
    peer_respond(&peer, event, TEXT("4"));
    wait_for(world, NOTED_ANSWERED, 2);
    CHECK(world->answered[4] == 2);
    finish(world, &peer);
}

#define ROUNDS 200

static void *instance_of_race(void *arg)
{
    struct peer *peer = arg;
    struct ring_event *event;

    /* The last one tells it to stop. */
    do {
        event = peer_next(peer);
        bool is_last = text_equal(peer_payload(peer, event), TEXT("last"));
        peer_respond(peer, event, TEXT("1"));
        if (is_last)
            return NULL;
    } while (true);
}

TEST(an_event_is_either_answered_or_taken_back)
{
    struct peer peer;
    struct world *world = world_start(&peer);
    pthread_t thread;
    int taken = 0;

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    pthread_create(&thread, NULL, instance_of_race, &peer);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 5 && room(world) > 0; i++)
            send_event(world, "{}");
        for (int i = 0; i < 3; i++)
            taken += take_back(world) >= 0;
    }
    wait_for(world, NOTED_ANSWERED, world->sent - taken);
    while (room(world) == 0) /* it has yet to pass those that were taken back */
        sched_yield();
    send_event(world, "last");
    pthread_join(thread, NULL);
    wait_for(world, NOTED_ANSWERED, world->sent - taken);
    CHECK(count_of(world, NOTED_ANSWERED) == world->sent - taken);
    finish(world, &peer);
}

static void take_all(struct world *world, void *arg)
{
    int *found = arg;
    bool begun;
    struct invocation *invocation;

    while ((invocation = environment_take_oldest(world->environment, &begun))) {
        found[index_of(world, invocation)] = begun ? 2 : 1;
        free_event(world, invocation);
    }
}

TEST(at_the_end_all_events_come_back_and_those_begun_are_known)
{
    struct peer peer;
    struct world *world = world_start(&peer);
    int found[4] = {0};

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    for (int i = 0; i < 4; i++)
        send_event(world, "{}");
    peer_respond(&peer, peer_next(&peer), TEXT("0"));
    (void)peer_next(&peer);
    wait_for(world, NOTED_ANSWERED, 1);
    peer_exited(&peer, 256);
    wait_for(world, NOTED_ENDED, 1);
    call(world, take_all, found);
    CHECK(found[0] == 0 && found[1] == 2 && found[2] == 1 && found[3] == 1);
    world_free(world);
}

/* --- those that do not keep to the rules --- */

static void answer_badly(struct peer *peer, struct ring_answer answer)
{
    peer_publish(peer, answer);
    peer_kick(peer);
}

/* Each gets a ring with three events, of which the first has begun. */
static void wrong_sequence(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = 2});
}

static void huge_sequence(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = UINT64_MAX});
}

static void second_event_first(struct peer *peer)
{
    peer_free_slot(peer);
    struct ring_event *event = peer_next(peer);
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = event->sequence});
}

static void offset_out_of_range(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_RESPONSE,
                                            .sequence = 1,
                                            .offset = RING_DATA_BYTES,
                                            .payload_len = 1});
}

static void offset_wraps(struct peer *peer)
{
    answer_badly(
        peer, (struct ring_answer){
                  .kind = ANSWER_RESPONSE, .sequence = 1, .offset = UINT32_MAX, .payload_len = 2});
}

static void record_over_the_end(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_RESPONSE,
                                            .sequence = 1,
                                            .offset = RING_DATA_BYTES - 10,
                                            .payload_len = 5,
                                            .type_len = 6});
}

static void record_too_long(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_RESPONSE,
                                            .sequence = 1,
                                            .payload_len = RING_RECORD_MAX + 1});
}

static void lengths_wrap(struct peer *peer)
{
    answer_badly(
        peer, (struct ring_answer){
                  .kind = ANSWER_ERROR, .sequence = 1, .payload_len = UINT32_MAX, .type_len = 1});
}

static void type_too_long(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_ERROR, .sequence = 1, .type_len = 256});
}

static void unknown_kind(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_BY_API + 1, .sequence = 1});
}

static void kind_none(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.sequence = 1});
}

static void by_api_without_a_call(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_BY_API, .sequence = 1});
}

static void ready_again(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_READY});
}

static void init_error_after_ready(struct peer *peer)
{
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_INIT_ERROR});
}

static void answer_counter_ahead(struct peer *peer)
{
    atomic_store(&peer->ring->out.head, peer->out_head + RING_SLOTS + 1);
    peer_kick(peer);
}

static void answer_counter_back(struct peer *peer)
{
    atomic_store(&peer->ring->out.head, peer->out_head - 1);
    peer_kick(peer);
}

static void answer_counter_only(struct peer *peer)
{
    peer->ring->answers[peer->out_head % RING_SLOTS] = (struct ring_answer){0};
    atomic_store(&peer->ring->out.head, peer->out_head + 1);
    peer_kick(peer);
}

static void half_by_api_then_by_ring(struct peer *peer)
{
    struct peer_reply reply = {0};
    char id[37] = "";
    int api = peer_connect(peer);

    memcpy(id, peer->ring->events[0].request_id, 36);
    peer_say(api,
             "POST " PEER_API "invocation/%s/response HTTP/1.1\r\nHost: x\r\n"
             "Content-Length: 100\r\n\r\nhalf",
             id);
    /* An answer on a second connection tells that the first was read. */
    int other = peer_connect(peer);
    for (int tries = 0; reply.status != 202 && tries < 2; tries++) {
        peer_say(other, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
        peer_read(other, &reply);
    }
    peer_reply_done(&reply);
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = 1});
    peer_say(api, "and half");
    (void)close(api);
    (void)close(other);
}

static void whole_by_api_then_by_ring(struct peer *peer)
{
    struct peer_reply reply = {0};
    char path[100];
    int api = peer_connect(peer);

    snprintf(path, sizeof path, "invocation/%.36s/response", peer->ring->events[0].request_id);
    peer_post(api, path, "", TEXT("the first"));
    peer_read(api, &reply);
    CHECK(reply.status == 202);
    peer_reply_done(&reply);
    answer_badly(peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = 1});
    (void)close(api);
}

TEST(an_instance_that_breaks_the_rules_is_killed_and_nothing_of_it_taken)
{
    static const struct {
        const char *name;
        void (*run)(struct peer *peer);
    } cases[] = {
#define CASE(name) {#name, name}
        CASE(wrong_sequence),
        CASE(huge_sequence),
        CASE(second_event_first),
        CASE(offset_out_of_range),
        CASE(offset_wraps),
        CASE(record_over_the_end),
        CASE(record_too_long),
        CASE(lengths_wrap),
        CASE(type_too_long),
        CASE(unknown_kind),
        CASE(kind_none),
        CASE(by_api_without_a_call),
        CASE(ready_again),
        CASE(init_error_after_ready),
        CASE(answer_counter_ahead),
        CASE(answer_counter_back),
        CASE(answer_counter_only),
        CASE(half_by_api_then_by_ring),
        CASE(whole_by_api_then_by_ring),
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct peer peer;
        struct world *world = world_start(&peer);

        peer_ready(&peer);
        wait_for(world, NOTED_READY, 1);
        for (int event = 0; event < 3; event++)
            send_event(world, "{\"n\":1}");
        CHECK(peer_next(&peer)->sequence == 1);
        cases[i].run(&peer);
        expect_violation(world, &peer, cases[i].name, 0);
    }
}

TEST(an_event_that_was_not_claimed_is_not_answered)
{
    struct peer peer;
    struct world *world = world_start(&peer);

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    send_event(world, "{}");
    (void)peer_peek(&peer, -1);
    peer_publish(&peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = 1});
    expect_violation(world, &peer, "before its claim", 0);

    world = world_start(&peer);
    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    send_event(world, "{}");
    peer_respond(&peer, peer_next(&peer), TEXT("1"));
    wait_for(world, NOTED_ANSWERED, 1);
    peer_publish(&peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = 1});
    expect_violation(world, &peer, "twice", 1);

    world = world_start(&peer);
    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    peer_publish(&peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = 1});
    expect_violation(world, &peer, "before the first event", 0);

    world = world_start(&peer);
    peer_publish(&peer, (struct ring_answer){.kind = ANSWER_READY});
    peer_kick(&peer);
    expect_violation(world, &peer, "never attached", 0);
}

TEST(a_taken_back_event_is_not_answered)
{
    struct peer peer;
    struct world *world = world_start(&peer);

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    for (int i = 0; i < 2; i++)
        send_event(world, "{}");
    peer_respond(&peer, peer_next(&peer), TEXT("0"));
    wait_for(world, NOTED_ANSWERED, 1);
    send_event(world, "{}");
    CHECK(take_back(world) == 2);
    peer_respond(&peer, peer_next(&peer), TEXT("1"));
    wait_for(world, NOTED_ANSWERED, 2);
    atomic_store(&peer.ring->events[2].claim, CLAIM_TAKEN);
    peer_publish(&peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = 3});
    expect_violation(world, &peer, "taken back", 2);
}

TEST(an_event_counter_out_of_range_is_found_before_the_next_event)
{
    static const uint32_t moves[] = {1, 100, RING_SLOTS, 0x80000000u, UINT32_MAX};

    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        struct peer peer;
        struct world *world = world_start(&peer);

        peer_ready(&peer);
        wait_for(world, NOTED_READY, 1);
        send_event(world, "{}");
        peer_respond(&peer, peer_next(&peer), TEXT("1"));
        wait_for(world, NOTED_ANSWERED, 1);
        CHECK(room(world) == RING_SLOTS);
        atomic_store(&peer.ring->in.tail, 1 + moves[i]);
        CHECK(room(world) == 0);
        expect_violation(world, &peer, "event counter", 1);
    }
}

TEST(an_event_counter_that_moves_back_and_forth_does_no_harm)
{
    struct peer peer;
    struct world *world = world_start(&peer);
    size_t len = 10;

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    call(world, fill_up, &len);
    for (int i = 0; i < 64; i++)
        peer_respond(&peer, peer_next(&peer), TEXT("1"));
    wait_for(world, NOTED_ANSWERED, 64);
    CHECK(room(world) == 64);
    atomic_store(&peer.ring->in.tail, 0);
    CHECK(room(world) == 0);
    expect_violation(world, &peer, "event counter", 64);
}

TEST(attaching_late_is_never)
{
    struct peer peer;
    struct world *world = world_start(&peer);
    struct peer_reply reply = {0};
    int api = peer_connect(&peer);

    peer_get_next(api);
    wait_for(world, NOTED_READY, 1);
    peer_attach(&peer);
    send_event(world, "{\"by\":\"api\"}");
    peer_read(api, &reply);
    CHECK_TEXT(buffer_text(&reply.body), "{\"by\":\"api\"}");
    peer_publish(&peer, (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = 1});
    peer_kick(&peer);
    peer_reply_done(&reply);
    (void)close(api);
    expect_violation(world, &peer, "attached late", 0);
}

/* --- one that scribbles meanwhile --- */

struct scribbler {
    struct peer *peer;
    atomic_bool stop;
    uint64_t seed;
    enum { ANSWERS, EVENTS, EVERYWHERE, PLACES } place;
};

static void *scribble(void *arg)
{
    struct scribbler *scribbler = arg;
    struct ring *ring =
        mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, scribbler->peer->memory, 0);
    const struct {
        void *at;
        size_t size;
    } places[] = {
        [ANSWERS] = {ring->answers, sizeof ring->answers},
        [EVENTS] = {ring->events, sizeof ring->events},
        [EVERYWHERE] = {ring, RING_BYTES},
    };
    uint64_t x = scribbler->seed;

    while (!atomic_load(&scribbler->stop)) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        volatile uint32_t *words = places[scribbler->place].at;
        size_t count = places[scribbler->place].size / 4;
        words[(size_t)(x >> 20) % count] =
            (x & 0xf) < 8 ? (uint32_t)(x >> 32) : (uint32_t)(x >> 60);
        if ((x & 0xff00) == 0)
            peer_kick(scribbler->peer);
    }
    (void)munmap(ring, RING_BYTES);
    return NULL;
}

static void send_if_room(struct world *world, void *arg)
{
    if (environment_room(world->environment, 100) == 0)
        return;
    struct invocation *invocation = new_event(world, TEXT("{}"));
    world->events[world->sent++] = invocation;
    environment_send(world->environment, invocation);
}

TEST(what_changes_after_it_was_published_does_no_harm)
{
    for (int i = 0; i < 30; i++) {
        struct peer peer;
        struct world *world = world_start(&peer);
        struct scribbler scribbler = {.peer = &peer, .seed = (uint64_t)i, .place = i % PLACES};
        pthread_t thread;
        int taken;

        peer_ready(&peer);
        wait_for(world, NOTED_READY, 1);
        pthread_create(&thread, NULL, scribble, &scribbler);
        for (int round = 0; round < 60; round++) {
            call(world, send_if_room, NULL);
            if (round % 7 == 0)
                call(world, take_event, &taken);
            struct ring_event *event = &peer.ring->events[peer.in_tail % RING_SLOTS];
            (void)peer_claim(event);
            peer_publish(&peer, (struct ring_answer){.kind = ANSWER_RESPONSE,
                                                     .sequence = peer.in_tail + 1,
                                                     .payload_len = 40000});
            peer_kick(&peer);
            peer_free_slot(&peer);
        }
        atomic_store(&scribbler.stop, true);
        pthread_join(thread, NULL);
        call(world, do_kill, NULL);
        peer_expect_kill(&peer);
        peer_exited(&peer, SIGKILL);
        wait_for(world, NOTED_ENDED, 1);
        world_free(world);
    }
}
