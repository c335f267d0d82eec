/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_store_priv.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"

/*
 * The writer is a loop of its own, as in sqlite.c: writes reach it by its mailbox, and a
 * deferred task commits all that came in one iteration with one write and one fdatasync.
 * While that waits for the disk the mailbox fills, so the busier the daemon, the more writes
 * share a commit, and no timer makes a lone write wait.
 */
#define BATCH_BYTES (4 << 20) /* a commit ends beyond it, so that nobody waits for all */
#define SEGMENT_BYTES_DEFAULT (32 << 20)

/* --- writing --- */

static struct event_record record_of(const struct event_change *change, int64_t now_ms)
{
    switch (change->action) {
    case EVENT_PUT:
        return (struct event_record){
            .action = EVENT_PUT,
            .id = change->id,
            .arrived_ms = now_ms,
            .due_ms = change->due_ms,
            .lane = change->lane,
            .note = change->note,
            .body = change->body,
        };
    case EVENT_SET:
        return (struct event_record){
            .action = EVENT_SET, .id = change->id, .due_ms = change->due_ms, .note = change->note};
    case EVENT_DELETE:
        break;
    }
    return (struct event_record){.action = EVENT_DELETE, .id = change->id};
}

static int check_change(const struct event_change *change, struct error *err)
{
    if (change->action == EVENT_PUT && change->lane.len > LANE_MAX)
        return error_set(err, ERROR_LIMIT, "a lane's name has more than %d bytes", LANE_MAX);
    if (change->action != EVENT_DELETE && change->note.len > EVENT_NOTE_MAX)
        return error_set(err, ERROR_LIMIT, "what is known about an event has more than %d bytes",
                         EVENT_NOTE_MAX);
    if (change->action == EVENT_PUT && change->body.len > EVENT_BODY_MAX)
        return error_set(err, ERROR_LIMIT, "an event has more than %d bytes", EVENT_BODY_MAX);
    return 0;
}

/* What a write asks for. */
struct demand {
    size_t frame_len;
    int64_t growth; /* of what lives, in bytes */
    bool is_put;
};

static void add_demand(const struct event_store *store, const struct event_change *change,
                       struct demand *demand)
{
    const struct event_record record = record_of(change, 0);
    const struct event_entry *entry = NULL;

    demand->frame_len += event_record_size(&record);
    demand->is_put |= change->action == EVENT_PUT;
    if (change->action == EVENT_PUT)
        demand->growth += (int64_t)(change->note.len + change->body.len);
    else
        entry = event_index_find(&store->index, change->id);
    if (entry && change->action == EVENT_SET)
        demand->growth += (int64_t)change->note.len - entry->note_len;
    if (entry && change->action == EVENT_DELETE)
        demand->growth -= (int64_t)entry->note_len + entry->body_len;
}

static int check_demand(const struct event_store *store, const struct demand *demand,
                        struct error *err)
{
    if (demand->frame_len > FRAME_MAX)
        return error_set(err, ERROR_LIMIT, "a write of events has more than %d bytes", FRAME_MAX);
    if (demand->is_put && demand->growth > 0 &&
        store->index.bytes + store->staged_growth + demand->growth > store->max_bytes)
        return error_set(err, ERROR_LIMIT, "the event store holds its %lld bytes already",
                         (long long)store->max_bytes);
    return 0;
}

static void encode(struct event_store *store, struct event_write *write)
{
    struct event_log *log = &store->log;

    event_frame_begin(&store->batch, event_log_stamp(log));
    for (size_t i = 0; i < write->count; i++) {
        struct event_change *change = &write->changes[i];
        if (change->action == EVENT_PUT)
            change->id = log->next_id++;
        const struct event_record record = record_of(change, store->now_ms);
        (void)event_frame_add(&store->batch, &record);
    }
    event_frame_end(&store->batch);
}

static void chain(struct event_store *store, struct event_write *write)
{
    write->next = NULL;
    *store->staged_end = write;
    store->staged_end = &write->next;
}

static void flush(struct event_store *store);

/* Adds a write to the batch, which goes to disk first when there is no room for both. */
static int stage(struct event_store *store, struct event_write *write, struct error *err)
{
    struct demand demand = {.frame_len = FRAME_HEAD + FRAME_ALIGN};

    for (size_t i = 0; i < write->count; i++) {
        if (check_change(&write->changes[i], err) < 0)
            return -1;
        add_demand(store, &write->changes[i], &demand);
    }
    if (check_demand(store, &demand, err) < 0)
        return -1;
    if (store->batch.len && (store->batch.len >= BATCH_BYTES ||
                             !event_log_has_room(&store->log, store->batch.len + demand.frame_len)))
        flush(store);
    if (event_log_make_room(&store->log, store->batch.len + demand.frame_len, demand.is_put, err) <
        0)
        return -1;
    encode(store, write);
    chain(store, write);
    if (demand.growth > 0)
        store->staged_growth += demand.growth;
    return 0;
}

