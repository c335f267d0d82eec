/* SPDX-License-Identifier: Apache-2.0 */
#include "router/scan.h"

#include "model/limits.h"
#include "router/scan_skip.h"
#include "router/utf8.h"

/*
 * Compiled several times, with other instructions and another name for its function. In an
 * object that rules look into, the names they use are sought a block of 64 bytes at a time: the
 * first two bytes behind a quote tell apart most names, and brackets tell how deep it is.
 * Everything else is skipped the same way, looking only for strings and brackets. Where rules
 * use very many names, or all is to be checked, the event is read name by name. Nothing is
 * copied but strings with escapes.
 *
 * Reading on past the last used field cannot be saved: a name may come twice, and a rule may
 * ask that another be absent. But once all fields have been met, the rest is only looked through
 * for names that are used, wherever they stand. Mostly there are none, and strings and brackets
 * need not be told apart.
 *
 * A function takes the input from `at` and returns where it stopped, NULL when the input is
 * not JSON there or too deep.
 */
#if !defined(SCAN_EVENT)
#define SCAN_EVENT scan_event_plain
#endif

/* Where the event is in each index's trie. */
struct place {
    uint32_t nodes[EVALUATION_LAYERS]; /* INDEX_NONE: no rule uses this */
};

struct scan {
    const char *end;
    struct match_scratch *scratch;
    const struct index *indexes[EVALUATION_LAYERS];
    unsigned layer_count;
    uint32_t depth;
    bool is_too_deep;
    bool is_strict;  /* nothing is skipped */
    bool has_looked; /* ahead, for names that come again: once an event */
    bool is_done;    /* there are none */
};

struct name {
    struct text text;
    bool is_plain; /* without dots and escapes */
};

static const char *scan_value(struct scan *scan, const char *at, const struct place *place,
                              uint32_t member);

