/* SPDX-License-Identifier: Apache-2.0 */
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
#include "sandbox/cgroup_layout.h"
#include "test.h"

#define CODE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WAIT_MS 20000
#define MB (INT64_C(1) << 20)

__attribute__((noreturn, format(printf, 1, 2))) static void skip_all(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("skipped: ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    exit(77);
}

static void become(const char *name)
{
    const struct passwd *user = getpwnam(name);

    if (geteuid() != 0)
        skip_all("only root can become '%s'", name);
    if (!user || setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0 ||
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
        skip_all("cannot become '%s'", name);
}

/* Takes control groups away: all of them, or the v2 hierarchy beside v1. */
static void hide_cgroups(const char *which)
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
__attribute__((constructor)) static void choose_world(void)
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

static void copy_program(const char *from, const char *to)
{
    scoped(buffer_done) struct buffer content = {0};
    struct error err;

    CHECK_MSG(path_read(from, 16 << 20, &content, &err) == 0, "%s", err.text);
    CHECK_MSG(path_write(to, buffer_text(&content), 0755, &err) == 0, "%s", err.text);
    CHECK(chmod(to, 0755) == 0);
}

static char *inside(const struct stage *stage, const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *at = path[next++ % 4];

    (void)snprintf(at, sizeof path[0], "%s/%s", stage->folder, name);
    return at;
}

static void open_folders(struct stage *stage)
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

static void launch(struct stage *stage, int sockets[], int count)
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

static struct stage stage_open(void)
{
    struct stage stage = {0};

    open_folders(&stage);
    launch(&stage, &stage.socket, 1);
    return stage;
}

/* Waits for the end of a process that need not be our child. */
static void await_gone(pid_t pid)
{
    scoped(close) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};

    CHECK_MSG(pidfd < 0 || poll(&wait, 1, WAIT_MS) == 1, "process %d does not end", pid);
}

static int await_exit(pid_t pid)
{
    int status = -1;

    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static char group_name[64];
static int groups_found;
static bool make_stale;

static int on_folder(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char stale[PATH_MAX];

    if (type != FTW_D || strcmp(path + ftw->base, group_name) != 0)
        return 0;
    groups_found++;
    (void)snprintf(stale, sizeof stale, "%s/stale-1", path);
    return make_stale && mkdir(stale, 0755) < 0;
}

/* How many parent groups the stage's daemon has. */
static int count_groups(const struct stage *stage)
{
    struct stat st;

    CHECK(stat(inside(stage, "code"), &st) == 0);
    (void)snprintf(group_name, sizeof group_name, "evoke-%llx-%llx", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    groups_found = 0;
    CHECK(nftw("/sys/fs/cgroup", on_folder, 32, FTW_PHYS) == 0);
    return groups_found;
}

static void stage_close(struct stage *stage)
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

static struct sandbox_plan usual_plan(char **argv)
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

static struct run send_start(struct stage *stage, const struct sandbox_plan *plan)
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

static struct spawner_event next_event(struct stage *stage)
{
    struct pollfd wait = {.fd = stage->socket, .events = POLLIN};
    struct spawner_event event;
    struct error err;

    CHECK_MSG(poll(&wait, 1, WAIT_MS) == 1, "the spawner says nothing");
    CHECK_MSG(spawner_receive(stage->socket, &event, &err) == 1, "%s", err.text);
    return event;
}

static void expect_started(struct stage *stage, struct run *run)
{
    run->started = next_event(stage);
    CHECK_MSG(run->started.kind == SPAWNER_STARTED, "not started: %s", run->started.text);
    CHECK(run->started.id == run->id);
}

static void close_started(struct spawner_event *event)
{
    for (int i = 0; i < LISTENER_COUNT; i++)
        if (event->listeners[i] >= 0)
            (void)close(event->listeners[i]);
    if (event->memory_fd >= 0)
        (void)close(event->memory_fd);
    if (event->freeze_fd >= 0)
        (void)close(event->freeze_fd);
}

static void expect_exited(struct stage *stage, struct run *run)
{
    run->ended = next_event(stage);
    CHECK_MSG(run->ended.kind == SPAWNER_EXITED, "not exited: %d", (int)run->ended.kind);
    CHECK(run->ended.id == run->id);
}

static void run_close(struct run *run)
{
    close_started(&run->started);
    (void)close(run->log);
}

static struct run run_to_end(struct stage *stage, const struct sandbox_plan *plan)
{
    struct run run = send_start(stage, plan);

    expect_started(stage, &run);
    expect_exited(stage, &run);
    return run;
}

/* What the function wrote, until nobody holds the pipe or it wrote until. */
static void read_log(const struct run *run, const char *until, struct buffer *ret)
{
    for (;;) {
        struct pollfd wait = {.fd = run->log, .events = POLLIN};
        CHECK_MSG(poll(&wait, 1, WAIT_MS) == 1, "the function's log does not end");
        ssize_t len = read(run->log, buffer_room(ret, 65536), 65536);
        CHECK(len >= 0);
        buffer_added(ret, (size_t)len);
        if (len == 0 || (until && text_find_text(buffer_text(ret), text_of(until)) < ret->len))
            return;
    }
}

static bool has_line(const struct buffer *log, const char *line)
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

TEST(a_function_finds_what_it_is_promised_and_nothing_else)
{
    static const char *const lines[] = {
        "fds 0 1 2 3 4 5 6",
        "env FIRST=1",
        "env SECOND=a b=c",
        "ids 993 993 990 990",
        "host sandbox",
        "oom_score 500",
        "timer_slack_us 50",
        "CapInh:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "CapAmb:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "cwd /var/task",
        "folder/opt 0",
        "folder/var 5",
        "folder/var/task 1",
        "folder/var/runtime 1",
        "folder/sys -1",
        "folder/root -1",
        "folder/home -1",
        "read/etc/passwd ok",
        "read/etc/shadow ENOENT",
        "read/proc/1/environ EACCES",
        "read/proc/meminfo ok",
        "read/dev/urandom ok",
        "list/proc/1/fd EACCES",
        "write/tmp ok",
        "write/dev/shm ok",
        "write/dev/null ok",
        "tmp_bytes 16777216",
        "socket/netlink EAFNOSUPPORT",
        "socket/vsock EAFNOSUPPORT",
        "socket/packet EAFNOSUPPORT",
        "socket/raw EPERM",
        "socket/unix ok",
        "connect/runtime ok",
        "connect/api ok",
        "connect/gateway ok",
        "connect/other ECONNREFUSED",
        "connect/outside ENETUNREACH",
        "connect/metadata ENETUNREACH",
        "mount EPERM",
        "umount EPERM",
        "unshare EPERM",
        "clone EPERM",
        "ptrace EPERM",
        "bpf EPERM",
        "io_uring ENOSYS",
        "keyctl EPERM",
        "chroot EPERM",
        "sethostname EPERM",
        "end",
    };
    static const char *const refused[] = {"read/proc/kallsyms",
                                          "read/proc/keys",
                                          "read/proc/config.gz",
                                          "write/usr",
                                          "write/etc",
                                          "write/",
                                          "write/var/task",
                                          "write/var/task/bootstrap",
                                          "chmod/var/task/bootstrap",
                                          "write/.init",
                                          "setuid"};
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("report")));
    struct run run = run_to_end(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    read_log(&run, NULL, &log);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        CHECK_MSG(has_line(&log, lines[i]), "'%s' is not in\n%s", lines[i], log.at);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        char allowed[64];
        (void)snprintf(allowed, sizeof allowed, "%s ok", refused[i]);
        CHECK_MSG(!has_line(&log, allowed), "'%s' is in\n%s", allowed, log.at);
    }
    CHECK(run.ended.status == 0 && !run.ended.out_of_memory);
    run_close(&run);
    stage_close(&stage);
}

TEST(the_timers_of_a_program_without_a_runtime_are_coarse)
{
    struct stage stage = stage_open();
    struct sandbox_plan plan = usual_plan(ARGV(WORD("report")));
    scoped(buffer_done) struct buffer log = {0};

    plan.runtime = NULL;
    struct run run = run_to_end(&stage, &plan);
    read_log(&run, NULL, &log);
    CHECK_MSG(has_line(&log, "timer_slack_us 1000"), "%s", log.at);
    run_close(&run);
    stage_close(&stage);
}

TEST(the_report_tells_what_this_world_lacks)
{
    const char *hidden = getenv("SPAWNER_TEST_HIDE");
    struct stage stage = stage_open();
    const struct spawner_report *report = &stage.report;

    CHECK(report->privileged == (geteuid() == 0));
    if (hidden && strcmp(hidden, "v2") == 0)
        CHECK(strcmp(report->memory, "cgroup v1") == 0 &&
              strcmp(report->freezer, "cgroup v1") == 0);
    if (hidden && strcmp(hidden, "all") == 0)
        CHECK(strcmp(report->memory, "rlimit") == 0 && strcmp(report->freezer, "none") == 0 &&
              strcmp(report->cpu, "none") == 0 && report->missing_count >= 3);
    for (int i = 0; i < report->missing_count; i++)
        CHECK(report->missing[i][0] && strlen(report->missing[i]) < sizeof report->missing[0] - 1);
    stage_close(&stage);
}

TEST(the_end_of_a_function_is_told_as_waitpid_gives_it)
{
    static const struct {
        const char *word;
        int number, status;
    } cases[] = {
        {"exit", 0, 0},
        {"exit", 3, 3 << 8},
        {"exit", 255, 255 << 8},
        {"signal", SIGTERM, SIGTERM},
        {"signal", SIGSEGV, SIGSEGV},
        {"signal", SIGKILL, SIGKILL},
        {"signal", SIGABRT, SIGABRT},
    };
    struct stage stage = stage_open();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char word[16], number[16];
        (void)snprintf(word, sizeof word, "%s", cases[i].word);
        (void)snprintf(number, sizeof number, "%d", cases[i].number);
        const struct sandbox_plan plan = usual_plan(ARGV(word, number));
        struct run run = run_to_end(&stage, &plan);
        CHECK_MSG(run.ended.status == cases[i].status, "%s %d: status %d", word, cases[i].number,
                  run.ended.status);
        CHECK(!run.ended.out_of_memory);
        run_close(&run);
    }
    stage_close(&stage);
}

