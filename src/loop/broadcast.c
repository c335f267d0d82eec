/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/broadcast.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

struct notice {
    struct loop_message message;
    struct broadcast *broadcast;
    int index;
};
struct broadcast {
    void (*apply)(void *arg, int index);
    void (*done)(void *arg);
    void *arg;
    struct loop *sender;
    atomic_int missing;
    struct loop_message complete;
    struct notice notices[];
};

static void on_complete(struct loop_message *message)
{
    struct broadcast *broadcast = container_of(message, struct broadcast, complete);

    if (broadcast->done)
        broadcast->done(broadcast->arg);
    free(broadcast);
}

/* On each loop; the last one reports back. */
static void on_notice(struct loop_message *message)
{
    struct notice *notice = container_of(message, struct notice, message);
    struct broadcast *broadcast = notice->broadcast;

    broadcast->apply(broadcast->arg, notice->index);
    if (atomic_fetch_sub(&broadcast->missing, 1) == 1)
        loop_post(broadcast->sender, &broadcast->complete);
}

void loop_broadcast(struct loop *const *loops, int count, void (*apply)(void *arg, int index),
                    void (*done)(void *arg), void *arg)
{
    struct broadcast *broadcast =
        mem_zalloc(sizeof *broadcast + (size_t)count * sizeof broadcast->notices[0]);

    assert(count > 0 && loop_current());
    broadcast->apply = apply;
    broadcast->done = done;
    broadcast->arg = arg;
    broadcast->sender = loop_current();
    broadcast->missing = count;
    broadcast->complete.run = on_complete;
    for (int i = 0; i < count; i++) {
        broadcast->notices[i] = (struct notice){{.run = on_notice}, broadcast, i};
        loop_post(loops[i], &broadcast->notices[i].message);
    }
}
