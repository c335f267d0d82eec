/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/mem.h"
#include "http/http_priv.h"

struct http_pool *http_pool_ref(struct loop *loop)
{
    void **slot = loop_slot(loop, LOOP_SLOT_HTTP);

    if (!*slot) {
        struct http_pool *pool = mem_new(struct http_pool);
        pool->loop = loop;
        *slot = pool;
    }
    struct http_pool *pool = *slot;
    pool->users++;
    return pool;
}

void http_pool_unref(struct http_pool *pool)
{
    if (--pool->users > 0)
        return;
    *loop_slot(pool->loop, LOOP_SLOT_HTTP) = NULL;
    while (pool->blocks)
        free(http_pool_take_block(pool));
    while (pool->output_count > 0)
        buffer_done(&pool->outputs[--pool->output_count]);
    buffer_done(&pool->large_output);
    while (pool->arena_count > 0)
        arena_done(&pool->arenas[--pool->arena_count]);
    free(pool);
}

struct input_block *http_pool_take_block(struct http_pool *pool)
{
    struct input_block *block = pool->blocks;

    if (!block) /* not zeroed: most of it is never touched */
        return mem_alloc(sizeof(struct input_block));
    pool->blocks = block->next;
    pool->block_count--;
    return block;
}

void http_pool_give_block(struct http_pool *pool, struct input_block *block)
{
    if (pool->block_count == POOL_BLOCKS_MAX) {
        free(block);
        return;
    }
    block->next = pool->blocks;
    pool->blocks = block;
    pool->block_count++;
}

struct buffer http_pool_take_output(struct http_pool *pool)
{
    return pool->output_count > 0 ? buffer_take(&pool->outputs[--pool->output_count])
                                  : buffer_take(&pool->large_output);
}

void http_pool_give_output(struct http_pool *pool, struct buffer *output)
{
    buffer_clear(output);
    if (output->capacity <= POOL_OUTPUT_BYTES && pool->output_count < POOL_OUTPUTS_MAX)
        pool->outputs[pool->output_count++] = buffer_take(output);
    else if (output->capacity <= POOL_LARGE_BYTES && !pool->large_output.capacity)
        pool->large_output = buffer_take(output);
    else
        buffer_done(output);
}

struct arena http_pool_take_arena(struct http_pool *pool)
{
    return pool->arena_count > 0 ? pool->arenas[--pool->arena_count] : (struct arena){0};
}

void http_pool_give_arena(struct http_pool *pool, struct arena *arena)
{
    arena_reset(arena);
    if (arena->blocks && pool->arena_count < POOL_ARENAS_MAX)
        pool->arenas[pool->arena_count++] = *arena;
    else
        arena_done(arena);
    *arena = (struct arena){0};
}

struct text http_pool_date(struct http_pool *pool)
{
    int64_t now_us = loop_now_us(pool->loop);

    if (now_us >= pool->date_until_us) {
        int64_t now_ms = clock_now_ms();
        clock_format_http(now_ms, pool->date);
        pool->date_until_us = now_us + (1000 - now_ms % 1000) * 1000;
    }
    return text_from(pool->date, sizeof "Sat, 31 Jan 2026 12:00:00 GMT" - 1);
}
