/* SPDX-License-Identifier: Apache-2.0 */
#include "model/schedule.h"

#include "base/mem.h"
#include "model/zone.h"

/*
 * Answers "DIALECT<TAB>EXPRESSION<TAB>ZONE<TAB>AFTER<TAB>COUNT" with a line of the COUNT times, in
 * seconds, that come after AFTER: for tests that compare them with another implementation's.
 */

static int64_t number(struct text text)
{
    int64_t value = 0;

    (void)text_to_int(text, 0, INT64_MAX, &value);
    return value;
}

static void answer(struct text line)
{
    struct text fields[5] = {{0}};
    struct schedule schedule;
    struct error err = {0};

    for (size_t i = 0; i < 5 && text_split(&line, '\t', &fields[i]); i++)
        ;
    enum schedule_dialect dialect =
        text_equal(fields[0], TEXT("file")) ? SCHEDULE_FILE : SCHEDULE_FULL;
    scoped(zone_free) struct zone *zone = zone_load(fields[2], &err);
    if (!zone || schedule_parse(fields[1], dialect, &schedule, &err) < 0) {
        printf("error: %s\n", err.text);
        return;
    }
    const struct schedule_frame frame = {.zone = zone};
    int64_t at_ms = number(fields[3]) * 1000;
    for (int64_t i = 0; i < number(fields[4]); i++) {
        at_ms = schedule_next(&schedule, &frame, at_ms);
        if (at_ms < 0)
            break;
        printf("%lld ", (long long)(at_ms / 1000));
    }
    printf("\n");
}

int main(void)
{
    char line[1024];

    while (fgets(line, sizeof line, stdin)) {
        struct text text = text_of(line);
        answer(text_ends(text, TEXT("\n")) ? text_slice(text, 0, text.len - 1) : text);
    }
    return 0;
}
