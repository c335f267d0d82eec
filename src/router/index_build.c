/* SPDX-License-Identifier: Apache-2.0 */
#include "router/index.h"

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/map.h"
#include "base/mem.h"
#include "router/matcher.h"
#include "router/pattern.h"
#include "router/pattern_priv.h"

/*
 * Everything is collected in growing lists first, with pairs (owner, item) for what belongs
 * to what, and then laid out: the items of an owner become a span of an array.
 */
struct list_of {
    void *at;
    uint32_t count, capacity;
};

struct pair {
    uint32_t owner, item;
};

struct named_child {
    uint32_t parent;
    struct index_child child;
};

struct owned_range {
    uint32_t field;
    struct index_range range;
};

struct builder {
    struct index *index;
    struct map paths, names, conditions, atoms, needles; /* numbers by what they stand for */
    struct list_of nodes, children, fields, condition_list, clauses, needle_list, targets, ranges;
    struct list_of uses;    /* of each condition: how many clauses have it */
    struct list_of weights; /* of each condition: how little its holding tells */
    struct list_of clause_conditions, always;
    /* pairs */
    struct list_of atom_conditions, needle_targets, field_checks, field_buts, hung, lengths;
    uint32_t atom_count;
    struct buffer key;
};

static void *list_add(struct list_of *list, size_t item_size)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->at = mem_realloc(list->at, list->capacity * item_size);
    }
    void *added = (char *)list->at + list->count++ * item_size;
    memset(added, 0, item_size);
    return added;
}
#define ADD(list, type) ((type *)list_add(&(list), sizeof(type)))
#define AT(list, type, i) (&((type *)(list).at)[i])

static void add_pair(struct list_of *pairs, uint32_t owner, uint32_t item)
{
    *ADD(*pairs, struct pair) = (struct pair){owner, item};
}

static void *take_array(struct list_of *list)
{
    void *at = list->at;

    *list = (struct list_of){0};
    return at;
}

/* The items of pairs in order of their owners, and where each owner's are (spans lie stride
 * bytes apart). Frees the pairs. */
static uint32_t *lay_out(struct list_of *pairs, uint32_t owners, struct index_span *spans,
                         size_t stride)
{
#define SPAN(i) ((struct index_span *)((char *)spans + (size_t)(i)*stride))
    uint32_t *items = mem_alloc((pairs->count + 1) * sizeof *items), start = 0;

    for (uint32_t i = 0; i < pairs->count; i++)
        SPAN(AT(*pairs, struct pair, i)->owner)->count++;
    for (uint32_t i = 0; i < owners; i++) {
        SPAN(i)->start = start;
        start += SPAN(i)->count;
        SPAN(i)->count = 0;
    }
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct pair *pair = AT(*pairs, struct pair, i);
        struct index_span *span = SPAN(pair->owner);
        items[span->start + span->count++] = pair->item;
    }
    free(take_array(pairs));
    return items;
#undef SPAN
}

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
        AT(builder->fields, struct index_field, field)->kinds |= 1u << kind;
        AT(builder->fields, struct index_field, field)->edges[kind] |= edge_of(kind, text);
    }
    *ADD(builder->targets, struct index_target) = target;
    add_pair(&builder->needle_targets, needle, builder->targets.count - 1);
}

static void add_check(struct builder *builder, uint32_t field, struct index_target target)
{
    *ADD(builder->targets, struct index_target) = target;
    add_pair(&builder->field_checks, field, builder->targets.count - 1);
}

/* By what is before its first star, or behind its last one. */
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
    if (first.len)
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

#define FEW_CHILDREN 8 /* looked through one by one */

static void hash_children(struct index *index, struct index_node *node, struct list_of *slots)
{
    uint32_t capacity = 16;

    while (capacity < node->children.count * 2)
        capacity *= 2;
    node->slots = slots->count;
    node->slot_mask = capacity - 1;
    for (uint32_t i = 0; i < capacity; i++)
        (void)ADD(*slots, uint32_t);
    for (uint32_t i = 0; i < node->children.count; i++) {
        uint32_t number = node->children.start + i;
        const struct index_child *child = &index->children[number];
        uint64_t at = index_name_hash(index->seed, text_from(child->name, child->len));
        while (*AT(*slots, uint32_t, node->slots + (at & node->slot_mask)))
            at++;
        *AT(*slots, uint32_t, node->slots + (at & node->slot_mask)) = number + 1;
    }
}

