/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_priv.h"

/* What becomes of received messages: DeleteMessage, ChangeMessageVisibility and their batches;
 * and PurgeQueue. */

#define PURGE_PAUSE_MS 60000 /* SQS: between two purges of a queue */

/* Entries of one call; a call about one message has one, without id. */
struct settling {
    struct queue_delete delete;
    struct call *call;
    struct queue_item items[SQS_BATCH_MAX];
    struct sqs_failure entries[SQS_BATCH_MAX]; /* code NULL: went well */
    size_t item_of[SQS_BATCH_MAX];             /* of the entries that have one */
    size_t count, item_count;
};

/* --- reading --- */

static void fail_entry(struct settling *settling, size_t index, const char *code, char *message)
{
    settling->entries[index].code = code;
    settling->entries[index].message = text_of(message);
}

/* A malformed handle and a missing one fail the entry. */
static void read_entry(struct settling *settling, const json_t *source, bool is_hide)
{
    struct arena *arena = &settling->call->arena;
    struct text handle = json_text(source, "ReceiptHandle");
    size_t index = settling->count++;
    struct queue_item item = {.visibility_s = json_int(source, "VisibilityTimeout", -1)};

    settling->entries[index].id = json_text(source, "Id");
    if (handle.len == 0)
        fail_entry(settling, index, "MissingRequiredParameterException",
                   arena_format(arena, "The request must contain the parameter ReceiptHandle."));
    else if (!queue_handle_parse(sqs_of(settling->call)->lane, handle, &item.handle))
        fail_entry(settling, index, "ReceiptHandleIsInvalid",
                   arena_format(arena,
                                "The input receipt handle \"%.*s\" is not a valid receipt handle.",
                                TEXT_ARG(handle)));
    else if (is_hide && !json_is_integer(json_object_get(source, "VisibilityTimeout")))
        fail_entry(
            settling, index, "MissingRequiredParameterException",
            arena_format(arena, "The request must contain the parameter VisibilityTimeout."));
    else if (is_hide && (item.visibility_s < 0 || item.visibility_s > QUEUE_VISIBILITY_MAX))
        fail_entry(settling, index, "InvalidParameterValueException",
                   arena_format(arena,
                                "Value %lld for parameter VisibilityTimeout is invalid. Reason: "
                                "VisibilityTimeout must be an integer between 0 and %d.",
                                (long long)item.visibility_s, QUEUE_VISIBILITY_MAX));
    else {
        settling->item_of[settling->item_count] = index;
        settling->items[settling->item_count++] = item;
    }
}

static struct settling *new_settling(struct call *call)
{
    struct settling *settling = arena_zalloc(&call->arena, sizeof *settling);

    settling->call = call;
    return settling;
}

static struct settling *read_batch(struct call *call, const char *kind, bool is_hide)
{
    json_t *entries = sqs_batch_entries(call, kind), *source;
    size_t index;

    if (!entries)
        return NULL;
    struct settling *settling = new_settling(call);
    json_array_foreach(entries, index, source) read_entry(settling, source, is_hide);
    return settling;
}

/* --- verdicts --- */

static const char *reason_of(enum queue_verdict verdict)
{
    switch (verdict) {
    case QUEUE_OK:
        return NULL;
    case QUEUE_EXPIRED:
        return "The receipt handle has expired.";
    case QUEUE_ABSENT:
        return "Message does not exist or is not available for visibility timeout change.";
    case QUEUE_TOO_LONG:
        return "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
    }
    return NULL;
}

static void judge_entry(struct settling *settling, size_t item_index, const json_t *source)
{
    const struct queue_item *item = &settling->items[item_index];
    const char *reason = reason_of(item->verdict);
    char digits[24];

    if (!reason)
        return;
    bool is_handle = item->verdict != QUEUE_TOO_LONG;
    snprintf(digits, sizeof digits, "%lld", (long long)item->visibility_s);
    struct text value = is_handle ? json_text(source, "ReceiptHandle") : text_of(digits);
    fail_entry(settling, settling->item_of[item_index], "InvalidParameterValueException",
               arena_format(&settling->call->arena,
                            "Value %.*s for parameter %s is invalid. Reason: %s", TEXT_ARG(value),
                            is_handle ? "ReceiptHandle" : "VisibilityTimeout", reason));
}

static const json_t *source_of(const struct settling *settling, size_t index)
{
    const json_t *entries = json_object_get(settling->call->input, "Entries");

    return entries ? json_array_get(entries, index) : settling->call->input;
}

static void judge(struct settling *settling)
{
    for (size_t i = 0; i < settling->item_count; i++)
        judge_entry(settling, i, source_of(settling, settling->item_of[i]));
}

