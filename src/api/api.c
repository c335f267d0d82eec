/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_priv.h"

#include "api/sqs_form.h"
#include "base/clock.h"
#include "base/json_check.h"
#include "base/mem.h"
#include "http/uri.h"

/*
 * A request's way to its action:
 *
 *     head -> action found -> who calls, as far as the head tells -> body, hashed as it
 *     arrives -> signature -> JSON (large ones in the pool) -> parameters -> the action
 *
 * The stream's owner is the call until it is answered; an answered stream has none, and
 * what still arrives of its body is dropped.
 */

/* --- one a process, one a shard --- */

struct api *api_new(struct engine *engine)
{
    struct api *api = mem_new(struct api);

    api->engine = engine;
    api->options = engine_options(engine);
    api->region = text_of(api->options->settings->region);
    api->account = text_of(api->options->settings->account);
    api->api_url = mem_strdup("");
    api->gateway_url = mem_strdup("");
    api->started_ms = clock_now_ms();
    crypto_random(api->code_secret, sizeof api->code_secret);
    return api;
}

void api_set_addresses(struct api *api, const char *api_url, const char *gateway_url)
{
    model_set(&api->api_url, text_of(api_url));
    model_set(&api->gateway_url, text_of(gateway_url));
}

void api_set_queues(struct api *api, struct queues *queues)
{
    api->queues = queues;
}

void api_set_buses(struct api *api, struct buses *buses)
{
    api->buses = buses;
}

void api_set_schedules(struct api *api, struct schedules *schedules)
{
    api->schedules = schedules;
}

void api_set_mappings(struct api *api, struct mappings *mappings)
{
    api->mappings = mappings;
}

void api_set_meters(struct api *api, struct meters *meters)
{
    api->meters = meters;
}

void api_set_reloader(struct api *api, struct reloader *reloader)
{
    api->reloader = reloader;
}

void api_set_apigateway(struct api *api, struct apigateway *apigateway)
{
    api->apigateway = apigateway;
}

struct api_shard *api_shard_new(struct api *api, struct shard *shard)
{
    struct api_shard *self = mem_new(struct api_shard);

    assert(api->shard_count < API_SHARDS_MAX);
    self->api = api;
    self->shard = shard;
    self->loop = shard_loop(shard);
    list_init(&self->idle);
    api->shards[api->shard_count++] = self;
    return self;
}

static void free_shard(struct api_shard *shard)
{
    struct list *node;

    while ((node = list_pop(&shard->idle))) {
        struct call *call = container_of(node, struct call, link);
        arena_done(&call->arena);
        buffer_done(&call->body);
        buffer_done(&call->answer);
        free(call);
    }
    map_done(&shard->waiting);
    free(shard);
}

void api_free(struct api *api)
{
    struct map_cursor cursor = {0};

    if (!api)
        return;
    while (map_next(&api->deleted_queues, &cursor))
        free(cursor.value);
    map_done(&api->deleted_queues);
    for (int i = 0; i < api->shard_count; i++)
        free_shard(api->shards[i]);
    free(api->api_url);
    free(api->gateway_url);
    free(api);
}

/* --- the head --- */

static void copy_head(struct call *call, const struct http_request *request)
{
    call->path = arena_copy(&call->arena, request->path);
    call->query = arena_copy(&call->arena, request->query);
    call->host = arena_copy(&call->arena, request->host);
}

static bool is_form(const struct http_request *request)
{
    return text_starts(http_header(request, TEXT("content-type")),
                       TEXT("application/x-www-form-urlencoded"));
}

/* A form is in the body, or behind the path; below the path of a queue nothing else is. */
static const struct action *find_action(struct call *call, const struct http_request *request)
{
    struct text target = http_header(request, TEXT("x-amz-target"));
    bool is_queue = sqs_is_queue_path(call->path);

    if (text_is_set(target) && request->method == METHOD_POST &&
        (is_queue || text_equal(call->path, TEXT("/"))))
        return routes_find_target(target);
    if (is_queue)
        return routes_find_form(call, request);
    if (!text_equal(call->path, TEXT("/")))
        return routes_find_path(call, request->method);
    if ((is_form(request) && request->method == METHOD_POST) ||
        text_is_set(call_query(call, "Action")))
        return routes_find_form(call, request);
    return NULL;
}

