/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ranges.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/*
 * Built, it is a sorted list of places where what is said changes: looking up is one binary
 * search, whatever nests in what. A trie of nodes costs several times the memory and a cache
 * miss a step.
 */
#define V4_FIRST ((address_number)0xffff << 32)

struct network {
    address_number first, last;
    uint32_t order; /* of those with the same bounds */
    uint16_t value;
};

struct ranges {
    struct network *networks; /* until it is built */
    size_t count, room;
    address_number *starts;
    uint16_t *values; /* from starts[i] on */
    size_t places;
};

struct ranges *ranges_new(void)
{
    return mem_new(struct ranges);
}

void ranges_free(struct ranges *ranges)
{
    if (!ranges)
        return;
    free(ranges->networks);
    free(ranges->starts);
    free(ranges->values);
    free(ranges);
}

static address_number number_of(const uint8_t bytes[static 16])
{
    address_number sum = 0;

    for (int i = 0; i < 16; i++)
        sum = sum << 8 | bytes[i];
    return sum;
}

static bool parse_address(struct text text, address_number *ret, int *ret_bits)
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t bytes[16] = {[10] = 0xff, [11] = 0xff};

    if (text.len == 0 || text.len >= sizeof copy || memchr(text.at, 0, text.len))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    *ret_bits = text_contains(text, ':') ? 128 : 32;
    bool is_one = *ret_bits == 128 ? inet_pton(AF_INET6, copy, bytes) == 1
                                   : inet_pton(AF_INET, copy, bytes + 12) == 1;
    *ret = number_of(bytes);
    return is_one;
}

int ranges_add(struct ranges *ranges, struct text network, uint16_t value, struct error *err)
{
    size_t slash = text_find(network, '/');
    address_number first;
    int bits;
    int64_t prefix;

    if (!parse_address(text_slice(network, 0, slash), &first, &bits))
        return error_set(err, ERROR_INVALID, "'%.*s' is no address or network",
                         TEXT_ARG(text_slice(network, 0, 60)));
    prefix = bits;
    if (slash < network.len && !text_to_int(text_skip(network, slash + 1), 0, bits, &prefix))
        return error_set(err, ERROR_INVALID, "a prefix is a number from 0 to %d", bits);
    int free_bits = bits - (int)prefix;
    address_number mask =
        free_bits == 128 ? ~(address_number)0 : ((address_number)1 << free_bits) - 1;
    if (first & mask)
        return error_set(err, ERROR_INVALID, "'%.*s' has bits set behind its prefix",
                         TEXT_ARG(text_slice(network, 0, 60)));
    if (ranges->count == RANGES_NETWORKS_MAX)
        return error_set(err, ERROR_LIMIT, "at most %d networks", RANGES_NETWORKS_MAX);
    if (ranges->count == ranges->room) {
        ranges->room = ranges->room ? ranges->room * 2 : 16;
        ranges->networks = mem_realloc(ranges->networks, ranges->room * sizeof *ranges->networks);
    }
    ranges->networks[ranges->count] =
        (struct network){first, first | mask, (uint32_t)ranges->count, value};
    ranges->count++;
    return 0;
}

/* By where they begin, the widest first. */
static int compare(const void *a_, const void *b_)
{
    const struct network *a = a_, *b = b_;

    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    if (a->last != b->last)
        return a->last > b->last ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static void change_at(struct ranges *ranges, address_number start, uint16_t value)
{
    if (ranges->places > 0 && ranges->starts[ranges->places - 1] == start)
        ranges->places--;
    if (value == (ranges->places > 0 ? ranges->values[ranges->places - 1] : 0))
        return;
    ranges->starts[ranges->places] = start;
    ranges->values[ranges->places] = value;
    ranges->places++;
}

/* Those around where we are, innermost last. Networks nest or are apart, and of the same
 * bounds only the last is kept, so there are at most 129. */
struct around {
    const struct network *networks[130];
    int count;
};

static void leave(struct ranges *ranges, struct around *around)
{
    const struct network *inner = around->networks[--around->count];
    uint16_t value = around->count > 0 ? around->networks[around->count - 1]->value : 0;

    if (inner->last != ~(address_number)0)
        change_at(ranges, inner->last + 1, value);
}

void ranges_build(struct ranges *ranges)
{
    struct around around = {.count = 0};

    if (ranges->count == 0)
        return;
    qsort(ranges->networks, ranges->count, sizeof *ranges->networks, compare);
    ranges->starts = mem_alloc(2 * ranges->count * sizeof *ranges->starts);
    ranges->values = mem_alloc(2 * ranges->count * sizeof *ranges->values);
    for (size_t i = 0; i < ranges->count; i++) {
        const struct network *next = &ranges->networks[i];
        while (around.count > 0 && around.networks[around.count - 1]->last < next->first)
            leave(ranges, &around);
        if (around.count > 0 && around.networks[around.count - 1]->last == next->last &&
            around.networks[around.count - 1]->first == next->first)
            around.count--;
        around.networks[around.count++] = next;
        change_at(ranges, next->first, next->value);
    }
    while (around.count > 0)
        leave(ranges, &around);
    free(ranges->networks);
    ranges->networks = NULL;
    ranges->count = ranges->room = 0;
    ranges->starts = mem_realloc(ranges->starts, (ranges->places + 1) * sizeof *ranges->starts);
    ranges->values = mem_realloc(ranges->values, (ranges->places + 1) * sizeof *ranges->values);
}

struct ranges *ranges_of_list(struct text networks, struct error *err)
{
    scoped(ranges_free) struct ranges *ranges = ranges_new();
    struct text piece;

    while (text_split(&networks, ',', &piece)) {
        piece = text_trim(piece);
        if (piece.len > 0 && ranges_add(ranges, piece, 1, err) < 0)
            return NULL;
    }
    ranges_build(ranges);
    return take(ranges);
}

uint16_t ranges_find(const struct ranges *ranges, address_number address)
{
    size_t low = 0, high = ranges->places;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->starts[middle] <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? ranges->values[low - 1] : 0;
}

bool ranges_address(const struct sockaddr_storage *peer, address_number *ret)
{
    if (peer->ss_family == AF_INET)
        *ret = V4_FIRST | ntohl(((const struct sockaddr_in *)peer)->sin_addr.s_addr);
    else if (peer->ss_family == AF_INET6)
        *ret = number_of(((const struct sockaddr_in6 *)peer)->sin6_addr.s6_addr);
    else
        return false;
    return true;
}
