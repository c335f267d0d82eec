/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "sandbox/plan.h"

/* What happens inside a sandbox's network namespace before it is confined. */

#define NETNS_BACKLOG 128

/* Brings the loopback interface up. */
int netns_up(struct error *err);

/* Opens the listeners, non-blocking and close-on-exec, on 127.0.0.1. On the host's
 * network only the Runtime API's, on a free port; the others become -1. */
int netns_listen(bool host_network, int ret_listeners[LISTENER_COUNT], uint16_t *ret_port,
                 struct error *err);
