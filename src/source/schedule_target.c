/* SPDX-License-Identifier: Apache-2.0 */
#include "source/schedule_target.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "store/function_event.h"
#include "store/queue_message.h"

#define UNIVERSAL "arn:aws:scheduler:::aws-sdk:"

/* One thing being put together. */
struct builder {
    const struct schedule_shot *shot;
    struct timer_firing *firing;
    struct arena *arena; /* the firing's */
    struct text target_arn, dead_letter;
    struct text input;           /* context attributes replaced */
    struct event_firing *events; /* for buses; NULL: none */
};

/* --- ARNs --- */

/* "arn:aws:SERVICE:REGION:ACCOUNT:REST" */
struct arn {
    struct text service, region, account, rest;
};

static bool parse_arn(struct text text, struct arn *ret)
{
    struct text prefix, partition;

    if (!text_split(&text, ':', &prefix) || !text_equal(prefix, TEXT("arn")) ||
        !text_split(&text, ':', &partition) || !text_split(&text, ':', &ret->service) ||
        !text_split(&text, ':', &ret->region) || !text_split(&text, ':', &ret->account))
        return false;
    ret->rest = text;
    return text.len > 0;
}

/* A function's name and what follows it: "NAME" or "NAME:QUALIFIER". */
static void split_qualifier(struct text text, struct text *name, struct text *qualifier)
{
    size_t colon = text_find(text, ':');

    *name = text_slice(text, 0, colon);
    *qualifier = text_skip(text, colon + 1);
}

/* --- what can be started --- */

typedef bool fill_f(struct builder *builder, struct error *err);
static fill_f fill_function, fill_queue, fill_bus, fill_invoke, fill_send_message, fill_put_events;

static const struct {
    const char *service, *rest; /* rest begins so */
    fill_f *fill;
} templated[] = {
    {"lambda", "function:", fill_function},
    {"sqs", "", fill_queue},
    {"events", "event-bus/", fill_bus},
};

static const struct {
    const char *service, *action;
    fill_f *fill;
} universal[] = {
    {"lambda", "invoke", fill_invoke},
    {"sqs", "sendMessage", fill_send_message},
    {"events", "putEvents", fill_put_events},
};

static fill_f *find_universal(struct text target, struct error *err)
{
    struct text rest = text_skip(target, sizeof UNIVERSAL - 1), service;
    bool known = false;

    (void)text_split(&rest, ':', &service);
    for (size_t i = 0; i < COUNT_OF(universal); i++) {
        if (!text_equal(service, text_of(universal[i].service)))
            continue;
        known = true;
        if (text_equal(rest, text_of(universal[i].action)))
            return universal[i].fill;
    }
    if (known)
        error_set(err, ERROR_INVALID, "%.*s is not a supported api for a target.", TEXT_ARG(rest));
    else
        error_set(err, ERROR_INVALID, "%.*s is not a supported service for a target.",
                  TEXT_ARG(service));
    return NULL;
}

static fill_f *find_fill(struct text target, struct error *err)
{
    struct arn arn;

    if (text_starts(target, TEXT(UNIVERSAL)))
        return find_universal(target, err);
    if (!parse_arn(target, &arn)) {
        error_set(err, ERROR_INVALID, "Provided Arn is not in correct format.");
        return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(templated); i++)
        if (text_equal(arn.service, text_of(templated[i].service)) &&
            text_starts(arn.rest, text_of(templated[i].rest)) &&
            arn.rest.len > strlen(templated[i].rest))
            return templated[i].fill;
    error_set(err, ERROR_INVALID,
              "%.*s is not a supported service for a target: Evoke starts functions, queues "
              "and event buses.",
              TEXT_ARG(arn.service));
    return NULL;
}

int schedule_target_check(const json_t *target, struct error *err)
{
    struct text input = json_text(target, "Input"), arn = json_text(target, "Arn");
    fill_f *fill = find_fill(arn, err);

    if (!fill)
        return -1;
    if (fill == fill_queue || (!text_is_set(input) && !text_starts(arn, TEXT(UNIVERSAL))))
        return 0;
    struct error ignored;
    scoped(json_decref) json_t *json = json_parse(input, &ignored);
    if (!json)
        return error_set(err, ERROR_INVALID, "Input must be valid JSON.");
    if (fill == fill_bus && !json_object_get(target, "EventBridgeParameters"))
        return error_set(err, ERROR_INVALID,
                         "EventBridgeParameters must be provided for an event bus target.");
    return 0;
}

/* --- the input --- */

