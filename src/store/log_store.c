/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_store_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/path.h"

/*
 * Names become file names by percent-encoding. One that is too long for a file name is cut
 * off and ends in "~" and its hash; encoding that again changes nothing, so the name that a
 * listing shows finds the same file as the long one.
 *
 * A stream's modification time is the time of its last message (the writer sets it), so
 * listing and expiring read no contents.
 */
#define FOLDER_NAME "logs"
#define HASH_DIGITS (2 * SHA256_LEN)
#define REMOVED_PREFIX ".removed-" /* a group on its way out */

struct log_store *log_store_open(const char *data_folder, struct error *err)
{
    scoped(log_store_free) struct log_store *store = mem_new(struct log_store);

    store->root = path_join(data_folder, FOLDER_NAME);
    if (path_make_folders(store->root, 0700, err) < 0)
        return NULL;
    return take(store);
}

void log_store_free(struct log_store *store)
{
    if (!store)
        return;
    free(store->root);
    free(store);
}

static bool is_plain(struct text name, size_t i)
{
    char c = name.at[i];

    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '~' || (c == '.' && i > 0);
}

static void encode(struct text name, struct buffer *out)
{
    const size_t start = out->len;
    uint8_t hash[SHA256_LEN];
    char hex[HASH_DIGITS + 1];

    for (size_t i = 0; i < name.len; i++)
        if (is_plain(name, i))
            buffer_add_char(out, name.at[i]);
        else
            buffer_add_format(out, "%%%02X", (unsigned char)name.at[i]);
    if (out->len - start <= NAME_MAX)
        return;

    crypto_sha256(name, hash);
    crypto_hex(hash, sizeof hash, hex);
    out->len = start + NAME_MAX - HASH_DIGITS - 1;
    while (out->at[out->len - 1] == '%' || out->at[out->len - 2] == '%')
        out->len--; /* no half of an escape */
    buffer_add_format(out, "~%s", hex);
}

/* False for file names that encode() does not make. */
static bool decode(const char *file_name, struct buffer *out)
{
    buffer_clear(out);
    for (const char *at = file_name; *at; at++) {
        uint8_t byte = (uint8_t)*at;
        if (*at == '%') {
            if (!crypto_unhex(text_slice(text_of(at + 1), 0, 2), &byte) || !at[1] || !at[2] ||
                byte == 0)
                return false;
            at += 2;
        }
        buffer_add_char(out, (char)byte);
    }
    return out->len > 0;
}

static bool add_encoded(struct buffer *path, struct text name)
{
    if (name.len == 0)
        return false;
    buffer_add_char(path, '/');
    encode(name, path);
    return true;
}

static char *region_path(const struct log_store *store, struct text account, struct text region)
{
    scoped(buffer_done) struct buffer path = {0};

    buffer_add_text(&path, text_of(store->root));
    if (!add_encoded(&path, account) || !add_encoded(&path, region))
        return NULL;
    return text_dup(buffer_text(&path));
}

char *log_stream_path(const char *group_path, struct text name)
{
    scoped(buffer_done) struct buffer path = {0};

    buffer_add_text(&path, text_of(group_path));
    return add_encoded(&path, name) ? text_dup(buffer_text(&path)) : NULL;
}

char *log_group_path(const struct log_store *store, const struct log_place *place)
{
    scoped(free) char *region = region_path(store, place->account, place->region);

    return region ? log_stream_path(region, place->group) : NULL;
}

static void closedir_scoped(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}

/* Calls each() for the entries of a folder, hidden ones left out; an absent folder has
 * none. each() returning non-zero ends it with that. */
typedef int entry_f(void *arg, const char *folder, const char *name, struct error *err);

static int each_entry(const char *path, entry_f *each, void *arg, struct error *err)
{
    scoped(closedir) DIR *folder = opendir(path);
    const struct dirent *entry;

    if (!folder)
        return errno == ENOENT ? 0 : error_system(err, "cannot read the folder '%s'", path);
    while ((entry = readdir(folder))) {
        int result = *entry->d_name == '.' ? 0 : each(arg, path, entry->d_name, err);
        if (result != 0)
            return result;
    }
    return 0;
}

static int64_t modified_ms(const struct stat *status)
{
    return status->st_mtim.tv_sec * INT64_C(1000) + status->st_mtim.tv_nsec / 1000000;
}

static int64_t created_ms(const char *group_path)
{
    scoped(free) char *path = path_join(group_path, LOG_CREATED_NAME);
    struct stat status = {0};

    if (stat(path, &status) < 0)
        (void)stat(group_path, &status); /* a crash came in between, or it is gone: 0 */
    return modified_ms(&status);
}

static int add_size(void *arg, const char *folder, const char *name, struct error *err)
{
    int64_t *bytes = arg;
    scoped(free) char *path = path_join(folder, name);
    struct stat status;

    if (stat(path, &status) == 0)
        *bytes += status.st_size;
    return 0;
}

/* The names of a region's groups. */
struct names {
    struct text prefix;
    char **at;
    size_t count, capacity;
};

static void names_done_scoped(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->at[i]);
    free(names->at);
}

