/* SPDX-License-Identifier: Apache-2.0 */
#include "evoke.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "evoke_json.h"
#include "evoke_log.h"
#include "evoke_priv.h"
#include "trace_env.h"

/*
 * An event and its answer each go by the ring or by the Runtime API: small ones by the
 * ring, if there is one. An event that was fetched by the API is answered there, so that
 * the daemon never has to join the halves of an exchange.
 */

/* The environment points into it. */
static struct evoke_trace_env trace;

int evoke_give_up(const char *what)
{
    fprintf(stderr, "evoke: %s: %s\n", what, strerror(errno));
    return 1;
}

/* What the function starts must not inherit its way to the daemon. */
static int passed_socket(void)
{
    const char *offered = getenv("_EVOKE_API_SOCKET");

    if (!offered || strcmp(offered, "1") != 0)
        return -1;
    return fcntl(RUNTIME_API_FD, F_SETFD, FD_CLOEXEC) < 0 ? -1 : RUNTIME_API_FD;
}

/* A session without a Runtime API lives as long as all fits the ring. */
static int open_session(struct session *session)
{
    *session = (struct session){.on_ring = evoke_ring_offered(),
                                .on_evoke = getenv("_EVOKE_FUNCTION_ARN") != NULL};
    bool has_api =
        evoke_api_open(&session->api, getenv("AWS_LAMBDA_RUNTIME_API"), passed_socket()) == 0;

    if (session->on_ring && evoke_ring_open(&session->ring) < 0) {
        if (!has_api)
            return evoke_give_up("cannot map the ring");
        evoke_log(NULL, EVOKE_WARN, "cannot map the ring (%s): using the Runtime API",
                  strerror(errno));
        session->on_ring = false;
    }
    if (!session->on_ring && !has_api)
        return evoke_give_up("AWS_LAMBDA_RUNTIME_API is not the address of a Runtime API");
    if (session->on_ring)
        evoke_ring_block_wake();
    return 0;
}

static void close_session(struct session *session)
{
    evoke_api_close(&session->api);
    free(session->event);
}

/* --- answers --- */

static const struct evoke_api_request ask_next = {.method = "GET",
                                                  .path = API_PREFIX "invocation/next"};

int evoke_check_posted(const struct evoke_api_reply *reply)
{
    /* 413: the platform has told the caller that the answer was too large. */
    if (reply->status / 100 == 2 || reply->status == 413)
        return 0;
    errno = EPROTO;
    return -1;
}

static int post(struct session *session, const char *path, const char *type,
                const struct evoke_api_request *body)
{
    struct evoke_api_request request = *body;
    struct evoke_api_reply reply;

    request.method = "POST";
    request.path = path;
    request.error_type = type;
    /* Asks for the next event along with it, as an answer by the ring does: half the
     * wake-ups. */
    if (session->on_evoke && !session->on_ring)
        return evoke_api_send_both(&session->api, &request, &ask_next);
    if (evoke_api_call(&session->api, &request, &reply) < 0)
        return -1;
    return evoke_check_posted(&reply);
}

void evoke_answer_path(const struct call *call, const char *kind, char path[ANSWER_PATH_MAX])
{
    snprintf(path, ANSWER_PATH_MAX, API_PREFIX "invocation/%.*s/%s", REQUEST_ID_MAX,
             call->context.request_id, kind);
}

/* An answer that cannot be given leaves nobody to tell but the log. */
static void answer_by_api(struct call *call, const char *type, const void *bytes, size_t len)
{
    char path[ANSWER_PATH_MAX];
    struct evoke_api_request body = {
        .content_type = "application/json", .body = bytes, .body_len = len};

    evoke_answer_path(call, type ? "error" : "response", path);
    if (post(call->session, path, type, &body) < 0)
        exit(evoke_give_up("cannot give the answer"));
    if (call->session->on_ring)
        (void)evoke_ring_send(&call->session->ring, ANSWER_BY_API, NULL, 0, NULL, 0);
}

static int answer(struct evoke_context *context, const char *type, const void *bytes, size_t len)
{
    struct call *call = (struct call *)context;
    struct session *session = call->session;

    if (call->answered)
        return -1;
    call->answered = true;
    evoke_log_flush();
    if (call->by_api || !evoke_ring_send(&session->ring, type ? ANSWER_ERROR : ANSWER_RESPONSE,
                                         bytes, len, type, type ? strlen(type) : 0))
        answer_by_api(call, type, bytes, len);
    return 0;
}