static void answer_unknown(struct call *call, const struct http_request *request)
{
    static const struct action unknown_json = {.name = "", .protocol = PROTOCOL_JSON};

    if (text_is_set(http_header(request, TEXT("x-amz-target")))) {
        call->action = &unknown_json;
        call->protocol = PROTOCOL_JSON;
        call_fail(call, "UnknownOperationException", "Evoke has no such operation.");
        return;
    }
    call_fail(call, "UnknownOperationException", "Evoke has no action at %s %.*s",
              arena_string(&call->arena, request->method_text), TEXT_ARG(call->path));
}

static bool is_long(const struct call *call)
{
    return call->stream->request.content_length < 0 ||
           call->stream->request.content_length > API_BODY_INLINE;
}

static void on_request(struct http_stream *stream)
{
    const struct origin *origin = stream->context;
    struct call *call = call_new(origin->service, stream);

    stream->owner = call;
    call->origin = origin;
    copy_head(call, &stream->request);
    call->action = find_action(call, &stream->request);
    if (!call->action) {
        answer_unknown(call, &stream->request);
        return;
    }
    call->protocol = call->action->protocol;
    if (!auth_check_early(call))
        return;
    if (is_long(call) && call->claim)
        call->hash = crypto_hash_new();
    /* What is too large is read to its end and refused in AWS's words; who sends even more
     * is cut off. */
    stream->body_max = call->action->body_max * 4 + API_BODY_INLINE;
}

/* --- the body --- */

static bool keep(struct call *call, struct text chunk)
{
    int64_t len = (int64_t)chunk.len;

    if (call->is_too_large || call->body_bytes > call->action->body_max) {
        call->is_too_large = true;
        return true;
    }
    if (atomic_fetch_add_explicit(&call->api->buffered, len, memory_order_relaxed) + len >
        API_BODIES_MAX) {
        atomic_fetch_sub_explicit(&call->api->buffered, len, memory_order_relaxed);
        return false;
    }
    call->counted += len;
    buffer_add_text(&call->body, chunk);
    return true;
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    struct call *call = stream->owner;

    if (!call)
        return true;
    call->body_bytes += (int64_t)chunk.len;
    if (call->hash)
        crypto_hash_add(call->hash, chunk);
    if (call->action->body != BODY_NONE && !keep(call, chunk)) {
        call_throttle(call, "CallerRateLimitExceeded");
        return true;
    }
    if (call->action->body == BODY_NONE && !call->hash)
        buffer_add_text(&call->body, chunk); /* short, and only to be hashed */
    return true;
}

static bool check_signature(struct call *call)
{
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];

    if (call->hash)
        crypto_hash_end(call->hash, digest);
    else
        crypto_sha256(buffer_text(&call->body), digest);
    crypto_hex(digest, sizeof digest, hex);
    return auth_check(call, text_from(hex, sizeof hex - 1));
}

static void fail_too_large(struct call *call)
{
    const char *code = call->action->body == BODY_RAW ? "RequestTooLargeException"
                                                      : "RequestEntityTooLargeException";

    call_fail(call, code, "Request must be smaller than %lld bytes for the %s operation",
              (long long)call->action->body_max,
              call->action->body == BODY_RAW ? "InvokeFunction" : call->action->name);
}

/* --- the body's JSON --- */

static void fail_json(struct call *call, const struct error *err)
{
    scoped(buffer_done) struct buffer message = {0};

    buffer_add_literal(&message, "Could not parse request body into json: ");
    if (json_check(buffer_text(&call->body), &message))
        buffer_add_text(&message, text_of(err->text));
    call_fail_text(call,
                   call_is_of(call, "apigateway")           ? "BadRequestException"
                   : call->protocol == PROTOCOL_REST_JSON ? "InvalidRequestContentException"
                                                          : "SerializationException",
                   buffer_text(&message));
}