TEST(what_a_function_leaves_behind_ends_with_it)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("leave")));
    struct run run = run_to_end(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    /* The child has the log's other end: it is closed only by its death. */
    read_log(&run, NULL, &log);
    CHECK(run.ended.status == 0);
    run_close(&run);
    stage_close(&stage);
}

static void expect_failed(struct stage *stage, const struct sandbox_plan *plan, int exec_errno,
                          const char *text)
{
    struct run run = send_start(stage, plan);

    run.ended = next_event(stage);
    CHECK_MSG(run.ended.kind == SPAWNER_FAILED, "'%s' did not fail", text);
    CHECK(run.ended.id == run.id);
    CHECK_MSG(run.ended.exec_errno == exec_errno, "%s: %d", text, run.ended.exec_errno);
    CHECK_MSG(strstr(run.ended.text, text), "'%s' does not say '%s'", run.ended.text, text);
    run_close(&run);
}

TEST(a_program_that_cannot_be_run_is_told_with_its_errno)
{
    struct stage stage = stage_open();
    struct error err;
    struct sandbox_plan plan = usual_plan(ARGV(NULL));

    (void)path_write(inside(&stage, "code/" CODE "/plain"), TEXT("x"), 0644, &err);
    (void)path_write(inside(&stage, "code/" CODE "/nonsense"), TEXT("\1\2\3"), 0755, &err);
    CHECK(chmod(inside(&stage, "code/" CODE "/nonsense"), 0755) == 0);
    (void)path_write(inside(&stage, "code/" CODE "/script"), TEXT("#!/no/such/shell\n"), 0755,
                     &err);
    CHECK(chmod(inside(&stage, "code/" CODE "/script"), 0755) == 0);
    plan.argv = (char *[]){WORD("/var/task/absent"), NULL};
    expect_failed(&stage, &plan, ENOENT, "No such file");
    plan.argv = (char *[]){WORD("/var/task/script"), NULL};
    expect_failed(&stage, &plan, ELIBACC, "library");
    plan.argv = (char *[]){WORD("/var/task/plain"), NULL};
    expect_failed(&stage, &plan, EACCES, "Permission denied");
    plan.argv = (char *[]){WORD("/var/task/nonsense"), NULL};
    expect_failed(&stage, &plan, ENOEXEC, "Exec format");
    stage_close(&stage);
}

