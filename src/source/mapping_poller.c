/* SPDX-License-Identifier: Apache-2.0 */
#include "source/mapping_priv.h"

#include "base/log.h"
#include "base/mem.h"
#include "model/limits.h"
#include "model/lineage.h"
#include "store/queue_message.h"

/*
 * A poller has one receive under way at a time. What it brings is gathered until the batch is
 * full or its window is over, and runs beside the next receive, as many batches at a time as
 * are allowed. A new poller begins with a few and may have one more with each that succeeded:
 * a function that cannot take the messages gets few of them.
 */

#define POLL_MS 20000        /* SQS: the longest receive */
#define RETRY_MS 1000        /* until it is looked again for a queue that is not there */
#define LIMIT_FIRST 5        /* Lambda: batches of a new mapping at a time */
#define BODIES_MAX (5 << 20) /* bytes of one batch; the rest of 6 MB is for what stands around */
#define VISIBILITY_EXTRA_S                                                \
    30 /* Lambda: beyond window and timeout, where the queue's is shorter \
        */

static struct map *pollers_here(struct mappings *mappings, const struct mapping_place **ret_place)
{
    int index = 0;

    while (mappings->places[index].loop != loop_current())
        index++;
    *ret_place = &mappings->places[index];
    return &mappings->pollers[index];
}

/* --- what is not for the function --- */

struct discard {
    struct poller *poller;
    struct queue_delete delete;
    struct event_write write;
    struct event_change change;
    struct arena arena;
    struct buffer body;
    size_t capacity;
};

static void on_discarded(struct queue_delete *delete, bool failed, const struct error *err)
{
    struct discard *discard = container_of(delete, struct discard, delete);

    if (failed)
        log_warn("messages could not be deleted, and will come again", LOG_ERROR(err));
    free(delete->items);
    arena_done(&discard->arena);
    buffer_done(&discard->body);
    free(discard);
}

static void discard_all(struct discard *discard, struct text lane)
{
    struct queue *queue = queues_here(discard->poller->mappings->options.queues, lane);
    static const struct error gone = {ERROR_NOT_FOUND, "the queue is gone"};

    discard->delete.done = on_discarded;
    if (queue && discard->delete.count > 0)
        queue_delete(queue, &discard->delete);
    else
        on_discarded(&discard->delete, discard->delete.count > 0, &gone);
}

static void discard_add(struct discard *discard, struct queue_handle handle)
{
    struct queue_delete *delete = &discard->delete;

    if (delete->count == discard->capacity) {
        discard->capacity = discard->capacity ? 2 * discard->capacity : 16;
        delete->items = mem_realloc(delete->items, discard->capacity * sizeof *delete->items);
    }
    delete->items[delete->count++] = (struct queue_item){.handle = handle};
}

static struct discard *discard_new(struct poller *poller)
{
    struct discard *discard = mem_new(struct discard);

    discard->poller = poller;
    return discard;
}

/* --- chains that are too long --- */

static void on_dead(struct event_write *write, bool failed, const struct error *err)
{
    struct discard *discard = container_of(write, struct discard, write);

    if (failed) {
        log_warn("a message of a chain that was stopped could not be kept as a dead letter",
                 LOG_ERROR(err));
        discard->delete.count = 0; /* it comes again */
    }
    struct poller *poller = discard->poller;
    discard_all(discard, text_of(poller->mapping->lane));
    poller->writes--;
    poller_look(poller);
}

/* The message's own attributes, and why it is dead. */
static struct text dead_attributes(const struct note *note, struct arena *arena)
{
    struct text own = note->attributes;
    scoped(buffer_done) struct buffer json = {0};

    if (own.len > 2)
        buffer_add(&json, own.at, own.len - 1);
    queue_attributes_add(&json, TEXT("ErrorCode"), TEXT("Number"), TEXT("400"));
    queue_attributes_add(&json, TEXT("ErrorMessage"), TEXT("String"),
                         TEXT("RecursiveInvocationException: " RECURSION_MESSAGE));
    queue_attributes_end(&json);
    return arena_copy(arena, buffer_text(&json));
}

