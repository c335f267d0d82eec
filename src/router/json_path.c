/* SPDX-License-Identifier: Apache-2.0 */
#include "router/json_path.h"

#include <stdint.h>

#include "base/mem.h"

enum step_kind { STEP_MEMBER, STEP_ITEM, STEP_EACH };

struct step {
    enum step_kind kind;
    struct text name; /* within the path's source */
    int64_t index;
};

struct json_path {
    char *source;
    size_t count;
    struct step steps[];
};

struct walk {
    const struct json_path *path;
    json_path_visit_f *visit;
    void *arg;
};

/* How many bytes of t come before the first that is in set. */
static size_t span_without(struct text t, const char *set)
{
    size_t len = 0;

    while (len < t.len && (!t.at[len] || !strchr(set, t.at[len])))
        len++;
    return len;
}

static struct text take_until(struct text *rest, const char *set)
{
    struct text piece = text_slice(*rest, 0, span_without(*rest, set));

    *rest = text_skip(*rest, piece.len);
    return piece;
}

static bool parse_member(struct text *rest, struct step *step)
{
    step->name = take_until(rest, ".[");
    step->kind = text_equal(step->name, TEXT("*")) ? STEP_EACH : STEP_MEMBER;
    if (step->kind == STEP_EACH)
        return true;
    return step->name.len > 0 && span_without(step->name, "]'\"()*") == step->name.len;
}

static bool parse_item(struct text *rest, struct step *step)
{
    struct text index = take_until(rest, "]");

    if (rest->len == 0)
        return false;
    *rest = text_skip(*rest, 1);
    step->kind = text_equal(index, TEXT("*")) ? STEP_EACH : STEP_ITEM;
    return step->kind == STEP_EACH || text_to_int(index, 0, INT32_MAX, &step->index);
}

static bool parse_step(struct text *rest, struct step *step)
{
    char opens = rest->at[0];

    *rest = text_skip(*rest, 1);
    if (opens == '.')
        return parse_member(rest, step);
    return opens == '[' && parse_item(rest, step);
}

struct json_path *json_path_compile(struct text source)
{
    if (source.len == 0 || source.at[0] != '$')
        return NULL;
    /* A step has two characters at least. */
    scoped(json_path_free) struct json_path *path =
        mem_zalloc(sizeof *path + source.len / 2 * sizeof path->steps[0]);
    path->source = text_dup(source);
    struct text rest = {path->source + 1, source.len - 1};
    while (rest.len > 1)
        if (!parse_step(&rest, &path->steps[path->count++]))
            return NULL;
    return rest.len == 0 ? take(path) : NULL;
}

void json_path_free(struct json_path *path)
{
    if (!path)
        return;
    free(path->source);
    free(path);
}

bool json_path_is_list(const struct json_path *path)
{
    for (size_t i = 0; i < path->count; i++)
        if (path->steps[i].kind == STEP_EACH)
            return true;
    return false;
}

static bool find_member(const struct scan_value *object, struct text name, struct scan_value *ret)
{
    struct scan scan = scan_open(object);
    struct scan_value key, value;
    bool found = false;

    while (scan_member(&scan, &key, &value))
        if (scan_is(&key, name)) {
            *ret = value;
            found = true;
        }
    return found;
}

static bool find_item(const struct scan_value *array, int64_t index, struct scan_value *ret)
{
    struct scan scan = scan_open(array);

    while (scan_item(&scan, ret))
        if (index-- == 0)
            return true;
    return false;
}

static void follow(const struct walk *walk, size_t next, const struct scan_value *value);

static void follow_each(const struct walk *walk, size_t next, const struct scan_value *container)
{
    struct scan_value key, value;

    if (container->kind == SCAN_OBJECT)
        for (struct scan scan = scan_open(container); scan_member(&scan, &key, &value);)
            follow(walk, next, &value);
    if (container->kind == SCAN_ARRAY)
        for (struct scan scan = scan_open(container); scan_item(&scan, &value);)
            follow(walk, next, &value);
}

/* Depth is bounded by the path's length, which is the caller's to bound. */
static void follow(const struct walk *walk, size_t next, const struct scan_value *value)
{
    struct scan_value found;

    if (next == walk->path->count) {
        walk->visit(walk->arg, value);
        return;
    }
    const struct step *step = &walk->path->steps[next];
    switch (step->kind) {
    case STEP_MEMBER:
        if (value->kind == SCAN_OBJECT && find_member(value, step->name, &found))
            follow(walk, next + 1, &found);
        return;
    case STEP_ITEM:
        if (value->kind == SCAN_ARRAY && find_item(value, step->index, &found))
            follow(walk, next + 1, &found);
        return;
    case STEP_EACH:
        follow_each(walk, next + 1, value);
        return;
    }
}

void json_path_each(const struct json_path *path, const struct scan_value *root,
                    json_path_visit_f *visit, void *arg)
{
    const struct walk walk = {.path = path, .visit = visit, .arg = arg};

    follow(&walk, 0, root);
}
