/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/mem.h"
#include "router/condition.h"

/* --- names --- */

struct text events_resource(struct text arn, const char *kind)
{
    scoped(free) char *mark = mem_format(":%s/", kind);
    size_t at = text_find_text(arn, text_of(mark));

    return at < arn.len ? text_skip(arn, at + strlen(mark)) : TEXT_NONE;
}

struct text events_bus_name(const struct call *call, const char *member)
{
    struct text name = call_input(call, member), within = events_resource(name, "event-bus");

    if (!text_is_set(name))
        return EVENTS_DEFAULT;
    return text_is_set(within) ? within : name;
}

struct text events_key(struct call *call, struct text name)
{
    return text_of(arena_format(&call->arena, "%.*s/%.*s/%.*s", TEXT_ARG(call->api->account),
                                TEXT_ARG(call->api->region), TEXT_ARG(name)));
}

struct text events_rule_key(struct call *call, struct text bus, struct text rule)
{
    return text_of(arena_format(&call->arena, "%.*s/%.*s/%.*s/%.*s", TEXT_ARG(call->api->account),
                                TEXT_ARG(call->api->region), TEXT_ARG(bus), TEXT_ARG(rule)));
}

const char *events_arn(struct call *call, const char *resource, struct text name)
{
    return arena_format(&call->arena, "arn:aws:events:%.*s:%.*s:%s/%.*s",
                        TEXT_ARG(call->api->region), TEXT_ARG(call->api->account), resource,
                        TEXT_ARG(name));
}

const char *events_rule_arn(struct call *call, struct text bus, struct text rule)
{
    if (text_equal(bus, EVENTS_DEFAULT))
        return events_arn(call, "rule", rule);
    return events_arn(
        call, "rule",
        text_of(arena_format(&call->arena, "%.*s/%.*s", TEXT_ARG(bus), TEXT_ARG(rule))));
}

/* --- documents --- */

const json_t *events_find(const struct call *call, enum buses_kind kind, struct text key)
{
    return registry_find(buses_registry(call->api->buses, kind), key);
}

void events_fail_bus(struct call *call, struct text name)
{
    call_fail(call, "ResourceNotFoundException", "Event bus %.*s does not exist.", TEXT_ARG(name));
}

const json_t *events_find_bus(struct call *call, struct text name)
{
    const json_t *bus = events_find(call, BUSES_BUS, events_key(call, name));

    if (!bus)
        events_fail_bus(call, name);
    return bus;
}

const json_t *events_find_rule(struct call *call, struct text bus, struct text name)
{
    if (!events_find_bus(call, bus))
        return NULL;
    const json_t *rule = events_find(call, BUSES_RULE, events_rule_key(call, bus, name));
    if (!rule)
        call_fail(call, "ResourceNotFoundException", "Rule %.*s does not exist on EventBus %.*s.",
                  TEXT_ARG(name), TEXT_ARG(bus));
    return rule;
}

void events_take_members(json_t *document, const json_t *input, const char *const *names)
{
    for (; *names; names++) {
        json_t *value = json_object_get(input, *names);
        if (value && !json_is_null(value))
            json_object_set_new(document, *names, json_deep_copy(value));
    }
}

static void write_time(struct writer *writer, const char *key, int64_t ms)
{
    char seconds[32];
    int len = snprintf(seconds, sizeof seconds, "%lld.%03lld", (long long)(ms / 1000),
                       (long long)(ms % 1000));

    write_json(writer, key, text_from(seconds, (size_t)len));
}

static void write_value(struct writer *writer, const char *name, const json_t *value)
{
    if (json_is_integer(value) && text_ends(text_of(name), TEXT("Time"))) {
        write_time(writer, name, json_integer_value(value));
        return;
    }
    scoped(free) char *text = json_write(value);
    write_json(writer, name, text_of(text));
}

void events_write_members(struct writer *writer, const json_t *document, const char *const *names)
{
    for (; *names; names++) {
        const json_t *value = json_object_get(document, *names);
        if (value)
            write_value(writer, *names, value);
    }
}

void events_set_text(json_t *document, const char *name, struct text value)
{
    json_object_set_new(document, name, json_from_text(value));
}

void events_set_time(json_t *document, const char *name)
{
    json_object_set_new(document, name, json_integer(clock_now_ms()));
}

/* --- changes --- */

struct saving {
    struct buses_change change;
    struct call *call;
    call_f *then;
};

static void on_saved(struct buses_change *change, bool failed, const struct error *err)
{
    struct saving *saving = container_of(change, struct saving, change);

    if (failed)
        call_fail(saving->call, "InternalException", "%s", err->text);
    else
        saving->then(saving->call);
}

static struct buses_change *new_change(struct call *call, call_f *then)
{
    struct saving *saving = arena_zalloc(&call->arena, sizeof *saving);

    *saving = (struct saving){{.done = on_saved}, call, then};
    return &saving->change;
}

void events_save(struct call *call, enum buses_kind kind, struct text key, json_t *document,
                 call_f *then)
{
    buses_put(call->api->buses, kind, key, document, new_change(call, then));
}

