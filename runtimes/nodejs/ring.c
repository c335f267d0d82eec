/* SPDX-License-Identifier: Apache-2.0 */
#define NAPI_VERSION 8
#include <node_api.h>
#include <uv.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ring_client.h"
#include "trace_env.h"

/*
 * The ring for Node: an addon that polls the ring's descriptor on Node's own loop and gives
 * each event to a function. One event is one callback of the loop: promises are settled
 * and unhandled rejections found before the next begins, as if each had come from the
 * network, but without a system call in between.
 *
 * The loop stays alive while the instance waits for an event, and may run empty while one
 * is being answered: that is how a handler that never answers is noticed ('beforeExit').
 */

/* Events in a row before timers and sockets of the function get their turn. */
#define BATCH_MAX 64

/* What a response is first tried in; a longer one takes a second look. */
#define GUESS_BYTES 4096

/* A process has one ring, and its main thread's environment uses it. */
static struct {
    struct evoke_ring ring;
    struct evoke_trace_env trace;
    const struct ring_event *event; /* the open one */
    napi_env env;
    napi_ref on_event, receiver;
    napi_async_context context;
    double *numbers; /* shared with JavaScript: the deadline */
    uv_poll_t wake;
    uv_idle_t again; /* goes on with the events once the stack is empty */
    bool is_running;
} instance;

static napi_value fail(napi_env env, const char *what)
{
    napi_throw_error(env, NULL, what);
    return NULL;
}

/* --- texts --- */

static bool is_ascii(const char *text, size_t len)
{
    uint64_t bits = 0, word;

    for (; len >= sizeof word; text += sizeof word, len -= sizeof word) {
        memcpy(&word, text, sizeof word);
        bits |= word;
    }
    for (; len > 0; text++, len--)
        bits |= (unsigned char)*text;
    return (bits & UINT64_C(0x8080808080808080)) == 0;
}

/* ASCII needs no decoding; it is what most events are. */
static napi_value create_text(napi_env env, const char *text, size_t len)
{
    napi_value value = NULL;

    if (is_ascii(text, len))
        napi_create_string_latin1(env, text, len, &value);
    else
        napi_create_string_utf8(env, text, len, &value);
    return value;
}

/* --- events --- */

static void clean_up(void *unused)
{
    uv_close((uv_handle_t *)&instance.wake, NULL);
    uv_close((uv_handle_t *)&instance.again, NULL);
}

static void call_on_event(void)
{
    const struct ring_event *event = instance.event;
    napi_env env = instance.env;
    const char *record = evoke_ring_record(&instance.ring, event);
    napi_handle_scope scope;
    napi_value function, receiver, error, arguments[2];
    bool by_api = event->flags & RING_EVENT_BY_API;

    napi_open_handle_scope(env, &scope);
    instance.numbers[0] = (double)event->deadline_ms;
    (void)evoke_trace_env_set(&instance.trace, record + event->payload_len + event->context_len,
                              event->trace_len);
    napi_get_reference_value(env, instance.on_event, &function);
    napi_get_reference_value(env, instance.receiver, &receiver);
    if (by_api)
        napi_get_null(env, &arguments[0]);
    else
        arguments[0] = create_text(env, record, event->payload_len);
    napi_create_string_latin1(env, event->request_id, sizeof event->request_id, &arguments[1]);
    if (napi_make_callback(env, instance.context, receiver, function, 2, arguments, NULL) ==
            napi_pending_exception &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok)
        napi_fatal_exception(env, error);
    napi_close_handle_scope(env, scope);
}

static void on_again(uv_idle_t *again);

static void run_events(void)
{
    if (instance.ring.is_open || instance.is_running)
        return;
    instance.is_running = true;
    uv_unref((uv_handle_t *)&instance.wake);
    for (int count = 0; !instance.ring.is_open; count++) {
        if (count == BATCH_MAX) {
            uv_idle_start(&instance.again, on_again);
            break;
        }
        instance.event = evoke_ring_take(&instance.ring);
        if (!instance.event) {
            uv_ref((uv_handle_t *)&instance.wake);
            break;
        }
        call_on_event();
    }
    instance.is_running = false;
}

static void on_again(uv_idle_t *again)
{
    uv_idle_stop(again);
    run_events();
}

