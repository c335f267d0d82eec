/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/spawner.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/path.h"
#include "sandbox/control.h"
#include "sandbox/protocol.h"
#include "sandbox/spawner_priv.h"

#define SOCKET_BUFFER_BYTES (1 << 20)
#define LAUNCH_MS 30000
#define UID_MAP_MAX 65536

/* --- launching --------------------------------------------------------------------- */

static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    const uint32_t needed = 1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID |
                            1u << CAP_SYS_CHROOT | 1u << CAP_DAC_OVERRIDE;

    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & needed) == needed;
}

/* Whether the ids for sandboxes exist in our user namespace; a container may have few. */
static bool has_ids(void)
{
    scoped(buffer_done) struct buffer content = {0};
    struct error ignored;
    struct text line;

    if (path_read("/proc/self/uid_map", UID_MAP_MAX, &content, &ignored) < 0)
        return false;
    for (struct text rest = buffer_text(&content); text_split(&rest, '\n', &line);) {
        unsigned inside, outside, count;
        char copy[64];
        (void)snprintf(copy, sizeof copy, "%.*s", TEXT_ARG(line));
        if (sscanf(copy, "%u %u %u", &inside, &outside, &count) == 3 &&
            inside <= SPAWNER_UID_BASE && count >= SPAWNER_UID_END - inside)
            return true;
    }
    return false;
}

static int identify(const char *folder, uint64_t *ret, char name[CGROUP_NAME_MAX],
                    struct error *err)
{
    struct stat st;

