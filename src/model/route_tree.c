/* SPDX-License-Identifier: Apache-2.0 */
#include "model/route_tree.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/scoped.h"

/*
 * A node for each segment that a route has at that place. Looking up follows the literal
 * child and the parameter child, so it visits no node twice and, of a tree that is not
 * made to be slow, two or three for each segment.
 *
 * Of many routes most are not in the processor's caches, so what a look-up reads is kept
 * together: a child's segment stands in its node, beside what the look-up needs next, and
 * the only method that most places have stands in the node, too.
 */

struct method_value {
    struct text method; /* one of known[], or the tree's own copy */
    void *value;
};

/* What is there for each method; a handful at most. */
struct methods {
    struct method_value first;
    struct method_value *more;
    size_t count; /* of both */
};

/* By the hash of their segments: linear probing, at most three quarters used, and what follows
 * moves up when one goes. */
struct children {
    struct child {
        uint64_t hash;
        struct route_node *node; /* NULL: free */
    } * slots;
    uint32_t count, capacity;
};

struct route_node {
    struct methods here;
    struct route_node *parameter;
    struct methods *greedy; /* NULL: none */
    struct children literals;
    size_t len;
    char segment[]; /* of a literal */
};

/* --- paths --- */

static bool is_name(struct text name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
              c == '.' || c == '-'))
            return false;
    }
    return name.len > 0;
}

struct text route_parameter(struct text segment, bool *ret_is_greedy)
{
    *ret_is_greedy = false;
    if (segment.len < 3 || segment.at[0] != '{' || segment.at[segment.len - 1] != '}')
        return TEXT_NONE;
    struct text name = text_slice(segment, 1, segment.len - 1);
    *ret_is_greedy = text_ends(name, TEXT("+"));
    return *ret_is_greedy ? text_slice(name, 0, name.len - 1) : name;
}

/* The next segment of "/a/b"; "/" has none. */
static bool next_segment(struct text *rest, struct text *ret)
{
    if (rest->len == 0)
        return false;
    struct text after = text_skip(*rest, 1);
    size_t end = text_find(after, '/');
    *ret = text_slice(after, 0, end);
    *rest = text_skip(after, end);
    return true;
}

static struct text segments_of(struct text path)
{
    return path.len == 1 ? TEXT_NONE : path;
}

static int check_segment(struct text segment, struct text rest, struct error *err)
{
    bool is_greedy;
    struct text name = route_parameter(segment, &is_greedy);

    if (!text_is_set(name)) {
        if (text_contains(segment, '{') || text_contains(segment, '}'))
            return error_set(err, ERROR_INVALID,
                             "'%.*s' is no path segment: braces enclose a whole segment, as in "
                             "/pets/{id}",
                             TEXT_ARG(segment));
        return 0;
    }
    if (!is_name(name))
        return error_set(err, ERROR_INVALID,
                         "'%.*s' is no parameter: its name is of letters, digits, '_', '.', '-'",
                         TEXT_ARG(segment));
    if (is_greedy && rest.len > 0)
        return error_set(err, ERROR_INVALID, "'%.*s' takes the rest of a path: it stands last",
                         TEXT_ARG(segment));
    return 0;
}

int route_path_check(struct text path, struct error *err)
{
    struct text names[ROUTE_PARAMETERS_MAX], segment;
    size_t count = 0, segments = 0;
    bool is_greedy;

    if (!text_starts(path, TEXT("/")))
        return error_set(err, ERROR_INVALID, "the path '%.*s' does not start with '/'",
                         TEXT_ARG(path));
    if (text_contains(path, '?') || text_contains(path, '#'))
        return error_set(err, ERROR_INVALID, "the path '%.*s' has a '?' or '#'", TEXT_ARG(path));
    for (struct text rest = segments_of(path); next_segment(&rest, &segment);) {
        if (++segments > ROUTE_SEGMENTS_MAX)
            return error_set(err, ERROR_LIMIT, "a path has at most %d segments",
                             ROUTE_SEGMENTS_MAX);
        if (check_segment(segment, rest, err) < 0)
            return -1;
        struct text name = route_parameter(segment, &is_greedy);
        if (!text_is_set(name))
            continue;
        for (size_t i = 0; i < count; i++)
            if (text_equal(names[i], name))
                return error_set(err, ERROR_INVALID, "the parameter '%.*s' is there twice",
                                 TEXT_ARG(name));
        if (count == ROUTE_PARAMETERS_MAX)
            return error_set(err, ERROR_LIMIT, "a path has at most %d parameters",
                             ROUTE_PARAMETERS_MAX);
        names[count++] = name;
    }
    return 0;
}

/* --- methods --- */

static const struct text known[] = {TEXT("GET"),  TEXT("POST"),  TEXT("ANY"),    TEXT("PUT"),
                                    TEXT("HEAD"), TEXT("PATCH"), TEXT("DELETE"), TEXT("OPTIONS")};

