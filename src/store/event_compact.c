/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_store_priv.h"

#include "base/log.h"
#include "base/mem.h"

/*
 * When more of the log is dead than lives, what lives in the oldest segment is copied to the
 * end, and the segment goes. The oldest only: a younger one may hold DELETEs that older ones
 * still need. So the log is at most twice what lives and a few segments, and each living byte is
 * copied once, on average, for each byte that dies.
 *
 * It goes in steps between commits, one in each turn of the loop, so that no write waits longer
 * for it than a commit of STEP_BYTES takes.
 */
#define STEP_BYTES (1 << 20)
#define RETRY_MS 10000

/* A copy that is on its way to disk. */
struct event_move {
    struct event_record record;
    struct event_place place; /* from the start of the batch */
};

static bool is_wanted(const struct event_log *log)
{
    return log->count > 1 && log->used - log->live > log->live + 2 * (uint64_t)log->segment_bytes;
}

static void forget_moves(struct event_compaction *compaction)
{
    compaction->move_count = 0;
    event_batch_clear(&compaction->batch);
    arena_reset(&compaction->arena);
}

/* Writes what was collected and lets the index point to it. */
static int finish_moves(struct event_store *store, struct error *err)
{
    struct event_compaction *compaction = &store->compaction;
    struct event_place end = event_log_end(&store->log);
    int result = 0;

    if (compaction->batch.len)
        result = event_log_write(&store->log, &compaction->batch, err);
    for (size_t i = 0; result == 0 && i < compaction->move_count; i++) {
        struct event_move *move = &compaction->moves[i];
        move->place.segment = end.segment;
        move->place.at += end.at;
        (void)event_log_apply(&store->log, &store->index, &move->record, &move->place);
    }
    forget_moves(compaction);
    return result;
}

static int make_room(struct event_store *store, size_t len, struct error *err)
{
    size_t before = store->compaction.batch.len;

    if (before && before + len <= STEP_BYTES && event_log_has_room(&store->log, before + len))
        return 0;
    if (finish_moves(store, err) < 0)
        return -1;
    return event_log_make_room(&store->log, len, /* is_put= */ true, err);
}

static void add_move(struct event_store *store, const struct event_record *record)
{
    struct event_compaction *compaction = &store->compaction;
    size_t len = event_record_size(record);

    if (compaction->move_count == compaction->move_capacity) {
        compaction->move_capacity = compaction->move_capacity * 2 + 64;
        compaction->moves =
            mem_realloc(compaction->moves, compaction->move_capacity * sizeof *compaction->moves);
    }
    event_frame_begin(&compaction->batch, event_log_stamp(&store->log));
    size_t at = event_frame_add(&compaction->batch, record);
    event_frame_end(&compaction->batch);
    compaction->moves[compaction->move_count++] =
        (struct event_move){.record = *record, .place = {.at = (uint32_t)at, .len = (uint32_t)len}};
}

/* A PUT takes the last SET along, which is dead from then on; so no SET is ever copied. */
static int take_set(struct event_store *store, struct event_record *record, struct error *err)
{
    const struct event_entry *entry = event_index_find(&store->index, record->id);
    scoped(buffer_done) struct buffer bytes = {0};
    struct event_record set;

    if (entry->set.len == 0)
        return 0;
    if (event_store_read_set(store, entry, &bytes, &set, err) < 0)
        return -1;
    record->due_ms = set.due_ms;
    record->note = arena_copy(&store->compaction.arena, set.note);
    return 0;
}

static int move_record(struct event_store *store, struct event_record *record, uint32_t at,
                       struct error *err)
{
    const struct event_entry *entry = event_index_find(&store->index, record->id);

    if (record->action != EVENT_PUT || !entry || entry->put.at != at ||
        entry->put.segment != store->compaction.segment)
        return 0;
    size_t len = FRAME_HEAD + FRAME_ALIGN + event_record_size(record) + entry->note_len;
    if (make_room(store, len, err) < 0 || take_set(store, record, err) < 0)
        return -1;
    add_move(store, record);
    return 0;
}

static int move_frame(struct event_store *store, struct event_frame *frame, uint32_t frame_at,
                      struct error *err)
{
    struct event_record record;
    size_t at;

    while (event_frame_next(frame, &record, &at))
        if (move_record(store, &record, frame_at + (uint32_t)at, err) < 0)
            return -1;
    return 0;
}

/* The next frames of the segment: as many as a step takes, at least one. */
static int read_window(struct event_store *store, uint32_t left, struct error *err)
{
    struct event_compaction *compaction = &store->compaction;
    struct buffer *window = &compaction->window;
    size_t len = left < STEP_BYTES ? left : STEP_BYTES;

    buffer_clear(window);
    if (event_log_read(&store->log, compaction->segment, compaction->at, len, window, err) < 0)
        return -1;
    size_t first = event_frame_len(buffer_text(window), store->log.segments[0].salt);
    if (first <= len || first > left)
        return 0;
    return event_log_read(&store->log, compaction->segment, compaction->at + (uint32_t)len,
                          first - len, window, err);
}

static int move_window(struct event_store *store, struct error *err)
{
    struct event_compaction *compaction = &store->compaction;
    struct text rest = buffer_text(&compaction->window);
    struct event_frame frame;
    uint32_t at = compaction->at;

    for (; event_frame_parse(rest, store->log.segments[0].salt, &frame);
         rest = text_skip(rest, frame.bytes.len)) {
        if (move_frame(store, &frame, at, err) < 0)
            return -1;
        at += (uint32_t)frame.bytes.len;
    }
    if (at == compaction->at)
        return error_set(err, ERROR_SYSTEM, "file %u of '%s' is damaged at byte %u",
                         compaction->segment, store->log.path, at);
    if (finish_moves(store, err) < 0)
        return -1;
    compaction->at = at;
    return 0;
}

/* One step; *ret_done: the segment at hand is through. */
static int step(struct event_store *store, bool *ret_done, struct error *err)
{
    struct event_compaction *compaction = &store->compaction;
    const struct event_segment *first = &store->log.segments[0];

    if (compaction->segment != first->number) {
        compaction->segment = first->number;
        compaction->at = SEGMENT_HEAD;
    }
    if (compaction->at < first->used &&
        (read_window(store, first->used - compaction->at, err) < 0 || move_window(store, err) < 0))
        return -1;
    *ret_done = compaction->at >= first->used;
    return 0;
}

static void on_step(struct loop_timer *timer)
{
    struct event_store *store = container_of(timer, struct event_store, compaction.timer);
    struct error err;
    bool done = false;

    if (!is_wanted(&store->log) && store->compaction.segment != store->log.segments[0].number)
        return;
    if (step(store, &done, &err) < 0) {
        forget_moves(&store->compaction);
        log_warn("old events cannot be moved", LOG_ERROR(&err));
        loop_timer_set(store->writer, timer, RETRY_MS);
        return;
    }
    if (done)
        event_log_drop(&store->log);
    event_store_count(store);
    if (!done || is_wanted(&store->log))
        loop_timer_set(store->writer, timer, 0);
}

void event_compact_check(struct event_store *store)
{
    struct event_compaction *compaction = &store->compaction;

    if (loop_timer_is_set(&compaction->timer) || !is_wanted(&store->log))
        return;
    compaction->timer.fire = on_step;
    loop_timer_set(store->writer, &compaction->timer, 0);
}

void event_compact_done(struct event_compaction *compaction)
{
    loop_timer_clear(&compaction->timer);
    event_batch_done(&compaction->batch);
    buffer_done(&compaction->window);
    arena_done(&compaction->arena);
    free(compaction->moves);
}