static int add_name(void *arg, const char *folder, const char *name, struct error *err)
{
    struct names *names = arg;
    scoped(buffer_done) struct buffer decoded = {0};

    if (!decode(name, &decoded) || !text_starts(buffer_text(&decoded), names->prefix))
        return 0;
    if (names->count == names->capacity) {
        names->capacity = names->capacity ? 2 * names->capacity : 16;
        names->at = mem_realloc(names->at, names->capacity * sizeof *names->at);
    }
    names->at[names->count++] = text_dup(buffer_text(&decoded));
    return 0;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int log_store_groups(struct log_store *store, struct text account, struct text region,
                     struct text prefix,
                     int (*each)(void *arg, struct text name, int64_t created_ms, int64_t bytes),
                     void *arg, struct error *err)
{
    scoped(free) char *folder = region_path(store, account, region);
    scoped(names_done) struct names names = {.prefix = prefix};

    if (!folder)
        return 0;
    if (each_entry(folder, add_name, &names, err) < 0)
        return -1;
    if (names.count > 0)
        qsort(names.at, names.count, sizeof *names.at, compare_strings);
    for (size_t i = 0; i < names.count; i++) {
        struct text name = text_of(names.at[i]);
        scoped(free) char *path = log_stream_path(folder, name);
        int64_t bytes = 0;
        if (each_entry(path, add_size, &bytes, err) < 0)
            return -1;
        if (each(arg, name, created_ms(path), bytes) != 0)
            return 0;
    }
    return 0;
}

struct streams {
    struct log_stream_info *at;
    size_t count, capacity;
};

static void streams_done_scoped(struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++)
        free(streams->at[i].name);
    free(streams->at);
}

/* A file without one whole record is a stream that has not begun. */
static bool read_info(const char *path, struct log_stream_info *ret)
{
    scoped(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    scoped(log_scan_done) struct log_scan scan = {.fd = fd};
    struct log_record first;
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || log_scan_next(&scan, &first) != 1)
        return false;
    ret->created_ms = ret->first_ms = first.at_ms;
    ret->last_ms = modified_ms(&status) > first.at_ms ? modified_ms(&status) : first.at_ms;
    ret->bytes = status.st_size;
    return true;
}

static int add_stream(void *arg, const char *folder, const char *name, struct error *err)
{
    struct streams *streams = arg;
    scoped(buffer_done) struct buffer decoded = {0};
    scoped(free) char *path = path_join(folder, name);
    struct log_stream_info info;

    if (!decode(name, &decoded) || !read_info(path, &info))
        return 0;
    if (streams->count == streams->capacity) {
        streams->capacity = streams->capacity ? 2 * streams->capacity : 16;
        streams->at = mem_realloc(streams->at, streams->capacity * sizeof *streams->at);
    }
    info.name = text_dup(buffer_text(&decoded));
    streams->at[streams->count++] = info;
    return 0;
}

static int compare_streams(const void *a, const void *b)
{
    const struct log_stream_info *left = a, *right = b;

    return strcmp(left->name, right->name);
}

static int fail_no_group(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "The specified log group does not exist.");
}

static bool is_folder(const char *path)
{
    struct stat status;

    return path && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int log_store_streams(struct log_store *store, const struct log_place *place,
                      struct log_stream_info **ret, size_t *ret_count, struct error *err)
{
    scoped(free) char *folder = log_group_path(store, place);
    scoped(streams_done) struct streams streams = {0};

    if (!is_folder(folder))
        return fail_no_group(err);
    if (each_entry(folder, add_stream, &streams, err) < 0)
        return -1;
    if (streams.count > 0)
        qsort(streams.at, streams.count, sizeof *streams.at, compare_streams);
    *ret = take(streams.at);
    *ret_count = streams.count;
    streams.count = 0;
    return 0;
}

/* Moved away first: writers that are at work make the group anew, not half of it. */
int log_store_delete_group(struct log_store *store, const struct log_place *place,
                           struct error *err)
{
    scoped(free) char *folder = log_group_path(store, place);
    scoped(free) char *region = region_path(store, place->account, place->region);
    uint64_t number;

    if (!is_folder(folder))
        return fail_no_group(err);
    crypto_random(&number, sizeof number);
    scoped(free) char *removed =
        mem_format("%s/" REMOVED_PREFIX "%016llx", region, (unsigned long long)number);
    if (rename(folder, removed) < 0)
        return errno == ENOENT ? fail_no_group(err)
                               : error_system(err, "cannot remove '%s'", folder);
    return path_remove_tree(removed, err);
}

static int expire_stream(void *arg, const char *folder, const char *name, struct error *err)
{
    const int64_t *before_ms = arg;
    scoped(free) char *path = path_join(folder, name);
    struct stat status;

    if (lstat(path, &status) < 0 || modified_ms(&status) >= *before_ms)
        return 0;
    if (unlink(path) < 0 && errno != ENOENT)
        return error_system(err, "cannot remove '%s'", path);
    return 0;
}

static int expire_group(void *arg, const char *folder, const char *name, struct error *err)
{
    scoped(free) char *path = path_join(folder, name);

    return each_entry(path, expire_stream, arg, err);
}

/* What a daemon left that was killed while it removed a group. */
static int finish_removals(const char *region, struct error *err)
{
    scoped(closedir) DIR *folder = opendir(region);
    const struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        scoped(free) char *path = path_join(region, entry->d_name);
        if (text_starts(text_of(entry->d_name), TEXT(REMOVED_PREFIX)) &&
            path_remove_tree(path, err) < 0)
            return -1;
    }
    return 0;
}

static int expire_region(void *arg, const char *folder, const char *name, struct error *err)
{
    scoped(free) char *path = path_join(folder, name);

    return each_entry(path, expire_group, arg, err) < 0 ? -1 : finish_removals(path, err);
}

static int expire_account(void *arg, const char *folder, const char *name, struct error *err)
{
    scoped(free) char *path = path_join(folder, name);

    return each_entry(path, expire_region, arg, err);
}

int log_store_expire(struct log_store *store, int64_t before_ms, struct error *err)
{
    return each_entry(store->root, expire_account, &before_ms, err);
}
