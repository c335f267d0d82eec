/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/landlock.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/scoped.h"

/* The kernel's numbers (Documentation/userspace-api/landlock.rst), written out because
 * the headers of the build machine may be older than the kernel we run on. */
#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1

#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_MAKE_CHAR (1ull << 6)
#define FS_MAKE_BLOCK (1ull << 11)
#define FS_ABI_1 ((1ull << 13) - 1)
#define FS_REFER (1ull << 13)                  /* ABI 2 */
#define FS_TRUNCATE (1ull << 14)               /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15)              /* ABI 5 */
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ull << 0) /* ABI 6 */
#define SCOPE_SIGNAL (1ull << 1)

#define FS_READ (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
#define FS_DEVICE (FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_PRIVATE (~(FS_MAKE_CHAR | FS_MAKE_BLOCK))

struct ruleset_attr {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

struct path_beneath_attr {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

static uint64_t handled_by(int abi)
{
    uint64_t handled = FS_ABI_1;

    if (abi >= 2)
        handled |= FS_REFER;
    if (abi >= 3)
        handled |= FS_TRUNCATE;
    if (abi >= 5)
        handled |= FS_IOCTL_DEV;
    return handled;
}

static int allow(int ruleset, const char *path, uint64_t access, struct error *err)
{
    scoped(close) int folder = open(path, O_PATH | O_CLOEXEC);
    const struct path_beneath_attr rule = {.allowed_access = access, .parent_fd = folder};

    if (folder < 0 || syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
        return error_system(err, "cannot make the landlock rule for '%s'", path);
    return 0;
}

int landlock_probe(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

    return abi < 0 ? 0 : (int)abi;
}

int landlock_confine(int abi, struct error *err)
{
    static const struct {
        const char *path;
        uint64_t access;
    } rules[] = {
        {"/", FS_READ},
        {"/dev", FS_DEVICE},
        {"/proc", FS_READ | FS_WRITE_FILE | FS_TRUNCATE}, /* one's own name, oom score, ... */
        {"/dev/shm", FS_PRIVATE},
        {"/tmp", FS_PRIVATE},
    };
    const struct ruleset_attr attr = {
        .handled_access_fs = handled_by(abi),
        .scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL,
    };
    size_t size = abi >= 6 ? sizeof attr : sizeof attr.handled_access_fs;

    scoped(close) int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0)
        return error_system(err, "cannot make a landlock ruleset");
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (allow(ruleset, rules[i].path, rules[i].access & attr.handled_access_fs, err) < 0)
            return -1;
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return error_system(err, "cannot confine by landlock");
    return 0;
}
