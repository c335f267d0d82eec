/* SPDX-License-Identifier: Apache-2.0 */
#include "model/guarded.h"

#include "base/mem.h"

struct guarded *guarded_new(struct text source)
{
    struct guarded *guarded = mem_new(struct guarded);

    atomic_init(&guarded->refs, 1);
    guarded->source = text_dup(source);
    return guarded;
}

struct guarded *guarded_ref(struct guarded *guarded)
{
    if (guarded)
        atomic_fetch_add_explicit(&guarded->refs, 1, memory_order_relaxed);
    return guarded;
}

void guarded_unref(struct guarded *guarded)
{
    if (!guarded || atomic_fetch_sub_explicit(&guarded->refs, 1, memory_order_acq_rel) != 1)
        return;
    void *compiled = atomic_load_explicit(&guarded->compiled, memory_order_relaxed);
    if (compiled)
        atomic_load (&guarded->free)(compiled);
    free(guarded->source);
    free(guarded);
}

void *guarded_settle(struct guarded *guarded, void *compiled, void (*free_compiled)(void *))
{
    void *before = NULL;

    atomic_store(&guarded->free, free_compiled); /* the same whoever is first */
    if (atomic_compare_exchange_strong(&guarded->compiled, &before, compiled))
        return compiled;
    free_compiled(compiled);
    return before;
}
