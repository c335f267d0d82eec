/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/environment_priv.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * An environment is a sandbox, its log pipe, its two transports, and the events it has.
 * Which transport carries events is the instance's choice, made before its first event:
 * it attaches to the ring, or it asks the Runtime API.
 *
 * Its memory goes when the owner has let go (environment_free) and libuv has closed the
 * last watcher, whichever comes later.
 */

#define MEMORY_READ_US 100000 /* the peak is read at most ten times a second */

static void on_end(struct loop_task *task);

struct environment *environment_start(struct launcher *launcher,
                                      const struct environment_options *options)
{
    struct environment *environment = mem_new(struct environment);
    struct error err;

    environment->launcher = launcher;
    environment->loop = launcher_loop(launcher);
    environment->calls = options->calls;
    environment->owner = options->owner;
    environment->api_door = options->api;
    environment->gateway_door = options->gateway;
    environment->function_arn = mem_strdup(options->function_arn);
    environment->log_fd = environment->log_write_fd = -1;
    ring_init(environment);
    environment->memory_fd = environment->freeze_fd = -1;
    environment->end_task.run = on_end;
    list_init(&environment->events);
    environment->api.passed_fd = -1;
    environment->api.server = http_server_new(environment->loop, &http_limits_instance);
    environment->host_network = options->plan.host_network;
    if (options->runtime_listener >= 0)
        http_listen(environment->api.server, options->runtime_listener, &runtime_api_app,
                    environment);

    if (output_open(environment, &err) < 0 || ring_open(environment, &err) < 0 ||
        runtime_api_open(environment, &err) < 0) {
        snprintf(environment->end.reason, sizeof environment->end.reason, "%.*s",
                 (int)sizeof environment->end.reason - 1, err.text);
        environment->state = ENVIRONMENT_ENDED;
        loop_defer(environment->loop, &environment->end_task);
        return environment;
    }
    launcher_start(launcher, environment, &options->plan);
    output_started(environment);
    return environment;
}

void *environment_owner(const struct environment *environment)
{
    return environment->owner;
}

size_t environment_load(const struct environment *environment)
{
    return environment->event_count;
}

bool environment_is_ring(const struct environment *environment)
{
    return environment->ring.attached;
}

size_t environment_room(struct environment *environment, size_t payload_len)
{
    if (!environment->is_ready || environment->state == ENVIRONMENT_ENDED || environment->kill_sent)
        return 0;
    if (environment->ring.attached)
        return ring_room(environment, payload_len);
    return environment->event_count == 0 ? 1 : 0;
}

void environment_send(struct environment *environment, struct invocation *invocation)
{
    assert(environment->is_ready);
    list_push(&environment->events, &invocation->link);
    environment->event_count++;
    invocation->began_us = clock_mono_us();
    if (environment->ring.attached)
        ring_send(environment, invocation);
    else
        runtime_api_offer(environment);
}

static struct invocation *forget(struct environment *environment, struct invocation *invocation)
{
    list_remove(&invocation->link);
    environment->event_count--;
    runtime_api_drop(environment, invocation);
    return invocation;
}

struct invocation *environment_take(struct environment *environment)
{
    if (environment->ring.attached) {
        /* The oldest stays: that it has not begun would be the instance's word alone, and
         * its time runs. */
        struct invocation *invocation = environment->ring.shared && environment->event_count > 1
                                            ? ring_take_youngest(environment)
                                            : NULL;
        return invocation ? forget(environment, invocation) : NULL;
    }
    if (environment->event_count == 0 || environment->api.delivered || environment->api.answering)
        return NULL;
    return forget(environment, container_of(environment->events.prev, struct invocation, link));
}

struct invocation *environment_take_oldest(struct environment *environment, bool *ret_begun)
{
    if (environment->event_count == 0)
        return NULL;
    struct invocation *invocation = container_of(environment->events.next, struct invocation, link);

    if (environment->ring.attached) {
        *ret_begun = environment->ring.shared && ring_has_begun(environment, invocation);
        ring_forget(environment, invocation);
    } else {
        *ret_begun =
            environment->api.delivered == invocation || environment->api.answering == invocation;
    }
    return forget(environment, invocation);
}

struct invocation *environment_running(const struct environment *environment, int64_t *ret_began_us)
{
    if (environment->event_count == 0)
        return NULL;
    struct invocation *invocation = container_of(environment->events.next, struct invocation, link);

