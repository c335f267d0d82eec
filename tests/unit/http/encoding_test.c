/* SPDX-License-Identifier: Apache-2.0 */
#include "decode.h"
#include "test.h"

static struct acceptance choose(const char *accept)
{
    const struct http_field field = {TEXT("accept-encoding"), text_of(accept)};
    const struct http_request request = {.fields = &field, .field_count = accept ? 1 : 0};

    return encoding_choose(&request);
}

TEST(the_coding_is_the_one_the_client_likes_best)
{
    static const struct {
        const char *accept;
        enum coding want;
        bool insists;
    } cases[] = {
        {NULL, CODING_IDENTITY, false},
        {"", CODING_IDENTITY, false},
        {"gzip", CODING_GZIP, false},
        {"x-gzip", CODING_GZIP, false},
        {"GZIP", CODING_GZIP, false},
        {"br", CODING_BR, false},
        {"gzip, deflate, br", CODING_BR, false},
        {"gzip, deflate, br, zstd", CODING_BR, false},
        {"br;q=0.5, gzip", CODING_GZIP, false},
        {"br;q=0.9,gzip;q=0.901", CODING_GZIP, false},
        {"br ; q=0.5 , gzip;q=0.50", CODING_BR, false},
        {"gzip;q=0", CODING_IDENTITY, false},
        {"gzip;q=0.000, br;q=0", CODING_IDENTITY, false},
        {"deflate", CODING_IDENTITY, false},
        {"*", CODING_BR, false},
        {"br;q=0, *", CODING_GZIP, false},
        {"*;q=0.1, gzip", CODING_GZIP, false},
        {"identity", CODING_IDENTITY, false},
        {"identity;q=0.5, gzip", CODING_GZIP, false},
        {"identity, gzip;q=0.5", CODING_IDENTITY, false},
        {"identity;q=0, gzip;q=0.1", CODING_GZIP, true},
        {"identity;q=0", CODING_IDENTITY, true},
        {"gzip, *;q=0", CODING_GZIP, true},
        {"identity, *;q=0", CODING_IDENTITY, false},
        {"gzip;q=2", CODING_IDENTITY, false},
        {"gzip;q=1.001", CODING_IDENTITY, false},
        {"gzip;q=-1, br;q=", CODING_IDENTITY, false},
        {"gzip;q=0.1234", CODING_IDENTITY, false},
        {"gzip;level=9;Q=0.5", CODING_GZIP, false},
        {";q=1, ,gzip", CODING_GZIP, false},
        {"gzippy, brr", CODING_IDENTITY, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct acceptance got = choose(cases[i].accept);
        CHECK_MSG(got.coding == cases[i].want && got.insists == cases[i].insists, "'%s': %s%s",
                  cases[i].accept, encoding_name(got.coding), got.insists ? ", insists" : "");
    }
}

TEST(several_headers_are_one_list)
{
    const struct http_field fields[] = {
        {TEXT("accept-encoding"), TEXT("br;q=0.1")},
        {TEXT("accept"), TEXT("br")},
        {TEXT("accept-encoding"), TEXT("gzip")},
    };
    const struct http_request request = {.fields = fields, .field_count = COUNT_OF(fields)};

    CHECK(encoding_choose(&request).coding == CODING_GZIP);
}

static void fill(struct buffer *body, size_t len)
{
    for (unsigned i = 0; body->len < len; i++)
        buffer_add_format(body, "{\"id\":%u,\"name\":\"user %u\"},", i * 2654435761u, i);
}

TEST(what_is_encoded_can_be_decoded_after_each_flush)
{
    static const enum coding codings[] = {CODING_GZIP, CODING_BR};
    scoped(buffer_done) struct buffer body = {0};

    fill(&body, 300 << 10);
    for (size_t i = 0; i < COUNT_OF(codings); i++) {
        scoped(encoder_free) struct encoder *encoder = encoder_new(codings[i]);
        scoped(buffer_done) struct buffer out = {0}, back = {0};
        for (size_t at = 0, step = 1; at < body.len; at += step, step = step * 3 + 1) {
            struct text piece = text_slice(buffer_text(&body), at, at + step);
            encoder_add(encoder, piece, ENCODER_FLUSH, &out);
            CHECK(!decode(codings[i], buffer_text(&out), &back)); /* not its end */
            CHECK_MSG(text_equal(buffer_text(&back), text_slice(buffer_text(&body), 0, at + step)),
                      "%s: %zu of %zu", encoding_name(codings[i]), back.len, at + step);
        }
        encoder_add(encoder, TEXT(""), ENCODER_LAST, &out);
        CHECK(decode(codings[i], buffer_text(&out), &back));
        CHECK(text_equal(buffer_text(&back), buffer_text(&body)) && out.len < body.len / 2);
    }
}

TEST(pieces_without_a_flush_come_out_at_the_end)
{
    static const enum coding codings[] = {CODING_GZIP, CODING_BR};
    scoped(buffer_done) struct buffer body = {0};

    fill(&body, 100 << 10);
    for (size_t i = 0; i < COUNT_OF(codings); i++) {
        scoped(encoder_free) struct encoder *encoder = encoder_new(codings[i]);
        scoped(buffer_done) struct buffer out = {0}, back = {0};
        for (size_t at = 0; at < body.len; at += 1000)
            encoder_add(encoder, text_slice(buffer_text(&body), at, at + 1000), ENCODER_MORE, &out);
        encoder_add(encoder, TEXT(""), ENCODER_LAST, &out);
        CHECK(decode(codings[i], buffer_text(&out), &back));
        CHECK(text_equal(buffer_text(&back), buffer_text(&body)));
    }
}
