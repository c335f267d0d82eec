/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/events.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "http/uri.h"
#include "router/cloudevents.h"
#include "router/dispatch.h"

/*
 * CloudEvents over HTTP. What is kept of a request from its head to its answer is one struct
 * from a free list: an event that comes in one piece is decoded where it stands, and its
 * envelope and records are written into memory that the last event left.
 */

#define POSTINGS_IDLE_MAX 64
#define KEPT_BYTES (64 << 10) /* of a body's buffer in the free list */
#define PATH TEXT("/events")

struct posting {
    struct list link; /* in the free list */
    struct gateway *gateway;
    struct http_stream *stream; /* NULL: the client is gone */
    const struct origin *origin;
    struct caller *caller; /* NULL: anonymous */
    char *key;             /* of the bus, in the stream's arena; the account's until written */
    struct buffer body;    /* when it comes in pieces */
    struct buffer envelope;
    struct dispatch dispatch;
    struct event_write write;
    bool is_submitted, is_writing;
};

/* --- answers --- */

static void answer(struct posting *posting, int status, const char *type, const char *message)
{
    scoped(buffer_done) struct buffer body = {0};
    struct http_field fields[2] = {{TEXT_NONE, TEXT_NONE}};
    size_t count = 0;

    if (message) {
        fields[count++] = (struct http_field){TEXT("Content-Type"), TEXT("application/json")};
        fields[count++] = (struct http_field){TEXT("x-amzn-ErrorType"), text_of(type)};
        buffer_add_literal(&body, "{\"message\":");
        buffer_add_json(&body, text_of(message));
        buffer_add_char(&body, '}');
    }
    http_respond(posting->stream, status, fields, count, buffer_text(&body));
}

/* False, for stages that end a request. */
static bool refuse(struct posting *posting, int status, const char *type, const char *message)
{
    answer(posting, status, type, message);
    return false;
}

/* --- life --- */

static struct posting *take_posting(struct gateway *gateway)
{
    struct list *node = list_pop(&gateway->postings);
    struct posting *posting = node ? container_of(node, struct posting, link) : NULL;

    if (posting) {
        gateway->posting_count--;
        return posting;
    }
    posting = mem_new(struct posting);
    posting->gateway = gateway;
    dispatch_init(&posting->dispatch, gateway->options.buses, gateway->options.directory);
    return posting;
}

static void free_posting(struct posting *posting)
{
    buffer_done(&posting->body);
    buffer_done(&posting->envelope);
    dispatch_done(&posting->dispatch);
    free(posting);
}

static void put_back(struct posting *posting)
{
    struct gateway *gateway = posting->gateway;

    if (gateway->posting_count == POSTINGS_IDLE_MAX) {
        free_posting(posting);
        return;
    }
    buffer_recycle(&posting->body, KEPT_BYTES);
    buffer_recycle(&posting->envelope, KEPT_BYTES);
    dispatch_clear(&posting->dispatch);
    posting->stream = NULL;
    posting->caller = NULL;
    posting->is_submitted = posting->is_writing = false;
    list_push_front(&gateway->postings, &posting->link);
    gateway->posting_count++;
}

void events_done(struct gateway *gateway)
{
    struct list *node;

    while ((node = list_pop(&gateway->postings)))
        free_posting(container_of(node, struct posting, link));
}

/* --- the head --- */

bool events_is_path(struct text path)
{
    return text_starts(path, PATH) && (path.len == PATH.len || path.at[PATH.len] == '/');
}

/* "/events" is the default bus. False: answered. */
static bool find_bus(struct posting *posting, struct bus **ret)
{
    const struct gateway_options *options = &posting->gateway->options;
    struct http_stream *stream = posting->stream;
    struct text name = text_skip(stream->request.path, PATH.len + 1), decoded;

    if (!uri_decode(&stream->arena, name, false, &decoded))
        return refuse(posting, 400, "BadRequestException", "The path cannot be decoded.");
    posting->key = arena_format(&stream->arena, "%s/%s/%.*s", options->account, options->region,
                                TEXT_ARG(decoded.len > 0 ? decoded : TEXT("default")));
    *ret = bus_view_find(options->buses, text_of(posting->key));
    if (*ret)
        return true;
    return refuse(posting, 404, "ResourceNotFoundException", "There is no such event bus.");
}

static struct text bus_name(const struct posting *posting)
{
    struct text key = text_of(posting->key), piece;

    (void)text_split(&key, '/', &piece);
    (void)text_split(&key, '/', &piece);
    return key;
}

/* Who signed may post as IAM would let them; who did not, where the bus lets everybody. */
static bool check_caller(struct posting *posting, const struct bus *bus)
{
    const struct gateway_options *options = &posting->gateway->options;
    struct sigv4_refusal refusal;

    if (bus->is_public &&
        !text_is_set(http_header(&posting->stream->request, TEXT("authorization"))))
        return true;
    posting->caller = auth_read(options, posting->stream, TEXT("events"), clock_now_ms(), &refusal);
    if (!posting->caller)
        return refuse(posting, 403, refusal.code, refusal.message);
    if (caller_may_put(options, posting->origin, posting->caller, bus_name(posting)))
        return true;
    return refuse(posting, 403, "AccessDeniedException",
                  "The function's function.yaml does not list this bus under buses.");
}

