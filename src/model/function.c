/* SPDX-License-Identifier: Apache-2.0 */
#include "model/function.h"

#include "base/mem.h"
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
    share_versions(copy, function);
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
    for (size_t i = 0; i < function->version_count; i++)
        version_unref(function->versions[i]);
    free(function->versions);
    for (size_t i = 0; i < function->permission_count; i++)
        fields_done(permission_fields, &function->permissions[i]);
    free(function->permissions);
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

const struct version *function_version(const struct function *function, struct text qualifier)
{
    if (!qualifier.len || text_equal(qualifier, TEXT("$LATEST")))
        return function->latest;
    for (size_t i = 0; i < function->version_count; i++)
        if (text_equal(text_of(function->versions[i]->number), qualifier))
            return function->versions[i];
    return NULL;
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
