/* SPDX-License-Identifier: Apache-2.0 */
#include "router/bus.h"

#include "base/json.h"
#include "base/mem.h"
#include "router/bus_target.h"
#include "router/condition.h"

/*
 * The rules of a bus are a vector in chunks. A change copies the chunk it is in and the list
 * of chunks; the rest is shared with the snapshots before. With 100,000 rules that is 256 +
 * 400 pointers. A tree would copy less and cost each match a walk.
 */
struct bus_chunk {
    atomic_int refs;
    struct bus_rule *rules[BUS_CHUNK];
};

/* --- rules --- */

static struct bus_rule *new_rule(struct text name, struct text arn)
{
    struct bus_rule *rule = mem_new(struct bus_rule);

    rule->refs = 1;
    rule->name = text_dup(name);
    rule->arn = text_dup(arn);
    return rule;
}

/* A pattern is compiled when it is put; a document holds none that is not one. */
static int set_pattern(struct bus_rule *rule, struct text source, struct error *err)
{
    rule->pattern = pattern_compile(source, NULL, err);
    return rule->pattern ? 0 : -1;
}

static int set_condition(struct bus_rule *rule, struct text source, struct error *err)
{
    struct condition condition;

    if (condition_compile(source, &condition, NULL, err) < 0)
        return -1;
    rule->pattern = condition.pattern;
    rule->trigger = condition.trigger;
    return 0;
}

static int set_targets(struct bus_rule *rule, const json_t *targets, struct error *err)
{
    const json_t *target;
    size_t index;

    rule->targets = mem_zalloc((json_array_size(targets) + 1) * sizeof *rule->targets);
    json_array_foreach(targets, index, target)
    {
        if (bus_target_init(&rule->targets[rule->target_count++], target, err) < 0)
            return -1;
    }
    return 0;
}

static char *rule_arn(struct text account, struct text region, const json_t *document)
{
    struct text name = json_text(document, "Name"), bus = json_text(document, "EventBusName");
    bool is_default = text_equal(bus, TEXT("default"));

    return mem_format("arn:aws:events:%.*s:%.*s:rule/%.*s%s%.*s", TEXT_ARG(region),
                      TEXT_ARG(account), TEXT_ARG(is_default ? TEXT_NONE : bus),
                      is_default ? "" : "/", TEXT_ARG(name));
}

struct bus_rule *bus_rule_new(struct text account, struct text region, const json_t *document,
                              struct error *err)
{
    scoped(free) char *arn = rule_arn(account, region, document);
    scoped(bus_rule_unref) struct bus_rule *rule =
        new_rule(json_text(document, "Name"), text_of(arn));
    struct text pattern = json_text(document, "EventPattern");
    bool is_enabled = !text_equal(json_text(document, "State"), TEXT("DISABLED"));

    if (pattern.len > 0 && is_enabled && set_condition(rule, pattern, err) < 0)
        return NULL;
    if (set_targets(rule, json_object_get(document, "Targets"), err) < 0)
        return NULL;
    return take(rule);
}

struct bus_rule *bus_rule_of_archive(const json_t *document, struct text lane, struct error *err)
{
    struct text name = json_text(document, "ArchiveName");
    struct text pattern = json_text(document, "EventPattern");
    scoped(bus_rule_unref) struct bus_rule *rule = new_rule(name, TEXT(""));

    /* Events that are replayed are not archived again: they alone have this member. */
    if (set_pattern(rule,
                    pattern.len > 0 ? pattern : TEXT("{\"replay-name\":[{\"exists\":false}]}"),
                    err) < 0)
        return NULL;
    rule->targets = mem_zalloc(sizeof *rule->targets);
    rule->target_count = 1;
    bus_target_init_archive(&rule->targets[0], name, lane);
    return take(rule);
}

struct bus_rule *bus_rule_ref(struct bus_rule *rule)
{
    atomic_fetch_add_explicit(&rule->refs, 1, memory_order_relaxed);
    return rule;
}

void bus_rule_unref(struct bus_rule *rule)
{
    if (!rule || atomic_fetch_sub(&rule->refs, 1) > 1)
        return;
    for (size_t i = 0; i < rule->target_count; i++)
        bus_target_done(&rule->targets[i]);
    free(rule->targets);
    pattern_unref(rule->pattern);
    trigger_free(rule->trigger);
    free(rule->name);
    free(rule->arn);
    free(rule);
}

/* --- chunks --- */

static struct bus_chunk *copy_chunk(const struct bus_chunk *chunk)
{
    struct bus_chunk *copy = mem_new(struct bus_chunk);

    copy->refs = 1;
    for (size_t i = 0; chunk && i < BUS_CHUNK; i++)
        copy->rules[i] = chunk->rules[i] ? bus_rule_ref(chunk->rules[i]) : NULL;
    return copy;
}

