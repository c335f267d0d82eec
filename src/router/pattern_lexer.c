/* SPDX-License-Identifier: Apache-2.0 */
#include "router/pattern_lexer.h"

#include <stdarg.h>

#include "base/mem.h"
#include "router/utf8.h"

#define SOURCE_SHOWN 500 /* UTF-16 units of the source that a message repeats */
#define DIGIT "expected digit (0-9) to follow minus sign, for valid numeric value"
#define VALUES "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

void lexer_init(struct lexer *lexer, struct text source, struct arena *arena)
{
    *lexer = (struct lexer){
        .source = source,
        .at = source.at,
        .end = source.at + source.len,
        .decoded = arena_alloc(arena, source.len + 1),
    };
}

void lexer_done(struct lexer *lexer)
{
    buffer_done(&lexer->message);
}

/* How many UTF-16 units a byte of UTF-8 begins. */
static size_t units_of(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80 ? 0 : (unsigned char)byte >= 0xf0 ? 2 : 1;
}

static size_t count_units(const char *at, const char *end)
{
    size_t units = 0;

    for (; at < end; at++)
        units += units_of(*at);
    return units;
}

static void add_source(struct buffer *message, struct text source)
{
    size_t shown = 0, units = 0, total = count_units(source.at, source.at + source.len);

    while (shown < source.len && units + units_of(source.at[shown]) <= SOURCE_SHOWN)
        units += units_of(source.at[shown++]);
    buffer_add_literal(message, "[Source: (String)\"");
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)source.at[i];
        if ((c < 0x20 && c != '\n' && c != '\r') || c == 0x7f)
            buffer_add_format(message, "\\u%04X", c);
        else
            buffer_add_char(message, source.at[i]);
    }
    if (shown < source.len && units < SOURCE_SHOWN)
        buffer_add_char(message, '?'); /* half of a character of two units, in Java's UTF-8 */
    buffer_add_char(message, '"');
    if (total > SOURCE_SHOWN)
        buffer_add_format(message, "[truncated %zu chars]", total - SOURCE_SHOWN);
}

/* Lines end at LF, CR or both, as in Jackson. */
static void add_place(struct lexer *lexer, struct buffer *message, const char *at)
{
    const char *row = lexer->source.at;
    size_t line = 1;

    for (const char *c = row; c < at; c++) {
        if (*c == '\n' || (*c == '\r' && !(c + 1 < lexer->end && c[1] == '\n'))) {
            line++;
            row = c + 1;
        }
    }
    add_source(message, lexer->source);
    buffer_add_format(message, "; line: %zu, column: %zu]", line, count_units(row, at) + 1);
}

/* place NULL: nowhere. */
__attribute__((format(printf, 3, 0))) static int fail(struct lexer *lexer, const char *place,
                                                      const char *format, va_list arguments)
{
    if (lexer->failed)
        return -1;
    lexer->failed = true;
    scoped(free) char *reason = mem_vformat(format, arguments);
    buffer_add_text(&lexer->message, text_of(reason));
    lexer->reason_len = lexer->message.len;
    if (place) {
        buffer_add_literal(&lexer->message, "\n at ");
        add_place(lexer, &lexer->message, place);
    }
    return -1;
}

int lexer_fail(struct lexer *lexer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int failed = fail(lexer, lexer->at, format, arguments);
    va_end(arguments);
    return failed;
}

/* Because of the character there: Jackson has read it, and tells where it stands. */
__attribute__((format(printf, 3, 4))) static int fail_at(struct lexer *lexer, const char *at,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int failed = fail(lexer, at, format, arguments);
    va_end(arguments);
    return failed;
}

int lexer_fail_nowhere(struct lexer *lexer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int failed = fail(lexer, NULL, format, arguments);
    va_end(arguments);
    return failed;
}

int lexer_fail_again(struct lexer *lexer)
{
    buffer_add_literal(&lexer->message, "\n at ");
    add_place(lexer, &lexer->message, lexer->at);
    return -1;
}

/* Takes the character at the cursor and describes it as Jackson does. A code point beyond 16
 * bits is two characters there: it stumbles over the first half. */
static const char *take_character(struct lexer *lexer, char described[static 64])
{
    size_t len;
    uint32_t code = utf8_read(text_from(lexer->at, (size_t)(lexer->end - lexer->at)), &len);
    struct text shown = code > 0xffff ? TEXT("?") : text_from(lexer->at, len);

    if (code > 0xffff)
        code = 0xd800 + ((code - 0x10000) >> 10);
    lexer->at += len;
    if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        (void)snprintf(described, 64, "(CTRL-CHAR, code %u)", code);
    else if (code > 255)
        (void)snprintf(described, 64, "'%.*s' (code %u / 0x%x)", TEXT_ARG(shown), code, code);
    else
        (void)snprintf(described, 64, "'%.*s' (code %u)", TEXT_ARG(shown), code);
    return described;
}

