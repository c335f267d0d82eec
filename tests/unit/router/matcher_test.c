/* SPDX-License-Identifier: Apache-2.0 */
#include "router/matcher.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "router/pattern.h"

#include "test.h"

static struct pattern *compile(const char *source)
{
    struct error err = {0};
    struct pattern *pattern = pattern_compile(text_of(source), NULL, &err);

    CHECK_MSG(pattern, "%s: %s", source, err.text);
    return pattern;
}

static bool holds(const char *source, const char *event)
{
    scoped(pattern_unref) struct pattern *pattern = compile(source);
    struct error err = {0};
    int result = pattern_test(pattern, text_of(event), &err);

    CHECK_MSG(result >= 0, "%s: %s", event, err.text);
    return result;
}

struct example {
    const char *pattern, *event;
    bool holds;
};

static void check_examples(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        CHECK_MSG(holds(examples[i].pattern, examples[i].event) == examples[i].holds,
                  "%s against %s", examples[i].pattern, examples[i].event);
}

TEST(strings_are_compared_as_their_operator_says)
{
    static const struct example examples[] = {
        {"{\"a\":[\"x\"]}", "{\"a\":\"x\"}", true},
        {"{\"a\":[\"x\"]}", "{\"a\":\"\\u0078\"}", true},
        {"{\"a\":[\"x\"]}", "{\"a\":\"xy\"}", false},
        {"{\"a\":[\"\"]}", "{\"a\":\"\"}", true},
        {"{\"a\":[{\"prefix\":\"ab\"}]}", "{\"a\":\"abc\"}", true},
        {"{\"a\":[{\"prefix\":\"\"}]}", "{\"a\":\"\"}", true},
        {"{\"a\":[{\"prefix\":\"\"}]}", "{\"a\":1}", false},
        {"{\"a\":[{\"suffix\":\"bc\"}]}", "{\"a\":\"abc\"}", true},
        {"{\"a\":[{\"suffix\":\"abcd\"}]}", "{\"a\":\"abc\"}", false},
        {"{\"a\":[{\"equals-ignore-case\":\"AbC\"}]}", "{\"a\":\"aBc\"}", true},
        {"{\"a\":[{\"equals-ignore-case\":\"ÄB\"}]}", "{\"a\":\"äb\"}", true},
        {"{\"a\":[{\"equals-ignore-case\":\"ß\"}]}", "{\"a\":\"SS\"}", true},
        {"{\"a\":[{\"equals-ignore-case\":\"ss\"}]}", "{\"a\":\"ß\"}", false},
        {"{\"a\":[{\"prefix\":{\"equals-ignore-case\":\"äb\"}}]}", "{\"a\":\"ÄBC\"}", true},
        {"{\"a\":[{\"suffix\":{\"equals-ignore-case\":\"BÖ\"}}]}", "{\"a\":\"abö\"}", true},
        {"{\"a\":[{\"suffix\":{\"equals-ignore-case\":\"BO\"}}]}", "{\"a\":\"abo\"}", true},
        {"{\"a\":[{\"wildcard\":\"a*c*e\"}]}", "{\"a\":\"abcde\"}", true},
        {"{\"a\":[{\"wildcard\":\"a*c*e\"}]}", "{\"a\":\"ace\"}", true},
        {"{\"a\":[{\"wildcard\":\"a*c*e\"}]}", "{\"a\":\"abde\"}", false},
        {"{\"a\":[{\"wildcard\":\"ab*ba\"}]}", "{\"a\":\"aba\"}", false},
        {"{\"a\":[{\"wildcard\":\"a*bcd\"}]}", "{\"a\":\"abcd\"}", true},
        {"{\"a\":[{\"wildcard\":\"a*bcd\"}]}", "{\"a\":\"xbcd\"}", false},
        {"{\"a\":[{\"wildcard\":\"ab*c\"},{\"wildcard\":\"ab*d\"}]}", "{\"a\":\"abd\"}", true},
        {"{\"a\":[{\"wildcard\":\"ab*c\"},{\"prefix\":\"ab\"}]}", "{\"a\":\"abx\"}", true},
        {"{\"a\":[{\"wildcard\":\"*b*\"}]}", "{\"a\":\"abc\"}", true},
        {"{\"a\":[{\"wildcard\":\"*\"}]}", "{\"a\":\"\"}", true},
        {"{\"a\":[{\"wildcard\":\"*\"}]}", "{\"a\":5}", false},
        {"{\"a\":[{\"wildcard\":\"a\\\\*\"}]}", "{\"a\":\"a*\"}", true},
        {"{\"a\":[{\"wildcard\":\"a\\\\*\"}]}", "{\"a\":\"ab\"}", false},
        {"{\"a\":[{\"exactly\":\"x\"}]}", "{\"a\":\"x\"}", true},
        {"{\"a\":[\"10.0.0.1\"]}", "{\"a\":\"10.0.0.1\"}", true},
        {"{\"a\":[\"10.0.0.1\"]}", "{\"a\":\"::ffff:a00:1\"}", true},
        {"{\"a\":[{\"cidr\":\"10.1.0.0/16\"}]}", "{\"a\":\"10.1.255.9\"}", true},
        {"{\"a\":[{\"cidr\":\"10.1.0.0/16\"}]}", "{\"a\":\"10.2.0.0\"}", false},
        {"{\"a\":[{\"cidr\":\"2001:db8::/32\"}]}", "{\"a\":\"2001:db8:1::5\"}", true},
        {"{\"a\":[{\"cidr\":\"0.0.0.0/0\"}]}", "{\"a\":\"no address\"}", false},
    };

    check_examples(examples, COUNT_OF(examples));
}

