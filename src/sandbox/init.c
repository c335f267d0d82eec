/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/report.h"

/*
 * evoke-init: PID 1 of a sandbox. The function is its child, so that signals and exit
 * status are for the function what they are anywhere else. It reaps what the function
 * leaves behind, reports the function's end, and ends with it: the kernel then kills
 * every process that is left in the namespace.
 *
 *     evoke-init PROGRAM [ARGUMENT...]     PROGRAM is also the function's argv[0]
 *     evoke-init                           does nothing: the spawner's trial
 *
 * Static and without any library's initialisation, for it starts in front of every
 * function, already confined.
 */
extern char **environ;

static void tell(enum report_kind kind, int value)
{
    const struct report report = {.kind = kind, .value = value};

    /* Without a spawner there is nobody to tell, and the kernel ends us with it. */
    (void)!write(REPORT_FD, &report, sizeof report);
}

/* 0, or the errno of the failed exec. vfork(): we go on when the program runs. */
static int run(char **argv, pid_t *ret_pid)
{
    volatile int failure = 0;

    *ret_pid = vfork();
    if (*ret_pid == 0) {
        (void)setsid();
        execve(argv[0], argv, environ);
        failure = errno;
        _exit(127);
    }
    return *ret_pid < 0 ? errno : failure;
}

static int reap_until(pid_t function)
{
    for (;;) {
        int status;
        pid_t pid = wait4(-1, &status, 0, NULL);

        if (pid == function)
            return status;
        if (pid < 0 && errno != EINTR)
            return 127 << 8;
    }
}

int main(int argc, char **argv)
{
    pid_t function;

    if (argc < 2)
        return 0;

    /* The function runs as the same user: it must not look into this process, where
     * the report socket is. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);

    int failure = run(argv + 1, &function);
    if (failure == ENOENT && access(argv[1], F_OK) == 0)
        failure = ELIBACC;
    if (failure) {
        tell(REPORT_EXEC_FAILED, failure);
        return 127;
    }

    /* The log must end when the function closes it, not when we do. */
    for (int fd = 0; fd < REPORT_FD; fd++)
        (void)close(fd);
    tell(REPORT_RUNNING, 0);
    tell(REPORT_EXITED, reap_until(function));
    return 0;
}
