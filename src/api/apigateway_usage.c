/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_patch.h"
#include "api/apigateway_priv.h"
#include "base/civil.h"
#include "base/clock.h"
#include "base/mem.h"
#include "guard/api_key.h"
#include "guard/limits.h"
#include "guard/usage.h"

/*
 * GetUsage: for each key of a plan and each day what was used, and what was left of the quota.
 * UpdateUsage: what is left to one key until the period ends, more or less than the plan gives. It
 * is kept as the key's limit of that period, {"period", "day", "limit"}, beside the key's name in
 * the plan.
 */

#define PAGE 25 /* AWS's */
#define RANGE_DAYS_MAX 366
#define REMAINING_MAX 2147483647
#define UNLIMITED (-1) /* left, without a quota */

struct asking {
    struct usages_wait wait;
    struct call *call;
    int64_t first, last; /* days */
    int64_t remaining;   /* UpdateUsage */
};

/* --- what is asked --- */

static bool read_day(struct call *call, const char *name, int64_t *ret)
{
    struct text date = call_query(call, name);
    const char *midnight = arena_format(&call->arena, "%.*sT00:00:00", TEXT_ARG(date));
    struct civil civil;

    if (!civil_parse(text_of(midnight), &civil)) {
        apigateway_fail(call, "Invalid %s '%.*s': it is a date such as 2026-01-31", name,
                        TEXT_ARG(date));
        return false;
    }
    *ret = civil_days(civil.year, civil.month, civil.day);
    return true;
}

static bool read_range(struct call *call, struct asking *asking)
{
    if (!read_day(call, "startDate", &asking->first) || !read_day(call, "endDate", &asking->last))
        return false;
    if (asking->first <= asking->last && asking->last - asking->first < RANGE_DAYS_MAX)
        return true;
    apigateway_fail(call, "Invalid range: endDate is not before startDate, and less than a year "
                          "behind it");
    return false;
}

/* --- what is told --- */

static int64_t period_start(struct text period, int64_t day)
{
    struct civil civil;

    civil_set(&civil, day * CIVIL_DAY_S);
    if (text_equal(period, TEXT("MONTH")))
        return civil_days(civil.year, civil.month, 1);
    return text_equal(period, TEXT("WEEK")) ? day - civil.weekday : day;
}

static int64_t limit_of(const json_t *quota, const json_t *extension, int64_t day)
{
    struct text period = json_text(quota, "period");
    bool is_extended = json_is_object(extension) && quota &&
                       text_equal(json_text(extension, "period"), period) &&
                       json_int(extension, "day", -1) == period_start(period, day);

    return json_int(is_extended ? extension : quota, "limit", 0);
}

static void write_days(const struct asking *asking, const json_t *plan, const json_t *extension,
                       struct text key, struct writer *writer)
{
    const struct usages *usages = apigateway_usages(asking->call->api->apigateway);
    const json_t *quota = json_object_get(plan, "quota");
    struct text period = json_text(quota, "period");
    int64_t used_up = 0;

