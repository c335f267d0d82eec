/* SPDX-License-Identifier: Apache-2.0 */
#include "router/bus_target.h"

#include "base/json.h"
#include "base/mem.h"
#include "store/event_store.h"

/* What an ARN stands for decides how its target is served: one row a kind. */

struct arn {
    struct text service, region, account, resource;
};

/* "arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE" */
static bool read_arn(struct text text, struct arn *ret)
{
    struct text head, partition;

    return text_split(&text, ':', &head) && text_equal(head, TEXT("arn")) &&
           text_split(&text, ':', &partition) && text_split(&text, ':', &ret->service) &&
           text_split(&text, ':', &ret->region) && text_split(&text, ':', &ret->account) &&
           (ret->resource = text).len > 0;
}

static char *make_lane(const char *kind, const struct arn *arn, struct text name)
{
    return mem_format("%s/%.*s/%.*s/%.*s", kind, TEXT_ARG(arn->account), TEXT_ARG(arn->region),
                      TEXT_ARG(name));
}

/* "function:NAME", "function:NAME:QUALIFIER" */
static void fill_function(struct bus_target *target, const struct arn *arn, struct text rest)
{
    struct text name;

    (void)text_split(&rest, ':', &name);
    target->lane = make_lane(LANE_FUNCTION, arn, name);
    free(target->qualifier);
    target->qualifier = text_dup(rest.len > 0 ? rest : TEXT(""));
}

/* "SELECTOR" */
static void fill_tagged(struct bus_target *target, const struct arn *arn, struct text rest)
{
    struct error err;

    target->lane = mem_format("%.*s/%.*s", TEXT_ARG(arn->account), TEXT_ARG(arn->region));
    target->selector = tags_compile(rest, &err);
}

static void fill_queue(struct bus_target *target, const struct arn *arn, struct text rest)
{
    target->lane = make_lane(LANE_QUEUE, arn, rest);
}

static void fill_bus(struct bus_target *target, const struct arn *arn, struct text rest)
{
    target->lane =
        mem_format("%.*s/%.*s/%.*s", TEXT_ARG(arn->account), TEXT_ARG(arn->region), TEXT_ARG(rest));
}

/* "NAME/ID": the lane is the destination's, whatever its id. */
static void fill_destination(struct bus_target *target, const struct arn *arn, struct text rest)
{
    scoped(free) char *name =
        mem_format("api-destination/%.*s", TEXT_ARG(text_slice(rest, 0, text_find(rest, '/'))));

    target->lane = make_lane(LANE_TARGET, arn, text_of(name));
}

/* "NAME" and "NAME:*" */
static void fill_log_group(struct bus_target *target, const struct arn *arn, struct text rest)
{
    struct text group = text_ends(rest, TEXT(":*")) ? text_slice(rest, 0, rest.len - 2) : rest;
    scoped(free) char *name = mem_format("log-group/%.*s", TEXT_ARG(group));

    target->lane = make_lane(LANE_TARGET, arn, text_of(name));
}

static const struct service {
    struct text service, prefix; /* of the ARN's resource */
    enum bus_target_kind kind;
    void (*fill)(struct bus_target *target, const struct arn *arn, struct text rest);
} services[] = {
    {TEXT("lambda"), TEXT("function:"), TARGET_FUNCTION, fill_function},
    {TEXT("lambda"), TEXT("function-tagged:"), TARGET_TAGGED, fill_tagged},
    {TEXT("sqs"), TEXT(""), TARGET_QUEUE, fill_queue},
    {TEXT("events"), TEXT("event-bus/"), TARGET_BUS, fill_bus},
    {TEXT("events"), TEXT("api-destination/"), TARGET_OTHER, fill_destination},
    {TEXT("logs"), TEXT("log-group:"), TARGET_OTHER, fill_log_group},
};

static void fill_by_arn(struct bus_target *target)
{
    struct arn arn;

    target->kind = TARGET_UNSERVED;
    if (!read_arn(text_of(target->arn), &arn))
        return;
    for (size_t i = 0; i < COUNT_OF(services); i++) {
        const struct service *service = &services[i];
        if (!text_equal(arn.service, service->service) ||
            !text_starts(arn.resource, service->prefix))
            continue;
        service->fill(target, &arn, text_skip(arn.resource, service->prefix.len));
        if (strlen(target->lane) <= LANE_MAX &&
            (service->kind != TARGET_TAGGED || target->selector))
            target->kind = service->kind;
        return;
    }
}

int bus_target_init(struct bus_target *target, const json_t *document, struct error *err)
{
    const json_t *retry = json_object_get(document, "RetryPolicy"),
                 *http = json_object_get(document, "HttpParameters");

    *target = (struct bus_target){
        .id = text_dup(json_text(document, "Id")),
        .arn = text_dup(json_text(document, "Arn")),
        .qualifier = mem_strdup(""),
        .group = text_dup(json_text(json_object_get(document, "SqsParameters"), "MessageGroupId")),
        .dead_letter = text_dup(json_text(json_object_get(document, "DeadLetterConfig"), "Arn")),
        .http = http ? json_write(http) : mem_strdup(""),
        .has_max_attempts = json_object_get(retry, "MaximumRetryAttempts") != NULL,
        .max_attempts = json_int(retry, "MaximumRetryAttempts", 0),
        .max_age_s = json_int(retry, "MaximumEventAgeInSeconds", 0),
        .transform = transform_compile(document, err),
    };
    fill_by_arn(target);
    return target->transform ? 0 : -1;
}

void bus_target_init_archive(struct bus_target *target, struct text name, struct text lane)
{
    *target = (struct bus_target){
        .kind = TARGET_ARCHIVE,
        .id = text_dup(name),
        .arn = mem_strdup(""),
        .lane = text_dup(lane),
        .qualifier = mem_strdup(""),
        .group = mem_strdup(""),
        .dead_letter = mem_strdup(""),
        .http = mem_strdup(""),
    };
}

void bus_target_done(struct bus_target *target)
{
    free(target->id);
    free(target->arn);
    free(target->lane);
    free(target->qualifier);
    free(target->group);
    free(target->dead_letter);
    free(target->http);
    tags_free(target->selector);
    transform_free(target->transform);
}
