/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/error.h"

/*
 * Landlock as the second wall behind the mount namespace: the same "read-only but for
 * /tmp" said to the kernel by another mechanism, and no signals or abstract sockets out
 * of the sandbox, which counts for those that share the host's network.
 */

/* The kernel's version of the interface, 0 when it has none. */
int landlock_probe(void);

/* Confines the calling thread within its present root folder, as far as abi goes. */
int landlock_confine(int abi, struct error *err);
