/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cesql_priv.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "model/limits.h"

/*
 * Operators climb: a level takes all operators that bind at least as tightly as it was asked
 * for. NOT and - before an operand bind tighter than anything behind it, so NOT a = b is
 * (NOT a) = b.
 */
enum level { LEVEL_LOGIC = 1, LEVEL_COMPARISON, LEVEL_SUM, LEVEL_PRODUCT, LEVEL_SET };

struct parser {
    struct arena *arena;
    struct text source, rest;
    struct token token; /* the current one */
    unsigned depth;
    struct error *err;
};

static const struct node *parse_level(struct parser *parser, enum level level);

static enum level level_of(enum token_kind kind)
{
    if (kind == TOKEN_NOT || kind == TOKEN_LIKE || kind == TOKEN_IN)
        return LEVEL_SET;
    if (kind == TOKEN_TIMES || kind == TOKEN_DIVIDED || kind == TOKEN_MODULO)
        return LEVEL_PRODUCT;
    if (kind == TOKEN_PLUS || kind == TOKEN_MINUS)
        return LEVEL_SUM;
    if (kind >= TOKEN_EQUAL && kind <= TOKEN_AT_LEAST)
        return LEVEL_COMPARISON;
    if (kind == TOKEN_AND || kind == TOKEN_OR || kind == TOKEN_XOR)
        return LEVEL_LOGIC;
    return 0;
}

static void move_on(struct parser *parser)
{
    parser->token = cesql_next_token(&parser->rest);
}

static struct node *fail(struct parser *parser, const char *wanted)
{
    struct text found = parser->token.text;

    if (parser->token.kind == TOKEN_STRING) /* with its quotes */
        found = text_from(found.at - 1, found.len + 2);
    size_t at = parser->token.kind == TOKEN_END ? parser->source.len
                                                : (size_t)(found.at - parser->source.at);
    error_set(parser->err, ERROR_INVALID, "at character %zu: expected %s, found '%.*s'", at + 1,
              wanted, TEXT_ARG(text_slice(found, 0, 20)));
    return NULL;
}

static bool expect(struct parser *parser, enum token_kind kind, const char *wanted)
{
    if (parser->token.kind != kind) {
        (void)fail(parser, wanted);
        return false;
    }
    move_on(parser);
    return true;
}

static struct node *new_node(struct parser *parser, enum node_kind kind)
{
    struct node *node = arena_zalloc(parser->arena, sizeof *node);

    node->kind = kind;
    return node;
}

static void add_operand(struct parser *parser, struct node *node, const struct node *operand)
{
    /* Grows at powers of two. */
    if ((node->count & (node->count - 1)) == 0) {
        size_t capacity = node->count ? node->count * 2 : 1;
        const struct node **more = arena_alloc(parser->arena, capacity * sizeof more[0]);
        for (size_t i = 0; i < node->count; i++)
            more[i] = node->operands[i];
        node->operands = more;
    }
    node->operands[node->count++] = operand;
}

/* A quote within is written twice or behind a backslash. Other backslashes stay. */
static struct text unquote(struct parser *parser, struct text text)
{
    char quote = text.at[-1];
    char *at = arena_alloc(parser->arena, text.len + 1), *to = at;

    for (size_t i = 0; i < text.len; i++) {
        if ((text.at[i] == '\\' || text.at[i] == quote) && i + 1 < text.len &&
            text.at[i + 1] == quote)
            i++;
        else if (text.at[i] == '\\' && i + 1 < text.len)
            *to++ = text.at[i++];
        *to++ = text.at[i];
    }
    return text_from(at, (size_t)(to - at));
}

static struct node *new_value(struct parser *parser, struct cesql_value value)
{
    struct node *node = new_node(parser, NODE_VALUE);

    node->value = value;
    move_on(parser);
    return node;
}

static struct node *parse_integer(struct parser *parser, bool is_negative)
{
    int64_t magnitude;

