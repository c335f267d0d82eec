/* SPDX-License-Identifier: Apache-2.0 */
#include "router/matcher.h"

#include "base/mem.h"
#include "router/evaluate.h"
#include "router/index.h"
#include "router/pattern.h"
#include "router/pattern_priv.h"
#include "router/scan.h"

/*
 * A base index of most rules, an index of the rules that were added since, and bits of those
 * that were removed from the base. A change copies the bits and compiles the added rules
 * anew, which is quick as long as they are few. A persistent tree (each change copies a path)
 * would need no merging, but costs several cache misses where a hash table costs one, at
 * every match.
 */
#define SMALL 512 /* rules: as many are compiled at once for each change, some milliseconds */

struct matcher {
    atomic_uint references;
    struct index *base;
    struct index *added; /* or NULL */
    uint64_t *removed;   /* bits of the base's rules; NULL: none */
    uint32_t removed_count;
};

static struct matcher *make(struct index *base)
{
    struct matcher *matcher = mem_new(struct matcher);

    atomic_init(&matcher->references, 1);
    matcher->base = base;
    return matcher;
}

struct matcher *matcher_new(const struct matcher_rule *rules, size_t count)
{
    return make(index_new(rules, count));
}

struct matcher *matcher_ref(struct matcher *matcher)
{
    atomic_fetch_add_explicit(&matcher->references, 1, memory_order_relaxed);
    return matcher;
}

void matcher_unref(struct matcher *matcher)
{
    if (!matcher || atomic_fetch_sub_explicit(&matcher->references, 1, memory_order_acq_rel) != 1)
        return;
    index_unref(matcher->base);
    index_unref(matcher->added);
    free(matcher->removed);
    free(matcher);
}

static uint32_t added_count(const struct matcher *matcher)
{
    return matcher->added ? matcher->added->rule_count : 0;
}

size_t matcher_count(const struct matcher *matcher)
{
    return matcher->base->rule_count - matcher->removed_count + added_count(matcher);
}

static bool is_removed(const struct matcher *matcher, uint32_t rule)
{
    return matcher->removed && matcher->removed[rule / 64] >> (rule % 64) & 1;
}

static void remove_from_base(struct matcher *matcher, uint64_t id)
{
    uint32_t rule = index_find_rule(matcher->base, id);

    if (rule == INDEX_NONE || is_removed(matcher, rule))
        return;
    if (!matcher->removed)
        matcher->removed =
            mem_zalloc((matcher->base->rule_count / 64 + 1) * sizeof *matcher->removed);
    matcher->removed[rule / 64] |= UINT64_C(1) << (rule % 64);
    matcher->removed_count++;
}

/* Rules while they are put together. */
struct rule_list {
    struct matcher_rule *at;
    size_t count;
};

static void add_live(struct rule_list *list, const struct matcher *matcher)
{
    for (uint32_t i = 0; i < matcher->base->rule_count; i++)
        if (!is_removed(matcher, i))
            list->at[list->count++] = matcher->base->rules[i];
}

static void add_added(struct rule_list *list, const struct matcher *matcher)
{
    for (uint32_t i = 0; i < added_count(matcher); i++)
        list->at[list->count++] = matcher->added->rules[i];
}

struct matcher *matcher_merge(const struct matcher *matcher)
{
    struct rule_list list = {mem_alloc((matcher_count(matcher) + 1) * sizeof *list.at), 0};

    add_live(&list, matcher);
    add_added(&list, matcher);
    struct matcher *merged = matcher_new(list.at, list.count);
    free(list.at);
    return merged;
}

