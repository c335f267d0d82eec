/* SPDX-License-Identifier: Apache-2.0 */
#include "model/schedule.h"

#include "base/civil.h"
#include "base/scoped.h"
#include "model/zone.h"
#include "test.h"

static int64_t ms(const char *time)
{
    struct civil civil;

    CHECK_MSG(civil_parse(text_of(time), &civil), "'%s'", time);
    return civil_seconds(&civil) * 1000;
}

static struct schedule parse(const char *expression, enum schedule_dialect dialect)
{
    struct schedule schedule;
    struct error err = {0};

    CHECK_MSG(schedule_parse(text_of(expression), dialect, &schedule, &err) == 0, "'%s': %s",
              expression, err.text);
    return schedule;
}

static void check_refused(const char *expression, enum schedule_dialect dialect)
{
    struct schedule schedule;
    struct error err = {0};

    CHECK_MSG(schedule_parse(text_of(expression), dialect, &schedule, &err) < 0, "'%s' is accepted",
              expression);
    CHECK(err.code == ERROR_INVALID && err.text[0]);
}

TEST(the_unit_of_a_rules_rate_agrees_with_its_number)
{
    static const char *const refused[] = {
        "rate(10 seconds)",
        "rate(10 years)",
        "rate(1 minutes)",
        "rate(1 hours)",
        "rate(1 days)",
        "rate(10 minute)",
        "rate(10 hour)",
        "rate(10 day)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(0 minutes)",
        "rate(0 minute)",
        "rate(-10 minutes)",
        "rate(10 MINUTES)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "rate(10  minutes)",
        "rate(10 minutes",
        "RATE(10 minutes)",
        "rate(10 minutes) ",
        "rate(99999999999 days)",
        "rate(minutes)",
        "rate(1.5 hours)",
        "at(2026-01-31T12:00:00)",
        "0 * * * *",
        "",
    };

    CHECK(parse("rate(1 minute)", SCHEDULE_RULE).every_ms == 60000);
    CHECK(parse("rate(10 minutes)", SCHEDULE_RULE).every_ms == 600000);
    CHECK(parse("rate(2 hours)", SCHEDULE_RULE).every_ms == 7200000);
    CHECK(parse("rate(1 day)", SCHEDULE_RULE).every_ms == 86400000);
    CHECK(parse("cron(0 12 * * ? *)", SCHEDULE_RULE).kind == SCHEDULE_CRON);
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        check_refused(refused[i], SCHEDULE_RULE);
}

TEST(the_scheduler_takes_either_number_of_a_unit_and_at)
{
    static const char *const refused[] = {
        "rate(10 seconds)",
        "rate(10 years)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(-10 minutes)",
        "rate(0 minutes)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "at(2021-12-31T23:59:59Z)",
        "at(2021-12-31)",
        "at()",
        "cron()",
        "cron(0 1 * * * *)",
        "0 * * * *",
        "@daily",
    };

    CHECK(parse("rate(1 minutes)", SCHEDULE_FULL).every_ms == 60000);
    CHECK(parse("rate(1 minute)", SCHEDULE_FULL).every_ms == 60000);
    CHECK(parse("rate(5 minute)", SCHEDULE_FULL).every_ms == 300000);
    struct schedule schedule = parse("at(2026-01-31T12:00:00)", SCHEDULE_FULL);
    CHECK(schedule.kind == SCHEDULE_AT && schedule.at_local_s * 1000 == ms("2026-01-31T12:00:00"));
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        check_refused(refused[i], SCHEDULE_FULL);
}

TEST(a_file_may_say_a_line_of_a_crontab)
{
    CHECK(parse("*/5 * * * *", SCHEDULE_FILE).kind == SCHEDULE_CRON);
    CHECK(parse("@hourly", SCHEDULE_FILE).kind == SCHEDULE_CRON);
    CHECK(parse("rate(5 minutes)", SCHEDULE_FILE).kind == SCHEDULE_RATE);
    CHECK(parse("cron(0 9 ? * MON-FRI *)", SCHEDULE_FILE).kind == SCHEDULE_CRON);
    check_refused("0 9 ? * MON-FRI *", SCHEDULE_FILE);
    check_refused("every day", SCHEDULE_FILE);
    check_refused("", SCHEDULE_FILE);
}

TEST(a_rate_does_not_drift)
{
    struct schedule schedule = parse("rate(5 minutes)", SCHEDULE_FULL);
    struct schedule_frame frame = {.anchor_ms = 1000123};

    CHECK(schedule_next(&schedule, &frame, 0) == 1000123);
    CHECK(schedule_next(&schedule, &frame, 1000122) == 1000123);
    CHECK(schedule_next(&schedule, &frame, 1000123) == 1300123);
    CHECK(schedule_next(&schedule, &frame, 1300122) == 1300123);
    CHECK(schedule_next(&schedule, &frame, 1000123 + 1000 * 300000 + 17) ==
          1000123 + 1001 * 300000);
}

