/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "model/shape.h"

/*
 * Answers a line '[SCHEMA, VALUE...]' with a line: a word a value, "yes" or "no" for whether it
 * fits, or "refused: REASON" for a schema that is not taken.
 */

static void answer(const json_t *question)
{
    struct error err = {0};
    scoped(shape_free) struct shape *shape = shape_compile(json_array_get(question, 0), NULL, &err);

    if (!shape) {
        printf("refused: %s\n", err.text);
        return;
    }
    for (size_t i = 1; i < json_array_size(question); i++)
        printf("%s ", shape_check(shape, json_array_get(question, i), NULL) ? "yes" : "no");
    printf("\n");
}

int main(void)
{
    scoped(free) char *line = NULL;
    size_t capacity = 0;
    ssize_t len;

    while ((len = getline(&line, &capacity, stdin)) > 0) {
        struct error err = {0};
        scoped(json_decref) json_t *question = json_parse(text_from(line, (size_t)len), &err);
        if (question)
            answer(question);
        else
            printf("unreadable: %s\n", err.text);
    }
    return 0;
}
