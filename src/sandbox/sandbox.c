/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/apply.h"
#include "sandbox/control.h"
#include "sandbox/spawner_priv.h"

#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)

static int64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

static struct text key_of(const uint64_t *id)
{
    return text_from(id, sizeof *id);
}

/* --- the end ----------------------------------------------------------------------- */

static void free_sandbox(struct spawner *spawner, struct sandbox *sandbox)
{
    spawner_unwatch(spawner, &sandbox->pidfd);
    spawner_unwatch(spawner, &sandbox->report);
    spawner_unwatch(spawner, &sandbox->memory);
    cgroup_group_close(&sandbox->group);
    list_remove(&sandbox->node);
    if (sandbox->peer)
        (void)map_remove(&sandbox->peer->sandboxes, key_of(&sandbox->id));
    spawner->slots[sandbox->slot] = NULL;
    spawner->slots_used--;
    free(sandbox);
}

/* Tells the end when the groups are gone, or will not go: the next daemon removes them. */
static void try_finish(struct spawner *spawner, struct sandbox *sandbox)
{
    bool removed = cgroup_group_remove(&spawner->cgroup, &sandbox->group);

    if (!removed && now_ms() < sandbox->deadline_ms)
        return;
    if (!removed)
        log_warn("a sandbox's control group cannot be removed",
                 LOG_TEXT("group", sandbox->group.name));
    sandbox->event.kind = sandbox->failed ? SPAWNER_FAILED : SPAWNER_EXITED;
    spawner_deliver(spawner, sandbox->peer, &sandbox->event);
    free_sandbox(spawner, sandbox);
}

static void enter_ending(struct spawner *spawner, struct sandbox *sandbox)
{
    sandbox->state = SANDBOX_ENDING;
    list_remove(&sandbox->node);
    list_push(&spawner->ending, &sandbox->node);
}

void sandbox_kill(struct spawner *spawner, struct sandbox *sandbox)
{
    if (sandbox->state != SANDBOX_ENDING)
        enter_ending(spawner, sandbox);
    if (sandbox->pid == 0)
        return;
    /* The death of a PID namespace's first process is the death of all in it. The group
     * comes second: what is frozen after it, has the signal already. */
    (void)syscall(SYS_pidfd_send_signal, sandbox->pidfd.fd, SIGKILL, NULL, 0);
    cgroup_group_kill(&spawner->cgroup, &sandbox->group);
}

/* The sandbox did not come to run: it ends with SPAWNER_FAILED, unless a kill was asked
 * for, which has its own answer. */
static void fail(struct spawner *spawner, struct sandbox *sandbox, const char *text)
{
    if (!sandbox->killed && !sandbox->failed) {
        sandbox->failed = true;
        (void)snprintf(sandbox->event.text, sizeof sandbox->event.text, "%.*s",
                       (int)sizeof sandbox->event.text - 1, text);
    }
    sandbox_kill(spawner, sandbox);
}

/* --- reports ----------------------------------------------------------------------- */

static void take_listeners(struct sandbox *sandbox, struct msghdr *message)
{
    int fds[LISTENER_COUNT];
    size_t count = control_take_fds(message, fds, LISTENER_COUNT);

    for (size_t i = 0; i < count; i++) {
        if (sandbox->event.listeners[i] < 0)
            sandbox->event.listeners[i] = fds[i];
        else
            (void)close(fds[i]);
    }
}

static void on_running(struct spawner *spawner, struct sandbox *sandbox)
{
    if (sandbox->state != SANDBOX_STARTING)
        return;
    sandbox->state = SANDBOX_RUNNING;
    list_remove(&sandbox->node);
    sandbox->event.kind = SPAWNER_STARTED;
    sandbox->event.pid = sandbox->pid;
    sandbox->event.memory_fd = take_fd(sandbox->group.memory_fd);
    sandbox->event.freeze_fd = take_fd(sandbox->group.freeze_fd);
    sandbox->event.freeze_v2 = spawner->cgroup.kinds[CONTROLLER_FREEZER] == CGROUP_V2;
    spawner_deliver(spawner, sandbox->peer, &sandbox->event);
}

