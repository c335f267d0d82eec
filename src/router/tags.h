/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "router/cloudevents.h"

/*
 * Routing by tag: a selector names functions by their tags, and a function says with its tag
 * "accepts" which events it takes.
 *
 *     selector    team=billing, stage!=test, critical
 *                 all must hold: the function has that tag with that value, does not have
 *                 it with that value, has it with any value
 *     accepts     orders.+ invoices.eu.++
 *                 patterns of dotted words, one must match one of the event's tags: "+" is
 *                 any one word, "++" at the end any words or none
 *
 * "*" and "#" mean the same as "+" and "++"; but AWS, and so the API, has neither in the
 * value of a tag.
 *
 * An event's tags are the words of its attribute "tags" (an extension), separated by blanks
 * or commas; without it, its type is its one tag.
 */
struct tag_selector;
struct tag; /* of a function: model/function.h */

/* Immutable, so that threads may share one. NULL with ERROR_INVALID, or ERROR_LIMIT beyond
 * LIMIT_SELECTOR_BYTES, when source is not a selector. */
struct tag_selector *tags_compile(struct text source, struct error *err);
void tags_free(struct tag_selector *selector);
DEFINE_SCOPED(struct tag_selector *, tags_free)

/* Whether a function with these tags is meant. */
bool tags_select(const struct tag_selector *selector, const struct tag *tags, size_t count);

/* Whether a function with these tags takes the event; one without "accepts" takes none. */
bool tags_accept(const struct tag *tags, size_t count, const struct cloud_event *event);

/* Whether value may stand in "accepts"; -1 and ERROR_INVALID with what is wrong. A pattern
 * that may not matches nothing. */
int tags_check_accepts(struct text value, struct error *err);
