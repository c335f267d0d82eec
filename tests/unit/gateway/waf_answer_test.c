/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fixture.h"
#include "guard/guard.h"
#include "guard/waf.h"
#include "model/guarded.h"

/* One request to a function whose answer the firewall looks at; what the function does comes from
 * within the loop, as the engine would have it. */
struct play {
    struct fixture f;
    struct loop_timer timer;
    const char *answer;           /* of the function; or what it streams: */
    const char *type, *chunks[4]; /* one for each turn, until NULL */
    bool fails, leaves;           /* the stream's end; the client, with the answer held */
    int turn;
};

static void on_turn(struct loop_timer *timer)
{
    struct play *play = container_of(timer, struct play, timer);
    struct fixture *f = &play->f;
    bool was_asked = f->invoked != NULL;

    if (was_asked && play->answer) {
        fixture_return(f, play->answer);
    } else if (was_asked) {
        struct invocation *invocation = f->invoked;
        invocation->streamed = true;
        if (play->turn == 0)
            invocation->sink->on_begin(invocation, text_of(play->type));
        if (play->chunks[play->turn])
            (void)invocation->sink->on_chunk(invocation, text_of(play->chunks[play->turn++]));
        else
            fixture_finish(f, play->fails ? INVOCATION_FUNCTION_ERROR : INVOCATION_OK);
    }
    if (was_asked && play->leaves) {
        fixture_close(f, true);
        if (f->invoked)
            fixture_finish(f, INVOCATION_OK);
    }
    if (f->closed && !f->invoked)
        loop_stop(f->loop);
    else
        loop_timer_set(f->loop, timer, 1);
}

static void run(struct play *play, const char *setting)
{
    const struct waf_options options = {.threads = 1, .queue_max = 4};
    scoped(free) char *guard = mem_format("{\"waf\":%s}", setting);
    struct error err = {0};
    struct waf *waf = waf_new(&options, &err);

    if (!waf) {
        print_message("built without libmodsecurity\n");
        skip();
    }
    const struct guard_services services = {.waf = waf};
    fixture_init(&play->f, NULL);
    struct function *function = fixture_function("hello", URL_A);
    fixture_permit(function);
    function->url.mode = play->answer ? INVOKE_BUFFERED : INVOKE_RESPONSE_STREAM;
    function->guarded = guarded_new(text_of(guard));
    CHECK_MSG(guard_settle(function->guarded, &services, &err) == 0, "%s", err.text);
    fixture_put(&play->f, function);
    play->f.gateway->options.waf = waf;
    fixture_request(&play->f, "GET /functions/hello/a\nhost: h\nuser-agent: test\naccept: */*", "");
    play->timer.fire = on_turn;
    loop_timer_set(play->f.loop, &play->timer, 1);
    loop_run(play->f.loop);
}

static void finish(struct play *play)
{
    struct waf *waf = play->f.gateway->options.waf;

    /* Its threads may still post to the loop. */
    directory_done(&play->f.directory);
    play->f.directory = (struct directory){0};
    waf_free(waf);
    fixture_done(&play->f);
}

static int status_of(const char *setting, const char *answer)
{
    struct play play = {.answer = answer};

    run(&play, setting);
    int status = play.f.status;
    CHECK(play.f.answered && play.f.closed);
    CHECK_TEXT(buffer_text(&play.f.body), status == 200 ? "ab" : "{\"message\":\"Forbidden\"}");
    finish(&play);
    return status;
}

#define HEAD_RULE                                                       \
    "\"rules\":\"SecRule RESPONSE_HEADERS:x-secret \\\"@streq yes\\\" " \
    "\\\"id:1,phase:3,deny,status:403,msg:'secret'\\\"\""
#define OPEN "{\"statusCode\":200,\"headers\":{\"content-type\":\"text/html\"},\"body\":\"ab\"}"
#define SECRET "{\"statusCode\":200,\"headers\":{\"x-secret\":\"yes\"},\"body\":\"ab\"}"
#define LEAK                                                                                      \
    "{\"statusCode\":200,\"headers\":{\"content-type\":\"text/html\"},\"body\":\"You have an "    \
    "error "                                                                                      \
    "in your SQL syntax; check the manual that corresponds to your MySQL server version for the " \
    "right syntax to use near x at line 1\"}"

TEST(an_answer_that_leaks_is_not_sent)
{
    CHECK(status_of("{\"response\":\"body\"}", OPEN) == 200);
    CHECK(status_of("{\"response\":\"body\"}", LEAK) == 403);
    CHECK(status_of("{\"response\":\"head\"," HEAD_RULE "}", OPEN) == 200);
    CHECK(status_of("{\"response\":\"head\"," HEAD_RULE "}", SECRET) == 403);
}

TEST(only_as_much_of_a_body_as_is_set_is_looked_at)
{
    struct play play = {.answer = LEAK};

    run(&play, "{\"response\":\"body\",\"limits\":{\"response\":10}}");
    CHECK(play.f.status == 200);
    CHECK(text_starts(buffer_text(&play.f.body), TEXT("You have an error")));
    finish(&play);
}

TEST(a_threshold_for_answers_is_kept)
{
    struct play play = {.answer = LEAK};

    run(&play, "{\"response\":\"body\",\"outbound-threshold\":100}");
    CHECK(play.f.status == 200);
    finish(&play);
}

TEST(a_stream_goes_on_when_its_head_has_passed)
{
    struct play play = {.type = "text/event-stream", .chunks = {"one,", "two,", "three"}};

    run(&play, "{\"response\":\"body\"}");
    CHECK(play.f.begun && play.f.ended && play.f.status == 200);
    CHECK_TEXT(buffer_text(&play.f.body), "one,two,three");
    CHECK_TEXT(fixture_field(&play.f, "content-type"), "text/event-stream");
    finish(&play);
}

TEST(a_stream_that_fails_is_cut_off)
{
    struct play play = {.type = "text/plain", .chunks = {"one"}, .fails = true};

    run(&play, "{\"response\":\"head\"}");
    CHECK(play.f.begun && play.f.aborted);
    finish(&play);
}

TEST(a_stream_whose_head_does_not_pass_is_not_begun)
{
    struct play play = {.type = "text/secret", .chunks = {"one", "two"}};

    run(&play, "{\"response\":\"head\",\"rules\":\"SecRule RESPONSE_HEADERS:content-type "
               "\\\"@streq text/secret\\\" \\\"id:1,phase:3,deny,status:451,msg:'no'\\\"\"}");
    CHECK(play.f.answered && !play.f.begun && play.f.status == 451);
    finish(&play);
}

TEST(a_client_may_leave_while_its_answer_is_held)
{
    struct play play = {.answer = OPEN, .leaves = true};
    struct play stream = {.type = "text/plain", .chunks = {"one"}, .leaves = true};

    run(&play, "{\"response\":\"body\"}");
    CHECK(play.f.closed && !play.f.answered);
    finish(&play);
    run(&stream, "{\"response\":\"body\"}");
    CHECK(stream.f.closed && !stream.f.begun);
    finish(&stream);
}