static void on_report(struct spawner *spawner, struct sandbox *sandbox, const struct report *report)
{
    char text[sizeof report->text];

    switch (report->kind) {
    case REPORT_READY:
        sandbox->event.runtime_port = (uint16_t)report->value;
        return;
    case REPORT_FAILED:
        (void)snprintf(text, sizeof text, "%.*s", (int)sizeof report->text - 1, report->text);
        fail(spawner, sandbox, text);
        return;
    case REPORT_RUNNING:
        on_running(spawner, sandbox);
        return;
    case REPORT_EXEC_FAILED:
        if (sandbox->state == SANDBOX_STARTING)
            sandbox->event.exec_errno = report->value;
        (void)snprintf(text, sizeof text, "the function's program cannot be run: %s",
                       strerror(report->value));
        fail(spawner, sandbox, text);
        return;
    case REPORT_EXITED:
        sandbox->event.status = report->value;
        sandbox->status_known = true;
        return;
    }
}

/* One report; false when there is none, or none will come. */
static bool read_report(struct spawner *spawner, struct sandbox *sandbox)
{
    struct report report;
    struct control control;
    struct iovec bytes = {&report, sizeof report};
    struct msghdr message = control_room(&control, &bytes);

    if (sandbox->report.fd < 0)
        return false;
    ssize_t len = recvmsg(sandbox->report.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EINTR;
    if (len <= 0) {
        spawner_unwatch(spawner, &sandbox->report);
        return false;
    }
    take_listeners(sandbox, &message);
    if (len == sizeof report)
        on_report(spawner, sandbox, &report);
    return true;
}

static void on_report_ready(struct spawner *spawner, struct watch *watch, uint32_t events)
{
    (void)read_report(spawner, container_of(watch, struct sandbox, report));
}

/* On v1 the kernel kills one process for memory; the sandbox is to end as a whole. */
static void on_memory_ready(struct spawner *spawner, struct watch *watch, uint32_t events)
{
    struct sandbox *sandbox = container_of(watch, struct sandbox, memory);

    spawner_unwatch(spawner, watch);
    sandbox->event.out_of_memory = true;
    sandbox_kill(spawner, sandbox);
}

/* The first process is dead, so all are. */
static void on_pidfd_ready(struct spawner *spawner, struct watch *watch, uint32_t events)
{
    struct sandbox *sandbox = container_of(watch, struct sandbox, pidfd);
    bool ran = sandbox->state == SANDBOX_RUNNING;
    struct rusage rusage;
    int status;

    while (read_report(spawner, sandbox))
        ran = ran || sandbox->state == SANDBOX_RUNNING;
    if (wait4(sandbox->pid, &status, WNOHANG, &rusage) != sandbox->pid)
        return;
    sandbox->pid = 0;
    spawner_unwatch(spawner, &sandbox->pidfd);

    struct cgroup_usage usage = cgroup_group_usage(&spawner->cgroup, &sandbox->group);
    if (spawner->cgroup.kinds[CONTROLLER_MEMORY] == CGROUP_NONE)
        usage.memory_peak_bytes = rusage.ru_maxrss * 1024;
    sandbox->event.memory_peak_bytes = usage.memory_peak_bytes;
    sandbox->event.out_of_memory |= usage.out_of_memory;
    if (!sandbox->status_known)
        sandbox->event.status = status;
    if (sandbox->state == SANDBOX_STARTING)
        fail(spawner, sandbox,
             sandbox->event.out_of_memory ? "the memory does not suffice to start a sandbox"
                                          : "the sandbox's first process died before it ran");
    if (sandbox->state != SANDBOX_ENDING)
        enter_ending(spawner, sandbox);
    sandbox->deadline_ms = now_ms() + SPAWNER_REMOVE_MS;
    try_finish(spawner, sandbox);
}

/* --- the start --------------------------------------------------------------------- */

static int find_slot(struct spawner *spawner)
{
    for (int i = 0; i < SPAWNER_SANDBOXES_MAX; i++) {
        int slot = (spawner->slot_hint + i) % SPAWNER_SANDBOXES_MAX;
        if (!spawner->slots[slot]) {
            spawner->slot_hint = slot + 1;
            return slot;
        }
    }
    return -1;
}

static int write_map(const struct spawner *spawner, pid_t pid, const char *file, unsigned inside,
                     unsigned outside, struct error *err)
{
    char name[64], map[64];

    (void)snprintf(name, sizeof name, "%d/%s", pid, file);
    int len = snprintf(map, sizeof map, "%u %u 1", inside, outside);
    scoped(close) int fd = openat(spawner->tree.proc, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, map, (size_t)len) != len)
        return error_system(err, "cannot write the sandbox's %s", file);
    return 0;
}

