/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "base/scoped.h"
#include "test.h"

TEST(times_are_formatted_in_every_way)
{
    char out[32];
    int64_t ms = INT64_C(1769860800123);
    CHECK_TEXT(text_of(clock_format_iso(ms, out)), "2026-01-31T12:00:00.123Z");
    CHECK_TEXT(text_of(clock_format_lambda(ms, out)), "2026-01-31T12:00:00.123+0000");
    CHECK_TEXT(text_of(clock_format_basic(ms, out)), "20260131T120000Z");
    CHECK_TEXT(text_of(clock_format_clf(ms, out)), "31/Jan/2026:12:00:00 +0000");
    CHECK_TEXT(text_of(clock_format_http(ms, out)), "Sat, 31 Jan 2026 12:00:00 GMT");
}

TEST(times_out_of_range_are_clamped)
{
    char out[32];
    CHECK_TEXT(text_of(clock_format_iso(-5, out)), "1970-01-01T00:00:00.000Z");
    CHECK_TEXT(text_of(clock_format_iso(INT64_MAX, out)), "9999-12-31T23:59:59.999Z");
    CHECK_TEXT(text_of(clock_format_http(INT64_MAX, out)), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(every_day_agrees_with_the_c_library)
{
    for (int64_t day = 0; day < 400 * 366; day++) {
        char out[32], expected[32];
        time_t second = day * 86400 + day % 86400;
        struct tm tm;
        gmtime_r(&second, &tm);
        strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        CHECK_TEXT(text_of(clock_format_http(second * 1000, out)), expected);
        clock_format_basic(second * 1000, out);
        CHECK(clock_parse_basic(text_of(out)) == second * 1000);
    }
}

TEST(only_the_exact_form_is_parsed)
{
    static const struct {
        const char *source;
        int64_t ms;
    } rows[] = {
        {"20260131T120000Z", INT64_C(1769860800000)},
        {"19700101T000000Z", 0},
        {"20240229T235959Z", INT64_C(1709251199000)},
        {"99991231T235959Z", INT64_C(253402300799000)},
        {"20230229T000000Z", -1}, /* no leap year */
        {"21000229T000000Z", -1},
        {"19691231T235959Z", -1},
        {"20260031T120000Z", -1},
        {"20261331T120000Z", -1},
        {"20260132T120000Z", -1},
        {"20260100T120000Z", -1},
        {"20260131T240000Z", -1},
        {"20260131T126000Z", -1},
        {"20260131T120060Z", -1},
        {"20260131 120000Z", -1},
        {"20260131T120000z", -1},
        {"20260131T120000", -1},
        {"20260131T120000ZZ", -1},
        {"2026-131T120000Z", -1},
        {"20260131T12+000Z", -1},
        {"", -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_MSG(clock_parse_basic(text_of(rows[i].source)) == rows[i].ms, "%s", rows[i].source);
    CHECK(clock_parse_basic(TEXT_NONE) == -1);
}

TEST(clocks_go_forward)
{
    int64_t mono = clock_mono_us();
    CHECK(clock_now_ms() > INT64_C(1700000000000));
    CHECK(clock_mono_us() >= mono && mono > 0);
    CHECK(clock_now_ms() / 1000 - time(NULL) <= 1);
}
