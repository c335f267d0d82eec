/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scoped.h"
#include "source/queue.h"
#include "test.h"

#define LANE TEXT("queue/000000000000/us-east-1/work")

TEST(a_handle_is_what_it_was_made_of)
{
    static const struct queue_handle handles[] = {
        {0, 0}, {1, 1}, {UINT64_MAX, UINT32_MAX}, {1ull << 40, 7}};

    for (size_t i = 0; i < COUNT_OF(handles); i++) {
        char text[QUEUE_HANDLE_LEN + 1];
        struct queue_handle got;

        queue_handle_format(LANE, handles[i], text);
        CHECK(strlen(text) == QUEUE_HANDLE_LEN);
        CHECK(queue_handle_parse(LANE, text_of(text), &got));
        CHECK(got.id == handles[i].id && got.receives == handles[i].receives);
    }
}

TEST(a_handle_of_another_queue_or_a_changed_one_is_none)
{
    const struct queue_handle handle = {77, 2};
    char text[QUEUE_HANDLE_LEN + 1];
    struct queue_handle got;

    queue_handle_format(LANE, handle, text);
    CHECK(!queue_handle_parse(TEXT("queue/000000000000/us-east-1/work2"), text_of(text), &got));
    for (size_t i = 0; i < QUEUE_HANDLE_LEN; i++) {
        char kept = text[i];
        text[i] = kept == 'B' ? 'C' : 'B';
        CHECK_MSG(!queue_handle_parse(LANE, text_of(text), &got), "character %zu", i);
        text[i] = kept;
        CHECK(!queue_handle_parse(LANE, text_from(text, i), &got));
    }
    CHECK(!queue_handle_parse(LANE, TEXT("HANDLE"), &got));
    CHECK(!queue_handle_parse(LANE, TEXT_NONE, &got));
}