    for (int64_t day = period_start(period, asking->first); day <= asking->last; day++) {
        int64_t used = usages_find(usages, json_text(plan, "id"), key, day);
        int64_t limit = limit_of(quota, extension, day);
        used_up = (day == period_start(period, day) ? 0 : used_up) + used;
        if (day < asking->first)
            continue;
        write_open(writer, NULL, '[');
        write_int(writer, NULL, used);
        write_int(writer, NULL, limit == 0 ? UNLIMITED : used_up < limit ? limit - used_up : 0);
        write_close(writer, ']');
    }
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of the plan behind the position, sorted; the caller frees the list. */
static const char **list_keys(struct call *call, const json_t *document, size_t *ret_count)
{
    struct text position = call_query(call, "position"), only = call_query(call, "keyId");
    const json_t *keys = json_object_get(document, "keys");
    const char **ids = mem_zalloc((json_object_size(keys) + 1) * sizeof *ids), *id;
    json_t *value;

    *ret_count = 0;
    json_object_foreach((json_t *)(uintptr_t)keys, id, value)
    {
        if (text_is_set(only) ? text_equal(text_of(id), only)
                              : text_compare(text_of(id), position) > 0)
            ids[(*ret_count)++] = id;
    }
    qsort(ids, *ret_count, sizeof *ids, compare_ids);
    return ids;
}

static void write_usage(const struct asking *asking, const json_t *document)
{
    struct call *call = asking->call;
    const json_t *plan = json_object_get(document, "plan");
    struct writer writer = call_writer(call);
    size_t count, max = (size_t)call_query_int(call, "limit", PAGE);
    scoped(free) const char **ids = list_keys(call, document, &count);

    write_open(&writer, NULL, '{');
    write_text(&writer, "usagePlanId", json_text(plan, "id"));
    write_text(&writer, "startDate", call_query(call, "startDate"));
    write_text(&writer, "endDate", call_query(call, "endDate"));
    write_open(&writer, "values", '{');
    for (size_t i = 0; i < count && i < max; i++) {
        write_open(&writer, ids[i], '[');
        write_days(asking, plan, apigateway_part(document, "keys", text_of(ids[i])),
                   text_of(ids[i]), &writer);
        write_close(&writer, ']');
    }
    write_close(&writer, '}');
    if (count > max)
        write_string(&writer, "position", ids[max - 1]);
    write_close(&writer, '}');
}

/* NULL: answered. */
static const json_t *find_plan(struct call *call)
{
    const json_t *document = apigateway_find(call, APIGATEWAY_PLAN, call->path_values[0]);

    if (!document)
        call_fail(call, "NotFoundException", "Invalid Usage Plan ID specified");
    return document;
}

static void on_collected(struct usages_wait *wait)
{
    struct asking *asking = container_of(wait, struct asking, wait);
    const json_t *document = find_plan(asking->call);

    if (!document)
        return;
    write_usage(asking, document);
    call_reply(asking->call, 200);
}

static void get_usage(struct call *call)
{
    struct asking *asking = arena_zalloc(&call->arena, sizeof *asking);

    if (!find_plan(call) || !read_range(call, asking))
        return;
    asking->call = call;
    asking->wait.done = on_collected;
    usages_collect(apigateway_usages(call->api->apigateway), &asking->wait);
}

/* --- UpdateUsage --- */

/* What the key may until the period ends, so that so much remains. NULL: answered. */
static json_t *make_extension(struct call *call, const json_t *plan, int64_t remaining)
{
    const struct limit_table *table = apigateway_limits(call->api->apigateway);
    const json_t *quota = json_object_get(plan, "quota");
    int64_t now_ms = clock_now_ms();
    struct limit_quota limit;
    struct error err;

    if (limits_of_quota(quota, &limit, &err) < 0 || !limit.is_set) {
        apigateway_fail(call, "The usage plan %.*s has no quota of which something could remain",
                        TEXT_ARG(json_text(plan, "id")));
        return NULL;
    }
    struct text counted =
        api_key_counted(&call->arena, json_text(plan, "id"), call->path_values[1]);
    int64_t used = table ? limit_used(table, LIMIT_OF_KEY, counted, &limit, now_ms) : 0;
    return json_pack("{s:O,s:I,s:I}", "period", json_object_get(quota, "period"), "day",
                     (json_int_t)limit_period_day(limit.period, now_ms), "limit",
                     (json_int_t)(used + remaining));
}

static void write_day(struct writer *writer, const char *name, int64_t day)
{
    struct civil civil;
    char text[16];

    civil_set(&civil, day * CIVIL_DAY_S);
    snprintf(text, sizeof text, "%04d-%02d-%02d", civil.year, civil.month, civil.day);
    write_string(writer, name, text);
}

static void on_collected_update(struct usages_wait *wait)
{
    struct asking *asking = container_of(wait, struct asking, wait);
    struct call *call = asking->call;
    struct text id = call->path_values[1];
    struct writer writer = call_writer(call);
    const json_t *document;

    if (!apigateway_find_plan_key(call, &document))
        return;
    const json_t *plan = json_object_get(document, "plan");
    json_t *extension = make_extension(call, plan, asking->remaining);
    if (!extension)
        return;
    write_open(&writer, NULL, '{');
    write_text(&writer, "usagePlanId", json_text(plan, "id"));
    write_day(&writer, "startDate", asking->first);
    write_day(&writer, "endDate", asking->last);
    write_open(&writer, "values", '{');
    write_open(&writer, arena_string(&call->arena, id), '[');
    write_days(asking, plan, extension, id, &writer);
    write_close(&writer, ']');
    write_close(&writer, '}');
    write_close(&writer, '}');
    json_t *keys = json_copy(json_object_get(document, "keys"));
    json_object_setn_new(keys, id.at, id.len, extension);
    apigateway_save_plan(call, document, "keys", keys, 200);
}

static void update_usage(struct call *call)
{
    static const struct apigateway_patch patches[] = {{"/remaining", PATCH_INT}, {0}};
    scoped(json_decref) json_t *patched = json_object();
    struct asking *asking = arena_zalloc(&call->arena, sizeof *asking);
    const json_t *document;

    if (!apigateway_find_plan_key(call, &document) ||
        apigateway_patch_apply(call, patches, patched, NULL) < 0)
        return;
    asking->remaining = json_int(patched, "remaining", -1);
    if (asking->remaining < 0 || asking->remaining > REMAINING_MAX) {
        apigateway_fail(call, "UpdateUsage replaces /remaining by a number of requests, 0 to %d",
                        REMAINING_MAX);
        return;
    }
    asking->call = call;
    asking->first = asking->last = clock_now_ms() / 1000 / CIVIL_DAY_S;
    asking->wait.done = on_collected_update;
    usages_collect(apigateway_usages(call->api->apigateway), &asking->wait);
}

/* clang-format off */
static const struct param params[] = {
    {PARAM_QUERY, PARAM_STRING, "startDate", "startDate", .required = true},
    {PARAM_QUERY, PARAM_STRING, "endDate", "endDate", .required = true},
    {PARAM_QUERY, PARAM_INT, "limit", "limit", false, 1, APIGATEWAY_PAGE_MAX}, {0}};

const struct action apigateway_usage_actions[] = {
    APIGATEWAY_GET("GetUsage", "/usageplans/{usageplanId}/usage", params, get_usage),
    APIGATEWAY_PATCH("UpdateUsage", "/usageplans/{usageplanId}/keys/{keyId}/usage",
                     apigateway_patch_params, update_usage),
    {0},
};
/* clang-format on */
