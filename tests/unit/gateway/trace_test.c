/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define ROOT "Root=1-67891233-abcdef012345678912345678"

TEST(a_request_without_a_trace_gets_a_root_of_its_own)
{
    char a[TRACE_BYTES], b[TRACE_BYTES];

    trace_make(TEXT_NONE, 0x67891233 * 1000ll + 999, a);
    trace_make(TEXT_NONE, 0x67891233 * 1000ll, b);
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
        trace_make(text_of(cases[i].given), 1000, trace);
        if (cases[i].want[0])
            CHECK_TEXT(text_of(trace), cases[i].want);
        else
            CHECK_MSG(text_starts(text_of(trace), TEXT("Root=1-00000001-")), "%s", trace);
    }
}