TEST(a_plan_that_names_what_is_not_there_is_refused)
{
    struct stage stage = stage_open();
    char absent[] = "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char link[] = "eeee456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct sandbox_plan plan = usual_plan(ARGV(WORD("exit"), WORD("0")));

    plan.code = absent;
    expect_failed(&stage, &plan, 0, absent);
    CHECK(symlink("/etc", inside(&stage, "code/eeee456789abcdef0123456789abcdef0123456789abcdef"
                                         "0123456789abcdef")) == 0);
    plan.code = link;
    expect_failed(&stage, &plan, 0, link);
    plan.code = CODE;
    plan.runtime = "cobol";
    expect_failed(&stage, &plan, 0, "cobol");
    plan.runtime = "..";
    expect_failed(&stage, &plan, 0, "runtime");
    plan.runtime = NULL;
    plan.code = "../../etc";
    expect_failed(&stage, &plan, 0, "code folder");
    stage_close(&stage);
}

TEST(a_killed_sandbox_is_told_once)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run first = send_start(&stage, &plan);
    struct error err;

    expect_started(&stage, &first);
    CHECK(spawner_send_kill(stage.socket, first.id, &err) == 0);
    CHECK(spawner_send_kill(stage.socket, first.id, &err) == 0);
    expect_exited(&stage, &first);
    CHECK(first.ended.status == SIGKILL && !first.ended.out_of_memory);
    CHECK(spawner_send_kill(stage.socket, first.id, &err) == 0);

    /* Killed before it ran: an end all the same. */
    struct run second = send_start(&stage, &plan);
    CHECK(spawner_send_kill(stage.socket, second.id, &err) == 0);
    second.ended = next_event(&stage);
    if (second.ended.kind == SPAWNER_STARTED) {
        close_started(&second.ended);
        second.ended = next_event(&stage);
    }
    CHECK(second.ended.kind == SPAWNER_EXITED && second.ended.id == second.id);
    run_close(&first);
    run_close(&second);
    stage_close(&stage);
}

