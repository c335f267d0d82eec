/* SPDX-License-Identifier: Apache-2.0 */
#include "model/manifest.h"

#include <errno.h>
#include <math.h>
#include <yaml.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/field_priv.h"
#include "model/limits.h"
#include "model/schedule.h"
#include "model/typed.h"
#include "model/zone.h"

/*
 * The schema is the tables below; the reader walks libyaml's events along them, so that
 * an error is found at its place and nothing is built that the schema does not know. What
 * YAML allows beyond plain maps, lists and scalars (aliases, tags, several documents) is
 * refused: a settings file does not need it, and aliases are YAML's bombs.
 */

#define CORS_VALUES_MAX 100   /* Lambda: items of a list */
#define CORS_METHODS_MAX 6    /* Lambda */
#define CORS_ORIGIN_MAX 253   /* Lambda: bytes */
#define CORS_HEADER_MAX 1024  /* Lambda: bytes */
#define CORS_AGE_MAX 86400    /* Lambda: seconds */
#define RUNTIME_NAME_MAX 64   /* bytes; the longest of AWS's has 16 */
#define JSON_KEY_DEPTH_MAX 64 /* levels of a subtree */
#define DESTINATION_MAX 350 /* Lambda: bytes of a destination's ARN */
#define ROUTE_MAX 512         /* bytes of a path */

enum key_type {
    KEY_END = 0,
    KEY_STRING,
    KEY_INT,
    KEY_BOOL,
    KEY_LIST,
    KEY_VARIABLES,
    KEY_MAP,
    KEY_JSON
};

/* How a string must look. */
struct form {
    bool (*accepts)(struct text value);
    const char *meaning; /* after "must be" */
};

struct key {
    const char *name;
    enum key_type type;
    size_t offset;           /* of the member in struct manifest */
    size_t count_offset;     /* LIST, VARIABLES: of the count */
    size_t given_offset;     /* of a bool that is set when the key is there; 0 without */
    int64_t min, max;        /* INT: the value; STRING, LIST's items: bytes */
    int64_t items_max;       /* LIST */
    const struct form *form; /* STRING, LIST; or NULL */
    const struct key *keys;  /* MAP */
    const char *summary;
    bool needs_first; /* MAP: the first key must be there, or its value instead of the map */
};

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_name(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!is_alnum(value.at[i]) && value.at[i] != '-' && value.at[i] != '_')
            return false;
    return true;
}

static bool is_graphic(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] <= ' ' || value.at[i] > '~')
            return false;
    return true;
}

static bool is_network(struct text value)
{
    return text_equal(value, TEXT("none")) || text_equal(value, TEXT("host"));
}

static bool is_log_format(struct text value)
{
    return text_equal(value, TEXT("text")) || text_equal(value, TEXT("json"));
}

static bool is_auth(struct text value)
{
    return text_equal(value, TEXT("none")) || text_equal(value, TEXT("iam"));
}

static bool is_mode(struct text value)
{
    return text_equal(value, TEXT("buffered")) || text_equal(value, TEXT("stream"));
}

static bool is_method(struct text value)
{
    static const char *const methods[] = {"GET",   "PUT",    "HEAD",    "POST",
                                          "PATCH", "DELETE", "OPTIONS", "*"};

    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (text_equal(value, text_of(methods[i])))
            return true;
    return false;
}

/* "{proxy+}" */
static bool is_bus(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] != '.' && !is_name(text_slice(value, i, i + 1)))
            return false;
    return value.len > 0;
}

static bool is_queue(struct text value)
{
    size_t fifo = text_ends(value, TEXT(".fifo")) ? sizeof ".fifo" - 1 : 0;

    return value.len > fifo && is_name(text_slice(value, 0, value.len - fifo));
}

static bool is_greedy(struct text segment)
{
    return segment.len > 3 && segment.at[0] == '{' && text_ends(segment, TEXT("+}")) &&
           is_name(text_slice(segment, 1, segment.len - 2));
}

static bool is_route(struct text value)
{
    struct text rest = text_skip(value, 1), segment;

    if (!text_starts(value, TEXT("/")) || !is_graphic(value))
        return false;
    while (text_split(&rest, '/', &segment)) {
        bool last = !rest.len && segment.at + segment.len == value.at + value.len;

        if (last && is_greedy(segment))
            return true;
        if (!segment.len || text_contains(segment, '{') || text_contains(segment, '}') ||
            text_contains(segment, '?') || text_contains(segment, '#') ||
            text_equal(segment, TEXT(".")) || text_equal(segment, TEXT("..")))
            return false;
    }
    return true;
}

static bool is_schedule(struct text value)
{
    struct schedule schedule;
    struct error ignored;

    return schedule_parse(value, SCHEDULE_FILE, &schedule, &ignored) == 0;
}

