/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/limits.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "test.h"

static json_t *parse(const char *source)
{
    struct error err;
    json_t *json = json_parse(text_of(source), &err);

    CHECK_MSG(json, "%s: %s", source, err.text);
    return json;
}

TEST(every_limit_is_read)
{
    struct error err = {0};
    scoped(json_decref) json_t *part =
        parse("{\"rate\":100,\"burst\":200,\"client\":{\"rate\":0.5,\"daily\":10},"
              "\"key\":{\"rate\":50},\"daily\":7,\"concurrency\":5,\"body\":10,\"headers\":20,"
              "\"url\":30,\"time\":1.5}");
    scoped(limits_free) struct limits *limits = limits_compile(part, &err);

    CHECK_MSG(limits, "%s", err.text);
    CHECK(limits->route.rate.is_set && limits->route.rate.interval_ns == 10000000);
    CHECK(limits->route.rate.depth_ns == 1990000000);
    CHECK(limits->client.rate.interval_ns == 2000000000 && limits->client.rate.depth_ns == 0);
    CHECK(limits->client.daily.limit == 10 && limits->client.daily.period == LIMIT_DAY);
    CHECK(limits->key.rate.depth_ns == 980000000 && !limits->key.daily.is_set);
    CHECK(limits->route.daily.limit == 7 && limits->concurrency == 5);
    CHECK(limits->body_bytes == 10 && limits->header_bytes == 20 && limits->url_bytes == 30);
    CHECK(limits->time_ms == 1500);
}

TEST(a_wrong_limit_is_refused_by_its_name)
{
    static const struct {
        const char *part, *says;
    } cases[] = {
        {"[]", "limits must be an object"},
        {"{\"rat\":1}", "limits has no setting 'rat'; there are rate, burst, daily, client, key, "
                        "concurrency, body, headers, url, time"},
        {"{\"rate\":-1}", "limits.rate must be a number from 0 to 10000000"},
        {"{\"rate\":\"1\"}", "limits.rate must be a number from 0 to 10000000"},
        {"{\"burst\":1}", "limits.burst needs limits.rate beside it"},
        {"{\"rate\":1,\"burst\":1.5}", "limits.burst must be a whole number from 0 to 1000000000"},
        {"{\"client\":{\"time\":1}}",
         "limits.client has no setting 'time'; there are rate, burst, daily"},
        {"{\"key\":{\"daily\":-1}}",
         "limits.key.daily must be a whole number from 0 to 1000000000000"},
        {"{\"concurrency\":0}", "limits.concurrency must be a whole number from 1 to 1000000"},
        {"{\"time\":0}", "limits.time must be a number from 0.001 to 900"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(json_decref) json_t *part = parse(cases[i].part);
        CHECK_MSG(!limits_compile(part, &err), "%s", cases[i].part);
        CHECK_TEXT(text_of(err.text), cases[i].says);
    }
}

TEST(a_stage_throttles_as_its_route_settings_say)
{
    struct error err = {0};
    struct limit_rate rate;
    scoped(json_decref) json_t *stage =
        parse("{\"defaultRouteSettings\":{\"throttlingRateLimit\":10.0,\"throttlingBurstLimit\":5},"
              "\"routeSettings\":{\"GET /a\":{\"throttlingRateLimit\":2.0},"
              "\"GET /closed\":{\"throttlingRateLimit\":0,\"throttlingBurstLimit\":0},"
              "\"GET /bad\":{\"throttlingBurstLimit\":\"x\"}}}");
    scoped(json_decref) json_t *huge =
        parse("{\"defaultRouteSettings\":{\"throttlingRateLimit\":1e300}}");
    scoped(json_decref) json_t *none = parse("{}");

    CHECK(limits_of_stage(stage, TEXT("GET /a"), &rate, &err) == 0);
    CHECK(rate.interval_ns == 500000000 && rate.depth_ns == 2000000000);
    CHECK(limits_of_stage(stage, TEXT("GET /other"), &rate, &err) == 0);
    CHECK(rate.interval_ns == 100000000 && rate.depth_ns == 400000000);
    CHECK(limits_of_stage(stage, TEXT("GET /closed"), &rate, &err) == 0);
    CHECK(rate.is_set && rate.interval_ns == 0);
    CHECK(limits_of_stage(stage, TEXT("GET /bad"), &rate, &err) < 0);
    CHECK(limits_of_stage(none, TEXT("GET /a"), &rate, &err) == 0 && !rate.is_set);
    CHECK(limits_of_stage(huge, TEXT("GET /a"), &rate, &err) == 0);
    CHECK(rate.is_set && rate.interval_ns == 100 && rate.depth_ns > 0);
}

TEST(a_usage_plan_has_a_throttle_and_a_quota)
{
    struct error err = {0};
    struct limit_rate rate;
    struct limit_quota quota;
    scoped(json_decref) json_t *plan =
        parse("{\"throttle\":{\"rateLimit\":4.0,\"burstLimit\":3},"
              "\"quota\":{\"limit\":10,\"offset\":0,\"period\":\"WEEK\"},"
              "\"bad\":{\"limit\":10,\"period\":\"YEAR\"}}");

    CHECK(limits_of_throttle(json_object_get(plan, "throttle"), &rate, &err) == 0);
    CHECK(rate.interval_ns == 250000000 && rate.depth_ns == 500000000);
    CHECK(limits_of_quota(json_object_get(plan, "quota"), &quota, &err) == 0);
    CHECK(quota.is_set && quota.limit == 10 && quota.period == LIMIT_WEEK);
    CHECK(limits_of_quota(json_object_get(plan, "bad"), &quota, &err) < 0);
    CHECK(limits_of_quota(NULL, &quota, &err) == 0 && !quota.is_set);
}

TEST(a_client_is_an_ipv4_address_or_a_network_of_ipv6)
{
    static const struct {
        int family;
        const char *address, *client;
    } cases[] = {
        {AF_INET, "192.0.2.7", "192.0.2.7"},
        {AF_INET6, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {AF_INET6, "::ffff:192.0.2.7", "192.0.2.7"},
        {AF_UNSPEC, NULL, "local"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sockaddr_storage peer = {.ss_family = (sa_family_t)cases[i].family};
        char out[LIMITS_CLIENT_BYTES];
        if (cases[i].family == AF_INET)
            inet_pton(AF_INET, cases[i].address, &((struct sockaddr_in *)&peer)->sin_addr);
        else if (cases[i].family == AF_INET6)
            inet_pton(AF_INET6, cases[i].address, &((struct sockaddr_in6 *)&peer)->sin6_addr);
        CHECK_TEXT(limits_client(&peer, out), cases[i].client);
    }
}
