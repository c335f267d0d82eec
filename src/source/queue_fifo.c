/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include "base/clock.h"
#include "base/mem.h"

/*
 * What FIFO queues add: the order of groups, and what was sent in the last five minutes.
 *
 * A group holds all its messages in order, whatever their state. It can be read from while
 * its first message is visible, and as far as messages are: so what is in flight holds back
 * all that came after it. A message that leaves stays in its place until that is on disk.
 *
 * What was sent must be known for five minutes also when the message was deleted and the
 * daemon killed. A message that leaves its lane within that time leaves a tombstone there,
 * a record without body, in the same write. Keeping the message itself for that long was
 * rejected: bodies are a thousand times as large.
 */

/* In the note's `extra`. */
#define TOMBSTONE TEXT("{\"tombstone\":true}")

/* --- groups --- */

static struct text group_name(const struct group *group)
{
    return text_from(group->name, group->name_len);
}

static struct group *find_group(struct queue *queue, struct text name)
{
    struct group *group = map_find(&queue->groups, name);

    if (group)
        return group;
    group = mem_zalloc(sizeof *group + name.len + 1);
    memcpy(group->name, name.len > 0 ? name.at : "", name.len);
    group->name_len = name.len;
    list_init(&group->messages);
    map_put(&queue->groups, group_name(group), group);
    return group;
}

void fifo_add(struct queue *queue, struct message *message, struct text name)
{
    message->group = find_group(queue, name);
    list_push(&message->group->messages, &message->link);
}

void fifo_refresh(struct queue *queue, struct group *group)
{
    struct message *first = container_of(group->messages.next, struct message, link);

    if (list_empty(&group->messages) || first->state != MESSAGE_VISIBLE)
        list_remove(&group->link);
    else if (!list_linked(&group->link))
        list_push(&queue->ready, &group->link);
}

void fifo_remove(struct queue *queue, struct message *message)
{
    struct group *group = message->group;

    list_remove(&message->link);
    message->group = NULL;
    fifo_refresh(queue, group);
    if (!list_empty(&group->messages)) {
        queue_wake(queue);
        return;
    }
    map_remove(&queue->groups, group_name(group));
    free(group);
}

/* --- what was sent --- */

/* "GROUP\0ID" or "ID". */
static struct text sent_key(const struct queue *queue, struct text dedup, struct text group,
                            struct arena *arena)
{
    if (!queue->settings->dedup_by_group)
        return dedup;
    char *key = arena_alloc(arena, group.len + 1 + dedup.len);
    memcpy(key, group.at, group.len);
    key[group.len] = '\0';
    memcpy(key + group.len + 1, dedup.at, dedup.len);
    return text_from(key, group.len + 1 + dedup.len);
}

static void arm_forget(struct queue *queue);

void fifo_remove_sent(struct queue *queue, struct sent_message *sent)
{
    map_remove(&queue->sent, text_from(sent->key, sent->key_len));
    list_remove(&sent->order);
    free(sent);
}

static void delete_behind(struct queue *queue, uint64_t id)
{
    const struct event_change gone = {.action = EVENT_DELETE, .id = id};

    queue_write_behind(queue, &gone, 1);
}

/* With its record, if it has one. */
static void drop_sent(struct queue *queue, struct sent_message *sent)
{
    if (sent->tombstone != 0)
        delete_behind(queue, sent->tombstone);
    fifo_remove_sent(queue, sent);
}

static void forget_sent(struct queue *queue, int64_t until_ms)
{
    while (!list_empty(&queue->sent_order)) {
        struct sent_message *sent =
            container_of(queue->sent_order.next, struct sent_message, order);
        if (sent->until_ms > until_ms)
            break;
        drop_sent(queue, sent);
    }
}

static void on_forget(struct loop_timer *timer)
{
    struct queue *queue = container_of(timer, struct queue, forget);

    forget_sent(queue, clock_now_ms());
    arm_forget(queue);
}

static void arm_forget(struct queue *queue)
{
    if (list_empty(&queue->sent_order) || loop_timer_is_set(&queue->forget) ||
        queue->shard->is_draining)
        return;
    const struct sent_message *first =
        container_of(queue->sent_order.next, struct sent_message, order);
    int64_t after_ms = first->until_ms - clock_now_ms();
    queue->forget.fire = on_forget;
    loop_timer_set(queue->shard->loop, &queue->forget, after_ms > 0 ? after_ms : 0);
}

struct sent_message *fifo_find_sent(struct queue *queue, struct text dedup, struct text group)
{
    scoped(arena_done) struct arena arena = {0};
    struct sent_message *sent = map_find(&queue->sent, sent_key(queue, dedup, group, &arena));

    return sent && (sent->pending || sent->until_ms > clock_now_ms()) ? sent : NULL;
}

struct sent_message *fifo_add_sent(struct queue *queue, struct text dedup, struct text group,
                                   int64_t sent_ms)
{
    scoped(arena_done) struct arena arena = {0};
    struct text key = sent_key(queue, dedup, group, &arena);
    struct sent_message *old = map_find(&queue->sent, key);

    /* Over, and about to be forgotten: the same id may be sent again. */
    if (old)
        drop_sent(queue, old);
    struct sent_message *sent = mem_zalloc(sizeof *sent + key.len);
    sent->until_ms = sent_ms + QUEUE_DEDUP_MS;
    sent->key_len = key.len;
    memcpy(sent->key, key.at, key.len);
    map_put(&queue->sent, key, sent);
    list_push(&queue->sent_order, &sent->order);
    arm_forget(queue);
    return sent;
}

void fifo_clear_sent(struct queue *queue)
{
    loop_timer_clear(&queue->forget);
    forget_sent(queue, INT64_MAX);
}

bool fifo_learn_sent(struct queue *queue, uint64_t id, const struct note *note)
{
    bool is_tombstone = text_equal(note->extra, TOMBSTONE);
    bool is_over = note->sent_ms + QUEUE_DEDUP_MS <= clock_now_ms();

    if (is_tombstone && is_over)
        delete_behind(queue, id);
    if (is_over || note->dedup.len == 0)
        return is_tombstone;
    struct sent_message *sent = fifo_find_sent(queue, note->dedup, note->group);
    if (!sent) {
        sent = fifo_add_sent(queue, note->dedup, note->group, note->sent_ms);
        snprintf(sent->message_id, sizeof sent->message_id, "%.*s", TEXT_ARG(note->request_id));
        sent->id = id;
    }
    if (is_tombstone)
        sent->tombstone = id;
    return is_tombstone;
}

bool fifo_tombstone(struct queue *queue, const struct message *message, struct arena *arena,
                    struct event_change *ret)
{
    struct note note;
    scoped(buffer_done) struct buffer text = {0};

    if (!message->group || message->sent_ms + QUEUE_DEDUP_MS <= clock_now_ms() ||
        !message_note(message, arena, &note) || note.dedup.len == 0 ||
        !fifo_find_sent(queue, note.dedup, note.group))
        return false;
    const struct note rest = {.request_id = note.request_id,
                              .group = note.group,
                              .dedup = note.dedup,
                              .sent_ms = note.sent_ms,
                              .extra = TOMBSTONE};
    note_format(&rest, &text);
    *ret = (struct event_change){.action = EVENT_PUT,
                                 .lane = arena_copy(arena, text_of(queue->settings->lane)),
                                 .note = arena_copy(arena, buffer_text(&text)),
                                 .body = TEXT("")};
    return true;
}
