/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/access_format.h"

#include "gateway/access_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a format, a NUL, what a client chose. Any format may be refused; of what a client chose
 * nothing but printable ASCII is in the line, whose end is the only one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text chosen = text_from(data, size), source;
    scoped(buffer_done) struct buffer out = {0};
    struct error err;

    if (!text_split(&chosen, '\0', &source))
        return 0;
    scoped(access_format_free) struct access_format *format = access_format_compile(source, &err);
    if (!format)
        return 0;
    const struct access_entry entry = {
        .target = chosen, .path = chosen, .agent = chosen, .domain = chosen, .refusal = chosen};
    access_format_write(format, &entry, &out);
    assert(out.len > 0 && out.at[out.len - 1] == '\n');
    for (size_t i = 0; i + 1 < out.len; i++)
        assert((uint8_t)out.at[i] >= 0x20 && out.at[i] != 0x7f);
    return 0;
}
