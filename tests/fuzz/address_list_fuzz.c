/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/address_file.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: the kind of a list as a digit, then its file. Any may be refused, none may crash. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;

    if (size == 0)
        return 0;
    (void)address_list_check((enum address_file_kind)(data[0] % 3), text_from(data + 1, size - 1),
                             &err);
    return 0;
}
