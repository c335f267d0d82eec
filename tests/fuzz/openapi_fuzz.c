/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi/openapi.h"

#include "base/json.h"
#include "base/scoped.h"
#include "openapi/yaml_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct ids {
    int count;
    char text[16];
};

static struct text new_id(void *arg)
{
    struct ids *ids = arg;

    snprintf(ids->text, sizeof ids->text, "i%d", ids->count++);
    return text_of(ids->text);
}

/* What an import makes is exported, and what comes of that is the same again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ids ids = {0};
    const struct openapi_options options = {size % 3, new_id, &ids};
    struct openapi_import first, second;
    scoped(buffer_done) struct buffer yaml = {0};
    struct error err;

    scoped(json_decref) json_t *document = openapi_parse(text_from(data, size), &err);
    if (!document || openapi_import(document, &options, &first, &err) < 0)
        return 0;
    scoped(json_decref) json_t *once = openapi_export(first.document, true, "");
    openapi_import_done(&first);
    yaml_write(once, &yaml);
    scoped(json_decref) json_t *read = openapi_parse(buffer_text(&yaml), &err);
    assert(read || strstr(err.text, "nested too deep"));
    if (!read)
        return 0;
    assert(json_equal(once, read));
    const struct openapi_options plain = {OPENAPI_IGNORE, new_id, &ids};
    int failed = openapi_import(read, &plain, &second, &err);
    assert(!failed);
    scoped(json_decref) json_t *twice = openapi_export(second.document, true, "");
    openapi_import_done(&second);
    assert(json_equal(once, twice));
    return 0;
}
