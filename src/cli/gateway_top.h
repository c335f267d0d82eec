/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "cli/session.h"

/* What the gateway serves, by route: drawn anew every so often until the program is ended, or
 * once, since the daemon's start, when asked for or when stdout is no terminal. */
int gateway_top(struct session *session, bool once, int64_t every_ms, struct error *err);
