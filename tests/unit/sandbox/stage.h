/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/spawner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <limits.h>

#include "base/clock.h"
#include "base/path.h"
#include "patience.h"
#include "sandbox/cgroup_layout.h"
#include "test.h"

#define CODE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MB (INT64_C(1) << 20)

__attribute__((noreturn, format(printf, 1, 2))) static inline void skip_all(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("skipped: ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    exit(77);
}

static inline void become(const char *name)
{
    const struct passwd *user = getpwnam(name);

    if (geteuid() != 0)
        skip_all("only root can become '%s'", name);
    if (!user || setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0 ||
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
        skip_all("cannot become '%s'", name);
}

/* Takes control groups away: all of them, or the v2 hierarchy beside v1. */
static inline void hide_cgroups(const char *which)
{
    struct cgroup_layout layout;
    scoped(buffer_done) struct buffer mounts = {0}, groups = {0};
    struct error err;

    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        skip_all("only root can hide control groups");
    if (strcmp(which, "all") == 0) {
        (void)umount2("/sys/fs/cgroup", MNT_DETACH);
        return;
    }
    if (path_read("/proc/self/mountinfo", 1 << 20, &mounts, &err) < 0 ||
        path_read("/proc/self/cgroup", 1 << 20, &groups, &err) < 0)
        skip_all("%s", err.text);
    cgroup_layout_parse(buffer_text(&mounts), buffer_text(&groups), &layout);
    if (!layout.v1[CONTROLLER_MEMORY][0] || !layout.v1[CONTROLLER_FREEZER][0])
        skip_all("no cgroup v1 here");
    if (layout.v2_mount[0] && umount2(layout.v2_mount, MNT_DETACH) < 0)
        skip_all("cannot hide cgroup v2");
}

/* The environment tells as whom and with what all tests run. */
__attribute__((constructor)) static inline void choose_world(void)
{
    const char *hidden = getenv("SPAWNER_TEST_HIDE"), *user = getenv("SPAWNER_TEST_USER");
    int status = 0;

    if (hidden)
        hide_cgroups(hidden);
    if (user)
        become(user);
    pid_t child = fork();
    if (child == 0)
        _exit(unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) == 0 ? 0 : errno);
    (void)waitpid(child, &status, 0);
    if (status)
        skip_all("no user namespaces here: %s", strerror(WEXITSTATUS(status)));
}

/* --- a spawner with one function --------------------------------------------------- */

struct stage {
    char folder[64];
    int socket;
    pid_t pid;
    struct spawner_report report;
    uint64_t next_id;
};

static inline void copy_program(const char *from, const char *to)
{
    scoped(buffer_done) struct buffer content = {0};
    struct error err;

    CHECK_MSG(path_read(from, 16 << 20, &content, &err) == 0, "%s", err.text);
    CHECK_MSG(path_write(to, buffer_text(&content), 0755, &err) == 0, "%s", err.text);
    CHECK(chmod(to, 0755) == 0);
}

static inline char *inside(const struct stage *stage, const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *at = path[next++ % 4];

    (void)snprintf(at, sizeof path[0], "%s/%s", stage->folder, name);
    return at;
}

static inline void open_folders(struct stage *stage)
{
    struct error err;

    (void)snprintf(stage->folder, sizeof stage->folder, "/tmp/evoke-spawner-XXXXXX");
    CHECK(mkdtemp(stage->folder));
    /* As a daemon's data folder: others may not even enter it. */
    CHECK(mkdir(inside(stage, "code"), 0700) == 0);
    CHECK(mkdir(inside(stage, "code/" CODE), 0755) == 0);
    CHECK(mkdir(inside(stage, "runtimes"), 0755) == 0);
    CHECK(mkdir(inside(stage, "runtimes/nodejs"), 0755) == 0);
    CHECK(path_write(inside(stage, "runtimes/nodejs/file"), TEXT("x"), 0644, &err) == 0);
    copy_program(PROBE_PATH, inside(stage, "code/" CODE "/bootstrap"));
}

static inline void launch(struct stage *stage, int sockets[], int count)
{
    struct error err;
    const struct spawner_options options = {
        .code_root = inside(stage, "code"),
        .runtimes_root = inside(stage, "runtimes"),
        .init_path = INIT_PATH,
        .sockets = count,
    };

    CHECK_MSG(spawner_launch(&options, sockets, &stage->pid, &stage->report, &err) == 0, "%s",
              err.text);
}

static inline struct stage stage_open(void)
{
    struct stage stage = {0};

    open_folders(&stage);
    launch(&stage, &stage.socket, 1);
    return stage;
}

/* Waits for the end of a process that need not be our child. */
static inline void await_gone(pid_t pid)
{
    scoped(close) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};

    CHECK_MSG(pidfd < 0 || patience_poll(&wait, 1) == 1, "process %d does not end", pid);
}

