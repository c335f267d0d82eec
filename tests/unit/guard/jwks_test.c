/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/jwks.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "guard/upstreams.h"
#include "http/server.h"
#include "jwt_tokens.h"
#include "test.h"

/* An issuer, served by a real server on the loop of who asks it. */
static struct {
    struct loop *loop;
    struct http_server *server;
    struct jwks *jwks;
    uint16_t port;
    char url[64];
    /* What it answers */
    int discovery_status;
    const char *discovery; /* the document; NULL: its own, which names /keys */
    const char *keys;      /* NULL: 404 */
    bool is_silent;
    int discoveries, fetches;
} issuer;

static void on_request(struct http_stream *stream)
{
    struct text path = stream->request.path;
    char own[200];

    if (issuer.is_silent)
        return;
    if (text_equal(path, TEXT("/.well-known/openid-configuration"))) {
        issuer.discoveries++;
        snprintf(own, sizeof own, "{\"jwks_uri\":\"%s/keys\"}", issuer.url);
        http_respond(stream, issuer.discovery_status, NULL, 0,
                     text_of(issuer.discovery ? issuer.discovery : own));
    } else if (text_equal(path, TEXT("/keys")) && issuer.keys) {
        issuer.fetches++;
        http_respond(stream, 200, NULL, 0, text_of(issuer.keys));
    } else {
        http_respond(stream, 404, NULL, 0, TEXT(""));
    }
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    return true;
}

static void on_end(struct http_stream *stream)
{
}

static void on_close(struct http_stream *stream, bool reset)
{
}

static const struct http_app app = {
    .on_request = on_request, .on_body = on_body, .on_end = on_end, .on_close = on_close};

/* --- who asks --- */

#define ASKERS_MAX 8

struct asker {
    struct jwks_wait wait;
    const char *url, *kid; /* url NULL: the issuer's */
    bool is_found;
    int answers;
    char reason[100];
};

/* Rounds of questions: those of one are asked together, the next follows when all are answered. */
static struct {
    struct loop_message begin;
    struct asker askers[ASKERS_MAX];
    int count, answered, rounds;
    void (*next)(int round); /* sets count and askers; 0: that was all */
} plan;

static void ask(void);

static void end(void)
{
    http_server_close(issuer.server);
    loop_stop(issuer.loop);
}

static void on_found(struct jwks_wait *wait, const struct jwk *key, const char *reason)
{
    struct asker *asker = container_of(wait, struct asker, wait);

    asker->answers++;
    asker->is_found = key != NULL;
    CHECK((key == NULL) == (reason != NULL));
    snprintf(asker->reason, sizeof asker->reason, "%s", reason ? reason : "");
    if (++plan.answered == plan.count)
        ask();
}

static void ask(void)
{
    plan.count = plan.answered = 0;
    plan.next(plan.rounds++);
    if (plan.count == 0) {
        end();
        return;
    }
    for (int i = 0, count = plan.count; i < count; i++) {
        struct asker *asker = &plan.askers[i];
        asker->wait = (struct jwks_wait){.done = on_found};
        jwks_find(issuer.jwks, text_of(asker->url ? asker->url : issuer.url), text_of(asker->kid),
                  &asker->wait);
    }
}

static void on_begin(struct loop_message *message)
{
    ask();
}

static void set_up(void)
{
    struct error err;

    memset(&issuer, 0, sizeof issuer);
    memset(&plan, 0, sizeof plan);
    issuer.discovery_status = 200;
    issuer.keys = KEY_SET;
    issuer.loop = loop_new("test");
    issuer.server = http_server_new(issuer.loop, &http_limits_public);
    int fd = http_bind(TEXT("127.0.0.1:0"), &issuer.port, &err);
    CHECK(fd >= 0);
    http_listen(issuer.server, fd, &app, NULL);
    snprintf(issuer.url, sizeof issuer.url, "http://127.0.0.1:%d", issuer.port);
    issuer.jwks = jwks_new(issuer.loop, /* upstreams= */ NULL);
}