TEST(start_and_end_bound_what_repeats)
{
    struct schedule hourly = parse("cron(0 * * * ? *)", SCHEDULE_FULL);
    struct schedule once = parse("at(2026-01-31T12:00:00)", SCHEDULE_FULL);
    struct schedule_frame frame = {.start_ms = ms("2026-01-31T12:00:00"),
                                   .end_ms = ms("2026-01-31T14:00:00")};

    CHECK(schedule_next(&hourly, &frame, 0) == ms("2026-01-31T12:00:00"));
    CHECK(schedule_next(&hourly, &frame, ms("2026-01-31T13:00:00")) == ms("2026-01-31T14:00:00"));
    CHECK(schedule_next(&hourly, &frame, ms("2026-01-31T14:00:00")) == -1);
    frame.start_ms++;
    CHECK(schedule_next(&hourly, &frame, 0) == ms("2026-01-31T13:00:00"));
    frame.start_ms = ms("2027-01-01T00:00:00");
    CHECK(schedule_next(&once, &frame, 0) == ms("2026-01-31T12:00:00"));
    CHECK(schedule_next(&once, &frame, ms("2026-01-31T12:00:00")) == -1);
}

/* Berlin in 2026: forward on 29 March at 2:00, back on 25 October at 3:00. */
TEST(times_follow_the_clocks_of_their_zone)
{
    struct error err = {0};
    scoped(zone_free) struct zone *zone = zone_load(TEXT("Europe/Berlin"), &err);

    if (!zone)
        skip();
    struct schedule_frame frame = {.zone = zone};
    struct schedule daily = parse("cron(30 2 * * ? *)", SCHEDULE_FULL);
    CHECK(schedule_next(&daily, &frame, ms("2026-03-28T01:30:00")) == ms("2026-03-30T00:30:00"));
    CHECK(schedule_next(&daily, &frame, ms("2026-10-24T00:30:00")) == ms("2026-10-25T00:30:00"));
    CHECK(schedule_next(&daily, &frame, ms("2026-10-25T00:30:00")) == ms("2026-10-26T01:30:00"));

    struct schedule often = parse("cron(0/30 * * * ? *)", SCHEDULE_FULL);
    CHECK(schedule_next(&often, &frame, ms("2026-03-29T00:30:00")) == ms("2026-03-29T01:00:00"));
    CHECK(schedule_next(&often, &frame, ms("2026-10-25T00:30:00")) == ms("2026-10-25T02:00:00"));
    CHECK(schedule_next(&often, &frame, ms("2026-10-25T01:10:00")) == ms("2026-10-25T02:00:00"));

    struct schedule at = parse("at(2026-07-01T12:00:00)", SCHEDULE_FULL);
    CHECK(schedule_next(&at, &frame, 0) == ms("2026-07-01T10:00:00"));
    at = parse("at(2026-03-29T02:30:00)", SCHEDULE_FULL);
    CHECK(schedule_next(&at, &frame, 0) == ms("2026-03-29T01:30:00"));
    struct schedule day = parse("rate(1 day)", SCHEDULE_FULL);
    frame.anchor_ms = ms("2026-03-28T12:00:00");
    CHECK(schedule_next(&day, &frame, frame.anchor_ms) == ms("2026-03-29T12:00:00"));
}

TEST(the_last_time_is_found_among_many)
{
    struct schedule_frame frame = {.anchor_ms = 30000};
    struct schedule minutes = parse("rate(1 minute)", SCHEDULE_FULL);
    struct schedule daily = parse("cron(30 2 * * ? *)", SCHEDULE_FULL);
    struct schedule once = parse("at(2026-01-31T12:00:00)", SCHEDULE_FULL);
    int64_t from = ms("2026-01-30T00:00:00"), until = ms("2026-02-03T00:00:00");

    CHECK(schedule_last(&minutes, &frame, from, until) == until - 30000);
    CHECK(schedule_last(&minutes, &frame, until - 30001, until) == until - 30000);
    CHECK(schedule_last(&minutes, &frame, until - 30000, until) == -1);
    CHECK(schedule_last(&daily, &frame, from, until) == ms("2026-02-02T02:30:00"));
    CHECK(schedule_last(&daily, &frame, from, ms("2026-02-02T02:30:00")) ==
          ms("2026-02-02T02:30:00"));
    CHECK(schedule_last(&once, &frame, from, until) == ms("2026-01-31T12:00:00"));
    CHECK(schedule_last(&once, &frame, until, until + 1) == -1);
    CHECK(schedule_last(&once, &frame, until, from) == -1);
}

TEST(schedules_are_due_when_other_programs_say)
{
    static const struct {
        enum schedule_dialect dialect;
        const char *expression, *zone;
        int64_t after_s, due_s[3];
    } cases[] = {
#include "schedule_cases.h"
    };

    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) < 0)
        skip();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        struct schedule schedule = parse(cases[i].expression, cases[i].dialect);
        scoped(zone_free) struct zone *zone = zone_load(text_of(cases[i].zone), &err);
        CHECK_MSG(zone, "%s", err.text);
        const struct schedule_frame frame = {.zone = zone};
        int64_t at_ms = cases[i].after_s * 1000;
        for (size_t j = 0; j < 3 && cases[i].due_s[j] > 0; j++) {
            at_ms = schedule_next(&schedule, &frame, at_ms);
            CHECK_MSG(at_ms == cases[i].due_s[j] * 1000, "'%s' in %s: %lld, not %lld",
                      cases[i].expression, cases[i].zone, (long long)at_ms / 1000,
                      (long long)cases[i].due_s[j]);
        }
    }
}
