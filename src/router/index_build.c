/* SPDX-License-Identifier: Apache-2.0 */
#include "router/index_build.h"

#include "base/crypto.h"
#include "router/matcher.h"
#include "router/pattern.h"
#include "router/pattern_priv.h"

/* What the rules ask for, collected: each thing once, by what it stands for. */

static bool find_number(const struct map *map, struct text key, uint32_t *ret)
{
    uintptr_t found = (uintptr_t)map_find(map, key);

    *ret = (uint32_t)found - 1;
    return found != 0;
}

static void keep_number(struct map *map, struct text key, uint32_t number)
{
    (void)map_put(map, key, (void *)((uintptr_t)number + 1));
}

static void add_word(struct buffer *key, uint32_t word)
{
    buffer_add(key, &word, sizeof word);
}

static struct text start_key(struct builder *builder, uint32_t owner, struct text text)
{
    buffer_clear(&builder->key);
    add_word(&builder->key, owner);
    buffer_add_text(&builder->key, text);
    return buffer_text(&builder->key);
}

static uint32_t add_node(struct builder *builder)
{
    ADD(builder->nodes, struct index_node)->field = INDEX_NONE;
    return builder->nodes.count - 1;
}

static uint32_t child_of(struct builder *builder, uint32_t parent, struct text name)
{
    struct text key = start_key(builder, parent, name);
    uint32_t node;

    if (find_number(&builder->names, key, &node))
        return node;
    node = add_node(builder);
    keep_number(&builder->names, key, node);
    struct named_child *child = ADD(builder->children, struct named_child);
    *child = (struct named_child){parent, {name.at, (uint32_t)name.len, node, 0, 0}};
    if (name.len)
        memcpy(&child->child.head, name.at, name.len < 8 ? name.len : 8);
    if (name.len >= 8)
        memcpy(&child->child.tail, name.at + name.len - 8, 8);
    return node;
}

static uint32_t field_of(struct builder *builder, struct text path)
{
    uint32_t field, node = 0;

    if (find_number(&builder->paths, path, &field))
        return field;
    for (struct text rest = path;;) {
        size_t dot = text_find(rest, '.');
        node = child_of(builder, node, text_slice(rest, 0, dot));
        if (dot == rest.len)
            break;
        rest = text_skip(rest, dot + 1);
    }
    field = builder->fields.count;
    ADD(builder->fields, struct index_field)->exists = INDEX_NONE;
    AT(builder->nodes, struct index_node, node)->field = field;
    keep_number(&builder->paths, path, field);
    return field;
}

static uint64_t edge_of(enum needle_kind kind, struct text text)
{
    bool is_suffix = kind == NEEDLE_SUFFIX || kind == NEEDLE_SUFFIX_FOLD;

    return text.len == 0 ? UINT64_MAX : UINT64_C(1) << (text.at[is_suffix ? text.len - 1 : 0] & 63);
}

static uint32_t length_of(enum needle_kind kind, struct text text)
{
    bool is_address = kind == NEEDLE_V4 || kind == NEEDLE_V6;

    return is_address ? (unsigned char)text.at[0] : (uint32_t)text.len;
}

/* What a check asks of the other end of a value. */
static uint64_t other_edge(enum needle_kind kind, const struct atom *check)
{
    if (!check || check->kind != ATOM_WILDCARD)
        return UINT64_MAX;
    return kind == NEEDLE_PREFIX ? edge_of(NEEDLE_SUFFIX, check->parts[check->part_count - 1])
                                 : edge_of(NEEDLE_PREFIX, check->parts[0]);
}

static void add_needle(struct builder *builder, uint32_t field, enum needle_kind kind,
                       struct text text, struct index_target target)
{
    struct text key = start_key(builder, field << 4 | kind, text);
    uint32_t needle;

