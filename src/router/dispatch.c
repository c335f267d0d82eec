/* SPDX-License-Identifier: Apache-2.0 */
#include "router/dispatch.h"

#include "base/log.h"
#include "base/mem.h"
#include "model/limits.h"
#include "model/note.h"
#include "model/permission.h"
#include "router/dead_letter.h"
#include "store/function_event.h"
#include "store/queue_message.h"

/* Where an event came along, from the bus it is at backwards. */
struct path {
    const struct path *before;
    const struct bus *bus;
    int hops;
};

/* One event at one target of one rule. */
struct delivery {
    struct dispatch *dispatch;
    const struct path *path; /* NULL: not by a bus */
    const struct bus_rule *rule;
    const struct bus_target *target;
    const struct bus_event *event;
    struct text payload; /* what the target is given */
};

static struct event_change *add_change(struct dispatch *dispatch)
{
    if (dispatch->count == dispatch->capacity) {
        dispatch->capacity = dispatch->capacity ? 2 * dispatch->capacity : 16;
        dispatch->changes =
            mem_realloc(dispatch->changes, dispatch->capacity * sizeof *dispatch->changes);
    }
    return &dispatch->changes[dispatch->count++];
}

static void add_dead_letter(const struct delivery *delivery, struct text code, struct text why)
{
    struct dispatch *dispatch = delivery->dispatch;
    const struct bus_target *target = delivery->target;
    const struct dead_letter letter = {
        .queue_arn = text_of(target->dead_letter),
        .event = delivery->event->json,
        .rule_arn = text_of(delivery->rule->arn),
        .target_arn = text_of(target->arn),
        .target_id = text_of(target->id),
        .error_code = code,
        .error_message = why,
        .trace = delivery->event->trace,
        .hops = delivery->event->hops,
    };
    struct event_change change;

    if (dead_letter_put(&letter, &dispatch->arena, &change))
        *add_change(dispatch) = change;
}

/* --- records --- */

/* A record with what every kind of lane is told. */
static void add_record(const struct delivery *delivery, const struct note *note, int64_t due_ms)
{
    struct dispatch *dispatch = delivery->dispatch;

    buffer_clear(&dispatch->scratch);
    note_format(note, &dispatch->scratch);
    *add_change(dispatch) = (struct event_change){
        .action = EVENT_PUT,
        .lane = text_of(delivery->target->lane),
        .due_ms = due_ms,
        .note = arena_copy(&dispatch->arena, buffer_text(&dispatch->scratch)),
        .body = delivery->payload,
    };
}

static struct note make_note(const struct delivery *delivery)
{
    const struct bus_event *event = delivery->event;
    const struct bus_target *target = delivery->target;

    return (struct note){
        .request_id = event->id,
        .trace = event->trace,
        .hops = event->hops,
        .first_ms = event->accepted_ms,
        .source_arn = text_of(delivery->rule->arn),
        .target_id = text_of(target->id),
        .target_arn = text_of(target->arn),
        .dead_letter = text_of(target->dead_letter),
        .has_max_attempts = target->has_max_attempts,
        .max_attempts = target->max_attempts,
        .max_age_s = target->max_age_s,
    };
}

/* "events.amazonaws.com", for this rule, if the statement says for which. */
static bool may_invoke(const struct function *function, struct text qualifier, struct text rule_arn)
{
    struct permission_ask ask = {
        .service = TEXT("events.amazonaws.com"),
        .action = TEXT("lambda:InvokeFunction"),
        .qualifier = qualifier,
        .source_arn = rule_arn,
    };

    for (int i = 0; i < 5; i++) /* arn:aws:events:REGION:ACCOUNT:rule/... */
        (void)text_split(&rule_arn, ':', &ask.source_account);
    return permission_lets(function, &ask);
}

static const struct function *find_function(const struct directory *functions, struct text lane)
{
    struct function_lane names;

    return function_lane_parse(lane, &names)
               ? directory_find(functions, names.account, names.region, names.name)
               : NULL;
}

static void put_function_event(const struct delivery *delivery, struct text lane,
                               struct text qualifier)
{
    const struct bus_target *target = delivery->target;
    const struct function_event event = {
        .lane = lane,
        .qualifier = qualifier,
        .body = delivery->payload,
        .trace = delivery->event->trace,
        .hops = delivery->event->hops,
        .source_arn = text_of(delivery->rule->arn),
        .target_id = text_of(target->id),
        .target_arn = text_of(target->arn),
        .dead_letter = text_of(target->dead_letter),
    };

    function_event_put(&event, &delivery->dispatch->arena, add_change(delivery->dispatch));
}

static void deliver_to_function(const struct delivery *delivery)
{
    const struct directory *functions = delivery->dispatch->functions;
    const struct function *function =
        functions ? find_function(functions, text_of(delivery->target->lane)) : NULL;
    const struct bus_target *target = delivery->target;

    if (functions && !function) {
        add_dead_letter(delivery, TEXT("NO_RESOURCE"), TEXT("The function does not exist."));
        return;
    }
    if (function &&
        !may_invoke(function, text_of(target->qualifier), text_of(delivery->rule->arn))) {
        add_dead_letter(delivery, TEXT("NO_PERMISSIONS"),
                        TEXT("The function's policy does not let events.amazonaws.com invoke it "
                             "for this rule: see AddPermission."));
        return;
    }
    put_function_event(delivery, text_of(target->lane),
                       *target->qualifier ? text_of(target->qualifier) : TEXT_NONE);
}

