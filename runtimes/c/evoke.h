/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Functions in C for Evoke, and for any platform that speaks the AWS Lambda Runtime API.
 * A whole function:
 *
 *     #include <evoke.h>
 *
 *     static void handler(const char *event, size_t len, struct evoke_context *context)
 *     {
 *         evoke_respond(context, "{\"message\":\"hello\"}");
 *     }
 *
 *     int main(void)
 *     {
 *         return evoke_run(handler, NULL);
 *     }
 *
 * Built with `cc -O2 -static main.c libevoke.a -o bootstrap` it is deployed as a ZIP that
 * holds the file `bootstrap`, with the runtime `provided`.
 *
 * Under Evoke events come through memory shared with the daemon (the ring), elsewhere and
 * when they are too large for that over HTTP from $AWS_LAMBDA_RUNTIME_API. A handler
 * cannot tell.
 *
 * One thread: handlers run one after the other on the thread that called evoke_run(), and
 * all functions here belong to it. What the handler prints by stdio goes to the function's
 * log, each line as it is finished. Name, version and memory of the function are in the
 * environment, as on Lambda: AWS_LAMBDA_FUNCTION_NAME, AWS_LAMBDA_FUNCTION_VERSION,
 * AWS_LAMBDA_FUNCTION_MEMORY_SIZE.
 */

/* One event's surroundings. The texts are never NULL, "" means absent, and live until the
 * handler returns. */
struct evoke_context {
    const char *request_id;
    const char *function_arn;
    const char *trace_id;       /* X-Ray header; also in the environment: _X_AMZN_TRACE_ID */
    const char *client_context; /* JSON */
    int64_t deadline_ms;        /* when the event times out, ms since 1970 */
    void *data;                 /* what evoke_run() was given */
};

/* Answers one event. event is its JSON text of len bytes, followed by a NUL; it lives until
 * the handler returns. The handler answers by evoke_respond(), evoke_respond_bytes(),
 * evoke_fail() or a stream; when it returns without, the answer is `null`. */
typedef void evoke_handler(const char *event, size_t len, struct evoke_context *context);

/* Gives events to the handler for as long as the process lives. Returns only when it cannot
 * go on: 1, with the reason on stderr, to be returned by main(). */
int evoke_run(evoke_handler *handler, void *data);

/* Answers the event with a JSON text. The answer is on its way when the call returns; work
 * done afterwards delays the next event. 0, or -1 when the event has an answer already. */
int evoke_respond(struct evoke_context *context, const char *json);
/* The same for len bytes of any kind. */
int evoke_respond_bytes(struct evoke_context *context, const void *bytes, size_t len);

/* Ends the event as failed: the caller gets {"errorType":type,"errorMessage":message}. type
 * is a name such as "Order.Invalid": at most 127 characters, of which blanks and those that
 * are not ASCII become '_'; message is any UTF-8 text. 0, or -1 when the event has an answer
 * already. */
int evoke_fail(struct evoke_context *context, const char *type, const char *message);

/*
 * An answer piece by piece, of any length the platform allows: who called the function by a
 * URL with InvokeMode RESPONSE_STREAM, or InvokeWithResponseStream, gets each piece as it is
 * written; everybody else gets them together.
 *
 *     evoke_stream_begin(context, "text/plain");
 *     while (more())
 *         evoke_stream_write(context, line, strlen(line));
 *     evoke_stream_end(context);
 */

/* content_type: at most 255 characters of ASCII. 0, or -1 when the event has an answer
 * already or content_type is none. */
int evoke_stream_begin(struct evoke_context *context, const char *content_type);
/* The same for a URL's answer with status, headers and cookies of its own. prelude is their
 * JSON: {"statusCode":201,"headers":{"x-a":"b"},"cookies":["c=d"]}. */
int evoke_stream_begin_http(struct evoke_context *context, const char *prelude);
/* Waits while the caller is slow. -1: the platform takes no more (the event timed out, or
 * the answer is too long); writing on is in vain. */
int evoke_stream_write(struct evoke_context *context, const void *bytes, size_t len);
/* The answer is whole; returning from the handler ends it too. 0, or -1 when there is no
 * stream or the platform did not take it. */
int evoke_stream_end(struct evoke_context *context);
/* The answer breaks off here: the caller can tell, and the event counts as failed. type and
 * message as with evoke_fail(), the message at most 1024 bytes. */
int evoke_stream_fail(struct evoke_context *context, const char *type, const char *message);

/* Instead of evoke_run(): tells the platform that the function cannot start. Returns 1, to
 * be returned by main(). */
int evoke_fail_init(const char *type, const char *message);

/* Milliseconds until the event times out; 0 when it has. */
int64_t evoke_remaining_ms(const struct evoke_context *context);

enum evoke_level { EVOKE_TRACE, EVOKE_DEBUG, EVOKE_INFO, EVOKE_WARN, EVOKE_ERROR, EVOKE_FATAL };

/* Writes a line to the function's log: time, request id, level and message, as text or as
 * JSON by $AWS_LAMBDA_LOG_FORMAT. Levels under $AWS_LAMBDA_LOG_LEVEL are left out. context
 * is NULL outside of a handler. A message is cut at 8 KiB. */
void evoke_log(const struct evoke_context *context, enum evoke_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif
