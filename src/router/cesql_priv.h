/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "router/cesql.h"

enum token_kind {
    TOKEN_END,
    TOKEN_BAD,
    TOKEN_NAME, /* of an attribute or a function */
    TOKEN_INTEGER,
    TOKEN_STRING,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_TIMES,
    TOKEN_DIVIDED,
    TOKEN_MODULO,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_EQUAL,
    TOKEN_DIFFERENT,
    TOKEN_LESS,
    TOKEN_AT_MOST,
    TOKEN_MORE,
    TOKEN_AT_LEAST,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_XOR,
    TOKEN_NOT,
    TOKEN_LIKE,
    TOKEN_EXISTS,
    TOKEN_IN,
    TOKEN_TRUE,
    TOKEN_FALSE,
};

struct token {
    enum token_kind kind;
    struct text text; /* as in the source; a string's without its quotes */
};

/* Takes the next token from *rest. */
struct token cesql_next_token(struct text *rest);

enum node_kind {
    NODE_VALUE,
    NODE_ATTRIBUTE,
    NODE_EXISTS,
    NODE_NOT,
    NODE_NEGATIVE,
    NODE_LIKE, /* value is the pattern */
    NODE_IN,   /* the first operand in the others */
    NODE_BINARY,
    NODE_CALL,
};

struct node;

/* A built-in function. arguments have been cast to kinds; the last of kinds stands for all
 * further ones. Returns what went wrong. */
struct function {
    struct text name;
    size_t min, max; /* number of arguments */
    bool takes_any;  /* arguments are not cast */
    enum cesql_kind kinds[3];
    enum cesql_kind result;
    unsigned (*run)(const struct cesql_value *arguments, size_t count, struct arena *arena,
                    struct cesql_value *ret);
};

/* NULL when there is none of that name (in any case) that takes so many arguments. */
const struct function *cesql_find_function(struct text name, size_t count);

struct node {
    enum node_kind kind;
    bool is_negated;               /* NOT LIKE, NOT IN */
    enum token_kind operation;     /* of NODE_BINARY */
    struct cesql_value value;      /* of NODE_VALUE and NODE_LIKE */
    struct text name;              /* of an attribute */
    const struct function *called; /* NULL: there is no such function */
    const struct node **operands;
    size_t count;
};

struct cesql {
    struct arena arena; /* of all below */
    const struct node *root;
};

/* False, 0 or "" of a kind. */
struct cesql_value cesql_zero(enum cesql_kind kind);
/* Casts in place; *value is zero and CESQL_CAST comes back when that is not possible. */
unsigned cesql_cast(struct cesql_value *value, enum cesql_kind kind, struct arena *arena);
bool cesql_equal(const struct cesql_value *a, const struct cesql_value *b); /* of one kind */
/* Whether text is like a pattern with "%", "_" and "\". */
bool cesql_is_like(struct text pattern, struct text text);
