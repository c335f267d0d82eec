/* SPDX-License-Identifier: Apache-2.0 */
#include "api/log_filter.h"

#include "base/json.h"
#include "base/mem.h"

enum node_kind {
    NODE_TERM,     /* must be there */
    NODE_OPTIONAL, /* one of these must be there, when no term must */
    NODE_EXCLUDED, /* must not be there */
    NODE_AND,
    NODE_OR,
    NODE_COMPARE,
    NODE_IS_NULL,
    NODE_IS_TRUE,
    NODE_IS_FALSE,
    NODE_EXISTS,
    NODE_NOT_EXISTS,
};
enum compare {
    COMPARE_EQUAL,
    COMPARE_NOT,
    COMPARE_LESS,
    COMPARE_MORE,
    COMPARE_AT_MOST,
    COMPARE_AT_LEAST
};

struct node {
    enum node_kind kind;
    enum compare compare;
    struct text text; /* a term, or the value compared with; in log_filter.source */
    struct text path; /* ".level", ".items[0].id" */
    bool is_quoted, is_number;
    double number;
    int left, right; /* of AND and OR */
};

struct log_filter {
    bool is_json;
    int root; /* of a condition */
    int count;
    struct node nodes[LOG_FILTER_NODES];
    char source[];
};

struct parser {
    struct log_filter *filter;
    struct text rest;
    int depth;
    struct error *err;
};

#define DEPTH_MAX 16 /* brackets within brackets */

static int fail(struct parser *parser, const char *what)
{
    return error_set(parser->err, ERROR_INVALID, "Invalid filter pattern: %s", what);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct parser *parser)
{
    while (parser->rest.len > 0 && is_blank(parser->rest.at[0]))
        parser->rest = text_skip(parser->rest, 1);
}

static bool take_token(struct parser *parser, struct text token)
{
    skip_blanks(parser);
    if (!text_starts(parser->rest, token))
        return false;
    parser->rest = text_skip(parser->rest, token.len);
    return true;
}

/* The node's index, or -1. */
static int add_node(struct parser *parser, enum node_kind kind)
{
    struct log_filter *filter = parser->filter;

    if (filter->count == LOG_FILTER_NODES)
        return fail(parser, "it has too many terms");
    filter->nodes[filter->count].kind = kind;
    return filter->count++;
}

/* "..." without its quotes. */
static int take_quoted(struct parser *parser, struct text *ret)
{
    struct text body = text_skip(parser->rest, 1);
    size_t end = text_find(body, '"');

    if (end == body.len)
        return fail(parser, "a quote is not closed");
    *ret = text_slice(body, 0, end);
    parser->rest = text_skip(body, end + 1);
    return 0;
}

/* --- terms --- */

static int parse_term(struct parser *parser)
{
    enum node_kind kind = NODE_TERM;
    struct text term;

    if (text_starts(parser->rest, TEXT("?")) || text_starts(parser->rest, TEXT("-"))) {
        kind = parser->rest.at[0] == '?' ? NODE_OPTIONAL : NODE_EXCLUDED;
        parser->rest = text_skip(parser->rest, 1);
    }
    if (text_starts(parser->rest, TEXT("\""))) {
        if (take_quoted(parser, &term) < 0)
            return -1;
    } else {
        size_t len = 0;
        while (len < parser->rest.len && !is_blank(parser->rest.at[len]))
            len++;
        term = text_slice(parser->rest, 0, len);
        parser->rest = text_skip(parser->rest, len);
    }
    if (term.len == 0)
        return fail(parser, "a term is empty");
    int index = add_node(parser, kind);
    if (index < 0)
        return -1;
    parser->filter->nodes[index].text = term;
    return 0;
}

static int parse_terms(struct parser *parser)
{
    for (;;) {
        skip_blanks(parser);
        if (parser->rest.len == 0)
            return 0;
        if (parse_term(parser) < 0)
            return -1;
    }
}

/* --- conditions --- */

static int parse_or(struct parser *parser);

static bool is_path_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '.' || c == '[' || c == ']' || c == '@';
}

static int take_path(struct parser *parser, struct text *ret)
{
    size_t len = 0;

    if (!take_token(parser, TEXT("$")))
        return fail(parser, "a condition begins with '$.'");
    while (len < parser->rest.len && is_path_char(parser->rest.at[len]))
        len++;
    *ret = text_slice(parser->rest, 0, len);
    parser->rest = text_skip(parser->rest, len);
    if (len == 0 || (ret->at[0] != '.' && ret->at[0] != '['))
        return fail(parser, "a condition begins with '$.'");
    return 0;
}

static bool take_word(struct parser *parser, struct text word)
{
    skip_blanks(parser);
    if (parser->rest.len < word.len ||
        !text_equal_nocase(text_slice(parser->rest, 0, word.len), word))
        return false;
    parser->rest = text_skip(parser->rest, word.len);
    return true;
}

