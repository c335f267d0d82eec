/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_priv.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

/*
 * What a function's log holds, in the words of Lambda: START, what it printed, END,
 * REPORT; as text or as JSON. Numbers are measured. All of it runs behind the answer,
 * unless the caller asked for the log's tail.
 */

#define LINE_MAX_BYTES 1024

static void add_tail(struct invocation *invocation, struct text text)
{
    struct buffer *tail = &invocation->log_tail;

    buffer_add_text(tail, text);
    if (tail->len > LIMIT_LOG_TAIL)
        buffer_consume(tail, tail->len - LIMIT_LOG_TAIL);
}

static void add(struct instance *instance, struct invocation *tail_of, struct text line)
{
    log_stream_add(instance->log, loop_wall_ms(instance->pool->shard->loop), line);
    if (tail_of)
        add_tail(tail_of, line);
}

void monitor_line(struct instance *instance, struct invocation *tail_of, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len >= (int)sizeof line)
        len = (int)sizeof line - 1;
    add(instance, tail_of, text_from(line, (size_t)len));
}

static bool is_json(const struct instance *instance)
{
    return instance->pool->version->config.log_format == LOG_FORMAT_JSON;
}

static void add_platform(struct instance *instance, struct invocation *tail_of, const char *type,
                         const char *record)
{
    char at[32];

    monitor_line(instance, tail_of, "{\"time\":\"%s\",\"type\":\"%s\",\"record\":%s}\n",
                 clock_format_iso(clock_now_ms(), at), type, record);
}

void monitor_init_start(struct instance *instance)
{
    const struct version *version = instance->pool->version;
    char record[512];

    if (is_json(instance)) {
        snprintf(
            record, sizeof record,
            "{\"initializationType\":\"on-demand\",\"phase\":\"init\",\"runtimeVersion\":\"%s\","
            "\"functionName\":\"%s\",\"functionVersion\":\"%s\"}",
            version->resolved_runtime, version->name, version->number);
        add_platform(instance, NULL, "platform.initStart", record);
        return;
    }
    monitor_line(instance, NULL, "INIT_START Runtime Version: %s\n", version->resolved_runtime);
}

void monitor_init_failed(struct instance *instance, const char *status, struct text error_type)
{
    double ms = (double)(clock_mono_us() - instance->started_us) / 1000;
    char record[256];

    if (is_json(instance)) {
        snprintf(record, sizeof record,
                 "{\"initializationType\":\"on-demand\",\"phase\":\"init\",\"status\":\"%s\","
                 "\"metrics\":"
                 "{\"durationMs\":%.3f}}",
                 status, ms);
        add_platform(instance, NULL, "platform.initReport", record);
        return;
    }
    monitor_line(instance, NULL,
                 "INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: %s\tError Type: %.*s\n",
                 ms, status, TEXT_ARG(error_type.len ? error_type : TEXT("Runtime.ExitError")));
}

/* START, END and REPORT are written for each invocation, and printf would be most of their
 * cost. Each of these appends, and returns where the line goes on. */

/* "12.34" of a number of microseconds, as ms. */
static char *put_ms(char *at, int64_t us)
{
    char digits[24];
    int count = 0;
    int64_t hundredths = (us + 5) / 10;

    do
        digits[count++] = (char)('0' + hundredths % 10);
    while ((hundredths /= 10) > 0 || count < 3);
    while (count > 0) {
        *at++ = digits[--count];
        if (count == 2)
            *at++ = '.';
    }
    return at;
}

