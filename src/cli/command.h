/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/error.h"
#include "base/option.h"

/*
 * The command line. A command is one struct in a file of its own; cli_main() finds and
 * runs it. Every command but `serve` is a client of the daemon's HTTP API. The same row
 * gives the help text, the shell completion and the reference page.
 */
struct session; /* the connection to the daemon, and where output goes: cli/session.h */

/* Exit codes. */
enum {
    EXIT_OK = 0,
    EXIT_ERROR = 1,       /* the daemon or the machine refused */
    EXIT_USAGE = 2,       /* the command line is wrong */
    EXIT_FUNCTION = 3,    /* the function itself failed (invoke, deploy's trial load) */
    EXIT_UNREACHABLE = 4, /* no daemon answers */
};

struct command {
    const char *name;
    /* After the name: "FUNCTION [PAYLOAD]". Shells complete FUNCTION with names of
     * functions, DIR, ZIP and @FILE with files, COMMAND with commands, and a|b with a and b. */
    const char *usage;
    const char *summary; /* one line, no full stop */
    const char *help;    /* the rest of `evoke help NAME`: what it does, examples */
    /* argv[0] is the command's name. Returns an exit code; a code other than EXIT_OK with
     * err->text set prints "evoke NAME: text". */
    int (*run)(struct session *session, int argc, char **argv, struct error *err);
    /* Its options, for help, completion and the reference page; NULL: none. */
    const struct option *options;
};

/* Finds the command of argv[1] and runs it. more: commands from elsewhere (serve),
 * NULL-terminated. Options before the command's name are handed to it behind its name. */
int cli_main(int argc, char **argv, const struct command *const *more);