static struct text replace(struct arena *arena, struct text text, struct text word,
                           struct text value)
{
    scoped(buffer_done) struct buffer out = {0};
    size_t at;

    if (text_find_text(text, word) == text.len)
        return text;
    while ((at = text_find_text(text, word)) < text.len) {
        buffer_add_text(&out, text_slice(text, 0, at));
        buffer_add_text(&out, value);
        text = text_skip(text, at + word.len);
    }
    buffer_add_text(&out, text);
    return arena_copy(arena, buffer_text(&out));
}

/* "2026-01-31T12:00:00Z" */
static struct text format_time(struct arena *arena, int64_t at_ms)
{
    char time[32];

    clock_format_iso(at_ms, time);
    return text_of(arena_format(arena, "%.19sZ", time));
}

/* What a target gets that has no Input, as AWS sends it. */
static struct text default_input(const struct builder *builder, struct text time)
{
    const struct schedule_shot *shot = builder->shot;
    char id[UUID_LEN + 1];

    crypto_uuid(id);
    return text_of(arena_format(
        builder->arena,
        "{\"version\":\"0\",\"id\":\"%s\",\"detail-type\":\"Scheduled Event\","
        "\"source\":\"aws.scheduler\",\"account\":\"%.*s\",\"time\":\"%.*s\","
        "\"region\":\"%.*s\",\"resources\":[\"%.*s\"],\"detail\":\"{}\"}",
        id, TEXT_ARG(shot->account), TEXT_ARG(time), TEXT_ARG(shot->region), TEXT_ARG(shot->arn)));
}

static struct text make_input(const struct builder *builder)
{
    struct text time = format_time(builder->arena, builder->firing->due_ms);
    struct text input = json_text(builder->shot->target, "Input");
    const struct text words[][2] = {
        {TEXT("<aws.scheduler.schedule-arn>"), builder->shot->arn},
        {TEXT("<aws.scheduler.scheduled-time>"), time},
        {TEXT("<aws.scheduler.execution-id>"), text_of(builder->firing->execution_id)},
        {TEXT("<aws.scheduler.attempt-number>"), TEXT("1")},
    };

    if (!text_is_set(input))
        return default_input(builder, time);
    if (text_find_text(input, TEXT("<aws.scheduler.")) == input.len)
        return input;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        input = replace(builder->arena, input, words[i][0], words[i][1]);
    return input;
}

/* --- records --- */

/* A function's errors are retried on the function's own terms, as after any asynchronous
 * invocation: with AWS too the schedule's policy is about the call, which a record in the
 * function's lane has passed. */
static void put_invocation(struct builder *builder, struct function_event *event)
{
    event->body = arena_copy(builder->arena, event->body);
    event->source_arn = builder->shot->arn;
    event->target_arn = builder->target_arn;
    event->dead_letter = builder->dead_letter;
    function_event_put(event, builder->arena, timer_change(builder->firing));
}

static void put_message(struct builder *builder, struct queue_message *message)
{
    message->source_arn = builder->shot->arn;
    message->target_arn = builder->target_arn;
    message->dead_letter = builder->dead_letter;
    message->body = arena_copy(builder->arena, message->body);
    queue_message_put(message, builder->arena, timer_change(builder->firing));
}

/* --- templated targets --- */

static bool fill_function(struct builder *builder, struct error *err)
{
    struct function_event event = {.body = builder->input};

    event.lane = function_lane_of_arn(builder->target_arn, builder->arena, &event.qualifier);
    if (!text_is_set(event.lane)) {
        error_set(err, ERROR_NOT_FOUND, "the target is not the ARN of a function");
        return false;
    }
    put_invocation(builder, &event);
    return true;
}

static bool fill_queue(struct builder *builder, struct error *err)
{
    const json_t *parameters = json_object_get(builder->shot->target, "SqsParameters");
    struct queue_message message = {
        .lane = queue_lane_of_arn(builder->target_arn, builder->arena),
        .body = builder->input,
        .group = json_text(parameters, "MessageGroupId"),
        .delay_s = -1,
    };

    if (!text_is_set(message.lane)) {
        error_set(err, ERROR_NOT_FOUND, "the target is not the ARN of a queue");
        return false;
    }
    if (text_is_set(message.group))
        message.dedup =
            text_of(arena_string(builder->arena, text_of(builder->firing->execution_id)));
    put_message(builder, &message);
    return true;
}

/* --- events for buses --- */

static struct text bus_key(const struct builder *builder, struct text name)
{
    return text_of(arena_format(builder->arena, "%.*s/%.*s/%.*s", TEXT_ARG(builder->shot->account),
                                TEXT_ARG(builder->shot->region), TEXT_ARG(name)));
}

