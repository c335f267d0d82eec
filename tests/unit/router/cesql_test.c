/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cesql.h"

#include "model/limits.h"
#include "test.h"

static const struct cloud_attribute attributes[] = {
    {TEXT("specversion"), TEXT("1.0"), CLOUD_STRING},
    {TEXT("id"), TEXT("id-7"), CLOUD_STRING},
    {TEXT("source"), TEXT("https://shop.example/orders"), CLOUD_STRING},
    {TEXT("type"), TEXT("com.shop.order.created"), CLOUD_STRING},
    {TEXT("subject"), TEXT("caf\xc3\xa9"), CLOUD_STRING},
    {TEXT("time"), TEXT("2018-04-26T14:48:09+02:00"), CLOUD_STRING},
    {TEXT("hops"), TEXT("5"), CLOUD_STRING},
    {TEXT("ttl"), TEXT("10"), CLOUD_STRING},
    {TEXT("number"), TEXT("-42"), CLOUD_INTEGER},
    {TEXT("yes"), TEXT("true"), CLOUD_BOOLEAN},
    {TEXT("no"), TEXT("false"), CLOUD_BOOLEAN},
    {TEXT("empty"), TEXT(""), CLOUD_STRING},
    {TEXT("a1"), TEXT("with 50% off_x"), CLOUD_STRING},
};
static const struct cloud_event event = {.attributes = attributes, .count = COUNT_OF(attributes)};

/* What an expression comes to: t, f, a number, or a string in quotes; behind it the names of
 * what went wrong. */
static void describe(unsigned errors, const struct cesql_value *value, struct buffer *out)
{
    switch (value->kind) {
    case CESQL_BOOLEAN:
        buffer_add_char(out, value->boolean ? 't' : 'f');
        break;
    case CESQL_INTEGER:
        buffer_add_int(out, value->integer);
        break;
    case CESQL_STRING:
        buffer_add_format(out, "'%.*s'", TEXT_ARG(value->string));
        break;
    }
    if (errors)
        buffer_add_format(out, " %s", cesql_error_name(errors));
}

struct expectation {
    const char *expression, *want;
};

static void check(const struct expectation *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer is = {0};
        struct error err = {0};
        struct cesql_value value;
        scoped(cesql_free) struct cesql *cesql = cesql_compile(text_of(cases[i].expression), &err);
        CHECK_MSG(cesql, "%s: %s", cases[i].expression, err.text);
        unsigned errors = cesql_evaluate(cesql, &event, &arena, &value);
        describe(errors, &value, &is);
        CHECK_MSG(text_equal(buffer_text(&is), text_of(cases[i].want)), "%s is %s, not %s",
                  cases[i].expression, is.at, cases[i].want);
    }
}
#define CHECK_ALL(cases) check(cases, COUNT_OF(cases))

TEST(literals_are_values)
{
    static const struct expectation cases[] = {
        {"TRUE", "t"},
        {"false", "f"},
        {"tRuE", "t"},
        {"0", "0"},
        {"007", "7"},
        {"+7", "7"},
        {"-7", "-7"},
        {"2147483647", "2147483647"},
        {"-2147483648", "-2147483648"},
        {"'abc'", "'abc'"},
        {"\"aBc\"", "'aBc'"},
        {"''", "''"},
        {"'a\"b'", "'a\"b'"},
        {"'a\\'b'", "'a'b'"},
        {"\"a\\\"b'c\"", "'a\"b'c'"},
        {"'it''s'", "'it's'"},
        {"'a\\b'", "'a\\b'"},
        {"'a\\\\'", "'a\\\\'"},
        {" \t\r\n1 ", "1"},
    };
    CHECK_ALL(cases);
}

TEST(attributes_have_their_types)
{
    static const struct expectation cases[] = {
        {"id", "'id-7'"},
        {"ID", "'id-7'"},
        {"time", "'2018-04-26T14:48:09+02:00'"},
        {"hops", "'5'"},
        {"number", "-42"},
        {"yes", "t"},
        {"no", "f"},
        {"empty", "''"},
        {"a1", "'with 50% off_x'"},
        {"missing", "f missingAttribute"},
        {"EXISTS id", "t"},
        {"exists subject", "t"},
        {"EXISTS empty", "t"},
        {"EXISTS missing", "f"},
        {"NOT EXISTS missing", "t"},
        {"EXISTS type AND EXISTS source", "t"},
    };
    CHECK_ALL(cases);
}

