/* SPDX-License-Identifier: Apache-2.0 */
#include "source/mapping_priv.h"

#include "test.h"

TEST(a_function_says_which_messages_failed)
{
    static const struct {
        const char *answer;
        bool is_understood;
        const char *failed; /* of the messages "a", "b" and "c" */
    } cases[] = {
        {"", true, ""},
        {"null", true, ""},
        {"{}", true, ""},
        {"{\"batchItemFailures\":null}", true, ""},
        {"{\"batchItemFailures\":[]}", true, ""},
        {"{\"other\":1}", true, ""},
        {"{\"batchItemFailures\":[{\"itemIdentifier\":\"b\"}]}", true, "b"},
        {"{\"batchItemFailures\":[{\"itemIdentifier\":\"c\"},{\"itemIdentifier\":\"a\"}]}", true,
         "ac"},
        {"{\"batchItemFailures\":[{\"itemIdentifier\":\"\"}]}", false, ""},
        {"{\"batchItemFailures\":[{\"itemIdentifier\":null}]}", false, ""},
        {"{\"batchItemFailures\":[{\"foo\":\"a\"}]}", false, ""},
        {"{\"batchItemFailures\":[\"a\"]}", false, ""},
        {"{\"batchItemFailures\":[{\"itemIdentifier\":\"d\"}]}", false, ""},
        {"{\"batchItemFailures\":{}}", false, ""},
        {"\"done\"", false, ""},
        {"no json", false, ""},
    };
    static const struct text ids[] = {TEXT("a"), TEXT("b"), TEXT("c")};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool failed[3] = {false};
        bool is_understood = answer_failures(text_of(cases[i].answer), ids, 3, failed);
        CHECK_MSG(is_understood == cases[i].is_understood, "%s", cases[i].answer);
        for (size_t j = 0; is_understood && j < 3; j++)
            CHECK_MSG(failed[j] == (strchr(cases[i].failed, "abc"[j]) != NULL), "%s",
                      cases[i].answer);
    }
}
