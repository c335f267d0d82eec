/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>

#include "base/mem.h"

/*
 * Blocks of one size, linked from the newest; allocations are cut from the first.
 * What is too big for the rest of a block without wasting much of it gets a block of
 * its own behind the first, so that the first stays in use.
 */
#define BLOCK_BYTES 8192
#define OWN_BLOCK_BYTES 2048 /* from this size on */
#define ALIGNMENT 16

struct arena_block {
    struct arena_block *next;
    size_t size; /* of bytes */
    _Alignas(ALIGNMENT) char bytes[];
};

static struct arena_block *block_new(size_t size)
{
    struct arena_block *block = mem_alloc(sizeof *block + size);

    block->next = NULL;
    block->size = size;
    return block;
}

static void *alloc_own(struct arena *arena, size_t size)
{
    struct arena_block *block = block_new(size);
    struct arena_block **link = arena->blocks ? &arena->blocks->next : &arena->blocks;

    block->next = *link;
    *link = block;
    return block->bytes;
}

static void add_block(struct arena *arena)
{
    struct arena_block *block = block_new(BLOCK_BYTES - sizeof *block);

    block->next = arena->blocks;
    arena->blocks = block;
    arena->at = block->bytes;
    arena->end = block->bytes + block->size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    assert(size < SIZE_MAX / 2);
    size = ((size ? size : 1) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

    if (size > (size_t)(arena->end - arena->at)) {
        if (size >= OWN_BLOCK_BYTES)
            return alloc_own(arena, size);
        add_block(arena);
    }
    void *memory = arena->at;
    arena->at += size;
    return memory;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

char *arena_string(struct arena *arena, struct text text)
{
    char *copy = arena_alloc(arena, text.len + 1);

    if (text.len)
        memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return copy;
}

struct text arena_copy(struct arena *arena, struct text text)
{
    if (!text_is_set(text))
        return TEXT_NONE;
    return text_from(arena_string(arena, text), text.len);
}

struct text arena_join(struct arena *arena, const struct text *parts, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    char *joined = arena_alloc(arena, len + 1), *at = joined;
    for (size_t i = 0; i < count; i++)
        if (parts[i].len)
            at = mempcpy(at, parts[i].at, parts[i].len);
    *at = '\0';
    return text_from(joined, len);
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    size_t room = (size_t)(arena->end - arena->at);
    int len = vsnprintf(arena->at, room, format, args);
    assert(len >= 0);
    char *string = arena_alloc(arena, (size_t)len + 1); /* arena->at, if it had room */
    if ((size_t)len >= room)
        vsnprintf(string, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return string;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = NULL, *block = arena->blocks;

    while (block) {
        struct arena_block *next = block->next;
        if (!kept && block->size == BLOCK_BYTES - sizeof *block)
            kept = block;
        else
            free(block);
        block = next;
    }
    *arena = (struct arena){.blocks = kept};
    if (kept) {
        kept->next = NULL;
        arena->at = kept->bytes;
        arena->end = kept->bytes + kept->size;
    }
}

void arena_done(struct arena *arena)
{
    struct arena_block *block = arena->blocks;

    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    *arena = (struct arena){0};
}
