/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"
#include "cli/output.h"
#include "cli/table.h"

static void add(struct table *table, const char *label, struct text value)
{
    if (value.len == 0)
        return;
    table_add(table, text_of(label));
    table_add(table, value);
}

static void add_state(struct table *table, const json_t *configuration)
{
    struct text state = json_text(configuration, "State"),
                reason = json_text(configuration, "StateReason"),
                update = json_text(configuration, "LastUpdateStatus"),
                update_reason = json_text(configuration, "LastUpdateStatusReason");

    table_add(table, TEXT("state"));
    table_add_format(table, "%.*s%s%.*s", TEXT_ARG(state), reason.len ? ": " : "",
                     TEXT_ARG(reason));
    table_add(table, TEXT("update"));
    table_add_format(table, "%.*s%s%.*s", TEXT_ARG(update), update_reason.len ? ": " : "",
                     TEXT_ARG(update_reason));
}

static void add_limits(struct table *table, const json_t *configuration)
{
    const json_t *tmp = json_object_get(configuration, "EphemeralStorage");
    char size[16];

    table_add(table, TEXT("memory"));
    table_add_format(table, "%lld MB", (long long)json_int(configuration, "MemorySize", 0));
    table_add(table, TEXT("timeout"));
    table_add_format(table, "%lld s", (long long)json_int(configuration, "Timeout", 0));
    table_add(table, TEXT("/tmp"));
    table_add_format(table, "%lld MB", (long long)json_int(tmp, "Size", 0));
    table_add(table, TEXT("code"));
    table_add_format(table, "%s zipped, SHA-256 %.*s",
                     text_format_bytes((uint64_t)json_int(configuration, "CodeSize", 0), size),
                     TEXT_ARG(json_text(configuration, "CodeSha256")));
}

/* Names only: values are often secrets, and --json has them. */
static void add_environment(struct table *table, const json_t *configuration)
{
    json_t *variables = json_object_get(json_object_get(configuration, "Environment"), "Variables");
    scoped(buffer_done) struct buffer names = {0};
    const char *name;
    json_t *value;

    json_object_foreach(variables, name, value)
        buffer_add_format(&names, "%s%s", names.len ? ", " : "", name);
    add(table, "environment", buffer_text(&names));
}

/* One a row, the first behind the word. */
static void add_routes(struct table *table, const json_t *routes)
{
    const json_t *route;
    size_t index;

    json_array_foreach(routes, index, route)
    {
        table_add(table, index == 0 ? TEXT("routes") : TEXT(""));
        table_add(table, text_of(json_string_value(route)));
    }
}

static void add_rows(struct table *table, const json_t *details)
{
    const json_t *configuration = json_object_get(details, "Configuration");

    add(table, "name", json_text(configuration, "FunctionName"));
    add(table, "arn", json_text(configuration, "FunctionArn"));
    add(table, "description", json_text(configuration, "Description"));
    add_state(table, configuration);
    add(table, "runtime", json_text(configuration, "Runtime"));
    add(table, "runs on", json_text(details, "ResolvedRuntime"));
    add(table, "handler", json_text(configuration, "Handler"));
    add_limits(table, configuration);
    add_environment(table, configuration);
    struct text modified = json_text(configuration, "LastModified");
    table_add(table, TEXT("changed"));
    table_add_format(table, "%.*s %.*s UTC", TEXT_ARG(text_slice(modified, 0, 10)),
                     TEXT_ARG(text_slice(modified, 11, 19)));
    add(table, "url", json_text(details, "Url"));
    add_routes(table, json_object_get(details, "Routes"));
    table_add(table, TEXT("instances"));
    table_add_format(table, "%lld", (long long)json_int(details, "Instances", 0));
}

static void print_details(const struct session *session, const json_t *details)
{
    scoped(table_done) struct table table = {.columns = 2};
    scoped(buffer_done) struct buffer out = {0};
    const json_t *load_error = json_object_get(details, "LoadError");

    add_rows(&table, details);
    table_format(&table, &session->terminal, &out);
    if (json_is_object(load_error)) {
        scoped(free) char *text = json_write(load_error);
        buffer_add_format(&out, "\n%sIt cannot be loaded:%s\n",
                          terminal_out(&session->terminal, STYLE_RED),
                          terminal_out(&session->terminal, STYLE_NONE));
        lambda_error_text(text_of(text), &out);
    }
    output_buffer(stdout, &out);
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    scoped(arguments_done) struct arguments arguments = {.least = 1, .most = 1};

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    scoped(json_decref) json_t *details = lambda_details(session, arguments.words[0], err);
    if (!details)
        return session_exit(session);
    if (session->json)
        output_json(details);
    else
        print_details(session, details);
    return EXIT_OK;
}

const struct command command_show = {
    .name = "show",
    .usage = "FUNCTION",
    .summary = "show what is known of a function",
    .help = "State, settings, the interpreter that runs it here, its URL, and the error if its\n"
            "code cannot be loaded. Of environment variables only the names; --json has all.\n",
    .run = run,
};