static void run(void (*next)(int round))
{
    plan.next = next;
    plan.begin.run = on_begin;
    loop_post(issuer.loop, &plan.begin);
    loop_run(issuer.loop);
    jwks_free(issuer.jwks);
    loop_free(issuer.loop);
}

static void ask_for(const char *kid)
{
    plan.askers[plan.count++] = (struct asker){.kid = kid};
}

/* --- the tests --- */

static void many(int round)
{
    if (round == 0) {
        for (int i = 0; i < ASKERS_MAX; i++)
            ask_for(i % 2 ? "rsa" : "ES256");
        return;
    }
    if (round == 1)
        for (int i = 0; i < ASKERS_MAX; i++)
            CHECK(plan.askers[i].is_found && plan.askers[i].answers == 1);
    if (round < 4)
        ask_for("ES384");
}

TEST(an_issuer_is_asked_once_however_many_wait)
{
    set_up();
    run(many);
    CHECK(issuer.discoveries == 1 && issuer.fetches == 1 && plan.askers[0].is_found);
}

static void made_up(int round)
{
    if (round > 1) {
        CHECK(!plan.askers[0].is_found);
        CHECK_TEXT(text_of(plan.askers[0].reason), "the token's key is not one of its issuer's");
    }
    if (round < 5)
        ask_for(round == 0 ? "rsa" : "made-up");
}

TEST(made_up_keys_cost_no_further_request)
{
    set_up();
    run(made_up);
    CHECK(issuer.discoveries == 1 && issuer.fetches == 1);
}

/* An unknown kid is told at once while keys that are known go on to be found. */
static void one(int round)
{
    if (round == 0)
        ask_for("rsa");
}

static void check_unreachable(void)
{
    run(one);
    CHECK(plan.askers[0].answers == 1 && !plan.askers[0].is_found);
    CHECK_TEXT(text_of(plan.askers[0].reason), "the keys of the token's issuer cannot be fetched");
}

TEST(keys_are_fetched_where_upstreams_may_be)
{
    static const char *const networks[] = {NULL, "10.0.0.0/8", "127.0.0.0/8"};
    struct error err;

    for (size_t i = 0; i < COUNT_OF(networks); i++) {
        scoped(upstreams_free) struct upstreams *upstreams = upstreams_compile(networks[i], &err);
        set_up();
        jwks_free(issuer.jwks);
        issuer.jwks = jwks_new(issuer.loop, upstreams);
        if (i < 2)
            check_unreachable();
        else
            run(one);
        CHECK(issuer.discoveries == (i < 2 ? 0 : 1) && issuer.fetches == (i < 2 ? 0 : 1));
    }
}

