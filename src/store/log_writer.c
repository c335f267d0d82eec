/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "model/limits.h"
#include "store/log_store_priv.h"

/*
 * A stream has two buffers: the loop adds to one while the pool writes the other; a flush
 * exchanges them. One batch of streams is under way at a time, so records stay in order
 * and at most one file of a writer is open, however many instances there are.
 *
 * What cannot be written, or kept in memory until it can, is counted; a record that tells
 * the number takes its place as soon as something can be written again. Nothing waits.
 */
#define HELD_MAX (16 << 20)                   /* bytes in memory of all streams of a writer */
#define KEPT_BUSY_BYTES (2 * LOG_FLUSH_BYTES) /* buffers of streams that write all the time */
#define KEPT_IDLE_BYTES 4096                  /* of the others; there may be thousands */
#define RETRY_MS 1000                         /* after a failure, when nothing new comes */
#define MARKER_MAX 96

struct log_stream {
    struct log_writer *writer;
    struct list dirty; /* in writer->dirty: has something for the next batch */
    char *group_path, *path;
    int64_t last_ms, digits_ms; /* the time of the digits */
    char digits[LOG_TIME_DIGITS];
    struct buffer pending;
    uint64_t pending_records; /* those that a marker in it stands for count, too */
    uint64_t lost;            /* records not written and not told of yet */
    bool accepting;           /* between begin and end: whether it will be kept */
    bool closing;

    struct list batch; /* in writer->batch: the pool has what follows */
    struct buffer writing;
    uint64_t writing_records;
    int64_t writing_last_ms;
    bool checked; /* whether the file ends with a whole record is known */
    bool failed;
};

/* Somebody waits until the batch of that number has ended. */
struct waiter {
    struct list link;
    struct loop_task task;
    uint64_t batch;
    void (*done)(void *arg);
    void *arg;
};

struct log_writer {
    struct log_store *store;
    struct loop *loop;
    struct list dirty, batch, waiters;
    size_t streams;
    size_t pending_bytes, writing_bytes;
    uint64_t started, ended; /* batches */
    struct loop_timer timer;
    struct loop_task flush;
    struct loop_job job;
    bool is_retry;      /* the timer waits longer than for a flush */
    bool failing;       /* the last batch had a failure */
    bool overflowed;    /* a record found no place since the last batch */
    struct error error; /* the batch's first one */
};

static void free_stream(struct log_stream *stream)
{
    stream->writer->streams--;
    buffer_done(&stream->pending);
    buffer_done(&stream->writing);
    free(stream->group_path);
    free(stream->path);
    free(stream);
}

static void format_digits(char *out, size_t count, uint64_t number)
{
    while (count-- > 0) {
        out[count] = (char)('0' + number % 10);
        number /= 10;
    }
}

/* The message of len bytes is at its place behind the header already. */
static void add_record(struct log_stream *stream, int64_t at_ms, size_t len)
{
    char *record = stream->pending.at + stream->pending.len;

    if (stream->digits_ms != at_ms) /* an invocation's lines have mostly the same */
        format_digits(stream->digits, LOG_TIME_DIGITS, (uint64_t)at_ms);
    stream->digits_ms = at_ms;
    memcpy(record, stream->digits, LOG_TIME_DIGITS);
    record[LOG_TIME_DIGITS] = ' ';
    format_digits(record + LOG_TIME_DIGITS + 1, LOG_LENGTH_DIGITS, len);
    record[LOG_HEADER_LEN - 1] = '\n';
    record[LOG_HEADER_LEN + len] = '\n';
    buffer_added(&stream->pending, LOG_HEADER_LEN + len + 1);
    stream->writer->pending_bytes += LOG_HEADER_LEN + len + 1;
}

static void add_marker(struct log_stream *stream)
{
    char *room = buffer_room(&stream->pending, LOG_HEADER_LEN + MARKER_MAX);
    int len = snprintf(room + LOG_HEADER_LEN, MARKER_MAX,
                       "EVOKE %llu log records before this one could not be written and are lost\n",
                       (unsigned long long)stream->lost);

    add_record(stream, stream->last_ms, (size_t)len);
    stream->pending_records += stream->lost;
    stream->lost = 0;
}

/* --- the pool's side --- */

/* Another daemon of the past may have been killed in the middle of a record. */
static int drop_torn_end(int fd, off_t *size)
{
    scoped(log_scan_done) struct log_scan scan = {.fd = fd};
    struct log_record record;
    int found;

    while ((found = log_scan_next(&scan, &record)) > 0)
        ;
    if (found < 0)
        return -1;
    if (scan.offset == (uint64_t)*size)
        return 0;
    *size = (off_t)scan.offset;
    return ftruncate(fd, *size);
}

