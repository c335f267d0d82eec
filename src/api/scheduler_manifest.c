/* SPDX-License-Identifier: Apache-2.0 */
#include "api/scheduler_manifest.h"

#include "api/scheduler_priv.h"
#include "base/clock.h"
#include "base/json.h"

/*
 * The schedule that function.yaml asks for is one like others, of the function's name, in a
 * group of its own: it is seen, and can be disabled, through the same API. It is what the file
 * of the newest code says, and goes with the function.
 */

#define GROUP "function.yaml"

struct follow {
    struct schedules_change change;
    struct call *call;
    call_f *then;
    struct text key;
    json_t *document; /* to be put when the group is there */
};

static struct text group_key(struct call *call)
{
    return scheduler_group_key(call, TEXT(GROUP));
}

static json_t *make_target(struct call *call, struct text name, const struct manifest *manifest)
{
    const struct api *api = call->api;
    json_t *target =
        json_pack("{s:o,s:o,s:{s:i,s:i}}", "Arn",
                  json_sprintf("arn:aws:lambda:%.*s:%.*s:function:%.*s", TEXT_ARG(api->region),
                               TEXT_ARG(api->account), TEXT_ARG(name)),
                  "RoleArn", json_sprintf("arn:aws:iam::%.*s:role/" GROUP, TEXT_ARG(api->account)),
                  "RetryPolicy", "MaximumEventAgeInSeconds", 86400, "MaximumRetryAttempts", 185);

    if (manifest->schedule_input)
        json_object_set_new(target, "Input", json_string(manifest->schedule_input));
    return target;
}

/* Like CreateSchedule's. What was disabled by hand stays so. */
static json_t *make_document(struct call *call, struct text name, const struct manifest *manifest,
                             const json_t *before)
{
    char *rest = arena_format(&call->arena, GROUP "/%.*s", TEXT_ARG(name));
    struct text state = json_text(before, "State");
    double now_s = (double)clock_now_ms() / 1000;
    const json_t *created = json_object_get(before, "CreationDate");
    const char *zone = manifest->schedule_timezone;

    json_t *document =
        json_pack("{s:o,s:o,s:s,s:s,s:s,s:o,s:{s:s},s:s,s:o,s:f,s:f}", "Arn",
                  json_from_text(scheduler_arn(call, "schedule", text_of(rest))), "Name",
                  json_from_text(name), "GroupName", GROUP, "ScheduleExpression",
                  manifest->schedule, "ScheduleExpressionTimezone", zone ? zone : "UTC", "State",
                  json_from_text(text_is_set(state) ? state : TEXT("ENABLED")),
                  "FlexibleTimeWindow", "Mode", "OFF", "ActionAfterCompletion", "NONE", "Target",
                  make_target(call, name, manifest), "CreationDate",
                  created ? json_number_value(created) : now_s, "LastModificationDate", now_s);
    schedules_begin(document, before);
    return document;
}

static void on_done(struct schedules_change *change, bool failed, const struct error *err)
{
    struct follow *follow = container_of(change, struct follow, change);

    if (failed)
        call_fail_error(follow->call, err);
    else
        follow->then(follow->call);
}

static void on_group(struct schedules_change *change, bool failed, const struct error *err)
{
    struct follow *follow = container_of(change, struct follow, change);

    if (failed) {
        json_decref(follow->document);
        call_fail_error(follow->call, err);
        return;
    }
    change->done = on_done;
    schedules_put(follow->call->api->schedules, follow->key, take(follow->document), change);
}

static void put(struct follow *follow, json_t *document)
{
    struct call *call = follow->call;
    struct schedules *schedules = call->api->schedules;

    if (schedules_has_group(schedules, group_key(call))) {
        schedules_put(schedules, follow->key, document, &follow->change);
        return;
    }
    follow->document = document;
    follow->change.done = on_group;
    schedules_put_group(schedules, group_key(call), schedules_new_group(schedules, TEXT(GROUP)),
                        &follow->change);
}

void scheduler_follow_manifest(struct call *call, struct text name, const struct manifest *manifest,
                               call_f *then)
{
    struct schedules *schedules = call->api->schedules;
    struct follow *follow = arena_zalloc(&call->arena, sizeof *follow);

    follow->call = call;
    follow->then = then;
    follow->key = scheduler_key(call, TEXT(GROUP), name);
    follow->change.done = on_done;
    const json_t *before = schedules_find(schedules, follow->key);
    if (manifest && manifest->has_schedule)
        put(follow, make_document(call, name, manifest, before));
    else if (before)
        schedules_delete(schedules, follow->key, &follow->change);
    else
        then(call);
}
