/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define ROOT "Root=1-67891233-abcdef012345678912345678"

TEST(a_request_without_a_trace_gets_a_root_of_its_own)
{
    char a[TRACE_BYTES], b[TRACE_BYTES];

    trace_make(TEXT_NONE, 0, 0x67891233 * 1000ll + 999, a);
    trace_make(TEXT_NONE, 0, 0x67891233 * 1000ll, b);
    CHECK(text_starts(text_of(a), TEXT("Root=1-67891233-")) && strlen(a) == sizeof ROOT - 1);
    CHECK(strcmp(a, b) != 0);
}

TEST(only_the_well_formed_parts_of_a_clients_trace_are_taken)
{
    static const struct {
        const char *given, *want; /* want "": a new one */
    } cases[] = {
        {ROOT, ROOT},
        {ROOT ";Parent=53995c3f42cd8ad8;Sampled=1", ROOT ";Parent=53995c3f42cd8ad8;Sampled=1"},
        {"Sampled=0; " ROOT, ROOT ";Sampled=0"},
        {"Self=1-67891234-12456789abcdef012345678a;" ROOT,
         ROOT ";Self=1-67891234-12456789abcdef012345678a"},
        {ROOT ";Lineage=1:73f724a8:0", ROOT},
        {ROOT ";Parent=short;Sampled=2;X=\"\r\n", ROOT},
        {ROOT ";" ROOT, ROOT},
        {"", ""},
        {"Root=1-67891233-abcdef01234567891234567", ""},
        {"Root=1-67891233-abcdef01234567891234567g", ""},
        {"Root=2-67891233-abcdef012345678912345678", ""},
        {"root=1-67891233-abcdef012345678912345678", ""},
        {"Parent=53995c3f42cd8ad8", ""},
        {"\"", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char trace[TRACE_BYTES];
        trace_make(text_of(cases[i].given), 0, 1000, trace);
        if (cases[i].want[0])
            CHECK_TEXT(text_of(trace), cases[i].want);
        else
            CHECK_MSG(text_starts(text_of(trace), TEXT("Root=1-00000001-")), "%s", trace);
    }
}

TEST(hops_are_counted_in_the_lineage)
{
    static const struct {
        const char *given;
        int hops;
    } cases[] = {
        {"", 0},
        {ROOT, 0},
        {ROOT ";Lineage=3:73f724a8:0", 3},
        {"Lineage=12:x; " ROOT, 12},
        {ROOT ";Lineage=:x", 0},
        {ROOT ";Lineage=-1:x", 0},
        {ROOT ";Lineage=99999999999999999999:x", 0},
    };
    char trace[TRACE_BYTES];

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(trace_hops(text_of(cases[i].given)) == cases[i].hops, "%s", cases[i].given);
    trace_make(TEXT(ROOT ";Lineage=3:73f724a8:0"), 4, 1000, trace);
    CHECK_TEXT(text_of(trace), ROOT ";Lineage=4:00000000:0");
    trace_make(TEXT_NONE, 16, 1000, trace);
    CHECK(trace_hops(text_of(trace)) == 16);
    trace_make(
        TEXT("Self=1-67891234-12456789abcdef012345678a;Parent=53995c3f42cd8ad8;Sampled=1;" ROOT),
        16, 1000, trace);
    CHECK(trace_hops(text_of(trace)) == 16); /* the longest there can be has room */
}

#define TRACE_ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

/* What becomes of a request with these header lines. */
static void begin(const char *lines, struct arena *arena, char trace[static TRACE_BYTES],
                  struct trace_context *context)
{
    struct http_field fields[HTTP_FIELDS_MAX];
    struct http_request request;
    scoped(free) char *head = mem_format("GET /\nhost: h\n%s", lines);

    struct text whole = text_of(head); /* the last line has no end */
    fixture_parse(&request, fields, arena_string(arena, text_slice(whole, 0, whole.len - 1)));
    trace_begin(&request, 0, 1000, arena, trace, context);
}

TEST(a_traceparent_becomes_the_trace_with_a_new_span)
{
    char trace[TRACE_BYTES];
    struct trace_context context;
    struct arena arena = {0};

    begin("traceparent: 00-" TRACE_ID "-" SPAN "-01\ntracestate: a=1\ntracestate: b@c=2\n", &arena,
          trace, &context);
    struct text span = text_slice(text_of(context.parent), 36, 52);
    CHECK(text_starts(text_of(context.parent), TEXT("00-" TRACE_ID "-")));
    CHECK(text_ends(text_of(context.parent), TEXT("-01")));
    CHECK(span.len == 16 && !text_equal(span, TEXT(SPAN)));
    CHECK_TEXT(context.state, "a=1,b@c=2");
    scoped(free) char *want = mem_format("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=%.*s;"
                                         "Sampled=1",
                                         TEXT_ARG(span));
    CHECK_TEXT(text_of(trace), want);
    arena_done(&arena);
}

TEST(an_amazon_trace_becomes_a_traceparent)
{
    char trace[TRACE_BYTES];
    struct trace_context context;
    struct arena arena = {0};

    begin("x-amzn-trace-id: Root=1-67891233-ABCDEF012345678912345678;Sampled=1\n"
          "tracestate: a=1\n",
          &arena, trace, &context);
    CHECK(text_starts(text_of(context.parent), TEXT("00-67891233abcdef012345678912345678-")));
    CHECK(text_ends(text_of(context.parent), TEXT("-01")));
    CHECK(context.state.len == 0); /* of no traceparent */
    begin("", &arena, trace, &context);
    CHECK(text_starts(text_of(trace), TEXT("Root=1-00000001-")));
    CHECK(text_starts(text_of(context.parent), TEXT("00-00000001")));
    CHECK(text_ends(text_of(context.parent), TEXT("-00")));
    arena_done(&arena);
}

TEST(only_a_valid_traceparent_is_taken)
{
    static const struct {
        const char *lines;
        bool is_taken;
    } cases[] = {
        {"traceparent: 00-" TRACE_ID "-" SPAN "-00\n", true},
        {"traceparent: 00-" TRACE_ID "-" SPAN "-ff\n", true},
        {"traceparent: 01-" TRACE_ID "-" SPAN "-01-more\n", true},
        {"traceparent: cc-" TRACE_ID "-" SPAN "-01\n", true},
        {"traceparent: 00-" TRACE_ID "-" SPAN "-01-more\n", false},
        {"traceparent: 01-" TRACE_ID "-" SPAN "-01.more\n", false},
        {"traceparent: ff-" TRACE_ID "-" SPAN "-01\n", false},
        {"traceparent: 00-" TRACE_ID "-" SPAN "-1\n", false},
        {"traceparent: 00-" TRACE_ID "-" SPAN "-0G\n", false},
        {"traceparent: 00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01\n", false},
        {"traceparent: 00-00000000000000000000000000000000-" SPAN "-01\n", false},
        {"traceparent: 00-" TRACE_ID "-0000000000000000-01\n", false},
        {"traceparent: 00_" TRACE_ID "-" SPAN "-01\n", false},
        {"traceparent: 00-" TRACE_ID "-" SPAN "-01\ntraceparent: 00-" TRACE_ID "-" SPAN "-01\n",
         false},
        {"traceparent: \n", false},
    };
    struct arena arena = {0};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char trace[TRACE_BYTES];
        struct trace_context context;
        begin(cases[i].lines, &arena, trace, &context);
        CHECK_MSG(text_starts(text_of(context.parent), TEXT("00-" TRACE_ID)) == cases[i].is_taken,
                  "%s: %s", cases[i].lines, context.parent);
        CHECK(strlen(context.parent) == TRACEPARENT_LEN);
    }
    arena_done(&arena);
}

TEST(a_tracestate_that_is_none_is_dropped)
{
    static const struct {
        const char *given;
        bool is_taken;
    } cases[] = {
        {"congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", true},
        {"a=1, ,b=2", true},
        {"0a/b*c_d-e@vendor=x y", true},
        {"a=1,a=2", false},
        {"a", false},
        {"a=", false},
        {"=1", false},
        {"A=1", false},
        {"_a=1", false},
        {"a=1=2", false},
        {"a@=1", false},
        {"@b=1", false},
        {"a@b@c=1", false},
        {"", false},
        {"a=1,b=\x80", false},
    };
    struct arena arena = {0};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char trace[TRACE_BYTES];
        struct trace_context context;
        begin(arena_format(&arena, "traceparent: 00-" TRACE_ID "-" SPAN "-01\ntracestate: %s\n",
                           cases[i].given),
              &arena, trace, &context);
        CHECK_MSG((context.state.len > 0) == cases[i].is_taken, "%s", cases[i].given);
    }
    arena_done(&arena);
}