static inline int await_exit(pid_t pid)
{
    int status = -1;

    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static char group_name[64];
static int groups_found;
static bool make_stale;

static inline int on_folder(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char stale[PATH_MAX];

    if (type != FTW_D || strcmp(path + ftw->base, group_name) != 0)
        return 0;
    groups_found++;
    (void)snprintf(stale, sizeof stale, "%s/stale-1", path);
    return make_stale && mkdir(stale, 0755) < 0 && errno != EEXIST;
}

/* How many parent groups the stage's daemon has. */
static inline int count_groups(const struct stage *stage)
{
    struct stat st;

    CHECK(stat(inside(stage, "code"), &st) == 0);
    (void)snprintf(group_name, sizeof group_name, "evoke-%llx-%llx", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    for (;;) {
        groups_found = 0;
        if (nftw("/sys/fs/cgroup", on_folder, 32, FTW_PHYS) == 0)
            return groups_found;
        /* Groups of others come and go meanwhile, and one that has gone ends the walk. */
        CHECK_MSG(errno == ENOENT || errno == ENODEV, "%s", strerror(errno));
    }
}

static inline void stage_close(struct stage *stage)
{
    struct error err;

    (void)close(stage->socket);
    CHECK(await_exit(stage->pid) == 0);
    CHECK_MSG(count_groups(stage) == 0, "%d control groups are left", groups_found);
    CHECK(path_remove_tree(stage->folder, &err) == 0);
}

/* --- one sandbox ------------------------------------------------------------------- */

struct run {
    uint64_t id;
    int log; /* the read end */
    struct spawner_event started, ended;
};

static inline struct sandbox_plan usual_plan(char **argv)
{
    static char first[] = "FIRST=1", second[] = "SECOND=a b=c";
    static char *env[] = {first, second, NULL};

    return (struct sandbox_plan){
        .code = CODE,
        .runtime = "nodejs",
        .argv = argv,
        .envp = env,
        .memory_bytes = 128 * MB,
        .tmp_bytes = 16 * MB,
        .pids = 64,
        .cpu_percent = 100,
    };
}

static inline struct run send_start(struct stage *stage, const struct sandbox_plan *plan)
{
    struct run run = {.id = ++stage->next_id,
                      .started = {.listeners = {-1, -1, -1}, .memory_fd = -1, .freeze_fd = -1}};
    struct error err;
    int log[2];

    CHECK(pipe2(log, O_CLOEXEC) == 0);
    const int fds[SANDBOX_FD_COUNT] = {log[1], memfd_create("ring", MFD_CLOEXEC),
                                       eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC),
                                       eventfd(0, EFD_CLOEXEC)};
    CHECK_MSG(spawner_send_start(stage->socket, run.id, plan, fds, &err) == 0, "%s", err.text);
    for (int i = 0; i < SANDBOX_FD_COUNT; i++)
        (void)close(fds[i]);
    run.log = log[0];
    return run;
}

static inline struct spawner_event next_event(struct stage *stage)
{
    struct pollfd wait = {.fd = stage->socket, .events = POLLIN};
    struct spawner_event event;
    struct error err;

    CHECK_MSG(patience_poll(&wait, 1) == 1, "the spawner says nothing");
    CHECK_MSG(spawner_receive(stage->socket, &event, &err) == 1, "%s", err.text);
    return event;
}

static inline void expect_started(struct stage *stage, struct run *run)
{
    run->started = next_event(stage);
    CHECK_MSG(run->started.kind == SPAWNER_STARTED, "not started: %s", run->started.text);
    CHECK(run->started.id == run->id);
}

static inline void close_started(struct spawner_event *event)
{
    for (int i = 0; i < LISTENER_COUNT; i++)
        if (event->listeners[i] >= 0)
            (void)close(event->listeners[i]);
    if (event->memory_fd >= 0)
        (void)close(event->memory_fd);
    if (event->freeze_fd >= 0)
        (void)close(event->freeze_fd);
}

static inline void expect_exited(struct stage *stage, struct run *run)
{
    run->ended = next_event(stage);
    CHECK_MSG(run->ended.kind == SPAWNER_EXITED, "not exited: %d", (int)run->ended.kind);
    CHECK(run->ended.id == run->id);
}

static inline void run_close(struct run *run)
{
    close_started(&run->started);
    (void)close(run->log);
}

static inline struct run run_to_end(struct stage *stage, const struct sandbox_plan *plan)
{
    struct run run = send_start(stage, plan);

    expect_started(stage, &run);
    expect_exited(stage, &run);
    return run;
}

/* What the function wrote, until nobody holds the pipe or it wrote until. */
static inline void read_log(const struct run *run, const char *until, struct buffer *ret)
{
    for (;;) {
        struct pollfd wait = {.fd = run->log, .events = POLLIN};
        CHECK_MSG(patience_poll(&wait, 1) == 1, "the function's log does not end");
        ssize_t len = read(run->log, buffer_room(ret, 65536), 65536);
        CHECK(len >= 0);
        buffer_added(ret, (size_t)len);
        if (len == 0 || (until && text_find_text(buffer_text(ret), text_of(until)) < ret->len))
            return;
    }
}

static inline bool has_line(const struct buffer *log, const char *line)
{
    struct text rest = buffer_text(log), piece;

    while (text_split(&rest, '\n', &piece))
        if (text_equal(piece, text_of(line)))
            return true;
    return false;
}

#define ARGV(...)                                          \
    (char *[])                                             \
    {                                                      \
        (char[]){"/var/task/bootstrap"}, __VA_ARGS__, NULL \
    }
#define WORD(word) ((char[]){word})
