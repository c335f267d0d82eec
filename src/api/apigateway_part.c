/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"

/* Create, Get, Update and Delete of what an API consists of: a table tells what is of a kind. */

void apigateway_take_members(json_t *document, const json_t *input, const char *const *members,
                             bool keeps_absent)
{
    for (; *members; members++) {
        json_t *value = json_object_get(input, *members);
        if (!value || json_is_null(value))
            continue;
        if (json_is_string(value) && json_string_length(value) == 0 && !keeps_absent)
            json_object_del(document, *members);
        else
            json_object_set_new(document, *members, json_deep_copy(value));
    }
}

/* The one in the path: behind the API, and behind the parent if there is one. */
static struct text id_of(const struct call *call, const struct apigateway_part *part)
{
    return call->path_values[part->parent ? 2 : 1];
}

static bool has_parent(struct call *call, const json_t *document,
                       const struct apigateway_part *part)
{
    if (!part->parent || apigateway_part(document, part->parent_collection, call->path_values[1]))
        return true;
    apigateway_fail_absent(call, part->parent_title, call->path_values[1]);
    return false;
}

static bool is_of_parent(struct call *call, const json_t *document)
{
    return text_equal(json_text(document, "-parent"), call->path_values[1]);
}

/* NULL: answered. */
static const json_t *find(struct call *call, const json_t *document,
                          const struct apigateway_part *part)
{
    const json_t *found;

    if (!has_parent(call, document, part))
        return NULL;
    found = apigateway_part(document, part->collection, id_of(call, part));
    if (found && (!part->parent || is_of_parent(call, found)))
        return found;
    apigateway_fail_absent(call, part->title, id_of(call, part));
    return NULL;
}

/* The API in the path. NULL: answered. */
static const json_t *find_api(struct call *call)
{
    const json_t *document = apigateway_find(call, APIGATEWAY_API, call->path_values[0]);

    if (!document)
        apigateway_fail_absent(call, "API", call->path_values[0]);
    return document;
}

void apigateway_part_create(struct call *call, const struct apigateway_part *part)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};

    if (!apigateway_edit_begin(&edit, call) || !has_parent(call, edit.document, part))
        return;
    json_t *parts = apigateway_edit_parts(&edit, part->collection);
    if (json_object_size(parts) >= part->max) {
        apigateway_fail(call, "Maximum number of %ss for this API has been reached: %zu",
                        part->title, part->max);
        return;
    }
    struct text id = apigateway_new_id(call, APIGATEWAY_PART_ID);
    scoped(json_decref) json_t *made = json_object();
    apigateway_take_members(made, call->input, part->members, false);
    json_object_set_new(made, part->id, json_from_text(id));
    if (part->parent)
        json_object_set_new(made, "-parent", json_from_text(call->path_values[1]));
    if (!part->complete(&edit, NULL, made))
        return;
    json_object_setn(parts, id.at, id.len, made);
    if (part->deploys)
        apigateway_edit_auto_deploy(&edit);
    apigateway_show(call, made);
    apigateway_edit_end(&edit, 201);
}

void apigateway_part_get(struct call *call, const struct apigateway_part *part)
{
    const json_t *document = find_api(call);
    const json_t *found = document ? find(call, document, part) : NULL;

    if (!found)
        return;
    apigateway_show(call, found);
    call_reply(call, 200);
}

void apigateway_part_list(struct call *call, const struct apigateway_part *part)
{
    const json_t *document = find_api(call);

    if (document && has_parent(call, document, part))
        apigateway_reply_parts(call, json_object_get(document, part->collection),
                               part->parent ? is_of_parent : NULL);
}

void apigateway_part_update(struct call *call, const struct apigateway_part *part)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};

    if (!apigateway_edit_begin(&edit, call))
        return;
    const json_t *before = find(call, edit.document, part);
    if (!before)
        return;
    struct text id = id_of(call, part);
    scoped(json_decref) json_t *after = json_deep_copy(before);
    apigateway_take_members(after, call->input, part->members, false);
    if (!part->complete(&edit, before, after))
        return;
    json_object_setn(apigateway_edit_parts(&edit, part->collection), id.at, id.len, after);
    if (part->deploys)
        apigateway_edit_auto_deploy(&edit);
    apigateway_show(call, after);
    apigateway_edit_end(&edit, 200);
}

void apigateway_part_delete(struct call *call, const struct apigateway_part *part)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    struct text id = id_of(call, part);

    if (!apigateway_edit_begin(&edit, call) || !find(call, edit.document, part))
        return;
    if (part->may_delete && !part->may_delete(&edit, id))
        return;
    json_object_deln(apigateway_edit_parts(&edit, part->collection), id.at, id.len);
    if (part->deploys)
        apigateway_edit_auto_deploy(&edit);
    apigateway_edit_end(&edit, 204);
}
