/* SPDX-License-Identifier: Apache-2.0 */
#include "api/scheduler_priv.h"

#include "base/clock.h"
#include "base/json.h"
#include "model/schedule.h"
#include "model/zone.h"
#include "source/schedule_target.h"

/* CreateSchedule, GetSchedule, UpdateSchedule, DeleteSchedule, ListSchedules. */

#define START_PAST_MS (5 * 60 * 1000) /* AWS: how far back StartDate may be */
#define DATE_MAX 253402300799.0       /* seconds; the year 9999 */
#define RETRY_AGE_S 86400             /* AWS's defaults */
#define RETRY_ATTEMPTS 185

/* --- the request --- */

static struct text group_of(struct call *call)
{
    struct text group = call_input(call, "GroupName");

    return text_is_set(group) ? group : TEXT(SCHEDULE_GROUP_DEFAULT);
}

static bool check_expression(struct call *call)
{
    struct text expression = call_input(call, "ScheduleExpression");
    struct text zone = call_input(call, "ScheduleExpressionTimezone");
    struct schedule schedule;
    struct error err;

    if (schedule_parse(expression, SCHEDULE_FULL, &schedule, &err) < 0) {
        call_fail(call, "ValidationException", "Invalid Schedule Expression %.*s.",
                  TEXT_ARG(expression));
        return false;
    }
    if (text_is_set(zone) && !timer_zone(schedules_timer(call->api->schedules), zone, &err)) {
        call_fail(call, "ValidationException", "Invalid Schedule Expression Timezone %.*s.",
                  TEXT_ARG(zone));
        return false;
    }
    return true;
}

/* In ms; 0: not given. False: answered. */
static bool read_date(struct call *call, const char *name, int64_t *ret_ms)
{
    const json_t *date = json_object_get(call->input, name);

    *ret_ms = 0;
    if (!date || json_is_null(date))
        return true;
    double seconds = json_number_value(date);
    if (!json_is_number(date) || !(seconds > 0 && seconds <= DATE_MAX)) {
        call_fail(call, "SerializationException", "%s is not a time in seconds since 1970.", name);
        return false;
    }
    *ret_ms = (int64_t)(seconds * 1000);
    return true;
}

/* A start that stays as it was may be long ago. before: NULL when there was none. */
static bool check_dates(struct call *call, const json_t *before)
{
    int64_t start_ms, end_ms, now_ms = clock_now_ms();

    if (!read_date(call, "StartDate", &start_ms) || !read_date(call, "EndDate", &end_ms))
        return false;
    bool is_new = start_ms != schedules_date_ms(before, "StartDate");
    if (start_ms > 0 && is_new && start_ms < now_ms - START_PAST_MS)
        call_fail(call, "ValidationException",
                  "The StartDate you specify cannot be earlier than 5 minutes ago.");
    else if (end_ms > 0 && end_ms < now_ms)
        call_fail(call, "ValidationException", "The EndDate you specify must be in the future.");
    else if (end_ms > 0 && end_ms <= start_ms)
        call_fail(call, "ValidationException",
                  "The EndDate you specify must be later than the StartDate.");
    else
        return true;
    return false;
}

static bool check_window(struct call *call)
{
    const json_t *window = json_object_get(call->input, "FlexibleTimeWindow");
    bool flexible = text_equal(json_text(window, "Mode"), TEXT("FLEXIBLE"));
    bool has_minutes = json_is_integer(json_object_get(window, "MaximumWindowInMinutes"));

    if (flexible == has_minutes)
        return true;
    call_fail(call, "ValidationException",
              flexible ? "MaximumWindowInMinutes must be provided if Mode is set to FLEXIBLE."
                       : "MaximumWindowInMinutes must not be provided if Mode is set to OFF.");
    return false;
}

static bool check_target(struct call *call)
{
    struct error err;

    if (schedule_target_check(json_object_get(call->input, "Target"), &err) == 0)
        return true;
    call_fail(call, "ValidationException", "%s", err.text);
    return false;
}

/* --- the document --- */

