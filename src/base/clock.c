/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "base/civil.h"

/* Written out rather than by strftime(): a request's log lines need several of these,
 * and no locale or time zone may have a say in them. */

#define LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct date {
    struct civil at;
    int ms;
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

static struct date date_of(int64_t epoch_ms)
{
    struct date date;

    if (epoch_ms < 0)
        epoch_ms = 0;
    if (epoch_ms > LAST_MS)
        epoch_ms = LAST_MS;
    civil_set(&date.at, epoch_ms / 1000);
    date.ms = (int)(epoch_ms % 1000);
    return date;
}

static char *put(char *at, int number, int digits)
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

static char *put_date(char *at, const struct civil *date, const char *separator)
{
    at = put_string(put(at, date->year, 4), separator);
    at = put_string(put(at, date->month, 2), separator);
    return put(at, date->day, 2);
}

static char *put_time(char *at, const struct civil *date, const char *separator)
{
    at = put_string(put(at, date->hour, 2), separator);
    at = put_string(put(at, date->minute, 2), separator);
    return put(at, date->second, 2);
}

static char *format_ms(int64_t epoch_ms, const char *zone, char *out)
{
    struct date date = date_of(epoch_ms);
    char *at = put_string(put_date(out, &date.at, "-"), "T");

    at = put_string(put_time(at, &date.at, ":"), ".");
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
    char *at = put_string(put_date(out, &date.at, ""), "T");

    put_string(put_time(at, &date.at, ""), "Z");
    return out;
}

char *clock_format_clf(int64_t epoch_ms, char out[static 32])
{
    struct date date = date_of(epoch_ms);
    char *at = put_string(put(out, date.at.day, 2), "/");

    at = put_string(put_string(at, months[date.at.month - 1]), "/");
    at = put_string(put(at, date.at.year, 4), ":");
    put_string(put_time(at, &date.at, ":"), " +0000");
    return out;
}

char *clock_format_http(int64_t epoch_ms, char out[static 32])
{
    struct date date = date_of(epoch_ms);
    char *at = put_string(put_string(out, weekdays[date.at.weekday]), ", ");

    at = put_string(put(at, date.at.day, 2), " ");
    at = put_string(put_string(at, months[date.at.month - 1]), " ");
    at = put_string(put(at, date.at.year, 4), " ");
    put_string(put_time(at, &date.at, ":"), " GMT");
    return out;
}

static bool parse_field(struct text text, size_t from, size_t len, int64_t min, int64_t max,
                        int *ret)
{
    int64_t number;

    if (!text_to_int(text_slice(text, from, from + len), min, max, &number))
        return false;
    *ret = (int)number;
    return true;
}

int64_t clock_parse_basic(struct text text)
{
    struct civil d;

    if (text.len != 16 || text.at[8] != 'T' || text.at[15] != 'Z')
        return -1;
    if (!parse_field(text, 0, 4, 1970, 9999, &d.year) ||
        !parse_field(text, 4, 2, 1, 12, &d.month) ||
        !parse_field(text, 6, 2, 1, civil_month_days(d.year, d.month), &d.day) ||
        !parse_field(text, 9, 2, 0, 23, &d.hour) || !parse_field(text, 11, 2, 0, 59, &d.minute) ||
        !parse_field(text, 13, 2, 0, 59, &d.second))
        return -1;
    return civil_seconds(&d) * 1000;
}
