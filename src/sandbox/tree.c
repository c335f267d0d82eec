/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/path.h"
#include "base/scoped.h"

#define INIT_BYTES_MAX (16 << 20)
#define ETC_FILE_MAX (4 << 20)
#define LINK_MAX 1024
#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* Where the tree is built, in a namespace of its own: over a folder that every host
 * has and that is no source of the tree. */
#define BUILD_AT "/tmp"

/* --- the allow-list ---------------------------------------------------------------- */

static const char *const folders[] = {
    "dev", "dev/shm", "etc", "etc/ssl", "opt",         "proc",
    "run", "tmp",     "usr", "var",     "var/runtime", "var/task",
};

/* A merged /usr has these as links into it. */
static const char *const system_folders[] = {
    "usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32",
};

static const char *const devices[] = {"null", "zero", "full", "random", "urandom"};

/* Of the host's /etc: what programs need to run and no host's secret. Files and links are
 * copied, folders are bound (certificates change while the daemon runs). */
static const char *const etc_entries[] = {
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "fonts",
    "host.conf",
    "java-*",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "magic",
    "mime.types",
    "os-release",
    "perl",
    "pki",
    "protocols",
    "python3*",
    "rpc",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
};

static const struct {
    const char *path, *text;
} written[] = {
    {"etc/passwd",
     "root:x:0:0:root:/:/usr/sbin/nologin\n" TREE_USER ":x:993:990::/tmp:/usr/sbin/nologin\n"
     "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"},
    {"etc/group", "root:x:0:\n" TREE_USER ":x:990:\nnogroup:x:65534:\n"},
    {"etc/hostname", TREE_HOSTNAME "\n"},
    {"etc/hosts", "127.0.0.1 localhost " TREE_HOSTNAME "\n::1 localhost\n"},
    {"etc/resolv.conf", "# No network here: look-ups fail at once.\n"
                        "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"},
    {"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\n"
                          "protocols: files\nservices: files\n"},
};

static const struct {
    const char *path, *target;
} links[] = {
    {"dev/fd", "/proc/self/fd"},
    {"dev/stdin", "/proc/self/fd/0"},
    {"dev/stdout", "/proc/self/fd/1"},
    {"dev/stderr", "/proc/self/fd/2"},
    {"etc/mtab", "/proc/self/mounts"},
    {"var/tmp", "/tmp"},
    {"var/run", "/run"},
    /* Modules in /var/task look for others in the folders above; for imports NODE_PATH
     * does not count. */
    {"var/node_modules", "/var/runtime/node_modules"},
};

/* As container runtimes mask them (OCI), and what leaks the kernel's addresses, keys and
 * configuration besides. */
static const char *const hidden[] = {
    "/proc/acpi",        "/proc/asound",        "/proc/config.gz",     "/proc/interrupts",
    "/proc/kallsyms",    "/proc/kcore",         "/proc/key-users",     "/proc/keys",
    "/proc/kmsg",        "/proc/latency_stats", "/proc/modules",       "/proc/sched_debug",
    "/proc/scsi",        "/proc/slabinfo",      "/proc/sysrq-trigger", "/proc/timer_list",
    "/proc/timer_stats", "/proc/vmallocinfo",
};
static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"};

/* --- building ---------------------------------------------------------------------- */

static int make_folders(int root, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        if (mkdirat(root, folders[i], 0755) < 0)
            return error_system(err, "cannot make the sandbox's '/%s'", folders[i]);
    return 0;
}

static int write_one(int root, const char *path, struct text text, mode_t mode, struct error *err)
{
    scoped(close) int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0 || (text.len && write(fd, text.at, text.len) != (ssize_t)text.len) ||
        fchmod(fd, mode) < 0)
        return error_system(err, "cannot write the sandbox's '/%s'", path);
    return 0;
}

