/* SPDX-License-Identifier: Apache-2.0 */
#include "api/writer.h"

static void begin(struct writer *writer, const char *key)
{
    if (writer->after_value)
        buffer_add_char(writer->out, ',');
    writer->after_value = true;
    if (!key)
        return;
    buffer_add_json(writer->out, text_of(key));
    buffer_add_char(writer->out, ':');
}

void write_open(struct writer *writer, const char *key, char bracket)
{
    begin(writer, key);
    buffer_add_char(writer->out, bracket);
    writer->after_value = false;
}

void write_close(struct writer *writer, char bracket)
{
    buffer_add_char(writer->out, bracket);
    writer->after_value = true;
}

void write_text(struct writer *writer, const char *key, struct text value)
{
    begin(writer, key);
    buffer_add_json(writer->out, value);
}

void write_string(struct writer *writer, const char *key, const char *value)
{
    write_text(writer, key, text_of(value));
}

void write_string_if(struct writer *writer, const char *key, const char *value)
{
    if (*value)
        write_string(writer, key, value);
}

void write_int(struct writer *writer, const char *key, int64_t value)
{
    begin(writer, key);
    buffer_add_int(writer->out, value);
}

void write_bool(struct writer *writer, const char *key, bool value)
{
    write_json(writer, key, value ? TEXT("true") : TEXT("false"));
}

void write_strings(struct writer *writer, const char *key, char *const *values, size_t count)
{
    write_open(writer, key, '[');
    for (size_t i = 0; i < count; i++)
        write_string(writer, NULL, values[i]);
    write_close(writer, ']');
}

void write_json(struct writer *writer, const char *key, struct text json)
{
    begin(writer, key);
    buffer_add_text(writer->out, json);
}

void write_key(struct writer *writer, struct text key)
{
    begin(writer, NULL);
    buffer_add_json(writer->out, key);
    buffer_add_char(writer->out, ':');
    writer->after_value = false;
}