static void on_wake(uv_poll_t *wake, int status, int events)
{
    evoke_ring_drain_wake();
    run_events();
}

/* An answer given later than during the event's own callback. */
static void go_on(void)
{
    if (!instance.is_running)
        uv_idle_start(&instance.again, on_again);
}

static int start_polling(napi_env env)
{
    uv_loop_t *loop;

    if (napi_get_uv_event_loop(env, &loop) != napi_ok ||
        uv_poll_init(loop, &instance.wake, RING_FD_WAKE) < 0)
        return -1;
    if (uv_idle_init(loop, &instance.again) < 0 ||
        uv_poll_start(&instance.wake, UV_READABLE, on_wake) < 0)
        return -1;
    uv_unref((uv_handle_t *)&instance.wake);
    return 0;
}

/* attach(onEvent): onEvent(payload, requestId) begins an event; payload is null when it is
 * to be fetched by the Runtime API. Returns a Float64Array: [deadline]. Events come after
 * ready(). */
static napi_value attach(napi_env env, napi_callback_info info)
{
    size_t count = 1;
    napi_value on_event, receiver, name, buffer, numbers;
    void *bytes;

    napi_get_cb_info(env, info, &count, &on_event, NULL, NULL);
    if (evoke_ring_open(&instance.ring) < 0)
        return fail(env, strerror(errno));
    instance.env = env;
    if (start_polling(env) < 0)
        return fail(env, "the ring's descriptor cannot be polled");
    napi_add_env_cleanup_hook(env, clean_up, NULL);

    napi_create_object(env, &receiver);
    napi_create_string_utf8(env, "EvokeRing", NAPI_AUTO_LENGTH, &name);
    napi_async_init(env, receiver, name, &instance.context);
    napi_create_reference(env, receiver, 1, &instance.receiver);
    napi_create_reference(env, on_event, 1, &instance.on_event);

    napi_create_arraybuffer(env, sizeof(double), &bytes, &buffer);
    if (napi_create_typedarray(env, napi_float64_array, 1, buffer, 0, &numbers) != napi_ok)
        return fail(env, "no memory");
    instance.numbers = bytes;
    return numbers;
}

static napi_value ready(napi_env env, napi_callback_info info)
{
    (void)evoke_ring_send(&instance.ring, ANSWER_READY, NULL, 0, NULL, 0);
    go_on();
    return NULL;
}

/* Of the open event; undefined when there is none. */
static napi_value client_context(napi_env env, napi_callback_info info)
{
    const struct ring_event *event = instance.event;

    if (!instance.ring.is_open || event->context_len == 0)
        return NULL;
    return create_text(env, evoke_ring_record(&instance.ring, event) + event->payload_len,
                       event->context_len);
}

/* --- answers --- */

static napi_value boolean(napi_env env, bool value)
{
    napi_value result = NULL;
    napi_get_boolean(env, value, &result);
    return result;
}

/* Writes text where a record goes. False: it is larger than the ring takes. Most answers
 * fit the guess and are copied once; the copy ends at a whole character and with a NUL, so
 * one that comes near the end of its room may have been cut. */
static bool write_text(napi_env env, napi_value text, size_t *ret_len)
{
    char *at;
    size_t room = evoke_ring_space(&instance.ring, GUESS_BYTES, &at);

    if (room > RING_RECORD_MAX)
        room = RING_RECORD_MAX;
    if (room > 0 && napi_get_value_string_utf8(env, text, at, room, ret_len) == napi_ok &&
        *ret_len + 4 < room)
        return true;
    if (napi_get_value_string_utf8(env, text, NULL, 0, ret_len) != napi_ok ||
        *ret_len > RING_RECORD_MAX)
        return false;
    /* The NUL needs room too, though it is no part of the record. */
    if (*ret_len == RING_RECORD_MAX) {
        char *copy = malloc(RING_RECORD_MAX + 1);
        at = evoke_ring_room(&instance.ring, RING_RECORD_MAX);
        if (!copy)
            return false;
        napi_get_value_string_utf8(env, text, copy, RING_RECORD_MAX + 1, ret_len);
        memcpy(at, copy, RING_RECORD_MAX);
        free(copy);
        return true;
    }
    at = evoke_ring_room(&instance.ring, *ret_len + 1);
    return napi_get_value_string_utf8(env, text, at, *ret_len + 1, ret_len) == napi_ok;
}

