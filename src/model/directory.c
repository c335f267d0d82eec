/* SPDX-License-Identifier: Apache-2.0 */
#include "model/directory.h"

#include "base/mem.h"

/* What stands in keys for the {name+} at the end of a route. */
#define GREEDY "{+}"
#define ROUTE_PREFIX_MAX 512 /* bytes; no route of a function.yaml is longer */

/* Maps hold plain pointers; what they point to is only read. */
static void *value_of(const struct function *function)
{
    return (void *)(uintptr_t)function;
}

static void forget_url(struct directory *directory, const struct function *function)
{
    struct text id = text_of(function->url.id);

    if (id.len && map_find(&directory->by_url, id) == function)
        map_remove(&directory->by_url, id);
}

static char *route_key(const struct function *function)
{
    struct text route = text_of(function->route);
    size_t brace = text_find(route, '{');

    if (brace == route.len)
        return text_dup(route);
    return mem_format("%.*s" GREEDY, (int)brace, route.at);
}

static bool is_before(const struct function *function, const struct function *other)
{
    return strcmp(function->name, other->name) < 0;
}

static void add_route(struct directory *directory, const struct function *function)
{
    if (!function->route[0])
        return;
    scoped(free) char *key = route_key(function);
    const struct function *holder = map_find(&directory->by_route, text_of(key));

    if (!holder || is_before(function, holder))
        map_put(&directory->by_route, text_of(key), value_of(function));
}

/* The route goes to the next function that asked for it, if any. */
static void forget_route(struct directory *directory, const struct function *function)
{
    struct map_cursor cursor = {0};

    if (!function->route[0])
        return;
    scoped(free) char *key = route_key(function);
    if (map_find(&directory->by_route, text_of(key)) != function)
        return;
    map_remove(&directory->by_route, text_of(key));
    while (map_next(&directory->by_key, &cursor)) {
        const struct function *other = cursor.value;
        scoped(free) char *others = other->route[0] ? route_key(other) : NULL;
        if (others && strcmp(others, key) == 0)
            add_route(directory, other);
    }
}

static char *key_of(const struct function *function)
{
    return function_key(text_of(function->account), text_of(function->region),
                        text_of(function->name));
}

void directory_put(struct directory *directory, const struct function *function)
{
    scoped(free) char *key = key_of(function);
    const struct function *old =
        map_put(&directory->by_key, text_of(key), value_of(function_ref(function)));

    if (old) {
        forget_url(directory, old);
        forget_route(directory, old);
    }
    if (function->url.id[0])
        map_put(&directory->by_url, text_of(function->url.id), value_of(function));
    add_route(directory, function);
    function_unref(old);
}

void directory_remove(struct directory *directory, struct text key)
{
    const struct function *old = map_remove(&directory->by_key, key);

    if (old) {
        forget_url(directory, old);
        forget_route(directory, old);
    }
    function_unref(old);
}

static char *append(char *at, struct text text)
{
    if (text.len)
        memcpy(at, text.at, text.len);
    return at + text.len;
}

const struct function *directory_find(const struct directory *directory, struct text account,
                                      struct text region, struct text name)
{
    /* On the path of each request: the key is built on the stack. Longer ones than any
     * that was put are absent. */
    char key[256];
    size_t len = account.len + region.len + name.len + 2;

    if (len > sizeof key)
        return NULL;
    char *at = append(key, account);
    *at++ = '/';
    at = append(at, region);
    *at++ = '/';
    append(at, name);
    return map_find(&directory->by_key, text_from(key, len));
}

const struct function *directory_find_url(const struct directory *directory, struct text url_id)
{
    return map_find(&directory->by_url, url_id);
}

static const struct function *find_greedy(const struct directory *directory, struct text prefix)
{
    char key[ROUTE_PREFIX_MAX + sizeof GREEDY];

    memcpy(key, prefix.at, prefix.len);
    memcpy(key + prefix.len, GREEDY, sizeof GREEDY - 1);
    return map_find(&directory->by_route, text_from(key, prefix.len + sizeof GREEDY - 1));
}

const struct function *directory_find_route(const struct directory *directory, struct text path)
{
    if (directory->by_route.count == 0)
        return NULL;
    const struct function *found = map_find(&directory->by_route, path);

    for (size_t i = path.len; !found && i-- > 0;)
        if (path.at[i] == '/' && i + 1 < path.len && i < ROUTE_PREFIX_MAX)
            found = find_greedy(directory, text_slice(path, 0, i + 1));
    return found;
}

void directory_done(struct directory *directory)
{
    struct map_cursor cursor = {0};

    while (map_next(&directory->by_key, &cursor))
        function_unref(cursor.value);
    map_done(&directory->by_key);
    map_done(&directory->by_url);
    map_done(&directory->by_route);
    *directory = (struct directory){0};
}
