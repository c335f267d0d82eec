/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/scoped.h"
#include "base/text.h"

/*
 * Memory that is freed all at once, at the end of a request, a message or a parse.
 * Single-threaded. {0} is an empty arena; the first block is allocated on first use.
 * arena_reset() keeps one block for the next request.
 */
struct arena {
    struct arena_block *blocks;
    char *at, *end;
};

void *arena_alloc(struct arena *arena, size_t size); /* aligned to 16, not zeroed */
void *arena_zalloc(struct arena *arena, size_t size);
struct text arena_copy(struct arena *arena, struct text text); /* NUL-terminated too, if set */
char *arena_string(struct arena *arena, struct text text);
struct text arena_join(struct arena *arena, const struct text *parts, size_t count); /* likewise */
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *arena);
void arena_done(struct arena *arena);

static inline void arena_done_scoped(struct arena *arena)
{
    arena_done(arena);
}