void events_delete(struct call *call, enum buses_kind kind, struct text key, call_f *then)
{
    buses_delete(call->api->buses, kind, key, new_change(call, then));
}

void events_reply_empty(struct call *call)
{
    buffer_clear(&call->answer);
    buffer_add_literal(&call->answer, "{}");
    call_reply(call, 200);
}

void events_fail_invalid(struct call *call, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    scoped(free) char *message = mem_vformat(format, arguments);
    va_end(arguments);
    call_fail_text(call, "ValidationException", text_of(message));
}

/* --- lists --- */

size_t events_page_limit(const struct call *call)
{
    return (size_t)json_int(call->input, "Limit", EVENTS_PAGE);
}

void events_write_token(struct call *call, struct writer *writer, struct text token)
{
    scoped(buffer_done) struct buffer encoded = {0};

    crypto_base64(token, &encoded);
    write_text(writer, "NextToken", buffer_text(&encoded));
}

/* TEXT_NONE when there is none. False: answered. */
static bool read_token(struct call *call, struct text *ret)
{
    struct text given = call_input(call, "NextToken");
    scoped(buffer_done) struct buffer token = {0};

    *ret = TEXT_NONE;
    if (!text_is_set(given))
        return true;
    if (!crypto_unbase64(given, &token) || token.len == 0) {
        events_fail_invalid(call, "Parameter NextToken is not valid.");
        return false;
    }
    *ret = arena_copy(&call->arena, buffer_text(&token));
    return true;
}

bool events_page_start(struct call *call, size_t *ret_start)
{
    struct text token;
    int64_t start = 0;

    if (!read_token(call, &token))
        return false;
    if (text_is_set(token) && !text_to_int(token, 0, INT32_MAX, &start)) {
        events_fail_invalid(call, "Parameter NextToken is not valid.");
        return false;
    }
    *ret_start = (size_t)start;
    return true;
}

struct page {
    struct call *call;
    const struct events_list *list;
    struct writer writer;
    size_t left;
    struct text last; /* name of the last one written; in the arena */
    bool more;
};

static bool add_item(void *arg, struct text key, const json_t *document)
{
    struct page *page = arg;
    struct text name = text_skip(key, page->list->head.len);

    if (page->list->matches && !page->list->matches(page->call, document))
        return true;
    if (page->left == 0) {
        page->more = true;
        return false;
    }
    page->left--;
    page->last = arena_copy(&page->call->arena, name);
    page->list->write_item(page->call, &page->writer, name, document);
    return true;
}

bool events_check_one_filter(struct call *call, const char *action)
{
    int given = text_is_set(call_input(call, "State")) +
                text_is_set(call_input(call, "EventSourceArn")) +
                text_is_set(call_input(call, "NamePrefix"));

    if (given > 1)
        events_fail_invalid(call,
                            "At most one filter is allowed for %s. Use either : State, "
                            "EventSourceArn, or NamePrefix.",
                            action);
    return given <= 1;
}

void events_reply_list(struct call *call, const struct events_list *list)
{
    struct text prefix = call_input(call, "NamePrefix"), token, after = TEXT_NONE;
    struct page page = {call, list, call_writer(call), events_page_limit(call), TEXT_NONE, false};

    if (!read_token(call, &token))
        return;
    if (text_is_set(token))
        after =
            text_of(arena_format(&call->arena, "%.*s%.*s", TEXT_ARG(list->head), TEXT_ARG(token)));
    struct text keys =
        text_of(arena_format(&call->arena, "%.*s%.*s", TEXT_ARG(list->head), TEXT_ARG(prefix)));
    write_open(&page.writer, NULL, '{');
    write_open(&page.writer, list->member, '[');
    registry_each(buses_registry(call->api->buses, list->kind), keys, after, add_item, &page);
    write_close(&page.writer, ']');
    if (page.more)
        events_write_token(call, &page.writer, page.last);
    write_close(&page.writer, '}');
    call_reply(call, 200);
}

/* --- patterns --- */

struct pattern *events_compile_pattern(struct call *call, struct text source)
{
    scoped(buffer_done) struct buffer message = {0};
    struct error err;
    struct pattern *pattern = pattern_compile(source, &message, &err);

    if (!pattern)
        call_fail_text(call, "InvalidEventPatternException",
                       message.len > 0 ? buffer_text(&message) : text_of(err.text));
    return pattern;
}

bool events_check_pattern(struct call *call, struct text source)
{
    if (source.len == 0)
        return true;
    struct pattern *pattern = events_compile_pattern(call, source);
    pattern_unref(pattern);
    return pattern != NULL;
}

bool events_check_condition(struct call *call, struct text source)
{
    scoped(buffer_done) struct buffer message = {0};
    struct condition condition;
    struct error err;

    if (source.len == 0)
        return true;
    if (condition_compile(source, &condition, &message, &err) == 0) {
        condition_done(&condition);
        return true;
    }
    call_fail_text(call, "InvalidEventPatternException",
                   message.len > 0 ? buffer_text(&message) : text_of(err.text));
    return false;
}
