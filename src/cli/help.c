/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "base/nearest.h"
#include "cli/output.h"
#include "cli/table.h"
#include "model/manifest.h"

struct settings {
    char *markdown;
};

static const struct option options[] = {
    {"markdown", OPTION_STRING, offsetof(struct settings, markdown), NULL, 0, 0,
     "cli|settings|manifest",
     "a reference page in Markdown: the commands, the daemon's settings, function.yaml"},
    {0},
};

static const struct {
    int code;
    const char *meaning;
} exit_codes[] = {
    {EXIT_OK, "done"},
    {EXIT_ERROR, "the daemon or the machine refused"},
    {EXIT_USAGE, "the command line is wrong"},
    {EXIT_FUNCTION, "the function itself failed (invoke, deploy)"},
    {EXIT_UNREACHABLE, "no daemon answers"},
};

void help_usage(const struct command *command, struct buffer *out)
{
    buffer_add_format(out, "evoke %s%s%s%s", command->name, *command->usage ? " " : "",
                      command->usage, command->options ? " [OPTION...]" : "");
}

void help_of_command(const struct command *command, struct buffer *out)
{
    buffer_add_format(out, "evoke %s: %s\n\nUsage: ", command->name, command->summary);
    help_usage(command, out);
    buffer_add_char(out, '\n');
    if (command->help && *command->help)
        buffer_add_format(out, "\n%s", command->help);
    if (command->options) {
        buffer_add_literal(out, "\nOptions:\n");
        option_help(command->options, out);
    }
    buffer_add_literal(out, "\nOptions of every command are in 'evoke help'.\n");
}

static void add_commands(const struct command *const *commands, struct buffer *out)
{
    const struct terminal plain = {0};
    scoped(table_done) struct table table = {.columns = 3};

    for (const struct command *const *c = commands; *c; c++) {
        table_add_format(&table, "  %s", (*c)->name);
        table_add(&table, text_of((*c)->usage));
        table_add(&table, text_of((*c)->summary));
    }
    table_format(&table, &plain, out);
}

void help_of_all(const struct command *const *commands, struct buffer *out)
{
    buffer_add_literal(out, "Evoke runs functions: deploy a ZIP, and HTTP requests run it.\n\n"
                            "Usage: evoke COMMAND [ARGUMENT...] [OPTION...]\n\nCommands:\n");
    add_commands(commands, out);
    buffer_add_literal(out, "\nOptions of every command:\n");
    option_help(session_options, out);
    buffer_add_literal(out, "\nExit codes:\n");
    for (size_t i = 0; i < COUNT_OF(exit_codes); i++)
        buffer_add_format(out, "  %d  %s\n", exit_codes[i].code, exit_codes[i].meaning);
    buffer_add_literal(out, "\n'evoke help COMMAND' tells more about one.\n");
}

static void add_options_markdown(const struct option *rows, struct buffer *out)
{
    for (const struct option *o = rows; o->type != OPTION_END; o++) {
        const char *value = option_value_name(o);
        buffer_add_format(out, "- `--%s%s%s`: %s", o->name, *value ? " " : "", value, o->summary);
        if (o->default_value)
            buffer_add_format(out, " (default `%s`)", o->default_value);
        buffer_add_char(out, '\n');
    }
}

/* Indented lines of a help text are examples; the rest is a paragraph. */
static void add_help_markdown(const char *help, struct buffer *out)
{
    struct text rest = text_of(help), line;
    bool in_example = false;

    while (text_split(&rest, '\n', &line)) {
        bool example = text_starts(line, TEXT("  "));
        if (example != in_example && (example || line.len))
            buffer_add_text(out, example ? TEXT("```sh\n") : TEXT("```\n"));
        if (example || line.len)
            in_example = example;
        buffer_add_text(out, example ? text_skip(line, 2) : line);
        buffer_add_char(out, '\n');
    }
    if (in_example)
        buffer_add_literal(out, "```\n");
}

