/* SPDX-License-Identifier: Apache-2.0 */
#include "source/schedules.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "source/schedule_target.h"

#define KIND "schedule"
#define KIND_GROUP "schedule-group"

struct schedules {
    struct schedules_options options;
    struct registry *registry, *groups;
    struct timer_owner owner;
};

/* jansson's readers are not const. */
static json_t *as_json(const json_t *document)
{
    return (json_t *)(uintptr_t)document;
}

/* --- the timer's entries --- */

/* Entries of the timer are for others too: rules. */
static char *entry_key(struct text key)
{
    return mem_format("schedule/%.*s", TEXT_ARG(key));
}

static struct text document_key(struct text entry)
{
    return text_skip(entry, sizeof "schedule/" - 1);
}

int64_t schedules_date_ms(const json_t *document, const char *name)
{
    const json_t *seconds = json_object_get(document, name);

    return json_is_number(seconds) ? (int64_t)(json_number_value(seconds) * 1000) : 0;
}

static int64_t window_ms(const json_t *document)
{
    const json_t *window = json_object_get(document, "FlexibleTimeWindow");

    if (!text_equal(json_text(window, "Mode"), TEXT("FLEXIBLE")))
        return 0;
    return json_int(window, "MaximumWindowInMinutes", 0) * 60000;
}

static int64_t max_age_ms(const json_t *document)
{
    const json_t *target = json_object_get(document, "Target");

    return json_int(json_object_get(target, "RetryPolicy"), "MaximumEventAgeInSeconds", 86400) *
           1000;
}

static int read_spec(const struct schedules *schedules, const json_t *document,
                     struct timer_spec *ret, struct error *err)
{
    const json_t *private = json_object_get(document, SCHEDULE_PRIVATE);

    *ret = (struct timer_spec){
        .frame = {.anchor_ms = json_int(private, "anchor", 0),
                  .start_ms = schedules_date_ms(document, "StartDate"),
                  .end_ms = schedules_date_ms(document, "EndDate")},
        .from_ms = json_int(private, "from", 0),
        .max_age_ms = max_age_ms(document),
        .window_ms = window_ms(document),
        .generation = json_text(private, "generation"),
        .is_enabled = text_equal(json_text(document, "State"), TEXT("ENABLED")),
    };
    ret->frame.zone = timer_zone(schedules->options.timer,
                                 json_text(document, "ScheduleExpressionTimezone"), err);
    return ret->frame.zone ? schedule_parse(json_text(document, "ScheduleExpression"),
                                            SCHEDULE_FILE, &ret->schedule, err)
                           : -1;
}

static void set_entry(struct schedules *schedules, struct text key, const json_t *document)
{
    scoped(free) char *entry = entry_key(key);
    struct timer_spec spec;
    struct error err;

    if (read_spec(schedules, document, &spec, &err) == 0) {
        timer_set(schedules->options.timer, &schedules->owner, text_of(entry), &spec);
        return;
    }
    timer_remove(schedules->options.timer, text_of(entry));
    log_error("a schedule does not run", LOG_TEXT("schedule", entry), LOG_ERROR(&err));
}

/* As the registry has it now, which may be later than the change that tells of it. */
static void refresh_entry(struct schedules *schedules, struct text key)
{
    const json_t *document = registry_find(schedules->registry, key);
    scoped(free) char *entry = entry_key(key);

    if (document)
        set_entry(schedules, key, document);
    else
        timer_remove(schedules->options.timer, text_of(entry));
}

static void on_fire(struct timer_owner *owner, struct text entry, struct timer_firing *firing)
{
    struct schedules *schedules = container_of(owner, struct schedules, owner);
    const json_t *document = registry_find(schedules->registry, document_key(entry));

    if (!document) { /* deleted a moment ago */
        timer_write(firing);
        return;
    }
    const struct schedule_shot shot = {
        .target = json_object_get(document, "Target"),
        .arn = json_text(document, "Arn"),
        .account = text_of(schedules->options.account),
        .region = text_of(schedules->options.region),
        .firer = &schedules->options.firer,
    };
    schedule_target_fire(&shot, firing);
}

/* --- changes --- */

static void on_stored(struct registry_change *stored, bool failed, const struct error *err)
{
    struct schedules_change *change = container_of(stored, struct schedules_change, stored);
    scoped(free) char *key = take(change->key);

    if (!failed)
        refresh_entry(change->schedules, text_of(key));
    change->done(change, failed, err);
}

static void on_group_stored(struct registry_change *stored, bool failed, const struct error *err)
{
    struct schedules_change *change = container_of(stored, struct schedules_change, stored);

    change->done(change, failed, err);
}

void schedules_put(struct schedules *schedules, struct text key, json_t *document,
                   struct schedules_change *change)
{
    change->schedules = schedules;
    change->key = text_dup(key);
    change->stored.done = on_stored;
    registry_put(schedules->registry, key, document, &change->stored);
}

