/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cesql_priv.h"

#include "base/mem.h"

/*
 * An operator whose operand went wrong is false, 0 or "" itself: what would come of a value
 * that is not there would mean nothing. What is not needed (the right side of AND and OR)
 * is not evaluated, so it does not go wrong.
 */
struct evaluation {
    const struct cloud_event *event;
    struct arena *arena;
};

static unsigned evaluate(const struct evaluation *evaluation, const struct node *node,
                         struct cesql_value *ret);

static struct cesql_value boolean(bool value)
{
    return (struct cesql_value){.kind = CESQL_BOOLEAN, .boolean = value, .string = TEXT("")};
}

static struct cesql_value integer(int32_t value)
{
    return (struct cesql_value){.kind = CESQL_INTEGER, .integer = value, .string = TEXT("")};
}

static unsigned evaluate_as(const struct evaluation *evaluation, const struct node *node,
                            enum cesql_kind kind, struct cesql_value *ret)
{
    unsigned errors = evaluate(evaluation, node, ret);

    return errors ? errors : cesql_cast(ret, kind, evaluation->arena);
}

static unsigned evaluate_attribute(const struct evaluation *evaluation, const struct node *node,
                                   struct cesql_value *ret)
{
    const struct cloud_attribute *attribute = cloudevents_find(evaluation->event, node->name);

    *ret = boolean(false);
    if (!attribute)
        return CESQL_MISSING_ATTRIBUTE;
    *ret = (struct cesql_value){.kind = CESQL_STRING, .string = attribute->value};
    switch (attribute->kind) {
    case CLOUD_STRING:
        return 0;
    case CLOUD_INTEGER:
        return cesql_cast(ret, CESQL_INTEGER, evaluation->arena);
    case CLOUD_BOOLEAN:
        return cesql_cast(ret, CESQL_BOOLEAN, evaluation->arena);
    }
    return 0;
}

static unsigned evaluate_not(const struct evaluation *evaluation, const struct node *node,
                             struct cesql_value *ret)
{
    struct cesql_value value;
    unsigned errors = evaluate_as(evaluation, node->operands[0], CESQL_BOOLEAN, &value);

    *ret = boolean(!errors && !value.boolean);
    return errors;
}

static unsigned evaluate_negative(const struct evaluation *evaluation, const struct node *node,
                                  struct cesql_value *ret)
{
    struct cesql_value value;
    unsigned errors = evaluate_as(evaluation, node->operands[0], CESQL_INTEGER, &value);

    *ret = integer(0);
    if (errors)
        return errors;
    if (value.integer == INT32_MIN)
        return CESQL_MATH;
    *ret = integer(-value.integer);
    return 0;
}

static unsigned evaluate_like(const struct evaluation *evaluation, const struct node *node,
                              struct cesql_value *ret)
{
    struct cesql_value value;
    unsigned errors = evaluate_as(evaluation, node->operands[0], CESQL_STRING, &value);

    *ret = boolean(!errors && cesql_is_like(node->value.string, value.string) != node->is_negated);
    return errors;
}

static unsigned evaluate_in(const struct evaluation *evaluation, const struct node *node,
                            struct cesql_value *ret)
{
    struct cesql_value value, element;
    unsigned errors = evaluate(evaluation, node->operands[0], &value);

    *ret = boolean(false);
    for (size_t i = 1; i < node->count && !errors; i++) {
        errors = evaluate_as(evaluation, node->operands[i], value.kind, &element);
        if (!errors && cesql_equal(&value, &element)) {
            *ret = boolean(!node->is_negated);
            return 0;
        }
    }
    ret->boolean = !errors && node->is_negated;
    return errors;
}

/* The right side says what is compared. */
static unsigned evaluate_equal(const struct evaluation *evaluation, const struct node *node,
                               struct cesql_value *ret)
{
    struct cesql_value left, right;
    unsigned errors = evaluate(evaluation, node->operands[0], &left);

    if (!errors)
        errors = evaluate(evaluation, node->operands[1], &right);
    if (!errors)
        errors = cesql_cast(&left, right.kind, evaluation->arena);
    *ret = boolean(!errors && cesql_equal(&left, &right) == (node->operation == TOKEN_EQUAL));
    return errors;
}

static unsigned evaluate_logic(const struct evaluation *evaluation, const struct node *node,
                               struct cesql_value *ret)
{
    struct cesql_value left, right;
    unsigned errors = evaluate_as(evaluation, node->operands[0], CESQL_BOOLEAN, &left);

    *ret = boolean(!errors && left.boolean);
    if (errors || (node->operation == TOKEN_AND && !left.boolean) ||
        (node->operation == TOKEN_OR && left.boolean))
        return errors;
    errors = evaluate_as(evaluation, node->operands[1], CESQL_BOOLEAN, &right);
    if (node->operation == TOKEN_XOR)
        right.boolean = left.boolean != right.boolean;
    *ret = boolean(!errors && right.boolean);
    return errors;
}

static unsigned divide(int32_t left, int32_t right, bool want_rest, int32_t *ret)
{
    if (right == 0)
        return CESQL_MATH;
    if (right == -1)
        return want_rest || !__builtin_sub_overflow(0, left, ret) ? 0 : CESQL_MATH;
    *ret = want_rest ? left % right : left / right;
    return 0;
}

