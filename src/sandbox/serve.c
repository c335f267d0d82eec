/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/control.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"
#include "sandbox/spawner_priv.h"

int spawner_watch(struct spawner *spawner, struct watch *watch, uint32_t events, struct error *err)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (epoll_ctl(spawner->epoll, EPOLL_CTL_ADD, watch->fd, &event) < 0)
        return error_system(err, "cannot watch a descriptor");
    return 0;
}

/* Taken out of epoll by hand: a child that was just cloned has the descriptor too, and
 * would keep it watched. */
void spawner_unwatch(struct spawner *spawner, struct watch *watch)
{
    if (watch->fd < 0)
        return;
    (void)epoll_ctl(spawner->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    (void)close(watch->fd);
    watch->fd = -1;
}

/* --- events to the daemon ---------------------------------------------------------- */

static void close_event(struct spawner_event *event)
{
    int *fds[EVENT_FD_COUNT] = {&event->listeners[0], &event->listeners[1], &event->listeners[2],
                                &event->memory_fd, &event->freeze_fd};

    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
        *fds[i] = -1;
    }
}

static void fill_control(const struct spawner_event *event, struct control *control)
{
    const int all[EVENT_FD_COUNT] = {event->listeners[0], event->listeners[1], event->listeners[2],
                                     event->memory_fd, event->freeze_fd};
    int fds[EVENT_FD_COUNT];
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i] >= 0)
            fds[count++] = all[i];
    control_add_fds(control, fds, count);
    /* The daemon is in another PID namespace: the kernel translates the number. */
    if (event->kind == SPAWNER_STARTED)
        control_add_pid(control, event->pid);
}

/* False when there is no room now. A peer that is gone takes everything. */
static bool try_send(const struct peer *peer, const struct spawner_event *event)
{
    struct event_message bytes = protocol_event(event);
    struct iovec part = {&bytes, sizeof bytes};
    struct control control = {.len = 0};

    fill_control(event, &control);
    const struct msghdr message = control_message(&control, &part);
    for (;;) {
        if (sendmsg(peer->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return true;
        if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
            return false;
        if (errno != EINTR)
            return true;
    }
}

static void want(struct spawner *spawner, struct peer *peer, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = &peer->watch};

    (void)epoll_ctl(spawner->epoll, EPOLL_CTL_MOD, peer->watch.fd, &event);
}

void spawner_deliver(struct spawner *spawner, struct peer *peer, struct spawner_event *event)
{
    if (!peer)
        spawner->trial = *event;
    if (!peer || (list_empty(&peer->pending) && try_send(peer, event))) {
        close_event(event);
        return;
    }

    struct pending *pending = mem_new(struct pending);
    pending->event = *event;
    event->listeners[0] = event->listeners[1] = event->listeners[2] = -1;
    event->memory_fd = event->freeze_fd = -1;
    list_push(&peer->pending, &pending->node);
    want(spawner, peer, EPOLLIN | EPOLLOUT);
}

static void drop_pending(struct pending *pending)
{
    list_remove(&pending->node);
    close_event(&pending->event);
    free(pending);
}

static void send_pending(struct spawner *spawner, struct peer *peer)
{
    while (!list_empty(&peer->pending)) {
        struct pending *pending = container_of(peer->pending.next, struct pending, node);
        if (!try_send(peer, &pending->event))
            return;
        drop_pending(pending);
    }
    want(spawner, peer, EPOLLIN);
}

/* --- requests from the daemon ------------------------------------------------------ */

/* The shard is gone, and with it all that was its. */
static void close_peer(struct spawner *spawner, struct peer *peer)
{
    struct map_cursor cursor = {0};

    while (map_next(&peer->sandboxes, &cursor)) {
        struct sandbox *sandbox = cursor.value;
        sandbox->peer = NULL;
        sandbox_kill(spawner, sandbox);
    }
    map_done(&peer->sandboxes);
    while (!list_empty(&peer->pending))
        drop_pending(container_of(peer->pending.next, struct pending, node));
    spawner_unwatch(spawner, &peer->watch);
    spawner->peers_open--;
}

static void refuse(struct spawner *spawner, struct peer *peer, uint64_t id, const struct error *err)
{
    struct spawner_event event = {
        .kind = SPAWNER_FAILED,
        .id = id,
        .listeners = {-1, -1, -1},
        .memory_fd = -1,
        .freeze_fd = -1,
    };

    (void)snprintf(event.text, sizeof event.text, "%.*s", (int)sizeof event.text - 1, err->text);
    spawner_deliver(spawner, peer, &event);
}

static void on_request(struct spawner *spawner, struct peer *peer, size_t len, const int *fds,
                       size_t fd_count)
{
    struct request request;
    struct error err;

    if (protocol_decode(spawner->buffer, len, &request, &err) < 0) {
        refuse(spawner, peer, request.id, &err);
        return;
    }
    if (request.kind == REQUEST_KILL) {
        struct sandbox *sandbox =
            map_find(&peer->sandboxes, text_from(&request.id, sizeof request.id));
        if (!sandbox)
            return;
        sandbox->killed = !sandbox->failed;
        sandbox_kill(spawner, sandbox);
        return;
    }
    if (fd_count != SANDBOX_FD_COUNT)
        (void)error_set(&err, ERROR_INVALID, "a plan came with %zu descriptors", fd_count);
    else if (sandbox_start(spawner, peer, &request, fds, &err) == 0)
        return;
    refuse(spawner, peer, request.id, &err);
}

static void read_request(struct spawner *spawner, struct peer *peer)
{
    struct control control;
    struct iovec part = {spawner->buffer, sizeof spawner->buffer};
    struct msghdr message = control_room(&control, &part);
    int fds[SANDBOX_FD_COUNT];

    ssize_t len = recvmsg(peer->watch.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) {
        close_peer(spawner, peer);
        return;
    }
    size_t count = control_take_fds(&message, fds, SANDBOX_FD_COUNT);
    on_request(spawner, peer, (size_t)len, fds, count);
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]);
}

