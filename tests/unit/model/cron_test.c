/* SPDX-License-Identifier: Apache-2.0 */
#include "model/cron.h"

#include "base/civil.h"
#include "base/scoped.h"
#include "test.h"

static void check_accepted(const char *expression, enum cron_dialect dialect)
{
    struct error err = {0};
    struct cron cron;

    CHECK_MSG(cron_parse(text_of(expression), dialect, &cron, &err) == 0, "'%s': %s", expression,
              err.text);
}

static void check_refused(const char *expression, enum cron_dialect dialect)
{
    struct error err = {0};
    struct cron cron;

    CHECK_MSG(cron_parse(text_of(expression), dialect, &cron, &err) < 0, "'%s' is accepted",
              expression);
    CHECK_MSG(err.code == ERROR_INVALID && err.text[0], "'%s' is refused without a reason",
              expression);
}

TEST(what_aws_accepts_is_accepted)
{
    static const char *const accepted[] = {
        "0 2 ? * SAT *",
        "0 12 * * ? *",
        "5,35 14 * * ? *",
        "15 10 ? * 6L 2002-2005",
        "0 2 ? * SAT#3 *",
        "* * ? * SAT#3 *",
        "0/5 5 ? JAN 1-5 2022",
        "0/30 20-23 ? * MON-FRI *",
        "0-15/1 8-8 ? * 2,3,4,5,6,7 *",
        "30-30 13-13 ? * 2,4,6 *",
        "1-31/30 1-1 ? * 1,7 *",
        "*/15 * * * ? *",
        "0-59/10 0-23/2 ? * * *",
        "0 0 L * ? *",
        "0 0 LW * ? *",
        "0 0 3W * ? *",
        "0 0 L-3 * ? *",
        "0 0 ? * L *",
        "0 0 ? * fri *",
        "0 22-2 ? NOV-FEB FRI-MON 1970,2199",
        "0  0\t1 1 ? 2026",
    };

    for (size_t i = 0; i < COUNT_OF(accepted); i++)
        check_accepted(accepted[i], CRON_AWS);
}

TEST(what_aws_refuses_is_refused)
{
    static const char *const refused[] = {
        "",
        "INVALID",
        "0 1 * * * *",
        "0 1 ? * ? *",
        "7 20 * * NOT *",
        "0 dummy ? * MON-FRI *",
        "71 8 1 * ? *",
        "60 8 1 * ? *",
        "-1 8 1 * ? *",
        "0 24 1 * ? *",
        "0 8 0 * ? *",
        "0 8 32 * ? *",
        "0 8 1 0 ? *",
        "0 8 1 13 ? *",
        "0 8 ? * 0 *",
        "0 8 ? * 8 *",
        "0 8 1 * ? 1969",
        "0 8 1 * ? 2200",
        "0 8 1 * ? 2005-2002",
        "0 8 1 * ?",
        "0 8 1 * ? * *",
        " 0 8 1 * ? *",
        "0 8 1 * ? * ",
        "0, 8 1 * ? *",
        ",0 8 1 * ? *",
        "0,,1 8 1 * ? *",
        "0/0 8 1 * ? *",
        "0/ 8 1 * ? *",
        "0/60 8 1 * ? *",
        "0/-5 8 1 * ? *",
        "/5 8 1 * ? *",
        "0- 8 1 * ? *",
        "0-1-2 8 1 * ? *",
        "+1 8 1 * ? *",
        "? 8 1 * ? *",
        "0 8 ?/2 * MON *",
        "0 8 ? * 3#0 *",
        "0 8 ? * 3#6 *",
        "0 8 ? * 3#1,6#3 *",
        "0 8 ? * 6L,2 *",
        "0 8 L,1 * ? *",
        "0 8 W * ? *",
        "0 8 0W * ? *",
        "0 8 32W * ? *",
        "0 8 L-0 * ? *",
        "0 8 L-31 * ? *",
        "0 L 1 * ? *",
        "0 8 1 L ? *",
        "0 8 1 JANUARY ? *",
        "0 8 1 * ? 99999999999999999999",
        "@daily",
    };

    for (size_t i = 0; i < COUNT_OF(refused); i++)
        check_refused(refused[i], CRON_AWS);
}

TEST(crontab_lines_are_read_as_cron_reads_them)
{
    static const char *const accepted[] = {
        "* * * * *",   "*/5 0-6/2 1,15 jan,JUL mon-fri",
        "0 0 * * 7",   "0 0 * * 0",
        "0 0 * * 5-7", "59 23 31 12 *",
        "@hourly",     "@daily",
        "@midnight",   "@weekly",
        "@monthly",    "@yearly",
        "@annually",   "0\t0 * * 1",
    };
    static const char *const refused[] = {
        "",          "* * * *",         "* * * * * *", "0 0 ? * *",
        "0 0 L * *", "0 0 15W * *",     "0 0 * * 1#2", "0 0 * * 5L",
        "0 0 * * 8", "60 * * * *",      "@reboot",     "@every 5m",
        "@HOURLY x", "0 0 * * mon fri",
    };

    for (size_t i = 0; i < COUNT_OF(accepted); i++)
        check_accepted(accepted[i], CRON_UNIX);
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        check_refused(refused[i], CRON_UNIX);
}

TEST(a_refusal_names_the_field)
{
    struct error err = {0};
    struct cron cron;

    CHECK(cron_parse(TEXT("0 0 ? * NOT *"), CRON_AWS, &cron, &err) < 0);
    CHECK_TEXT(text_of(err.text),
               "the weekday 'NOT' of the cron expression is not made of its values");
}

/* --- the next time --- */

static int64_t at(const char *time)
{
    struct civil civil;

    CHECK_MSG(civil_parse(text_of(time), &civil), "'%s'", time);
    return civil_seconds(&civil);
}