/* --- what a write did --- */

static void apply_change(struct event_store *store, const struct event_change *change,
                         struct event_place *place)
{
    const struct event_record record = record_of(change, store->now_ms);

    place->len = (uint32_t)event_record_size(&record);
    bool done = event_log_apply(&store->log, &store->index, &record, place);
    place->at += place->len;
    if (change->action == EVENT_PUT) {
        if (store->is_started)
            event_outbox_deliver(&store->outbox, &record);
        store->counted.puts++;
    } else if (change->action == EVENT_DELETE && done) {
        store->counted.deletes++;
    }
}

static void apply_batch(struct event_store *store, struct event_place place)
{
    for (const struct event_write *write = store->staged; write; write = write->next) {
        uint32_t start = place.at;

        place.at += FRAME_HEAD;
        for (size_t i = 0; i < write->count; i++)
            apply_change(store, &write->changes[i], &place);
        uint32_t padding = (0 - (place.at - start)) % FRAME_ALIGN;
        place.at += padding;
    }
}

void event_store_count(struct event_store *store)
{
    atomic_store_explicit(&store->puts, store->counted.puts, memory_order_relaxed);
    atomic_store_explicit(&store->deletes, store->counted.deletes, memory_order_relaxed);
    atomic_store_explicit(&store->commits, store->counted.commits, memory_order_relaxed);
    atomic_store_explicit(&store->failures, store->counted.failures, memory_order_relaxed);
    atomic_store_explicit(&store->live_records, (int64_t)store->index.count, memory_order_relaxed);
    atomic_store_explicit(&store->live_bytes, store->index.bytes, memory_order_relaxed);
    atomic_store_explicit(&store->disk_bytes, event_log_disk_bytes(&store->log),
                          memory_order_relaxed);
}

static void answer(struct event_store *store, struct event_write *write, bool failed)
{
    write->failed = failed;
    store->counted.failures += failed;
    event_outbox_answer(&store->outbox, write);
}

static struct event_write *unstage(struct event_store *store)
{
    struct event_write *first = store->staged;

    event_batch_clear(&store->batch);
    store->staged = NULL;
    store->staged_end = &store->staged;
    store->staged_growth = 0;
    return first;
}

static int write_batch(struct event_store *store, struct error *err)
{
    struct event_place place = event_log_end(&store->log);

    if (event_log_write(&store->log, &store->batch, err) < 0)
        return -1;
    store->counted.commits++;
    apply_batch(store, place);
    return 0;
}

/* A write that the disk refuses must not take those with it that happened to come at the same
 * time: after a failure each is tried alone. */
static void write_alone(struct event_store *store, struct event_write *write)
{
    bool failed = stage(store, write, &write->error) < 0 || write_batch(store, &write->error) < 0;

    unstage(store);
    answer(store, write, failed);
}

static void flush(struct event_store *store)
{
    struct error err;

    if (store->batch.len == 0)
        return;
    bool failed = write_batch(store, &err) < 0;
    struct event_write *write = unstage(store);
    bool is_alone = write && !write->next;
    if (failed && is_alone)
        write->error = err;
    while (write) {
        struct event_write *next = write->next;
        if (failed && !is_alone)
            write_alone(store, write);
        else
            answer(store, write, failed);
        write = next;
    }
    event_store_count(store);
    event_outbox_send(&store->outbox);
}

static void on_commit(struct loop_task *task)
{
    struct event_store *store = container_of(task, struct event_store, commit);
    struct event_write *write = store->pending;

    store->pending = NULL;
    store->pending_end = &store->pending;
    store->now_ms = clock_now_ms();
    while (write) {
        struct event_write *next = write->next;
        if (stage(store, write, &write->error) < 0)
            answer(store, write, /* failed= */ true);
        write = next;
    }
    flush(store);
    event_log_drop(&store->log);
    event_compact_check(store);
    event_store_count(store);
    event_outbox_send(&store->outbox);
}

