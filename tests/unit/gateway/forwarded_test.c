/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forwarded.h"

#include <arpa/inet.h>

#include "base/buffer.h"

#include "test.h"

#define TRUSTED "10.0.0.0/8,2001:db8:aaaa::/48"

static struct ranges *trusted(const char *networks)
{
    struct error err;
    struct ranges *ranges = ranges_of_list(text_of(networks), &err);

    CHECK_MSG(ranges, "%s", err.text);
    return ranges;
}

/* "name: value\n..." of a request that came from peer. Gives "client|chain|proto|port". */
static void read_request(const struct forwarding *forwarding, const char *peer, const char *head,
                         char out[static 600])
{
    struct http_field fields[20];
    struct http_stream stream = {.request = {.fields = fields}};
    char address[FORWARDED_ADDRESS_BYTES];
    struct forwarded got = {.address = address, .port = 8080};
    struct text rest = text_of(head), line;

    struct sockaddr_in *v4 = (struct sockaddr_in *)&stream.peer;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&stream.peer;
    if (strchr(peer, ':')) {
        v6->sin6_family = AF_INET6;
        CHECK(inet_pton(AF_INET6, peer, &v6->sin6_addr) == 1);
    } else if (*peer) {
        v4->sin_family = AF_INET;
        CHECK(inet_pton(AF_INET, peer, &v4->sin_addr) == 1);
    }
    while (rest.len > 0 && text_split(&rest, '\n', &line)) {
        size_t colon = text_find(line, ':');
        fields[stream.request.field_count++] =
            (struct http_field){text_slice(line, 0, colon), text_trim(text_skip(line, colon + 1))};
    }
    forwarded_read(forwarding, &stream, &got);
    char client[FORWARDED_ADDRESS_BYTES];
    forwarded_format(got.client, client);
    CHECK(strcmp(client, address) == 0);
    snprintf(out, 600, "%s|%.*s|%s|%d", address, TEXT_ARG(got.chain),
             got.is_secure ? "https" : "http", got.port);
    arena_done(&stream.arena);
}

struct row {
    const char *peer, *head, *want;
};

static void check(const struct forwarding *forwarding, const struct row *rows, size_t count)
{
    char got[600];

    for (size_t i = 0; i < count; i++) {
        read_request(forwarding, rows[i].peer, rows[i].head, got);
        CHECK_MSG(strcmp(got, rows[i].want) == 0, "row %zu: %s", i, got);
    }
}

TEST(the_client_is_the_first_from_the_right_that_is_not_trusted)
{
    static const struct row rows[] = {
        {"192.0.2.1", "", "192.0.2.1|192.0.2.1|http|8080"},
        {"192.0.2.1", "x-forwarded-for: 6.6.6.6\nx-forwarded-proto: https\nx-forwarded-port: 1",
         "192.0.2.1|192.0.2.1|http|8080"},
        {"", "x-forwarded-for: 6.6.6.6", "127.0.0.1|127.0.0.1|http|8080"},
        {"10.0.0.1", "", "10.0.0.1|10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1", "192.0.2.1|192.0.2.1, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: 6.6.6.6, 192.0.2.1",
         "192.0.2.1|192.0.2.1, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: 6.6.6.6, 192.0.2.1,10.9.9.9 ",
         "192.0.2.1|192.0.2.1, 10.9.9.9, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: 6.6.6.6\nx-forwarded-for: 192.0.2.1",
         "192.0.2.1|192.0.2.1, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: 10.3.3.3, 10.2.2.2", /* all of them */
         "10.3.3.3|10.3.3.3, 10.2.2.2, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1:4711", "192.0.2.1|192.0.2.1, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: [2001:db8::1]:4711",
         "2001:db8::1|2001:db8::1, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: 2001:DB8::0:1",
         "2001:db8::1|2001:db8::1, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: ::ffff:192.0.2.1",
         "192.0.2.1|192.0.2.1, 10.0.0.1|http|8080"},
        {"2001:db8:aaaa::7", "x-forwarded-for: 192.0.2.1",
         "192.0.2.1|192.0.2.1, 2001:db8:aaaa::7|http|8080"},
        {"2001:db8:aaab::7", "x-forwarded-for: 192.0.2.1",
         "2001:db8:aaab::7|2001:db8:aaab::7|http|8080"},
        /* What is no address is nobody: the last that told the truth is the client. */
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1, unknown", "10.0.0.1|10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1, 10.2.2.2, ", "10.0.0.1|10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: 6.6.6.6, bad\"quote, 10.2.2.2",
         "10.2.2.2|10.2.2.2, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: \", 192.0.2.1", "192.0.2.1|192.0.2.1, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: 1.2.3, 10.2.2.2", "10.2.2.2|10.2.2.2, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-for: fe80::1%eth0", "10.0.0.1|10.0.0.1|http|8080"},
        {"10.0.0.1", "forwarded: for=6.6.6.6", "10.0.0.1|10.0.0.1|http|8080"},
    };
    scoped(ranges_free) struct ranges *ranges = trusted(TRUSTED);
    const struct forwarding forwarding = {.trusted = ranges};

    check(&forwarding, rows, COUNT_OF(rows));
}

TEST(nobody_is_believed_without_a_list)
{
    static const struct row rows[] = {
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1\nx-forwarded-proto: https",
         "10.0.0.1|10.0.0.1|http|8080"},
    };
    const struct forwarding forwarding = {0};

    check(&forwarding, rows, COUNT_OF(rows));
}

