/* SPDX-License-Identifier: Apache-2.0 */
#include "router/buses.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/broadcast.h"
#include "model/policy.h"
#include "router/archive.h"
#include "router/bus.h"

/*
 * A change is in the registry at once, then on disk, then compiled into the next snapshot of
 * its bus, and that goes to all shards; only then is it answered. Compiling reads what the
 * registry says by then: of two quick changes of one rule both publish the second.
 *
 * Rules and archives have slots, the numbers by which the matcher knows them; a slot that
 * became free is used again, by a snapshot that no longer knows the old one.
 */

static const char *const kind_names[] = {
    [BUSES_BUS] = "bus",
    [BUSES_RULE] = "rule",
    [BUSES_ARCHIVE] = "archive",
    [BUSES_REPLAY] = "replay",
    [BUSES_CONNECTION] = "connection",
    [BUSES_DESTINATION] = "api-destination",
};

/* One bus, as the control thread builds it. */
struct building {
    struct buses *buses;
    char *key;
    struct bus *bus;           /* the newest snapshot; NULL: being read at start, or deleted */
    struct bus_rule **loading; /* by slot, while being read */
    struct map slots;          /* "rule/NAME", "archive/NAME" -> index + 1 */
    size_t *free_slots;
    size_t free_count, slot_count, rule_count;
    struct loop_job merge;
    struct matcher *merge_of, *merged; /* of the job under way */
};

struct buses {
    struct buses_options options;
    struct registry *registries[BUSES_KIND_COUNT];
    struct map buildings; /* key of the bus -> struct building */
    struct bus_view *views;
    struct archives *archives;
    struct list watches;
    struct buses_change first; /* makes the default bus */
};

const struct registry *buses_registry(const struct buses *buses, enum buses_kind kind)
{
    return buses->registries[kind];
}

struct archives *buses_archives(const struct buses *buses)
{
    return buses->archives;
}

const struct buses_options *buses_options(const struct buses *buses)
{
    return &buses->options;
}

const struct bus_view *buses_view(const struct buses *buses, int index)
{
    return &buses->views[index];
}

/* --- publishing --- */

/* A snapshot on its way to the shards, and who waits for it. */
struct publication {
    struct buses *buses;
    struct bus *bus; /* counted; NULL: the bus is gone */
    char *key;
    struct buses_change *change; /* NULL: nobody waits */
};

static void finish_change(struct buses_change *change, bool failed, const struct error *err)
{
    free(take(change->key));
    change->done(change, failed, err);
}

static void apply_publication(void *arg, int index)
{
    const struct publication *publication = arg;
    struct bus_view *view = &publication->buses->views[index];

    if (publication->bus)
        bus_view_put(view, publication->bus);
    else
        bus_view_remove(view, text_of(publication->key));
}

static void on_published(void *arg)
{
    struct publication *publication = arg;

    if (publication->change)
        finish_change(publication->change, false, NULL);
    bus_unref(publication->bus);
    free(publication->key);
    free(publication);
}

static void publish(struct buses *buses, struct text key, struct bus *bus,
                    struct buses_change *change)
{
    struct publication *publication = mem_new(struct publication);

    *publication = (struct publication){buses, bus ? bus_ref(bus) : NULL, text_dup(key), change};
    loop_broadcast(buses->options.loops, buses->options.loop_count, apply_publication, on_published,
                   publication);
}

/* --- merging what changed into a matcher, behind the answers --- */

static void merge(struct building *building);

static void work_merge(struct loop_job *job)
{
    struct building *building = container_of(job, struct building, merge);

    building->merged = matcher_merge(building->merge_of);
}

static void free_building(struct building *building)
{
    bus_unref(building->bus);
    map_done(&building->slots);
    free(building->loading);
    free(building->key);
    free(building->free_slots);
    free(building);
}

static void on_merged(struct loop_job *job)
{
    struct building *building = container_of(job, struct building, merge);
    struct matcher *merged = take(building->merged), *then = take(building->merge_of);

    if (building->bus) {
        struct bus *before = building->bus;
        building->bus = bus_with_matcher(before, matcher_rebase(merged, then, before->matcher));
        publish(building->buses, text_of(building->key), building->bus, NULL);
        bus_unref(before);
        merge(building);
    } else {
        free_building(building); /* deleted meanwhile */
    }
    matcher_unref(merged);
    matcher_unref(then);
}

static void merge(struct building *building)
{
    if (building->merge_of || !matcher_is_due(building->bus->matcher))
        return;
    building->merge_of = matcher_ref(building->bus->matcher);
    building->merge = (struct loop_job){.work = work_merge, .done = on_merged};
    loop_work(building->buses->options.control, &building->merge);
}