/* The character at the cursor cannot stand there. Between tokens Jackson looks for comments. */
static int fail_at_character(struct lexer *lexer, const char *where, const char *expected)
{
    char described[64];

    if (*lexer->at == '/' && !*where)
        expected = "maybe a (non-standard) comment? (not recognized as one since Feature "
                   "'ALLOW_COMMENTS' not enabled for parser)";
    const char *at = lexer->at;
    return fail_at(lexer, at, "Unexpected character (%s)%s: %s", take_character(lexer, described),
                   where, expected);
}

static struct lexer_level *level_of(struct lexer *lexer)
{
    return lexer->depth ? &lexer->levels[lexer->depth - 1] : NULL;
}

static const char *level_name(struct lexer *lexer)
{
    const struct lexer_level *level = level_of(lexer);

    return !level ? "root" : level->is_object ? "Object" : "Array";
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_blanks(struct lexer *lexer)
{
    while (lexer->at < lexer->end && is_blank(*lexer->at))
        lexer->at++;
}

static enum token fail_at_end(struct lexer *lexer)
{
    struct buffer place = {0};

    if (lexer->depth == 0)
        return TOKEN_NONE;
    add_place(lexer, &place, level_of(lexer)->opened);
    (void)lexer_fail(lexer,
                     "Unexpected end-of-input: expected close marker for %s (start marker at %.*s)",
                     level_name(lexer), TEXT_ARG(buffer_text(&place)));
    buffer_done(&place);
    return TOKEN_NONE;
}

/* The four hex digits at the cursor, or -1. */
static int32_t read_unit(struct lexer *lexer)
{
    int32_t unit = 0;

    for (int i = 0; i < 4; i++, lexer->at++) {
        if (lexer->at == lexer->end)
            return lexer_fail(lexer, "Unexpected end-of-input in character escape sequence");
        int digit = text_hex_digit(*lexer->at);
        if (digit < 0)
            return fail_at_character(lexer, "",
                                     "expected a hex-digit for character escape sequence");
        unit = unit << 4 | digit;
    }
    return unit;
}

/* Behind "\u". Half a surrogate pair is U+FFFD. */
static char *decode_unicode(struct lexer *lexer, char *to)
{
    int32_t unit = read_unit(lexer);

    if (unit < 0)
        return NULL;
    if (unit < 0xd800 || unit > 0xdfff)
        return utf8_put(to, (uint32_t)unit);
    if (unit < 0xdc00 && lexer->end - lexer->at >= 6 && lexer->at[0] == '\\' &&
        lexer->at[1] == 'u') {
        const char *before = lexer->at;
        lexer->at += 2;
        int32_t low = read_unit(lexer);
        if (low < 0)
            return NULL;
        if (low >= 0xdc00 && low <= 0xdfff)
            return utf8_put(to,
                            0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
        lexer->at = before;
    }
    return utf8_put(to, 0xfffd);
}

/* Behind the backslash. */
static char *decode_escape(struct lexer *lexer, char *to)
{
    static const char names[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";

    if (lexer->at == lexer->end) {
        (void)lexer_fail(lexer, "Unexpected end-of-input in character escape sequence");
        return NULL;
    }
    char c = *lexer->at, described[64];
    const char *found = c ? strchr(names, c) : NULL;
    if (c == 'u') {
        lexer->at++;
        return decode_unicode(lexer, to);
    }
    if (!found) {
        const char *at = lexer->at;
        (void)fail_at(lexer, at, "Unrecognized character escape %s",
                      take_character(lexer, described));
        return NULL;
    }
    lexer->at++;
    *to++ = codes[found - names];
    return to;
}

/* Behind the opening quote; ends behind the closing one. */
static struct text read_string(struct lexer *lexer, bool is_name)
{
    char *start = lexer->decoded, *to = start;

    for (;;) {
        if (lexer->at == lexer->end) {
            (void)lexer_fail(lexer, "Unexpected end-of-input%s",
                             is_name ? " in field name"
                                     : ": was expecting closing quote for a string value");
            return TEXT_NONE;
        }
        char c = *lexer->at++;
        if (c == '"') {
            lexer->decoded = to;
            return text_from(start, (size_t)(to - start));
        }
        if (c == '\\') {
            to = decode_escape(lexer, to);
            if (!to)
                return TEXT_NONE;
        } else if ((unsigned char)c < 0x20) {
            (void)fail_at(lexer, lexer->at - 1,
                          "Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped "
                          "using backslash to be included in %s",
                          c, is_name ? "name" : "string value");
            return TEXT_NONE;
        } else {
            *to++ = c;
        }
    }
}

struct text lexer_text(struct lexer *lexer)
{
    if (lexer->in_string) {
        lexer->in_string = false;
        lexer->text = read_string(lexer, false);
    }
    return lexer->text;
}

static bool at_digit(const struct lexer *lexer)
{
    return lexer->at < lexer->end && *lexer->at >= '0' && *lexer->at <= '9';
}

static int skip_digits(struct lexer *lexer, const char *expected)
{
    if (lexer->at == lexer->end)
        return lexer_fail(lexer, "Unexpected end-of-input in a Number value");
    if (!at_digit(lexer))
        return fail_at_character(lexer, " in numeric value", expected);
    while (at_digit(lexer))
        lexer->at++;
    return 0;
}

static int fail_at_token(struct lexer *lexer, const char *token)
{
    lexer->at += strlen(token);
    return lexer_fail(lexer,
                      "Non-standard token '%s': enable "
                      "`JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow",
                      token);
}

static bool at_text(const struct lexer *lexer, const char *text)
{
    return text_starts(text_from(lexer->at, (size_t)(lexer->end - lexer->at)), text_of(text));
}

static int skip_number(struct lexer *lexer)
{
    const char *start = lexer->at;
    char described[64];

    if (at_text(lexer, "-INF") || at_text(lexer, "-Infinity"))
        return fail_at_token(lexer, at_text(lexer, "-INF") ? "-INF" : "-Infinity");
    if (at_text(lexer, "-I")) { /* it might have become one of them */
        lexer->at += 2;
        return lexer->at == lexer->end
                   ? lexer_fail(lexer, "Unexpected end-of-input in a Number value")
                   : fail_at_character(lexer, " in numeric value", DIGIT);
    }
    lexer->at += *lexer->at == '-';
    bool zero = lexer->at < lexer->end && *lexer->at == '0';
    if (zero)
        lexer->at++;
    else if (skip_digits(lexer, DIGIT) < 0)
        return -1;
    if (zero && at_digit(lexer))
        return lexer_fail(lexer, "Invalid numeric value: Leading zeroes not allowed");
    if (lexer->at < lexer->end && *lexer->at == '.') {
        lexer->at++;
        if (skip_digits(lexer, "Decimal point not followed by a digit") < 0)
            return -1;
    }
    if (lexer->at < lexer->end && (*lexer->at | 0x20) == 'e') {
        lexer->at++;
        if (lexer->at < lexer->end && (*lexer->at == '+' || *lexer->at == '-'))
            lexer->at++;
        if (skip_digits(lexer, "Exponent indicator not followed by a digit") < 0)
            return -1;
    }
    lexer->text = text_from(start, (size_t)(lexer->at - start));
    const char *at = lexer->at;
    if (lexer->depth == 0 && at < lexer->end && !is_blank(*at))
        return fail_at(lexer, at,
                       "Unexpected character (%s): Expected space separating root-level values",
                       take_character(lexer, described));
    return 0;
}

/* Roughly what Java takes for a part of a name: of a code point beyond 16 bits it sees the
 * halves, which are none, and signs are none either. */
static bool at_word(const struct lexer *lexer, size_t *ret_len)
{
    size_t left = (size_t)(lexer->end - lexer->at);
    char c = left ? *lexer->at : ' ';

    *ret_len = 1;
    if ((unsigned char)c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '$';
    uint32_t code = utf8_read(text_from(lexer->at, left), ret_len);
    return code >= 0xc0 && code <= 0xffff && code != 0xd7 && code != 0xf7 &&
           !(code >= 0x2000 && code <= 0x206f);
}

/* A word that is not a value is told in full. */
static int skip_word(struct lexer *lexer)
{
    static const char *const words[] = {"true", "false", "null"};
    static const char *const numbers[] = {"NaN", "Infinity"};
    const char *start = lexer->at;
    size_t len;

    while (at_word(lexer, &len))
        lexer->at += len;
    lexer->text = text_from(start, (size_t)(lexer->at - start));
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (text_equal(lexer->text, text_of(words[i])))
            return 0;
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (text_equal(lexer->text, text_of(numbers[i]))) {
            lexer->at = start;
            return fail_at_token(lexer, numbers[i]);
        }
    return lexer_fail(lexer, "Unrecognized token '%.*s': was expecting " VALUES,
                      TEXT_ARG(lexer->text));
}

static int open_level(struct lexer *lexer, bool is_object)
{
    if (lexer->depth == LEXER_DEPTH_MAX)
        return lexer_fail(lexer, "Document nesting depth (%d) exceeds the maximum allowed (%d)",
                          LEXER_DEPTH_MAX + 1, LEXER_DEPTH_MAX);
    lexer->levels[lexer->depth++] = (struct lexer_level){lexer->at, is_object, false};
    lexer->at++;
    return 0;
}

static enum token begin_value(struct lexer *lexer)
{
    char c = *lexer->at;
    size_t len;

    if (c == '"') {
        lexer->at++;
        return TOKEN_STRING;
    }
    if (c == '{' || c == '[') {
        if (open_level(lexer, c == '{') < 0)
            return TOKEN_NONE;
        return c == '{' ? TOKEN_OBJECT : TOKEN_ARRAY;
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return skip_number(lexer) < 0 ? TOKEN_NONE : TOKEN_NUMBER;
    if (at_word(lexer, &len))
        return skip_word(lexer) < 0 ? TOKEN_NONE : TOKEN_WORD;
    if (c == '+') {
        (void)fail_at_character(lexer, " in numeric value",
                                "JSON spec does not allow numbers to have plus signs: enable "
                                "`JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow");
        return TOKEN_NONE;
    }
    (void)fail_at_character(lexer, "",
                            c == '}' ? "expected a value" : "expected a valid value " VALUES);
    return TOKEN_NONE;
}

static enum token close_level(struct lexer *lexer, bool is_object)
{
    struct lexer_level *level = level_of(lexer);

    lexer->at++;
    if (!level) {
        (void)fail_at(lexer, lexer->at - 1, "Unexpected close marker '%c': no open %s to close",
                      is_object ? '}' : ']', is_object ? "Object" : "Array");
        return TOKEN_NONE;
    }
    if (level->is_object != is_object) {
        struct buffer place = {0};
        add_place(lexer, &place, level->opened);
        (void)fail_at(lexer, lexer->at - 1,
                      "Unexpected close marker '%c': expected '%c' (for %s starting at %.*s)",
                      is_object ? '}' : ']', is_object ? ']' : '}', level_name(lexer),
                      TEXT_ARG(buffer_text(&place)));
        buffer_done(&place);
        return TOKEN_NONE;
    }
    lexer->depth--;
    return is_object ? TOKEN_OBJECT_END : TOKEN_ARRAY_END;
}

/* The comma between two entries and what follows it. */
static int skip_comma(struct lexer *lexer)
{
    if (*lexer->at != ',')
        return fail_at_character(lexer, "",
                                 level_of(lexer)->is_object
                                     ? "was expecting comma to separate Object entries"
                                     : "was expecting comma to separate Array entries");
    lexer->at++;
    skip_blanks(lexer);
    if (lexer->at == lexer->end)
        return lexer_fail(lexer, "Unexpected end-of-input within/between %s entries",
                          level_name(lexer));
    return 0;
}

/* A name, its colon, and the beginning of its value. */
static enum token begin_member(struct lexer *lexer)
{
    if (*lexer->at != '"') {
        (void)fail_at_character(lexer, "", "was expecting double-quote to start field name");
        return TOKEN_NONE;
    }
    lexer->at++;
    struct text name = read_string(lexer, true);
    if (lexer->failed)
        return TOKEN_NONE;
    skip_blanks(lexer);
    if (lexer->at == lexer->end) {
        (void)lexer_fail(lexer, "Unexpected end-of-input within/between Object entries");
        return TOKEN_NONE;
    }
    if (*lexer->at != ':') {
        (void)fail_at_character(lexer, "",
                                "was expecting a colon to separate field name and value");
        return TOKEN_NONE;
    }
    lexer->at++;
    skip_blanks(lexer);
    if (lexer->at == lexer->end) {
        (void)lexer_fail(lexer, "Unexpected end-of-input within/between Object entries");
        return TOKEN_NONE;
    }
    lexer->ahead = begin_value(lexer);
    if (lexer->ahead == TOKEN_NUMBER || lexer->ahead == TOKEN_WORD)
        lexer->ahead_text = lexer->text;
    lexer->text = name;
    return lexer->failed ? TOKEN_NONE : TOKEN_NAME;
}

static enum token read_token(struct lexer *lexer)
{
    if (lexer->token == TOKEN_NAME) {
        if (lexer->ahead == TOKEN_NUMBER || lexer->ahead == TOKEN_WORD)
            lexer->text = lexer->ahead_text;
        return lexer->ahead;
    }
    (void)lexer_text(lexer); /* a string that nobody wanted */
    if (lexer->failed)
        return TOKEN_NONE;
    skip_blanks(lexer);
    if (lexer->at == lexer->end)
        return fail_at_end(lexer);
    if (*lexer->at == '}' || *lexer->at == ']')
        return close_level(lexer, *lexer->at == '}');
    struct lexer_level *level = level_of(lexer);
    if (level && level->has_entries && skip_comma(lexer) < 0)
        return TOKEN_NONE;
    if (level)
        level->has_entries = true;
    return level && level->is_object ? begin_member(lexer) : begin_value(lexer);
}

enum token lexer_next(struct lexer *lexer)
{
    if (lexer->failed)
        return TOKEN_NONE;
    lexer->token = read_token(lexer);
    lexer->in_string = lexer->token == TOKEN_STRING;
    return lexer->token;
}
