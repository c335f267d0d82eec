/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a document. What is parsed can be written and is the same when parsed again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    scoped(json_decref) json_t *once = json_parse(text_from(data, size), &err);

    if (!once) {
        assert(err.text[0]);
        return 0;
    }
    scoped(free) char *written = json_write(once);
    scoped(json_decref) json_t *again = json_parse(text_of(written), &err);
    assert(again && json_equal(once, again));
    return 0;
}
