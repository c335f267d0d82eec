/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/guard.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "guard/address.h"
#include "guard/compression.h"
#include "guard/conversion.h"
#include "guard/docs.h"
#include "guard/filter.h"
#include "guard/limits.h"
#include "guard/signature.h"
#include "guard/tokens.h"
#include "guard/waf.h"
#include "model/guarded.h"

/* One key of a guard. compile() gets the key's value, which is never null; NULL is failure. */
struct part {
    const char *key;
    size_t offset; /* of the pointer in struct guard */
    void *(*compile)(const json_t *part, const struct guard_services *services, struct error *err);
    void (*free)(void *part);
};

/*
 * Before the table a part says of what type it is, PART(limits) for struct limits, and its row is
 * ROW("limits", limits).
 */
#define PART(type)                                                                         \
    static void *compile_##type(const json_t *part, const struct guard_services *services, \
                                struct error *err)                                         \
    {                                                                                      \
        return type##_compile(part, err);                                                  \
    }                                                                                      \
    static void free_##type(void *part)                                                    \
    {                                                                                      \
        type##_free(part);                                                                 \
    }
#define ROW(key, type)                                                 \
    {                                                                  \
        key, offsetof(struct guard, type), compile_##type, free_##type \
    }

PART(compression)
PART(conversion)
PART(docs)
PART(filter)
PART(limits)
PART(signature)
PART(tokens)

static void *compile_types(const json_t *part, const struct guard_services *services,
                           struct error *err)
{
    return filter_compile_types(part, err);
}

static void *compile_addresses(const json_t *part, const struct guard_services *services,
                               struct error *err)
{
    return addresses_compile(part, services->files, err);
}

static void free_addresses(void *part)
{
    addresses_free(part);
}

static void *compile_waf(const json_t *part, const struct guard_services *services,
                         struct error *err)
{
    return waf_rules_compile(services->waf, part, err);
}

static void free_waf(void *part)
{
    waf_rules_unref(part);
}

static const struct part parts[] = {
    ROW("addresses", addresses),
    ROW("authorizer", tokens),
    ROW("compression", compression),
    ROW("conversion", conversion),
    ROW("docs", docs),
    ROW("filter", filter),
    ROW("limits", limits),
    ROW("signature", signature),
    ROW("waf", waf),
    {"types", offsetof(struct guard, types), compile_types, free_filter},
    {0}, /* the end */
};

static const struct part *find_part(const char *key)
{
    for (const struct part *part = parts; part->key; part++)
        if (strcmp(part->key, key) == 0)
            return part;
    return NULL;
}

static void **place_of(struct guard *guard, const struct part *part)
{
    return (void **)((char *)guard + part->offset);
}

static const struct guard_services no_services;

static int compile_part(struct guard *guard, const char *key, const json_t *value,
                        const struct guard_services *services, struct error *err)
{
    const struct part *part = find_part(key);

    if (!part)
        return error_set(err, ERROR_INVALID, "'%.100s' is no setting of a guard", key);
    if (json_is_null(value))
        return 0;
    *place_of(guard, part) = part->compile(value, services, err);
    return *place_of(guard, part) ? 0 : -1;
}

struct guard *guard_compile(const json_t *json, const struct guard_services *services,
                            struct error *err)
{
    scoped(guard_free) struct guard *guard = mem_new(struct guard);
    const char *key;
    json_t *value;

    if (!json_is_object(json)) {
        error_set(err, ERROR_INVALID, "a guard is an object of settings");
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (compile_part(guard, key, value, services ? services : &no_services, err) < 0)
            return NULL;
    }
    return take(guard);
}

void guard_free(struct guard *guard)
{
    if (!guard)
        return;
    for (const struct part *part = parts; part->key; part++)
        if (*place_of(guard, part))
            part->free(*place_of(guard, part));
    free(guard);
}

static void free_guard(void *guard)
{
    guard_free(guard);
}

int guard_settle(struct guarded *guarded, const struct guard_services *services, struct error *err)
{
    if (atomic_load_explicit(&guarded->compiled, memory_order_acquire))
        return 0;
    scoped(json_decref) json_t *json = json_parse(text_of(guarded->source), err);
    struct guard *guard = json ? guard_compile(json, services, err) : NULL;
    if (guard)
        (void)guarded_settle(guarded, guard, free_guard);
    return guard ? 0 : -1;
}
