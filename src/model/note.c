/* SPDX-License-Identifier: Apache-2.0 */
#include "model/note.h"

#include <stddef.h>

/*
 * A note is written for every event and read for every delivery, so both go by one table
 * over the struct, without a JSON tree. What is parsed is what note_format() writes and no
 * other JSON: no blanks, no fractions, no escapes but those buffer_add_json() makes.
 */
enum member_kind { MEMBER_TEXT, MEMBER_INT };

struct member {
    struct text name; /* on disk: never changed; a new one gets a name of its own */
    enum member_kind kind;
    size_t at;
};

#define MEMBER(name, kind, field)                               \
    {                                                           \
        TEXT(name), MEMBER_##kind, offsetof(struct note, field) \
    }

static const struct member members[] = {
    MEMBER("id", TEXT, request_id),
    MEMBER("trace", TEXT, trace),
    MEMBER("hops", INT, hops),
    MEMBER("attempts", INT, attempts),
    MEMBER("first", INT, first_ms),
    MEMBER("errorCode", TEXT, error_code),
    MEMBER("error", TEXT, error_message),
    MEMBER("source", TEXT, source_arn),
    MEMBER("targetId", TEXT, target_id),
    MEMBER("target", TEXT, target_arn),
    MEMBER("deadLetter", TEXT, dead_letter),
    MEMBER("maxAttempts", INT, max_attempts),
    MEMBER("maxAge", INT, max_age_s),
    MEMBER("qualifier", TEXT, qualifier),
    MEMBER("context", TEXT, client_context),
    MEMBER("attributes", TEXT, attributes),
    MEMBER("group", TEXT, group),
    MEMBER("dedup", TEXT, dedup),
    MEMBER("sender", TEXT, sender),
    MEMBER("origin", TEXT, origin_arn),
    MEMBER("sequence", TEXT, sequence),
    MEMBER("receives", INT, receives),
    MEMBER("received", INT, first_received_ms),
    MEMBER("sent", INT, sent_ms),
    MEMBER("extra", TEXT, extra),
};
#define MAX_ATTEMPTS_AT offsetof(struct note, max_attempts)

/* --- formatting --- */

static const struct text *text_at(const struct note *note, const struct member *member)
{
    return (const struct text *)((const char *)note + member->at);
}

static int64_t int_at(const struct note *note, const struct member *member)
{
    return *(const int64_t *)((const char *)note + member->at);
}

static bool is_member_set(const struct note *note, const struct member *member)
{
    if (member->kind == MEMBER_TEXT)
        return text_at(note, member)->len > 0;
    if (member->at == MAX_ATTEMPTS_AT)
        return note->has_max_attempts; /* 0 is a number of retries, too */
    return int_at(note, member) != 0;
}

static void add_name(struct buffer *out, struct text name)
{
    char *room = buffer_room(out, name.len + 3);

    room[0] = '"';
    memcpy(room + 1, name.at, name.len);
    memcpy(room + 1 + name.len, "\":", 2);
    buffer_added(out, name.len + 3);
}

void note_format(const struct note *note, struct buffer *out)
{
    char before = '{';

    for (size_t i = 0; i < COUNT_OF(members); i++) {
        if (!is_member_set(note, &members[i]))
            continue;
        buffer_add_char(out, before);
        add_name(out, members[i].name);
        if (members[i].kind == MEMBER_TEXT)
            buffer_add_json(out, *text_at(note, &members[i]));
        else
            buffer_add_int(out, int_at(note, &members[i]));
        before = ',';
    }
    if (before == '{')
        buffer_add_char(out, before);
    buffer_add_char(out, '}');
}

/* --- parsing --- */

struct parser {
    struct text rest;
    struct arena *arena;
    struct note *note;
    uint32_t seen; /* bits of members[] */
    size_t next;   /* where the next name is looked for first: they come in the table's order */
};

static bool skip(struct parser *parser, char c)
{
    if (parser->rest.len == 0 || parser->rest.at[0] != c)
        return false;
    parser->rest = text_skip(parser->rest, 1);
    return true;
}

static bool parse_control(struct text digits, char *ret)
{
    static const char hex[] = "0123456789abcdef";

    if (digits.len < 4 || memcmp(digits.at, "00", 2) != 0)
        return false;
    const char *high = memchr("01", digits.at[2], 2);
    const char *low = memchr(hex, digits.at[3], 16);
    if (!high || !low)
        return false;
    *ret = (char)((*high - '0') * 16 + (low - hex));
    return true;
}

