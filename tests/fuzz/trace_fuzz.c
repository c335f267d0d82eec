/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parent(const char *parent)
{
    assert(strlen(parent) == TRACEPARENT_LEN);
    for (size_t i = 0; i < TRACEPARENT_LEN; i++) {
        bool is_dash = i == 2 || i == 35 || i == 52;
        assert(is_dash ? parent[i] == '-'
                       : (parent[i] >= '0' && parent[i] <= '9') ||
                             (parent[i] >= 'a' && parent[i] <= 'f'));
    }
}

/* Input: lines, each the value of a traceparent, a tracestate, an X-Amzn-Trace-Id, and a second
 * tracestate. Whatever came, what the function gets is well-formed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"traceparent", "tracestate", "x-amzn-trace-id",
                                        "tracestate"};
    struct text rest = text_from(data, size), line;
    struct http_field fields[COUNT_OF(names)];
    struct http_request request = {.fields = fields};
    struct trace_context context;
    struct arena arena = {0};
    char trace[TRACE_BYTES];

    while (request.field_count < COUNT_OF(names) && text_split(&rest, '\n', &line)) {
        struct text name = text_of(names[request.field_count]);
        fields[request.field_count++] = (struct http_field){name, line};
    }
    trace_begin(&request, LIMIT_HOPS, 1000, &arena, trace, &context);
    check_parent(context.parent);
    assert(text_starts(text_of(trace), TEXT("Root=1-")) && strlen(trace) < sizeof trace - 1);
    assert(trace_hops(text_of(trace)) == LIMIT_HOPS);
    for (size_t i = 0; i < context.state.len; i++)
        assert(context.state.at[i] >= 0x20 || context.state.at[i] == '\t');
    arena_done(&arena);
    return 0;
}
