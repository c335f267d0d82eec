/* SPDX-License-Identifier: Apache-2.0 */
#include "base/civil.h"
#include "model/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The times of a schedule rise, and the last one up to a time is one of them. */
static void check_times(const struct schedule *schedule)
{
    const struct schedule_frame frame = {.anchor_ms = INT64_C(1700000000123)};
    int64_t at_ms = INT64_C(1700000000000), next;

    for (int i = 0; i < 8; i++) {
        next = schedule_next(schedule, &frame, at_ms);
        if (next < 0)
            return;
        assert(next > at_ms);
        assert(schedule->kind != SCHEDULE_CRON || next % 60000 == 0);
        assert(schedule_last(schedule, &frame, at_ms, next) == next);
        at_ms = next;
    }
}

/* Input: a byte for the dialect, and an expression. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct schedule schedule;
    struct error err = {0};

    if (size == 0)
        return 0;
    if (schedule_parse(text_from(data + 1, size - 1), data[0] % 3, &schedule, &err) == 0)
        check_times(&schedule);
    else
        assert(err.code == ERROR_INVALID && err.text[0]);
    return 0;
}
