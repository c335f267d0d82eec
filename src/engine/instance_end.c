/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine_priv.h"

/* How instances end before their time, and what callers and logs are told of it: in the words
 * of Lambda. */

static struct shard *shard_of(const struct instance *instance)
{
    return instance->pool->shard;
}

static void finish_error(struct instance *instance, struct invocation *invocation,
                         const char *error_type, const char *message, const char *status)
{
    struct report report = {.began_us = invocation->began_us,
                            .ended_us = invocation->ended_us,
                            .start_logged = invocation->start_logged,
                            .status = status,
                            .error_type = error_type};

    memcpy(report.request_id, invocation->request_id, sizeof report.request_id);
    buffer_clear(&invocation->response);
    buffer_add_format(&invocation->response,
                      "{\"errorType\":\"%s\",\"errorMessage\":\"RequestId: %s Error: %s\"}",
                      error_type, invocation->request_id, message);
    invocation->outcome = INVOCATION_FUNCTION_ERROR;
    snprintf(invocation->error_kind, sizeof invocation->error_kind, "Unhandled");
    monitor_report(instance, &report, invocation->want_log_tail ? invocation : NULL);
    shard_finish(shard_of(instance), invocation);
}

/* "exit status 1", "signal: killed": in the words of Lambda, which are Go's. */
static void describe_exit(int status, char *out, size_t size)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {
        {SIGHUP, "hangup"},
        {SIGINT, "interrupt"},
        {SIGQUIT, "quit"},
        {SIGILL, "illegal instruction"},
        {SIGTRAP, "trace/breakpoint trap"},
        {SIGABRT, "aborted"},
        {SIGBUS, "bus error"},
        {SIGFPE, "floating point exception"},
        {SIGKILL, "killed"},
        {SIGUSR1, "user defined signal 1"},
        {SIGSEGV, "segmentation fault"},
        {SIGUSR2, "user defined signal 2"},
        {SIGPIPE, "broken pipe"},
        {SIGALRM, "alarm clock"},
        {SIGTERM, "terminated"},
        {SIGXCPU, "CPU time limit exceeded"},
        {SIGXFSZ, "file size limit exceeded"},
        {SIGSYS, "bad system call"},
    };

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        snprintf(out, size, "Runtime exited without providing a reason");
        return;
    }
    if (WIFEXITED(status)) {
        snprintf(out, size, "Runtime exited with error: exit status %d", WEXITSTATUS(status));
        return;
    }
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].number == WTERMSIG(status)) {
            snprintf(out, size, "Runtime exited with error: signal: %s", names[i].name);
            return;
        }
    snprintf(out, size, "Runtime exited with error: signal: %d", WTERMSIG(status));
}

static double timeout_s(const struct instance *instance)
{
    return (double)instance->pool->version->config.timeout_s;
}

void instance_time_out(struct instance *instance, struct invocation *invocation)
{
    char at[32], message[96];
    int64_t now = clock_mono_us();

    invocation->ended_us = now;
    if (invocation->began_us == 0)
        invocation->began_us = now - (int64_t)(timeout_s(instance) * 1e6);
    snprintf(message, sizeof message, "Task timed out after %.2f seconds", timeout_s(instance));
    counter_add(&shard_of(instance)->counters.timeouts, 1);
    monitor_begun(instance, invocation);
    monitor_line(instance, invocation->want_log_tail ? invocation : NULL, "%s %s %s\n",
                 clock_format_iso(clock_now_ms(), at), invocation->request_id, message);
    finish_error(instance, invocation, "Sandbox.Timedout", message, "timeout");
}

/* As AWS words it, and Go its errors. */
static void describe_exec(const struct instance *instance, int number, char *out, size_t size)
{
    const char *program = launch_program(shard_of(instance)->engine, instance->pool->version);

    if (number == ENOENT && strcmp(program, LAUNCH_BOOTSTRAP) == 0)
        snprintf(out, size,
                 "Couldn't find valid bootstrap(s): [" LAUNCH_BOOTSTRAP " /opt/bootstrap]");
    else if (number == ENOEXEC)
        snprintf(out, size, "fork/exec %s: exec format error", program);
    else if (number == EACCES)
        snprintf(out, size, "fork/exec %s: permission denied", program);
    else if (number == ENOENT || number == ELIBACC)
        snprintf(out, size, "fork/exec %s: no such file or directory", program);
    else
        snprintf(out, size, "fork/exec %s: %s", program, strerror(number));
}

/* What a caller is told of an initialisation that failed. */
static char *init_error_json(const struct instance *instance, const struct environment_end *end,
                             const char *request_id)
{
    char message[160];

    if (instance->init_error)
        return mem_strdup(instance->init_error);
    if (instance->timed_out_init)
        return mem_format(
            "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: %s Error: "
            "Task timed out after %.2f seconds\"}",
            request_id, timeout_s(instance));
    if (end->exec_errno) {
        describe_exec(instance, end->exec_errno, message, sizeof message);
        return mem_format(
            "{\"errorType\":\"Runtime.InvalidEntrypoint\",\"errorMessage\":\"RequestId: "
            "%s Error: %s\"}",
            request_id, message);
    }
    if (end->reason[0]) {
        scoped(buffer_done) struct buffer text = {0}, json = {0};
        buffer_add_format(&text, "RequestId: %s Error: %s", request_id, end->reason);
        buffer_add_literal(&json, "{\"errorType\":\"Runtime.Unknown\",\"errorMessage\":");
        buffer_add_json(&json, buffer_text(&text));
        buffer_add_char(&json, '}');
        return text_dup(buffer_text(&json));
    }
    describe_exit(end->status, message, sizeof message);
    return mem_format(
        "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: %s Error: %s\"}",
        request_id, message);
}

