/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_digest.h"

#include <endian.h>

#include "base/json.h"

void queue_digest_body(struct text body, char out[static QUEUE_DIGEST_LEN + 1])
{
    uint8_t digest[MD5_LEN];

    crypto_md5(body, digest);
    crypto_hex(digest, sizeof digest, out);
}

static int by_name(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

struct text *queue_digest_names(const json_t *attributes, struct arena *arena, size_t *ret_count)
{
    struct text *names = arena_alloc(arena, (json_object_size(attributes) + 1) * sizeof *names);
    const char *key;
    size_t key_len;
    json_t *value;
    size_t count = 0;

    json_object_keylen_foreach((json_t *)(uintptr_t)attributes, key, key_len, value)
    {
        names[count++] = text_from(key, key_len);
    }
    qsort(names, count, sizeof *names, by_name);
    *ret_count = count;
    return names;
}

static void add_counted(struct buffer *out, struct text text)
{
    uint32_t len = htobe32((uint32_t)text.len);

    buffer_add(out, &len, sizeof len);
    buffer_add_text(out, text);
}

static void add_attribute(struct buffer *out, struct text name, const json_t *attribute)
{
    struct text type = json_text(attribute, "DataType");
    bool is_binary = text_starts(type, TEXT("Binary"));
    scoped(buffer_done) struct buffer value = {0};

    add_counted(out, name);
    add_counted(out, type);
    buffer_add_char(out, is_binary ? 2 : 1);
    if (is_binary)
        (void)crypto_unbase64(json_text(attribute, "BinaryValue"), &value);
    else
        buffer_add_text(&value, json_text(attribute, "StringValue"));
    add_counted(out, buffer_text(&value));
}

bool queue_digest_attributes(const json_t *attributes,
                             bool (*is_wanted)(const void *arg, struct text name), const void *arg,
                             char out[static QUEUE_DIGEST_LEN + 1])
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer text = {0};
    size_t count;
    const struct text *names = queue_digest_names(attributes, &arena, &count);

    for (size_t i = 0; i < count; i++)
        if (!is_wanted || is_wanted(arg, names[i]))
            add_attribute(&text, names[i], json_object_getn(attributes, names[i].at, names[i].len));
    if (text.len == 0)
        return false;
    queue_digest_body(buffer_text(&text), out);
    return true;
}