    if (!find_number(&builder->needles, key, &needle)) {
        needle = builder->needle_list.count;
        struct index_needle *added = ADD(builder->needle_list, struct index_needle);
        added->at = text.at;
        added->len = (uint32_t)text.len;
        added->field = field;
        added->kind = (uint8_t)kind;
        if (text.len)
            memcpy(added->head, text.at,
                   text.len < sizeof added->head ? text.len : sizeof added->head);
        keep_number(&builder->needles, key, needle);
        *ADD(builder->needle_lengths, struct index_length) =
            (struct index_length){length_of(kind, text), edge_of(kind, text), 0};
        AT(builder->fields, struct index_field, field)->kinds |= 1u << kind;
    }
    AT(builder->needle_lengths, struct index_length, needle)->others |=
        other_edge(kind, target.check);
    *ADD(builder->targets, struct index_target) = target;
    add_pair(&builder->needle_targets, needle, builder->targets.count - 1);
}

static void add_check(struct builder *builder, uint32_t field, struct index_target target)
{
    *ADD(builder->targets, struct index_target) = target;
    add_pair(&builder->field_checks, field, builder->targets.count - 1);
}

/* By what is before its first star, or what is behind its last one when that is longer. */
static void add_wildcard(struct builder *builder, uint32_t field, const struct atom *atom,
                         struct index_target target)
{
    struct text first = atom->parts[0], last = atom->parts[atom->part_count - 1];

    if (atom->part_count == 1) {
        add_needle(builder, field, NEEDLE_EXACT, first, target);
        return;
    }
    if (atom->part_count > 2 || (first.len && last.len))
        target.check = atom;
    if (first.len >= last.len && first.len)
        add_needle(builder, field, NEEDLE_PREFIX, first, target);
    else
        add_needle(builder, field, NEEDLE_SUFFIX, last, target);
}

static struct text keep_address(struct builder *builder, const struct atom *atom)
{
    char bytes[17] = {(char)atom->bits};

    memcpy(bytes + 1, atom->text.at, atom->text.len);
    return arena_copy(&builder->index->arena, text_from(bytes, atom->text.len + 1));
}

static struct text keep_number_text(struct builder *builder, double number)
{
    return arena_copy(&builder->index->arena, text_from((const char *)&number, sizeof number));
}

static void add_test(struct builder *builder, uint32_t field, const struct atom *atom,
                     struct index_target target)
{
    switch (atom->kind) {
    case ATOM_EXACT:
        add_needle(builder, field, NEEDLE_EXACT, atom->text, target);
        break;
    case ATOM_PREFIX:
        add_needle(builder, field, NEEDLE_PREFIX, atom->text, target);
        break;
    case ATOM_SUFFIX:
        add_needle(builder, field, NEEDLE_SUFFIX, atom->text, target);
        break;
    case ATOM_EXACT_FOLD:
    case ATOM_PREFIX_FOLD:
    case ATOM_SUFFIX_FOLD:
        target.check = atom;
        if (atom->part_count)
            add_check(builder, field, target);
        else
            add_needle(builder, field, NEEDLE_EXACT_FOLD + (atom->kind - ATOM_EXACT_FOLD),
                       atom->text, (struct index_target){target.atom, target.denies, NULL});
        break;
    case ATOM_WILDCARD:
        add_wildcard(builder, field, atom, target);
        break;
    case ATOM_ADDRESS:
        add_needle(builder, field, atom->text.len == 4 ? NEEDLE_V4 : NEEDLE_V6,
                   keep_address(builder, atom), target);
        break;
    case ATOM_LITERAL:
        add_needle(builder, field, NEEDLE_LITERAL, atom->text, target);
        break;
    case ATOM_NUMBER:
        add_needle(builder, field, NEEDLE_NUMBER, keep_number_text(builder, atom->low), target);
        break;
    case ATOM_RANGE:
        *ADD(builder->ranges, struct owned_range) =
            (struct owned_range){field,
                                 {atom->low, atom->high, 0, atom->low_open, atom->high_open,
                                  target.atom, target.denies}};
        break;
    case ATOM_EXISTS:
        AT(builder->fields, struct index_field, field)->exists = target.atom;
        break;
    case ATOM_BUT:
        for (size_t i = 0; i < atom->but_count; i++)
            add_test(builder, field, &atom->but[i], (struct index_target){target.atom, true, NULL});
        add_pair(&builder->field_buts, field, target.atom);
        break;
    case ATOM_ABSENT:
        break;
    }
}

