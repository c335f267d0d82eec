/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/async_priv.h"

#include "base/clock.h"
#include "base/scan.h"
#include "store/queue_message.h"

/*
 * Lambda's record about an invocation, in AWS's order of members, and the ways it goes: as a
 * message, as an event for another function, as the detail of an event for a bus. Dead
 * letters are the event itself, with what went wrong in message attributes.
 */

#define ERROR_MESSAGE_MAX 1024 /* bytes; Lambda: what a dead letter tells */

/* --- what the function said --- */

static void take_error_message(void *arg, const struct scan_value *name,
                               const struct scan_value *value)
{
    if (value->kind == SCAN_STRING && scan_is(name, TEXT("errorMessage"))) {
        buffer_clear(arg);
        scan_add_decoded(value, arg);
    }
}

static struct text cut(struct text text, size_t max)
{
    size_t len = 0, step;

    while (len < text.len && (step = text_utf8_len(text_skip(text, len))) > 0 && len + step <= max)
        len += step;
    return text_slice(text, 0, len);
}

struct text record_error_message(const struct invocation *invocation, struct arena *arena)
{
    scoped(buffer_done) struct buffer message = {0};
    struct scan_value ignored;

    if (!scan_document(buffer_text(&invocation->response), take_error_message, &message, &ignored))
        buffer_clear(&message);
    return arena_copy(arena, cut(buffer_text(&message), ERROR_MESSAGE_MAX));
}

/* --- the record --- */

static void add_member(struct buffer *out, const char *name, struct text value)
{
    buffer_add_format(out, "\"%s\":", name);
    buffer_add_json(out, value);
}

/* What is JSON stands as it is; custom runtimes may answer with anything. */
static void add_payload(struct buffer *out, const char *name, struct text payload)
{
    struct scan_value ignored;

    buffer_add_format(out, ",\"%s\":", name);
    if (text_is_utf8(payload) && scan_document(payload, NULL, NULL, &ignored))
        buffer_add_text(out, payload);
    else
        buffer_add_json(out, payload);
}

static struct text qualified_arn(const struct task *task, struct buffer *out)
{
    scoped(arena_done) struct arena arena = {0};
    struct text qualifier = task->note.qualifier;

    buffer_add_text(out, function_arn_of_lane(text_of(task->lane->name), &arena));
    buffer_add_char(out, ':');
    buffer_add_text(out, qualifier.len ? qualifier : TEXT("$LATEST"));
    return buffer_text(out);
}

static void add_response(struct buffer *out, const struct invocation *invocation)
{
    buffer_add_literal(out, ",\"responseContext\":{\"statusCode\":200,");
    add_member(out, "executedVersion", text_of(invocation->version->number));
    if (invocation->outcome == INVOCATION_FUNCTION_ERROR) {
        buffer_add_char(out, ',');
        add_member(out, "functionError", text_of(invocation->error_kind));
    }
    buffer_add_char(out, '}');
    /* A record is an event for its destination, which takes no more than this. */
    if (invocation->response.len <= LIMIT_PAYLOAD_ASYNC)
        add_payload(out, "responsePayload", buffer_text(&invocation->response));
}

static void add_record(struct buffer *out, const struct outcome *outcome)
{
    const struct task *task = outcome->task;
    scoped(buffer_done) struct buffer arn = {0};
    char time[32];

    buffer_add_literal(out, "{\"version\":\"1.0\",");
    add_member(out, "timestamp", text_of(clock_format_iso(clock_now_ms(), time)));
    buffer_add_literal(out, ",\"requestContext\":{");
    add_member(out, "requestId", task->note.request_id);
    buffer_add_char(out, ',');
    add_member(out, "functionArn", qualified_arn(task, &arn));
    buffer_add_char(out, ',');
    add_member(out, "condition", text_of(outcome->condition));
    buffer_add_format(out, ",\"approximateInvokeCount\":%lld}", (long long)task->note.attempts);
    add_payload(out, "requestPayload", buffer_text(&task->event->body));
    if (outcome->invocation)
        add_response(out, outcome->invocation);
    buffer_add_char(out, '}');
}

/* --- where it goes --- */

static struct event_change *next_change(struct task *task)
{
    return &task->changes[task->change_count];
}

/* False when there is no such queue. */
static bool put_message(const struct outcome *outcome, struct text queue, struct text body,
                        struct text attributes, struct task *task)
{
    const struct queue_message message = {
        .lane = queue_lane_of_arn(queue, &task->arena),
        .body = body,
        .attributes = attributes,
        .trace = task->note.trace,
        .hops = outcome->hops,
        .delay_s = -1,
        .source_arn = function_arn_of_lane(text_of(task->lane->name), &task->arena),
    };

    if (!text_is_set(message.lane))
        return false;
    queue_message_put(&message, &task->arena, next_change(task));
    return true;
}

