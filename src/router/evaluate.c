/* SPDX-License-Identifier: Apache-2.0 */
#include "router/evaluate.h"

#include "base/mem.h"
#include "router/address.h"
#include "router/consistency.h"
#include "router/fold.h"
#include "router/matcher.h"
#include "router/number.h"
#include "router/pattern_priv.h"

/* What one event's arrays may cost: comparisons of a value or an element. A tenth of a second
 * or so; only arrays of thousands, under rules that ask several of their fields, come near. */
#define STEPS_MAX 5000000

/* A value while it is looked up. */
struct lookup {
    struct match_scratch *scratch;
    struct evaluation_layer *layer;
    const struct value *value;
    uint32_t field_number;
    const struct index_field *field;
};

static void *grow_marks(uint32_t *marks, uint32_t room, uint32_t wanted)
{
    marks = mem_realloc(marks, wanted * sizeof *marks);
    memset(marks + room, 0, (wanted - room) * sizeof *marks);
    return marks;
}

static void make_room(struct evaluation_layer *layer, const struct index *index)
{
    uint32_t room = layer->room, wanted = index->most;

    layer->conditions = grow_marks(layer->conditions, room, wanted);
    layer->rules = grow_marks(layer->rules, room, wanted);
    layer->denied = grow_marks(layer->denied, room, wanted);
    layer->candidates = mem_realloc(layer->candidates, wanted * sizeof *layer->candidates);
    layer->room = wanted;
}

static void make_room_for_fields(struct evaluation_layer *layer, const struct index *index)
{
    uint32_t room = layer->room_fields, wanted = index->field_count;

    layer->fields = grow_marks(layer->fields, room, wanted);
    layer->fields_in_arrays = grow_marks(layer->fields_in_arrays, room, wanted);
    layer->values = grow_marks(layer->values, room, wanted);
    layer->room_fields = wanted;
}

static void forget_marks(struct match_scratch *scratch)
{
    for (unsigned i = 0; i < EVALUATION_LAYERS; i++) {
        struct evaluation_layer *layer = &scratch->layers[i];
        uint32_t *const marks[] = {layer->conditions, layer->rules, layer->denied};
        uint32_t *const of_fields[] = {layer->fields, layer->fields_in_arrays};
        for (size_t j = 0; layer->room && j < COUNT_OF(marks); j++)
            memset(marks[j], 0, layer->room * sizeof *marks[j]);
        for (size_t j = 0; layer->room_fields && j < COUNT_OF(of_fields); j++)
            memset(of_fields[j], 0, layer->room_fields * sizeof *of_fields[j]);
    }
    scratch->epoch = scratch->serial = 0;
}

void evaluation_begin(struct match_scratch *scratch, unsigned layer_count,
                      struct index *const *indexes, const uint64_t *const *removed)
{
    if (scratch->epoch == UINT32_MAX || scratch->serial > UINT32_MAX / 2)
        forget_marks(scratch);
    scratch->epoch++;
    scratch->layer_count = layer_count;
    scratch->unmet = 0;
    for (unsigned i = 0; i < layer_count; i++) {
        struct evaluation_layer *layer = &scratch->layers[i];
        const struct index *index = indexes[i];
        layer->index = index;
        layer->removed = removed[i];
        layer->candidate_count = 0;
        if (layer->room < index->most)
            make_room(layer, index);
        if (layer->room_fields < index->field_count)
            make_room_for_fields(layer, index);
        scratch->unmet += index->field_count;
    }
    scratch->member_count = scratch->array_count = scratch->seen_count = scratch->id_count = 0;
    scratch->steps = STEPS_MAX;
    if (scratch->texts.blocks)
        arena_reset(&scratch->texts);
}

uint32_t evaluation_add_member(struct match_scratch *scratch, uint32_t parent, uint32_t array)
{
    if (scratch->member_count + 1 >= scratch->member_room) {
        scratch->member_room = scratch->member_room ? scratch->member_room * 2 : 64;
        scratch->members =
            mem_realloc(scratch->members, scratch->member_room * sizeof *scratch->members);
        scratch->members[0] = (struct member){0};
    }
    uint32_t number = ++scratch->member_count;
    scratch->members[number] = (struct member){parent, array, scratch->members[parent].depth + 1};
    return number;
}

static void remember(struct match_scratch *scratch, struct evaluation_layer *layer, uint32_t field,
                     const struct value *value)
{
    if (scratch->seen_count == scratch->seen_room) {
        scratch->seen_room = scratch->seen_room ? scratch->seen_room * 2 : 64;
        scratch->seen = mem_realloc(scratch->seen, scratch->seen_room * sizeof *scratch->seen);
    }
    bool is_first = layer->fields[field] != scratch->epoch;
    scratch->seen[scratch->seen_count++] =
        (struct seen_value){*value, is_first ? 0 : layer->values[field]};
    layer->values[field] = scratch->seen_count;
    if (value->member)
        layer->fields_in_arrays[field] = scratch->epoch;
}

