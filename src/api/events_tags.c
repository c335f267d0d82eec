/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

/* TagResource, UntagResource, ListTagsForResource: of buses and rules. */

static const struct param tag_rows[] = {
    ROW_TEXT_NEEDED("Key", "key", 1, 128),
    {PARAM_BODY, PARAM_STRING, "Value", "value", .required = true, .max = 256},
    {0},
};
const struct param events_tag_row = {PARAM_BODY, PARAM_OBJECT,        "",
                                     "",         .members = tag_rows, .java_name = "Tag"};

bool events_take_tags(struct call *call, json_t *document)
{
    const json_t *before = json_object_get(document, "Tags"), *tag;
    json_t *tags = before ? json_deep_copy(before) : json_object();
    size_t index;

    json_array_foreach(json_object_get(call->input, "Tags"), index, tag)
    {
        struct text key = json_text(tag, "Key");
        json_object_setn_new(tags, key.at, key.len, json_from_text(json_text(tag, "Value")));
    }
    size_t count = json_object_size(tags);
    json_object_set_new(document, "Tags", tags);
    if (count <= LIMIT_TAGS)
        return true;
    call_fail(call, "LimitExceededException",
              "The requested resource exceeds the maximum number allowed.");
    return false;
}

struct resource {
    enum buses_kind kind;
    struct text key;
    const json_t *document;
};

/* "event-bus/BUS", "rule/RULE" and "rule/BUS/RULE". False: answered. */
static bool find_resource(struct call *call, struct resource *ret)
{
    struct text arn = call_input(call, "ResourceARN");
    struct text bus = events_resource(arn, "event-bus"), rule = events_resource(arn, "rule");

    if (text_is_set(bus)) {
        *ret = (struct resource){BUSES_BUS, events_key(call, bus), events_find_bus(call, bus)};
        return ret->document != NULL;
    }
    if (!text_is_set(rule)) {
        events_fail_invalid(call, "Parameter ResourceARN is not valid. Reason: Evoke tags event "
                                  "buses and rules.");
        return false;
    }
    size_t slash = text_find(rule, '/');
    bus = slash < rule.len ? text_slice(rule, 0, slash) : EVENTS_DEFAULT;
    rule = slash < rule.len ? text_skip(rule, slash + 1) : rule;
    *ret = (struct resource){BUSES_RULE, events_rule_key(call, bus, rule),
                             events_find_rule(call, bus, rule)};
    return ret->document != NULL;
}

static void tag_resource(struct call *call)
{
    struct resource resource;

    if (!find_resource(call, &resource))
        return;
    scoped(json_decref) json_t *changed = json_copy((json_t *)(uintptr_t)resource.document);
    if (events_take_tags(call, changed))
        events_save(call, resource.kind, resource.key, take(changed), events_reply_empty);
}

static void untag_resource(struct call *call)
{
    struct resource resource;
    const json_t *key;
    size_t index;

    if (!find_resource(call, &resource))
        return;
    json_t *changed = json_copy((json_t *)(uintptr_t)resource.document);
    json_t *tags = json_deep_copy(json_object_get(changed, "Tags"));
    json_array_foreach(json_object_get(call->input, "TagKeys"), index, key)
    {
        json_object_deln(tags, json_string_value(key), json_string_length(key));
    }
    if (tags)
        json_object_set_new(changed, "Tags", tags);
    events_save(call, resource.kind, resource.key, changed, events_reply_empty);
}

static void list_tags(struct call *call)
{
    struct resource resource;
    struct writer writer = call_writer(call);
    const char *key;
    size_t key_len;
    json_t *value;

    if (!find_resource(call, &resource))
        return;
    write_open(&writer, NULL, '{');
    write_open(&writer, "Tags", '[');
    json_object_keylen_foreach(json_object_get(resource.document, "Tags"), key, key_len, value)
    {
        write_open(&writer, NULL, '{');
        write_text(&writer, "Key", text_from(key, key_len));
        write_text(&writer, "Value",
                   text_from(json_string_value(value), json_string_length(value)));
        write_close(&writer, '}');
    }
    write_close(&writer, ']');
    write_close(&writer, '}');
    call_reply(call, 200);
}

#define ROW_RESOURCE ROW_TEXT_NEEDED("ResourceARN", "resourceARN", 1, 1600)

static const struct param key_row = {PARAM_BODY, PARAM_STRING, "", "", .min = 1, .max = 128};
static const struct param tag_resource_rows[] = {
    ROW_RESOURCE,
    {PARAM_BODY, PARAM_LIST, "Tags", "tags", .required = true, .members = &events_tag_row},
    {0},
};
static const struct param untag_rows[] = {
    ROW_RESOURCE,
    {PARAM_BODY, PARAM_LIST, "TagKeys", "tagKeys", .required = true, .members = &key_row},
    {0},
};
static const struct param list_rows[] = {ROW_RESOURCE, {0}};

const struct action events_tag_actions[] = {
    {"TagResource", EVENTS, PLACE_CONTROL, tag_resource_rows, tag_resource, NULL},
    {"UntagResource", EVENTS, PLACE_CONTROL, untag_rows, untag_resource, NULL},
    {"ListTagsForResource", EVENTS, PLACE_CONTROL, list_rows, list_tags, NULL},
    {0},
};