/* --- building --- */

static struct building *building_of(struct buses *buses, struct text key)
{
    struct building *building = map_find(&buses->buildings, key);

    if (building)
        return building;
    building = mem_new(struct building);
    building->buses = buses;
    building->key = text_dup(key);
    if (buses->views)
        building->bus = bus_new(key, NULL, 0);
    (void)map_put(&buses->buildings, key, building);
    return building;
}

static size_t take_slot(struct building *building, struct text name)
{
    size_t found = (size_t)(uintptr_t)map_find(&building->slots, name);

    if (found > 0)
        return found - 1;
    size_t slot = building->free_count > 0 ? building->free_slots[--building->free_count]
                                           : building->slot_count++;
    (void)map_put(&building->slots, name, (void *)(uintptr_t)(slot + 1));
    building->rule_count++;
    return slot;
}

static void drop_slot(struct building *building, struct text name)
{
    size_t found = (size_t)(uintptr_t)map_remove(&building->slots, name);

    if (found == 0)
        return;
    building->rule_count--;
    building->free_slots =
        mem_realloc(building->free_slots, building->slot_count * sizeof *building->free_slots);
    building->free_slots[building->free_count++] = found - 1;
}

/* Takes rule; NULL: the slot's is gone. */
static void set_rule(struct building *building, const char *name, struct bus_rule *rule)
{
    size_t slot = (size_t)(uintptr_t)map_find(&building->slots, text_of(name));

    if (!rule && slot == 0)
        return;
    slot = rule ? take_slot(building, text_of(name)) : slot - 1;
    if (!building->bus) {
        building->loading =
            mem_realloc(building->loading, building->slot_count * sizeof *building->loading);
        building->loading[slot] = rule;
        return;
    }
    struct bus *before = building->bus;
    building->bus = bus_with(before, slot, rule);
    bus_unref(before);
    if (!rule)
        drop_slot(building, text_of(name));
}

/* "ACCOUNT/REGION/BUS/RULE" cut before the rule. */
static struct text bus_of_rule(struct text key)
{
    size_t len = key.len;

    while (len > 0 && key.at[len - 1] != '/')
        len--;
    return text_slice(key, 0, len > 0 ? len - 1 : 0);
}

static struct text last_part(struct text key)
{
    return text_skip(key, bus_of_rule(key).len + 1);
}

static void warn_broken(struct text key, const struct error *err)
{
    scoped(free) char *name = text_dup(key);

    log_error("stored rule cannot be used", LOG_TEXT("key", name), LOG_ERROR(err));
}

/* The building that changed. */
static struct building *build_rule(struct buses *buses, struct text key)
{
    struct building *building = building_of(buses, bus_of_rule(key));
    const json_t *document = registry_find(buses->registries[BUSES_RULE], key);
    scoped(free) char *name = mem_format("rule/%.*s", TEXT_ARG(last_part(key)));
    struct bus_rule *rule = NULL;
    struct error err;

    if (document) {
        rule = bus_rule_new(text_of(buses->options.account), text_of(buses->options.region),
                            document, &err);
        if (!rule)
            warn_broken(key, &err);
    }
    set_rule(building, name, rule);
    return building;
}

/* The key of the bus whose events an archive takes. */
static char *bus_of_archive(const struct buses *buses, const json_t *document)
{
    struct text arn = json_text(document, "EventSourceArn");
    size_t at = text_find_text(arn, TEXT(":event-bus/"));

    return mem_format("%s/%s/%.*s", buses->options.account, buses->options.region,
                      TEXT_ARG(text_skip(arn, at + sizeof ":event-bus/" - 1)));
}

static struct building *build_archive(struct buses *buses, struct text key, const json_t *document,
                                      bool is_there)
{
    scoped(free) char *bus = bus_of_archive(buses, document);
    scoped(free) char *name = mem_format("archive/%.*s", TEXT_ARG(last_part(key)));
    scoped(free) char *lane = archive_lane(key, document);
    struct building *building = building_of(buses, text_of(bus));
    struct bus_rule *rule = NULL;
    struct error err;

    if (is_there) {
        rule = bus_rule_of_archive(document, text_of(lane), &err);
        if (!rule)
            warn_broken(key, &err);
    }
    set_rule(building, name, rule);
    return building;
}

struct rebuild {
    struct buses *buses;
    struct text bus;
};

