/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * From one queue into another: one write that puts the message there and deletes it here, so
 * that no crash leaves it twice or not at all. The body is read from disk first when it is
 * not in memory. A dead letter keeps its id, its age and its count of receives; what a move
 * task moves is a new message.
 */

static void finish_move(struct queue_move *move, bool failed, const struct error *err)
{
    scoped(queue_unref) struct queue *queue = move->queue;

    if (failed)
        log_warn("a message could not be moved to another queue",
                 LOG_TEXT("queue", queue->settings->arn), LOG_ERROR(err));
    (failed ? queue_keep : queue_forget)(queue, move->message);
    buffer_done(&move->read.body);
    arena_done(&move->arena);
    move->done(move, failed);
}

static void on_moved(struct event_write *write, bool failed, const struct error *err)
{
    finish_move(container_of(write, struct queue_move, write), failed, err);
}

static struct text new_note(struct queue_move *move)
{
    scoped(buffer_done) struct buffer text = {0};
    struct note *note = &move->note;

    if (move->is_dead) {
        note->origin_arn = text_of(move->queue->settings->arn);
        note->receives = move->message->receives;
        note->first_received_ms = move->message->first_received_ms;
    } else {
        char id[UUID_LEN + 1];
        crypto_uuid(id);
        note->request_id = arena_copy(&move->arena, text_from(id, UUID_LEN));
        note->origin_arn = TEXT_NONE;
        note->receives = note->first_received_ms = 0;
        note->sent_ms = clock_now_ms();
    }
    note_format(note, &text);
    return arena_copy(&move->arena, buffer_text(&text));
}

static void write_move(struct queue_move *move, struct text body)
{
    size_t count = 0;

    move->changes[count++] = (struct event_change){
        .action = EVENT_PUT,
        .lane = move->lane,
        .due_ms = clock_now_ms(),
        .note = new_note(move),
        .body = body,
    };
    move->changes[count++] = (struct event_change){.action = EVENT_DELETE, .id = move->message->id};
    count += fifo_tombstone(move->queue, move->message, &move->arena, &move->changes[count]);
    move->write = (struct event_write){.done = on_moved,
                                       .loop = move->queue->shard->loop,
                                       .changes = move->changes,
                                       .count = count};
    event_store_write(move->queue->shard->queues->options.store, &move->write);
}

static void on_read(struct event_read *read, bool failed, const struct error *err)
{
    struct queue_move *move = container_of(read, struct queue_move, read);

    if (failed)
        finish_move(move, true, err);
    else
        write_move(move, buffer_text(&read->body));
}

void queue_move(struct queue_move *move)
{
    struct queue *queue = queue_ref(move->queue);
    struct message *message = move->message;
    struct queues *queues = queue->shard->queues;

    move->arena = (struct arena){0};
    move->lane = arena_copy(&move->arena, move->lane);
    move->read =
        (struct event_read){.done = on_read, .loop = queue->shard->loop, .id = message->id};
    bool is_readable = message_note(message, &move->arena, &move->note);
    queue_set_state(queue, message, MESSAGE_LEAVING, 0);
    assert(is_readable); /* it was, when it came */
    if (message->body)
        write_move(move, text_from(message->body, message->body_len));
    else
        event_store_read(queues->options.store, &move->read);
}

static void on_dead(struct queue_move *move, bool failed)
{
    free(move);
}

void queue_move_dead(struct queue *queue, struct message *message)
{
    struct queue_move *move = mem_new(struct queue_move);

    move->done = on_dead;
    move->queue = queue;
    move->message = message;
    move->lane = text_of(queue->settings->dead_letter_lane);
    move->is_dead = true;
    queue_move(move);
}

/* --- records of queues that do not exist --- */

/* A record on its way to the dead letter queue its sender named. */
struct lost {
    struct queue_shard *shard;
    struct event *event;
    struct arena arena;
    struct note note;
    struct event_read read;
    struct event_write write;
    struct event_change changes[2];
};

static void on_saved(struct event_write *write, bool failed, const struct error *err)
{
    struct lost *lost = container_of(write, struct lost, write);

    if (failed)
        log_error("an event for a queue that does not exist stays on disk",
                  LOG_TEXT("lane", lost->event->lane), LOG_ERROR(err));
    event_free(lost->event);
    buffer_done(&lost->read.body);
    arena_done(&lost->arena);
    free(lost);
}

/* The attributes EventBridge gives its dead letters. */
static struct text why_lost(struct lost *lost)
{
    const struct note *note = &lost->note;
    scoped(buffer_done) struct buffer json = {0};
    const struct text values[][2] = {
        {TEXT("RULE_ARN"), note->source_arn},
        {TEXT("TARGET_ARN"), note->target_arn},
        {TEXT("ERROR_CODE"), TEXT("NO_RESOURCE")},
        {TEXT("ERROR_MESSAGE"), TEXT("The specified queue does not exist.")},
    };

    for (size_t i = 0; i < COUNT_OF(values); i++)
        if (values[i][1].len > 0)
            queue_attributes_add(&json, values[i][0], TEXT("String"), values[i][1]);
    queue_attributes_end(&json);
    return arena_copy(&lost->arena, buffer_text(&json));
}

static void save_lost(struct lost *lost, struct text lane, struct text body)
{
    const struct queue_message message = {
        .lane = lane,
        .body = body,
        .message_id = lost->note.request_id.len > 0 ? lost->note.request_id : TEXT_NONE,
        .attributes = why_lost(lost),
        .trace = lost->note.trace,
        .hops = lost->note.hops,
    };

    queue_message_put(&message, &lost->arena, &lost->changes[0]);
    lost->changes[1] = (struct event_change){.action = EVENT_DELETE, .id = lost->event->id};
    lost->write = (struct event_write){
        .done = on_saved, .loop = lost->shard->loop, .changes = lost->changes, .count = 2};
    event_store_write(lost->shard->queues->options.store, &lost->write);
}

static void drop_lost(struct lost *lost)
{
    log_warn("an event for a queue that does not exist was dropped",
             LOG_TEXT("lane", lost->event->lane));
    lost->changes[0] = (struct event_change){.action = EVENT_DELETE, .id = lost->event->id};
    lost->write = (struct event_write){
        .done = on_saved, .loop = lost->shard->loop, .changes = lost->changes, .count = 1};
    event_store_write(lost->shard->queues->options.store, &lost->write);
}

static struct text dead_lane(struct lost *lost)
{
    struct text lane = queue_lane_of_arn(lost->note.dead_letter, &lost->arena);

    return text_is_set(lane) && queues_find(lost->shard->queues, lane) ? lane : TEXT_NONE;
}

static void on_lost_read(struct event_read *read, bool failed, const struct error *err)
{
    struct lost *lost = container_of(read, struct lost, read);

    if (failed)
        on_saved(&lost->write, true, err);
    else
        save_lost(lost, queue_lane_of_arn(lost->note.dead_letter, &lost->arena),
                  buffer_text(&read->body));
}

void queue_lost(struct queue_shard *shard, struct event *event)
{
    struct lost *lost = mem_new(struct lost);
    struct error err;

    lost->shard = shard;
    lost->event = event;
    if (note_parse(buffer_text(&event->note), &lost->arena, &lost->note, &err) < 0 ||
        !text_is_set(dead_lane(lost))) {
        drop_lost(lost);
        return;
    }
    if (event->has_body) {
        save_lost(lost, dead_lane(lost), buffer_text(&event->body));
        return;
    }
    lost->read = (struct event_read){.done = on_lost_read, .loop = shard->loop, .id = event->id};
    event_store_read(shard->queues->options.store, &lost->read);
}
