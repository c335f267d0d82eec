/* SPDX-License-Identifier: Apache-2.0 */
#include "router/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a pattern. It compiles or is refused with a reason and a message; none may crash. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    scoped(buffer_done) struct buffer message = {0};
    scoped(pattern_unref) struct pattern *pattern =
        pattern_compile(text_from(data, size), &message, &err);

    assert(pattern ? message.len == 0 : err.text[0] && message.len > 0);
    return 0;
}
