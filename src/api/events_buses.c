/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

/* CreateEventBus, DescribeEventBus, ListEventBuses, UpdateEventBus, DeleteEventBus. */

/* What a request may say of a bus besides its name, and answers repeat. */
static const char *const told[] = {"Description", "KmsKeyIdentifier", "DeadLetterConfig",
                                   "LogConfig", NULL};
static const char *const times[] = {"CreationTime", "LastModifiedTime", NULL};

static void write_head(struct call *call, struct writer *writer, const json_t *bus)
{
    struct text name = json_text(bus, "Name");

    write_string(writer, "Arn", events_arn(call, "event-bus", name));
    write_text(writer, "Name", name);
}

static void write_bus(struct call *call, struct writer *writer, const json_t *bus)
{
    static const char *const description[] = {"Description", NULL};
    const json_t *policy = json_object_get(bus, "Policy");

    write_head(call, writer, bus);
    events_write_members(writer, bus, description);
    if (policy) {
        scoped(free) char *text = json_write(policy);
        write_string(writer, "Policy", text);
    }
    events_write_members(writer, bus, times);
}

/* --- CreateEventBus --- */

static void reply_created(struct call *call)
{
    struct text name = call_input(call, "Name");
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    write_string(&writer, "EventBusArn", events_arn(call, "event-bus", name));
    events_write_members(&writer, call->input, told);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static bool may_create(struct call *call, struct text name)
{
    const struct registry *buses = buses_registry(call->api->buses, BUSES_BUS);

    if (text_is_set(call_input(call, "EventSourceName")) || text_contains(name, '/')) {
        events_fail_invalid(call, "Partner event buses are not served by Evoke: a bus of one's own "
                                  "has no '/' in its name.");
        return false;
    }
    if (registry_find(buses, events_key(call, name))) {
        call_fail(call, "ResourceAlreadyExistsException", "Event bus %.*s already exists.",
                  TEXT_ARG(name));
        return false;
    }
    if (registry_count(buses) >= LIMIT_BUSES) {
        call_fail(call, "LimitExceededException",
                  "The requested resource exceeds the maximum number allowed.");
        return false;
    }
    return true;
}

static void create_event_bus(struct call *call)
{
    struct text name = call_input(call, "Name");

    if (!may_create(call, name))
        return;
    scoped(json_decref) json_t *bus = json_object();
    events_set_text(bus, "Name", name);
    events_take_members(bus, call->input, told);
    if (!events_take_tags(call, bus))
        return;
    events_set_time(bus, "CreationTime");
    events_set_time(bus, "LastModifiedTime");
    events_save(call, BUSES_BUS, events_key(call, name), take(bus), reply_created);
}

/* --- DescribeEventBus, ListEventBuses --- */

static void describe_event_bus(struct call *call)
{
    static const char *const more[] = {"KmsKeyIdentifier", "DeadLetterConfig", "LogConfig", NULL};
    const json_t *bus = events_find_bus(call, events_bus_name(call, "Name"));
    struct writer writer = call_writer(call);

    if (!bus)
        return;
    write_open(&writer, NULL, '{');
    write_bus(call, &writer, bus);
    events_write_members(&writer, bus, more);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void write_item(struct call *call, struct writer *writer, struct text name,
                       const json_t *bus)
{
    write_open(writer, NULL, '{');
    write_bus(call, writer, bus);
    write_close(writer, '}');
}

static void list_event_buses(struct call *call)
{
    const struct events_list list = {BUSES_BUS, "EventBuses", events_key(call, TEXT("")), NULL,
                                     write_item};

    events_reply_list(call, &list);
}

/* --- UpdateEventBus --- */

static void reply_updated(struct call *call)
{
    const json_t *bus =
        events_find(call, BUSES_BUS, events_key(call, events_bus_name(call, "Name")));
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    if (bus) {
        write_head(call, &writer, bus);
        events_write_members(&writer, bus, told);
    }
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void update_event_bus(struct call *call)
{
    struct text name = events_bus_name(call, "Name");
    const json_t *bus = events_find_bus(call, name);

    if (!bus)
        return;
    json_t *changed = json_copy((json_t *)(uintptr_t)bus);
    events_take_members(changed, call->input, told);
    events_set_time(changed, "LastModifiedTime");
    events_save(call, BUSES_BUS, events_key(call, name), changed, reply_updated);
}

/* --- DeleteEventBus --- */

static bool stop_at_first(void *arg, struct text key, const json_t *document)
{
    *(bool *)arg = true;
    return false;
}

static bool has_rules(struct call *call, struct text bus)
{
    bool found = false;

    registry_each(buses_registry(call->api->buses, BUSES_RULE),
                  events_rule_key(call, bus, TEXT("")), TEXT_NONE, stop_at_first, &found);
    return found;
}

static void delete_event_bus(struct call *call)
{
    struct text name = events_bus_name(call, "Name");

    if (text_equal(name, EVENTS_DEFAULT)) {
        events_fail_invalid(call, "Cannot delete event bus default.");
        return;
    }
    if (has_rules(call, name)) {
        events_fail_invalid(call, "Cannot delete event bus %.*s since it has rules.",
                            TEXT_ARG(name));
        return;
    }
    events_delete(call, BUSES_BUS, events_key(call, name), events_reply_empty);
}

/* --- the table --- */

#define ROW_BUS_NAME(needed)                                                                      \
    {                                                                                             \
        PARAM_BODY, PARAM_STRING, "Name", "name", .required = needed, .min = 1, .max = 256,       \
                                                  .pattern = PATTERN_BUS, .matches = name_is_bus, \
                                                  .pattern_first = true                           \
    }
#define ROW_BUS_OR_ARN_AS_NAME(needed)                                             \
    {                                                                              \
        PARAM_BODY, PARAM_STRING, "Name", "name",                                  \
            .required = needed, .min = 1, .max = 1600, .pattern = PATTERN_BUS_ARN, \
            .matches = name_is_bus_or_arn, .pattern_first = true                   \
    }

#define ROW_PARTNER_SOURCE                                                              \
    {                                                                                   \
        PARAM_BODY, PARAM_STRING, "EventSourceName", "eventSourceName",                 \
            .min = 1, .max = 256, .pattern = "aws\\.partner(/[\\.\\-_A-Za-z0-9]+){2,}", \
            .matches = name_is_partner_source, .pattern_first = true                    \
    }

static const struct param dead_letter_rows[] = {ROW_TEXT("Arn", "arn", 1, 1600), {0}};
#define ROWS_OF_BUS                                                             \
    ROW_TEXT("Description", "description", 0, 512), ROW_KMS_KEY,                \
        {PARAM_BODY, PARAM_OBJECT, "DeadLetterConfig", "deadLetterConfig",      \
         .members = dead_letter_rows},                                          \
    {                                                                           \
        PARAM_BODY, PARAM_OBJECT, "LogConfig", "logConfig", .members = log_rows \
    }

static const struct param log_rows[] = {
    {PARAM_BODY, PARAM_STRING, "IncludeDetail", "includeDetail", .values = "FULL, NONE"},
    {PARAM_BODY, PARAM_STRING, "Level", "level", .values = "OFF, ERROR, INFO, TRACE"},
    {0},
};
static const struct param create_rows[] = {
    ROW_BUS_NAME(true), ROW_PARTNER_SOURCE, ROWS_OF_BUS, ROW_TAGS, {0},
};
static const struct param update_rows[] = {ROW_BUS_NAME(false), ROWS_OF_BUS, {0}};
static const struct param describe_rows[] = {ROW_BUS_OR_ARN_AS_NAME(false), {0}};
static const struct param delete_rows[] = {ROW_BUS_NAME(true), {0}};
static const struct param list_rows[] = {
    {PARAM_BODY, PARAM_STRING, "NamePrefix", "namePrefix", .min = 1, .max = 256,
     .pattern = PATTERN_BUS, .matches = name_is_bus, .pattern_first = true},
    ROW_PAGE,
    {0},
};

const struct action events_bus_actions[] = {
    {"CreateEventBus", EVENTS, PLACE_CONTROL, create_rows, create_event_bus, NULL},
    {"DescribeEventBus", EVENTS, PLACE_CONTROL, describe_rows, describe_event_bus, NULL},
    {"ListEventBuses", EVENTS, PLACE_CONTROL, list_rows, list_event_buses, NULL},
    {"UpdateEventBus", EVENTS, PLACE_CONTROL, update_rows, update_event_bus, NULL},
    {"DeleteEventBus", EVENTS, PLACE_CONTROL, delete_rows, delete_event_bus, NULL},
    {0},
};