static void answer_init_failure(struct instance *instance, const struct environment_end *end,
                                struct invocation *invocation)
{
    invocation->ended_us = clock_mono_us();
    if (invocation->began_us == 0)
        invocation->began_us = instance->started_us;
    if (instance->timed_out_init) {
        instance_time_out(instance, invocation);
        return;
    }
    struct report report = {.began_us = invocation->began_us,
                            .ended_us = invocation->ended_us,
                            .start_logged = invocation->start_logged,
                            .status = "error",
                            .error_type = instance->init_error_type};

    memcpy(report.request_id, invocation->request_id, sizeof report.request_id);
    scoped(free) char *json = init_error_json(instance, end, invocation->request_id);
    buffer_clear(&invocation->response);
    buffer_add_text(&invocation->response, text_of(json));
    invocation->outcome = INVOCATION_FUNCTION_ERROR;
    snprintf(invocation->error_kind, sizeof invocation->error_kind, "Unhandled");
    counter_add(&shard_of(instance)->counters.errors, 1);
    monitor_report(instance, &report, invocation->want_log_tail ? invocation : NULL);
    shard_finish(shard_of(instance), invocation);
}

/* Initialising failed. Once it is repeated within an invocation, whose caller then gets the
 * error; a deployment's trial is told at once. */
void instance_end_init(struct instance *instance, const struct environment_end *end)
{
    struct pool *pool = instance->pool;
    struct trial *trial = take(instance->trial);
    struct invocation *bound = take(instance->bound);

    if (end->reason[0]) {
        counter_add(&shard_of(instance)->counters.sandbox_failures, 1);
        log_warn("an instance could not start", LOG_TEXT("function", pool->version->arn),
                 LOG_TEXT("reason", end->reason));
    }
    monitor_init_failed(instance, instance->timed_out_init ? "timeout" : "error",
                        text_of(instance->init_error_type));
    if (trial) {
        char id[UUID_LEN + 1];
        crypto_uuid(id);
        scoped(free) char *json = init_error_json(instance, end, id);
        trial->done(trial, text_of(json));
        return;
    }
    if (bound && end->reason[0] && bound->kind == INVOKE_EVENT) {
        /* Not the function's fault: an event is tried again, and no attempt counted. */
        shard_refuse(shard_of(instance), bound, INVOCATION_FAILED, NULL, end->reason);
        return;
    }
    if (bound) {
        answer_init_failure(instance, end, bound);
        return;
    }
    if (pool->waiting_count > pool->starting_count && !list_empty(&pool->waiting)) {
        struct invocation *first = container_of(list_pop(&pool->waiting), struct invocation, link);
        pool->waiting_count--;
        counter_add(&shard_of(instance)->counters.queued, -1);
        if (!instance_start(pool, first, NULL))
            shard_refuse(shard_of(instance), first, INVOCATION_THROTTLED,
                         "ReservedFunctionConcurrentInvocationLimitExceeded", "no memory left");
    }
}

/* It ended with events in it: the one that ran is answered, the others run elsewhere. */
void instance_end_service(struct instance *instance, const struct environment_end *end)
{
    struct invocation *invocation, *running = NULL;
    bool begun;

    struct list others;
    list_init(&others);
    while ((invocation = environment_take_oldest(instance->environment, &begun))) {
        /* That it had not begun is believed once: a function could say so for ever. */
        if (!running && (begun || invocation->outlived_instance)) {
            running = invocation;
            continue;
        }
        invocation->outlived_instance = true;
        list_push(&others, &invocation->link);
    }
    while (!list_empty(&others)) {
        invocation = container_of(others.prev, struct invocation, link);
        list_remove(&invocation->link);
        pool_put_back(instance->pool, invocation);
    }
    if (running)
        monitor_begun(instance, running);
    if (end->out_of_memory)
        monitor_line(instance, running && running->want_log_tail ? running : NULL,
                     "RequestId: %s Process ran out of memory (limit %lld MB) and was killed\n",
                     running ? running->request_id : "-",
                     (long long)instance->pool->version->config.memory_mb);
    if (!running)
        return;
    char message[160];
    describe_exit(end->status, message, sizeof message);
    counter_add(&shard_of(instance)->counters.errors, 1);
    running->ended_us = clock_mono_us();
    monitor_line(instance, running->want_log_tail ? running : NULL,
                 "RequestId: %s Error: %s\nRuntime.ExitError\n", running->request_id, message);
    finish_error(instance, running, "Runtime.ExitError", message, "error");
}