TEST(beginnings_and_ends_of_many_kinds_stand_beside_each_other)
{
#define MIXED                                                                                  \
    "{\"a\":[{\"prefix\":\"ab\"},{\"prefix\":\"é\"},{\"prefix\":\"xyz\"},{\"suffix\":\"z\"}," \
    "{\"suffix\":\"ö\"},{\"prefix\":{\"equals-ignore-case\":\"Q\"}},"                         \
    "{\"suffix\":{\"equals-ignore-case\":\"RS\"}},{\"wildcard\":\"m*n\"}]}"
    static const struct example examples[] = {
        {MIXED, "{\"a\":\"ab\"}", true},
        {MIXED, "{\"a\":\"a\"}", false},
        {MIXED, "{\"a\":\"b\"}", false},
        {MIXED, "{\"a\":\"éa\"}", true},
        {MIXED, "{\"a\":\"ê\"}", false},
        {MIXED, "{\"a\":\"xyza\"}", true},
        {MIXED, "{\"a\":\"xy\"}", false},
        {MIXED, "{\"a\":\"xyz\"}", true},
        {MIXED, "{\"a\":\":\"}", false},
        {MIXED, "{\"a\":\"aö\"}", true},
        {MIXED, "{\"a\":\"qa\"}", true},
        {MIXED, "{\"a\":\"Qa\"}", true},
        {MIXED, "{\"a\":\"1rS\"}", true},
        {MIXED, "{\"a\":\"S\"}", false},
        {MIXED, "{\"a\":\"mn\"}", true},
        {MIXED, "{\"a\":\"m n\"}", true},
        {MIXED, "{\"a\":\"\"}", false},
        {MIXED, "{\"a\":\"-\"}", false},
        {"{\"a\":[{\"prefix\":\"\"},\"b\"]}", "{\"a\":\"x\"}", true},
        {"{\"a\":[{\"anything-but\":{\"prefix\":[\"x\",\"yy\"]}}]}", "{\"a\":\"y\"}", true},
        {"{\"a\":[{\"anything-but\":{\"prefix\":[\"x\",\"yy\"]}}]}", "{\"a\":\"xy\"}", false},
    };

    check_examples(examples, COUNT_OF(examples));
}

