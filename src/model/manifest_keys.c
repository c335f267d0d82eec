/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/limits.h"
#include "model/manifest_priv.h"
#include "model/schedule.h"
#include "model/zone.h"

/* The schema of function.yaml, and the reference page made of it. */

#define CORS_VALUES_MAX 100  /* Lambda: items of a list */
#define CORS_METHODS_MAX 6   /* Lambda */
#define CORS_ORIGIN_MAX 253  /* Lambda: bytes */
#define CORS_HEADER_MAX 1024 /* Lambda: bytes */
#define CORS_AGE_MAX 86400   /* Lambda: seconds */
#define RUNTIME_NAME_MAX 64  /* bytes; the longest of AWS's has 16 */
#define DESTINATION_MAX 350  /* Lambda: bytes of a destination's ARN */

bool manifest_is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool manifest_is_name(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!manifest_is_alnum(value.at[i]) && value.at[i] != '-' && value.at[i] != '_')
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

static bool is_bus(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] != '.' && !manifest_is_name(text_slice(value, i, i + 1)))
            return false;
    return value.len > 0;
}

static bool is_queue(struct text value)
{
    size_t fifo = text_ends(value, TEXT(".fifo")) ? sizeof ".fifo" - 1 : 0;

    return value.len > fifo && manifest_is_name(text_slice(value, 0, value.len - fifo));
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
    return value.len > 0 && manifest_is_name(value);
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

static const struct manifest_form form_name = {manifest_is_name, "letters, digits, '-' and '_'"};
static const struct manifest_form form_bus = {is_bus, "letters, digits, '.', '-' and '_'"};
static const struct manifest_form form_queue = {
    is_queue, "letters, digits, '-' and '_', and '.fifo' at the end if it is one"};
static const struct manifest_form form_graphic = {is_graphic, "ASCII without blanks"};
static const struct manifest_form form_network = {is_network, "'none' or 'host'"};
static const struct manifest_form form_log_format = {is_log_format, "'text' or 'json'"};
static const struct manifest_form form_auth = {is_auth, "'none' or 'iam'"};
static const struct manifest_form form_mode = {is_mode, "'buffered' or 'stream'"};
static const struct manifest_form form_method = {
    is_method, "GET, PUT, HEAD, POST, PATCH, DELETE, OPTIONS or '*'"};
/* Judged by manifest_routes.c. */
static const struct manifest_form form_routes = {
    NULL, "list of route keys, `GET /pets/{id}`, or paths, or both as keys `path` and `methods`"};
static const struct manifest_form form_route = {NULL, "a path or route key"};
static const struct manifest_form form_methods = {
    NULL, "list of GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE"};
static const struct manifest_form form_schedule = {
    is_schedule, "rate(5 minutes), cron(0 9 ? * MON-FRI *), at(2026-12-24T18:00:00) or a line of "
                 "a crontab"};
static const struct manifest_form form_timezone = {is_timezone,
                                                   "a time zone such as Europe/Berlin"};
static const struct manifest_form form_json = {is_json, "JSON"};

static const struct manifest_form form_destination = {
    is_destination, "function:NAME, queue:NAME, bus:NAME or an ARN"};
static const struct manifest_form form_dead_letter = {is_dead_letter,
                                                      "queue:NAME or the ARN of a queue"};

/* clang-format off */
#define AT(m) offsetof(struct manifest, m)
/* What is read as it is and judged by who knows it. */
#define GUARD(name, summary) {name, KEY_JSON, AT(guard), 0, 0, 0, 0, 0, NULL, NULL, summary}

static const struct manifest_key cors_keys[] = {
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

static const struct manifest_key http_keys[] = {
    {"auth", KEY_STRING, AT(http_auth), 0, 0, 1, 16, 0, &form_auth, NULL,
     "who may call it: everybody, or signed requests only"},
    {"mode", KEY_STRING, AT(http_mode), 0, 0, 1, 16, 0, &form_mode, NULL,
     "whether answers are collected or streamed"},
    {"routes", KEY_JSON, AT(routing), 0, 0, 0, 0, 0, &form_routes, NULL,
     "what the gateway serves with it, beside its URL"},
    {"route", KEY_JSON, AT(routing), 0, 0, 0, 0, 0, &form_route, NULL, "short for one of `routes`"},
    {"methods", KEY_JSON, AT(routing), 0, 0, 0, 0, 0, &form_methods, NULL,
     "the HTTP methods of routes that name none; all without"},
    {"cors", KEY_MAP, AT(cors), 0, AT(cors.is_set), 0, 0, 0, NULL, cors_keys,
     "answers for browsers on other sites"},
    GUARD("authorizer", "who may call it: with a token of an `issuer` for an `audience`, or whom "
                        "another `function` lets pass"),
    GUARD("limits", "how much may pass: rates, quotas, sizes"),
    GUARD("addresses", "which addresses it may be called from"),
    GUARD("waf", "the web application firewall"),
    GUARD("signature", "of webhooks: `github env:SECRET`"),
    GUARD("filter", "what a request must look like, and what of it and of the answer is hidden: "
                    "docs/content-filter.md"),
    GUARD("compression", "whether answers are compressed for clients that accept it: `true`, "
                         "`false`"),
    GUARD("docs", "what `/functions/NAME/docs` shows to everybody: `open` (a function that everybody "
                  "may call), `all` or `off`"),
    GUARD("conversion", "the event it gets: `payload-2.0`, `payload-1.0`, `cloudevents`, `s3`, "
                        "`raw`"),
    {0},
};

static const struct manifest_key schedule_keys[] = {
    {"expression", KEY_STRING, AT(schedule), 0, 0, 1, SCHEDULE_EXPRESSION_MAX, 0, &form_schedule,
     NULL, "when it is started"},
    {"timezone", KEY_STRING, AT(schedule_timezone), 0, 0, 1, ZONE_NAME_MAX, 0, &form_timezone, NULL,
     "where the expression holds; UTC without"},
    {"input", KEY_STRING, AT(schedule_input), 0, 0, 1, LIMIT_YAML_BYTES, 0, &form_json, NULL,
     "what it is given"},
    {0},
};

static const struct manifest_key events_keys[] = {
    {"bus", KEY_STRING, AT(events_bus), 0, 0, 1, 256, 0, &form_bus, NULL,
     "the event bus; `default` without"},
    {"pattern", KEY_JSON, AT(events_rule), 0, 0, 0, 0, 0, NULL, NULL,
     "which events: docs/event-patterns.md"},
    {"filters", KEY_JSON, AT(events_rule), 0, 0, 0, 0, 0, NULL, NULL,
     "or the filters of a trigger, over a CloudEvent's attributes"},
    {0},
};

static const struct manifest_key async_keys[] = {
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

const struct manifest_key manifest_keys[] = {
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

/* --- the page --- */

static void describe_value(const struct manifest_key *key, struct buffer *out)
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
        buffer_add_format(out, "%s", key->form ? key->form->meaning : "keys of its own");
        break;
    }
}

static void describe_keys(const struct manifest_key *keys, const char *prefix, struct buffer *out)
{
    for (const struct manifest_key *key = keys; key->type != KEY_END; key++) {
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
    describe_keys(manifest_keys, "", out);
}
