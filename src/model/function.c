/* SPDX-License-Identifier: Apache-2.0 */
#include "model/function.h"

#include "base/mem.h"
#include "model/alias.h"
#include "model/field_priv.h"

static struct function *counted(const struct function *function)
{
    return (struct function *)(uintptr_t)function;
}

/* A reference to keep in a snapshot, whose members are not const for its maker. */
static struct version *share(const struct version *version)
{
    return version ? (struct version *)(uintptr_t)version_ref(version) : NULL;
}

struct function *function_new(void)
{
    struct function *function = mem_new(struct function);

    atomic_init(&function->refs, 1);
    fields_init(function_fields, function);
    fields_init(url_fields, &function->url);
    fields_init(cors_fields, &function->url.cors);
    return function;
}

static void copy_permissions(struct function *copy, const struct function *function)
{
    if (!function->permission_count)
        return;
    copy->permissions = mem_zalloc(function->permission_count * sizeof *copy->permissions);
    copy->permission_count = function->permission_count;
    for (size_t i = 0; i < function->permission_count; i++)
        fields_copy(permission_fields, &copy->permissions[i], &function->permissions[i]);
}

static void copy_event_invokes(struct function *copy, const struct function *function)
{
    if (!function->event_invoke_count)
        return;
    copy->event_invokes = mem_zalloc(function->event_invoke_count * sizeof *copy->event_invokes);
    copy->event_invoke_count = function->event_invoke_count;
    for (size_t i = 0; i < function->event_invoke_count; i++)
        fields_copy(event_invoke_fields, &copy->event_invokes[i], &function->event_invokes[i]);
}

static void copy_aliases(struct function *copy, const struct function *function)
{
    if (!function->alias_count)
        return;
    copy->aliases = mem_zalloc(function->alias_count * sizeof *copy->aliases);
    copy->alias_count = function->alias_count;
    for (size_t i = 0; i < function->alias_count; i++)
        alias_copy(&copy->aliases[i], &function->aliases[i]);
}

static void share_versions(struct function *copy, const struct function *function)
{
    copy->latest = share(function->latest);
    if (!function->version_count)
        return;
    copy->versions = mem_alloc(function->version_count * sizeof *copy->versions);
    copy->version_count = function->version_count;
    for (size_t i = 0; i < function->version_count; i++)
        copy->versions[i] = share(function->versions[i]);
}

struct function *function_edit(const struct function *function)
{
    struct function *copy = function_new();

    fields_copy(function_fields, copy, function);
    fields_copy(url_fields, &copy->url, &function->url);
    fields_copy(cors_fields, &copy->url.cors, &function->url.cors);
    copy_permissions(copy, function);
    copy_event_invokes(copy, function);
    copy_aliases(copy, function);
    share_versions(copy, function);
    copy->guarded = guarded_ref(function->guarded);
    return copy;
}

const struct function *function_ref(const struct function *function)
{
    atomic_fetch_add_explicit(&counted(function)->refs, 1, memory_order_relaxed);
    return function;
}

static void free_function(struct function *function)
{
    version_unref(function->latest);
    guarded_unref(function->guarded);
    for (size_t i = 0; i < function->version_count; i++)
        version_unref(function->versions[i]);
    free(function->versions);
    for (size_t i = 0; i < function->permission_count; i++)
        fields_done(permission_fields, &function->permissions[i]);
    free(function->permissions);
    for (size_t i = 0; i < function->event_invoke_count; i++)
        fields_done(event_invoke_fields, &function->event_invokes[i]);
    free(function->event_invokes);
    for (size_t i = 0; i < function->alias_count; i++)
        alias_done(&function->aliases[i]);
    free(function->aliases);
    fields_done(cors_fields, &function->url.cors);
    fields_done(url_fields, &function->url);
    fields_done(function_fields, function);
    free(function);
}

void function_unref(const struct function *function)
{
    if (function &&
        atomic_fetch_sub_explicit(&counted(function)->refs, 1, memory_order_acq_rel) == 1)
        free_function(counted(function));
}

void model_set(char **field, struct text value)
{
    char *copy = text_dup(value); /* first: value may lie in *field */

    free(*field);
    *field = copy;
}