static void on_write(struct loop_message *message)
{
    struct event_write *write = container_of(message, struct event_write, message);
    struct event_store *store = write->store;

    write->next = NULL;
    *store->pending_end = write;
    store->pending_end = &write->next;
    loop_defer(store->writer, &store->commit);
}

void event_store_write(struct event_store *store, struct event_write *write)
{
    assert(write->count > 0 && write->loop && write->done);
    write->store = store;
    write->message.run = on_write;
    loop_post(store->writer, &write->message);
}

/* --- reading --- */

static int read_body(const struct event_store *store, struct event_read *read, struct error *err)
{
    const struct event_entry *entry = event_index_find(&store->index, read->id);
    scoped(buffer_done) struct buffer head = {0};
    struct event_body body;

    if (!entry)
        return error_set(err, ERROR_NOT_FOUND, "the event is gone");
    const struct event_place *put = &entry->put;
    if (event_log_read(&store->log, put->segment, put->at, RECORD_HEAD_LONG, &head, err) < 0)
        return -1;
    if (!event_body_find(buffer_text(&head), &body) || body.id != read->id ||
        body.len != entry->body_len || body.at + body.len != put->len)
        return error_set(err, ERROR_SYSTEM, "file %u of '%s' is damaged at byte %u", put->segment,
                         store->log.path, put->at);
    if (event_log_read(&store->log, put->segment, put->at + (uint32_t)body.at, body.len,
                       &read->body, err) < 0)
        return -1;
    if (!event_body_is_sound(&body, buffer_text(&read->body)))
        return error_set(err, ERROR_SYSTEM, "file %u of '%s' is damaged at byte %zu", put->segment,
                         store->log.path, put->at + body.at);
    return 0;
}

static void on_read_done(struct loop_message *message)
{
    struct event_read *read = container_of(message, struct event_read, message);

    read->done(read, read->failed, &read->error);
}

static void on_read(struct loop_message *message)
{
    struct event_read *read = container_of(message, struct event_read, message);

    read->failed = read_body(read->store, read, &read->error) < 0;
    if (read->failed)
        buffer_done(&read->body);
    read->message.run = on_read_done;
    loop_post(read->loop, &read->message);
}

void event_store_read(struct event_store *store, struct event_read *read)
{
    read->store = store;
    read->body = (struct buffer){0};
    read->message.run = on_read;
    loop_post(store->writer, &read->message);
}

/* --- opening --- */

static void visit(void *arg, const struct event_record *record, const struct event_place *place)
{
    struct event_store *store = arg;

    (void)event_log_apply(&store->log, &store->index, record, place);
}

static void release(struct event_store *store)
{
    event_compact_done(&store->compaction);
    if (store->writer)
        loop_free(store->writer);
    event_outbox_done(&store->outbox);
    event_batch_done(&store->batch);
    event_index_done(&store->index);
    event_log_close(&store->log);
    free(store);
}

static inline void release_scoped(struct event_store **store)
{
    if (*store)
        release(*store);
}

struct event_store *event_store_open(const struct event_store_options *options, struct error *err)
{
    scoped(release) struct event_store *store = mem_new(struct event_store);
    scoped(free) char *path = path_join(options->folder, "events");
    int64_t segment_bytes = options->segment_bytes ? options->segment_bytes : SEGMENT_BYTES_DEFAULT;

    store->max_bytes = options->max_bytes;
    store->pending_end = &store->pending;
    store->staged_end = &store->staged;
    store->commit.run = on_commit;
    if (event_log_open(&store->log, path, (uint32_t)segment_bytes, visit, store, err) < 0)
        return NULL;
    event_store_count(store);
    store->writer = loop_new("events");
    if (loop_start(store->writer, err) < 0)
        return NULL;
    return take(store);
}

void event_store_close(struct event_store *store)
{
    if (!store)
        return;
    loop_stop(store->writer);
    loop_join(store->writer);
    release(store);
}

struct event_counters event_store_counters(const struct event_store *store)
{
    return (struct event_counters){
        .puts = atomic_load_explicit(&store->puts, memory_order_relaxed),
        .deletes = atomic_load_explicit(&store->deletes, memory_order_relaxed),
        .commits = atomic_load_explicit(&store->commits, memory_order_relaxed),
        .failures = atomic_load_explicit(&store->failures, memory_order_relaxed),
        .live_records = atomic_load_explicit(&store->live_records, memory_order_relaxed),
        .live_bytes = atomic_load_explicit(&store->live_bytes, memory_order_relaxed),
        .disk_bytes = atomic_load_explicit(&store->disk_bytes, memory_order_relaxed),
    };
}
