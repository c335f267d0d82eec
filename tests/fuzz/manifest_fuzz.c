/* SPDX-License-Identifier: Apache-2.0 */
#include "model/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a function.yaml. A refusal says why, and where unless it is all of it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    scoped(manifest_free) struct manifest *manifest = manifest_parse(text_from(data, size), &err);

    if (!manifest)
        assert(strncmp(err.text, "function.yaml", 13) == 0);
    return 0;
}
