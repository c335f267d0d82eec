/* SPDX-License-Identifier: Apache-2.0 */
#include "source/timer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/note.h"
#include "model/zone.h"
#include "source/due_heap.h"

/*
 * An entry fires once for each time it is due. How far it has come, its cursor, is a record of
 * the event store, in a lane of the entry's own, and it moves in the same all-or-nothing write
 * that puts what is fired into the lanes of its targets. So there is no moment at which one is
 * on disk without the other, and a restart finds exactly what has not fired yet. A cursor in
 * SQLite, beside the schedule, was refused: two stores do not commit together, and either
 * order loses or doubles what a crash falls between.
 *
 * A cursor says of which generation of the entry it speaks; a schedule that was deleted and made
 * again, or changed to other times, begins anew. An entry that never fired has no cursor.
 *
 * The next time is reckoned from the schedule and the cursor, never from when it fired, so
 * nothing drifts. Due times are those of the wall clock, which may jump: that is looked at
 * again every CHECK_MS, and whenever an entry's time has come.
 *
 * After a start the cursors come from the event store. A write of nothing, made behind them,
 * is answered when all have come; before that nothing fires.
 */

#define CHECK_MS 60000
#define RETRY_MS 1000 /* until what could not be stored is tried again */
#define BATCH 256     /* entries that fire before others have the loop */

struct cursor {
    uint64_t record; /* 0: there is none */
    int64_t last_ms;
    bool counts; /* it is of this generation */
};

struct timer_entry {
    struct due_node node;
    struct timer *timer;
    struct timer_owner *owner;
    struct timer_spec spec; /* generation unused */
    char generation[UUID_LEN + 1];
    struct cursor cursor;
    int64_t due_ms;        /* while in the heap */
    int64_t not_before_ms; /* after a failure */
    bool is_firing, is_gone;
    size_t key_len;
    char key[];
};

struct timer {
    struct timer_options options;
    struct event_receiver receiver;
    struct map entries, zones;
    struct due_heap heap;
    struct loop_timer wake;
    struct list firings;
    bool is_running, is_stopped, is_failing;
    uint64_t fired;
    struct event_write barrier; /* answered when all cursors of before are here */
    struct event_change nothing;
};

static struct text entry_key(const struct timer_entry *entry)
{
    return text_from(entry->key, entry->key_len);
}

static int64_t now_ms(const struct timer *timer)
{
    return timer->options.now_ms ? timer->options.now_ms() : clock_now_ms();
}

/* --- writes nobody waits for --- */

struct behind {
    struct event_write write;
    struct event_change change;
};

/* What is not gone is found, and tried again, at the next start. */
static void on_deleted(struct event_write *write, bool failed, const struct error *err)
{
    if (failed)
        log_warn("a schedule's old cursor stays", LOG_ERROR(err));
    free(container_of(write, struct behind, write));
}

static void delete_record(struct timer *timer, uint64_t record)
{
    struct behind *behind = mem_new(struct behind);

    behind->change = (struct event_change){.action = EVENT_DELETE, .id = record};
    behind->write = (struct event_write){
        .done = on_deleted, .loop = timer->options.control, .changes = &behind->change, .count = 1};
    event_store_write(timer->options.events, &behind->write);
}

/* --- when it is due --- */

/* What was due until then is done with. */
static int64_t done_until(const struct timer_entry *entry, int64_t now)
{
    int64_t until = entry->spec.from_ms, oldest = now - entry->spec.max_age_ms - 1;

    if (entry->cursor.counts && entry->cursor.last_ms > until)
        until = entry->cursor.last_ms;
    return until > oldest ? until : oldest;
}

static void set_execution_id(const struct timer_entry *entry, int64_t due_ms,
                             char out[static 2 * SHA256_LEN + 1])
{
    scoped(buffer_done) struct buffer all = {0};
    uint8_t digest[SHA256_LEN];

    buffer_add_format(&all, "%.*s %s %lld", TEXT_ARG(entry_key(entry)), entry->generation,
                      (long long)due_ms);
    crypto_sha256(buffer_text(&all), digest);
    crypto_hex(digest, sizeof digest, out);
}

