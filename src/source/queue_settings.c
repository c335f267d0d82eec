/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include "base/json.h"
#include "base/mem.h"

/* A queue's document, read. What is not set has SQS's default. */

static const struct number {
    const char *name;
    int64_t absent;
    size_t at;
} numbers[] = {
    {"VisibilityTimeout", 30, offsetof(struct queue_settings, visibility_s)},
    {"DelaySeconds", 0, offsetof(struct queue_settings, delay_s)},
    {"ReceiveMessageWaitTimeSeconds", 0, offsetof(struct queue_settings, wait_s)},
    {"MessageRetentionPeriod", 345600, offsetof(struct queue_settings, retention_s)},
    {"MaximumMessageSize", QUEUE_MESSAGE_MAX, offsetof(struct queue_settings, max_bytes)},
};

static void read_numbers(const json_t *attributes, struct queue_settings *settings)
{
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        int64_t *number = (int64_t *)((char *)settings + numbers[i].at);
        *number = numbers[i].absent;
        (void)text_to_int(json_text(attributes, numbers[i].name), 0, INT64_MAX, number);
    }
}

static bool is_true(const json_t *attributes, const char *name)
{
    return text_equal(json_text(attributes, name), TEXT("true"));
}

/* maxReceiveCount is a number or a string of one. */
static int64_t max_receives_of(const json_t *policy)
{
    int64_t number = json_int(policy, "maxReceiveCount", 0);

    (void)text_to_int(json_text(policy, "maxReceiveCount"), 1, 1000, &number);
    return number;
}

static void read_redrive(const json_t *attributes, struct queue_settings *settings)
{
    struct error err;
    scoped(arena_done) struct arena arena = {0};
    struct text text = json_text(attributes, "RedrivePolicy");
    scoped(json_decref) json_t *policy = text.len > 0 ? json_parse(text, &err) : NULL;
    struct text arn = json_text(policy, "deadLetterTargetArn");
    struct text lane = queue_lane_of_arn(arn, &arena);

    settings->dead_letter_arn = text_dup(text_is_set(lane) ? arn : TEXT(""));
    settings->dead_letter_lane = text_dup(text_is_set(lane) ? lane : TEXT(""));
    settings->max_receives = text_is_set(lane) ? max_receives_of(policy) : 0;
}

/* A document without a scope of its own is older than that rule. */
static struct text scope_of(const json_t *document)
{
    struct text scope = json_text(document, QUEUE_SCOPE);

    return scope.len > 0 ? scope
                         : json_text(json_object_get(document, "attributes"), "DeduplicationScope");
}

const struct queue_settings *queue_settings_parse(struct text key, const json_t *document)
{
    const json_t *attributes = json_object_get(document, "attributes");
    struct queue_settings *settings = mem_new(struct queue_settings);
    scoped(arena_done) struct arena arena = {0};

    settings->references = 1;
    settings->lane = mem_format(LANE_QUEUE "/%.*s", TEXT_ARG(key));
    settings->name = strrchr(settings->lane, '/') + 1;
    settings->arn = text_dup(queue_arn_of_lane(text_of(settings->lane), &arena));
    settings->is_fifo = text_ends(key, TEXT(".fifo"));
    settings->content_dedup = is_true(attributes, "ContentBasedDeduplication");
    settings->dedup_by_group = text_equal(scope_of(document), TEXT("messageGroup"));
    read_numbers(attributes, settings);
    read_redrive(attributes, settings);
    return settings;
}

const struct queue_settings *queue_settings_ref(const struct queue_settings *settings)
{
    struct queue_settings *counted = (struct queue_settings *)(uintptr_t)settings;

    atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
    return settings;
}

void queue_settings_unref(const struct queue_settings *settings)
{
    struct queue_settings *counted = (struct queue_settings *)(uintptr_t)settings;

    if (!settings || atomic_fetch_sub_explicit(&counted->references, 1, memory_order_acq_rel) > 1)
        return;
    free(counted->lane);
    free(counted->arn);
    free(counted->dead_letter_arn);
    free(counted->dead_letter_lane);
    free(counted);
}
