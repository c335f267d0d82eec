/* SPDX-License-Identifier: Apache-2.0 */
#include "model/zone.h"

#include "base/buffer.h"
#include "base/civil.h"
#include "model/zone_rule.h"
#include "test.h"

static int64_t at(const char *time)
{
    struct civil civil;

    CHECK_MSG(civil_parse(text_of(time), &civil), "'%s'", time);
    return civil_seconds(&civil);
}

/* --- files made here --- */

static void add_number(struct buffer *out, int64_t number, int size)
{
    for (int i = size - 1; i >= 0; i--)
        buffer_add_char(out, (char)((uint64_t)number >> 8 * i));
}

struct change {
    int64_t at_s;
    int64_t offset_s;
};

static void add_block(struct buffer *out, char version, const struct change *changes, size_t count,
                      int size)
{
    buffer_add_literal(out, "TZif");
    buffer_add_char(out, version);
    for (int i = 0; i < 15; i++)
        buffer_add_char(out, 0);
    for (int i = 0; i < 3; i++)
        add_number(out, 0, 4);
    add_number(out, (int64_t)count - 1, 4);
    add_number(out, (int64_t)count, 4);
    add_number(out, 4, 4);
    for (size_t i = 1; i < count; i++)
        add_number(out, changes[i].at_s, size);
    for (size_t i = 1; i < count; i++)
        buffer_add_char(out, (char)i);
    for (size_t i = 0; i < count; i++) {
        add_number(out, changes[i].offset_s, 4);
        add_number(out, 0, 2);
    }
    buffer_add(out, "ABC", 4);
}

/* The first change is what holds before all others. */
static struct zone *make_zone(const struct change *changes, size_t count, const char *rule)
{
    scoped(buffer_done) struct buffer file = {0};
    struct error err = {0};

    add_block(&file, '2', changes, 1, 4);
    add_block(&file, '2', changes, count, 8);
    buffer_add_format(&file, "\n%s\n", rule);
    struct zone *zone = zone_parse(buffer_text(&file), &err);
    CHECK_MSG(zone, "%s", err.text);
    return zone;
}

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

TEST(a_rule_alone_makes_a_zone)
{
    static const struct change standard[] = {{0, 3600}};
    scoped(zone_free) struct zone *zone = make_zone(standard, 1, BERLIN);

    CHECK(zone_offset(zone, at("2026-03-29T00:59:59")) == 3600);
    CHECK(zone_offset(zone, at("2026-03-29T01:00:00")) == 7200);
    CHECK(zone_offset(zone, at("2026-10-25T00:59:59")) == 7200);
    CHECK(zone_offset(zone, at("2026-10-25T01:00:00")) == 3600);
    CHECK(zone_offset(zone, at("2199-07-01T00:00:00")) == 7200);
    CHECK(zone_offset(zone, at("2300-07-01T00:00:00")) == 3600);
}

TEST(local_times_are_skipped_or_taken_once)
{
    static const struct change standard[] = {{0, 3600}};
    scoped(zone_free) struct zone *zone = make_zone(standard, 1, BERLIN);
    int64_t utc_s;

    CHECK(zone_from_local(zone, at("2026-03-29T01:59:59"), &utc_s));
    CHECK(utc_s == at("2026-03-29T00:59:59"));
    CHECK(!zone_from_local(zone, at("2026-03-29T02:00:00"), &utc_s));
    CHECK(!zone_from_local(zone, at("2026-03-29T02:59:59"), &utc_s));
    CHECK(zone_from_local(zone, at("2026-03-29T03:00:00"), &utc_s));
    CHECK(utc_s == at("2026-03-29T01:00:00"));
    CHECK(zone_from_local(zone, at("2026-10-25T02:30:00"), &utc_s));
    CHECK(utc_s == at("2026-10-25T00:30:00"));
    CHECK(zone_from_local(zone, at("2026-10-25T03:00:00"), &utc_s));
    CHECK(utc_s == at("2026-10-25T02:00:00"));
}

TEST(changes_of_the_file_come_before_its_rule)
{
    /* A day is left out, as on Samoa in 2011; the rule begins after the last change. */
    const struct change changes[] = {{0, -36000}, {at("2030-12-30T10:00:00"), 50400}};
    scoped(zone_free) struct zone *zone = make_zone(changes, 2, "XYZ-14XYS,J1,J2");
    int64_t utc_s;

    CHECK(zone_offset(zone, at("2026-07-01T00:00:00")) == -36000);
    CHECK(!zone_from_local(zone, at("2030-12-30T12:00:00"), &utc_s));
    CHECK(zone_from_local(zone, at("2030-12-31T00:00:00"), &utc_s));
    CHECK(utc_s == at("2030-12-30T10:00:00"));
    CHECK(zone_offset(zone, at("2031-01-01T00:00:00")) == 54000);
    CHECK(zone_offset(zone, at("2031-01-02T00:00:00")) == 50400);
}

