/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "http/uri.h"
#include "router/tags.h"

/* TagResource, UntagResource, ListTags. */

/* The function an ARN names. NULL: answered. */
static const struct function *find_resource(struct call *call)
{
    struct text arn = call->path_values[0];
    struct function_name parts;
    struct target target;

    if (!name_parse(arn, NAME_NAMESPACED, &parts) || !text_starts(arn, TEXT("arn:")) ||
        text_find_text(arn, TEXT(":function:")) == arn.len) {
        call_fail(call, "NotImplementedException",
                  "Tags are served for functions only, not for %.*s yet.", TEXT_ARG(arn));
        return NULL;
    }
    if (text_is_set(parts.qualifier)) {
        call_fail(call, "InvalidParameterValueException",
                  "Tags on function aliases and versions are not supported. Please specify a "
                  "function ARN.");
        return NULL;
    }
    return lambda_read_target(call, arn, TEXT_NONE, &target) ? lambda_find(call, &target) : NULL;
}

static void reply_saved(struct call *call)
{
    call_reply(call, 204);
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

static void tag_resource(struct call *call)
{
    json_t *tags = json_object_get(call->input, "Tags"), *value;
    const char *key;
    size_t key_len;
    const struct function *function = find_resource(call);

    if (!function)
        return;
    if (json_object_size(tags) == 0) {
        call_fail(call, "InvalidParameterValueException",
                  "An error occurred and the request cannot be processed.");
        return;
    }
    if (!lambda_check_tags(call))
        return;
    scoped(function_unref) struct function *changed = lambda_edit(function);
    json_object_keylen_foreach(tags, key, key_len, value)
    {
        function_set_tag(changed, text_from(key, key_len),
                         text_from(json_string_value(value), json_string_length(value)));
    }
    if (changed->tag_count > LIMIT_TAGS) {
        call_fail(call, "InvalidParameterValueException",
                  "Number of tags exceeds resource tag limit.");
        return;
    }
    lambda_save(call, take(changed), reply_saved);
}

static void untag_resource(struct call *call)
{
    struct text rest = call->query, name, value, key;
    const struct function *function = find_resource(call);

    if (!function)
        return;
    struct function *changed = lambda_edit(function);
    while (uri_query_next(&rest, &name, &value))
        if (text_equal(name, TEXT("tagKeys")) && uri_decode(&call->arena, value, true, &key))
            function_remove_tag(changed, key);
    lambda_save(call, changed, reply_saved);
}

static void list_tags(struct call *call)
{
    const struct function *function = find_resource(call);
    struct writer writer = call_writer(call);

    if (!function)
        return;
    write_open(&writer, NULL, '{');
    write_open(&writer, "Tags", '{');
    for (size_t i = 0; i < function->tag_count; i++) {
        write_key(&writer, text_of(function->tags[i].key));
        write_string(&writer, NULL, function->tags[i].value);
    }
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