TEST(the_runtime_listener_is_the_sandboxs_own)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("report")));
    struct run first = run_to_end(&stage, &plan), second = run_to_end(&stage, &plan);

    CHECK(first.started.runtime_port == SANDBOX_PORT_RUNTIME);
    /* One connection each, made by the probe inside: nobody else's. */
    for (int i = 0; i < LISTENER_COUNT; i++) {
        scoped(close) int met = accept(second.started.listeners[i], NULL, NULL);
        scoped(close) int another = accept(second.started.listeners[i], NULL, NULL);
        CHECK(met >= 0);
        CHECK(another < 0 && errno == EAGAIN);
    }
    run_close(&first);
    run_close(&second);
    stage_close(&stage);
}

TEST(trusted_code_may_have_the_hosts_network)
{
    struct stage stage = stage_open();
    struct sandbox_plan plan = usual_plan(ARGV(WORD("report")));
    scoped(buffer_done) struct buffer log = {0};

    plan.host_network = true;
    struct run run = run_to_end(&stage, &plan);
    read_log(&run, NULL, &log);
    CHECK(run.started.listeners[LISTENER_RUNTIME] >= 0 && run.started.runtime_port > 0);
    CHECK(run.started.listeners[LISTENER_API] < 0 && run.started.listeners[LISTENER_GATEWAY] < 0);
    CHECK(has_line(&log, "mount EPERM") && has_line(&log, "host sandbox"));
    CHECK(!has_line(&log, "connect/metadata EAFNOSUPPORT"));
    run_close(&run);
    stage_close(&stage);
}

TEST(a_fork_bomb_is_contained)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("bomb")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};
    struct error err;

    expect_started(&stage, &run);
    read_log(&run, "full", &log);
    CHECK(spawner_send_kill(stage.socket, run.id, &err) == 0);
    expect_exited(&stage, &run);
    /* Every process of it had the pipe. */
    read_log(&run, NULL, &log);
    run_close(&run);
    stage_close(&stage);
}

