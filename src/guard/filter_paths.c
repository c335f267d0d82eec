/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "guard/filter_priv.h"

#define PATHS_MAX 100
#define STEPS_MAX 32
#define MASK_KEPT 4 /* characters at the end */

static const struct {
    const char *key;
    enum filter_action action;
} actions[] = {{"redact", FILTER_REDACT}, {"mask", FILTER_MASK}, {"remove", FILTER_REMOVE}};

/* "body.cards.*.number" */
static int read_path(struct text source, enum filter_action action, struct filter_path *ret)
{
    struct text step;
    char *steps[STEPS_MAX];
    size_t count = 0;

    *ret = (struct filter_path){.action = action};
    if (!text_starts(source, TEXT("body.")) || text_ends(source, TEXT(".")))
        return -1;
    source = text_skip(source, 5);
    while (text_split(&source, '.', &step)) {
        if (step.len == 0 || count == STEPS_MAX) {
            while (count > 0)
                free(steps[--count]);
            return -1;
        }
        steps[count++] = text_dup(step);
    }
    ret->steps = mem_copy(steps, count * sizeof *steps);
    ret->count = count;
    return 0;
}

static int read_list(const json_t *list, const char *at, size_t action, struct filter_paths *ret,
                     struct error *err)
{
    const char *key = actions[action].key;
    const json_t *item;
    size_t i;

    if (!list)
        return 0;
    if (!json_is_array(list))
        return error_set(err, ERROR_INVALID, "%s.%s must be a list of paths", at, key);
    json_array_foreach(list, i, item)
    {
        struct filter_path path;
        if (ret->count == PATHS_MAX)
            return error_set(err, ERROR_INVALID, "%s has more than %d paths", at, PATHS_MAX);
        if (read_path(text_of(json_string_value(item)), actions[action].action, &path) < 0)
            return error_set(err, ERROR_INVALID,
                             "%s.%s[%zu] must be a path such as body.cards.*.number", at, key, i);
        ret->at = mem_realloc(ret->at, (ret->count + 1) * sizeof *ret->at);
        ret->at[ret->count++] = path;
    }
    return 0;
}

int filter_paths_read(const json_t *part, const char *at, struct filter_paths *ret,
                      struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(actions); i++)
        if (read_list(json_object_get(part, actions[i].key), at, i, ret, err) < 0)
            return -1;
    return 0;
}

void filter_paths_done(struct filter_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        for (size_t j = 0; j < paths->at[i].count; j++)
            free(paths->at[i].steps[j]);
        free(paths->at[i].steps);
    }
    free(paths->at);
}

static bool is_character(char byte) /* and not the rest of one in UTF-8 */
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

/* The last characters stay, if at least as many stand before them. */
static json_t *mask(const json_t *value)
{
    char number[64];
    struct text text = text_from(json_string_value(value), json_string_length(value));
    scoped(buffer_done) struct buffer out = {0};
    size_t kept = 0, at, before = 0;

    if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        text = text_of(number);
    } else if (!json_is_string(value)) {
        return json_string("***");
    }
    for (at = text.len; at > 0 && kept < MASK_KEPT; at--)
        kept += is_character(text.at[at - 1]);
    for (size_t i = 0; i < at; i++)
        before += is_character(text.at[i]);
    if (before < MASK_KEPT)
        at = text.len;
    for (size_t i = 0; i < at; i++)
        if (is_character(text.at[i]))
            buffer_add_char(&out, '*');
    buffer_add_text(&out, text_skip(text, at));
    return out.len ? json_from_text(buffer_text(&out)) : json_string("");
}

static json_t *hidden(enum filter_action action, const json_t *value)
{
    return action == FILTER_MASK ? mask(value) : json_string("***");
}

static bool apply(const struct filter_path *path, size_t step, json_t *value);

static bool apply_to_member(const struct filter_path *path, size_t step, json_t *object,
                            const char *name, json_t *member)
{
    if (step + 1 < path->count)
        return apply(path, step + 1, member);
    if (path->action == FILTER_REMOVE)
        json_object_del(object, name);
    else
        json_object_set_new(object, name, hidden(path->action, member));
    return true;
}

static bool apply_to_object(const struct filter_path *path, size_t step, json_t *object)
{
    const char *name;
    json_t *member;
    bool is_hidden = false;
    void *next;

    if (strcmp(path->steps[step], "*") != 0) {
        member = json_object_get(object, path->steps[step]);
        return member && apply_to_member(path, step, object, path->steps[step], member);
    }
    json_object_foreach_safe(object, next, name, member)
    {
        is_hidden |= apply_to_member(path, step, object, name, member);
    }
    return is_hidden;
}

static bool apply_to_item(const struct filter_path *path, size_t step, json_t *array, size_t i)
{
    if (step + 1 < path->count)
        return apply(path, step + 1, json_array_get(array, i));
    if (path->action == FILTER_REMOVE)
        json_array_remove(array, i);
    else
        json_array_set_new(array, i, hidden(path->action, json_array_get(array, i)));
    return true;
}

static bool apply_to_array(const struct filter_path *path, size_t step, json_t *array)
{
    size_t count = json_array_size(array);
    bool is_hidden = false;
    int64_t index;

    if (strcmp(path->steps[step], "*") != 0)
        return text_to_int(text_of(path->steps[step]), 0, INT32_MAX, &index) &&
               (size_t)index < count && apply_to_item(path, step, array, (size_t)index);
    if (step + 1 == path->count && path->action == FILTER_REMOVE) {
        json_array_clear(array);
        return count > 0;
    }
    for (size_t i = count; i-- > 0;)
        is_hidden |= apply_to_item(path, step, array, i);
    return is_hidden;
}

static bool apply(const struct filter_path *path, size_t step, json_t *value)
{
    if (json_is_object(value))
        return apply_to_object(path, step, value);
    return json_is_array(value) && apply_to_array(path, step, value);
}

bool filter_paths_apply(const struct filter_paths *paths, json_t *value)
{
    bool is_hidden = false;

    for (size_t i = 0; i < paths->count; i++)
        is_hidden |= apply(&paths->at[i], 0, value);
    return is_hidden;
}