static bool is_timezone(struct text value)
{
    struct error ignored;
    scoped(zone_free) struct zone *zone = zone_load(value, &ignored);

    return zone != NULL;
}

static bool is_json(struct text value)
{
    struct error ignored;
    scoped(json_decref) json_t *json = json_parse(value, &ignored);

    return json != NULL;
}

/* "queue:NAME" */
static bool is_short(struct text value, struct text kind, bool (*is_named)(struct text))
{
    return text_starts(value, kind) && is_named(text_skip(value, kind.len));
}

static bool is_some_name(struct text value)
{
    return value.len > 0 && is_name(value);
}

static bool is_dead_letter(struct text value)
{
    return is_short(value, TEXT("queue:"), is_queue) ||
           (text_starts(value, TEXT("arn:aws:sqs:")) && is_graphic(value));
}

static bool is_destination(struct text value)
{
    return is_dead_letter(value) || is_short(value, TEXT("function:"), is_some_name) ||
           is_short(value, TEXT("bus:"), is_bus) ||
           (is_graphic(value) && (text_starts(value, TEXT("arn:aws:lambda:")) ||
                                  text_starts(value, TEXT("arn:aws:events:"))));
}

static const struct form form_name = {is_name, "letters, digits, '-' and '_'"};
static const struct form form_bus = {is_bus, "letters, digits, '.', '-' and '_'"};
static const struct form form_queue = {
    is_queue, "letters, digits, '-' and '_', and '.fifo' at the end if it is one"};
static const struct form form_graphic = {is_graphic, "ASCII without blanks"};
static const struct form form_network = {is_network, "'none' or 'host'"};
static const struct form form_log_format = {is_log_format, "'text' or 'json'"};
static const struct form form_auth = {is_auth, "'none' or 'iam'"};
static const struct form form_mode = {is_mode, "'buffered' or 'stream'"};
static const struct form form_method = {is_method,
                                        "GET, PUT, HEAD, POST, PATCH, DELETE, OPTIONS or '*'"};
static const struct form form_route = {is_route, "a path such as /thumbs or /thumbs/{proxy+}"};
static const struct form form_schedule = {
    is_schedule, "rate(5 minutes), cron(0 9 ? * MON-FRI *), at(2026-12-24T18:00:00) or a line of "
                 "a crontab"};
static const struct form form_timezone = {is_timezone, "a time zone such as Europe/Berlin"};
static const struct form form_json = {is_json, "JSON"};

static const struct form form_destination = {
    is_destination, "function:NAME, queue:NAME, bus:NAME or an ARN"};
static const struct form form_dead_letter = {is_dead_letter, "queue:NAME or the ARN of a queue"};

/* clang-format off */
#define AT(m) offsetof(struct manifest, m)
/* What is read as it is and judged by who knows it. */
#define GUARD(name, summary) {name, KEY_JSON, AT(guard), 0, 0, 0, 0, 0, NULL, NULL, summary}

static const struct key cors_keys[] = {
    {"origins", KEY_LIST, AT(cors.allow_origins), AT(cors.origin_count), AT(cors.has_origins),
     1, CORS_ORIGIN_MAX, CORS_VALUES_MAX, &form_graphic, NULL,
     "who may call it from a page: `https://example.com`, or `*`"},
    {"methods", KEY_LIST, AT(cors.allow_methods), AT(cors.method_count), AT(cors.has_methods),
     1, CORS_ORIGIN_MAX, CORS_METHODS_MAX, &form_method, NULL, "HTTP methods such a page may use"},
    {"headers", KEY_LIST, AT(cors.allow_headers), AT(cors.header_count), AT(cors.has_headers),
     1, CORS_HEADER_MAX, CORS_VALUES_MAX, &form_graphic, NULL, "headers such a page may send"},
    {"expose", KEY_LIST, AT(cors.expose_headers), AT(cors.expose_count), AT(cors.has_expose),
     1, CORS_HEADER_MAX, CORS_VALUES_MAX, &form_graphic, NULL, "headers such a page may read"},
    {"max-age", KEY_INT, AT(cors.max_age_s), 0, 0, 0, CORS_AGE_MAX, 0, NULL, NULL,
     "seconds a browser may remember this"},
    {"credentials", KEY_BOOL, AT(cors.allow_credentials), 0, 0, 0, 0, 0, NULL, NULL,
     "whether such a page may send cookies"},
    {0},
};