TEST(an_issuer_that_answers_nothing_useful_has_no_keys)
{
    static const struct {
        int status;
        const char *discovery, *keys;
    } cases[] = {
        {500, NULL, KEY_SET},
        {302, NULL, KEY_SET},
        {200, "no JSON", KEY_SET},
        {200, "[]", KEY_SET},
        {200, "{}", KEY_SET},
        {200, "{\"jwks_uri\":7}", KEY_SET},
        {200, "{\"jwks_uri\":\"file:///etc/passwd\"}", KEY_SET},
        {200, "{\"jwks_uri\":\"ftp://127.0.0.1/keys\"}", KEY_SET},
        {200, "{\"jwks_uri\":\"http://127.0.0.1\\u0000.example/keys\"}", KEY_SET},
        {200, "{\"jwks_uri\":\"http://127.0.0.1:1/keys\"}", KEY_SET},
        {200, NULL, NULL},
        {200, NULL, "no JSON"},
        {200, NULL, "{}"},
        {200, NULL, "{\"keys\":{}}"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        set_up();
        issuer.discovery_status = cases[i].status;
        issuer.discovery = cases[i].discovery;
        issuer.keys = cases[i].keys;
        check_unreachable();
    }
}

TEST(an_answer_that_is_too_long_is_not_read)
{
    struct buffer keys = {0};

    set_up();
    buffer_add_literal(&keys, KEY_SET);
    while (keys.len < JWKS_ANSWER_BYTES + 1)
        buffer_add_char(&keys, ' ');
    issuer.keys = keys.at;
    check_unreachable();
    buffer_done(&keys);
}

TEST(nobody_is_waited_for_longer_than_the_limit)
{
    set_up();
    issuer.is_silent = true;
    check_unreachable();
}

/* Keys that come by http prove nothing of an issuer of https: not even asked for. */
static void secure(int round)
{
    static char url[64];

    snprintf(url, sizeof url, "https://127.0.0.1:%d", issuer.port);
    if (round == 0)
        plan.askers[plan.count++] = (struct asker){.kid = "rsa", .url = url};
}

TEST(an_issuer_of_https_is_asked_by_https_only)
{
    set_up();
    run(secure);
    CHECK(!plan.askers[0].is_found && issuer.discoveries == 0);
}

static void after_failure(int round)
{
    if (round == 1) {
        CHECK(!plan.askers[0].is_found);
        issuer.discovery_status = 200; /* it is up again, but was asked just now */
    }
    if (round < 3)
        ask_for("rsa");
}

TEST(an_issuer_that_is_down_is_not_asked_with_each_request)
{
    set_up();
    issuer.discovery_status = 503;
    run(after_failure);
    CHECK(issuer.discoveries == 1 && issuer.fetches == 0 && !plan.askers[0].is_found);
}

static void two_issuers(int round)
{
    static char other[80];

    if (round > 0)
        return;
    snprintf(other, sizeof other, "%s/", issuer.url); /* another name, so another issuer */
    ask_for("rsa");
    plan.askers[plan.count++] = (struct asker){.kid = "rsa", .url = other};
}

TEST(each_issuer_has_keys_of_its_own)
{
    set_up();
    run(two_issuers);
    CHECK(plan.askers[0].is_found && plan.askers[1].is_found && issuer.discoveries == 2);
}

/* One of two that wait gives up. */
static void with_cancel(int round)
{
    static struct asker gone;

    if (round > 0) {
        CHECK(gone.answers == 0);
        return;
    }
    gone = (struct asker){.kid = "rsa", .wait = {.done = on_found}};
    jwks_find(issuer.jwks, text_of(issuer.url), TEXT("rsa"), &gone.wait);
    jwks_cancel(&gone.wait);
    ask_for("rsa");
}

TEST(who_gives_up_is_not_called)
{
    set_up();
    run(with_cancel);
    CHECK(plan.askers[0].is_found && issuer.discoveries == 1);
}

static void on_other(struct jwks_wait *wait, const struct jwk *key, const char *reason)
{
}

/* Of two that wait for an issuer the first asks for more issuers than there is room for. */
static void on_first(struct jwks_wait *wait, const struct jwk *key, const char *reason)
{
    static struct jwks_wait others[JWKS_ISSUERS_MAX];
    char url[64];

    for (int i = 0; i < JWKS_ISSUERS_MAX; i++) {
        snprintf(url, sizeof url, "http://127.0.0.1:1/%d", i);
        others[i] = (struct jwks_wait){.done = on_other};
        jwks_find(issuer.jwks, text_of(url), TEXT("rsa"), &others[i]);
    }
    CHECK(key);
}

static void crowd(int round)
{
    static struct jwks_wait first;

    if (round > 0)
        return;
    first = (struct jwks_wait){.done = on_first};
    jwks_find(issuer.jwks, text_of(issuer.url), TEXT("rsa"), &first);
    ask_for("rsa");
}

TEST(an_issuer_stays_while_those_who_wait_for_it_are_answered)
{
    set_up();
    run(crowd);
    CHECK(plan.askers[0].is_found && issuer.discoveries == 1);
}
