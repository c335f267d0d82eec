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
 * the handler returns. The handler answers by evoke_respond(), evoke_respond_bytes() or
 * evoke_fail(); when it returns without, the answer is `null`. */
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