int evoke_respond(struct evoke_context *context, const char *json)
{
    return answer(context, NULL, json, strlen(json));
}

int evoke_respond_bytes(struct evoke_context *context, const void *bytes, size_t len)
{
    return answer(context, NULL, bytes, len);
}

/* An error type travels in a header. */
void evoke_clean_type(const char *type, char clean[TYPE_MAX + 1])
{
    size_t len = 0;

    for (; type[len] && len < TYPE_MAX; len++)
        clean[len] = type[len] > ' ' && type[len] < 0x7f ? type[len] : '_';
    clean[len] = '\0';
}

char *evoke_format_error(const char *type, const char *message)
{
    size_t size = evoke_json_size(type) + evoke_json_size(message) + 64;
    char *json = malloc(size), *at = json;

    if (!json)
        return NULL;
    at += snprintf(at, size, "{\"errorType\":");
    at = evoke_json_quote(at, type);
    at += snprintf(at, size - (size_t)(at - json), ",\"errorMessage\":");
    at = evoke_json_quote(at, message);
    (void)snprintf(at, size - (size_t)(at - json), ",\"stackTrace\":[]}");
    return json;
}

const char evoke_out_of_memory[] =
    "{\"errorType\":\"Runtime.OutOfMemory\",\"errorMessage\":\"out of memory\",\"stackTrace\":[]}";

int evoke_fail(struct evoke_context *context, const char *type, const char *message)
{
    char clean[TYPE_MAX + 1];

    evoke_clean_type(type, clean);
    char *json = evoke_format_error(clean, message);
    const char *text = json ? json : evoke_out_of_memory;
    int result = answer(context, clean, text, strlen(text));
    free(json);
    return result;
}

int evoke_fail_init(const char *type, const char *message)
{
    struct session session;
    char clean[TYPE_MAX + 1];

    if (open_session(&session) != 0)
        return 1;
    session.on_evoke = false; /* no event follows to read the answer along with */
    evoke_clean_type(type, clean);
    char *json = evoke_format_error(clean, message);
    const char *text = json ? json : evoke_out_of_memory;
    struct evoke_api_request body = {
        .content_type = "application/json", .body = text, .body_len = strlen(text)};

    evoke_log(NULL, EVOKE_ERROR, "%s: %s", clean, message);
    evoke_log_flush();
    if (!session.on_ring || !evoke_ring_send(&session.ring, ANSWER_INIT_ERROR, text, strlen(text),
                                             clean, strlen(clean)))
        if (post(&session, API_PREFIX "init/error", clean, &body) < 0)
            (void)evoke_give_up("cannot report the failure");
    free(json);
    close_session(&session);
    return 1;
}

/* --- events --- */

/* Room for texts of len bytes together, and the NULs of as many as there are. */
static int need_event(struct session *session, size_t len)
{
    len += 8;
    if (session->event_size >= len)
        return 0;
    char *larger = realloc(session->event, len);
    if (!larger)
        return -1;
    session->event = larger;
    session->event_size = len;
    return 0;
}

static char *put_text(char *at, const char *text, size_t len, const char **ret_text)
{
    memcpy(at, text, len);
    at[len] = '\0';
    *ret_text = at;
    return at + len + 1;
}

static void handle(struct call *call, const char *event, size_t len)
{
    (void)evoke_trace_env_set(&trace, call->context.trace_id, strlen(call->context.trace_id));
    call->session->handler(event, len, &call->context);
    if (call->streaming)
        (void)evoke_stream_end(&call->context);
    if (!call->answered)
        (void)answer(&call->context, NULL, "null", 4);
    evoke_log_flush();
}

static int64_t parse_number(const char *text, size_t len)
{
    int64_t number = 0;
    for (size_t i = 0; i < len && i < 18 && text[i] >= '0' && text[i] <= '9'; i++)
        number = number * 10 + (text[i] - '0');
    return number;
}

static const char *const header_names[] = {
    "Lambda-Runtime-Aws-Request-Id",
    "Lambda-Runtime-Invoked-Function-Arn",
    "Lambda-Runtime-Trace-Id",
    "Lambda-Runtime-Client-Context",
};

