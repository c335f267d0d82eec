/* SPDX-License-Identifier: Apache-2.0 */
#include "http/compress.h"

#include "http/encoding.h"
#include "http/field.h"
#include "http/http_priv.h"

/*
 * A transport around the stream's own one. While an encoder lives from one call to the next
 * an application around the stream's own one is there too, to hear of the end.
 */

struct compress {
    struct compressing *compressing;
    const struct http_transport *inner;
    struct acceptance acceptance;
    struct encoder *encoder;    /* NULL: bytes pass as they are */
    const struct http_app *app; /* the stream's own, while there is an encoder */
    int64_t left;               /* of a length that was promised; -1: none was */

    /* An answer that is compressed in turns */
    struct buffer body;
    size_t done;
    struct http_stream *stream;
    struct loop_task task;
};

/* --- the head --- */

/* Of main types only text compresses whatever the rest says. */
static bool type_compresses(struct text value)
{
    static const struct text types[] = {
        TEXT("application/json"),
        TEXT("application/javascript"),
        TEXT("application/xml"),
        TEXT("application/x-javascript"),
        TEXT("application/x-ndjson"),
        TEXT("application/jsonl"),
        TEXT("application/yaml"),
        TEXT("application/wasm"),
        TEXT("application/graphql"),
        TEXT("application/vnd.ms-fontobject"),
        TEXT("application/x-www-form-urlencoded"),
        TEXT("image/bmp"),
        TEXT("image/x-icon"),
        TEXT("font/ttf"),
        TEXT("font/otf"),
    };
    struct text type = text_trim(text_slice(value, 0, text_find(value, ';')));
    size_t plus = text_find(type, '+');

    if (text_equal_nocase(text_slice(type, 0, 5), TEXT("text/")))
        return true;
    if (text_equal_nocase(text_skip(type, plus), TEXT("+json")) ||
        text_equal_nocase(text_skip(type, plus), TEXT("+xml")))
        return true;
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (text_equal_nocase(type, types[i]))
            return true;
    return false;
}

/* What the fields of an answer say that matters here. */
struct said {
    bool is_fixed; /* its bytes must stay as they are */
    bool compresses, varies;
};

static bool list_has(struct text list, struct text name)
{
    struct text member;

    while (field_list_next(&list, &member))
        if (text_equal_nocase(member, name))
            return true;
    return false;
}

static void read_field(const struct http_field *field, struct said *said)
{
    static const struct text fixing[] = {TEXT("content-encoding"), TEXT("content-range"),
                                         TEXT("content-md5"),      TEXT("content-digest"),
                                         TEXT("digest"),           TEXT("repr-digest")};

    for (size_t i = 0; i < COUNT_OF(fixing); i++)
        said->is_fixed |= text_equal_nocase(field->name, fixing[i]);
    if (text_equal_nocase(field->name, TEXT("cache-control")))
        said->is_fixed |= list_has(field->value, TEXT("no-transform"));
    else if (text_equal_nocase(field->name, TEXT("content-type")))
        said->compresses = type_compresses(field->value);
    else if (text_equal_nocase(field->name, TEXT("vary")))
        said->varies |=
            list_has(field->value, TEXT("accept-encoding")) || list_has(field->value, TEXT("*"));
}

/* An answer's head while it is decided on. */
struct head {
    int status;
    const struct http_field *fields;
    size_t count;
    int64_t length; /* -1: unknown */
    bool is_whole;  /* the body is there */
};

/* The same answer, compressed, is not the same bytes (RFC 9110 8.8.3), nor are its ranges. */
static bool adapt_field(const struct http_field *field, struct arena *arena, struct http_field *ret)
{
    *ret = *field;
    if (text_equal_nocase(field->name, TEXT("etag")) && text_starts(field->value, TEXT("\"")))
        ret->value = text_of(arena_format(arena, "W/%.*s", TEXT_ARG(field->value)));
    return !text_equal_nocase(field->name, TEXT("accept-ranges"));
}

static void rewrite(struct head *head, enum coding coding, const struct said *said,
                    struct arena *arena)
{
    struct http_field *fields = arena_alloc(arena, (head->count + 2) * sizeof *fields);
    size_t used = 0;