TEST(numbers_are_compared_by_value)
{
    static const struct example examples[] = {
        {"{\"a\":[300]}", "{\"a\":300.0}", true},
        {"{\"a\":[300]}", "{\"a\":3e2}", true},
        {"{\"a\":[300]}", "{\"a\":\"300\"}", false},
        {"{\"a\":[0]}", "{\"a\":-0.0}", true},
        {"{\"a\":[{\"numeric\":[\"=\",-122.42916360922355]}]}", "{\"a\":-122.42916360922355}",
         true},
        {"{\"a\":[{\"numeric\":[\"=\",-122.42916360922355]}]}", "{\"a\":-122.42916360922356}",
         false},
        {"{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":5}", true},
        {"{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":0}", false},
        {"{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":5.000000000000001}", false},
        {"{\"a\":[{\"numeric\":[\">=\",5]}]}", "{\"a\":5}", true},
        {"{\"a\":[{\"numeric\":[\"<\",5]}]}", "{\"a\":5}", false},
        {"{\"a\":[{\"numeric\":[\"<\",5]}]}", "{\"a\":null}", false},
        /* Not the shortest decimal of its binary64: compared by its text. */
        {"{\"a\":[12345678901234567890]}", "{\"a\":12345678901234567890}", true},
        {"{\"a\":[12345678901234567890]}", "{\"a\":12345678901234567891}", false},
        {"{\"a\":[{\"numeric\":[\">\",0]}]}", "{\"a\":12345678901234567891}", false},
        {"{\"a\":[{\"numeric\":[\">\",0]}]}", "{\"a\":0.10000000000000001}", false},
        {"{\"a\":[{\"numeric\":[\">\",0]}]}", "{\"a\":0.30000000000000004}", true},
        {"{\"a\":[{\"numeric\":[\">\",0]}]}", "{\"a\":1e400}", false},
        {"{\"a\":[1e400]}", "{\"a\":1e400}", true},
        {"{\"a\":[{\"numeric\":[\">\",0]}]}", "{\"a\":1.7976931348623157e308}", true},
        {"{\"a\":[{\"numeric\":[\">\",0]}]}", "{\"a\":4.9e-324}", true},
    };

    check_examples(examples, COUNT_OF(examples));
}

TEST(anything_but_wants_a_value_that_is_not_named)
{
    static const struct example examples[] = {
        {"{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":\"y\"}", true},
        {"{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":\"x\"}", false},
        {"{\"a\":[{\"anything-but\":\"x\"}]}", "{\"b\":\"x\"}", false},
        {"{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":null}", true},
        {"{\"a\":[{\"anything-but\":[\"x\",\"y\"]}]}", "{\"a\":\"y\"}", false},
        {"{\"a\":[{\"anything-but\":[\"x\",\"y\"]}]}", "{\"a\":[\"x\",\"z\"]}", true},
        {"{\"a\":[{\"anything-but\":[1,2]}]}", "{\"a\":2.0}", false},
        {"{\"a\":[{\"anything-but\":[1,2]}]}", "{\"a\":\"2\"}", true},
        {"{\"a\":[{\"anything-but\":{\"prefix\":\"ab\"}}]}", "{\"a\":\"abc\"}", false},
        {"{\"a\":[{\"anything-but\":{\"prefix\":[\"x\",\"ab\"]}}]}", "{\"a\":\"abc\"}", false},
        {"{\"a\":[{\"anything-but\":{\"prefix\":\"ab\"}}]}", "{\"a\":12}", true},
        {"{\"a\":[{\"anything-but\":{\"suffix\":\"bc\"}}]}", "{\"a\":\"abc\"}", false},
        {"{\"a\":[{\"anything-but\":{\"wildcard\":\"*b*\"}}]}", "{\"a\":\"abc\"}", false},
        {"{\"a\":[{\"anything-but\":{\"wildcard\":\"*b*\"}}]}", "{\"a\":\"ac\"}", true},
        {"{\"a\":[{\"anything-but\":{\"equals-ignore-case\":\"X\"}}]}", "{\"a\":\"x\"}", false},
    };

    check_examples(examples, COUNT_OF(examples));
}

TEST(presence_is_that_of_a_value_that_is_no_container)
{
    static const struct example examples[] = {
        {"{\"a\":[{\"exists\":true}]}", "{\"a\":null}", true},
        {"{\"a\":[{\"exists\":true}]}", "{\"a\":[]}", false},
        {"{\"a\":[{\"exists\":true}]}", "{\"a\":{\"b\":1}}", false},
        {"{\"a\":[{\"exists\":false}]}", "{\"a\":{\"b\":1}}", true},
        {"{\"a\":[{\"exists\":false}]}", "{\"a\":1}", false},
        {"{\"a\":{\"b\":[{\"exists\":false}]}}", "{}", true},
        {"{\"a\":[{\"exists\":false},\"x\"]}", "{\"a\":\"x\"}", true},
        {"{\"a\":[{\"exists\":false},\"x\"]}", "{\"a\":\"y\"}", false},
        {"{\"a\":[{\"exists\":false}],\"b\":[1]}", "{\"b\":1}", true},
        {"{\"a\":[null]}", "{\"a\":null}", true},
        {"{\"a\":[null]}", "{\"a\":\"null\"}", false},
        {"{\"a\":[null]}", "{}", false},
        {"{\"a\":[true]}", "{\"a\":true}", true},
    };

    check_examples(examples, COUNT_OF(examples));
}