static const struct key http_keys[] = {
    {"auth", KEY_STRING, AT(http_auth), 0, 0, 1, 16, 0, &form_auth, NULL,
     "who may call it: everybody, or signed requests only"},
    {"mode", KEY_STRING, AT(http_mode), 0, 0, 1, 16, 0, &form_mode, NULL,
     "whether answers are collected or streamed"},
    {"route", KEY_STRING, AT(http_route), 0, 0, 1, ROUTE_MAX, 0, &form_route, NULL,
     "a path the gateway serves with it"},
    {"cors", KEY_MAP, AT(cors), 0, AT(cors.is_set), 0, 0, 0, NULL, cors_keys,
     "answers for browsers on other sites"},
    GUARD("authorizer", "who may call it, by token, function or client certificate"),
    GUARD("limits", "how much may pass: rates, quotas, sizes"),
    GUARD("addresses", "which addresses it may be called from"),
    GUARD("waf", "the web application firewall"),
    GUARD("signature", "of webhooks: `github env:SECRET`"),
    GUARD("filter", "what a request must look like, and what of it and of the answer is hidden: "
                    "docs/content-filter.md"),
    GUARD("conversion", "the event it gets: `payload-2.0`, `payload-1.0`, `cloudevents`, `s3`, "
                        "`raw`"),
    {0},
};

static const struct key schedule_keys[] = {
    {"expression", KEY_STRING, AT(schedule), 0, 0, 1, SCHEDULE_EXPRESSION_MAX, 0, &form_schedule,
     NULL, "when it is started"},
    {"timezone", KEY_STRING, AT(schedule_timezone), 0, 0, 1, ZONE_NAME_MAX, 0, &form_timezone, NULL,
     "where the expression holds; UTC without"},
    {"input", KEY_STRING, AT(schedule_input), 0, 0, 1, LIMIT_YAML_BYTES, 0, &form_json, NULL,
     "what it is given"},
    {0},
};

static const struct key events_keys[] = {
    {"bus", KEY_STRING, AT(events_bus), 0, 0, 1, 256, 0, &form_bus, NULL,
     "the event bus; `default` without"},
    {"pattern", KEY_JSON, AT(events_rule), 0, 0, 0, 0, 0, NULL, NULL,
     "which events: docs/event-patterns.md"},
    {"filters", KEY_JSON, AT(events_rule), 0, 0, 0, 0, 0, NULL, NULL,
     "or the filters of a trigger, over a CloudEvent's attributes"},
    {0},
};

static const struct key async_keys[] = {
    {"retries", KEY_INT, AT(async_retries), 0, 0, 0, LIMIT_ASYNC_RETRIES, 0, NULL, NULL,
     "attempts after the first one failed"},
    {"max-age", KEY_INT, AT(async_max_age_s), 0, 0, LIMIT_ASYNC_AGE_MIN_S, LIMIT_ASYNC_AGE_S, 0,
     NULL, NULL, "seconds an event is tried"},
    {"on-success", KEY_STRING, AT(async_success), 0, 0, 1, DESTINATION_MAX, 0, &form_destination,
     NULL, "where a record of what succeeded goes"},
    {"on-failure", KEY_STRING, AT(async_failure), 0, 0, 1, DESTINATION_MAX, 0, &form_destination,
     NULL, "where a record of what failed at last goes"},
    {"dead-letter", KEY_STRING, AT(async_dead), 0, 0, 1, DESTINATION_MAX, 0, &form_dead_letter,
     NULL, "where the event itself goes then"},
    {0},
};

