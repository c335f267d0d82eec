/* SPDX-License-Identifier: Apache-2.0 */
#include "model/schedule.h"

#include "base/civil.h"
#include "base/scoped.h"
#include "model/zone.h"

#define LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define RATE_MAX 1000000000              /* of its unit: days are less than int64_t's ms */

/* --- reading --- */

/* Of "minute", "minutes" and so on; 0: not a unit. */
static int64_t unit_ms(struct text unit, bool *plural)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"minute", 60000}, {"hour", 3600000}, {"day", 86400000}};

    *plural = text_ends(unit, TEXT("s"));
    struct text one = text_slice(unit, 0, unit.len - *plural);
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (text_equal(one, text_of(units[i].name)))
            return units[i].ms;
    return 0;
}

/* "5 minutes" */
static int parse_rate(struct text inner, enum schedule_dialect dialect, struct schedule *ret,
                      struct error *err)
{
    size_t blank = text_find(inner, ' ');
    int64_t number;
    bool plural;
    int64_t unit = unit_ms(text_skip(inner, blank + 1), &plural);

    if (unit == 0 || !text_to_int(text_slice(inner, 0, blank), 1, RATE_MAX, &number))
        return error_set(err, ERROR_INVALID,
                         "a rate is a number from 1 and minutes, hours or days, as in "
                         "rate(5 minutes)");
    if (dialect == SCHEDULE_RULE && plural != (number > 1))
        return error_set(err, ERROR_INVALID, "the unit of a rate is %s for %lld",
                         plural ? "singular" : "plural", (long long)number);
    ret->kind = SCHEDULE_RATE;
    ret->every_ms = number * unit;
    return 0;
}

static int parse_at(struct text inner, struct schedule *ret, struct error *err)
{
    struct civil civil;

    if (!civil_parse(inner, &civil))
        return error_set(err, ERROR_INVALID, "a time is written as in at(2026-01-31T12:00:00)");
    ret->kind = SCHEDULE_AT;
    ret->at_local_s = civil_seconds(&civil);
    return 0;
}

/* "NAME(inner)" */
static bool is_call(struct text expression, struct text name, struct text *ret_inner)
{
    if (!text_starts(expression, name) || !text_ends(expression, TEXT(")")))
        return false;
    *ret_inner = text_slice(expression, name.len, expression.len - 1);
    return true;
}

int schedule_parse(struct text expression, enum schedule_dialect dialect, struct schedule *ret,
                   struct error *err)
{
    struct text inner;

    *ret = (struct schedule){.kind = SCHEDULE_CRON};
    if (expression.len > SCHEDULE_EXPRESSION_MAX)
        return error_set(err, ERROR_INVALID, "a schedule has at most %d characters",
                         SCHEDULE_EXPRESSION_MAX);
    if (is_call(expression, TEXT("rate("), &inner))
        return parse_rate(inner, dialect, ret, err);
    if (is_call(expression, TEXT("cron("), &inner))
        return cron_parse(inner, CRON_AWS, &ret->cron, err);
    if (dialect != SCHEDULE_RULE && is_call(expression, TEXT("at("), &inner))
        return parse_at(inner, ret, err);
    if (dialect == SCHEDULE_FILE && !text_contains(expression, '('))
        return cron_parse(expression, CRON_UNIX, &ret->cron, err);
    return error_set(err, ERROR_INVALID, "a schedule is rate(...)%s%s",
                     dialect == SCHEDULE_RULE ? " or cron(...)" : ", cron(...) or at(...)",
                     dialect == SCHEDULE_FILE ? ", or a line of a crontab" : "");
}

/* --- the next time --- */

static int64_t to_local(const struct zone *zone, int64_t utc_s)
{
    return utc_s + (zone ? zone_offset(zone, utc_s) : 0);
}

static bool to_utc(const struct zone *zone, int64_t local_s, int64_t *ret_s)
{
    *ret_s = local_s;
    return !zone || zone_from_local(zone, local_s, ret_s);
}

/* Going on from a local time that clocks show twice finds some that were there already: they
 * are passed over, as are those that never come. */
static int64_t next_cron(const struct cron *cron, const struct zone *zone, int64_t after_ms)
{
    int64_t after_s = after_ms / 1000, local_s = to_local(zone, after_s), utc_s;

    while (cron_next(cron, local_s, &local_s))
        if (to_utc(zone, local_s, &utc_s) && utc_s > after_s)
            return utc_s * 1000;
    return -1;
}

static int64_t next_rate(int64_t every_ms, int64_t anchor_ms, int64_t after_ms)
{
    if (after_ms < anchor_ms)
        return anchor_ms;
    return anchor_ms + ((after_ms - anchor_ms) / every_ms + 1) * every_ms;
}

/* A time that clocks are set forward over comes when they are, as long after. */
static int64_t next_at(const struct schedule *schedule, const struct zone *zone, int64_t after_ms)
{
    int64_t utc_s;

    if (!to_utc(zone, schedule->at_local_s, &utc_s))
        utc_s = schedule->at_local_s - zone_offset(zone, schedule->at_local_s - CIVIL_DAY_S);
    return utc_s * 1000 > after_ms ? utc_s * 1000 : -1;
}

int64_t schedule_next(const struct schedule *schedule, const struct schedule_frame *frame,
                      int64_t after_ms)
{
    int64_t next = -1;

    if (after_ms >= LAST_MS)
        return -1;
    if (schedule->kind == SCHEDULE_AT)
        return next_at(schedule, frame->zone, after_ms);
    if (after_ms < frame->start_ms)
        after_ms = frame->start_ms - 1;
    if (after_ms < 0)
        after_ms = 0;
    switch (schedule->kind) {
    case SCHEDULE_CRON:
        next = next_cron(&schedule->cron, frame->zone, after_ms);
        break;
    case SCHEDULE_RATE:
        next = next_rate(schedule->every_ms, frame->anchor_ms, after_ms);
        break;
    case SCHEDULE_AT:
        break;
    }
    return next > LAST_MS || (frame->end_ms > 0 && next > frame->end_ms) ? -1 : next;
}

/* Halves the time between until something comes after low and nothing after high. */
int64_t schedule_last(const struct schedule *schedule, const struct schedule_frame *frame,
                      int64_t after_ms, int64_t until_ms)
{
    int64_t low = after_ms, high = until_ms, last = -1;

    while (low < high) {
        int64_t next = schedule_next(schedule, frame, low + (high - low) / 2);
        if (next >= 0 && next <= until_ms) {
            last = next;
            low = next;
        } else {
            high = low + (high - low) / 2;
        }
    }
    return last;
}
