/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"
#include "cli/output.h"
#include "cli/table.h"

/* "a, b" or "a 1, b 2" of an array of strings or of objects with name and version. */
static void join(json_t *items, struct buffer *out)
{
    size_t index;
    json_t *item;

    json_array_foreach(items, index, item)
    {
        buffer_add_text(out, index ? TEXT(", ") : TEXT(""));
        if (json_is_string(item))
            buffer_add_text(out, text_of(json_string_value(item)));
        else
            buffer_add_format(out, "%.*s %.*s", TEXT_ARG(json_text(item, "name")),
                              TEXT_ARG(json_text(item, "version")));
    }
}

static void add_joined(struct table *table, json_t *items)
{
    scoped(buffer_done) struct buffer all = {0};

    join(items, &all);
    table_add(table, buffer_text(&all));
}

static void add_row(struct table *table, const json_t *runtime)
{
    table_add(table, json_text(runtime, "name"));
    table_add(table, json_text(runtime, "version"));
    table_add(table, json_text(runtime, "transport"));
    table_add(table, json_text(runtime, "path"));
    add_joined(table, json_object_get(runtime, "identifiers"));
    add_joined(table, json_object_get(runtime, "libraries"));
}

static void print_runtimes(const struct session *session, const json_t *answer)
{
    static const char *const head[] = {"NAME", "VERSION",     "SPOKEN TO BY",
                                       "PATH", "IDENTIFIERS", "LIBRARIES"};
    scoped(table_done) struct table table = {.columns = COUNT_OF(head), .has_head = true};
    scoped(buffer_done) struct buffer out = {0};
    size_t index;
    json_t *item;

    for (size_t i = 0; i < COUNT_OF(head); i++)
        table_add(&table, text_of(head[i]));
    json_array_foreach(json_object_get(answer, "runtimes"), index, item) add_row(&table, item);
    table_format(&table, &session->terminal, &out);
    json_array_foreach(json_object_get(answer, "missing"), index, item)
        buffer_add_format(&out, "%s%.*s is not installed: apt install %.*s\n", index ? "" : "\n",
                          TEXT_ARG(json_text(item, "name")), TEXT_ARG(json_text(item, "package")));
    output_buffer(stdout, &out);
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    scoped(arguments_done) struct arguments arguments = {0};

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    scoped(json_decref) json_t *answer = lambda_get(session, "/_evoke/runtimes", err);
    if (!answer)
        return session_exit(session);
    if (session->json)
        output_json(answer);
    else
        print_runtimes(session, answer);
    return EXIT_OK;
}

const struct command command_runtimes = {
    .name = "runtimes",
    .usage = "",
    .summary = "list what functions can be written in here",
    .help = "The interpreters of this machine, the identifiers they run without being told\n"
            "otherwise (another version's identifier runs on the nearest), and the libraries\n"
            "functions find there.\n",
    .run = run,
};