    if (!text_to_int(parser->token.text, 0, INT64_C(2147483647) + is_negative, &magnitude))
        return fail(parser, "a number of 32 bits");
    return new_value(
        parser, (struct cesql_value){.kind = CESQL_INTEGER,
                                     .integer = (int32_t)(is_negative ? -magnitude : magnitude)});
}

/* "(" a, b ")" into the node's operands. */
static bool parse_list(struct parser *parser, struct node *node, bool may_be_empty)
{
    if (!expect(parser, TOKEN_OPEN, "'('"))
        return false;
    if (may_be_empty && parser->token.kind == TOKEN_CLOSE) {
        move_on(parser);
        return true;
    }
    for (;;) {
        const struct node *operand = parse_level(parser, LEVEL_LOGIC);
        if (!operand)
            return false;
        add_operand(parser, node, operand);
        if (parser->token.kind != TOKEN_COMMA)
            return expect(parser, TOKEN_CLOSE, "',' or ')'");
        move_on(parser);
    }
}

static const struct node *parse_call(struct parser *parser, struct text name)
{
    struct node *call = new_node(parser, NODE_CALL);

    if (!parse_list(parser, call, /* may_be_empty= */ true))
        return NULL;
    call->called = cesql_find_function(name, call->count);
    return call;
}

static const struct node *parse_attribute(struct parser *parser, struct token token,
                                          enum node_kind kind)
{
    struct node *node = new_node(parser, kind);
    char *name = arena_alloc(parser->arena, token.text.len);

