/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include <stdarg.h>
#include <unistd.h>

static const char *const escapes[] = {
    [STYLE_NONE] = "\033[0m", [STYLE_BOLD] = "\033[1m",   [STYLE_DIM] = "\033[2m",
    [STYLE_RED] = "\033[31m", [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
};

/* https://no-color.org: set to anything but the empty string. */
static bool colors_refused(const struct terminal_wish *wish)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return wish->no_color || wish->json || (no_color && *no_color) || !term ||
           strcmp(term, "dumb") == 0;
}

void terminal_init(struct terminal *terminal, const struct terminal_wish *wish)
{
    bool plain = colors_refused(wish), err_is_terminal = isatty(STDERR_FILENO);

    terminal->out_is_terminal = isatty(STDOUT_FILENO);
    terminal->out_colors = terminal->out_is_terminal && !plain;
    terminal->err_colors = err_is_terminal && !plain;
    terminal->live = err_is_terminal && !wish->quiet && !wish->json;
}

const char *terminal_out(const struct terminal *terminal, enum style style)
{
    return terminal->out_colors ? escapes[style] : "";
}

const char *terminal_err(const struct terminal *terminal, enum style style)
{
    return terminal->err_colors ? escapes[style] : "";
}

void terminal_progress(struct terminal *terminal, const char *format, ...)
{
    va_list args;

    if (!terminal->live)
        return;
    fputs("\r\033[K", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fflush(stderr);
    terminal->shown = true;
}

void terminal_progress_end(struct terminal *terminal)
{
    if (!terminal->shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    terminal->shown = false;
}
