/* SPDX-License-Identifier: Apache-2.0 */
#include "router/archive.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/note.h"
#include "router/buses.h"
#include "store/event_store.h"

#define SIZE_OF_TIME 20       /* bytes AWS counts for each event beside its texts */
#define EXPIRE_MS (60 * 1000) /* between looks for what is too old */
#define DELETE_MS 1000        /* until a deleted archive's events are looked for */
#define DAY_MS (24 * 3600 * 1000ll)
#define DELETE_MAX 256 /* records in one write */
#define MINUTE_MS (60 * 1000)

struct record {
    struct list link; /* of its archive, in order of arrival */
    uint64_t id;
    int64_t time_ms, arrived_ms, size;
};

struct archive {
    struct list records;
    int64_t count, bytes;
};

struct archives {
    struct buses *buses;
    struct event_store *events;
    struct loop *control;
    struct event_receiver receiver;
    struct buses_watch watch;
    struct map by_lane; /* struct archive */
    struct loop_timer expire;
};

/* --- names --- */

char *archive_lane(struct text key, const json_t *document)
{
    return mem_format(LANE_ARCHIVE "/%.*s/%lld", TEXT_ARG(key),
                      (long long)json_int(document, "CreationTime", 0));
}

/* --- arrival --- */

static struct archive *archive_of(struct archives *archives, struct text lane)
{
    struct archive *archive = map_find(&archives->by_lane, lane);

    if (archive)
        return archive;
    archive = mem_new(struct archive);
    list_init(&archive->records);
    (void)map_put(&archives->by_lane, lane, archive);
    return archive;
}

static void add_record(struct archives *archives, const struct event *event)
{
    struct archive *archive = archive_of(archives, text_of(event->lane));
    struct record *record = mem_new(struct record);
    scoped(arena_done) struct arena arena = {0};
    struct note note = {0};
    struct error err;

    record->id = event->id;
    record->arrived_ms = event->arrived_ms;
    record->time_ms = event->arrived_ms;
    record->size = SIZE_OF_TIME;
    if (note_parse(buffer_text(&event->note), &arena, &note, &err) == 0) {
        int64_t size = 0;
        record->time_ms = note.first_ms;
        (void)text_to_int(note.extra, 0, INT32_MAX, &size);
        record->size += size;
    }
    list_push(&archive->records, &record->link);
    archive->count++;
    archive->bytes += record->size;
}

static void on_arrived(struct event_receiver *receiver, struct list *events)
{
    struct archives *archives = container_of(receiver, struct archives, receiver);
    struct list *node;

    while ((node = list_pop(events))) {
        struct event *event = container_of(node, struct event, link);
        add_record(archives, event);
        event_free(event);
    }
    if (!loop_timer_is_set(&archives->expire))
        loop_timer_set(archives->control, &archives->expire, EXPIRE_MS);
}

static struct loop *home(struct event_receiver *receiver, struct text lane)
{
    return container_of(receiver, struct archives, receiver)->control;
}

/* --- deleting --- */

struct deletion {
    struct event_write write;
    size_t count;
    struct event_change changes[DELETE_MAX];
};

/* What could not be deleted is deleted when it is told again, after the next start. */
static void on_deleted(struct event_write *write, bool failed, const struct error *err)
{
    if (failed)
        log_warn("archived events could not be deleted", LOG_ERROR(err));
    free(container_of(write, struct deletion, write));
}

static void begin_deletion(struct archives *archives, struct deletion *deletion)
{
    deletion->write = (struct event_write){
        .done = on_deleted,
        .loop = archives->control,
        .changes = deletion->changes,
        .count = deletion->count,
    };
    event_store_write(archives->events, &deletion->write);
}

/* Those that arrived before. */
static void delete_before(struct archives *archives, struct archive *archive, int64_t before_ms)
{
    struct deletion *deletion = NULL;

    list_each (node, &archive->records) {
        struct record *record = container_of(node, struct record, link);
        if (record->arrived_ms >= before_ms)
            break;
        if (!deletion)
            deletion = mem_new(struct deletion);
        deletion->changes[deletion->count++] =
            (struct event_change){.action = EVENT_DELETE, .id = record->id};
        archive->count--;
        archive->bytes -= record->size;
        list_remove(&record->link);
        free(record);
        if (deletion->count == DELETE_MAX)
            begin_deletion(archives, take(deletion));
    }
    if (deletion)
        begin_deletion(archives, deletion);
}

