/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/scoped.h"
#include "http/sigv4_priv.h"
#include "http/uri.h"

/* Decoded and encoded again, so that only one form is left of each text. */
static struct text encode_again(struct text text, struct arena *arena)
{
    scoped(buffer_done) struct buffer out = {0};

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        int high = c == '%' && i + 2 < text.len ? text_hex_digit(text.at[i + 1]) : -1;
        int low = high >= 0 ? text_hex_digit(text.at[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        }
        uri_encode(&out, text_from(&c, 1), false);
    }
    return arena_copy(arena, buffer_text(&out));
}

struct pair {
    struct text name, value;
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *left = a, *right = b;
    int order = text_compare(left->name, right->name);

    return order ? order : text_compare(left->value, right->value);
}

static struct pair *read_pairs(struct text query, enum query_form form, struct arena *arena,
                               size_t *ret_count)
{
    struct pair *pairs = arena_alloc(arena, (query.len / 2 + 1) * sizeof *pairs);
    struct text name, value;

    *ret_count = 0;
    while (uri_query_next(&query, &name, &value)) {
        if (text_equal(name, TEXT("X-Amz-Signature")))
            continue;
        struct pair *pair = &pairs[(*ret_count)++];
        *pair = (struct pair){name, value};
        if (form == QUERY_ENCODED)
            *pair = (struct pair){encode_again(name, arena), encode_again(value, arena)};
    }
    qsort(pairs, *ret_count, sizeof *pairs, compare_pairs);
    return pairs;
}

static void add_query(struct buffer *out, struct text query, enum query_form form,
                      struct arena *arena)
{
    size_t count;
    const struct pair *pairs = read_pairs(query, form, arena, &count);

    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_add_char(out, '&');
        buffer_add_text(out, pairs[i].name);
        buffer_add_char(out, '=');
        buffer_add_text(out, pairs[i].value);
    }
}

/* Without empty and dot segments; "/" at the end stays. */
static void normalise(struct buffer *out, struct text path)
{
    struct text rest = path, segment;

    buffer_add_char(out, '/');
    while (uri_segment_next(&rest, &segment)) {
        if (segment.len == 0 || text_equal(segment, TEXT(".")))
            continue;
        if (!text_equal(segment, TEXT(".."))) {
            buffer_add_text(out, segment);
            buffer_add_char(out, '/');
            continue;
        }
        if (out->len > 1)
            out->len--;
        while (out->at[out->len - 1] != '/')
            out->len--;
    }
    if (out->len > 1 && path.at[path.len - 1] != '/')
        out->len--;
}

/* Every service but S3 normalises the path as it came and encodes it once more. */
static void add_path(struct buffer *out, struct text path, struct text service)
{
    scoped(buffer_done) struct buffer normal = {0};

    if (text_equal(service, TEXT("s3"))) {
        buffer_add_text(out, path);
        return;
    }
    normalise(&normal, path);
    uri_encode(out, buffer_text(&normal), true);
}

/* Trimmed already; inner runs of blanks become one. */
static void add_value(struct buffer *out, struct text value)
{
    for (size_t i = 0; i < value.len; i++) {
        bool blank = value.at[i] == ' ' || value.at[i] == '\t';
        bool next_blank = i + 1 < value.len && (value.at[i + 1] == ' ' || value.at[i + 1] == '\t');
        if (!blank)
            buffer_add_char(out, value.at[i]);
        else if (!next_blank)
            buffer_add_char(out, ' ');
    }
}

static void add_header(struct buffer *out, struct text name, const struct http_field *fields,
                       size_t count)
{
    bool first = true;

    buffer_add_text(out, name);
    buffer_add_char(out, ':');
    for (size_t i = 0; i < count; i++) {
        if (!text_equal(fields[i].name, name))
            continue;
        if (!first)
            buffer_add_char(out, ',');
        first = false;
        add_value(out, text_trim(fields[i].value));
    }
    buffer_add_char(out, '\n');
}

static void add_canonical(struct buffer *out, const struct canonical *canonical,
                          enum query_form form, struct arena *arena)
{
    struct text rest = canonical->signed_headers, name;

    buffer_add_text(out, canonical->method);
    buffer_add_char(out, '\n');
    add_path(out, canonical->path, canonical->service);
    buffer_add_char(out, '\n');
    add_query(out, canonical->query, form, arena);
    buffer_add_char(out, '\n');
    while (text_split(&rest, ';', &name))
        add_header(out, name, canonical->fields, canonical->field_count);
    buffer_add_char(out, '\n');
    buffer_add_text(out, canonical->signed_headers);
    buffer_add_char(out, '\n');
    buffer_add_text(out, canonical->body_sha256);
}

void sigv4_add_hash(struct buffer *out, struct text data)
{
    uint8_t hash[SHA256_LEN];
    char hex[SIGV4_HEX_LEN + 1];

    crypto_sha256(data, hash);
    crypto_hex(hash, sizeof hash, hex);
    buffer_add(out, hex, SIGV4_HEX_LEN);
}

static void chain(uint8_t key[static SHA256_LEN], struct text data)
{
    crypto_hmac_sha256(text_from(key, SHA256_LEN), data, key);
}

static void derive_key(struct text secret, const struct signing_scope *scope,
                       uint8_t key[static SHA256_LEN])
{
    scoped(buffer_done) struct buffer first = {0};

    buffer_add_literal(&first, "AWS4");
    buffer_add_text(&first, secret);
    crypto_hmac_sha256(buffer_text(&first), scope->date, key);
    chain(key, scope->region);
    chain(key, scope->service);
    chain(key, TEXT(SIGV4_TERMINATOR));
}

void sigv4_sign_canonical(const struct canonical *canonical, enum query_form form,
                          const struct signing_scope *scope, struct text secret,
                          struct arena *arena, char signature[static SIGV4_HEX_LEN + 1])
{
    scoped(buffer_done) struct buffer request = {0}, to_sign = {0};
    uint8_t key[SHA256_LEN];

    add_canonical(&request, canonical, form, arena);
    buffer_add_format(&to_sign, SIGV4_ALGORITHM "\n%.*s\n%.*s/%.*s/%.*s/" SIGV4_TERMINATOR "\n",
                      TEXT_ARG(scope->timestamp), TEXT_ARG(scope->date), TEXT_ARG(scope->region),
                      TEXT_ARG(scope->service));
    sigv4_add_hash(&to_sign, buffer_text(&request));
    derive_key(secret, scope, key);
    chain(key, buffer_text(&to_sign));
    crypto_hex(key, sizeof key, signature);
}
