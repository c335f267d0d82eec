/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "http/uri.h"

#define URL_ID_LEN (sizeof(((struct function_url *)0)->id) - 1)
#define DOMAIN TEXT(".localhost") /* resolved to this machine by curl and browsers: RFC 6761 */
#define URL_DOMAIN TEXT(".lambda-url.")

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

/* Names of hosts have no case, ids are in lower case. */
static const struct function *find_host(const struct gateway_options *options, struct text name)
{
    char id[URL_ID_LEN];

    for (size_t i = 0; i < URL_ID_LEN; i++)
        id[i] = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] | 0x20) : name.at[i];
    return directory_find_url(options->directory, text_from(id, URL_ID_LEN));
}

static bool is_separator(char c)
{
    return c == '/' || c == '\\';
}

bool route_has_dots(struct text path)
{
    size_t start = 0;

    if (!memmem(path.at, path.len, "/.", 2) && !text_contains(path, '\\'))
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
        if (raw_path.at[i] != '%' || text_equal_nocase(escape, TEXT("%2F")) ||
            !uri_decode(arena, escape, false, &decoded)) {
            *at++ = raw_path.at[i];
            continue;
        }
        *at++ = decoded.at[0];
        i += 2;
    }
    return text_from(start, (size_t)(at - start));
}

static int settle(struct route *route, struct text raw_path, struct arena *arena)
{
    if (!route->function || !route->function->url.id[0])
        return 403;
    route->raw_path = raw_path.len ? raw_path : TEXT("/");
    if (!uri_decode(arena, route->raw_path, false, &route->path))
        return 400;
    route->stage_path = route->path;
    return 0;
}

static int find_path(const struct gateway_options *options, const struct http_request *request,
                     struct arena *arena, struct route *ret)
{
    struct text rest = request->path, kind = take_segment(&rest, arena);

    if (rest.len && text_equal(kind, TEXT("urls"))) {
        ret->function = directory_find_url(options->directory, take_segment(&rest, arena));
        return settle(ret, rest, arena);
    }
    if (rest.len && text_equal(kind, TEXT("functions"))) {
        ret->function = directory_find(options->directory, text_of(options->account),
                                       text_of(options->region), take_segment(&rest, arena));
        return settle(ret, rest, arena);
    }
    ret->function = directory_find_route(options->directory, route_comparable(request->path, arena));
    return ret->function ? settle(ret, request->path, arena) : 404;
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
        ret->function = find_host(options, name);
        return settle(ret, request->path, arena);
    }
    int status = route_find_api(options, request, name, arena, ret);
    if (status != 0 || ret->api)
        return status;
    return route_has_dots(decoded) ? 400 : find_path(options, request, arena, ret);
}
