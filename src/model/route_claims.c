/* SPDX-License-Identifier: Apache-2.0 */
#include "model/route_claims.h"

#include "base/mem.h"
#include "model/function.h"
#include "model/route_key.h"

/* The tree's values are lists of claims, first the one that counts. */

static bool is_default(struct text key)
{
    return text_equal(key, TEXT(ROUTE_KEY_DEFAULT));
}

static void read_names(struct route_claim *claim, struct text *names)
{
    struct text rest = claim->path, segment;
    bool is_greedy;

    while (text_split(&rest, '/', &segment)) {
        struct text name = route_parameter(segment, &is_greedy);
        if (text_is_set(name))
            names[claim->name_count++] = name;
    }
}

/* With its names and its text behind it. */
static struct route_claim *claim_new(const struct function *function, struct text key)
{
    size_t names = 0;
    for (size_t i = 0; i < key.len; i++)
        names += key.at[i] == '{';

    struct route_claim *claim = mem_zalloc(sizeof *claim + names * sizeof *claim->names + key.len);
    struct text *at = (struct text *)(void *)(claim + 1);
    memcpy(at + names, key.at, key.len);
    claim->function = function;
    claim->key = text_from(at + names, key.len);
    claim->names = at;
    if (!is_default(key)) {
        claim->path = claim->key;
        (void)text_split(&claim->path, ' ', &claim->method);
        read_names(claim, at);
    }
    return claim;
}

static struct route_claim *first_at(const struct route_claims *claims, struct text key)
{
    struct text path = key, method;

    if (is_default(key))
        return claims->fallback;
    (void)text_split(&path, ' ', &method);
    return route_tree_at(&claims->tree, method, path);
}

static void set_first(struct route_claims *claims, struct text key, struct route_claim *first)
{
    struct text path = key, method;

    if (is_default(key)) {
        claims->fallback = first;
        return;
    }
    (void)text_split(&path, ' ', &method);
    if (first)
        (void)route_tree_put(&claims->tree, method, path, first);
    else
        (void)route_tree_remove(&claims->tree, method, path);
}

static void put(struct route_claims *claims, struct route_claim *claim)
{
    struct route_claim *first = first_at(claims, claim->key), **place = &first;

    while (*place && strcmp((*place)->function->name, claim->function->name) <= 0)
        place = &(*place)->next;
    claim->next = *place;
    *place = claim;
    if (first == claim)
        set_first(claims, claim->key, first);
}

/* Its own key may have been put by other names of parameters; the place is the same. */
static void drop(struct route_claims *claims, const struct function *function, struct text key)
{
    struct route_claim *first = first_at(claims, key), *before = first, **place = &first;

    while (*place && (*place)->function != function)
        place = &(*place)->next;
    struct route_claim *claim = *place;
    if (!claim)
        return;
    *place = claim->next;
    if (first != before)
        set_first(claims, key, first);
    free(claim);
}

void route_claims_put(struct route_claims *claims, const struct function *function)
{
    for (size_t i = 0; i < function->route_count; i++)
        put(claims, claim_new(function, text_of(function->routes[i])));
}

void route_claims_remove(struct route_claims *claims, const struct function *function)
{
    for (size_t i = 0; i < function->route_count; i++)
        drop(claims, function, text_of(function->routes[i]));
}

int route_claims_check(const struct route_claims *claims, const struct function *function,
                       struct error *err)
{
    for (size_t i = 0; i < function->route_count; i++) {
        const struct route_claim *claim = first_at(claims, text_of(function->routes[i]));
        while (claim && strcmp(claim->function->name, function->name) == 0)
            claim = claim->next;
        if (claim)
            return error_set(
                err, ERROR_CONFLICT,
                "function.yaml: the function '%s' has the route '%s' already, as '%.*s'",
                claim->function->name, function->routes[i], TEXT_ARG(claim->key));
    }
    return 0;
}

const struct route_claim *route_claims_find(const struct route_claims *claims, struct text method,
                                            struct text path, struct route_match *ret)
{
    if (claims->tree.count > 0 && route_tree_find(&claims->tree, method, path, ret))
        return ret->value;
    ret->count = 0;
    return claims->fallback;
}

void route_claims_done(struct route_claims *claims)
{
    route_tree_done(&claims->tree);
    *claims = (struct route_claims){0};
}
