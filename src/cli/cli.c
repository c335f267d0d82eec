/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/scoped.h"
#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"
#include "base/nearest.h"
#include "cli/output.h"
#include "cli/session.h"

static const struct command *const own_commands[] = {
    &command_init,       &command_deploy,  &command_invoke, &command_list,     &command_show,
    &command_logs,       &command_events,  &command_apis,   &command_gateway,  &command_delete,
    &command_url,        &command_env,     &command_status, &command_runtimes, &command_help,
    &command_completion, &command_version,
};

/* The commands from elsewhere come first: nothing works before `serve`. */
static const struct command **all_commands(const struct command *const *more)
{
    size_t count = 0;

    while (more && more[count])
        count++;
    const struct command **all = mem_zalloc((count + COUNT_OF(own_commands) + 1) * sizeof *all);
    if (count > 0)
        memcpy(all, more, count * sizeof *all);
    memcpy(all + count, own_commands, sizeof own_commands);
    return all;
}

const struct command *command_find(const struct command *const *commands, const char *name)
{
    for (; *commands; commands++)
        if (strcmp((*commands)->name, name) == 0)
            return *commands;
    return NULL;
}

/* How to write it instead. */
static void add_usage(const struct session *session, const char *name, struct buffer *out)
{
    const struct command *command = command_find(session->commands, name);

    if (*command->usage) {
        buffer_add_literal(out, "Usage: ");
        help_usage(command, out);
        buffer_add_char(out, '\n');
    }
    buffer_add_format(out, "See 'evoke help%s%s'.\n", command == &command_help ? "" : " ",
                      command == &command_help ? "" : name);
}

static void print_error(const struct session *session, const char *command, int exit_code,
                        const struct error *err)
{
    const char *red = terminal_err(&session->terminal, STYLE_RED);
    const char *none = terminal_err(&session->terminal, STYLE_NONE);
    scoped(buffer_done) struct buffer out = {0};

    if (session->json) {
        buffer_add_literal(&out, "{\"error\":");
        buffer_add_json(&out, text_of(err->text));
        buffer_add_format(&out, ",\"command\":\"%s\",\"exit\":%d}\n", command, exit_code);
    } else {
        buffer_add_format(&out, "%sevoke %s:%s %s\n", red, command, none, err->text);
        if (exit_code == EXIT_USAGE)
            add_usage(session, command, &out);
    }
    output_buffer(stderr, &out);
}

static int fail_unknown(const struct session *session, const char *name)
{
    struct nearest nearest = {.typed = text_of(name)};
    char hint[NEAREST_HINT_MAX];

    for (const struct command *const *c = session->commands; *c; c++)
        nearest_offer(&nearest, (*c)->name);
    fprintf(stderr, "evoke: '%s' is not a command%s\n", name,
            nearest.best ? nearest_hint(&nearest, "evoke ", hint) : "; see 'evoke help'");
    return EXIT_USAGE;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* "Function not found: ARN:function:helo:$LATEST": adds the name that may be meant. */
static void suggest_function(struct session *session, struct error *err)
{
    struct text name = text_of(err->text), mark = TEXT(":function:");
    struct error ignored;
    char hint[NEAREST_HINT_MAX];
    size_t index;
    json_t *function;

    if (session->unreachable || !text_starts(name, TEXT("Function not found: ")))
        return;
    name = text_skip(name, text_find_text(name, mark) + mark.len);
    struct nearest nearest = {.typed = text_slice(name, 0, text_find(name, ':'))};
    scoped(json_decref) json_t *functions = lambda_list(session, &ignored);
    json_array_foreach(functions, index, function)
    {
        const char *candidate = json_string_value(json_object_get(function, "FunctionName"));
        if (candidate)
            nearest_offer(&nearest, candidate);
    }
    (void)error_set(err, err->code, "%s%s", err->text, nearest_hint(&nearest, "", hint));
}

static int run(struct session *session, const struct command *command, int argc, char **argv)
{
    struct error err = {0};

    if (asks_help(argc, argv)) {
        scoped(buffer_done) struct buffer help = {0};
        help_of_command(command, &help);
        output_buffer(stdout, &help);
        return EXIT_OK;
    }
    int exit_code = command->run(session, argc, argv, &err);
    terminal_progress_end(&session->terminal);
    if (exit_code == EXIT_ERROR && err.code == ERROR_NOT_FOUND)
        suggest_function(session, &err);
    if (exit_code != EXIT_OK && err.text[0])
        print_error(session, command->name, exit_code, &err);
    if (fflush(stdout) != 0 && exit_code == EXIT_OK) {
        (void)error_system(&err, "cannot write the output");
        print_error(session, command->name, EXIT_ERROR, &err);
        return EXIT_ERROR;
    }
    return exit_code;
}

static int help_all(const struct session *session, FILE *to)
{
    scoped(buffer_done) struct buffer help = {0};

    help_of_all(session->commands, &help);
    output_buffer(to, &help);
    return to == stdout ? EXIT_OK : EXIT_USAGE;
}

/* Where the command's name stands: options may come before it. */
static int find_name(int argc, char **argv)
{
    int at = 1;

    while (at < argc && arguments_width(argv[at], session_options, NULL) > 0)
        at += arguments_width(argv[at], session_options, NULL);
    return at;
}

/* "evoke --json list -q" becomes "list --json -q": a command reads all options itself. */
static void move_name_first(char **argv, int name_at)
{
    char *name = argv[name_at];

    memmove(argv + 2, argv + 1, (size_t)(name_at - 1) * sizeof *argv);
    argv[1] = name;
}

static int choose(struct session *session, int argc, char **argv)
{
    int name_at = find_name(argc, argv);

    if (name_at >= argc) {
        if (argc == 2 && strcmp(argv[1], "--version") == 0)
            return run(session, &command_version, 1, argv);
        return help_all(session, asks_help(argc, argv) ? stdout : stderr);
    }
    const struct command *command = command_find(session->commands, argv[name_at]);
    if (!command)
        return fail_unknown(session, argv[name_at]);
    /* With the NULL behind the last one. */
    scoped(free) char **copy = mem_copy(argv, ((size_t)argc + 1) * sizeof *argv);
    move_name_first(copy, name_at);
    return run(session, command, argc - 1, copy + 1);
}

int cli_main(int argc, char **argv, const struct command *const *more)
{
    scoped(free) const struct command **commands = all_commands(more);
    struct session session;

    session_init(&session, commands);
    int exit_code = choose(&session, argc, argv);
    session_done(&session);
    return exit_code;
}