    for (size_t i = 0; i < head->count; i++) {
        fields[used] = head->fields[i];
        used += coding == CODING_IDENTITY || adapt_field(&head->fields[i], arena, &fields[used]);
    }
    if (coding != CODING_IDENTITY)
        fields[used++] =
            (struct http_field){TEXT("content-encoding"), text_of(encoding_name(coding))};
    if (!said->varies)
        fields[used++] = (struct http_field){TEXT("vary"), TEXT("accept-encoding")};
    head->fields = fields;
    head->count = used;
}

/* Which coding, and the head that says so. */
static enum coding decide(struct compress *self, struct http_stream *stream, struct head *head)
{
    const struct http_request *request = &stream->request;
    struct said said = {0};

    for (size_t i = 0; i < head->count; i++)
        read_field(&head->fields[i], &said);
    if (said.is_fixed || response_has_no_body(head->status) || head->status == 206)
        return CODING_IDENTITY;
    if (!self->acceptance.insists &&
        (!said.compresses || (head->length >= 0 && head->length < COMPRESS_BYTES_MIN)))
        return CODING_IDENTITY;
    bool is_slow = !head->is_whole || head->length > COMPRESS_SLICE_BYTES;
    enum coding coding = self->acceptance.coding;
    if (request->method == METHOD_HEAD || head->length == 0 ||
        (is_slow && (request->http_1_0 || self->compressing->encoders >= COMPRESS_ENCODERS_MAX)))
        coding = CODING_IDENTITY;
    rewrite(head, coding, &said, &stream->arena);
    return coding;
}

/* --- an encoder from one call to the next --- */

static const struct http_app compress_app;

static void begin_encoding(struct http_stream *stream, enum coding coding)
{
    struct compress *self = stream->compress;

    self->encoder = encoder_new(coding);
    self->compressing->encoders++;
    self->app = stream->app;
    stream->app = &compress_app;
}

static void end_encoding(struct http_stream *stream)
{
    struct compress *self = stream->compress;

    if (!self->encoder)
        return;
    encoder_free(self->encoder);
    self->encoder = NULL;
    self->compressing->encoders--;
    buffer_done(&self->body);
    loop_cancel(&self->task);
    stream->app = self->app;
}

static bool encode(struct http_stream *stream, struct text piece, enum encoder_end end)
{
    struct compress *self = stream->compress;
    scoped(buffer_done) struct buffer out = {0};

    encoder_add(self->encoder, piece, end, &out);
    return out.len == 0 || self->inner->write(stream, buffer_text(&out));
}

static void finish(struct http_stream *stream, const struct http_field *trailers, size_t count)
{
    struct compress *self = stream->compress;

    (void)encode(stream, TEXT(""), ENCODER_LAST);
    end_encoding(stream);
    self->inner->end(stream, trailers, count);
}

/* --- an answer that is there as a whole --- */

/* Whether it was answered: not when it would be no shorter. */
static bool respond_at_once(struct http_stream *stream, enum coding coding, const struct head *head,
                            struct text body)
{
    struct compress *self = stream->compress;
    scoped(encoder_free) struct encoder *encoder = encoder_new(coding);
    scoped(buffer_done) struct buffer out = {0};

    encoder_add(encoder, body, ENCODER_LAST, &out);
    if (out.len >= body.len && !self->acceptance.insists)
        return false;
    self->inner->respond(stream, head->status, head->fields, head->count, buffer_text(&out));
    return true;
}

/* On with the next slice, as long as the client takes them. */
static void on_turn(struct loop_task *task)
{
    struct compress *self = container_of(task, struct compress, task);
    struct http_stream *stream = self->stream;
    struct text slice =
        text_slice(buffer_text(&self->body), self->done, self->done + COMPRESS_SLICE_BYTES);

    if (slice.len == 0) {
        finish(stream, NULL, 0);
        return;
    }
    self->done += slice.len;
    if (encode(stream, slice, ENCODER_MORE))
        loop_defer(stream->loop, &self->task);
}

