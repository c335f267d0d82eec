/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pretty.h"

#include "base/scoped.h"
#include "test.h"

TEST(only_the_space_between_tokens_changes)
{
    static const struct {
        const char *source, *want;
    } cases[] = {
        {"1.0e400", "1.0e400"},
        {"\"a\\\"{[,: b\"", "\"a\\\"{[,: b\""},
        {"{}", "{}"},
        {"[ \n ]", "[]"},
        {"[1,2]", "[\n  1,\n  2\n]"},
        {" {\"a\" :\t{\"b\":[ ]} , \"c\":null}\n",
         "{\n  \"a\": {\n    \"b\": []\n  },\n  \"c\": null\n}"},
        {"[{},[[]]]", "[\n  {},\n  [\n    []\n  ]\n]"},
        {"{\"a\":\"\\\\\",\"b\":12345678901234567890}",
         "{\n  \"a\": \"\\\\\",\n  \"b\": 12345678901234567890\n}"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer out = {0};
        pretty_json(text_of(cases[i].source), &out);
        CHECK_TEXT(buffer_text(&out), cases[i].want);
    }
}

TEST(text_that_is_no_json_ends_within_its_bounds)
{
    static const char *const cases[] = {"\"", "\"\\", "]]]", "{", ",", ":", "[\"a"};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer out = {0};
        scoped(free) char *exact = malloc(strlen(cases[i])); /* no NUL to run on to */
        memcpy(exact, cases[i], strlen(cases[i]));
        pretty_json(text_from(exact, strlen(cases[i])), &out);
        CHECK(out.len > 0);
    }
}