/* Where in its window it fires: chance, but the same chance after a restart. */
static int64_t window_offset(const struct timer_entry *entry)
{
    const struct timer_spec *spec = &entry->spec;
    int64_t window_ms = spec->window_ms, number;
    char id[2 * SHA256_LEN + 1];

    if (window_ms == 0)
        return 0;
    int64_t next_ms = schedule_next(&spec->schedule, &spec->frame, entry->due_ms);
    if (next_ms >= 0 && next_ms - entry->due_ms < window_ms)
        window_ms = next_ms - entry->due_ms;
    set_execution_id(entry, entry->due_ms, id);
    number = (int64_t)strtoull(id + 2 * SHA256_LEN - 12, NULL, 16);
    return number % window_ms;
}

/* Puts it where it belongs in the heap. False: it is not due any more. */
static bool plan(struct timer_entry *entry, int64_t now)
{
    const struct timer_spec *spec = &entry->spec;
    struct timer *timer = entry->timer;

    due_heap_remove(&timer->heap, &entry->node);
    if (!timer->is_running || entry->is_firing || !spec->is_enabled)
        return true;
    int64_t until = done_until(entry, now);
    entry->due_ms = schedule_last(&spec->schedule, &spec->frame, until, now);
    if (entry->due_ms < 0)
        entry->due_ms = schedule_next(&spec->schedule, &spec->frame, until);
    if (entry->due_ms < 0)
        return false;
    int64_t at_ms = entry->due_ms + window_offset(entry);
    due_heap_put(&timer->heap, &entry->node,
                 at_ms > entry->not_before_ms ? at_ms : entry->not_before_ms);
    return true;
}

static void arm(struct timer *timer, int64_t now)
{
    const struct due_node *first = due_heap_first(&timer->heap);

    if (!first) {
        loop_timer_clear(&timer->wake);
        return;
    }
    int64_t wait_ms = first->at_ms - now;
    if (wait_ms > CHECK_MS)
        wait_ms = CHECK_MS;
    loop_timer_set(timer->options.control, &timer->wake, wait_ms > 0 ? wait_ms : 0);
}

static void plan_and_arm(struct timer_entry *entry)
{
    struct timer *timer = entry->timer;
    int64_t now = now_ms(timer);
    bool is_due = plan(entry, now);

    arm(timer, now);
    if (!is_due && entry->cursor.counts)
        entry->owner->completed(entry->owner, entry_key(entry));
}

/* --- firing --- */

static void fire(struct timer_entry *entry)
{
    struct timer_firing *firing = mem_new(struct timer_firing);
    char id[2 * SHA256_LEN + 1];

    due_heap_remove(&entry->timer->heap, &entry->node);
    entry->is_firing = true;
    firing->entry = entry;
    firing->due_ms = entry->due_ms;
    set_execution_id(entry, entry->due_ms, id);
    memcpy(firing->execution_id, id, TIMER_EXECUTION_LEN);
    memcpy(firing->generation, entry->generation, sizeof firing->generation);
    list_push(&entry->timer->firings, &firing->link);
    entry->owner->fire(entry->owner, entry_key(entry), firing);
}

static void on_wake(struct loop_timer *wake)
{
    struct timer *timer = container_of(wake, struct timer, wake);
    int64_t now = now_ms(timer);

    for (int i = 0; i < BATCH; i++) {
        struct due_node *first = due_heap_first(&timer->heap);
        if (!first || first->at_ms > now)
            break;
        struct timer_entry *entry = container_of(first, struct timer_entry, node);
        /* Again, for the clock may have jumped over more than one of its times. */
        if (plan(entry, now) && entry->node.at_ms <= now)
            fire(entry);
    }
    arm(timer, now);
}

static void free_firing(struct timer_firing *firing)
{
    list_remove(&firing->link);
    arena_done(&firing->arena);
    free(firing->changes);
    free(firing);
}

struct event_change *timer_change(struct timer_firing *firing)
{
    if (firing->count == firing->capacity) {
        firing->capacity = firing->capacity ? 2 * firing->capacity : 4;
        firing->changes =
            mem_realloc(firing->changes, firing->capacity * sizeof(struct event_change));
    }
    struct event_change *change = &firing->changes[firing->count++];
    *change = (struct event_change){0};
    return change;
}

/* The entry was removed while it fired. */
static void bury(struct timer_entry *entry)
{
    if (entry->cursor.record)
        delete_record(entry->timer, entry->cursor.record);
    free(entry);
}

