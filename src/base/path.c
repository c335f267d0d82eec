/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/scoped.h"

#define READ_STEP 65536

char *path_join(const char *folder, const char *name)
{
    size_t len = strlen(folder);

    if (len == 0 || folder[len - 1] == '/')
        return mem_format("%s%s", folder, name);
    return mem_format("%s/%s", folder, name);
}

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int make_folder(const char *path, mode_t mode, struct error *err)
{
    if (mkdir(path, mode) == 0)
        return 0;
    int number = errno;
    if (is_folder(path)) /* asked last, as others may make it at the same time */
        return 0;
    errno = number == EEXIST ? ENOTDIR : number;
    return error_system(err, "cannot make the folder '%s'", path);
}

int path_make_folders(const char *path, mode_t mode, struct error *err)
{
    scoped(free) char *copy = mem_strdup(path);

    if (is_folder(path))
        return 0;
    for (char *at = copy + 1; *copy && *at; at++) {
        if (*at != '/' || at[-1] == '/')
            continue;
        *at = '\0';
        if (make_folder(copy, mode, err) < 0)
            return -1;
        *at = '/';
    }
    return make_folder(path, mode, err);
}

static void closedir_scoped(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}

/*
 * Removing a tree must not depend on its depth, which may be an enemy's work: so there is
 * no recursion. Of each folder in the root, files are unlinked and folders that are not
 * empty are moved up into the root, until the root is empty.
 */
struct removal {
    int root;
    unsigned moved; /* makes the names of folders moved up */
};

enum removed { REMOVED, NOT_EMPTY, NOT_REMOVED };

static enum removed remove_entry(int folder, const char *name)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return REMOVED;
    if (errno != EISDIR)
        return NOT_REMOVED;
    if (unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return REMOVED;
    return errno == ENOTEMPTY || errno == EEXIST ? NOT_EMPTY : NOT_REMOVED;
}

static int open_folder(int folder, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(folder, name, flags);

    if (fd < 0 && errno == EACCES && fchmodat(folder, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
        fd = openat(folder, name, flags);
    if (fd >= 0)
        (void)fchmod(fd, 0700); /* only so that its entries can go; unlinking tells if not */
    return fd;
}

static int move_up(struct removal *removal, int folder, const char *name)
{
    char fresh[32];

    /* The name may be taken by an entry of the tree; there are more names than entries. */
    for (;;) {
        snprintf(fresh, sizeof fresh, ".removed-%u", removal->moved++);
        if (renameat(folder, name, removal->root, fresh) == 0)
            return 0;
        if (errno == EACCES && fchmodat(folder, name, 0700, AT_SYMLINK_NOFOLLOW) == 0 &&
            renameat(folder, name, removal->root, fresh) == 0)
            return 0;
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
            return -1;
    }
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* What to do with a folder that is not empty. */
typedef int remove_folder_f(struct removal *removal, int folder, const char *name);

/* Goes once through the entries of the folder fd (which is closed). Returns how many were
 * found, or -1 with errno. */
static int64_t sweep(struct removal *removal, int fd, remove_folder_f *remove_folder)
{
    scoped(closedir) DIR *folder = fdopendir(fd);
    int64_t found = 0;

    if (!folder) {
        close(fd);
        return -1;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry)
            return errno ? -1 : found;
        if (is_dots(entry->d_name))
            continue;
        found++;
        enum removed removed = remove_entry(dirfd(folder), entry->d_name);
        if (removed == NOT_REMOVED)
            return -1;
        if (removed == NOT_EMPTY && remove_folder(removal, dirfd(folder), entry->d_name) < 0)
            return -1;
    }
}

static int flatten(struct removal *removal, int folder, const char *name)
{
    int fd = open_folder(folder, name);

    if (fd < 0 || sweep(removal, fd, move_up) < 0)
        return -1;
    return unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOTEMPTY ? 0 : -1;
}

static int empty_root(struct removal *removal)
{
    for (;;) {
        int fd = openat(removal->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int64_t found = fd < 0 ? -1 : sweep(removal, fd, flatten);
        if (found <= 0)
            return (int)found;
    }
}

int path_remove_tree(const char *path, struct error *err)
{
    scoped(free) char *name = mem_strdup(path);

    for (size_t len = strlen(name); len > 1 && name[len - 1] == '/'; len--)
        name[len - 1] = '\0'; /* "link/" would mean what the link points to */
    enum removed removed = remove_entry(AT_FDCWD, name);
    if (removed == REMOVED)
        return 0;
    if (removed == NOT_EMPTY) {
        scoped(close) int root = open_folder(AT_FDCWD, name);
        struct removal removal = {.root = root};
        if (root >= 0 && empty_root(&removal) == 0 && unlinkat(AT_FDCWD, name, AT_REMOVEDIR) == 0)
            return 0;
    }
    return error_system(err, "cannot remove '%s'", path);
}

static int read_all(int fd, const char *path, size_t max, struct buffer *ret, struct error *err)
{
    const size_t before = ret->len;

    for (;;) {
        size_t left = max - (ret->len - before);
        size_t want = left < READ_STEP ? left + 1 : READ_STEP; /* one more tells it is too long */
        ssize_t count = read(fd, buffer_room(ret, want), want);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_system(err, "cannot read '%s'", path);
        if (count == 0)
            return 0;
        if ((size_t)count > left)
            return error_set(err, ERROR_LIMIT, "'%s' has more than %zu bytes", path, max);
        buffer_added(ret, (size_t)count);
    }
}

static int fail_open(const char *path, struct error *err)
{
    if (errno == ENOENT)
        return error_set(err, ERROR_NOT_FOUND, "'%s' does not exist", path);
    return error_system(err, "cannot open '%s'", path);
}

int path_read(const char *path, size_t max, struct buffer *ret, struct error *err)
{
    scoped(close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    const size_t before = ret->len;

    if (fd < 0)
        return fail_open(path, err);
    if (read_all(fd, path, max, ret, err) == 0)
        return 0;
    ret->len = before;
    buffer_added(ret, 0); /* puts the NUL back */
    return -1;
}

int path_write_open(int fd, struct text content)
{
    while (content.len > 0) {
        ssize_t count = write(fd, content.at, content.len);
        if (count < 0 && errno != EINTR)
            return -1;
        if (count > 0)
            content = text_skip(content, (size_t)count);
    }
    return 0;
}

static int sync_parent(const char *path, struct error *err)
{
    scoped(free) char *folder = mem_strdup(path);
    char *slash = strrchr(folder, '/');

    if (!slash)
        return path_sync(".", err);
    slash[slash == folder] = '\0';
    return path_sync(folder, err);
}

static int fill(int fd, struct text content, mode_t mode)
{
    if (path_write_open(fd, content) < 0 || fchmod(fd, mode) < 0)
        return -1;
    return fsync(fd);
}

int path_write(const char *path, struct text content, mode_t mode, struct error *err)
{
    scoped(free) char *temporary = mem_format("%s.XXXXXX", path);
    scoped(close) int fd = mkostemp(temporary, O_CLOEXEC);

    if (fd < 0)
        return error_system(err, "cannot write '%s'", path);
    if (fill(fd, content, mode) < 0 || rename(temporary, path) < 0) {
        error_system(err, "cannot write '%s'", path);
        (void)unlink(temporary);
        return -1;
    }
    return sync_parent(path, err);
}

int path_sync(const char *path, struct error *err)
{
    scoped(close) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail_open(path, err);
    if (fsync(fd) < 0)
        return error_system(err, "cannot save '%s' to disk", path);
    return 0;
}
