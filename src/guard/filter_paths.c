/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "guard/filter_priv.h"

#define STEPS_MAX 32

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
        if (ret->count == FILTER_PATHS_MAX)
            return error_set(err, ERROR_INVALID, "%s has more than %d paths", at, FILTER_PATHS_MAX);
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