void function_set_routes(struct function *function, char *const *routes, size_t count)
{
    for (size_t i = 0; i < function->route_count; i++)
        free(function->routes[i]);
    function->routes = mem_realloc(function->routes, (count + 1) * sizeof *function->routes);
    function->route_count = count;
    for (size_t i = 0; i < count; i++)
        function->routes[i] = mem_strdup(routes[i]);
}

const struct version *function_version(const struct function *function, struct text qualifier)
{
    if (!qualifier.len || text_equal(qualifier, TEXT("$LATEST")))
        return function->latest;
    for (size_t i = 0; i < function->version_count; i++)
        if (text_equal(text_of(function->versions[i]->number), qualifier))
            return function->versions[i];
    const struct alias *alias = alias_find(function, qualifier);
    /* A version is named by a number alone, which no alias is: this ends. */
    return alias ? function_version(function, text_of(alias->version)) : NULL;
}

static struct text qualifier_or_latest(struct text qualifier)
{
    return qualifier.len ? qualifier : TEXT("$LATEST");
}

/* Where it is, or where it belongs. */
static size_t event_invoke_place(const struct function *function, struct text qualifier)
{
    size_t i = 0;

    while (i < function->event_invoke_count &&
           text_compare(text_of(function->event_invokes[i].qualifier), qualifier) < 0)
        i++;
    return i;
}

const struct event_invoke *function_event_invoke(const struct function *function,
                                                 struct text qualifier)
{
    qualifier = qualifier_or_latest(qualifier);
    size_t i = event_invoke_place(function, qualifier);

    return i < function->event_invoke_count &&
                   text_equal(text_of(function->event_invokes[i].qualifier), qualifier)
               ? &function->event_invokes[i]
               : NULL;
}

struct event_invoke *function_set_event_invoke(struct function *function, struct text qualifier)
{
    qualifier = qualifier_or_latest(qualifier);
    size_t at = event_invoke_place(function, qualifier), count = function->event_invoke_count;

    if (function_event_invoke(function, qualifier))
        return &function->event_invokes[at];
    function->event_invokes =
        mem_realloc(function->event_invokes, (count + 1) * sizeof *function->event_invokes);
    struct event_invoke *made = &function->event_invokes[at];
    memmove(made + 1, made, (count - at) * sizeof *made);
    memset(made, 0, sizeof *made);
    fields_init(event_invoke_fields, made);
    model_set(&made->qualifier, qualifier);
    function->event_invoke_count++;
    return made;
}

void function_remove_event_invoke(struct function *function, struct text qualifier)
{
    qualifier = qualifier_or_latest(qualifier);
    size_t at = event_invoke_place(function, qualifier);

    if (!function_event_invoke(function, qualifier))
        return;
    struct event_invoke *gone = &function->event_invokes[at];
    fields_done(event_invoke_fields, gone);
    memmove(gone, gone + 1, (function->event_invoke_count - at - 1) * sizeof *gone);
    function->event_invoke_count--;
}

static struct tag *find_tag(struct function *function, struct text key)
{
    for (size_t i = 0; i < function->tag_count; i++)
        if (text_equal(text_of(function->tags[i].key), key))
            return &function->tags[i];
    return NULL;
}

void function_set_tag(struct function *function, struct text key, struct text value)
{
    struct tag *tag = find_tag(function, key);

    if (tag) {
        model_set(&tag->value, value);
        return;
    }
    function->tags =
        mem_realloc(function->tags, (function->tag_count + 1) * sizeof *function->tags);
    function->tags[function->tag_count++] = (struct tag){text_dup(key), text_dup(value)};
}

void function_remove_tag(struct function *function, struct text key)
{
    struct tag *tag = find_tag(function, key);

    if (!tag)
        return;
    free(tag->key);
    free(tag->value);
    size_t after = function->tag_count - 1 - (size_t)(tag - function->tags);
    memmove(tag, tag + 1, after * sizeof *tag);
    function->tag_count--;
}

char *function_key(struct text account, struct text region, struct text name)
{
    return mem_format("%.*s/%.*s/%.*s", TEXT_ARG(account), TEXT_ARG(region), TEXT_ARG(name));
}
