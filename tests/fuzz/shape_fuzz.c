/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "model/shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a schema, a NUL byte, a value. A schema is compiled or refused with a reason; a value
 * fits, or something is wrong with it; defaults go in. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = text_from(data, size), source;
    struct error err = {0};

    (void)text_split(&rest, '\0', &source);
    scoped(json_decref) json_t *schema = json_parse(source, &err);
    scoped(json_decref) json_t *value = json_parse(rest, &err);
    if (!schema)
        return 0;
    scoped(shape_free) struct shape *shape = shape_compile(schema, NULL, &err);
    assert(shape || err.text[0]);
    if (!shape || !value)
        return 0;
    scoped(arena_done) struct arena arena = {0};
    struct shape_report report = {.arena = &arena};
    bool fits = shape_check(shape, value, &report);
    assert(fits == (report.count == 0));
    (void)shape_fill(shape, value);
    return 0;
}
