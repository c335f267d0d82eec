/* SPDX-License-Identifier: Apache-2.0 */
#include "api/scheduler_priv.h"

#include "base/clock.h"
#include "base/json.h"
#include "http/uri.h"

/* TagResource, UntagResource, ListTagsForResource: groups have tags, schedules have none. */

static bool read_tag(struct call *call, const json_t *tag, json_t *tags)
{
    struct text key = json_text(tag, "Key"), value = json_text(tag, "Value");

    if (text_contains(key, '\0')) {
        call_fail(call, "ValidationException", "A tag's Key has no NUL character.");
        return false;
    }
    json_object_setn_new(tags, key.at, key.len, json_from_text(value));
    return true;
}

bool scheduler_read_tags(struct call *call, json_t *tags)
{
    const json_t *list = json_object_get(call->input, "Tags");
    size_t index;
    json_t *tag;

    json_array_foreach(list, index, tag)
    {
        if (!read_tag(call, tag, tags))
            return false;
    }
    if (json_object_size(tags) <= LIMIT_TAGS)
        return true;
    call_fail(call, "ServiceQuotaExceededException", "A resource has at most %d tags.", LIMIT_TAGS);
    return false;
}

/* The group an ARN names, and its key. NULL: answered. */
static const json_t *find_resource(struct call *call, struct text *ret_key)
{
    struct text arn = call->path_values[0];
    struct text prefix = scheduler_arn(call, "schedule-group", TEXT(""));
    struct text name = text_starts(arn, prefix) ? text_skip(arn, prefix.len) : TEXT_NONE;

    if (!scheduler_is_name(name)) {
        call_fail(call, "ValidationException", "%.*s is not the ARN of a schedule group.",
                  TEXT_ARG(arn));
        return NULL;
    }
    *ret_key = scheduler_group_key(call, name);
    const json_t *group = schedules_find_group(call->api->schedules, *ret_key);
    if (!group)
        scheduler_fail_group(call, name);
    return group;
}

/* A copy whose tags may change. */
static json_t *edit(const json_t *group)
{
    json_t *copy = json_deep_copy(group);

    json_object_set_new(copy, "LastModificationDate", json_real((double)clock_now_ms() / 1000));
    return copy;
}

static void tag_resource(struct call *call)
{
    struct text key;
    const json_t *group = find_resource(call, &key);

    if (!group)
        return;
    scoped(json_decref) json_t *changed = edit(group);
    if (!scheduler_read_tags(call, json_object_get(changed, "Tags")))
        return;
    schedules_put_group(call->api->schedules, key, take(changed),
                        scheduler_change(call, scheduler_reply_empty));
}

static void untag_resource(struct call *call)
{
    struct text rest = call->query, name, value, tag, key;
    const json_t *group = find_resource(call, &key);

    if (!group)
        return;
    json_t *changed = edit(group);
    while (uri_query_next(&rest, &name, &value))
        if (text_equal(name, TEXT("TagKeys")) && uri_decode(&call->arena, value, true, &tag))
            json_object_deln(json_object_get(changed, "Tags"), tag.at, tag.len);
    schedules_put_group(call->api->schedules, key, changed,
                        scheduler_change(call, scheduler_reply_empty));
}

static void list_tags(struct call *call)
{
    struct text group_key;
    const json_t *group = find_resource(call, &group_key);
    struct writer writer = call_writer(call);
    const char *key;
    json_t *value;

    if (!group)
        return;
    write_open(&writer, NULL, '{');
    write_open(&writer, "Tags", '[');
    json_object_foreach(json_object_get(group, "Tags"), key, value)
    {
        write_open(&writer, NULL, '{');
        write_string(&writer, "Key", key);
        write_text(&writer, "Value", json_text(json_object_get(group, "Tags"), key));
        write_close(&writer, '}');
    }
    write_close(&writer, ']');
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* clang-format off */
#define ROW_ARN {PARAM_PATH, PARAM_STRING, "ResourceArn", "resourceArn", true, 1, 1011, \
                 .pattern = "^arn:aws(-[a-z]+)?:scheduler:[a-z0-9\\-]+:\\d{12}:schedule-group\\/[0-9a-zA-Z-_.]+$", \
                 .matches = scheduler_is_group_arn}

static const struct param tag_members[] = {
    {PARAM_BODY, PARAM_STRING, "Key", "key", true, 1, 128},
    {PARAM_BODY, PARAM_STRING, "Value", "value", true, 1, 256},
    {0},
};
const struct param scheduler_tag_row = {PARAM_BODY, PARAM_OBJECT, "", "", .members = tag_members, .java_name = "Tag"};

static const struct param list_params[] = {ROW_ARN, {0}};
static const struct param tag_params[] = {
    ROW_ARN,
    {PARAM_BODY, PARAM_LIST, "Tags", "tags", true, 0, SCHEDULER_TAGS_MAX, .members = &scheduler_tag_row},
    {0},
};
static const struct param untag_params[] = {
    {PARAM_QUERY, PARAM_STRING, "TagKeys", "tagKeys", true},
    ROW_ARN,
    {0},
};

const struct action scheduler_tag_actions[] = {
    {"TagResource", SCHEDULER, METHOD_POST, "/tags/{ResourceArn}", BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, tag_params, tag_resource, NULL},
    {"UntagResource", SCHEDULER, METHOD_DELETE, "/tags/{ResourceArn}", BODY_NONE, 0,
     ACCESS_SIGNED, PLACE_CONTROL, untag_params, untag_resource, NULL},
    {"ListTagsForResource", SCHEDULER, METHOD_GET, "/tags/{ResourceArn}", BODY_NONE, 0,
     ACCESS_SIGNED, PLACE_CONTROL, list_params, list_tags, NULL},
    {0},
};
/* clang-format on */
