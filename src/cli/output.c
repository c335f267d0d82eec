/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

void output_buffer(FILE *to, const struct buffer *text)
{
    if (text->len > 0)
        (void)fwrite(text->at, 1, text->len, to); /* cli.c asks stdout for errors at the end */
}

void output_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
}
