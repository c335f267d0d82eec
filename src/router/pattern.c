/* SPDX-License-Identifier: Apache-2.0 */
#include "router/pattern.h"

#include "base/mem.h"
#include "model/limits.h"
#include "router/pattern_priv.h"

static void tell(struct text message, size_t reason_len, struct buffer *ret_message,
                 struct error *err)
{
    struct text reason = text_slice(message, 0, reason_len);

    if (ret_message) {
        buffer_add_literal(ret_message, "Event pattern is not valid. Reason: ");
        buffer_add_text(ret_message, message);
    }
    (void)error_set(err, ERROR_INVALID, "%.*s", TEXT_ARG(reason));
}

struct pattern *pattern_compile(struct text source, struct buffer *ret_message, struct error *err)
{
    if (source.len > LIMIT_PATTERN_BYTES) {
        struct text reason = TEXT("Event pattern is too long");
        tell(reason, reason.len, ret_message, err);
        err->code = ERROR_LIMIT;
        return NULL;
    }
    scoped(pattern_unref) struct pattern *pattern = mem_new(struct pattern);
    scoped(buffer_done) struct buffer message = {0};
    size_t reason_len = 0;
    atomic_init(&pattern->references, 1);
    if (pattern_parse(source, pattern, &message, &reason_len) < 0) {
        tell(buffer_text(&message), reason_len, ret_message, err);
        return NULL;
    }
    return take(pattern);
}

struct pattern *pattern_ref(struct pattern *pattern)
{
    atomic_fetch_add_explicit(&pattern->references, 1, memory_order_relaxed);
    return pattern;
}

void pattern_unref(struct pattern *pattern)
{
    if (!pattern || atomic_fetch_sub_explicit(&pattern->references, 1, memory_order_acq_rel) != 1)
        return;
    arena_done(&pattern->arena);
    free(pattern);
}
