/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "router/evaluate.h"

/*
 * Whether values can be chosen for the conditions of a clause, each of which holds by itself,
 * so that no two come from different elements of one array. 1 or 0; -1 with ERROR_LIMIT
 * when the event's steps are used up.
 */
int clause_is_consistent(struct match_scratch *scratch, const struct evaluation_layer *layer,
                         const struct index_clause *clause, struct error *err);