static const struct key root_keys[] = {
    {"name", KEY_STRING, AT(name), 0, 0, 1, LIMIT_FUNCTION_NAME, 0, &form_name, NULL,
     "name of the function"},
    {"runtime", KEY_STRING, AT(runtime), 0, 0, 1, RUNTIME_NAME_MAX, 0, &form_graphic, NULL,
     "what runs it: `nodejs`, `nodejs20.x`, `python3.x`, `python3.12`, `provided`"},
    {"handler", KEY_STRING, AT(handler), 0, 0, 1, LIMIT_HANDLER, 0, &form_graphic, NULL,
     "file and function within it: `index.handler`"},
    {"description", KEY_STRING, AT(description), 0, 0, 0, LIMIT_DESCRIPTION, 0, NULL, NULL,
     "for people"},
    {"memory", KEY_INT, AT(memory_mb), 0, 0, LIMIT_MEMORY_MB_MIN, LIMIT_MEMORY_MB_MAX, 0, NULL,
     NULL, "MB of memory; CPU time grows with it"},
    {"timeout", KEY_INT, AT(timeout_s), 0, 0, 1, LIMIT_TIMEOUT_S, 0, NULL, NULL,
     "seconds an invocation may take"},
    {"tmp", KEY_INT, AT(tmp_mb), 0, 0, LIMIT_TMP_MB_MIN, LIMIT_TMP_MB_MAX, 0, NULL, NULL,
     "MB of `/tmp`"},
    {"environment", KEY_VARIABLES, AT(variables), AT(variable_count), AT(has_environment), 0,
     LIMIT_ENVIRONMENT_BYTES, 0, NULL, NULL, "variables it sees"},
    {"calls", KEY_LIST, AT(calls), AT(call_count), 0, 1, LIMIT_FUNCTION_NAME, LIMIT_CALLS,
     &form_name, NULL, "functions it may call, by name"},
    {"queues", KEY_LIST, AT(queues), AT(queue_count), 0, 1, LIMIT_QUEUE_NAME, LIMIT_CALLS,
     &form_queue, NULL, "queues it may send to, by name"},
    {"buses", KEY_LIST, AT(buses), AT(bus_count), 0, 1, 256, LIMIT_CALLS, &form_bus, NULL,
     "event buses it may put events into, by name"},
    {"network", KEY_STRING, AT(network), 0, 0, 1, 16, 0, &form_network, NULL,
     "`host` switches network isolation off: for trusted code only"},
    {"log-format", KEY_STRING, AT(log_format), 0, 0, 1, 16, 0, &form_log_format, NULL,
     "how its log is written"},
    {"http", KEY_MAP, AT(has_http), 0, AT(has_http), 0, 0, 0, NULL, http_keys,
     "gives it a function URL"},
    {"schedule", KEY_MAP, AT(has_schedule), 0, AT(has_schedule), 0, 0, 0, NULL, schedule_keys,
     "starts it at times; `schedule: rate(5 minutes)` is short for its expression", true},
    {"events", KEY_MAP, AT(has_events), 0, AT(has_events), 0, 0, 0, NULL, events_keys,
     "gives it events of a bus, by a rule of the function's name"},
    {"async", KEY_MAP, AT(has_async), 0, AT(has_async), 0, 0, 0, NULL, async_keys,
     "how events for it are tried, and what follows"},
    {"inputs", KEY_JSON, AT(types), 0, 0, 0, 0, 0, NULL, NULL,
     "what a request must hold, by name: docs/typed-functions.md"},
    {"outputs", KEY_JSON, AT(types), 0, 0, 0, 0, 0, NULL, NULL, "what an answer holds, by name"},
    {"outputs-strict", KEY_JSON, AT(types), 0, 0, 0, 0, 0, NULL, NULL,
     "`refuse`: an answer that does not fit becomes a 502; `log`: it is logged"},
    {0},
};
/* clang-format on */

struct reader {
    yaml_parser_t yaml;
    yaml_event_t event; /* the current one */
    struct manifest *manifest;
    struct error *err;
};

__attribute__((format(printf, 3, 4))) static int fail_at(struct reader *reader, yaml_mark_t mark,
                                                         const char *format, ...)
{
    char text[sizeof reader->err->text];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(reader->err, ERROR_INVALID, "function.yaml, line %zu, column %zu: %s",
                     mark.line + 1, mark.column + 1, text);
}

#define fail(reader, ...) fail_at(reader, (reader)->event.start_mark, __VA_ARGS__)

static int refuse_extras(struct reader *reader)
{
    const yaml_event_t *event = &reader->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT)
        return fail(reader, "aliases are not supported");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    }
    if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    }
    if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor)
        return fail(reader, "anchors are not supported");
    return tag ? fail(reader, "tags are not supported") : 0;
}

static int next(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->yaml, &reader->event))
        return refuse_extras(reader);

    reader->event = (yaml_event_t){0};
    if (reader->yaml.error == YAML_MEMORY_ERROR)
        return error_set(reader->err, ERROR_SYSTEM, "out of memory");
    return fail_at(reader, reader->yaml.problem_mark, "%s",
                   reader->yaml.problem ? reader->yaml.problem : "this is not YAML");
}

static bool is_at(const struct reader *reader, yaml_event_type_t type)
{
    return reader->event.type == type;
}

static struct text scalar(const struct reader *reader)
{
    return text_from(reader->event.data.scalar.value, reader->event.data.scalar.length);
}