static bool is_meant(const struct bus_target *target, const struct function *function,
                     const struct cloud_event *event)
{
    struct text place = text_of(target->lane), account;

    (void)text_split(&place, '/', &account);
    return text_equal(text_of(function->account), account) &&
           text_equal(text_of(function->region), place) &&
           tags_select(target->selector, function->tags, function->tag_count) &&
           tags_accept(function->tags, function->tag_count, event);
}

/* Looks at all functions. By its tag "accepts" a function says that it may be invoked. */
static void deliver_to_tagged(const struct delivery *delivery)
{
    struct dispatch *dispatch = delivery->dispatch;
    struct map_cursor cursor = {0};
    struct cloud_event event;
    struct error err;

    if (!dispatch->functions)
        return;
    if (cloudevents_read_envelope(delivery->event->json, &dispatch->arena, &event, &err) < 0) {
        add_dead_letter(delivery, TEXT("INVALID_PARAMETER"), text_of(err.text));
        return;
    }
    while (map_next(&dispatch->functions->by_key, &cursor)) {
        const struct function *function = cursor.value;
        if (is_meant(delivery->target, function, &event))
            put_function_event(delivery,
                               function_lane(text_of(function->account), text_of(function->region),
                                             text_of(function->name), &dispatch->arena),
                               TEXT_NONE);
    }
}

/* Who sent it matters to a message that may become a dead letter, and is left out of others:
 * a note is written and read for each. */
static void deliver_to_queue(const struct delivery *delivery)
{
    const struct bus_target *target = delivery->target;
    struct queue_message message = {
        .lane = text_of(target->lane),
        .body = delivery->payload,
        .group = text_of(target->group),
        .dedup = *target->group ? delivery->event->id : TEXT_NONE,
        .trace = delivery->event->trace,
        .hops = delivery->event->hops,
        .delay_s = -1,
    };

    if (*target->dead_letter) {
        message.dead_letter = text_of(target->dead_letter);
        message.source_arn = text_of(delivery->rule->arn);
        message.target_id = text_of(target->id);
        message.target_arn = text_of(target->arn);
    }
    queue_message_put(&message, &delivery->dispatch->arena, add_change(delivery->dispatch));
}

/* What a retry needs beside the note: how to call, and the event if it was transformed. */
static void deliver_to_other(const struct delivery *delivery)
{
    struct dispatch *dispatch = delivery->dispatch;
    struct note note = make_note(delivery);
    bool is_whole = delivery->payload.at == delivery->event->json.at;

    if (*delivery->target->http || !is_whole) {
        scoped(buffer_done) struct buffer extra = {0};
        buffer_add_literal(&extra, "{\"http\":");
        buffer_add_text(&extra,
                        *delivery->target->http ? text_of(delivery->target->http) : TEXT("{}"));
        if (!is_whole) {
            buffer_add_literal(&extra, ",\"event\":");
            buffer_add_text(&extra, delivery->event->json);
        }
        buffer_add_char(&extra, '}');
        note.extra = arena_copy(&dispatch->arena, buffer_text(&extra));
    }
    add_record(delivery, &note, 0);
}

static void deliver_to_archive(const struct delivery *delivery)
{
    const struct bus_event *event = delivery->event;
    char size[24];
    int len = snprintf(size, sizeof size, "%lld", (long long)event->size);
    const struct note note = {
        .request_id = event->id,
        .trace = event->trace,
        .hops = event->hops,
        .first_ms = event->time_ms,
        .extra = text_from(size, (size_t)len),
    };

    if (!event->is_replay)
        add_record(delivery, &note, 0);
}

static void route(struct dispatch *dispatch, const struct path *path,
                  const struct bus_event *event);

static void deliver_to_bus(const struct delivery *delivery)
{
    struct text key = text_of(delivery->target->lane);
    const struct path path = {delivery->path, bus_view_find(delivery->dispatch->view, key),
                              delivery->path ? delivery->path->hops + 1 : 1};
    struct bus_event event = *delivery->event;

    if (!path.bus) {
        add_dead_letter(delivery, TEXT("NO_RESOURCE"), TEXT("The event bus does not exist."));
        return;
    }
    for (const struct path *p = delivery->path; p; p = p->before) {
        if (!text_equal(text_of(p->bus->key), key))
            continue;
        add_dead_letter(delivery, TEXT("THIRD_ACCOUNT_HOP_DETECTED"),
                        TEXT("The event came through this event bus already."));
        return;
    }
    if (path.hops > LIMIT_BUS_HOPS) {
        add_dead_letter(delivery, TEXT("THIRD_ACCOUNT_HOP_DETECTED"),
                        TEXT("The event went through too many event buses."));
        return;
    }
    event.json = delivery->payload;
    event.only = NULL;
    route(delivery->dispatch, &path, &event);
}

