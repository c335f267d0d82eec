/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

void output_buffer(FILE *to, const struct buffer *text)
{
    if (text->len > 0)
        (void)fwrite(text->at, 1, text->len, to); /* cli.c asks stdout for errors at the end */
}

void output_log(FILE *to, struct text lines)
{
    for (size_t i = 0; i < lines.len; i++) {
        if (lines.at[i] != '\r')
            putc(lines.at[i], to);
        else if (i + 1 == lines.len || lines.at[i + 1] != '\n')
            putc('\n', to);
    }
}

void output_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
}