static void unref_chunk(struct bus_chunk *chunk)
{
    if (atomic_fetch_sub(&chunk->refs, 1) > 1)
        return;
    for (size_t i = 0; i < BUS_CHUNK; i++)
        bus_rule_unref(chunk->rules[i]);
    free(chunk);
}

/* --- buses --- */

static struct matcher *make_matcher(struct bus_rule *const *rules, size_t count)
{
    scoped(free) struct matcher_rule *list = mem_zalloc((count + 1) * sizeof *list);
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        if (rules[i] && rules[i]->pattern)
            list[used++] = (struct matcher_rule){i, rules[i]->pattern};
    return matcher_new(list, used);
}

struct bus *bus_new(struct text key, struct bus_rule *const *rules, size_t count)
{
    struct bus *bus = mem_new(struct bus);

    bus->refs = 1;
    bus->key = text_dup(key);
    bus->matcher = make_matcher(rules, count);
    bus->chunk_count = (count + BUS_CHUNK - 1) / BUS_CHUNK;
    bus->chunks = mem_zalloc((bus->chunk_count + 1) * sizeof(struct bus_chunk *));
    for (size_t i = 0; i < bus->chunk_count; i++)
        bus->chunks[i] = copy_chunk(NULL);
    for (size_t i = 0; i < count; i++)
        bus->chunks[i / BUS_CHUNK]->rules[i % BUS_CHUNK] = rules[i];
    return bus;
}

/* All but the matcher, with room for chunk_count chunks. */
static struct bus *copy_bus(const struct bus *bus, size_t chunk_count)
{
    struct bus *copy = mem_new(struct bus);

    copy->refs = 1;
    copy->key = mem_strdup(bus->key);
    copy->is_public = bus->is_public;
    copy->chunk_count = chunk_count > bus->chunk_count ? chunk_count : bus->chunk_count;
    copy->chunks = mem_zalloc((copy->chunk_count + 1) * sizeof(struct bus_chunk *));
    for (size_t i = 0; i < copy->chunk_count; i++) {
        if (i < bus->chunk_count) {
            copy->chunks[i] = bus->chunks[i];
            atomic_fetch_add_explicit(&copy->chunks[i]->refs, 1, memory_order_relaxed);
        } else {
            copy->chunks[i] = copy_chunk(NULL);
        }
    }
    return copy;
}

struct bus *bus_with(const struct bus *bus, size_t index, struct bus_rule *rule)
{
    struct bus *copy = copy_bus(bus, index / BUS_CHUNK + 1);
    struct bus_chunk **chunk = &copy->chunks[index / BUS_CHUNK], *changed = copy_chunk(*chunk);

    bus_rule_unref(changed->rules[index % BUS_CHUNK]);
    changed->rules[index % BUS_CHUNK] = rule;
    unref_chunk(*chunk);
    *chunk = changed;
    copy->matcher = rule && rule->pattern ? matcher_with(bus->matcher, index, rule->pattern)
                                          : matcher_without(bus->matcher, index);
    return copy;
}

struct bus *bus_with_matcher(const struct bus *bus, struct matcher *matcher)
{
    struct bus *copy = copy_bus(bus, 0);

    copy->matcher = matcher;
    return copy;
}

struct bus *bus_with_access(const struct bus *bus, bool is_public)
{
    struct bus *copy = bus_with_matcher(bus, matcher_ref(bus->matcher));

    copy->is_public = is_public;
    return copy;
}

const struct bus_rule *bus_rule_at(const struct bus *bus, size_t index)
{
    if (index / BUS_CHUNK >= bus->chunk_count)
        return NULL;
    return bus->chunks[index / BUS_CHUNK]->rules[index % BUS_CHUNK];
}

struct bus *bus_ref(struct bus *bus)
{
    atomic_fetch_add_explicit(&bus->refs, 1, memory_order_relaxed);
    return bus;
}

void bus_unref(struct bus *bus)
{
    if (!bus || atomic_fetch_sub(&bus->refs, 1) > 1)
        return;
    for (size_t i = 0; i < bus->chunk_count; i++)
        unref_chunk(bus->chunks[i]);
    free(bus->chunks);
    matcher_unref(bus->matcher);
    free(bus->key);
    free(bus);
}

/* --- views --- */

void bus_view_init(struct bus_view *view)
{
    *view = (struct bus_view){.scratch = match_scratch_new()};
}

void bus_view_done(struct bus_view *view)
{
    struct map_cursor cursor = {0};

    while (map_next(&view->buses, &cursor))
        bus_unref(cursor.value);
    map_done(&view->buses);
    match_scratch_free(view->scratch);
}

void bus_view_put(struct bus_view *view, struct bus *bus)
{
    bus_unref(map_put(&view->buses, text_of(bus->key), bus_ref(bus)));
}

void bus_view_remove(struct bus_view *view, struct text key)
{
    bus_unref(map_remove(&view->buses, key));
}

struct bus *bus_view_find(const struct bus_view *view, struct text key)
{
    return map_find(&view->buses, key);
}
