/* SPDX-License-Identifier: Apache-2.0 */
#include "router/number.h"

#include "base/scoped.h"

#include "test.h"

static bool parses_to(const char *text, double value)
{
    struct number number;

    return number_parse(text_of(text), &number) && number.value == value;
}

TEST(a_decimal_is_the_nearest_binary64)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "0.000",
        "1",
        "-1.50",
        "100",
        "1e2",
        "1E+2",
        "10e-1",
        "0.1",
        "12345678901234567",
        "9007199254740993",
        "1e22",
        "1e23",
        "8.5e-27",
        "37.729900216217324",
        "-122.42916360922355",
        "2.2250738585072014e-308",
        "5e-324",
        "1.7976931348623157e308",
        "0.30000000000000004",
        "1e-30",
        "3e27",
        "99999999999999999",
        "4503599627370497.5",
        "4503599627370496.5",
        "0.000001e6",
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        CHECK_MSG(parses_to(texts[i], strtod(texts[i], NULL)), "%s", texts[i]);
}

TEST(what_is_too_large_or_too_long_is_no_binary64)
{
    static const char *const texts[] = {"1e309",
                                        "-1e400",
                                        "1e-400",
                                        "123456789012345678901",
                                        "0.1234567890123456789",
                                        "1e999999999999",
                                        "1e-99999999999"};
    struct number number;

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        CHECK_MSG(!number_parse(text_of(texts[i]), &number), "%s", texts[i]);
}

TEST(a_decimal_is_comparable_when_it_is_the_shortest_of_its_value)
{
    static const struct {
        const char *text;
        bool comparable;
    } cases[] = {
        {"0.1", true},
        {"0.10000000000000001", false},
        {"0.30000000000000004", true},
        {"0.30000000000000003", false},
        {"9007199254740992", true},
        {"9007199254740993", false},
        {"12345678901234567", false},
        {"12345678901234568", true},
        {"4.9e-324", true},
        {"5e-324", false},
        {"1.7976931348623157e308", true},
        {"1.7976931348623158e308", false},
        {"1e23", true},
        {"9.999999999999999e22", false},
        {"79938578952423.62", true},
        {"79938578952423.63", false},
        {"-122.42916360922355", true},
        {"-122.42916360922356", true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct number number;
        bool comparable =
            number_parse(text_of(cases[i].text), &number) && number_is_comparable(&number);
        CHECK_MSG(comparable == cases[i].comparable, "%s", cases[i].text);
    }
}

/* Numbers are exact without printf() and strtod() for most exponents: they must agree. */
TEST(random_decimals_are_judged_as_the_library_does)
{
    uint64_t random = 88172645463325252u;

    for (int i = 0; i < 200000; i++) {
        char text[64], shortest[64];
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        const uint64_t limits[] = {1000, 1000000000000000, 10000000000000000, 100000000000000000};
        (void)snprintf(text, sizeof text, "%lue%d", (unsigned long)(random % limits[i % 4]) + 1,
                       (int)(random >> 32 & 63) - 40);
        double value = strtod(text, NULL);
        struct number number;
        CHECK_MSG(number_parse(text_of(text), &number) && number.value == value, "%s", text);
        for (int precision = 2; precision <= 17; precision++) {
            (void)snprintf(shortest, sizeof shortest, "%.*e", precision - 1, value);
            if (strtod(shortest, NULL) == value)
                break;
        }
        struct number judged;
        CHECK(number_parse(text_of(shortest), &judged));
        CHECK_MSG(number_is_comparable(&number) ==
                      (judged.digits == number.digits && judged.exponent == number.exponent),
                  "%s, shortest %s", text, shortest);
        CHECK_MSG(number_is_comparable(&judged), "%s", shortest);
    }
}
