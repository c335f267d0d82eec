/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "http/uri.h"
#include "router/tags.h"
#include "source/mapping.h"

/* TagResource, UntagResource, ListTags: of functions and of event source mappings. */

#define MAPPING ":event-source-mapping:"

struct resource {
    const struct function *function; /* or NULL: it is a mapping */
    const char *key;                 /* of the mapping */
    const json_t *document;
};

/* The mapping an ARN names. */
static bool find_mapping(struct call *call, struct text arn, struct resource *ret)
{
    struct text uuid = text_skip(arn, text_find_text(arn, TEXT(MAPPING)) + sizeof MAPPING - 1);
    scoped(free) char *own = lambda_mapping_arn(call, uuid);

    ret->key = lambda_mapping_key(call, uuid);
    if (text_equal(arn, text_of(own)) &&
        strcmp(mappings_state(call->api->mappings, text_of(ret->key)), "Deleting") != 0)
        ret->document = mappings_find(call->api->mappings, text_of(ret->key));
    if (!ret->document)
        call_fail(call, "ResourceNotFoundException", "Event source mapping not found: %.*s",
                  TEXT_ARG(arn));
    return ret->document;
}

/* What an ARN names. False: answered. */
static bool find_resource(struct call *call, struct resource *ret)
{
    struct text arn = call->path_values[0];
    struct function_name parts;
    struct target target;

    *ret = (struct resource){0};
    if (text_find_text(arn, TEXT(MAPPING)) < arn.len)
        return find_mapping(call, arn, ret);
    if (!name_parse(arn, NAME_NAMESPACED, &parts) || !text_starts(arn, TEXT("arn:")) ||
        text_find_text(arn, TEXT(":function:")) == arn.len) {
        call_fail(call, "NotImplementedException",
                  "Tags are served for functions and event source mappings only, not for %.*s yet.",
                  TEXT_ARG(arn));
        return false;
    }
    if (text_is_set(parts.qualifier)) {
        call_fail(call, "InvalidParameterValueException",
                  "Tags on function aliases and versions are not supported. Please specify a "
                  "function ARN.");
        return false;
    }
    ret->function =
        lambda_read_target(call, arn, TEXT_NONE, &target) ? lambda_find(call, &target) : NULL;
    return ret->function;
}

static void reply_saved(struct call *call)
{
    call_reply(call, 204);
}

static bool check_count(struct call *call, size_t count)
{
    if (count <= LIMIT_TAGS)
        return true;
    call_fail(call, "InvalidParameterValueException", "Number of tags exceeds resource tag limit.");
    return false;
}

bool lambda_check_tags(struct call *call)
{
    const json_t *accepts = json_object_get(json_object_get(call->input, "Tags"), "accepts");
    struct error err;

    if (!accepts ||
        tags_check_accepts(text_from(json_string_value(accepts), json_string_length(accepts)),
                           &err) == 0)
        return true;
    call_fail(call, "InvalidParameterValueException", "The tag 'accepts': %s.", err.text);
    return false;
}

/* --- of a mapping: an object in its document --- */

struct tagging {
    struct call *call;
    struct mappings_change change;
};

static void on_tagged(struct mappings_change *change, bool failed, const struct error *err)
{
    struct call *call = container_of(change, struct tagging, change)->call;

    if (failed)
        call_fail_error(call, err);
    else
        reply_saved(call);
}

/* Takes tags. */
static void save_mapping(struct call *call, const struct resource *mapping, json_t *tags)
{
    struct tagging *tagging = arena_zalloc(&call->arena, sizeof *tagging);
    json_t *document = json_copy((json_t *)(uintptr_t)mapping->document);

    json_object_set_new(document, "tags", tags);
    tagging->call = call;
    tagging->change.done = on_tagged;
    mappings_put(call->api->mappings, text_of(mapping->key), document, &tagging->change);
}

/* A copy to be changed. */
static json_t *tags_of(const struct resource *mapping)
{
    const json_t *tags = json_object_get(mapping->document, "tags");

    return tags ? json_deep_copy(tags) : json_object();
}

static void tag_mapping(struct call *call, const struct resource *mapping, json_t *given)
{
    scoped(json_decref) json_t *tags = tags_of(mapping);

    json_object_update(tags, given);
    if (check_count(call, json_object_size(tags)))
        save_mapping(call, mapping, take(tags));
}

bool lambda_mapping_tags(struct call *call, json_t *document)
{
    json_t *tags = json_object_get(call->input, "Tags");

    if (!check_count(call, json_object_size(tags)))
        return false;
    if (json_object_size(tags) > 0)
        json_object_set_new(document, "tags", json_deep_copy(tags));
    return true;
}

/* --- actions --- */

static void tag_function(struct call *call, const struct function *function, json_t *tags)
{
    const char *key;
    size_t key_len;
    json_t *value;

    if (!lambda_check_tags(call))
        return;
    scoped(function_unref) struct function *changed = lambda_edit(function);
    json_object_keylen_foreach(tags, key, key_len, value)
    {
        function_set_tag(changed, text_from(key, key_len),
                         text_from(json_string_value(value), json_string_length(value)));
    }
    if (check_count(call, changed->tag_count))
        lambda_save(call, take(changed), reply_saved);
}