TEST(fields_of_one_array_come_from_one_element)
{
    static const struct example examples[] = {
        {"{\"a\":{\"x\":[1],\"y\":[1]}}", "{\"a\":[{\"x\":1,\"y\":2},{\"x\":2,\"y\":1}]}", false},
        {"{\"a\":{\"x\":[1],\"y\":[1]}}", "{\"a\":[{\"x\":1,\"y\":2},{\"x\":1,\"y\":1}]}", true},
        {"{\"a\":{\"x\":[1],\"y\":[1]}}", "{\"a\":[[{\"x\":1}],[{\"y\":1}]]}", false},
        {"{\"a\":{\"x\":[1],\"y\":[1]}}", "{\"a\":{\"x\":[2,1],\"y\":[1,2]}}", true},
        {"{\"a\":{\"x\":[1],\"y\":[1]}}", "{\"a\":{\"x\":[[1]],\"y\":[[1]]}}", true},
        {"{\"a\":{\"x\":[1]},\"b\":{\"y\":[1]}}", "{\"a\":[{\"x\":1}],\"b\":[{},{\"y\":1}]}", true},
        {"{\"a\":{\"x\":[1],\"b\":{\"y\":[1],\"z\":[1]}}}",
         "{\"a\":[{\"x\":1,\"b\":[{\"y\":1},{\"z\":1}]},{\"x\":1,\"b\":[{\"y\":1,\"z\":1}]}]}",
         true},
        {"{\"a\":{\"x\":[1],\"b\":{\"y\":[1],\"z\":[1]}}}",
         "{\"a\":[{\"x\":1,\"b\":[{\"y\":1},{\"z\":1}]},{\"x\":2,\"b\":[{\"y\":1,\"z\":1}]}]}",
         false},
        /* Absent in the element of the rest is absent enough; the rest must come before. */
        {"{\"a\":{\"x\":[1],\"y\":[{\"exists\":false}]}}", "{\"a\":[{\"x\":1},{\"x\":2,\"y\":1}]}",
         true},
        {"{\"a\":{\"x\":[1],\"y\":[{\"exists\":false}]}}", "{\"a\":[{\"x\":1,\"y\":1},{\"x\":2}]}",
         false},
        {"{\"a\":{\"x\":[{\"exists\":false}],\"y\":[1]}}", "{\"a\":[{\"y\":1},{\"x\":1}]}", false},
        /* Any of an array's values. */
        {"{\"a\":[\"x\"]}", "{\"a\":[\"y\",[[\"x\"]]]}", true},
    };

    check_examples(examples, COUNT_OF(examples));
}

TEST(names_are_joined_by_dots_on_both_sides)
{
    static const struct example examples[] = {
        {"{\"a.b\":[1]}", "{\"a\":{\"b\":1}}", true},
        {"{\"a\":{\"b\":[1]}}", "{\"a.b\":1}", true},
        {"{\"a\":{\"b.c\":[1]}}", "{\"a.b\":{\"c\":1}}", true},
        {"{\"a\":{\"b\":[1]}}", "{\"a.b\":{\"b\":1}}", false},
        {"{\"a\":[1],\"a\":[2]}", "{\"a\":2}", true},
        {"{\"a\":[1],\"a\":[2]}", "{\"a\":1}", false},
        {"{\"a\":[1]}", "{\"a\":2,\"a\":1}", true},
        {"{\"a\\u0062\":[1]}", "{\"\\u0061b\":1}", true},
    };

    check_examples(examples, COUNT_OF(examples));
}

TEST(or_is_another_way_to_match)
{
    static const struct example examples[] = {
        {"{\"$or\":[{\"a\":[1]},{\"b\":[1]}]}", "{\"b\":1}", true},
        {"{\"$or\":[{\"a\":[1]},{\"b\":[1]}],\"c\":[1]}", "{\"b\":1}", false},
        {"{\"c\":[1],\"$or\":[{\"a\":[1]},{\"b\":[1]}]}", "{\"b\":1,\"c\":1}", true},
        {"{\"x\":{\"$or\":[{\"a\":[1]},{\"$or\":[{\"b\":[1]},{\"c\":[1]}]}]}}", "{\"x\":{\"c\":1}}",
         true},
    };

    check_examples(examples, COUNT_OF(examples));
}