/* Privileged, each sandbox has a host id of its own; else all have the daemon's, which
 * is 0 in the spawner's user namespace. */
static int map_ids(const struct spawner *spawner, const struct sandbox *sandbox, int report,
                   struct error *err)
{
    unsigned outside = spawner->privileged ? spawner->first_uid + (unsigned)sandbox->slot : 0;

    if (write_map(spawner, sandbox->pid, "uid_map", TREE_UID, outside, err) < 0 ||
        write_map(spawner, sandbox->pid, "gid_map", TREE_GID, outside, err) < 0)
        return -1;
    if (send(report, "", 1, MSG_NOSIGNAL) != 1)
        return error_system(err, "cannot tell the sandbox to go on");
    return 0;
}

static pid_t clone_child(const struct sandbox_plan *plan, int cgroup, int *ret_pidfd)
{
    struct clone_args args = {
        .flags = NAMESPACES | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)ret_pidfd,
        .exit_signal = SIGCHLD,
    };

    if (!plan->host_network)
        args.flags |= CLONE_NEWNET;
    if (cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup;
    }
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

/* Makes the process. ends: of the report socket, ours and the child's. */
static int make_process(struct spawner *spawner, struct sandbox *sandbox,
                        const struct request *request, const int *fds, const int ends[2],
                        struct error *err)
{
    struct tree_mounts mounts;
    struct apply apply = {
        .plan = &request->plan,
        .fds = fds,
        .report = ends[1],
        .group = &sandbox->group,
        .tree = &spawner->tree,
        .mounts = &mounts,
        .filter = &spawner->filter,
        .landlock_abi = spawner->landlock_abi,
        .privileged = spawner->privileged,
        .limit_memory = spawner->cgroup.kinds[CONTROLLER_MEMORY] == CGROUP_NONE,
        .limit_pids = spawner->cgroup.kinds[CONTROLLER_PIDS] == CGROUP_NONE,
    };
    int pidfd = -1;

    if (tree_open(&spawner->tree, &request->plan, &mounts, err) < 0)
        return -1;
    pid_t pid = clone_child(&request->plan, sandbox->group.v2_fd, &pidfd);
    if (pid == 0) {
        (void)close(ends[0]);
        apply_run(&apply);
    }
    if (pid < 0)
        (void)error_system(err, "cannot make the sandbox's namespaces");
    tree_mounts_close(&mounts);
    if (pid < 0)
        return -1;
    sandbox->pid = pid;
    sandbox->pidfd.fd = pidfd;
    return 0;
}

