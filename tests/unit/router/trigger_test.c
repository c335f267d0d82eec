/* SPDX-License-Identifier: Apache-2.0 */
#include "router/trigger.h"

#include "base/json.h"
#include "model/limits.h"
#include "router/pattern.h"
#include "test.h"

static const struct cloud_attribute attributes[] = {
    {TEXT("specversion"), TEXT("1.0"), CLOUD_STRING},
    {TEXT("id"), TEXT("id-7"), CLOUD_STRING},
    {TEXT("source"), TEXT("/orders"), CLOUD_STRING},
    {TEXT("type"), TEXT("com.shop.order.created"), CLOUD_STRING},
    {TEXT("datacontenttype"), TEXT("application/json; charset=utf-8"), CLOUD_STRING},
    {TEXT("dataschema"), TEXT("https://schema"), CLOUD_STRING},
    {TEXT("time"), TEXT("2026-01-31T13:00:00.500+01:00"), CLOUD_STRING},
    {TEXT("team"), TEXT("billing"), CLOUD_STRING},
    {TEXT("empty"), TEXT(""), CLOUD_STRING},
    {TEXT("hops"), TEXT("42"), CLOUD_INTEGER},
    {TEXT("urgent"), TEXT("true"), CLOUD_BOOLEAN},
};
static const struct cloud_event event = {.attributes = attributes, .count = COUNT_OF(attributes)};

static struct trigger *compile(const char *spec, struct error *err)
{
    scoped(json_decref) json_t *json = json_parse(text_of(spec), err);

    CHECK_MSG(json, "%s: %s", spec, err->text);
    return trigger_compile(json, err);
}

#define P TRIGGER_PASS
#define F TRIGGER_FAIL
#define N TRIGGER_NO_FILTER

TEST(filters_pass_fail_or_say_nothing)
{
    static const struct {
        const char *filter;
        enum trigger_result want;
    } cases[] = {
        {"{}", N},
        {"{\"exact\":{\"type\":\"com.shop.order.created\"}}", P},
        {"{\"exact\":{\"type\":\"com.shop.order\"}}", F},
        {"{\"exact\":{\"type\":\"com.shop.order.created\",\"source\":\"/orders\"}}", P},
        {"{\"exact\":{\"type\":\"com.shop.order.created\",\"source\":\"/other\"}}", F},
        {"{\"exact\":{\"subject\":\"x\"}}", F},
        {"{\"exact\":{\"team\":\"billing\"}}", P},
        {"{\"exact\":{\"hops\":\"42\"}}", P},
        {"{\"exact\":{\"urgent\":\"true\"}}", P},
        {"{\"exact\":{\"specversion\":\"1.0\"}}", P},
        {"{\"exact\":{\"time\":\"2026-01-31T12:00:00.5Z\"}}", P},
        {"{\"exact\":{\"time\":\"2026-01-31T13:00:00.500+01:00\"}}", F},
        {"{\"exact\":{\"schemaurl\":\"https://schema\"}}", P},
        {"{\"exact\":{\"datamediatype\":\"application/json\"}}", P},
        {"{\"exact\":{\"datacontenttype\":\"application/json\"}}", F},
        {"{\"exact\":{}}", N},
        {"{\"prefix\":{\"type\":\"com.shop.\"}}", P},
        {"{\"prefix\":{\"type\":\"shop.\"}}", F},
        {"{\"prefix\":{\"hops\":\"4\"}}", P},
        {"{\"prefix\":{\"subject\":\"a\"}}", F},
        {"{\"suffix\":{\"type\":\".created\"}}", P},
        {"{\"suffix\":{\"type\":\".deleted\"}}", F},
        {"{\"suffix\":{\"urgent\":\"ue\"}}", P},
        {"{\"all\":[]}", N},
        {"{\"all\":[{}]}", N},
        {"{\"all\":[{\"prefix\":{\"type\":\"com\"}},{\"suffix\":{\"type\":\"created\"}}]}", P},
        {"{\"all\":[{\"prefix\":{\"type\":\"com\"}},{\"suffix\":{\"type\":\"deleted\"}}]}", F},
        {"{\"all\":[{},{\"prefix\":{\"type\":\"com\"}}]}", P},
        {"{\"any\":[]}", N},
        {"{\"any\":[{},{\"prefix\":{\"type\":\"org\"}}]}", F},
        {"{\"any\":[{\"prefix\":{\"type\":\"org\"}},{\"suffix\":{\"type\":\"created\"}}]}", P},
        {"{\"not\":{\"prefix\":{\"type\":\"org\"}}}", P},
        {"{\"not\":{\"prefix\":{\"type\":\"com\"}}}", F},
        {"{\"not\":{\"exact\":{\"subject\":\"x\"}}}", P},
        {"{\"not\":{}}", N},
        {"{\"not\":{\"not\":{\"prefix\":{\"type\":\"com\"}}}}", P},
        {"{\"cesql\":\"hops = 42 AND team LIKE 'b%'\"}", P},
        {"{\"cesql\":\"hops = 41\"}", F},
        {"{\"cesql\":\"hops\"}", F},
        {"{\"cesql\":\"missing = 1\"}", F},
        {"{\"not\":{\"cesql\":\"missing = 1\"}}", P},
        {"{\"cesql\":\"\"}", N},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer spec = {0};
        struct error err = {0};
        buffer_add_format(&spec, "{\"filters\":[%s]}", cases[i].filter);
        scoped(trigger_free) struct trigger *trigger = compile(spec.at, &err);
        CHECK_MSG(trigger, "%s: %s", cases[i].filter, err.text);
        enum trigger_result is = trigger_evaluate(trigger, &event, &arena);
        CHECK_MSG(is == cases[i].want, "%s is %d", cases[i].filter, (int)is);
        CHECK(trigger_passes(trigger, &event, &arena) == (cases[i].want != F));
    }
}

