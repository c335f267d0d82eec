/* SPDX-License-Identifier: Apache-2.0 */
#include "store/function_event.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "model/note.h"

#define ARN_PREFIX "arn:aws:lambda:"
#define LANE_PREFIX LANE_FUNCTION "/"

static struct text request_id(const struct function_event *event, struct arena *arena)
{
    if (text_is_set(event->request_id))
        return event->request_id;
    char *id = arena_alloc(arena, UUID_LEN + 1);
    crypto_uuid(id);
    return text_from(id, UUID_LEN);
}

void function_event_put(const struct function_event *event, struct arena *arena,
                        struct event_change *ret)
{
    const struct note note = {
        .request_id = request_id(event, arena),
        .trace = event->trace,
        .hops = event->hops,
        .first_ms = clock_now_ms(),
        .source_arn = event->source_arn,
        .target_id = event->target_id,
        .target_arn = event->target_arn,
        .dead_letter = event->dead_letter,
        .qualifier = event->qualifier,
        .client_context = event->client_context,
    };
    scoped(buffer_done) struct buffer text = {0};

    note_format(&note, &text);
    *ret = (struct event_change){
        .action = EVENT_PUT,
        .lane = event->lane,
        .note = arena_copy(arena, buffer_text(&text)),
        .body = event->body,
    };
}

struct text function_lane(struct text account, struct text region, struct text name,
                          struct arena *arena)
{
    return text_of(arena_format(arena, LANE_PREFIX "%.*s/%.*s/%.*s", TEXT_ARG(account),
                                TEXT_ARG(region), TEXT_ARG(name)));
}

struct text function_lane_of_arn(struct text arn, struct arena *arena, struct text *ret_qualifier)
{
    struct text rest = text_skip(arn, sizeof ARN_PREFIX - 1), region, account, word, name;

    *ret_qualifier = TEXT_NONE;
    if (!text_starts(arn, TEXT(ARN_PREFIX)) || text_contains(arn, '/') ||
        !text_split(&rest, ':', &region) || !text_split(&rest, ':', &account) ||
        !text_split(&rest, ':', &word) || !text_equal(word, TEXT("function")) ||
        !text_split(&rest, ':', &name) || region.len == 0 || account.len == 0 || name.len == 0)
        return TEXT_NONE;
    if (rest.len > 0 && (!text_split(&rest, ':', ret_qualifier) || rest.len > 0))
        return TEXT_NONE;
    return function_lane(account, region, name, arena);
}

bool function_lane_parse(struct text lane, struct function_lane *ret)
{
    struct text rest = text_skip(lane, sizeof LANE_PREFIX - 1);

    if (!text_starts(lane, TEXT(LANE_PREFIX)) || !text_split(&rest, '/', &ret->account) ||
        !text_split(&rest, '/', &ret->region) || rest.len == 0)
        return false;
    ret->name = rest;
    return true;
}

struct text function_arn_of_lane(struct text lane, struct arena *arena)
{
    struct function_lane names;

    if (!function_lane_parse(lane, &names))
        return TEXT_NONE;
    return text_of(arena_format(arena, ARN_PREFIX "%.*s:%.*s:function:%.*s", TEXT_ARG(names.region),
                                TEXT_ARG(names.account), TEXT_ARG(names.name)));
}