static bool is_plain(const struct reader *reader)
{
    return reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_null(const struct reader *reader)
{
    struct text value = scalar(reader);

    return is_plain(reader) &&
           (!value.len || text_equal(value, TEXT("~")) || text_equal(value, TEXT("null")));
}

/* The current event as a string. Plain numbers and the like are taken as written. */
static int read_string(struct reader *reader, const char *name, struct text *ret)
{
    if (!is_at(reader, YAML_SCALAR_EVENT))
        return fail(reader, "'%s' must be text", name);
    if (is_null(reader))
        return fail(reader, "'%s' has no value; write \"\" for empty text", name);
    *ret = scalar(reader);
    if (text_contains(*ret, '\0'))
        return fail(reader, "'%s' contains a NUL character", name);
    return 0;
}

static int read_formed(struct reader *reader, const struct key *key, struct text *ret)
{
    if (read_string(reader, key->name, ret) < 0)
        return -1;
    if ((int64_t)ret->len < key->min || (int64_t)ret->len > key->max)
        return fail(reader, "'%s' must have %d to %d characters", key->name, (int)key->min,
                    (int)key->max);
    if (key->form && !key->form->accepts(*ret))
        return fail(reader, "'%s' must be %s", key->name, key->form->meaning);
    return 0;
}

static int read_int(struct reader *reader, const struct key *key, int64_t *ret)
{
    if (!is_at(reader, YAML_SCALAR_EVENT) || !is_plain(reader) ||
        !text_to_int(scalar(reader), key->min, key->max, ret))
        return fail(reader, "'%s' must be a whole number from %lld to %lld", key->name,
                    (long long)key->min, (long long)key->max);
    return 0;
}

static int read_bool(struct reader *reader, const struct key *key, bool *ret)
{
    if (is_at(reader, YAML_SCALAR_EVENT) && is_plain(reader)) {
        *ret = text_equal(scalar(reader), TEXT("true"));
        if (*ret || text_equal(scalar(reader), TEXT("false")))
            return 0;
    }
    return fail(reader, "'%s' must be true or false", key->name);
}

static int add_item(struct reader *reader, const struct key *key, char ***items, size_t *count)
{
    struct text item;

    if (read_formed(reader, key, &item) < 0)
        return -1;
    if (*count == (size_t)key->items_max)
        return fail(reader, "'%s' has more than %d items", key->name, (int)key->items_max);
    for (size_t i = 0; i < *count; i++)
        if (text_equal(text_of((*items)[i]), item))
            return fail(reader, "'%s' has '%.*s' twice", key->name, TEXT_ARG(item));
    *items = mem_realloc(*items, (*count + 1) * sizeof **items);
    (*items)[(*count)++] = text_dup(item);
    return 0;
}

static int read_list(struct reader *reader, const struct key *key, char ***items, size_t *count)
{
    if (!is_at(reader, YAML_SEQUENCE_START_EVENT))
        return fail(reader, "'%s' must be a list", key->name);
    for (;;) {
        if (next(reader) < 0)
            return -1;
        if (is_at(reader, YAML_SEQUENCE_END_EVENT))
            return 0;
        if (add_item(reader, key, items, count) < 0)
            return -1;
    }
}

static bool is_variable(struct text name)
{
    return name.len >= 2 && is_name(name) && !text_contains(name, '-') &&
           (name.at[0] > '9' && name.at[0] != '_');
}

static int read_variable_name(struct reader *reader, char **ret)
{
    const struct manifest *manifest = reader->manifest;

    if (!is_at(reader, YAML_SCALAR_EVENT) || !is_variable(scalar(reader)))
        return fail(reader, "the name of a variable is a letter, then letters, digits and '_'");
    for (size_t i = 0; i < manifest->variable_count; i++)
        if (text_equal(text_of(manifest->variables[i].name), scalar(reader)))
            return fail(reader, "the variable '%s' is there twice", manifest->variables[i].name);
    *ret = text_dup(scalar(reader));
    return 0;
}

static int read_variable(struct reader *reader, const struct key *key, int64_t *bytes)
{
    struct manifest *manifest = reader->manifest;
    char *taken = NULL;
    struct text value;

    if (read_variable_name(reader, &taken) < 0)
        return -1;
    scoped(free) char *name = taken;
    if (next(reader) < 0 || read_string(reader, name, &value) < 0)
        return -1;
    *bytes += (int64_t)(strlen(name) + value.len);
    if (*bytes > key->max)
        return fail(reader, "the environment has more than %d bytes", (int)key->max);
    manifest->variables =
        mem_realloc(manifest->variables, (manifest->variable_count + 1) * sizeof(struct variable));
    manifest->variables[manifest->variable_count++] =
        (struct variable){take(name), text_dup(value)};
    return 0;
}

static int read_variables(struct reader *reader, const struct key *key)
{
    int64_t bytes = 0;

    if (!is_at(reader, YAML_MAPPING_START_EVENT))
        return fail(reader, "'%s' must be names and values", key->name);
    for (;;) {
        if (next(reader) < 0)
            return -1;
        if (is_at(reader, YAML_MAPPING_END_EVENT))
            return 0;
        if (read_variable(reader, key, &bytes) < 0)
            return -1;
    }
}

/* --- subtrees that others judge --- */

static void note_place(struct reader *reader, const char *path)
{
    struct manifest *manifest = reader->manifest;

    manifest->places =
        mem_realloc(manifest->places, (manifest->place_count + 1) * sizeof *manifest->places);
    manifest->places[manifest->place_count++] = (struct manifest_place){
        mem_strdup(path), reader->event.start_mark.line + 1, reader->event.start_mark.column + 1};
}

static bool is_number(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!memchr("0123456789+-.eE", text.at[i], 15))
            return false;
    return text.len > 0 && text.len < 40;
}

