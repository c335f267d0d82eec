/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/docs.h"

#include <string.h>

#include "base/mem.h"
#include "base/scoped.h"

struct docs *docs_compile(const json_t *part, struct error *err)
{
    static const char *const names[] = {
        [DOCS_OPEN] = "open", [DOCS_ALL] = "all", [DOCS_OFF] = "off"};
    const char *name = json_string_value(part);

    for (size_t i = 0; name && i < COUNT_OF(names); i++)
        if (strcmp(names[i], name) == 0) {
            struct docs *docs = mem_new(struct docs);
            docs->scope = (enum docs_scope)i;
            return docs;
        }
    error_set(err, ERROR_INVALID, "docs must be open, all or off");
    return NULL;
}

void docs_free(struct docs *docs)
{
    free(docs);
}
