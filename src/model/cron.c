/* SPDX-License-Identifier: Apache-2.0 */
#include "model/cron.h"

#include "base/civil.h"
#include "base/scoped.h"

/*
 * Each field becomes a set of bits, and what depends on the month (L, W, #) sets of its
 * own. The next time is found field by field from the year down: a field that has to
 * advance sets all below it to their first, so at most some months and days are looked
 * at, never the minutes between.
 */

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEAR, FIELD_COUNT };

struct field {
    const char *name, *const *words;
    int min, max;
    int word_base; /* value of the first word */
};

static const char *const month_words[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                          "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const weekday_words[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

static const struct field aws_fields[FIELD_COUNT] = {
    {"minute", NULL, 0, 59, 0},
    {"hour", NULL, 0, 23, 0},
    {"day", NULL, 1, 31, 0},
    {"month", month_words, 1, 12, 1},
    {"weekday", weekday_words, 1, 7, 1},
    {"year", NULL, CRON_YEAR_MIN, CRON_YEAR_MAX, 0},
};

static const struct field unix_fields[] = {
    {"minute", NULL, 0, 59, 0},
    {"hour", NULL, 0, 23, 0},
    {"day", NULL, 1, 31, 0},
    {"month", month_words, 1, 12, 1},
    {"weekday", weekday_words, 0, 7, 0},
};

struct parser {
    struct cron *cron;
    const struct field *field;
    struct text source; /* of the field */
    enum cron_dialect dialect;
    struct error *err;
};

static int fail(struct parser *parser, const char *reason)
{
    struct text shown = text_slice(parser->source, 0, 40);

    return error_set(parser->err, ERROR_INVALID, "the %s '%.*s' of the cron expression %s",
                     parser->field->name, TEXT_ARG(shown), reason);
}

/* --- sets of values --- */

static void add_bit(struct parser *parser, int index, int value)
{
    struct cron *cron = parser->cron;
    uint64_t *const sets[] = {&cron->minutes, &cron->hours, &cron->days, &cron->months};

    if (index == YEAR) {
        unsigned bit = (unsigned)(value - CRON_YEAR_MIN);
        cron->years[bit / 64] |= UINT64_C(1) << bit % 64;
    } else if (index == WEEKDAY) {
        int day = parser->dialect == CRON_AWS ? value - 1 : value % 7;
        cron->weekdays |= UINT64_C(1) << day;
    } else {
        *sets[index] |= UINT64_C(1) << value;
    }
}

/* From and to, with every value that is step after the one before; over the end of the field
 * when to is less than from. */
static void add_range(struct parser *parser, int index, const int range[2], int step)
{
    const struct field *field = parser->field;
    int values = field->max - field->min + 1;
    int last = range[1] < range[0] ? range[1] + values : range[1];

    for (int value = range[0]; value <= last; value += step)
        add_bit(parser, index, field->min + (value - field->min) % values);
}

static bool parse_value(const struct field *field, struct text text, int *ret)
{
    int64_t number;

    for (int i = 0; field->words && field->words[i]; i++) {
        if (text_equal_nocase(text, text_of(field->words[i]))) {
            *ret = field->word_base + i;
            return true;
        }
    }
    if (text.len > 4 || !text_to_int(text, field->min, field->max, &number))
        return false;
    *ret = (int)number;
    return true;
}

/* "*", "5" or "5-10" */
static bool parse_range(const struct field *field, struct text text, int range[2])
{
    size_t dash = text_find(text, '-');

    if (text_equal(text, TEXT("*"))) {
        range[0] = field->min;
        range[1] = field->max;
        return true;
    }
    if (!parse_value(field, text_slice(text, 0, dash), &range[0]))
        return false;
    range[1] = range[0];
    return dash == text.len || parse_value(field, text_skip(text, dash + 1), &range[1]);
}

/* One of a list: a range, perhaps with a step. */
static int parse_item(struct parser *parser, int index, struct text item)
{
    const struct field *field = parser->field;
    size_t slash = text_find(item, '/');
    struct text values = text_slice(item, 0, slash);
    int64_t step = 1;
    int range[2];

    if (!parse_range(field, values, range))
        return fail(parser, "is not made of its values");
    if (range[1] < range[0] && index == YEAR)
        return fail(parser, "ends before it begins");
    if (slash < item.len) {
        if (!text_to_int(text_skip(item, slash + 1), 1, field->max, &step))
            return fail(parser, "has a step that is no number, zero, or too large");
        if (!text_contains(values, '-'))
            range[1] = field->max;
    }
    add_range(parser, index, range, (int)step);
    return 0;
}

/* --- what depends on the month --- */

/* "L", "L-3", "LW", "15W". False: none of these. */
static bool parse_special_day(struct cron *cron, struct text text)
{
    int64_t number;

    if (text_equal_nocase(text, TEXT("LW"))) {
        cron->last_working_day = true;
        return true;
    }
    if (text_equal_nocase(text, TEXT("L"))) {
        cron->from_last |= 1;
        return true;
    }
    if (text.len > 2 && text_equal_nocase(text_slice(text, 0, 2), TEXT("L-")) &&
        text_to_int(text_skip(text, 2), 1, 30, &number)) {
        cron->from_last |= UINT64_C(1) << number;
        return true;
    }
    struct text digits = text_slice(text, 0, text.len - 1);
    if (text_equal_nocase(text_skip(text, digits.len), TEXT("W")) &&
        text_to_int(digits, 1, 31, &number)) {
        cron->near_days |= UINT64_C(1) << number;
        return true;
    }
    return false;
}

/* "L", "6L", "6#3" */
static bool parse_special_weekday(struct cron *cron, const struct field *field, struct text text)
{
    size_t hash = text_find(text, '#');
    struct text day = text_slice(text, 0, hash);
    int64_t nth;
    int value;

    if (text_equal_nocase(text, TEXT("L"))) {
        cron->weekdays |= 1 << 6;
        return true;
    }
    if (hash < text.len) {
        if (!parse_value(field, day, &value) || !text_to_int(text_skip(text, hash + 1), 1, 5, &nth))
            return false;
        cron->nth_weekdays |= UINT64_C(1) << (7 * (nth - 1) + value - 1);
        return true;
    }
    day = text_slice(text, 0, text.len - 1);
    if (!text_equal_nocase(text_skip(text, day.len), TEXT("L")) || !parse_value(field, day, &value))
        return false;
    cron->last_weekdays |= UINT64_C(1) << (value - 1);
    return true;
}

/* These stand alone, not in a list: AWS says so of "#", Quartz of the others. */
static bool parse_special(struct parser *parser, int index)
{
    if (parser->dialect != CRON_AWS)
        return false;
    if (index == DAY)
        return parse_special_day(parser->cron, parser->source);
    return index == WEEKDAY && parse_special_weekday(parser->cron, parser->field, parser->source);
}

/* --- a whole expression --- */

static int parse_field(struct parser *parser, int index)
{
    struct text rest = parser->source, item;

    if (text_equal(rest, TEXT("?")) && parser->dialect == CRON_AWS &&
        (index == DAY || index == WEEKDAY))
        rest = TEXT("*");
    if (parse_special(parser, index))
        return 0;
    if (text_ends(rest, TEXT(",")))
        return fail(parser, "ends with a comma");
    while (text_split(&rest, ',', &item))
        if (parse_item(parser, index, item) < 0)
            return -1;
    return 0;
}

/* Fields stand between runs of blanks; none before the first or after the last. */
static bool split_fields(struct text expression, struct text *fields, size_t count)
{
    struct text rest = expression;

    if (!text_equal(text_trim(expression), expression))
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t len = 0;
        while (len < rest.len && rest.at[len] != ' ' && rest.at[len] != '\t')
            len++;
        fields[i] = text_slice(rest, 0, len);
        rest = text_trim(text_skip(rest, len));
        if (len == 0)
            return false;
    }
    return rest.len == 0;
}

