/* SPDX-License-Identifier: Apache-2.0 */
#include "model/route_tree.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/scoped.h"

/*
 * A node for each segment that a route has at that place. Looking up follows the literal
 * child and the parameter child, so it visits no node twice and, of a tree that is not
 * made to be slow, two or three for each segment.
 */

/* What is there for each method; a handful at most. */
struct methods {
    struct method_value {
        char *method;
        void *value;
    } * list;
    size_t count;
};

struct route_node {
    struct map literals; /* segment -> struct route_node */
    struct route_node *parameter;
    struct methods here, greedy;
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

static struct method_value *find_method(const struct methods *methods, struct text method)
{
    for (size_t i = 0; i < methods->count; i++)
        if (text_equal(text_of(methods->list[i].method), method))
            return &methods->list[i];
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
    methods->list = mem_realloc(methods->list, (methods->count + 1) * sizeof *methods->list);
    methods->list[methods->count++] = (struct method_value){text_dup(method), value};
    return NULL;
}

static void *remove_method(struct methods *methods, struct text method)
{
    struct method_value *there = find_method(methods, method);

    if (!there)
        return NULL;
    void *value = there->value;
    free(there->method);
    *there = methods->list[--methods->count];
    return value;
}

static void free_methods(struct methods *methods)
{
    for (size_t i = 0; i < methods->count; i++)
        free(methods->list[i].method);
    free(methods->list);
}

/* --- the tree --- */

static struct route_node *child_of(struct route_node *node, struct text segment)
{
    bool is_greedy;

    if (text_is_set(route_parameter(segment, &is_greedy))) {
        if (!node->parameter)
            node->parameter = mem_new(struct route_node);
        return node->parameter;
    }
    struct route_node *child = map_find(&node->literals, segment);
    if (!child) {
        child = mem_new(struct route_node);
        map_put(&node->literals, segment, child);
    }
    return child;
}

void *route_tree_put(struct route_tree *tree, struct text method, struct text path, void *value)
{
    struct text rest = segments_of(path), segment;
    bool is_greedy = false;

    if (!tree->root)
        tree->root = mem_new(struct route_node);
    struct route_node *node = tree->root;
    while (!is_greedy && next_segment(&rest, &segment)) {
        (void)route_parameter(segment, &is_greedy);
        if (!is_greedy)
            node = child_of(node, segment);
    }
    void *before = put_method(is_greedy ? &node->greedy : &node->here, method, value);
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
        node = text_is_set(name) ? node->parameter : map_find(&node->literals, segment);
    }
    const struct method_value *found =
        node ? find_method(is_greedy ? &node->greedy : &node->here, method) : NULL;
    return found ? found->value : NULL;
}

static bool is_empty(const struct route_node *node)
{
    return node->literals.count == 0 && !node->parameter && node->here.count == 0 &&
           node->greedy.count == 0;
}

static void free_node(struct route_node *node)
{
    struct map_cursor cursor = {0};

    if (!node)
        return;
    while (map_next(&node->literals, &cursor))
        free_node(cursor.value);
    map_done(&node->literals);
    free_node(node->parameter);
    free_methods(&node->here);
    free_methods(&node->greedy);
    free(node);
}

static void *remove_below(struct route_node *node, struct text method, struct text rest)
{
    struct text segment;
    bool is_greedy;

    if (!next_segment(&rest, &segment))
        return remove_method(&node->here, method);
    struct text name = route_parameter(segment, &is_greedy);
    if (is_greedy)
        return remove_method(&node->greedy, method);
    struct route_node *child =
        text_is_set(name) ? node->parameter : map_find(&node->literals, segment);
    void *value = child ? remove_below(child, method, rest) : NULL;
    if (!value || !is_empty(child))
        return value;
    if (text_is_set(name))
        node->parameter = NULL;
    else
        map_remove(&node->literals, segment);
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

    if (node->greedy.count > 0 && rest.len > 1) {
        search->values[count] = text_skip(rest, 1);
        consider(search, &node->greedy, rank_of(false, literals, depth, false), count + 1);
    }
    if (!next_segment(&rest, &segment)) {
        consider(search, &node->here, rank_of(true, literals, depth, false), count);
        return;
    }
    const struct route_node *literal = map_find(&node->literals, segment);
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
