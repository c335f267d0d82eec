/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"
#include "base/civil.h"
#include "base/mem.h"
#include "guard/usage.h"

/* GetUsage: for each key of a plan and each day what was used, and what was left of the quota. */

#define PAGE 25 /* AWS's */
#define RANGE_DAYS_MAX 366
#define UNLIMITED (-1) /* left, without a quota */

struct asking {
    struct usages_wait wait;
    struct call *call;
    int64_t first, last; /* days */
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

static void write_days(const struct asking *asking, struct text plan, const json_t *quota,
                       struct text key, struct writer *writer)
{
    const struct usages *usages = apigateway_usages(asking->call->api->apigateway);
    struct text period = json_text(quota, "period");
    int64_t limit = json_int(quota, "limit", 0), used_up = 0;

    for (int64_t day = period_start(period, asking->first); day <= asking->last; day++) {
        int64_t used = usages_find(usages, plan, key, day);
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
        write_days(asking, json_text(plan, "id"), json_object_get(plan, "quota"), text_of(ids[i]),
                   &writer);
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

/* clang-format off */
static const struct param params[] = {
    {PARAM_QUERY, PARAM_STRING, "startDate", "startDate", .required = true},
    {PARAM_QUERY, PARAM_STRING, "endDate", "endDate", .required = true},
    {PARAM_QUERY, PARAM_INT, "limit", "limit", false, 1, APIGATEWAY_PAGE_MAX}, {0}};

const struct action apigateway_usage_actions[] = {
    APIGATEWAY_GET("GetUsage", "/usageplans/{usageplanId}/usage", params, get_usage),
    {0},
};
/* clang-format on */
