/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/quote.h"

#include "base/scoped.h"
#include "test.h"

static const struct {
    const char *text, *want;
} cases[] = {
    {"plain", "plain"},
    {"http://127.0.0.1:9000", "http://127.0.0.1:9000"},
    {"", "''"},
    {"two words", "'two words'"},
    {"it's", "'it'\\''s'"},
    {"$(reboot)", "'$(reboot)'"},
    {"a\nb", "'a\nb'"},
    {"--x=~", "'--x=~'"},
    {"\xc3\xa4", "'\xc3\xa4'"},
};

TEST(what_a_shell_would_change_is_quoted)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer out = {0};
        quote_shell(&out, text_of(cases[i].text));
        CHECK_TEXT(buffer_text(&out), cases[i].want);
    }
}

TEST(a_shell_gives_the_text_back)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer command = {0};
        char answer[100];
        buffer_add_literal(&command, "printf '%s' ");
        quote_shell(&command, text_of(cases[i].text));
        FILE *shell = popen(command.at, "r");
        CHECK(shell);
        size_t len = fread(answer, 1, sizeof answer, shell);
        CHECK(pclose(shell) == 0);
        CHECK_TEXT(text_from(answer, len), cases[i].text);
    }
}
