/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/text.h"

/* What the terminal can show. {0} is a plain pipe: no colours, no progress line. */
struct terminal {
    bool out_is_terminal;
    bool out_colors, err_colors;
    bool live;  /* a progress line may be shown on stderr */
    bool shown; /* private: one is there */
};

enum style { STYLE_NONE, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_GREEN, STYLE_YELLOW };

/* What the person wants to see. */
struct terminal_wish {
    bool no_color, quiet, json;
};

/* Looks at stdout, stderr, NO_COLOR and TERM. */
void terminal_init(struct terminal *terminal, const struct terminal_wish *wish);

/* The escape sequence that begins a style (STYLE_NONE ends it), "" without colours. */
const char *terminal_out(const struct terminal *terminal, enum style style);
const char *terminal_err(const struct terminal *terminal, enum style style);

#define PROGRESS_AFTER_US 200000 /* what is quicker needs no progress line */

/* Rewrites the progress line; no-op when it may not be shown. */
void terminal_progress(struct terminal *terminal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void terminal_progress_end(struct terminal *terminal); /* the line is gone */