static int parse_is(struct parser *parser, struct node *node)
{
    if (take_word(parser, TEXT("NULL")))
        node->kind = NODE_IS_NULL;
    else if (take_word(parser, TEXT("TRUE")))
        node->kind = NODE_IS_TRUE;
    else if (take_word(parser, TEXT("FALSE")))
        node->kind = NODE_IS_FALSE;
    else
        return fail(parser, "IS is followed by NULL, TRUE or FALSE");
    return 0;
}

static bool take_compare(struct parser *parser, enum compare *ret)
{
    static const struct {
        const char *sign;
        enum compare compare;
    } signs[] = {
        {"!=", COMPARE_NOT},  {"<=", COMPARE_AT_MOST}, {">=", COMPARE_AT_LEAST},
        {"=", COMPARE_EQUAL}, {"<", COMPARE_LESS},     {">", COMPARE_MORE},
    };

    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        if (!take_token(parser, text_of(signs[i].sign)))
            continue;
        *ret = signs[i].compare;
        return true;
    }
    return false;
}

static bool is_value_end(char c)
{
    return is_blank(c) || c == ')' || c == '}' || c == '&' || c == '|';
}

static bool read_number(struct text text, double *ret)
{
    char digits[40], *end;

    if (text.len == 0 || text.len >= sizeof digits)
        return false;
    memcpy(digits, text.at, text.len);
    digits[text.len] = '\0';
    *ret = strtod(digits, &end);
    return *end == '\0' && !strchr("nNiI", digits[digits[0] == '-']);
}

static int parse_value(struct parser *parser, struct node *node)
{
    skip_blanks(parser);
    if (text_starts(parser->rest, TEXT("\""))) {
        node->is_quoted = true;
        return take_quoted(parser, &node->text);
    }
    size_t len = 0;
    while (len < parser->rest.len && !is_value_end(parser->rest.at[len]))
        len++;
    node->text = text_slice(parser->rest, 0, len);
    parser->rest = text_skip(parser->rest, len);
    if (len == 0)
        return fail(parser, "a value is missing");
    node->is_number = read_number(node->text, &node->number);
    return 0;
}

static int parse_comparison(struct parser *parser)
{
    int index = add_node(parser, NODE_COMPARE);
    if (index < 0)
        return -1;
    struct node *node = &parser->filter->nodes[index];
    int result;

    if (take_path(parser, &node->path) < 0)
        return -1;
    if (take_compare(parser, &node->compare)) {
        result = parse_value(parser, node);
    } else if (take_word(parser, TEXT("IS"))) {
        result = parse_is(parser, node);
    } else if (take_word(parser, TEXT("NOT EXISTS"))) {
        node->kind = NODE_NOT_EXISTS;
        result = 0;
    } else if (take_word(parser, TEXT("EXISTS"))) {
        node->kind = NODE_EXISTS;
        result = 0;
    } else {
        result = fail(parser, "a comparison is missing");
    }
    return result < 0 ? -1 : index;
}

static int parse_one(struct parser *parser)
{
    if (!take_token(parser, TEXT("(")))
        return parse_comparison(parser);
    if (++parser->depth > DEPTH_MAX)
        return fail(parser, "it has too many brackets");
    int index = parse_or(parser);
    parser->depth--;
    if (index >= 0 && !take_token(parser, TEXT(")")))
        return fail(parser, "a bracket is not closed");
    return index;
}

static int join(struct parser *parser, enum node_kind kind, int left, int right)
{
    int index = right < 0 ? -1 : add_node(parser, kind);

    if (index < 0)
        return -1;
    parser->filter->nodes[index].left = left;
    parser->filter->nodes[index].right = right;
    return index;
}

static int parse_and(struct parser *parser)
{
    int left = parse_one(parser);

    while (left >= 0 && take_token(parser, TEXT("&&")))
        left = join(parser, NODE_AND, left, parse_one(parser));
    return left;
}

static int parse_or(struct parser *parser)
{
    int left = parse_and(parser);

    while (left >= 0 && take_token(parser, TEXT("||")))
        left = join(parser, NODE_OR, left, parse_and(parser));
    return left;
}

static int parse_condition(struct parser *parser)
{
    parser->filter->is_json = true;
    parser->filter->root = parse_or(parser);
    if (parser->filter->root < 0)
        return -1;
    if (!take_token(parser, TEXT("}")))
        return fail(parser, "the closing '}' is missing");
    skip_blanks(parser);
    return parser->rest.len == 0 ? 0 : fail(parser, "something follows the closing '}'");
}

static int parse(struct parser *parser)
{
    skip_blanks(parser);
    if (text_starts(parser->rest, TEXT("[")))
        return fail(parser, "space-delimited patterns are not served by Evoke yet");
    if (text_starts(parser->rest, TEXT("%")))
        return fail(parser, "regular expressions are not served by Evoke yet");
    if (take_token(parser, TEXT("{")))
        return parse_condition(parser);
    return parse_terms(parser);
}

