/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };

/* One named value of a log line. A value is data, never a format. */
struct log_field {
    const char *key;
    const char *text; /* or NULL: number counts */
    int64_t number;
};

#define LOG_TEXT(k, v) ((struct log_field){.key = (k), .text = (v)})
#define LOG_NUM(k, v) ((struct log_field){.key = (k), .number = (int64_t)(v)})
#define LOG_ERROR(err) LOG_TEXT("error", (err)->text)

/*
 * What happened, then the facts as fields:
 *
 *     log_info("instance started", LOG_TEXT("function", name), LOG_NUM("pid", pid));
 *     level=info at=2026-01-31T12:00:00.123Z msg="instance started" function=thumbnail pid=4711
 *
 * One line on stderr, written whole with one write(); any thread. Only the code that
 * ends an operation logs it (a loop callback, main). Everything below returns a
 * struct error instead. Never payloads, headers or secrets.
 */
#define log_debug(msg, ...) log_at(LEVEL_DEBUG, msg, __VA_ARGS__)
#define log_info(msg, ...) log_at(LEVEL_INFO, msg, __VA_ARGS__)
#define log_warn(msg, ...) log_at(LEVEL_WARN, msg, __VA_ARGS__)
#define log_error(msg, ...) log_at(LEVEL_ERROR, msg, __VA_ARGS__)
#define log_at(level, msg, ...)                                                                    \
    log_write(level, msg, (const struct log_field[]){{0}, ##__VA_ARGS__} + 1,                      \
              sizeof((struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field) - 1)

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count);

/* What is written: lines of at least this level, as logfmt or as JSON objects.
 * Called once by main before any thread starts. The default is info, logfmt. */
void log_configure(enum log_level least, bool json);