static void set_default(json_t *document, const char *name, const char *value)
{
    if (!json_object_get(document, name))
        json_object_set_new(document, name, json_string(value));
}

static void copy_given(json_t *document, const json_t *input)
{
    static const char *const members[] = {"ActionAfterCompletion",
                                          "Description",
                                          "EndDate",
                                          "FlexibleTimeWindow",
                                          "KmsKeyArn",
                                          "ScheduleExpression",
                                          "ScheduleExpressionTimezone",
                                          "StartDate",
                                          "State",
                                          "Target"};

    for (size_t i = 0; i < COUNT_OF(members); i++) {
        json_t *value = json_object_get(input, members[i]);
        if (value && !json_is_null(value))
            json_object_set_new(document, members[i], json_deep_copy(value));
    }
}

static void fill_retry_policy(json_t *document)
{
    json_t *target = json_object_get(document, "Target");
    json_t *policy = json_object_get(target, "RetryPolicy");

    if (!json_is_object(policy)) {
        policy = json_object();
        json_object_set_new(target, "RetryPolicy", policy);
    }
    if (!json_is_integer(json_object_get(policy, "MaximumEventAgeInSeconds")))
        json_object_set_new(policy, "MaximumEventAgeInSeconds", json_integer(RETRY_AGE_S));
    if (!json_is_integer(json_object_get(policy, "MaximumRetryAttempts")))
        json_object_set_new(policy, "MaximumRetryAttempts", json_integer(RETRY_ATTEMPTS));
}

/* What the client sees; everything but the private member. */
static json_t *make_document(struct call *call, double created_s)
{
    struct text name = call->path_values[0], group = group_of(call);
    char *rest = arena_format(&call->arena, "%.*s/%.*s", TEXT_ARG(group), TEXT_ARG(name));
    json_t *document = json_object();

    json_object_set_new(document, "Arn",
                        json_from_text(scheduler_arn(call, "schedule", text_of(rest))));
    json_object_set_new(document, "Name", json_from_text(name));
    json_object_set_new(document, "GroupName", json_from_text(group));
    copy_given(document, call->input);
    set_default(document, "ActionAfterCompletion", "NONE");
    set_default(document, "ScheduleExpressionTimezone", "UTC");
    set_default(document, "State", "ENABLED");
    fill_retry_policy(document);
    json_object_set_new(document, "CreationDate", json_real(created_s));
    json_object_set_new(document, "LastModificationDate", json_real((double)clock_now_ms() / 1000));
    return document;
}

static void put_document(struct call *call, json_t *document, call_f *then)
{
    struct text key = scheduler_key(call, group_of(call), call->path_values[0]);

    schedules_put(call->api->schedules, key, document, scheduler_change(call, then));
}

static void reply_schedule_arn(struct call *call)
{
    char *rest = arena_format(&call->arena, "%.*s/%.*s", TEXT_ARG(group_of(call)),
                              TEXT_ARG(call->path_values[0]));

    scheduler_reply_arn(call, "ScheduleArn", scheduler_arn(call, "schedule", text_of(rest)));
}

/* --- CreateSchedule --- */

static json_t *digest_of(const json_t *input)
{
    scoped(free) char *json = json_dumps(input, JSON_COMPACT | JSON_SORT_KEYS);
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];

    crypto_sha256(text_of(json), digest);
    crypto_hex(digest, sizeof digest, hex);
    return json_string(hex);
}

/* A request that comes again, which its token tells, is answered like the first. */
static bool is_repeat(struct call *call, const json_t *existing)
{
    const json_t *private = json_object_get(existing, SCHEDULE_PRIVATE);
    struct text token = call_input(call, "ClientToken");
    scoped(json_decref) json_t *digest = digest_of(call->input);

    return text_is_set(token) && text_equal(token, json_text(private, "token")) &&
           json_equal(digest, json_object_get(private, "digest"));
}

static void set_token(struct call *call, json_t *private)
{
    struct text token = call_input(call, "ClientToken");

    json_object_set_new(private, "digest", digest_of(call->input));
    if (text_is_set(token))
        json_object_set_new(private, "token", json_from_text(token));
}

