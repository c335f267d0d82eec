/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi/yaml_json.h"

#include <yaml.h>

#include "base/json.h"

static int on_write(void *arg, unsigned char *bytes, size_t count)
{
    buffer_add(arg, bytes, count);
    return 1;
}

static void emit(yaml_emitter_t *emitter, yaml_event_t *event)
{
    int done = yaml_emitter_emit(emitter, event);

    assert(done); /* it fails by memory, or by events in a wrong order */
}

static void emit_scalar(yaml_emitter_t *emitter, struct text text, yaml_scalar_style_t style)
{
    yaml_event_t event;

    (void)yaml_scalar_event_initialize(&event, NULL, NULL,
                                       (const unsigned char *)(text.len ? text.at : ""),
                                       (int)text.len, 1, 1, style);
    emit(emitter, &event);
}

/* A key that every reader takes for a text: it begins with a letter or '/', and is no word with
 * a meaning. */
static bool is_plain_key(struct text key)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (text_equal_nocase(key, text_of(words[i])))
            return false;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/';
        if (!letter && (i == 0 || ((c < '0' || c > '9') && !strchr("-_.{}+$", c))))
            return false;
    }
    return key.len > 0;
}

static void emit_value(yaml_emitter_t *emitter, const json_t *json);

static void emit_object(yaml_emitter_t *emitter, const json_t *json)
{
    yaml_event_t event;
    const char *key;
    size_t key_len;
    json_t *value;

    (void)yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                              json_object_size(json) ? YAML_BLOCK_MAPPING_STYLE
                                                                     : YAML_FLOW_MAPPING_STYLE);
    emit(emitter, &event);
    json_object_keylen_foreach((json_t *)(uintptr_t)json, key, key_len, value)
    {
        struct text text = text_from(key, key_len);
        emit_scalar(emitter, text,
                    is_plain_key(text) ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
        emit_value(emitter, value);
    }
    (void)yaml_mapping_end_event_initialize(&event);
    emit(emitter, &event);
}

static void emit_array(yaml_emitter_t *emitter, const json_t *json)
{
    const json_t *item;
    yaml_event_t event;
    size_t index;

    (void)yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                               json_array_size(json) ? YAML_BLOCK_SEQUENCE_STYLE
                                                                     : YAML_FLOW_SEQUENCE_STYLE);
    emit(emitter, &event);
    json_array_foreach(json, index, item)
    {
        emit_value(emitter, item);
    }
    (void)yaml_sequence_end_event_initialize(&event);
    emit(emitter, &event);
}

static void emit_value(yaml_emitter_t *emitter, const json_t *json)
{
    if (json_is_object(json)) {
        emit_object(emitter, json);
    } else if (json_is_array(json)) {
        emit_array(emitter, json);
    } else if (json_is_string(json)) {
        emit_scalar(emitter, text_from(json_string_value(json), json_string_length(json)),
                    YAML_DOUBLE_QUOTED_SCALAR_STYLE);
    } else {
        scoped(free) char *word = json_write(json);
        emit_scalar(emitter, text_of(word), YAML_PLAIN_SCALAR_STYLE);
    }
}

void yaml_write(const json_t *json, struct buffer *out)
{
    yaml_emitter_t emitter;
    yaml_event_t event;

    if (!yaml_emitter_initialize(&emitter))
        abort();
    yaml_emitter_set_output(&emitter, on_write, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    (void)yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    emit(&emitter, &event);
    (void)yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 0);
    emit(&emitter, &event);
    emit_value(&emitter, json);
    (void)yaml_document_end_event_initialize(&event, 1);
    emit(&emitter, &event);
    (void)yaml_stream_end_event_initialize(&event);
    emit(&emitter, &event);
    yaml_emitter_delete(&emitter);
}
