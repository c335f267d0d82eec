/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "fixture.h"
#include "gateway/meter_rules.h"

#define NOW_US INT64_C(100000000)

static void add(struct meters *meters, int shard, const char *route, int status, int64_t us)
{
    const struct meter_entry entry = {.api = TEXT("a1"),
                                      .stage = TEXT("$default"),
                                      .route = text_of(route),
                                      .client = TEXT("192.0.2.7"),
                                      .status = status,
                                      .received_bytes = 3,
                                      .sent_bytes = 5,
                                      .us = us};

    meter_add(meters_of(meters, shard), &entry, NOW_US);
}

static json_t *read_json(struct meters *meters, int64_t mono_us)
{
    scoped(buffer_done) struct buffer out = {0};
    struct error err;

    meters_json(meters, mono_us, &out);
    json_t *json = json_parse(buffer_text(&out), &err);
    CHECK_MSG(json, "%s", err.text);
    return json;
}

static void check_has(const struct buffer *out, const char *line)
{
    CHECK_MSG(text_find_text(buffer_text(out), text_of(line)) < out->len, "%s: %s", line, out->at);
}

TEST(what_all_shards_counted_is_added_up)
{
    scoped(meters_free) struct meters *meters = meters_new(2);
    scoped(buffer_done) struct buffer out = {0};

    add(meters, 0, "GET /b", 200, 90);
    add(meters, 1, "GET /b", 201, 150);
    add(meters, 1, "GET /b", 429, 150);
    add(meters, 1, "GET /b", 502, 1 << 30);
    add(meters, 0, "GET /a\"", 0, 10);
    meters_metrics(meters, &out);
#define B "{api=\"a1\",stage=\"$default\",route=\"GET /b\""
    check_has(&out, "\nevoke_gateway_requests_total" B ",status=\"2xx\"} 2\n");
    check_has(&out, "\nevoke_gateway_requests_total" B ",status=\"4xx\"} 1\n");
    check_has(&out, "\nevoke_gateway_requests_total" B ",status=\"5xx\"} 1\n");
    check_has(&out, "\nevoke_gateway_throttled_total" B "} 1\n");
    check_has(&out, "\nevoke_gateway_received_bytes_total" B "} 12\n");
    check_has(&out, "\nevoke_gateway_sent_bytes_total" B "} 20\n");
    check_has(&out, "\nevoke_gateway_duration_seconds_bucket" B ",le=\"0.0001\"} 1\n");
    check_has(&out, "\nevoke_gateway_duration_seconds_bucket" B ",le=\"0.0002\"} 3\n");
    check_has(&out, "\nevoke_gateway_duration_seconds_bucket" B ",le=\"+Inf\"} 4\n");
    check_has(&out, "\nevoke_gateway_duration_seconds_count" B "} 4\n");
    check_has(&out, "route=\"GET /a\\\"\",status=\"gone\"} 1\n");
}

TEST(findings_of_the_firewall_are_counted_by_rule)
{
    scoped(meters_free) struct meters *meters = meters_new(2);
    scoped(buffer_done) struct buffer out = {0};
    int64_t rules[] = {942100, 949110}, many[2 * METER_RULES_MAX];
    struct meter_finding finding = {.api = TEXT("a1"),
                                    .stage = TEXT("$default"),
                                    .route = TEXT("GET /b"),
                                    .was_blocked = true,
                                    .rules = rules,
                                    .rule_count = 2};

    add(meters, 0, "GET /b", 403, 90);
    meter_add_finding(meters_of(meters, 0), &finding);
    finding.was_blocked = false;
    finding.would_block = true;
    meter_add_finding(meters_of(meters, 1), &finding);
    meters_metrics(meters, &out);
    check_has(&out, "\nevoke_gateway_firewall_blocked_total" B "} 1\n");
    check_has(&out, "\nevoke_gateway_firewall_would_block_total" B "} 1\n");
    check_has(&out, "\nevoke_gateway_firewall_matches_total" B ",rule=\"942100\"} 2\n");

    for (size_t i = 0; i < COUNT_OF(many); i++)
        many[i] = 1000 + (int64_t)i;
    finding.rules = many;
    finding.rule_count = COUNT_OF(many);
    meter_add_finding(meters_of(meters, 0), &finding);
    buffer_clear(&out);
    meters_metrics(meters, &out);
    check_has(&out, ",rule=\"others\"} 34\n"); /* two places were taken */
    scoped(json_decref) json_t *json = read_json(meters, NOW_US);
    const json_t *route = json_array_get(json_object_get(json, "routes"), 0);
    CHECK(json_int(route, "blocked", 0) == 1 && json_int(route, "wouldBlock", 0) == 2);
    CHECK(json_array_size(json_object_get(route, "rules")) == METER_RULES_MAX + 1);
}

TEST(routes_beyond_the_limit_are_counted_together)
{
    scoped(meters_free) struct meters *meters = meters_new(2);
    int64_t requests = 0;
    const json_t *route;
    size_t index;

    for (int i = 0; i < 2 * METER_ROUTES_MAX; i++) {
        char name[24];
        snprintf(name, sizeof name, "GET /%d", i);
        add(meters, 0, name, 200, 1);
        snprintf(name, sizeof name, "PUT /%d", i);
        add(meters, 1, name, 200, 1);
    }
    scoped(json_decref) json_t *json = read_json(meters, NOW_US);
    const json_t *routes = json_object_get(json, "routes");
    CHECK(json_array_size(routes) <= METER_ROUTES_MAX + 1);
    json_array_foreach(routes, index, route) requests += json_int(route, "requests", 0);
    CHECK(requests == 4 * METER_ROUTES_MAX);
    CHECK_TEXT(json_text(json_array_get(routes, 0), "route"), "other routes");
}

TEST(those_who_ask_most_are_known_among_many)
{
    scoped(meters_free) struct meters *meters = meters_new(1);

    for (int i = 0; i < 3000; i++) {
        char address[24];
        snprintf(address, sizeof address, "10.0.%d.%d", i >> 8, i & 255);
        const struct meter_entry entry = {
            .route = METER_NO_ROUTE, .client = text_of(address), .status = 404};
        meter_add(meters_of(meters, 0), &entry, NOW_US);
        add(meters, 0, "GET /", 200, 1);
    }
    scoped(json_decref) json_t *json = read_json(meters, NOW_US);
    const json_t *first = json_array_get(json_object_get(json, "clients"), 0);
    CHECK_TEXT(json_text(first, "address"), "192.0.2.7");
    CHECK(json_int(first, "requests", 0) >= 3000);
    scoped(json_decref) json_t *later = read_json(meters, NOW_US + 20000000);
    CHECK(json_array_size(json_object_get(later, "clients")) == 0);
}
