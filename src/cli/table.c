/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdarg.h>

#include "base/mem.h"
#include "base/scoped.h"

#define GAP 2

void table_add(struct table *table, struct text cell)
{
    for (size_t i = 0; i < cell.len; i++) {
        unsigned char c = (unsigned char)cell.at[i];
        buffer_add_char(&table->cells, c < 0x20 || c == 0x7f ? '?' : cell.at[i]);
    }
    buffer_add_char(&table->cells, '\0');
    table->count++;
}

void table_add_format(struct table *table, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    scoped(free) char *cell = mem_vformat(format, args);
    va_end(args);
    table_add(table, text_of(cell));
}

/* Characters: bytes that do not continue a UTF-8 sequence. */
static size_t width_of(const char *cell)
{
    size_t width = 0;

    for (; *cell; cell++)
        width += ((unsigned char)*cell & 0xc0) != 0x80;
    return width;
}

static void measure(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
    const char *cell = table->cells.at;

    for (size_t i = 0; i < table->count; i++, cell += strlen(cell) + 1) {
        size_t width = width_of(cell), column = i % table->columns;
        if (width > widths[column])
            widths[column] = width;
    }
}

static void add_blanks(struct buffer *out, size_t count)
{
    while (count-- > 0)
        buffer_add_char(out, ' ');
}

/* Nothing is padded behind the last cell of a row. */
static void add_cell(const struct table *table, const char *cell, size_t column, size_t width,
                     struct buffer *out)
{
    size_t blanks = width - width_of(cell);
    bool right = table->right & 1u << column, last = column + 1 == table->columns;

    if (right)
        add_blanks(out, blanks);
    buffer_add_text(out, text_of(cell));
    if (!last)
        add_blanks(out, (right ? 0 : blanks) + GAP);
}

void table_format(const struct table *table, const struct terminal *terminal, struct buffer *out)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    const char *cell = table->cells.at;

    assert(table->columns > 0 && table->columns <= TABLE_COLUMNS_MAX);
    assert(table->count % table->columns == 0);
    measure(table, widths);
    for (size_t i = 0; i < table->count; i++, cell += strlen(cell) + 1) {
        size_t column = i % table->columns;
        bool head = table->has_head && i < table->columns;

        if (head && column == 0)
            buffer_add_text(out, text_of(terminal_out(terminal, STYLE_BOLD)));
        add_cell(table, cell, column, widths[column], out);
        if (head && column + 1 == table->columns)
            buffer_add_text(out, text_of(terminal_out(terminal, STYLE_NONE)));
        if (column + 1 == table->columns)
            buffer_add_char(out, '\n');
    }
}

void table_done(struct table *table)
{
    buffer_done(&table->cells);
    table->count = 0;
}