static bool rebuild_archive(void *arg, struct text key, const json_t *document)
{
    const struct rebuild *rebuild = arg;
    scoped(free) char *bus = bus_of_archive(rebuild->buses, document);

    if (text_equal(text_of(bus), rebuild->bus))
        (void)build_archive(rebuild->buses, key, document, /* is_there= */ true);
    return true;
}

/* Without looking at who asks: a statement with a condition lets nobody in. */
bool buses_is_public(struct text key, const json_t *document)
{
    struct text name = key, account = TEXT_NONE, region = TEXT_NONE;
    const json_t *json = json_object_get(document, "Policy");
    struct error err;
    scoped(policy_free) struct policy *policy =
        json ? policy_compile(json, POLICY_OF_RESOURCE, &err) : NULL;

    if (!policy || !text_split(&name, '/', &account) || !text_split(&name, '/', &region))
        return false;
    scoped(free) char *arn = mem_format("arn:aws:events:%.*s:%.*s:event-bus/%.*s", TEXT_ARG(region),
                                        TEXT_ARG(account), TEXT_ARG(name));
    const struct policy_request request = {
        .action = TEXT("events:PutEvents"),
        .resource = text_of(arn),
        .ignores_conditions = true,
    };

    return policy_evaluate(policy, &request) == POLICY_ALLOW;
}

static void set_access(struct building *building, struct text key, const json_t *document)
{
    struct bus *before = building->bus;

    if (before->is_public == buses_is_public(key, document))
        return;
    building->bus = bus_with_access(before, !before->is_public);
    bus_unref(before);
}

/* A bus that comes back under its name finds the archives it had. */
static struct building *build_bus(struct buses *buses, struct text key, const json_t *document)
{
    struct rebuild rebuild = {buses, key};

    if (!map_find(&buses->buildings, key))
        registry_each(buses->registries[BUSES_ARCHIVE], TEXT(""), TEXT_NONE, rebuild_archive,
                      &rebuild);
    struct building *building = building_of(buses, key);
    set_access(building, key, document);
    return building;
}

size_t buses_rule_count(const struct buses *buses, struct text key)
{
    const struct building *building = map_find(&buses->buildings, key);

    return building ? building->rule_count : 0;
}

/* --- changes --- */

static void delete_bus(struct buses *buses, struct text key)
{
    struct building *building = map_remove(&buses->buildings, key);

    if (!building)
        return;
    if (building->merge_of) { /* the job frees it */
        bus_unref(take(building->bus));
        return;
    }
    free_building(building);
}

static void tell_watches(struct buses *buses, enum buses_kind kind, struct text key,
                         const json_t *document)
{
    list_each (link, &buses->watches) {
        struct buses_watch *watch = container_of(link, struct buses_watch, link);
        if (watch->kind == kind)
            watch->changed(watch, key, document);
    }
}

static void publish_building(struct building *building, struct buses_change *change)
{
    publish(building->buses, text_of(building->key), building->bus, change);
    merge(building);
}

static void publish_change(struct buses_change *change)
{
    struct buses *buses = change->buses;
    struct text key = text_of(change->key);
    const json_t *document = registry_find(buses->registries[change->kind], key);

    tell_watches(buses, change->kind, key, document);
    switch (change->kind) {
    case BUSES_BUS:
        if (document) {
            publish_building(build_bus(buses, key, document), change);
            return;
        }
        delete_bus(buses, key);
        publish(buses, key, NULL, change);
        return;
    case BUSES_RULE:
        publish_building(build_rule(buses, key), change);
        return;
    case BUSES_ARCHIVE:
        if (document || change->before) {
            publish_building(
                build_archive(buses, key, document ? document : change->before, document != NULL),
                change);
            return;
        }
        break;
    case BUSES_REPLAY:
    case BUSES_CONNECTION:
    case BUSES_DESTINATION:
    case BUSES_KIND_COUNT:
        break;
    }
    finish_change(change, false, NULL);
}

static void on_stored(struct registry_change *stored, bool failed, const struct error *err)
{
    struct buses_change *change = container_of(stored, struct buses_change, stored);
    json_t *before = change->before;

    if (failed)
        finish_change(change, true, err);
    else
        publish_change(change);
    json_decref(before);
}

static void begin_change(struct buses *buses, enum buses_kind kind, struct text key,
                         struct buses_change *change)
{
    change->buses = buses;
    change->kind = kind;
    change->key = text_dup(key);
    change->before = json_incref((json_t *)(uintptr_t)registry_find(buses->registries[kind], key));
    change->stored.done = on_stored;
}

void buses_put(struct buses *buses, enum buses_kind kind, struct text key, json_t *document,
               struct buses_change *change)
{
    begin_change(buses, kind, key, change);
    registry_put(buses->registries[kind], key, document, &change->stored);
}

