/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/event_store.h"
#include "store/store.h"

/*
 * How fast events are stored: by the event log, and by SQLite with the same group commit.
 * WRITERS work on one loop, each on one event at a time: put it and, with "cycle", delete it when
 * the put is acknowledged, as a delivered event is. All on one core; no HTTP.
 *
 *     event_store_bench log|sqlite put|cycle WRITERS SECONDS FOLDER
 */
#define BODY 256
#define SAMPLES_MOST 4000000

struct bench {
    bool is_log, is_cycle;
    int64_t end_us;
    struct loop *home;
    struct event_store *events;
    struct store *documents;
    uint64_t records, next_key;
    uint32_t *samples; /* microseconds from a put to its answer */
    size_t sample_count;
    int busy;
};

struct writer {
    struct bench *bench;
    struct event_write event;
    struct event_change change;
    struct store_write document;
    uint64_t key;
    int64_t began_us;
    bool is_delete;
};

static char body[BODY];

static void send_event(struct writer *writer)
{
    struct event_change change = {.action = EVENT_DELETE, .id = writer->change.id};

    if (!writer->is_delete)
        change = (struct event_change){.action = EVENT_PUT,
                                       .lane = TEXT("function/000000000000/us-east-1/hello"),
                                       .note = TEXT("{\"id\":\"8f0c1d1e\",\"hops\":1}"),
                                       .body = text_from(body, sizeof body)};
    writer->change = change;
    event_store_write(writer->bench->events, &writer->event);
}

static void send_document(struct writer *writer)
{
    struct store_change *change = &writer->document.changes[0];

    if (!writer->is_delete)
        writer->key = writer->bench->next_key++;
    *change = (struct store_change){
        .action = writer->is_delete ? STORE_DELETE : STORE_PUT,
        .kind = mem_strdup("event"),
        .key = mem_format("function/000000000000/us-east-1/hello/%016llx",
                          (unsigned long long)writer->key),
    };
    if (!writer->is_delete)
        buffer_add(&change->body, body, sizeof body);
    writer->document.count = 1;
    store_write(writer->bench->documents, &writer->document);
}

static void send_next(struct writer *writer)
{
    if (!writer->is_delete)
        writer->began_us = clock_mono_us();
    if (writer->bench->is_log)
        send_event(writer);
    else
        send_document(writer);
}

static void on_answer(struct writer *writer, bool failed, const struct error *err)
{
    struct bench *bench = writer->bench;
    int64_t now_us = clock_mono_us();

    if (failed) {
        fprintf(stderr, "%s\n", err->text);
        exit(1);
    }
    if (!writer->is_delete && bench->sample_count < SAMPLES_MOST)
        bench->samples[bench->sample_count++] = (uint32_t)(now_us - writer->began_us);
    writer->is_delete = bench->is_cycle && !writer->is_delete;
    bench->records += !writer->is_delete;
    if (now_us < bench->end_us)
        send_next(writer);
    else if (--bench->busy == 0)
        loop_stop(bench->home);
}

static void on_event_done(struct event_write *write, bool failed, const struct error *err)
{
    on_answer(container_of(write, struct writer, event), failed, err);
}

static void on_document_done(struct store_write *write, bool failed, const struct error *err)
{
    on_answer(container_of(write, struct writer, document), failed, err);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static uint64_t commits(const struct bench *bench)
{
    return bench->is_log ? event_store_counters(bench->events).commits
                         : store_counters(bench->documents).commits;
}

static void report(struct bench *bench, double seconds)
{
    size_t count = bench->sample_count;

    qsort(bench->samples, count, sizeof *bench->samples, compare);
    printf("%.0f records/s, %.0f commits/s, put to answer: %u us median, %u us p99\n",
           (double)bench->records / seconds, (double)commits(bench) / seconds,
           bench->samples[count / 2], bench->samples[count * 99 / 100]);
}

static void open_store(struct bench *bench, const char *folder)
{
    const struct event_store_options options = {.folder = folder, .max_bytes = INT64_C(1) << 40};
    struct error err;

    if (bench->is_log) {
        bench->events = event_store_open(&options, &err);
        if (bench->events)
            event_store_start(bench->events);
    } else {
        bench->documents = store_open(folder, &err);
    }
    if (!bench->events && !bench->documents) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

static void use_one_core(void)
{
    cpu_set_t core;

    CPU_ZERO(&core);
    CPU_SET(0, &core);
    if (sched_setaffinity(0, sizeof core, &core) < 0)
        fprintf(stderr, "not on one core: other cores are not allowed\n");
}

int main(int argc, char **argv)
{
    int64_t writers = 0, seconds = 0;

    if (argc != 6 || !text_to_int(text_of(argv[3]), 1, 100000, &writers) ||
        !text_to_int(text_of(argv[4]), 1, 3600, &seconds)) {
        fprintf(stderr, "usage: %s log|sqlite put|cycle WRITERS SECONDS FOLDER\n", argv[0]);
        return 2;
    }
    struct bench bench = {.is_log = strcmp(argv[1], "log") == 0,
                          .is_cycle = strcmp(argv[2], "cycle") == 0,
                          .busy = (int)writers};
    struct writer *all = mem_zalloc((size_t)writers * sizeof *all);

    use_one_core();
    memset(body, 'x', sizeof body);
    bench.samples = mem_alloc(SAMPLES_MOST * sizeof *bench.samples);
    bench.home = loop_new("home");
    open_store(&bench, argv[5]);
    int64_t start_us = clock_mono_us();
    bench.end_us = start_us + seconds * 1000000;
    for (int64_t i = 0; i < writers; i++) {
        all[i].bench = &bench;
        all[i].event = (struct event_write){
            .done = on_event_done, .loop = bench.home, .changes = &all[i].change, .count = 1};
        all[i].document = (struct store_write){.done = on_document_done, .loop = bench.home};
        send_next(&all[i]);
    }
    loop_run(bench.home);
    report(&bench, (double)(clock_mono_us() - start_us) / 1e6);
    event_store_close(bench.events);
    store_close(bench.documents);
    return 0;
}