/* What tells an atom from others, added to the key. */
static void describe_atom(struct buffer *key, const struct atom *atom)
{
    add_word(key, (uint32_t)atom->kind | (uint32_t)atom->low_open << 8 |
                      (uint32_t)atom->high_open << 9 | atom->bits << 10);
    add_word(key, (uint32_t)atom->text.len);
    buffer_add_text(key, atom->text);
    buffer_add(key, &atom->low, sizeof atom->low);
    buffer_add(key, &atom->high, sizeof atom->high);
    add_word(key, (uint32_t)atom->but_count);
    for (size_t i = 0; i < atom->but_count; i++)
        describe_atom(key, &atom->but[i]);
}

static uint32_t atom_of(struct builder *builder, uint32_t field, const struct atom *atom)
{
    uint32_t number;

    (void)start_key(builder, field, TEXT_NONE);
    describe_atom(&builder->key, atom);
    if (find_number(&builder->atoms, buffer_text(&builder->key), &number))
        return number;
    number = builder->atom_count++;
    keep_number(&builder->atoms, buffer_text(&builder->key), number);
    add_test(builder, field, atom, (struct index_target){number, false, NULL});
    return number;
}

/* How many events an atom lets through, roughly. */
static uint32_t weight_of(enum atom_kind kind)
{
    switch (kind) {
    case ATOM_EXACT:
    case ATOM_EXACT_FOLD:
    case ATOM_ADDRESS:
    case ATOM_LITERAL:
    case ATOM_NUMBER:
        return 1;
    case ATOM_PREFIX:
    case ATOM_SUFFIX:
    case ATOM_PREFIX_FOLD:
    case ATOM_SUFFIX_FOLD:
    case ATOM_WILDCARD:
    case ATOM_RANGE:
        return 4;
    case ATOM_ABSENT:
    case ATOM_EXISTS:
    case ATOM_BUT:
        break;
    }
    return 64;
}

static uint32_t add_condition(struct builder *builder, uint32_t field,
                              const struct condition *source)
{
    uint32_t number = builder->condition_list.count, weight = 0;
    struct index_condition *condition = ADD(builder->condition_list, struct index_condition);

    *condition = (struct index_condition){.source = source, .field = field};
    for (size_t i = 0; i < source->count; i++) {
        if (weight < weight_of(source->atoms[i].kind))
            weight = weight_of(source->atoms[i].kind);
        if (source->atoms[i].kind == ATOM_ABSENT)
            condition->has_absent = true;
    }
    *ADD(builder->weights, uint32_t) = weight;
    (void)ADD(builder->uses, uint32_t);
    for (size_t i = 0; i < source->count; i++)
        if (source->atoms[i].kind != ATOM_ABSENT)
            add_pair(&builder->atom_conditions, atom_of(builder, field, &source->atoms[i]), number);
    return number;
}

static uint32_t condition_of(struct builder *builder, const struct condition *source)
{
    uint32_t field = field_of(builder, source->path), number;

    (void)start_key(builder, field, TEXT_NONE);
    for (size_t i = 0; i < source->count; i++)
        describe_atom(&builder->key, &source->atoms[i]);
    struct text key = buffer_text(&builder->key);
    if (find_number(&builder->conditions, key, &number))
        return number;
    keep_number(&builder->conditions, key, builder->condition_list.count);
    return add_condition(builder, field, source);
}

static bool same_first_name(struct text a, struct text b)
{
    return text_equal(text_slice(a, 0, text_find(a, '.')), text_slice(b, 0, text_find(b, '.')));
}

/* Two fields can only lie in one array when their paths begin with the same name. Of very
 * many conditions this is not asked one by one. */