TEST(numbers_are_calculated_with_32_bits)
{
    static const struct expectation cases[] = {
        {"4 * 2 + 4 / 2", "10"},
        {"4 * (2 + 4) / 2", "12"},
        {"2 + 3 * 4", "14"},
        {"10 - 4 - 3", "3"},
        {"100 / 10 / 2", "5"},
        {"5 / 3", "1"},
        {"-5 / 3", "-1"},
        {"5 / -3", "-1"},
        {"5 % 3", "2"},
        {"-5 % 3", "-2"},
        {"5 % -3", "2"},
        {"5 / 0", "0 math"},
        {"5 % 0", "0 math"},
        {"-4 + 1", "-3"},
        {"4 + -1", "3"},
        {"4 - -1", "5"},
        {"4-1", "3"},
        {"--10", "10"},
        {"- 10", "-10"},
        {"-(2 + 3)", "-5"},
        {"-'10'", "-10"},
        {"--'10'", "10"},
        {"-TRUE", "-1"},
        {"-missing", "0 missingAttribute"},
        {"'5' + '3'", "8"},
        {"'5' + 3", "8"},
        {"'+5' + 3", "8"},
        {"5 + TRUE", "6"},
        {"hops * ttl", "50"},
        {"number + 2", "-40"},
        {"'x' + 1", "0 cast"},
        {"1 + ''", "0 cast"},
        {"1 + '2147483648'", "0 cast"},
        {"1 + '1.5'", "0 cast"},
        {"2147483647 + 1", "0 math"},
        {"-2147483648 - 1", "0 math"},
        {"65536 * 65536", "0 math"},
        {"-2147483648 / -1", "0 math"},
        {"-2147483648 % -1", "0"},
        {"-(-2147483648)", "0 math"},
        {"missing / 0", "0 missingAttribute"},
        {"missing % 0", "0 missingAttribute"},
        {"1 / missing", "0 missingAttribute"},
        {"1 + 1 / 0", "0 math"},
    };
    CHECK_ALL(cases);
}

TEST(values_are_compared_as_the_right_side_says)
{
    static const struct expectation cases[] = {
        {"TRUE = FALSE", "f"},
        {"FALSE = FALSE", "t"},
        {"1 = 2", "f"},
        {"2 = 2", "t"},
        {"'abc' = 'abc'", "t"},
        {"'abc' = 'ABC'", "f"},
        {"'abc' != '123'", "t"},
        {"'abc' <> 'abc'", "f"},
        {"1 != 2", "t"},
        {"2 <> 2", "f"},
        {"true = 'TRUE'", "f"},
        {"true = 'true'", "t"},
        {"'TRUE' = true", "t"},
        {"TRUE = \"true\" AND FALSE = \"false\"", "t"},
        {"TRUE = \"TRUE\" OR FALSE = \"FALSE\"", "f"},
        {"'5' = 5", "t"},
        {"5 = '5'", "t"},
        {"5 = '05'", "f"},
        {"'05' = 5", "t"},
        {"1 = TRUE", "t"},
        {"7 = TRUE", "t"},
        {"'x' = 5", "f cast"},
        {"'x' != 5", "f cast"},
        {"'yes' = TRUE", "f cast"},
        {"hops = 5", "t"},
        {"hops = 6", "f"},
        {"missing = 2", "f missingAttribute"},
        {"missing != 2", "f missingAttribute"},
        {"missing <> 2", "f missingAttribute"},
        {"2 = missing", "f missingAttribute"},
        {"missing = missing", "f missingAttribute"},
        {"2 <= 2", "t"},
        {"3 <= 2", "f"},
        {"1 < 2", "t"},
        {"2 < 2", "f"},
        {"2 >= 2", "t"},
        {"2 >= 3", "f"},
        {"2 > 1", "t"},
        {"2 > 2", "f"},
        {"hops < ttl", "t"},
        {"'9' < '10'", "t"},
        {"'a' < 'b'", "f cast"},
        {"missing <= 2", "f missingAttribute"},
        {"1 < 2 = TRUE", "t"},
        {"1 + 1 = 2", "t"},
        {"-1 < 0", "t"},
    };
    CHECK_ALL(cases);
}