static char *put_number(char *at, int64_t number)
{
    char digits[24];
    int count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

static char *put_bytes(char *at, const char *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}
#define put_literal(at, literal) put_bytes(at, literal, sizeof(literal) - 1)

static void add_start(struct instance *instance, const char *request_id, struct invocation *tail_of)
{
    const char *number = instance->pool->version->number;

    if (is_json(instance)) {
        char record[160];
        snprintf(record, sizeof record, "{\"requestId\":\"%s\",\"version\":\"%s\"}", request_id,
                 number);
        add_platform(instance, tail_of, "platform.start", record);
        return;
    }
    char line[LINE_MAX_BYTES], *at = put_literal(line, "START RequestId: ");
    at = put_bytes(at, request_id, UUID_LEN);
    at = put_literal(at, " Version: ");
    at = put_bytes(at, number, strlen(number));
    at = put_literal(at, "\n");
    add(instance, tail_of, text_from(line, (size_t)(at - line)));
}

static struct invocation *tail_of(struct invocation *invocation)
{
    return invocation && invocation->want_log_tail ? invocation : NULL;
}

void monitor_begun(struct instance *instance, struct invocation *invocation)
{
    if (invocation->start_logged)
        return;
    invocation->start_logged = true;
    add_start(instance, invocation->request_id, tail_of(invocation));
}

void monitor_output(struct instance *instance, struct invocation *invocation, struct text text)
{
    if (invocation)
        monitor_begun(instance, invocation);
    add(instance, tail_of(invocation), text);
}

struct measures {
    int64_t duration_us, billed_ms, init_us; /* init_us 0: not this time */
    int64_t memory_mb, used_mb;
};

static struct measures measure(struct instance *instance, const struct report *report)
{
    struct measures m = {.duration_us = report->ended_us - report->began_us,
                         .memory_mb = instance->pool->version->config.memory_mb};

    if (!instance->init_reported && instance->init_us > 0) {
        instance->init_reported = true;
        m.init_us = instance->init_us;
    }
    m.billed_ms = (m.duration_us + m.init_us + 999) / 1000;
    m.used_mb = (environment_memory_peak(instance->environment) + (1 << 20) - 1) >> 20;
    return m;
}

static size_t format_report(char *line, const struct report *report, const struct measures *m)
{
    char *at = put_literal(line, "REPORT RequestId: ");

    at = put_bytes(at, report->request_id, UUID_LEN);
    at = put_literal(at, "\tDuration: ");
    at = put_ms(at, m->duration_us);
    at = put_literal(at, " ms\tBilled Duration: ");
    at = put_number(at, m->billed_ms);
    at = put_literal(at, " ms\tMemory Size: ");
    at = put_number(at, m->memory_mb);
    at = put_literal(at, " MB\tMax Memory Used: ");
    at = put_number(at, m->used_mb);
    at = put_literal(at, " MB\t");
    if (m->init_us > 0) {
        at = put_literal(at, "Init Duration: ");
        at = put_ms(at, m->init_us);
        at = put_literal(at, " ms\t");
    }
    if (report->status)
        at += snprintf(at, 256, "Status: %s\tError Type: %.128s\t", report->status,
                       report->error_type);
    at = put_literal(at, "\n");
    return (size_t)(at - line);
}

static void report_json(struct instance *instance, const struct report *report,
                        const struct measures *m, struct invocation *tail_of)
{
    char record[512];
    int len =
        snprintf(record, sizeof record,
                 "{\"requestId\":\"%s\",\"metrics\":{\"durationMs\":%.3f,\"billedDurationMs\":%lld,"
                 "\"memorySizeMB\":%lld,\"maxMemoryUsedMB\":%lld",
                 report->request_id, (double)m->duration_us / 1000, (long long)m->billed_ms,
                 (long long)m->memory_mb, (long long)m->used_mb);
    if (m->init_us > 0)
        len += snprintf(record + len, sizeof record - (size_t)len, ",\"initDurationMs\":%.3f",
                        (double)m->init_us / 1000);
    snprintf(record + len, sizeof record - (size_t)len, "},\"status\":\"%s\"}",
             report->status ? report->status : "success");
    add_platform(instance, tail_of, "platform.report", record);
}

void monitor_report(struct instance *instance, const struct report *report,
                    struct invocation *tail_of)
{
    struct measures m = measure(instance, report);

    if (!report->start_logged)
        add_start(instance, report->request_id, tail_of);
    if (is_json(instance)) {
        report_json(instance, report, &m, tail_of);
        return;
    }
    char line[LINE_MAX_BYTES];
    char *at = put_literal(line, "END RequestId: ");
    at = put_bytes(at, report->request_id, UUID_LEN);
    at = put_literal(at, "\n");
    add(instance, tail_of, text_from(line, (size_t)(at - line)));
    add(instance, tail_of, text_from(line, format_report(line, report, &m)));
}
