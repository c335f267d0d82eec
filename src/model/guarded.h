/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "base/scoped.h"
#include "base/text.h"

/*
 * What function.yaml says about the requests a function takes (the guard of guard/guard.h, as
 * JSON), and, once somebody needed it, what that was compiled to. Counted: snapshots of a function
 * share it as long as the file says the same, so that it is compiled once. Any thread.
 */
struct guarded {
    atomic_int refs;
    char *source;
    _Atomic(void *) compiled; /* NULL: not yet */
    void (*_Atomic free)(void *compiled);
};

struct guarded *guarded_new(struct text source);
struct guarded *guarded_ref(struct guarded *guarded); /* NULL: NULL */
void guarded_unref(struct guarded *guarded);          /* NULL does nothing */
DEFINE_SCOPED(struct guarded *, guarded_unref)

/* Takes compiled, which free_compiled() will free, unless another thread was first: then it is
 * freed at once. What holds. */
void *guarded_settle(struct guarded *guarded, void *compiled, void (*free_compiled)(void *));
