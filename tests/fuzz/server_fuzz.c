/* SPDX-License-Identifier: Apache-2.0 */
#include "talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An application that does what the first letter of the path says, and keeps account of
 * its streams. */
static struct {
    int open;
    struct http_stream *paused;
    struct loop_task resume, later;
    struct http_stream *waiting;
} app;

static void answer_in_pieces(struct http_stream *stream)
{
    const struct http_field trailer = {TEXT("x-trailer"), TEXT("t")};

    http_begin(stream, 200, NULL, 0, -1);
    http_write(stream, TEXT("piece"));
    http_end(stream, &trailer, 1);
}

static char act(const struct http_stream *stream)
{
    return stream->request.path.len > 1 ? stream->request.path.at[1] : '\0';
}

static void on_request(struct http_stream *stream)
{
    assert(app.open++ == 0); /* one at a time on a connection */
    if (act(stream) == 'n')
        http_respond(stream, 204, NULL, 0, TEXT_NONE);
    else if (act(stream) == 'a')
        http_abort(stream);
    else if (act(stream) == 's')
        stream->body_max = 3;
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    assert(app.open == 1 && chunk.len > 0 && !app.paused);
    if (act(stream) == 'b')
        http_respond(stream, 200, NULL, 0, chunk);
    if (act(stream) != 'p')
        return true;
    app.paused = stream;
    loop_defer(stream->loop, &app.resume);
    return false;
}

static void on_end(struct http_stream *stream)
{
    assert(app.open == 1 && !app.paused);
    if (act(stream) == 'c')
        answer_in_pieces(stream);
    else if (act(stream) == 'l') {
        app.waiting = stream;
        loop_defer(stream->loop, &app.later);
    } else
        http_respond(stream, 200, stream->request.fields, stream->request.field_count,
                     stream->request.target);
}

static void on_close(struct http_stream *stream, bool reset)
{
    assert(--app.open == 0);
    app.paused = app.waiting = NULL;
    loop_cancel(&app.resume);
    loop_cancel(&app.later);
}

static void on_resume(struct loop_task *task)
{
    struct http_stream *stream = app.paused;

    app.paused = NULL;
    http_resume(stream);
}

static void on_later(struct loop_task *task)
{
    answer_in_pieces(app.waiting);
}

static const struct http_app http_app = {on_request, on_body, on_end, NULL, on_close};

/* Input: the size of pieces, what a client sends. Every stream must be closed once, and
 * the connection must come to an end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_limits limits = {.body_max = 1000, .connections_max = 2};

    if (size < 2 || (size > 4 && memcmp(data + 1, "PRI", 3) == 0)) /* see http2_fuzz */
        return 0;
    app.resume.run = on_resume;
    app.later.run = on_later;
    talk(&http_app, &limits, text_from(data + 1, size - 1), (size_t)data[0] * 8 + 1);
    assert(app.open == 0);
    return 0;
}
