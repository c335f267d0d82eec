/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "source/queue.h"

/* What the files of the queue share: the message, the queue and the shard's queues. All of
 * it belongs to the queue's home loop. */

#define QUEUE_DEDUP_MS (5 * 60 * 1000) /* SQS: what was sent is known for so long */
#define QUEUE_RETRY_MS 1000            /* until what could not be stored is tried again */
#define QUEUE_WRITE_MAX 1000           /* changes of one write when many messages go */

/*
 * A message. VISIBLE, DELAYED and IN_FLIGHT are what SQS calls so. LEAVING: a write that
 * takes it off the lane is under way; whoever wrote that frees it or puts it back, and
 * nobody else touches it.
 */
enum message_state { MESSAGE_VISIBLE, MESSAGE_DELAYED, MESSAGE_IN_FLIGHT, MESSAGE_LEAVING };

/* There may be millions: the note is kept as it is on disk, and a body only while it is
 * likely to be asked for soon. */
struct message {
    struct list link; /* of what is visible; FIFO: of its group, whatever its state */
    struct list all;  /* of the queue's, in order of arrival */
    uint64_t id;
    int64_t due_ms;   /* end of the delay or of visibility; wall clock */
    int64_t since_ms; /* what retention counts from */
    int64_t sent_ms, first_received_ms, received_ms;
    struct group *group; /* FIFO */
    char *note, *body;   /* body NULL: on disk only */
    uint32_t note_len, body_len, receives;
    uint32_t heap_index;
    enum message_state state;
};

/* Messages by id: open addressing, as ids are well spread numbers of our own. */
struct message_table {
    struct message **slots;
    size_t count, capacity;
};
struct message *message_table_find(const struct message_table *table, uint64_t id);
void message_table_put(struct message_table *table, struct message *message);
void message_table_remove(struct message_table *table, struct message *message);
void message_table_done(struct message_table *table);

/* Messages by due_ms, the earliest first. */
struct message_heap {
    struct message **items;
    size_t count, capacity;
};
void message_heap_push(struct message_heap *heap, struct message *message);
void message_heap_remove(struct message_heap *heap, struct message *message);
void message_heap_done(struct message_heap *heap);

struct queue_shard {
    struct queues *queues;
    struct loop *loop;
    struct map known;   /* lane -> const struct queue_settings *, of all queues */
    struct map here;    /* lane -> struct queue *, of those at home here */
    int64_t body_bytes; /* of bodies in memory */
    bool is_ready, is_draining;
    struct list waiting; /* struct queues_ready */
    struct loop_message start, drain;
    struct event_write barrier; /* done when all that was left has arrived */
    struct event_change nothing;
    struct loop_timer sweep; /* for what is older than its queue keeps */
};

struct queues {
    struct queues_options options;
    struct loop **loops;
    struct event_receiver receiver;
    struct queue_shard *shards;
};

struct queue {
    struct queue_shard *shard;
    const struct queue_settings *settings;
    size_t references; /* the shard's, and one for each operation under way */
    bool is_gone;      /* deleted: nothing is handed out, nothing waits */
    struct message_table table;
    struct list all;
    struct message_heap heap; /* delayed and in flight */
    struct loop_timer due;
    struct loop_task serve; /* receives that wait */
    struct list visible;    /* standard queues */
    struct map groups;      /* FIFO: name -> struct group * */
    struct list ready;      /* groups whose first message is visible */
    size_t counts[MESSAGE_LEAVING + 1];
    struct list waiters; /* struct queue_receive */
    struct map sent;     /* FIFO: struct sent_message by its deduplication key */
    struct list sent_order;
    struct loop_timer forget;
    int64_t purged_ms;
    struct queue_task *task; /* the move task under way */
    struct list tasks;       /* those that ended, the last one first */
    size_t task_count;
};

struct queue_shard *queues_shard_here(const struct queues *queues);

/* --- states: queue_state.c --- */

struct queue *queue_new(struct queue_shard *shard, const struct queue_settings *settings);
struct queue *queue_ref(struct queue *queue);
void queue_unref(struct queue *queue);
DEFINE_SCOPED(struct queue *, queue_unref)
/* The queue was deleted: its messages go, receives that wait end. */
void queue_end(struct queue *queue);
/* The daemon ends: nothing waits any more, and no timer is set. */
void queue_stop(struct queue *queue);
/* Keeps a reference of settings. */
void queue_set_settings(struct queue *queue, const struct queue_settings *settings);
/* Takes the event; its note was parsed. Serves nobody yet. */
void queue_add(struct queue *queue, struct event *event, const struct note *note);
/* The one way to another state, but for the ways in and out. due_ms counts for DELAYED and
 * IN_FLIGHT. */
void queue_set_state(struct queue *queue, struct message *message, enum message_state state,
                     int64_t due_ms);
