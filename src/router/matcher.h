/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

struct pattern;

/*
 * A set of rules (a number of the caller's and a pattern each), compiled together: an event
 * is scanned once, only fields that some rule uses are looked at, and the cost hardly grows
 * with the number of rules.
 *
 * A matcher never changes: adding or removing a rule makes another one that shares almost
 * everything. It is counted; any number of threads may match against it, and against older
 * ones, at the same time. NULL is not a matcher: start with matcher_new(NULL, 0).
 */
struct matcher;

struct matcher_rule {
    uint64_t id;             /* the caller's; unique within a matcher */
    struct pattern *pattern; /* the matcher takes a reference of its own */
};

/* A matcher of these rules (ids differ). The way to load many at once. */
struct matcher *matcher_new(const struct matcher_rule *rules, size_t count);

/* The same as base but for one rule: added (replacing one of that id), or without it (base
 * itself, counted, when there is none). Below 10 ms with 100,000 rules, as long as merges
 * are not forgotten. base stays the caller's. */
struct matcher *matcher_with(struct matcher *base, uint64_t rule_id, struct pattern *pattern);
struct matcher *matcher_without(struct matcher *base, uint64_t rule_id);

/*
 * Changes to a large matcher are kept beside it and slow it down a little; when they are
 * many, matcher_is_due() says so and matcher_merge() compiles one without (half a second for
 * 100,000 rules: in a worker thread). When the owner has changed its matcher in the
 * meantime, matcher_rebase() gives the merged one the changes that `now` has over `then`.
 */
bool matcher_is_due(const struct matcher *matcher);
struct matcher *matcher_merge(const struct matcher *matcher);
struct matcher *matcher_rebase(struct matcher *merged, const struct matcher *then,
                               const struct matcher *now);

struct matcher *matcher_ref(struct matcher *matcher);
void matcher_unref(struct matcher *matcher); /* NULL: nothing */
DEFINE_SCOPED(struct matcher *, matcher_unref)

size_t matcher_count(const struct matcher *matcher); /* rules */

/* What matching needs to remember within one event. One a thread, for any matchers. */
struct match_scratch;
struct match_scratch *match_scratch_new(void);
void match_scratch_free(struct match_scratch *scratch);
DEFINE_SCOPED(struct match_scratch *, match_scratch_free)

/* Borrowed from the scratch until it is used again. In no order, none twice. */
struct matches {
    const uint64_t *rule_ids;
    size_t count;
};

/*
 * The rules that event (JSON text, an object) matches. It must be JSON: events from strangers
 * are to be checked before they are stored, as pattern_test() does by itself. Of what is between
 * the fields that rules use only strings and brackets are looked at, and once all of them have
 * come only names; -1 with ERROR_INVALID when so much shows that it is none. ERROR_LIMIT when it
 * nests too deeply, or has arrays that make matching it take too long.
 */
int matcher_match(const struct matcher *matcher, struct text event, struct match_scratch *scratch,
                  struct matches *ret, struct error *err);
