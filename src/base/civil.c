/* SPDX-License-Identifier: Apache-2.0 */
#include "base/civil.h"

/* Years begin in March here, so that the leap day is a year's last; 400 years have 146097
 * days (http://howardhinnant.github.io/date_algorithms.html). */

#define DAYS_TO_1970 719468 /* from 0000-03-01 */

int64_t civil_days(int year, int month, int day)
{
    int from_march = month > 2 ? month - 3 : month + 9;
    int64_t y = year - (month <= 2) + 400; /* from 400 years earlier: never negative */
    int64_t of_era = y % 400 * 365 + y % 400 / 4 - y % 400 / 100 + (153 * from_march + 2) / 5;

    return (y / 400 - 1) * 146097 + of_era + day - 1 - DAYS_TO_1970;
}

int civil_month_days(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

static void set_day(struct civil *civil, int64_t days_since_1970)
{
    unsigned days = (unsigned)(days_since_1970 + DAYS_TO_1970 + 146097);
    unsigned era = days / 146097, of_era = days % 146097;
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;

    civil->day = (int)(of_year - (153 * month + 2) / 5 + 1);
    civil->month = (int)(month < 10 ? month + 3 : month - 9);
    civil->year = (int)(era * 400 + year) - 400 + (civil->month <= 2);
    civil->weekday = (int)((days + 3 + 7 - 146097 % 7) % 7); /* 0000-03-01 was a Wednesday */
}

void civil_set(struct civil *civil, int64_t seconds)
{
    int64_t of_day = seconds % CIVIL_DAY_S;

    if (of_day < 0)
        of_day += CIVIL_DAY_S;
    set_day(civil, (seconds - of_day) / CIVIL_DAY_S);
    civil->hour = (int)(of_day / 3600);
    civil->minute = (int)(of_day / 60 % 60);
    civil->second = (int)(of_day % 60);
}

int64_t civil_seconds(const struct civil *civil)
{
    return civil_days(civil->year, civil->month, civil->day) * CIVIL_DAY_S + civil->hour * 3600 +
           civil->minute * 60 + civil->second;
}

static bool parse_field(struct text text, size_t from, size_t len, int min, int max, int *ret)
{
    int64_t number;

    if (!text_to_int(text_slice(text, from, from + len), min, max, &number))
        return false;
    *ret = (int)number;
    return true;
}

bool civil_parse(struct text text, struct civil *ret)
{
    struct civil c;

    if (text.len != 19 || text.at[4] != '-' || text.at[7] != '-' || text.at[10] != 'T' ||
        text.at[13] != ':' || text.at[16] != ':')
        return false;
    if (!parse_field(text, 0, 4, 1970, 9999, &c.year) ||
        !parse_field(text, 5, 2, 1, 12, &c.month) ||
        !parse_field(text, 8, 2, 1, civil_month_days(c.year, c.month), &c.day) ||
        !parse_field(text, 11, 2, 0, 23, &c.hour) || !parse_field(text, 14, 2, 0, 59, &c.minute) ||
        !parse_field(text, 17, 2, 0, 59, &c.second))
        return false;
    civil_set(ret, civil_seconds(&c));
    return true;
}