    if (stat(folder, &st) < 0)
        return error_system(err, "cannot look at the code folder '%s'", folder);
    *ret = (uint64_t)st.st_ino ^ (uint64_t)st.st_dev << 32;
    (void)snprintf(name, CGROUP_NAME_MAX, "evoke-%llx-%llx", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    return 0;
}

static int make_sockets(int count, int ours[], int theirs[], struct error *err)
{
    const int on = 1, size = SOCKET_BUFFER_BYTES;

    for (int i = 0; i < count; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
            return error_system(err, "cannot make the spawner's socket");
        ours[i] = pair[0];
        theirs[i] = pair[1];
        /* Several whole plans; the kernel takes what it allows of it. */
        (void)setsockopt(ours[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        if (setsockopt(ours[i], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
            return error_system(err, "cannot set up the spawner's socket");
    }
    return 0;
}

static void close_all(int fds[], int count)
{
    for (int i = 0; i < count; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
        fds[i] = -1;
    }
}

static pid_t clone_spawner(bool privileged)
{
    struct clone_args args = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | (privileged ? 0 : CLONE_NEWUSER),
        .exit_signal = SIGCHLD,
    };

    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static int read_result(int fd, struct spawner_report *ret, struct error *err)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    struct spawner_result result;

    if (poll(&wait, 1, LAUNCH_MS) == 0)
        return error_set(err, ERROR_SYSTEM, "the spawner does not answer");
    if (read(fd, &result, sizeof result) != sizeof result)
        return error_set(err, ERROR_SYSTEM, "the spawner ended before it answered");
    if (!result.ok) {
        *err = result.err;
        return -1;
    }
    *ret = result.report;
    return 0;
}

/* Forks the process and hears from it. launch has everything but the pipe. */
static int fork_spawner(struct spawner_launch *launch, pid_t *ret_pid,
                        struct spawner_report *ret_report, struct error *err)
{
    int pipe_ends[2];

    if (pipe2(pipe_ends, O_CLOEXEC) < 0)
        return error_system(err, "cannot make a pipe");
    launch->result = pipe_ends[1];
    pid_t pid = clone_spawner(launch->privileged);
    if (pid == 0)
        spawner_serve(launch);

    int cloned = errno;
    (void)close(pipe_ends[1]);
    scoped(close) int answer = pipe_ends[0];
    if (pid < 0) {
        errno = cloned;
        return error_system(err, launch->privileged
                                     ? "cannot make namespaces"
                                     : "cannot make a user namespace, which sandboxes need unless "
                                       "the daemon is root");
    }
    if (read_result(answer, ret_report, err) == 0) {
        *ret_pid = pid;
        return 0;
    }
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return -1;
}

int spawner_launch(const struct spawner_options *options, int ret_sockets[], pid_t *ret_pid,
                   struct spawner_report *ret_report, struct error *err)
{
    struct spawner_launch launch = {.options = options, .uid = geteuid(), .gid = getegid()};
    char name[CGROUP_NAME_MAX];

    if (options->sockets < 1 || options->sockets > SPAWNER_SOCKETS_MAX)
        return error_set(err, ERROR_INVALID, "a spawner has 1 to %d sockets", SPAWNER_SOCKETS_MAX);
    if (identify(options->code_root, &launch.identity, name, err) < 0)
        return -1;

    launch.privileged = launch.uid == 0 && has_capabilities() && has_ids();
    memset(launch.sockets, -1, sizeof launch.sockets);
    for (int i = 0; i < options->sockets; i++)
        ret_sockets[i] = -1;
    cgroup_open(&launch.cgroup, name);
    int result = make_sockets(options->sockets, ret_sockets, launch.sockets, err);
    if (result == 0)
        result = fork_spawner(&launch, ret_pid, ret_report, err);

    if (result < 0) {
        cgroup_remove(&launch.cgroup);
        close_all(ret_sockets, options->sockets);
    }
    cgroup_close(&launch.cgroup);
    close_all(launch.sockets, options->sockets);
    return result;
}

/* --- talking ----------------------------------------------------------------------- */

static int send_message(int socket, const struct buffer *bytes, const int *fds, size_t count,
                        struct error *err)
{
    struct control control = {.len = 0};
    struct iovec part = {bytes->at, bytes->len};

    control_add_fds(&control, fds, count);
    const struct msghdr message = control_message(&control, &part);
    while (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
            return error_set(err, ERROR_LIMIT, "the spawner is busy");
        if (errno != EINTR)
            return error_system(err, "the spawner cannot be reached");
    }
    return 0;
}

int spawner_send_start(int socket, uint64_t id, const struct sandbox_plan *plan,
                       const int fds[SANDBOX_FD_COUNT], struct error *err)
{
    scoped(buffer_done) struct buffer bytes = {0};

    if (protocol_encode_start(id, plan, &bytes, err) < 0)
        return -1;
    return send_message(socket, &bytes, fds, SANDBOX_FD_COUNT, err);
}

int spawner_send_kill(int socket, uint64_t id, struct error *err)
{
    scoped(buffer_done) struct buffer bytes = {0};

    protocol_encode_kill(id, &bytes);
    return send_message(socket, &bytes, NULL, 0, err);
}

/* What came along with an event. */
struct extras {
    int fds[EVENT_FD_COUNT];
    size_t count;
    pid_t pid; /* -1: no credentials */
};

static int put_extras(struct spawner_event *event, const struct extras *extras, uint32_t present,
                      struct error *err)
{
    int *const places[EVENT_FD_COUNT] = {&event->listeners[0], &event->listeners[1],
                                         &event->listeners[2], &event->memory_fd,
                                         &event->freeze_fd};
    size_t next = 0;

    if ((size_t)__builtin_popcount(present) != extras->count) {
        for (size_t i = 0; i < extras->count; i++)
            (void)close(extras->fds[i]);
        return error_set(err, ERROR_SYSTEM, "an event of the spawner lost its descriptors");
    }
    for (size_t i = 0; i < EVENT_FD_COUNT; i++)
        if (present & 1u << i)
            *places[i] = extras->fds[next++];
    if (event->kind == SPAWNER_STARTED)
        event->pid = extras->pid;
    return 0;
}

int spawner_receive(int socket, struct spawner_event *ret, struct error *err)
{
    struct control control;
    struct event_message bytes;
    struct iovec part = {&bytes, sizeof bytes};
    struct msghdr message = control_room(&control, &part);
    uint32_t present = 0;
    ssize_t len;

    while ((len = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0) {
        if (errno == EAGAIN)
            return 0;
        if (errno != EINTR)
            return error_system(err, "the spawner cannot be heard");
    }
    if (len == 0)
        return error_set(err, ERROR_SYSTEM, "the spawner has ended");

    struct extras extras = {.pid = control_pid(&message)};
    extras.count = control_take_fds(&message, extras.fds, EVENT_FD_COUNT);
    if (protocol_read_event(&bytes, (size_t)len, ret, &present, err) < 0) {
        for (size_t i = 0; i < extras.count; i++)
            (void)close(extras.fds[i]);
        return -1;
    }
    return put_extras(ret, &extras, present, err) < 0 ? -1 : 1;
}
