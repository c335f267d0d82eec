/* SPDX-License-Identifier: Apache-2.0 */
#include "store/queue_message.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "model/note.h"

#define ARN_PREFIX "arn:aws:sqs:"
#define LANE_PREFIX LANE_QUEUE "/"

/* The account of "queue/ACCOUNT/REGION/NAME". */
static struct text account_of(struct text lane)
{
    struct text rest = text_skip(lane, sizeof LANE_PREFIX - 1), account = TEXT_NONE;

    (void)text_split(&rest, '/', &account);
    return account;
}

static struct text message_id(const struct queue_message *message, struct arena *arena)
{
    if (text_is_set(message->message_id))
        return message->message_id;
    char *id = arena_alloc(arena, UUID_LEN + 1);
    crypto_uuid(id);
    return text_from(id, UUID_LEN);
}

void queue_message_put(const struct queue_message *message, struct arena *arena,
                       struct event_change *ret)
{
    int64_t now_ms = clock_now_ms();
    const struct note note = {
        .request_id = message_id(message, arena),
        .trace = message->trace,
        .hops = message->hops,
        .first_ms = now_ms,
        .source_arn = message->source_arn,
        .target_id = message->target_id,
        .target_arn = message->target_arn,
        .dead_letter = message->dead_letter,
        .attributes = message->attributes,
        .group = message->group,
        .dedup = message->dedup,
        .sender = text_is_set(message->sender) ? message->sender : account_of(message->lane),
        .origin_arn = message->origin_arn,
        .sent_ms = now_ms,
    };
    scoped(buffer_done) struct buffer text = {0};

    note_format(&note, &text);
    *ret = (struct event_change){
        .action = EVENT_PUT,
        .lane = message->lane,
        .due_ms = message->delay_s < 0 ? 0 : now_ms + message->delay_s * 1000,
        .note = arena_copy(arena, buffer_text(&text)),
        .body = message->body,
    };
}

struct text queue_lane_of_arn(struct text arn, struct arena *arena)
{
    struct text rest = text_skip(arn, sizeof ARN_PREFIX - 1), region, account;

    if (!text_starts(arn, TEXT(ARN_PREFIX)) || !text_split(&rest, ':', &region) ||
        !text_split(&rest, ':', &account) || region.len == 0 || account.len == 0 || rest.len == 0 ||
        text_contains(rest, ':') || text_contains(arn, '/'))
        return TEXT_NONE;
    return text_of(arena_format(arena, LANE_PREFIX "%.*s/%.*s/%.*s", TEXT_ARG(account),
                                TEXT_ARG(region), TEXT_ARG(rest)));
}

struct text queue_arn_of_lane(struct text lane, struct arena *arena)
{
    struct text rest = text_skip(lane, sizeof LANE_PREFIX - 1), region, account;

    if (!text_starts(lane, TEXT(LANE_PREFIX)) || !text_split(&rest, '/', &account) ||
        !text_split(&rest, '/', &region) || rest.len == 0)
        return TEXT_NONE;
    return text_of(arena_format(arena, ARN_PREFIX "%.*s:%.*s:%.*s", TEXT_ARG(region),
                                TEXT_ARG(account), TEXT_ARG(rest)));
}

void queue_attributes_add(struct buffer *json, struct text name, struct text type,
                          struct text value)
{
    buffer_add_char(json, json->len == 0 ? '{' : ',');
    buffer_add_json(json, name);
    buffer_add_literal(json, ":{\"DataType\":");
    buffer_add_json(json, type);
    buffer_add_literal(json, ",\"StringValue\":");
    buffer_add_json(json, value);
    buffer_add_char(json, '}');
}

void queue_attributes_end(struct buffer *json)
{
    if (json->len > 0)
        buffer_add_char(json, '}');
}
