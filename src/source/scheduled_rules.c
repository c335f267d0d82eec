/* SPDX-License-Identifier: Apache-2.0 */
#include "source/scheduled_rules.h"

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define MAX_AGE_MS (INT64_C(24) * 3600 * 1000) /* EventBridge's, of an event */
#define KEY_PREFIX "rule/"                     /* the timer's entries are schedules too */

struct scheduled_rules {
    struct scheduled_rules_options options;
    struct buses_watch watch;
    struct timer_owner owner;
};

/* --- entries --- */

/* Of what its times depend on. */
static void set_generation(const json_t *rule, char out[static UUID_LEN + 1])
{
    scoped(buffer_done) struct buffer all = {0};
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];

    buffer_add_text(&all, json_text(rule, "ScheduleExpression"));
    buffer_add_format(&all, " %lld", (long long)json_int(rule, "ScheduledSince", 0));
    crypto_sha256(buffer_text(&all), digest);
    crypto_hex(digest, sizeof digest, hex);
    snprintf(out, UUID_LEN + 1, "%.32s", hex);
}

static void set_entry(struct scheduled_rules *rules, const char *entry, const json_t *rule)
{
    int64_t since_ms = json_int(rule, "ScheduledSince", 0);
    struct timer_spec spec = {
        .frame.anchor_ms = since_ms,
        .from_ms = since_ms,
        .max_age_ms = MAX_AGE_MS,
        .is_enabled = text_equal(json_text(rule, "State"), TEXT("ENABLED")),
    };
    char generation[UUID_LEN + 1];
    struct error err;

    set_generation(rule, generation);
    spec.generation = text_of(generation);
    if (schedule_parse(json_text(rule, "ScheduleExpression"), SCHEDULE_RULE, &spec.schedule,
                       &err) == 0)
        timer_set(rules->options.timer, &rules->owner, text_of(entry), &spec);
    else
        log_error("a rule's schedule does not run", LOG_TEXT("rule", entry), LOG_ERROR(&err));
}

static void on_changed(struct buses_watch *watch, struct text key, const json_t *rule)
{
    struct scheduled_rules *rules = container_of(watch, struct scheduled_rules, watch);
    scoped(free) char *entry = mem_format(KEY_PREFIX "%.*s", TEXT_ARG(key));

    if (rule && json_text(rule, "ScheduleExpression").len > 0)
        set_entry(rules, entry, rule);
    else
        timer_remove(rules->options.timer, text_of(entry));
}

/* --- firing --- */

static struct event_firing *make_firing(const struct scheduled_rules *rules, struct bus_rule *rule,
                                        struct timer_firing *firing)
{
    struct event_firing *events = event_firing_new(&rules->options.firer, firing);
    scoped(free) char *resources = mem_format("[\"%s\"]", rule->arn);
    char id[UUID_LEN + 1];

    crypto_uuid(id);
    const struct envelope envelope = {
        .id = text_of(id),
        .detail_type = TEXT("Scheduled Event"),
        .source = TEXT("aws.events"),
        .account = text_of(rules->options.account),
        .region = text_of(rules->options.region),
        .time_ms = firing->due_ms,
        .resources = text_of(resources),
        .detail = TEXT("{}"),
    };
    (void)event_firing_add(events, TEXT(""), &envelope);
    event_firing_set_rule(events, rule);
    return events;
}

static void on_fire(struct timer_owner *owner, struct text entry, struct timer_firing *firing)
{
    struct scheduled_rules *rules = container_of(owner, struct scheduled_rules, owner);
    const json_t *document = registry_find(buses_registry(rules->options.buses, BUSES_RULE),
                                           text_skip(entry, sizeof KEY_PREFIX - 1));
    struct error err;

    if (!document) { /* deleted a moment ago */
        timer_write(firing);
        return;
    }
    struct bus_rule *rule = bus_rule_new(text_of(rules->options.account),
                                         text_of(rules->options.region), document, &err);
    if (!rule) {
        log_error("a rule's targets cannot be read", LOG_ERROR(&err));
        timer_write(firing);
        return;
    }
    event_firing_go(make_firing(rules, rule, firing));
}

static void on_completed(struct timer_owner *owner, struct text entry)
{
    /* A cron whose years are over stays, as with AWS. */
}

/* --- life --- */

struct scheduled_rules *scheduled_rules_new(const struct scheduled_rules_options *options)
{
    struct scheduled_rules *rules = mem_new(struct scheduled_rules);

    rules->options = *options;
    rules->owner = (struct timer_owner){.fire = on_fire, .completed = on_completed};
    rules->watch = (struct buses_watch){.changed = on_changed, .kind = BUSES_RULE};
    buses_watch(options->buses, &rules->watch);
    return rules;
}

void scheduled_rules_free(struct scheduled_rules *rules)
{
    free(rules);
}