/* With many rules their marks are in no cache: a few ids are compared instead. */
#define FEW_IDS 8
static bool is_added(const struct match_scratch *scratch, const struct evaluation_layer *layer,
                     uint32_t rule, uint64_t id)
{
    for (uint32_t i = 0; i < scratch->id_count; i++) {
        if (i == FEW_IDS)
            return layer->rules[rule] == scratch->epoch;
        if (scratch->ids[i] == id)
            return true;
    }
    return false;
}

static void add_rule(struct match_scratch *scratch, struct evaluation_layer *layer, uint32_t rule,
                     uint64_t id)
{
    if (is_added(scratch, layer, rule, id) ||
        (layer->removed && layer->removed[rule / 64] >> (rule % 64) & 1))
        return;
    if (scratch->id_count >= FEW_IDS)
        layer->rules[rule] = scratch->epoch;
    if (scratch->id_count == scratch->id_room) {
        scratch->id_room = scratch->id_room ? scratch->id_room * 2 : 64;
        scratch->ids = mem_realloc(scratch->ids, scratch->id_room * sizeof *scratch->ids);
    }
    scratch->ids[scratch->id_count++] = id;
}

static void hold_condition(struct match_scratch *scratch, struct evaluation_layer *layer,
                           uint32_t number)
{
    const struct index *index = layer->index;
    const struct index_condition *condition = &index->conditions[number];

    if (layer->conditions[number] == scratch->epoch)
        return;
    layer->conditions[number] = scratch->epoch;
    for (uint32_t i = 0; i < condition->clauses.count; i++) {
        uint32_t number_of_clause = index->condition_clauses[condition->clauses.start + i];
        const struct index_clause *clause = &index->clauses[number_of_clause];
        if (clause->conditions.count == 1)
            add_rule(scratch, layer, clause->rule, index->rules[clause->rule].id);
        else
            layer->candidates[layer->candidate_count++] = number_of_clause;
    }
}

static void hold_atom(struct lookup *lookup, uint32_t atom)
{
    const struct index_span span = lookup->layer->index->atoms[atom].conditions;

    for (uint32_t i = 0; i < span.count; i++)
        hold_condition(lookup->scratch, lookup->layer,
                       lookup->layer->index->atom_conditions[span.start + i]);
}

/* Whether everything that hangs on the atom is known to hold already. */
static bool is_held(const struct lookup *lookup, uint32_t atom)
{
    const struct index_span span = lookup->layer->index->atoms[atom].conditions;

    for (uint32_t i = 0; i < span.count; i++)
        if (lookup->layer->conditions[lookup->layer->index->atom_conditions[span.start + i]] !=
            lookup->scratch->epoch)
            return false;
    return true;
}

static void reach_atom(struct lookup *lookup, uint32_t atom, bool denies)
{
    if (denies)
        lookup->layer->denied[atom] = lookup->scratch->serial;
    else
        hold_atom(lookup, atom);
}

static void reach_targets(struct lookup *lookup, struct index_span span)
{
    for (uint32_t i = 0; i < span.count; i++) {
        const struct index_target *target = &lookup->layer->index->targets[span.start + i];
        if (!target->check || atom_matches(target->check, lookup->value))
            reach_atom(lookup, target->atom, target->denies);
    }
}

static void look_up(struct lookup *lookup, enum needle_kind kind, struct text text)
{
    const struct index_needle *needle =
        index_find_needle(lookup->layer->index, lookup->field_number, kind, text);

    if (needle && needle->rule != INDEX_NONE)
        add_rule(lookup->scratch, lookup->layer, needle->rule, needle->rule_id);
    else if (needle)
        reach_targets(lookup, needle->targets);
}

static bool has_kind(const struct lookup *lookup, enum needle_kind kind)
{
    return lookup->field->kinds >> kind & 1;
}

/* Each length in which such needles occur, from the front or from the end. */
static void look_up_lengths(struct lookup *lookup, enum needle_kind kind, struct text text,
                            bool from_end)
{
    const struct index_span span = lookup->field->lengths[kind];
    const struct index_length *length = &lookup->layer->index->lengths[span.start];
    unsigned first = text.len ? (unsigned char)text.at[0] & 63 : 0;
    unsigned last = text.len ? (unsigned char)text.at[text.len - 1] & 63 : 0;
    unsigned edge = from_end ? last : first, other = from_end ? first : last;

    for (uint32_t i = 0; i < span.count && length->len <= text.len; i++, length++)
        if (length->edges >> edge & length->others >> other & 1)
            look_up(lookup, kind,
                    text_from(from_end ? text.at + text.len - length->len : text.at, length->len));
}