TEST(a_list_of_filters_wins_over_attributes)
{
    static const struct {
        const char *spec;
        enum trigger_result want;
    } cases[] = {
        {"{}", N},
        {"{\"filter\":{}}", N},
        {"{\"filter\":null,\"filters\":null}", N},
        {"{\"filter\":{\"attributes\":{}}}", N},
        {"{\"filter\":{\"attributes\":{\"team\":\"billing\"}}}", P},
        {"{\"filter\":{\"attributes\":{\"team\":\"billing\",\"type\":\"x\"}}}", F},
        {"{\"filter\":{\"attributes\":{\"team\":\"\"}}}", P},
        {"{\"filter\":{\"attributes\":{\"empty\":\"\"}}}", F},
        {"{\"filter\":{\"attributes\":{\"subject\":\"\"}}}", F},
        {"{\"filter\":{\"attributes\":{\"hops\":\"42\"}}}", F},
        {"{\"filter\":{\"attributes\":{\"hops\":\"\"}}}", P},
        {"{\"filter\":{\"attributes\":{\"team\":\"x\"}},\"filters\":[]}", F},
        {"{\"filter\":{\"attributes\":{\"team\":\"x\"}},\"filters\":[{}]}", N},
        {"{\"filters\":[{\"exact\":{\"team\":\"billing\"}},{\"exact\":{\"team\":\"x\"}}]}", F},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        struct error err = {0};
        scoped(trigger_free) struct trigger *trigger = compile(cases[i].spec, &err);
        CHECK_MSG(trigger, "%s: %s", cases[i].spec, err.text);
        CHECK_MSG(trigger_evaluate(trigger, &event, &arena) == cases[i].want, "%s", cases[i].spec);
    }
}

