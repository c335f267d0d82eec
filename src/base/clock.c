/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

/* Written out rather than by strftime(): a request's log lines need several of these,
 * and no locale or time zone may have a say in them. */

#define MS_PER_DAY INT64_C(86400000)
#define LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct date {
    unsigned year, month, day; /* month and day from 1 */
    unsigned hour, minute, second, ms;
    unsigned weekday; /* 0: Sunday */
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t clock_now_ms(void)
{
    return now_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_mono_us(void)
{
    return now_ns(CLOCK_MONOTONIC) / 1000;
}

/* Years begin in March here, so that the leap day is a year's last; 400 years have 146097
 * days (http://howardhinnant.github.io/date_algorithms.html). */
static void set_day(struct date *date, int64_t days_since_1970)
{
    unsigned days = (unsigned)(days_since_1970 + 719468);
    unsigned era = days / 146097, of_era = days % 146097;
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;

    date->day = of_year - (153 * month + 2) / 5 + 1;
    date->month = month < 10 ? month + 3 : month - 9;
    date->year = era * 400 + year + (date->month <= 2);
    date->weekday = (unsigned)((days_since_1970 + 4) % 7);
}

static int64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    year -= month <= 2;
    unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + of_year;
    return (int64_t)(year / 400) * 146097 + of_era - 719468;
}

static struct date date_of(int64_t epoch_ms)
{
    struct date date;

    if (epoch_ms < 0)
        epoch_ms = 0;
    if (epoch_ms > LAST_MS)
        epoch_ms = LAST_MS;
    unsigned of_day = (unsigned)(epoch_ms % MS_PER_DAY);
    set_day(&date, epoch_ms / MS_PER_DAY);
    date.ms = of_day % 1000;
    date.second = of_day / 1000 % 60;
    date.minute = of_day / 60000 % 60;
    date.hour = of_day / 3600000;
    return date;
}

static char *put(char *at, unsigned number, int digits)
{
    for (int i = digits - 1; i >= 0; i--, number /= 10)
        at[i] = (char)('0' + number % 10);
    return at + digits;
}

static char *put_string(char *at, const char *string)
{
    size_t len = strlen(string);

    memcpy(at, string, len + 1);
    return at + len;
}

static char *put_date(char *at, const struct date *date, const char *separator)
{
    at = put_string(put(at, date->year, 4), separator);
    at = put_string(put(at, date->month, 2), separator);
    return put(at, date->day, 2);
}

static char *put_time(char *at, const struct date *date, const char *separator)
{
    at = put_string(put(at, date->hour, 2), separator);
    at = put_string(put(at, date->minute, 2), separator);
    return put(at, date->second, 2);
}

static char *format_ms(int64_t epoch_ms, const char *zone, char *out)
{
    struct date date = date_of(epoch_ms);
    char *at = put_string(put_date(out, &date, "-"), "T");

    at = put_string(put_time(at, &date, ":"), ".");
    put_string(put(at, date.ms, 3), zone);
    return out;
}

char *clock_format_iso(int64_t epoch_ms, char out[static 32])
{
    return format_ms(epoch_ms, "Z", out);
}

char *clock_format_lambda(int64_t epoch_ms, char out[static 32])
{
    return format_ms(epoch_ms, "+0000", out);
}

char *clock_format_basic(int64_t epoch_ms, char out[static 32])
{
    struct date date = date_of(epoch_ms);
    char *at = put_string(put_date(out, &date, ""), "T");

    put_string(put_time(at, &date, ""), "Z");
    return out;
}

char *clock_format_clf(int64_t epoch_ms, char out[static 32])
{
    struct date date = date_of(epoch_ms);
    char *at = put_string(put(out, date.day, 2), "/");

    at = put_string(put_string(at, months[date.month - 1]), "/");
    at = put_string(put(at, date.year, 4), ":");
    put_string(put_time(at, &date, ":"), " +0000");
    return out;
}

char *clock_format_http(int64_t epoch_ms, char out[static 32])
{
    struct date date = date_of(epoch_ms);
    char *at = put_string(put_string(out, weekdays[date.weekday]), ", ");

    at = put_string(put(at, date.day, 2), " ");
    at = put_string(put_string(at, months[date.month - 1]), " ");
    at = put_string(put(at, date.year, 4), " ");
    put_string(put_time(at, &date, ":"), " GMT");
    return out;
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (unsigned)(month == 2 && leap);
}

static bool parse_field(struct text text, size_t from, size_t len, int64_t min, int64_t max,
                        unsigned *ret)
{
    int64_t number;

    if (!text_to_int(text_slice(text, from, from + len), min, max, &number))
        return false;
    *ret = (unsigned)number;
    return true;
}

int64_t clock_parse_basic(struct text text)
{
    struct date d;

    if (text.len != 16 || text.at[8] != 'T' || text.at[15] != 'Z')
        return -1;
    if (!parse_field(text, 0, 4, 1970, 9999, &d.year) ||
        !parse_field(text, 4, 2, 1, 12, &d.month) ||
        !parse_field(text, 6, 2, 1, days_in(d.year, d.month), &d.day) ||
        !parse_field(text, 9, 2, 0, 23, &d.hour) || !parse_field(text, 11, 2, 0, 59, &d.minute) ||
        !parse_field(text, 13, 2, 0, 59, &d.second))
        return -1;
    return days_since_1970(d.year, d.month, d.day) * MS_PER_DAY + d.hour * INT64_C(3600000) +
           d.minute * 60000 + d.second * 1000;
}