TEST(what_is_no_event_is_an_error)
{
    static const char *const bad[] = {
        "",
        "[]",
        "1",
        "{",
        "{\"a\":}",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":tru}",
        "{\"a\":\"x}",
        "{\"a\":[1}",
        "{\"a\":1} x",
        "{\"b\":01}",
        "{\"b\":[1,]}",
        "{\"b\":{\"c\"}}",
        "{\"a\":\"\\x\"}",
        "{\"b\":\"\x01\"}",
    };
    scoped(pattern_unref) struct pattern *pattern = compile("{\"a\":[1]}");

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error err = {0};
        CHECK_MSG(pattern_test(pattern, text_of(bad[i]), &err) < 0, "%s was an event", bad[i]);
        CHECK(err.code == ERROR_INVALID && err.text[0]);
    }
}

TEST(an_event_that_nests_too_deeply_is_refused)
{
    scoped(buffer_done) struct buffer event = {0};
    scoped(pattern_unref) struct pattern *pattern = compile("{\"a\":[1]}");
    struct error err = {0};

    buffer_add_literal(&event, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        buffer_add_char(&event, '[');
    CHECK(pattern_test(pattern, buffer_text(&event), &err) < 0 && err.code == ERROR_LIMIT);
}

/* Each field twice, in two elements of its array: as many ways as a power of two. */
TEST(arrays_that_cannot_match_do_not_take_for_ever)
{
    scoped(buffer_done) struct buffer source = {0}, event = {0};

    buffer_add_literal(&source, "{\"a\":{");
    buffer_add_literal(&event, "{\"a\":{");
    for (int i = 0; i < 60; i++) {
        buffer_add_format(&source, "%s\"f%02d\":{\"x\":[1]}", i ? "," : "", i);
        buffer_add_format(&event, "%s\"f%02d\":[{\"x\":1},{\"x\":1}]", i ? "," : "", i);
    }
    buffer_add_literal(&source, ",\"z\":{\"p\":[1],\"q\":[1]}}}");
    buffer_add_literal(&event, ",\"z\":[{\"p\":1},{\"q\":1}]}}");
    CHECK(!holds(source.at, event.at));
}

static bool has(const struct matches *matches, uint64_t id)
{
    size_t times = 0;

    for (size_t i = 0; i < matches->count; i++)
        times += matches->rule_ids[i] == id;
    CHECK(times <= 1);
    return times;
}

static struct matches match(const struct matcher *matcher, struct match_scratch *scratch,
                            const char *event)
{
    struct matches matches = {0};
    struct error err = {0};

    CHECK_MSG(matcher_match(matcher, text_of(event), scratch, &matches, &err) == 0, "%s", err.text);
    return matches;
}

TEST(rules_come_and_go_and_older_matchers_stay_as_they_are)
{
    scoped(match_scratch_free) struct match_scratch *scratch = match_scratch_new();
    scoped(pattern_unref) struct pattern *one = compile("{\"a\":[1]}");
    scoped(pattern_unref) struct pattern *two = compile("{\"a\":[2]}");
    scoped(matcher_unref) struct matcher *none = matcher_new(NULL, 0);
    scoped(matcher_unref) struct matcher *with = matcher_with(none, 7, one);
    scoped(matcher_unref) struct matcher *both = matcher_with(with, 8, two);
    scoped(matcher_unref) struct matcher *replaced = matcher_with(both, 7, two);
    scoped(matcher_unref) struct matcher *without = matcher_without(both, 7);
    scoped(matcher_unref) struct matcher *same = matcher_without(both, 99);

    CHECK(match(none, scratch, "{\"a\":1}").count == 0);
    struct matches matches = match(with, scratch, "{\"a\":1}");
    CHECK(matches.count == 1 && has(&matches, 7));
    matches = match(both, scratch, "{\"a\":[1,2]}");
    CHECK(matches.count == 2 && has(&matches, 7) && has(&matches, 8));
    matches = match(replaced, scratch, "{\"a\":2}");
    CHECK(matches.count == 2);
    CHECK(match(without, scratch, "{\"a\":1}").count == 0);
    CHECK(same == both && matcher_count(both) == 2 && matcher_count(without) == 1);
}

/* Few ids and many are kept apart in different ways. */
TEST(a_rule_that_matches_in_several_ways_is_told_once)
{
    scoped(match_scratch_free) struct match_scratch *scratch = match_scratch_new();
    scoped(pattern_unref) struct pattern *pattern =
        compile("{\"$or\":[{\"a\":[1,2]},{\"b\":[3]},{\"a\":[1],\"b\":[3]}]}");
    struct matcher_rule rules[20];

    for (size_t count = 1; count <= COUNT_OF(rules); count++) {
        rules[count - 1] = (struct matcher_rule){count * 3, pattern};
        scoped(matcher_unref) struct matcher *matcher = matcher_new(rules, count);
        for (int twice = 0; twice < 2; twice++) {
            struct matches matches = match(matcher, scratch, "{\"a\":[1,2,1],\"b\":3}");
            CHECK_MSG(matches.count == count, "%zu of %zu", matches.count, count);
            for (size_t i = 0; i < count; i++)
                CHECK(has(&matches, rules[i].id));
        }
    }
}

static struct pattern *number_pattern(int number)
{
    char source[64];

    (void)snprintf(source, sizeof source, "{\"a\":{\"n\":[\"%d\"]},\"s\":[\"x\"]}", number);
    return compile(source);
}

static bool matches_number(const struct matcher *matcher, struct match_scratch *scratch, int number)
{
    char event[64];

    (void)snprintf(event, sizeof event, "{\"s\":\"x\",\"a\":{\"n\":\"%d\"}}", number);
    struct matches matches = match(matcher, scratch, event);
    CHECK(matches.count <= 1);
    return has(&matches, (uint64_t)number);
}

#define MANY 5000
static struct matcher *many_rules(void)
{
    struct matcher_rule *rules = mem_alloc(MANY * sizeof *rules);

    for (int i = 0; i < MANY; i++)
        rules[i] = (struct matcher_rule){(uint64_t)i, number_pattern(i)};
    struct matcher *matcher = matcher_new(rules, MANY);
    for (int i = 0; i < MANY; i++)
        pattern_unref(rules[i].pattern);
    free(rules);
    return matcher;
}

TEST(a_merged_matcher_takes_over_what_changed_meanwhile)
{
    scoped(match_scratch_free) struct match_scratch *scratch = match_scratch_new();
    scoped(matcher_unref) struct matcher *base = many_rules();
    scoped(pattern_unref) struct pattern *first = number_pattern(MANY);
    scoped(pattern_unref) struct pattern *second = number_pattern(MANY + 1);
    scoped(matcher_unref) struct matcher *then = matcher_with(base, MANY, first);
    scoped(matcher_unref) struct matcher *merged = matcher_merge(then);
    scoped(matcher_unref) struct matcher *later = matcher_without(then, 17);
    scoped(matcher_unref) struct matcher *latest = matcher_without(later, MANY);
    scoped(matcher_unref) struct matcher *now = matcher_with(latest, MANY + 1, second);
    scoped(matcher_unref) struct matcher *rebased = matcher_rebase(merged, then, now);

    CHECK(matches_number(then, scratch, 17) && matches_number(then, scratch, MANY));
    CHECK(matches_number(merged, scratch, 17) && matches_number(merged, scratch, MANY));
    for (int i = 0; i < 2; i++) {
        const struct matcher *matcher = i ? rebased : now;
        CHECK(matcher_count(matcher) == MANY);
        CHECK(matches_number(matcher, scratch, 16) && !matches_number(matcher, scratch, 17));
        CHECK(!matches_number(matcher, scratch, MANY) &&
              matches_number(matcher, scratch, MANY + 1));
    }
}

TEST(a_change_that_leaves_many_makes_a_merge_due)
{
    scoped(matcher_unref) struct matcher *matcher = many_rules();

    CHECK(!matcher_is_due(matcher));
    for (uint64_t i = 0; i < 1100; i++) {
        struct matcher *next = matcher_without(matcher, i);
        matcher_unref(matcher);
        matcher = next;
    }
    CHECK(matcher_is_due(matcher) && matcher_count(matcher) == MANY - 1100);
    scoped(matcher_unref) struct matcher *merged = matcher_merge(matcher);
    CHECK(!matcher_is_due(merged) && matcher_count(merged) == MANY - 1100);
}