static void check_next(const char *expression, enum cron_dialect dialect, const char *after,
                       const char *expected)
{
    struct error err = {0};
    struct cron cron;
    int64_t next = -1;

    CHECK_MSG(cron_parse(text_of(expression), dialect, &cron, &err) == 0, "'%s': %s", expression,
              err.text);
    bool found = cron_next(&cron, at(after), &next);
    CHECK_MSG(found == (expected != NULL), "'%s' after %s", expression, after);
    CHECK_MSG(!found || next == at(expected), "'%s' after %s: not %s", expression, after, expected);
}

TEST(the_next_time_is_after_the_given_one)
{
    check_next("* * * * ? *", CRON_AWS, "2026-01-31T12:00:00", "2026-01-31T12:01:00");
    check_next("* * * * ? *", CRON_AWS, "2026-01-31T12:00:59", "2026-01-31T12:01:00");
    check_next("* * * * ? *", CRON_AWS, "2026-12-31T23:59:00", "2027-01-01T00:00:00");
    check_next("30 4 * * ? *", CRON_AWS, "2026-01-31T04:29:59", "2026-01-31T04:30:00");
    check_next("30 4 * * ? *", CRON_AWS, "2026-01-31T04:30:00", "2026-02-01T04:30:00");
    check_next("0 0 29 2 ? *", CRON_AWS, "2096-02-29T00:00:00", "2104-02-29T00:00:00");
}

TEST(an_expression_that_never_comes_has_no_next_time)
{
    check_next("0 0 30 2 ? *", CRON_AWS, "2026-01-01T00:00:00", NULL);
    check_next("15 10 ? * 6L 2002-2005", CRON_AWS, "2026-01-01T00:00:00", NULL);
    check_next("0 0 1 1 ? 2199", CRON_AWS, "2026-01-01T00:00:00", "2199-01-01T00:00:00");
    check_next("0 0 1 1 ? 2199", CRON_AWS, "2199-01-01T00:00:00", NULL);
    check_next("0 0 30 2 *", CRON_UNIX, "2026-01-01T00:00:00", NULL);
}

TEST(days_that_depend_on_the_month_are_found)
{
    check_next("0 0 L * ? *", CRON_AWS, "2028-02-10T00:00:00", "2028-02-29T00:00:00");
    check_next("0 0 L-3 * ? *", CRON_AWS, "2026-04-01T00:00:00", "2026-04-27T00:00:00");
    check_next("0 0 L-30 * ? *", CRON_AWS, "2026-02-01T00:00:00", "2026-03-01T00:00:00");
    /* 31 January 2026 is a Saturday, 1 February a Sunday. */
    check_next("0 0 LW * ? *", CRON_AWS, "2026-01-05T00:00:00", "2026-01-30T00:00:00");
    check_next("0 0 1W * ? *", CRON_AWS, "2026-01-31T00:00:00", "2026-02-02T00:00:00");
    check_next("0 0 31W * ? *", CRON_AWS, "2026-01-01T00:00:00", "2026-01-30T00:00:00");
    check_next("0 0 31W * ? *", CRON_AWS, "2026-01-30T00:00:00", "2026-03-31T00:00:00");
    check_next("0 0 14W * ? *", CRON_AWS, "2026-02-01T00:00:00", "2026-02-13T00:00:00");
    check_next("0 0 15W * ? *", CRON_AWS, "2026-02-01T00:00:00", "2026-02-16T00:00:00");
    check_next("0 0 ? * L *", CRON_AWS, "2026-01-25T00:00:00", "2026-01-31T00:00:00");
    check_next("0 0 ? * 6L *", CRON_AWS, "2026-01-01T00:00:00", "2026-01-30T00:00:00");
    check_next("0 0 ? * SAT#5 *", CRON_AWS, "2026-02-01T00:00:00", "2026-05-30T00:00:00");
    check_next("0 0 ? * 1#1 *", CRON_AWS, "2026-01-05T00:00:00", "2026-02-01T00:00:00");
}

TEST(ranges_go_over_the_end_of_their_field)
{
    check_next("0 22-2 * * ? *", CRON_AWS, "2026-01-31T02:00:00", "2026-01-31T22:00:00");
    check_next("0 22-2 * * ? *", CRON_AWS, "2026-01-31T23:00:00", "2026-02-01T00:00:00");
    check_next("0 0 1 NOV-FEB ? *", CRON_AWS, "2026-02-01T00:00:00", "2026-11-01T00:00:00");
    check_next("0 0 ? * FRI-MON *", CRON_AWS, "2026-01-05T00:00:00", "2026-01-09T00:00:00");
    check_next("0 0 * * 5-7", CRON_UNIX, "2026-01-04T00:00:00", "2026-01-09T00:00:00");
}

TEST(a_crontab_takes_either_day_when_both_are_given)
{
    check_next("0 0 13 * 5", CRON_UNIX, "2026-01-09T00:00:00", "2026-01-13T00:00:00");
    check_next("0 0 13 * 5", CRON_UNIX, "2026-01-13T00:00:00", "2026-01-16T00:00:00");
    /* "*" and a step counts as "*": both must match. */
    check_next("0 0 */2 * 5", CRON_UNIX, "2026-01-01T00:00:00", "2026-01-09T00:00:00");
    check_next("0 0 1 * *", CRON_UNIX, "2026-01-02T00:00:00", "2026-02-01T00:00:00");
    check_next("@weekly", CRON_UNIX, "2026-01-01T00:00:00", "2026-01-04T00:00:00");
    check_next("0 0 * * 7", CRON_UNIX, "2026-01-01T00:00:00", "2026-01-04T00:00:00");
}
