/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_manifest.h"

#include "api/events_priv.h"
#include "base/json.h"
#include "router/condition.h"

/*
 * The rule that function.yaml asks for is one like others, of the function's name, and marked as
 * managed by the file: it is seen, and can be disabled, through the same API. It is what the file
 * of the newest code says, and goes with the function; a rule of that name that somebody made by
 * hand is never touched.
 */

#define MANAGER "function.yaml"

struct following {
    struct buses_change change;
    struct call *call;
    call_f *then;
    struct text name, bus; /* bus: that the file wants; none: none */
    struct text old_bus;   /* of the rule there is; none: there is none */
    json_t *rule;          /* to be put once the old one is gone */
};

/* --- before anything is stored --- */

static struct text bus_of(const struct manifest *manifest)
{
    return manifest->events_bus ? text_of(manifest->events_bus) : EVENTS_DEFAULT;
}

static char *pattern_of(const struct manifest *manifest)
{
    const json_t *pattern = json_object_get(manifest->events_rule, "pattern");

    return json_write(pattern ? pattern : manifest->events_rule);
}

static bool is_ours(const json_t *rule)
{
    return text_equal(json_text(rule, "ManagedBy"), TEXT(MANAGER));
}

static bool refuse(struct call *call, const struct manifest *manifest, const char *key,
                   const char *what)
{
    struct error reason, err;

    error_set(&reason, ERROR_INVALID, "%s %s", key, what);
    manifest_refuse(manifest, &reason, &err);
    call_fail(call, "InvalidParameterValueException", "%s", err.text);
    return false;
}

bool events_check_manifest(struct call *call, struct text name, const struct manifest *manifest)
{
    struct condition condition;
    struct error err;

    if (!manifest || !manifest->has_events)
        return true;
    if (json_object_size(manifest->events_rule) != 1)
        return refuse(call, manifest, "events", "must have either a pattern or filters");
    const char *key = json_object_iter_key(json_object_iter(manifest->events_rule));
    scoped(free) char *pattern = pattern_of(manifest);
    if (condition_compile(text_of(pattern), &condition, NULL, &err) < 0)
        return refuse(call, manifest, key, err.text);
    condition_done(&condition);
    struct text bus = bus_of(manifest);
    if (!events_find(call, BUSES_BUS, events_key(call, bus)))
        return refuse(call, manifest, "events", "names an event bus that does not exist");
    const json_t *rule = events_find(call, BUSES_RULE, events_rule_key(call, bus, name));
    if (rule && !is_ours(rule))
        return refuse(
            call, manifest, "events",
            "wants a rule of the function's name, and there is one that was made by hand");
    return true;
}

/* --- storing --- */

static json_t *make_rule(struct following *following, const struct manifest *manifest,
                         const json_t *before)
{
    const struct api *api = following->call->api;
    scoped(free) char *pattern = pattern_of(manifest);
    json_t *rule = json_object();
    struct text state = json_text(before, "State");

    events_set_text(rule, "Name", following->name);
    events_set_text(rule, "EventBusName", following->bus);
    events_set_text(rule, "State", text_is_set(state) ? state : TEXT("ENABLED"));
    events_set_text(rule, "ManagedBy", TEXT(MANAGER));
    events_set_text(rule, "EventPattern", text_of(pattern));
    events_set_time(rule, "CreationTime");
    json_object_set_new(
        rule, "Targets",
        json_pack("[{s:s,s:o}]", "Id", "function", "Arn",
                  json_sprintf("arn:aws:lambda:%.*s:%.*s:function:%.*s", TEXT_ARG(api->region),
                               TEXT_ARG(api->account), TEXT_ARG(following->name))));
    return rule;
}

struct search {
    struct text name, bus;
    bool is_found;
};

/* "ACCOUNT/REGION/BUS/RULE" */
static bool look_at(void *arg, struct text key, const json_t *rule)
{
    struct search *search = arg;

    if (!is_ours(rule) || !text_equal(json_text(rule, "Name"), search->name))
        return true;
    search->bus = json_text(rule, "EventBusName");
    search->is_found = true;
    return false;
}

static struct text find_old_bus(struct call *call, struct text name)
{
    struct search search = {.name = name};

    registry_each(buses_registry(call->api->buses, BUSES_RULE), events_key(call, TEXT("")),
                  TEXT_NONE, look_at, &search);
    return search.is_found ? arena_copy(&call->arena, search.bus) : TEXT_NONE;
}

static void on_put(struct buses_change *change, bool failed, const struct error *err)
{
    struct following *following = container_of(change, struct following, change);

    if (failed)
        call_fail_error(following->call, err);
    else
        following->then(following->call);
}

static void put_rule(struct following *following)
{
    struct call *call = following->call;

    if (!following->rule) {
        following->then(call);
        return;
    }
    following->change = (struct buses_change){.done = on_put};
    buses_put(call->api->buses, BUSES_RULE, events_rule_key(call, following->bus, following->name),
              take(following->rule), &following->change);
}

static void on_gone(struct buses_change *change, bool failed, const struct error *err)
{
    struct following *following = container_of(change, struct following, change);

    if (!failed) {
        put_rule(following);
        return;
    }
    json_decref(following->rule);
    call_fail_error(following->call, err);
}

static void remove_old(struct following *following)
{
    struct call *call = following->call;

    following->change = (struct buses_change){.done = on_gone};
    buses_delete(call->api->buses, BUSES_RULE,
                 events_rule_key(call, following->old_bus, following->name), &following->change);
}

void events_follow_manifest(struct call *call, struct text name, const struct manifest *manifest,
                            call_f *then)
{
    struct following *following = arena_zalloc(&call->arena, sizeof *following);

    following->call = call;
    following->then = then;
    following->name = name;
    following->old_bus = find_old_bus(call, name);
    if (manifest && manifest->has_events) {
        following->bus = arena_copy(&call->arena, bus_of(manifest));
        following->rule =
            make_rule(following, manifest,
                      events_find(call, BUSES_RULE, events_rule_key(call, following->bus, name)));
    }
    if (text_is_set(following->old_bus) && !text_equal(following->old_bus, following->bus))
        remove_old(following);
    else
        put_rule(following);
}