static void on_peer_ready(struct spawner *spawner, struct watch *watch, uint32_t events)
{
    struct peer *peer = container_of(watch, struct peer, watch);

    if (events & EPOLLOUT)
        send_pending(spawner, peer);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_request(spawner, peer);
}

/* --- life of the process ----------------------------------------------------------- */

/* One event at a time: whatever it frees, no later one of the same batch refers to. */
static void turn(struct spawner *spawner, int64_t wait_max_ms)
{
    struct epoll_event event;
    int wait = sandbox_tick(spawner);

    if (wait < 0 || (wait_max_ms >= 0 && wait > wait_max_ms))
        wait = (int)wait_max_ms;
    if (epoll_wait(spawner->epoll, &event, 1, wait) == 1) {
        struct watch *watch = event.data.ptr;
        watch->ready(spawner, watch, event.events);
    }
}

/* The host's files are closed to functions, so these are what they get. A trial needs no
 * code: the reaper, run as a function, ends at once. */
static int try_sandbox(struct spawner *spawner, struct error *err)
{
    struct request request = {
        .kind = REQUEST_START,
        .argv = {(char[]){TREE_INIT}},
        .plan = {.memory_bytes = 64 << 20, .tmp_bytes = 1 << 20, .pids = 16, .cpu_percent = 100},
    };
    scoped(close) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int fds[SANDBOX_FD_COUNT] = {null, null, null, null, null};

    request.plan.argv = request.argv;
    request.plan.envp = request.envp;
    if (sandbox_start(spawner, NULL, &request, fds, err) < 0)
        return -1;
    while (spawner->slots_used)
        turn(spawner, -1);
    if (spawner->trial.kind == SPAWNER_FAILED)
        return error_set(err, ERROR_SYSTEM, "no sandbox can be made here: %s", spawner->trial.text);
    if (spawner->trial.status != 0)
        return error_set(err, ERROR_SYSTEM, "the trial sandbox ended with status %d",
                         spawner->trial.status);
    return 0;
}

/* Control groups that look usable and are not (a container's, another user's) must not
 * keep the daemon from starting: without them it starts, and says what is missing. */
static int find_footing(struct spawner *spawner, struct error *err)
{
    if (try_sandbox(spawner, err) == 0)
        return 0;
    if (spawner->cgroup.hierarchy_count == 0)
        return -1;

    struct error ignored;
    log_warn("control groups cannot be used", LOG_ERROR(err));
    cgroup_remove(&spawner->cgroup);
    cgroup_close(&spawner->cgroup);
    return try_sandbox(spawner, &ignored);
}

static void add_missing(struct spawner_report *report, const char *text)
{
    (void)snprintf(report->missing[report->missing_count++], sizeof report->missing[0], "%s", text);
}

static void name_kind(char ret[16], enum cgroup_kind kind, const char *none)
{
    const char *names[] = {[CGROUP_NONE] = none, "cgroup v1", "cgroup v2"};

    (void)snprintf(ret, 16, "%s", names[kind]);
}

static void fill_report(const struct spawner *spawner, struct spawner_report *ret)
{
    const enum cgroup_kind *kinds = spawner->cgroup.kinds;

    *ret = (struct spawner_report){
        .privileged = spawner->privileged,
        .landlock_abi = spawner->landlock_abi,
    };
    name_kind(ret->memory, kinds[CONTROLLER_MEMORY], "rlimit");
    name_kind(ret->pids, kinds[CONTROLLER_PIDS], "rlimit");
    name_kind(ret->cpu, kinds[CONTROLLER_CPU], "none");
    name_kind(ret->freezer, kinds[CONTROLLER_FREEZER], "none");

    if (!spawner->privileged)
        add_missing(ret, "all sandboxes run as the daemon's own user: start the daemon as root to "
                         "give each a user of its own");
    if (kinds[CONTROLLER_MEMORY] == CGROUP_NONE)
        add_missing(ret, "memory: no control group is writable, so the limit holds for each "
                         "process of a function, not for all together");
    if (kinds[CONTROLLER_CPU] == CGROUP_NONE)
        add_missing(ret, "processor: no control group is writable, so functions share it without "
                         "a limit");
    if (kinds[CONTROLLER_FREEZER] == CGROUP_NONE)
        add_missing(ret, "freezer: no control group is writable, so idle instances can go on "
                         "computing");
    if (spawner->landlock_abi == 0)
        add_missing(ret, "landlock: this kernel has none, so files are kept away by the mount "
                         "namespace alone");
}