#define SHARED_CHECKED_MAX 64
static bool may_share(const struct alternative *alternative, size_t which)
{
    if (alternative->count > SHARED_CHECKED_MAX)
        return true;
    for (size_t i = 0; i < alternative->count; i++)
        if (i != which &&
            same_first_name(alternative->conditions[i]->path, alternative->conditions[which]->path))
            return true;
    return false;
}

static void add_clause(struct builder *builder, uint32_t rule,
                       const struct alternative *alternative)
{
    uint32_t start = builder->clause_conditions.count;
    bool is_shared = false, has_absent = false;

    for (size_t i = 0; i < alternative->count; i++) {
        uint32_t number = condition_of(builder, alternative->conditions[i]);
        struct index_condition *condition =
            AT(builder->condition_list, struct index_condition, number);
        *ADD(builder->clause_conditions, uint32_t) = number;
        ++*AT(builder->uses, uint32_t, number);
        has_absent |= condition->has_absent;
        if (may_share(alternative, i)) {
            AT(builder->fields, struct index_field, condition->field)->is_shared = true;
            is_shared = true;
        }
    }
    *ADD(builder->clauses, struct index_clause) = (struct index_clause){
        rule, {start, builder->clause_conditions.count - start}, is_shared, has_absent};
}

/* Hangs each clause on the condition that is rarest among rules and events. */
static void hang_clauses(struct builder *builder)
{
    for (uint32_t i = 0; i < builder->clauses.count; i++) {
        const struct index_clause *clause = AT(builder->clauses, struct index_clause, i);
        uint32_t best = INDEX_NONE;
        uint64_t least = UINT64_MAX;
        for (uint32_t j = 0; j < clause->conditions.count; j++) {
            uint32_t number =
                *AT(builder->clause_conditions, uint32_t, clause->conditions.start + j);
            uint64_t cost = (uint64_t)*AT(builder->uses, uint32_t, number) *
                            *AT(builder->weights, uint32_t, number);
            if (!AT(builder->condition_list, struct index_condition, number)->has_absent &&
                cost < least) {
                least = cost;
                best = number;
            }
        }
        if (best == INDEX_NONE)
            *ADD(builder->always, uint32_t) = i;
        else
            add_pair(&builder->hung, best, i);
    }
}

static int compare_ids(const void *a, const void *b, void *arg)
{
    const struct matcher_rule *rules = arg;
    uint64_t left = rules[*(const uint32_t *)a].id, right = rules[*(const uint32_t *)b].id;

    return left < right ? -1 : left > right;
}

static void keep_rules(struct index *index, const struct matcher_rule *rules, size_t count)
{
    index->rule_count = (uint32_t)count;
    index->rules = mem_alloc((count + 1) * sizeof *index->rules);
    index->by_id = mem_alloc((count + 1) * sizeof *index->by_id);
    for (uint32_t i = 0; i < count; i++) {
        index->rules[i] = (struct matcher_rule){rules[i].id, pattern_ref(rules[i].pattern)};
        index->by_id[i] = i;
    }
    qsort_r(index->by_id, count, sizeof *index->by_id, compare_ids, index->rules);
}

struct index *index_new(const struct matcher_rule *rules, size_t count)
{
    struct index *index = mem_new(struct index);
    struct builder builder = {.index = index};

    atomic_init(&index->references, 1);
    crypto_random(&index->seed, sizeof index->seed);
    keep_rules(index, rules, count);
    (void)add_node(&builder);
    for (uint32_t i = 0; i < count; i++) {
        const struct pattern *pattern = rules[i].pattern;
        for (size_t j = 0; j < pattern->count; j++)
            add_clause(&builder, i, &pattern->alternatives[j]);
    }
    hang_clauses(&builder);
    index_lay_out(&builder);
    free(builder.uses.at);
    free(builder.weights.at);
    free(builder.needle_lengths.at);
    map_done(&builder.paths);
    map_done(&builder.names);
    map_done(&builder.conditions);
    map_done(&builder.atoms);
    map_done(&builder.needles);
    buffer_done(&builder.key);
    return index;
}
