/* SPDX-License-Identifier: Apache-2.0 */
#include "router/scan.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "router/matcher.h"
#include "router/pattern.h"

#include "test.h"

/* 1, 0, or -1 when it is no event. */
static int scan_with(scan_event_f *scan, struct index *const *indexes, struct text event,
                     struct match_scratch *scratch)
{
    const uint64_t *const removed[] = {NULL, NULL};
    struct error err = {0};

    evaluation_begin(scratch, indexes[1] ? 2 : 1, indexes, removed);
    if (scan(event, scratch, &err) < 0 || evaluation_end(scratch, &err) < 0)
        return -1;
    return scratch->id_count > 0;
}

static struct pattern *compile(const char *source)
{
    struct error err = {0};
    struct pattern *pattern = pattern_compile(text_of(source), NULL, &err);

    CHECK_MSG(pattern, "%s: %s", source, err.text);
    return pattern;
}

/* An event that ends where its memory ends, for the sanitizer to see what reads on. */
static void check_exactly(struct index *const *indexes, struct text event, int wanted)
{
    scoped(match_scratch_free) struct match_scratch *scratch = match_scratch_new();
    scoped(free) char *copy = mem_copy(event.at, event.len);

    for (unsigned i = 0; scan_event_variant(i); i++) {
        int found = scan_with(scan_event_variant(i), indexes, text_from(copy, event.len), scratch);
        CHECK_MSG(found == wanted, "variant %u: %d for %.*s", i, found, TEXT_ARG(event));
    }
}

/* `~` in the event is replaced by strings of many lengths, so that what is behind it lies at
 * each place of a block. */
static void check_at_all_places(struct index *const *indexes, const char *event, int wanted)
{
    for (size_t len = 0; len < 140; len++) {
        scoped(buffer_done) struct buffer filled = {0};
        for (const char *c = event; *c; c++) {
            if (*c != '~')
                buffer_add_char(&filled, *c);
            for (size_t i = 0; *c == '~' && i < len; i++)
                buffer_add_char(&filled, "x{\"\\[,:"[i % 7 == 2 || i % 7 == 3 ? 0 : i % 7]);
        }
        check_exactly(indexes, buffer_text(&filled), wanted);
    }
}

struct example {
    const char *pattern, *event;
    int wanted;
};

static void check_examples(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        scoped(pattern_unref) struct pattern *pattern = compile(examples[i].pattern);
        scoped(pattern_unref) struct pattern *other = compile("{\"other\":{\"q\":[\"none\"]}}");
        scoped(index_unref) struct index *index = index_new(&(struct matcher_rule){1, pattern}, 1);
        scoped(index_unref) struct index *others = index_new(&(struct matcher_rule){2, other}, 1);
        check_at_all_places((struct index *const[]){index, NULL}, examples[i].event,
                            examples[i].wanted);
        check_at_all_places((struct index *const[]){others, index}, examples[i].event,
                            examples[i].wanted);
    }
}

