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
