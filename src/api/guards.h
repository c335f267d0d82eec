/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct call;
struct guard;
struct guarded;
struct manifest;

/* What can only be judged where all functions are known: whether those that a guard asks are
 * there. -1 and the key that is wrong, and why. On the control thread. */
int guards_check(struct call *call, const struct guard *guard, struct error *err);
/* The same of a function.yaml, whose guard is compiled: false when the call was answered. */
bool guards_check_manifest(struct call *call, const struct manifest *manifest,
                           const struct guarded *guarded);
