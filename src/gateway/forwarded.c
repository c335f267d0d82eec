/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forwarded.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/arena.h"
#include "http/field.h"

_Static_assert(FORWARDED_ADDRESS_BYTES == INET6_ADDRSTRLEN, "room for any");

static char *put_number(char *at, unsigned number)
{
    if (number >= 100)
        *at++ = (char)('0' + number / 100);
    if (number >= 10)
        *at++ = (char)('0' + number / 10 % 10);
    *at++ = (char)('0' + number % 10);
    return at;
}

void forwarded_format(const struct sockaddr_storage *address,
                      char ret[static FORWARDED_ADDRESS_BYTES])
{
    uint8_t parts[4] = {127, 0, 0, 1};

    if (address->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, ret,
                  INET6_ADDRSTRLEN);
        return;
    }
    if (address->ss_family == AF_INET)
        memcpy(parts, &((const struct sockaddr_in *)address)->sin_addr, sizeof parts);
    for (int i = 0; i < 4; i++) {
        ret = put_number(ret, parts[i]);
        *ret++ = i < 3 ? '.' : '\0';
    }
}

/* --- lists --- */

/* The last members of all headers of a name; the rightmost is the first here. */
struct members {
    struct text list[FORWARDED_HOPS_MAX];
    size_t count;
};

/* TEXT_NONE: there are not so many, or it is too far away. */
static struct text member_at(const struct members *members, size_t place)
{
    return place < members->count ? members->list[place] : TEXT_NONE;
}

static bool is_escaped(struct text text, size_t at)
{
    size_t backslashes = 0;

    while (backslashes < at && text.at[at - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 1;
}

/* Where the last member begins. Read from the right, what a client wrote at the left (a quote
 * that never ends) spoils nothing of what a proxy appended. */
static size_t last_member(struct text list, bool has_quotes)
{
    bool is_quoted = false;

    for (size_t i = list.len; i > 0; i--) {
        char c = list.at[i - 1];
        if (has_quotes && c == '"' && !is_escaped(list, i - 1))
            is_quoted = !is_quoted;
        else if (c == ',' && !is_quoted)
            return i;
    }
    return 0;
}

static void read_members(const struct http_request *request, struct text name, bool has_quotes,
                         struct members *members)
{
    members->count = 0;
    for (size_t i = request->field_count; i > 0; i--) {
        struct text rest = request->fields[i - 1].value;
        bool is_over = !text_equal(request->fields[i - 1].name, name);
        while (!is_over) {
            size_t start = last_member(rest, has_quotes);
            if (members->count == FORWARDED_HOPS_MAX)
                return;
            members->list[members->count++] = text_trim(text_skip(rest, start));
            is_over = start == 0;
            rest = text_slice(rest, 0, is_over ? 0 : start - 1);
        }
    }
}

/* Up to a separator that stands in no quoted string. */
static size_t find_unquoted(struct text text, char separator)
{
    bool is_quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && text.at[i] == '\\')
            i++;
        else if (!is_quoted && text.at[i] == separator)
            return i;
    }
    return text.len;
}

/* Of 'for=192.0.2.1;proto="https"' the value of a name, without quotes. */
static struct text parameter(struct text element, struct text name)
{
    while (element.len > 0) {
        size_t end = find_unquoted(element, ';');
        struct text pair = text_trim(text_slice(element, 0, end));
        size_t equals = text_find(pair, '=');
        struct text value = text_skip(pair, equals + 1);
        element = text_skip(element, end + 1);
        if (!text_equal_nocase(text_slice(pair, 0, equals), name))
            continue;
        bool is_quoted = value.len > 1 && value.at[0] == '"' && value.at[value.len - 1] == '"';
        return is_quoted ? text_slice(value, 1, value.len - 1) : value;
    }
    return TEXT_NONE;
}

/* --- addresses --- */

static bool parse_v4(struct text text, struct sockaddr_storage *ret)
{
    char copy[INET_ADDRSTRLEN];
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    if (text.len == 0 || text.len >= sizeof copy || text_contains(text, '\0'))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, &v4.sin_addr) != 1)
        return false;
    memcpy(ret, &v4, sizeof v4);
    return true;
}

