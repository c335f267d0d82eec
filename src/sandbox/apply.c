/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/scoped.h"
#include "sandbox/control.h"
#include "sandbox/landlock.h"
#include "sandbox/netns.h"
#include "sandbox/report.h"
#include "sandbox/seccomp.h"

#define OPEN_FILES_MAX 1024 /* as Lambda's */
#define STACK_BYTES (8 << 20)
#define OOM_SCORE "500" /* the host's memory shortage takes functions before daemons */
#define CAPABILITY_MAX 63
#define FIRST_FREE_FD (REPORT_FD + 1)
#define TIMER_SLACK_NS 1000000UL

static void send_report(int socket, const struct report *report, const int *fds, size_t count)
{
    struct control control = {.len = 0};
    struct iovec bytes = {(void *)(uintptr_t)report, sizeof *report};

    control_add_fds(&control, fds, count);
    const struct msghdr message = control_message(&control, &bytes);
    /* A spawner that cannot be told has gone, and takes us with it. */
    (void)sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* --- the steps, in their order ----------------------------------------------------- */

/* Signals as a new program expects them, whatever the daemon set up for itself; and a
 * session without a terminal. */
static int reset_process(struct apply *apply, struct error *err)
{
    sigset_t none;

    /* Now, while /proc is the spawner's and we are its user. */
    scoped(close) int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0)
        (void)!write(score, OOM_SCORE, sizeof OOM_SCORE - 1);

    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            (void)sigaction(number, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    (void)sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return error_system(err, "cannot reset the signals");
    (void)setsid();
    (void)umask(022);
    return 0;
}

/* First of all, so that everything that follows counts. The new cgroup namespace comes
 * after, or its root would be the spawner's group. */
static int enter_cgroups(struct apply *apply, struct error *err)
{
    for (int i = 0; i < apply->group->tasks_count; i++)
        if (write(apply->group->tasks[i], "0", 1) != 1)
            return error_system(err, "cannot enter a control group");
    if (unshare(CLONE_NEWCGROUP) < 0)
        return error_system(err, "cannot make a cgroup namespace");
    return 0;
}

static int open_network(struct apply *apply, struct error *err)
{
    struct report report = {.kind = REPORT_READY};
    int listeners[LISTENER_COUNT];
    uint16_t port;

    if (!apply->plan->host_network && netns_up(err) < 0)
        return -1;
    if (netns_listen(apply->plan->host_network, listeners, &port, err) < 0)
        return -1;

    report.value = port;
    send_report(apply->report, &report, listeners, apply->plan->host_network ? 1 : LISTENER_COUNT);
    for (int i = 0; i < LISTENER_COUNT; i++)
        if (listeners[i] >= 0)
            (void)close(listeners[i]);
    return 0;
}

static int await_ids(struct apply *apply, struct error *err)
{
    char go;

    if (read(apply->report, &go, 1) != 1)
        return error_set(err, ERROR_SYSTEM, "the spawner did not map the user ids");
    return 0;
}

/* The only user there is inside. This takes no capabilities away: none of the ids is
 * root in this namespace. Without privileges setgroups() is forbidden, so the daemon's
 * own groups stay; of the files they might open, none is in the tree. */
static int become_user(struct apply *apply, struct error *err)
{
    if (apply->privileged && setgroups(0, NULL) < 0)
        return error_system(err, "cannot leave the groups");
    if (setresgid(TREE_GID, TREE_GID, TREE_GID) < 0 || setresuid(TREE_UID, TREE_UID, TREE_UID) < 0)
        return error_system(err, "cannot become the sandbox's user");
    return 0;
}

static int name_host(struct apply *apply, struct error *err)
{
    if (sethostname(TREE_HOSTNAME, sizeof TREE_HOSTNAME - 1) < 0 || setdomainname("", 0) < 0)
        return error_system(err, "cannot name the sandbox's host");
    return 0;
}

static int complete_tree(struct apply *apply, struct error *err)
{
    if (tree_complete(apply->tree, apply->plan, apply->mounts, err) < 0)
        return -1;
    if (chdir(apply->mounts->code >= 0 ? "/var/task" : "/") < 0)
        return error_system(err, "cannot enter '/var/task'");
    return 0;
}

/* Through a number above all final ones, so that no move overwrites what a later one
 * still needs. */
static int arrange_fds(struct apply *apply, struct error *err)
{
    const int wanted[FIRST_FREE_FD] = {
        open("/dev/null", O_RDWR | O_CLOEXEC),
        apply->fds[SANDBOX_FD_LOG],
        apply->fds[SANDBOX_FD_LOG],
        apply->fds[SANDBOX_FD_RING],
        apply->fds[SANDBOX_FD_RING_WAKE],
        apply->fds[SANDBOX_FD_RING_REPLY],
        apply->fds[SANDBOX_FD_API],
        apply->report,
    };
    int moved[FIRST_FREE_FD];

    for (int i = 0; i < FIRST_FREE_FD; i++)
        if ((moved[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD)) < 0)
            return error_system(err, "cannot move descriptor %d", i);
    for (int i = 0; i < FIRST_FREE_FD; i++)
        if (dup2(moved[i], i) < 0)
            return error_system(err, "cannot place descriptor %d", i);
    if (close_range(FIRST_FREE_FD, ~0u, 0) < 0)
        return error_system(err, "cannot close the other descriptors");
    apply->report = REPORT_FD;
    return 0;
}

static int limit(const char *name, int resource, rlim_t soft, rlim_t hard, struct error *err)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
        return error_system(err, "cannot read the limit of %s", name);
    /* Never above what we have: that takes a privilege. */
    struct rlimit wanted = {
        .rlim_cur = soft < now.rlim_max ? soft : now.rlim_max,
        .rlim_max = hard < now.rlim_max ? hard : now.rlim_max,
    };
    if (setrlimit((__rlimit_resource_t)resource, &wanted) < 0)
        return error_system(err, "cannot limit %s", name);
    return 0;
}