/* As an entry of PutEvents. */
static bool add_event(struct builder *builder, const json_t *entry, struct text resources,
                      struct error *err)
{
    struct text bus = json_text(entry, "EventBusName"), detail = json_text(entry, "Detail");
    struct text source = json_text(entry, "Source"), type = json_text(entry, "DetailType");
    struct error ignored;
    scoped(json_decref) json_t *json = json_parse(detail, &ignored);
    char id[UUID_LEN + 1];

    if (!json_is_object(json) || source.len == 0 || type.len == 0 ||
        text_starts(source, TEXT("aws."))) {
        error_set(err, ERROR_INVALID,
                  "an event needs a Detail that is a JSON object, a DetailType, and a Source that "
                  "does not begin with 'aws.'");
        return false;
    }
    if (text_find_text(bus, TEXT(":event-bus/")) < bus.len)
        bus = text_skip(bus, text_find(bus, '/') + 1);
    crypto_uuid(id);
    const struct envelope envelope = {
        .id = text_of(id),
        .detail_type = type,
        .source = source,
        .account = builder->shot->account,
        .region = builder->shot->region,
        .time_ms = builder->firing->due_ms,
        .resources = resources,
        .detail = detail,
    };
    if (event_firing_add(builder->events, bus_key(builder, bus.len ? bus : TEXT("default")),
                         &envelope))
        return true;
    error_set(err, ERROR_INVALID, "there are at most %d Entries", EVENT_FIRING_MAX);
    return false;
}

static bool fill_bus(struct builder *builder, struct error *err)
{
    const json_t *parameters = json_object_get(builder->shot->target, "EventBridgeParameters");
    scoped(json_decref) json_t *entry = json_object();

    json_object_update(entry, (json_t *)(uintptr_t)parameters);
    json_object_set_new(entry, "Detail", json_from_text(builder->input));
    json_object_set_new(entry, "EventBusName", json_from_text(builder->target_arn));
    builder->events = event_firing_new(builder->shot->firer, builder->firing);
    return add_event(builder, entry, TEXT_NONE, err);
}

/* --- universal targets --- */

static json_t *parse_request(struct builder *builder, struct error *err)
{
    json_t *request = json_parse(builder->input, err);

    if (request && !json_is_object(request)) {
        json_decref(request);
        error_set(err, ERROR_INVALID, "the Input is not a JSON object");
        return NULL;
    }
    return request;
}

/* "NAME", "NAME:QUALIFIER", "ACCOUNT:function:NAME" or an ARN; qualifier apart wins. */
static bool fill_invoke(struct builder *builder, struct error *err)
{
    scoped(json_decref) json_t *request = parse_request(builder, err);
    struct text text = json_text(request, "FunctionName"), name, qualifier;
    struct arn arn = {.account = builder->shot->account, .region = builder->shot->region};

    if (!request)
        return false;
    if (text_starts(text, TEXT("arn:")) && parse_arn(text, &arn))
        text = arn.rest;
    size_t word = text_find_text(text, TEXT("function:"));
    if (word < text.len)
        text = text_skip(text, word + sizeof "function:" - 1);
    split_qualifier(text, &name, &qualifier);
    if (name.len == 0) {
        error_set(err, ERROR_INVALID, "the Input names no function as FunctionName");
        return false;
    }
    if (text_is_set(json_text(request, "Qualifier")))
        qualifier = json_text(request, "Qualifier");
    struct text payload = json_text(request, "Payload");
    struct function_event event = {
        .lane = function_lane(arn.account, arn.region, name, builder->arena),
        .qualifier = qualifier,
        .body = text_is_set(payload) ? payload : TEXT("{}"),
        .client_context = json_text(request, "ClientContext"),
    };
    put_invocation(builder, &event);
    return true;
}

/* The last two segments of ".../ACCOUNT/NAME". */
static struct text lane_of_url(struct builder *builder, struct text url)
{
    struct text account = TEXT_NONE, name = TEXT_NONE, segment;

    while (text_split(&url, '/', &segment)) {
        account = name;
        name = segment;
    }
    if (account.len == 0 || name.len == 0)
        return TEXT_NONE;
    return text_of(arena_format(builder->arena, LANE_QUEUE "/%.*s/%.*s/%.*s", TEXT_ARG(account),
                                TEXT_ARG(builder->shot->region), TEXT_ARG(name)));
}

static struct text attributes_of(struct builder *builder, const json_t *request)
{
    const json_t *attributes = json_object_get(request, "MessageAttributes");