static bool parse_v6(struct text text, struct sockaddr_storage *ret)
{
    char copy[INET6_ADDRSTRLEN];
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    if (text.len == 0 || text.len >= sizeof copy || text_contains(text, '\0'))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET6, copy, &v6.sin6_addr) != 1)
        return false;
    memcpy(ret, &v6, sizeof v6);
    if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return true;
    *ret = (struct sockaddr_storage){0};
    memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, 4);
    memcpy(ret, &v4, sizeof v4);
    return true;
}

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711". Ports are
 * not looked at. */
static bool parse_node(struct text node, struct sockaddr_storage *ret)
{
    size_t colon = text_find(node, ':');

    *ret = (struct sockaddr_storage){0};
    if (node.len > 0 && node.at[0] == '[')
        return parse_v6(text_slice(node, 1, text_find(node, ']')), ret);
    if (colon == node.len || !text_contains(text_skip(node, colon + 1), ':'))
        return parse_v4(text_slice(node, 0, colon), ret);
    return parse_v6(node, ret);
}

static bool is_trusted(const struct forwarding *forwarding, const struct sockaddr_storage *address)
{
    address_number number;

    return ranges_address(address, &number) && ranges_find(forwarding->trusted, number) != 0;
}

/* --- a request --- */

static void use_proto(struct text proto, struct forwarded *ret)
{
    if (!text_equal_nocase(proto, TEXT("https")) && !text_equal_nocase(proto, TEXT("http")))
        return;
    ret->is_secure = proto.len == 5;
    ret->port = ret->is_secure ? 443 : 80;
}

/* The member that belongs to the client's place in the list of addresses; proxies that do not
 * append leave a single one. */
static struct text said_at(const struct http_request *request, struct text name, size_t place)
{
    struct members members;

    read_members(request, name, false, &members);
    struct text said = member_at(&members, place);
    return text_is_set(said) ? said : member_at(&members, 0);
}

static void read_rest(const struct forwarding *forwarding, const struct http_request *request,
                      struct text element, size_t place, struct forwarded *ret)
{
    int64_t port;

    if (forwarding->by_forwarded) {
        use_proto(parameter(element, TEXT("proto")), ret);
        return;
    }
    use_proto(said_at(request, TEXT("x-forwarded-proto"), place), ret);
    if (text_to_int(said_at(request, TEXT("x-forwarded-port"), place), 1, 65535, &port))
        ret->port = (uint16_t)port;
}

/* Goes through the list from its right while those it comes from are trusted. */
static void follow(const struct forwarding *forwarding, struct http_stream *stream,
                   struct forwarded *ret)
{
    const struct http_request *request = &stream->request;
    struct arena *arena = &stream->arena;
    struct members members;
    struct sockaddr_storage client = stream->peer, next;
    size_t place = 0;

    if (forwarding->by_forwarded)
        read_members(request, TEXT("forwarded"), true, &members);
    else
        read_members(request, TEXT("x-forwarded-for"), false, &members);
    struct text element = member_at(&members, 0);
    for (; is_trusted(forwarding, &client); place++) {
        struct text member = member_at(&members, place);
        if (!parse_node(forwarding->by_forwarded ? parameter(member, TEXT("for")) : member, &next))
            break;
        client = next;
        element = member;
        forwarded_format(&client, ret->address);
        ret->chain = text_of(arena_format(arena, "%s, %.*s", ret->address, TEXT_ARG(ret->chain)));
    }
    read_rest(forwarding, request, element, place > 0 ? place - 1 : 0, ret);
    if (place == 0)
        return;
    struct sockaddr_storage *kept = arena_alloc(arena, sizeof *kept);
    *kept = client;
    ret->client = kept;
}

void forwarded_read(const struct forwarding *forwarding, struct http_stream *stream,
                    struct forwarded *ret)
{
    ret->client = &stream->peer;
    ret->is_secure = stream->tls != NULL;
    forwarded_format(&stream->peer, ret->address);
    ret->chain = text_of(ret->address);
    if (forwarding->trusted && is_trusted(forwarding, &stream->peer)) {
        ret->chain = arena_copy(&stream->arena, ret->chain);
        follow(forwarding, stream, ret);
    }
}