static int make_group(const char *group_path, struct error *err)
{
    scoped(free) char *created = path_join(group_path, LOG_CREATED_NAME);

    if (path_make_folders(group_path, 0700, err) < 0)
        return -1;
    scoped(close) int fd = open(created, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return 0; /* without it the folder's own time is shown */
}

static int open_file(const struct log_stream *stream, struct error *err)
{
    const int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(stream->path, flags, 0600);

    if (fd < 0 && errno == ENOENT) {
        if (make_group(stream->group_path, err) < 0)
            return -1;
        fd = open(stream->path, flags, 0600);
    }
    return fd < 0 ? error_system(err, "cannot write '%s'", stream->path) : fd;
}

static void set_last_time(int fd, int64_t at_ms)
{
    const struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
    const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, at};

    (void)futimens(fd, times); /* else the time of writing stands there, a little later */
}

static int append(struct log_stream *stream, struct error *err)
{
    scoped(close) int fd = open_file(stream, err);
    struct stat status;

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) < 0 || (!stream->checked && drop_torn_end(fd, &status.st_size) < 0))
        return error_system(err, "cannot write '%s'", stream->path);
    stream->checked = true;
    if (path_write_open(fd, buffer_text(&stream->writing)) < 0) {
        error_system(err, "cannot write '%s'", stream->path);
        stream->checked = ftruncate(fd, status.st_size) == 0;
        return -1;
    }
    set_last_time(fd, stream->writing_last_ms);
    return 0;
}

static void on_work(struct loop_job *job)
{
    struct log_writer *writer = container_of(job, struct log_writer, job);
    struct error err;

    writer->error.text[0] = '\0';
    list_each (node, &writer->batch) {
        struct log_stream *stream = container_of(node, struct log_stream, batch);
        stream->failed = append(stream, &err) < 0;
        if (stream->failed && !writer->error.text[0])
            writer->error = err;
    }
}

/* --- the loop's side --- */

static bool is_writing(const struct log_writer *writer)
{
    return writer->started != writer->ended;
}

static void move_to_batch(struct log_stream *stream)
{
    if (stream->lost > 0)
        add_marker(stream);

    struct buffer written = stream->writing;
    stream->writing = stream->pending;
    stream->writing_records = stream->pending_records;
    stream->writing_last_ms = stream->last_ms;
    stream->pending = written;
    stream->pending_records = 0;
    list_remove(&stream->dirty);
    list_push(&stream->writer->batch, &stream->batch);
}

static void start_batch(struct log_writer *writer)
{
    if (is_writing(writer) || list_empty(&writer->dirty))
        return;
    loop_timer_clear(&writer->timer);
    list_each (node, &writer->dirty)
        move_to_batch(container_of(node, struct log_stream, dirty));
    writer->writing_bytes = writer->pending_bytes;
    writer->pending_bytes = 0;
    writer->started++;
    loop_work(writer->loop, &writer->job);
}

static void on_flush(struct loop_task *task)
{
    start_batch(container_of(task, struct log_writer, flush));
}

static void on_timer(struct loop_timer *timer)
{
    start_batch(container_of(timer, struct log_writer, timer));
}

static void set_timer(struct log_writer *writer, int64_t after_ms)
{
    writer->is_retry = after_ms > LOG_FLUSH_MS;
    loop_timer_set(writer->loop, &writer->timer, after_ms);
}

/* The next batch takes the stream along. While one is under way, its end sees to that. */
static void mark_dirty(struct log_stream *stream)
{
    struct log_writer *writer = stream->writer;

    if (!list_linked(&stream->dirty))
        list_push(&writer->dirty, &stream->dirty);
    if (is_writing(writer))
        return;
    if (writer->pending_bytes >= LOG_FLUSH_BYTES)
        loop_defer(writer->loop, &writer->flush);
    else if (!loop_timer_is_set(&writer->timer) || writer->is_retry)
        set_timer(writer, LOG_FLUSH_MS);
}

static void recycle_buffers(struct log_stream *stream)
{
    const bool is_busy = list_linked(&stream->dirty);

    buffer_recycle(&stream->writing, is_busy ? KEPT_BUSY_BYTES : KEPT_IDLE_BYTES);
    if (!is_busy)
        buffer_recycle(&stream->pending, KEPT_IDLE_BYTES);
}

static void settle(struct log_stream *stream)
{
    list_remove(&stream->batch);
    recycle_buffers(stream);
    if (stream->failed)
        stream->lost += stream->writing_records;
    if (list_linked(&stream->dirty))
        return;
    if (stream->closing)
        free_stream(stream);
    else if (stream->lost > 0)
        list_push(&stream->writer->dirty, &stream->dirty);
}

