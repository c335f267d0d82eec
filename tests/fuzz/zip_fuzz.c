/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_piece(void *arg, struct text piece, struct error *err)
{
    uint64_t *left = arg;

    assert(piece.len <= *left); /* never more than the header told */
    *left -= piece.len;
    return 0;
}

/* Input: an archive. Any may be refused; what is accepted keeps its word. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    scoped(zip_close) struct zip *zip = zip_open(text_from(data, size), &err);

    for (size_t i = 0; zip && i < zip_count(zip); i++) {
        const struct zip_entry *entry = zip_entry(zip, i);
        uint64_t left = entry->size;

        assert(zip_find(zip, entry->name) == entry);
        if (zip_read(zip, entry, on_piece, &left, &err) == 0)
            assert(left == 0);
    }
    return 0;
}
