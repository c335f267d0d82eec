/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/text.h"

/*
 * Actions of the daemon's own API that are asked for from within, in the owner's name: what an
 * integration with a service does. The API fills the table in; used on the loop it is of.
 */
struct service_call {
    /* Once, possibly before call() returns: what the action has to do is done, and durable when
     * status says so. The texts are gone when it returns. */
    void (*done)(struct service_call *call, int status, struct text type, struct text body);
    const char *target; /* as in X-Amz-Target: "AmazonSQS.SendMessage" */
    json_t *input;      /* an object; taken */
    struct text trace;  /* X-Amzn-Trace-Id of the request behind it; until done */
    int hops;           /* functions the chain went through */
    void *own;          /* private */
};

struct services {
    void (*call)(struct services *services, struct service_call *call);
    /* done() does not come any more; the action goes on. */
    void (*cancel)(struct services *services, struct service_call *call);
};