/* As YAML's core schema has it, without octal and hexadecimal. */
static json_t *make_scalar(const struct reader *reader)
{
    struct text text = scalar(reader);
    char copy[40], *end;

    if (!is_plain(reader))
        return json_from_text(text);
    if (is_null(reader))
        return json_null();
    if (text_equal(text, TEXT("true")) || text_equal(text, TEXT("false")))
        return json_boolean(text.len == 4);
    if (!is_number(text))
        return json_from_text(text);
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    errno = 0;
    long long integer = strtoll(copy, &end, 10);
    if (!*end && !errno)
        return json_integer(integer);
    double real = strtod(copy, &end);
    return *end || !isfinite(real) ? json_from_text(text) : json_real(real);
}

static json_t *read_json(struct reader *reader, const char *path, int depth);

static int read_json_member(struct reader *reader, json_t *object, const char *path, int depth)
{
    if (!is_at(reader, YAML_SCALAR_EVENT))
        return fail(reader, "a key must be a word");
    scoped(free) char *name = text_dup(scalar(reader));
    if (strlen(name) != scalar(reader).len)
        return fail(reader, "a key contains a NUL character");
    if (json_object_get(object, name))
        return fail(reader, "the key '%.64s' is there twice", name);
    scoped(free) char *inner = mem_format("%s.%s", path, name);
    note_place(reader, inner);
    if (next(reader) < 0)
        return -1;
    json_t *value = read_json(reader, inner, depth + 1);
    return value ? json_object_set_new(object, name, value) : -1;
}

static json_t *read_json_object(struct reader *reader, const char *path, int depth)
{
    scoped(json_decref) json_t *object = json_object();

    for (;;) {
        if (next(reader) < 0)
            return NULL;
        if (is_at(reader, YAML_MAPPING_END_EVENT))
            return take(object);
        if (read_json_member(reader, object, path, depth) < 0)
            return NULL;
    }
}

static json_t *read_json_array(struct reader *reader, const char *path, int depth)
{
    scoped(json_decref) json_t *array = json_array();

    for (;;) {
        if (next(reader) < 0)
            return NULL;
        if (is_at(reader, YAML_SEQUENCE_END_EVENT))
            return take(array);
        scoped(free) char *inner = mem_format("%s[%zu]", path, json_array_size(array));
        note_place(reader, inner);
        json_t *item = read_json(reader, inner, depth + 1);
        if (!item)
            return NULL;
        json_array_append_new(array, item);
    }
}

/* The value that begins with the current event, or NULL and the error. */
static json_t *read_json(struct reader *reader, const char *path, int depth)
{
    if (depth > JSON_KEY_DEPTH_MAX) {
        fail(reader, "nested deeper than %d", JSON_KEY_DEPTH_MAX);
        return NULL;
    }
    if (is_at(reader, YAML_MAPPING_START_EVENT))
        return read_json_object(reader, path, depth);
    if (is_at(reader, YAML_SEQUENCE_START_EVENT))
        return read_json_array(reader, path, depth);
    if (!text_contains(scalar(reader), '\0'))
        return make_scalar(reader);
    fail(reader, "'%s' contains a NUL character", path);
    return NULL;
}

static int read_json_key(struct reader *reader, const struct key *key, json_t **member)
{
    note_place(reader, key->name);
    json_t *value = read_json(reader, key->name, 0);

    if (!value)
        return -1;
    if (!*member)
        *member = json_object();
    return json_object_set_new(*member, key->name, value);
}

/* The place whose path the reason begins with ("limits.rate must be ..."), the innermost. */
static const struct manifest_place *find_place(const struct manifest *manifest, struct text reason)
{
    const struct manifest_place *found = NULL;
    size_t len = 0;

    for (size_t i = 0; i < manifest->place_count; i++) {
        struct text path = text_of(manifest->places[i].path);
        char after = reason.len > path.len ? reason.at[path.len] : '\0';
        if (path.len < len || !text_starts(reason, path) || is_alnum(after) || after == '-')
            continue;
        found = &manifest->places[i];
        len = path.len;
    }
    return found;
}