/* To the dead letters of its queue; without such a queue it is dropped, as with AWS. */
static void stop_chain(struct poller *poller, struct queue_delivery *delivery)
{
    const struct queue_settings *queue =
        queues_find(poller->mappings->options.queues, text_of(poller->mapping->lane));
    struct discard *discard = discard_new(poller);
    const struct note *note = &delivery->note;

    discard_add(discard, delivery->handle);
    log_warn("a chain of functions was stopped", LOG_TEXT("queue", poller->mapping->lane));
    if (!queue || !*queue->dead_letter_lane) {
        discard_all(discard, text_of(poller->mapping->lane));
        return;
    }
    discard->body = buffer_take(&delivery->body);
    const struct queue_message message = {
        .lane = arena_copy(&discard->arena, text_of(queue->dead_letter_lane)),
        .body = buffer_text(&discard->body),
        .message_id = arena_copy(&discard->arena, note->request_id),
        .attributes = dead_attributes(note, &discard->arena),
        .group = note->group,
        .dedup = note->dedup,
        .sender = note->sender,
        .trace = note->trace,
        .hops = LIMIT_HOPS - 1, /* who hears of it may run once */
        .delay_s = -1,
        .origin_arn = text_of(queue->arn),
    };
    queue_message_put(&message, &discard->arena, &discard->change);
    discard->write = (struct event_write){
        .done = on_dead, .loop = poller->place->loop, .changes = &discard->change, .count = 1};
    poller->writes++;
    event_store_write(poller->mappings->options.events, &discard->write);
}

/* --- gathering --- */

static const struct function *find_function(const struct poller *poller)
{
    const struct mapping *mapping = poller->mapping;

    return directory_find(poller->place->directory, text_of(mapping->account),
                          text_of(mapping->region), text_of(mapping->name));
}

static bool is_full(const struct batch *batch, const struct mapping *mapping)
{
    return batch->count >= mapping->batch || batch->payload.len >= BODIES_MAX;
}

static int64_t window_left_ms(const struct poller *poller)
{
    int64_t elapsed_ms = (loop_now_us(poller->place->loop) - poller->gathering->opened_us) / 1000;

    return poller->mapping->window_ms - elapsed_ms;
}

static void run_gathered(struct poller *poller)
{
    struct batch *batch = take(poller->gathering);

    list_push(&poller->batches, &batch->link);
    poller->batch_count++;
    batch_run(batch);
}

static void take_delivery(struct poller *poller, struct receipt *receipt,
                          struct queue_delivery *delivery, struct discard *discard)
{
    const struct function *function = find_function(poller);
    struct queue_item again = {.handle = delivery->handle};

    if (!record_is_wanted(poller, delivery)) {
        discard_add(discard, delivery->handle);
    } else if (delivery->note.hops >= LIMIT_HOPS && function && !function->may_recurse) {
        stop_chain(poller, delivery);
    } else {
        if (!poller->gathering)
            poller->gathering = batch_new(poller);
        if (!batch_add(poller->gathering, delivery))
            queue_hide(receipt->receive.queue, &again, 1); /* for the next batch */
    }
}

static void receipt_free(struct receipt *receipt)
{
    queue_receive_done(&receipt->receive);
    free(receipt);
}

static void collect(struct poller *poller, struct receipt *receipt)
{
    struct discard *discard = discard_new(poller);

    for (size_t i = 0; i < receipt->receive.count; i++)
        take_delivery(poller, receipt, &receipt->receive.deliveries[i], discard);
    discard_all(discard, text_of(poller->mapping->lane));
    if (poller->gathering)
        list_push(&poller->gathering->receipts, &receipt->link);
    else
        receipt_free(receipt);
}

/* --- receiving --- */

static int64_t visibility_s(const struct poller *poller, const struct queue_settings *queue)
{
    const struct function *function = find_function(poller);
    const struct version *version =
        function ? function_version(function, text_of(poller->mapping->qualifier)) : NULL;
    int64_t busy_s = poller->mapping->window_ms / 1000 + (version ? version->config.timeout_s : 0);

    return busy_s > queue->visibility_s ? busy_s + VISIBILITY_EXTRA_S : queue->visibility_s;
}

static void on_received(struct queue_receive *receive)
{
    struct receipt *receipt = container_of(receive, struct receipt, receive);
    struct poller *poller = receipt->poller;
    int64_t took_us = loop_now_us(poller->place->loop) - receipt->began_us;
    /* It ended before its time: the queue is gone, or has too much in flight. */
    bool is_refused = receive->count == 0 && took_us < receive->wait_ms * 900;

    poller->receiving = NULL;
    if (receive->count > 0)
        collect(poller, receipt);
    else
        receipt_free(receipt);
    if (poller->gathering && (poller->is_stopping || is_full(poller->gathering, poller->mapping) ||
                              window_left_ms(poller) <= 0))
        run_gathered(poller);
    if (is_refused && !poller->is_stopping)
        loop_timer_set(poller->place->loop, &poller->retry, RETRY_MS);
    poller_look(poller);
}

