/* SPDX-License-Identifier: Apache-2.0 */
#include "http/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/scoped.h"
#include "test.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BLOCK_4 "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"

/* "192.0.2.1:56324>198.51.100.2:443"; "-": the connection's own addresses */
static void show(const struct proxy_header *header, char *out, size_t size)
{
    const struct sockaddr_storage *ends[] = {&header->source, &header->destination};
    int used = 0;

    for (int i = 0; i < 2; i++) {
        char text[INET6_ADDRSTRLEN] = "-";
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)ends[i];
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)ends[i];
        if (ends[i]->ss_family == AF_UNSPEC) {
            snprintf(out, size, "-");
            return;
        }
        bool is_v6 = ends[i]->ss_family == AF_INET6;
        inet_ntop(ends[i]->ss_family, is_v6 ? (const void *)&v6->sin6_addr : &v4->sin_addr, text,
                  sizeof text);
        used += snprintf(out + used, size - (size_t)used, "%s%s:%d", i ? ">" : "", text,
                         ntohs(is_v6 ? v6->sin6_port : v4->sin_port));
    }
}

TEST(headers_are_read_and_what_follows_is_left)
{
    static const struct {
        struct text header;
        const char *want;
    } cases[] = {
        {TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"),
         "192.0.2.1:56324>198.51.100.2:443"},
        {TEXT("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"), "2001:db8::1:0>::1:65535"},
        {TEXT("PROXY UNKNOWN\r\n"), "-"},
        {TEXT("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), "-"},
        {TEXT(SIGNATURE "\x21\x11\x00\x0c" BLOCK_4), "192.0.2.1:56324>198.51.100.2:443"},
        {TEXT(SIGNATURE "\x21\x11\x00\x13" BLOCK_4 "\x04\x00\x04"
                        "abcd"),
         "192.0.2.1:56324>198.51.100.2:443"},
        {TEXT(SIGNATURE "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x00\x50\x1f\x90"),
         "2001:db8::1:80>::1:8080"},
        {TEXT(SIGNATURE "\x20\x00\x00\x00"), "-"},
        {TEXT(SIGNATURE "\x20\x11\x00\x0c" BLOCK_4), "-"}, /* LOCAL: addresses do not count */
        {TEXT(SIGNATURE "\x21\x00\x00\x02xx"), "-"},
        {TEXT(SIGNATURE "\x21\x31\x00\x00"), "-"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text header = cases[i].header;
        char bytes[300], shown[120];
        struct proxy_header got;
        size_t used = 0;
        memcpy(bytes, header.at, header.len);
        memcpy(bytes + header.len, "GET / HTTP/1.1\r\n", 16);
        for (size_t len = 0; len < header.len; len++)
            CHECK_MSG(proxy_header_parse(text_from(bytes, len), &got, &used) == PROXY_MORE,
                      "case %zu, %zu bytes", i, len);
        CHECK_MSG(proxy_header_parse(text_from(bytes, header.len + 16), &got, &used) == PROXY_DONE,
                  "case %zu", i);
        show(&got, shown, sizeof shown);
        CHECK_MSG(used == header.len && strcmp(shown, cases[i].want) == 0, "case %zu: %s, %zu", i,
                  shown, used);
    }
}

TEST(what_is_no_header_is_refused_at_once)
{
    static const struct text cases[] = {
        TEXT("GET / HTTP/1.1\r\n"),
        TEXT("PRI * HTTP/2.0\r\n"),
        TEXT("POST"),
        TEXT("PROXY\r\n"),
        TEXT("proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
        TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n"),
        TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n"),
        TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n"),
        TEXT("PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n"),
        TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n"),
        TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n"),
        TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n"),
        TEXT("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n"),
        TEXT("PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n"),
        TEXT("PROXY TCP4 ::1 ::1 1 2\r\n"),
        TEXT("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n"),
        TEXT("PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n"),
        TEXT("PROXY UNKNOWNS\r\n"),
        TEXT("\r\n\r\n\r\n"),
        TEXT("\x16\x03\x01\x02"),
        TEXT(SIGNATURE "\x11\x11\x00\x0c" BLOCK_4), /* version 1 in binary */
        TEXT(SIGNATURE "\x22\x11\x00\x0c" BLOCK_4),
        TEXT(SIGNATURE "\x21\x12\x00\x0c" BLOCK_4), /* UDP */
        TEXT(SIGNATURE "\x21\x41\x00\x0c" BLOCK_4),
        TEXT(SIGNATURE "\x21\x11\x00\x0b" BLOCK_4),
        TEXT(SIGNATURE "\x21\x21\x00\x0c" BLOCK_4),
        TEXT(SIGNATURE "\x21\x11\xff\xff"),
    };
    char line[200];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct proxy_header got;
        size_t used;
        CHECK_MSG(proxy_header_parse(cases[i], &got, &used) == PROXY_BAD, "case %zu", i);
    }
    /* A line that does not end */
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    for (size_t len = 14; len <= sizeof line; len++) {
        struct proxy_header got;
        size_t used;
        enum proxy_result want = len < 107 ? PROXY_MORE : PROXY_BAD;
        CHECK_MSG(proxy_header_parse(text_from(line, len), &got, &used) == want, "%zu", len);
    }
}
