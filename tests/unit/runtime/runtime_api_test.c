/* SPDX-License-Identifier: Apache-2.0 */
#include "model/limits.h"
#include "world.h"

#include <fcntl.h>
#include <sys/ioctl.h>

/* The Runtime API: what a runtime may say when, and what becomes of it otherwise. */

/* An instance that speaks it: one connection, on which it waits for its first event. */
struct session {
    struct world *world;
    struct peer peer;
    int api;
    struct peer_reply reply;
    char id[40];
};

static struct session session_start(void)
{
    struct session s = {0};

    s.world = world_start(&s.peer);
    s.api = peer_connect(&s.peer);
    return s;
}

static void get_next(struct session *s)
{
    int ready = count_of(s->world, NOTED_READY), idle = count_of(s->world, NOTED_IDLE);

    peer_get_next(s->api);
    if (ready == 0)
        wait_for(s->world, NOTED_READY, 1);
    else
        wait_for(s->world, NOTED_IDLE, idle + 1);
}

/* Gets one event with that payload. */
static void begin(struct session *s, const char *payload)
{
    get_next(s);
    send_event(s->world, payload);
    peer_read(s->api, &s->reply);
    CHECK(s->reply.status == 200);
    CHECK_TEXT(buffer_text(&s->reply.body), payload);
    peer_request_id(&s->reply, s->id);
}

static const char *path_of(const struct session *s, const char *what)
{
    static char path[120];

    snprintf(path, sizeof path, "invocation/%s/%s", s->id, what);
    return path;
}

static int post(struct session *s, const char *path, const char *fields, const char *body)
{
    peer_post(s->api, path, fields, text_of(body));
    peer_read(s->api, &s->reply);
    return s->reply.status;
}

static void session_end(struct session *s)
{
    peer_reply_done(&s->reply);
    (void)close(s->api);
    finish(s->world, &s->peer);
}

static bool says(const struct session *s, const char *error_type)
{
    struct text body = buffer_text(&s->reply.body);

    return text_find_text(body, text_of(error_type)) < body.len;
}

static bool has_field(const struct session *s, const char *field)
{
    return strcasestr(s->reply.head.at, field) != NULL;
}

TEST(events_are_given_out_and_answered_one_by_one)
{
    struct session s = session_start();

    for (int i = 0; i < 50; i++) {
        begin(&s, i % 2 ? "{\"n\":1}" : "");
        CHECK(has_field(&s, "lambda-runtime-deadline-ms: 1234567890123\r\n"));
        CHECK(has_field(&s, "lambda-runtime-trace-id: Root=1-"));
        CHECK(has_field(&s, "lambda-runtime-invoked-function-arn: arn:aws:lambda:"));
        CHECK(room(s.world) == 0);
        CHECK(post(&s, path_of(&s, "response"), "", "\"answer\"") == 202);
        wait_for(s.world, NOTED_ANSWERED, i + 1);
        CHECK(!s.world->is_error[i]);
        CHECK_TEXT(buffer_text(&s.world->answers[i]), "\"answer\"");
    }
    session_end(&s);
}

TEST(an_instance_is_born_with_a_connection)
{
    struct session s = session_start();

    (void)close(s.api);
    s.api = fcntl(s.peer.api, F_DUPFD_CLOEXEC, 0);
    for (int i = 0; i < 3; i++) {
        begin(&s, "{}");
        CHECK(post(&s, path_of(&s, "response"), "", "1") == 202);
        wait_for(s.world, NOTED_ANSWERED, i + 1);
    }
    session_end(&s);
}