/* --- answers --- */

static void reply_one(struct settling *settling)
{
    const struct sqs_failure *entry = &settling->entries[0];

    if (entry->code)
        call_fail_text(settling->call, entry->code, entry->message);
    else
        sqs_reply_empty(settling->call);
}

static void reply_batch(struct settling *settling, const char *xml_name)
{
    struct sqs_answer answer = sqs_answer_of(settling->call, /* has_result= */ true);
    bool is_open = false;

    for (size_t i = 0; i < settling->count; i++) {
        if (settling->entries[i].code)
            continue;
        if (!is_open)
            sqs_answer_list(&answer, "Successful");
        is_open = true;
        sqs_answer_item(&answer, xml_name);
        sqs_answer_text(&answer, "Id", settling->entries[i].id);
        sqs_answer_item_end(&answer, xml_name);
    }
    if (is_open)
        sqs_answer_list_end(&answer);
    sqs_write_failures(&answer, settling->entries, settling->count);
    sqs_reply(settling->call, &answer);
}

/* --- deleting --- */

static void on_deleted(struct queue_delete *delete, bool failed, const struct error *err)
{
    struct settling *settling = container_of(delete, struct settling, delete);

    if (failed)
        sqs_fail_store(settling->call, err);
    else if (json_object_get(settling->call->input, "Entries"))
        reply_batch(settling, "DeleteMessageBatchResultEntry");
    else
        reply_one(settling);
}

static void begin_delete(struct settling *settling, struct queue *queue)
{
    settling->delete = (struct queue_delete){
        .done = on_deleted, .items = settling->items, .count = settling->item_count};
    queue_delete(queue, &settling->delete);
    judge(settling);
}

static void delete_here(struct call *call, struct queue *queue)
{
    struct settling *settling = new_settling(call);

    read_entry(settling, call->input, /* is_hide= */ false);
    begin_delete(settling, queue);
}

void sqs_delete_message(struct call *call)
{
    (void)json_object_del(call->input, "Entries");
    if (sqs_read_queue(call))
        sqs_go_home(call, delete_here);
}

static void delete_batch_here(struct call *call, struct queue *queue)
{
    struct settling *settling =
        read_batch(call, "DeleteMessageBatchRequestEntry", /* is_hide= */ false);

    if (settling)
        begin_delete(settling, queue);
}

void sqs_delete_message_batch(struct call *call)
{
    if (sqs_read_queue(call))
        sqs_go_home(call, delete_batch_here);
}

/* --- visibility --- */

static void hide_here(struct call *call, struct queue *queue)
{
    struct settling *settling = new_settling(call);

    read_entry(settling, call->input, /* is_hide= */ true);
    queue_hide(queue, settling->items, settling->item_count);
    judge(settling);
    reply_one(settling);
}

void sqs_change_visibility(struct call *call)
{
    (void)json_object_del(call->input, "Entries");
    if (sqs_read_queue(call))
        sqs_go_home(call, hide_here);
}

static void hide_batch_here(struct call *call, struct queue *queue)
{
    struct settling *settling =
        read_batch(call, "ChangeMessageVisibilityBatchRequestEntry", /* is_hide= */ true);

    if (!settling)
        return;
    queue_hide(queue, settling->items, settling->item_count);
    judge(settling);
    reply_batch(settling, "ChangeMessageVisibilityBatchResultEntry");
}

void sqs_change_visibility_batch(struct call *call)
{
    if (sqs_read_queue(call))
        sqs_go_home(call, hide_batch_here);
}

/* --- purging --- */

struct purging {
    struct queue_purge purge;
    struct call *call;
};

static void on_purged(struct queue_purge *purge, bool failed, const struct error *err)
{
    struct purging *purging = container_of(purge, struct purging, purge);

    if (failed)
        sqs_fail_store(purging->call, err);
    else
        sqs_reply_empty(purging->call);
}

static void purge_here(struct call *call, struct queue *queue)
{
    struct purging *purging = arena_zalloc(&call->arena, sizeof *purging);

    if (!queue_may_purge(queue, PURGE_PAUSE_MS)) {
        call_fail(call, "PurgeQueueInProgress",
                  "Only one PurgeQueue operation on %.*s is allowed every 60 seconds.",
                  TEXT_ARG(sqs_of(call)->name));
        return;
    }
    purging->call = call;
    purging->purge.done = on_purged;
    queue_purge(queue, &purging->purge);
}

void sqs_purge_queue(struct call *call)
{
    if (sqs_read_queue(call))
        sqs_go_home(call, purge_here);
}
