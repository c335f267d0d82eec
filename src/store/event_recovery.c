/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_log_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"

/*
 * Opens the log as any crash may have left it. All segments but the last are whole: their last
 * frame is known from the head of the next. In the last one the frames end where a crash
 * stopped the writer. What is behind may be half a frame, or a whole one behind half of one,
 * as the disk takes pages in any order: none of it was acknowledged, and it is cut off. But if
 * a frame behind it was written when the unreadable one was on disk already, the disk has lost
 * something: that is an error, and a person must decide.
 */
struct recovery {
    struct event_log *log;
    struct segment_head *heads; /* one for each segment */
    event_log_visit_f *visit;
    void *arg;
    struct buffer bytes; /* of the segment at hand */
};

/* --- which files there are --- */

static bool parse_name(const char *name, uint32_t *ret)
{
    int64_t number;

    if (strlen(name) != 14 || strcmp(name + 10, ".log") != 0 ||
        !text_to_int(text_from(name, 10), 1, UINT32_MAX, &number))
        return false;
    *ret = (uint32_t)number;
    return true;
}

static int open_segment(struct event_log *log, uint32_t number, struct error *err)
{
    scoped(free) char *path = event_log_path(log, number);
    scoped(close) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return error_system(err, "cannot open '%s'", path);
    if (status.st_size > UINT32_MAX)
        return error_set(err, ERROR_SYSTEM, "'%s' is too long for a file of events", path);
    event_log_push(log, number, take_fd(fd))->size = (uint32_t)status.st_size;
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

/* The numbers of all segments, rising. */
static int list_segments(const struct event_log *log, struct buffer *ret, struct error *err)
{
    DIR *folder = opendir(log->path);

    if (!folder)
        return error_system(err, "cannot read '%s'", log->path);
    for (const struct dirent *file; (file = readdir(folder));) {
        uint32_t number;
        if (parse_name(file->d_name, &number))
            buffer_add(ret, &number, sizeof number);
    }
    closedir(folder);
    if (ret->len)
        qsort(ret->at, ret->len / sizeof(uint32_t), sizeof(uint32_t), compare_numbers);
    return 0;
}

static int open_segments(struct event_log *log, struct error *err)
{
    scoped(buffer_done) struct buffer numbers = {0};

    if (list_segments(log, &numbers, err) < 0)
        return -1;
    for (size_t i = 0; i < numbers.len / sizeof(uint32_t); i++) {
        uint32_t number;
        memcpy(&number, numbers.at + i * sizeof number, sizeof number);
        if (i > 0 && number != log->segments[i - 1].number + 1)
            return error_set(err, ERROR_SYSTEM, "'%s/" EVENT_LOG_NAME "' is missing", log->path,
                             log->segments[i - 1].number + 1);
        if (open_segment(log, number, err) < 0)
            return -1;
    }
    return 0;
}

/* --- what is in them --- */

static int fail_at(const struct recovery *recovery, size_t index, size_t at, const char *why,
                   struct error *err)
{
    scoped(free) char *path = event_log_path(recovery->log, recovery->log->segments[index].number);

    return error_set(err, ERROR_SYSTEM, "'%s' is damaged at byte %zu: %s", path, at, why);
}

static int read_heads(struct recovery *recovery, struct error *err)
{
    struct event_log *log = recovery->log;

    recovery->heads = mem_zalloc((log->count + 1) * sizeof *recovery->heads);
    for (size_t i = 0; i < log->count; i++) {
        const struct event_segment *segment = &log->segments[i];
        struct error reason;

        buffer_clear(&recovery->bytes);
        if (segment->size < SEGMENT_HEAD)
            return fail_at(recovery, i, segment->size, "it ends too early", err);
        if (event_log_read(log, segment->number, 0, SEGMENT_HEAD, &recovery->bytes, err) < 0)
            return -1;
        if (segment_head_parse(buffer_text(&recovery->bytes), &recovery->heads[i], &reason) < 0)
            return fail_at(recovery, i, 0, reason.text, err);
        if (recovery->heads[i].number != segment->number)
            return fail_at(recovery, i, 0, "it is another file under this name", err);
    }
    return 0;
}

static void visit_frame(struct recovery *recovery, struct event_segment *segment,
                        struct event_frame *frame)
{
    struct event_log *log = recovery->log;
    struct event_record record;
    size_t at;

    while (event_frame_next(frame, &record, &at)) {
        const struct event_place place = {
            .segment = segment->number,
            .at = segment->used + (uint32_t)at,
            .len = (uint32_t)event_record_size(&record),
        };
        if (record.action == EVENT_PUT && record.id >= log->next_id)
            log->next_id = record.id + 1;
        recovery->visit(recovery->arg, &record, &place);
    }
    log->sequence = frame->sequence;
}

/* Visits the frames up to the first that is none, or beyond max; used is where they end. */
static void visit_frames(struct recovery *recovery, struct event_segment *segment, uint64_t max)
{
    struct event_log *log = recovery->log;
    struct event_frame frame;

    segment->used = SEGMENT_HEAD;
    while (event_frame_parse(text_skip(buffer_text(&recovery->bytes), segment->used), segment->salt,
                             &frame) &&
           frame.sequence > log->sequence && frame.sequence <= max) {
        visit_frame(recovery, segment, &frame);
        segment->used += (uint32_t)frame.bytes.len;
    }
    log->used += segment->used;
}

static bool is_zero(struct text bytes)
{
    return bytes.len == 0 ||
           (bytes.at[0] == 0 && memcmp(bytes.at, bytes.at + 1, bytes.len - 1) == 0);
}

/* Whether a frame in the bytes says that one after `sequence` was on disk before it. */
static bool has_lost(struct text bytes, uint32_t salt, uint64_t sequence)
{
    struct event_frame frame;

    for (; bytes.len >= FRAME_HEAD; bytes = text_skip(bytes, FRAME_ALIGN))
        if (event_frame_parse(bytes, salt, &frame) && frame.durable > sequence)
            return true;
    return false;
}

/* Cuts off what is behind the frames of the last segment. */
static int cut_tail(const struct event_log *log, struct event_segment *segment, struct error *err)
{
    scoped(free) char *path = event_log_path(log, segment->number);

    log_warn("an unfinished write was cut off", LOG_TEXT("file", path),
             LOG_NUM("at", segment->used));
    if (ftruncate(segment->fd, segment->used) < 0)
        return error_system(err, "cannot cut '%s'", path);
    segment->size = segment->used;
    return fsync(segment->fd) < 0 ? error_system(err, "cannot write '%s'", path) : 0;
}

static int end_last(struct recovery *recovery, struct error *err)
{
    struct event_log *log = recovery->log;
    struct event_segment *last = &log->segments[log->count - 1];
    struct text tail = text_skip(buffer_text(&recovery->bytes), last->used);

    if (has_lost(tail, last->salt, log->sequence))
        return fail_at(recovery, log->count - 1, last->used,
                       "a write cannot be read that was completed", err);
    return is_zero(tail) ? 0 : cut_tail(log, last, err);
}

static int read_segment(struct recovery *recovery, size_t index, struct error *err)
{
    struct event_log *log = recovery->log;
    struct event_segment *segment = &log->segments[index];
    const struct segment_head *head = &recovery->heads[index];
    bool is_last = index == log->count - 1;

    buffer_clear(&recovery->bytes);
    if (event_log_read(log, segment->number, 0, segment->size, &recovery->bytes, err) < 0)
        return -1;
    log->sequence = head->last_sequence;
    segment->salt = head->salt;
    if (head->next_id > log->next_id)
        log->next_id = head->next_id;
    visit_frames(recovery, segment, is_last ? UINT64_MAX : head[1].last_sequence);
    if (is_last)
        return end_last(recovery, err);
    if (log->sequence != head[1].last_sequence)
        return fail_at(recovery, index, segment->used, "a write cannot be read that was completed",
                       err);
    return 0;
}

static int read_segments(struct recovery *recovery, struct error *err)
{
    if (read_heads(recovery, err) < 0)
        return -1;
    for (size_t i = 0; i < recovery->log->count; i++)
        if (read_segment(recovery, i, err) < 0)
            return -1;
    recovery->log->durable = recovery->log->sequence;
    return 0;
}

/* --- opening --- */

static int open_folder(struct event_log *log, struct error *err)
{
    if (path_make_folders(log->path, 0700, err) < 0)
        return -1;
    scoped(free) char *parent = mem_format("%s/..", log->path);
    if (path_sync(parent, err) < 0)
        return -1;
    log->folder = open(log->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (log->folder < 0)
        return error_system(err, "cannot open '%s'", log->path);
    if (flock(log->folder, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return error_set(err, ERROR_CONFLICT, "another program uses '%s'", log->path);
    return error_system(err, "cannot lock '%s'", log->path);
}

static void find_reserve(struct event_log *log)
{
    struct stat status;

    log->has_reserve = fstatat(log->folder, EVENT_LOG_RESERVE, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                       status.st_size == (off_t)log->segment_bytes;
    if (log->live > 0)
        event_log_make_reserve(log);
    if (log->live > 0 && !log->has_reserve)
        log_warn("the disk is full: no events are accepted", LOG_TEXT("folder", log->path));
}

int event_log_open(struct event_log *log, const char *path, uint32_t segment_bytes,
                   event_log_visit_f *visit, void *arg, struct error *err)
{
    struct recovery recovery = {.log = log, .visit = visit, .arg = arg};

    assert(segment_bytes >= SEGMENT_BYTES_MIN && segment_bytes <= SEGMENT_BYTES_MAX);
    log->path = mem_strdup(path);
    log->folder = -1;
    log->segment_bytes = segment_bytes;
    log->next_id = 1;
    log->zeros = mem_zalloc(ZERO_BYTES);
    if (open_folder(log, err) < 0 || open_segments(log, err) < 0)
        return -1;
    (void)unlinkat(log->folder, EVENT_LOG_NEW, 0);
    int result = read_segments(&recovery, err);
    buffer_done(&recovery.bytes);
    free(recovery.heads);
    if (result < 0 ||
        (log->count == 0 && event_log_add_segment(log, SEGMENT_BYTES_MIN, true, err) < 0))
        return -1;
    find_reserve(log);
    event_log_drop(log);
    return 0;
}