static void create_schedule(struct call *call)
{
    struct schedules *schedules = call->api->schedules;
    struct text name = call->path_values[0], group = group_of(call);
    const json_t *existing = schedules_find(schedules, scheduler_key(call, group, name));

    if (!check_expression(call) || !check_dates(call, NULL) || !check_window(call) ||
        !check_target(call))
        return;
    if (!schedules_has_group(schedules, scheduler_group_key(call, group))) {
        scheduler_fail_group(call, group);
        return;
    }
    if (existing && is_repeat(call, existing)) {
        reply_schedule_arn(call);
        return;
    }
    if (existing) {
        call_fail(call, "ConflictException", "Schedule %.*s already exists.", TEXT_ARG(name));
        return;
    }
    json_t *document = make_document(call, (double)clock_now_ms() / 1000);
    schedules_begin(document, NULL);
    set_token(call, json_object_get(document, SCHEDULE_PRIVATE));
    put_document(call, document, reply_schedule_arn);
}

/* --- UpdateSchedule --- */

static void update_schedule(struct call *call)
{
    struct schedules *schedules = call->api->schedules;
    struct text name = call->path_values[0];
    const json_t *before = schedules_find(schedules, scheduler_key(call, group_of(call), name));

    if (!check_expression(call) || !check_dates(call, before) || !check_window(call) ||
        !check_target(call))
        return;
    if (!before) {
        scheduler_fail_schedule(call, name);
        return;
    }
    json_t *after = make_document(call, json_number_value(json_object_get(before, "CreationDate")));
    schedules_begin(after, before);
    put_document(call, after, reply_schedule_arn);
}

/* --- GetSchedule, DeleteSchedule --- */

static struct text query_group(struct call *call)
{
    struct text group = call_query(call, "groupName");

    return text_is_set(group) ? group : TEXT(SCHEDULE_GROUP_DEFAULT);
}

static const json_t *find_schedule(struct call *call)
{
    struct text group = query_group(call), name = call->path_values[0];
    struct schedules *schedules = call->api->schedules;
    const json_t *document = schedules_find(schedules, scheduler_key(call, group, name));

    if (document)
        return document;
    if (!schedules_find_group(schedules, scheduler_group_key(call, group)))
        scheduler_fail_group(call, group);
    else
        scheduler_fail_schedule(call, name);
    return NULL;
}

static void get_schedule(struct call *call)
{
    const json_t *document = find_schedule(call);
    struct writer writer = call_writer(call);
    const char *key;
    json_t *value;

    if (!document)
        return;
    write_open(&writer, NULL, '{');
    json_object_foreach((json_t *)(uintptr_t)document, key, value)
    {
        if (strcmp(key, SCHEDULE_PRIVATE) != 0)
            scheduler_write_member(&writer, document, key);
    }
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void delete_schedule(struct call *call)
{
    struct text key = scheduler_key(call, query_group(call), call->path_values[0]);

    if (find_schedule(call))
        schedules_delete(call->api->schedules, key, scheduler_change(call, scheduler_reply_empty));
}

/* --- ListSchedules --- */

struct listing {
    struct scheduler_page page;
    struct text name_prefix, state;
};

static void write_item(struct writer *writer, const json_t *document)
{
    static const char *const members[] = {
        "Arn", "CreationDate", "GroupName", "LastModificationDate", "Name", "State"};

    write_open(writer, NULL, '{');
    for (size_t i = 0; i < COUNT_OF(members); i++)
        scheduler_write_member(writer, document, members[i]);
    write_open(writer, "Target", '{');
    scheduler_write_member(writer, json_object_get(document, "Target"), "Arn");
    write_close(writer, '}');
    write_close(writer, '}');
}

static bool add_item(void *arg, struct text key, const json_t *document)
{
    struct listing *listing = arg;

    if (!text_starts(json_text(document, "Name"), listing->name_prefix) ||
        (text_is_set(listing->state) && !text_equal(json_text(document, "State"), listing->state)))
        return true;
    if (!scheduler_page_has_room(&listing->page, key))
        return false;
    write_item(&listing->page.writer, document);
    return true;
}

static void list_schedules(struct call *call)
{
    struct text group = call_query(call, "ScheduleGroup"), prefix;
    struct listing listing = {.name_prefix = call_query(call, "NamePrefix"),
                              .state = call_query(call, "State")};

    if (text_is_set(group) &&
        !schedules_find_group(call->api->schedules, scheduler_group_key(call, group))) {
        scheduler_fail_group(call, group);
        return;
    }
    if (!scheduler_page_begin(&listing.page, call, "Schedules"))
        return;
    prefix = text_is_set(group) ? scheduler_key(call, group, listing.name_prefix)
                                : scheduler_group_key(call, TEXT(""));
    schedules_each(call->api->schedules, prefix, listing.page.after, add_item, &listing);
    scheduler_page_end(&listing.page);
}

/* --- the table --- */

/* clang-format off */
#define NAME_PATTERN .pattern = "^[0-9a-zA-Z-_.]+$", .matches = scheduler_is_name
#define TOKEN_PATTERN .pattern = "^[a-zA-Z0-9-_]+$", .matches = scheduler_is_token
#define ROW_NAME {PARAM_PATH, PARAM_STRING, "Name", "name", true, 1, SCHEDULER_NAME_MAX, NAME_PATTERN}
#define ROW_GROUP {PARAM_QUERY, PARAM_STRING, "groupName", "groupName", false, 1, \
                   SCHEDULER_NAME_MAX, NAME_PATTERN}