/* RLIMIT_NPROC counts the sandbox alone, since it is set inside its user namespace. */
static int limit_resources(struct apply *apply, struct error *err)
{
    const rlim_t memory = (rlim_t)apply->plan->memory_bytes;
    const rlim_t pids = (rlim_t)apply->plan->pids + 1;

    if (limit("open files", RLIMIT_NOFILE, OPEN_FILES_MAX, OPEN_FILES_MAX, err) < 0 ||
        limit("core dumps", RLIMIT_CORE, 0, 0, err) < 0 ||
        limit("the stack", RLIMIT_STACK, STACK_BYTES, RLIM_INFINITY, err) < 0)
        return -1;
    if (apply->limit_memory && limit("memory", RLIMIT_DATA, memory, memory, err) < 0)
        return -1;
    if (apply->limit_pids && limit("processes", RLIMIT_NPROC, pids, pids, err) < 0)
        return -1;
    return 0;
}

/* A compiled program brings a scheduler of its own, and Go's has a thread that looks at what
 * runs every 20 us: two wake-ups an event, a quarter of what a small one takes. Interpreters have
 * timers of a millisecond that are meant, and keep the kernel's default. */
static int coarsen_timers(struct apply *apply, struct error *err)
{
    if (!apply->plan->runtime && prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0) < 0)
        return error_system(err, "cannot set the slack of timers");
    return 0;
}

static int drop_capabilities(struct apply *apply, struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                               SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                               SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

    /* EINVAL: the kernel knows fewer capabilities. */
    for (unsigned long capability = 0; capability <= CAPABILITY_MAX; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EINVAL)
            return error_system(err, "cannot drop capability %lu", capability);
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
        return error_system(err, "cannot lock the capabilities");
    if (syscall(SYS_capset, &header, none) < 0)
        return error_system(err, "cannot drop the capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_system(err, "cannot refuse new privileges");
    return 0;
}

static int confine_files(struct apply *apply, struct error *err)
{
    return apply->landlock_abi > 0 ? landlock_confine(apply->landlock_abi, err) : 0;
}

static int confine_calls(struct apply *apply, struct error *err)
{
    return seccomp_filter_load(apply->filter, err);
}

static int execute(struct apply *apply, struct error *err)
{
    char *argv[SANDBOX_ARGS_MAX + 2] = {(char[]){"evoke-init"}};

    for (int i = 0; i <= SANDBOX_ARGS_MAX && apply->plan->argv[i]; i++)
        argv[i + 1] = apply->plan->argv[i];
    (void)execve(TREE_INIT, argv, apply->plan->envp);
    return error_system(err, "cannot run the sandbox's reaper");
}

typedef int step_f(struct apply *apply, struct error *err);

static step_f *const steps[] = {
    reset_process,     enter_cgroups, open_network,  await_ids,       become_user,
    name_host,         complete_tree, arrange_fds,   limit_resources, coarsen_timers,
    drop_capabilities, confine_files, confine_calls, execute,
};

void apply_run(struct apply *apply)
{
    struct report report = {.kind = REPORT_FAILED};
    struct error err = {0};

    for (size_t i = 0; i < COUNT_OF(steps); i++)
        if (steps[i](apply, &err) < 0)
            break;
    (void)snprintf(report.text, sizeof report.text, "%.*s", (int)sizeof report.text - 1, err.text);
    send_report(apply->report, &report, NULL, 0);
    _exit(127);
}