static int handle_reply(struct session *session, const struct evoke_api_reply *reply)
{
    struct call call = {.session = session, .by_api = true, .context.data = session->data};
    struct evoke_context *context = &call.context;
    const char **fields[] = {&context->request_id, &context->function_arn, &context->trace_id,
                             &context->client_context};
    const char *event;
    size_t len;

    if (need_event(session, reply->body_len + reply->head_len) < 0)
        return evoke_give_up("cannot hold an event");
    char *at = put_text(session->event, reply->body, reply->body_len, &event);
    for (size_t i = 0; i < 4; i++) {
        const char *value = evoke_api_header(reply, header_names[i], &len);
        at = put_text(at, value, len, fields[i]);
    }
    const char *deadline = evoke_api_header(reply, "Lambda-Runtime-Deadline-Ms", &len);
    context->deadline_ms = parse_number(deadline, len);
    if (!context->request_id[0] || strlen(context->request_id) > REQUEST_ID_MAX) {
        errno = EPROTO;
        return evoke_give_up("the Runtime API gave an event without a request id");
    }
    handle(&call, event, reply->body_len);
    return 0;
}

/* Asks for the next event; first comes what is still owed for the answer before it. */
static int next_event(struct session *session, struct evoke_api_reply *reply)
{
    if (session->api.owed == 0)
        return evoke_api_call(&session->api, &ask_next, reply);
    if (evoke_api_receive(&session->api, reply) < 0 || evoke_check_posted(reply) < 0)
        return -1;
    return evoke_api_receive(&session->api, reply);
}

static int handle_from_api(struct session *session)
{
    struct evoke_api_reply reply;

    if (next_event(session, &reply) < 0)
        return evoke_give_up("cannot ask for the next event");
    if (reply.status != 200) {
        fprintf(stderr, "evoke: the Runtime API answered %d: %.*s\n", reply.status,
                (int)(reply.body_len < 200 ? reply.body_len : 200), reply.body);
        return 1;
    }
    return handle_reply(session, &reply);
}

/* The texts are copied: they get their NULs, and an answer may free the slot. */
static int handle_from_ring(struct session *session, const struct ring_event *event)
{
    struct call call = {.session = session,
                        .context = {.deadline_ms = event->deadline_ms, .data = session->data}};
    struct evoke_context *context = &call.context;
    const char *record = evoke_ring_record(&session->ring, event);
    const char *arn = getenv("_EVOKE_FUNCTION_ARN"), *payload;
    size_t payload_len = event->payload_len, context_len = event->context_len;

    evoke_log_sequence(session->ring.sequence);
    if (event->flags & RING_EVENT_BY_API)
        return handle_from_api(session);
    if (need_event(session,
                   payload_len + context_len + event->trace_len + sizeof event->request_id) < 0)
        return evoke_give_up("cannot hold an event");

    char *at = put_text(session->event, record, payload_len, &payload);
    at = put_text(at, record + payload_len, context_len, &context->client_context);
    at = put_text(at, record + payload_len + context_len, event->trace_len, &context->trace_id);
    (void)put_text(at, event->request_id, sizeof event->request_id, &context->request_id);
    context->function_arn = arn ? arn : "";
    handle(&call, payload, payload_len);
    return 0;
}

static int run_on_ring(struct session *session)
{
    (void)evoke_ring_send(&session->ring, ANSWER_READY, NULL, 0, NULL, 0);
    for (;;) {
        const struct ring_event *event = evoke_ring_take(&session->ring);
        if (event) {
            if (handle_from_ring(session, event) != 0)
                return 1;
        } else if (evoke_ring_wait() < 0 && errno != EINTR) {
            return evoke_give_up("cannot wait for an event");
        }
    }
}

int evoke_run(evoke_handler *handler, void *data)
{
    struct session session;

    if (open_session(&session) != 0)
        return 1;
    session.handler = handler;
    session.data = data;
    evoke_log_capture(session.on_ring);

    int result = 0;
    if (session.on_ring)
        result = run_on_ring(&session);
    while (result == 0)
        result = handle_from_api(&session);
    evoke_log_flush();
    close_session(&session);
    return result;
}

int64_t evoke_remaining_ms(const struct evoke_context *context)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t left = context->deadline_ms - (now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000);
    return left > 0 ? left : 0;
}