static int check_day_fields(const struct text *sources, enum cron_dialect dialect,
                            struct cron *cron, struct error *err)
{
    if (dialect == CRON_UNIX) {
        /* As Vixie's cron has it: "*" and a step counts as "*" here. */
        bool any = text_starts(sources[DAY], TEXT("*")) || text_starts(sources[WEEKDAY], TEXT("*"));
        cron->rule = any ? CRON_DAYS_BOTH : CRON_DAYS_EITHER;
        return 0;
    }
    if (text_equal(sources[DAY], TEXT("?")) == text_equal(sources[WEEKDAY], TEXT("?")))
        return error_set(err, ERROR_INVALID,
                         "one of the day and the weekday of a cron expression must be '?', and "
                         "only one");
    cron->rule = CRON_DAYS_BOTH;
    return 0;
}

static int parse_fields(struct text expression, enum cron_dialect dialect, struct cron *cron,
                        struct error *err)
{
    bool aws = dialect == CRON_AWS;
    size_t count = aws ? FIELD_COUNT : COUNT_OF(unix_fields);
    struct parser parser = {.cron = cron, .dialect = dialect, .err = err};
    struct text sources[FIELD_COUNT];

    if (!split_fields(expression, sources, count))
        return error_set(err, ERROR_INVALID,
                         "a cron expression has %zu fields: minute, hour, day, "
                         "month, weekday%s",
                         count, aws ? ", year" : "");
    for (size_t i = 0; i < count; i++) {
        parser.field = aws ? &aws_fields[i] : &unix_fields[i];
        parser.source = sources[i];
        if (parse_field(&parser, (int)i) < 0)
            return -1;
    }
    if (!aws)
        memset(cron->years, 0xff, sizeof cron->years);
    return check_day_fields(sources, dialect, cron, err);
}

