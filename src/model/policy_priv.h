/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>

#include "base/arena.h"
#include "model/policy.h"

/* What the files of the policy evaluator share. */

struct policy_compiler {
    struct arena *arena; /* of the policy */
    struct error *err;
    size_t values;      /* so far, of POLICY_VALUES_MAX */
    int statement;      /* from 1, for errors */
    bool has_variables; /* the version knows them */
    enum policy_kind kind;
};
/* -1, with the statement named before the reason. */
int policy_fail(struct policy_compiler *compiler, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- patterns: policy_value.c --- */

/*
 * A value as a policy writes it: bytes, "*" and "?", and variables. What a variable stands
 * for is taken literally, whatever stars are in it.
 */
struct policy_piece {
    enum { PIECE_LITERAL, PIECE_STAR, PIECE_ONE, PIECE_VARIABLE } kind;
    struct text text;      /* the literal, the variable's name */
    struct text otherwise; /* a variable's default; TEXT_NONE without */
};
struct policy_pattern {
    struct policy_piece *pieces;
    size_t count;
};

enum pattern_bits { PATTERN_WILD = 1, PATTERN_VARIABLES = 2 };
int policy_pattern_compile(struct policy_compiler *compiler, struct text source, int bits,
                           struct policy_pattern *ret);
bool policy_pattern_matches(const struct policy_pattern *pattern, struct text text,
                            bool ignores_case, const struct policy_request *request);
/* The same for each of an ARN's six parts on its own. */
bool policy_pattern_matches_arn(const struct policy_pattern *pattern, struct text arn,
                                const struct policy_request *request);

/* NULL when absent. */
const struct policy_key *policy_key_find(const struct policy_request *request, struct text name);

/* --- conditions: policy_condition.c --- */

struct policy_condition;
struct policy_conditions {
    struct policy_condition *list;
    size_t count;
};
int policy_conditions_compile(struct policy_compiler *compiler, const json_t *json,
                              struct policy_conditions *ret);
bool policy_conditions_hold(const struct policy_conditions *conditions,
                            const struct policy_request *request);

/* The strings of a string or a list of them: calls add for each. */
typedef int policy_value_f(struct policy_compiler *compiler, struct text value, size_t index,
                           void *context);
size_t policy_value_count(const json_t *json);
int policy_values_each(struct policy_compiler *compiler, const json_t *json, const char *element,
                       policy_value_f *add, void *context);
