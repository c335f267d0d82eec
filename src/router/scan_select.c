/* SPDX-License-Identifier: Apache-2.0 */
#include "router/scan.h"

#if defined(__x86_64__)

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
}

/* Processors that have VBMI2 do not run slower for 512 bits. */
static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
}

scan_event_f *scan_event_variant(unsigned number)
{
    switch (number) {
    case 0:
        return scan_event_plain;
    case 1:
        return has_avx2() ? scan_event_avx2 : NULL;
    case 2:
        return has_avx512() ? scan_event_avx512 : NULL;
    default:
        return NULL;
    }
}

int scan_event(struct text event, struct match_scratch *scratch, struct error *err)
{
    if (has_avx512())
        return scan_event_avx512(event, scratch, err);
    if (has_avx2())
        return scan_event_avx2(event, scratch, err);
    return scan_event_plain(event, scratch, err);
}

#else

scan_event_f *scan_event_variant(unsigned number)
{
    return number == 0 ? scan_event_plain : NULL;
}

int scan_event(struct text event, struct match_scratch *scratch, struct error *err)
{
    return scan_event_plain(event, scratch, err);
}

#endif
