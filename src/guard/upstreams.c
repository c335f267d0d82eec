/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/upstreams.h"

#include <assert.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/ranges.h"

#define OWN_MAX 8

enum { REFUSED = 1, ALLOWED };

struct upstreams {
    struct ranges *ranges;
    uint16_t own[OWN_MAX];
    int own_count;
};

/* IANA's special-purpose registries, without what is for documentation only. The last IPv6 ones
 * hold IPv4 addresses that a translator would connect to. */
static const char *const refused[] = {
    "0.0.0.0/8",     "10.0.0.0/8",    "100.64.0.0/10", "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",  "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4",
    "240.0.0.0/4",   "::/96",         "::1",           "fc00::/7",       "fe80::/10",
    "fec0::/10",     "ff00::/8",      "100::/64",      "64:ff9b::/96",   "64:ff9b:1::/48",
    "2001::/32",     "2002::/16",
};
/* Not 169.254.0.0/16 and fe80::/10: clouds keep their credentials there. */
static const char *const private[] = {
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
    "::1",        "fc00::/7",
};

static void add_all(struct ranges *ranges, const char *const *networks, size_t count,
                    uint16_t value)
{
    struct error err;

    for (size_t i = 0; i < count; i++) {
        int result = ranges_add(ranges, text_of(networks[i]), value, &err);
        assert(result == 0);
    }
}

static int add_listed(struct ranges *ranges, struct text networks, struct error *err)
{
    struct text piece;

    while (text_split(&networks, ',', &piece)) {
        piece = text_trim(piece);
        if (text_equal(piece, TEXT("private")))
            add_all(ranges, private, COUNT_OF(private), ALLOWED);
        else if (piece.len > 0 && ranges_add(ranges, piece, ALLOWED, err) < 0)
            return -1;
    }
    return 0;
}

struct upstreams *upstreams_compile(const char *networks, struct error *err)
{
    scoped(upstreams_free) struct upstreams *upstreams = mem_new(struct upstreams);

    upstreams->ranges = ranges_new();
    add_all(upstreams->ranges, refused, COUNT_OF(refused), REFUSED);
    if (networks && add_listed(upstreams->ranges, text_of(networks), err) < 0)
        return NULL;
    ranges_build(upstreams->ranges);
    return take(upstreams);
}

void upstreams_free(struct upstreams *upstreams)
{
    if (!upstreams)
        return;
    ranges_free(upstreams->ranges);
    free(upstreams);
}

void upstreams_add_own(struct upstreams *upstreams, uint16_t port)
{
    assert(upstreams->own_count < OWN_MAX);
    upstreams->own[upstreams->own_count++] = port;
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
    return ntohs(address->ss_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)address)->sin6_port
                     : ((const struct sockaddr_in *)address)->sin_port);
}

static bool is_of_interface(address_number number)
{
    struct ifaddrs *all = NULL;
    bool found = false;

    if (getifaddrs(&all) < 0)
        return true;
    for (const struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
        struct sockaddr_storage storage = {0};
        address_number own;
        if (!one->ifa_addr)
            continue;
        if (one->ifa_addr->sa_family == AF_INET)
            memcpy(&storage, one->ifa_addr, sizeof(struct sockaddr_in));
        else if (one->ifa_addr->sa_family == AF_INET6)
            memcpy(&storage, one->ifa_addr, sizeof(struct sockaddr_in6));
        found = ranges_address(&storage, &own) && own == number;
    }
    freeifaddrs(all);
    return found;
}

/* Every address of 127.0.0.0/8 leads to this machine, whatever the interfaces say. */
static bool is_here(address_number number)
{
    const uint32_t low = (uint32_t)number;
    const bool is_v4 = number >> 32 == 0xffff;

    return number == 0 || number == 1 || (is_v4 && (low >> 24 == 127 || low >> 24 == 0)) ||
           is_of_interface(number);
}

bool upstreams_may_connect(const void *arg, const struct sockaddr_storage *address)
{
    const struct upstreams *upstreams = arg;
    address_number number;

    if (!ranges_address(address, &number) || ranges_find(upstreams->ranges, number) == REFUSED)
        return false;
    for (int i = 0; i < upstreams->own_count; i++)
        if (upstreams->own[i] == port_of(address))
            return !is_here(number);
    return true;
}
