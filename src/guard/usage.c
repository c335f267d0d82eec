/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/usage.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/civil.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "loop/broadcast.h"
#include "loop/loop.h"

/*
 * Counts stand in maps by "DAY PLAN KEY": a shard's is taken from it as a whole and added to the
 * control thread's, from which old days go when the file is written. The file is a line for each.
 */

#define WRITE_EVERY_MS 60000
#define FILE_BYTES_MAX (128 << 20)
#define NAME_MAX_BYTES 300 /* of a map's key */
#define DAY_MS (CIVIL_DAY_S * INT64_C(1000))

struct count {
    int64_t number;
};

struct usage {
    struct map counts;
    struct map handed; /* on its way to the control thread */
};

struct usages {
    struct usages_options options;
    struct usage *shards;
    struct map counts;
    struct usages_wait *waiting, *served;
    bool is_collecting, is_changed;
    struct loop_timer timer;
    struct loop_job job;
    struct usages_wait own;
    struct buffer written;
};

/* False: it would be cut off. */
static bool make_name(char name[static NAME_MAX_BYTES], int64_t day, struct text plan,
                      struct text key)
{
    int len = snprintf(name, NAME_MAX_BYTES, "%lld %.*s %.*s", (long long)day, TEXT_ARG(plan),
                       TEXT_ARG(key));

    return len < NAME_MAX_BYTES;
}

static void add(struct map *counts, struct text name, int64_t number)
{
    struct count *count = map_find(counts, name);

    if (!count) {
        if (counts->count >= USAGE_COUNTS_MAX)
            return;
        count = mem_new(struct count);
        map_put(counts, name, count);
    }
    count->number += number;
}

static void clear(struct map *counts)
{
    struct map_cursor cursor = {0};

    while (map_next(counts, &cursor))
        free(cursor.value);
    map_done(counts);
    *counts = (struct map){0};
}

void usage_add(struct usage *usage, struct text plan, struct text key, int64_t epoch_ms)
{
    char name[NAME_MAX_BYTES];

    if (make_name(name, epoch_ms / DAY_MS, plan, key))
        add(&usage->counts, text_of(name), 1);
}

/* --- collecting --- */

static void collect(struct usages *usages);

static void on_shard(void *arg, int shard)
{
    struct usage *usage = &((struct usages *)arg)->shards[shard];

    usage->handed = usage->counts;
    usage->counts = (struct map){0};
}

static void merge(struct usages *usages)
{
    for (int i = 0; i < usages->options.loop_count; i++) {
        struct map *handed = &usages->shards[i].handed;
        struct map_cursor cursor = {0};
        usages->is_changed |= handed->count > 0;
        while (map_next(handed, &cursor))
            add(&usages->counts, cursor.key, ((const struct count *)cursor.value)->number);
        clear(handed);
    }
}

static void on_collected(void *arg)
{
    struct usages *usages = arg;
    struct usages_wait *served = take(usages->served);

    merge(usages);
    usages->is_collecting = false;
    if (usages->waiting)
        collect(usages);
    while (served) {
        struct usages_wait *wait = served;
        served = wait->next;
        wait->done(wait);
    }
}

static void collect(struct usages *usages)
{
    usages->is_collecting = true;
    usages->served = take(usages->waiting);
    loop_broadcast(usages->options.loops, usages->options.loop_count, on_shard, on_collected,
                   usages);
}

void usages_collect(struct usages *usages, struct usages_wait *wait)
{
    wait->next = usages->waiting;
    usages->waiting = wait;
    if (!usages->is_collecting)
        collect(usages);
}

int64_t usages_find(const struct usages *usages, struct text plan, struct text key, int64_t day)
{
    char name[NAME_MAX_BYTES];
    const struct count *count =
        make_name(name, day, plan, key) ? map_find(&usages->counts, text_of(name)) : NULL;

    return count ? count->number : 0;
}

/* --- the file --- */

static int64_t day_of(struct text name)
{
    int64_t day = 0;

    (void)text_to_int(text_slice(name, 0, text_find(name, ' ')), 0, INT32_MAX, &day);
    return day;
}

static void drop_old(struct usages *usages)
{
    int64_t first = clock_now_ms() / DAY_MS - USAGE_DAYS;
    struct map_cursor cursor = {0};

    while (map_next(&usages->counts, &cursor))
        if (day_of(cursor.key) < first)
            free(map_remove(&usages->counts, cursor.key));
}

