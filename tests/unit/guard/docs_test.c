/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/docs.h"

#include "base/scoped.h"

#include "test.h"

TEST(a_scope_is_one_of_three_words)
{
    static const struct {
        const char *word;
        enum docs_scope scope;
    } good[] = {{"open", DOCS_OPEN}, {"all", DOCS_ALL}, {"off", DOCS_OFF}};
    struct error err = {0};

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        json_t *part = json_string(good[i].word);
        struct docs *docs = docs_compile(part, &err);
        CHECK_MSG(docs && docs->scope == good[i].scope, "%s", good[i].word);
        docs_free(docs);
        json_decref(part);
    }
    json_t *const bad[] = {json_string("none"), json_string(""), json_true(), json_object()};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(!docs_compile(bad[i], &err) && strstr(err.text, "docs must be open, all or off"));
        json_decref(bad[i]);
    }
}