int manifest_refuse(const struct manifest *manifest, const struct error *reason, struct error *err)
{
    struct error copy = *reason;
    struct text text = text_of(copy.text);
    const struct manifest_place *place;

    if (text_starts(text, TEXT("'"))) /* "'limits' is no setting ..." */
        text = text_skip(text, 1);
    place = find_place(manifest, text);
    if (!place)
        return error_set(err, copy.code, "function.yaml: %s", copy.text);
    return error_set(err, copy.code, "function.yaml, line %zu, column %zu: %s", place->line,
                     place->column, copy.text);
}

/* --- the keys of the schema --- */

static int read_keys(struct reader *reader, const struct key *keys);
static int read_value(struct reader *reader, const struct key *key);

static int read_map(struct reader *reader, const struct key *key)
{
    const yaml_mark_t mark = reader->event.start_mark;
    const struct key *first = &key->keys[0];

    if (key->needs_first && is_at(reader, YAML_SCALAR_EVENT))
        return read_value(reader, first);
    if (!is_at(reader, YAML_MAPPING_START_EVENT))
        return fail(reader, "'%s' must have keys of its own; write {} for none", key->name);
    if (read_keys(reader, key->keys) < 0)
        return -1;
    if (key->needs_first && !*(char **)(void *)((char *)reader->manifest + first->offset))
        return fail_at(reader, mark, "'%s' needs the key '%s'", key->name, first->name);
    return 0;
}

static int read_value(struct reader *reader, const struct key *key)
{
    char *object = (char *)reader->manifest;
    void *member = object + key->offset;
    struct text value;

    if (key->given_offset)
        *(bool *)(object + key->given_offset) = true;
    switch (key->type) {
    case KEY_END:
        break;
    case KEY_STRING:
        if (read_formed(reader, key, &value) < 0)
            return -1;
        *(char **)member = text_dup(value);
        return 0;
    case KEY_INT:
        return read_int(reader, key, member);
    case KEY_BOOL:
        return read_bool(reader, key, member);
    case KEY_LIST:
        return read_list(reader, key, member, (size_t *)(void *)(object + key->count_offset));
    case KEY_VARIABLES:
        return read_variables(reader, key);
    case KEY_MAP:
        return read_map(reader, key);
    case KEY_JSON:
        return read_json_key(reader, key, member);
    }
    return fail(reader, "unknown type of key");
}

/* Which key of the table the current event names; -1 and the error without. */
static int find_key(struct reader *reader, const struct key *keys)
{
    if (!is_at(reader, YAML_SCALAR_EVENT))
        return fail(reader, "a key must be a word");
    for (int i = 0; keys[i].type != KEY_END; i++)
        if (text_equal(scalar(reader), text_of(keys[i].name)))
            return i;
    struct text name = text_slice(scalar(reader), 0, 64);
    return fail(reader, "unknown key '%.*s'", TEXT_ARG(name));
}

static int read_keys(struct reader *reader, const struct key *keys)
{
    unsigned seen = 0;

    for (;;) {
        if (next(reader) < 0)
            return -1;
        if (is_at(reader, YAML_MAPPING_END_EVENT))
            return 0;

        int index = find_key(reader, keys);
        if (index < 0)
            return -1;
        if (seen & 1u << index)
            return fail(reader, "the key '%s' is there twice", keys[index].name);
        seen |= 1u << index;
        if (next(reader) < 0 || read_value(reader, &keys[index]) < 0)
            return -1;
    }
}

/* A file without a document (empty, or comments only) says nothing, and that is fine. */
static int read_stream(struct reader *reader)
{
    if (next(reader) < 0 || next(reader) < 0) /* the stream begins; a document or its end */
        return -1;
    if (is_at(reader, YAML_STREAM_END_EVENT))
        return 0;
    if (next(reader) < 0)
        return -1;
    if (!is_at(reader, YAML_MAPPING_START_EVENT))
        return fail(reader, "expected keys, as in 'handler: index.handler'");
    if (read_keys(reader, root_keys) < 0)
        return -1;
    if (next(reader) < 0 || next(reader) < 0) /* the document ends; the stream ends */
        return -1;
    return is_at(reader, YAML_STREAM_END_EVENT) ? 0 : fail(reader, "only one document is allowed");
}

static int read_source(struct reader *reader, struct text source)
{
    if (!yaml_parser_initialize(&reader->yaml))
        return error_set(reader->err, ERROR_SYSTEM, "out of memory");
    yaml_parser_set_encoding(&reader->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->yaml,
                                 (const unsigned char *)(source.len ? source.at : ""), source.len);
    int result = read_stream(reader);

    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->yaml);
    return result;
}