TEST(logic_needs_only_what_decides)
{
    static const struct expectation cases[] = {
        {"FALSE AND FALSE", "f"},
        {"FALSE AND TRUE", "f"},
        {"TRUE AND FALSE", "f"},
        {"TRUE AND TRUE", "t"},
        {"FALSE OR FALSE", "f"},
        {"FALSE OR TRUE", "t"},
        {"TRUE OR FALSE", "t"},
        {"FALSE XOR FALSE", "f"},
        {"FALSE XOR TRUE", "t"},
        {"TRUE XOR FALSE", "t"},
        {"TRUE XOR TRUE", "f"},
        {"false and (1 != 1 / 0)", "f"},
        {"true and (1 != 1 / 0)", "f math"},
        {"true or (1 != 1 / 0)", "t"},
        {"false or (1 != 1 / 0)", "f math"},
        {"true xor (1 != 1 / 0)", "f math"},
        {"missing AND false", "f missingAttribute"},
        {"missing OR true", "f missingAttribute"},
        {"false AND missing", "f"},
        {"true OR missing", "t"},
        {"true AND (missing = '')", "f missingAttribute"},
        {"'true' AND 1", "t"},
        {"'x' OR true", "f cast"},
        {"NOT TRUE", "f"},
        {"NOT FALSE", "t"},
        {"NOT 'false'", "t"},
        {"NOT 10", "f"},
        {"NOT 0", "t"},
        {"NOT NOT TRUE", "t"},
        {"NOT missing", "f missingAttribute"},
        {"NOT 'x'", "f cast"},
        /* NOT binds tighter than what follows; one rank, from left to right. */
        {"NOT FALSE = TRUE", "t"},
        {"NOT (FALSE = TRUE)", "t"},
        {"NOT TRUE = TRUE", "f"},
        {"NOT 1 + 1", "1"},
        {"TRUE OR TRUE AND FALSE", "f"},
        {"TRUE OR (TRUE AND FALSE)", "t"},
        {"FALSE AND FALSE OR TRUE", "t"},
        {"TRUE XOR TRUE OR TRUE", "t"},
    };
    CHECK_ALL(cases);
}

TEST(like_knows_any_run_and_any_character)
{
    static const struct expectation cases[] = {
        {"'abc' LIKE 'abc'", "t"},
        {"'abc' LIKE 'ABC'", "f"},
        {"'abc' NOT LIKE 'abc'", "f"},
        {"'abd' NOT LIKE 'abc'", "t"},
        {"'ab\\c' LIKE 'ab\\c'", "t"},
        {"'abc' LIKE 'a%b%c'", "t"},
        {"'azzzbzzzc' LIKE 'a%b%c'", "t"},
        {"'a%b%c' LIKE 'a%b%c'", "t"},
        {"'ac' LIKE 'abc'", "f"},
        {"'' LIKE 'abc'", "f"},
        {"'' LIKE ''", "t"},
        {"'' LIKE '%'", "t"},
        {"'' LIKE '_'", "f"},
        {"'abc' LIKE '%%'", "t"},
        {"'abc' LIKE ''", "f"},
        {"'.ab.cde.' LIKE '.%.%.'", "t"},
        {"'ab.cde' LIKE '.%.%.'", "f"},
        {"'aab' LIKE '%ab'", "t"},
        {"'abab' LIKE '%ab'", "t"},
        {"'abac' LIKE '%ab%ac'", "t"},
        {"'abc' LIKE 'a_b_c'", "f"},
        {"'a_b_c' LIKE 'a_b_c'", "t"},
        {"'azbzc' LIKE 'a_b_c'", "t"},
        {"'azbc' LIKE 'a_b_c'", "f"},
        {"'.a.b.' LIKE '._._.'", "t"},
        {"'a_b_c' LIKE 'a\\_b\\_c'", "t"},
        {"'a_b_c' NOT LIKE 'a\\_b\\_c'", "f"},
        {"'azbzc' LIKE 'a\\_b\\_c'", "f"},
        {"'a%b%c' LIKE 'a\\%b\\%c'", "t"},
        {"'azbzc' LIKE 'a\\%b\\%c'", "f"},
        {"a1 LIKE '%50\\% off\\__'", "t"},
        {"subject LIKE 'caf_'", "t"},
        {"subject LIKE '_a%\xc3\xa9'", "t"},
        {"subject LIKE 'caf__'", "f"},
        {"source LIKE 'https://%'", "t"},
        {"type like '%.created'", "t"},
        {"type LIKE '%.error'", "f"},
        {"234 LIKE '23_'", "t"},
        {"2344 LIKE '23_'", "f"},
        {"TRUE LIKE 'tr%'", "t"},
        {"FALSE LIKE 'tr%'", "f"},
        {"missing LIKE 'a%'", "f missingAttribute"},
        {"missing NOT LIKE 'a%'", "f missingAttribute"},
        {"'a' LIKE 'a' AND 'b' LIKE '_'", "t"},
        {"NOT ('a' LIKE 'b')", "t"},
    };
    CHECK_ALL(cases);
}

