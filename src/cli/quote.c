/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/quote.h"

static bool is_plain(struct text text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./:@%+,";

    for (size_t i = 0; i < text.len; i++)
        if (!text_contains(text_from(plain, sizeof plain - 1), text.at[i]))
            return false;
    return text.len > 0;
}

void quote_shell(struct buffer *out, struct text text)
{
    if (is_plain(text)) {
        buffer_add_text(out, text);
        return;
    }
    buffer_add_char(out, '\'');
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == '\'')
            buffer_add_literal(out, "'\\''");
        else
            buffer_add_char(out, text.at[i]);
    buffer_add_char(out, '\'');
}