bool matcher_is_due(const struct matcher *matcher)
{
    return added_count(matcher) + matcher->removed_count > SMALL;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* What is to be different from a matcher. An id that is added is gone, too. */
struct change {
    struct rule_list added;
    uint64_t *gone; /* sorted */
    size_t gone_count;
};

static bool is_gone(const struct change *change, uint64_t id)
{
    return change->gone_count && bsearch(&id, change->gone, change->gone_count,
                                         sizeof *change->gone, compare_ids) != NULL;
}

static struct matcher *apply(const struct matcher *base, const struct change *change)
{
    struct matcher *matcher = make(index_ref(base->base));
    struct rule_list list = {
        mem_alloc((added_count(base) + change->added.count + 1) * sizeof *list.at), 0};

    if (base->removed)
        matcher->removed =
            mem_copy(base->removed, (base->base->rule_count / 64 + 1) * sizeof *matcher->removed);
    matcher->removed_count = base->removed_count;
    for (size_t i = 0; i < change->gone_count; i++)
        remove_from_base(matcher, change->gone[i]);
    for (uint32_t i = 0; i < added_count(base); i++)
        if (!is_gone(change, base->added->rules[i].id))
            list.at[list.count++] = base->added->rules[i];
    for (size_t i = 0; i < change->added.count; i++)
        list.at[list.count++] = change->added.at[i];
    if (list.count)
        matcher->added = index_new(list.at, list.count);
    free(list.at);
    if (matcher_count(matcher) > SMALL)
        return matcher;
    struct matcher *small = matcher_merge(matcher);
    matcher_unref(matcher);
    return small;
}

struct matcher *matcher_with(struct matcher *base, uint64_t rule_id, struct pattern *pattern)
{
    struct matcher_rule rule = {rule_id, pattern};

    return apply(base, &(struct change){{&rule, 1}, &rule_id, 1});
}

static const struct matcher_rule *find_rule(const struct matcher *matcher, uint64_t id)
{
    uint32_t rule = matcher->added ? index_find_rule(matcher->added, id) : INDEX_NONE;

    if (rule != INDEX_NONE)
        return &matcher->added->rules[rule];
    rule = index_find_rule(matcher->base, id);
    return rule == INDEX_NONE || is_removed(matcher, rule) ? NULL : &matcher->base->rules[rule];
}

struct matcher *matcher_without(struct matcher *base, uint64_t rule_id)
{
    if (!find_rule(base, rule_id))
        return matcher_ref(base);
    return apply(base, &(struct change){{NULL, 0}, &rule_id, 1});
}

/* The rules of one that the other has not, or has with another pattern. */
static void add_differing(struct rule_list *list, const struct matcher *matcher,
                          const struct matcher *other)
{
    for (int layer = 0; layer < 2; layer++) {
        const struct index *index = layer ? matcher->added : matcher->base;
        for (uint32_t i = 0; index && i < index->rule_count; i++) {
            if (layer == 0 &&
                (is_removed(matcher, i) || (matcher->base == other->base && !is_removed(other, i))))
                continue;
            const struct matcher_rule *same = find_rule(other, index->rules[i].id);
            if (!same || same->pattern != index->rules[i].pattern)
                list->at[list->count++] = index->rules[i];
        }
    }
}

struct matcher *matcher_rebase(struct matcher *merged, const struct matcher *then,
                               const struct matcher *now)
{
    struct rule_list gone = {mem_alloc((matcher_count(then) + 1) * sizeof *gone.at), 0};
    struct change change = {{mem_alloc((matcher_count(now) + 1) * sizeof *gone.at), 0}, NULL, 0};

    add_differing(&gone, then, now);
    add_differing(&change.added, now, then);
    change.gone = mem_alloc((gone.count + 1) * sizeof *change.gone);
    for (size_t i = 0; i < gone.count; i++)
        change.gone[change.gone_count++] = gone.at[i].id;
    qsort(change.gone, change.gone_count, sizeof *change.gone, compare_ids);
    struct matcher *rebased =
        change.gone_count || change.added.count ? apply(merged, &change) : matcher_ref(merged);
    free(gone.at);
    free(change.added.at);
    free(change.gone);
    return rebased;
}

int matcher_match(const struct matcher *matcher, struct text event, struct match_scratch *scratch,
                  struct matches *ret, struct error *err)
{
    struct index *const indexes[] = {matcher->base, matcher->added};
    const uint64_t *const removed[] = {matcher->removed, NULL};

    evaluation_begin(scratch, matcher->added ? 2 : 1, indexes, removed);
    if (scan_event(event, scratch, err) < 0 || evaluation_end(scratch, err) < 0)
        return -1;
    *ret = (struct matches){scratch->ids, scratch->id_count};
    return 0;
}

int pattern_test(struct pattern *pattern, struct text event, struct error *err)
{
    scoped(matcher_unref) struct matcher *matcher =
        matcher_new(&(struct matcher_rule){0, pattern}, 1);
    scoped(match_scratch_free) struct match_scratch *scratch = match_scratch_new();
    struct matches matches;

    if (!text_is_utf8(event))
        return error_set(err, ERROR_INVALID, "the event is not valid UTF-8");
    scratch->is_strict = true;
    if (matcher_match(matcher, event, scratch, &matches, err) < 0)
        return -1;
    return matches.count > 0;
}