/* Answers when it is not right. In the pool for large bodies; what does not depend on the
 * stream is checked. */
static bool read_input(struct call *call)
{
    struct error err;

    call->input = call->body.len > 0 ? json_parse(buffer_text(&call->body), &err) : json_object();
    if (!call->input) {
        fail_json(call, &err);
        return false;
    }
    if (json_is_object(call->input))
        return true;
    call_fail(call, "SerializationException", "Start of structure or map expected.");
    return false;
}

static void work_input(struct call *call)
{
    struct error err;

    call->input = json_parse(buffer_text(&call->body), &err);
}

static void after_input(struct call *call)
{
    /* A body that failed is parsed again to say why: rare, and it keeps one way of failing. */
    if (!call->input && !read_input(call))
        return;
    if (!json_is_object(call->input)) {
        call_fail(call, "SerializationException", "Start of structure or map expected.");
        return;
    }
    buffer_done(&call->body);
    if (call_validate(call))
        call_run(call);
}

/* --- the end of the body --- */

static void run_json(struct call *call)
{
    if (call->body.len > API_BODY_INLINE)
        call_work(call, work_input, after_input);
    else if (read_input(call) && call_validate(call))
        call_run(call);
}

static void fail_action(struct call *call, struct text name)
{
    if (call->protocol == PROTOCOL_SQS_QUERY)
        call_fail(call, "InvalidAction", "The action %.*s is not valid for this endpoint.",
                  TEXT_ARG(name));
    else
        call_fail(call, "InvalidAction",
                  "Could not find operation %.*s for version NO_VERSION_SPECIFIED", TEXT_ARG(name));
}

static void run_form(struct call *call)
{
    struct text form = call->body.len > 0 ? buffer_text(&call->body) : call->query;
    struct text name = uri_query_find(&call->arena, form, TEXT("Action"));
    const struct action *action = routes_find_query(call->protocol, name);

    if (name.len == 0 && sqs_is_queue_path(call->path)) {
        buffer_add_literal(&call->answer, "<UnknownOperationException/>\n");
        call_reply(call, 404);
        return;
    }
    if (!action || (sqs_is_queue_path(call->path) && !sqs_is_of_queue(name))) {
        fail_action(call, name);
        return;
    }
    call->action = action;
    if (!auth_authorize(call))
        return;
    if (call->protocol == PROTOCOL_SQS_QUERY)
        call->input = sqs_form_parse(form, &call->arena);
    if (call_validate(call))
        call_run(call);
}

static void on_end(struct http_stream *stream)
{
    struct call *call = stream->owner;

    if (!call)
        return;
    call->is_dispatched = true;
    if (!check_signature(call))
        return;
    if (call->is_too_large) {
        fail_too_large(call);
        return;
    }
    switch (call->action->body) {
    case BODY_JSON:
        run_json(call);
        return;
    case BODY_FORM:
        run_form(call);
        return;
    case BODY_NONE:
    case BODY_RAW:
        if (call_validate(call))
            call_run(call);
        return;
    }
}

/* --- answers --- */

static void on_writable(struct http_stream *stream)
{
    struct call *call = stream->owner;

    if (call && call->resume)
        call->resume(call);
}

static void on_half_close(struct http_stream *stream)
{
    struct call *call = stream->owner;

    if (call && call->gone)
        call->gone(call);
}

/* A call that was given to its action goes on; whoever ends it frees it. */
static void on_close(struct http_stream *stream, bool reset)
{
    struct call *call = stream->owner;

    if (!call)
        return;
    stream->owner = NULL;
    call->stream = NULL;
    call->origin = NULL;
    if (!call->is_dispatched)
        call_free(call);
    else if (call->gone)
        call->gone(call);
    else if (call->resume)
        call->resume(call); /* nobody takes the rest: let it come */
}

const struct http_app api_app = {
    .on_request = on_request,
    .on_body = on_body,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_half_close = on_half_close,
    .on_close = on_close,
};