static struct text expand_nickname(struct text expression)
{
    static const char *const nicknames[][2] = {
        {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
        {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
        {"@hourly", "0 * * * *"},
    };

    for (size_t i = 0; i < COUNT_OF(nicknames); i++)
        if (text_equal(expression, text_of(nicknames[i][0])))
            return text_of(nicknames[i][1]);
    return expression;
}

int cron_parse(struct text expression, enum cron_dialect dialect, struct cron *ret,
               struct error *err)
{
    *ret = (struct cron){0};
    if (dialect == CRON_UNIX) {
        struct text expanded = expand_nickname(expression);
        if (text_starts(expanded, TEXT("@"))) {
            struct text shown = text_slice(expanded, 0, 40);
            return error_set(err, ERROR_INVALID,
                             "'%.*s' is none of @yearly, @annually, @monthly, @weekly, @daily, "
                             "@midnight and @hourly",
                             TEXT_ARG(shown));
        }
        expression = expanded;
    }
    return parse_fields(expression, dialect, ret, err);
}

/* --- the next time --- */

static bool has(uint64_t set, int bit)
{
    return set >> bit & 1;
}

static int weekday_of(int year, int month, int day)
{
    return (int)((civil_days(year, month, day) % 7 + 11) % 7);
}

/* The day from Monday to Friday that is nearest to a day of the month, within it. */
static int nearest_working_day(int year, int month, int day)
{
    int days = civil_month_days(year, month);
    int weekday = weekday_of(year, month, day);

    if (weekday == 6)
        return day > 1 ? day - 1 : day + 2;
    if (weekday == 0)
        return day < days ? day + 1 : day - 2;
    return day;
}

static bool month_day_matches(const struct cron *cron, const struct civil *at)
{
    int days = civil_month_days(at->year, at->month);

    if (has(cron->days, at->day) || has(cron->from_last, days - at->day))
        return true;
    if (cron->last_working_day && at->day == nearest_working_day(at->year, at->month, days))
        return true;
    for (int day = 1; cron->near_days && day <= days; day++)
        if (has(cron->near_days, day) && at->day == nearest_working_day(at->year, at->month, day))
            return true;
    return false;
}

static bool weekday_matches(const struct cron *cron, const struct civil *at)
{
    int days = civil_month_days(at->year, at->month);

    return has(cron->weekdays, at->weekday) ||
           (has(cron->last_weekdays, at->weekday) && at->day + 7 > days) ||
           has(cron->nth_weekdays, 7 * ((at->day - 1) / 7) + at->weekday);
}

static bool day_matches(const struct cron *cron, const struct civil *at)
{
    bool by_day = month_day_matches(cron, at), by_weekday = weekday_matches(cron, at);

    return cron->rule == CRON_DAYS_EITHER ? by_day || by_weekday : by_day && by_weekday;
}

/* The first bit of the set from `from` on; -1: none. */
static int next_bit(uint64_t set, int from)
{
    uint64_t left = from < 64 ? set >> from << from : 0;

    return left ? __builtin_ctzll(left) : -1;
}

static int next_year(const struct cron *cron, int from)
{
    for (int year = from < CRON_YEAR_MIN ? CRON_YEAR_MIN : from; year <= CRON_YEAR_MAX; year++) {
        int bit = year - CRON_YEAR_MIN;
        if (has(cron->years[bit / 64], bit % 64))
            return year;
    }
    return -1;
}

/* The first day of that month from `from` on that matches; 0: none. */
static int next_day(const struct cron *cron, int year, int month, int from)
{
    struct civil at = {year, month, from, .weekday = weekday_of(year, month, from)};

    for (; at.day <= civil_month_days(year, month); at.day++) {
        if (day_matches(cron, &at))
            return at.day;
        at.weekday = (at.weekday + 1) % 7;
    }
    return 0;
}

/* Moves *at to the first day that matches, from its own on, and when that is another one to
 * its beginning. */
static bool seek_day(const struct cron *cron, struct civil *at)
{
    for (int year = next_year(cron, at->year); year >= 0; year = next_year(cron, year + 1)) {
        int month = next_bit(cron->months, year > at->year ? 1 : at->month);
        for (; month >= 0; month = next_bit(cron->months, month + 1)) {
            bool same = year == at->year && month == at->month;
            int day = next_day(cron, year, month, same ? at->day : 1);
            if (day == 0)
                continue;
            if (!same || day != at->day)
                *at = (struct civil){year, month, day};
            return true;
        }
    }
    return false;
}

/* The first time of that day from at's on. */
static bool seek_time(const struct cron *cron, struct civil *at)
{
    int hour = next_bit(cron->hours, at->hour);

    if (hour == at->hour) {
        int minute = next_bit(cron->minutes, at->minute);
        if (minute >= 0) {
            at->minute = minute;
            return true;
        }
        hour = next_bit(cron->hours, hour + 1);
    }
    if (hour < 0)
        return false;
    at->hour = hour;
    at->minute = next_bit(cron->minutes, 0);
    return true;
}

bool cron_next(const struct cron *cron, int64_t local_s, int64_t *ret_s)
{
    struct civil at;

    civil_set(&at, local_s + 60); /* in the minute after the one it is in */
    at.second = 0;
    while (seek_day(cron, &at)) {
        if (seek_time(cron, &at)) {
            *ret_s = civil_seconds(&at);
            return true;
        }
        civil_set(&at, (civil_days(at.year, at.month, at.day) + 1) * CIVIL_DAY_S);
    }
    return false;
}
