/* SPDX-License-Identifier: Apache-2.0 */
#include "model/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A local time that comes is the one that a clock shows then. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    scoped(zone_free) struct zone *zone = zone_parse(text_from(data, size), &err);

    if (!zone) {
        assert(err.code == ERROR_INVALID);
        return 0;
    }
    for (int64_t local_s = 0; local_s < INT64_C(5000000000); local_s += 86400 * 11 + 1800) {
        int64_t utc_s;
        if (zone_from_local(zone, local_s, &utc_s))
            assert(utc_s + zone_offset(zone, utc_s) == local_s);
    }
    return 0;
}
