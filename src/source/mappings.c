/* SPDX-License-Identifier: Apache-2.0 */
#include "source/mapping_priv.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * Which mappings there are, on the control thread. A change is first on disk, then told to
 * the home of its queue, which tells when it acts by it: the states in between are those that
 * AWS names.
 */

struct entry {
    json_t *document; /* also of one that is being deleted */
    enum phase phase;
    uint64_t serial; /* of the last publication: older answers do not count */
};

static void entry_free(struct entry *entry)
{
    json_decref(entry->document);
    free(entry);
}

static int home_index(const struct mappings *mappings, const struct mapping *mapping)
{
    const struct loop *home = queues_home(mappings->options.queues, text_of(mapping->lane));
    int index = 0;

    while (mappings->places[index].loop != home)
        index++;
    return index;
}

/* --- publishing --- */

static void on_settled(struct loop_message *message)
{
    struct publication *publication = container_of(message, struct publication, message);
    struct mappings *mappings = publication->mappings;
    struct text key = text_of(publication->mapping->key);
    struct entry *entry = map_find(&mappings->entries, key);

    if (entry && entry->serial == publication->serial) {
        if (entry->phase == PHASE_DELETING) {
            (void)map_remove(&mappings->entries, key);
            entry_free(entry);
        } else {
            entry->phase = PHASE_SETTLED;
        }
    }
    mapping_unref(publication->mapping);
    free(publication);
}

void publication_done(struct publication *publication)
{
    publication->message.run = on_settled;
    loop_post(publication->mappings->options.control, &publication->message);
}

static void on_published(struct loop_message *message)
{
    poller_publish(container_of(message, struct publication, message));
}

/* Tells the home what holds from now on; deleted is disabled for good. */
static void publish(struct mappings *mappings, struct text key, struct entry *entry)
{
    struct error err;
    const struct mapping *mapping = mapping_parse(key, entry->document, &err);

    if (!mapping) {
        log_error("a mapping cannot be used", LOG_ERROR(&err));
        return;
    }
    struct publication *publication = mem_new(struct publication);
    publication->mappings = mappings;
    publication->mapping = mapping;
    publication->is_wanted = mapping->is_enabled && entry->phase != PHASE_DELETING;
    publication->serial = ++entry->serial;
    publication->message.run = on_published;
    loop_post(mappings->places[home_index(mappings, mapping)].loop, &publication->message);
}

/* --- changes --- */

static enum phase phase_of(const json_t *before, const json_t *after)
{
    bool was = json_bool(before, "enabled", true), is = json_bool(after, "enabled", true);

    if (!after)
        return PHASE_DELETING;
    if (!before)
        return is ? PHASE_CREATING : PHASE_SETTLED;
    if (was != is)
        return is ? PHASE_ENABLING : PHASE_DISABLING;
    return PHASE_UPDATING;
}

static void on_stored(struct registry_change *stored, bool failed, const struct error *err)
{
    struct mappings_change *change = container_of(stored, struct mappings_change, stored);
    struct mappings *mappings = change->mappings;
    scoped(free) char *key = take(change->key);
    const json_t *after = registry_find(mappings->options.registry, text_of(key));
    struct entry *entry = map_find(&mappings->entries, text_of(key));

    if (!failed && (entry || after)) {
        if (!entry) {
            entry = mem_new(struct entry);
            (void)map_put(&mappings->entries, text_of(key), entry);
        }
        entry->phase = phase_of(entry->document, after);
        if (after) {
            json_decref(entry->document);
            entry->document = json_incref((json_t *)(uintptr_t)after);
        }
        publish(mappings, text_of(key), entry);
    }
    change->done(change, failed, err);
}

void mappings_put(struct mappings *mappings, struct text key, json_t *document,
                  struct mappings_change *change)
{
    change->mappings = mappings;
    change->key = text_dup(key);
    change->stored.done = on_stored;
    if (document)
        registry_put(mappings->options.registry, key, document, &change->stored);
    else
        registry_delete(mappings->options.registry, key, &change->stored);
}

/* --- reading --- */

const json_t *mappings_find(const struct mappings *mappings, struct text key)
{
    const struct entry *entry = map_find(&mappings->entries, key);

    return entry ? entry->document : NULL;
}

const char *mappings_state(const struct mappings *mappings, struct text key)
{
    static const char *const names[] = {"",         "Creating",  "Updating",
                                        "Enabling", "Disabling", "Deleting"};
    const struct entry *entry = map_find(&mappings->entries, key);

    if (!entry)
        return "Deleting";
    if (entry->phase != PHASE_SETTLED)
        return names[entry->phase];
    return json_bool(entry->document, "enabled", true) ? "Enabled" : "Disabled";
}

void mappings_each(const struct mappings *mappings, struct text prefix, struct text after,
                   bool (*each)(void *arg, struct text key, const json_t *document), void *arg)
{
    registry_each(mappings->options.registry, prefix, after, each, arg);
}

/* --- life --- */

static bool enter(void *arg, struct text key, const json_t *document)
{
    struct mappings *mappings = arg;
    struct entry *entry = mem_new(struct entry);

    entry->document = json_incref((json_t *)(uintptr_t)document);
    (void)map_put(&mappings->entries, key, entry);
    return true;
}

struct mappings *mappings_new(const struct mappings_options *options)
{
    struct mappings *mappings = mem_new(struct mappings);
    size_t bytes = (size_t)options->place_count * sizeof *options->places;

    mappings->options = *options;
    mappings->places = mem_alloc(bytes);
    memcpy(mappings->places, options->places, bytes);
    mappings->pollers = mem_zalloc((size_t)options->place_count * sizeof *mappings->pollers);
    registry_each(options->registry, TEXT_NONE, TEXT_NONE, enter, mappings);
    return mappings;
}

void mappings_start(struct mappings *mappings)
{
    struct map_cursor cursor = {0};

    while (map_next(&mappings->entries, &cursor))
        publish(mappings, cursor.key, cursor.value);
}

void mappings_drain(struct mappings *mappings)
{
    atomic_store(&mappings->is_draining, true);
}

void mappings_free(struct mappings *mappings)
{
    struct map_cursor cursor = {0};

    if (!mappings)
        return;
    for (int i = 0; i < mappings->options.place_count; i++) {
        struct map_cursor inner = {0};
        while (map_next(&mappings->pollers[i], &inner))
            poller_free(inner.value);
        map_done(&mappings->pollers[i]);
    }
    while (map_next(&mappings->entries, &cursor))
        entry_free(cursor.value);
    map_done(&mappings->entries);
    free(mappings->pollers);
    free(mappings->places);
    free(mappings);
}
