/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/mem.h"
#include "base/scoped.h"

/* Names that this architecture (or this libseccomp) does not know are passed over. What
 * the kernel allows an unprivileged process anyway, on its own files, memory, processes
 * and clocks. */
const char *const seccomp_allowed[] = {
    /* files */
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup",
    "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod",
    "fchmodat", "fchmodat2", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr",
    "flock", "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futimesat",
    "getcwd", "getdents", "getdents64", "getxattr", "inotify_add_watch", "inotify_init",
    "inotify_init1", "inotify_rm_watch", "ioctl", "lchown", "lgetxattr", "link", "linkat",
    "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat",
    "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pread64", "preadv", "preadv2",
    "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv",
    "removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile", "setxattr", "splice",
    "stat", "statfs", "statx", "symlink", "symlinkat", "sync_file_range", "syncfs", "tee",
    "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "write", "writev",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "pause", "pipe", "pipe2", "poll",
    "ppoll", "pselect6", "select", "signalfd", "signalfd4", "timerfd_create", "timerfd_gettime",
    "timerfd_settime",
    /* sockets; socket() itself by rules below */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
    "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    /* memory */
    "brk", "madvise", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mlockall",
    "mmap", "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc",
    "pkey_free", "pkey_mprotect", "process_mrelease",
    /* processes and threads; clone() by rules below */
    "arch_prctl", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_requeue",
    "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "get_thread_area", "getcpu",
    "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrlimit", "getrusage", "getsid",
    "gettid", "ioprio_get", "ioprio_set", "kill", "pidfd_open", "pidfd_send_signal", "prctl",
    "prlimit64", "restart_syscall", "rseq", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
    "sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "sched_yield", "set_robust_list", "set_thread_area", "set_tid_address",
    "setpgid", "setpriority", "setrlimit", "setsid", "tgkill", "times", "tkill", "uname", "vfork",
    "wait4", "waitid",
    /* signals */
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sigaltstack",
    /* users: without capabilities these only tell, or change to what one is */
    "capget", "capset", "getegid", "geteuid", "getgid", "getgroups", "getresgid", "getresuid",
    "getuid", "setfsgid", "setfsuid", "setgid", "setgroups", "setregid", "setresgid", "setresuid",
    "setreuid", "setuid",
    /* time */
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday",
    "nanosleep", "setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun",
    "timer_gettime", "timer_settime",
    /* System V and POSIX messages, of the sandbox's own IPC namespace */
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink",
    "msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat",
    "shmctl", "shmdt", "shmget",
    /* the machine */
    "getrandom", "sysinfo",
    /* further confinement by the function itself */
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp",
    /* made by socketpair() only, which creates nothing but AF_UNIX pairs */
    "socketpair", NULL};

/* Refused by name: what would give privileges, reach other processes' memory or widen
 * the kernel's surface most. Programs take EPERM for an answer here. */
const char *const seccomp_refused[] = {"acct",
                                       "add_key",
                                       "adjtimex",
                                       "bpf",
                                       "chroot",
                                       "clock_adjtime",
                                       "clock_settime",
                                       "delete_module",
                                       "fanotify_init",
                                       "fanotify_mark",
                                       "finit_module",
                                       "fsconfig",
                                       "fsmount",
                                       "fsopen",
                                       "fspick",
                                       "init_module",
                                       "ioperm",
                                       "iopl",
                                       "kcmp",
                                       "kexec_file_load",
                                       "kexec_load",
                                       "keyctl",
                                       "lookup_dcookie",
                                       "mbind",
                                       "migrate_pages",
                                       "modify_ldt",
                                       "mount",
                                       "mount_setattr",
                                       "move_mount",
                                       "move_pages",
                                       "name_to_handle_at",
                                       "open_by_handle_at",
                                       "open_tree",
                                       "perf_event_open",
                                       "personality",
                                       "pidfd_getfd",
                                       "pivot_root",
                                       "process_madvise",
                                       "process_vm_readv",
                                       "process_vm_writev",
                                       "ptrace",
                                       "quotactl",
                                       "quotactl_fd",
                                       "reboot",
                                       "request_key",
                                       "set_mempolicy",
                                       "setdomainname",
                                       "sethostname",
                                       "setns",
                                       "settimeofday",
                                       "swapoff",
                                       "swapon",
                                       "sync",
                                       "syslog",
                                       "umount2",
                                       "unshare",
                                       "userfaultfd",
                                       "vhangup",
                                       "vmsplice",
                                       NULL};

#define CLONE_NAMESPACES                                                                          \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
     CLONE_NEWNET)
#define SOCKET_TYPE_MASK 0xf /* the rest are SOCK_CLOEXEC and SOCK_NONBLOCK */

/* Rules are added to one filter, whose first failure is kept. */
struct filter {
    scmp_filter_ctx ctx;
    int failure; /* 0 or -errno of libseccomp */
};

static void filter_free(struct filter *filter)
{
    seccomp_release(filter->ctx);
}
static void filter_free_scoped(struct filter *filter)
{
    if (filter->ctx)
        filter_free(filter);
}

static void add(struct filter *filter, uint32_t action, const char *name, unsigned count,
                const struct scmp_arg_cmp *args)
{
    int number = seccomp_syscall_resolve_name(name);

    if (number < 0 || filter->failure)
        return;
    filter->failure = seccomp_rule_add_array(filter->ctx, action, number, count, args);
}

static void add_lists(struct filter *filter)
{
    for (const char *const *name = seccomp_allowed; *name; name++)
        add(filter, SCMP_ACT_ALLOW, *name, 0, NULL);
    for (const char *const *name = seccomp_refused; *name; name++)
        add(filter, SCMP_ACT_ERRNO(EPERM), *name, 0, NULL);
}