TEST(rules_are_read_in_all_their_forms)
{
    static const struct {
        const char *rule;
        int64_t standard_s, summer_s;
        const char *begins, *ends; /* in 2028, local */
    } cases[] = {
        {"EST5EDT,M3.2.0,M11.1.0", -18000, -14400, "2028-03-12T02:00:00", "2028-11-05T02:00:00"},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 37800, 39600, "2028-10-01T02:00:00",
         "2028-04-02T02:00:00"},
        {"IST-2IDT,M3.4.4/26,M10.5.0", 7200, 10800, "2028-03-24T02:00:00", "2028-10-29T02:00:00"},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 3600, 0, "2028-10-29T02:00:00", "2028-03-26T01:00:00"},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, -3600, "2028-03-25T23:00:00",
         "2028-10-29T00:00:00"},
        {"AAA0BBB,J60,59", 0, 3600, "2028-03-01T02:00:00", "2028-02-29T02:00:00"},
        {"AAA0BBB,J59/1:02:03,365", 0, 3600, "2028-02-28T01:02:03", "2028-12-31T02:00:00"},
    };
    static const char *const wrong[] = {
        "",
        "AB1",
        "AAA",
        "AAA25",
        "AAA0BBB",
        "AAA0BBB,M3.5.0",
        "<AAA0",
        "AAA0BBB,J0,J1",
        "AAA0BBB,M0.1.0,M3.1.0",
        "AAA0BBB,M1.6.0,M3.1.0",
        "AAA0BBB,M1.1.7,M3.1.0",
        "AAA0BBB,366,1",
        "AAA0BBB,1/168,2",
        "AAA0 ",
        "AAA0BBB,1,2x",
        "AAA0:60",
    };
    struct zone_rule rule;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_MSG(zone_rule_parse(text_of(cases[i].rule), &rule), "%s", cases[i].rule);
        CHECK_MSG(rule.standard_s == cases[i].standard_s && rule.summer_s == cases[i].summer_s,
                  "%s", cases[i].rule);
        CHECK_MSG(zone_date_in(&rule.begins, 2028) == at(cases[i].begins), "%s", cases[i].rule);
        CHECK_MSG(zone_date_in(&rule.ends, 2028) == at(cases[i].ends), "%s", cases[i].rule);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        CHECK_MSG(!zone_rule_parse(text_of(wrong[i]), &rule), "'%s'", wrong[i]);
    CHECK(zone_rule_parse(TEXT("<+0330>-3:30"), &rule) && rule.standard_s == 12600);
    CHECK(!rule.has_summer);
}

TEST(a_file_that_is_cut_off_is_refused)
{
    static const struct change changes[] = {{0, 3600}, {1000000, 7200}, {2000000, 3600}};
    scoped(buffer_done) struct buffer file = {0};

    add_block(&file, '2', changes, 1, 4);
    add_block(&file, '2', changes, 3, 8);
    buffer_add_literal(&file, "\n" BERLIN "\n");
    for (size_t len = 0; len < file.len; len++) {
        struct error err = {0};
        scoped(zone_free) struct zone *zone = zone_parse(text_from(file.at, len), &err);
        CHECK_MSG(!zone, "%zu of %zu bytes", len, file.len);
    }
}

TEST(a_file_of_version_1_has_no_rule)
{
    static const struct change changes[] = {{0, 3600}, {1000000, 7200}};
    scoped(buffer_done) struct buffer file = {0};
    struct error err = {0};

    add_block(&file, 0, changes, 2, 4);
    scoped(zone_free) struct zone *zone = zone_parse(buffer_text(&file), &err);
    CHECK_MSG(zone, "%s", err.text);
    CHECK(zone_offset(zone, 999999) == 3600 && zone_offset(zone, 1000000) == 7200);
}

TEST(only_names_within_the_database_are_looked_up)
{
    static const char *const wrong[] = {
        "",
        "/etc/localtime",
        "../zoneinfo/UTC",
        "Europe/../UTC",
        "Europe//Berlin",
        "Europe/",
        "Europe",
        "zone.tab",
        "tzdata.zi",
        "Nowhere/Nothing",
        "UTC ",
        "UTC\n",
        "right/UTC",
        ".",
        "Europe/Berlin/Europe/Berlin/Europe/Berlin/Europe/Berlin",
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct error err = {0};
        scoped(zone_free) struct zone *zone = zone_load(text_of(wrong[i]), &err);
        CHECK_MSG(!zone && err.code == ERROR_INVALID, "'%s'", wrong[i]);
    }
}

TEST(the_database_has_its_zones)
{
    struct error err = {0};
    scoped(zone_free) struct zone *utc = zone_load(TEXT("UTC"), &err);

    CHECK(utc && zone_offset(utc, 0) == 0);
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) < 0)
        skip();
    scoped(zone_free) struct zone *berlin = zone_load(TEXT("Europe/Berlin"), &err);
    CHECK_MSG(berlin, "%s", err.text);
    CHECK(zone_offset(berlin, at("2026-07-01T00:00:00")) == 7200);
    CHECK(zone_offset(berlin, at("2126-01-01T00:00:00")) == 3600);
}
