/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "engine/async.h"
#include "engine/engine_priv.h"
#include "model/note.h"
#include "store/event_store.h"
#include "store/function_event.h"

/* What the files of asynchronous invocation share. */

#define ASYNC_BYTES_MAX (32 << 20) /* bodies of one shard in memory, loaded or running */
#define ASYNC_KEPT_MAX (8 << 20)   /* bodies of one shard kept while their events wait */
#define ASYNC_AHEAD 64             /* events of one lane loaded before there is room */
#define ASYNC_REWRITE_MS 1000      /* a full store is asked again after it */

/* Changes that need no room in the store and depend on nothing: one write for all of an
 * iteration. */
struct batch {
    struct async *async;
    struct event_write write;
    struct event_change *changes;
    size_t count, capacity;
    struct arena arena; /* notes of its SETs */
};

struct async {
    struct shard *shard;
    struct map lanes;   /* name -> struct lane */
    struct list active; /* lanes to be looked at in this iteration */
    struct loop_task look;
    struct batch *batch; /* being filled; NULL: empty */
    int open;            /* writes, reads and questions without an answer */
    int64_t loaded_bytes, kept_bytes;
    bool is_draining;
};

/* The events of one function. A lane exists while it has any. */
struct lane {
    struct async *async;
    char *name;
    struct function_lane names; /* in name */
    struct list link;           /* in async->active */
    struct list again;          /* struct event: tried before and due; before the others */
    struct list ready;          /* struct event: not tried yet, in order of arrival */
    struct list delayed;        /* struct delayed */
    struct list running;        /* struct task */
    struct list loaded;         /* struct task: next to run, in order; bodies may be on their way */
    int loaded_count, running_count, moving_count;
    int window;              /* how many may run; shrinks when there is no room */
    int64_t backoff_ms;      /* of the last pause; 0: none since the last success */
    struct loop_timer pause; /* set: nothing is given out */
    bool is_asking, is_gone; /* the control thread was asked for the function, and had none */
};

/* An event that waits for its next attempt. */
struct delayed {
    struct lane *lane;
    struct list link;
    struct event *event;
    struct loop_timer timer;
};

/* One event being loaded, run or moved. */
struct task {
    struct lane *lane;
    struct list link; /* in lane->loaded or lane->running */
    struct event *event;
    struct arena arena;
    struct note note;
    bool is_reading;
    struct event_read read;
    struct invocation *invocation;
    /* moving: what follows from it is being written */
    struct event_write write;
    struct event_change changes[3];
    size_t change_count;
    struct buffer record;
    struct loop_timer timer;
};

/* --- lanes: async.c --- */

/* What the home shard of that lane has. */
struct async *async_home(struct engine *engine, struct text lane);

void lane_look(struct lane *lane); /* in this iteration */
/* It did not run: it is among the next to be given out. Takes the task. */
void lane_return(struct task *task);
void lane_pause(struct lane *lane);
/* Waits until due_ms, with the attempts of task->note on disk. Takes the task. */
void async_delay(struct task *task, int64_t due_ms);
void task_free(struct task *task); /* the event too, unless it was taken out */

/* --- writes: async_write.c --- */

/* The event is done with and nothing follows. */
void async_delete(struct async *async, uint64_t id);
/* Its attempts and when it is due. */
void async_set(struct async *async, uint64_t id, int64_t due_ms, const struct note *note);
void async_flush(struct async *async); /* once an iteration */
/* Writes task->changes and then frees the task, however long it takes. */
void async_move(struct task *task);

/* --- what becomes of an attempt: async_outcome.c --- */

/* The invocation has ended with an answer of the function. Takes the task. */
void async_conclude(struct task *task);
/* It will not be tried (again). condition as in the record; error_code and error_message as
 * in a dead letter. Takes the task. */
void async_give_up(struct task *task, const struct function *function, const char *condition,
                   struct text error_code, struct text error_message);
/* The function is gone. Takes the task. */
void async_abandon(struct task *task);
/* Milliseconds after arrival when it is too old; by the settings of its qualifier. */
int64_t async_max_age_ms(const struct function *function, const struct note *note);

/* --- records: async_record.c --- */

/* Lambda's record about an invocation, to a destination and as detail of an event on a bus. */
struct outcome {
    const struct task *task;
    const struct invocation *invocation; /* NULL: the function did not run this time */
    const char *condition;
    struct text error_code, error_message;
    int64_t hops; /* of what follows from it */
};
/* The PUT for destination, of the record; false: an ARN that nothing is sent to. */
bool record_put(const struct outcome *outcome, struct text destination, struct task *task);
/* The PUT of the event itself for the queue of dead letters. */
bool record_dead_letter(const struct outcome *outcome, struct text queue, struct task *task);
/* The first KB of what a failed function said. */
struct text record_error_message(const struct invocation *invocation, struct arena *arena);
