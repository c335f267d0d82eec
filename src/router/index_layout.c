/* SPDX-License-Identifier: Apache-2.0 */
#include "router/index_build.h"

#include "router/matcher.h"

/* What was collected, laid out as the matcher reads it. */

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
    index->everywhere = builder->nodes.count;
    ADD(builder->nodes, struct index_node)->field = INDEX_NONE;
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
    index->nodes[index->everywhere].children = (struct index_span){0, builder->children.count};
    lay_out_pairs(index, node_count);
    index->child_slots = take_array(&slots);
    free(take_array(&builder->children));
}

#define FILTER_NEEDLES 8 /* for each of its words: few values pass for nothing */

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

/* A length in which needles of a field and kind occur. */
struct owned_length {
    uint32_t owner;
    struct index_length length;
};

static int compare_lengths(const void *a, const void *b)
{
    const struct owned_length *left = a, *right = b;

    if (left->owner != right->owner)
        return left->owner < right->owner ? -1 : 1;
    return left->length.len < right->length.len ? -1 : left->length.len > right->length.len;
}

/* The lengths to look up for each field and kind; addresses have their bits instead. */
static void lay_out_lengths(struct builder *builder)
{
    struct index *index = builder->index;
    struct list_of all = {0};

    for (uint32_t i = 0; i < builder->needle_list.count; i++) {
        const struct index_needle *needle = AT(builder->needle_list, struct index_needle, i);
        if (has_lengths(needle->kind))
            *ADD(all, struct owned_length) =
                (struct owned_length){needle->field * NEEDLE_KINDS + needle->kind,
                                      *AT(builder->needle_lengths, struct index_length, i)};
    }
    if (all.count)
        qsort(all.at, all.count, sizeof(struct owned_length), compare_lengths);
    index->lengths = mem_alloc((all.count + 1) * sizeof *index->lengths);
    uint32_t count = 0;
    for (uint32_t i = 0; i < all.count; i++) {
        const struct owned_length *owned = AT(all, struct owned_length, i);
        if (i && compare_lengths(owned, owned - 1) == 0) {
            index->lengths[count - 1].edges |= owned->length.edges;
            index->lengths[count - 1].others |= owned->length.others;
            continue;
        }
        struct index_span *span =
            &index->fields[owned->owner / NEEDLE_KINDS].lengths[owned->owner % NEEDLE_KINDS];
        if (span->count++ == 0)
            span->start = count;
        index->lengths[count++] = owned->length;
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
    const uint32_t counts[] = {index->atom_count, index->condition_count, index->clause_count,
                               index->rule_count};
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        index->most = counts[i] > index->most ? counts[i] : index->most;
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
    lay_out_lengths(builder);
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

void index_lay_out(struct builder *builder)
{
    uint32_t needle_count = builder->needle_list.count;

    lay_out_clauses(builder);
    lay_out_fields(builder);
    find_direct_rules(builder, needle_count);
    lay_out_needles(builder->index, needle_count);
    lay_out_nodes(builder);
}