static void count_failure(struct timer *timer, bool failed, const struct error *err)
{
    if (failed && !timer->is_failing)
        log_error("schedules wait: what they start cannot be stored", LOG_ERROR(err));
    if (!failed && timer->is_failing)
        log_info("schedules go on");
    timer->is_failing = failed;
}

static void move_cursor(struct timer_entry *entry, const struct timer_firing *firing)
{
    struct cursor *cursor = &entry->cursor;

    cursor->record = firing->changes[firing->count - 1].id; /* add_cursor() */
    cursor->last_ms = firing->due_ms;
    cursor->counts = strcmp(firing->generation, entry->generation) == 0;
    entry->timer->fired++;
}

static void on_written(struct event_write *write, bool failed, const struct error *err)
{
    struct timer_firing *firing = container_of(write, struct timer_firing, write);
    struct timer_entry *entry = firing->entry;

    count_failure(entry->timer, failed, err);
    if (failed)
        entry->not_before_ms = now_ms(entry->timer) + RETRY_MS;
    else
        move_cursor(entry, firing);
    free_firing(firing);
    entry->is_firing = false;
    if (entry->is_gone)
        bury(entry);
    else
        plan_and_arm(entry);
}

static void add_cursor(struct timer_firing *firing)
{
    const struct timer_entry *entry = firing->entry;
    const struct note note = {.request_id = text_of(firing->generation)};
    struct buffer json = {0};

    note_format(&note, &json);
    *timer_change(firing) = (struct event_change){
        .action = entry->cursor.record ? EVENT_SET : EVENT_PUT,
        .id = entry->cursor.record,
        .lane = text_of(
            arena_format(&firing->arena, LANE_SCHEDULE "/%.*s", TEXT_ARG(entry_key(entry)))),
        .due_ms = firing->due_ms,
        .note = arena_copy(&firing->arena, buffer_text(&json)),
    };
    buffer_done(&json);
}

void timer_write(struct timer_firing *firing)
{
    struct timer_entry *entry = firing->entry;

    if (entry->is_gone) {
        free_firing(firing);
        bury(entry);
        return;
    }
    add_cursor(firing);
    firing->write = (struct event_write){.done = on_written,
                                         .loop = entry->timer->options.control,
                                         .changes = firing->changes,
                                         .count = firing->count};
    event_store_write(entry->timer->options.events, &firing->write);
}

/* --- entries --- */

static struct timer_entry *add_entry(struct timer *timer, struct text key)
{
    struct timer_entry *entry = mem_zalloc(sizeof *entry + key.len);

    assert(key.len <= TIMER_KEY_MAX);
    entry->timer = timer;
    entry->key_len = key.len;
    memcpy(entry->key, key.at, key.len);
    map_put(&timer->entries, key, entry);
    return entry;
}

void timer_set(struct timer *timer, struct timer_owner *owner, struct text key,
               const struct timer_spec *spec)
{
    struct timer_entry *entry = map_find(&timer->entries, key);
    int64_t now = now_ms(timer);

    if (!entry)
        entry = add_entry(timer, key);
    if (!text_equal(text_of(entry->generation), spec->generation))
        entry->cursor.counts = false;
    assert(spec->generation.len < sizeof entry->generation);
    memset(entry->generation, 0, sizeof entry->generation);
    memcpy(entry->generation, spec->generation.at, spec->generation.len);
    entry->owner = owner;
    entry->spec = *spec;
    (void)plan(entry, now);
    arm(timer, now);
}

void timer_remove(struct timer *timer, struct text key)
{
    struct timer_entry *entry = map_remove(&timer->entries, key);

    if (!entry)
        return;
    due_heap_remove(&timer->heap, &entry->node);
    entry->is_gone = true;
    if (!entry->is_firing)
        bury(entry);
    arm(timer, now_ms(timer));
}

const struct zone *timer_zone(struct timer *timer, struct text name, struct error *err)
{
    struct zone *zone = map_find(&timer->zones, name);

    if (!zone) {
        zone = zone_load(name, err);
        if (zone)
            map_put(&timer->zones, name, zone);
    }
    return zone;
}

/* --- after a start --- */

static void run(struct timer *timer)
{
    struct map_cursor at = {0};
    int64_t now = now_ms(timer);

    timer->is_running = true;
    while (map_next(&timer->entries, &at)) {
        struct timer_entry *entry = at.value;
        if (!plan(entry, now) && entry->cursor.counts)
            entry->owner->completed(entry->owner, entry_key(entry));
    }
    arm(timer, now);
}

