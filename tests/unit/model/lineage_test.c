/* SPDX-License-Identifier: Apache-2.0 */
#include "model/lineage.h"

#include "base/scoped.h"
#include "test.h"

#define ROOT "Root=1-5759e988-bd862e3fe1be46a994272793"

TEST(a_given_trace_goes_on)
{
    char out[LINEAGE_TRACE_MAX];

    lineage_make(TEXT(ROOT ";Parent=53995c3f42cd8ad8;Sampled=1;Lineage=3:abcd:0"), 4, out);
    CHECK(text_starts(text_of(out), TEXT(ROOT ";Parent=53995c3f42cd8ad8;Sampled=1;Lineage=4:")));
    CHECK(lineage_hops(text_of(out)) == 4);
}

TEST(what_is_no_trace_is_replaced)
{
    static const char *const bad[] = {"", "nonsense", "Root=1-x\r\nA: b",
                                      "Root=", "Parent=1;Root=;"};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char out[LINEAGE_TRACE_MAX];
        lineage_make(text_of(bad[i]), 0, out);
        CHECK_MSG(text_starts(text_of(out), TEXT("Root=1-")), "'%s': %s", bad[i], out);
        CHECK(!text_contains(text_of(out), '\r') && strlen(out) < LINEAGE_TRACE_MAX);
    }
}

TEST(hops_are_read_with_care)
{
    CHECK(lineage_hops(TEXT(ROOT ";Lineage=16:ab:0")) == 16);
    CHECK(lineage_hops(TEXT(ROOT)) == 0);
    CHECK(lineage_hops(TEXT("Lineage=-1:ab:0")) == 0);
    CHECK(lineage_hops(TEXT("Lineage=99999999999999999999:ab")) == 0);
}