TEST(who_has_asked_for_the_next_event_gets_the_last_word_with_it)
{
    struct session s = session_start();
    int unread = -1;

    begin(&s, "1");
    int idle = count_of(s.world, NOTED_IDLE);
    peer_say(s.api,
             "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
             "GET " PEER_API "invocation/next HTTP/1.1\r\nHost: x\r\n\r\n",
             path_of(&s, "response"));
    wait_for(s.world, NOTED_IDLE, idle + 1);
    wait_for(s.world, NOTED_ANSWERED, 1);
    (void)room(s.world); /* the iteration that took the answer is over */
    CHECK(ioctl(s.api, FIONREAD, &unread) == 0 && unread == 0);
    send_event(s.world, "2");
    peer_read(s.api, &s.reply);
    CHECK(s.reply.status == 202);
    peer_read(s.api, &s.reply);
    CHECK(s.reply.status == 200);
    CHECK_TEXT(buffer_text(&s.reply.body), "2");
    session_end(&s);
}

TEST(an_error_is_an_answer)
{
    struct session s = session_start();

    begin(&s, "{}");
    CHECK(post(&s, path_of(&s, "error"), "Lambda-Runtime-Function-Error-Type: My.Error\r\n",
               "{\"errorMessage\":\"x\"}") == 202);
    wait_for(s.world, NOTED_ANSWERED, 1);
    CHECK(s.world->is_error[0] && strcmp(s.world->error_type[0], "My.Error") == 0);
    session_end(&s);
}

TEST(an_instance_answers_only_what_it_was_given)
{
    struct session s = session_start();

    s.id[0] = '\0';
    CHECK(post(&s, "invocation/11111111-2222-3333-4444-555555555555/response", "", "1") == 400 &&
          says(&s, "InvalidRequestID"));
    begin(&s, "{}");
    CHECK(post(&s, "invocation/11111111-2222-3333-4444-555555555555/response", "", "1") == 400 &&
          says(&s, "InvalidRequestID"));
    CHECK(post(&s, "invocation/11111111-2222-3333-4444-555555555555/error", "", "1") == 400);
    CHECK(post(&s, "invocation//response", "", "1") == 400);
    CHECK(post(&s, path_of(&s, "nonsense"), "", "1") == 404);
    CHECK(post(&s, "init/error", "", "1") == 403 && says(&s, "InvalidStateTransition"));
    CHECK(count_of(s.world, NOTED_ANSWERED) == 0 && count_of(s.world, NOTED_INIT_FAILED) == 0);

    CHECK(post(&s, path_of(&s, "response"), "", "\"first\"") == 202);
    wait_for(s.world, NOTED_ANSWERED, 1);
    CHECK(post(&s, path_of(&s, "response"), "", "\"second\"") >= 400);
    CHECK(post(&s, path_of(&s, "error"), "", "\"third\"") >= 400);
    CHECK(count_of(s.world, NOTED_ANSWERED) == 1 && !s.world->is_error[0]);
    CHECK_TEXT(buffer_text(&s.world->answers[0]), "\"first\"");
    begin(&s, "{}");
    session_end(&s);
}

TEST(initialising_may_fail_by_name)
{
    struct session s = session_start();

    CHECK(post(&s, "init/error", "Lambda-Runtime-Function-Error-Type: Runtime.NoModule\r\n",
               "{\"errorMessage\":\"none\"}") == 202);
    wait_for(s.world, NOTED_INIT_FAILED, 1);
    CHECK_TEXT(buffer_text(&s.world->text), "Runtime.NoModule {\"errorMessage\":\"none\"}\n");
    CHECK(count_of(s.world, NOTED_READY) == 0);
    session_end(&s);
}

TEST(a_second_next_is_refused)
{
    struct session s = session_start();
    struct peer_reply reply = {0};
    int other = peer_connect(&s.peer);

    get_next(&s);
    peer_get_next(other);
    peer_read(other, &reply);
    CHECK(reply.status == 403);
    send_event(s.world, "{}");
    peer_read(s.api, &s.reply);
    CHECK(s.reply.status == 200);
    peer_get_next(other); /* while it works */
    peer_read(other, &reply);
    CHECK(reply.status == 403);
    peer_request_id(&s.reply, s.id);
    CHECK(post(&s, path_of(&s, "response"), "", "1") == 202);
    peer_reply_done(&reply);
    (void)close(other);
    session_end(&s);
}

