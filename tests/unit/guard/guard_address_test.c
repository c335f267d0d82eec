/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "guard/phrases.h"
#include "loop/loop.h"
#include "test.h"

static struct sockaddr_storage peer_of(const char *address)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};

    if (strchr(address, ':')) {
        peer.ss_family = AF_INET6;
        CHECK(inet_pton(AF_INET6, address, &((struct sockaddr_in6 *)&peer)->sin6_addr) == 1);
    } else if (address[0]) {
        peer.ss_family = AF_INET;
        CHECK(inet_pton(AF_INET, address, &((struct sockaddr_in *)&peer)->sin_addr) == 1);
    }
    return peer;
}

static uint16_t find(const struct ranges *ranges, const char *address)
{
    struct sockaddr_storage peer = peer_of(address);
    address_number number;

    CHECK(ranges_address(&peer, &number));
    return ranges_find(ranges, number);
}

TEST(the_most_specific_network_counts)
{
    static const struct {
        const char *network;
        uint16_t value;
    } networks[] = {
        {"10.0.0.0/8", 1},  {"10.1.0.0/16", 2},   {"10.1.2.0/24", 3},     {"10.1.2.3", 4},
        {"::/0", 9},        {"2001:db8::/32", 5}, {"2001:db8:1::/48", 6}, {"10.255.255.255/32", 7},
        {"10.1.2.0/24", 8},
    };
    static const struct {
        const char *address;
        uint16_t value;
    } cases[] = {
        {"10.0.0.1", 1},
        {"10.1.0.0", 2},
        {"10.1.255.255", 2},
        {"10.2.0.0", 1},
        {"10.1.2.2", 8},
        {"10.1.2.3", 4},
        {"10.1.2.4", 8},
        {"10.1.3.0", 2},
        {"9.9.9.9", 9},
        {"11.0.0.0", 9},
        {"10.255.255.255", 7},
        {"2001:db8::1", 5},
        {"2001:db8:1::", 6},
        {"2001:db8:2::", 5},
        {"2001:db9::", 9},
        {"::ffff:10.1.2.3", 4},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 9},
    };
    scoped(ranges_free) struct ranges *ranges = ranges_new();
    struct error err;

    for (size_t i = 0; i < COUNT_OF(networks); i++)
        CHECK(ranges_add(ranges, text_of(networks[i].network), networks[i].value, &err) == 0);
    ranges_build(ranges);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(find(ranges, cases[i].address) == cases[i].value, "%s: %d", cases[i].address,
                  find(ranges, cases[i].address));
}

TEST(nothing_is_found_in_no_networks)
{
    scoped(ranges_free) struct ranges *ranges = ranges_new();

    ranges_build(ranges);
    CHECK(find(ranges, "1.2.3.4") == 0);
}

TEST(what_is_no_network_is_refused)
{
    static const char *const bad[] = {"",          "10.0.0",       "10.0.0.0/33", "10.0.0.1/8",
                                      "10.0.0.0/", "10.0.0.0/-1",  "::1/129",     "2001:db8::1/32",
                                      "a.b.c.d",   "10.0.0.0/8 x", "/8",          "1.2.3.4/08a"};
    scoped(ranges_free) struct ranges *ranges = ranges_new();

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error err = {0};
        CHECK_MSG(ranges_add(ranges, text_of(bad[i]), 1, &err) < 0, "%s", bad[i]);
        CHECK(err.text[0]);
    }
}

TEST(phrases_are_found_anywhere_in_either_case)
{
    scoped(phrases_free) struct phrases *phrases = phrases_new();
    static const char *const added[] = {"GPTBot", "he", "shers", "ushe ", "mozilla/?.0 evil*"};
    static const struct {
        const char *text;
        bool matches;
    } cases[] = {
        {"Mozilla/5.0 (compatible; gptbot/1.0)", true},
        {"ushx", false},
        {"xhEx", true},
        {"", false},
        {"gptbo", false},
        {"gptgptbot", true},
        {"Mozilla/5.0 Evil thing", true},
        {"x Mozilla/5.0 Evil thing", false},
    };
    struct error err;

    for (size_t i = 0; i < COUNT_OF(added); i++)
        CHECK(phrases_add(phrases, text_of(added[i]), &err) == 0);
    phrases_build(phrases);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(phrases_match(phrases, text_of(cases[i].text)) == cases[i].matches, "%s",
                  cases[i].text);
}

static struct addresses *compile(const char *source, struct address_files *files, struct error *err)
{
    struct error why;
    scoped(json_decref) json_t *part = json_parse(text_of(source), &why);

    CHECK_MSG(part, "%s", why.text);
    return addresses_compile(part, files, err);
}

static enum address_verdict check(const struct addresses *addresses, const char *address,
                                  const char *agent)
{
    struct sockaddr_storage peer = peer_of(address);
    return addresses_check(addresses, &peer, text_of(agent));
}

TEST(lists_allow_and_deny)
{
    struct error err = {0};
    scoped(addresses_free) struct addresses *both =
        compile("{\"allow\":[\"10.0.0.0/8\"],\"deny\":[\"10.9.0.0/16\"]}", NULL, &err);
    scoped(addresses_free) struct addresses *deny =
        compile("{\"deny\":[\"2001:db8::/32\"]}", NULL, &err);

    CHECK_MSG(both && deny, "%s", err.text);
    CHECK(check(both, "10.1.1.1", "") == ADDRESS_PASS);
    CHECK(check(both, "10.9.1.1", "") == ADDRESS_DENIED);
    CHECK(check(both, "11.1.1.1", "") == ADDRESS_NOT_ALLOWED);
    CHECK(check(both, "", "") == ADDRESS_NOT_ALLOWED);
    CHECK(check(deny, "2001:db8::7", "") == ADDRESS_DENIED);
    CHECK(check(deny, "1.2.3.4", "") == ADDRESS_PASS);
    CHECK(check(deny, "", "") == ADDRESS_PASS);
}

