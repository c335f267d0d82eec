/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "router/bus.h"

/* From a target as PutTargets took it. What was filled is for bus_target_done(), also after
 * a failure. */
int bus_target_init(struct bus_target *target, const json_t *document, struct error *err);
void bus_target_init_archive(struct bus_target *target, struct text name, struct text lane);
void bus_target_done(struct bus_target *target);
