/* SPDX-License-Identifier: Apache-2.0 */
#include "router/consistency.h"

#include "router/pattern_priv.h"

/*
 * A search with back-jumping. A value only matters by the innermost array element it is in
 * (its member): two members exclude each other if, on the way up, they are different elements
 * of one array. The conditions are taken in order of their paths, which keeps those of one
 * array together; when one cannot be fulfilled, the search returns to the latest choice that
 * has to do with it, so that arrays that are independent of each other are not multiplied.
 * Only an event that has a name twice can make this long, and then the steps run out.
 *
 * A field that must be absent is so when none of its values goes with what was chosen for the
 * conditions before it (event-ruler has it depend on that order, too).
 */
struct level {
    const struct index_condition *condition;
    uint32_t *members; /* of the values that fulfil it, without repetitions in a row */
    uint32_t count;
    uint32_t chosen;
    bool is_absent_possible;
};

struct search {
    struct match_scratch *scratch;
    const struct evaluation_layer *layer;
    struct level *levels;
    uint32_t count;
};

#define LEVEL_BITS 64 /* levels beyond share the last bit */
static uint64_t bit_of(uint32_t level)
{
    return UINT64_C(1) << (level < LEVEL_BITS - 1 ? level : LEVEL_BITS - 1);
}

static bool exclude_each_other(const struct member *members, uint32_t a, uint32_t b)
{
    while (a != b && a && b) {
        if (members[a].depth > members[b].depth) {
            a = members[a].parent;
        } else if (members[a].depth < members[b].depth) {
            b = members[b].parent;
        } else {
            if (members[a].array == members[b].array)
                return true;
            a = members[a].parent;
            b = members[b].parent;
        }
    }
    return false;
}

static bool fulfils(const struct condition *condition, const struct value *value)
{
    for (size_t i = 0; i < condition->count; i++)
        if (atom_matches(&condition->atoms[i], value))
            return true;
    return false;
}

static bool spend(struct search *search, uint64_t steps)
{
    if (search->scratch->steps < steps)
        return false;
    search->scratch->steps -= steps;
    return true;
}

/* The first level before this one whose choice excludes the member, or level. */
static uint32_t find_excluding(const struct search *search, uint32_t level, uint32_t member)
{
    for (uint32_t i = 0; i < level; i++)
        if (exclude_each_other(search->scratch->members, search->levels[i].chosen, member))
            return i;
    return level;
}

static bool is_absent(const struct search *search, uint32_t level)
{
    uint32_t field = search->levels[level].condition->field;

    for (uint32_t i = search->layer->values[field]; i; i = search->scratch->seen[i - 1].next)
        if (find_excluding(search, level, search->scratch->seen[i - 1].value.member) == level)
            return false;
    return true;
}

/* 1: found. 0: not, and *ret_blame has the levels whose choices are why. -1: no more steps. */
static int choose(struct search *search, uint32_t number, uint64_t *ret_blame)
{
    uint64_t blame = 0, own;

    if (number == search->count)
        return 1;
    struct level *level = &search->levels[number];
    for (uint32_t i = 0; i < level->count; i++) {
        if (!spend(search, number + 1))
            return -1;
        uint32_t excluding = find_excluding(search, number, level->members[i]);
        if (excluding < number) {
            blame |= bit_of(excluding);
            continue;
        }
        level->chosen = level->members[i];
        int found = choose(search, number + 1, &own);
        if (found)
            return found;
        if (!(own & bit_of(number))) {
            *ret_blame = own;
            return 0;
        }
        blame |= own;
    }
    if (level->is_absent_possible) {
        if (!spend(search, search->scratch->seen_count))
            return -1;
        level->chosen = 0;
        int found = is_absent(search, number) ? choose(search, number + 1, &own) : 0;
        if (found)
            return found;
        blame = UINT64_MAX;
    }
    /* The last bit stands for several levels. */
    *ret_blame = number < LEVEL_BITS - 1 ? blame & ~bit_of(number) : blame;
    return 0;
}

/* Values in no array go with everything: unless something is to be absent, which choices
 * help with, one of them is all that is needed. */
static int fill_level(struct search *search, struct level *level, bool keep_all)
{
    struct match_scratch *scratch = search->scratch;
    uint32_t total = 0, field = level->condition->field;

    for (uint32_t i = search->layer->values[field]; i; i = scratch->seen[i - 1].next)
        total++;
    if (!spend(search, (uint64_t)total * level->condition->source->count))
        return -1;
    level->members = arena_alloc(&scratch->texts, (total + 1) * sizeof *level->members);
    for (uint32_t i = search->layer->values[field]; i; i = scratch->seen[i - 1].next) {
        const struct value *value = &scratch->seen[i - 1].value;
        if ((level->count && level->members[level->count - 1] == value->member) ||
            !fulfils(level->condition->source, value))
            continue;
        level->members[level->count++] = value->member;
        if (value->member == 0 && !keep_all) {
            level->members[0] = 0;
            level->count = 1;
            break;
        }
    }
    return 0;
}

/* Conditions on fields that are in no array of this event do not take part. */
static int add_level(struct search *search, const struct index_clause *clause,
                     const struct index_condition *condition)
{
    const struct evaluation_layer *layer = search->layer;

    if (!layer->index->fields[condition->field].is_shared ||
        layer->fields_in_arrays[condition->field] != search->scratch->epoch)
        return 0;
    struct level *level = &search->levels[search->count];
    *level = (struct level){.condition = condition, .is_absent_possible = condition->has_absent};
    if (fill_level(search, level, clause->has_absent) < 0)
        return -1;
    if (clause->has_absent || level->count != 1 || level->members[0] != 0)
        search->count++;
    return 0;
}

int clause_is_consistent(struct match_scratch *scratch, const struct evaluation_layer *layer,
                         const struct index_clause *clause, struct error *err)
{
    struct search search = {
        .scratch = scratch,
        .layer = layer,
        .levels = arena_alloc(&scratch->texts, clause->conditions.count * sizeof(struct level)),
    };
    uint64_t blame;
    int found = 0;

    for (uint32_t i = 0; i < clause->conditions.count && found == 0; i++) {
        uint32_t number = layer->index->clause_conditions[clause->conditions.start + i];
        found = add_level(&search, clause, &layer->index->conditions[number]);
    }
    if (found == 0)
        found = choose(&search, 0, &blame);
    if (found < 0)
        return error_set(err, ERROR_LIMIT, "the event's arrays take too long to match");
    return found;
}
