/* SPDX-License-Identifier: Apache-2.0 */
#include "api/scheduler_priv.h"

#include "base/json.h"

/* CreateScheduleGroup, GetScheduleGroup, DeleteScheduleGroup, ListScheduleGroups. */

static void reply_created(struct call *call)
{
    scheduler_reply_arn(call, "ScheduleGroupArn",
                        scheduler_arn(call, "schedule-group", call->path_values[0]));
}

/* The same request again, by its token, is answered like the first. */
static void reply_existing(struct call *call, const json_t *group)
{
    struct text token = call_input(call, "ClientToken");

    if (text_is_set(token) && text_equal(token, json_text(group, "Token")))
        reply_created(call);
    else
        call_fail(call, "ConflictException", "Schedule group %.*s already exists.",
                  TEXT_ARG(call->path_values[0]));
}

static void create_group(struct call *call)
{
    struct schedules *schedules = call->api->schedules;
    struct text name = call->path_values[0], key = scheduler_group_key(call, name);
    const json_t *existing = schedules_find_group(schedules, key);

    if (existing) {
        reply_existing(call, existing);
        return;
    }
    scoped(json_decref) json_t *group = schedules_new_group(schedules, name);
    if (!scheduler_read_tags(call, json_object_get(group, "Tags")))
        return;
    if (text_is_set(call_input(call, "ClientToken")))
        json_object_set_new(group, "Token", json_from_text(call_input(call, "ClientToken")));
    schedules_put_group(schedules, key, take(group), scheduler_change(call, reply_created));
}

static void write_group(struct writer *writer, const json_t *group)
{
    static const char *const members[] = {"Arn", "CreationDate", "LastModificationDate", "Name",
                                          "State"};

    write_open(writer, NULL, '{');
    for (size_t i = 0; i < COUNT_OF(members); i++)
        scheduler_write_member(writer, group, members[i]);
    write_close(writer, '}');
}

static void get_group(struct call *call)
{
    struct text name = call->path_values[0];
    const json_t *group =
        schedules_find_group(call->api->schedules, scheduler_group_key(call, name));
    struct writer writer = call_writer(call);

    if (!group) {
        scheduler_fail_group(call, name);
        return;
    }
    write_group(&writer, group);
    call_reply(call, 200);
}

static void delete_group(struct call *call)
{
    struct schedules *schedules = call->api->schedules;
    struct text name = call->path_values[0], key = scheduler_group_key(call, name);

    if (text_equal(name, TEXT(SCHEDULE_GROUP_DEFAULT)))
        call_fail(call, "ValidationException", "The default schedule group cannot be deleted.");
    else if (!schedules_find_group(schedules, key))
        scheduler_fail_group(call, name);
    else if (!schedules_has_group(schedules, key))
        scheduler_reply_empty(call); /* it is on its way already */
    else
        schedules_delete_group(schedules, key, scheduler_change(call, scheduler_reply_empty));
}

static bool add_group(void *arg, struct text key, const json_t *group)
{
    struct scheduler_page *page = arg;

    if (!scheduler_page_has_room(page, key))
        return false;
    write_group(&page->writer, group);
    return true;
}

static void list_groups(struct call *call)
{
    struct text prefix = call_query(call, "NamePrefix");
    struct scheduler_page page;

    if (!scheduler_page_begin(&page, call, "ScheduleGroups"))
        return;
    schedules_each_group(call->api->schedules,
                         scheduler_group_key(call, text_is_set(prefix) ? prefix : TEXT("")),
                         page.after, add_group, &page);
    scheduler_page_end(&page);
}

/* clang-format off */
#define NAME_PATTERN .pattern = "^[0-9a-zA-Z-_.]+$", .matches = scheduler_is_name
#define TOKEN_PATTERN .pattern = "^[a-zA-Z0-9-_]+$", .matches = scheduler_is_token
#define ROW_NAME {PARAM_PATH, PARAM_STRING, "Name", "name", true, 1, SCHEDULER_NAME_MAX, NAME_PATTERN}

static const struct param create_params[] = {
    ROW_NAME,
    {PARAM_BODY, PARAM_LIST, "Tags", "tags", false, 0, SCHEDULER_TAGS_MAX, .members = &scheduler_tag_row},
    {PARAM_BODY, PARAM_STRING, "ClientToken", "clientToken", false, 1, 64, TOKEN_PATTERN},
    {0},
};
static const struct param get_params[] = {ROW_NAME, {0}};
static const struct param delete_params[] = {
    {PARAM_QUERY, PARAM_STRING, "clientToken", "clientToken", false, 1, 64, TOKEN_PATTERN},
    ROW_NAME,
    {0},
};
static const struct param list_params[] = {
    {PARAM_QUERY, PARAM_INT, "MaxResults", "maxResults", false, 1, SCHEDULER_PAGE_MAX},
    {PARAM_QUERY, PARAM_STRING, "NamePrefix", "namePrefix", false, 1, SCHEDULER_NAME_MAX,
     NAME_PATTERN},
    {PARAM_QUERY, PARAM_STRING, "NextToken", "nextToken", false, 1, 2048},
    {0},
};

#define REST ACCESS_SIGNED, PLACE_CONTROL
const struct action scheduler_group_actions[] = {
    {"CreateScheduleGroup", SCHEDULER, METHOD_POST, "/schedule-groups/{Name}", BODY_JSON,
     API_JSON_MAX, REST, create_params, create_group, NULL},
    {"GetScheduleGroup", SCHEDULER, METHOD_GET, "/schedule-groups/{Name}", BODY_NONE, 0, REST,
     get_params, get_group, NULL},
    {"DeleteScheduleGroup", SCHEDULER, METHOD_DELETE, "/schedule-groups/{Name}", BODY_NONE, 0,
     REST, delete_params, delete_group, NULL},
    {"ListScheduleGroups", SCHEDULER, METHOD_GET, "/schedule-groups", BODY_NONE, 0, REST,
     list_params, list_groups, NULL},
    {0},
};
/* clang-format on */
