/* SPDX-License-Identifier: Apache-2.0 */
#include "model/policy_priv.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>

#include "base/civil.h"

/* The Condition of a statement: operators over what is known of the request. */

/* --- values --- */

struct network {
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
    int prefix;
    bool is_v6; /* no network of IPv6 is around the addresses of IPv4 */
};

struct policy_operand {
    struct policy_pattern pattern;
    union {
        double number; /* also a time, in seconds */
        struct network network;
        bool truth;
    };
};

static bool read_number(struct text text, double *ret)
{
    char copy[64], *end;

    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789+-.eE", text.at[i]))
            return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    *ret = strtod(copy, &end);
    return !*end && isfinite(*ret);
}

/* "Z", "+01:00", "-0830", or nothing: seconds to subtract. */
static bool read_offset(struct text text, int64_t *ret)
{
    int64_t hours, minutes;
    size_t colon = text.len == 6 && text.at[3] == ':';

    *ret = 0;
    if (text.len == 0 || text_equal(text, TEXT("Z")))
        return true;
    if ((text.at[0] != '+' && text.at[0] != '-') || text.len != 5 + colon ||
        !text_to_int(text_slice(text, 1, 3), 0, 23, &hours) ||
        !text_to_int(text_skip(text, 3 + colon), 0, 59, &minutes))
        return false;
    *ret = (hours * 3600 + minutes * 60) * (text.at[0] == '-' ? -1 : 1);
    return true;
}

/* ISO 8601 (a day, or a time with or without seconds, their fraction and a zone), or seconds
 * since 1970. */
static bool read_date(struct text text, double *ret)
{
    char copy[32];
    struct civil civil;
    int64_t offset;

    if (!text_contains(text, 'T') && !text_contains(text_skip(text, 1), '-'))
        return read_number(text, ret);
    bool has_seconds = text.len > 16 && text.at[16] == ':';
    size_t len = text.len < 16 || has_seconds ? 19 : 16;
    snprintf(copy, sizeof copy, "%.*s%s", (int)(text.len < len ? text.len : len), text.at,
             text.len == 10 ? "T00:00:00"
             : len == 16    ? ":00"
                            : "");
    struct text zone = text_skip(text, len);
    if (has_seconds && text_starts(zone, TEXT("."))) {
        size_t digits = 1;
        while (digits < zone.len && zone.at[digits] >= '0' && zone.at[digits] <= '9')
            digits++;
        zone = text_skip(zone, digits);
    }
    if (!civil_parse(text_of(copy), &civil) || !read_offset(zone, &offset))
        return false;
    *ret = (double)(civil_seconds(&civil) - offset);
    return true;
}

static bool read_address(struct text text, struct in6_addr *ret, int *ret_bits)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;

    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    *ret_bits = 128;
    if (inet_pton(AF_INET6, copy, ret) == 1)
        return true;
    if (inet_pton(AF_INET, copy, &v4) != 1)
        return false;
    *ret_bits = 32;
    *ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&ret->s6_addr[12], &v4, sizeof v4);
    return true;
}

static bool read_network(struct text text, struct network *ret)
{
    size_t slash = text_find(text, '/');
    int64_t prefix;
    int bits;

    if (!read_address(text_slice(text, 0, slash), &ret->address, &bits))
        return false;
    prefix = bits;
    if (slash < text.len && !text_to_int(text_skip(text, slash + 1), 0, bits, &prefix))
        return false;
    ret->prefix = (int)prefix + 128 - bits;
    ret->is_v6 = ret->prefix < 96;
    return true;
}

static bool is_within(const struct in6_addr *address, const struct network *network)
{
    int whole = network->prefix / 8, rest = network->prefix % 8;

    if (network->is_v6 && IN6_IS_ADDR_V4MAPPED(address))
        return false;
    if (memcmp(address, &network->address, (size_t)whole) != 0)
        return false;
    return rest == 0 ||
           (address->s6_addr[whole] ^ network->address.s6_addr[whole]) >> (8 - rest) == 0;
}

static bool read_truth(struct text text, bool *ret)
{
    *ret = text_equal_nocase(text, TEXT("true"));
    return *ret || text_equal_nocase(text, TEXT("false"));
}

/* --- operators --- */

enum comparison {
    COMPARE_TEXT,
    COMPARE_TEXT_NOCASE,
    COMPARE_ARN,
    COMPARE_NUMBER,
    COMPARE_DATE,
    COMPARE_BOOL,
    COMPARE_BINARY,
    COMPARE_IP,
    COMPARE_NULL,
};
enum relation { IS_EQUAL, IS_LESS, IS_LESS_OR_EQUAL, IS_GREATER, IS_GREATER_OR_EQUAL };

struct operation {
    const char *name;
    enum comparison comparison;
    enum relation relation;
    bool negated;
    int pattern_bits;
};