static const struct param window_params[] = {
    {PARAM_BODY, PARAM_STRING, "Mode", "mode", true, .values = "OFF, FLEXIBLE"},
    {PARAM_BODY, PARAM_INT, "MaximumWindowInMinutes", "maximumWindowInMinutes", false, 1, 1440},
    {0},
};
static const struct param retry_params[] = {
    {PARAM_BODY, PARAM_INT, "MaximumEventAgeInSeconds", "maximumEventAgeInSeconds", false, 60, 86400},
    {PARAM_BODY, PARAM_INT, "MaximumRetryAttempts", "maximumRetryAttempts", false, 0, 185},
    {0},
};
static const struct param dead_letter_params[] = {
    {PARAM_BODY, PARAM_STRING, "Arn", "arn", false, 1, 1600,
     .pattern = "^arn:aws(-[a-z]+)?:sqs:[a-z0-9\\-]+:\\d{12}:[a-zA-Z0-9\\-_]+$", .matches = scheduler_is_dead_letter},
    {0},
};
static const struct param sqs_params[] = {
    {PARAM_BODY, PARAM_STRING, "MessageGroupId", "messageGroupId", false, 1, 128},
    {0},
};
static const struct param event_params[] = {
    {PARAM_BODY, PARAM_STRING, "DetailType", "detailType", true, 1, 128},
    {PARAM_BODY, PARAM_STRING, "Source", "source", true, 1, 256,
     .pattern = "^(?=[/\\.\\-_A-Za-z0-9]+)((?!aws\\.).*)|(\\$(\\.[\\w_-]+(\\[(\\d+|\\*)\\])*)*)$", .matches = scheduler_is_event_source},
    {0},
};
static const struct param target_params[] = {
    {PARAM_BODY, PARAM_STRING, "Arn", "arn", true, 1, 1600},
    {PARAM_BODY, PARAM_STRING, "RoleArn", "roleArn", true, 1, 1600,
     .pattern = "^arn:aws(-[a-z]+)?:iam::\\d{12}:role\\/[\\w+=,.@\\/-]+$", .matches = scheduler_is_role},
    {PARAM_BODY, PARAM_OBJECT, "DeadLetterConfig", "deadLetterConfig", .members = dead_letter_params},
    {PARAM_BODY, PARAM_OBJECT, "RetryPolicy", "retryPolicy", .members = retry_params},
    {PARAM_BODY, PARAM_STRING, "Input", "input", false, 1, LIMIT_PAYLOAD_ASYNC},
    {PARAM_BODY, PARAM_OBJECT, "EventBridgeParameters", "eventBridgeParameters", .members = event_params},
    {PARAM_BODY, PARAM_OBJECT, "SqsParameters", "sqsParameters", .members = sqs_params},
    {0},
};

