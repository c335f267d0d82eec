/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ignore.h"

#include "base/buffer.h"
#include "base/scoped.h"
#include "test.h"

TEST(patterns_match_as_in_gitignore)
{
    static const struct {
        const char *patterns, *path;
        bool is_folder, want;
    } cases[] = {
        {"", "index.js", false, false},
        {"", ".git", true, true},
        {"", ".git", false, false},
        {"", "lib/__pycache__", true, true},
        {"", "lib/a.pyc", false, true},
        {"", "node_modules", true, false},
        {"", "node_modules/.cache", true, true},
        {"", "a/node_modules/.cache", true, false},
        {"", ".evokeignore", false, true},
        {"", "lib/.evokeignore", false, false},
        {"*.o", "main.o", false, true},
        {"*.o", "src/main.o", false, true},
        {"/*.o", "src/main.o", false, false},
        {"src/*.o", "src/main.o", false, true},
        {"src/*.o", "src/sub/main.o", false, false},
        {"build/", "build", true, true},
        {"build/", "build", false, false},
        {"build/", "lib/build", true, true},
        {"# *.o\n\n  \n", "main.o", false, false},
        {"*.o\n!keep.o", "keep.o", false, false},
        {"!keep.o\n*.o", "keep.o", false, true},
        {"!*.pyc", "a.pyc", false, false},
        {"*.txt\r\n", "a.txt", false, true},
        {"[ab].c", "b.c", false, true},
        {"?.c", "ab.c", false, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(ignore_done) struct ignore ignore = {0};
        struct error err;
        ignore_init(&ignore);
        CHECK(ignore_parse(&ignore, text_of(cases[i].patterns), &err) == 0);
        CHECK_MSG(ignore_matches(&ignore, cases[i].path, cases[i].is_folder) == cases[i].want,
                  "'%s' of '%s'", cases[i].path, cases[i].patterns);
    }
}

TEST(a_bad_pattern_is_told_with_its_line)
{
    static const struct {
        const char *patterns, *want;
    } cases[] = {{"ok\n**/x", ".evokeignore:2: '**'"},
                 {"/", ".evokeignore:1: the pattern is empty"},
                 {"a\nb\n!/\n", ".evokeignore:3: the pattern is empty"}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(ignore_done) struct ignore ignore = {0};
        struct error err = {0};
        ignore_init(&ignore);
        CHECK(ignore_parse(&ignore, text_of(cases[i].patterns), &err) < 0);
        CHECK(err.code == ERROR_INVALID);
        CHECK_MSG(text_starts(text_of(err.text), text_of(cases[i].want)), "%s", err.text);
    }
}

TEST(the_number_of_patterns_is_bounded)
{
    scoped(ignore_done) struct ignore ignore = {0};
    scoped(buffer_done) struct buffer many = {0};
    struct error err = {0};

    ignore_init(&ignore);
    for (int i = 0; i < IGNORE_PATTERNS_MAX; i++)
        buffer_add_literal(&many, "x\n");
    CHECK(ignore_parse(&ignore, buffer_text(&many), &err) < 0);
    CHECK(ignore.count == IGNORE_PATTERNS_MAX);
}
