/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_priv.h"

#include <stdarg.h>

#include "base/mem.h"

/* SendMessage, SendMessageBatch. */

#define WHY_CONTENTS                                                                    \
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to " \
    "#xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
#define WHY_TYPE "The request include parameter that is not valid for this queue type."
#define WHY_ID(name) \
    name " can only include alphanumeric and punctuation characters. 1 to 128 in length."

/* An entry that is being read: what it becomes, and what is wrong with it. */
struct reading {
    struct call *call;
    const struct queue_settings *settings;
    const json_t *source;
    struct queue_entry *entry;
    const char *code; /* of what is wrong */
    char *message;    /* in the arena */
    size_t bytes;
    bool is_batch, fails_batch;
};

__attribute__((format(printf, 3, 4))) static bool refuse(struct reading *reading, const char *code,
                                                         const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    scoped(free) char *message = mem_vformat(format, arguments);
    va_end(arguments);
    reading->code = code;
    reading->message = arena_string(&reading->call->arena, text_of(message));
    return false;
}

static bool refuse_value(struct reading *reading, struct text value, const char *parameter,
                         const char *reason)
{
    return refuse(reading, "InvalidParameterValueException",
                  "Value %.*s for parameter %s is invalid. Reason: %s", TEXT_ARG(value), parameter,
                  reason);
}

static bool read_delay(struct reading *reading)
{
    int64_t delay_s = json_int(reading->source, "DelaySeconds", -1);
    char digits[24];

    reading->entry->delay_s = -1;
    if (!json_is_integer(json_object_get(reading->source, "DelaySeconds")))
        return true;
    snprintf(digits, sizeof digits, "%lld", (long long)delay_s);
    if (delay_s < 0 || delay_s > SQS_DELAY_MAX)
        return refuse_value(reading, text_of(digits), "DelaySeconds",
                            "DelaySeconds must be >= 0 and <= 900.");
    if (reading->settings->is_fifo && delay_s > 0)
        return refuse_value(reading, text_of(digits), "DelaySeconds", WHY_TYPE);
    if (!reading->settings->is_fifo)
        reading->entry->delay_s = delay_s;
    return true;
}

/* What a FIFO queue takes for an id when the client gives none: the body's SHA-256. */
static struct text content_id(struct reading *reading)
{
    uint8_t digest[SHA256_LEN];
    char *hex = arena_alloc(&reading->call->arena, 2 * SHA256_LEN + 1);

    crypto_sha256(reading->entry->body, digest);
    crypto_hex(digest, sizeof digest, hex);
    return text_of(hex);
}

static bool read_fifo(struct reading *reading)
{
    struct queue_entry *entry = reading->entry;

    if (entry->group.len == 0) {
        reading->fails_batch = true;
        return refuse(reading,
                      reading->is_batch ? "InvalidParameterValueException"
                                        : "MissingRequiredParameterException",
                      "The request must contain the parameter MessageGroupId.");
    }
    if (entry->dedup.len == 0 && reading->settings->content_dedup)
        entry->dedup = content_id(reading);
    if (entry->dedup.len > 0)
        return true;
    reading->fails_batch = true;
    return refuse(reading, "InvalidParameterValueException",
                  "The queue should either have ContentBasedDeduplication enabled or "
                  "MessageDeduplicationId provided explicitly");
}

static bool read_ids(struct reading *reading)
{
    struct queue_entry *entry = reading->entry;

    entry->group = json_text(reading->source, "MessageGroupId");
    entry->dedup = json_text(reading->source, "MessageDeduplicationId");
    if (text_is_set(entry->group) && !sqs_id_is_valid(entry->group))
        return refuse_value(reading, entry->group, "MessageGroupId", WHY_ID("MessageGroupId"));
    if (text_is_set(entry->dedup) && !sqs_id_is_valid(entry->dedup))
        return refuse_value(reading, entry->dedup, "MessageDeduplicationId",
                            WHY_ID("MessageDeduplicationId"));
    if (reading->settings->is_fifo)
        return read_fifo(reading);
    if (text_is_set(entry->dedup))
        return refuse_value(reading, entry->dedup, "MessageDeduplicationId", WHY_TYPE);
    return true;
}

