/* SPDX-License-Identifier: Apache-2.0 */
#include "router/transform.h"

#include "base/json.h"
#include "base/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct transform *compile(struct text path, struct text template, struct error *err)
{
    scoped(json_decref) json_t *target = json_pack(
        "{s:s, s:{s:{s:o, s:s}, s:o}}", "Id", "t1", "InputTransformer", "InputPathsMap", "a",
        json_from_text(path), "d", "$.detail", "InputTemplate", json_from_text(template));

    assert(target);
    return transform_compile(target, err);
}

/* Input: a path, a NUL, a template with <a> and <d>, a NUL, an event. A filled in JSON
 * template is JSON; what is not delivered leaves no trace. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct transform_facts facts = {TEXT("arn:r"), TEXT("r"), 0};
    struct text event = text_from(data, size), path, template;
    scoped(buffer_done) struct buffer out = {0};
    struct error err;

    if (!text_split(&event, '\0', &path) || !text_split(&event, '\0', &template))
        return 0;
    scoped(transform_free) struct transform *transform = compile(path, template, &err);
    if (!transform)
        return 0;
    if (transform_apply(transform, event, &facts, &out, &err) < 0) {
        assert(out.len == 0 && err.text[0]);
        return 0;
    }
    if (template.at[0] == '{' && text_is_utf8(event)) {
        scoped(buffer_done) struct buffer why = {0};
        assert(json_check(buffer_text(&out), &why));
    }
    return 0;
}