/* "archive/ACCOUNT/REGION/NAME/TIME" without kind and time. */
static struct text key_of_lane(struct text lane)
{
    struct text key = text_skip(lane, sizeof LANE_ARCHIVE);
    size_t len = key.len;

    while (len > 0 && key.at[len - 1] != '/')
        len--;
    return text_slice(key, 0, len > 0 ? len - 1 : 0);
}

/* The archive a lane belongs to; NULL: it was deleted. */
static const json_t *document_of_lane(const struct archives *archives, struct text lane)
{
    struct text key = key_of_lane(lane);
    const json_t *document = registry_find(buses_registry(archives->buses, BUSES_ARCHIVE), key);
    scoped(free) char *now = document ? archive_lane(key, document) : NULL;

    return document && text_equal(text_of(now), lane) ? document : NULL;
}

static void free_archive(struct archive *archive)
{
    struct list *node;

    while ((node = list_pop(&archive->records)))
        free(container_of(node, struct record, link));
    free(archive);
}

static void expire_all(struct archives *archives)
{
    struct map_cursor cursor = {0};
    int64_t now_ms = clock_now_ms();

    while (map_next(&archives->by_lane, &cursor)) {
        struct archive *archive = cursor.value;
        const json_t *document = document_of_lane(archives, cursor.key);
        int64_t days = document ? json_int(document, "RetentionDays", 0) : 0;

        if (document && days > 0)
            delete_before(archives, archive, now_ms - days * DAY_MS);
        if (document)
            continue;
        delete_before(archives, archive, INT64_MAX);
        free_archive(map_remove(&archives->by_lane, cursor.key));
    }
}

static void on_expire(struct loop_timer *timer)
{
    struct archives *archives = container_of(timer, struct archives, expire);

    expire_all(archives);
    loop_timer_set(archives->control, timer, EXPIRE_MS);
}

/* A deleted archive's events go soon: late ones are on their way from other shards. */
static void on_changed(struct buses_watch *watch, struct text key, const json_t *document)
{
    struct archives *archives = container_of(watch, struct archives, watch);

    if (!document)
        loop_timer_set(archives->control, &archives->expire, DELETE_MS);
}

/* --- reading --- */

static const struct archive *find_archive(const struct archives *archives, struct text key,
                                          const json_t *document)
{
    scoped(free) char *lane = archive_lane(key, document);

    return map_find(&archives->by_lane, text_of(lane));
}

struct archive_counts archive_counts(const struct archives *archives, struct text key,
                                     const json_t *document)
{
    const struct archive *archive = find_archive(archives, key, document);

    return archive ? (struct archive_counts){archive->count, archive->bytes}
                   : (struct archive_counts){0, 0};
}

static int by_minute(const void *a, const void *b)
{
    const struct archived *one = a, *other = b;
    int64_t minutes = one->time_ms / MINUTE_MS - other->time_ms / MINUTE_MS;

    if (minutes != 0)
        return minutes < 0 ? -1 : 1;
    return one->id < other->id ? -1 : one->id > other->id;
}

struct archived *archive_list(const struct archives *archives, struct text key,
                              const json_t *document, int64_t from_ms, int64_t to_ms,
                              size_t *ret_count)
{
    const struct archive *archive = find_archive(archives, key, document);
    struct archived *list = mem_zalloc(((size_t)(archive ? archive->count : 0) + 1) * sizeof *list);
    size_t count = 0;

    if (archive) {
        list_each (node, &archive->records) {
            const struct record *record = container_of(node, struct record, link);
            if (record->time_ms >= from_ms && record->time_ms < to_ms)
                list[count++] = (struct archived){record->id, record->time_ms};
        }
    }
    if (count > 1)
        qsort(list, count, sizeof *list, by_minute);
    *ret_count = count;
    return list;
}

/* --- life --- */

struct archives *archives_new(struct buses *buses)
{
    const struct buses_options *options = buses_options(buses);
    struct archives *archives = mem_new(struct archives);

    archives->buses = buses;
    archives->events = options->events;
    archives->control = options->control;
    archives->expire.fire = on_expire;
    archives->receiver = (struct event_receiver){LANE_ARCHIVE, home, on_arrived};
    event_store_subscribe(options->events, &archives->receiver);
    archives->watch = (struct buses_watch){.changed = on_changed, .kind = BUSES_ARCHIVE};
    buses_watch(buses, &archives->watch);
    return archives;
}

void archives_free(struct archives *archives)
{
    struct map_cursor cursor = {0};

    if (!archives)
        return;
    while (map_next(&archives->by_lane, &cursor))
        free_archive(cursor.value);
    map_done(&archives->by_lane);
    free(archives);
}
