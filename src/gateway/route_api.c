/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "gateway/http_api_priv.h"
#include "gateway/socket_priv.h"
#include "http/uri.h"

/*
 * From host and path to an API, its stage and its route. Of "/apis/ID/..." what follows is
 * taken as if it had come to the API's own host.
 */

#define DOMAIN TEXT(".localhost")
#define API_DOMAIN TEXT(".execute-api.")
#define API_PREFIX TEXT("/apis/")
#define HOST_MAX 255

/* What a host or path leads to, before the route is looked for. */
struct place {
    struct http_api *api; /* borrowed */
    const struct api_stage *stage;
    struct text shown; /* the path an event shows, still encoded */
    struct text path;  /* within the stage, still encoded */
};

/* At most HOST_MAX bytes. */
static struct text lower(struct text name, char *copy)
{
    for (size_t i = 0; i < name.len; i++)
        copy[i] = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] | 0x20) : name.at[i];
    return text_from(copy, name.len);
}

const struct api_domain *route_domain(const struct gateway_options *options, struct text name)
{
    char low[HOST_MAX];

    if (!options->apis || name.len == 0 || name.len > sizeof low)
        return NULL;
    return http_api_view_domain(options->apis, lower(name, low));
}

/* "<api-id>.localhost", "<api-id>.execute-api.<region>.localhost": the id. */
static struct text id_of_host(const struct gateway_options *options, struct text host)
{
    struct text id = text_slice(host, 0, text_find(host, '.'));
    struct text rest = text_skip(host, id.len), region = text_of(options->region);

    if (!text_ends(rest, DOMAIN))
        return TEXT_NONE;
    rest = text_slice(rest, 0, rest.len - DOMAIN.len);
    if (rest.len == 0)
        return id;
    return text_starts(rest, API_DOMAIN) && text_equal(text_skip(rest, API_DOMAIN.len), region)
               ? id
               : TEXT_NONE;
}

/* 404 of a host or path that is an API's but leads nowhere. */
static int enter_api(struct place *place, struct http_api *api, struct text path)
{
    if (api->is_endpoint_disabled)
        return 404;
    place->api = api;
    place->shown = place->path = path.len ? path : TEXT("/");
    place->stage = http_api_choose_stage(api, &place->path);
    return place->stage ? 0 : 404;
}

static int enter_path(const struct gateway_options *options, struct text path, struct place *place)
{
    struct text rest = text_skip(path, API_PREFIX.len);
    struct text id = text_slice(rest, 0, text_find(rest, '/'));
    struct http_api *api = http_api_view_find(options->apis, id);

    return api ? enter_api(place, api, text_skip(rest, id.len)) : 404;
}

static int enter_domain(const struct gateway_options *options, const struct api_domain *domain,
                        struct text path, struct place *place)
{
    const struct api_mapping *mapping = api_domain_map(domain, path);
    struct http_api *api =
        mapping ? http_api_view_find(options->apis, text_of(mapping->api_id)) : NULL;

    if (!api)
        return 404;
    size_t taken = mapping->key[0] ? strlen(mapping->key) + 1 : 0;
    place->api = api;
    place->shown = path;
    place->path = taken < path.len ? text_skip(path, taken) : TEXT("/");
    place->stage = http_api_stage(api, text_of(mapping->stage));
    return place->stage ? 0 : 404;
}

/* api stays NULL when neither host nor path is an API's. */
static int enter(const struct gateway_options *options, const struct http_request *request,
                 struct text host, const struct api_domain *domain, struct place *place)
{
    if (domain)
        return enter_domain(options, domain, request->path, place);
    struct text id = id_of_host(options, host);
    struct http_api *api = id.len ? http_api_view_find(options->apis, id) : NULL;
    if (api)
        return enter_api(place, api, request->path);
    if (text_starts(request->path, API_PREFIX))
        return enter_path(options, request->path, place);
    return 0;
}

/* A path has a "?" only if one was decoded. */
static struct text cut(struct text decoded, struct text encoded)
{
    return decoded.at == encoded.at ? decoded : text_slice(decoded, 0, text_find(decoded, '?'));
}

/* As AWS shows it: decoded, and cut at a decoded "?". */
static bool decode_shown(struct text encoded, struct arena *arena, struct text *ret)
{
    if (!uri_decode(arena, encoded, false, ret))
        return false;
    *ret = cut(*ret, encoded);
    return true;
}

static void keep_parameters(struct route *route, const struct route_match *match,
                            struct arena *arena)
{
    route->names = route->matched->parameters;
    route->parameter_count = match->count;
    if (match->count == 0)
        return;
    route->values = arena_alloc(arena, match->count * sizeof *route->values);
    for (size_t i = 0; i < match->count; i++)
        route->values[i] = route_value(match->values[i], arena);
}

/* Of a WebSocket API: "$connect" at the root of its stage. */
static int settle_socket(struct route *route)
{
    const struct api_route *connect = socket_route(route->stage, TEXT("$connect"));

    route->matched = connect ? connect : &socket_open_door;
    if (route->matched->guard)
        route->guard = route->matched->guard;
    return text_equal(route->stage_path, TEXT("/")) ? 0 : 404;
}

static int settle(const struct place *place, const struct http_request *request,
                  struct arena *arena, struct route *route)
{
    struct route_match match;

    route->api = http_api_ref(place->api);
    route->stage = place->stage;
    route->guard = place->api->guard;
    if (!decode_shown(place->shown, arena, &route->path) ||
        !decode_shown(place->path, arena, &route->stage_path) || route_has_dots(route->path))
        return 400;
    route->raw_path = route->path;
    if (place->api->protocol == API_WEBSOCKET)
        return settle_socket(route);
    struct text path = cut(route_comparable(place->path, arena), place->path);
    route->matched = api_stage_find(place->stage, request->method_text, path, &match);
    if (!route->matched)
        return place->api->cors.is_set && cors_is_preflight(request) ? 0 : 404;
    if (route->matched->guard)
        route->guard = route->matched->guard;
    route->key = text_of(route->matched->key);
    keep_parameters(route, &match, arena);
    return 0;
}

int route_find_api(const struct gateway_options *options, const struct http_request *request,
                   struct text host, struct arena *arena, struct route *ret)
{
    struct place place = {0};
    char low[HOST_MAX];

    if (!options->apis || host.len > HOST_MAX)
        return 0;
    host = lower(host, low);
    ret->domain = http_api_view_domain(options->apis, host);
    int status = enter(options, request, host, ret->domain, &place);
    if (status != 0) {
        if (place.api)
            ret->api = http_api_ref(place.api);
        return status;
    }
    return place.api ? settle(&place, request, arena, ret) : 0;
}