static bool read_attributes(struct reading *reading)
{
    const json_t *attributes = json_object_get(reading->source, "MessageAttributes");
    struct error err;
    size_t bytes = 0;

    if (json_object_size(attributes) == 0)
        return true;
    if (sqs_attributes_check(attributes, &bytes, &err) < 0)
        return refuse(reading, "InvalidParameterValueException", "%s", err.text);
    scoped(free) char *text = json_write(attributes);
    scoped(buffer_done) struct buffer stored = {0};
    buffer_add_json(&stored, text_of(text));
    if (stored.len > SQS_ATTRIBUTES_BYTES)
        return refuse(reading, "InvalidParameterValueException",
                      "Evoke keeps at most %d bytes of attributes with a message.",
                      SQS_ATTRIBUTES_BYTES);
    reading->entry->attributes = arena_copy(&reading->call->arena, text_of(text));
    reading->bytes += bytes;
    return true;
}

static bool read_size(struct reading *reading)
{
    if (reading->bytes <= (size_t)reading->settings->max_bytes)
        return true;
    return refuse(reading, "InvalidParameterValueException",
                  "One or more parameters %s. Reason: Message must be shorter than %lld bytes.",
                  reading->is_batch ? "cannot be validated" : "are invalid",
                  (long long)reading->settings->max_bytes);
}

static const json_t *trace_attribute(const struct reading *reading)
{
    return json_object_get(json_object_get(reading->source, "MessageSystemAttributes"),
                           "AWSTraceHeader");
}

static bool read_trace(struct reading *reading)
{
    struct text given = json_text(trace_attribute(reading), "StringValue");
    struct text header = sqs_of(reading->call)->trace;

    if (given.len > SQS_TRACE_MAX)
        return refuse(reading, "InvalidParameterValueException",
                      "The value of message (system) attribute 'AWSTraceHeader' is invalid.");
    reading->entry->trace = given.len > 0                 ? given
                            : header.len <= SQS_TRACE_MAX ? header
                                                          : TEXT_NONE;
    reading->entry->hops = sqs_of(reading->call)->hops;
    return true;
}

static bool read_entry(struct reading *reading)
{
    struct text body = json_text(reading->source, "MessageBody");

    reading->entry->body = body;
    reading->bytes = body.len;
    if (body.len == 0)
        return refuse(reading, "MissingRequiredParameterException",
                      "The request must contain the parameter MessageBody.");
    if (!sqs_body_is_valid(body))
        return refuse(reading, "InvalidMessageContents", WHY_CONTENTS);
    if (!read_attributes(reading) || !read_size(reading) || !read_delay(reading) ||
        !read_ids(reading))
        return false;
    return read_trace(reading);
}

/* --- answers --- */

static void write_entry(struct sqs_answer *answer, const struct queue_settings *settings,
                        const struct queue_entry *entry, const json_t *source)
{
    char digest[QUEUE_DIGEST_LEN + 1], sequence[24];

    sqs_answer_text(answer, "MessageId", text_of(entry->message_id));
    queue_digest_body(entry->body, digest);
    sqs_answer_text(answer, "MD5OfMessageBody", text_of(digest));
    if (queue_digest_attributes(json_object_get(source, "MessageAttributes"), NULL, NULL, digest))
        sqs_answer_text(answer, "MD5OfMessageAttributes", text_of(digest));
    if (queue_digest_attributes(json_object_get(source, "MessageSystemAttributes"), NULL, NULL,
                                digest))
        sqs_answer_text(answer, "MD5OfMessageSystemAttributes", text_of(digest));
    if (settings->is_fifo) {
        queue_sequence(entry->id, sequence);
        sqs_answer_text(answer, "SequenceNumber", text_of(sequence));
    }
}

/* --- SendMessage and SendMessageBatch: sqs_call's own --- */

struct sending {
    struct queue_send send;
    struct call *call;
    struct queue_entry entries[SQS_BATCH_MAX];
    const json_t *sources[SQS_BATCH_MAX];
    struct sqs_failure failures[SQS_BATCH_MAX];
    size_t failure_count;
};

static struct sending *new_sending(struct call *call)
{
    struct sending *sending = arena_zalloc(&call->arena, sizeof *sending);

    sending->call = call;
    sending->send.entries = sending->entries;
    return sending;
}

