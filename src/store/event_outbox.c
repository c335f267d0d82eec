/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_store_priv.h"

#include "base/mem.h"

struct event_delivery {
    struct loop_message message;
    struct event_receiver *receiver;
    struct loop *home;
    struct list events;
};

struct event_answers {
    struct loop *loop;
    struct event_write *first, **end;
};

/* --- events --- */

void event_free(struct event *event)
{
    if (!event)
        return;
    buffer_done(&event->note);
    buffer_done(&event->body);
    free(event); /* lane is behind it */
}

void event_drop_body(struct event *event)
{
    buffer_done(&event->body);
    event->has_body = event->body_len == 0;
}

/* buffer_add() would make room for twice as much as most notes have. */
static struct buffer copy_exactly(struct text text)
{
    struct buffer copy = {0};

    if (text.len == 0)
        return copy;
    copy.at = mem_alloc(text.len + 1);
    copy.capacity = text.len + 1;
    memcpy(copy.at, text.at, text.len);
    buffer_added(&copy, text.len);
    return copy;
}

static struct event *event_new(const struct event_record *record)
{
    struct event *event = mem_alloc(sizeof *event + record->lane.len + 1);
    bool has_body = record->body.at || record->body.len == 0;

    *event = (struct event){
        .id = record->id,
        .lane = (char *)(event + 1),
        .arrived_ms = record->arrived_ms,
        .due_ms = record->due_ms,
        .note = copy_exactly(record->note),
        .body = copy_exactly(has_body ? record->body : TEXT_NONE),
        .body_len = record->body.len,
        .has_body = has_body,
    };
    memcpy(event->lane, record->lane.at, record->lane.len);
    event->lane[record->lane.len] = '\0';
    return event;
}

/* --- deliveries --- */

static struct event_receiver *find_receiver(const struct event_outbox *outbox, struct text lane)
{
    struct text kind = text_slice(lane, 0, text_find(lane, '/'));

    for (size_t i = 0; i < outbox->receiver_count; i++)
        if (text_equal(kind, text_of(outbox->receivers[i]->kind)))
            return outbox->receivers[i];
    return NULL;
}

static void on_delivery(struct loop_message *message)
{
    struct event_delivery *delivery = container_of(message, struct event_delivery, message);

    delivery->receiver->arrived(delivery->receiver, &delivery->events);
    free(delivery);
}

static struct event_delivery *find_delivery(struct event_outbox *outbox,
                                            struct event_receiver *receiver, struct loop *home)
{
    for (size_t i = 0; i < outbox->delivery_count; i++) {
        struct event_delivery *delivery = outbox->deliveries[i];
        if (delivery->receiver == receiver && delivery->home == home)
            return delivery;
    }
    if (outbox->delivery_count == outbox->delivery_capacity) {
        outbox->delivery_capacity = outbox->delivery_capacity * 2 + 8;
        outbox->deliveries =
            mem_realloc(outbox->deliveries, outbox->delivery_capacity * sizeof *outbox->deliveries);
    }
    struct event_delivery *delivery = mem_new(struct event_delivery);
    delivery->message.run = on_delivery;
    delivery->receiver = receiver;
    delivery->home = home;
    list_init(&delivery->events);
    outbox->deliveries[outbox->delivery_count++] = delivery;
    return delivery;
}

void event_outbox_deliver(struct event_outbox *outbox, const struct event_record *record)
{
    struct event_receiver *receiver = find_receiver(outbox, record->lane);

    if (!receiver)
        return;
    struct loop *home = receiver->home(receiver, record->lane);
    struct event *event = event_new(record);
    list_push(&find_delivery(outbox, receiver, home)->events, &event->link);
}

/* --- answers --- */

static void on_answers(struct loop_message *message)
{
    struct event_write *write = container_of(message, struct event_write, message);

    while (write) {
        struct event_write *next = write->next;
        write->done(write, write->failed, &write->error); /* gone from here */
        write = next;
    }
}

static struct event_answers *find_answers(struct event_outbox *outbox, struct loop *loop)
{
    for (size_t i = 0; i < outbox->answer_count; i++)
        if (outbox->answers[i].loop == loop)
            return &outbox->answers[i];
    if (outbox->answer_count == outbox->answer_capacity) {
        outbox->answer_capacity = outbox->answer_capacity * 2 + 8;
        outbox->answers =
            mem_realloc(outbox->answers, outbox->answer_capacity * sizeof *outbox->answers);
    }
    struct event_answers *answers = &outbox->answers[outbox->answer_count++];
    *answers = (struct event_answers){.loop = loop};
    return answers;
}

void event_outbox_answer(struct event_outbox *outbox, struct event_write *write)
{
    struct event_answers *answers = find_answers(outbox, write->loop);

    write->next = NULL;
    if (answers->first)
        *answers->end = write;
    else
        answers->first = write;
    answers->end = &write->next;
}

/* Deliveries first: who has put a record and been answered, and asks the lane's home, finds it. */
void event_outbox_send(struct event_outbox *outbox)
{
    for (size_t i = 0; i < outbox->delivery_count; i++)
        loop_post(outbox->deliveries[i]->home, &outbox->deliveries[i]->message);
    outbox->delivery_count = 0;
    for (size_t i = 0; i < outbox->answer_count; i++) {
        struct event_write *first = outbox->answers[i].first;
        first->message.run = on_answers;
        loop_post(outbox->answers[i].loop, &first->message);
    }
    outbox->answer_count = 0;
}

void event_outbox_done(struct event_outbox *outbox)
{
    assert(outbox->answer_count == 0 && outbox->delivery_count == 0);
    free(outbox->deliveries);
    free(outbox->answers);
}
