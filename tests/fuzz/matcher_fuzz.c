/* SPDX-License-Identifier: Apache-2.0 */
#include "router/matcher.h"
#include "router/pattern.h"
#include "router/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1, 0, or -1 when it is no event. */
static int scan_with(scan_event_f *scan, struct index *index, struct text event,
                     struct match_scratch *scratch)
{
    const uint64_t *const removed[] = {NULL};
    struct error err = {0};

    evaluation_begin(scratch, 1, &index, removed);
    if (scan(event, scratch, &err) < 0 || evaluation_end(scratch, &err) < 0) {
        assert(err.text[0]);
        return -1;
    }
    return scratch->id_count > 0;
}

/*
 * Input: a pattern, a line feed, an event. Whatever the instructions, the scanner finds the
 * same; and what passes for an event when every byte is checked matches as it does when only
 * the necessary is.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text input = text_from(data, size);
    size_t line = text_find(input, '\n');
    struct text event = text_skip(input, line + 1);
    struct error err;
    scoped(pattern_unref) struct pattern *pattern =
        pattern_compile(text_slice(input, 0, line), NULL, &err);

    if (!pattern)
        return 0;
    scoped(index_unref) struct index *index = index_new(&(struct matcher_rule){1, pattern}, 1);
    scoped(match_scratch_free) struct match_scratch *scratch = match_scratch_new();
    int plain = scan_with(scan_event_plain, index, event, scratch);
    for (unsigned i = 0; scan_event_variant(i); i++)
        assert(scan_with(scan_event_variant(i), index, event, scratch) == plain);
    int tested = pattern_test(pattern, event, &err);
    assert(tested < 0 || tested == plain);
    return 0;
}