static int make_files(int root, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(written); i++)
        if (write_one(root, written[i].path, text_of(written[i].text), 0444, err) < 0)
            return -1;
    for (size_t i = 0; i < COUNT_OF(links); i++)
        if (symlinkat(links[i].target, root, links[i].path) < 0)
            return error_system(err, "cannot make the sandbox's '/%s'", links[i].path);
    return 0;
}

/* A mount of the host's path onto the tree's, with flags added all the way down. */
static int bind_path(int root, const char *source, const char *target, uint64_t attributes,
                     struct error *err)
{
    struct mount_attr attr = {.attr_set = attributes};

    scoped(close) int mount = open_tree(
        AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW);
    if (mount < 0 ||
        mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0 ||
        move_mount(mount, "", root, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_system(err, "cannot mount '%s' into the sandbox", source);
    return 0;
}

static int copy_link(int root, const char *source, const char *target, struct error *err)
{
    char to[LINK_MAX];
    ssize_t len = readlink(source, to, sizeof to - 1);

    to[len > 0 ? len : 0] = '\0';
    if (len <= 0 || symlinkat(to, root, target) < 0)
        return error_system(err, "cannot copy the link '%s' into the sandbox", source);
    return 0;
}

/* A file of /etc that cannot be read, or is too large, is none for functions. */
static int copy_file(int root, const char *source, const char *target, struct error *err)
{
    scoped(buffer_done) struct buffer content = {0};

    if (path_read(source, ETC_FILE_MAX, &content, err) < 0)
        return 0;
    return write_one(root, target, buffer_text(&content), 0444, err);
}

/* Brings one of the host's files, links or folders to the same place; absent is fine. */
static int bring(int root, const char *path, struct error *err)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return 0;
    if (S_ISLNK(st.st_mode))
        return copy_link(root, path, path + 1, err);
    if (S_ISREG(st.st_mode))
        return copy_file(root, path, path + 1, err);
    if (!S_ISDIR(st.st_mode))
        return 0;
    if (mkdirat(root, path + 1, 0755) < 0 && errno != EEXIST)
        return error_system(err, "cannot make the sandbox's '%s'", path);
    return bind_path(root, path, path + 1, READ_ONLY, err);
}

static int bring_system(int root, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(system_folders); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/%s", system_folders[i]);
        if (bring(root, path, err) < 0)
            return -1;
    }
    return 0;
}

static int bring_matching(int root, const char *pattern, struct error *err)
{
    DIR *etc = opendir("/etc");
    struct dirent *entry;
    int result = 0;

    while (etc && result == 0 && (entry = readdir(etc))) {
        char path[sizeof entry->d_name + 8];
        (void)snprintf(path, sizeof path, "/etc/%s", entry->d_name);
        if (fnmatch(pattern, entry->d_name, FNM_PERIOD) == 0)
            result = bring(root, path, err);
    }
    if (etc)
        (void)closedir(etc);
    return result;
}

static int bring_etc(int root, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(etc_entries); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/etc/%s", etc_entries[i]);
        int result =
            strchr(path, '*') ? bring_matching(root, etc_entries[i], err) : bring(root, path, err);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int bring_devices(int root, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(devices); i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "/dev/%s", devices[i]);
        if (write_one(root, path + 1, TEXT_NONE, 0666, err) < 0 ||
            bind_path(root, path, path + 1, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err) < 0)
            return -1;
    }
    return 0;
}

/* The tree becomes "/", and what was there before goes. A root that is the kernel's
 * first one (initramfs) cannot be exchanged: it stays below, covered. */
static int enter(int root, struct error *err)
{
    if (fchdir(root) < 0)
        return error_system(err, "cannot enter the sandbox's tree");
    if (syscall(SYS_pivot_root, ".", ".") == 0) {
        if (umount2(".", MNT_DETACH) < 0)
            return error_system(err, "cannot leave the host's files");
    } else if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0) {
        return error_system(err, "cannot make the sandbox's tree the root");
    }

    struct mount_attr attr = {.attr_set = READ_ONLY};
    if (chdir("/") < 0 || mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof attr) < 0)
        return error_system(err, "cannot make the sandbox's tree read-only");
    return 0;
}

