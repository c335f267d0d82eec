/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/option.h"
#include "cli/command.h"
#include "cli/terminal.h"

/*
 * What all commands share: the options every command knows, where output goes, and which
 * daemon is spoken to with which key. One for each run of the program.
 *
 * The daemon is, in this order: --endpoint or --data; AWS_ENDPOINT_URL_LAMBDA or
 * AWS_ENDPOINT_URL with the AWS_* credentials; what the last `evoke serve` wrote into its
 * data folder (daemon.json and credentials). The data folder is --data, EVOKE_DATA,
 * /var/lib/evoke as root, else $XDG_DATA_HOME/evoke (~/.local/share/evoke).
 */
struct session {
    /* The options every command knows. */
    char *endpoint, *data, *asked_region;
    bool json, no_color, quiet;

    const struct command *const *commands; /* all there are, NULL-terminated */
    struct terminal terminal;
    struct arena arena; /* what is made while a command runs */

    /* After session_find(); in the arena, never NULL. */
    const char *api;     /* "http://127.0.0.1:9000", no slash at the end */
    const char *gateway; /* "" when not known */
    const char *region, *account;
    const char *access_key, *secret, *token; /* token: "" without */
    const char *key_origin;                  /* where the key came from, for messages */
    bool found;
    bool misused;     /* --endpoint is no URL: the exit code is EXIT_USAGE */
    bool unreachable; /* no daemon answered: the exit code is EXIT_UNREACHABLE */
    void *curl;       /* the handle, kept for its connection */
};

extern const struct option session_options[];

void session_init(struct session *session, const struct command *const *commands);
void session_done(struct session *session);
/* The options are read: sets the terminal up by them. */
void session_wishes_known(struct session *session);

/* Finds the daemon and the key; nothing is sent. ERROR_NOT_FOUND with a sentence that says
 * what to do when there is none. */
int session_find(struct session *session, struct error *err);

/* The exit code for a call that failed. */
static inline int session_exit(const struct session *session)
{
    if (session->misused)
        return EXIT_USAGE;
    return session->unreachable ? EXIT_UNREACHABLE : EXIT_ERROR;
}

/* The gateway's base URL and the account; asks the daemon when its file did not tell. */
int session_ask_status(struct session *session, struct error *err);

/* A value from an AWS shared-credentials file: [profile], then "key = value" lines. In
 * arena, or NULL. */
char *session_profile_value(struct arena *arena, struct text file, struct text profile,
                            struct text key);
