/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/access_log.h"

#include <fcntl.h>
#include <semaphore.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/word.h"
#include "gateway/access_format.h"

#define WRITE_EVERY_MS 100
#define WRITE_BYTES (64 << 10)
#define HELD_BYTES_MAX (4 << 20) /* beyond it the disk does not keep up: lines are dropped */
#define FRAME_BYTES 128          /* of a line without its words: numbers, quotes, blanks */

struct access_log {
    struct loop *loop;
    char *path;
    const struct access_format *format;
    struct buffer lines;
    int64_t dropped;
    struct loop_timer timer;
    /* What the pool writes; one batch at a time. */
    struct loop_job job;
    struct buffer batch;
    sem_t written;
    bool is_queued;    /* until on_written() */
    bool has_waited;   /* a flush has taken the semaphore already */
    bool is_abandoned; /* on_written() frees it */
};

static int append(const char *path, struct text lines, struct error *err)
{
    scoped(close) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

    if (fd < 0 || path_write_open(fd, lines) < 0)
        return error_system(err, "cannot write '%s'", path);
    return 0;
}

/* On a thread of the pool. */
static void write_batch(struct loop_job *job)
{
    struct access_log *log = container_of(job, struct access_log, job);
    struct error err;

    if (append(log->path, buffer_text(&log->batch), &err) < 0)
        log_error("access log lines are lost", LOG_ERROR(&err));
    sem_post(&log->written);
}

static void report_dropped(struct access_log *log)
{
    if (log->dropped)
        log_warn("access log lines were dropped: the disk is too slow",
                 LOG_NUM("lines", log->dropped));
    log->dropped = 0;
}

static void start_writing(struct access_log *log)
{
    struct buffer empty = log->batch;

    loop_timer_clear(&log->timer);
    log->batch = log->lines;
    log->lines = empty;
    log->is_queued = true;
    report_dropped(log);
    loop_work(log->loop, &log->job);
}

static void wait_written(struct access_log *log)
{
    while (!log->has_waited && sem_wait(&log->written) < 0)
        continue;
    log->has_waited = true;
}

static void destroy(struct access_log *log)
{
    sem_destroy(&log->written);
    buffer_done(&log->lines);
    buffer_done(&log->batch);
    free(log->path);
    free(log);
}

static void on_written(struct loop_job *job)
{
    struct access_log *log = container_of(job, struct access_log, job);

    wait_written(log); /* it is: this only takes the semaphore */
    log->is_queued = log->has_waited = false;
    buffer_clear(&log->batch);
    if (log->is_abandoned)
        destroy(log);
    else if (log->lines.len >= WRITE_BYTES)
        start_writing(log);
}

static void on_timer(struct loop_timer *timer)
{
    struct access_log *log = container_of(timer, struct access_log, timer);

    if (log->is_queued)
        loop_timer_set(log->loop, timer, WRITE_EVERY_MS);
    else
        start_writing(log);
}

struct access_log *access_log_new(struct loop *loop, const char *path,
                                  const struct access_format *format)
{
    struct access_log *log = mem_new(struct access_log);

    log->loop = loop;
    log->path = mem_strdup(path);
    log->format = format;
    log->timer.fire = on_timer;
    log->job.work = write_batch;
    log->job.done = on_written;
    sem_init(&log->written, 0, 0);
    return log;
}

static char *put(char *at, struct text text)
{
    return mempcpy(at, text.at, text.len);
}

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static bool is_plain_word(const char *at)
{
    uint64_t word = word_load(at);

    return !(word_below(word, 0x20) | word_equal(word, '"') | word_equal(word, '\\') |
             word_equal(word, 0x7f) | word_beyond_ascii(word));
}

/* At most four bytes for each of a word's. */
static char *put_word(char *at, struct text word)
{
    static const char digits[] = "0123456789abcdef";

    if (word.len == 0)
        *at++ = '-';
    for (size_t i = 0; i < word.len; i++) {
        for (; i + WORD_BYTES < word.len && is_plain_word(word.at + i); i += WORD_BYTES)
            at = mempcpy(at, word.at + i, WORD_BYTES);
        char c = word.at[i];
        if (is_plain(c)) {
            *at++ = c;
            continue;
        }
        *at++ = '\\';
        *at++ = 'x';
        *at++ = digits[(uint8_t)c >> 4];
        *at++ = digits[(uint8_t)c & 15];
    }
    return at;
}