static void write_file(const char *path, const char *content)
{
    struct error err;
    CHECK_MSG(path_write(path, text_of(content), 0600, &err) == 0, "%s", err.text);
}

struct folder {
    char path[64], deny[80], bots[80], geo[80];
};

static struct folder make_folder(void)
{
    struct folder folder = {.path = "/tmp/evoke-address-XXXXXX"};

    CHECK(mkdtemp(folder.path));
    snprintf(folder.deny, sizeof folder.deny, "%s/deny", folder.path);
    snprintf(folder.bots, sizeof folder.bots, "%s/bots", folder.path);
    snprintf(folder.geo, sizeof folder.geo, "%s/geo.csv", folder.path);
    return folder;
}

static void remove_folder(struct folder *folder)
{
    struct error err;
    CHECK(path_remove_tree(folder->path, &err) == 0);
}

TEST(files_say_who_is_denied_a_bot_or_from_where)
{
    struct folder folder = make_folder();
    struct error err = {0};
    char source[512];

    write_file(folder.deny, "# bad\n192.0.2.0/24 # all of it\r\n\n2001:db8::/32\n");
    write_file(folder.bots, "BadBot\n");
    write_file(folder.geo,
               "network,country,name\n198.51.100.0/24,de,x\n\"203.0.113.0/24\",\"FR\"\n");
    snprintf(source, sizeof source,
             "{\"deny-file\":\"%s\",\"bots-file\":\"%s\",\"geo-file\":\"%s\","
             "\"countries\":{\"allow\":[\"DE\"]}}",
             folder.deny, folder.bots, folder.geo);
    {
        scoped(address_files_free) struct address_files *files = address_files_new(NULL);
        scoped(addresses_free) struct addresses *addresses = compile(source, files, &err);
        CHECK_MSG(addresses, "%s", err.text);
        CHECK(check(addresses, "192.0.2.9", "") == ADDRESS_DENIED_BY_FILE);
        CHECK(check(addresses, "198.51.100.1", "x") == ADDRESS_PASS);
        CHECK(check(addresses, "198.51.100.1", "a badbot") == ADDRESS_BOT);
        CHECK(check(addresses, "203.0.113.1", "") == ADDRESS_COUNTRY);
        CHECK(check(addresses, "8.8.8.8", "") == ADDRESS_COUNTRY);
    }
    remove_folder(&folder);
}

TEST(wrong_settings_are_refused_by_their_names)
{
    struct folder folder = make_folder();
    char missing[256], wrong[256];
    const struct {
        const char *part, *says;
    } cases[] = {
        {"{\"alow\":[]}", "addresses has no setting 'alow'; there are allow, deny, deny-file, "
                          "bots-file, geo-file, countries"},
        {"{\"allow\":\"x\"}", "addresses.allow must be a list of texts"},
        {"{\"deny\":[\"1.2.3.4/8\"]}",
         "addresses.deny[0]: '1.2.3.4/8' has bits set behind its prefix"},
        {"{\"countries\":{\"deny\":[\"DE\"]}}",
         "addresses.countries needs addresses.geo-file beside it"},
        {"{\"deny-file\":\"x\"}", "addresses.deny-file: 'x' must be the absolute path of a file"},
        {missing, "No such file or directory"},
        {wrong, "line 2: 'x' is no address or network"},
    };

    snprintf(missing, sizeof missing, "{\"deny-file\":\"%s/none\"}", folder.path);
    snprintf(wrong, sizeof wrong, "{\"deny-file\":\"%s\"}", folder.deny);
    write_file(folder.deny, "1.2.3.4\nx\n");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(address_files_free) struct address_files *files = address_files_new(NULL);
        struct error err = {0};
        CHECK_MSG(!compile(cases[i].part, files, &err), "%s", cases[i].part);
        CHECK_MSG(strstr(err.text, cases[i].says), "'%s' says '%s'", cases[i].part, err.text);
    }
    remove_folder(&folder);
}

struct watching {
    struct loop *loop;
    struct address_files *files;
    struct addresses *addresses;
    struct folder folder;
    struct loop_timer look;
    int step;
};

static void on_look(struct loop_timer *timer)
{
    struct watching *w = container_of(timer, struct watching, look);
    bool is_denied = check(w->addresses, "192.0.2.9", "") == ADDRESS_DENIED_BY_FILE;

    loop_timer_set(w->loop, timer, 20);
    if (w->step == 0 && is_denied) {
        write_file(w->folder.deny, "198.51.100.0/24\n");
        w->step++;
    } else if (w->step == 1 && !is_denied) {
        CHECK(check(w->addresses, "198.51.100.1", "") == ADDRESS_DENIED_BY_FILE);
        loop_timer_clear(timer);
        addresses_free(w->addresses);
        address_files_free(w->files);
        loop_stop(w->loop);
    }
}

TEST(a_file_that_changes_is_read_again)
{
    struct watching w = {.loop = loop_new("test"), .folder = make_folder(), .look.fire = on_look};
    struct error err = {0};
    char source[128];

    write_file(w.folder.deny, "192.0.2.0/24\n");
    snprintf(source, sizeof source, "{\"deny-file\":\"%s\"}", w.folder.deny);
    w.files = address_files_new(w.loop);
    w.addresses = compile(source, w.files, &err);
    CHECK_MSG(w.addresses, "%s", err.text);
    loop_timer_set(w.loop, &w.look, 1);
    loop_run(w.loop);
    CHECK(w.step == 1);
    loop_free(w.loop);
    remove_folder(&w.folder);
}
