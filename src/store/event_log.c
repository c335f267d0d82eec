/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_log_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * Writing, reading and dropping segments; event_recovery.c opens them.
 *
 * A new segment is made under another name and renamed when its head is on disk, so that a
 * file NUMBER.log always begins well. When a write fails, what it left may be on disk or not,
 * whatever the kernel says later: the segment is cut there and not written to again.
 *
 * To sync a block that is only allocated, or that makes the file longer, costs a commit of the
 * file system's journal beside the block, about as much again. So zeros are written ahead, half
 * a megabyte at a time: most commits then overwrite blocks that the disk has already.
 */
#define PIECES_MAX 1024 /* of one pwritev(): IOV_MAX */

static struct event_segment *last_segment(const struct event_log *log)
{
    return &log->segments[log->count - 1];
}

static struct event_segment *find_segment(const struct event_log *log, uint32_t number)
{
    uint32_t index = number - log->segments[0].number;

    assert(index < log->count);
    return &log->segments[index];
}

char *event_log_path(const struct event_log *log, uint32_t number)
{
    return mem_format("%s/" EVENT_LOG_NAME, log->path, number);
}

/* ERROR_LIMIT when it is for want of space. */
static int fail(const struct event_log *log, const char *what, struct error *err)
{
    bool is_full = errno == ENOSPC || errno == EDQUOT;

    error_system(err, "cannot %s '%s'", what, log->path);
    if (is_full)
        err->code = ERROR_LIMIT;
    return -1;
}

struct event_segment *event_log_push(struct event_log *log, uint32_t number, int fd)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity ? log->capacity * 2 : 16;
        log->segments = mem_realloc(log->segments, log->capacity * sizeof *log->segments);
    }
    log->segments[log->count] = (struct event_segment){.number = number, .fd = fd};
    return &log->segments[log->count++];
}

/* --- new segments --- */

/* A file of that name with room for size bytes on disk; -1 and errno. */
static int allocate_file(const struct event_log *log, const char *name, size_t size)
{
    scoped(close) int fd =
        openat(log->folder, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int failed = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)size);

    if (failed) {
        (void)unlinkat(log->folder, name, 0);
        errno = failed;
        return -1;
    }
    return take_fd(fd);
}

void event_log_make_reserve(struct event_log *log)
{
    if (log->has_reserve)
        return;
    scoped(close) int fd = allocate_file(log, EVENT_LOG_RESERVE, log->segment_bytes);
    log->has_reserve = fd >= 0;
}

static bool can_use_reserve(const struct event_log *log, size_t size, bool is_put)
{
    return !is_put && log->has_reserve && size <= log->segment_bytes;
}