/* --- targets, rules, buses --- */

/* A bus is given the event whatever the target's transformation says: what it needs is an
 * event. False: it is not for this target, which was told. */
static bool make_payload(struct delivery *delivery)
{
    struct dispatch *dispatch = delivery->dispatch;
    const struct bus_target *target = delivery->target;
    const struct transform_facts facts = {
        .rule_arn = text_of(delivery->rule->arn),
        .rule_name = text_of(delivery->rule->name),
        .ingested_ms = delivery->event->accepted_ms,
    };
    struct error err;

    delivery->payload = delivery->event->json;
    if (!target->transform || target->kind == TARGET_BUS || transform_is_whole(target->transform))
        return true;
    buffer_clear(&dispatch->scratch);
    if (transform_apply(target->transform, delivery->event->json, &facts, &dispatch->scratch,
                        &err) < 0) {
        add_dead_letter(delivery, TEXT("INVALID_JSON"), text_of(err.text));
        return false;
    }
    delivery->payload = arena_copy(&dispatch->arena, buffer_text(&dispatch->scratch));
    return true;
}

static void deliver(struct delivery *delivery)
{
    if (!make_payload(delivery))
        return;
    switch (delivery->target->kind) {
    case TARGET_FUNCTION:
        deliver_to_function(delivery);
        return;
    case TARGET_TAGGED:
        deliver_to_tagged(delivery);
        return;
    case TARGET_QUEUE:
        deliver_to_queue(delivery);
        return;
    case TARGET_BUS:
        deliver_to_bus(delivery);
        return;
    case TARGET_ARCHIVE:
        deliver_to_archive(delivery);
        return;
    case TARGET_OTHER:
        deliver_to_other(delivery);
        return;
    case TARGET_UNSERVED:
        add_dead_letter(delivery, TEXT("SDK_CLIENT_ERROR"),
                        TEXT("Evoke does not serve targets of this kind."));
        return;
    }
}

static void apply_rule(struct dispatch *dispatch, const struct path *path,
                       const struct bus_rule *rule, const struct bus_event *event)
{
    for (size_t i = 0; i < rule->target_count; i++) {
        struct delivery delivery = {dispatch, path, rule, &rule->targets[i], event, TEXT_NONE};
        deliver(&delivery);
    }
}

static bool is_wanted(const struct bus_event *event, const struct bus_rule *rule)
{
    const json_t *arn;
    size_t index;

    if (json_array_size(event->only) == 0)
        return true;
    json_array_foreach(event->only, index, arn)
    {
        if (strcmp(json_string_value(arn), rule->arn) == 0)
            return true;
    }
    return false;
}

/* What a rule's pattern does not say of the event. */
static bool holds(struct dispatch *dispatch, const struct bus_rule *rule,
                  const struct bus_event *event)
{
    struct cloud_event cloud;
    struct error err;

    return !rule->trigger ||
           (cloudevents_read_envelope(event->json, &dispatch->arena, &cloud, &err) == 0 &&
            trigger_passes(rule->trigger, &cloud, &dispatch->arena));
}

/* Matches in a scratch are good until the next match, and a target may be a bus. */
static void route(struct dispatch *dispatch, const struct path *path, const struct bus_event *event)
{
    struct matches matches;
    struct error err;

    if (matcher_match(path->bus->matcher, event->json, dispatch->view->scratch, &matches, &err) <
        0) {
        log_warn("event matches no rule",
                 LOG_TEXT("event", arena_string(&dispatch->arena, event->id)), LOG_ERROR(&err));
        return;
    }
    size_t count = matches.count;
    uint64_t *ids = arena_alloc(&dispatch->arena, (count + 1) * sizeof *ids);
    if (count > 0)
        memcpy(ids, matches.rule_ids, count * sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        const struct bus_rule *rule = bus_rule_at(path->bus, ids[i]);
        if (rule && is_wanted(event, rule) && holds(dispatch, rule, event))
            apply_rule(dispatch, path, rule, event);
    }
}

void dispatch_event(struct dispatch *dispatch, struct text bus_key, const struct bus_event *event)
{
    const struct path path = {NULL, bus_view_find(dispatch->view, bus_key), 0};

    if (path.bus)
        route(dispatch, &path, event);
}

void dispatch_to_rule(struct dispatch *dispatch, const struct bus_rule *rule,
                      const struct bus_event *event)
{
    apply_rule(dispatch, NULL, rule, event);
}

/* --- life --- */

void dispatch_init(struct dispatch *dispatch, const struct bus_view *view,
                   const struct directory *functions)
{
    *dispatch = (struct dispatch){.view = view, .functions = functions};
}

void dispatch_clear(struct dispatch *dispatch)
{
    dispatch->count = 0;
    arena_reset(&dispatch->arena);
}

void dispatch_done(struct dispatch *dispatch)
{
    free(dispatch->changes);
    arena_done(&dispatch->arena);
    buffer_done(&dispatch->scratch);
}
