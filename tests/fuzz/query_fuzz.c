/* SPDX-License-Identifier: Apache-2.0 */
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever can be decoded survives being encoded and decoded again. */
static void check_round_trip(struct arena *arena, struct text text)
{
    scoped(buffer_done) struct buffer out = {0};
    struct text decoded, again;

    if (!uri_decode(arena, text, true, &decoded) || text_contains(decoded, '\0'))
        return;
    uri_encode(&out, decoded, false);
    assert(uri_decode(arena, buffer_text(&out), true, &again));
    assert(text_equal(decoded, again));
}

/* Input: a query. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena_done) struct arena arena = {0};
    struct text all = text_from(data, size), rest = all, name, value, decoded;

    while (uri_query_next(&rest, &name, &value)) {
        check_round_trip(&arena, name);
        check_round_trip(&arena, value);
    }
    rest = all;
    if (uri_query_next(&rest, &name, &value) && uri_decode(&arena, name, true, &decoded))
        (void)uri_query_find(&arena, all, decoded);
    size_t segments = 0;
    rest = all;
    while (uri_segment_next(&rest, &value))
        assert(++segments <= size + 1);
    return 0;
}