static void check_not_taken(struct session *s)
{
    CHECK(take_back(s->world) == -1);
}

TEST(an_event_for_a_client_that_has_gone_is_for_the_next_one)
{
    struct session s = session_start();

    get_next(&s);
    (void)close(s.api);
    s.api = peer_connect(&s.peer);
    settle(s.world);
    send_event(s.world, "{\"n\":1}");
    /* No idle: it was so all the time. */
    peer_get_next(s.api);
    peer_read(s.api, &s.reply);
    CHECK(s.reply.status == 200);
    CHECK_TEXT(buffer_text(&s.reply.body), "{\"n\":1}");
    check_not_taken(&s);
    peer_request_id(&s.reply, s.id);
    CHECK(post(&s, path_of(&s, "response"), "", "1") == 202);
    wait_for(s.world, NOTED_ANSWERED, 1);
    session_end(&s);

    /* Nor is the new one refused because of the old one, before there is an event. */
    s = session_start();
    get_next(&s);
    (void)close(s.api);
    s.api = peer_connect(&s.peer);
    settle(s.world);
    get_next(&s);
    send_event(s.world, "{\"n\":2}");
    peer_read(s.api, &s.reply);
    CHECK(s.reply.status == 200);
    session_end(&s);
}

TEST(an_event_that_nobody_has_fetched_can_be_taken_back)
{
    struct session s = session_start();

    get_next(&s);
    (void)close(s.api);
    s.api = peer_connect(&s.peer);
    settle(s.world);
    send_event(s.world, "{}");
    CHECK(take_back(s.world) == 0);
    CHECK(room(s.world) == 1);
    begin(&s, "{}");
    check_not_taken(&s);
    session_end(&s);
}

TEST(an_event_being_answered_is_not_taken_back)
{
    struct session s = session_start();
    int found[4] = {0};

    (void)found;
    begin(&s, "{}");
    peer_say(s.api,
             "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\n"
             "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
             "Content-Length: 100\r\n\r\nhalf",
             path_of(&s, "response"));
    wait_for_stream(s.world, 6); /* "<>half" */
    check_not_taken(&s);
    session_end(&s);
}

/* --- bodies --- */

TEST(a_large_answer_is_taken_and_one_that_is_too_large_becomes_an_error)
{
    static const struct {
        size_t len;
        int status;
    } cases[] = {{LIMIT_PAYLOAD, 202}, {LIMIT_PAYLOAD + 1, 413}, {LIMIT_PAYLOAD * 2, 413}};
    scoped(buffer_done) struct buffer body = {0};

    memset(buffer_room(&body, 2 * LIMIT_PAYLOAD), 'x', 2 * LIMIT_PAYLOAD);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct session s = session_start();
        begin(&s, "{}");
        peer_post(s.api, path_of(&s, "response"), "", text_from(body.at, cases[i].len));
        peer_read(s.api, &s.reply);
        CHECK_MSG(s.reply.status == cases[i].status, "%zu bytes: %d", cases[i].len, s.reply.status);
        wait_for(s.world, NOTED_ANSWERED, 1);
        CHECK(s.world->is_error[0] == (cases[i].status == 413));
        if (cases[i].status == 413) {
            CHECK(strcmp(s.world->error_type[0], "Function.ResponseSizeTooLarge") == 0);
            CHECK(says(&s, "RequestEntityTooLarge"));
            CHECK(text_starts(buffer_text(&s.world->answers[0]),
                              TEXT("{\"errorType\":\"Function.ResponseSizeTooLarge\"")));
        } else {
            CHECK(s.world->answers[0].len == cases[i].len);
        }
        begin(&s, "{}"); /* it goes on */
        session_end(&s);
    }
}