static void on_sent(struct queue_send *send, bool failed, const struct error *err)
{
    struct sending *sending = container_of(send, struct sending, send);
    struct call *call = sending->call;

    if (failed) {
        sqs_fail_store(call, err);
        return;
    }
    struct sqs_answer answer = sqs_answer_of(call, /* has_result= */ true);
    write_entry(&answer, queue_settings(send->queue), &sending->entries[0], call->input);
    sqs_reply(call, &answer);
}

static void send_here(struct call *call, struct queue *queue)
{
    struct sending *sending = new_sending(call);
    struct reading reading = {.call = call,
                              .settings = queue_settings(queue),
                              .source = call->input,
                              .entry = &sending->entries[0]};

    if (!read_entry(&reading)) {
        call_fail_text(call, reading.code, text_of(reading.message));
        return;
    }
    sending->send.count = 1;
    sending->send.done = on_sent;
    queue_send(queue, &sending->send);
}

/* What is known of its client as long as that is there: on the shard. */
static bool read_request(struct call *call)
{
    if (!sqs_read_queue(call))
        return false;
    sqs_of(call)->trace = arena_copy(&call->arena, call_trace(call));
    sqs_of(call)->hops = auth_hops(call, sqs_of(call)->trace);
    return true;
}

void sqs_send_message(struct call *call)
{
    if (read_request(call))
        sqs_go_home(call, send_here);
}

static void reply_batch(struct sending *sending, const struct queue_settings *settings)
{
    struct sqs_answer answer = sqs_answer_of(sending->call, /* has_result= */ true);

    if (sending->send.count > 0)
        sqs_answer_list(&answer, "Successful");
    for (size_t i = 0; i < sending->send.count; i++) {
        sqs_answer_item(&answer, "SendMessageBatchResultEntry");
        sqs_answer_text(&answer, "Id", json_text(sending->sources[i], "Id"));
        write_entry(&answer, settings, &sending->entries[i], sending->sources[i]);
        sqs_answer_item_end(&answer, "SendMessageBatchResultEntry");
    }
    if (sending->send.count > 0)
        sqs_answer_list_end(&answer);
    sqs_write_failures(&answer, sending->failures, sending->failure_count);
    sqs_reply(sending->call, &answer);
}

static void on_batch_sent(struct queue_send *send, bool failed, const struct error *err)
{
    struct sending *sending = container_of(send, struct sending, send);

    if (failed)
        sqs_fail_store(sending->call, err);
    else
        reply_batch(sending, queue_settings(send->queue));
}

/* What of the entries can be sent; false: the whole call was answered. */
static bool read_batch(struct call *call, struct queue *queue, const json_t *entries,
                       struct sending *sending)
{
    size_t index, total = 0;
    json_t *source;

    json_array_foreach(entries, index, source)
    {
        struct reading reading = {.call = call,
                                  .settings = queue_settings(queue),
                                  .source = source,
                                  .entry = &sending->entries[sending->send.count],
                                  .is_batch = true};
        bool is_good = read_entry(&reading);
        total += reading.bytes;
        if (is_good) {
            sending->sources[sending->send.count++] = source;
            continue;
        }
        if (reading.fails_batch) {
            call_fail_text(call, reading.code, text_of(reading.message));
            return false;
        }
        sending->failures[sending->failure_count++] = (struct sqs_failure){
            json_text(source, "Id"), reading.code, text_of(reading.message), false};
    }
    if (total <= QUEUE_MESSAGE_MAX)
        return true;
    call_fail(call, "BatchRequestTooLong",
              "Batch requests cannot be longer than %d bytes. You have sent %zu bytes.",
              QUEUE_MESSAGE_MAX, total);
    return false;
}

static void send_batch_here(struct call *call, struct queue *queue)
{
    json_t *entries = sqs_batch_entries(call, "SendMessageBatchRequestEntry");
    struct sending *sending = new_sending(call);

    if (!entries || !read_batch(call, queue, entries, sending))
        return;
    if (sending->send.count == 0) {
        reply_batch(sending, queue_settings(queue));
        return;
    }
    sending->send.done = on_batch_sent;
    queue_send(queue, &sending->send);
}

void sqs_send_message_batch(struct call *call)
{
    if (read_request(call))
        sqs_go_home(call, send_batch_here);
}