static void add_clone(struct filter *filter)
{
    const struct scmp_arg_cmp none = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES, 0);
    add(filter, SCMP_ACT_ALLOW, "clone", 1, &none);

    for (unsigned bit = 0; bit < 32; bit++) {
        const struct scmp_arg_cmp one = SCMP_A0(SCMP_CMP_MASKED_EQ, 1ull << bit, 1ull << bit);
        if (CLONE_NAMESPACES & 1ull << bit)
            add(filter, SCMP_ACT_ERRNO(EPERM), "clone", 1, &one);
    }
}

/* libseccomp's rules say what matches, not what does not: so the refusals are spelled
 * out family by family, type by type. Whatever falls between (an argument with upper
 * bits set) meets the filter's default, which refuses too. */
static void add_family(struct filter *filter, uint64_t family, enum scmp_compare compare)
{
    const struct scmp_arg_cmp args = {.arg = 0, .op = compare, .datum_a = family};

    add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, &args);
}

static void add_type(struct filter *filter, uint32_t action, uint64_t family, uint64_t type)
{
    const struct scmp_arg_cmp args[] = {
        SCMP_A0(SCMP_CMP_EQ, family),
        SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_TYPE_MASK, type),
    };

    add(filter, action, "socket", 2, args);
}

static void add_protocol(struct filter *filter, uint32_t action, uint64_t family, uint64_t type,
                         struct scmp_arg_cmp protocol)
{
    const struct scmp_arg_cmp args[] = {
        SCMP_A0(SCMP_CMP_EQ, family),
        SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_TYPE_MASK, type),
        protocol,
    };

    add(filter, action, "socket", 3, args);
}

static void add_unix(struct filter *filter)
{
    for (uint64_t type = 0; type <= SOCKET_TYPE_MASK; type++) {
        bool known = type == SOCK_STREAM || type == SOCK_DGRAM || type == SOCK_SEQPACKET;
        add_type(filter, known ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), AF_UNIX, type);
    }
}

/* TCP and UDP. Another protocol (MPTCP, SCTP, ping sockets) is told so as a kernel
 * without it would: programs that try them fall back on that. */
static void add_inet(struct filter *filter, uint64_t family)
{
    for (uint64_t type = 0; type <= SOCKET_TYPE_MASK; type++) {
        if (type != SOCK_STREAM && type != SOCK_DGRAM) {
            add_type(filter, SCMP_ACT_ERRNO(EPERM), family, type);
            continue;
        }
        uint64_t own = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
        for (uint64_t protocol = 0; protocol <= own; protocol++)
            add_protocol(filter,
                         protocol == 0 || protocol == own ? SCMP_ACT_ALLOW
                                                          : SCMP_ACT_ERRNO(EPROTONOSUPPORT),
                         family, type, SCMP_A2(SCMP_CMP_EQ, protocol));
        add_protocol(filter, SCMP_ACT_ERRNO(EPROTONOSUPPORT), family, type,
                     SCMP_A2(SCMP_CMP_GT, own));
    }
}

static void add_socket(struct filter *filter)
{
    for (uint64_t family = 0; family < AF_INET6; family++)
        if (family != AF_UNIX && family != AF_INET)
            add_family(filter, family, SCMP_CMP_EQ);
    add_family(filter, AF_INET6, SCMP_CMP_GT);
    add_unix(filter);
    add_inet(filter, AF_INET);
    add_inet(filter, AF_INET6);
}

static int export(const struct filter *filter, struct sock_fprog *ret, struct error *err)
{
    scoped(close) int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return error_system(err, "cannot make room for the seccomp filter");

    int failure = seccomp_export_bpf(filter->ctx, fd);
    off_t size = lseek(fd, 0, SEEK_END);
    if (failure || size <= 0 || (size_t)size / sizeof(struct sock_filter) > BPF_MAXINSNS)
        return error_set(err, ERROR_SYSTEM, "libseccomp cannot compile the filter: %s",
                         strerror(-failure));

    *ret = (struct sock_fprog){
        .len = (unsigned short)((size_t)size / sizeof(struct sock_filter)),
        .filter = mem_alloc((size_t)size),
    };
    if (pread(fd, ret->filter, (size_t)size, 0) == size)
        return 0;
    seccomp_filter_free(ret);
    return error_system(err, "cannot read the seccomp filter");
}

int seccomp_filter_compile(struct sock_fprog *ret, struct error *err)
{
    scoped(filter_free) struct filter filter = {.ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS))};
    if (!filter.ctx)
        return error_set(err, ERROR_SYSTEM, "libseccomp cannot make a filter");

    if (seccomp_attr_set(filter.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0)
        return error_set(err, ERROR_SYSTEM, "libseccomp cannot refuse foreign architectures");
    /* A binary tree of numbers instead of a list: an older library takes the list. */
    (void)seccomp_attr_set(filter.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);

    add_lists(&filter);
    add_clone(&filter);
    add_socket(&filter);
    if (filter.failure)
        return error_set(err, ERROR_SYSTEM, "libseccomp refuses a rule: %s",
                         strerror(-filter.failure));
    return export(&filter, ret, err);
}

void seccomp_filter_free(struct sock_fprog *program)
{
    free(program->filter);
    *program = (struct sock_fprog){0};
}

int seccomp_filter_load(const struct sock_fprog *program, struct error *err)
{
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) < 0)
        return error_system(err, "cannot load the seccomp filter");
    return 0;
}