static void look_up_folded(struct lookup *lookup, struct text text)
{
    struct match_scratch *scratch = lookup->scratch;

    if (scratch->folded_room < text.len) {
        scratch->folded_room = text.len * 2;
        scratch->folded = mem_realloc(scratch->folded, scratch->folded_room);
    }
    fold_ascii(text, scratch->folded);
    struct text folded = text_from(scratch->folded, text.len);
    if (has_kind(lookup, NEEDLE_EXACT_FOLD))
        look_up(lookup, NEEDLE_EXACT_FOLD, folded);
    if (has_kind(lookup, NEEDLE_PREFIX_FOLD))
        look_up_lengths(lookup, NEEDLE_PREFIX_FOLD, folded, /* from_end= */ false);
    if (has_kind(lookup, NEEDLE_SUFFIX_FOLD))
        look_up_lengths(lookup, NEEDLE_SUFFIX_FOLD, folded, /* from_end= */ true);
}

/* Under each mask there is. A needle is the number of bits and the bytes. */
static void look_up_address(struct lookup *lookup, struct text text)
{
    struct address address;
    char bytes[17];

    if (!address_parse(text, &address))
        return;
    enum needle_kind kind = address.len == 4 ? NEEDLE_V4 : NEEDLE_V6;
    const struct index_span span = lookup->field->lengths[kind];
    for (uint32_t i = span.count; i > 0; i--) {
        uint32_t bits = lookup->layer->index->lengths[span.start + i - 1].len;
        address_mask(&address, bits);
        bytes[0] = (char)bits;
        memcpy(bytes + 1, address.bytes, address.len);
        look_up(lookup, kind, text_from(bytes, address.len + 1));
    }
}

static void add_string(struct lookup *lookup)
{
    const uint32_t folded =
        1u << NEEDLE_EXACT_FOLD | 1u << NEEDLE_PREFIX_FOLD | 1u << NEEDLE_SUFFIX_FOLD;
    struct text text = lookup->value->text;

    if (has_kind(lookup, NEEDLE_EXACT))
        look_up(lookup, NEEDLE_EXACT, text);
    if (has_kind(lookup, NEEDLE_PREFIX))
        look_up_lengths(lookup, NEEDLE_PREFIX, text, /* from_end= */ false);
    if (has_kind(lookup, NEEDLE_SUFFIX))
        look_up_lengths(lookup, NEEDLE_SUFFIX, text, /* from_end= */ true);
    if (lookup->field->kinds & folded)
        look_up_folded(lookup, text);
    if (lookup->field->kinds & (1u << NEEDLE_V4 | 1u << NEEDLE_V6))
        look_up_address(lookup, text);
    if (lookup->field->checks.count)
        reach_targets(lookup, lookup->field->checks);
}

/* A number that lies in ranges is only checked for being comparable when that matters. */
struct ranging {
    struct lookup *lookup;
    const struct index_range *ranges;
    const struct number *number;
    enum { UNKNOWN, COMPARABLE, NOT_COMPARABLE } is_comparable;
};

static bool is_comparable(struct ranging *ranging)
{
    if (ranging->is_comparable == UNKNOWN)
        ranging->is_comparable =
            ranging->number->value == 0 || number_is_comparable(ranging->number) ? COMPARABLE
                                                                                 : NOT_COMPARABLE;
    return ranging->is_comparable == COMPARABLE;
}

static void try_range(struct ranging *ranging, const struct index_range *range)
{
    double value = ranging->number->value;

    if ((range->low_open ? value <= range->low : value < range->low) ||
        (range->high_open ? value >= range->high : value > range->high))
        return;
    if (!range->denies && is_held(ranging->lookup, range->atom))
        return;
    if (is_comparable(ranging))
        reach_atom(ranging->lookup, range->atom, range->denies);
}

static void try_ranges(struct ranging *ranging, uint32_t low, uint32_t high)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct index_range *range = &ranging->ranges[middle];
        if (range->high_below < ranging->number->value)
            return;
        try_ranges(ranging, low, middle);
        if (range->low > ranging->number->value)
            return;
        try_range(ranging, range);
        low = middle + 1;
    }
}

