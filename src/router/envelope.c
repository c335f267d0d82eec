/* SPDX-License-Identifier: Apache-2.0 */
#include "router/envelope.h"

#include "base/clock.h"
#include "base/scan.h"

#define SECONDS_LEN (sizeof "2026-01-31T12:00:00" - 1)

void envelope_add_time(int64_t time_ms, struct buffer *out)
{
    char iso[32];

    clock_format_iso(time_ms, iso);
    buffer_add(out, iso, SECONDS_LEN);
    buffer_add_char(out, 'Z');
}

static void add_member(struct buffer *out, struct text name, struct text value)
{
    buffer_add_char(out, ',');
    buffer_add_json(out, name);
    buffer_add_char(out, ':');
    buffer_add_json(out, value);
}

void envelope_write(const struct envelope *envelope, struct buffer *out)
{
    buffer_add_literal(out, "{\"version\":\"0\"");
    add_member(out, TEXT("id"), envelope->id);
    add_member(out, TEXT("detail-type"), envelope->detail_type);
    add_member(out, TEXT("source"), envelope->source);
    add_member(out, TEXT("account"), envelope->account);
    buffer_add_literal(out, ",\"time\":\"");
    envelope_add_time(envelope->time_ms, out);
    buffer_add_char(out, '"');
    add_member(out, TEXT("region"), envelope->region);
    if (envelope->replay_name.len > 0)
        add_member(out, TEXT("replay-name"), envelope->replay_name);
    buffer_add_literal(out, ",\"resources\":");
    buffer_add_text(out, envelope->resources.len > 0 ? envelope->resources : TEXT("[]"));
    buffer_add_literal(out, ",\"detail\":");
    envelope_add_compact(envelope->detail, out);
    buffer_add_char(out, '}');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The end of the string that begins at from. */
static size_t string_end(struct text json, size_t from)
{
    size_t at = from + 1;

    while (at < json.len && json.at[at] != '"')
        at += json.at[at] == '\\' ? 2 : 1;
    return at + 1 < json.len ? at + 1 : json.len;
}

void envelope_add_compact(struct text json, struct buffer *out)
{
    size_t start = 0, at = 0;

    while (at < json.len) {
        if (json.at[at] == '"') {
            at = string_end(json, at);
        } else if (is_blank(json.at[at])) {
            buffer_add_text(out, text_slice(json, start, at));
            while (at < json.len && is_blank(json.at[at]))
                at++;
            start = at;
        } else {
            at++;
        }
    }
    buffer_add_text(out, text_slice(json, start, json.len));
}

struct replaying {
    struct text name;
    struct buffer *out;
};

static void add_replayed(void *arg, const struct scan_value *name, const struct scan_value *value)
{
    struct replaying *replaying = arg;
    struct buffer *out = replaying->out;
    size_t quotes = value->kind == SCAN_STRING;

    if (scan_is(name, TEXT("replay-name")))
        return;
    buffer_add_char(out, out->at[out->len - 1] == '{' ? '"' : ',');
    if (out->at[out->len - 1] == ',')
        buffer_add_char(out, '"');
    buffer_add_text(out, name->text);
    buffer_add_literal(out, "\":");
    buffer_add(out, value->text.at - quotes, value->text.len + 2 * quotes);
    if (scan_is(name, TEXT("region")))
        add_member(out, TEXT("replay-name"), replaying->name);
}

void envelope_add_replay(struct text json, struct text replay_name, struct buffer *out)
{
    struct replaying replaying = {replay_name, out};
    struct scan_value ignored;

    buffer_add_char(out, '{');
    (void)scan_document(json, add_replayed, &replaying, &ignored);
    buffer_add_char(out, '}');
}
