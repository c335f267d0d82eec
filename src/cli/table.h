/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cli/terminal.h"

/*
 * Rows of text in columns as wide as their widest cell, two blanks apart. Widths count
 * characters, not bytes. Control characters are shown as "?", so that no cell can steer
 * the terminal.
 */
#define TABLE_COLUMNS_MAX 12

struct table {
    size_t columns;
    uint32_t right;      /* 1 << column: aligned to the right */
    bool has_head;       /* the first row names the columns */
    struct buffer cells; /* private: each cell, ended by a NUL */
    size_t count;        /* private: cells */
};

void table_add(struct table *table, struct text cell); /* row by row, left to right */
void table_add_format(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void table_format(const struct table *table, const struct terminal *terminal, struct buffer *out);
void table_done(struct table *table);

static inline void table_done_scoped(struct table *table)
{
    table_done(table);
}