TEST(in_compares_as_the_left_side_says)
{
    static const struct expectation cases[] = {
        {"123 IN (1, 2, 123)", "t"},
        {"123 NOT IN (1, 2, 3)", "t"},
        {"123 NOT IN (123)", "f"},
        {"'abc' IN ('abc', \"bcd\")", "t"},
        {"'aaa' IN ('abc', \"bcd\")", "f"},
        {"TRUE IN (TRUE, FALSE)", "t"},
        {"TRUE IN (FALSE)", "f"},
        {"123 IN ('123', '456')", "t"},
        {"'123' IN (123)", "t"},
        {"'0123' IN (123)", "f"},
        {"1 IN ('x', 1)", "f cast"},
        {"1 IN (1, 'x')", "t"},
        {"TRUE IN ('true')", "t"},
        {"TRUE IN (1)", "t"},
        {"type IN ('a', 'com.shop.order.created')", "t"},
        {"missing IN ('a')", "f missingAttribute"},
        {"missing NOT IN ('a')", "f missingAttribute"},
        {"'a' IN (missing, 'a')", "f missingAttribute"},
        {"'a' NOT IN (missing, 'b')", "f missingAttribute"},
        {"2 IN (1 + 1)", "t"},
        {"'a' IN ('a') AND TRUE", "t"},
    };
    CHECK_ALL(cases);
}

TEST(strings_have_functions)
{
    static const struct expectation cases[] = {
        {"LENGTH('abc')", "3"},
        {"LENGTH('')", "0"},
        {"length(TRUE)", "4"},
        {"LENGTH(subject)", "4"},
        {"LENGTH(missing)", "0 missingAttribute"},
        {"CONCAT('a', 'b', 'c', 'd')", "'abcd'"},
        {"CONCAT()", "''"},
        {"CONCAT('a')", "'a'"},
        {"CONCAT(1, TRUE)", "'1true'"},
        {"CONCAT('a', missing)", "'' missingAttribute"},
        {"CONCAT_WS(',', 'a', 'b', 'c')", "'a,b,c'"},
        {"CONCAT_WS(',')", "''"},
        {"CONCAT_WS(',', 'a')", "'a'"},
        {"CONCAT_WS()", "f missingFunction"},
        {"LOWER('AbC')", "'abc'"},
        {"UPPER('AbC1')", "'ABC1'"},
        {"UPPER(subject)", "'CAF\xc3\x89'"},
        {"LOWER('\xc3\x89\xce\xa3')", "'\xc3\xa9\xcf\x83'"},
        {"UPPER('\xc3\x9f')", "'SS'"},
        {"TRIM('   a b c   ')", "'a b c'"},
        {"TRIM('\ta\n')", "'a'"},
        {"TRIM('\xc2\xa0 a \xe3\x80\x80')", "'a'"},
        {"TRIM('  ')", "''"},
        {"LEFT('abc', 2)", "'ab'"},
        {"LEFT('abc', 10)", "'abc'"},
        {"LEFT('', 0)", "''"},
        {"LEFT('abc', 0)", "''"},
        {"LEFT('abc', -2)", "'abc' functionEvaluation"},
        {"LEFT(subject, 3)", "'caf'"},
        {"RIGHT('abc', 2)", "'bc'"},
        {"RIGHT('abc', 10)", "'abc'"},
        {"RIGHT('', 0)", "''"},
        {"RIGHT('abc', -2)", "'abc' functionEvaluation"},
        {"RIGHT(subject, 1)", "'\xc3\xa9'"},
        {"SUBSTRING('abcdef', 1)", "'abcdef'"},
        {"SUBSTRING('abcdef', 2)", "'bcdef'"},
        {"SUBSTRING('Quadratically', 5)", "'ratically'"},
        {"SUBSTRING('Sakila', -3)", "'ila'"},
        {"SUBSTRING('abcdef', 1, 6)", "'abcdef'"},
        {"SUBSTRING('abcdef', 2, 4)", "'bcde'"},
        {"SUBSTRING('abcdef', 2, 99)", "'bcdef'"},
        {"SUBSTRING('abcdef', 2, 0)", "''"},
        {"SUBSTRING('Sakila', -5, 3)", "'aki'"},
        {"SUBSTRING('Quadratically', 0)", "''"},
        {"SUBSTRING('Quadratically', 0, 1)", "''"},
        {"SUBSTRING('abcdef', 6)", "'f'"},
        {"SUBSTRING('abcdef', 7)", "'' functionEvaluation"},
        {"SUBSTRING('abcdef', -6)", "'abcdef'"},
        {"SUBSTRING('abcdef', -7)", "'' functionEvaluation"},
        {"SUBSTRING('abcdef', 10, 10)", "'' functionEvaluation"},
        {"SUBSTRING('abcdef', 1, -1)", "'' functionEvaluation"},
        {"SUBSTRING('abcdef')", "f missingFunction"},
        {"SUBSTRING('abc', 'x')", "'' cast"},
        {"NOTHING('a')", "f missingFunction"},
        {"LENGTH()", "f missingFunction"},
        {"LENGTH('a', 'b')", "f missingFunction"},
    };
    CHECK_ALL(cases);
}

