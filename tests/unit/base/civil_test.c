/* SPDX-License-Identifier: Apache-2.0 */
#include "base/civil.h"

#include "base/scoped.h"
#include "test.h"

TEST(every_day_of_ten_thousand_years_goes_there_and_back)
{
    struct civil before = {0}, civil;
    int64_t first = civil_days(0, 1, 1), last = civil_days(9999, 12, 31);

    for (int64_t day = first; day <= last; day++) {
        civil_set(&civil, day * CIVIL_DAY_S);
        CHECK(civil_days(civil.year, civil.month, civil.day) == day);
        CHECK(civil.day >= 1 && civil.day <= civil_month_days(civil.year, civil.month));
        if (day > first) {
            CHECK(civil.weekday == (before.weekday + 1) % 7);
            CHECK(civil.day == before.day + 1 ||
                  (civil.day == 1 && before.day == civil_month_days(before.year, before.month)));
        }
        before = civil;
    }
    CHECK(last - first == 3652424);
}

TEST(known_days_have_their_weekday)
{
    static const struct {
        int64_t seconds;
        int year, month, day, hour, minute, second, weekday;
    } cases[] = {
        {0, 1970, 1, 1, 0, 0, 0, 4},          {-1, 1969, 12, 31, 23, 59, 59, 3},
        {951782400, 2000, 2, 29, 0, 0, 0, 2}, {1785542399, 2026, 7, 31, 23, 59, 59, 5},
        {4102444800, 2100, 1, 1, 0, 0, 0, 5},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct civil c;
        civil_set(&c, cases[i].seconds);
        CHECK_MSG(c.year == cases[i].year && c.month == cases[i].month && c.day == cases[i].day &&
                      c.hour == cases[i].hour && c.minute == cases[i].minute &&
                      c.second == cases[i].second && c.weekday == cases[i].weekday,
                  "case %zu: %d-%d-%d, weekday %d", i, c.year, c.month, c.day, c.weekday);
        CHECK(civil_seconds(&c) == cases[i].seconds);
    }
}

TEST(only_the_exact_form_is_parsed)
{
    static const char *const wrong[] = {
        "",
        "2026-01-31",
        "2026-01-31T12:00:00Z",
        "2026-01-31 12:00:00",
        "2026-02-29T12:00:00",
        "2026-13-01T12:00:00",
        "2026-00-01T12:00:00",
        "2026-01-31T24:00:00",
        "2026-01-31T12:60:00",
        "2026-01-31T12:00:60",
        "1969-12-31T23:59:59",
        "2026-1-31T12:00:000",
        "+026-01-31T12:00:00",
    };
    struct civil civil;

    CHECK(civil_parse(TEXT("2028-02-29T23:59:59"), &civil));
    CHECK(civil.year == 2028 && civil.month == 2 && civil.day == 29 && civil.weekday == 2);
    CHECK(civil.hour == 23 && civil.minute == 59 && civil.second == 59);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        CHECK_MSG(!civil_parse(text_of(wrong[i]), &civil), "'%s'", wrong[i]);
}