void buses_delete(struct buses *buses, enum buses_kind kind, struct text key,
                  struct buses_change *change)
{
    begin_change(buses, kind, key, change);
    registry_delete(buses->registries[kind], key, &change->stored);
}

void buses_watch(struct buses *buses, struct buses_watch *watch)
{
    list_push(&buses->watches, &watch->link);
}

/* --- life --- */

static bool add_bus(void *arg, struct text key, const json_t *document)
{
    (void)building_of(arg, key);
    return true;
}

static bool add_rule(void *arg, struct text key, const json_t *document)
{
    (void)build_rule(arg, key);
    return true;
}

static bool add_archive(void *arg, struct text key, const json_t *document)
{
    (void)build_archive(arg, key, document, /* is_there= */ true);
    return true;
}

static char *default_key(const struct buses *buses)
{
    return mem_format("%s/%s/default", buses->options.account, buses->options.region);
}

static void finish_loading(struct building *building)
{
    const struct registry *documents = building->buses->registries[BUSES_BUS];

    building->bus = bus_new(text_of(building->key), building->loading, building->slot_count);
    building->bus->is_public =
        buses_is_public(text_of(building->key), registry_find(documents, text_of(building->key)));
    free(take(building->loading));
}

/* What the shards see from the first moment. */
static void fill_views(struct buses *buses)
{
    int count = buses->options.loop_count;
    struct map_cursor building = {0};

    while (map_next(&buses->buildings, &building))
        finish_loading(building.value);
    buses->views = mem_zalloc((size_t)count * sizeof *buses->views);
    for (int i = 0; i < count; i++) {
        struct map_cursor cursor = {0};
        bus_view_init(&buses->views[i]);
        while (map_next(&buses->buildings, &cursor))
            bus_view_put(&buses->views[i], ((struct building *)cursor.value)->bus);
    }
}

struct buses *buses_open(const struct buses_options *options, struct error *err)
{
    scoped(buses_free) struct buses *buses = mem_new(struct buses);

    buses->options = *options;
    list_init(&buses->watches);
    for (int i = 0; i < BUSES_KIND_COUNT; i++) {
        buses->registries[i] = registry_open(options->store, options->control, kind_names[i], err);
        if (!buses->registries[i])
            return NULL;
    }
    scoped(free) char *key = default_key(buses);
    (void)building_of(buses, text_of(key));
    registry_each(buses->registries[BUSES_BUS], TEXT(""), TEXT_NONE, add_bus, buses);
    registry_each(buses->registries[BUSES_RULE], TEXT(""), TEXT_NONE, add_rule, buses);
    registry_each(buses->registries[BUSES_ARCHIVE], TEXT(""), TEXT_NONE, add_archive, buses);
    fill_views(buses);
    buses->archives = archives_new(buses);
    return take(buses);
}

struct start {
    struct buses *buses;
    enum buses_kind kind;
};

static bool tell_one(void *arg, struct text key, const json_t *document)
{
    struct start *start = arg;

    tell_watches(start->buses, start->kind, key, document);
    return true;
}

static void on_first(struct buses_change *change, bool failed, const struct error *err)
{
    if (failed)
        log_error("the event bus 'default' could not be stored", LOG_ERROR(err));
}

void buses_start(struct buses *buses)
{
    scoped(free) char *key = default_key(buses);

    for (int kind = 0; kind < BUSES_KIND_COUNT; kind++) {
        struct start start = {buses, (enum buses_kind)kind};
        registry_each(buses->registries[kind], TEXT(""), TEXT_NONE, tell_one, &start);
    }
    if (registry_find(buses->registries[BUSES_BUS], text_of(key)))
        return;
    buses->first.done = on_first;
    buses_put(buses, BUSES_BUS, text_of(key),
              json_pack("{s:s,s:I,s:I}", "Name", "default", "CreationTime",
                        (json_int_t)clock_now_ms(), "LastModifiedTime", (json_int_t)clock_now_ms()),
              &buses->first);
}

void buses_free(struct buses *buses)
{
    struct map_cursor cursor = {0};

    if (!buses)
        return;
    archives_free(buses->archives);
    for (int i = 0; buses->views && i < buses->options.loop_count; i++)
        bus_view_done(&buses->views[i]);
    free(buses->views);
    while (map_next(&buses->buildings, &cursor))
        free_building(cursor.value);
    map_done(&buses->buildings);
    for (int i = 0; i < BUSES_KIND_COUNT; i++)
        registry_free(buses->registries[i]);
    free(buses);
}
