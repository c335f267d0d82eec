/* SPDX-License-Identifier: Apache-2.0 */
#include "api/xml.h"

static const char *escape_of(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '\r':
        return "&#xD;";
    default:
        return (unsigned char)c < ' ' && c != '\n' && c != '\t' ? " " : NULL;
    }
}

void xml_add_text(struct buffer *out, struct text text)
{
    size_t plain = 0;

    for (size_t i = 0; i < text.len; i++) {
        const char *escape = escape_of(text.at[i]);
        if (!escape)
            continue;
        buffer_add(out, text.at + plain, i - plain);
        buffer_add_text(out, text_of(escape));
        plain = i + 1;
    }
    buffer_add_text(out, text_skip(text, plain));
}

void xml_add_element(struct buffer *out, const char *name, struct text text)
{
    buffer_add_format(out, "<%s>", name);
    xml_add_text(out, text);
    buffer_add_format(out, "</%s>", name);
}
