/* SPDX-License-Identifier: Apache-2.0 */
#include "model/invocation.h"

#include <pthread.h>

#include "base/mem.h"

/*
 * One is made for each request, so a thread keeps the last ones with their buffers. They
 * are freed when the thread ends.
 */
#define KEPT_MAX 256
#define KEPT_BUFFER_BYTES (16 << 10) /* larger buffers go back to the allocator */

struct kept {
    struct invocation *first; /* linked by link.next */
    size_t count;
};

static pthread_key_t kept_key;
static pthread_once_t kept_once = PTHREAD_ONCE_INIT;
static _Thread_local struct kept *kept;

static struct invocation *next_kept(const struct invocation *invocation)
{
    return invocation->link.next ? container_of(invocation->link.next, struct invocation, link)
                                 : NULL;
}

static void destroy(struct invocation *invocation)
{
    buffer_done(&invocation->payload);
    buffer_done(&invocation->client_context);
    buffer_done(&invocation->response);
    buffer_done(&invocation->log_tail);
    free(invocation);
}

static void on_thread_end(void *value)
{
    struct kept *pool = value;

    kept = NULL;
    while (pool->first) {
        struct invocation *invocation = pool->first;

        pool->first = next_kept(invocation);
        destroy(invocation);
    }
    free(pool);
}

static void make_key(void)
{
    int failed = pthread_key_create(&kept_key, on_thread_end);

    assert(!failed);
}

static struct kept *kept_here(void)
{
    if (!kept) {
        pthread_once(&kept_once, make_key);
        kept = mem_new(struct kept);
        pthread_setspecific(kept_key, kept);
    }
    return kept;
}

static struct invocation *take_kept(void)
{
    struct kept *pool = kept_here();
    struct invocation *invocation = pool->first;

    if (!invocation)
        return mem_new(struct invocation);
    pool->first = next_kept(invocation);
    pool->count--;
    invocation->link = (struct list){0};
    return invocation;
}

struct invocation *invocation_new(const struct version *version)
{
    struct invocation *invocation = take_kept();

    invocation->version = version_ref(version);
    invocation->home = loop_current();
    crypto_uuid(invocation->request_id);
    return invocation;
}

void invocation_by(struct invocation *invocation, struct text qualifier)
{
    bool is_alias =
        qualifier.len > 0 && !text_equal(qualifier, text_of(invocation->version->number));

    free(invocation->alias);
    invocation->alias = is_alias ? text_dup(qualifier) : NULL;
}

static struct buffer recycle(struct buffer *buffer)
{
    buffer_recycle(buffer, KEPT_BUFFER_BYTES);
    return *buffer;
}

void invocation_free(struct invocation *invocation)
{
    if (!invocation)
        return;
    if (invocation->home)
        loop_assert_here(invocation->home);
    version_unref(invocation->version);
    free(invocation->alias);

    struct kept *pool = kept_here();
    if (pool->count == KEPT_MAX) {
        destroy(invocation);
        return;
    }
    *invocation = (struct invocation){
        .payload = recycle(&invocation->payload),
        .client_context = recycle(&invocation->client_context),
        .response = recycle(&invocation->response),
        .log_tail = recycle(&invocation->log_tail),
        .link = {.next = pool->first ? &pool->first->link : NULL},
    };
    pool->first = invocation;
    pool->count++;
}