static void tag_resource(struct call *call)
{
    json_t *tags = json_object_get(call->input, "Tags");
    struct resource resource;

    if (!find_resource(call, &resource))
        return;
    if (json_object_size(tags) == 0)
        call_fail(call, "InvalidParameterValueException",
                  "An error occurred and the request cannot be processed.");
    else if (resource.function)
        tag_function(call, resource.function, tags);
    else
        tag_mapping(call, &resource, tags);
}

static void untag_resource(struct call *call)
{
    struct text rest = call->query, name, value, key;
    struct resource resource;

    if (!find_resource(call, &resource))
        return;
    struct function *changed = resource.function ? lambda_edit(resource.function) : NULL;
    json_t *tags = changed ? NULL : tags_of(&resource);
    while (uri_query_next(&rest, &name, &value)) {
        if (!text_equal(name, TEXT("tagKeys")) || !uri_decode(&call->arena, value, true, &key))
            continue;
        if (changed)
            function_remove_tag(changed, key);
        else
            (void)json_object_deln(tags, key.at, key.len);
    }
    if (changed)
        lambda_save(call, changed, reply_saved);
    else
        save_mapping(call, &resource, tags);
}

static void write_function_tags(struct writer *writer, const struct function *function)
{
    for (size_t i = 0; i < function->tag_count; i++) {
        write_key(writer, text_of(function->tags[i].key));
        write_string(writer, NULL, function->tags[i].value);
    }
}

static void write_mapping_tags(struct writer *writer, const struct resource *mapping)
{
    scoped(json_decref) json_t *tags = tags_of(mapping);
    const char *key;
    size_t key_len;
    json_t *value;

    json_object_keylen_foreach(tags, key, key_len, value)
    {
        write_key(writer, text_from(key, key_len));
        write_text(writer, NULL, text_from(json_string_value(value), json_string_length(value)));
    }
}

static void list_tags(struct call *call)
{
    struct writer writer = call_writer(call);
    struct resource resource;

    if (!find_resource(call, &resource))
        return;
    write_open(&writer, NULL, '{');
    write_open(&writer, "Tags", '{');
    if (resource.function)
        write_function_tags(&writer, resource.function);
    else
        write_mapping_tags(&writer, &resource);
    write_close(&writer, '}');
    write_close(&writer, '}');
    call_reply(call, 200);
}

#define RESOURCE_PATTERN                                                                         \
    "arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:" \
    "(function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|"             \
    "code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-"   \
    "[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)"
#define TAG_PATTERN "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)"
#define ROW_RESOURCE                                                               \
    {                                                                              \
        PARAM_PATH, PARAM_STRING, "Resource", "resource",                          \
            .required = true, .min = 1, .max = 10000, .pattern = RESOURCE_PATTERN, \
            .matches = name_is_taggable                                            \
    }

static const struct param tag_value = {PARAM_BODY,
                                       PARAM_STRING,
                                       "",
                                       "",
                                       .max = 256,
                                       .pattern = TAG_PATTERN,
                                       .matches = name_is_tag_text};
const struct param lambda_tags_params[] = {
    {PARAM_BODY, PARAM_MAP, "Tags", "tags", .members = &tag_value, .key_matches = name_is_tag_key,
     .key_pattern = TAG_PATTERN},
    {0},
};
static const struct param tag_params[] = {
    ROW_RESOURCE,
    {PARAM_BODY, PARAM_MAP, "Tags", "tags", .required = true, .members = &tag_value,
     .key_matches = name_is_tag_key, .key_pattern = TAG_PATTERN},
    {0},
};
static const struct param untag_params[] = {
    ROW_RESOURCE,
    {PARAM_QUERY, PARAM_STRING, "tagKeys", "tagKeys", .required = true, .min = 1, .max = 128,
     .pattern = TAG_PATTERN, .matches = name_is_tag_text},
    {0},
};
static const struct param list_params[] = {ROW_RESOURCE, {0}};

#define PATH_TAGS "/2017-03-31/tags/{Resource}"

const struct action lambda_tag_actions[] = {
    {"TagResource", LAMBDA, METHOD_POST, PATH_TAGS, BODY_JSON, API_JSON_MAX, ACCESS_SIGNED,
     PLACE_CONTROL, tag_params, tag_resource, NULL},
    {"UntagResource", LAMBDA, METHOD_DELETE, PATH_TAGS, BODY_NONE, 0, ACCESS_SIGNED, PLACE_CONTROL,
     untag_params, untag_resource, NULL},
    {"ListTags", LAMBDA, METHOD_GET, PATH_TAGS, BODY_NONE, 0, ACCESS_SIGNED, PLACE_CONTROL,
     list_params, list_tags, NULL},
    {0},
};
