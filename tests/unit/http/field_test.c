/* SPDX-License-Identifier: Apache-2.0 */
#include "http/field.h"

#include "test.h"

TEST(a_field_is_read_with_its_name_in_lower_case_and_its_value_trimmed)
{
    static const struct {
        const char *line, *name, *value;
    } cases[] = {
        {"Host: a", "host", "a"},
        {"X-A:b", "x-a", "b"},
        {"x: \t a b \t ", "x", "a b"},
        {"x:", "x", ""},
        {"x:   ", "x", ""},
        {"!#$%&'*+-.^_`|~09aZ: v", "!#$%&'*+-.^_`|~09az", "v"},
        {"x: a:b", "x", "a:b"},
        {"x: \xc3\xa9\xff", "x", "\xc3\xa9\xff"},
        {"x: a\tb", "x", "a\tb"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char line[64];
        struct http_field field;

        snprintf(line, sizeof line, "%s", cases[i].line);
        CHECK_MSG(field_parse(line, strlen(line), &field), "'%s'", cases[i].line);
        CHECK_TEXT(field.name, cases[i].name);
        CHECK_TEXT(field.value, cases[i].value);
    }
}

TEST(what_is_not_exactly_a_field_is_refused)
{
    static const char *const bad[] = {
        "",        ":",         ": x",      "x",           "x y: z",  "x : y",
        "x\t: y",  " x: y",     "\tx: y",   "x: a\rb",     "x: a\nb", "x: a\x01",
        "x: \x7f", "x: \x0b a", "x\x0b: a", "x\x01: a",    "(x): y",  "x@y: z",
        "x/y: z",  "\"x\": y",  "x\xa0: y", "\xc3\xa9: y", "x;y: z",  "x=y: z",
        "x[0]: z", "{x}: y",    "x\\y: z",  "x,y: z",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char line[64];
        struct http_field field;

        snprintf(line, sizeof line, "%s", bad[i]);
        CHECK_MSG(!field_parse(line, strlen(line), &field), "'%s' was accepted", bad[i]);
    }
    char nul_in_value[] = "x: a\0b", nul_in_name[] = "x\0: a";
    struct http_field field;
    CHECK(!field_parse(nul_in_value, sizeof nul_in_value - 1, &field));
    CHECK(!field_parse(nul_in_name, sizeof nul_in_name - 1, &field));
}

TEST(only_clean_fields_can_be_sent)
{
    static const struct {
        struct http_field field;
        bool want;
    } cases[] = {
        {{TEXT("Content-Type"), TEXT("text/plain")}, true},
        {{TEXT("x"), TEXT("")}, true},
        {{TEXT("x"), TEXT("a\tb \xff")}, true},
        {{TEXT(""), TEXT("a")}, false},
        {{TEXT("x y"), TEXT("a")}, false},
        {{TEXT("x:"), TEXT("a")}, false},
        {{TEXT("x\r\ny"), TEXT("a")}, false},
        {{TEXT("x"), TEXT("a\r\nSet-Cookie: b")}, false},
        {{TEXT("x"), TEXT("a\nb")}, false},
        {{TEXT("x"), TEXT("a\rb")}, false},
        {{TEXT("x"), TEXT("a\0b")}, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(field_is_clean(&cases[i].field) == cases[i].want, "case %zu", i);
}

TEST(a_host_is_a_name_or_an_address_and_perhaps_a_port)
{
    static const struct {
        const char *host;
        bool want;
    } cases[] = {
        {"a", true},
        {"example.com", true},
        {"example.com:80", true},
        {"127.0.0.1:9000", true},
        {"[::1]", true},
        {"[::1]:9000", true},
        {"a_b-c.d~e", true},
        {"a%20b", true},
        {"a:", true},
        {"[::ffff:1.2.3.4]:1", true},
        {"", false},
        {":80", false},
        {"a:b", false},
        {"a:65536", false},
        {"a:80:80", false},
        {"a b", false},
        {"a/b", false},
        {"a?b", false},
        {"a@b", false},
        {"u:p@b", false},
        {"a,b c", false},
        {"[::1", false},
        {"::1", false},
        {"[]", false},
        {"[::1]x", false},
        {"[a]b:1", false},
        {"[::g]", false},
        {"a\\b", false},
        {"a:-1", false},
        {"a:+1", false},
        {"a:000080", false},
        {"\xc3\xa9", false},
        {"a#b", false},
        {"<a>", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(field_is_host(text_of(cases[i].host)) == cases[i].want, "'%s'", cases[i].host);
}

TEST(a_list_yields_its_members_trimmed)
{
    struct text rest = TEXT(" close ,, keep-alive,\t,x"), member;

    CHECK(field_list_next(&rest, &member));
    CHECK_TEXT(member, "close");
    CHECK(field_list_next(&rest, &member));
    CHECK_TEXT(member, "keep-alive");
    CHECK(field_list_next(&rest, &member));
    CHECK_TEXT(member, "x");
    CHECK(!field_list_next(&rest, &member));
}
