/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What one sandbox shall be: plain data, made by the daemon, carried out by the
 * spawner. A plan names things by what the spawner already holds (a code folder, a
 * runtime folder), never by a path of the host.
 *
 * What a process finds inside, always:
 *   /var/task       the code, read-only      /var/runtime   the runtime, read-only
 *   /tmp            private, tmp_bytes       /opt           empty
 *   fd 0            /dev/null                fd 1, 2        the log pipe (one pipe)
 *   fd 3, 4, 5      the ring's memory, the pipes that wake the function and the shard
 *                   (runtime/ring_layout.h)
 * and nothing else open. Its working folder is /var/task.
 */

#define SANDBOX_ARGS_MAX 16
#define SANDBOX_ENV_MAX 512
#define SANDBOX_PLAN_BYTES_MAX (96 << 10) /* encoded; bounds environment and arguments */

/* Sockets that listen inside the sandbox's network namespace, on 127.0.0.1. They are
 * made by the child before it is confined and handed to the daemon. */
enum sandbox_listener {
    LISTENER_RUNTIME, /* the Runtime API, port 9001 */
    LISTENER_API,     /* the control API, port 9000 */
    LISTENER_GATEWAY, /* the gateway, port 8080 */
    LISTENER_COUNT,
};
#define SANDBOX_PORT_RUNTIME 9001
#define SANDBOX_PORT_API 9000
#define SANDBOX_PORT_GATEWAY 8080

/* Descriptors the daemon gives along with a plan, in this order. */
enum sandbox_fd {
    SANDBOX_FD_LOG,        /* the write end of the log pipe, becomes 1 and 2 */
    SANDBOX_FD_RING,       /* becomes 3 */
    SANDBOX_FD_RING_WAKE,  /* becomes 4 */
    SANDBOX_FD_RING_REPLY, /* becomes 5 */
    SANDBOX_FD_API,        /* becomes 6 */
    SANDBOX_FD_COUNT,
};

struct sandbox_plan {
    const char *code;     /* folder name below the code root: [0-9a-f]{64} */
    const char *runtime;  /* folder name below the runtimes root ("nodejs"), or NULL: none, and
                             timers may be up to a millisecond late */
    char *const *argv;    /* NULL-terminated; argv[0] is an absolute path inside */
    char *const *envp;    /* NULL-terminated; the whole environment */
    int64_t memory_bytes; /* of all processes together; what lies in /tmp and /dev/shm counts */
    int64_t tmp_bytes;
    int64_t pids;        /* processes and threads together */
    int64_t cpu_percent; /* of one core: 100 is one core, 250 two and a half */
    bool host_network;   /* no network namespace: trusted code only. The Runtime API then
                            listens on a free port of the host's 127.0.0.1, the two other
                            listeners are not made */
};