/* Behind "\u". Half a surrogate pair is U+FFFD. */
static const char *decode_unicode(const char *at, const char *end, char **to)
{
    int32_t unit = text_hex_unit(text_from(at, (size_t)(end - at)));

    if (unit < 0)
        return NULL;
    at += 4;
    if (unit >= 0xd800 && unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        int32_t low = text_hex_unit(text_from(at + 2, (size_t)(end - at) - 2));
        if (low >= 0xdc00 && low <= 0xdfff) {
            *to = utf8_put(*to,
                           0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
            return at + 6;
        }
    }
    *to = utf8_put(*to, unit >= 0xd800 && unit <= 0xdfff ? 0xfffd : (uint32_t)unit);
    return at;
}

/* Behind the backslash. */
static const char *decode_escape(const char *at, const char *end, char **to)
{
    static const char names[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";

    if (at == end)
        return NULL;
    if (*at == 'u')
        return decode_unicode(at + 1, end, to);
    const char *found = *at ? strchr(names, *at) : NULL;
    if (!found)
        return NULL;
    *(*to)++ = codes[found - names];
    return at + 1;
}

/* A string with escapes: what is plain up to `stop` and the rest, decoded. */
static const char *read_escaped(struct scan *scan, const char *start, struct text *ret)
{
    const char *at = start;
    bool dots = false;
    char *decoded = NULL, *to = NULL;

    for (;;) {
        const char *stop = skip_plain(at, scan->end, &dots);
        if (stop == scan->end || (unsigned char)*stop < 0x20)
            return NULL;
        if (!decoded) {
            const char *close = stop;
            while (close < scan->end && *close != '"')
                close += *close == '\\' ? 2 : 1;
            if (close >= scan->end)
                return NULL;
            decoded = to = arena_alloc(&scan->scratch->texts, (size_t)(close - start) + 1);
        }
        memcpy(to, at, (size_t)(stop - at));
        to += stop - at;
        if (*stop == '"') {
            *ret = text_from(decoded, (size_t)(to - decoded));
            return stop + 1;
        }
        at = decode_escape(stop + 1, scan->end, &to);
        if (!at)
            return NULL;
    }
}

/* at: behind the opening quote. */
static inline const char *read_string(struct scan *scan, const char *at, struct name *ret)
{
    bool has_dots = false;
    const char *stop = skip_plain(at, scan->end, &has_dots);

    if (__builtin_expect(stop < scan->end && *stop == '"', 1)) {
        *ret = (struct name){text_from(at, (size_t)(stop - at)), !has_dots};
        return stop + 1;
    }
    ret->is_plain = false;
    return stop < scan->end && *stop == '\\' ? read_escaped(scan, at, &ret->text) : NULL;
}

static inline bool is_field(const struct scan *scan, const struct place *place)
{
    for (unsigned i = 0; i < scan->layer_count; i++)
        if (place->nodes[i] != INDEX_NONE &&
            scan->indexes[i]->nodes[place->nodes[i]].field != INDEX_NONE)
            return true;
    return false;
}

static inline bool has_children(const struct scan *scan, const struct place *place)
{
    for (unsigned i = 0; i < scan->layer_count; i++)
        if (place->nodes[i] != INDEX_NONE &&
            scan->indexes[i]->nodes[place->nodes[i]].children.count)
            return true;
    return false;
}

static inline void add_value(struct scan *scan, const struct place *place,
                             const struct value *value)
{
    for (unsigned i = 0; i < scan->layer_count; i++) {
        if (place->nodes[i] == INDEX_NONE)
            continue;
        uint32_t field = scan->indexes[i]->nodes[place->nodes[i]].field;
        if (field != INDEX_NONE)
            evaluation_add(scan->scratch, i, field, value);
    }
}

static const char *scan_scalar(struct scan *scan, const char *at, const struct place *place,
                               uint32_t member)
{
    bool is_number = *at == '-' || (*at >= '0' && *at <= '9');
    const char *stop = is_number ? skip_number(at, scan->end) : skip_word(at, scan->end);

    if (stop) {
        struct value value = {is_number ? VALUE_NUMBER : VALUE_WORD,
                              text_from(at, (size_t)(stop - at)), member};
        add_value(scan, place, &value);
    }
    return stop;
}

static inline const char *scan_string(struct scan *scan, const char *at, const struct place *place,
                                      uint32_t member)
{
    struct name string;
    const char *stop = read_string(scan, at + 1, &string);

    if (stop) {
        struct value value = {VALUE_STRING, string.text, member};
        add_value(scan, place, &value);
    }
    return stop;
}

static const struct index_child *find_hashed(const struct index *index,
                                             const struct index_node *node, struct text name)
{
    for (uint64_t i = index_name_hash(index->seed, name);; i++) {
        uint32_t slot = index->child_slots[node->slots + (i & node->slot_mask)];
        if (slot == 0)
            return NULL;
        const struct index_child *child = &index->children[slot - 1];
        if (text_equal(text_from(child->name, child->len), name))
            return child;
    }
}

/* Of a name within the event. */
static inline uint64_t head_of(struct text name, const char *end)
{
    uint64_t head = 0;

    if (name.len < 8 && end - name.at >= 8 && name.len > 0) {
        memcpy(&head, name.at, 8);
        return head & (UINT64_MAX >> (64 - 8 * name.len));
    }
    memcpy(&head, name.at, name.len < 8 ? name.len : 8);
    return head;
}

/* Of names of more than 8 bytes that begin alike. */
static inline bool same_rest(const struct index_child *child, struct text name)
{
    uint64_t tail;

    memcpy(&tail, name.at + name.len - 8, 8);
    return tail == child->tail &&
           (name.len <= 16 || memcmp(child->name + 8, name.at + 8, name.len - 16) == 0);
}

/* The child whose name stands there as it is, up to its closing quote. */
static inline const struct index_child *find_written(const struct index *index,
                                                     const struct index_node *node, const char *at,
                                                     const char *end)
{
    const struct index_child *child = &index->children[node->children.start];
    uint64_t head;

    if (end - at < 8)
        return NULL;
    memcpy(&head, at, 8);
    for (uint32_t i = 0; i < node->children.count; i++, child++) {
        uint64_t differing = head ^ child->head;
        if (child->len < 8)
            differing &= ~(UINT64_MAX << 8 * child->len);
        if (differing == 0 && end - at > child->len && at[child->len] == '"' &&
            (child->len <= 8 || same_rest(child, text_from(at, child->len))))
            return child;
    }
    return NULL;
}

static inline uint32_t find_child(const struct index *index, uint32_t number, struct text name,
                                  uint64_t head)
{
    const struct index_node *node = &index->nodes[number];

    if (!(node->lengths >> (name.len & 63) & 1))
        return INDEX_NONE;
    if (node->slot_mask) {
        const struct index_child *child = find_hashed(index, node, name);
        return child ? child->node : INDEX_NONE;
    }
    const struct index_child *child = &index->children[node->children.start];
    for (uint32_t i = 0; i < node->children.count; i++, child++)
        if (child->head == head && child->len == name.len &&
            (name.len <= 8 || same_rest(child, name)))
            return child->node;
    return INDEX_NONE;
}

static inline void step(const struct scan *scan, const struct place *place, struct text name,
                        uint64_t head, struct place *ret)
{
    for (unsigned i = 0; i < scan->layer_count; i++)
        ret->nodes[i] = place->nodes[i] == INDEX_NONE
                            ? INDEX_NONE
                            : find_child(scan->indexes[i], place->nodes[i], name, head);
}

/* Dots join names, wherever they are: {"a.b": 1} has the field a.b as {"a": {"b": 1}} has. */
static void step_by_dots(const struct scan *scan, const struct place *place, struct text name,
                         struct place *ret)
{
    for (*ret = *place;;) {
        size_t dot = text_find(name, '.');
        struct text first = text_slice(name, 0, dot);
        uint64_t head = 0;
        memcpy(&head, first.at, first.len < 8 ? first.len : 8);
        step(scan, ret, first, head, ret);
        if (dot == name.len)
            return;
        name = text_skip(name, dot + 1);
    }
}

static inline void step_to_name(const struct scan *scan, const struct place *place,
                                const struct name *name, struct place *ret)
{
    if (name->is_plain)
        step(scan, place, name->text, head_of(name->text, scan->end), ret);
    else
        step_by_dots(scan, place, name->text, ret);
}

static inline bool is_used(const struct scan *scan, const struct place *place)
{
    bool used = false;

    for (unsigned i = 0; i < scan->layer_count; i++)
        used |= place->nodes[i] != INDEX_NONE;
    return used;
}

/* A name, its colon, its value. */
static inline const char *scan_member(struct scan *scan, const char *at, const struct place *place,
                                      uint32_t member)
{
    struct place next;
    struct name name;

    if (at == scan->end || *at != '"')
        return NULL;
    at = read_string(scan, at + 1, &name);
    if (!at)
        return NULL;
    at = skip_blanks(at, scan->end);
    if (at == scan->end || *at != ':')
        return NULL;
    at = skip_blanks(at + 1, scan->end);
    step_to_name(scan, place, &name, &next);
    return is_used(scan, &next) || scan->is_strict ? scan_value(scan, at, &next, member)
                                                   : skip_value(at, scan->end);
}

/* What the names that are used here begin with, and few others; NULL: there are too many.
 * room: for what several layers use. */
static const struct simd_pairs *pairs_of(const struct scan *scan, const struct place *place,
                                         struct simd_pairs *room)
{
    const struct simd_pairs *found = NULL;

    for (unsigned i = 0; i < scan->layer_count; i++) {
        if (place->nodes[i] == INDEX_NONE)
            continue;
        const struct index *index = scan->indexes[i];
        uint32_t number = index->nodes[place->nodes[i]].pairs;
        if (number == INDEX_NONE)
            return NULL;
        found =
            found ? simd_pairs_of_both(found, &index->pairs[number], room) : &index->pairs[number];
    }
    return found;
}

/* Whether a string that begins here, within an object, is a name and no value. */
static bool is_name(const char *at)
{
    do
        at--;
    while (is_blank(*at));
    return *at != ':';
}

/* Steps to the name that stands there, behind its quote, without escapes or dots. False: it is
 * not so simple, or not used. Other than reading it up to its quote and then looking for it, this
 * lets the processor go on before it knows. */
static inline bool step_at_once(const struct scan *scan, const char *at, const struct place *place,
                                struct place *ret, uint32_t *ret_len)
{
    bool found = false;

    for (unsigned i = 0; i < scan->layer_count; i++) {
        ret->nodes[i] = INDEX_NONE;
        if (place->nodes[i] == INDEX_NONE)
            continue;
        const struct index *index = scan->indexes[i];
        const struct index_node *node = &index->nodes[place->nodes[i]];
        if (node->slot_mask)
            return false;
        const struct index_child *child = find_written(index, node, at, scan->end);
        if (child) {
            ret->nodes[i] = child->node;
            *ret_len = child->len;
            found = true;
        }
    }
    return found;
}

/* at: behind a name. */
static inline const char *scan_named(struct scan *scan, const char *at, const struct place *place,
                                     uint32_t member)
{
    at = skip_blanks(at, scan->end);
    if (at == scan->end || *at != ':')
        return NULL;
    return scan_value(scan, skip_blanks(at + 1, scan->end), place, member);
}

static const char *try_any_name(struct scan *scan, const char *at, const struct place *place,
                                uint32_t member)
{
    struct place next;
    struct name name;
    const char *behind = read_string(scan, at + 1, &name);

    if (!behind)
        return skip_string(at + 1, scan->end);
    step_to_name(scan, place, &name, &next);
    return is_used(scan, &next) ? scan_named(scan, behind, &next, member) : behind;
}

/* A string that may be a used name: behind it and, when it is one, its value. */
static inline const char *try_member(struct scan *scan, const char *at, const struct place *place,
                                     uint32_t member)
{
    struct place next;
    uint32_t len;

    if (step_at_once(scan, at + 1, place, &next, &len))
        return scan_named(scan, at + len + 2, &next, member);
    return try_any_name(scan, at, place, member);
}

/* Whether a name is written there, perhaps with escapes, or followed by a dot and another one. */
static bool may_be_name(const struct index_child *child, const char *at, const char *end)
{
    for (uint32_t i = 0; i < child->len && at < end; i++, at++)
        if (*at != child->name[i] || *at == '"')
            return *at == '\\';
    return at < end && (*at == '"' || *at == '.' || *at == '\\');
}

static bool may_be_any_name(const struct scan *scan, const char *at)
{
    for (unsigned i = 0; i < scan->layer_count; i++) {
        const struct index *index = scan->indexes[i];
        const struct index_span span = index->nodes[index->everywhere].children;
        for (uint32_t j = 0; j < span.count; j++)
            if (may_be_name(&index->children[span.start + j], at, scan->end))
                return true;
    }
    return false;
}

static bool ends_object(const char *at, const char *end)
{
    while (end > at && is_blank(end[-1]))
        end--;
    return end > at && end[-1] == '}';
}

/* Whether no name that a rule uses comes again, in an event that ends as an object does. */
static bool is_rest_unused(const struct scan *scan, const char *at)
{
    struct place everywhere;
    struct simd_pairs room;

    for (unsigned i = 0; i < scan->layer_count; i++)
        everywhere.nodes[i] = scan->indexes[i]->everywhere;
    const struct simd_pairs *pairs = pairs_of(scan, &everywhere, &room);
    if (!pairs || !ends_object(at, scan->end))
        return false;
    for (at = find_pair(at, scan->end, pairs); at; at = find_pair(at + 1, scan->end, pairs))
        if (may_be_any_name(scan, at + 1))
            return false;
    return true;
}

/* Whether all that rules could ask for has been seen. Not within arrays: their values have no
 * names. */
static inline bool is_over(struct scan *scan, const char *at, uint32_t member)
{
    if (scan->scratch->unmet == 0 && member == 0 && !scan->has_looked) {
        scan->has_looked = true;
        scan->is_done = is_rest_unused(scan, at);
    }
    return scan->is_done;
}

/* Only what may be used is looked at; the rest is skipped together. at: behind its brace. What
 * comes next is often wanted, and then no block is looked at for it. */
static const char *seek_members(struct scan *scan, const char *at, const struct place *place,
                                uint32_t member, const struct simd_pairs *pairs)
{
    while (at && !is_over(scan, at, member)) {
        at = skip_blanks(at, scan->end);
        if (at < scan->end && *at == ',')
            at = skip_blanks(at + 1, scan->end);
        if (scan->end - at > 2 && *at == '"' && simd_is_pair(pairs, at[1], at[2])) {
            at = try_member(scan, at, place, member);
            continue;
        }
        if (at == scan->end || *at != '}')
            at = skip_to(at, scan->end, pairs);
        if (!at || *at != '"')
            return at && *at == '}' ? at + 1 : NULL;
        at = is_name(at) ? try_member(scan, at, place, member) : skip_string(at + 1, scan->end);
    }
    return at;
}

/* at: behind its brace. */
static const char *scan_object(struct scan *scan, const char *at, const struct place *place,
                               uint32_t member)
{
    struct simd_pairs room;
    const struct simd_pairs *pairs = scan->is_strict ? NULL : pairs_of(scan, place, &room);

    if (pairs)
        return seek_members(scan, at, place, member, pairs);
    at = skip_blanks(at, scan->end);
    if (at < scan->end && *at == '}')
        return at + 1;
    for (;;) {
        at = scan_member(scan, at, place, member);
        if (!at)
            return NULL;
        at = skip_blanks(at, scan->end);
        if (at == scan->end)
            return NULL;
        if (*at == '}')
            return at + 1;
        if (*at != ',')
            return NULL;
        at = skip_blanks(at + 1, scan->end);
    }
}

/* Its elements are values of the field that the array is a value of; those that hold others
 * are members. */
static const char *scan_array(struct scan *scan, const char *at, const struct place *place,
                              uint32_t member)
{
    uint32_t array = ++scan->scratch->array_count;

    at = skip_blanks(at, scan->end);
    if (at < scan->end && *at == ']')
        return at + 1;
    for (;;) {
        if (at == scan->end)
            return NULL;
        bool holds_others = *at == '{' || *at == '[';
        at =
            scan_value(scan, at, place,
                       holds_others ? evaluation_add_member(scan->scratch, member, array) : member);
        if (!at)
            return NULL;
        at = skip_blanks(at, scan->end);
        if (at == scan->end)
            return NULL;
        if (*at == ']')
            return at + 1;
        if (*at != ',')
            return NULL;
        at = skip_blanks(at + 1, scan->end);
    }
}

static const char *scan_container(struct scan *scan, const char *at, const struct place *place,
                                  uint32_t member)
{
    if (scan->depth == LIMIT_EVENT_DEPTH) {
        scan->is_too_deep = true;
        return NULL;
    }
    scan->depth++;
    const char *stop = *at == '{' ? scan_object(scan, at + 1, place, member)
                                  : scan_array(scan, at + 1, place, member);
    scan->depth--;
    return stop;
}

/* The value of a place that some rule uses. */
static const char *scan_value(struct scan *scan, const char *at, const struct place *place,
                              uint32_t member)
{
    if (at == scan->end)
        return NULL;
    if (*at == '[' || (*at == '{' && (scan->is_strict || has_children(scan, place))))
        return scan_container(scan, at, place, member);
    if (*at == '{' || !(scan->is_strict || is_field(scan, place)))
        return skip_value(at, scan->end);
    return *at == '"' ? scan_string(scan, at, place, member) : scan_scalar(scan, at, place, member);
}

int SCAN_EVENT(struct text event, struct match_scratch *scratch, struct error *err)
{
    struct scan scan = {.end = event.at + event.len,
                        .scratch = scratch,
                        .layer_count = scratch->layer_count,
                        .is_strict = scratch->is_strict};
    const struct place root = {{0, 0}};

    for (unsigned i = 0; i < scan.layer_count; i++)
        scan.indexes[i] = scratch->layers[i].index;
    const char *at = skip_blanks(event.at, scan.end);
    if (at == scan.end || *at != '{')
        return error_set(err, ERROR_INVALID, "the event is not a JSON object");
    at = scan_container(&scan, at, &root, 0);
    if (scan.is_done)
        return 0;
    if (scan.is_too_deep)
        return error_set(err, ERROR_LIMIT, "the event nests deeper than %d", LIMIT_EVENT_DEPTH);
    if (!at || skip_blanks(at, scan.end) < scan.end)
        return error_set(err, ERROR_INVALID, "the event is not valid JSON");
    return 0;
}