static unsigned calculate(enum token_kind operation, int32_t left, int32_t right, int32_t *ret)
{
    bool overflows = false;

    *ret = 0;
    if (operation == TOKEN_DIVIDED || operation == TOKEN_MODULO)
        return divide(left, right, operation == TOKEN_MODULO, ret);
    if (operation == TOKEN_TIMES)
        overflows = __builtin_mul_overflow(left, right, ret);
    else if (operation == TOKEN_PLUS)
        overflows = __builtin_add_overflow(left, right, ret);
    else
        overflows = __builtin_sub_overflow(left, right, ret);
    return overflows ? CESQL_MATH : 0;
}

static bool compare(enum token_kind operation, int32_t left, int32_t right)
{
    if (operation == TOKEN_LESS)
        return left < right;
    if (operation == TOKEN_AT_MOST)
        return left <= right;
    if (operation == TOKEN_MORE)
        return left > right;
    return left >= right;
}

static unsigned evaluate_numbers(const struct evaluation *evaluation, const struct node *node,
                                 struct cesql_value *ret)
{
    bool is_comparison = node->operation >= TOKEN_LESS;
    struct cesql_value left, right;
    int32_t result;
    unsigned errors = evaluate_as(evaluation, node->operands[0], CESQL_INTEGER, &left);

    *ret = cesql_zero(is_comparison ? CESQL_BOOLEAN : CESQL_INTEGER);
    if (!errors)
        errors = evaluate_as(evaluation, node->operands[1], CESQL_INTEGER, &right);
    if (errors)
        return errors;
    if (is_comparison) {
        *ret = boolean(compare(node->operation, left.integer, right.integer));
        return 0;
    }
    errors = calculate(node->operation, left.integer, right.integer, &result);
    *ret = integer(errors ? 0 : result);
    return errors;
}

static unsigned evaluate_binary(const struct evaluation *evaluation, const struct node *node,
                                struct cesql_value *ret)
{
    if (node->operation == TOKEN_EQUAL || node->operation == TOKEN_DIFFERENT)
        return evaluate_equal(evaluation, node, ret);
    if (node->operation >= TOKEN_AND)
        return evaluate_logic(evaluation, node, ret);
    return evaluate_numbers(evaluation, node, ret);
}

static unsigned evaluate_call(const struct evaluation *evaluation, const struct node *node,
                              struct cesql_value *ret)
{
    const struct function *function = node->called;
    struct cesql_value *arguments =
        arena_alloc(evaluation->arena, (node->count + 1) * sizeof arguments[0]);

    *ret = boolean(false);
    if (!function)
        return CESQL_MISSING_FUNCTION;
    *ret = cesql_zero(function->result);
    for (size_t i = 0; i < node->count; i++) {
        unsigned errors = evaluate(evaluation, node->operands[i], &arguments[i]);
        if (!errors && !function->takes_any)
            errors = cesql_cast(&arguments[i], function->kinds[i < 2 ? i : 2], evaluation->arena);
        if (errors)
            return errors;
    }
    return function->run(arguments, node->count, evaluation->arena, ret);
}

static unsigned evaluate(const struct evaluation *evaluation, const struct node *node,
                         struct cesql_value *ret)
{
    switch (node->kind) {
    case NODE_VALUE:
        *ret = node->value;
        return 0;
    case NODE_ATTRIBUTE:
        return evaluate_attribute(evaluation, node, ret);
    case NODE_EXISTS:
        *ret = boolean(cloudevents_find(evaluation->event, node->name));
        return 0;
    case NODE_NOT:
        return evaluate_not(evaluation, node, ret);
    case NODE_NEGATIVE:
        return evaluate_negative(evaluation, node, ret);
    case NODE_LIKE:
        return evaluate_like(evaluation, node, ret);
    case NODE_IN:
        return evaluate_in(evaluation, node, ret);
    case NODE_BINARY:
        return evaluate_binary(evaluation, node, ret);
    case NODE_CALL:
        return evaluate_call(evaluation, node, ret);
    }
    return 0;
}

unsigned cesql_evaluate(const struct cesql *cesql, const struct cloud_event *event,
                        struct arena *arena, struct cesql_value *ret)
{
    const struct evaluation evaluation = {.event = event, .arena = arena};

    return evaluate(&evaluation, cesql->root, ret);
}

bool cesql_passes(const struct cesql *cesql, const struct cloud_event *event, struct arena *arena)
{
    struct cesql_value value;

    return cesql_evaluate(cesql, event, arena, &value) == 0 && value.kind == CESQL_BOOLEAN &&
           value.boolean;
}

const char *cesql_error_name(unsigned errors)
{
    if (errors & CESQL_MATH)
        return "math";
    if (errors & CESQL_CAST)
        return "cast";
    if (errors & CESQL_MISSING_ATTRIBUTE)
        return "missingAttribute";
    if (errors & CESQL_MISSING_FUNCTION)
        return "missingFunction";
    return errors & CESQL_FUNCTION ? "functionEvaluation" : "none";
}
