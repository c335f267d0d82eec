/* SPDX-License-Identifier: Apache-2.0 */
#include "api/event_stream.h"

#include "base/crypto.h"
#include "test.h"

static void check_hex(const struct buffer *out, size_t from, const char *want)
{
    char hex[512];

    CHECK(from + strlen(want) / 2 <= out->len);
    crypto_hex(out->at + from, strlen(want) / 2, hex);
    CHECK_TEXT(text_of(hex), want);
}

TEST(the_empty_message_is_that_of_the_specification)
{
    scoped(buffer_done) struct buffer out = {0};

    event_stream_add(&out, NULL, 0, TEXT_NONE);
    CHECK(out.len == 16);
    check_hex(&out, 0, "000000100000000005c248eb7d98c8ff");
}

TEST(a_chunk_is_framed_as_the_sdks_read_it)
{
    const struct event_header headers[] = {
        {":message-type", TEXT("event")},
        {":event-type", TEXT("PayloadChunk")},
        {":content-type", TEXT("application/octet-stream")},
    };
    scoped(buffer_done) struct buffer out = {0};

    event_stream_add(&out, headers, 3, TEXT("hi"));
    CHECK(out.len == 108);
    check_hex(&out, 8, "b25efdcf");
    check_hex(&out, 104, "314138e4");
}

TEST(messages_follow_each_other)
{
    scoped(buffer_done) struct buffer out = {0};

    event_stream_add_chunk(&out, TEXT("hi"));
    size_t first = out.len;
    event_stream_add_complete(&out, TEXT("{}"));
    CHECK(first == 108);
    check_hex(&out, 0, "0000006c");
    CHECK(out.len == first + (size_t)(uint8_t)out.at[first + 3]);
}
