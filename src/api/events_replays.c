/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

/* StartReplay, DescribeReplay, ListReplays, CancelReplay. What a replay does is in
 * router/replay.c, which changes the documents too. */

static const json_t *find_replay(struct call *call, struct text name)
{
    const json_t *replay = events_find(call, BUSES_REPLAY, events_key(call, name));

    if (!replay)
        call_fail(call, "ResourceNotFoundException", "Replay %.*s does not exist.", TEXT_ARG(name));
    return replay;
}

static bool is_active(const json_t *replay)
{
    struct text state = json_text(replay, "State");

    return text_equal(state, TEXT("STARTING")) || text_equal(state, TEXT("RUNNING")) ||
           text_equal(state, TEXT("CANCELLING"));
}

static bool count_active(void *arg, struct text key, const json_t *replay)
{
    *(size_t *)arg += is_active(replay);
    return true;
}

static int64_t time_input(const struct call *call, const char *name)
{
    return (int64_t)(json_number_value(json_object_get(call->input, name)) * 1000.0);
}

/* --- StartReplay --- */

/* False: answered. */
static bool check_archive(struct call *call, struct text bus_arn)
{
    struct text name = events_resource(call_input(call, "EventSourceArn"), "archive");
    const json_t *archive =
        text_is_set(name) ? events_find(call, BUSES_ARCHIVE, events_key(call, name)) : NULL;

    if (!text_is_set(name)) {
        events_fail_invalid(call, "Parameter EventSourceArn is not valid. Reason: Must contain an "
                                  "archive ARN.");
        return false;
    }
    if (!archive) {
        events_fail_invalid(call,
                            "Parameter EventSourceArn is not valid. Reason: Archive %.*s does not "
                            "exist.",
                            TEXT_ARG(name));
        return false;
    }
    if (text_equal(json_text(archive, "EventSourceArn"), bus_arn))
        return true;
    events_fail_invalid(call, "Parameter Destination.Arn is not valid. Reason: Cross event bus "
                              "replay is not permitted.");
    return false;
}

static bool check_start(struct call *call)
{
    struct text name = call_input(call, "ReplayName");
    struct text arn = json_text(json_object_get(call->input, "Destination"), "Arn");
    struct text bus = events_resource(arn, "event-bus");
    size_t active = 0;

    if (!text_is_set(bus)) {
        events_fail_invalid(call, "Parameter Destination.Arn is not valid. Reason: Must contain an "
                                  "event bus ARN.");
        return false;
    }
    if (!events_find_bus(call, bus))
        return false;
    if (time_input(call, "EventEndTime") <= time_input(call, "EventStartTime")) {
        events_fail_invalid(call, "Parameter EventEndTime is not valid. Reason: EventStartTime "
                                  "must be before EventEndTime.");
        return false;
    }
    if (!check_archive(call, arn))
        return false;
    if (events_find(call, BUSES_REPLAY, events_key(call, name))) {
        call_fail(call, "ResourceAlreadyExistsException", "Replay %.*s already exists.",
                  TEXT_ARG(name));
        return false;
    }
    registry_each(buses_registry(call->api->buses, BUSES_REPLAY), events_key(call, TEXT("")),
                  TEXT_NONE, count_active, &active);
    if (active < LIMIT_REPLAYS)
        return true;
    call_fail(call, "LimitExceededException",
              "The requested resource exceeds the maximum number allowed.");
    return false;
}