static int batches_allowed(const struct poller *poller)
{
    int most =
        poller->mapping->concurrency > 0 ? poller->mapping->concurrency : MAPPING_CONCURRENCY_MAX;

    return poller->limit < most ? poller->limit : most;
}

static void receive(struct poller *poller, struct queue *queue)
{
    struct receipt *receipt = mem_new(struct receipt);
    size_t gathered = poller->gathering ? poller->gathering->count : 0;
    size_t bytes = poller->gathering ? poller->gathering->payload.len : 0;
    int64_t left_ms = poller->gathering ? window_left_ms(poller) : POLL_MS;

    receipt->poller = poller;
    receipt->began_us = loop_now_us(poller->place->loop);
    receipt->receive = (struct queue_receive){
        .done = on_received,
        .max = poller->mapping->batch > gathered ? poller->mapping->batch - gathered : 1,
        .max_bytes = BODIES_MAX - (bytes < BODIES_MAX ? bytes : BODIES_MAX - 1),
        .wait_ms = left_ms > 0 ? left_ms : 0,
        .visibility_s = visibility_s(poller, queue_settings(queue)),
    };
    poller->receiving = receipt;
    queue_receive(queue, &receipt->receive);
}

static bool is_idle(const struct poller *poller)
{
    return !poller->receiving && !poller->gathering && poller->batch_count == 0 &&
           poller->writes == 0;
}

static void leave(struct poller *poller)
{
    const struct mapping_place *place;
    struct map *pollers = pollers_here(poller->mappings, &place);

    publication_done(take(poller->leaving));
    (void)map_remove(pollers, text_of(poller->mapping->key));
    poller_free(poller);
}

void poller_look(struct poller *poller)
{
    struct mappings *mappings = poller->mappings;

    if (poller->is_stopping) {
        if (is_idle(poller))
            leave(poller);
        return;
    }
    if (poller->receiving || loop_timer_is_set(&poller->retry) ||
        poller->batch_count >= batches_allowed(poller) || atomic_load(&mappings->is_draining))
        return;
    struct queue *queue = queues_here(mappings->options.queues, text_of(poller->mapping->lane));
    if (queue)
        receive(poller, queue);
    else
        loop_timer_set(poller->place->loop, &poller->retry, RETRY_MS);
}

/* --- life --- */

static void on_retry(struct loop_timer *timer)
{
    poller_look(container_of(timer, struct poller, retry));
}

static struct poller *poller_new(struct mappings *mappings, const struct mapping_place *place)
{
    struct poller *poller = mem_new(struct poller);

    poller->mappings = mappings;
    poller->place = place;
    poller->limit = LIMIT_FIRST;
    poller->retry.fire = on_retry;
    list_init(&poller->batches);
    return poller;
}

void poller_free(struct poller *poller)
{
    struct list *node;

    loop_timer_clear(&poller->retry);
    if (poller->receiving)
        receipt_free(poller->receiving);
    if (poller->gathering)
        batch_free(poller->gathering);
    while ((node = list_pop(&poller->batches)))
        batch_free(container_of(node, struct batch, link));
    if (poller->leaving) {
        mapping_unref(poller->leaving->mapping);
        free(poller->leaving);
    }
    mapping_unref(poller->mapping);
    free(poller);
}

void poller_publish(struct publication *publication)
{
    const struct mapping_place *place;
    struct map *pollers = pollers_here(publication->mappings, &place);
    struct text key = text_of(publication->mapping->key);
    struct poller *poller = map_find(pollers, key);

    if (!poller && !publication->is_wanted) {
        publication_done(publication);
        return;
    }
    if (!poller) {
        poller = poller_new(publication->mappings, place);
        (void)map_put(pollers, key, poller);
    }
    const struct mapping *before = poller->mapping;
    poller->mapping = mapping_ref(publication->mapping);
    mapping_unref(before);
    if (poller->leaving)
        publication_done(take(poller->leaving));
    poller->is_stopping = !publication->is_wanted;
    if (poller->is_stopping) {
        poller->leaving = publication;
        loop_timer_clear(&poller->retry);
        if (poller->receiving) {
            queue_receive_cancel(&poller->receiving->receive); /* which goes on from there */
            return;
        }
        if (poller->gathering)
            run_gathered(poller);
    } else {
        publication_done(publication);
    }
    poller_look(poller);
}
