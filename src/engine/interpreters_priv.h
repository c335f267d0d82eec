/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/interpreters.h"

/* As interpreters_find(), on a system whose /usr is at root/usr ("" is this machine's).
 * The programs found are named with the root. */
struct interpreters *interpreters_find_below(const char *root, const char *runtimes_root);
