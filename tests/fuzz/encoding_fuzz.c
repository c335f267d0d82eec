/* SPDX-License-Identifier: Apache-2.0 */
#include "http/encoding.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: values of Accept-Encoding, a line each. What is chosen is one of ours. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_field fields[8];
    struct http_request request = {.fields = fields};
    struct text rest = text_from(data, size), line;

    while (request.field_count < COUNT_OF(fields) && text_split(&rest, '\n', &line))
        fields[request.field_count++] = (struct http_field){TEXT("accept-encoding"), line};
    struct acceptance acceptance = encoding_choose(&request);
    assert(acceptance.coding == CODING_IDENTITY || acceptance.coding == CODING_GZIP ||
           acceptance.coding == CODING_BR);
    assert(size > 0 || (acceptance.coding == CODING_IDENTITY && !acceptance.insists));
    return 0;
}