/* One escape, the backslash already skipped; returns how many bytes it has, 0: none of ours. */
static size_t parse_escape(struct text at, char *ret)
{
    static const char names[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";

    if (at.len == 0)
        return 0;
    if (at.at[0] == 'u')
        return parse_control(text_skip(at, 1), ret) ? 5 : 0;
    const char *name = memchr(names, at.at[0], sizeof names - 1);
    if (!name)
        return 0;
    *ret = values[name - names];
    return 1;
}

/* Where the closing quote is; rest stands behind the opening one. */
static size_t find_quote(struct text rest)
{
    size_t i = 0;

    while (i < rest.len && rest.at[i] != '"')
        i += rest.at[i] == '\\' ? 2 : 1;
    return i;
}

static bool unescape(struct text raw, struct arena *arena, struct text *ret)
{
    char *out = arena_alloc(arena, raw.len + 1);
    size_t len = 0;

    while (raw.len > 0) {
        size_t count = 1;
        char c = raw.at[0];

        if (c == '\\')
            count = 1 + parse_escape(text_skip(raw, 1), &c);
        if (count == 1 && (c == '\\' || (uint8_t)c < 0x20))
            return false;
        out[len++] = c;
        raw = text_skip(raw, count);
    }
    out[len] = '\0';
    *ret = text_from(out, len);
    return text_is_utf8(*ret);
}

static bool parse_text(struct parser *parser, struct text *ret)
{
    if (!skip(parser, '"'))
        return false;
    size_t end = find_quote(parser->rest);
    if (end >= parser->rest.len || !unescape(text_slice(parser->rest, 0, end), parser->arena, ret))
        return false;
    parser->rest = text_skip(parser->rest, end + 1);
    return true;
}

static bool parse_int(struct parser *parser, int64_t *ret)
{
    bool negative = skip(parser, '-');
    uint64_t number = 0, max = (uint64_t)INT64_MAX + negative;
    size_t i = 0;

    for (; i < parser->rest.len && parser->rest.at[i] >= '0' && parser->rest.at[i] <= '9'; i++) {
        unsigned digit = (unsigned)(parser->rest.at[i] - '0');
        if (number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (i == 0 || (parser->rest.at[0] == '0' && (i > 1 || negative)))
        return false;
    *ret = negative ? (int64_t)(0 - number) : (int64_t)number;
    parser->rest = text_skip(parser->rest, i);
    return true;
}

static const struct member *find_member(struct parser *parser, struct text name)
{
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        size_t at = (parser->next + i) % COUNT_OF(members);
        if (!text_equal(members[at].name, name))
            continue;
        parser->next = at + 1;
        return &members[at];
    }
    return NULL;
}

static int fail(const struct parser *parser, struct error *err)
{
    return error_set(err, ERROR_INVALID, "a note cannot be understood at '%.*s'",
                     TEXT_ARG(text_slice(parser->rest, 0, 40)));
}

static int parse_member(struct parser *parser, struct error *err)
{
    size_t end = parser->rest.len ? find_quote(text_skip(parser->rest, 1)) : 0;
    struct text name = text_slice(parser->rest, 1, end + 1);
    const struct member *member = find_member(parser, name);

    if (!member)
        return error_set(err, ERROR_INVALID, "a note has a member '%.*s' that is not known here",
                         TEXT_ARG(text_slice(name, 0, 40)));
    uint32_t bit = UINT32_C(1) << (member - members);
    struct text head = text_slice(parser->rest, 0, name.len + 3);
    if (parser->seen & bit || head.at[0] != '"' || !text_ends(head, TEXT("\":")))
        return fail(parser, err);
    parser->seen |= bit;
    parser->rest = text_skip(parser->rest, head.len);
    if (member->at == MAX_ATTEMPTS_AT)
        parser->note->has_max_attempts = true;
    void *field = (char *)parser->note + member->at;
    bool parsed =
        member->kind == MEMBER_TEXT ? parse_text(parser, field) : parse_int(parser, field);
    return parsed ? 0 : fail(parser, err);
}

int note_parse(struct text json, struct arena *arena, struct note *ret, struct error *err)
{
    struct parser parser = {.rest = json, .arena = arena, .note = ret};

    _Static_assert(COUNT_OF(members) <= 32, "seen has a bit for each");
    *ret = (struct note){0};
    if (!skip(&parser, '{'))
        return fail(&parser, err);
    if (!skip(&parser, '}')) {
        do
            if (parse_member(&parser, err) < 0)
                return -1;
        while (skip(&parser, ','));
        if (!skip(&parser, '}'))
            return fail(&parser, err);
    }
    return parser.rest.len == 0 ? 0 : fail(&parser, err);
}
