/* SPDX-License-Identifier: Apache-2.0 */
#include "api/log_filter.h"

#include "test.h"

struct filter_case {
    const char *pattern, *message;
    bool want;
};

static void check(const struct filter_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct error err = {0};
        scoped(log_filter_free) struct log_filter *filter =
            log_filter_compile(text_of(cases[i].pattern), &err);
        CHECK_MSG(filter, "'%s': %s", cases[i].pattern, err.text);
        CHECK_MSG(log_filter_matches(filter, text_of(cases[i].message)) == cases[i].want,
                  "'%s' against '%s'", cases[i].pattern, cases[i].message);
    }
}

TEST(terms_are_looked_for_in_the_message)
{
    static const struct filter_case cases[] = {
        {"", "anything", true},
        {"ERROR", "an ERROR occurred", true},
        {"ERROR", "an error occurred", false},
        {"ERROR disk", "disk: ERROR", true},
        {"ERROR disk", "ERROR", false},
        {"\"two words\"", "these two words", true},
        {"\"two words\"", "two other words", false},
        {"?ERROR ?WARN", "WARN: low", true},
        {"?ERROR ?WARN", "INFO: fine", false},
        {"ERROR -timeout", "ERROR: disk", true},
        {"ERROR -timeout", "ERROR: timeout", false},
        {"-\"not this\"", "but that", true},
        {"-\"not this\"", "not this one", false},
        {"ERROR ?disk ?net", "ERROR alone", true},
    };
    check(cases, COUNT_OF(cases));
}

TEST(conditions_read_json_messages)
{
#define MESSAGE                                                                         \
    "{\"level\":\"ERROR\",\"latency\":120.5,\"user\":{\"name\":\"anna\"},\"ok\":false," \
    "\"none\":null,\"items\":[{\"id\":7},{\"id\":\"x\"}]}"
    static const struct filter_case cases[] = {
        {"{ $.level = \"ERROR\" }", MESSAGE, true},
        {"{$.level=ERROR}", MESSAGE, true},
        {"{ $.level = \"ERR*\" }", MESSAGE, true},
        {"{ $.level = \"*RR*\" }", MESSAGE, true},
        {"{ $.level = \"*X\" }", MESSAGE, false},
        {"{ $.level != \"WARN\" }", MESSAGE, true},
        {"{ $.latency > 100 }", MESSAGE, true},
        {"{ $.latency >= 120.5 }", MESSAGE, true},
        {"{ $.latency < 1e2 }", MESSAGE, false},
        {"{ $.latency <= 120.4 }", MESSAGE, false},
        {"{ $.latency = 120.5 }", MESSAGE, true},
        {"{ $.user.name = \"anna\" }", MESSAGE, true},
        {"{ $.items[0].id = 7 }", MESSAGE, true},
        {"{ $.items[1].id = \"x\" }", MESSAGE, true},
        {"{ $.items[2].id = 7 }", MESSAGE, false},
        {"{ $.ok IS FALSE }", MESSAGE, true},
        {"{ $.ok IS TRUE }", MESSAGE, false},
        {"{ $.none IS NULL }", MESSAGE, true},
        {"{ $.gone IS NULL }", MESSAGE, false},
        {"{ $.gone NOT EXISTS }", MESSAGE, true},
        {"{ $.level EXISTS }", MESSAGE, true},
        {"{ $.level = \"ERROR\" && $.latency > 200 }", MESSAGE, false},
        {"{ $.level = \"WARN\" || $.latency > 100 }", MESSAGE, true},
        {"{ ($.level = \"WARN\" || $.ok IS FALSE) && $.latency > 100 }", MESSAGE, true},
        {"{ $.gone != \"x\" }", MESSAGE, false},
        {"{ $.level = \"ERROR\" }", "no JSON", false},
        {"{ $.level = \"ERROR\" }", "[1]", false},
        {"{ $.level = \"ERROR\" }", "{\"level\":\"ERROR\"} trailing", false},
    };
    check(cases, COUNT_OF(cases));
}

TEST(a_bad_pattern_is_refused_with_its_reason)
{
    static const char *const bad[] = {
        "\"open",
        "?",
        "-",
        "{",
        "{}",
        "{ level = 1 }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = 1",
        "{ $.a = 1 } x",
        "{ ($.a = 1 }",
        "{ $.a = \"x }",
        "{ $.a IS MAYBE }",
        "{ $ = 1 }",
        "{ $.a = 1 && }",
        "[a, b]",
        "%regex%",
        "{ ((((((((((((((((($.a = 1))))))))))))))))) }",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error err = {0};
        struct log_filter *filter = log_filter_compile(text_of(bad[i]), &err);
        CHECK_MSG(!filter, "'%s' was accepted", bad[i]);
        CHECK(err.code == ERROR_INVALID && err.text[0]);
    }
}

TEST(the_number_of_terms_is_bounded)
{
    char pattern[2 * (LOG_FILTER_NODES + 1) + 1] = {0};
    struct error err = {0};

    for (int i = 0; i <= LOG_FILTER_NODES; i++)
        memcpy(pattern + 2 * i, "a ", 2);
    CHECK(!log_filter_compile(text_of(pattern), &err));
    CHECK(err.code == ERROR_INVALID);
}