TEST(used_names_are_found_among_others)
{
    static const struct example examples[] = {
        {"{\"a\":{\"bc\":[\"x\"]}}", "{\"p\":\"~\",\"a\":{\"bd\":\"~\",\"bc\":\"x\"}}", 1},
        {"{\"a\":{\"bc\":[\"x\"]}}", "{\"a\":{\"bc\":\"x\",\"p\":\"~\"},\"q\":[{\"r\":\"~\"}]}", 1},
        {"{\"a\":{\"bc\":[\"x\"]}}", "{ \"a\" : {\n\t\"p\" : \"~\" ,\r\n \"bc\" : \"x\" } }", 1},
        {"{\"a\":{\"bc\":[\"x\"]}}", "{\"p\":[{\"~\":[]}, [\"~\"], {}],\"a\":{\"bc\":\"x\"}}", 1},
        {"{\"a\":{\"bc\":[\"x\"]}}", "{\"p\":{\"a\":{\"bc\":\"x\"}},\"q\":\"~\"}", 0},
        {"{\"a\":{\"bc\":[\"x\"]}}", "{\"a\":{\"q\":{\"bc\":\"x\"},\"r\":\"~\"},\"bc\":\"x\"}", 0},
        {"{\"a\":{\"bc\":[\"x\"]}}", "{\"a\":{\"p\":\"~\",\"b\":\"x\",\"bcd\":\"x\"}}", 0},
        {"{\"a\":{\"bc\":[\"x\"]}}", "{\"p\":\"a\",\"q\":\"~\",\"a\":{\"r\":\"bc\",\"bc\":\"y\"}}",
         0},
        {"{\"a\":{\"bc\":[\"x\"]}}", "{\"p\":\"\\\"a\\\":{\\\"bc\\\":\\\"x\\\"}\",\"q\":\"~\"}", 0},
        {"{\"a\":{\"bc\":[\"x\"]}}", "{\"p\":\"~\\\\\",\"a\":{\"q\":\"\\\"\",\"bc\":\"x\"}}", 1},
        {"{\"a\":{\"bc\":[\"x\"]}}", "{\"p\":\"~\",\"a\":{\"p\":-1.5e3,\"q\":null,\"bc\":\"x\"}}",
         1},
        {"{\"a\":{\"\":[\"x\"]}}", "{\"p\":\"~\",\"a\":{\"p\":\"\",\"\":\"x\"}}", 1},
        {"{\"a\":{\"\":[\"x\"]}}", "{\"p\":\"~\",\"a\":{\"p\":\"\"}}", 0},
        {"{\"é\":{\"\\\\q\":[\"x\"]}}", "{\"p\":\"~\",\"é\":{\"\\\\q\":\"x\"}}", 1},
    };

    check_examples(examples, COUNT_OF(examples));
}

TEST(a_name_counts_each_time_it_comes)
{
    static const struct example examples[] = {
        {"{\"a\":[\"x\"]}", "{\"a\":\"y\",\"p\":\"~\",\"a\":\"x\"}", 1},
        {"{\"a\":{\"b\":[\"x\"]}}", "{\"a\":{\"b\":\"y\"},\"p\":\"~\",\"a\":{\"b\":\"x\"}}", 1},
        {"{\"a\":{\"b\":[\"x\"]}}", "{\"a\":{\"b\":\"y\",\"q\":\"~\",\"b\":\"x\"},\"p\":\"~\"}", 1},
        {"{\"a\":[{\"exists\":false}]}", "{\"b\":{\"a\":1},\"p\":\"~\",\"a\":\"x\"}", 0},
        {"{\"a\":[{\"exists\":false}]}", "{\"b\":{\"a\":1},\"p\":\"~\",\"c\":\"a\"}", 1},
    };

    check_examples(examples, COUNT_OF(examples));
}

/* Behind the last field that has not been met yet, there is only a look for names. */
TEST(a_name_that_comes_again_late_is_found)
{
    static const struct example examples[] = {
        {"{\"a\":{\"long-name\":[\"x\"]}}",
         "{\"a\":{\"long-name\":\"y\",\"long-named\":\"~\",\"p\":\"long-name\"},\"long\":\"x\"}",
         0},
        {"{\"a\":{\"long-name\":[\"x\"]}}",
         "{\"a\":{\"long-name\":\"y\",\"p\":\"~\",\"lon\\u0067-name\":\"x\"}}", 1},
        {"{\"a\":{\"b\":[\"x\"]}}", "{\"a\":{\"b\":\"y\"},\"p\":\"~\",\"a.b\":\"x\"}", 1},
        {"{\"a\":{\"b\":[\"x\"]}}", "{\"a\":{\"b\":\"y\"},\"p\":\"~\",\"\\u0061\":{\"b\":\"x\"}}",
         1},
        {"{\"a\":{\"b\":[\"x\"]}}", "{\"a\":{\"b\":\"y\"},\"p\":{\"a\":{\"b\":\"x\"}},\"q\":\"~\"}",
         0},
        {"{\"a\":{\"b\":[\"x\"]}}", "{\"a\":[{\"b\":\"y\"},\"~\",{\"b\":\"x\"}],\"q\":1}", 1},
        {"{\"a\":[\"x\"]}", "{\"a\":[[\"y\"],\"~\",\"x\"]}", 1},
        {"{\"$or\":[{\"a\":[\"x\"]},{\"a\":{\"b\":[\"z\"]}}]}",
         "{\"a\":[\"y\",{\"b\":\"y\"},\"~\",\"x\"]}", 1},
        {"{\"a\":[\"x\"]}", "{\"a\":\"y\",\"p\":\"~\",\"\":\"\",\"a\":\"x\"} \n", 1},
        {"{\"\":[\"x\"]}", "{\"\":\"y\",\"p\":\"~\",\"q\":\"\",\"\":\"x\"}", 1},
    };

    check_examples(examples, COUNT_OF(examples));
}