static bool check_request(struct posting *posting)
{
    const struct http_request *request = &posting->stream->request;

    if (request->method != METHOD_POST)
        return refuse(posting, 405, "MethodNotAllowedException", "Events are posted.");
    if (request->content_length > LIMIT_EVENT_POST)
        return refuse(posting, 413, "RequestTooLargeException", "The events are too large.");
    return true;
}

void events_begin(struct gateway *gateway, struct http_stream *stream)
{
    struct posting *posting = take_posting(gateway);
    struct bus *bus;

    posting->stream = stream;
    posting->origin = stream->context;
    stream->owner = posting;
    stream->app = &events_app;
    stream->body_max = LIMIT_EVENT_POST;
    (void)(check_request(posting) && find_bus(posting, &bus) && check_caller(posting, bus));
}

/* --- the events --- */

static void on_written(struct event_write *write, bool failed, const struct error *err)
{
    struct posting *posting = container_of(write, struct posting, write);

    posting->is_writing = false;
    if (!posting->stream)
        put_back(posting);
    else if (!failed)
        answer(posting, 202, NULL, NULL);
    else if (err->code == ERROR_LIMIT)
        answer(posting, 429, "ThrottlingException", err->text);
    else
        answer(posting, 500, "InternalFailure", err->text);
}

static void write_records(struct posting *posting)
{
    if (posting->dispatch.count == 0) {
        answer(posting, 202, NULL, NULL);
        return;
    }
    posting->is_writing = true;
    posting->write = (struct event_write){
        .done = on_written,
        .loop = posting->gateway->options.loop,
        .changes = posting->dispatch.changes,
        .count = posting->dispatch.count,
    };
    event_store_write(posting->gateway->options.events, &posting->write);
}

static int64_t hops_of(const struct posting *posting)
{
    bool is_inside =
        posting->origin->inside || (posting->caller && posting->caller->key.kind == KEY_INSTANCE);

    return is_inside
               ? trace_hops(http_header(&posting->stream->request, TEXT("x-amzn-trace-id"))) + 1
               : 0;
}

static void dispatch_one(struct posting *posting, const struct cloud_event *event, int64_t now_ms)
{
    const struct gateway_options *options = &posting->gateway->options;
    struct dispatch *dispatch = &posting->dispatch;
    const struct cloud_envelope envelope = {text_of(options->account), text_of(options->region),
                                            now_ms};

    buffer_clear(&posting->envelope);
    cloudevents_write_envelope(event, &envelope, &posting->envelope);
    const struct bus_event accepted = {
        .json = arena_copy(&dispatch->arena, buffer_text(&posting->envelope)),
        .id = arena_copy(&dispatch->arena, cloudevents_text(event, TEXT("id"))),
        .trace = arena_copy(&dispatch->arena,
                            http_header(&posting->stream->request, TEXT("x-amzn-trace-id"))),
        .hops = hops_of(posting),
        .accepted_ms = now_ms,
        .time_ms = now_ms,
        .size = (int64_t)posting->envelope.len,
    };
    dispatch_event(dispatch, text_of(posting->key), &accepted);
}

static bool is_signed_right(struct posting *posting, struct text body)
{
    struct sigv4_refusal refusal;

    return !posting->caller ||
           auth_verify_body(&posting->gateway->options, posting->stream, posting->caller, body,
                            &refusal) == 0 ||
           refuse(posting, 403, refusal.code, refusal.message);
}

static void submit(struct posting *posting, struct text body)
{
    struct http_stream *stream = posting->stream;
    const struct http_request *request = &stream->request;
    struct cloud_event *events;
    size_t count;
    struct error err;

    if (!is_signed_right(posting, body))
        return;
    struct cloud_header *headers =
        arena_alloc(&stream->arena, (request->field_count + 1) * sizeof *headers);
    for (size_t i = 0; i < request->field_count; i++)
        headers[i] = (struct cloud_header){request->fields[i].name, request->fields[i].value};
    const struct cloud_message message = {headers, request->field_count, body};
    if (cloudevents_decode(&message, &stream->arena, &events, &count, &err) < 0) {
        answer(posting, err.code == ERROR_LIMIT ? 413 : 400, "ValidationException", err.text);
        return;
    }
    int64_t now_ms = clock_now_ms();
    for (size_t i = 0; i < count; i++)
        dispatch_one(posting, &events[i], now_ms);
    write_records(posting);
}

/* --- the stream --- */

static bool on_body(struct http_stream *stream, struct text chunk)
{
    struct posting *posting = stream->owner;

    /* What came in one piece is used where it stands; then on_end has nothing to do. */
    if (posting->body.len == 0 && (int64_t)chunk.len == stream->request.content_length) {
        posting->is_submitted = true;
        submit(posting, chunk);
        return true;
    }
    buffer_add_text(&posting->body, chunk);
    return true;
}

static void on_end(struct http_stream *stream)
{
    struct posting *posting = stream->owner;

    if (!posting->is_submitted)
        submit(posting, buffer_text(&posting->body));
}

static void on_close(struct http_stream *stream, bool reset)
{
    struct posting *posting = stream->owner;

    posting->stream = NULL;
    if (!posting->is_writing)
        put_back(posting);
}

const struct http_app events_app = {
    .on_request = NULL, /* handed over by the gateway's */
    .on_body = on_body,
    .on_end = on_end,
    .on_close = on_close,
};
