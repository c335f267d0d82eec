/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/map.h"
#include "base/scoped.h"
#include "base/text.h"
#include "router/matcher.h"
#include "router/pattern.h"
#include "router/tags.h"
#include "router/transform.h"
#include "router/trigger.h"

/*
 * A bus as the shards have it: its rules, compiled, with their targets. A snapshot never
 * changes and is counted; changing one rule makes another snapshot that shares all but a
 * few hundred pointers with the one before, however many rules there are.
 */

enum bus_target_kind {
    TARGET_FUNCTION, /* LANE_FUNCTION */
    TARGET_TAGGED,   /* the functions that a selector names and that accept the event */
    TARGET_QUEUE,    /* LANE_QUEUE */
    TARGET_BUS,      /* routed at once */
    TARGET_ARCHIVE,  /* LANE_ARCHIVE */
    TARGET_OTHER,    /* LANE_TARGET: API destinations, log groups */
    TARGET_UNSERVED, /* a service Evoke has not */
};

struct bus_target {
    enum bus_target_kind kind;
    char *id, *arn;
    char *lane; /* a TARGET_BUS's: the key of the bus; a TARGET_TAGGED's: where it looks */
    struct tag_selector *selector; /* of a TARGET_TAGGED */
    char *qualifier;               /* of a function; "" */
    char *group;                   /* MessageGroupId; "" */
    char *dead_letter;             /* ARN of a queue; "" */
    char *http;                    /* HttpParameters, JSON; "" */
    bool has_max_attempts;
    int64_t max_attempts, max_age_s; /* age 0: the lane's own */
    struct transform *transform;
};

struct bus_rule {
    atomic_int refs;
    char *name, *arn;
    struct pattern *pattern; /* NULL: matches nothing, as rules with only a schedule */
    struct trigger *trigger; /* must hold too; NULL: the pattern says all */
    struct bus_target *targets;
    size_t target_count;
};

/* From a rule's document. NULL when it cannot be read: a document of an older Evoke. */
struct bus_rule *bus_rule_new(struct text account, struct text region, const json_t *document,
                              struct error *err);
/* The rule that an archive is: everything the bus gets and its pattern matches goes into the
 * archive's lane. */
struct bus_rule *bus_rule_of_archive(const json_t *document, struct text lane, struct error *err);
struct bus_rule *bus_rule_ref(struct bus_rule *rule);
void bus_rule_unref(struct bus_rule *rule); /* NULL does nothing */
DEFINE_SCOPED(struct bus_rule *, bus_rule_unref)

#define BUS_CHUNK 256 /* rules that are copied together */
struct bus_chunk;

struct bus {
    atomic_int refs;
    char *key;               /* "ACCOUNT/REGION/NAME" */
    bool is_public;          /* its policy lets everybody put events */
    struct matcher *matcher; /* whose rule ids are indexes into the rules */
    struct bus_chunk **chunks;
    size_t chunk_count;
};

/* Takes the rules, not the list; NULL where there is none. */
struct bus *bus_new(struct text key, struct bus_rule *const *rules, size_t count);
/* The same bus with another rule at index, or none (NULL). Takes the rule, not the bus. */
struct bus *bus_with(const struct bus *bus, size_t index, struct bus_rule *rule);
/* The same bus, open to everybody or not. */
struct bus *bus_with_access(const struct bus *bus, bool is_public);
/* The same bus with its matcher replaced by one that matches the same. Takes the matcher. */
struct bus *bus_with_matcher(const struct bus *bus, struct matcher *matcher);
const struct bus_rule *bus_rule_at(const struct bus *bus, size_t index); /* NULL: none */
struct bus *bus_ref(struct bus *bus);
void bus_unref(struct bus *bus); /* NULL does nothing */
DEFINE_SCOPED(struct bus *, bus_unref)

/* What one loop sees: its own, so that reading takes no lock. */
struct bus_view {
    struct map buses; /* key -> struct bus, counted */
    struct match_scratch *scratch;
};
void bus_view_init(struct bus_view *view);
void bus_view_done(struct bus_view *view);
void bus_view_put(struct bus_view *view, struct bus *bus); /* takes a reference of its own */
void bus_view_remove(struct bus_view *view, struct text key);
struct bus *bus_view_find(const struct bus_view *view, struct text key); /* borrowed */