TEST(numbers_and_casts_have_functions)
{
    static const struct expectation cases[] = {
        {"ABS(10)", "10"},
        {"ABS(-10)", "10"},
        {"ABS('-5')", "5"},
        {"ABS(-2147483648)", "2147483647 math"},
        {"ABS('x')", "0 cast"},
        {"INT('1')", "1"},
        {"INT('-1')", "-1"},
        {"INT('+1')", "1"},
        {"INT(TRUE)", "1"},
        {"INT(FALSE)", "0"},
        {"INT('ABC')", "0 cast"},
        {"INT('')", "0 cast"},
        {"INT('-')", "0 cast"},
        {"INT(' 1')", "0 cast"},
        {"INT('-2147483648')", "-2147483648"},
        {"INT('2147483648')", "0 cast"},
        {"INT('99999999999999999999')", "0 cast"},
        {"BOOL('TRUE')", "t"},
        {"BOOL(\"false\")", "f"},
        {"BOOL('ABC')", "f cast"},
        {"BOOL(1)", "t"},
        {"BOOL(0)", "f"},
        {"BOOL(-50)", "t"},
        {"STRING(TRUE)", "'true'"},
        {"STRING(FALSE)", "'false'"},
        {"STRING(-1)", "'-1'"},
        {"STRING(\"abc\")", "'abc'"},
        {"IS_INT('12')", "t"},
        {"IS_INT('x')", "f"},
        {"IS_INT(12)", "t"},
        {"IS_INT(TRUE)", "t"},
        {"IS_BOOL('TRUE')", "t"},
        {"IS_BOOL('x')", "f"},
        {"IS_BOOL(1)", "t"},
        {"int(hops) < int(ttl) and int(hops) < 1000", "t"},
    };
    CHECK_ALL(cases);
}

