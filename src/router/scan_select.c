/* SPDX-License-Identifier: Apache-2.0 */
#include "router/scan.h"

int scan_event(struct text event, struct match_scratch *scratch, struct error *err)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") &&
        __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
        __builtin_cpu_supports("popcnt"))
        return scan_event_avx2(event, scratch, err);
#endif
    return scan_event_plain(event, scratch, err);
}
