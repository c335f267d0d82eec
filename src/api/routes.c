/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_priv.h"

#include "http/uri.h"

/* All tables, in the order they are searched: what is called most comes first. */
static const struct action *const tables[] = {
    lambda_invoke_actions,
    lambda_function_actions,
    lambda_code_actions,
    lambda_version_actions,
    lambda_url_actions,
    lambda_permission_actions,
    lambda_tag_actions,
    lambda_event_invoke_actions,
    lambda_concurrency_actions,
    logs_actions,
    sts_actions,
    admin_actions,
    lambda_unserved_actions,
};

const struct action *routes_next(const struct action *action)
{
    size_t table = 0;

    if (action && action[1].name)
        return action + 1;
    for (size_t i = 0; action && i < COUNT_OF(tables); i++)
        for (const struct action *a = tables[i]; a->name; a++)
            if (a == action)
                table = i + 1;
    return table < COUNT_OF(tables) ? tables[table] : NULL;
}

/* Segment by segment; a segment in braces takes any value that is not empty. */
static bool matches(const char *pattern, struct text path, struct text values[API_PATH_VALUES])
{
    struct text rest = text_of(pattern), want, have;
    size_t count = 0;

    while (uri_segment_next(&rest, &want)) {
        if (!uri_segment_next(&path, &have))
            return false;
        if (!text_starts(want, TEXT("{"))) {
            if (!text_equal(want, have))
                return false;
        } else if (have.len > 0 && count < API_PATH_VALUES) {
            values[count++] = have;
        } else {
            return false;
        }
    }
    /* "/functions/" is "/functions": older models have the one, newer the other. */
    return !uri_segment_next(&path, &have) || (have.len == 0 && !uri_segment_next(&path, &have));
}

static bool decode_values(struct call *call)
{
    for (size_t i = 0; i < API_PATH_VALUES; i++)
        if (text_is_set(call->path_values[i]) &&
            !uri_decode(&call->arena, call->path_values[i], false, &call->path_values[i]))
            return false;
    return true;
}

const struct action *routes_find_path(struct call *call, enum http_method method)
{
    for (const struct action *action = routes_next(NULL); action; action = routes_next(action)) {
        struct text values[API_PATH_VALUES] = {{0}};
        if (!action->path || action->method != method || !matches(action->path, call->path, values))
            continue;
        memcpy(call->path_values, values, sizeof values);
        return decode_values(call) ? action : NULL;
    }
    return NULL;
}

const struct action *routes_find_target(struct text target)
{
    if (!text_starts(target, TEXT("Logs_20140328.")))
        return NULL;
    struct text name = text_skip(target, sizeof "Logs_20140328." - 1);
    for (const struct action *action = logs_actions; action->name; action++)
        if (text_equal(text_of(action->name), name))
            return action;
    return NULL;
}

const struct action *routes_find_query(struct text name)
{
    for (const struct action *action = sts_actions; action->name; action++)
        if (text_equal(text_of(action->name), name))
            return action;
    return NULL;
}
