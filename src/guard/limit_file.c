/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/limit_file.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "loop/loop.h"

#define WRITE_EVERY_MS 10000
#define FILE_BYTES_MAX (64 << 20) /* of the largest table there is */

struct limit_file {
    struct loop *loop;
    struct limit_table *table;
    char *path;
    struct loop_timer timer;
    struct loop_job job;
    struct buffer before; /* what the file holds */
};

/* One thread at a time: the pool's, or at the end the caller's. */
static void write_file(struct limit_file *file)
{
    scoped(buffer_done) struct buffer now = {0};
    struct error err;

    limit_save(file->table, clock_now_ms(), &now);
    if (text_equal(buffer_text(&now), buffer_text(&file->before)))
        return;
    if (path_write(file->path, buffer_text(&now), 0600, &err) < 0) {
        log_warn("the quotas were not written", LOG_ERROR(&err));
        return;
    }
    buffer_done(&file->before);
    file->before = buffer_take(&now);
}

static void work(struct loop_job *job)
{
    write_file(container_of(job, struct limit_file, job));
}

static void on_written(struct loop_job *job)
{
    struct limit_file *file = container_of(job, struct limit_file, job);

    loop_timer_set(file->loop, &file->timer, WRITE_EVERY_MS);
}

static void on_time(struct loop_timer *timer)
{
    struct limit_file *file = container_of(timer, struct limit_file, timer);

    loop_work(file->loop, &file->job);
}

struct limit_file *limit_file_open(struct loop *loop, const char *path, struct limit_table *table)
{
    struct limit_file *file = mem_new(struct limit_file);
    struct error err;

    file->loop = loop;
    file->table = table;
    file->path = mem_strdup(path);
    file->timer.fire = on_time;
    file->job = (struct loop_job){.work = work, .done = on_written};
    if (path_read(path, FILE_BYTES_MAX, &file->before, &err) == 0) {
        if (limit_restore(table, buffer_text(&file->before), &err) < 0)
            log_warn("the quotas begin anew", LOG_TEXT("file", path), LOG_ERROR(&err));
    } else {
        limit_save(table, clock_now_ms(), &file->before); /* nothing worth a file */
    }
    loop_timer_set(loop, &file->timer, WRITE_EVERY_MS);
    return file;
}

void limit_file_close(struct limit_file *file)
{
    if (!file)
        return;
    loop_timer_clear(&file->timer);
    write_file(file);
    buffer_done(&file->before);
    free(file->path);
    free(file);
}