/* There is a process from here on: a failure takes the way of all sandboxes. */
static void supervise(struct spawner *spawner, struct sandbox *sandbox, int report)
{
    struct error err;

    sandbox->report.fd = report;
    sandbox->memory.fd = take_fd(sandbox->group.oom_event);
    cgroup_group_started(&sandbox->group);
    if (spawner_watch(spawner, &sandbox->pidfd, EPOLLIN, &err) < 0 ||
        spawner_watch(spawner, &sandbox->report, EPOLLIN, &err) < 0 ||
        (sandbox->memory.fd >= 0 && spawner_watch(spawner, &sandbox->memory, EPOLLIN, &err) < 0) ||
        map_ids(spawner, sandbox, report, &err) < 0)
        fail(spawner, sandbox, err.text);
}

static struct sandbox *new_sandbox(struct spawner *spawner, struct peer *peer, uint64_t id,
                                   int slot)
{
    struct sandbox *sandbox = mem_new(struct sandbox);

    *sandbox = (struct sandbox){
        .state = SANDBOX_STARTING,
        .id = id,
        .peer = peer,
        .slot = slot,
        .deadline_ms = now_ms() + SPAWNER_START_MS,
        .pidfd = {.ready = on_pidfd_ready, .fd = -1},
        .report = {.ready = on_report_ready, .fd = -1},
        .memory = {.ready = on_memory_ready, .fd = -1},
        .group = {.v2_fd = -1, .memory_fd = -1, .freeze_fd = -1, .oom_event = -1},
        .event = {.id = id, .listeners = {-1, -1, -1}, .memory_fd = -1, .freeze_fd = -1},
    };
    spawner->slots[slot] = sandbox;
    spawner->slots_used++;
    list_push(&spawner->starting, &sandbox->node);
    if (peer)
        (void)map_put(&peer->sandboxes, key_of(&sandbox->id), sandbox);
    return sandbox;
}

static int build(struct spawner *spawner, struct sandbox *sandbox, const struct request *request,
                 const int *fds, struct error *err)
{
    int ends[2];

    if (cgroup_group_make(&spawner->cgroup, &request->plan, &sandbox->group, err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_system(err, "cannot make the sandbox's report socket");

    int made = make_process(spawner, sandbox, request, fds, ends, err);
    (void)close(ends[1]);
    if (made < 0) {
        (void)close(ends[0]);
        (void)cgroup_group_remove(&spawner->cgroup, &sandbox->group);
        return -1;
    }
    supervise(spawner, sandbox, ends[0]);
    return 0;
}

int sandbox_start(struct spawner *spawner, struct peer *peer, const struct request *request,
                  const int fds[SANDBOX_FD_COUNT], struct error *err)
{
    if (peer && map_find(&peer->sandboxes, key_of(&request->id)))
        return error_set(err, ERROR_CONFLICT, "there is a sandbox of this id already");
    int slot = find_slot(spawner);
    if (slot < 0)
        return error_set(err, ERROR_LIMIT, "there are %d sandboxes already", SPAWNER_SANDBOXES_MAX);

    struct sandbox *sandbox = new_sandbox(spawner, peer, request->id, slot);
    if (build(spawner, sandbox, request, fds, err) == 0)
        return 0;
    free_sandbox(spawner, sandbox);
    return -1;
}

/* --- time -------------------------------------------------------------------------- */

int sandbox_tick(struct spawner *spawner)
{
    int64_t now = now_ms();

    /* All have the same time to start, so the first in line is the first to be late. */
    list_each (node, &spawner->starting) {
        struct sandbox *sandbox = container_of(node, struct sandbox, node);
        if (sandbox->deadline_ms > now)
            break;
        fail(spawner, sandbox, "the sandbox did not start in time");
    }
    list_each (node, &spawner->ending) {
        struct sandbox *sandbox = container_of(node, struct sandbox, node);
        if (sandbox->pid)
            sandbox_kill(spawner, sandbox);
        else
            try_finish(spawner, sandbox);
    }

    if (!list_empty(&spawner->ending))
        return SPAWNER_TICK_MS;
    if (list_empty(&spawner->starting))
        return -1;
    struct sandbox *first = container_of(spawner->starting.next, struct sandbox, node);
    return (int)(first->deadline_ms > now ? first->deadline_ms - now : 1);
}