TEST(a_function_without_memory_ends_whole_and_is_told_so)
{
    struct stage stage = stage_open();
    bool group = strcmp(stage.report.memory, "rlimit") != 0;

    for (int in_child = 0; in_child < (group ? 2 : 1); in_child++) {
        char number[2] = {(char)('0' + in_child), '\0'};
        struct sandbox_plan plan = usual_plan(ARGV(WORD("eat"), number));
        plan.memory_bytes = 48 * MB;
        struct run run = run_to_end(&stage, &plan);
        if (group) {
            CHECK_MSG(run.ended.status == SIGKILL, "status %d", run.ended.status);
            CHECK(run.ended.out_of_memory);
            CHECK(run.ended.memory_peak_bytes > 32 * MB && run.ended.memory_peak_bytes <= 48 * MB);
        } else {
            CHECK_MSG(run.ended.status == 12 << 8, "status %d", run.ended.status);
        }
        run_close(&run);
    }
    stage_close(&stage);
}

TEST(tmp_has_the_size_it_was_given)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("fill"), WORD("/tmp/file")));
    struct run run = run_to_end(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    read_log(&run, NULL, &log);
    CHECK_TEXT(buffer_text(&log), "ENOSPC 16777216\n");
    run_close(&run);
    stage_close(&stage);
}

TEST(the_peak_of_memory_can_be_read_while_it_runs)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};
    char text[32] = "";

    expect_started(&stage, &run);
    read_log(&run, "waiting", &log);
    CHECK((strcmp(stage.report.memory, "rlimit") == 0) == (run.started.memory_fd < 0));
    if (run.started.memory_fd >= 0) {
        CHECK(pread(run.started.memory_fd, text, sizeof text - 1, 0) > 0);
        CHECK(strtoll(text, NULL, 10) > 0 && strtoll(text, NULL, 10) < 128 * MB);
    }
    run_close(&run);
    stage_close(&stage);
}

TEST(a_frozen_sandbox_can_be_killed)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};
    struct error err;

    expect_started(&stage, &run);
    read_log(&run, "waiting", &log);
    CHECK((strcmp(stage.report.freezer, "none") == 0) == (run.started.freeze_fd < 0));
    if (run.started.freeze_fd >= 0) {
        const char *word = run.started.freeze_v2 ? "1" : "FROZEN";
        CHECK(write(run.started.freeze_fd, word, strlen(word)) == (ssize_t)strlen(word));
    }
    CHECK(spawner_send_kill(stage.socket, run.id, &err) == 0);
    expect_exited(&stage, &run);
    CHECK(run.ended.status == SIGKILL);
    run_close(&run);
    stage_close(&stage);
}

/* The user id that the host sees, and the process's state. */
static unsigned host_uid(pid_t pid)
{
    char path[64];
    struct stat st;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    CHECK_MSG(stat(path, &st) == 0, "no process %d", pid);
    (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "re");
    unsigned uid = 0;
    char line[256];
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "Uid: %u", &uid) == 1)
            break;
    fclose(status);
    return uid;
}

TEST(many_sandboxes_live_side_by_side_each_with_its_own_user)
{
    enum { COUNT = 40 };
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run runs[COUNT];
    unsigned uids[COUNT];
    struct error err;

    for (int i = 0; i < COUNT; i++)
        runs[i] = send_start(&stage, &plan);
    for (int i = 0; i < COUNT; i++) {
        struct spawner_event event = next_event(&stage);
        CHECK_MSG(event.kind == SPAWNER_STARTED, "%s", event.text);
        runs[event.id - runs[0].id].started = event;
    }
    for (int i = 0; i < COUNT; i++) {
        uids[i] = host_uid(runs[i].started.pid);
        CHECK(uids[i] != 0 || !stage.report.privileged);
        for (int j = 0; j < i; j++)
            CHECK((uids[i] != uids[j]) == stage.report.privileged);
    }
    for (int i = 0; i < COUNT; i++)
        CHECK(spawner_send_kill(stage.socket, runs[i].id, &err) == 0);
    for (int i = 0; i < COUNT; i++)
        CHECK(next_event(&stage).kind == SPAWNER_EXITED);
    for (int i = 0; i < COUNT; i++)
        run_close(&runs[i]);
    stage_close(&stage);
}

