/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <arpa/inet.h>

#include "base/mem.h"
#include "gateway/gateway_priv.h"
#include "test.h"

/*
 * A gateway between a transport that remembers what was answered and an invoker that
 * remembers what it was given. Requests are given as text; nothing runs but the gateway.
 */

#define URL_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define URL_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define FIELDS_KEPT 64

struct fixture {
    struct loop *loop;
    struct directory directory;
    struct invoker invoker;
    struct invocation *invoked; /* the last one, until it is done */
    int invocations, resumes;
    struct gateway *gateway;
    struct origin origin;

    struct http_stream stream;
    struct http_field request_fields[HTTP_FIELDS_MAX];
    /* What was answered */
    bool answered, begun, ended, aborted, closed, is_slow;
    int status;
    struct arena kept;
    struct http_field fields[FIELDS_KEPT];
    size_t field_count;
    struct buffer body;
};

/* --- the transport --- */

static inline struct fixture *fixture_of(struct http_stream *stream)
{
    return container_of(stream, struct fixture, stream);
}

static inline void fixture_close(struct fixture *f, bool reset)
{
    f->closed = true;
    f->stream.app->on_close(&f->stream, reset);
    arena_done(&f->stream.arena);
}

static inline void keep_head(struct fixture *f, int status, const struct http_field *fields,
                             size_t count)
{
    CHECK(!f->answered && !f->begun && !f->closed && count <= FIELDS_KEPT);
    f->status = f->stream.status = status;
    f->field_count = count;
    for (size_t i = 0; i < count; i++)
        f->fields[i] = (struct http_field){arena_copy(&f->kept, fields[i].name),
                                           arena_copy(&f->kept, fields[i].value)};
}

static inline void fake_respond(struct http_stream *stream, int status,
                                const struct http_field *fields, size_t count, struct text body)
{
    struct fixture *f = fixture_of(stream);

    keep_head(f, status, fields, count);
    f->answered = true;
    buffer_add_text(&f->body, body);
    stream->sent_bytes = (int64_t)body.len;
    fixture_close(f, false);
}

static inline void fake_begin(struct http_stream *stream, int status,
                              const struct http_field *fields, size_t count, int64_t content_length)
{
    struct fixture *f = fixture_of(stream);

    CHECK(content_length == -1);
    keep_head(f, status, fields, count);
    f->begun = true;
}

static inline bool fake_write(struct http_stream *stream, struct text chunk)
{
    struct fixture *f = fixture_of(stream);

    CHECK(f->begun && !f->closed);
    buffer_add_text(&f->body, chunk);
    return !f->is_slow;
}

static inline void fake_end(struct http_stream *stream, const struct http_field *trailers,
                            size_t count)
{
    struct fixture *f = fixture_of(stream);

    CHECK(f->begun && !f->closed);
    f->ended = true;
    fixture_close(f, false);
}

static inline void fake_abort(struct http_stream *stream)
{
    struct fixture *f = fixture_of(stream);

    f->aborted = true;
    fixture_close(f, true);
}

static inline void fake_resume(struct http_stream *stream)
{
}

static const struct http_transport fake_transport = {
    .respond = fake_respond,
    .begin = fake_begin,
    .write = fake_write,
    .end = fake_end,
    .abort = fake_abort,
    .resume = fake_resume,
};

/* --- the invoker --- */

static inline void fake_invoke(struct invoker *invoker, struct invocation *invocation)
{
    struct fixture *f = container_of(invoker, struct fixture, invoker);

    CHECK(!f->invoked);
    f->invoked = invocation;
    f->invocations++;
}

static inline void fake_resume_invocation(struct invoker *invoker, struct invocation *invocation)
{
    struct fixture *f = container_of(invoker, struct fixture, invoker);

    CHECK(invocation == f->invoked);
    f->resumes++;
}

/* --- functions --- */

/* With a URL of type NONE that is open to everybody. */
static inline struct function *fixture_function(const char *name, const char *url_id)
{
    struct function *function = function_new();

    model_set(&function->account, TEXT("000000000000"));
    model_set(&function->region, TEXT("us-east-1"));
    model_set(&function->name, text_of(name));
    memcpy(function->url.id, url_id, strlen(url_id) + 1);
    function->url.cors.max_age_s = -1;
    if (!function->latest)
        function->latest = version_new();
    model_set(&function->latest->account, TEXT("000000000000"));
    model_set(&function->latest->region, TEXT("us-east-1"));
    model_set(&function->latest->name, text_of(name));
    return function;
}

static inline void fixture_permit(struct function *function)
{
    function->permissions = mem_zalloc(sizeof *function->permissions);
    function->permission_count = 1;
    *function->permissions = (struct permission){
        .qualifier = mem_strdup(""),
        .statement_id = mem_strdup("public"),
        .action = mem_strdup("lambda:InvokeFunctionUrl"),
        .principal = mem_strdup("*"),
        .source_arn = mem_strdup(""),
        .source_account = mem_strdup(""),
        .function_url_auth_type = mem_strdup("NONE"),
        .event_source_token = mem_strdup(""),
        .principal_org_id = mem_strdup(""),
    };
}

