/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/upstreams.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/mem.h"
#include "test.h"

static struct sockaddr_storage address_of(const char *text, uint16_t port)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;

    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        storage.ss_family = AF_INET;
        v4->sin_port = htons(port);
        return storage;
    }
    CHECK_MSG(inet_pton(AF_INET6, text, &v6->sin6_addr) == 1, "%s", text);
    storage.ss_family = AF_INET6;
    v6->sin6_port = htons(port);
    return storage;
}

static bool may(const struct upstreams *upstreams, const char *text, uint16_t port)
{
    struct sockaddr_storage storage = address_of(text, port);

    return upstreams_may_connect(upstreams, &storage);
}

TEST(only_public_addresses_are_called_unless_a_setting_says_so)
{
    static const char *const refused[] = {
        "127.0.0.1",        "127.9.9.9",      "0.0.0.0",       "10.0.0.1",     "172.16.0.1",
        "172.31.255.255",   "192.168.1.1",    "100.64.0.1",    "169.254.169.254",
        "192.0.0.8",        "198.18.0.1",     "224.0.0.1",     "255.255.255.255",
        "::",               "::1",            "::7f00:1",      "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",  "::ffff:169.254.169.254",          "fe80::1",      "fd00:ec2::254",
        "fec0::1",          "ff02::1",        "64:ff9b::a9fe:a9fe",            "2002:7f00:1::",
        "2001::1",
    };
    static const char *const passed[] = {"192.0.2.1", "8.8.8.8", "172.32.0.1", "100.128.0.1",
                                         "2606:4700::1111", "::ffff:8.8.8.8"};
    struct error err;
    scoped(upstreams_free) struct upstreams *upstreams = upstreams_compile(NULL, &err);

    for (size_t i = 0; i < COUNT_OF(refused); i++)
        CHECK_MSG(!may(upstreams, refused[i], 80), "%s", refused[i]);
    for (size_t i = 0; i < COUNT_OF(passed); i++)
        CHECK_MSG(may(upstreams, passed[i], 80), "%s", passed[i]);
}

TEST(private_networks_are_called_when_they_are_listed)
{
    struct error err;
    scoped(upstreams_free) struct upstreams *some =
        upstreams_compile("10.1.0.0/16, 169.254.169.254", &err);
    scoped(upstreams_free) struct upstreams *all = upstreams_compile("private", &err);

    CHECK(may(some, "10.1.2.3", 80) && may(some, "169.254.169.254", 80));
    CHECK(!may(some, "10.2.0.1", 80) && !may(some, "127.0.0.1", 80));
    CHECK(may(all, "10.2.0.1", 80) && may(all, "127.0.0.1", 80) && may(all, "::1", 80));
    CHECK(!may(all, "169.254.169.254", 80) && !may(all, "fe80::1", 80) && !may(all, "0.0.0.0", 80));
    CHECK(!upstreams_compile("10.0.0.0/33", &err) && err.text[0]);
}

TEST(the_daemons_own_listeners_are_never_called)
{
    struct error err;
    scoped(upstreams_free) struct upstreams *upstreams = upstreams_compile("private", &err);

    upstreams_add_own(upstreams, 9000);
    CHECK(!may(upstreams, "127.0.0.1", 9000) && !may(upstreams, "127.1.2.3", 9000));
    CHECK(!may(upstreams, "::1", 9000) && !may(upstreams, "::ffff:127.0.0.1", 9000));
    CHECK(may(upstreams, "127.0.0.1", 9001) && may(upstreams, "10.254.3.3", 9000));
    CHECK(may(upstreams, "8.8.8.8", 9000));
}