#define WILD (PATTERN_WILD | PATTERN_VARIABLES)
static const struct operation operations[] = {
    {"StringEquals", COMPARE_TEXT, .pattern_bits = PATTERN_VARIABLES},
    {"StringNotEquals", COMPARE_TEXT, .negated = true, .pattern_bits = PATTERN_VARIABLES},
    {"StringEqualsIgnoreCase", COMPARE_TEXT_NOCASE, .pattern_bits = PATTERN_VARIABLES},
    {"StringNotEqualsIgnoreCase", COMPARE_TEXT_NOCASE, .negated = true,
     .pattern_bits = PATTERN_VARIABLES},
    {"StringLike", COMPARE_TEXT, .pattern_bits = WILD},
    {"StringNotLike", COMPARE_TEXT, .negated = true, .pattern_bits = WILD},
    {"NumericEquals", COMPARE_NUMBER},
    {"NumericNotEquals", COMPARE_NUMBER, .negated = true},
    {"NumericLessThan", COMPARE_NUMBER, IS_LESS},
    {"NumericLessThanEquals", COMPARE_NUMBER, IS_LESS_OR_EQUAL},
    {"NumericGreaterThan", COMPARE_NUMBER, IS_GREATER},
    {"NumericGreaterThanEquals", COMPARE_NUMBER, IS_GREATER_OR_EQUAL},
    {"DateEquals", COMPARE_DATE},
    {"DateNotEquals", COMPARE_DATE, .negated = true},
    {"DateLessThan", COMPARE_DATE, IS_LESS},
    {"DateLessThanEquals", COMPARE_DATE, IS_LESS_OR_EQUAL},
    {"DateGreaterThan", COMPARE_DATE, IS_GREATER},
    {"DateGreaterThanEquals", COMPARE_DATE, IS_GREATER_OR_EQUAL},
    {"Bool", COMPARE_BOOL},
    {"BinaryEquals", COMPARE_BINARY},
    {"IpAddress", COMPARE_IP},
    {"NotIpAddress", COMPARE_IP, .negated = true},
    {"ArnEquals", COMPARE_ARN, .pattern_bits = WILD},
    {"ArnLike", COMPARE_ARN, .pattern_bits = WILD},
    {"ArnNotEquals", COMPARE_ARN, .negated = true, .pattern_bits = WILD},
    {"ArnNotLike", COMPARE_ARN, .negated = true, .pattern_bits = WILD},
    {"Null", COMPARE_NULL},
};

enum quantifier { FOR_ONE, FOR_ANY_VALUE, FOR_ALL_VALUES };

struct policy_condition {
    const struct operation *operation;
    enum quantifier quantifier;
    bool if_exists;
    struct text key;
    struct policy_operand *operands;
    size_t count;
};

/* --- compiling --- */

static bool take_prefix(struct text *name, struct text prefix)
{
    bool there = text_starts(*name, prefix);

    if (there)
        *name = text_skip(*name, prefix.len);
    return there;
}

static bool take_suffix(struct text *name, struct text suffix)
{
    bool there = text_ends(*name, suffix);

    if (there)
        name->len -= suffix.len;
    return there;
}

static int read_operator(struct policy_compiler *compiler, struct text name,
                         struct policy_condition *ret)
{
    struct text rest = name;

    ret->quantifier = take_prefix(&rest, TEXT("ForAnyValue:"))    ? FOR_ANY_VALUE
                      : take_prefix(&rest, TEXT("ForAllValues:")) ? FOR_ALL_VALUES
                                                                  : FOR_ONE;
    ret->if_exists = take_suffix(&rest, TEXT("IfExists"));
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        if (text_equal(rest, text_of(operations[i].name)))
            ret->operation = &operations[i];
    if (!ret->operation)
        return policy_fail(compiler, "there is no condition operator '%.*s'", TEXT_ARG(name));
    if (ret->operation->comparison == COMPARE_NULL &&
        (ret->if_exists || ret->quantifier != FOR_ONE))
        return policy_fail(compiler, "Null takes neither IfExists nor ForAnyValue or ForAllValues");
    return 0;
}

static int read_operand(struct policy_compiler *compiler, struct text value, size_t index,
                        void *context)
{
    struct policy_condition *condition = context;
    struct policy_operand *operand = &condition->operands[index];
    bool right = true;

    switch (condition->operation->comparison) {
    case COMPARE_TEXT:
    case COMPARE_TEXT_NOCASE:
    case COMPARE_ARN:
    case COMPARE_BINARY:
        return policy_pattern_compile(compiler, value, condition->operation->pattern_bits,
                                      &operand->pattern);
    case COMPARE_NUMBER:
        right = read_number(value, &operand->number);
        break;
    case COMPARE_DATE:
        right = read_date(value, &operand->number);
        break;
    case COMPARE_IP:
        right = read_network(value, &operand->network);
        break;
    case COMPARE_BOOL:
    case COMPARE_NULL:
        right = read_truth(value, &operand->truth);
        break;
    }
    if (right)
        return 0;
    return policy_fail(compiler, "'%.*s' is no value for %s", TEXT_ARG(value),
                       condition->operation->name);
}