struct log_filter *log_filter_compile(struct text pattern, struct error *err)
{
    if (pattern.len > LOG_FILTER_MAX) {
        error_set(err, ERROR_INVALID, "Invalid filter pattern: it is too long");
        return NULL;
    }
    scoped(log_filter_free) struct log_filter *filter =
        mem_zalloc(sizeof *filter + pattern.len + 1);
    memcpy(filter->source, pattern.len ? pattern.at : "", pattern.len);
    struct parser parser = {filter, text_from(filter->source, pattern.len), 0, err};
    return parse(&parser) < 0 ? NULL : take(filter);
}

void log_filter_free(struct log_filter *filter)
{
    free(filter);
}

/* --- matching --- */

static bool contains(struct text message, struct text term)
{
    return text_find_text(message, term) < message.len;
}

static bool terms_match(const struct log_filter *filter, struct text message)
{
    bool has_required = false, has_optional = false, found_optional = false;

    for (int i = 0; i < filter->count; i++) {
        const struct node *node = &filter->nodes[i];
        bool found = contains(message, node->text);
        if (node->kind == NODE_OPTIONAL) {
            has_optional = true;
            found_optional = found_optional || found;
        } else if (found != (node->kind == NODE_TERM)) {
            return false;
        } else {
            has_required = has_required || node->kind == NODE_TERM;
        }
    }
    return has_required || !has_optional || found_optional;
}

/* "*" stands for any text. */
static bool wildcard_matches(struct text pattern, struct text text)
{
    size_t star = text_find(pattern, '*');
    struct text piece;

    if (star == pattern.len)
        return text_equal(pattern, text);
    if (!text_starts(text, text_slice(pattern, 0, star)))
        return false;
    text = text_skip(text, star);
    pattern = text_skip(pattern, star + 1);
    while (text_contains(pattern, '*') && text_split(&pattern, '*', &piece)) {
        size_t at = text_find_text(text, piece);
        if (piece.len > 0 && at == text.len)
            return false;
        text = text_skip(text, at + piece.len);
    }
    return text_ends(text, pattern);
}

/* ".items[0].id" from the message's document; NULL: not there. */
static const json_t *select_value(const json_t *json, struct text path)
{
    while (path.len > 0 && json) {
        char stop = path.at[0];
        path = text_skip(path, 1);
        if (stop == ']')
            continue;
        size_t len = 0;
        while (len < path.len && path.at[len] != '.' && path.at[len] != '[' && path.at[len] != ']')
            len++;
        struct text name = text_slice(path, 0, len);
        int64_t index;
        path = text_skip(path, len);
        if (stop == '[')
            json = text_to_int(name, 0, INT32_MAX, &index) ? json_array_get(json, (size_t)index)
                                                           : NULL;
        else
            json = json_object_getn(json, name.at, name.len);
    }
    return json;
}

static bool numbers_match(enum compare compare, double left, double right)
{
    switch (compare) {
    case COMPARE_EQUAL:
        return !(left < right) && !(left > right);
    case COMPARE_NOT:
        return left < right || left > right;
    case COMPARE_LESS:
        return left < right;
    case COMPARE_MORE:
        return left > right;
    case COMPARE_AT_MOST:
        return left <= right;
    case COMPARE_AT_LEAST:
        return left >= right;
    }
    return false;
}

static bool comparison_matches(const struct node *node, const json_t *value)
{
    if (!value)
        return false;
    if (json_is_number(value) && node->is_number)
        return numbers_match(node->compare, json_number_value(value), node->number);
    if (!json_is_string(value) || (node->compare != COMPARE_EQUAL && node->compare != COMPARE_NOT))
        return false;
    struct text text = text_from(json_string_value(value), json_string_length(value));
    return wildcard_matches(node->text, text) == (node->compare == COMPARE_EQUAL);
}

static bool node_matches(const struct log_filter *filter, int index, const json_t *message)
{
    const struct node *node = &filter->nodes[index];
    const json_t *value = node->path.len ? select_value(message, node->path) : NULL;

    switch (node->kind) {
    case NODE_AND:
        return node_matches(filter, node->left, message) &&
               node_matches(filter, node->right, message);
    case NODE_OR:
        return node_matches(filter, node->left, message) ||
               node_matches(filter, node->right, message);
    case NODE_COMPARE:
        return comparison_matches(node, value);
    case NODE_IS_NULL:
        return json_is_null(value);
    case NODE_IS_TRUE:
        return json_is_true(value);
    case NODE_IS_FALSE:
        return json_is_false(value);
    case NODE_EXISTS:
        return value != NULL;
    case NODE_NOT_EXISTS:
        return value == NULL;
    case NODE_TERM:
    case NODE_OPTIONAL:
    case NODE_EXCLUDED:
        break;
    }
    return false;
}

bool log_filter_matches(const struct log_filter *filter, struct text message)
{
    struct error ignored;

    if (!filter->is_json)
        return terms_match(filter, message);
    if (!text_starts(text_trim(message), TEXT("{")))
        return false;
    scoped(json_decref) json_t *json = json_parse(message, &ignored);
    return json && node_matches(filter, filter->root, json);
}
