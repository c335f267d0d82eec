/* SPDX-License-Identifier: Apache-2.0 */
#include "router/address.h"

#include "base/scoped.h"

#include "test.h"

TEST(addresses_are_read_as_java_reads_them)
{
    static const struct {
        const char *text;
        unsigned len; /* 0: none */
        uint8_t bytes[16];
    } cases[] = {
        {"10.0.0.1", 4, {10, 0, 0, 1}},
        {"010.000.0.01", 4, {10, 0, 0, 1}},
        {"255.255.255.255", 4, {255, 255, 255, 255}},
        {"256.0.0.1", 0, {0}},
        {"1.2.3", 0, {0}},
        {"1.2.3.4.5", 0, {0}},
        {"1..2.3", 0, {0}},
        {"1.2.3.", 0, {0}},
        {"0000000010.1.1.1", 0, {0}},
        {"::", 16, {0}},
        {"::1", 16, {[15] = 1}},
        {"1::", 16, {[1] = 1}},
        {"2001:DB8::a:1", 16, {0x20, 0x01, 0x0d, 0xb8, [13] = 10, [15] = 1}},
        {"1:2:3:4:5:6:7:8", 16, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"::ffff:a00:1", 4, {10, 0, 0, 1}},
        {"1:2:3:4:5:6:7", 0, {0}},
        {"1:2:3:4:5:6:7:8:9", 0, {0}},
        {"1::2::3", 0, {0}},
        {":1::", 0, {0}},
        {"1:", 0, {0}},
        {":", 0, {0}},
        {"12345::", 0, {0}},
        {"g::", 0, {0}},
        {"", 0, {0}},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct address address = {0};
        bool parsed = address_parse(text_of(cases[i].text), &address);
        CHECK_MSG(parsed == (cases[i].len > 0), "'%s'", cases[i].text);
        CHECK_MSG(!parsed || (address.len == cases[i].len &&
                              memcmp(address.bytes, cases[i].bytes, address.len) == 0),
                  "'%s'", cases[i].text);
    }
}

TEST(a_mask_clears_what_is_behind_it)
{
    static const struct {
        unsigned bits;
        uint8_t bytes[4];
    } cases[] = {{32, {255, 255, 255, 255}}, {25, {255, 255, 255, 128}}, {24, {255, 255, 255, 0}},
                 {9, {255, 128, 0, 0}},      {1, {128, 0, 0, 0}},        {0, {0, 0, 0, 0}}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct address address = {{255, 255, 255, 255}, 4};
        address_mask(&address, cases[i].bits);
        CHECK_MSG(memcmp(address.bytes, cases[i].bytes, 4) == 0, "/%u", cases[i].bits);
    }
}