TEST(names_with_escapes_and_dots_are_found_too)
{
    static const struct example examples[] = {
        {"{\"long\":[\"x\"]}", "{\"p\":\"~\",\"\\u006cong\":\"x\"}", 1},
        {"{\"long\":[\"x\"]}", "{\"p\":\"~\",\"l\\u006fng\":\"x\"}", 1},
        {"{\"long\":[\"x\"]}", "{\"p\":\"~\",\"lon\\u0067\":\"x\"}", 1},
        {"{\"long\":[\"x\"]}", "{\"p\":\"~\",\"lon\\u0068\":\"x\",\"q\":\"\\n\",\"r\":\"l\\n\"}",
         0},
        {"{\"a\":{\"b\":[\"x\"]}}", "{\"p\":\"~\",\"a.b\":\"x\"}", 1},
        {"{\"a\":{\"b\":{\"c\":[\"x\"]}}}", "{\"p\":\"~\",\"a\":{\"q\":\"~\",\"b.c\":\"x\"}}", 1},
        {"{\"a\":{\"b\":[\"x\"]}}", "{\"p\":\"~\",\"a\\u002eb\":\"x\"}", 1},
        {"{\"a\":{\"\":[\"x\"]}}", "{\"p\":\"~\",\"a.\":\"x\"}", 1},
        {"{\"a\":{\"\":{\"b\":[\"x\"]}}}", "{\"a\":{\"p\":\"~\",\".b\":\"x\"}}", 1},
    };

    check_examples(examples, COUNT_OF(examples));
}

/* The lookup names a field that is never met, so that the brackets are counted to the end. */
TEST(what_is_cut_off_is_no_event)
{
    static const char event[] =
        "{\"p\":\"\\\\\",\"a\":{\"q\":[{\"r\":1}],\"b\":\"x\",\"s\":\"\"},\"t\":[[],{}],\"u\":0}";
    scoped(pattern_unref) struct pattern *pattern =
        compile("{\"a\":{\"b\":[\"x\"],\"none\":[{\"exists\":false}]}}");
    scoped(index_unref) struct index *index = index_new(&(struct matcher_rule){1, pattern}, 1);
    struct index *const indexes[] = {index, NULL};

    for (size_t len = 1; len < sizeof event - 1; len++)
        check_exactly(indexes, text_from(event, len), -1);
    check_exactly(indexes, text_of(event), 1);
}

TEST(what_is_cut_off_behind_the_last_field_has_to_end_as_an_object)
{
    static const char event[] = "{\"p\":{\"q\":0},\"a\":\"x\",\"t\":[[],{}],\"u\":\"}\"}";
    scoped(pattern_unref) struct pattern *pattern = compile("{\"a\":[\"x\"]}");
    scoped(index_unref) struct index *index = index_new(&(struct matcher_rule){1, pattern}, 1);
    struct index *const indexes[] = {index, NULL};
    const size_t met = strlen("{\"p\":{\"q\":0},\"a\":\"x\"");

    for (size_t len = 1; len < sizeof event; len++)
        check_exactly(indexes, text_from(event, len), len > met && event[len - 1] == '}' ? 1 : -1);
}

/* More names than are sought together. */
TEST(very_many_names_are_read_one_by_one)
{
    scoped(buffer_done) struct buffer source = {0}, event = {0};

    buffer_add_literal(&source, "{\"a\":{\"$or\":[");
    buffer_add_literal(&event, "{\"p\":\"~\",\"a\":{");
    for (int i = 0; i < 40; i++) {
        buffer_add_format(&source, "%s{\"n%d\":[\"x\"]}", i ? "," : "", i);
        buffer_add_format(&event, "\"n%d\":\"y\",\"m%d\":{\"n1\":\"x\"},", i, i);
    }
    buffer_add_literal(&source, "]}}");
    buffer_add_literal(&event, "\"q\":\"~\",\"n33\":\"x\"}}");
    const struct example example = {source.at, event.at, 1};
    check_examples(&example, 1);
}