TEST(a_shards_end_takes_its_sandboxes_and_no_others)
{
    struct stage stage = {0}, other;
    int sockets[2];
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));

    open_folders(&stage);
    launch(&stage, sockets, 2);
    other = stage;
    stage.socket = sockets[0];
    other.socket = sockets[1];
    struct run run = send_start(&stage, &plan), kept = send_start(&other, &plan);
    expect_started(&stage, &run);
    expect_started(&other, &kept);

    (void)close(stage.socket);
    await_gone(run.started.pid);
    CHECK(kill(kept.started.pid, 0) == 0);
    struct error err;
    CHECK(spawner_send_kill(other.socket, kept.id, &err) == 0);
    expect_exited(&other, &kept);
    run_close(&run);
    run_close(&kept);
    stage_close(&other);
}

TEST(the_daemons_end_takes_everything)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("bomb")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    expect_started(&stage, &run);
    read_log(&run, "full", &log);
    stage_close(&stage);
    read_log(&run, NULL, &log);
    await_gone(run.started.pid);
    run_close(&run);
}

/* A daemon of its own, which is killed: tells what it has, a function's pid as the id. */
static void be_daemon(int tell)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("bomb")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    expect_started(&stage, &run);
    read_log(&run, "full", &log);
    stage.next_id = (uint64_t)run.started.pid;
    CHECK(write(tell, &stage, sizeof stage) == sizeof stage);
    for (;;)
        pause();
}

TEST(the_daemons_end_takes_what_is_frozen)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    expect_started(&stage, &run);
    read_log(&run, "waiting", &log);
    if (run.started.freeze_fd >= 0) {
        const char *word = run.started.freeze_v2 ? "1" : "FROZEN";
        CHECK(write(run.started.freeze_fd, word, strlen(word)) == (ssize_t)strlen(word));
    }
    stage_close(&stage);
    await_gone(run.started.pid);
    run_close(&run);
}

TEST(a_daemon_killed_at_once_leaves_no_process)
{
    struct stage stage;
    int tell[2];

    CHECK(pipe2(tell, O_CLOEXEC) == 0);
    pid_t daemon = fork();
    if (daemon == 0)
        be_daemon(tell[1]);
    (void)close(tell[1]);
    CHECK(read(tell[0], &stage, sizeof stage) == sizeof stage);
    (void)close(tell[0]);
    CHECK(kill(daemon, SIGKILL) == 0);
    CHECK(await_exit(daemon) == SIGKILL);
    await_gone((pid_t)stage.next_id);
    await_gone(stage.pid);

    /* And starts again from what the dead one left. */
    launch(&stage, &stage.socket, 1);
    stage_close(&stage);
}

TEST(a_killed_spawner_takes_everything)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run run = send_start(&stage, &plan);
    struct spawner_event event;
    struct error err;

    expect_started(&stage, &run);
    CHECK(kill(stage.pid, SIGKILL) == 0);
    CHECK(await_exit(stage.pid) == SIGKILL);
    await_gone(run.started.pid);
    CHECK(spawner_receive(stage.socket, &event, &err) < 0);
    CHECK(spawner_send_kill(stage.socket, run.id, &err) < 0);
    run_close(&run);
    (void)close(stage.socket);

    launch(&stage, &stage.socket, 1);
    stage_close(&stage);
}

/* --- control groups ---------------------------------------------------------------- */

TEST(groups_of_an_earlier_daemon_are_removed)
{
    struct stage stage = stage_open();
    bool groups = strncmp(stage.report.pids, "cgroup", 6) == 0;

    CHECK((count_groups(&stage) > 0) == groups || !groups);
    make_stale = true;
    (void)count_groups(&stage);
    make_stale = false;
    CHECK(kill(stage.pid, SIGKILL) == 0);
    (void)await_exit(stage.pid);
    (void)close(stage.socket);
    CHECK((count_groups(&stage) > 0) == groups || !groups);

    launch(&stage, &stage.socket, 1);
    (void)close(stage.socket);
    CHECK(await_exit(stage.pid) == 0);
    CHECK_MSG(count_groups(&stage) == 0, "%d groups are left", groups_found);
    struct error err;
    CHECK(path_remove_tree(stage.folder, &err) == 0);
}

