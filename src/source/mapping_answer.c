/* SPDX-License-Identifier: Apache-2.0 */
#include "source/mapping_priv.h"

#include "base/json.h"

/*
 * What a function says of single messages: {"batchItemFailures": [{"itemIdentifier": ID}]}.
 * Nothing, null, {} and an empty list mean that all went well; what cannot be understood, or
 * names a message that is not of the batch, means that nothing did.
 */

static bool mark(const json_t *failure, const struct text *ids, size_t count, bool *failed)
{
    struct text id = json_text(failure, "itemIdentifier");
    bool is_known = false;

    for (size_t i = 0; i < count && id.len > 0; i++)
        if (text_equal(ids[i], id))
            is_known = failed[i] = true;
    return is_known;
}

bool answer_failures(struct text answer, const struct text *ids, size_t count, bool *failed)
{
    struct error err;
    size_t index;
    json_t *failure;

    if (answer.len == 0)
        return true;
    scoped(json_decref) json_t *json = json_parse(answer, &err);
    if (json_is_null(json))
        return true;
    if (!json_is_object(json))
        return false;
    json_t *failures = json_object_get(json, "batchItemFailures");
    if (!failures || json_is_null(failures))
        return true;
    if (!json_is_array(failures))
        return false;
    json_array_foreach(failures, index, failure)
    {
        if (!mark(failure, ids, count, failed))
            return false;
    }
    return true;
}
