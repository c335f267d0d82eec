/* SPDX-License-Identifier: Apache-2.0 */
#include "model/zone_rule.h"

#include "base/civil.h"

/* Takes digits off the front, of a number within min and max. */
static bool take_number(struct text *rest, int min, int max, int *ret)
{
    size_t len = 0;
    int64_t number;

    while (len < rest->len && len < 4 && rest->at[len] >= '0' && rest->at[len] <= '9')
        len++;
    if (!text_to_int(text_slice(*rest, 0, len), min, max, &number))
        return false;
    *rest = text_skip(*rest, len);
    *ret = (int)number;
    return true;
}

static bool take_char(struct text *rest, char c)
{
    if (rest->len == 0 || rest->at[0] != c)
        return false;
    *rest = text_skip(*rest, 1);
    return true;
}

/* "CET" or "<+0330>" */
static bool take_name(struct text *rest)
{
    size_t len = 0;

    if (take_char(rest, '<')) {
        len = text_find(*rest, '>');
        *rest = text_skip(*rest, len);
        return len > 0 && take_char(rest, '>');
    }
    while (len < rest->len && ((rest->at[len] | 0x20) >= 'a' && (rest->at[len] | 0x20) <= 'z'))
        len++;
    *rest = text_skip(*rest, len);
    return len >= 3;
}

/* "-3:30", "167:00:00" */
static bool take_time(struct text *rest, int hours_max, int64_t *ret_s)
{
    bool negative = take_char(rest, '-');
    int hours, minutes = 0, seconds = 0;

    if (!negative)
        (void)take_char(rest, '+');
    if (!take_number(rest, 0, hours_max, &hours))
        return false;
    if (take_char(rest, ':') && !take_number(rest, 0, 59, &minutes))
        return false;
    if (take_char(rest, ':') && !take_number(rest, 0, 59, &seconds))
        return false;
    int64_t time_s = hours * 3600 + minutes * 60 + seconds;
    *ret_s = negative ? -time_s : time_s;
    return true;
}

static bool take_day(struct text *rest, struct zone_date *date)
{
    if (take_char(rest, 'M')) {
        date->form = ZONE_MONTH_WEEK;
        return take_number(rest, 1, 12, &date->month) && take_char(rest, '.') &&
               take_number(rest, 1, 5, &date->week) && take_char(rest, '.') &&
               take_number(rest, 0, 6, &date->weekday);
    }
    date->form = take_char(rest, 'J') ? ZONE_JULIAN : ZONE_DAY;
    return take_number(rest, date->form == ZONE_JULIAN, 365, &date->day);
}

static bool take_date(struct text *rest, struct zone_date *date)
{
    date->time_s = 2 * 3600;
    return take_char(rest, ',') && take_day(rest, date) &&
           (!take_char(rest, '/') || take_time(rest, 167, &date->time_s));
}

/* POSIX counts offsets west of Greenwich. */
static bool take_offset(struct text *rest, int64_t *ret_s)
{
    int64_t west_s;

    if (!take_time(rest, 24, &west_s))
        return false;
    *ret_s = -west_s;
    return true;
}

bool zone_rule_parse(struct text text, struct zone_rule *ret)
{
    *ret = (struct zone_rule){0};
    if (!take_name(&text) || !take_offset(&text, &ret->standard_s))
        return false;
    if (text.len == 0)
        return true;
    ret->has_summer = true;
    ret->summer_s = ret->standard_s + 3600;
    if (!take_name(&text))
        return false;
    if (text.len > 0 && text.at[0] != ',' && !take_offset(&text, &ret->summer_s))
        return false;
    return take_date(&text, &ret->begins) && take_date(&text, &ret->ends) && text.len == 0;
}

/* The week-th such weekday of a month, 5 for the last. */
static int64_t month_week_day(const struct zone_date *date, int year)
{
    int64_t first = civil_days(year, date->month, 1);
    int weekday = (int)((first % 7 + 11) % 7);
    int day = (date->weekday - weekday + 7) % 7 + 7 * (date->week - 1);

    if (day >= civil_month_days(year, date->month))
        day -= 7;
    return first + day;
}

int64_t zone_date_in(const struct zone_date *date, int year)
{
    int64_t days = civil_days(year, 1, 1);

    switch (date->form) {
    case ZONE_MONTH_WEEK:
        days = month_week_day(date, year);
        break;
    case ZONE_JULIAN: /* February 29 is not counted */
        days += date->day - 1 + (civil_month_days(year, 2) == 29 && date->day >= 60);
        break;
    case ZONE_DAY:
        days += date->day;
        break;
    }
    return days * CIVIL_DAY_S + date->time_s;
}
