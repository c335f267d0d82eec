/* SPDX-License-Identifier: Apache-2.0 */
#include "http/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_MAX 4096
#define MESSAGE_MAX 6000

/* What was read, written again as a server's frames. */
static void read_in_steps(struct text source, size_t step, struct buffer *out)
{
    struct websocket_reader reader = {.frame_max = FRAME_MAX, .message_max = MESSAGE_MAX};

    for (size_t at = 0; at < source.len; at += step) {
        struct text input = text_slice(source, at, at + step);
        struct websocket_message message;
        enum websocket_result result;

        while ((result = websocket_next(&reader, &input, &message)) == WEBSOCKET_GOT) {
            assert(message.payload.len <= MESSAGE_MAX);
            websocket_write(out, message.opcode, message.payload);
        }
        if (result == WEBSOCKET_BAD) {
            websocket_write_close(out, message.code, TEXT("bad"));
            break;
        }
        assert(input.len == 0);
    }
    websocket_reader_done(&reader);
}

/* Input: the size of steps, a client's frames. The steps must make no difference. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    scoped(buffer_done) struct buffer whole = {0}, steps = {0};
    struct text source = text_from(data + 1, size - 1);

    read_in_steps(source, source.len, &whole);
    read_in_steps(source, (size_t)data[0] + 1, &steps);
    assert(text_equal(buffer_text(&whole), buffer_text(&steps)));
    return 0;
}