void schedules_delete(struct schedules *schedules, struct text key, struct schedules_change *change)
{
    change->schedules = schedules;
    change->key = text_dup(key);
    change->stored.done = on_stored;
    registry_delete(schedules->registry, key, &change->stored);
}

void schedules_put_group(struct schedules *schedules, struct text key, json_t *document,
                         struct schedules_change *change)
{
    change->schedules = schedules;
    change->stored.done = on_group_stored;
    registry_put(schedules->groups, key, document, &change->stored);
}

/* --- what goes by itself --- */

struct removal {
    struct schedules_change change;
    struct schedules *schedules;
    char *group; /* NULL: one schedule */
};

static void on_completed_removed(struct schedules_change *change, bool failed,
                                 const struct error *err)
{
    if (failed)
        log_error("a schedule that is over could not be deleted", LOG_ERROR(err));
    free(container_of(change, struct removal, change));
}

static void on_completed(struct timer_owner *owner, struct text entry)
{
    struct schedules *schedules = container_of(owner, struct schedules, owner);
    struct text key = document_key(entry);
    const json_t *document = registry_find(schedules->registry, key);

    if (!document || !text_equal(json_text(document, "ActionAfterCompletion"), TEXT("DELETE")))
        return;
    struct removal *removal = mem_new(struct removal);
    removal->change.done = on_completed_removed;
    schedules_delete(schedules, key, &removal->change);
}

static bool copy_first(void *arg, struct text key, const json_t *document)
{
    *(char **)arg = text_dup(key);
    return false;
}

/* One after the other: nobody waits, and whoever does has the store to himself. */
static void remove_next(struct removal *removal);

static void on_member_removed(struct schedules_change *change, bool failed, const struct error *err)
{
    struct removal *removal = container_of(change, struct removal, change);

    if (!failed) {
        remove_next(removal);
        return;
    }
    log_error("the deletion of a schedule group goes on at the next start", LOG_ERROR(err));
    free(removal->group);
    free(removal);
}

static void on_group_removed(struct schedules_change *change, bool failed, const struct error *err)
{
    struct removal *removal = container_of(change, struct removal, change);

    if (failed)
        log_error("the deletion of a schedule group goes on at the next start", LOG_ERROR(err));
    free(removal->group);
    free(removal);
}

static void remove_next(struct removal *removal)
{
    struct schedules *schedules = removal->schedules;
    scoped(free) char *prefix = mem_format("%s/", removal->group);
    scoped(free) char *key = NULL;

    registry_each(schedules->registry, text_of(prefix), TEXT_NONE, copy_first, &key);
    if (key) {
        removal->change.done = on_member_removed;
        schedules_delete(schedules, text_of(key), &removal->change);
        return;
    }
    removal->change.done = on_group_removed;
    removal->change.stored.done = on_group_stored;
    registry_delete(schedules->groups, text_of(removal->group), &removal->change.stored);
}

static void remove_group(struct schedules *schedules, struct text key)
{
    struct removal *removal = mem_new(struct removal);

    removal->schedules = schedules;
    removal->group = text_dup(key);
    remove_next(removal);
}

static void on_group_marked(struct registry_change *stored, bool failed, const struct error *err)
{
    struct schedules_change *change = container_of(stored, struct schedules_change, stored);
    struct schedules *schedules = change->schedules;
    scoped(free) char *key = take(change->key);

    change->done(change, failed, err);
    if (!failed)
        remove_group(schedules, text_of(key));
}

void schedules_delete_group(struct schedules *schedules, struct text key,
                            struct schedules_change *change)
{
    json_t *document = json_object();

    json_object_update(document, as_json(registry_find(schedules->groups, key)));
    change->schedules = schedules;
    change->key = text_dup(key);
    change->stored.done = on_group_marked;
    json_object_set_new(document, "State", json_string("DELETING"));
    registry_put(schedules->groups, key, document, &change->stored);
}

/* --- what begins, and what goes on --- */

static bool is_same(const json_t *left, const json_t *right, const char *member)
{
    return text_equal(json_text(left, member), json_text(right, member));
}

static json_t *begin(const json_t *document)
{
    bool is_once = text_starts(json_text(document, "ScheduleExpression"), TEXT("at("));
    int64_t now_ms = clock_now_ms(), start_ms = schedules_date_ms(document, "StartDate");
    char generation[UUID_LEN + 1];

    crypto_uuid(generation);
    return json_pack("{s:s,s:I,s:I}", "generation", generation, "anchor",
                     (json_int_t)(start_ms > 0 ? start_ms : now_ms), "from",
                     (json_int_t)(is_once ? 0 : now_ms - 1));
}

