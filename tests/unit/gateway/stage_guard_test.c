/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "apis.h"
#include "guard/guard.h"
#include "guard/limit.h"
#include "guard/waf.h"

#define GET "GET /dev/pets\nhost: api1.localhost\nuser-agent: test\naccept: */*"
#define ROUTES "{\"routeId\":\"r1\",\"routeKey\":\"$default\",\"target\":\"integrations/i1\"}"

struct guard_fixture {
    struct fixture f;
    struct http_apis *apis;
    struct limit_table *limits;
};

/* An API whose "guards" are the given ones (JSON), and more members of its "dev" stage. */
static void start(struct guard_fixture *g, const char *guards, const char *more_of_stage)
{
    static const char dev[] = "{\"stageName\":\"dev\",";
    scoped(free) char *bundle = apis_bundle("2.0", ROUTES, "");
    char *stage = strstr(bundle, dev);

    CHECK(stage);
    size_t before = (size_t)(stage - bundle) + sizeof dev - 1, len = strlen(bundle);
    scoped(free) char *all =
        mem_format("%.*s%s%.*s,\"guards\":%s}", (int)before, bundle, more_of_stage,
                   (int)(len - before - 1), bundle + before, guards);
    g->apis = apis_init(&g->f);
    g->limits = limit_table_new(64, 64);
    g->f.gateway->options.limits = g->limits;
    apis_add_function(&g->f, "hello", "");
    apis_publish(&g->f, g->apis, all);
}

static void finish(struct guard_fixture *g)
{
    http_apis_free(g->apis);
    fixture_done(&g->f);
    limit_table_free(g->limits);
}

static int status_of(struct guard_fixture *g, const char *head, const char *body)
{
    fixture_request(&g->f, head, body);
    if (!g->f.answered)
        fixture_return(&g->f, "{}");
    return g->f.status;
}

TEST(a_route_that_is_asked_too_often_says_when_to_come_back)
{
    struct guard_fixture g;

    start(&g, "{\"\":{\"limits\":{\"rate\":0.1,\"burst\":2}}}", "");
    CHECK(status_of(&g, GET, "") == 200);
    CHECK(status_of(&g, GET, "") == 200);
    CHECK(status_of(&g, GET, "") == 429);
    CHECK_TEXT(buffer_text(&g.f.body), "{\"message\":\"Too Many Requests\"}");
    CHECK_TEXT(fixture_field(&g.f, "retry-after"), "10");
    /* Another stage's route is another one. */
    CHECK(status_of(&g, "GET /pets\nhost: api1.localhost", "") == 200);
    finish(&g);
}

TEST(a_stage_throttles_its_routes)
{
    struct guard_fixture g;

    start(&g, "{}",
          "\"defaultRouteSettings\":{\"throttlingRateLimit\":0.5,\"throttlingBurstLimit\":1},");
    CHECK(status_of(&g, GET, "") == 200);
    CHECK(status_of(&g, GET, "") == 429);
    CHECK_TEXT(fixture_field(&g.f, "retry-after"), "2");
    CHECK(status_of(&g, "GET /pets\nhost: api1.localhost", "") == 200);
    finish(&g);
}

TEST(what_is_too_large_or_too_many_at_once_is_refused)
{
    struct guard_fixture g;

    start(&g, "{\"\":{\"limits\":{\"url\":20,\"headers\":60,\"body\":4,\"concurrency\":1}}}", "");
    CHECK(status_of(&g, "GET /dev/pets?a=bcdefghijklm\nhost: api1.localhost", "") == 414);
    CHECK(status_of(&g,
                    "GET /dev\nhost: api1.localhost\nx: "
                    "123456789012345678901234567890123456789012345678901234567890",
                    "") == 431);
    CHECK(status_of(&g, "POST /dev\nhost: api1.localhost\ncontent-length: 5", "12345") == 413);
    CHECK(status_of(&g, "POST /dev\nhost: api1.localhost\ncontent-length: 4", "1234") == 200);

    struct limit_slot *slot;
    CHECK(limit_enter(g.limits, LIMIT_OF_ROUTE, TEXT(" api1 dev "), 1, &slot) == LIMIT_PASS);
    CHECK(status_of(&g, "GET /dev\nhost: api1.localhost", "") == 429);
    CHECK_TEXT(fixture_field(&g.f, "retry-after"), "1");
    limit_leave(slot);
    CHECK(status_of(&g, "GET /dev\nhost: api1.localhost", "") == 200);
    finish(&g);
}

TEST(a_day_has_its_quota)
{
    struct guard_fixture g;

    start(&g, "{\"\":{\"limits\":{\"client\":{\"daily\":2}}}}", "");
    CHECK(status_of(&g, GET, "") == 200);
    CHECK(status_of(&g, GET, "") == 200);
    CHECK(status_of(&g, GET, "") == 429);
    finish(&g);
}

TEST(a_denied_address_is_forbidden)
{
    struct guard_fixture g;

    start(&g, "{\"\":{\"addresses\":{\"allow\":[\"10.0.0.0/8\"]}}}", "");
    CHECK(status_of(&g, GET, "") == 403);
    CHECK_TEXT(buffer_text(&g.f.body), "{\"message\":\"Forbidden\"}");
    finish(&g);
}

struct watch {
    struct loop_timer timer;
    struct fixture *f;
};

static void on_look(struct loop_timer *timer)
{
    struct watch *watch = container_of(timer, struct watch, timer);

    if (watch->f->answered || watch->f->invoked)
        loop_stop(watch->f->loop);
    else
        loop_timer_set(watch->f->loop, timer, 1);
}

/* Until the firewall has let the request pass or not. */
static int firewall_says(const char *mode, const char *head)
{
    const struct waf_options options = {.threads = 1, .queue_max = 4};
    scoped(free) char *guards = mem_format("{\"\":{\"waf\":%s}}", mode);
    struct error err = {0};
    struct waf *waf = waf_new(&options, &err);
    struct guard_fixture g;

    if (!waf) {
        print_message("built without libmodsecurity\n");
        skip();
    }
    const struct guard_services services = {.waf = waf};
    apis_guards = &services;
    start(&g, guards, "");
    g.f.gateway->options.waf = waf;
    fixture_request(&g.f, head, "");
    struct watch watch = {.timer.fire = on_look, .f = &g.f};
    loop_timer_set(g.f.loop, &watch.timer, 1);
    loop_run(g.f.loop);
    if (!g.f.answered)
        fixture_return(&g.f, "{}");
    int status = g.f.status;
    finish(&g);
    waf_free(waf);
    apis_guards = NULL;
    return status;
}

#define ATTACK                                                                       \
    "GET /dev/pets?q=1%27%20OR%20%271%27%3D%271%20UNION%20SELECT%20a%20FROM%20b--\n" \
    "host: api1.localhost\nuser-agent: test\naccept: */*"

TEST(an_attack_is_blocked_or_noticed)
{
    CHECK(firewall_says("\"block\"", ATTACK) == 403);
    CHECK(firewall_says("\"block\"", GET) == 200);
    CHECK(firewall_says("\"detect\"", ATTACK) == 200);
    CHECK(firewall_says("{\"limits\":{\"bytes\":10}}", GET) == 413);
}
