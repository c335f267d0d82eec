/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

/*
 * A line is built on the stack and written by one write(), so that lines of several
 * threads never mix. One that would be longer is cut: what does not fit is left out in
 * whole characters and fields, and TAIL_BYTES are kept for the closing quote and the
 * mark that says so. Thus a cut JSON line is still JSON.
 */
#define LINE_BYTES 4096
#define TAIL_BYTES 32

struct line {
    bool json, cut;
    size_t len;
    char at[LINE_BYTES];
};

static enum log_level least_level = LEVEL_INFO;
static bool as_json;

void log_configure(enum log_level least, bool json)
{
    least_level = least;
    as_json = json;
}

static bool fits(struct line *line, size_t count)
{
    if (count > LINE_BYTES - TAIL_BYTES - line->len)
        line->cut = true;
    return !line->cut;
}

/* For what the caller knows to fit. */
static void put(struct line *line, const char *bytes, size_t count)
{
    memcpy(line->at + line->len, bytes, count);
    line->len += count;
}

static void put_string(struct line *line, const char *string)
{
    put(line, string, strlen(string));
}

/* A character that a terminal or a log reader would act on: C0, DEL, and C1 in UTF-8. */
static bool is_control(const char *at, size_t len)
{
    return (uint8_t)*at < 0x20 || *at == 0x7F ||
           (len == 2 && (uint8_t)at[0] == 0xC2 && (uint8_t)at[1] < 0xA0);
}

static size_t escape_bytes(const char *at, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        memcpy(out + 4 * i, "\\x", 2);
        out[4 * i + 2] = digits[(uint8_t)at[i] >> 4];
        out[4 * i + 3] = digits[(uint8_t)at[i] & 15];
    }
    return 4 * len;
}

static size_t escape_logfmt(const char *at, size_t len, char *out)
{
    if (len == 0)
        return escape_bytes(at, 1, out);
    if (is_control(at, len))
        return escape_bytes(at, len, out);
    size_t slash = *at == '"' || *at == '\\';
    out[0] = '\\';
    memcpy(out + slash, at, len);
    return slash + len;
}

static size_t escape_json(const char *at, size_t len, char *out)
{
    unsigned code = (uint8_t)at[len == 2]; /* of a control character: its last byte */

    if (len == 0) {
        memcpy(out, "\xEF\xBF\xBD", 3);
        return 3;
    }
    if (is_control(at, len))
        return (size_t)snprintf(out, 8, "\\u%04x", code);
    size_t slash = *at == '"' || *at == '\\';
    out[0] = '\\';
    memcpy(out + slash, at, len);
    return slash + len;
}

static void put_escaped(struct line *line, struct text value)
{
    while (value.len > 0) {
        char out[12];
        size_t len = text_utf8_len(value); /* 0: a byte that is not UTF-8 */
        size_t count =
            line->json ? escape_json(value.at, len, out) : escape_logfmt(value.at, len, out);

        if (!fits(line, count))
            return;
        put(line, out, count);
        value = text_skip(value, len ? len : 1);
    }
}

static bool needs_quotes(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((uint8_t)value.at[i] <= ' ' || (uint8_t)value.at[i] >= 0x7F ||
            strchr("=\"\\", value.at[i]))
            return true;
    return value.len == 0;
}

static void put_value(struct line *line, struct text value, bool bare)
{
    if (!bare)
        put_string(line, "\"");
    put_escaped(line, value);
    if (!bare)
        put_string(line, "\"");
}

/* Keys are ours: constant words. */
static bool put_key(struct line *line, const char *key)
{
    const bool first = line->len == 0;

    if (!fits(line, strlen(key) + 5))
        return false;
    if (line->json) {
        put_string(line, first ? "{\"" : ",\"");
        put_string(line, key);
        put_string(line, "\":");
    } else {
        put_string(line, first ? "" : " ");
        put_string(line, key);
        put_string(line, "=");
    }
    return true;
}

static void put_text(struct line *line, const char *key, struct text value)
{
    if (put_key(line, key))
        put_value(line, value, !line->json && !needs_quotes(value));
}

static void put_number(struct line *line, const char *key, int64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)number);

    if (fits(line, strlen(key) + 5 + (size_t)len) && put_key(line, key))
        put(line, digits, (size_t)len);
}

static void put_end(struct line *line)
{
    if (line->cut)
        put_string(line, line->json ? ",\"cut\":true" : " cut=true");
    put_string(line, line->json ? "}\n" : "\n");
}

/* Where stderr is full or gone there is nobody to tell. */
static void write_line(const struct line *line)
{
    size_t done = 0;

    while (done < line->len) {
        ssize_t count = write(STDERR_FILENO, line->at + done, line->len - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return;
        done += (size_t)count;
    }
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    int kept_errno = errno;
    struct line line;
    char at[32];

    if (level < least_level)
        return;
    line.json = as_json;
    line.cut = false;
    line.len = 0;
    put_text(&line, "level", text_of(names[level]));
    put_text(&line, "at", text_of(clock_format_iso(clock_now_ms(), at)));
    put_text(&line, "msg", text_of(msg));
    for (size_t i = 0; i < count; i++)
        if (fields[i].text)
            put_text(&line, fields[i].key, text_of(fields[i].text));
        else
            put_number(&line, fields[i].key, fields[i].number);
    put_end(&line);
    write_line(&line);
    errno = kept_errno;
}

void assert_failed(const char *expression, const char *file, int line, const char *function)
{
    log_error("assertion failed", LOG_TEXT("expression", expression), LOG_TEXT("file", file),
              LOG_NUM("line", line), LOG_TEXT("function", function));
    abort();
}
