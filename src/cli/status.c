/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"
#include "cli/output.h"
#include "cli/table.h"

#define SECOND_MS 1000
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24ll * HOUR_MS)

static void add_uptime(struct table *table, int64_t ms)
{
    table_add(table, TEXT("up"));
    if (ms >= DAY_MS)
        table_add_format(table, "%lld d %lld h", (long long)(ms / DAY_MS),
                         (long long)(ms % DAY_MS / HOUR_MS));
    else if (ms >= HOUR_MS)
        table_add_format(table, "%lld h %lld min", (long long)(ms / HOUR_MS),
                         (long long)(ms % HOUR_MS / MINUTE_MS));
    else if (ms >= MINUTE_MS)
        table_add_format(table, "%lld min", (long long)(ms / MINUTE_MS));
    else
        table_add_format(table, "%lld s", (long long)(ms / SECOND_MS));
}

/* A string, or an array of them. */
static void add_texts(struct table *table, const char *label, json_t *value)
{
    scoped(buffer_done) struct buffer all = {0};
    size_t index;
    json_t *item;

    if (json_is_string(value))
        buffer_add_text(&all, text_of(json_string_value(value)));
    json_array_foreach(value, index, item)
    {
        const char *string = json_string_value(item);
        buffer_add_format(&all, "%s%s", all.len ? "  " : "", string ? string : "");
    }
    if (all.len == 0)
        return;
    table_add(table, text_of(label));
    table_add(table, buffer_text(&all));
}

static void add_load(struct table *table, const json_t *status)
{
    const json_t *instances = json_object_get(status, "instances"),
                 *concurrency = json_object_get(status, "concurrency");

    table_add(table, TEXT("functions"));
    table_add_format(table, "%lld", (long long)json_int(status, "functions", 0));
    table_add(table, TEXT("instances"));
    table_add_format(
        table, "%lld starting, %lld idle, %lld busy, %lld frozen",
        (long long)json_int(instances, "starting", 0), (long long)json_int(instances, "idle", 0),
        (long long)json_int(instances, "busy", 0), (long long)json_int(instances, "frozen", 0));
    table_add(table, TEXT("concurrency"));
    table_add_format(table, "%lld of %lld", (long long)json_int(concurrency, "used", 0),
                     (long long)json_int(concurrency, "limit", 0));
}

static void add_sandbox(struct table *table, const json_t *sandbox)
{
    static const char *const names[] = {"memory", "pids", "cpu", "freezer"};

    table_add(table, TEXT("sandbox"));
    table_add(table, json_bool(sandbox, "privileged", false) ? TEXT("made as root")
                                                             : TEXT("made by user namespaces"));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct text value = json_text(sandbox, names[i]);
        table_add_format(table, "  %s", names[i]);
        table_add(table, value.len ? value : TEXT("not limited"));
    }
    table_add(table, TEXT("  landlock"));
    if (json_int(sandbox, "landlock", 0) > 0)
        table_add_format(table, "version %lld", (long long)json_int(sandbox, "landlock", 0));
    else
        table_add(table, TEXT("not there"));
}

static void add_missing(const struct session *session, const json_t *sandbox, struct buffer *out)
{
    const json_t *missing = json_object_get(sandbox, "missing");
    size_t index;
    json_t *sentence;

    if (json_array_size(missing) == 0)
        return;
    buffer_add_format(out, "\n%sWhat cannot be enforced here:%s\n",
                      terminal_out(&session->terminal, STYLE_YELLOW),
                      terminal_out(&session->terminal, STYLE_NONE));
    json_array_foreach(missing, index, sentence)
    {
        const char *string = json_string_value(sentence);
        buffer_add_format(out, "  - %s\n", string ? string : "");
    }
}

static void print_status(const struct session *session, const json_t *status)
{
    scoped(table_done) struct table table = {.columns = 2};
    scoped(buffer_done) struct buffer out = {0};
    const json_t *sandbox = json_object_get(status, "sandbox");

    add_texts(&table, "version", json_object_get(status, "version"));
    add_uptime(&table, json_int(status, "uptimeMs", 0));
    add_texts(&table, "api", json_object_get(status, "api"));
    add_texts(&table, "gateway", json_object_get(status, "gateway"));
    add_texts(&table, "data", json_object_get(status, "data"));
    add_texts(&table, "region", json_object_get(status, "region"));
    add_texts(&table, "account", json_object_get(status, "account"));
    table_add(&table, TEXT("shards"));
    table_add_format(&table, "%lld", (long long)json_int(status, "shards", 0));
    add_load(&table, status);
    add_sandbox(&table, sandbox);
    table_format(&table, &session->terminal, &out);
    add_missing(session, sandbox, &out);
    output_buffer(stdout, &out);
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    scoped(arguments_done) struct arguments arguments = {0};

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    scoped(json_decref) json_t *status = lambda_status(session, err);
    if (!status)
        return session_exit(session);
    if (session->json)
        output_json(status);
    else
        print_status(session, status);
    return EXIT_OK;
}

const struct command command_status = {
    .name = "status",
    .usage = "",
    .summary = "show how the daemon is",
    .help = "Where it listens, what runs, and which parts of the sandbox this machine cannot\n"
            "enforce. The exit code is 4 when no daemon answers.\n",
    .run = run,
};