static int take_reserve(struct event_log *log)
{
    if (renameat(log->folder, EVENT_LOG_RESERVE, log->folder, EVENT_LOG_NEW) < 0)
        return -1;
    log->has_reserve = false;
    log_warn("the disk is full: no more events are accepted", LOG_TEXT("folder", log->path));
    return openat(log->folder, EVENT_LOG_NEW, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
}

/* Writes the head of the file "new" and gives it its name. */
static int begin_segment(struct event_log *log, uint32_t number, uint32_t salt, int fd)
{
    const struct segment_head head = {
        .number = number, .next_id = log->next_id, .last_sequence = log->durable, .salt = salt};
    char bytes[SEGMENT_HEAD], name[24];

    segment_head_format(&head, bytes);
    snprintf(name, sizeof name, EVENT_LOG_NAME, number);
    ssize_t written = pwrite(fd, bytes, sizeof bytes, 0);
    if (written >= 0 && written < SEGMENT_HEAD)
        errno = ENOSPC;
    return written != SEGMENT_HEAD || fsync(fd) < 0 ||
                   renameat(log->folder, EVENT_LOG_NEW, log->folder, name) < 0 ||
                   fsync(log->folder) < 0
               ? -1
               : 0;
}

/* What was allocated and is not needed goes back to the disk. */
static void end_segment(struct event_segment *segment)
{
    if (ftruncate(segment->fd, segment->used) == 0)
        segment->size = segment->used;
}

int event_log_add_segment(struct event_log *log, size_t size, bool is_put, struct error *err)
{
    uint32_t number = log->count ? last_segment(log)->number + 1 : 1;
    scoped(close) int fd = allocate_file(log, EVENT_LOG_NEW, size);
    struct stat status;
    uint32_t salt;

    crypto_random(&salt, sizeof salt);
    if (fd < 0 && can_use_reserve(log, size, is_put))
        fd = take_reserve(log);
    if (fd < 0 || begin_segment(log, number, salt, fd) < 0 || fstat(fd, &status) < 0)
        return fail(log, "begin a new file in", err);
    if (log->count)
        end_segment(last_segment(log));
    struct event_segment *segment = event_log_push(log, number, take_fd(fd));
    segment->salt = salt;
    segment->size = (uint32_t)status.st_size;
    segment->used = SEGMENT_HEAD;
    log->used += segment->used;
    return 0;
}

/* A segment has little space at first, as most folders never see an event. */
static bool grow(const struct event_log *log, struct event_segment *segment, size_t len)
{
    if (segment->is_cut || segment->used + len > log->segment_bytes ||
        posix_fallocate(segment->fd, 0, (off_t)log->segment_bytes) != 0)
        return false;
    segment->size = log->segment_bytes;
    return true;
}

bool event_log_has_room(struct event_log *log, size_t len)
{
    struct event_segment *last = last_segment(log);

    return len <= last->size - last->used || grow(log, last, len);
}

int event_log_make_room(struct event_log *log, size_t len, bool is_put, struct error *err)
{
    size_t size = log->segment_bytes;

    if (is_put) {
        event_log_make_reserve(log);
        if (!log->has_reserve)
            return error_set(err, ERROR_LIMIT, "the disk of '%s' is full", log->path);
    }
    if (event_log_has_room(log, len))
        return 0;
    if (size < SEGMENT_HEAD + len)
        size = SEGMENT_HEAD + len;
    return event_log_add_segment(log, size, is_put, err);
}

/* --- writing and reading --- */

struct event_place event_log_end(const struct event_log *log)
{
    const struct event_segment *last = last_segment(log);

    return (struct event_place){.segment = last->number, .at = last->used};
}

struct event_stamp event_log_stamp(struct event_log *log)
{
    return (struct event_stamp){
        .salt = last_segment(log)->salt, .sequence = ++log->sequence, .durable = log->durable};
}

/* Beyond the batch, when that reaches beyond what is zeroed. */
static int write_zeros(const struct event_log *log, struct event_segment *segment, size_t len)
{
    size_t from = segment->used + len, left = segment->size - from;

    if (from <= segment->zeroed)
        return 0;
    if (left > ZERO_BYTES)
        left = ZERO_BYTES;
    if (left > 0 && pwrite(segment->fd, log->zeros, left, (off_t)from) != (ssize_t)left)
        return -1;
    segment->zeroed = (uint32_t)(from + left);
    return 0;
}

static int write_all(const struct event_log *log, struct event_segment *segment,
                     const struct event_batch *batch)
{
    struct iovec pieces[PIECES_MAX];
    size_t done = 0;

    if (write_zeros(log, segment, batch->len) < 0)
        return -1;
    while (done < batch->len) {
        int count = event_batch_pieces(batch, done, pieces, PIECES_MAX);
        ssize_t written = pwritev(segment->fd, pieces, count, (off_t)segment->used + (off_t)done);
        if (written < 0 && errno != EINTR)
            return -1;
        done += written > 0 ? (size_t)written : 0;
    }
    return fdatasync(segment->fd);
}

static void cut_segment(struct event_segment *segment)
{
    segment->is_cut = true;
    end_segment(segment);
    segment->size = segment->used; /* also when it could not be cut */
    (void)fsync(segment->fd);      /* if that fails, too, no more can be done */
}

int event_log_write(struct event_log *log, const struct event_batch *batch, struct error *err)
{
    struct event_segment *last = last_segment(log);

    assert(event_log_has_room(log, batch->len));
    if (write_all(log, last, batch) < 0) {
        fail(log, "write to", err);
        cut_segment(last);
        return -1;
    }
    last->used += (uint32_t)batch->len;
    log->used += batch->len;
    log->durable = log->sequence;
    return 0;
}

int event_log_read(const struct event_log *log, uint32_t number, uint32_t at, size_t len,
                   struct buffer *out, struct error *err)
{
    const struct event_segment *segment = find_segment(log, number);
    char *room = buffer_room(out, len);
    size_t done = 0;

    while (done < len) {
        ssize_t got = pread(segment->fd, room + done, len - done, (off_t)at + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            scoped(free) char *path = event_log_path(log, number);
            return got < 0 ? error_system(err, "cannot read '%s'", path)
                           : error_set(err, ERROR_SYSTEM, "'%s' ends too early", path);
        }
        done += (size_t)got;
    }
    buffer_added(out, len);
    return 0;
}

int64_t event_log_disk_bytes(const struct event_log *log)
{
    int64_t bytes = log->has_reserve ? log->segment_bytes : 0;

    for (size_t i = 0; i < log->count; i++)
        bytes += log->segments[i].size;
    return bytes;
}

/* --- what is needed --- */

void event_log_hold(struct event_log *log, const struct event_place *place)
{
    if (!place->len)
        return;
    find_segment(log, place->segment)->live += place->len;
    log->live += place->len;
}

void event_log_release(struct event_log *log, const struct event_place *place)
{
    if (!place->len)
        return;
    find_segment(log, place->segment)->live -= place->len;
    log->live -= place->len;
}

/* The name's end must be on disk before that of the next: a gap counts as damage. */
static int drop_first(struct event_log *log)
{
    struct event_segment *first = &log->segments[0];
    scoped(free) char *path = event_log_path(log, first->number);

    if ((unlink(path) < 0 && errno != ENOENT) || fsync(log->folder) < 0) {
        struct error err;
        error_system(&err, "cannot remove '%s'", path);
        log_warn("a file of events stays that is not needed", LOG_ERROR(&err));
        return -1;
    }
    log->used -= first->used;
    (void)close(first->fd);
    memmove(first, first + 1, --log->count * sizeof *first);
    return 0;
}

void event_log_drop(struct event_log *log)
{
    while (log->count > 1 && log->segments[0].live == 0)
        if (drop_first(log) < 0)
            return;
}

static void let_go(struct event_log *log, struct event_index *index, struct event_entry *entry)
{
    event_log_release(log, &entry->put);
    event_log_release(log, &entry->set);
    index->bytes -= (int64_t)entry->note_len + entry->body_len;
}

static void apply_put(struct event_log *log, struct event_index *index,
                      const struct event_record *record, const struct event_place *place)
{
    struct event_entry *entry = event_index_add(index, record->id);

    let_go(log, index, entry);
    *entry = (struct event_entry){
        .id = record->id,
        .put = *place,
        .body_len = (uint32_t)record->body.len,
        .note_len = (uint32_t)record->note.len,
    };
    event_log_hold(log, place);
    index->bytes += (int64_t)entry->note_len + entry->body_len;
}

static void apply_set(struct event_log *log, struct event_index *index, struct event_entry *entry,
                      const struct event_record *record, const struct event_place *place)
{
    event_log_release(log, &entry->set);
    event_log_hold(log, place);
    entry->set = *place;
    index->bytes += (int64_t)record->note.len - entry->note_len;
    entry->note_len = (uint32_t)record->note.len;
}

bool event_log_apply(struct event_log *log, struct event_index *index,
                     const struct event_record *record, const struct event_place *place)
{
    struct event_entry *entry;

    if (record->action == EVENT_PUT) {
        apply_put(log, index, record, place);
        return true;
    }
    entry = event_index_find(index, record->id);
    if (!entry)
        return false;
    if (record->action == EVENT_SET) {
        apply_set(log, index, entry, record, place);
        return true;
    }
    let_go(log, index, entry);
    event_index_remove(index, entry);
    return true;
}

void event_log_close(struct event_log *log)
{
    for (size_t i = 0; i < log->count; i++)
        (void)close(log->segments[i].fd);
    if (log->path)
        close_scoped(&log->folder);
    free(log->segments);
    free(log->zeros);
    free(log->path);
    *log = (struct event_log){0};
}
