/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/folder.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/scoped.h"
#include "cli/ignore.h"
#include "cli/zip_writer.h"
#include "model/limits.h"

DEFINE_SCOPED(DIR *, closedir)

/* Paths relative to the top, folders with "/" at the end. They are all found before any is
 * packed, as they go into the archive in the order of their whole paths. */
struct listing {
    const char *top;
    const struct ignore *ignore;
    char **paths;
    size_t count;
};

static void listing_done_scoped(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->paths[i]);
    free(listing->paths);
}

static int list_folder(struct listing *listing, const char *path, int depth, struct error *err);

static int add_path(struct listing *listing, const char *path, struct error *err)
{
    if (listing->count == LIMIT_ZIP_ENTRIES)
        return error_set(err, ERROR_LIMIT,
                         "'%s' holds more than %d files; list what the function does not need in "
                         ".evokeignore",
                         listing->top, LIMIT_ZIP_ENTRIES);
    if ((listing->count & (listing->count - 1)) == 0) /* room doubles */
        listing->paths =
            mem_realloc(listing->paths, (listing->count ? 2 * listing->count : 1) * sizeof(char *));
    listing->paths[listing->count++] = mem_strdup(path);
    return 0;
}

static int list_entry(struct listing *listing, const char *path, int depth, struct error *err)
{
    scoped(free) char *full = path_join(listing->top, path);
    struct stat status;

    if (lstat(full, &status) < 0)
        return error_system(err, "cannot look at '%s'", full);
    if (ignore_matches(listing->ignore, path, S_ISDIR(status.st_mode)))
        return 0;
    if (S_ISDIR(status.st_mode))
        return list_folder(listing, path, depth + 1, err);
    if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
        return error_set(err, ERROR_INVALID,
                         "'%s' is neither a file nor a folder nor a symbolic link; a package "
                         "cannot hold it",
                         full);
    return add_path(listing, path, err);
}

static int list_names(struct listing *listing, const char *path, DIR *folder, int depth,
                      struct error *err)
{
    bool empty = true;

    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry && errno)
            return error_system(err, "cannot read the folder '%s'", path);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        empty = false;
        scoped(free) char *name =
            *path ? path_join(path, entry->d_name) : mem_strdup(entry->d_name);
        if (list_entry(listing, name, depth, err) < 0)
            return -1;
    }
    if (!empty || !*path)
        return 0;
    scoped(free) char *name = mem_format("%s/", path);
    return add_path(listing, name, err);
}

static int list_folder(struct listing *listing, const char *path, int depth, struct error *err)
{
    scoped(free) char *full = path_join(listing->top, path);

    if (depth > LIMIT_ZIP_DEPTH)
        return error_set(err, ERROR_LIMIT, "'%s' is more than %d folders deep", full,
                         LIMIT_ZIP_DEPTH);
    scoped(closedir) DIR *folder = opendir(full);
    if (!folder)
        return error_system(err, "cannot open the folder '%s'", full);
    return list_names(listing, path, folder, depth, err);
}

static int read_link(const char *full, struct buffer *ret, struct error *err)
{
    ssize_t len = readlink(full, buffer_room(ret, LIMIT_ZIP_NAME + 1), LIMIT_ZIP_NAME + 1);

    if (len < 0)
        return error_system(err, "cannot read the link '%s'", full);
    if (len > LIMIT_ZIP_NAME)
        return error_set(err, ERROR_LIMIT, "the link '%s' is longer than %d bytes", full,
                         LIMIT_ZIP_NAME);
    buffer_added(ret, (size_t)len);
    return 0;
}

static int fail_large(const char *folder, struct error *err)
{
    char most[16];

    return error_set(err, ERROR_LIMIT,
                     "'%s' holds more than %s; list what the function does not need in "
                     ".evokeignore",
                     folder, text_format_bytes(LIMIT_UNZIPPED_BYTES, most));
}

static int pack_path(struct zip_writer *writer, const char *top, const char *path,
                     struct folder_report *report, struct error *err)
{
    scoped(free) char *full = path_join(top, path);
    scoped(buffer_done) struct buffer content = {0};
    struct stat status;

    if (lstat(full, &status) < 0)
        return error_system(err, "cannot look at '%s'", full);
    if (report->bytes + status.st_size > LIMIT_UNZIPPED_BYTES)
        return fail_large(top, err);
    if (S_ISLNK(status.st_mode) && read_link(full, &content, err) < 0)
        return -1;
    if (S_ISREG(status.st_mode) && path_read(full, LIMIT_UNZIPPED_BYTES, &content, err) < 0)
        return -1;
    report->bytes += (int64_t)content.len;
    report->files++;
    return zip_writer_add(writer, text_of(path), status.st_mode, buffer_text(&content), err);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_ignore(struct ignore *ignore, const char *folder, struct error *err)
{
    scoped(free) char *path = path_join(folder, ".evokeignore");
    scoped(buffer_done) struct buffer content = {0};

    if (access(path, F_OK) < 0)
        return 0;
    if (path_read(path, IGNORE_FILE_MAX, &content, err) < 0)
        return -1;
    return ignore_parse(ignore, buffer_text(&content), err);
}

int folder_pack(const char *folder, struct buffer *ret_zip, struct folder_report *ret,
                struct error *err)
{
    scoped(ignore_done) struct ignore ignore = {0};
    scoped(zip_writer_done) struct zip_writer writer = {0};
    scoped(listing_done) struct listing listing = {.top = folder, .ignore = &ignore};

    *ret = (struct folder_report){0};
    ignore_init(&ignore);
    if (read_ignore(&ignore, folder, err) < 0)
        return -1;
    if (list_folder(&listing, "", 0, err) < 0)
        return -1;
    if (listing.count == 0)
        return error_set(err, ERROR_INVALID, "there is nothing in '%s' to deploy", folder);
    qsort(listing.paths, listing.count, sizeof *listing.paths, compare_paths);
    for (size_t i = 0; i < listing.count; i++)
        if (pack_path(&writer, folder, listing.paths[i], ret, err) < 0)
            return -1;
    if (zip_writer_end(&writer, err) < 0)
        return -1;
    *ret_zip = buffer_take(&writer.out);
    return 0;
}