/* Takes the function. */
static inline void fixture_put(struct fixture *f, struct function *function)
{
    directory_put(&f->directory, function);
    function_unref(function);
}

static inline void fixture_add(struct fixture *f, const char *name, const char *url_id)
{
    struct function *function = fixture_function(name, url_id);

    fixture_permit(function);
    fixture_put(f, function);
}

/* --- set-up --- */

static inline void fixture_init(struct fixture *f, const struct keyring *keyring)
{
    *f = (struct fixture){.loop = loop_new("test")};
    f->invoker = (struct invoker){.invoke = fake_invoke, .resume = fake_resume_invocation};
    const struct gateway_options options = {
        .loop = f->loop,
        .invoker = &f->invoker,
        .directory = &f->directory,
        .keyring = keyring,
        .account = "000000000000",
        .region = "us-east-1",
        .port = 8080,
    };
    f->gateway = gateway_new(&options);
    f->origin = (struct origin){.service = f->gateway};
}

static inline void fixture_reset(struct fixture *f)
{
    CHECK(f->closed || !f->stream.transport);
    f->answered = f->begun = f->ended = f->aborted = f->closed = f->is_slow = false;
    f->status = 0;
    f->field_count = 0;
    buffer_clear(&f->body);
    arena_reset(&f->kept);
}

static inline void fixture_done(struct fixture *f)
{
    fixture_reset(f);
    CHECK(!f->invoked);
    gateway_free(f->gateway);
    directory_done(&f->directory);
    buffer_done(&f->body);
    arena_done(&f->kept);
    loop_free(f->loop);
}

/* --- requests --- */

/* "POST /path?query\nname: value\nname: value", names in lower case. Borrowed. */
static inline void fixture_parse(struct http_request *request, struct http_field *fields,
                                 const char *head)
{
    struct text rest = text_of(head), line;

    *request = (struct http_request){.fields = fields};
    CHECK(text_split(&rest, '\n', &line));
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        {"GET", METHOD_GET},         {"HEAD", METHOD_HEAD},   {"POST", METHOD_POST},
        {"PUT", METHOD_PUT},         {"PATCH", METHOD_PATCH}, {"DELETE", METHOD_DELETE},
        {"OPTIONS", METHOD_OPTIONS},
    };
    request->method = METHOD_OTHER;
    request->method_text = text_slice(line, 0, text_find(line, ' '));
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (text_equal(request->method_text, text_of(methods[i].name)))
            request->method = methods[i].method;
    request->target = text_skip(line, request->method_text.len + 1);
    size_t mark = text_find(request->target, '?');
    request->path = text_slice(request->target, 0, mark);
    if (mark < request->target.len)
        request->query = text_skip(request->target, mark + 1);
    while (text_split(&rest, '\n', &line)) {
        size_t colon = text_find(line, ':');
        CHECK(request->field_count < HTTP_FIELDS_MAX && colon < line.len);
        fields[request->field_count++] =
            (struct http_field){text_slice(line, 0, colon), text_trim(text_skip(line, colon + 1))};
    }
    request->host = http_header(request, TEXT("host"));
    struct text length = http_header(request, TEXT("content-length"));
    if (length.len)
        CHECK(text_to_int(length, 0, INT64_MAX, &request->content_length));
    if (text_is_set(http_header(request, TEXT("transfer-encoding"))))
        request->content_length = -1;
}

static inline void fixture_begin(struct fixture *f, const char *head)
{
    fixture_reset(f);
    f->stream = (struct http_stream){
        .transport = &fake_transport,
        .app = &gateway_app,
        .context = &f->origin,
        .loop = f->loop,
    };
    struct sockaddr_in *peer = (struct sockaddr_in *)&f->stream.peer;
    peer->sin_family = AF_INET;
    inet_pton(AF_INET, "192.0.2.7", &peer->sin_addr);
    fixture_parse(&f->stream.request, f->request_fields, head);
    gateway_app.on_request(&f->stream);
}

static inline void fixture_body(struct fixture *f, struct text chunk)
{
    if (!f->closed)
        CHECK(f->stream.app->on_body(&f->stream, chunk));
}

static inline void fixture_end(struct fixture *f)
{
    if (!f->closed)
        f->stream.app->on_end(&f->stream);
}

/* A whole request; content-length is in head, if there is a body. */
static inline void fixture_request(struct fixture *f, const char *head, const char *body)
{
    fixture_begin(f, head);
    if (body[0])
        fixture_body(f, text_of(body));
    fixture_end(f);
}

static inline void fixture_finish(struct fixture *f, enum invocation_outcome outcome)
{
    struct invocation *invocation = f->invoked;

    CHECK(invocation);
    f->invoked = NULL;
    invocation->outcome = outcome;
    invocation->sink->on_done(invocation);
}

static inline void fixture_return(struct fixture *f, const char *response)
{
    CHECK(f->invoked);
    buffer_add_text(&f->invoked->response, text_of(response));
    fixture_finish(f, INVOCATION_OK);
}

static inline struct text fixture_field(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->field_count; i++)
        if (text_equal_nocase(f->fields[i].name, text_of(name)))
            return f->fields[i].value;
    return TEXT_NONE;
}