    *ret_began_us = invocation->began_us > environment->answered_us ? invocation->began_us
                                                                    : environment->answered_us;
    return invocation;
}

void environment_finish_event(struct environment *environment, struct invocation *invocation,
                              bool is_error, struct text error_type)
{
    (void)forget(environment, invocation);
    environment->calls->answered(environment, invocation, is_error, error_type);
    /* By the ring an answer is also the request for the next event. */
    if (environment->ring.attached && environment->state == ENVIRONMENT_RUNNING)
        environment->calls->idle(environment);
}

void environment_became_ready(struct environment *environment)
{
    if (environment->is_ready)
        return;
    environment->is_ready = true;
    environment->answered_us = clock_mono_us();
    environment->calls->ready(environment);
}

void environment_violated(struct environment *environment, const char *what)
{
    if (environment->kill_sent)
        return;
    log_warn("an instance broke its protocol and is killed",
             LOG_TEXT("function", environment->function_arn), LOG_TEXT("what", what),
             LOG_NUM("pid", environment->pid));
    environment_kill(environment);
}

void environment_resume(struct environment *environment)
{
    runtime_api_resume(environment);
}

static void write_freezer(struct environment *environment, const char *v1, const char *v2)
{
    const char *word = environment->freeze_v2 ? v2 : v1;

    if (pwrite(environment->freeze_fd, word, strlen(word), 0) < 0)
        log_debug("the freezer refused", LOG_NUM("pid", environment->pid));
}

void environment_freeze(struct environment *environment)
{
    if (environment->is_frozen || environment->freeze_fd < 0 || environment->kill_sent)
        return;
    environment->is_frozen = true;
    write_freezer(environment, "FROZEN", "1");
}

void environment_thaw(struct environment *environment)
{
    if (!environment->is_frozen)
        return;
    environment->is_frozen = false;
    write_freezer(environment, "THAWED", "0");
}

int64_t environment_memory_peak(struct environment *environment)
{
    int64_t now = loop_now_us(environment->loop);
    char text[32];

    if (environment->memory_fd < 0 ||
        (environment->memory_peak > 0 && now - environment->memory_read_us < MEMORY_READ_US))
        return environment->memory_peak;
    environment->memory_read_us = now;
    ssize_t len = pread(environment->memory_fd, text, sizeof text, 0);
    int64_t bytes;
    if (len > 0 &&
        text_to_int(text_trim(text_slice(text_from(text, (size_t)len), 0,
                                         text_find(text_from(text, (size_t)len), '\n'))),
                    0, INT64_MAX, &bytes) &&
        bytes > environment->memory_peak)
        environment->memory_peak = bytes;
    return environment->memory_peak;
}

void environment_kill(struct environment *environment)
{
    if (environment->kill_sent)
        return;
    environment->kill_sent = true;
    if (environment->state == ENVIRONMENT_ENDED)
        return;
    environment_thaw(environment);
    launcher_kill(environment->launcher, environment);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(take_fd(*fd));
}

static void on_end(struct loop_task *task)
{
    struct environment *environment = container_of(task, struct environment, end_task);

    if (environment->log_open) {
        /* All that it wrote is in the pipe now. */
        output_drain(environment);
        output_end(environment);
    }
    if (environment->end.memory_peak_bytes < environment->memory_peak)
        environment->end.memory_peak_bytes = environment->memory_peak;
    environment->memory_peak = environment->end.memory_peak_bytes;
    environment->calls->ended(environment, &environment->end);
}

static void release(struct environment *environment)
{
    buffer_done(&environment->log);
    free(environment->function_arn);
    free(environment);
}

void environment_closed_handle(struct environment *environment)
{
    if (--environment->handles == 0 && environment->free_wanted)
        release(environment);
}

void environment_free(struct environment *environment)
{
    assert(environment->state == ENVIRONMENT_ENDED && environment->event_count == 0);
    runtime_api_forget(environment);
    runtime_api_sent(environment);
    http_server_close(environment->api.server);
    ring_close(environment);
    close_fd(&environment->log_write_fd);
    if (!environment->log_io.closed) /* else it is closed when nobody watches it any more */
        close_fd(&environment->log_fd);
    close_fd(&environment->memory_fd);
    close_fd(&environment->freeze_fd);
    environment->free_wanted = true;
    if (environment->handles == 0)
        release(environment);
}
