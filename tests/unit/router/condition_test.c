/* SPDX-License-Identifier: Apache-2.0 */
#include "router/condition.h"

#include "test.h"

TEST(a_pattern_is_a_pattern_whatever_its_fields_are_called)
{
    static const char *const patterns[] = {"{\"source\":[\"a\"]}", "{\"filters\":[\"a\"]}",
                                           "{\"filter\":{\"attributes\":{\"type\":[\"a\"]}}}",
                                           "{\"filters\":[{\"prefix\":\"a\"}]}"};

    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        struct condition condition;
        struct error err = {0};
        CHECK_MSG(condition_compile(text_of(patterns[i]), &condition, NULL, &err) == 0, "%s: %s",
                  patterns[i], err.text);
        CHECK(condition.pattern && !condition.trigger);
        condition_done(&condition);
    }
}

TEST(filters_are_evaluated_unless_their_pattern_says_it_all)
{
    static const struct {
        const char *source;
        bool is_evaluated;
    } cases[] = {
        {"{\"filters\":[{\"prefix\":{\"type\":\"a\"}}]}", false},
        {"{\"filter\":{\"attributes\":{\"type\":\"a\"}}}", false},
        {"{\"filters\":[{\"cesql\":\"EXISTS subject\"}]}", true},
        {"{\"filter\":null,\"filters\":[{\"not\":{\"exact\":{\"id\":\"1\"}}}]}", true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct condition condition;
        struct error err = {0};
        CHECK_MSG(condition_compile(text_of(cases[i].source), &condition, NULL, &err) == 0,
                  "%s: %s", cases[i].source, err.text);
        CHECK(condition.pattern && (condition.trigger != NULL) == cases[i].is_evaluated);
        condition_done(&condition);
    }
}

TEST(what_is_neither_is_refused_in_the_words_of_what_it_is_nearer_to)
{
    static const struct {
        const char *source, *message;
    } cases[] = {
        {"{\"filters\":[{\"cesql\":\"=\"}]}",
         "Event pattern is not valid. Reason: filters[0].cesql: at character 1: expected a value, "
         "found '='"},
        {"{\"source\":[]}", "Event pattern is not valid. Reason: Empty arrays are not allowed"},
        {"{\"filters\":[{\"exact\":{}}],\"source\":\"a\"}", "Event pattern is not valid. Reason: "},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer message = {0};
        struct condition condition;
        struct error err = {0};
        CHECK(condition_compile(text_of(cases[i].source), &condition, &message, &err) < 0);
        CHECK_MSG(text_starts(buffer_text(&message), text_of(cases[i].message)), "%s", message.at);
        CHECK(err.text[0]);
    }
}