static void write_lines(const struct usages *usages, struct buffer *out)
{
    struct map_cursor cursor = {0};

    while (map_next(&usages->counts, &cursor)) {
        buffer_add_text(out, cursor.key);
        buffer_add_char(out, ' ');
        buffer_add_int(out, ((const struct count *)cursor.value)->number);
        buffer_add_char(out, '\n');
    }
}

/* "DAY PLAN KEY NUMBER" */
static bool read_line(struct usages *usages, struct text line)
{
    size_t last = line.len, blanks = 0;
    int64_t number;

    for (size_t i = 0; i < line.len; i++)
        if (line.at[i] == ' ') {
            last = i;
            blanks++;
        }
    if (blanks != 3 || day_of(line) == 0 || last >= NAME_MAX_BYTES ||
        !text_to_int(text_skip(line, last + 1), 0, INT64_MAX / 2, &number))
        return false;
    add(&usages->counts, text_slice(line, 0, last), number);
    return true;
}

static void read_file(struct usages *usages)
{
    scoped(buffer_done) struct buffer content = {0};
    struct text rest, line;
    struct error err;

    if (path_read(usages->options.path, FILE_BYTES_MAX, &content, &err) < 0) {
        if (err.code != ERROR_NOT_FOUND)
            log_warn("the usage of API keys begins anew", LOG_ERROR(&err));
        return;
    }
    rest = buffer_text(&content);
    while (text_split(&rest, '\n', &line)) {
        if (read_line(usages, line))
            continue;
        log_warn("the usage of API keys begins anew: its file is not understood",
                 LOG_TEXT("file", usages->options.path));
        clear(&usages->counts);
        return;
    }
}

static void write_file(const struct usages *usages, struct text lines)
{
    struct error err;

    if (path_write(usages->options.path, lines, 0600, &err) < 0)
        log_warn("the usage of API keys was not written", LOG_ERROR(&err));
}

static void work(struct loop_job *job)
{
    const struct usages *usages = container_of(job, struct usages, job);

    write_file(usages, buffer_text(&usages->written));
}

static void on_written(struct loop_job *job)
{
    struct usages *usages = container_of(job, struct usages, job);

    buffer_done(&usages->written);
    loop_timer_set(usages->options.control, &usages->timer, WRITE_EVERY_MS);
}

static void on_collected_to_write(struct usages_wait *wait)
{
    struct usages *usages = container_of(wait, struct usages, own);

    if (!usages->is_changed) {
        loop_timer_set(usages->options.control, &usages->timer, WRITE_EVERY_MS);
        return;
    }
    usages->is_changed = false;
    drop_old(usages);
    write_lines(usages, &usages->written);
    usages->job = (struct loop_job){.work = work, .done = on_written};
    loop_work(usages->options.control, &usages->job);
}

static void on_time(struct loop_timer *timer)
{
    struct usages *usages = container_of(timer, struct usages, timer);

    usages->own.done = on_collected_to_write;
    usages_collect(usages, &usages->own);
}

/* --- life --- */

struct usages *usages_new(const struct usages_options *options)
{
    struct usages *usages = mem_new(struct usages);

    usages->options = *options;
    usages->options.path = mem_strdup(options->path);
    usages->shards = mem_zalloc((size_t)options->loop_count * sizeof *usages->shards);
    usages->timer.fire = on_time;
    read_file(usages);
    return usages;
}

void usages_start(struct usages *usages)
{
    loop_timer_set(usages->options.control, &usages->timer, WRITE_EVERY_MS);
}

struct usage *usages_of(const struct usages *usages, int shard)
{
    return &usages->shards[shard];
}

void usages_close(struct usages *usages)
{
    if (!usages)
        return;
    merge(usages); /* on its way when the loops ended */
    for (int i = 0; i < usages->options.loop_count; i++)
        on_shard(usages, i);
    merge(usages);
    if (usages->is_changed) {
        scoped(buffer_done) struct buffer lines = {0};
        drop_old(usages);
        write_lines(usages, &lines);
        write_file(usages, buffer_text(&lines));
    }
    buffer_done(&usages->written);
    clear(&usages->counts);
    free(usages->shards);
    free((char *)(uintptr_t)usages->options.path);
    free(usages);
}
