/* SPDX-License-Identifier: Apache-2.0 */
#include "http/proxy_header.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes that come one after the other: once it is a header, or none, it stays so and is as long as
 * before. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1); /* its own, so that a byte too far is seen */
    enum proxy_result last = PROXY_MORE;
    size_t last_used = 0;

    if (size > 0)
        memcpy(bytes, data, size);
    for (size_t len = 0; len <= size && len <= PROXY_HEADER_MAX; len++) {
        char *prefix = malloc(len ? len : 1);
        struct proxy_header header;
        size_t used = 0;
        if (len > 0)
            memcpy(prefix, bytes, len);
        enum proxy_result result = proxy_header_parse(text_from(prefix, len), &header, &used);
        assert(last == PROXY_MORE || (result == last && used == last_used));
        assert(result != PROXY_DONE || (used > 0 && used <= len));
        assert(result != PROXY_MORE || len < PROXY_HEADER_MAX);
        last = result;
        last_used = used;
        free(prefix);
    }
    free(bytes);
    return 0;
}