/* respond(text): true, or false when it is too large for the ring. */
static napi_value respond(napi_env env, napi_callback_info info)
{
    size_t count = 1, len;
    napi_value text;

    napi_get_cb_info(env, info, &count, &text, NULL, NULL);
    if (!instance.ring.is_open)
        return fail(env, "no event is open");
    if (!write_text(env, text, &len))
        return boolean(env, false);
    evoke_ring_answer(&instance.ring, ANSWER_RESPONSE, len, 0);
    go_on();
    return boolean(env, true);
}

static napi_value send_error(napi_env env, napi_callback_info info, enum ring_answer_kind kind)
{
    size_t count = 2, len = 0, type_len = 0;
    napi_value arguments[2];

    napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
    napi_get_value_string_utf8(env, arguments[0], NULL, 0, &len);
    napi_get_value_string_utf8(env, arguments[1], NULL, 0, &type_len);
    if (len + type_len > RING_RECORD_MAX)
        return boolean(env, false);
    char *record = malloc(len + type_len + 1);
    if (!record)
        return boolean(env, false);
    napi_get_value_string_utf8(env, arguments[0], record, len + 1, &len);
    napi_get_value_string_utf8(env, arguments[1], record + len, type_len + 1, &type_len);
    bool sent = evoke_ring_send(&instance.ring, kind, record, len, record + len, type_len);
    free(record);
    go_on();
    return boolean(env, sent);
}

/* fail(error, type), initError(error, type): as respond(). */
static napi_value fail_event(napi_env env, napi_callback_info info)
{
    if (!instance.ring.is_open)
        return fail(env, "no event is open");
    return send_error(env, info, ANSWER_ERROR);
}

static napi_value init_error(napi_env env, napi_callback_info info)
{
    return send_error(env, info, ANSWER_INIT_ERROR);
}

static napi_value answered_by_api(napi_env env, napi_callback_info info)
{
    if (!instance.ring.is_open)
        return fail(env, "no event is open");
    (void)evoke_ring_send(&instance.ring, ANSWER_BY_API, NULL, 0, NULL, 0);
    go_on();
    return NULL;
}

/* --- output --- */

static void log_text(napi_env env, int fd, napi_value text)
{
    char line[RING_LOG_TEXT_MAX], *at = line;
    size_t len = 0;

    if (napi_get_value_string_utf8(env, text, line, sizeof line, &len) != napi_ok)
        return;
    if (len + 4 >= sizeof line) {
        napi_get_value_string_utf8(env, text, NULL, 0, &len);
        at = malloc(len + 1);
        if (!at)
            return;
        napi_get_value_string_utf8(env, text, at, len + 1, &len);
    }
    evoke_ring_log(fd, instance.ring.sequence, at, len);
    if (at != line)
        free(at);
}

/* log(fd, text or Uint8Array) */
static napi_value write_log(napi_env env, napi_callback_info info)
{
    size_t count = 2, len;
    napi_value arguments[2];
    int32_t fd = 1;
    napi_valuetype type;
    void *bytes;

    napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
    napi_get_value_int32(env, arguments[0], &fd);
    napi_typeof(env, arguments[1], &type);
    if (type == napi_string)
        log_text(env, fd, arguments[1]);
    else if (napi_get_typedarray_info(env, arguments[1], NULL, &len, &bytes, NULL, NULL) == napi_ok)
        evoke_ring_log(fd, instance.ring.sequence, bytes, len);
    return NULL;
}

NAPI_MODULE_INIT()
{
    static const struct {
        const char *name;
        napi_callback function;
    } functions[] = {
        {"attach", attach},
        {"ready", ready},
        {"initError", init_error},
        {"clientContext", client_context},
        {"respond", respond},
        {"fail", fail_event},
        {"answeredByApi", answered_by_api},
        {"log", write_log},
    };

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        napi_value value;
        if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function,
                                 NULL, &value) != napi_ok ||
            napi_set_named_property(env, exports, functions[i].name, value) != napi_ok)
            return NULL;
    }
    return exports;
}