TEST(what_is_no_filter_is_refused_with_its_place)
{
    static const struct {
        const char *spec, *reason;
    } cases[] = {
        {"{\"filters\":[{\"exact\":{\"a\":\"b\"},\"prefix\":{\"a\":\"b\"}}]}",
         "filters[0]: multiple dialects found, filters can have only one dialect set"},
        {"{\"filters\":[{},{\"any\":[{\"exact\":{\"A\":\"b\"}}]}]}",
         "filters[1].any[0].exact: Invalid attribute name: \"A\""},
        {"{\"filters\":[{\"exact\":{\"1a\":\"b\"}}]}",
         "filters[0].exact: Invalid attribute name: \"1a\""},
        {"{\"filters\":[{\"prefix\":{\"\":\"b\"}}]}",
         "filters[0].prefix: Invalid attribute name: \"\""},
        {"{\"filters\":[{\"prefix\":{\"a\":\"\"}}]}", "filters[0].prefix.a: must not be empty"},
        {"{\"filters\":[{\"suffix\":{\"a\":1}}]}", "filters[0].suffix.a: must be a string"},
        {"{\"filters\":[{\"suffix\":[]}]}", "filters[0].suffix: must be an object"},
        {"{\"filters\":[{\"all\":{}}]}", "filters[0].all: must be a list of filters"},
        {"{\"filters\":[{\"not\":[]}]}", "filters[0].not: a filter must be an object"},
        {"{\"filters\":[{\"equal\":{}}]}", "filters[0].equal: is not a filter dialect"},
        {"{\"filters\":[{\"cesql\":1}]}", "filters[0].cesql: must be a string"},
        {"{\"filters\":[{\"not\":{\"cesql\":\"a =\"}}]}",
         "filters[0].not.cesql: at character 4: expected a value, found 'the end'"},
        {"{\"filters\":{}}", "filters: must be a list of filters"},
        {"{\"filters\":[1]}", "filters[0]: a filter must be an object"},
        {"{\"filter\":{\"attributes\":{\"a_b\":\"\"}}}",
         "filter.attributes: Invalid attribute name: \"a_b\""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        CHECK_MSG(!compile(cases[i].spec, &err), "%s", cases[i].spec);
        CHECK(err.code == ERROR_INVALID);
        CHECK_TEXT(text_of(err.text), cases[i].reason);
    }
}

TEST(triggers_have_limits)
{
    scoped(buffer_done) struct buffer deep = {0}, wide = {0};
    struct error err;

    buffer_add_literal(&deep, "{\"filters\":[");
    for (int i = 0; i < LIMIT_TRIGGER_DEPTH; i++)
        buffer_add_literal(&deep, "{\"not\":");
    buffer_add_literal(&deep, "{}");
    for (int i = 0; i < LIMIT_TRIGGER_DEPTH; i++)
        buffer_add_char(&deep, '}');
    buffer_add_literal(&deep, "]}");
    CHECK(!compile(deep.at, &err) && err.code == ERROR_LIMIT);
    buffer_add_literal(&wide, "{\"filters\":[{}");
    for (int i = 0; i < LIMIT_TRIGGER_FILTERS; i++)
        buffer_add_literal(&wide, ",{}");
    buffer_add_literal(&wide, "]}");
    CHECK(!compile(wide.at, &err) && err.code == ERROR_LIMIT);
}

TEST(a_pattern_says_what_it_can_of_a_trigger)
{
    static const struct {
        const char *filters, *pattern;
        bool decides;
    } cases[] = {
        {"{}", "{\"id\":[{\"exists\":true}]}", true},
        {"{\"any\":[]}", "{\"id\":[{\"exists\":true}]}", true},
        {"{\"exact\":{\"type\":\"a\"}}", "{\"detail-type\":[\"a\"]}", true},
        {"{\"exact\":{\"type\":\"a\",\"source\":\"b\",\"subject\":\"c\",\"ext\":\"d\"}}",
         "{\"detail-type\":[\"a\"],\"source\":[\"b\"],\"cloudevent\":{\"subject\":[\"c\"],"
         "\"ext\":[\"d\"]}}",
         true},
        {"{\"exact\":{\"ext\":\"42\"}}", "{\"cloudevent\":{\"ext\":[\"42\",42]}}", true},
        {"{\"exact\":{\"ext\":\"042\"}}", "{\"cloudevent\":{\"ext\":[\"042\"]}}", true},
        {"{\"exact\":{\"ext\":\"true\"}}", "{\"cloudevent\":{\"ext\":[\"true\",true]}}", true},
        {"{\"exact\":{\"ext\":\"0\"}}", "{\"cloudevent\":{\"ext\":[\"0\",0]}}", false},
        {"{\"prefix\":{\"type\":\"a\\\"\"}}", "{\"detail-type\":[{\"prefix\":\"a\\\"\"}]}", true},
        {"{\"suffix\":{\"subject\":\"1\"}}", "{\"cloudevent\":{\"subject\":[{\"suffix\":\"1\"}]}}",
         true},
        {"{\"prefix\":{\"ext\":\"1\"}}", "{\"cloudevent\":{\"ext\":[{\"exists\":true}]}}", false},
        {"{\"prefix\":{\"ext\":\"x\"}}", "{\"cloudevent\":{\"ext\":[{\"prefix\":\"x\"}]}}", true},
        {"{\"prefix\":{\"type\":\"a\"}},{\"suffix\":{\"type\":\"b\"}}",
         "{\"detail-type\":[{\"prefix\":\"a\"}]}", false},
        {"{\"prefix\":{\"type\":\"a\"}},{\"suffix\":{\"source\":\"b\"}}",
         "{\"detail-type\":[{\"prefix\":\"a\"}],\"source\":[{\"suffix\":\"b\"}]}", true},
        {"{\"any\":[{\"exact\":{\"type\":\"a\"}},{},{\"prefix\":{\"type\":\"b\"}}]}",
         "{\"detail-type\":[\"a\",{\"prefix\":\"b\"}]}", true},
        {"{\"any\":[{\"exact\":{\"type\":\"a\"}},{\"exact\":{\"subject\":\"b\"}}]}",
         "{\"$or\":[{\"detail-type\":[\"a\"]},{\"cloudevent\":{\"subject\":[\"b\"]}}]}", true},
        {"{\"any\":[{\"exact\":{\"type\":\"a\"}},{\"cesql\":\"TRUE\"}]}",
         "{\"id\":[{\"exists\":true}]}", false},
        {"{\"any\":[{\"exact\":{\"type\":\"a\"}},{\"exact\":{\"id\":\"b\"}}]},"
         "{\"exact\":{\"type\":\"c\"}}",
         "{\"$or\":[{\"detail-type\":[\"a\"]},{\"id\":[\"b\"]}]}", false},
        {"{\"any\":[{\"exact\":{\"type\":\"a\"}},{\"exact\":{\"id\":\"b\"}}]},"
         "{\"exact\":{\"source\":\"c\"}}",
         "{\"source\":[\"c\"],\"$or\":[{\"detail-type\":[\"a\"]},{\"id\":[\"b\"]}]}", true},
        {"{\"not\":{\"exact\":{\"type\":\"a\"}}}", "{\"id\":[{\"exists\":true}]}", false},
        {"{\"cesql\":\"TRUE\"},{\"exact\":{\"type\":\"a\"}}", "{\"detail-type\":[\"a\"]}", false},
        {"{\"exact\":{\"time\":\"x\",\"type\":\"a\"}}", "{\"detail-type\":[\"a\"]}", false},
        {"{\"exact\":{\"datacontenttype\":\"x\"}}", "{\"id\":[{\"exists\":true}]}", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer spec = {0}, out = {0};
        struct error err = {0};
        buffer_add_format(&spec, "{\"filters\":[%s]}", cases[i].filters);
        scoped(trigger_free) struct trigger *trigger = compile(spec.at, &err);
        CHECK_MSG(trigger, "%s: %s", cases[i].filters, err.text);
        bool decides = trigger_pattern(trigger, &out);
        CHECK_MSG(text_equal(buffer_text(&out), text_of(cases[i].pattern)), "%s gives %s",
                  cases[i].filters, out.at);
        CHECK_MSG(decides == cases[i].decides, "%s", cases[i].filters);
        scoped(pattern_unref) struct pattern *pattern =
            pattern_compile(buffer_text(&out), NULL, &err);
        CHECK_MSG(pattern, "%s: %s", out.at, err.text);
    }
}

/* A small generator, the same in every run. */
static unsigned dice(unsigned *state, unsigned sides)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 16) % sides;
}