TEST(what_is_no_expression_is_refused)
{
    static const struct {
        const char *expression, *reason;
    } cases[] = {
        {"", "at character 1: expected a value, found 'the end'"},
        {"1 +", "at character 4: expected a value, found 'the end'"},
        {"(1", "at character 3: expected ')', found 'the end'"},
        {"1)", "at character 2: expected an operator or the end, found ')'"},
        {"1 2", "at character 3: expected an operator or the end, found '2'"},
        {"'open", "at character 1: expected a value, found ''open'"},
        {"'open\\'", "at character 1: expected a value, found ''open\\''"},
        {"x LIKE y", "at character 8: expected a pattern in quotes, found 'y'"},
        {"x LIKE 1", "at character 8: expected a pattern in quotes, found '1'"},
        {"x IN ()", "at character 7: expected a value, found ')'"},
        {"x IN 1", "at character 6: expected '(', found '1'"},
        {"x IN (1,)", "at character 9: expected a value, found ')'"},
        {"x NOT 1", "at character 7: expected LIKE or IN, found '1'"},
        {"EXISTS 'x'", "at character 8: expected an attribute's name, found ''x''"},
        {"EXISTS 1", "at character 8: expected an attribute's name, found '1'"},
        {"a_b = 1", "at character 1: expected an attribute's name, found 'a_b'"},
        {"2147483648", "at character 1: expected a number of 32 bits, found '2147483648'"},
        {"-2147483649", "at character 2: expected a number of 32 bits, found '2147483649'"},
        {"+x", "at character 2: expected a number, found 'x'"},
        {"f(1", "at character 4: expected ',' or ')', found 'the end'"},
        {"a == b", "at character 4: expected a value, found '='"},
        {"a & b", "at character 3: expected an operator or the end, found '& b'"},
        {"AND", "at character 1: expected a value, found 'AND'"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        CHECK_MSG(!cesql_compile(text_of(cases[i].expression), &err), "'%s' was accepted",
                  cases[i].expression);
        CHECK(err.code == ERROR_INVALID);
        CHECK_TEXT(text_of(err.text), cases[i].reason);
    }
}

TEST(only_true_without_errors_passes)
{
    static const struct {
        const char *expression;
        bool want;
    } cases[] = {
        {"type LIKE 'com.shop.%'", true},
        {"FALSE", false},
        {"1", false},
        {"'true'", false},
        {"missing", false},
        {"NOT missing", false},
        {"TRUE OR missing", true},
        {"missing OR TRUE", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        struct error err;
        scoped(cesql_free) struct cesql *cesql = cesql_compile(text_of(cases[i].expression), &err);
        CHECK_MSG(cesql_passes(cesql, &event, &arena) == cases[i].want, "%s", cases[i].expression);
    }
}

TEST(expressions_have_limits)
{
    scoped(buffer_done) struct buffer long_one = {0}, deep = {0}, wide = {0};
    scoped(arena_done) struct arena arena = {0};
    struct cesql_value value;
    struct error err;

    while (long_one.len <= LIMIT_CESQL_BYTES)
        buffer_add_literal(&long_one, "1 + ");
    CHECK(!cesql_compile(buffer_text(&long_one), &err) && err.code == ERROR_LIMIT);
    for (int i = 0; i <= LIMIT_CESQL_DEPTH; i++)
        buffer_add_char(&deep, '(');
    CHECK(!cesql_compile(buffer_text(&deep), &err) && err.code == ERROR_LIMIT);
    while (wide.len < LIMIT_CESQL_BYTES - 10)
        buffer_add_literal(&wide, "1 + ");
    buffer_add_char(&wide, '1');
    scoped(cesql_free) struct cesql *cesql = cesql_compile(buffer_text(&wide), &err);
    CHECK(cesql && cesql_evaluate(cesql, &event, &arena, &value) == 0);
    CHECK(value.integer == (int32_t)(wide.len / 4 + 1));
}

TEST(a_string_cannot_grow_without_end)
{
    scoped(buffer_done) struct buffer text = {0};
    scoped(arena_done) struct arena arena = {0};
    struct error err;
    struct cesql_value value;
    memset(buffer_room(&text, LIMIT_CESQL_STRING / 2), 'x', LIMIT_CESQL_STRING / 2);
    buffer_added(&text, LIMIT_CESQL_STRING / 2);
    const struct cloud_attribute large = {.name = TEXT("x"), .value = buffer_text(&text)};
    const struct cloud_event large_event = {.attributes = &large, .count = 1};
    scoped(cesql_free) struct cesql *cesql = cesql_compile(TEXT("CONCAT(x, x, 'x')"), &err);

    CHECK(cesql_evaluate(cesql, &large_event, &arena, &value) == CESQL_FUNCTION);
    CHECK(value.kind == CESQL_STRING && value.string.len == 0);
}