TEST(protocol_and_port_are_those_of_the_clients_place)
{
    static const struct row rows[] = {
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1\nx-forwarded-proto: https",
         "192.0.2.1|192.0.2.1, 10.0.0.1|https|443"},
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1\nx-forwarded-proto: HTTP",
         "192.0.2.1|192.0.2.1, 10.0.0.1|http|80"},
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1\nx-forwarded-proto: https\nx-forwarded-port: 8443",
         "192.0.2.1|192.0.2.1, 10.0.0.1|https|8443"},
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1\nx-forwarded-port: 81",
         "192.0.2.1|192.0.2.1, 10.0.0.1|http|81"},
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1, 10.2.2.2\nx-forwarded-proto: https, http",
         "192.0.2.1|192.0.2.1, 10.2.2.2, 10.0.0.1|https|443"},
        {"10.0.0.1", "x-forwarded-for: 6.6.6.6, 192.0.2.1\nx-forwarded-proto: http, https",
         "192.0.2.1|192.0.2.1, 10.0.0.1|https|443"},
        {"10.0.0.1", "x-forwarded-for: 192.0.2.1\nx-forwarded-proto: gopher\nx-forwarded-port: 0",
         "192.0.2.1|192.0.2.1, 10.0.0.1|http|8080"},
        {"10.0.0.1", "x-forwarded-proto: https", "10.0.0.1|10.0.0.1|https|443"},
        {"192.0.2.1", "x-forwarded-proto: https", "192.0.2.1|192.0.2.1|http|8080"},
    };
    scoped(ranges_free) struct ranges *ranges = trusted(TRUSTED);
    const struct forwarding forwarding = {.trusted = ranges};

    check(&forwarding, rows, COUNT_OF(rows));
}

TEST(the_standard_header_is_read_where_proxies_write_that)
{
    static const struct row rows[] = {
        {"10.0.0.1", "x-forwarded-for: 6.6.6.6", "10.0.0.1|10.0.0.1|http|8080"},
        {"10.0.0.1", "forwarded: for=192.0.2.1;proto=https;by=203.0.113.43",
         "192.0.2.1|192.0.2.1, 10.0.0.1|https|443"},
        {"10.0.0.1", "forwarded: For=\"[2001:db8:cafe::17]:4711\"",
         "2001:db8:cafe::17|2001:db8:cafe::17, 10.0.0.1|http|8080"},
        {"10.0.0.1", "forwarded: for=6.6.6.6;proto=http, for=192.0.2.1;proto=https,for=10.1.1.1",
         "192.0.2.1|192.0.2.1, 10.1.1.1, 10.0.0.1|https|443"},
        {"10.0.0.1", "forwarded: for=\"a,b;c\\\"\", for=192.0.2.1",
         "192.0.2.1|192.0.2.1, 10.0.0.1|http|8080"},
        /* A client that tries to swallow what the proxy appends */
        {"10.0.0.1", "forwarded: for=\", for=192.0.2.1", "192.0.2.1|192.0.2.1, 10.0.0.1|http|8080"},
        {"10.0.0.1", "forwarded: for=\"\\, for=\"192.0.2.1:80\"",
         "192.0.2.1|192.0.2.1, 10.0.0.1|http|8080"},
        {"10.0.0.1", "forwarded: for=192.0.2.1, for=_hidden", "10.0.0.1|10.0.0.1|http|8080"},
        {"10.0.0.1", "forwarded: proto=https", "10.0.0.1|10.0.0.1|https|443"},
        {"192.0.2.1", "forwarded: for=6.6.6.6;proto=https", "192.0.2.1|192.0.2.1|http|8080"},
    };
    scoped(ranges_free) struct ranges *ranges = trusted(TRUSTED);
    const struct forwarding forwarding = {.trusted = ranges, .by_forwarded = true};

    check(&forwarding, rows, COUNT_OF(rows));
}

TEST(a_list_is_followed_so_far_only)
{
    struct buffer head = {0};
    char got[600], address[FORWARDED_ADDRESS_BYTES];
    scoped(ranges_free) struct ranges *ranges = trusted(TRUSTED);
    const struct forwarding forwarding = {.trusted = ranges};

    buffer_add_literal(&head, "x-forwarded-for: 192.0.2.1");
    for (int i = 0; i < 3 * FORWARDED_HOPS_MAX; i++)
        buffer_add_format(&head, ",10.1.1.%d", i);
    read_request(&forwarding, "10.0.0.1", head.at, got);
    snprintf(address, sizeof address, "10.1.1.%d|", 2 * FORWARDED_HOPS_MAX);
    CHECK_MSG(strncmp(got, address, strlen(address)) == 0, "%s", got);
    buffer_done(&head);
}

TEST(addresses_are_formatted)
{
    static const char *const addresses[] = {"0.0.0.0", "255.255.255.255", "9.99.100.7"};

    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        struct sockaddr_storage storage = {.ss_family = AF_INET};
        char got[FORWARDED_ADDRESS_BYTES];
        inet_pton(AF_INET, addresses[i], &((struct sockaddr_in *)&storage)->sin_addr);
        forwarded_format(&storage, got);
        CHECK_TEXT(text_of(got), addresses[i]);
    }
}