/* A cursor of before the start. What speaks of no entry, or of one that is another by now,
 * is not needed any more. */
static void take_cursor(struct timer *timer, const struct event *event, struct text key,
                        const struct note *note)
{
    struct timer_entry *entry = map_find(&timer->entries, key);

    if (!entry || entry->cursor.record ||
        !text_equal(note->request_id, text_of(entry->generation))) {
        delete_record(timer, event->id);
        return;
    }
    entry->cursor = (struct cursor){.record = event->id, .last_ms = event->due_ms, .counts = true};
}

static void take_event(struct timer *timer, const struct event *event)
{
    scoped(arena_done) struct arena arena = {0};
    struct text key = text_skip(text_of(event->lane), sizeof LANE_SCHEDULE);
    struct note note;
    struct error err;

    if (timer->is_running || timer->is_stopped)
        return; /* what is put while we run is known when it is written */
    if (note_parse(buffer_text(&event->note), &arena, &note, &err) < 0) {
        log_error("a schedule's cursor cannot be read", LOG_ERROR(&err));
        return;
    }
    take_cursor(timer, event, key, &note);
}

static void on_arrived(struct event_receiver *receiver, struct list *events)
{
    struct timer *timer = container_of(receiver, struct timer, receiver);
    struct list *node;

    while ((node = list_pop(events))) {
        struct event *event = container_of(node, struct event, link);
        take_event(timer, event);
        event_free(event);
    }
}

static void on_retry_barrier(struct loop_timer *wake)
{
    struct timer *timer = container_of(wake, struct timer, wake);

    timer->wake.fire = on_wake;
    timer_start(timer);
}

static void on_barrier(struct event_write *barrier, bool failed, const struct error *err)
{
    struct timer *timer = container_of(barrier, struct timer, barrier);

    if (timer->is_stopped)
        return;
    count_failure(timer, failed, err);
    if (failed) {
        timer->wake.fire = on_retry_barrier;
        loop_timer_set(timer->options.control, &timer->wake, RETRY_MS);
        return;
    }
    run(timer);
}

/* The store tells what was left before it answers what is written after that: so a write of
 * nothing is answered when all of it is here. */
void timer_start(struct timer *timer)
{
    timer->nothing = (struct event_change){.action = EVENT_DELETE};
    timer->barrier = (struct event_write){
        .done = on_barrier, .loop = timer->options.control, .changes = &timer->nothing, .count = 1};
    event_store_write(timer->options.events, &timer->barrier);
}

/* --- life --- */

static struct loop *home(struct event_receiver *receiver, struct text lane)
{
    return container_of(receiver, struct timer, receiver)->options.control;
}

struct timer *timer_new(const struct timer_options *options)
{
    struct timer *timer = mem_new(struct timer);

    timer->options = *options;
    timer->receiver =
        (struct event_receiver){.kind = LANE_SCHEDULE, .home = home, .arrived = on_arrived};
    timer->wake.fire = on_wake;
    list_init(&timer->firings);
    event_store_subscribe(options->events, &timer->receiver);
    return timer;
}

void timer_stop(struct timer *timer)
{
    timer->is_stopped = true;
    timer->is_running = false;
    loop_timer_clear(&timer->wake);
    while (timer->heap.count > 0)
        due_heap_remove(&timer->heap, due_heap_first(&timer->heap));
}

void timer_free(struct timer *timer)
{
    struct map_cursor at = {0};

    if (!timer)
        return;
    list_each (node, &timer->firings) {
        struct timer_firing *firing = container_of(node, struct timer_firing, link);
        if (firing->entry->is_gone)
            free(firing->entry);
        free_firing(firing);
    }
    while (map_next(&timer->entries, &at))
        free(at.value);
    at = (struct map_cursor){0};
    while (map_next(&timer->zones, &at))
        zone_free(at.value);
    map_done(&timer->entries);
    map_done(&timer->zones);
    due_heap_done(&timer->heap);
    free(timer);
}

size_t timer_count(const struct timer *timer)
{
    return timer->entries.count;
}

uint64_t timer_fired(const struct timer *timer)
{
    return timer->fired;
}