TEST(an_answer_may_come_in_chunks_and_with_trailers)
{
    struct session s = session_start();

    begin(&s, "{}");
    peer_say(s.api,
             "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Anything: 1\r\n\r\n",
             path_of(&s, "response"));
    peer_read(s.api, &s.reply);
    CHECK(s.reply.status == 202);
    wait_for(s.world, NOTED_ANSWERED, 1);
    CHECK_TEXT(buffer_text(&s.world->answers[0]), "abcde");
    CHECK(!s.world->is_error[0]);
    session_end(&s);
}

#define STREAMING "Lambda-Runtime-Function-Response-Mode: streaming\r\n"

TEST(a_streamed_answer_goes_through_piece_by_piece)
{
    struct session s = session_start();

    begin(&s, "{}");
    peer_say(s.api,
             "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\nContent-Type: text/html\r\n" STREAMING
             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
             path_of(&s, "response"));
    wait_for_stream(s.world, strlen("<text/html>abc"));
    CHECK(count_of(s.world, NOTED_ANSWERED) == 0);
    peer_say(s.api, "2\r\nde\r\n0\r\n\r\n");
    peer_read(s.api, &s.reply);
    CHECK(s.reply.status == 202);
    wait_for(s.world, NOTED_ANSWERED, 1);
    CHECK_TEXT(buffer_text(&s.world->streamed), "<text/html>abcde");
    CHECK(!s.world->is_error[0] && s.world->answers[0].len == 0);
    begin(&s, "{}");
    session_end(&s);
}

TEST(a_stream_may_fail_in_the_middle_and_say_so)
{
    struct session s = session_start();

    begin(&s, "{}");
    peer_say(s.api,
             "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\n" STREAMING
             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
             "Lambda-Runtime-Function-Error-Type: Late.Error\r\n"
             "Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\r\n\r\n",
             path_of(&s, "response"));
    peer_read(s.api, &s.reply);
    CHECK(s.reply.status == 202);
    wait_for(s.world, NOTED_ANSWERED, 1);
    CHECK(s.world->is_error[0] && strcmp(s.world->error_type[0], "Late.Error") == 0);
    CHECK_TEXT(buffer_text(&s.world->answers[0]), "{\"a\":1}");
    session_end(&s);
}

TEST(an_unknown_response_mode_is_refused)
{
    struct session s = session_start();

    begin(&s, "{}");
    CHECK(post(&s, path_of(&s, "response"),
               "Lambda-Runtime-Function-Response-Mode: carrier-pigeon\r\n", "1") == 400 &&
          says(&s, "InvalidFunctionResponseMode"));
    CHECK(post(&s, path_of(&s, "response"), "", "1") == 202);
    session_end(&s);
}

TEST(a_stream_that_breaks_off_ends_the_instance)
{
    struct session s = session_start();

    begin(&s, "{}");
    peer_say(s.api,
             "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\n" STREAMING
             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
             path_of(&s, "response"));
    wait_for_stream(s.world, strlen("<>abc"));
    (void)close(s.api);
    peer_reply_done(&s.reply);
    expect_violation(s.world, &s.peer, "a stream that broke off", 0);
}

TEST(a_buffered_answer_that_breaks_off_may_be_given_again)
{
    struct session s = session_start();

    begin(&s, "{}");
    peer_say(s.api, "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
             path_of(&s, "response"));
    (void)close(s.api);
    s.api = peer_connect(&s.peer);
    CHECK(post(&s, path_of(&s, "response"), "", "\"whole\"") == 202);
    wait_for(s.world, NOTED_ANSWERED, 1);
    CHECK_TEXT(buffer_text(&s.world->answers[0]), "\"whole\"");
    session_end(&s);
}

