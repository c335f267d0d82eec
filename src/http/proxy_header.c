/* SPDX-License-Identifier: Apache-2.0 */
#include "http/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define V1_START TEXT("PROXY ")
#define V1_BYTES_MAX 107 /* with its CR LF */
#define V2_SIGNATURE TEXT("\r\n\r\n\0\r\nQUIT\n")
#define V2_FIXED 16 /* signature, version and command, family and protocol, length */

/* As far as bytes go. */
static bool begins(struct text bytes, struct text start)
{
    return text_starts(start, text_slice(bytes, 0, start.len));
}

/* --- version 1: "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n" --- */

static bool read_address(int family, struct text address, struct text port,
                         struct sockaddr_storage *ret)
{
    char copy[INET6_ADDRSTRLEN];
    int64_t number;

    if (address.len == 0 || address.len >= sizeof copy || text_contains(address, '\0') ||
        !text_to_int(port, 0, 65535, &number) || (port.len > 1 && port.at[0] == '0'))
        return false;
    memcpy(copy, address.at, address.len);
    copy[address.len] = '\0';
    *ret = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
    if (family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
        v6->sin6_port = htons((uint16_t)number);
        return inet_pton(AF_INET6, copy, &v6->sin6_addr) == 1;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    v4->sin_port = htons((uint16_t)number);
    return inet_pton(AF_INET, copy, &v4->sin_addr) == 1;
}

static bool read_line(struct text line, struct proxy_header *ret)
{
    struct text rest = text_skip(line, V1_START.len), words[5];
    size_t count = 0;

    if (text_equal(rest, TEXT("UNKNOWN")) || text_starts(rest, TEXT("UNKNOWN ")))
        return true; /* whatever stands behind it */
    for (struct text word; text_split(&rest, ' ', &word);) {
        if (count == 5)
            return false;
        words[count++] = word;
    }
    if (count != 5)
        return false;
    bool is_v6 = text_equal(words[0], TEXT("TCP6"));
    if (!is_v6 && !text_equal(words[0], TEXT("TCP4")))
        return false;
    int family = is_v6 ? AF_INET6 : AF_INET;
    return read_address(family, words[1], words[3], &ret->source) &&
           read_address(family, words[2], words[4], &ret->destination);
}

static enum proxy_result parse_1(struct text bytes, struct proxy_header *ret, size_t *ret_used)
{
    size_t end = text_find(text_slice(bytes, 0, V1_BYTES_MAX), '\n');

    if (!begins(bytes, V1_START))
        return PROXY_BAD;
    if (end == bytes.len && end < V1_BYTES_MAX)
        return PROXY_MORE;
    if (end >= V1_BYTES_MAX || bytes.at[end - 1] != '\r' ||
        !read_line(text_slice(bytes, 0, end - 1), ret))
        return PROXY_BAD;
    *ret_used = end + 1;
    return PROXY_DONE;
}

/* --- version 2 --- */

enum { COMMAND_LOCAL, COMMAND_PROXY };

static uint16_t read_16(const char *at)
{
    return (uint16_t)((uint8_t)at[0] << 8 | (uint8_t)at[1]);
}

static bool read_v4(struct text block, struct proxy_header *ret)
{
    struct sockaddr_in source = {.sin_family = AF_INET}, destination = source;

    if (block.len < 12)
        return false;
    memcpy(&source.sin_addr, block.at, 4);
    memcpy(&destination.sin_addr, block.at + 4, 4);
    source.sin_port = htons(read_16(block.at + 8));
    destination.sin_port = htons(read_16(block.at + 10));
    memcpy(&ret->source, &source, sizeof source);
    memcpy(&ret->destination, &destination, sizeof destination);
    return true;
}

static bool read_v6(struct text block, struct proxy_header *ret)
{
    struct sockaddr_in6 source = {.sin6_family = AF_INET6}, destination = source;

    if (block.len < 36)
        return false;
    memcpy(&source.sin6_addr, block.at, 16);
    memcpy(&destination.sin6_addr, block.at + 16, 16);
    source.sin6_port = htons(read_16(block.at + 32));
    destination.sin6_port = htons(read_16(block.at + 34));
    memcpy(&ret->source, &source, sizeof source);
    memcpy(&ret->destination, &destination, sizeof destination);
    return true;
}

/* block: addresses, and the extensions behind them, which nobody here asks for. */
static bool read_block(int protocol, struct text block, struct proxy_header *ret)
{
    switch (protocol) {
    case 0x11: /* TCP over IPv4 */
        return read_v4(block, ret);
    case 0x21: /* TCP over IPv6 */
        return read_v6(block, ret);
    case 0x00: /* unknown */
    case 0x31: /* a UNIX socket */
        return true;
    }
    return false;
}

static enum proxy_result parse_2(struct text bytes, struct proxy_header *ret, size_t *ret_used)
{
    if (!begins(bytes, V2_SIGNATURE))
        return PROXY_BAD;
    if (bytes.len < V2_FIXED)
        return PROXY_MORE;
    int version = (uint8_t)bytes.at[12] >> 4, command = bytes.at[12] & 15;
    size_t len = read_16(bytes.at + 14);
    if (version != 2 || command > COMMAND_PROXY || len > PROXY_HEADER_MAX - V2_FIXED)
        return PROXY_BAD;
    if (bytes.len < V2_FIXED + len)
        return PROXY_MORE;
    if (command == COMMAND_PROXY &&
        !read_block((uint8_t)bytes.at[13], text_slice(bytes, V2_FIXED, V2_FIXED + len), ret))
        return PROXY_BAD;
    *ret_used = V2_FIXED + len;
    return PROXY_DONE;
}

enum proxy_result proxy_header_parse(struct text bytes, struct proxy_header *ret, size_t *ret_used)
{
    *ret = (struct proxy_header){.source = {.ss_family = AF_UNSPEC}};
    if (bytes.len == 0)
        return PROXY_MORE;
    return bytes.at[0] == 'P' ? parse_1(bytes, ret, ret_used) : parse_2(bytes, ret, ret_used);
}
