/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An application that does what the first letter of the path says; all streams that were
 * opened must be closed. */
static int open_count;

static char act(const struct http_stream *stream)
{
    return stream->request.path.len > 1 ? stream->request.path.at[1] : '\0';
}

static void on_request(struct http_stream *stream)
{
    open_count++;
    if (act(stream) == 'n')
        http_respond(stream, 204, NULL, 0, TEXT_NONE);
    else if (act(stream) == 'a')
        http_abort(stream);
    else if (act(stream) == 's')
        stream->body_max = 3;
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    assert(open_count > 0 && chunk.len > 0);
    if (text_is_set(stream->request.tunnel)) { /* echoes, until there is an "e" */
        (void)http_write(stream, chunk);
        if (text_contains(chunk, 'e'))
            http_end(stream, NULL, 0);
        return act(stream) != 'p';
    }
    if (act(stream) == 'b')
        http_respond(stream, 200, NULL, 0, chunk);
    return act(stream) != 'p';
}

static void on_end(struct http_stream *stream)
{
    const struct http_field trailer = {TEXT("x-trailer"), TEXT("t")};

    if (text_is_set(stream->request.tunnel) && act(stream) != 'c') {
        http_switch(stream, stream->request.tunnel, NULL, 0);
        return;
    }
    if (act(stream) != 'c') {
        http_respond(stream, 200, stream->request.fields, stream->request.field_count,
                     stream->request.target);
        return;
    }
    http_begin(stream, 200, NULL, 0, -1);
    http_write(stream, TEXT("piece"));
    http_end(stream, &trailer, 1);
}

static void on_close(struct http_stream *stream, bool reset)
{
    assert(open_count-- > 0);
}

static const struct http_app http_app = {.on_request = on_request,
                                         .on_body = on_body,
                                         .on_end = on_end,
                                         .on_close = on_close,
                                         .takes_tunnels = true};

/* Input: the size of pieces, frames behind the preface. Every stream must be closed, and the
 * connection must come to an end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_limits limits = {.body_max = 1000, .connections_max = 2};
    scoped(buffer_done) struct buffer input = {0};

    if (size < 2)
        return 0;
    buffer_add_literal(&input, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0");
    buffer_add(&input, data + 1, size - 1);
    talk(&http_app, &limits, buffer_text(&input), (size_t)data[0] * 8 + 1);
    assert(open_count == 0);
    return 0;
}
