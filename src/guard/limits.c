/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/limits.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "guard/fields.h"

#define COUNT_MAX INT64_C(1000000000000)
#define BYTES_MAX (INT64_C(1) << 30)
#define TIME_MAX_S 900

static int read_rate(const json_t *part, const char *at, struct limit_rate *ret, struct error *err)
{
    double rate = 0;
    int64_t burst = 0;

    if (!json_object_get(part, "rate")) {
        if (json_object_get(part, "burst"))
            return error_set(err, ERROR_INVALID, "%s.burst needs %s.rate beside it", at, at);
        return 0;
    }
    if (fields_number(part, at, "rate", 0, LIMIT_RATE_MAX, &rate, err) < 0)
        return -1;
    burst = (int64_t)ceil(rate);
    if (burst == 0 && rate > 0)
        burst = 1;
    if (fields_int(part, at, "burst", 0, LIMIT_BURST_MAX, &burst, err) < 0)
        return -1;
    *ret = limit_rate_of(rate, burst);
    return 0;
}

static int read_each(const json_t *part, const char *at, struct limits_each *ret, struct error *err)
{
    if (read_rate(part, at, &ret->rate, err) < 0)
        return -1;
    if (!json_object_get(part, "daily"))
        return 0;
    ret->daily = (struct limit_quota){.is_set = true, .period = LIMIT_DAY};
    return fields_int(part, at, "daily", 0, COUNT_MAX, &ret->daily.limit, err);
}

static int read_member(const json_t *part, const char *name, const char *at,
                       struct limits_each *ret, struct error *err)
{
    static const char *const names[] = {"rate", "burst", "daily", NULL};
    const json_t *member = json_object_get(part, name);

    if (!member)
        return 0;
    if (fields_check(member, at, names, err) < 0)
        return -1;
    return read_each(member, at, ret, err);
}

static int read_sizes(const json_t *part, struct limits *limits, struct error *err)
{
    double time_s = 0;

    if (fields_int(part, "limits", "concurrency", 1, 1000000, &limits->concurrency, err) < 0 ||
        fields_int(part, "limits", "body", 1, BYTES_MAX, &limits->body_bytes, err) < 0 ||
        fields_int(part, "limits", "headers", 1, BYTES_MAX, &limits->header_bytes, err) < 0 ||
        fields_int(part, "limits", "url", 1, BYTES_MAX, &limits->url_bytes, err) < 0 ||
        fields_number(part, "limits", "time", 0.001, TIME_MAX_S, &time_s, err) < 0)
        return -1;
    limits->time_ms = (int64_t)(time_s * 1000 + 0.5);
    return 0;
}

struct limits *limits_compile(const json_t *part, struct error *err)
{
    static const char *const names[] = {"rate", "burst",   "daily", "client", "key", "concurrency",
                                        "body", "headers", "url",   "time",   NULL};
    scoped(limits_free) struct limits *limits = mem_new(struct limits);

    if (fields_check(part, "limits", names, err) < 0 ||
        read_each(part, "limits", &limits->route, err) < 0 ||
        read_member(part, "client", "limits.client", &limits->client, err) < 0 ||
        read_member(part, "key", "limits.key", &limits->key, err) < 0 ||
        read_sizes(part, limits, err) < 0)
        return NULL;
    return take(limits);
}

void limits_free(struct limits *limits)
{
    free(limits);
}

/* --- AWS's shapes --- */

static const json_t *member_of_either(const json_t *first, const json_t *second, const char *name)
{
    const json_t *member = json_object_get(first, name);

    if (!member || json_is_null(member))
        member = json_object_get(second, name);
    return json_is_null(member) ? NULL : member;
}

static int read_pair(const json_t *rate, const json_t *burst, struct limit_rate *ret,
                     struct error *err)
{
    *ret = (struct limit_rate){0};
    if (!rate && !burst)
        return 0;
    if ((rate && !json_is_number(rate)) || (burst && !json_is_integer(burst)))
        return error_set(err, ERROR_INVALID, "a throttle's rate and burst limits are numbers");
    if ((rate && json_number_value(rate) < 0) || (burst && json_integer_value(burst) < 0))
        return error_set(err, ERROR_INVALID, "a throttle's rate and burst limits are not negative");
    double per_second = rate ? json_number_value(rate) : LIMIT_RATE_MAX;
    double whole = ceil(per_second < LIMIT_RATE_MAX ? per_second : LIMIT_RATE_MAX);
    *ret = limit_rate_of(per_second, burst ? json_integer_value(burst) : (int64_t)whole);
    return 0;
}

int limits_of_stage(const json_t *stage, struct text route_key, struct limit_rate *ret,
                    struct error *err)
{
    const json_t *routes = json_object_get(stage, "routeSettings");
    const json_t *settings =
        json_object_getn(routes, route_key.at ? route_key.at : "", route_key.len);
    const json_t *defaults = json_object_get(stage, "defaultRouteSettings");

    return read_pair(member_of_either(settings, defaults, "throttlingRateLimit"),
                     member_of_either(settings, defaults, "throttlingBurstLimit"), ret, err);
}

int limits_of_throttle(const json_t *throttle, struct limit_rate *ret, struct error *err)
{
    return read_pair(member_of_either(throttle, NULL, "rateLimit"),
                     member_of_either(throttle, NULL, "burstLimit"), ret, err);
}

int limits_of_quota(const json_t *quota, struct limit_quota *ret, struct error *err)
{
    static const struct {
        const char *name;
        enum limit_period period;
    } periods[] = {{"DAY", LIMIT_DAY}, {"WEEK", LIMIT_WEEK}, {"MONTH", LIMIT_MONTH}};
    struct text name = json_text(quota, "period");

    *ret = (struct limit_quota){0};
    if (!quota || json_is_null(quota) || json_int(quota, "limit", 0) <= 0)
        return 0;
    for (size_t i = 0; i < COUNT_OF(periods); i++)
        if (text_equal(name, text_of(periods[i].name))) {
            *ret = (struct limit_quota){true, json_int(quota, "limit", 0), periods[i].period};
            return 0;
        }
    return error_set(err, ERROR_INVALID, "a quota's period is DAY, WEEK or MONTH");
}

/* --- clients --- */

struct text limits_client(const struct sockaddr_storage *peer, char out[static LIMITS_CLIENT_BYTES])
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
    char address[INET6_ADDRSTRLEN] = "local";

    if (peer->ss_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, address, sizeof address);
    } else if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, address, sizeof address);
    } else if (peer->ss_family == AF_INET6) {
        struct in6_addr network = six->sin6_addr;
        memset(network.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, &network, address, sizeof address);
    }
    int len = snprintf(out, LIMITS_CLIENT_BYTES, "%s", address);
    return text_from(out, (size_t)len);
}
