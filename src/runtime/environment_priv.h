/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/list.h"
#include "runtime/ring_layout.h"
#include "runtime/runtime.h"

/* What the files of this component share of an environment. */

/* The shard's side of the ring: its own copies of all that it wrote, because the other
 * side can write anything into the shared memory at any time. */
struct ring_slot {
    struct invocation *invocation; /* NULL: taken back */
    uint64_t sequence;
    uint32_t offset, len;
};
struct ring_side {
    struct ring *shared;          /* NULL before it was mapped */
    int memory_fd;                /* the sandbox has it once it is started, */
    int wake_out_fd, reply_in_fd; /* and these ends of the pipes */
    int wake_fd, reply_fd;        /* our ends */
    bool attached, initialised;   /* it has said how initialising went */
    uint32_t head, tail;          /* of events: head is ours, tail as last believed */
    uint32_t out_tail;            /* of answers: ours */
    uint32_t oldest;              /* first slot whose answer is still to come */
    uint32_t data_head;           /* where the next record goes */
    uint64_t sequence;            /* of the last event sent */
    struct ring_slot slots[RING_SLOTS];
    struct loop_io reply_io;
    struct loop_task wake; /* the instance, once for all events of an iteration */
};

/* The Runtime API's side. */
struct api_side {
    struct http_server *server;
    int passed_fd;                /* its end of a connection made beforehand, until it has it */
    struct http_stream *next;     /* GET .../next that waits for an event */
    struct http_stream *upload;   /* POST whose body is the streamed answer */
    struct invocation *delivered; /* given out, its answer still to come */
    struct invocation *answering; /* its answer is arriving */
    bool answered;                /* `answering` is complete; a ring's slot is still open */
    bool answered_error;
    char error_type[128];
};

enum environment_state { ENVIRONMENT_STARTING, ENVIRONMENT_RUNNING, ENVIRONMENT_ENDED };

struct environment {
    struct launcher *launcher;
    struct loop *loop;
    const struct environment_calls *calls;
    void *owner;
    struct environment_door api_door, gateway_door;
    char *function_arn;
    uint64_t id;
    pid_t pid;
    enum environment_state state;
    bool is_ready, kill_sent, host_network;
    struct list waiting_start; /* in the launcher, while its socket is full */
    struct list waiting_kill;

    struct list events; /* invocations it has, oldest first */
    size_t event_count;
    int64_t answered_us; /* when the last answer came */

    int log_fd;       /* read end */
    int log_write_fd; /* closed once the sandbox has it */
    struct loop_io log_io;
    struct buffer log;
    size_t log_searched; /* no line ends in so many bytes of it */
    bool log_open;

    int memory_fd, freeze_fd;
    bool freeze_v2, is_frozen;
    int64_t memory_peak, memory_read_us;

    struct ring_side ring;
    struct api_side api;
    struct environment_end end;
    struct loop_task end_task;
    int handles; /* loop_io's that are not closed yet; memory goes with the last */
    bool free_wanted;
    struct sandbox_plan *plan_copy;
};

/* environment.c */
void environment_violated(struct environment *environment, const char *what); /* logs, kills */
void environment_finish_event(struct environment *environment, struct invocation *invocation,
                              bool is_error, struct text error_type);
void environment_became_ready(struct environment *environment);
void environment_closed_handle(struct environment *environment);

/* ring.c: the shared memory transport. */
void ring_init(struct environment *environment);
int ring_open(struct environment *environment, struct error *err);
/* Begins to listen; not before the spawner has said that it runs, though the instance may
 * have sent something by then. */
void ring_started(struct environment *environment);
size_t ring_room(struct environment *environment, size_t payload_len);
void ring_send(struct environment *environment, struct invocation *invocation);
struct invocation *ring_take_youngest(struct environment *environment);
bool ring_has_begun(const struct environment *environment, const struct invocation *invocation);
void ring_drain(struct environment *environment); /* takes the answers that are there */
void ring_forget(struct environment *environment, const struct invocation *invocation);
void ring_sent(struct environment *environment); /* the sandbox has its descriptors */
void ring_close(struct environment *environment);
struct invocation *ring_by_sequence(const struct environment *environment, uint64_t sequence);

/* runtime_api.c: the HTTP transport. */
extern const struct http_app runtime_api_app;
/* A connection of the Runtime API that the instance is born with. */
int runtime_api_open(struct environment *environment, struct error *err);
void runtime_api_sent(struct environment *environment); /* the sandbox has its end */
void runtime_api_resume(struct environment *environment);
void runtime_api_offer(struct environment *environment);  /* gives out the oldest event if asked */
void runtime_api_forget(struct environment *environment); /* its streams are going */
/* The event is no longer the environment's: what still comes as its answer is dropped. */
void runtime_api_drop(struct environment *environment, const struct invocation *invocation);

/* output.c: the log pipe. */
int output_open(struct environment *environment, struct error *err);
void output_started(struct environment *environment);
void output_drain(struct environment *environment); /* all that is in the pipe now */
void output_end(struct environment *environment);   /* the rest, and an unfinished line */

/* launcher.c */
void launcher_start(struct launcher *launcher, struct environment *environment,
                    const struct sandbox_plan *plan);
void launcher_kill(struct launcher *launcher, struct environment *environment);
struct loop *launcher_loop(const struct launcher *launcher);
