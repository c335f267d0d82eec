/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/call.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"

#define NAMES_MAX 1000

/* Stops at the first that cannot be deleted; those before it are gone, and said so. */
static int delete_one(struct session *session, const char *name, struct error *err)
{
    const struct call call = {.method = "DELETE", .path = lambda_path(session, name, "")};
    scoped(json_decref) json_t *answer = call_json(session, &call, err);

    if (!answer)
        return -1;
    if (!session->json && !session->quiet)
        printf("deleted %s\n", name);
    return 0;
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    scoped(arguments_done) struct arguments arguments = {.least = 1, .most = NAMES_MAX};
    scoped(json_decref) json_t *deleted = json_array();
    int exit_code = EXIT_OK;

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    for (size_t i = 0; i < arguments.word_count && exit_code == EXIT_OK; i++) {
        if (delete_one(session, arguments.words[i], err) < 0)
            exit_code = session_exit(session);
        else
            json_array_append_new(deleted, json_from_text(text_of(arguments.words[i])));
    }
    if (session->json) {
        scoped(free) char *text = json_write(deleted);
        printf("{\"deleted\":%s}\n", text);
    }
    return exit_code;
}

const struct command command_delete = {
    .name = "delete",
    .usage = "FUNCTION...",
    .summary = "delete functions",
    .help = "Code, versions, URL and permissions go; the log stays until its retention ends.\n"
            "Invocations that are running end first.\n",
    .run = run,
};