    for (size_t i = 0; i < token.text.len; i++) {
        char c = token.text.at[i];
        name[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    node->name = text_from(name, token.text.len);
    return node;
}

static const struct node *parse_name(struct parser *parser)
{
    struct token name = parser->token;

    move_on(parser);
    if (parser->token.kind == TOKEN_OPEN)
        return parse_call(parser, name.text);
    if (text_contains(name.text, '_')) {
        parser->token = name;
        return fail(parser, "an attribute's name");
    }
    return parse_attribute(parser, name, NODE_ATTRIBUTE);
}

static const struct node *parse_exists(struct parser *parser)
{
    move_on(parser);
    struct token name = parser->token;
    if (name.kind != TOKEN_NAME || text_contains(name.text, '_'))
        return fail(parser, "an attribute's name");
    move_on(parser);
    return parse_attribute(parser, name, NODE_EXISTS);
}

static const struct node *parse_brackets(struct parser *parser)
{
    move_on(parser);
    const struct node *inner = parse_level(parser, LEVEL_LOGIC);
    return inner && expect(parser, TOKEN_CLOSE, "')'") ? inner : NULL;
}

static const struct node *parse_operand(struct parser *parser);

/* "-1" is a number, so that the smallest one can be written. */
static const struct node *parse_sign(struct parser *parser)
{
    bool is_negative = parser->token.kind == TOKEN_MINUS;

    move_on(parser);
    if (parser->token.kind == TOKEN_INTEGER &&
        parser->token.text.at[-1] == (is_negative ? '-' : '+'))
        return parse_integer(parser, is_negative);
    if (!is_negative)
        return fail(parser, "a number");
    struct node *node = new_node(parser, NODE_NEGATIVE);
    const struct node *operand = parse_operand(parser);
    if (!operand)
        return NULL;
    add_operand(parser, node, operand);
    return node;
}

static const struct node *parse_not(struct parser *parser)
{
    struct node *node = new_node(parser, NODE_NOT);

    move_on(parser);
    const struct node *operand = parse_operand(parser);
    if (!operand)
        return NULL;
    add_operand(parser, node, operand);
    return node;
}

static const struct node *parse_kind(struct parser *parser)
{
    struct token token = parser->token;

    if (token.kind == TOKEN_OPEN)
        return parse_brackets(parser);
    if (token.kind == TOKEN_NOT)
        return parse_not(parser);
    if (token.kind == TOKEN_MINUS || token.kind == TOKEN_PLUS)
        return parse_sign(parser);
    if (token.kind == TOKEN_EXISTS)
        return parse_exists(parser);
    if (token.kind == TOKEN_NAME)
        return parse_name(parser);
    if (token.kind == TOKEN_INTEGER)
        return parse_integer(parser, /* is_negative= */ false);
    if (token.kind == TOKEN_STRING)
        return new_value(parser, (struct cesql_value){.kind = CESQL_STRING,
                                                      .string = unquote(parser, token.text)});
    if (token.kind == TOKEN_TRUE || token.kind == TOKEN_FALSE)
        return new_value(parser, (struct cesql_value){.kind = CESQL_BOOLEAN,
                                                      .boolean = token.kind == TOKEN_TRUE});
    return fail(parser, "a value");
}

static const struct node *parse_operand(struct parser *parser)
{
    if (++parser->depth > LIMIT_CESQL_DEPTH) {
        error_set(parser->err, ERROR_LIMIT, "the expression nests deeper than %d",
                  LIMIT_CESQL_DEPTH);
        return NULL;
    }
    const struct node *node = parse_kind(parser);
    parser->depth--;
    return node;
}

/* LIKE 'pattern' or IN (list), each perhaps behind NOT. */
static const struct node *parse_set(struct parser *parser, const struct node *left)
{
    bool is_negated = parser->token.kind == TOKEN_NOT;

    if (is_negated)
        move_on(parser);
    struct node *node = new_node(parser, parser->token.kind == TOKEN_LIKE ? NODE_LIKE : NODE_IN);
    node->is_negated = is_negated;
    add_operand(parser, node, left);
    if (parser->token.kind != TOKEN_LIKE)
        return expect(parser, TOKEN_IN, "LIKE or IN") &&
                       parse_list(parser, node, /* may_be_empty= */ false)
                   ? node
                   : NULL;
    move_on(parser);
    if (parser->token.kind != TOKEN_STRING)
        return fail(parser, "a pattern in quotes");
    node->value =
        (struct cesql_value){.kind = CESQL_STRING, .string = unquote(parser, parser->token.text)};
    move_on(parser);
    return node;
}

static const struct node *parse_binary(struct parser *parser, const struct node *left)
{
    struct node *node = new_node(parser, NODE_BINARY);

    node->operation = parser->token.kind;
    move_on(parser);
    const struct node *right = parse_level(parser, level_of(node->operation) + 1);
    if (!right)
        return NULL;
    add_operand(parser, node, left);
    add_operand(parser, node, right);
    return node;
}

static const struct node *parse_level(struct parser *parser, enum level level)
{
    const struct node *left = parse_operand(parser);

    while (left) {
        enum level found = level_of(parser->token.kind);
        if (found < level || found == 0)
            return left;
        left = found == LEVEL_SET ? parse_set(parser, left) : parse_binary(parser, left);
    }
    return NULL;
}

struct cesql *cesql_compile(struct text source, struct error *err)
{
    if (source.len > LIMIT_CESQL_BYTES) {
        error_set(err, ERROR_LIMIT, "the expression has more than %d bytes", LIMIT_CESQL_BYTES);
        return NULL;
    }
    scoped(cesql_free) struct cesql *cesql = mem_new(struct cesql);
    struct text copy = arena_copy(&cesql->arena, source.len ? source : TEXT(""));
    struct parser parser = {.arena = &cesql->arena, .source = copy, .rest = copy, .err = err};
    move_on(&parser);
    cesql->root = parse_level(&parser, LEVEL_LOGIC);
    if (!cesql->root)
        return NULL;
    if (parser.token.kind != TOKEN_END)
        return (void)fail(&parser, "an operator or the end"), NULL;
    return take(cesql);
}

void cesql_free(struct cesql *cesql)
{
    if (!cesql)
        return;
    arena_done(&cesql->arena);
    free(cesql);
}