static struct text keep_method(struct text method)
{
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (text_equal(known[i], method))
            return known[i];
    return text_from(text_dup(method), method.len);
}

static void free_method(struct text method)
{
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (known[i].at == method.at)
            return;
    free((char *)(uintptr_t)method.at);
}

static struct method_value *method_at(const struct methods *methods, size_t i)
{
    return i == 0 ? (struct method_value *)(uintptr_t)&methods->first : &methods->more[i - 1];
}

static struct method_value *find_method(const struct methods *methods, struct text method)
{
    for (size_t i = 0; i < methods->count; i++)
        if (text_equal(method_at(methods, i)->method, method))
            return method_at(methods, i);
    return NULL;
}

static void *put_method(struct methods *methods, struct text method, void *value)
{
    struct method_value *there = find_method(methods, method);

    if (there) {
        void *before = there->value;
        there->value = value;
        return before;
    }
    if (methods->count > 0)
        methods->more = mem_realloc(methods->more, methods->count * sizeof *methods->more);
    *method_at(methods, methods->count++) = (struct method_value){keep_method(method), value};
    return NULL;
}

static void *remove_method(struct methods *methods, struct text method)
{
    struct method_value *there = find_method(methods, method);

    if (!there)
        return NULL;
    void *value = there->value;
    free_method(there->method);
    *there = *method_at(methods, --methods->count);
    return value;
}

static void free_methods(struct methods *methods)
{
    for (size_t i = 0; i < methods->count; i++)
        free_method(method_at(methods, i)->method);
    free(methods->more);
}

/* --- children --- */

static struct route_node *new_node(struct text segment)
{
    struct route_node *node = mem_zalloc(sizeof *node + segment.len);

    node->len = segment.len;
    if (segment.len)
        memcpy(node->segment, segment.at, segment.len);
    return node;
}

/* Where the segment is, or would be. */
static struct child *slot_of(const struct children *children, struct text segment, uint64_t hash)
{
    const uint32_t mask = children->capacity - 1;

    for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
        struct child *child = &children->slots[i];
        if (!child->node ||
            (child->hash == hash &&
             text_equal(text_from(child->node->segment, child->node->len), segment)))
            return child;
    }
}

/* Up to this capacity, to compare with each costs less than to hash the segment. */
#define CAPACITY_FEW 8

static struct route_node *find_child(const struct route_node *node, struct text segment)
{
    const struct children *children = &node->literals;

    if (children->capacity > CAPACITY_FEW)
        return slot_of(children, segment, map_hash(segment))->node;
    for (uint32_t i = 0; i < children->capacity; i++) {
        struct route_node *child = children->slots[i].node;
        if (child && text_equal(text_from(child->segment, child->len), segment))
            return child;
    }
    return NULL;
}

static void grow(struct children *children)
{
    struct children old = *children;

    children->capacity = old.capacity ? 2 * old.capacity : 4;
    children->slots = mem_zalloc(children->capacity * sizeof *children->slots);
    for (uint32_t i = 0; i < old.capacity; i++) {
        const struct route_node *node = old.slots[i].node;
        if (node)
            *slot_of(children, text_from(node->segment, node->len), old.slots[i].hash) =
                old.slots[i];
    }
    free(old.slots);
}

static struct route_node *add_child(struct route_node *node, struct text segment)
{
    struct children *children = &node->literals;
    uint64_t hash = map_hash(segment);

    if (children->count >= children->capacity / 4 * 3)
        grow(children);
    struct child *child = slot_of(children, segment, hash);
    *child = (struct child){hash, new_node(segment)};
    children->count++;
    return child->node;
}

static void remove_child(struct route_node *node, struct text segment)
{
    struct children *children = &node->literals;
    const uint32_t mask = children->capacity - 1;
    uint32_t hole = (uint32_t)(slot_of(children, segment, map_hash(segment)) - children->slots);

    children->count--;
    children->slots[hole].node = NULL;
    for (uint32_t i = (hole + 1) & mask; children->slots[i].node; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)children->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* it would come to stand before its home */
        children->slots[hole] = children->slots[i];
        children->slots[i].node = NULL;
        hole = i;
    }
}

/* --- the tree --- */

static struct route_node *child_of(struct route_node *node, struct text segment)
{
    bool is_greedy;

    if (text_is_set(route_parameter(segment, &is_greedy))) {
        if (!node->parameter)
            node->parameter = new_node(TEXT_NONE);
        return node->parameter;
    }
    struct route_node *child = find_child(node, segment);
    return child ? child : add_child(node, segment);
}