    if (!json_is_object(attributes) || json_object_size(attributes) == 0)
        return TEXT_NONE;
    scoped(free) char *json = json_write(attributes);
    return arena_copy(builder->arena, text_of(json));
}

static struct text kept(struct builder *builder, const json_t *request, const char *name)
{
    return arena_copy(builder->arena, json_text(request, name));
}

static bool fill_send_message(struct builder *builder, struct error *err)
{
    scoped(json_decref) json_t *request = parse_request(builder, err);

    if (!request)
        return false;
    struct queue_message message = {
        .lane = lane_of_url(builder, json_text(request, "QueueUrl")),
        .body = json_text(request, "MessageBody"),
        .attributes = attributes_of(builder, request),
        .group = kept(builder, request, "MessageGroupId"),
        .dedup = kept(builder, request, "MessageDeduplicationId"),
        .delay_s = json_int(request, "DelaySeconds", -1),
    };
    if (!text_is_set(message.lane) || message.body.len == 0) {
        error_set(err, ERROR_INVALID, "the Input needs a QueueUrl and a MessageBody");
        return false;
    }
    put_message(builder, &message);
    return true;
}

static struct text resources_of(const struct builder *builder, const json_t *entry)
{
    const json_t *resources = json_object_get(entry, "Resources");
    scoped(free) char *json = json_is_array(resources) ? json_write(resources) : NULL;

    return json ? arena_copy(builder->arena, text_of(json)) : TEXT_NONE;
}

static bool fill_put_events(struct builder *builder, struct error *err)
{
    scoped(json_decref) json_t *request = parse_request(builder, err);
    const json_t *entries = json_object_get(request, "Entries"), *entry;
    size_t index;

    if (!request)
        return false;
    if (json_array_size(entries) == 0) {
        error_set(err, ERROR_INVALID, "the Input has no Entries");
        return false;
    }
    builder->events = event_firing_new(builder->shot->firer, builder->firing);
    json_array_foreach(entries, index, entry)
    {
        if (!add_event(builder, entry, resources_of(builder, entry), err))
            return false;
    }
    return true;
}

/* --- what cannot be started --- */

static void bury(struct builder *builder, const struct error *err)
{
    struct text lane = queue_lane_of_arn(builder->dead_letter, builder->arena);
    struct buffer json = {0};
    const struct text attributes[][2] = {
        {TEXT("ERROR_CODE"), TEXT("INVALID_PARAMETER")},
        {TEXT("ERROR_MESSAGE"), text_of(err->text)},
        {TEXT("EXECUTION_ID"), text_of(builder->firing->execution_id)},
        {TEXT("RETRY_ATTEMPTS"), TEXT("0")},
        {TEXT("SCHEDULE_ARN"), builder->shot->arn},
        {TEXT("SCHEDULED_TIME"), format_time(builder->arena, builder->firing->due_ms)},
        {TEXT("TARGET_ARN"), builder->target_arn},
    };

    if (!text_is_set(lane)) {
        scoped(free) char *arn = text_dup(builder->shot->arn);
        log_warn("a schedule's target could not be started", LOG_TEXT("schedule", arn),
                 LOG_ERROR(err));
        return;
    }
    for (size_t i = 0; i < COUNT_OF(attributes); i++)
        queue_attributes_add(&json, attributes[i][0], TEXT("String"), attributes[i][1]);
    queue_attributes_end(&json);
    const struct queue_message message = {
        .lane = lane,
        .body = arena_copy(builder->arena, builder->input),
        .attributes = arena_copy(builder->arena, buffer_text(&json)),
        .delay_s = -1,
    };
    queue_message_put(&message, builder->arena, timer_change(builder->firing));
    buffer_done(&json);
}

void schedule_target_fire(const struct schedule_shot *shot, struct timer_firing *firing)
{
    struct builder builder = {.shot = shot, .firing = firing, .arena = &firing->arena};
    struct error err;

    builder.target_arn = arena_copy(builder.arena, json_text(shot->target, "Arn"));
    builder.dead_letter = arena_copy(
        builder.arena, json_text(json_object_get(shot->target, "DeadLetterConfig"), "Arn"));
    builder.input = make_input(&builder);
    fill_f *fill = find_fill(builder.target_arn, &err);
    bool is_filled = fill && fill(&builder, &err);
    if (!is_filled)
        bury(&builder, &err);
    if (builder.events && is_filled) {
        event_firing_go(builder.events);
        return;
    }
    event_firing_free(builder.events);
    timer_write(firing);
}