static void report(struct log_writer *writer)
{
    if (writer->overflowed && !writer->error.text[0])
        error_set(&writer->error, ERROR_LIMIT, "the disk is too slow for them");
    const bool failed = writer->error.text[0] != '\0';
    if (failed && !writer->failing)
        log_warn("function logs are being lost", LOG_ERROR(&writer->error));
    if (!failed && writer->failing)
        log_warn("function logs are written again");
    writer->failing = failed;
    writer->overflowed = false;
}

static void on_waited(struct loop_task *task)
{
    scoped(free) struct waiter *waiter = container_of(task, struct waiter, task);

    waiter->done(waiter->arg);
}

static void wake_waiters(struct log_writer *writer)
{
    list_each (node, &writer->waiters) {
        struct waiter *waiter = container_of(node, struct waiter, link);
        if (waiter->batch > writer->ended)
            continue;
        list_remove(&waiter->link);
        loop_defer(writer->loop, &waiter->task);
    }
}

static void on_done(struct loop_job *job)
{
    struct log_writer *writer = container_of(job, struct log_writer, job);

    writer->ended++;
    writer->writing_bytes = 0;
    list_each (node, &writer->batch)
        settle(container_of(node, struct log_stream, batch));
    report(writer);
    wake_waiters(writer);
    if (!list_empty(&writer->waiters) || writer->pending_bytes >= LOG_FLUSH_BYTES)
        start_batch(writer);
    else if (!list_empty(&writer->dirty))
        set_timer(writer, writer->pending_bytes > 0 ? LOG_FLUSH_MS : RETRY_MS);
}

struct log_writer *log_writer_new(struct log_store *store, struct loop *loop)
{
    struct log_writer *writer = mem_new(struct log_writer);

    writer->store = store;
    writer->loop = loop;
    writer->timer.fire = on_timer;
    writer->flush.run = on_flush;
    writer->job.work = on_work;
    writer->job.done = on_done;
    list_init(&writer->dirty);
    list_init(&writer->batch);
    list_init(&writer->waiters);
    return writer;
}

void log_writer_flush(struct log_writer *writer, void (*done)(void *arg), void *arg)
{
    struct waiter *waiter = mem_new(struct waiter);

    loop_assert_here(writer->loop);
    waiter->task.run = on_waited;
    waiter->done = done;
    waiter->arg = arg;
    waiter->batch = writer->started + !list_empty(&writer->dirty);
    list_push(&writer->waiters, &waiter->link);
    start_batch(writer);
    wake_waiters(writer);
}

void log_writer_free(struct log_writer *writer)
{
    if (!writer)
        return;
    assert(writer->streams == 0 && !is_writing(writer) && list_empty(&writer->waiters));
    loop_timer_clear(&writer->timer);
    loop_cancel(&writer->flush);
    free(writer);
}

struct log_stream *log_stream_open(struct log_writer *writer, struct text account,
                                   struct text region, struct text group, struct text name)
{
    struct log_stream *stream = mem_new(struct log_stream);
    const struct log_place place = {account, region, group};

    loop_assert_here(writer->loop);
    stream->writer = writer;
    stream->digits_ms = -1;
    stream->group_path = log_group_path(writer->store, &place);
    stream->path = stream->group_path ? log_stream_path(stream->group_path, name) : NULL;
    assert(stream->path);
    writer->streams++;
    return stream;
}

char *log_stream_begin(struct log_stream *stream, size_t max)
{
    const struct log_writer *writer = stream->writer;
    size_t whole = LOG_HEADER_LEN + max + 1;

    assert(max <= LIMIT_LOG_LINE);
    stream->accepting = writer->pending_bytes + writer->writing_bytes + whole <= HELD_MAX;
    if (stream->accepting && stream->lost > 0)
        add_marker(stream);
    return buffer_room(&stream->pending, whole) + LOG_HEADER_LEN;
}

void log_stream_end(struct log_stream *stream, int64_t at_ms, size_t len)
{
    if (at_ms > stream->last_ms)
        stream->last_ms = at_ms < LOG_TIME_MAX ? at_ms : LOG_TIME_MAX;
    if (stream->accepting) {
        add_record(stream, stream->last_ms, len);
        stream->pending_records++;
    } else {
        stream->lost++;
        stream->writer->overflowed = true;
    }
    mark_dirty(stream);
}

void log_stream_add(struct log_stream *stream, int64_t at_ms, struct text message)
{
    do {
        struct text piece = text_slice(message, 0, LIMIT_LOG_LINE);
        char *room = log_stream_begin(stream, piece.len);
        if (piece.len > 0)
            memcpy(room, piece.at, piece.len);
        log_stream_end(stream, at_ms, piece.len);
        message = text_skip(message, piece.len);
    } while (message.len > 0);
}

void log_stream_close(struct log_stream *stream)
{
    if (!stream)
        return;
    loop_assert_here(stream->writer->loop);
    stream->closing = true;
    if (!list_linked(&stream->dirty) && !list_linked(&stream->batch))
        free_stream(stream);
}