static void respond_in_turns(struct http_stream *stream, enum coding coding,
                             const struct head *head, struct text body)
{
    struct compress *self = stream->compress;

    begin_encoding(stream, coding);
    buffer_add_text(&self->body, body);
    self->done = 0;
    self->stream = stream;
    self->task.run = on_turn;
    self->inner->begin(stream, head->status, head->fields, head->count, -1);
    loop_defer(stream->loop, &self->task);
}

static bool is_in_turns(const struct compress *self)
{
    return self->body.len > 0;
}

/* --- what the application calls --- */

static void respond(struct http_stream *stream, int status, const struct http_field *fields,
                    size_t count, struct text body)
{
    struct compress *self = stream->compress;
    struct head head = {status, fields, count, (int64_t)body.len, true}, plain = head;
    enum coding coding = decide(self, stream, &head);

    if (coding == CODING_IDENTITY)
        self->inner->respond(stream, status, head.fields, head.count, body);
    else if (body.len > COMPRESS_SLICE_BYTES)
        respond_in_turns(stream, coding, &head, body);
    else if (!respond_at_once(stream, coding, &head, body))
        self->inner->respond(stream, status, plain.fields, plain.count, body);
}

static void begin(struct http_stream *stream, int status, const struct http_field *fields,
                  size_t count, int64_t content_length)
{
    struct compress *self = stream->compress;
    struct head head = {status, fields, count, content_length, false};
    enum coding coding = decide(self, stream, &head);

    self->left = content_length;
    if (coding != CODING_IDENTITY) {
        begin_encoding(stream, coding);
        content_length = -1;
    }
    self->inner->begin(stream, status, head.fields, head.count, content_length);
}

static bool write_piece(struct http_stream *stream, struct text chunk)
{
    struct compress *self = stream->compress;

    if (!self->encoder)
        return self->inner->write(stream, chunk);
    if (self->left >= 0) {
        chunk = text_slice(chunk, 0, (size_t)self->left);
        self->left -= (int64_t)chunk.len;
    }
    return chunk.len == 0 || encode(stream, chunk, ENCODER_FLUSH);
}

static void cut(struct http_stream *stream)
{
    struct compress *self = stream->compress;

    end_encoding(stream);
    self->inner->abort(stream);
}

static void end(struct http_stream *stream, const struct http_field *trailers, size_t count)
{
    struct compress *self = stream->compress;

    if (!self->encoder)
        self->inner->end(stream, trailers, count);
    else if (self->left > 0)
        cut(stream);
    else
        finish(stream, trailers, count);
}

static void resume(struct http_stream *stream)
{
    stream->compress->inner->resume(stream);
}

static void switch_to(struct http_stream *stream, struct text protocol,
                      const struct http_field *fields, size_t count)
{
    stream->transport = stream->compress->inner;
    stream->transport->switch_to(stream, protocol, fields, count);
}

static const struct http_transport compress_transport = {
    .switch_to = switch_to,
    .respond = respond,
    .begin = begin,
    .write = write_piece,
    .end = end,
    .abort = cut,
    .resume = resume,
};

/* --- what the transport calls, while there is an encoder --- */

/* The application has answered already, for its part, while its answer is sent in turns. */
static bool on_body(struct http_stream *stream, struct text chunk)
{
    const struct compress *self = stream->compress;

    return is_in_turns(self) || self->app->on_body(stream, chunk);
}

static void on_end(struct http_stream *stream)
{
    const struct compress *self = stream->compress;

    if (!is_in_turns(self))
        self->app->on_end(stream);
}

static void on_writable(struct http_stream *stream)
{
    struct compress *self = stream->compress;

    if (is_in_turns(self))
        loop_defer(stream->loop, &self->task);
    else if (self->app->on_writable)
        self->app->on_writable(stream);
}

static void on_close(struct http_stream *stream, bool reset)
{
    end_encoding(stream);
    stream->app->on_close(stream, reset);
}

static const struct http_app compress_app = {
    .on_body = on_body,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_close = on_close,
};

void compress_attach(struct compressing *compressing, struct http_stream *stream)
{
    struct compress *self = arena_zalloc(&stream->arena, sizeof *self);

    self->compressing = compressing;
    self->inner = stream->transport;
    self->acceptance = encoding_choose(&stream->request);
    stream->compress = self;
    stream->transport = &compress_transport;
}
