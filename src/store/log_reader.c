/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "model/limits.h"
#include "store/log_store_priv.h"

#define READ_STEP (64 << 10)

/* Reads until the buffer has count bytes, or the file ends. */
static int fill(struct log_scan *scan, size_t count)
{
    while (scan->buffer.len < count) {
        size_t want = count - scan->buffer.len > READ_STEP ? count - scan->buffer.len : READ_STEP;
        char *room = buffer_room(&scan->buffer, want);
        ssize_t got = pread(scan->fd, room, want, (off_t)(scan->offset + scan->buffer.len));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            return 0;
        buffer_added(&scan->buffer, (size_t)got);
    }
    return 0;
}

static bool parse_header(struct text header, int64_t *ret_at_ms, size_t *ret_len)
{
    int64_t len;

    if (header.len < LOG_HEADER_LEN || header.at[LOG_TIME_DIGITS] != ' ' ||
        header.at[LOG_HEADER_LEN - 1] != '\n' ||
        !text_to_int(text_slice(header, 0, LOG_TIME_DIGITS), 0, LOG_TIME_MAX, ret_at_ms) ||
        !text_to_int(text_slice(header, LOG_TIME_DIGITS + 1, LOG_HEADER_LEN - 1), 0, LIMIT_LOG_LINE,
                     &len))
        return false;
    *ret_len = (size_t)len;
    return true;
}

int log_scan_next(struct log_scan *scan, struct log_record *ret)
{
    size_t len;

    if (scan->taken > 0)
        buffer_consume(&scan->buffer, scan->taken);
    scan->taken = 0;
    if (fill(scan, LOG_HEADER_LEN) < 0)
        return -1;
    if (!parse_header(buffer_text(&scan->buffer), &ret->at_ms, &len))
        return 0;
    size_t whole = LOG_HEADER_LEN + len + 1;
    if (fill(scan, whole) < 0)
        return -1;
    if (scan->buffer.len < whole || scan->buffer.at[whole - 1] != '\n')
        return 0;

    ret->message = text_from(scan->buffer.at + LOG_HEADER_LEN, len);
    ret->offset = scan->offset;
    scan->offset += whole;
    scan->taken = whole;
    return 1;
}

void log_scan_done(struct log_scan *scan)
{
    buffer_done(&scan->buffer);
}

static int open_stream(struct log_store *store, const struct log_place *place, struct text stream,
                       struct stat *ret_status, struct error *err)
{
    scoped(free) char *group = log_group_path(store, place);
    scoped(free) char *path = group ? log_stream_path(group, stream) : NULL;
    struct stat status;

    if (!group || (stat(group, &status) < 0 && errno == ENOENT))
        return error_set(err, ERROR_NOT_FOUND, "The specified log group does not exist.");
    scoped(close) int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (!path || (fd < 0 && errno == ENOENT))
        return error_set(err, ERROR_NOT_FOUND, "The specified log stream does not exist.");
    if (fd < 0 || fstat(fd, ret_status) < 0)
        return error_system(err, "cannot read '%s'", path);
    return take_fd(fd);
}

/* The modification time is that of the last message, or later. */
static bool is_out_of_reach(const struct stat *status, uint64_t offset, int64_t from_ms)
{
    int64_t last_ms = status->st_mtim.tv_sec * INT64_C(1000) + status->st_mtim.tv_nsec / 1000000;

    return offset >= (uint64_t)status->st_size || last_ms < from_ms;
}

int log_store_read(struct log_store *store, const struct log_place *place, struct text stream,
                   uint64_t offset, int64_t from_ms, int64_t to_ms,
                   int (*each)(void *arg, const struct log_record *record), void *arg,
                   uint64_t *ret_next, struct error *err)
{
    struct stat status;
    scoped(close) int fd = open_stream(store, place, stream, &status, err);
    scoped(log_scan_done) struct log_scan scan = {.fd = fd, .offset = offset};
    struct log_record record;

    *ret_next = offset;
    if (fd < 0)
        return -1;
    if (is_out_of_reach(&status, offset, from_ms))
        return 0;
    for (;;) {
        int found = log_scan_next(&scan, &record);
        if (found < 0)
            return error_system(err, "cannot read the log stream '%.*s'", TEXT_ARG(stream));
        if (found == 0 || record.at_ms >= to_ms)
            return 0;
        *ret_next = scan.offset;
        if (record.at_ms >= from_ms && each(arg, &record) != 0)
            return 0;
    }
}
