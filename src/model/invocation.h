/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/list.h"
#include "loop/loop.h"
#include "model/function.h"

/*
 * One invocation: what the function gets and what became of it. Made by who wants it
 * (gateway, API), given to an invoker, and handed back through its sink, always on the
 * loop it came from (home), wherever it ran.
 *
 * A buffered answer: on_done() only, with `response` filled. A streamed answer:
 * on_begin(), on_chunk()..., on_done(). The sink releases the invocation with
 * invocation_free() in or after on_done().
 */
enum invocation_outcome {
    INVOCATION_OK = 0,
    INVOCATION_FUNCTION_ERROR, /* response is the error JSON; Lambda answers 200 with it */
    INVOCATION_THROTTLED,      /* no unit of concurrency or no memory; it did not run */
    INVOCATION_FAILED,         /* the platform failed: message says why; it may have run */
};

struct invocation;

struct invocation_sink {
    /* The function streams. content_type is what its runtime sent. Optional: without it
     * a streamed answer is collected and delivered by on_done. */
    void (*on_begin)(struct invocation *invocation, struct text content_type);
    /* A piece. False: stop sending until invocation_resume(). */
    bool (*on_chunk)(struct invocation *invocation, struct text chunk);
    void (*on_done)(struct invocation *invocation);
};

enum invocation_kind { INVOKE_API, INVOKE_URL, INVOKE_EVENT };

struct invocation {
    /* Given */
    const struct invocation_sink *sink;
    void *owner;                   /* the sink's */
    struct loop *home;             /* where sink functions run */
    const struct version *version; /* counted by the invocation */
    char *alias;                   /* it was invoked by; NULL: by none */
    enum invocation_kind kind;
    char request_id[UUID_LEN + 1];
    struct buffer payload;         /* the event */
    struct buffer client_context;  /* JSON, decoded; may be empty */
    char trace[160];               /* X-Amzn-Trace-Id header's value */
    bool want_log_tail;
    int hops;                      /* how many functions called each other to get here */

    /* Result */
    enum invocation_outcome outcome;
    char error_kind[16];           /* "Unhandled" or "Handled", with FUNCTION_ERROR */
    char reason[200];              /* with FAILED and THROTTLED: a sentence */
    const char *throttle_reason;   /* with THROTTLED: AWS's Reason */
    struct buffer response;        /* not for a streamed answer */
    char content_type[128];        /* of the response, as the runtime sent it; may be "" */
    bool streamed;
    struct buffer log_tail;        /* last LIMIT_LOG_TAIL bytes of its log, if wanted */
    int64_t queued_us, began_us, ended_us; /* monotonic */

    /* The invoker's */
    struct loop_message message;
    struct list link;
    void *place;
    int64_t deadline_ms;           /* wall clock */
    uint32_t state;
    int hand_overs;                /* between shards */
    bool holds_quota;              /* counted among those its function's quota allows */
    bool outlived_instance;        /* given back by one that ended before it had begun */
    bool start_logged;
};

/* From a free list of this thread; the request id is fresh. version gets a reference. */
struct invocation *invocation_new(const struct version *version);
void invocation_free(struct invocation *invocation); /* on its home loop */
/* Says by which qualifier its version was found: the function is told an alias's ARN. */
void invocation_by(struct invocation *invocation, struct text qualifier);

/* Who runs invocations: the engine's shard. */
struct invoker {
    /* Takes the invocation; its sink hears of it, never before this returns. */
    void (*invoke)(struct invoker *invoker, struct invocation *invocation);
    /* After on_chunk said false. */
    void (*resume)(struct invoker *invoker, struct invocation *invocation);
};
