/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ranges.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

static address_number number_of(const char *text)
{
    struct sockaddr_storage peer = {0};
    address_number number;

    if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&peer)->sin_addr) == 1)
        peer.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&peer)->sin6_addr) == 1)
        peer.ss_family = AF_INET6;
    CHECK_MSG(ranges_address(&peer, &number), "%s", text);
    return number;
}

static struct ranges *make(const char *const *networks, size_t count)
{
    struct ranges *ranges = ranges_new();
    struct error err;

    for (size_t i = 0; i < count; i++)
        CHECK_MSG(ranges_add(ranges, text_of(networks[i]), (uint16_t)(i + 1), &err) == 0, "%s",
                  err.text);
    ranges_build(ranges);
    return ranges;
}

TEST(the_most_specific_network_counts_whatever_the_order)
{
    static const char *const networks[] = {"10.1.2.3",  "10.0.0.0/8",    "10.1.0.0/16",
                                           "0.0.0.0/0", "2001:db8::/32", "2001:db8::1",
                                           "::/0"};
    static const struct {
        const char *address;
        uint16_t want;
    } cases[] = {
        {"10.1.2.3", 1},
        {"10.1.2.4", 3},
        {"10.1.2.2", 3},
        {"10.0.255.255", 2},
        {"10.2.0.0", 2},
        {"10.1.0.0", 3},
        {"10.1.255.255", 3},
        {"9.255.255.255", 4},
        {"11.0.0.0", 4},
        {"255.255.255.255", 4},
        {"0.0.0.0", 4},
        {"2001:db8::1", 6},
        {"2001:db8::2", 5},
        {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 5},
        {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", 7},
        {"2001:db9::", 7},
        {"::", 7},
        {"::ffff:10.1.2.3", 1},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 7},
    };
    scoped(ranges_free) struct ranges *ranges = make(networks, COUNT_OF(networks));

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(ranges_find(ranges, number_of(cases[i].address)) == cases[i].want, "%s",
                  cases[i].address);
}

TEST(of_the_same_network_the_later_counts)
{
    static const char *const networks[] = {"10.0.0.0/8", "192.0.2.1", "10.0.0.0/8", "192.0.2.1/32"};
    scoped(ranges_free) struct ranges *ranges = make(networks, COUNT_OF(networks));

    CHECK(ranges_find(ranges, number_of("10.9.9.9")) == 3);
    CHECK(ranges_find(ranges, number_of("192.0.2.1")) == 4);
    CHECK(ranges_find(ranges, number_of("192.0.2.2")) == 0);
}

TEST(nothing_is_in_an_empty_one)
{
    scoped(ranges_free) struct ranges *ranges = make(NULL, 0);

    CHECK(ranges_find(ranges, 0) == 0 && ranges_find(ranges, ~(address_number)0) == 0);
}

TEST(what_is_no_network_is_refused)
{
    static const char *const wrong[] = {
        "",
        "x",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "10.0.0/8",
        "10.0.0.1/8",
        "2001:db8::/129",
        "2001:db8::1/32",
        "10.0.0.0/8 ",
        "10.0.0.0/08x",
        "/8",
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        scoped(ranges_free) struct ranges *ranges = ranges_new();
        struct error err = {0};
        CHECK_MSG(ranges_add(ranges, text_of(wrong[i]), 1, &err) < 0, "'%s'", wrong[i]);
        CHECK(err.code == ERROR_INVALID && err.text[0]);
    }
}

/* Networks of a small world, so that they lie within and beside each other, against the one
 * that a look at each of them finds. */
TEST(found_is_what_a_look_at_each_network_finds)
{
    uint64_t seed = 20261127;

    for (int round = 0; round < 200; round++) {
        scoped(ranges_free) struct ranges *ranges = ranges_new();
        unsigned bases[24], lens[24];
        size_t count = round % COUNT_OF(bases) + 1;
        struct error err;

        for (size_t i = 0; i < count; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            lens[i] = 24 + (unsigned)(seed >> 40) % 9;
            bases[i] = (unsigned)(seed >> 50) % 256 & 0xff00 >> (lens[i] - 24);
            scoped(free) char *network = mem_format("192.0.2.%u/%u", bases[i], lens[i]);
            CHECK_MSG(ranges_add(ranges, text_of(network), (uint16_t)(i + 1), &err) == 0, "%s",
                      err.text);
        }
        ranges_build(ranges);
        for (unsigned host = 0; host < 256; host++) {
            size_t want = 0;
            for (size_t i = 0; i < count; i++)
                if (host >> (32 - lens[i]) == bases[i] >> (32 - lens[i]) &&
                    (want == 0 || lens[i] >= lens[want - 1]))
                    want = i + 1;
            scoped(free) char *address = mem_format("192.0.2.%u", host);
            CHECK_MSG(ranges_find(ranges, number_of(address)) == want, "round %d: %s", round,
                      address);
        }
    }
}

TEST(a_list_is_networks_with_commas)
{
    struct error err = {0};
    scoped(ranges_free) struct ranges *ranges = ranges_of_list(TEXT("192.0.2.0/24,10.0.0.1"), &err);

    CHECK_MSG(ranges, "%s", err.text);
    CHECK(ranges_find(ranges, number_of("192.0.2.200")) == 1);
    CHECK(ranges_find(ranges, number_of("10.0.0.1")) == 1);
    CHECK(ranges_find(ranges, number_of("10.0.0.2")) == 0);
    CHECK(!ranges_of_list(TEXT("10.0.0.1;10.0.0.2"), &err));
}

TEST(a_socket_of_this_machine_has_no_address)
{
    const struct sockaddr_storage peer = {.ss_family = AF_UNIX};
    address_number number;

    CHECK(!ranges_address(&peer, &number));
}
