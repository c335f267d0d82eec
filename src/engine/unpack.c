/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/path.h"
#include "model/limits.h"

/*
 * Every name is opened relative to a descriptor of its folder, which is reached from the
 * root without following links; files are created with O_EXCL. The names were checked by
 * zip_open(): this is the second wall, which holds even if that one had a hole.
 */
struct target {
    int root;
    int folder; /* of the path below, or -1; entries of a folder mostly come together */
    char path[LIMIT_ZIP_NAME + 1];
};

#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int fail(const char *path, struct error *err)
{
    return error_system(err, "cannot unpack '%s'", path);
}

/* -1 also where the kernel or a filter of system calls does not have openat2(). */
static int open_existing(int root, const char *path)
{
    struct open_how how = {
        .flags = OPEN_FOLDER,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static int make_folder(int parent, const char *name)
{
    bool made = mkdirat(parent, name, 0755) == 0;

    if (!made && errno != EEXIST)
        return -1;
    scoped(close) int fd = openat(parent, name, OPEN_FOLDER);
    if (fd >= 0 && made && fchmod(fd, 0755) < 0) /* whatever the umask is */
        return -1;
    return take_fd(fd);
}

/* One segment at a time, making what is absent. */
static int make_folders(int root, const char *path)
{
    scoped(close) int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
    char name[LIMIT_ZIP_NAME + 1];
    struct text rest = text_of(path), segment;

    while (fd >= 0 && text_split(&rest, '/', &segment)) {
        memcpy(name, segment.at, segment.len);
        name[segment.len] = '\0';
        int next = make_folder(fd, name);
        close(fd);
        fd = next;
    }
    return take_fd(fd);
}

/* The folder of path becomes target->folder. */
static int enter(struct target *target, struct text path, struct error *err)
{
    if (target->folder >= 0 && text_equal(text_of(target->path), path))
        return 0;
    close_scoped(&target->folder);
    memcpy(target->path, path.at, path.len);
    target->path[path.len] = '\0';
    target->folder = open_existing(target->root, path.len ? target->path : ".");
    if (target->folder < 0)
        target->folder = make_folders(target->root, target->path);
    return target->folder < 0 ? fail(target->path, err) : 0;
}

/* Enters the entry's folder; name becomes the last part of its path. */
static int enter_parent(struct target *target, const struct zip_entry *entry,
                        char name[static LIMIT_ZIP_NAME + 1], struct error *err)
{
    size_t start = entry->name.len;

    while (start > 0 && entry->name.at[start - 1] != '/')
        start--;
    memcpy(name, entry->name.at + start, entry->name.len - start);
    name[entry->name.len - start] = '\0';
    return enter(target, text_slice(entry->name, 0, start ? start - 1 : 0), err);
}

static int on_piece(void *arg, struct text piece, struct error *err)
{
    const int *fd = arg;

    return path_write_open(*fd, piece) < 0
               ? error_system(err, "cannot write what a package contains")
               : 0;
}

static int write_file(const struct zip *zip, struct target *target, const struct zip_entry *entry,
                      struct error *err)
{
    char name[LIMIT_ZIP_NAME + 1];

    if (enter_parent(target, entry, name, err) < 0)
        return -1;
    scoped(close) int fd =
        openat(target->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(name, err);
    if (zip_read(zip, entry, on_piece, &fd, err) < 0)
        return -1;
    return fchmod(fd, entry->executable ? 0755 : 0644) < 0 ? fail(name, err) : 0;
}

static int refuse_contents(void *arg, struct text piece, struct error *err)
{
    return error_set(err, ERROR_INVALID, "the ZIP has a folder with contents");
}

static int write_folder(const struct zip *zip, struct target *target, const struct zip_entry *entry,
                        struct error *err)
{
    if (zip_read(zip, entry, refuse_contents, NULL, err) < 0)
        return -1;
    return enter(target, entry->name, err);
}

static int write_link(struct target *target, const struct zip_entry *entry, struct error *err)
{
    char name[LIMIT_ZIP_NAME + 1];

    if (enter_parent(target, entry, name, err) < 0)
        return -1;
    return symlinkat(entry->target, target->folder, name) < 0 ? fail(name, err) : 0;
}

static int write_entries(const struct zip *zip, struct target *target, struct error *err)
{
    for (size_t i = 0; i < zip_count(zip); i++) {
        const struct zip_entry *entry = zip_entry(zip, i);
        int result = entry->kind == ZIP_FILE     ? write_file(zip, target, entry, err)
                     : entry->kind == ZIP_FOLDER ? write_folder(zip, target, entry, err)
                                                 : 0;
        if (result < 0)
            return -1;
    }
    /* Links come when nothing is written any more, so that nothing goes through one. */
    for (size_t i = 0; i < zip_count(zip); i++)
        if (zip_entry(zip, i)->kind == ZIP_LINK && write_link(target, zip_entry(zip, i), err) < 0)
            return -1;
    return 0;
}

int unpack(const struct zip *zip, int root, struct error *err)
{
    struct target target = {.root = root, .folder = -1};
    int result = write_entries(zip, &target, err);

    close_scoped(&target.folder);
    return result;
}