static const struct param schedule_params[] = {
    ROW_NAME,
    {PARAM_BODY, PARAM_STRING, "GroupName", "groupName", false, 1, SCHEDULER_NAME_MAX, NAME_PATTERN},
    {PARAM_BODY, PARAM_STRING, "ScheduleExpression", "scheduleExpression", true, 1,
     SCHEDULE_EXPRESSION_MAX},
    {PARAM_BODY, PARAM_STRING, "Description", "description", false, 0, 512},
    {PARAM_BODY, PARAM_STRING, "ScheduleExpressionTimezone", "scheduleExpressionTimezone", false, 1,
     ZONE_NAME_MAX},
    {PARAM_BODY, PARAM_STRING, "State", "state", .values = "DISABLED, ENABLED"},
    {PARAM_BODY, PARAM_STRING, "KmsKeyArn", "kmsKeyArn", false, 1, 2048,
     .pattern = "^arn:aws(-[a-z]+)?:kms:[a-z0-9\\-]+:\\d{12}:(key|alias)\\/[0-9a-zA-Z-_]*$", .matches = scheduler_is_kms_key},
    {PARAM_BODY, PARAM_OBJECT, "Target", "target", true, .members = target_params},
    {PARAM_BODY, PARAM_OBJECT, "FlexibleTimeWindow", "flexibleTimeWindow", true,
     .members = window_params},
    {PARAM_BODY, PARAM_STRING, "ClientToken", "clientToken", false, 1, 64, TOKEN_PATTERN},
    {PARAM_BODY, PARAM_STRING, "ActionAfterCompletion", "actionAfterCompletion",
     .values = "NONE, DELETE"},
    {0},
};
static const struct param get_params[] = {ROW_GROUP, ROW_NAME, {0}};
static const struct param delete_params[] = {
    {PARAM_QUERY, PARAM_STRING, "clientToken", "clientToken", false, 1, 64, TOKEN_PATTERN},
    ROW_GROUP,
    ROW_NAME,
    {0},
};
static const struct param list_params[] = {
    {PARAM_QUERY, PARAM_STRING, "ScheduleGroup", "groupName", false, 1, SCHEDULER_NAME_MAX, NAME_PATTERN},
    {PARAM_QUERY, PARAM_INT, "MaxResults", "maxResults", false, 1, SCHEDULER_PAGE_MAX},
    {PARAM_QUERY, PARAM_STRING, "NamePrefix", "namePrefix", false, 1, SCHEDULER_NAME_MAX, NAME_PATTERN},
    {PARAM_QUERY, PARAM_STRING, "NextToken", "nextToken", false, 1, 2048},
    {PARAM_QUERY, PARAM_STRING, "State", "state", .values = "DISABLED, ENABLED"},
    {0},
};

#define PATH_SCHEDULE "/schedules/{Name}"
const struct action scheduler_schedule_actions[] = {
    {"CreateSchedule", SCHEDULER, METHOD_POST, PATH_SCHEDULE, BODY_JSON, SCHEDULER_BODY_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, schedule_params, create_schedule, NULL},
    {"GetSchedule", SCHEDULER, METHOD_GET, PATH_SCHEDULE, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, get_params, get_schedule, NULL},
    {"UpdateSchedule", SCHEDULER, METHOD_PUT, PATH_SCHEDULE, BODY_JSON, SCHEDULER_BODY_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, schedule_params, update_schedule, NULL},
    {"DeleteSchedule", SCHEDULER, METHOD_DELETE, PATH_SCHEDULE, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, delete_params, delete_schedule, NULL},
    {"ListSchedules", SCHEDULER, METHOD_GET, "/schedules", BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, list_params, list_schedules, NULL},
    {0},
};
/* clang-format on */