static char *put_number(char *at, int64_t number)
{
    char reversed[20];
    int count = 0;

    do
        reversed[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *at++ = reversed[--count];
    return at;
}

/* Milliseconds with three decimals. */
static char *put_duration(char *at, int64_t us)
{
    at = put_number(at, us / 1000);
    *at++ = '.';
    *at++ = (char)('0' + us / 100 % 10);
    *at++ = (char)('0' + us / 10 % 10);
    *at++ = (char)('0' + us % 10);
    return at;
}

/* Why it was no request, or why the gateway could not serve it. */
static struct text reason_of(const struct access_entry *entry)
{
    if (entry->refusal.len > 0)
        return entry->refusal;
    return entry->status >= 500 ? entry->integration_error : TEXT_NONE;
}

static char *put_line(char *at, const struct access_entry *entry)
{
    at = put(put_word(at, entry->peer), TEXT(" - "));
    at = put(put_word(at, entry->user), TEXT(" ["));
    at = put(put(at, entry->time), TEXT("] \""));
    at = put(put_word(at, entry->method), TEXT(" "));
    at = put(put_word(at, entry->target), TEXT(" HTTP/1.1\" "));
    at = put(put_number(at, entry->status ? entry->status : 499), TEXT(" "));
    at = put(put_number(at, entry->bytes), TEXT(" \""));
    at = put(put_word(at, entry->referer), TEXT("\" \""));
    at = put(put_word(at, entry->agent), TEXT("\" "));
    at = put(put_word(at, entry->function), TEXT(" "));
    at = put(put_word(at, entry->request_id), TEXT(" "));
    at = put_duration(at, entry->us > 0 ? entry->us : 0);
    struct text reason = reason_of(entry);
    if (reason.len > 0)
        at = put(put_word(put(at, TEXT(" \"")), reason), TEXT("\""));
    return put(at, TEXT("\n"));
}

/* The words, and the most that stands around them. */
static size_t line_room(const struct access_entry *entry)
{
    return 4 * (entry->peer.len + entry->user.len + entry->method.len + entry->target.len +
                entry->referer.len + entry->agent.len + entry->function.len +
                entry->request_id.len + reason_of(entry).len) +
           entry->time.len + FRAME_BYTES;
}

static void cut(struct text *word)
{
    *word = text_slice(*word, 0, ACCESS_WORD_MAX);
}

static void add_combined(struct access_log *log, const struct access_entry *entry)
{
    struct access_entry line = *entry;

    cut(&line.method);
    cut(&line.target);
    cut(&line.referer);
    cut(&line.agent);
    char *start = buffer_room(&log->lines, line_room(&line));
    buffer_added(&log->lines, (size_t)(put_line(start, &line) - start));
}

void access_log_add(struct access_log *log, const struct access_entry *entry)
{
    if (log->lines.len >= HELD_BYTES_MAX) {
        log->dropped++;
        return;
    }
    if (log->format)
        access_format_write(log->format, entry, &log->lines);
    else
        add_combined(log, entry);
    if (log->lines.len >= WRITE_BYTES && !log->is_queued)
        start_writing(log);
    else if (!loop_timer_is_set(&log->timer))
        loop_timer_set(log->loop, &log->timer, WRITE_EVERY_MS);
}

void access_log_flush(struct access_log *log)
{
    struct error err;

    loop_timer_clear(&log->timer);
    if (log->is_queued)
        wait_written(log);
    if (log->lines.len > 0 && append(log->path, buffer_text(&log->lines), &err) < 0)
        log_error("access log lines are lost", LOG_ERROR(&err));
    buffer_clear(&log->lines);
    report_dropped(log);
}

void access_log_free(struct access_log *log)
{
    if (!log)
        return;
    loop_timer_clear(&log->timer);
    if (log->is_queued)
        log->is_abandoned = true;
    else
        destroy(log);
}