struct manifest *manifest_parse(struct text source, struct error *err)
{
    if (source.len > LIMIT_YAML_BYTES) {
        error_set(err, ERROR_LIMIT, "function.yaml is larger than %d bytes", LIMIT_YAML_BYTES);
        return NULL;
    }
    if (!text_is_utf8(source)) {
        error_set(err, ERROR_INVALID, "function.yaml is not UTF-8 text");
        return NULL;
    }

    scoped(manifest_free) struct manifest *manifest = mem_new(struct manifest);
    struct reader reader = {.manifest = manifest, .err = err};

    manifest->memory_mb = manifest->timeout_s = manifest->tmp_mb = -1;
    manifest->async_retries = manifest->async_max_age_s = -1;
    fields_init(cors_fields, &manifest->cors);
    if (read_source(&reader, source) < 0)
        return NULL;
    if (manifest->types) {
        struct error reason;
        scoped(json_decref) json_t *schemas = typed_schemas(manifest->types, &reason);
        if (!schemas) {
            manifest_refuse(manifest, &reason, err);
            return NULL;
        }
    }
    return take(manifest);
}

json_t *manifest_guard(const struct manifest *manifest)
{
    json_t *guard = manifest->guard ? json_deep_copy(manifest->guard) : NULL;

    if (!manifest->types)
        return guard;
    if (!guard)
        guard = json_object();
    json_object_set_new(guard, "types", json_deep_copy(manifest->types));
    return guard;
}

static void free_member(struct manifest *manifest, const struct key *key)
{
    if (key->type == KEY_STRING)
        free(*(char **)(void *)((char *)manifest + key->offset));
}

void manifest_free(struct manifest *manifest)
{
    if (!manifest)
        return;
    for (const struct key *key = root_keys; key->type != KEY_END; key++)
        free_member(manifest, key);
    for (const struct key *key = http_keys; key->type != KEY_END; key++)
        free_member(manifest, key);
    for (const struct key *key = events_keys; key->type != KEY_END; key++)
        free_member(manifest, key);
    for (const struct key *key = async_keys; key->type != KEY_END; key++)
        free_member(manifest, key);
    for (const struct key *key = schedule_keys; key->type != KEY_END; key++)
        free_member(manifest, key);
    for (size_t i = 0; i < manifest->variable_count; i++) {
        free(manifest->variables[i].name);
        free(manifest->variables[i].value);
    }
    free(manifest->variables);
    for (size_t i = 0; i < manifest->call_count; i++)
        free(manifest->calls[i]);
    free(manifest->calls);
    for (size_t i = 0; i < manifest->queue_count; i++)
        free(manifest->queues[i]);
    free(manifest->queues);
    for (size_t i = 0; i < manifest->bus_count; i++)
        free(manifest->buses[i]);
    free(manifest->buses);
    fields_done(cors_fields, &manifest->cors);
    json_decref(manifest->events_rule);
    json_decref(manifest->guard);
    json_decref(manifest->types);
    for (size_t i = 0; i < manifest->place_count; i++)
        free(manifest->places[i].path);
    free(manifest->places);
    free(manifest);
}

static void describe_value(const struct key *key, struct buffer *out)
{
    switch (key->type) {
    case KEY_END:
        break;
    case KEY_STRING:
        if (key->form)
            buffer_add_format(out, "%s", key->form->meaning);
        else
            buffer_add_literal(out, "text");
        if (key->max > 16)
            buffer_add_format(out, ", at most %lld characters", (long long)key->max);
        break;
    case KEY_INT:
        buffer_add_format(out, "%lld to %lld", (long long)key->min, (long long)key->max);
        break;
    case KEY_BOOL:
        buffer_add_literal(out, "true or false");
        break;
    case KEY_LIST:
        buffer_add_format(out, "list of at most %lld: %s", (long long)key->items_max,
                          key->form->meaning);
        break;
    case KEY_VARIABLES:
        buffer_add_format(out, "names and values, together at most %lld bytes",
                          (long long)key->max);
        break;
    case KEY_MAP:
        buffer_add_literal(out, "the keys below");
        break;
    case KEY_JSON:
        buffer_add_literal(out, "keys of its own");
        break;
    }
}

static void describe_keys(const struct key *keys, const char *prefix, struct buffer *out)
{
    for (const struct key *key = keys; key->type != KEY_END; key++) {
        buffer_add_format(out, "| `%s%s` | ", prefix, key->name);
        describe_value(key, out);
        buffer_add_format(out, " | %s |\n", key->summary);
        if (key->type == KEY_MAP) {
            scoped(free) char *inner = mem_format("%s%s.", prefix, key->name);
            describe_keys(key->keys, inner, out);
        }
    }
}

void manifest_markdown(struct buffer *out)
{
    buffer_add_literal(out, "| key | value | meaning |\n|---|---|---|\n");
    describe_keys(root_keys, "", out);
}