TEST(a_stream_that_nobody_takes_waits)
{
    struct session s = session_start();

    s.world->pause_stream = true;
    begin(&s, "{}");
    peer_say(s.api,
             "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\n" STREAMING
             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
             path_of(&s, "response"));
    wait_for_stream(s.world, strlen("<>abc"));
    peer_say(s.api, "2\r\nde\r\n0\r\n\r\n");
    settle(s.world);
    CHECK_TEXT(buffer_text(&s.world->streamed), "<>abc");
    session_end(&s);
}

static void resume_stream(struct world *world, void *arg)
{
    world->pause_stream = false;
    environment_resume(world->environment);
}

TEST(a_paused_stream_goes_on_when_it_is_resumed)
{
    struct session s = session_start();

    s.world->pause_stream = true;
    begin(&s, "{}");
    peer_say(s.api,
             "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\n" STREAMING
             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
             path_of(&s, "response"));
    wait_for_stream(s.world, strlen("<>abc"));
    call(s.world, resume_stream, NULL);
    peer_read(s.api, &s.reply);
    CHECK(s.reply.status == 202);
    CHECK_TEXT(buffer_text(&s.world->streamed), "<>abcde");
    session_end(&s);
}

/* --- an answer that comes when its event is over --- */

static void take_the_running(struct world *world, void *arg)
{
    bool begun = false;
    struct invocation *invocation = environment_take_oldest(world->environment, &begun);

    CHECK(invocation && begun);
    free_event(world, invocation);
}

TEST(the_rest_of_an_answer_to_an_event_that_is_over_goes_nowhere)
{
    static const char *const modes[] = {"", STREAMING};

    for (size_t i = 0; i < COUNT_OF(modes); i++)
        for (int paused = 0; paused < 2; paused++) {
            struct session s = session_start();
            s.world->pause_stream = paused;
            begin(&s, "{}");
            peer_say(s.api,
                     "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\n%sTransfer-Encoding: chunked\r\n"
                     "\r\n3\r\nabc\r\n",
                     path_of(&s, "response"), modes[i]);
            if (modes[i][0])
                wait_for_stream(s.world, strlen("<>abc"));
            settle(s.world);
            call(s.world, take_the_running, NULL); /* as a timeout does; the memory is gone */
            peer_say(s.api, "3\r\ndef\r\n0\r\n\r\n");
            peer_read(s.api, &s.reply);
            CHECK_MSG(s.reply.status == 403, "status %d", s.reply.status);
            CHECK(count_of(s.world, NOTED_ANSWERED) == 0);
            session_end(&s);
        }
}

/* --- what is not for it --- */

TEST(an_answer_by_the_ring_may_be_too_large_for_it)
{
    struct session s = session_start();

    peer_ready(&s.peer);
    wait_for(s.world, NOTED_READY, 1);
    send_event(s.world, "{}");
    send_event(s.world, "{}");
    struct ring_event *event = peer_next(&s.peer);
    memcpy(s.id, event->request_id, UUID_LEN);
    CHECK(post(&s, path_of(&s, "response"), "", "\"by the api\"") == 202);
    settle(s.world);
    CHECK(count_of(s.world, NOTED_ANSWERED) == 0); /* the ring says when */
    CHECK(post(&s, path_of(&s, "response"), "", "\"again\"") == 403);
    peer_answer(&s.peer, ANSWER_BY_API, event->sequence, TEXT_NONE, TEXT_NONE);
    peer_free_slot(&s.peer);
    wait_for(s.world, NOTED_ANSWERED, 1);
    CHECK_TEXT(buffer_text(&s.world->answers[0]), "\"by the api\"");
    /* The second was not begun: it is nobody's yet. */
    event = peer_peek(&s.peer, -1);
    memcpy(s.id, event->request_id, UUID_LEN);
    CHECK(post(&s, path_of(&s, "response"), "", "\"early\"") == 400);
    session_end(&s);
}

static void stand_still(struct world *world, void *arg)
{
    sem_t *gates = arg;

    sem_post(&gates[0]);
    sem_wait(&gates[1]);
}

