/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"

#include "http/uri.h"

/* TagResource, UntagResource, GetTags: of APIs, stages and domain names, by
 * "arn:aws:apigateway:REGION::/apis/ID", ".../apis/ID/stages/NAME", ".../domainnames/NAME". */

#define TAG_KEY_MAX 128
#define TAG_VALUE_MAX 256

bool apigateway_take_tags(struct call *call, json_t *tags)
{
    const json_t *given = json_object_get(call->input, "tags");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)given, key, value)
    {
        if (*key == '\0' || strlen(key) > TAG_KEY_MAX ||
            json_string_length(value) > TAG_VALUE_MAX) {
            apigateway_fail(call,
                            "A tag has a key of 1 to %d and a value of at most %d "
                            "characters",
                            TAG_KEY_MAX, TAG_VALUE_MAX);
            return false;
        }
        json_object_set(tags, key, value);
    }
    if (json_object_size(tags) <= LIMIT_TAGS)
        return true;
    apigateway_fail(call, "A resource has at most %d tags", LIMIT_TAGS);
    return false;
}

/* A tagged thing: a copy of its document, and of what in it has the tags. */
struct tagged {
    enum apigateway_kind kind;
    struct text key;
    const json_t *before;
    json_t *document, *part;
};

static json_t *copy_member(json_t *document, const char *name, struct text key)
{
    json_t *value = json_object_get(document, name), *copy;

    if (!value)
        return NULL;
    if (!text_is_set(key)) {
        copy = json_deep_copy(value);
        json_object_set_new(document, name, copy);
        return copy;
    }
    json_t *parts = json_copy(value), *part = json_object_getn(parts, key.at, key.len);
    json_object_set_new(document, name, parts);
    if (!part)
        return NULL;
    copy = json_deep_copy(part);
    json_object_setn_new(parts, key.at, key.len, copy);
    return copy;
}

/* False: answered. Free tagged->document. */
static bool find_tagged(struct call *call, struct tagged *tagged)
{
    struct text arn = call->path_values[0], id, word, stage = TEXT_NONE;
    struct text prefix = text_of(
        arena_format(&call->arena, "arn:aws:apigateway:%.*s::/", TEXT_ARG(call->api->region)));
    struct text rest = text_starts(arn, prefix) ? text_skip(arn, prefix.len) : TEXT_NONE;

    *tagged = (struct tagged){.kind = APIGATEWAY_API};
    if (!text_split(&rest, '/', &word) || !text_split(&rest, '/', &id) ||
        (!text_equal(word, TEXT("apis")) && !text_equal(word, TEXT("domainnames")))) {
        apigateway_fail(call, "Invalid resource ARN specified: '%.*s'", TEXT_ARG(arn));
        return false;
    }
    if (text_equal(word, TEXT("domainnames")))
        tagged->kind = APIGATEWAY_DOMAIN;
    if (text_split(&rest, '/', &word) && text_equal(word, TEXT("stages")))
        stage = rest;
    tagged->key = apigateway_key(call, id);
    tagged->before = apigateway_find(call, tagged->kind, id);
    if (tagged->before) {
        tagged->document = json_copy((json_t *)(uintptr_t)tagged->before);
        tagged->part = tagged->kind == APIGATEWAY_DOMAIN
                           ? copy_member(tagged->document, "domain", TEXT_NONE)
                       : text_is_set(stage) ? copy_member(tagged->document, "stages", stage)
                                            : copy_member(tagged->document, "api", TEXT_NONE);
    }
    if (tagged->part)
        return true;
    json_decref(tagged->document);
    call_fail(call, "NotFoundException", "Unable to find the resource of ARN %.*s", TEXT_ARG(arn));
    return false;
}

static json_t *tags_of(struct tagged *tagged)
{
    json_t *tags = json_object_get(tagged->part, "tags");

    if (!tags) {
        tags = json_object();
        json_object_set_new(tagged->part, "tags", tags);
    }
    return tags;
}

static void save(struct call *call, struct tagged *tagged, int status)
{
    apigateway_save_put(apigateway_save_new(call, status), tagged->kind, tagged->key,
                        tagged->document);
}

static void tag_resource(struct call *call)
{
    struct tagged tagged;

    if (!find_tagged(call, &tagged))
        return;
    if (!apigateway_take_tags(call, tags_of(&tagged))) {
        json_decref(tagged.document);
        return;
    }
    buffer_add_literal(&call->answer, "{}");
    save(call, &tagged, 201);
}

static void untag_resource(struct call *call)
{
    struct text rest = call->query, name, value, key;
    struct tagged tagged;

    if (!find_tagged(call, &tagged))
        return;
    while (uri_query_next(&rest, &name, &value))
        if (text_equal(name, TEXT("tagKeys")) && uri_decode(&call->arena, value, true, &key))
            json_object_deln(tags_of(&tagged), key.at, key.len);
    save(call, &tagged, 204);
}

static void get_tags(struct call *call)
{
    struct writer writer = call_writer(call);
    struct tagged tagged;

    if (!find_tagged(call, &tagged))
        return;
    write_open(&writer, NULL, '{');
    apigateway_write(&writer, "tags", tags_of(&tagged));
    write_close(&writer, '}');
    json_decref(tagged.document);
    call_reply(call, 200);
}

/* clang-format off */
static const struct param tag_params[] = {
    {PARAM_BODY, PARAM_MAP, "tags", "tags", true, .members = &apigateway_text_row}, {0}};
static const struct param untag_params[] = {
    {PARAM_QUERY, PARAM_STRING, "tagKeys", "tagKeys", true}, {0}};

#define PATH "/v2/tags/{resource-arn}"
const struct action apigateway_tag_actions[] = {
    APIGATEWAY_POST("TagResource", PATH, tag_params, tag_resource),
    APIGATEWAY_DELETE("UntagResource", PATH, untag_params, untag_resource),
    APIGATEWAY_GET("GetTags", PATH, apigateway_path_params, get_tags),
    {0},
};
/* clang-format on */
