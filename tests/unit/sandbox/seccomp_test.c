/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/scoped.h"
#include "test.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define FOREIGN AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#define FOREIGN AUDIT_ARCH_ARM
#endif
#define NUMBERS 1024 /* more than there are, and room for those to come */
#define X32_BIT 0x40000000
#define DENIED(number) (SECCOMP_RET_ERRNO | (number))

/* Classic BPF as far as libseccomp uses it, over the data of one system call. Anything
 * else fails the test. */
static uint32_t evaluate(const struct sock_fprog *program, const struct seccomp_data *data)
{
    uint32_t a = 0;

    for (size_t at = 0; at < program->len; at++) {
        const struct sock_filter *i = &program->filter[at];
        bool jump = false;

        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            CHECK(i->k + sizeof a <= sizeof *data && i->k % sizeof a == 0);
            memcpy(&a, (const char *)data + i->k, sizeof a);
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JA:
            at += i->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            jump = a == i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            jump = a > i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            jump = a >= i->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            jump = (a & i->k) != 0;
            break;
        default:
            CHECK_MSG(false, "unknown instruction %#x", i->code);
        }
        at += jump ? i->jt : i->jf;
    }
    CHECK_MSG(false, "the program runs past its end");
    return 0;
}

static struct sock_fprog compile(void)
{
    struct sock_fprog program;
    struct error err;

    CHECK_MSG(seccomp_filter_compile(&program, &err) == 0, "%s", err.text);
    return program;
}

static uint32_t call(const struct sock_fprog *program, long number, uint64_t a0, uint64_t a1,
                     uint64_t a2)
{
    const struct seccomp_data data = {.nr = (int)number, .arch = NATIVE, .args = {a0, a1, a2}};

    return evaluate(program, &data);
}

static bool is_listed(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

/* What the lists say of a call whose arguments are all zero. */
static uint32_t expected(const char *name)
{
    if (!name)
        return DENIED(ENOSYS);
    if (is_listed(seccomp_allowed, name) || strcmp(name, "clone") == 0)
        return SECCOMP_RET_ALLOW;
    if (is_listed(seccomp_refused, name))
        return DENIED(EPERM);
    return strcmp(name, "socket") == 0 ? DENIED(EAFNOSUPPORT) : DENIED(ENOSYS);
}

TEST(every_call_is_answered_as_the_lists_say)
{
    struct sock_fprog program = compile();
    int allowed = 0;

    for (int number = 0; number < NUMBERS; number++) {
        scoped(free) char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        uint32_t want = expected(name), got = call(&program, number, 0, 0, 0);
        CHECK_MSG(got == want, "%d (%s): %#x is not %#x", number, name ? name : "?", got, want);
        allowed += got == SECCOMP_RET_ALLOW;
    }
    CHECK_MSG(allowed > 200 && allowed < 320, "%d allowed", allowed);
    CHECK(call(&program, -1, 0, 0, 0) != SECCOMP_RET_ALLOW);
    seccomp_filter_free(&program);
}

TEST(no_call_is_both_allowed_and_refused)
{
    for (const char *const *name = seccomp_allowed; *name; name++)
        CHECK_MSG(!is_listed(seccomp_refused, *name), "'%s'", *name);
}

/* What must never be allowed, whatever becomes of the lists. */
TEST(the_dangerous_calls_are_denied)
{
    static const char *const names[] = {"add_key",
                                        "bpf",
                                        "chroot",
                                        "clone3",
                                        "finit_module",
                                        "fsopen",
                                        "init_module",
                                        "io_uring_enter",
                                        "io_uring_register",
                                        "io_uring_setup",
                                        "kexec_load",
                                        "keyctl",
                                        "mount",
                                        "mount_setattr",
                                        "move_mount",
                                        "open_by_handle_at",
                                        "open_tree",
                                        "perf_event_open",
                                        "pidfd_getfd",
                                        "pivot_root",
                                        "process_vm_readv",
                                        "process_vm_writev",
                                        "ptrace",
                                        "reboot",
                                        "request_key",
                                        "setns",
                                        "swapon",
                                        "umount2",
                                        "unshare",
                                        "userfaultfd"};
    struct sock_fprog program = compile();

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        CHECK_MSG(number >= 0, "'%s' is unknown", names[i]);
        uint32_t got = call(&program, number, 0, 0, 0);
        CHECK_MSG((got & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO, "'%s'", names[i]);
    }
    CHECK(call(&program, SYS_clone3, 0, 0, 0) == DENIED(ENOSYS));
    seccomp_filter_free(&program);
}

TEST(another_architecture_is_death)
{
    struct sock_fprog program = compile();

    for (int number = 0; number < NUMBERS; number++) {
        const struct seccomp_data data = {.nr = number, .arch = FOREIGN};
        CHECK_MSG(evaluate(&program, &data) == SECCOMP_RET_KILL_PROCESS, "%d", number);
#if defined(__x86_64__)
        const struct seccomp_data x32 = {.nr = number | X32_BIT, .arch = NATIVE};
        CHECK_MSG(evaluate(&program, &x32) == SECCOMP_RET_KILL_PROCESS, "x32 %d", number);
#endif
    }
    seccomp_filter_free(&program);
}

TEST(clone_makes_threads_and_processes_but_no_namespaces)
{
    const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                            CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
                            CLONE_CHILD_CLEARTID;
    const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    struct sock_fprog program = compile();

    CHECK(call(&program, SYS_clone, thread, 0, 0) == SECCOMP_RET_ALLOW);
    CHECK(call(&program, SYS_clone, CLONE_VM | CLONE_VFORK | 17, 0, 0) == SECCOMP_RET_ALLOW);
    for (unsigned bit = 0; bit < 32; bit++) {
        uint64_t flags = 1ull << bit;
        uint32_t want = flags & namespaces ? DENIED(EPERM) : SECCOMP_RET_ALLOW;
        CHECK_MSG(call(&program, SYS_clone, flags, 0, 0) == want, "bit %u", bit);
        if (flags & namespaces)
            CHECK(call(&program, SYS_clone, flags | thread, 0, 0) == DENIED(EPERM));
    }
    CHECK(call(&program, SYS_clone, namespaces, 0, 0) == DENIED(EPERM));
    seccomp_filter_free(&program);
}

static bool is_inet(uint64_t family, uint64_t type, uint64_t protocol)
{
    if (family != AF_INET && family != AF_INET6)
        return false;
    return (type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP)) ||
           (type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP));
}

