/* SPDX-License-Identifier: Apache-2.0 */
#include "model/alias.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "model/field_priv.h"

void alias_copy(struct alias *copy, const struct alias *alias)
{
    fields_copy(alias_fields, copy, alias);
    fields_copy(url_fields, &copy->url, &alias->url);
    fields_copy(cors_fields, &copy->url.cors, &alias->url.cors);
}

void alias_done(struct alias *alias)
{
    fields_done(cors_fields, &alias->url.cors);
    fields_done(url_fields, &alias->url);
    fields_done(alias_fields, alias);
}

/* Where it is, or where it belongs. */
static size_t place_of(const struct function *function, struct text name)
{
    size_t i = 0;

    while (i < function->alias_count && text_compare(text_of(function->aliases[i].name), name) < 0)
        i++;
    return i;
}

const struct alias *alias_find(const struct function *function, struct text name)
{
    size_t at = place_of(function, name);

    return at < function->alias_count && text_equal(text_of(function->aliases[at].name), name)
               ? &function->aliases[at]
               : NULL;
}

struct alias *alias_put(struct function *function, struct text name)
{
    size_t at = place_of(function, name), count = function->alias_count;

    if (alias_find(function, name))
        return &function->aliases[at];
    function->aliases = mem_realloc(function->aliases, (count + 1) * sizeof *function->aliases);
    struct alias *made = &function->aliases[at];
    memmove(made + 1, made, (count - at) * sizeof *made);
    memset(made, 0, sizeof *made);
    fields_init(alias_fields, made);
    fields_init(url_fields, &made->url);
    fields_init(cors_fields, &made->url.cors);
    model_set(&made->name, name);
    function->alias_count++;
    return made;
}

void alias_remove(struct function *function, struct text name)
{
    size_t at = place_of(function, name);

    if (!alias_find(function, name))
        return;
    struct alias *gone = &function->aliases[at];
    alias_done(gone);
    memmove(gone, gone + 1, (function->alias_count - at - 1) * sizeof *gone);
    function->alias_count--;
}

const struct alias *alias_of_version(const struct function *function, struct text number)
{
    for (size_t i = 0; i < function->alias_count; i++)
        if (text_equal(text_of(function->aliases[i].version), number) ||
            text_equal(text_of(function->aliases[i].other), number))
            return &function->aliases[i];
    return NULL;
}

const struct function_url *alias_url(const struct function *function, struct text qualifier)
{
    const struct alias *alias = qualifier.len > 0 ? alias_find(function, qualifier) : NULL;

    if (qualifier.len == 0)
        return &function->url;
    return alias ? &alias->url : NULL;
}

const struct function_url *alias_of_url(const struct function *function, struct text id,
                                        struct text *ret_qualifier)
{
    *ret_qualifier = TEXT("");
    if (text_equal(text_of(function->url.id), id))
        return &function->url;
    for (size_t i = 0; i < function->alias_count; i++) {
        const struct alias *alias = &function->aliases[i];
        if (!text_equal(text_of(alias->url.id), id))
            continue;
        *ret_qualifier = text_of(alias->name);
        return &alias->url;
    }
    return NULL;
}

const struct version *alias_route(const struct function *function, struct text qualifier)
{
    const struct alias *alias = qualifier.len > 0 ? alias_find(function, qualifier) : NULL;
    uint64_t draw;

    if (!alias || !*alias->other)
        return function_version(function, qualifier);
    crypto_random(&draw, sizeof draw);
    bool is_other = draw % ALIAS_WEIGHT_ALL < (uint64_t)alias->weight;
    return function_version(function, text_of(is_other ? alias->other : alias->version));
}
