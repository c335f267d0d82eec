/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cesql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: an expression, and behind a NUL the value of the attribute "x". Evaluated twice it
 * comes to the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text value = text_from(data, size), source;
    struct error err;

    if (!text_split(&value, '\0', &source))
        return 0;
    const struct cloud_attribute attributes[] = {
        {TEXT("id"), TEXT("1"), CLOUD_STRING},
        {TEXT("n"), TEXT("-2147483648"), CLOUD_INTEGER},
        {TEXT("b"), TEXT("true"), CLOUD_BOOLEAN},
        {TEXT("x"), value, CLOUD_STRING},
    };
    const struct cloud_event event = {.attributes = attributes, .count = COUNT_OF(attributes)};
    scoped(cesql_free) struct cesql *cesql = cesql_compile(source, &err);
    if (!cesql)
        return 0;
    scoped(arena_done) struct arena arena = {0};
    struct cesql_value once, again;
    unsigned errors = cesql_evaluate(cesql, &event, &arena, &once);
    unsigned errors_again = cesql_evaluate(cesql, &event, &arena, &again);
    assert(errors == errors_again && once.kind == again.kind);
    assert(once.kind != CESQL_STRING || text_equal(once.string, again.string));
    return 0;
}