static void reply_started(struct call *call)
{
    static const char *const members[] = {"ReplayStartTime", NULL};
    struct text name = call_input(call, "ReplayName");
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    write_string(&writer, "ReplayArn", events_arn(call, "replay", name));
    write_string(&writer, "State", "STARTING");
    events_write_members(&writer, events_find(call, BUSES_REPLAY, events_key(call, name)), members);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void start_replay(struct call *call)
{
    static const char *const given[] = {"ReplayName", "Description", "EventSourceArn",
                                        "Destination", NULL};
    static const char *const times[] = {"EventStartTime", "EventEndTime"};

    if (!check_start(call))
        return;
    json_t *replay = json_object();
    events_take_members(replay, call->input, given);
    for (size_t i = 0; i < COUNT_OF(times); i++)
        json_object_set_new(replay, times[i], json_integer(time_input(call, times[i])));
    events_set_text(replay, "State", TEXT("STARTING"));
    events_set_time(replay, "ReplayStartTime");
    events_save(call, BUSES_REPLAY, events_key(call, call_input(call, "ReplayName")), replay,
                reply_started);
}

/* --- DescribeReplay, ListReplays --- */

static void describe_replay(struct call *call)
{
    static const char *const members[] = {
        "ReplayName",      "Description",    "State",
        "StateReason",     "EventSourceArn", "Destination",
        "EventStartTime",  "EventEndTime",   "EventLastReplayedTime",
        "ReplayStartTime", "ReplayEndTime",  NULL};
    struct text name = call_input(call, "ReplayName");
    const json_t *replay = find_replay(call, name);
    struct writer writer = call_writer(call);

    if (!replay)
        return;
    write_open(&writer, NULL, '{');
    write_string(&writer, "ReplayArn", events_arn(call, "replay", name));
    events_write_members(&writer, replay, members);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static bool matches(struct call *call, const json_t *replay)
{
    struct text source = call_input(call, "EventSourceArn"), state = call_input(call, "State");

    return (!text_is_set(source) || text_equal(source, json_text(replay, "EventSourceArn"))) &&
           (!text_is_set(state) || text_equal(state, json_text(replay, "State")));
}

static void write_item(struct call *call, struct writer *writer, struct text name,
                       const json_t *replay)
{
    static const char *const members[] = {"ReplayName",
                                          "EventSourceArn",
                                          "State",
                                          "StateReason",
                                          "EventStartTime",
                                          "EventEndTime",
                                          "EventLastReplayedTime",
                                          "ReplayStartTime",
                                          "ReplayEndTime",
                                          NULL};

    write_open(writer, NULL, '{');
    events_write_members(writer, replay, members);
    write_close(writer, '}');
}

static void list_replays(struct call *call)
{
    const struct events_list list = {BUSES_REPLAY, "Replays", events_key(call, TEXT("")), matches,
                                     write_item};

    if (events_check_one_filter(call, "ListReplays"))
        events_reply_list(call, &list);
}

/* --- CancelReplay --- */

static void reply_cancelling(struct call *call)
{
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    write_string(&writer, "ReplayArn", events_arn(call, "replay", call_input(call, "ReplayName")));
    write_string(&writer, "State", "CANCELLING");
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void cancel_replay(struct call *call)
{
    struct text name = call_input(call, "ReplayName");
    const json_t *replay = find_replay(call, name);

    if (!replay)
        return;
    if (!text_equal(json_text(replay, "State"), TEXT("STARTING")) &&
        !text_equal(json_text(replay, "State"), TEXT("RUNNING"))) {
        call_fail(call, "IllegalStatusException",
                  "Replay %.*s is not in a valid state for this "
                  "operation.",
                  TEXT_ARG(name));
        return;
    }
    json_t *changed = json_copy((json_t *)(uintptr_t)replay);
    events_set_text(changed, "State", TEXT("CANCELLING"));
    events_save(call, BUSES_REPLAY, events_key(call, name), changed, reply_cancelling);
}

/* --- the table --- */

#define ROW_REPLAY ROW_NAME("ReplayName", "replayName", 64)

static const struct param arn_row = {PARAM_BODY, PARAM_STRING, "", "", .min = 1, .max = 1600};
static const struct param destination_rows[] = {
    ROW_TEXT_NEEDED("Arn", "arn", 1, 1600),
    {PARAM_BODY, PARAM_LIST, "FilterArns", "filterArns", .members = &arn_row},
    {0},
};
static const struct param start_rows[] = {
    ROW_REPLAY,
    ROW_ONE_LINE,
    ROW_SOURCE_ARN(true),
    {PARAM_BODY, PARAM_NUMBER, "EventStartTime", "eventStartTime", .required = true},
    {PARAM_BODY, PARAM_NUMBER, "EventEndTime", "eventEndTime", .required = true},
    {PARAM_BODY, PARAM_OBJECT, "Destination", "destination", .required = true,
     .members = destination_rows},
    {0},
};
static const struct param name_rows[] = {ROW_REPLAY, {0}};
static const struct param list_rows[] = {
    ROW_PREFIX(64),
    {PARAM_BODY, PARAM_STRING, "State", "state",
     .values = "CANCELLED, STARTING, COMPLETED, FAILED, RUNNING, CANCELLING"},
    ROW_SOURCE_ARN(false),
    ROW_PAGE,
    {0},
};

const struct action events_replay_actions[] = {
    {"StartReplay", EVENTS, PLACE_CONTROL, start_rows, start_replay, NULL},
    {"DescribeReplay", EVENTS, PLACE_CONTROL, name_rows, describe_replay, NULL},
    {"ListReplays", EVENTS, PLACE_CONTROL, list_rows, list_replays, NULL},
    {"CancelReplay", EVENTS, PLACE_CONTROL, name_rows, cancel_replay, NULL},
    {0},
};
