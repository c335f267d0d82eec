/* SPDX-License-Identifier: Apache-2.0 */
#include "model/directory.h"

/* Maps hold plain pointers; what they point to is only read. */
static void *value_of(const struct function *function)
{
    return (void *)(uintptr_t)function;
}

static void forget_url(struct directory *directory, const struct function *function,
                       const struct function_url *url)
{
    struct text id = text_of(url->id);

    if (id.len && map_find(&directory->by_url, id) == function)
        map_remove(&directory->by_url, id);
}

static void forget_urls(struct directory *directory, const struct function *function)
{
    forget_url(directory, function, &function->url);
    for (size_t i = 0; i < function->alias_count; i++)
        forget_url(directory, function, &function->aliases[i].url);
}

static void put_url(struct directory *directory, const struct function *function,
                    const struct function_url *url)
{
    if (url->id[0])
        map_put(&directory->by_url, text_of(url->id), value_of(function));
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
        forget_urls(directory, old);
        route_claims_remove(&directory->routes, old);
    }
    put_url(directory, function, &function->url);
    for (size_t i = 0; i < function->alias_count; i++)
        put_url(directory, function, &function->aliases[i].url);
    route_claims_put(&directory->routes, function);
    function_unref(old);
}

void directory_remove(struct directory *directory, struct text key)
{
    const struct function *old = map_remove(&directory->by_key, key);

    if (old) {
        forget_urls(directory, old);
        route_claims_remove(&directory->routes, old);
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

const struct function *directory_find_key(const struct directory *directory, struct text key,
                                          uint64_t hash)
{
    return map_find_hashed(&directory->by_key, key, hash);
}

const struct function *directory_find_url(const struct directory *directory, struct text url_id)
{
    return map_find(&directory->by_url, url_id);
}

void directory_done(struct directory *directory)
{
    struct map_cursor cursor = {0};

    while (map_next(&directory->by_key, &cursor)) {
        route_claims_remove(&directory->routes, cursor.value);
        function_unref(cursor.value);
    }
    map_done(&directory->by_key);
    map_done(&directory->by_url);
    route_claims_done(&directory->routes);
    *directory = (struct directory){0};
}