static const char *const values[] = {"a", "ab", "1", "12", "0", "-7", "true", "t", "x\\\"y"};

static void add_filter(unsigned *state, unsigned depth, struct buffer *out)
{
    static const char *const kinds[] = {"exact", "prefix", "suffix", "all", "any", "not"};
    static const char *const names[] = {"id", "source", "type", "subject", "ext", "numeric"};
    const char *kind = kinds[dice(state, depth ? 6 : 3)];

    if (dice(state, 12) == 0) {
        buffer_add_literal(out, "{}");
        return;
    }
    buffer_add_format(out, "{\"%s\":", kind);
    if (strcmp(kind, "not") == 0) {
        add_filter(state, depth - 1, out);
    } else if (kind[0] == 'a') {
        unsigned count = 1 + dice(state, 3);
        for (unsigned i = 0; i < count; i++) {
            buffer_add_char(out, i ? ',' : '[');
            add_filter(state, depth - 1, out);
        }
        buffer_add_char(out, ']');
    } else {
        buffer_add_format(out, "{\"%s\":\"%s\"}", names[dice(state, COUNT_OF(names))],
                          values[dice(state, COUNT_OF(values))]);
    }
    buffer_add_char(out, '}');
}

static void add_event(unsigned *state, struct buffer *out)
{
    static const char *const typed[] = {"\"ab\"", "\"12\"", "12",       "0",
                                        "-7",     "true",   "\"true\"", "1"};

    buffer_add_literal(out, "{\"specversion\":\"1.0\"");
    for (const char *const *name = (const char *const[]){"id", "source", "type", NULL}; *name;
         name++)
        buffer_add_format(out, ",\"%s\":\"%s\"", *name, values[dice(state, COUNT_OF(values))]);
    if (dice(state, 2))
        buffer_add_format(out, ",\"subject\":\"%s\"", values[dice(state, COUNT_OF(values))]);
    if (dice(state, 2))
        buffer_add_format(out, ",\"ext\":%s", typed[dice(state, COUNT_OF(typed))]);
    if (dice(state, 2))
        buffer_add_format(out, ",\"numeric\":%s", typed[dice(state, COUNT_OF(typed))]);
    buffer_add_char(out, '}');
}