/* Names begin so in JSON: with the group of their own, but for the last two groups. */
#define GROUPS 6
#define ESCAPED_FIRST 6 /* a backslash, then anything */
#define ESCAPED_SECOND 7
#define SOUGHT_CHILDREN 16 /* with more, most names would seem to be one of them */

static void add_to_group(struct simd_pairs *pairs, int place, unsigned group, unsigned char c)
{
    const uint8_t bit = (uint8_t)(1u << group);

    pairs->low[place][c & 15] |= bit;
    pairs->high[place][c >> 4] |= bit;
    pairs->groups[place][c & 127] |= bit;
}

static void add_all_to_group(struct simd_pairs *pairs, int place, unsigned group)
{
    for (int c = 0; c < 256; c++)
        add_to_group(pairs, place, group, (unsigned char)c);
}

/* A name ends with its quote, or with a dot behind which another follows. */
static void add_name_to_group(struct simd_pairs *pairs, unsigned group, struct text name)
{
    for (size_t place = 0; place < 2; place++) {
        if (place < name.len) {
            add_to_group(pairs, (int)place, group, (unsigned char)name.at[place]);
        } else if (place == name.len) {
            add_to_group(pairs, (int)place, group, '"');
            add_to_group(pairs, (int)place, group, '.');
        } else {
            add_all_to_group(pairs, (int)place, group);
        }
    }
}

static void add_pairs(struct index *index, const struct index_node *node)
{
    struct simd_pairs *pairs = &index->pairs[node->pairs];

    for (uint32_t i = 0; i < node->children.count; i++) {
        const struct index_child *child = &index->children[node->children.start + i];
        add_name_to_group(pairs, i % GROUPS, text_from(child->name, child->len));
    }
    add_to_group(pairs, 0, ESCAPED_FIRST, '\\');
    add_all_to_group(pairs, 1, ESCAPED_FIRST);
    add_all_to_group(pairs, 0, ESCAPED_SECOND);
    add_to_group(pairs, 1, ESCAPED_SECOND, '\\');
}

static void lay_out_pairs(struct index *index, uint32_t node_count)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < node_count; i++) {
        struct index_node *node = &index->nodes[i];
        bool is_sought = node->children.count > 0 && node->children.count <= SOUGHT_CHILDREN;
        node->pairs = is_sought ? count++ : INDEX_NONE;
    }
    index->pairs = mem_zalloc((count + 1) * sizeof *index->pairs);
    for (uint32_t i = 0; i < node_count; i++)
        if (index->nodes[i].pairs != INDEX_NONE)
            add_pairs(index, &index->nodes[i]);
}

static int compare_children(const void *a, const void *b)
{
    uint32_t left = ((const struct named_child *)a)->parent;
    uint32_t right = ((const struct named_child *)b)->parent;

    return left < right ? -1 : left > right;
}

static void lay_out_nodes(struct builder *builder)
{
    struct index *index = builder->index;
    struct list_of slots = {0};

    if (builder->children.count)
        qsort(builder->children.at, builder->children.count, sizeof(struct named_child),
              compare_children);
    uint32_t node_count = builder->nodes.count;
    index->nodes = take_array(&builder->nodes);
    index->children = mem_alloc((builder->children.count + 1) * sizeof *index->children);
    for (uint32_t i = 0; i < builder->children.count; i++) {
        const struct named_child *child = AT(builder->children, struct named_child, i);
        struct index_node *parent = &index->nodes[child->parent];
        index->children[i] = child->child;
        if (parent->children.count++ == 0)
            parent->children.start = i;
        parent->lengths |= UINT64_C(1) << (child->child.len & 63);
    }
    for (uint32_t i = 0, last = INDEX_NONE; i < builder->children.count; i++) {
        uint32_t parent = AT(builder->children, struct named_child, i)->parent;
        if (parent != last && index->nodes[parent].children.count > FEW_CHILDREN)
            hash_children(index, &index->nodes[parent], &slots);
        last = parent;
    }
    lay_out_pairs(index, node_count);
    index->child_slots = take_array(&slots);
    free(take_array(&builder->children));
}

#define FILTER_NEEDLES 8 /* for each of its words: one value in a hundred passes for nothing */

