/* SPDX-License-Identifier: Apache-2.0 */
#include "model/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a note. What is accepted is written in one way, and that is accepted again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer first = {0}, second = {0};
    struct note note;
    struct error err;

    if (note_parse(text_from(data, size), &arena, &note, &err) < 0)
        return 0;
    note_format(&note, &first);
    assert(note_parse(buffer_text(&first), &arena, &note, &err) == 0);
    note_format(&note, &second);
    assert(text_equal(buffer_text(&first), buffer_text(&second)));
    return 0;
}
