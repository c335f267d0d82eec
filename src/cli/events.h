/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/error.h"
#include "cli/session.h"

/* What `evoke events --dead` does with the queue where a function's dead letters are. Each
 * prints what came of it; -1 and *err on failure. id: a message's, NULL for all. */
int dead_list(struct session *session, const char *name, const char *id, struct error *err);
int dead_show(struct session *session, const char *name, const char *id, struct error *err);
int dead_redrive(struct session *session, const char *name, const char *id, struct error *err);
int dead_purge(struct session *session, const char *name, const char *id, struct error *err);