/* The interpreters and compiled languages that functions are written in need more of the
 * kernel than the probe: threads, timers, signals, just-in-time code. */
TEST(the_languages_of_functions_run)
{
    static const struct {
        const char *program, *option, *code;
        int64_t memory_bytes;
    } cases[] = {
        {"/usr/bin/node", "-e",
         "const {Worker} = require('worker_threads');"
         "if (require('os').cpus().length < 1) process.exit(2);"
         "require('fs').writeFileSync('/tmp/x', 'x');"
         "require('child_process').execFileSync('/bin/true');"
         "require('net').createServer().listen(0, '127.0.0.1', function () { this.close(); });"
         "new Worker('process.exit(7)', {eval: true}).on('exit', c => process.exit(c - 7));",
         512 * MB},
        {"/usr/bin/python3", "-c",
         "import threading, subprocess, multiprocessing, ssl, pwd, os, socket\n"
         "pwd.getpwuid(os.getuid()); ssl.create_default_context()\n"
         "subprocess.run(['/bin/true'], check=True)\n"
         "t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
         "q = multiprocessing.Queue()\n"
         "p = multiprocessing.Process(target=q.put, args=(1,)); p.start()\n"
         "assert q.get() == 1 and socket.gethostbyname('localhost') == '127.0.0.1'\n",
         512 * MB},
        {"/usr/bin/java", "-Xmx64m", "-version", 1024 * MB},
        {"/bin/sh", "-c", "test \"$(id -un)\" = sbx_user1051 && date >/dev/null && ls / | wc -l",
         128 * MB},
    };
    struct stage stage = stage_open();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char program[64], option[16], code[2048];
        if (access(cases[i].program, X_OK) < 0)
            continue;
        (void)snprintf(program, sizeof program, "%s", cases[i].program);
        (void)snprintf(option, sizeof option, "%s", cases[i].option);
        (void)snprintf(code, sizeof code, "%s", cases[i].code);
        struct sandbox_plan plan = usual_plan((char *[]){program, option, code, NULL});
        plan.memory_bytes = cases[i].memory_bytes;
        plan.tmp_bytes = 64 * MB;
        plan.pids = 256;
        struct run run = run_to_end(&stage, &plan);
        scoped(buffer_done) struct buffer log = {0};
        read_log(&run, NULL, &log);
        CHECK_MSG(run.ended.status == 0, "%s: status %d\n%s", program, run.ended.status, log.at);
        run_close(&run);
    }
    stage_close(&stage);
}

TEST(what_is_no_request_does_no_harm)
{
    struct stage stage = stage_open();
    char garbage[4096];

    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (char)(i * 31);
    CHECK(send(stage.socket, garbage, sizeof garbage, MSG_NOSIGNAL) == sizeof garbage);
    struct spawner_event event = next_event(&stage);
    CHECK(event.kind == SPAWNER_FAILED && event.id == 0);

    const struct sandbox_plan plan = usual_plan(ARGV(WORD("exit"), WORD("0")));
    struct run run = run_to_end(&stage, &plan);
    run_close(&run);
    stage_close(&stage);
}

TEST(a_host_that_cannot_is_told_why)
{
    struct stage stage = {0};
    struct spawner_report report;
    struct error err = {0};
    int socket;
    pid_t pid;

    open_folders(&stage);
    const struct spawner_options options = {
        .code_root = inside(&stage, "code"),
        .init_path = "/nonexistent/evoke-init",
        .sockets = 1,
    };
    CHECK(spawner_launch(&options, &socket, &pid, &report, &err) < 0);
    CHECK_MSG(strstr(err.text, "/nonexistent/evoke-init"), "%s", err.text);
    CHECK(socket == -1 && count_groups(&stage) == 0);
    CHECK(path_remove_tree(stage.folder, &err) == 0);
}
