/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "http/server.h"
#include "loop/loop.h"
#include "model/invocation.h"
#include "sandbox/spawner.h"

/*
 * Execution environments: where an instance of a function lives. One kind today, the
 * sandboxed process; it speaks two transports, the Runtime API (HTTP, every official
 * client) and the ring (shared memory, our own runtimes). Both are behind this header:
 * who uses an environment cannot tell.
 *
 * An environment belongs to one loop. Everything is asynchronous; no callback comes
 * before the call that asked for it has returned.
 */
struct environment;

/* A loop's way to the spawner: its socket, and which sandbox is whose. */
struct launcher;
struct launcher *launcher_new(struct loop *loop, int spawner_socket);
void launcher_free(struct launcher *launcher); /* after its environments are gone */

/* How an environment ended. */
struct environment_end {
    int status; /* of the function's process, as waitpid gives it */
    bool out_of_memory;
    int64_t memory_peak_bytes;
    char reason[200]; /* why it could not start; "" when it had started */
    int exec_errno;   /* not 0: because its program cannot be run, as in struct spawner_event */
};

/* What an environment tells its owner. */
struct environment_calls {
    /* Initialised: it waits for its first event. */
    void (*ready)(struct environment *environment);
    /* The runtime says that initialising failed (its exit follows). */
    void (*init_failed)(struct environment *environment, struct text error_type,
                        struct text error_json);
    /* A streamed answer to the running event. chunk() false: pause until
     * environment_resume(). */
    void (*stream_begin)(struct environment *environment, struct invocation *invocation,
                         struct text content_type);
    bool (*stream_chunk)(struct environment *environment, struct invocation *invocation,
                         struct text chunk);
    /* An event is answered; it is no longer the environment's. invocation->response and
     * content_type hold the answer (or the error's JSON), began_us and ended_us when it ran.
     * error_type is the runtime's word for an error, TEXT_NONE for an answer. */
    void (*answered)(struct environment *environment, struct invocation *invocation, bool is_error,
                     struct text error_type);
    /* It asks for the next event: what it did after its answer is over. */
    void (*idle)(struct environment *environment);
    /* Output of the function, as it was written. invocation: whose; NULL: during
     * initialisation or between events. */
    void (*output)(struct environment *environment, struct invocation *invocation,
                   struct text text);
    /* It is gone, with every process in it. Events it still had were handed back before by
     * environment_take(); memory may be released by environment_free() now or later. */
    void (*ended)(struct environment *environment, const struct environment_end *end);
};

/* Inside each sandbox the control API and the gateway listen too. */
struct environment_door {
    const struct http_app *app; /* NULL: closed */
    void *context;              /* becomes stream->context */
};

struct environment_options {
    const struct environment_calls *calls;
    void *owner;
    struct environment_door api, gateway;
    const char *function_arn;
    struct sandbox_plan plan; /* borrowed for the call */
    /* With plan.host_network: where its Runtime API listens, because the address must be in
     * its environment before it starts. Taken. -1: made inside the sandbox. */
    int runtime_listener;
};

/* Starts one. ready(), or ended(), follows. Never fails at once. */
struct environment *environment_start(struct launcher *launcher,
                                      const struct environment_options *options);
void *environment_owner(const struct environment *environment);

/* 0: it takes no event of so many bytes now. By the ring the number of free slots; whether
 * there is place for the next one, only the next call tells. */
size_t environment_room(struct environment *environment, size_t payload_len);
size_t environment_load(const struct environment *environment); /* events it has */
bool environment_is_ring(const struct environment *environment);

/* Gives it an event; it borrows the invocation until answered() or environment_take().
 * Room must have been there. Several in one iteration of the loop wake it once. */
void environment_send(struct environment *environment, struct invocation *invocation);

/* Takes back the youngest event that it has not begun; NULL when there is none. Of those in
 * a ring the oldest is not taken back. */
struct invocation *environment_take(struct environment *environment);
/* Takes back the oldest event, begun or not: for the end of an environment. *ret_begun
 * tells. NULL when there is none. */
struct invocation *environment_take_oldest(struct environment *environment, bool *ret_begun);
/* The running event: begun_us is the later of its push and the answer before it. */
struct invocation *environment_running(const struct environment *environment,
                                       int64_t *ret_began_us);

void environment_resume(struct environment *environment);
void environment_freeze(struct environment *environment);
void environment_thaw(struct environment *environment);
int64_t environment_memory_peak(struct environment *environment); /* bytes; 0 unknown */
void environment_kill(struct environment *environment);           /* ended() follows */
void environment_free(struct environment *environment);           /* after ended() only */
