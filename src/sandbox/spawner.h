/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "sandbox/plan.h"

/*
 * The spawner: a small single-threaded process that main() forks before it starts any
 * thread. It keeps the privileges, makes sandboxes from plans, reports their ends, and
 * parses nothing but its own fixed messages. It is PID 1 of a PID namespace of its own:
 * when the daemon's sockets close, by whatever cause, it ends and the kernel ends every
 * process in every sandbox with it.
 *
 * Each shard has a socket of its own to it (SOCK_SEQPACKET), so nothing here needs a
 * lock; all functions on the daemon's side below never block, but for spawner_launch().
 */
struct spawner_options {
    const char *code_root;     /* folder of code folders; opened once by the spawner */
    const char *runtimes_root; /* folder of runtime folders, may lack some of them */
    const char *init_path;     /* the static reaper, evoke-init */
    int sockets;               /* how many, at most SPAWNER_SOCKETS_MAX */
};
#define SPAWNER_SOCKETS_MAX 64

/* What the host can enforce, found out once at launch. The sentences are for
 * `evoke status` and the daemon's log: what is not enforced and what follows. */
struct spawner_report {
    bool privileged; /* root: own uid range for each sandbox */
    char memory[16]; /* "cgroup v1", "cgroup v2", "rlimit" */
    char pids[16], cpu[16];
    char freezer[16]; /* "cgroup v1", "cgroup v2" or "none" */
    int landlock_abi; /* 0: none */
    int missing_count;
    char missing[8][160];
};

/* Forks the spawner. ret_sockets gets options->sockets descriptors, non-blocking and
 * close-on-exec. Fails (and leaves nothing behind) when sandboxes cannot be made on this
 * host at all: one trial sandbox runs before this returns. Removes cgroups left behind by
 * an earlier daemon on the same code root. */
int spawner_launch(const struct spawner_options *options, int ret_sockets[], pid_t *ret_pid,
                   struct spawner_report *ret_report, struct error *err);

/* Asks for a sandbox. id is the caller's, unique on this socket while the sandbox
 * lives. The descriptors are duplicated by the send: the caller closes its own. Fails
 * with ERROR_LIMIT when the plan is too large or the socket is full (retry when the
 * socket is writable). */
int spawner_send_start(int socket, uint64_t id, const struct sandbox_plan *plan,
                       const int fds[SANDBOX_FD_COUNT], struct error *err);

/* Kills everything in the sandbox. An SPAWNER_EXITED follows, also when it was still
 * starting or just dead: each sandbox asked for ends with exactly one SPAWNER_FAILED or
 * SPAWNER_EXITED, so an id whose end was told already is ignored here. */
int spawner_send_kill(int socket, uint64_t id, struct error *err);

enum spawner_event_kind {
    SPAWNER_STARTED, /* the function's program is about to run */
    SPAWNER_FAILED,  /* no sandbox; text says why; no SPAWNER_EXITED follows */
    SPAWNER_EXITED,  /* everything in the sandbox is gone, its cgroups too */
};

/* What a spawner says of a sandbox. Descriptors in it are the receiver's; -1 is none. */
struct spawner_event {
    enum spawner_event_kind kind;
    uint64_t id;
    /* SPAWNER_STARTED */
    pid_t pid;                     /* of the sandbox's PID 1, as the host sees it */
    int listeners[LISTENER_COUNT]; /* listening sockets, non-blocking */
    uint16_t runtime_port;         /* where LISTENER_RUNTIME listens */
    int memory_fd;                 /* reads (pread) the peak of memory use, bytes as text */
    int freeze_fd;                 /* writing freezes and thaws */
    bool freeze_v2;                /* "1"/"0" (v2) or "FROZEN"/"THAWED" (v1) */
    /* SPAWNER_EXITED */
    int status;                /* of the function's process, as waitpid gives it */
    bool out_of_memory;        /* the kernel killed something in it for memory */
    int64_t memory_peak_bytes; /* 0: unknown */
    /* SPAWNER_FAILED */
    /* Not 0: the sandbox is fine, but argv[0] cannot be run. ENOENT: it is not there;
     * ELIBACC: it is, but the interpreter it names is not. */
    int exec_errno;
    char text[200];
};

/* Receives one event. 1: *ret is filled; 0: nothing there now; -1: the spawner is gone. */
int spawner_receive(int socket, struct spawner_event *ret, struct error *err);
