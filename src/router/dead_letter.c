/* SPDX-License-Identifier: Apache-2.0 */
#include "router/dead_letter.h"

#include "base/log.h"
#include "store/queue_message.h"

static struct text make_attributes(const struct dead_letter *letter, struct arena *arena)
{
    char retries[24];
    int len = snprintf(retries, sizeof retries, "%lld", (long long)letter->retries);
    const struct {
        struct text name, value;
    } attributes[] = {
        {TEXT("RULE_ARN"), letter->rule_arn},
        {TEXT("TARGET_ARN"), letter->target_arn},
        {TEXT("ERROR_CODE"), letter->error_code},
        {TEXT("ERROR_MESSAGE"), letter->error_message},
        {TEXT("EXHAUSTED_RETRY_CONDITION"), letter->exhausted},
        {TEXT("RETRY_ATTEMPTS"), text_from(retries, (size_t)len)},
    };
    scoped(buffer_done) struct buffer json = {0};

    for (size_t i = 0; i < COUNT_OF(attributes); i++)
        if (attributes[i].value.len > 0)
            queue_attributes_add(&json, attributes[i].name, TEXT("String"), attributes[i].value);
    queue_attributes_end(&json);
    return arena_copy(arena, buffer_text(&json));
}

bool dead_letter_put(const struct dead_letter *letter, struct arena *arena,
                     struct event_change *ret)
{
    struct text lane = queue_lane_of_arn(letter->queue_arn, arena);

    log_warn(text_is_set(lane) ? "event goes to the dead-letter queue" : "event is dropped",
             LOG_TEXT("rule", arena_string(arena, letter->rule_arn)),
             LOG_TEXT("target", arena_string(arena, letter->target_arn)),
             LOG_TEXT("code", arena_string(arena, letter->error_code)),
             LOG_TEXT("error", arena_string(arena, letter->error_message)));
    if (!text_is_set(lane))
        return false;
    const struct queue_message message = {
        .lane = lane,
        .body = letter->event,
        .attributes = make_attributes(letter, arena),
        .trace = letter->trace,
        .hops = letter->hops,
        .delay_s = -1,
        .source_arn = letter->rule_arn,
        .target_id = letter->target_id,
        .target_arn = letter->target_arn,
    };
    queue_message_put(&message, arena, ret);
    return true;
}
