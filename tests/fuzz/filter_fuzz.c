/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "guard/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_filter(const struct filter *filter, struct text query, struct text body)
{
    scoped(arena_done) struct arena arena = {0};
    const struct http_field fields[] = {{TEXT("content-type"), TEXT("application/json")},
                                        {TEXT("x-a"), query}};
    const struct http_request request = {.method = METHOD_POST,
                                         .method_text = TEXT("POST"),
                                         .path = TEXT("/a"),
                                         .query = query,
                                         .fields = fields,
                                         .field_count = 2};
    const struct filter_input input = {
        .request = &request, .path = TEXT("/a"), .body = body, .arena = &arena};
    struct filter_result result;

    filter_request(filter, &input, &result);
    assert(result.status == 0 || result.reason.len > 0);
    filter_answer(filter, 200, TEXT("application/json"), body, &arena, &result);
}

/* Input: settings, a NUL byte, a query, a NUL byte, a body; the settings as a filter's and as
 * typed inputs. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = text_from(data, size), source, query = TEXT_NONE;
    struct error err = {0};

    (void)text_split(&rest, '\0', &source);
    (void)text_split(&rest, '\0', &query);
    scoped(json_decref) json_t *settings = json_parse(source, &err);
    if (!settings)
        return 0;
    scoped(filter_free) struct filter *filter = filter_compile(settings, &err);
    scoped(filter_free) struct filter *typed = filter_compile_types(settings, &err);
    if (filter)
        try_filter(filter, query, rest);
    if (typed)
        try_filter(typed, query, rest);
    return 0;
}
