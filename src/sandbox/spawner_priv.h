/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/map.h"
#include "sandbox/cgroup.h"
#include "sandbox/protocol.h"
#include "sandbox/report.h"
#include "sandbox/tree.h"

/*
 * The spawner's process. One epoll loop; whatever it waits for is a watch. A sandbox
 * lives here from its request to the event that ends it:
 *
 *   STARTING  its first process builds and confines itself; reports tell how far it is
 *   RUNNING   the function's program runs; SPAWNER_STARTED was sent
 *   ENDING    killed, or its first process is dead: reaped, then its groups are removed,
 *             then the last event is sent
 *
 * Nothing here waits for a sandbox: one that does not report in time is killed.
 */
#define SPAWNER_SANDBOXES_MAX 8192
#define SPAWNER_START_MS 10000
#define SPAWNER_TICK_MS 5        /* how often what is ending is looked at again */
#define SPAWNER_REMOVE_MS 2000   /* how long a group is tried to be removed */
#define SPAWNER_SHUTDOWN_MS 3000 /* how long the end of all may take */

/* User and group ids for sandboxes, one each, above what systemd gives to containers
 * and dynamic users (systemd.io/UIDS-GIDS). The part used depends on the daemon, so that
 * two daemons hardly share an id. */
#define SPAWNER_UID_BASE 0x70000000u
#define SPAWNER_UID_END 0x7ffe0000u

struct spawner;

struct watch {
    void (*ready)(struct spawner *spawner, struct watch *watch, uint32_t events);
    int fd; /* -1 when not watched */
};

enum sandbox_state { SANDBOX_STARTING, SANDBOX_RUNNING, SANDBOX_ENDING };

struct peer;

struct sandbox {
    struct list node; /* in spawner.starting or spawner.ending */
    enum sandbox_state state;
    uint64_t id;
    struct peer *peer; /* NULL: the trial, or the socket is closed */
    int slot;
    int64_t deadline_ms; /* STARTING: to run; ENDING: to be removed */
    pid_t pid;           /* 0 once reaped */
    struct watch pidfd, report, memory;
    struct cgroup_group group;
    struct spawner_event event; /* what is known so far of the next event */
    bool failed;                /* the last event is SPAWNER_FAILED */
    bool killed;
    bool status_known;
};

/* An event that the socket had no room for, with its descriptors. */
struct pending {
    struct list node;
    struct spawner_event event;
};

/* One shard's socket. */
struct peer {
    struct watch watch;
    struct list pending;
    struct map sandboxes; /* by id */
};

struct spawner {
    int epoll;
    bool privileged;
    int landlock_abi;
    uid_t first_uid;
    struct cgroup cgroup;
    struct tree tree;
    struct sock_fprog filter;
    struct peer peers[SPAWNER_SOCKETS_MAX];
    int peer_count, peers_open;
    struct sandbox *slots[SPAWNER_SANDBOXES_MAX];
    int slots_used, slot_hint;
    struct list starting, ending;
    struct spawner_event trial; /* the last event of a sandbox without a peer */
    char buffer[SANDBOX_PLAN_BYTES_MAX + 1] __attribute__((aligned(16)));
};

/* serve.c */
int spawner_watch(struct spawner *spawner, struct watch *watch, uint32_t events, struct error *err);
void spawner_unwatch(struct spawner *spawner, struct watch *watch); /* closes too */
/* Sends or queues the event; its descriptors are the spawner's until then and closed
 * afterwards, and become -1 in *event. */
void spawner_deliver(struct spawner *spawner, struct peer *peer, struct spawner_event *event);

/* sandbox.c */
/* Starts a sandbox, peer NULL for the trial. Consumes nothing of fds. On failure there is
 * no sandbox and no event was sent. */
int sandbox_start(struct spawner *spawner, struct peer *peer, const struct request *request,
                  const int fds[SANDBOX_FD_COUNT], struct error *err);
void sandbox_kill(struct spawner *spawner, struct sandbox *sandbox);
/* Looks after those that start too slowly and those that end. Returns how many ms until
 * it wants to be called again, -1 for never. */
int sandbox_tick(struct spawner *spawner);

/* What the spawner's process is given by the one that makes it. */
struct spawner_launch {
    const struct spawner_options *options;
    struct cgroup cgroup;
    bool privileged;
    uid_t uid; /* the daemon's, as it sees them */
    gid_t gid;
    uint64_t identity;                /* of the code folder */
    int sockets[SPAWNER_SOCKETS_MAX]; /* the spawner's ends */
    int result;                       /* a pipe for one struct spawner_result */
};

struct spawner_result {
    bool ok;
    struct error err;
    struct spawner_report report;
};

/* The spawner's process: from clone3() to its end. */
void spawner_serve(struct spawner_launch *launch) __attribute__((noreturn));
