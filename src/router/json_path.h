/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/scan.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * The JSON paths EventBridge takes: "$", ".name" (any characters but brackets, quotes,
 * parentheses and stars), "[0]", and "*" or "[*]" for every member or item:
 *
 *     $.detail.order-id    $.resources[0]    $.detail.lines[*].sku
 *
 * Names in brackets, filters and ".." are not taken. Immutable once compiled, so that
 * threads may share one.
 */
struct json_path;

/* NULL when source is not such a path. */
struct json_path *json_path_compile(struct text source);
void json_path_free(struct json_path *path);
DEFINE_SCOPED(struct json_path *, json_path_free)

/* Whether it has stars and so stands for a list of values rather than for one. */
bool json_path_is_list(const struct json_path *path);

typedef void json_path_visit_f(void *arg, const struct scan_value *value);

/* Calls visit for each value of the scanned root that the path leads to, in the order of
 * the document: at most once unless json_path_is_list(). Of members that have the same
 * name the last counts. */
void json_path_each(const struct json_path *path, const struct scan_value *root,
                    json_path_visit_f *visit, void *arg);