static int open_namespace(struct error *err)
{
    int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

    return fd < 0 ? error_system(err, "cannot open the mount namespace") : fd;
}

/* What lies in the host's view and is needed later. */
static int open_host(struct tree *tree, const struct spawner_options *options,
                     struct buffer *ret_init, struct error *err)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return error_system(err, "cannot separate the mounts from the host's");
    if ((tree->host_ns = open_namespace(err)) < 0)
        return -1;
    tree->code_root = open(options->code_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (tree->code_root < 0)
        return error_system(err, "cannot open the code folder '%s'", options->code_root);
    if (options->runtimes_root)
        tree->runtimes_root = open(options->runtimes_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return path_read(options->init_path, INIT_BYTES_MAX, ret_init, err);
}

static int mount_empty(struct error *err)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_system(err, "cannot make a mount namespace");
    if (mount("tmpfs", BUILD_AT, "tmpfs", MS_NOSUID, "mode=755,size=64m") < 0)
        return error_system(err, "cannot mount the sandbox's tree");

    int root = open(BUILD_AT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? error_system(err, "cannot open the sandbox's tree") : root;
}

/* The spawner's own /proc: it writes id maps there, and the kernel wants to see one
 * before a sandbox may mount its own over it. */
static int mount_proc(int root, struct error *err)
{
    if (fchdir(root) < 0 ||
        mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return error_system(err, "cannot mount /proc for sandboxes");
    return 0;
}

static void find_present(const char *const *paths, size_t count, const char **ret)
{
    for (size_t i = 0; i < count; i++)
        if (access(paths[i], F_OK) == 0)
            *ret++ = paths[i];
    *ret = NULL;
}

int tree_build(struct tree *tree, const struct spawner_options *options, struct error *err)
{
    scoped(buffer_done) struct buffer init = {0};

    *tree = (struct tree){-1, -1, -1, -1, -1};
    (void)umask(0);
    if (open_host(tree, options, &init, err) < 0)
        return -1;

    scoped(close) int root = mount_empty(err);
    if (root < 0)
        return -1;
    if (make_folders(root, err) < 0 || make_files(root, err) < 0 || bring_system(root, err) < 0 ||
        bring_etc(root, err) < 0 || bring_devices(root, err) < 0 || mount_proc(root, err) < 0 ||
        write_one(root, &TREE_INIT[1], buffer_text(&init), 0555, err) < 0 || enter(root, err) < 0)
        return -1;

    _Static_assert(COUNT_OF(hidden) < TREE_HIDDEN_MAX, "room for all and the end");
    find_present(hidden, COUNT_OF(hidden), tree->hidden);
    find_present(read_only, COUNT_OF(read_only), tree->read_only);
    if ((tree->sandbox_ns = open_namespace(err)) < 0)
        return -1;
    tree->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return tree->proc < 0 ? error_system(err, "cannot open /proc") : 0;
}

/* --- one sandbox's mounts ---------------------------------------------------------- */

/* The folder name below root, never by way of a link or out of it. */
static int open_below(int root, const char *name, uint64_t resolve, struct error *err)
{
    const struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve,
    };

    scoped(close) int folder = (int)syscall(SYS_openat2, root, name, &how, sizeof how);
    if (folder < 0)
        return error_system(err, "cannot open the folder '%s'", name);

    struct mount_attr attr = {.attr_set = READ_ONLY};
    scoped(close) int mount =
        open_tree(folder, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount < 0 || mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return error_system(err, "cannot mount the folder '%s'", name);
    return take_fd(mount);
}

/* A file of the host, links followed; -1 when there is none. */
static int open_file(const char *path)
{
    struct mount_attr attr = {.attr_set = READ_ONLY};

    scoped(close) int mount = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount < 0 || mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return -1;
    return take_fd(mount);
}

static int open_mounts(const struct tree *tree, const struct sandbox_plan *plan,
                       struct tree_mounts *ret, struct error *err)
{
    if (plan->code &&
        (ret->code = open_below(tree->code_root, plan->code, RESOLVE_NO_SYMLINKS, err)) < 0)
        return -1;
    if (plan->runtime &&
        (ret->runtime = open_below(tree->runtimes_root, plan->runtime, 0, err)) < 0)
        return -1;
    if (plan->host_network) {
        ret->resolv = open_file("/etc/resolv.conf");
        ret->hosts = open_file("/etc/hosts");
    }
    return 0;
}

int tree_open(const struct tree *tree, const struct sandbox_plan *plan, struct tree_mounts *ret,
              struct error *err)
{
    *ret = (struct tree_mounts){-1, -1, -1, -1};
    if (setns(tree->host_ns, CLONE_NEWNS) < 0)
        return error_system(err, "cannot enter the host's mounts");

    int result = open_mounts(tree, plan, ret, err);
    /* A sandbox made from the host's view would see the host: rather none at all. */
    if (setns(tree->sandbox_ns, CLONE_NEWNS) < 0)
        result = error_system(err, "cannot return to the sandbox's mounts");
    if (result < 0)
        tree_mounts_close(ret);
    return result;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void tree_mounts_close(struct tree_mounts *mounts)
{
    close_one(&mounts->code);
    close_one(&mounts->runtime);
    close_one(&mounts->resolv);
    close_one(&mounts->hosts);
}

static int attach(int mount, const char *target, struct error *err)
{
    if (mount < 0)
        return 0;
    if (move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_system(err, "cannot mount '%s'", target);
    return 0;
}

/* A tmpfs of the sandbox's own. Many small files cost memory that size does not count:
 * so inodes are limited too, to one for each 16 KiB. */
static int mount_tmpfs(const char *target, int64_t bytes, struct error *err)
{
    char options[96];
    int64_t inodes = bytes / (16 << 10);

    (void)snprintf(options, sizeof options, "mode=1777,size=%lld,nr_inodes=%lld", (long long)bytes,
                   (long long)(inodes < 1024 ? 1024 : inodes));
    if (mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
        return error_system(err, "cannot mount '%s'", target);
    return 0;
}

static int hide(const char *path, struct error *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return error_system(err, "cannot look at '%s'", path);
    /* An empty read-only folder over folders, a device that reads empty over files. */
    if (mount(S_ISDIR(st.st_mode) ? "/opt" : "/dev/null", path, NULL, MS_BIND, NULL) < 0)
        return error_system(err, "cannot hide '%s'", path);
    return 0;
}

static int make_read_only(const char *path, struct error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

    if (mount(path, path, NULL, MS_BIND, NULL) < 0 ||
        mount_setattr(AT_FDCWD, path, 0, &attr, sizeof attr) < 0)
        return error_system(err, "cannot make '%s' read-only", path);
    return 0;
}

static int complete_proc(const struct tree *tree, struct error *err)
{
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return error_system(err, "cannot mount '/proc'");
    for (const char *const *path = tree->hidden; *path; path++)
        if (hide(*path, err) < 0)
            return -1;
    for (const char *const *path = tree->read_only; *path; path++)
        if (make_read_only(*path, err) < 0)
            return -1;
    return 0;
}

int tree_complete(const struct tree *tree, const struct sandbox_plan *plan,
                  const struct tree_mounts *mounts, struct error *err)
{
    if (complete_proc(tree, err) < 0 || mount_tmpfs("/tmp", plan->tmp_bytes, err) < 0 ||
        mount_tmpfs("/dev/shm", plan->memory_bytes, err) < 0)
        return -1;
    if (attach(mounts->code, "/var/task", err) < 0 ||
        attach(mounts->runtime, "/var/runtime", err) < 0 ||
        attach(mounts->resolv, "/etc/resolv.conf", err) < 0 ||
        attach(mounts->hosts, "/etc/hosts", err) < 0)
        return -1;
    return 0;
}