/* From the list of them, which is freed. */
static void lay_out_needles(struct index *index, uint32_t count)
{
    struct index_needle *list = index->needles;
    uint64_t capacity = 8;

    while (capacity < (uint64_t)count * 2)
        capacity *= 2;
    index->needle_mask = capacity - 1;
    index->needles = mem_lines(capacity * sizeof *index->needles);
    memset(index->needles, 0, capacity * sizeof *index->needles);
    index->filter = mem_zalloc(capacity / FILTER_NEEDLES * sizeof *index->filter);
    index->filter_mask = capacity / FILTER_NEEDLES - 1;
    for (uint32_t i = 0; i < count; i++) {
        struct index_needle *needle = &list[i];
        needle->is_there = true;
        needle->hash = index_hash(index->seed, needle->field, needle->kind,
                                  text_from(needle->at, needle->len));
        uint64_t at = needle->hash >> 12;
        index->filter[needle->hash >> 32 & index->filter_mask] |= index_filter_bits(needle->hash);
        while (index->needles[at & index->needle_mask].is_there)
            at++;
        index->needles[at & index->needle_mask] = *needle;
    }
    free(list);
}

static bool has_lengths(unsigned kind)
{
    return kind != NEEDLE_EXACT && kind != NEEDLE_EXACT_FOLD && kind != NEEDLE_LITERAL &&
           kind != NEEDLE_NUMBER;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *left = a, *right = b;

    if (left->owner != right->owner)
        return left->owner < right->owner ? -1 : 1;
    return left->item < right->item ? -1 : left->item > right->item;
}

/* The lengths to look up for each field and kind; addresses have their bits instead. */
static void collect_lengths(struct builder *builder)
{
    struct index *index = builder->index;
    struct list_of all = {0};

    for (uint32_t i = 0; i < builder->needle_list.count; i++) {
        const struct index_needle *needle = AT(builder->needle_list, struct index_needle, i);
        bool is_address = needle->kind == NEEDLE_V4 || needle->kind == NEEDLE_V6;
        if (has_lengths(needle->kind))
            add_pair(&all, needle->field * NEEDLE_KINDS + needle->kind,
                     is_address ? (unsigned char)needle->at[0] : needle->len);
    }
    if (all.count)
        qsort(all.at, all.count, sizeof(struct pair), compare_pairs);
    index->lengths = mem_alloc((all.count + 1) * sizeof *index->lengths);
    uint32_t count = 0;
    for (uint32_t i = 0; i < all.count; i++) {
        const struct pair *pair = AT(all, struct pair, i);
        if (i && compare_pairs(pair, pair - 1) == 0)
            continue;
        struct index_span *span =
            &index->fields[pair->owner / NEEDLE_KINDS].lengths[pair->owner % NEEDLE_KINDS];
        if (span->count++ == 0)
            span->start = count;
        index->lengths[count++] = pair->item;
    }
    free(all.at);
}

/* Targets in the order of the needles, then of the fields, that have them. */
static void lay_out_targets(struct builder *builder)
{
    struct index *index = builder->index;
    uint32_t needle_count = builder->needle_list.count;
    struct index_needle *needles = take_array(&builder->needle_list);
    const struct index_target *targets = builder->targets.at;
    uint32_t by_needle_count = builder->needle_targets.count;
    uint32_t check_count = builder->field_checks.count;
    uint32_t none_needles = needle_count;

    if (!needles)
        needles = mem_zalloc(sizeof *needles);
    scoped(free) uint32_t *by_needle =
        lay_out(&builder->needle_targets, none_needles, &needles->targets, sizeof *needles);
    scoped(free) uint32_t *by_field = lay_out(&builder->field_checks, index->field_count,
                                              &index->fields->checks, sizeof *index->fields);
    index->targets = mem_alloc((builder->targets.count + 1) * sizeof *index->targets);
    for (uint32_t i = 0; i < by_needle_count; i++)
        index->targets[i] = targets[by_needle[i]];
    for (uint32_t i = 0; i < check_count; i++)
        index->targets[by_needle_count + i] = targets[by_field[i]];
    for (uint32_t i = 0; i < index->field_count; i++)
        index->fields[i].checks.start += by_needle_count;
    index->needles = needles;
    free(take_array(&builder->targets));
}

static int compare_ranges(const void *a, const void *b)
{
    const struct owned_range *left = a, *right = b;

    if (left->field != right->field)
        return left->field < right->field ? -1 : 1;
    return left->range.low < right->range.low ? -1 : left->range.low > right->range.low;
}

static double find_highs(struct index_range *ranges, uint32_t low, uint32_t high)
{
    if (low >= high)
        return -__builtin_inf();
    uint32_t middle = low + (high - low) / 2;
    double left = find_highs(ranges, low, middle), right = find_highs(ranges, middle + 1, high);
    double most = left > right ? left : right;
    if (most < ranges[middle].high)
        most = ranges[middle].high;
    return ranges[middle].high_below = most;
}