/* Out of every list, and freed. */
void queue_forget(struct queue *queue, struct message *message);
/* What was LEAVING stays: it is tried again later. */
void queue_keep(struct queue *queue, struct message *message);
bool queue_is_expired(const struct queue *queue, const struct message *message, int64_t now_ms);
/* Takes what is older than the queue keeps off the lane; true: there may be more of it. */
bool queue_expire(struct queue *queue, int64_t now_ms);
/* False when it cannot be read: told in the log. */
bool message_note(const struct message *message, struct arena *arena, struct note *ret);
void message_drop_body(struct queue *queue, struct message *message);

/* --- receives: queue_receive.c --- */

/* Those that wait are served at the end of this iteration. */
void queue_wake(struct queue *queue);
/* The next to be handed out, or NULL. */
struct message *queue_first_visible(struct queue *queue);
/* Those that wait end with nothing. */
void queue_end_receives(struct queue *queue);

/* --- FIFO: queue_fifo.c --- */

struct group {
    struct list messages;
    struct list link; /* in the queue's ready groups, or unlinked */
    size_t name_len;
    char name[];
};
void fifo_add(struct queue *queue, struct message *message, struct text group);
void fifo_remove(struct queue *queue, struct message *message);
/* After the state of one of its messages changed. */
void fifo_refresh(struct queue *queue, struct group *group);

/* What was sent in the last five minutes; pending: it is not on disk yet. */
struct sent_message {
    struct list order;
    int64_t until_ms;
    uint64_t id;        /* of the record; 0 while pending */
    uint64_t tombstone; /* of the record that remembers it; 0: the message is there */
    bool pending;
    char message_id[37];
    size_t key_len;
    char key[];
};
/* NULL: it was not. */
struct sent_message *fifo_find_sent(struct queue *queue, struct text dedup, struct text group);
struct sent_message *fifo_add_sent(struct queue *queue, struct text dedup, struct text group,
                                   int64_t sent_ms);
void fifo_remove_sent(struct queue *queue, struct sent_message *sent);
/* Forgets all of it, tombstones too. */
void fifo_clear_sent(struct queue *queue);
/* A record that came: what it tells about what was sent. True: it was a tombstone, and is
 * taken care of. */
bool fifo_learn_sent(struct queue *queue, uint64_t id, const struct note *note);
/* The change that lets a record leave its lane and still be known as sent; false: needless. */
bool fifo_tombstone(struct queue *queue, const struct message *message, struct arena *arena,
                    struct event_change *ret);

/* --- writes nobody waits for, and those that take messages off: queue_leave.c --- */

/* Copies the changes. A failure is told in the log. */
void queue_write_behind(struct queue *queue, const struct event_change *changes, size_t count);
/* Stores what became of the messages: receives and due_ms. */
void queue_store_states(struct queue *queue, struct message *const *messages, size_t count);

/* Messages that leave the lane in one write. They are LEAVING from the call on; done() runs
 * when they are gone, or, when that failed, back. It may free the leave. */
struct queue_leave {
    void (*done)(struct queue_leave *leave, bool failed, const struct error *err);
    /* private */
    struct queue *queue;
    struct event_write write;
    struct message **messages;
    size_t count;
    struct arena arena;
};
void queue_leave(struct queue *queue, struct queue_leave *leave, struct message *const *messages,
                 size_t count);
/* The same for those nobody asks about. */
void queue_leave_behind(struct queue *queue, struct message *const *messages, size_t count);
/* All there are, behind. */
void queue_empty(struct queue *queue);

/* --- into another queue: queue_move.c --- */

/* A message that goes to another lane in one write. */
struct queue_move {
    void (*done)(struct queue_move *move, bool failed); /* it is the callee's then */
    struct queue *queue;
    struct message *message; /* LEAVING from the call on */
    struct text lane;        /* copied by the call */
    bool is_dead;            /* a dead letter of this queue; else as if it was new there */
    /* private */
    struct arena arena;
    struct note note;
    struct event_read read;
    struct event_write write;
    struct event_change changes[3];
};
void queue_move(struct queue_move *move);
/* The message to the queue's dead letter queue; nobody waits. */
void queue_move_dead(struct queue *queue, struct message *message);
/* A record of a lane without queue: to its dead letter queue, or dropped. Takes the event. */
void queue_lost(struct queue_shard *shard, struct event *event);

/* --- move tasks: queue_task.c --- */

void queue_tasks_free(struct queue *queue);
/* The one under way ends where it is. */
void queue_task_stop(struct queue *queue);

/* --- settings: queue_settings.c --- */

/* NULL: the document is not one that Evoke wrote. */
const struct queue_settings *queue_settings_parse(struct text key, const json_t *document);
const struct queue_settings *queue_settings_ref(const struct queue_settings *settings);
