/* SPDX-License-Identifier: Apache-2.0 */
#include "evoke_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "evoke.h"
#include "evoke_json.h"
#include "ring_client.h"

#define MESSAGE_MAX 8192

static const char *const levels[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

/* The event that is being answered. File scope because stdout is. */
static uint64_t current_sequence;

static ssize_t write_stdout(void *cookie, const char *text, size_t len)
{
    evoke_ring_log(STDOUT_FILENO, current_sequence, text, len);
    return (ssize_t)len;
}

static ssize_t write_stderr(void *cookie, const char *text, size_t len)
{
    evoke_ring_log(STDERR_FILENO, current_sequence, text, len);
    return (ssize_t)len;
}

void evoke_log_capture(bool on_ring)
{
    FILE *out = NULL, *err = NULL;

    evoke_log_flush();
    if (on_ring) {
        out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_stdout});
        err = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_stderr});
    }
    if (out)
        stdout = out;
    if (err)
        stderr = err;
    (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    (void)setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
}

void evoke_log_sequence(uint64_t sequence)
{
    current_sequence = sequence;
}

void evoke_log_flush(void)
{
    (void)fflush(stdout);
    (void)fflush(stderr);
}

static bool is_wanted(enum evoke_level level)
{
    const char *least = getenv("AWS_LAMBDA_LOG_LEVEL");

    for (size_t i = 0; least && i < sizeof levels / sizeof levels[0]; i++)
        if (strcasecmp(least, levels[i]) == 0)
            return (size_t)level >= i;
    return true;
}

static void format_time(char text[32])
{
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + len, 32 - len, ".%03ldZ", now.tv_nsec / 1000000);
}

static void print_json(const char *at, const char *level, const char *id, const char *message)
{
    char text[MESSAGE_MAX * 6 + 3];

    evoke_json_quote(text, message);
    printf("{\"timestamp\":\"%s\",\"level\":\"%s\"", at, level);
    if (id)
        printf(",\"requestId\":\"%s\"", id);
    printf(",\"message\":%s}\n", text);
}

/* A line break within a message is a carriage return, as AWS's runtimes write it: the log
 * is read by lines. */
static void print_text(const char *at, const char *level, const char *id, char *message)
{
    for (char *c = message; *c; c++)
        if (*c == '\n')
            *c = '\r';
    printf("%s\t%s\t%s\t%s\n", at, id ? id : "", level, message);
}

void evoke_log(const struct evoke_context *context, enum evoke_level level, const char *format, ...)
{
    char message[MESSAGE_MAX], at[32];
    const char *log_format = getenv("AWS_LAMBDA_LOG_FORMAT");
    const char *id = context ? context->request_id : NULL;
    va_list values;

    if (!is_wanted(level))
        return;
    va_start(values, format);
    (void)vsnprintf(message, sizeof message, format, values);
    va_end(values);
    format_time(at);
    if (log_format && strcasecmp(log_format, "JSON") == 0)
        print_json(at, levels[level], id, message);
    else
        print_text(at, levels[level], id, message);
    (void)fflush(stdout);
}
