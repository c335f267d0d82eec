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
    buffer_done(&pool->output);
    arena_done(&pool->arena);
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