static void add_command_markdown(const struct command *command, struct buffer *out)
{
    buffer_add_format(out, "\n## evoke %s\n\n", command->name);
    buffer_add_char(out, (char)(command->summary[0] & ~0x20));
    buffer_add_format(out, "%s.\n\n```text\n", command->summary + 1);
    help_usage(command, out);
    buffer_add_literal(out, "\n```\n");
    if (command->help && *command->help) {
        buffer_add_char(out, '\n');
        add_help_markdown(command->help, out);
    }
    if (command->options) {
        buffer_add_char(out, '\n');
        add_options_markdown(command->options, out);
    }
}

void help_markdown(const struct command *const *commands, struct buffer *out)
{
    buffer_add_literal(
        out, "# The command line\n\n"
             "This page is written by `evoke help --markdown=cli` from the table that the "
             "program itself uses.\n\n"
             "`evoke COMMAND [ARGUMENT...] [OPTION...]`; every command but `serve` is a "
             "client of a running daemon. The daemon is found, in this order, by "
             "`--endpoint` or `--data`; by `AWS_ENDPOINT_URL_LAMBDA` or "
             "`AWS_ENDPOINT_URL` with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; "
             "by what the last `evoke serve` wrote into its data folder "
             "(`$EVOKE_DATA`, `/var/lib/evoke` as root, else "
             "`$XDG_DATA_HOME/evoke`).\n\n"
             "Options of every command:\n\n");
    add_options_markdown(session_options, out);
    buffer_add_literal(out, "\n| exit code | meaning |\n|---|---|\n");
    for (size_t i = 0; i < COUNT_OF(exit_codes); i++)
        buffer_add_format(out, "| %d | %s |\n", exit_codes[i].code, exit_codes[i].meaning);
    for (const struct command *const *c = commands; *c; c++)
        add_command_markdown(*c, out);
}

static int help_one(const struct session *session, const char *name, struct buffer *out,
                    struct error *err)
{
    const struct command *command = command_find(session->commands, name);
    struct nearest nearest = {.typed = text_of(name)};
    char hint[NEAREST_HINT_MAX];

    if (command) {
        help_of_command(command, out);
        return EXIT_OK;
    }
    for (const struct command *const *c = session->commands; *c; c++)
        nearest_offer(&nearest, (*c)->name);
    (void)error_set(err, ERROR_NOT_FOUND, "there is no command '%s'%s", name,
                    nearest_hint(&nearest, "", hint));
    return EXIT_USAGE;
}

/* The daemon's settings are the options of `serve`. */
static void add_settings(const struct command *const *commands, struct buffer *out)
{
    const struct command *serve = command_find(commands, "serve");

    if (serve)
        option_markdown(serve->options, out);
}

static int add_reference(const struct command *const *commands, const char *page,
                         struct buffer *out, struct error *err)
{
    if (strcmp(page, "cli") == 0)
        help_markdown(commands, out);
    else if (strcmp(page, "settings") == 0)
        add_settings(commands, out);
    else if (strcmp(page, "manifest") == 0)
        manifest_markdown(out);
    else
        return error_set(err, ERROR_INVALID, "'markdown' must be cli, settings or manifest");
    return 0;
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    struct settings settings;
    scoped(buffer_done) struct buffer out = {0};
    scoped(arguments_done) struct arguments arguments = {
        .options = options, .object = &settings, .least = 0, .most = 1};
    int exit_code = EXIT_OK;

    option_defaults(options, &settings);
    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    const char *page = settings.markdown;
    if (arguments.word_count == 1)
        exit_code = help_one(session, arguments.words[0], &out, err);
    else if (!page)
        help_of_all(session->commands, &out);
    else if (add_reference(session->commands, page, &out, err) < 0)
        return EXIT_USAGE;
    output_buffer(stdout, &out);
    return exit_code;
}

const struct command command_help = {
    .name = "help",
    .usage = "[COMMAND]",
    .summary = "tell what commands there are, or about one",
    .help = "",
    .run = run,
    .options = options,
};
