/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include "base/scoped.h"
#include "test.h"

static void add_all(struct table *table, const char *const *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        table_add(table, text_of(cells[i]));
}

TEST(columns_are_as_wide_as_their_widest_cell)
{
    static const char *const cells[] = {"NAME", "SIZE", "STATE", "a", "1 KB",
                                        "ok",   "long", "10 KB", "",  "\xc3\xa4\xc3\xb6",
                                        "",     "gone"};
    scoped(table_done) struct table table = {.columns = 3, .right = 1 << 1, .has_head = true};
    scoped(buffer_done) struct buffer out = {0};
    const struct terminal plain = {0};

    add_all(&table, cells, COUNT_OF(cells));
    table_format(&table, &plain, &out);
    CHECK_TEXT(buffer_text(&out), "NAME   SIZE  STATE\n"
                                  "a      1 KB  ok\n"
                                  "long  10 KB  \n"
                                  "\xc3\xa4\xc3\xb6           gone\n");
}

TEST(the_head_is_bold_on_a_terminal)
{
    static const char *const cells[] = {"A", "B", "1", "2"};
    scoped(table_done) struct table table = {.columns = 2, .has_head = true};
    scoped(buffer_done) struct buffer out = {0};
    const struct terminal colored = {.out_colors = true};

    add_all(&table, cells, COUNT_OF(cells));
    table_format(&table, &colored, &out);
    CHECK_TEXT(buffer_text(&out), "\033[1mA  B\033[0m\n1  2\n");
}

TEST(no_cell_can_steer_the_terminal)
{
    scoped(table_done) struct table table = {.columns = 1};
    scoped(buffer_done) struct buffer out = {0};
    const struct terminal plain = {0};

    table_add(&table, TEXT("a\033[2Jb\n\x7f\0c"));
    table_format(&table, &plain, &out);
    CHECK_TEXT(buffer_text(&out), "a?[2Jb???c\n");
}
