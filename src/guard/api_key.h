/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "guard/limit.h"

/*
 * API keys and what usage plans allow them. The table is compiled from what the control plane
 * publishes and never changes:
 *
 *     {"keys": [{"id", "value", "enabled", "plans": ["PLAN"],
 *                "extensions": {"PLAN": {"period", "day", "limit"}}}],
 *      "plans": [{"id", "throttle": {"rateLimit", "burstLimit"}, "quota": {...},
 *                 "apiStages": [{"apiId", "stage", "throttle": {"/pets/GET": {...}}}]}]}
 *
 * An extension takes the place of the plan's limit in the one period that begins on its day.
 * Values are secrets: a key is found by its value's hash, and the value itself is not kept.
 */
struct api_keys;

#define API_KEY_HEADER TEXT("x-api-key")
#define API_KEYS_MAX 100000
#define API_KEY_VALUE_MAX 128 /* bytes; API Gateway */

struct api_keys *api_keys_compile(const json_t *bundle, struct error *err);
void api_keys_free(struct api_keys *keys);
DEFINE_SCOPED(struct api_keys *, api_keys_free)

struct api_plan {
    char *id;
    struct limit_rate throttle;
    struct limit_quota quota;
};

struct api_key;
/* NULL: there is none, or it is not enabled. keys may be NULL. */
const struct api_key *api_keys_find(const struct api_keys *keys, struct text value);
struct text api_key_id(const struct api_key *key);
/* By which plan the key may use a stage of an API; NULL: it may not. *ret_method: how fast a
 * method ("/pets/GET") may be used, in place of the plan's throttle; NULL: as the plan says. */
const struct api_plan *api_key_plan(const struct api_key *key, struct text api_id,
                                    struct text stage, struct text method,
                                    const struct limit_rate **ret_method);
/* What the key may of one of its plans in the period that runs. */
struct limit_quota api_key_quota(const struct api_key *key, const struct api_plan *plan,
                                 int64_t epoch_ms);
/* What that is counted under, in the limit table: a key of LIMIT_OF_KEY. */
struct text api_key_counted(struct arena *arena, struct text plan_id, struct text key_id);
