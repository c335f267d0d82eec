/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "http/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum chunked_result decode(struct text source, size_t step, struct buffer *out)
{
    scoped(arena_done) struct arena arena = {0};
    struct chunked chunked = {0};
    size_t at = 0, known = 0;

    for (;;) {
        struct text input = text_slice(source, at, known), piece;
        enum chunked_result result = chunked_next(&chunked, &arena, &input, &piece);

        at = (size_t)(input.at - source.at);
        assert(at <= known);
        if (result == CHUNKED_PIECE)
            buffer_add_text(out, piece);
        else if (result != CHUNKED_MORE || known == source.len)
            return result;
        else
            known = known + step < source.len ? known + step : source.len;
    }
}

/* Input: the size of pieces, a chunked body. The pieces must make no difference. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    scoped(buffer_done) struct buffer whole = {0}, pieces = {0};
    struct text source = text_from(data + 1, size - 1);
    enum chunked_result once = decode(source, size, &whole);
    enum chunked_result again = decode(source, (size_t)data[0] + 1, &pieces);

    assert(once == again);
    assert(text_equal(buffer_text(&whole), buffer_text(&pieces)));
    return 0;
}
