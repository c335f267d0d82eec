/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli_priv.h"

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    scoped(arguments_done) struct arguments arguments = {0};

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    puts(session->json ? "{\"version\":\"" EVOKE_VERSION "\"}" : "evoke " EVOKE_VERSION);
    return EXIT_OK;
}

const struct command command_version = {
    .name = "version",
    .usage = "",
    .summary = "print the version of this program",
    .help = "The daemon's own is in 'evoke status'.\n",
    .run = run,
};