/* A map for our own user, so that we have privileges over what we make here. */
static int map_self(const struct spawner_launch *launch, struct error *err)
{
    char uid_map[32], gid_map[32];

    (void)snprintf(uid_map, sizeof uid_map, "0 %u 1", launch->uid);
    (void)snprintf(gid_map, sizeof gid_map, "0 %u 1", launch->gid);
    const char *const files[][2] = {
        {"/proc/self/setgroups", "deny"},
        {"/proc/self/uid_map", uid_map},
        {"/proc/self/gid_map", gid_map},
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        scoped(close) int fd = open(files[i][0], O_WRONLY | O_CLOEXEC);
        size_t len = strlen(files[i][1]);
        if (fd < 0 || write(fd, files[i][1], len) != (ssize_t)len)
            return error_system(err, "cannot write '%s'", files[i][0]);
    }
    return 0;
}

/* Nothing of the daemon's stays open here but what was made for us. */
static void close_others(const struct spawner_launch *launch)
{
    int keep[SPAWNER_SOCKETS_MAX + 2 * (CONTROLLER_COUNT + 1) + 1], count = 0;

    for (int i = 0; i < launch->options->sockets; i++)
        keep[count++] = launch->sockets[i];
    for (int i = 0; i < launch->cgroup.hierarchy_count; i++) {
        keep[count++] = launch->cgroup.hierarchies[i].fd;
        keep[count++] = launch->cgroup.hierarchies[i].above;
    }
    keep[count++] = launch->result;

    for (unsigned from = STDERR_FILENO + 1;;) {
        unsigned next = ~0u; /* the lowest kept one from here on */
        for (int i = 0; i < count; i++)
            if ((unsigned)keep[i] >= from && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        if (next > from)
            (void)close_range(from, next - 1, 0);
        if (next == ~0u)
            return;
        from = next + 1;
    }
}

static void settle_process(void)
{
    struct rlimit files;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        (void)close(null);
    }
    (void)setsid();
    (void)prctl(PR_SET_NAME, "evoke-spawner");
    /* A sandbox inherits the session keyring: let it be an empty one. */
    (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static int open_peers(struct spawner *spawner, const struct spawner_launch *launch,
                      struct error *err)
{
    for (int i = 0; i < launch->options->sockets; i++) {
        struct peer *peer = &spawner->peers[i];
        peer->watch = (struct watch){.ready = on_peer_ready, .fd = launch->sockets[i]};
        list_init(&peer->pending);
        if (spawner_watch(spawner, &peer->watch, EPOLLIN, err) < 0)
            return -1;
    }
    spawner->peer_count = spawner->peers_open = launch->options->sockets;
    return 0;
}

static int set_up(struct spawner *spawner, const struct spawner_launch *launch, struct error *err)
{
    const uint32_t ranges = (SPAWNER_UID_END - SPAWNER_UID_BASE) / SPAWNER_SANDBOXES_MAX;

    spawner->cgroup = launch->cgroup;
    spawner->privileged = launch->privileged;
    spawner->first_uid =
        SPAWNER_UID_BASE + (uint32_t)(launch->identity % ranges) * SPAWNER_SANDBOXES_MAX;
    spawner->landlock_abi = landlock_probe();
    list_init(&spawner->starting);
    list_init(&spawner->ending);

    spawner->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (spawner->epoll < 0)
        return error_system(err, "cannot make an epoll instance");
    if (seccomp_filter_compile(&spawner->filter, err) < 0 ||
        tree_build(&spawner->tree, launch->options, err) < 0 || find_footing(spawner, err) < 0)
        return -1;
    return open_peers(spawner, launch, err);
}

/* The daemon is gone. What is left when the time is up dies with us, for we are the
 * first process of its PID namespace. */
static void shut_down(struct spawner *spawner)
{
    int64_t deadline_ms = clock_mono_us() / 1000 + SPAWNER_SHUTDOWN_MS;

    for (int64_t left = SPAWNER_SHUTDOWN_MS; spawner->slots_used && left > 0;
         left = deadline_ms - clock_mono_us() / 1000)
        turn(spawner, left);
    cgroup_remove(&spawner->cgroup);
}

void spawner_serve(struct spawner_launch *launch)
{
    struct spawner *spawner = mem_new(struct spawner);
    struct spawner_result result = {0};

    settle_process();
    close_others(launch);
    result.ok = (launch->privileged || map_self(launch, &result.err) == 0) &&
                set_up(spawner, launch, &result.err) == 0;
    if (result.ok)
        fill_report(spawner, &result.report);
    (void)!write(launch->result, &result, sizeof result);
    (void)close(launch->result);

    while (result.ok && spawner->peers_open)
        turn(spawner, -1);
    shut_down(spawner);
    _exit(result.ok ? 0 : 1);
}