static bool put_event(const struct outcome *outcome, struct text function, struct task *task)
{
    struct function_event event = {
        .body = buffer_text(&task->record),
        .trace = task->note.trace,
        .hops = outcome->hops,
        .source_arn = function_arn_of_lane(text_of(task->lane->name), &task->arena),
    };

    event.lane = function_lane_of_arn(function, &task->arena, &event.qualifier);
    if (!text_is_set(event.lane))
        return false;
    function_event_put(&event, &task->arena, next_change(task));
    return true;
}

/* The event that carries the record as its detail. Returns its id. */
static struct text wrap_record(struct task *task, struct text bus, bool is_success)
{
    const struct function_lane *names = &task->lane->names;
    scoped(buffer_done) struct buffer record = buffer_take(&task->record), arn = {0};
    struct buffer *out = &task->record;
    char *id = arena_alloc(&task->arena, UUID_LEN + 1), time[32];

    crypto_uuid(id);
    clock_format_iso(clock_now_ms(), time);
    buffer_add_literal(out, "{\"version\":\"0\",");
    add_member(out, "id", text_of(id));
    buffer_add_format(out,
                      ",\"detail-type\":\"Lambda Function Invocation Result - %s\","
                      "\"source\":\"lambda\",",
                      is_success ? "Success" : "Failure");
    add_member(out, "account", names->account);
    buffer_add_format(out, ",\"time\":\"%.19sZ\",", time);
    add_member(out, "region", names->region);
    buffer_add_literal(out, ",\"resources\":[");
    buffer_add_json(out, bus);
    buffer_add_char(out, ',');
    buffer_add_json(out, qualified_arn(task, &arn));
    buffer_add_literal(out, "],\"detail\":");
    buffer_add_text(out, buffer_text(&record));
    buffer_add_char(out, '}');
    return text_of(id);
}

#define BUS_ARN "arn:aws:events:"

static bool put_bus(const struct outcome *outcome, struct text bus, struct task *task)
{
    struct text name = text_skip(bus, text_find_text(bus, TEXT(":event-bus/")));
    scoped(buffer_done) struct buffer text = {0};

    if (name.len == 0)
        return false;
    name = text_skip(name, sizeof ":event-bus/" - 1);
    const struct note note = {
        .request_id = wrap_record(task, bus, strcmp(outcome->condition, "Success") == 0),
        .trace = task->note.trace,
        .hops = outcome->hops,
        .first_ms = clock_now_ms(),
        .source_arn = function_arn_of_lane(text_of(task->lane->name), &task->arena),
        .target_arn = bus,
    };
    note_format(&note, &text);
    *next_change(task) = (struct event_change){
        .action = EVENT_PUT,
        .lane = text_of(arena_format(&task->arena, LANE_BUS "/%.*s/%.*s/%.*s",
                                     TEXT_ARG(task->lane->names.account),
                                     TEXT_ARG(task->lane->names.region), TEXT_ARG(name))),
        .note = arena_copy(&task->arena, buffer_text(&text)),
        .body = buffer_text(&task->record),
    };
    return true;
}

bool record_put(const struct outcome *outcome, struct text destination, struct task *task)
{
    add_record(&task->record, outcome);
    if (text_starts(destination, TEXT(BUS_ARN)))
        return put_bus(outcome, destination, task);
    return put_message(outcome, destination, buffer_text(&task->record), (struct text){0}, task) ||
           put_event(outcome, destination, task);
}

/* --- dead letters --- */

/* What Lambda says of an event that its function failed at, and EventBridge of one that it
 * could not give to the function. */
static struct text dead_letter_attributes(const struct outcome *outcome, struct task *task)
{
    const struct note *note = &task->note;
    scoped(buffer_done) struct buffer json = {0};

    if (outcome->condition) {
        queue_attributes_add(&json, TEXT("RequestID"), TEXT("String"), note->request_id);
        queue_attributes_add(&json, TEXT("ErrorCode"), TEXT("Number"), outcome->error_code);
        if (outcome->error_message.len)
            queue_attributes_add(&json, TEXT("ErrorMessage"), TEXT("String"),
                                 outcome->error_message);
    } else {
        queue_attributes_add(&json, TEXT("ERROR_CODE"), TEXT("String"), outcome->error_code);
        queue_attributes_add(&json, TEXT("ERROR_MESSAGE"), TEXT("String"), outcome->error_message);
        if (note->source_arn.len)
            queue_attributes_add(&json, TEXT("RULE_ARN"), TEXT("String"), note->source_arn);
        if (note->target_arn.len)
            queue_attributes_add(&json, TEXT("TARGET_ARN"), TEXT("String"), note->target_arn);
    }
    queue_attributes_end(&json);
    return arena_copy(&task->arena, buffer_text(&json));
}

bool record_dead_letter(const struct outcome *outcome, struct text queue, struct task *task)
{
    return put_message(outcome, queue, buffer_text(&task->event->body),
                       dead_letter_attributes(outcome, task), task);
}