void schedules_begin(json_t *document, const json_t *before)
{
    json_t *private;

    if (before && is_same(document, before, "ScheduleExpression") &&
        is_same(document, before, "ScheduleExpressionTimezone") &&
        schedules_date_ms(document, "StartDate") == schedules_date_ms(before, "StartDate")) {
        private = json_deep_copy(json_object_get(before, SCHEDULE_PRIVATE));
        if (!is_same(document, before, "State"))
            json_object_set_new(private, "from", json_integer(clock_now_ms() - 1));
    } else {
        private = begin(document);
    }
    json_object_set_new(document, SCHEDULE_PRIVATE, private);
}

/* --- looking up --- */

const json_t *schedules_find(const struct schedules *schedules, struct text key)
{
    return registry_find(schedules->registry, key);
}

const json_t *schedules_find_group(const struct schedules *schedules, struct text key)
{
    return registry_find(schedules->groups, key);
}

bool schedules_has_group(const struct schedules *schedules, struct text key)
{
    return text_equal(json_text(registry_find(schedules->groups, key), "State"), TEXT("ACTIVE"));
}

void schedules_each(const struct schedules *schedules, struct text prefix, struct text after,
                    schedules_each_f *each, void *arg)
{
    registry_each(schedules->registry, prefix, after, each, arg);
}

void schedules_each_group(const struct schedules *schedules, struct text prefix, struct text after,
                          schedules_each_f *each, void *arg)
{
    registry_each(schedules->groups, prefix, after, each, arg);
}

struct timer *schedules_timer(const struct schedules *schedules)
{
    return schedules->options.timer;
}

/* --- life --- */

static bool set_one(void *arg, struct text key, const json_t *document)
{
    set_entry(arg, key, document);
    return true;
}

struct schedules *schedules_open(const struct schedules_options *options, struct error *err)
{
    scoped(schedules_free) struct schedules *schedules = mem_new(struct schedules);

    schedules->options = *options;
    schedules->owner = (struct timer_owner){.fire = on_fire, .completed = on_completed};
    schedules->registry = registry_open(options->store, options->control, KIND, err);
    schedules->groups = schedules->registry
                            ? registry_open(options->store, options->control, KIND_GROUP, err)
                            : NULL;
    if (!schedules->groups)
        return NULL;
    registry_each(schedules->registry, TEXT(""), TEXT_NONE, set_one, schedules);
    return take(schedules);
}

void schedules_free(struct schedules *schedules)
{
    if (!schedules)
        return;
    registry_free(schedules->registry);
    registry_free(schedules->groups);
    free(schedules);
}

/* --- the start --- */

struct marked_group {
    struct list link;
    size_t len;
    char key[];
};

static void on_default_stored(struct registry_change *stored, bool failed, const struct error *err)
{
    if (failed)
        log_error("the default schedule group could not be stored", LOG_ERROR(err));
    free(stored);
}

static void add_default_group(struct schedules *schedules)
{
    const struct schedules_options *options = &schedules->options;
    scoped(free) char *key =
        mem_format("%s/%s/" SCHEDULE_GROUP_DEFAULT, options->account, options->region);

    if (registry_find(schedules->groups, text_of(key)))
        return;
    struct registry_change *change = mem_new(struct registry_change);
    change->done = on_default_stored;
    registry_put(schedules->groups, text_of(key),
                 schedules_new_group(schedules, TEXT(SCHEDULE_GROUP_DEFAULT)), change);
}

static bool remove_marked(void *arg, struct text key, const json_t *document)
{
    struct list *keys = arg;

    if (text_equal(json_text(document, "State"), TEXT("DELETING"))) {
        struct marked_group *marked = mem_zalloc(sizeof *marked + key.len);
        marked->len = key.len;
        memcpy(marked->key, key.at, key.len);
        list_push(keys, &marked->link);
    }
    return true;
}

void schedules_start(struct schedules *schedules)
{
    struct list keys, *node;

    add_default_group(schedules);
    list_init(&keys);
    registry_each(schedules->groups, TEXT(""), TEXT_NONE, remove_marked, &keys);
    while ((node = list_pop(&keys))) {
        struct marked_group *marked = container_of(node, struct marked_group, link);
        remove_group(schedules, text_from(marked->key, marked->len));
        free(marked);
    }
}

json_t *schedules_new_group(const struct schedules *schedules, struct text name)
{
    double now_s = (double)clock_now_ms() / 1000;

    return json_pack("{s:o,s:o,s:s,s:f,s:f,s:{}}", "Arn",
                     json_sprintf("arn:aws:scheduler:%s:%s:schedule-group/%.*s",
                                  schedules->options.region, schedules->options.account,
                                  TEXT_ARG(name)),
                     "Name", json_from_text(name), "State", "ACTIVE", "CreationDate", now_s,
                     "LastModificationDate", now_s, "Tags");
}
