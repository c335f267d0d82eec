/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "http/uri.h"
#include "model/alias.h"

#define URL_ID_LEN (sizeof(((struct function_url *)0)->id) - 1)
#define DOMAIN TEXT(".localhost") /* resolved to this machine by curl and browsers: RFC 6761 */
#define URL_DOMAIN TEXT(".lambda-url.")
#define ESCAPED_SLASH '\0' /* no path has one: "%00" is refused */

struct text route_host(struct text host)
{
    struct text name = text_slice(host, 0, text_find(host, ':'));

    return text_ends(name, TEXT(".")) ? text_slice(name, 0, name.len - 1) : name;
}

static bool ends_nocase(struct text text, struct text end)
{
    return text.len >= end.len && text_equal_nocase(text_skip(text, text.len - end.len), end);
}

/* The first label of "<id>.localhost" and "<id>.lambda-url.<region>.localhost". */
static bool is_url_host(struct text name, struct text region)
{
    if (text_find(name, '.') != URL_ID_LEN || !ends_nocase(name, DOMAIN))
        return false;
    struct text middle = text_slice(name, URL_ID_LEN, name.len - DOMAIN.len);
    if (middle.len == 0)
        return true;
    return middle.len == URL_DOMAIN.len + region.len &&
           text_equal_nocase(text_slice(middle, 0, URL_DOMAIN.len), URL_DOMAIN) &&
           text_equal_nocase(text_skip(middle, URL_DOMAIN.len), region);
}

const struct function_url *route_url(const struct route *route)
{
    return route->url ? route->url : &route->function->url;
}

void route_find_url(const struct gateway_options *options, struct text id, struct route *route)
{
    route->function = directory_find_url(options->directory, id);
    route->url = NULL;
    route->qualifier = TEXT("");
    if (route->function)
        route->url = alias_of_url(route->function, id, &route->qualifier);
}

/* Names of hosts have no case, ids are in lower case. */
static void find_host(const struct gateway_options *options, struct text name, struct route *route)
{
    char id[URL_ID_LEN];

    for (size_t i = 0; i < URL_ID_LEN; i++)
        id[i] = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] | 0x20) : name.at[i];
    route_find_url(options, text_from(id, URL_ID_LEN), route);
}

static bool is_separator(char c)
{
    return c == '/' || c == '\\';
}

bool route_has_dots(struct text path)
{
    size_t start = 0;

    if (!text_contains(path, '.') ||
        (!memmem(path.at, path.len, "/.", 2) && !text_contains(path, '\\')))
        return false;
    for (size_t i = 0; i <= path.len; i++) {
        if (i < path.len && !is_separator(path.at[i]))
            continue;
        struct text segment = text_slice(path, start, i);
        if (text_equal(segment, TEXT(".")) || text_equal(segment, TEXT("..")))
            return true;
        start = i + 1;
    }
    return false;
}

/* Takes "/segment" from *rest, decoded. */
static struct text take_segment(struct text *rest, struct arena *arena)
{
    struct text after = text_skip(*rest, 1);
    size_t end = text_find(after, '/');
    struct text segment = text_slice(after, 0, end);

    *rest = text_skip(after, end);
    (void)uri_decode(arena, segment, false, &segment); /* the path as a whole could be */
    return segment;
}

struct text route_comparable(struct text raw_path, struct arena *arena)
{
    if (!text_contains(raw_path, '%'))
        return raw_path;
    char *at = arena_alloc(arena, raw_path.len), *start = at;
    for (size_t i = 0; i < raw_path.len; i++) {
        struct text escape = text_slice(raw_path, i, i + 3), decoded;
        if (raw_path.at[i] != '%' || !uri_decode(arena, escape, false, &decoded)) {
            *at++ = raw_path.at[i];
            continue;
        }
        *at++ = decoded.at[0] == '/' ? ESCAPED_SLASH : decoded.at[0];
        i += 2;
    }
    return text_from(start, (size_t)(at - start));
}

struct text route_value(struct text matched, struct arena *arena)
{
    if (!text_contains(matched, ESCAPED_SLASH))
        return matched;
    char *copy = arena_alloc(arena, matched.len);
    for (size_t i = 0; i < matched.len; i++)
        copy[i] = matched.at[i] == ESCAPED_SLASH ? '/' : matched.at[i];
    return text_from(copy, matched.len);
}

static int settle(struct route *route, struct text raw_path, struct arena *arena)
{
    if (!route->function || !route_url(route)->id[0])
        return 403;
    route->raw_path = raw_path.len ? raw_path : TEXT("/");
    if (!uri_decode(arena, route->raw_path, false, &route->path))
        return 400;
    route->stage_path = route->path;
    return 0;
}

/* Copies what the claim has: the function may change before the request is answered. */
static void keep_claim(const struct route_claim *claim, const struct route_match *match,
                       struct arena *arena, struct route *ret)
{
    const size_t count = match->count;
    struct text *names, *values;

    ret->function = claim->function;
    ret->key = arena_copy(arena, claim->key);
    if (count == 0)
        return;
    names = arena_alloc(arena, 2 * count * sizeof *names);
    values = names + count;
    for (size_t i = 0; i < count; i++) {
        names[i] =
            text_from(ret->key.at + (claim->names[i].at - claim->key.at), claim->names[i].len);
        values[i] = route_value(match->values[i], arena);
    }
    ret->names = names;
    ret->values = values;
    ret->parameter_count = count;
}

/* A preflight belongs to the route of the method that it asks for. */
static const struct route_claim *choose_claim(const struct route_claims *claims,
                                              const struct http_request *request, struct text path,
                                              struct route_match *match)
{
    if (cors_is_preflight(request)) {
        const struct route_claim *claim = route_claims_find(
            claims, http_header(request, TEXT("access-control-request-method")), path, match);
        if (claim && claim->function->url.cors.is_set)
            return claim;
    }
    return route_claims_find(claims, request->method_text, path, match);
}

static int find_claim(const struct gateway_options *options, const struct http_request *request,
                      struct arena *arena, struct route *ret)
{
    struct route_match match;
    const struct route_claim *claim = choose_claim(&options->directory->routes, request,
                                                   route_comparable(request->path, arena), &match);

    if (!claim)
        return 404;
    keep_claim(claim, &match, arena, ret);
    return settle(ret, request->path, arena);
}

static int find_path(const struct gateway_options *options, const struct http_request *request,
                     struct arena *arena, struct route *ret)
{
    struct text rest = request->path, kind = take_segment(&rest, arena);

    if (rest.len && text_equal(kind, TEXT("urls"))) {
        route_find_url(options, take_segment(&rest, arena), ret);
        return settle(ret, rest, arena);
    }
    if (rest.len && text_equal(kind, TEXT("functions"))) {
        ret->function = directory_find(options->directory, text_of(options->account),
                                       text_of(options->region), take_segment(&rest, arena));
        return settle(ret, rest, arena);
    }
    return find_claim(options, request, arena, ret);
}

int route_find(const struct gateway_options *options, const struct http_request *request,
               struct arena *arena, struct route *ret)
{
    struct text name = route_host(request->host), decoded;

    *ret = (struct route){0};
    if (!text_starts(request->path, TEXT("/")))
        return 404;
    if (!uri_decode(arena, request->path, false, &decoded))
        return 400;
    if (is_url_host(name, text_of(options->region))) {
        find_host(options, name, ret);
        return settle(ret, request->path, arena);
    }
    int status = route_find_api(options, request, name, arena, ret);
    if (status != 0 || ret->api)
        return status;
    return route_has_dots(decoded) ? 400 : find_path(options, request, arena, ret);
}