static void add_number(struct lookup *lookup)
{
    const struct index_field *field = lookup->field;
    struct text text = lookup->value->text;
    struct number number;
    bool is_known = number_parse(text, &number);
    struct ranging ranging = {lookup, lookup->layer->index->ranges + field->ranges.start, &number,
                              is_known ? UNKNOWN : NOT_COMPARABLE};

    if (is_known && field->ranges.count)
        try_ranges(&ranging, 0, field->ranges.count);
    if (is_known && has_kind(lookup, NEEDLE_NUMBER)) {
        const struct index_needle *needle =
            index_find_needle(lookup->layer->index, lookup->field_number, NEEDLE_NUMBER,
                              text_from((const char *)&number.value, sizeof number.value));
        if (needle && is_comparable(&ranging))
            reach_targets(lookup, needle->targets);
    }
    if (has_kind(lookup, NEEDLE_LITERAL) && !is_comparable(&ranging))
        look_up(lookup, NEEDLE_LITERAL, text);
}

void evaluation_add(struct match_scratch *scratch, unsigned layer_number, uint32_t field_number,
                    const struct value *value)
{
    struct evaluation_layer *layer = &scratch->layers[layer_number];
    const struct index *index = layer->index;
    const struct index_field *field = &index->fields[field_number];
    struct lookup lookup = {scratch, layer, value, field_number, field};

    if (field->is_shared)
        remember(scratch, layer, field_number, value);
    scratch->unmet -= layer->fields[field_number] != scratch->epoch;
    layer->fields[field_number] = scratch->epoch;
    scratch->serial++;
    if (field->exists != INDEX_NONE)
        hold_atom(&lookup, field->exists);
    switch (value->kind) {
    case VALUE_STRING:
        add_string(&lookup);
        break;
    case VALUE_NUMBER:
        add_number(&lookup);
        break;
    case VALUE_WORD:
        if (has_kind(&lookup, NEEDLE_LITERAL))
            look_up(&lookup, NEEDLE_LITERAL, value->text);
        break;
    }
    for (uint32_t i = 0; i < field->buts.count; i++) {
        uint32_t atom = index->buts[field->buts.start + i];
        if (layer->denied[atom] != scratch->serial)
            hold_atom(&lookup, atom);
    }
}

/* Whether all conditions hold one by one. For a condition that a field be absent, it counts
 * too when all its values are in arrays, perhaps in other elements than the rest. */
static bool may_hold(const struct match_scratch *scratch, const struct evaluation_layer *layer,
                     const struct index_clause *clause, uint32_t *ret_in_arrays)
{
    const struct index *index = layer->index;

    *ret_in_arrays = 0;
    for (uint32_t i = 0; i < clause->conditions.count; i++) {
        uint32_t number = index->clause_conditions[clause->conditions.start + i];
        const struct index_condition *condition = &index->conditions[number];
        bool in_array = index->fields[condition->field].is_shared &&
                        layer->fields_in_arrays[condition->field] == scratch->epoch;
        *ret_in_arrays += in_array;
        if (layer->conditions[number] == scratch->epoch)
            continue;
        if (!condition->has_absent ||
            (layer->fields[condition->field] == scratch->epoch && !in_array))
            return false;
    }
    return true;
}

static int try_clause(struct match_scratch *scratch, struct evaluation_layer *layer,
                      uint32_t number, struct error *err)
{
    const struct index_clause *clause = &layer->index->clauses[number];
    uint64_t id = layer->index->rules[clause->rule].id;
    uint32_t in_arrays;

    if (is_added(scratch, layer, clause->rule, id) || !may_hold(scratch, layer, clause, &in_arrays))
        return 0;
    if (in_arrays > 1 || (in_arrays && clause->has_absent)) {
        int holds = clause_is_consistent(scratch, layer, clause, err);
        if (holds <= 0)
            return holds;
    }
    add_rule(scratch, layer, clause->rule, id);
    return 0;
}

int evaluation_end(struct match_scratch *scratch, struct error *err)
{
    for (unsigned i = 0; i < scratch->layer_count; i++) {
        struct evaluation_layer *layer = &scratch->layers[i];
        for (uint32_t j = 0; j < layer->candidate_count; j++)
            if (try_clause(scratch, layer, layer->candidates[j], err) < 0)
                return -1;
        for (uint32_t j = 0; j < layer->index->always_count; j++)
            if (try_clause(scratch, layer, layer->index->always[j], err) < 0)
                return -1;
    }
    return 0;
}

struct match_scratch *match_scratch_new(void)
{
    return mem_new(struct match_scratch);
}

void match_scratch_free(struct match_scratch *scratch)
{
    if (!scratch)
        return;
    for (unsigned i = 0; i < EVALUATION_LAYERS; i++) {
        struct evaluation_layer *layer = &scratch->layers[i];
        free(layer->conditions);
        free(layer->fields);
        free(layer->fields_in_arrays);
        free(layer->rules);
        free(layer->denied);
        free(layer->values);
        free(layer->candidates);
    }
    free(scratch->members);
    free(scratch->seen);
    free(scratch->ids);
    free(scratch->folded);
    arena_done(&scratch->texts);
    free(scratch);
}