static void lay_out_ranges(struct builder *builder)
{
    struct index *index = builder->index;
    uint32_t count = builder->ranges.count;

    if (count)
        qsort(builder->ranges.at, count, sizeof(struct owned_range), compare_ranges);
    index->ranges = mem_alloc((count + 1) * sizeof *index->ranges);
    for (uint32_t i = 0; i < count; i++) {
        const struct owned_range *owned = AT(builder->ranges, struct owned_range, i);
        struct index_span *span = &index->fields[owned->field].ranges;
        index->ranges[i] = owned->range;
        if (span->count++ == 0)
            span->start = i;
    }
    for (uint32_t i = 0; i < index->field_count; i++)
        if (index->fields[i].ranges.count)
            (void)find_highs(index->ranges + index->fields[i].ranges.start, 0,
                             index->fields[i].ranges.count);
    free(take_array(&builder->ranges));
}

static void *array_or_empty(struct list_of *list, size_t item_size)
{
    if (!list->at)
        (void)list_add(list, item_size);
    return take_array(list);
}

static void lay_out_clauses(struct builder *builder)
{
    struct index *index = builder->index;

    index->condition_count = builder->condition_list.count;
    index->clause_count = builder->clauses.count;
    index->always_count = builder->always.count;
    index->atom_count = builder->atom_count;
    hang_clauses(builder);
    index->always_count = builder->always.count;
    index->atoms = mem_zalloc((index->atom_count + 1) * sizeof *index->atoms);
    index->atom_conditions = lay_out(&builder->atom_conditions, index->atom_count,
                                     &index->atoms->conditions, sizeof *index->atoms);
    index->conditions = array_or_empty(&builder->condition_list, sizeof *index->conditions);
    index->condition_clauses = lay_out(&builder->hung, index->condition_count,
                                       &index->conditions->clauses, sizeof *index->conditions);
    index->clauses = array_or_empty(&builder->clauses, sizeof *index->clauses);
    index->clause_conditions = take_array(&builder->clause_conditions);
    index->always = take_array(&builder->always);
}

static void lay_out_fields(struct builder *builder)
{
    struct index *index = builder->index;

    index->field_count = builder->fields.count;
    index->fields = array_or_empty(&builder->fields, sizeof *index->fields);
    index->buts = lay_out(&builder->field_buts, index->field_count, &index->fields->buts,
                          sizeof *index->fields);
    collect_lengths(builder);
    lay_out_targets(builder);
    lay_out_ranges(builder);
}

/* The rule that a needle alone makes match, and nothing else: INDEX_NONE when it is not so. */
static uint32_t direct_rule(const struct builder *builder, const struct index_needle *needle)
{
    const struct index *index = builder->index;
    const struct index_target *target = &index->targets[needle->targets.start];

    if (needle->targets.count != 1 || target->denies || target->check)
        return INDEX_NONE;
    struct index_span span = index->atoms[target->atom].conditions;
    if (span.count != 1)
        return INDEX_NONE;
    uint32_t number = index->atom_conditions[span.start];
    span = index->conditions[number].clauses;
    if (span.count != 1 || *AT(builder->uses, uint32_t, number) != 1)
        return INDEX_NONE;
    const struct index_clause *clause = &index->clauses[index->condition_clauses[span.start]];
    return clause->conditions.count == 1 ? clause->rule : INDEX_NONE;
}

static void find_direct_rules(struct builder *builder, uint32_t needle_count)
{
    struct index *index = builder->index;

    for (uint32_t i = 0; i < needle_count; i++) {
        struct index_needle *needle = &index->needles[i];
        needle->rule = direct_rule(builder, needle);
        if (needle->rule != INDEX_NONE)
            needle->rule_id = index->rules[needle->rule].id;
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
    uint32_t needle_count = builder.needle_list.count;
    lay_out_clauses(&builder);
    lay_out_fields(&builder);
    find_direct_rules(&builder, needle_count);
    lay_out_needles(index, needle_count);
    lay_out_nodes(&builder);
    free(builder.uses.at);
    free(builder.weights.at);
    map_done(&builder.paths);
    map_done(&builder.names);
    map_done(&builder.conditions);
    map_done(&builder.atoms);
    map_done(&builder.needles);
    buffer_done(&builder.key);
    return index;
}
