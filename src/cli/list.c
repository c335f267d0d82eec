/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"
#include "cli/output.h"
#include "cli/table.h"

static void add_row(struct table *table, const json_t *function)
{
    struct text modified = json_text(function, "LastModified");
    char size[16];

    table_add(table, json_text(function, "FunctionName"));
    table_add(table, json_text(function, "Runtime"));
    table_add_format(table, "%lld MB", (long long)json_int(function, "MemorySize", 0));
    table_add_format(table, "%lld s", (long long)json_int(function, "Timeout", 0));
    table_add(table, text_of(text_format_bytes((uint64_t)json_int(function, "CodeSize", 0), size)));
    /* 2026-01-31T12:00:00.123+0000, always in UTC: the seconds are enough. */
    table_add_format(table, "%.*s %.*s", TEXT_ARG(text_slice(modified, 0, 10)),
                     TEXT_ARG(text_slice(modified, 11, 19)));
}

static void print_table(const struct session *session, const json_t *functions)
{
    static const char *const head[] = {"NAME",    "RUNTIME", "MEMORY",
                                       "TIMEOUT", "SIZE",    "CHANGED (UTC)"};
    scoped(table_done) struct table table = {
        .columns = COUNT_OF(head), .has_head = true, .right = 1 << 2 | 1 << 3 | 1 << 4};
    scoped(buffer_done) struct buffer out = {0};
    size_t index;
    json_t *function;

    for (size_t i = 0; i < COUNT_OF(head); i++)
        table_add(&table, text_of(head[i]));
    json_array_foreach(functions, index, function) add_row(&table, function);
    table_format(&table, &session->terminal, &out);
    output_buffer(stdout, &out);
}

static void print_names(const json_t *functions)
{
    size_t index;
    json_t *function;

    json_array_foreach(functions, index, function)
        printf("%.*s\n", TEXT_ARG(json_text(function, "FunctionName")));
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    scoped(arguments_done) struct arguments arguments = {0};

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    scoped(json_decref) json_t *functions = lambda_list(session, err);
    if (!functions)
        return session_exit(session);
    if (session->json) {
        output_json(functions);
    } else if (session->quiet) {
        print_names(functions);
    } else if (json_array_size(functions) == 0) {
        puts("No functions yet. Make one with 'evoke init hello', then 'evoke deploy hello'.");
    } else {
        print_table(session, functions);
    }
    return EXIT_OK;
}

const struct command command_list = {
    .name = "list",
    .usage = "",
    .summary = "list the functions",
    .help = "With --quiet only their names, one a line; with --json an array of Lambda's\n"
            "FunctionConfiguration.\n",
    .run = run,
};