static void *hold_the_loop(void *arg)
{
    struct session *s = ((void **)arg)[0];

    call(s->world, stand_still, ((void **)arg)[1]);
    return NULL;
}

/* Both are there when the loop looks: the word by the ring is the older one, the request is
 * what epoll tells first. */
TEST(what_the_ring_said_comes_before_the_request_that_was_sent_after_it)
{
    struct session s = session_start();
    sem_t gates[2];
    pthread_t holder;
    void *held[] = {&s, gates};

    sem_init(&gates[0], 0, 0);
    sem_init(&gates[1], 0, 0);
    peer_ready(&s.peer);
    wait_for(s.world, NOTED_READY, 1);
    send_event(s.world, "{}");
    send_event(s.world, "{}");
    struct ring_event *event = peer_next(&s.peer);
    uint64_t first = event->sequence;
    memcpy(s.id, event->request_id, UUID_LEN);
    CHECK(post(&s, path_of(&s, "response"), "", "\"first\"") == 202);

    CHECK(pthread_create(&holder, NULL, hold_the_loop, held) == 0);
    sem_wait(&gates[0]);
    peer_free_slot(&s.peer);
    event = peer_next(&s.peer);
    memcpy(s.id, event->request_id, UUID_LEN);
    peer_post(s.api, path_of(&s, "response"), "", TEXT("\"second\""));
    peer_answer(&s.peer, ANSWER_BY_API, first, TEXT_NONE, TEXT_NONE);
    sem_post(&gates[1]);
    pthread_join(holder, NULL);

    peer_read(s.api, &s.reply);
    CHECK_MSG(s.reply.status == 202, "status %d", s.reply.status);
    peer_answer(&s.peer, ANSWER_BY_API, event->sequence, TEXT_NONE, TEXT_NONE);
    peer_free_slot(&s.peer);
    wait_for(s.world, NOTED_ANSWERED, 2);
    CHECK_TEXT(buffer_text(&s.world->answers[0]), "\"first\"");
    CHECK_TEXT(buffer_text(&s.world->answers[1]), "\"second\"");
    session_end(&s);
}

TEST(requests_that_are_none_of_it_get_an_answer_and_nothing_else)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", 200},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404},
        {"GET " PEER_API "invocation/next/ HTTP/1.1\r\nHost: x\r\n\r\n", 404},
        {"POST " PEER_API "invocation/next HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 404},
        {"GET " PEER_API "init/error HTTP/1.1\r\nHost: x\r\n\r\n", 404},
        {"GET /2015-03-31/functions/ HTTP/1.1\r\nHost: x\r\n\r\n", 404},
        {"POST " PEER_API "invocation/x/response/y HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
         "\r\n",
         404},
        {"nonsense\r\n\r\n", 400},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct session s = session_start();
        peer_send(s.api, text_of(cases[i].request));
        peer_read(s.api, &s.reply);
        CHECK_MSG(s.reply.status == cases[i].status, "%s: %d", cases[i].request, s.reply.status);
        CHECK(count_of(s.world, NOTED_READY) == 0);
        session_end(&s);
    }
}

TEST(a_field_cannot_smuggle_another)
{
    static const char *const fields[] = {
        "Content-Type: text/html\rX-Evil: 1\r\n",
        "Content-Type: text/html\nX-Evil: 1\r\n x\r\n",
        "Content-Type: text/\001html\r\n",
    };

    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct session s = session_start();
        char all[200];
        begin(&s, "{}");
        snprintf(all, sizeof all, "%s" STREAMING, fields[i]);
        CHECK_MSG(post(&s, path_of(&s, "response"), all, "1") == 400, "%s", fields[i]);
        CHECK(s.world->streamed.len == 0 && count_of(s.world, NOTED_ANSWERED) == 0);
        session_end(&s);
    }
}