void *route_tree_put(struct route_tree *tree, struct text method, struct text path, void *value)
{
    struct text rest = segments_of(path), segment;
    bool is_greedy = false;

    if (!tree->root)
        tree->root = new_node(TEXT_NONE);
    struct route_node *node = tree->root;
    while (!is_greedy && next_segment(&rest, &segment)) {
        (void)route_parameter(segment, &is_greedy);
        if (!is_greedy)
            node = child_of(node, segment);
    }
    if (is_greedy && !node->greedy)
        node->greedy = mem_new(struct methods);
    void *before = put_method(is_greedy ? node->greedy : &node->here, method, value);
    tree->count += !before;
    return before;
}

void *route_tree_at(const struct route_tree *tree, struct text method, struct text path)
{
    struct text rest = segments_of(path), segment;
    const struct route_node *node = tree->root;
    bool is_greedy = false;

    while (node && next_segment(&rest, &segment)) {
        struct text name = route_parameter(segment, &is_greedy);
        if (is_greedy)
            break;
        node = text_is_set(name) ? node->parameter : find_child(node, segment);
    }
    const struct methods *methods = !node ? NULL : is_greedy ? node->greedy : &node->here;
    const struct method_value *found = methods ? find_method(methods, method) : NULL;
    return found ? found->value : NULL;
}

static bool is_empty(const struct route_node *node)
{
    return node->literals.count == 0 && !node->parameter && node->here.count == 0 && !node->greedy;
}

static void free_greedy(struct route_node *node)
{
    if (node->greedy)
        free_methods(node->greedy);
    free(node->greedy);
    node->greedy = NULL;
}

static void free_node(struct route_node *node)
{
    if (!node)
        return;
    for (uint32_t i = 0; i < node->literals.capacity; i++)
        free_node(node->literals.slots[i].node);
    free(node->literals.slots);
    free_node(node->parameter);
    free_methods(&node->here);
    free_greedy(node);
    free(node);
}

static void *remove_greedy(struct route_node *node, struct text method)
{
    void *value = node->greedy ? remove_method(node->greedy, method) : NULL;

    if (value && node->greedy->count == 0)
        free_greedy(node);
    return value;
}

static void *remove_below(struct route_node *node, struct text method, struct text rest)
{
    struct text segment;
    bool is_greedy;

    if (!next_segment(&rest, &segment))
        return remove_method(&node->here, method);
    struct text name = route_parameter(segment, &is_greedy);
    if (is_greedy)
        return remove_greedy(node, method);
    struct route_node *child = text_is_set(name) ? node->parameter : find_child(node, segment);
    void *value = child ? remove_below(child, method, rest) : NULL;
    if (!value || !is_empty(child))
        return value;
    if (text_is_set(name))
        node->parameter = NULL;
    else
        remove_child(node, segment);
    free_node(child);
    return value;
}

void *route_tree_remove(struct route_tree *tree, struct text method, struct text path)
{
    void *value = tree->root ? remove_below(tree->root, method, segments_of(path)) : NULL;

    tree->count -= value != NULL;
    return value;
}

void route_tree_done(struct route_tree *tree)
{
    free_node(tree->root);
    *tree = (struct route_tree){0};
}

/* --- looking up --- */

struct search {
    struct text method;
    struct text values[ROUTE_PARAMETERS_MAX];
    struct route_match *match;
    int best; /* the rank of match; 0: none yet */
};

/* What a candidate is worth: full or greedy, then literal segments, depth, method. */
static int rank_of(bool is_full, int literals, int depth, bool is_named)
{
    return 1 + (is_full << 20 | literals << 12 | depth << 4 | is_named);
}

static void consider(struct search *search, const struct methods *methods, int rank, size_t count)
{
    const struct method_value *found = find_method(methods, search->method);

    rank += found != NULL;
    if (!found)
        found = find_method(methods, ROUTE_ANY);
    if (!found || rank <= search->best)
        return;
    search->best = rank;
    search->match->value = found->value;
    search->match->count = count;
    memcpy(search->match->values, search->values, count * sizeof *search->values);
}

static void walk(struct search *search, const struct route_node *node, struct text rest,
                 int literals, int depth, size_t count)
{
    struct text segment;

    if (node->greedy && rest.len > 1) {
        search->values[count] = text_skip(rest, 1);
        consider(search, node->greedy, rank_of(false, literals, depth, false), count + 1);
    }
    if (!next_segment(&rest, &segment)) {
        consider(search, &node->here, rank_of(true, literals, depth, false), count);
        return;
    }
    const struct route_node *literal = find_child(node, segment);
    if (literal)
        walk(search, literal, rest, literals + 1, depth + 1, count);
    if (node->parameter && segment.len > 0) {
        search->values[count] = segment;
        walk(search, node->parameter, rest, literals, depth + 1, count + 1);
    }
}

bool route_tree_find(const struct route_tree *tree, struct text method, struct text path,
                     struct route_match *ret)
{
    struct search search = {.method = method, .match = ret};

    if (!tree->root || !text_starts(path, TEXT("/")))
        return false;
    walk(&search, tree->root, segments_of(path), 0, 0, 0);
    return search.best > 0;
}