static bool is_unix(uint64_t family, uint64_t type)
{
    return family == AF_UNIX &&
           (type == SOCK_STREAM || type == SOCK_DGRAM || type == SOCK_SEQPACKET);
}

TEST(only_ordinary_sockets_can_be_made)
{
    static const uint64_t families[] = {0,
                                        1,
                                        2,
                                        3,
                                        4,
                                        9,
                                        10,
                                        11,
                                        15,
                                        16,
                                        17,
                                        21,
                                        29,
                                        31,
                                        38,
                                        40,
                                        44,
                                        255,
                                        1ull << 32 | 2,
                                        1ull << 32 | 16,
                                        UINT64_MAX};
    static const uint64_t protocols[] = {
        0, 1, 6, 17, 58, 132, 136, 255, 256, 262, 263, 512, 1ull << 32 | 6, UINT64_MAX};
    struct sock_fprog program = compile();

    for (size_t f = 0; f < COUNT_OF(families); f++)
        for (uint64_t type = 0; type < 16; type++)
            for (size_t p = 0; p < COUNT_OF(protocols); p++) {
                uint64_t family = families[f], protocol = protocols[p];
                uint64_t flagged = type | SOCK_CLOEXEC | SOCK_NONBLOCK;
                bool want = is_inet(family, type, protocol) || is_unix(family, type);
                uint32_t got = call(&program, SYS_socket, family, flagged, protocol);
                CHECK_MSG((got == SECCOMP_RET_ALLOW) == want, "%llx %llu %llx: %#x",
                          (unsigned long long)family, (unsigned long long)type,
                          (unsigned long long)protocol, got);
                CHECK(got == SECCOMP_RET_ALLOW ||
                      (got & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO);
            }
    CHECK(call(&program, SYS_socket, AF_NETLINK, SOCK_RAW, 0) == DENIED(EAFNOSUPPORT));
    CHECK(call(&program, SYS_socket, AF_VSOCK, SOCK_STREAM, 0) == DENIED(EAFNOSUPPORT));
    CHECK(call(&program, SYS_socket, AF_INET, SOCK_RAW, 1) == DENIED(EPERM));
    CHECK(call(&program, SYS_socket, AF_INET6, SOCK_STREAM, 262) == DENIED(EPROTONOSUPPORT));
    seccomp_filter_free(&program);
}