static int compile_one(struct policy_compiler *compiler, const char *name, const char *key,
                       const json_t *values, struct policy_condition *ret)
{
    if (read_operator(compiler, text_of(name), ret) < 0)
        return -1;
    if (!*key)
        return policy_fail(compiler, "a condition key of %s is empty", name);
    ret->key = arena_copy(compiler->arena, text_of(key));
    ret->count = policy_value_count(values);
    ret->operands = arena_zalloc(compiler->arena, (ret->count + 1) * sizeof *ret->operands);
    return policy_values_each(compiler, values, key, read_operand, ret);
}

static size_t count_conditions(const json_t *json)
{
    const char *name;
    json_t *keys;
    size_t count = 0;

    json_object_foreach((json_t *)(uintptr_t)json, name, keys) count += json_object_size(keys);
    return count;
}

int policy_conditions_compile(struct policy_compiler *compiler, const json_t *json,
                              struct policy_conditions *ret)
{
    const char *name, *key;
    json_t *keys, *values;

    if (!json)
        return 0;
    if (!json_is_object(json))
        return policy_fail(compiler, "Condition must be an object of operators");
    size_t count = count_conditions(json);
    if (count > POLICY_VALUES_MAX)
        return policy_fail(compiler, "Condition has more than %d keys", POLICY_VALUES_MAX);
    ret->list = arena_zalloc(compiler->arena, (count + 1) * sizeof *ret->list);
    json_object_foreach((json_t *)(uintptr_t)json, name, keys)
    {
        if (!json_is_object(keys))
            return policy_fail(compiler, "%s must be an object of condition keys", name);
        json_object_foreach(keys, key,
                            values) if (compile_one(compiler, name, key, values,
                                                    &ret->list[ret->count++]) < 0) return -1;
    }
    return 0;
}

/* --- evaluation --- */

static bool relates(enum relation relation, double a, double b)
{
    switch (relation) {
    case IS_EQUAL:
        return a == b;
    case IS_LESS:
        return a < b;
    case IS_LESS_OR_EQUAL:
        return a <= b;
    case IS_GREATER:
        return a > b;
    case IS_GREATER_OR_EQUAL:
        return a >= b;
    }
    return false;
}

static bool is_in(const struct policy_operand *operand, struct text value)
{
    struct in6_addr address;
    int bits;

    return read_address(value, &address, &bits) && is_within(&address, &operand->network);
}

static bool compares(const struct policy_condition *condition, const struct policy_operand *operand,
                     struct text value, const struct policy_request *request)
{
    double number;
    bool truth;

    switch (condition->operation->comparison) {
    case COMPARE_TEXT:
    case COMPARE_BINARY:
        return policy_pattern_matches(&operand->pattern, value, false, request);
    case COMPARE_TEXT_NOCASE:
        return policy_pattern_matches(&operand->pattern, value, true, request);
    case COMPARE_ARN:
        return policy_pattern_matches_arn(&operand->pattern, value, request);
    case COMPARE_NUMBER:
        return read_number(value, &number) &&
               relates(condition->operation->relation, number, operand->number);
    case COMPARE_DATE:
        return read_date(value, &number) &&
               relates(condition->operation->relation, number, operand->number);
    case COMPARE_IP:
        return is_in(operand, value);
    case COMPARE_BOOL:
        return read_truth(value, &truth) && truth == operand->truth;
    case COMPARE_NULL:
        return false;
    }
    return false;
}

/* Any value of the policy is enough; of a negated operator, each must differ. */
static bool accepts(const struct policy_condition *condition, struct text value,
                    const struct policy_request *request)
{
    for (size_t i = 0; i < condition->count; i++)
        if (compares(condition, &condition->operands[i], value, request))
            return !condition->operation->negated;
    return condition->operation->negated;
}

static bool holds_for_values(const struct policy_condition *condition, const struct policy_key *key,
                             const struct policy_request *request)
{
    /* Without a quantifier a key has one value. If it has several, the reading that lets less
     * pass: one that is equal is enough, none may be what is excluded. */
    bool needs_all = condition->quantifier == FOR_ALL_VALUES ||
                     (condition->quantifier == FOR_ONE && condition->operation->negated);

    for (size_t i = 0; i < key->count; i++)
        if (accepts(condition, key->values[i], request) != needs_all)
            return !needs_all;
    return needs_all;
}

static bool holds(const struct policy_condition *condition, const struct policy_request *request)
{
    const struct policy_key *key = policy_key_find(request, condition->key);

    if (condition->operation->comparison == COMPARE_NULL) {
        for (size_t i = 0; i < condition->count; i++)
            if (condition->operands[i].truth == !key)
                return true;
        return false;
    }
    if (key)
        return holds_for_values(condition, key, request);
    if (condition->if_exists || condition->quantifier == FOR_ALL_VALUES)
        return true;
    return condition->quantifier == FOR_ONE && condition->operation->negated;
}

bool policy_conditions_hold(const struct policy_conditions *conditions,
                            const struct policy_request *request)
{
    for (size_t i = 0; i < conditions->count; i++)
        if (!holds(&conditions->list[i], request))
            return false;
    return true;
}
