/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"
#include "cli/output.h"
#include "cli/table.h"

/* The languages that need an interpreter, and Debian's package of it. */
static const struct {
    const char *language, *package;
} languages[] = {{"nodejs", "nodejs"}, {"python", "python3"}};

static void add_row(struct table *table, const json_t *runtime)
{
    struct text program = json_text(runtime, "program"),
                libraries = json_text(runtime, "libraries");

    table_add(table, json_text(runtime, "runtime"));
    table_add(table, json_text(runtime, "version"));
    table_add(table, program.len ? program : TEXT("the package's own 'bootstrap'"));
    table_add(table, libraries);
}

static bool is_installed(const json_t *runtimes, const char *language)
{
    size_t index;
    json_t *runtime;

    json_array_foreach(runtimes, index, runtime) if (text_equal(json_text(runtime, "language"),
                                                                text_of(language))) return true;
    return false;
}

static void add_missing(const json_t *runtimes, struct buffer *out)
{
    const char *before = "\n";

    for (size_t i = 0; i < COUNT_OF(languages); i++) {
        if (is_installed(runtimes, languages[i].language))
            continue;
        buffer_add_format(out, "%s%s is not installed: apt install %s\n", before,
                          languages[i].language, languages[i].package);
        before = "";
    }
}

static void print_runtimes(const struct session *session, const json_t *runtimes)
{
    static const char *const head[] = {"RUNTIME", "VERSION", "RUN BY", "LIBRARIES"};
    scoped(table_done) struct table table = {.columns = COUNT_OF(head), .has_head = true};
    scoped(buffer_done) struct buffer out = {0};
    size_t index;
    json_t *runtime;

    for (size_t i = 0; i < COUNT_OF(head); i++)
        table_add(&table, text_of(head[i]));
    json_array_foreach(runtimes, index, runtime) add_row(&table, runtime);
    table_format(&table, &session->terminal, &out);
    add_missing(runtimes, &out);
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
        print_runtimes(session, json_object_get(answer, "runtimes"));
    return EXIT_OK;
}

const struct command command_runtimes = {
    .name = "runtimes",
    .usage = "",
    .summary = "list what functions can be written in here",
    .help = "The identifiers this machine runs exactly, their interpreters, and the libraries\n"
            "functions find there. An identifier of another version runs on the nearest one of\n"
            "its language; 'evoke show' tells on which.\n",
    .run = run,
};