static void compare(const struct trigger *trigger, struct pattern *pattern, bool decides,
                    struct text json, const char *spec)
{
    static const struct cloud_header type = {TEXT("content-type"),
                                             TEXT("application/cloudevents+json")};
    const struct cloud_message message = {&type, 1, json};
    const struct cloud_envelope here = {TEXT("1"), TEXT("eu"), 0};
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer envelope = {0};
    struct cloud_event *one;
    size_t count;
    struct error err = {0};

    CHECK_MSG(cloudevents_decode(&message, &arena, &one, &count, &err) == 0, "%s", err.text);
    cloudevents_write_envelope(one, &here, &envelope);
    bool passes = trigger_passes(trigger, one, &arena);
    int matches = pattern_test(pattern, buffer_text(&envelope), &err);
    CHECK_MSG(matches >= 0, "%s", err.text);
    CHECK_MSG(!passes || matches, "%s lets %s pass, its pattern does not", spec, envelope.at);
    CHECK_MSG(!decides || passes == matches, "%s is not decided by its pattern for %s", spec,
              envelope.at);
}

TEST(an_event_that_passes_matches_the_pattern)
{
    unsigned seed = 1, decided = 0;

    for (int i = 0; i < 2000; i++) {
        scoped(buffer_done) struct buffer spec = {0}, out = {0};
        struct error err = {0};
        buffer_add_literal(&spec, "{\"filters\":[");
        add_filter(&seed, 3, &spec);
        buffer_add_literal(&spec, "]}");
        scoped(trigger_free) struct trigger *trigger = compile(spec.at, &err);
        CHECK_MSG(trigger, "%s: %s", spec.at, err.text);
        bool decides = trigger_pattern(trigger, &out);
        scoped(pattern_unref) struct pattern *pattern =
            pattern_compile(buffer_text(&out), NULL, &err);
        CHECK_MSG(pattern, "%s: %s", out.at, err.text);
        decided += decides;
        for (int j = 0; j < 20; j++) {
            scoped(buffer_done) struct buffer json = {0};
            add_event(&seed, &json);
            compare(trigger, pattern, decides, buffer_text(&json), spec.at);
        }
    }
    CHECK(decided > 500 && decided < 1900);
}
