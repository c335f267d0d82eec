/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "gateway/docs_page.h"
#include "gateway/gateway_priv.h"
#include "guard/docs.h"
#include "guard/guard.h"
#include "model/typed.h"

/*
 * "docs" and "openapi.json" of a typed function ("/functions/NAME/docs") and of an API
 * ("/apis/ID/docs"): made when they are asked for, of what the gateway serves by. The page is one
 * file that reads the description beside it; nothing comes from elsewhere, and its policy lets
 * nothing else run. Names are data there: the page sets them as text.
 */

#define NONCE "@NONCE@"

/* --- one operation --- */

static void add_parameters(json_t *list, const json_t *schema, const char *place)
{
    const json_t *required = json_object_get(schema, "required"), *item;
    const char *name;
    json_t *property;
    size_t i;

    json_object_foreach(json_object_get(schema, "properties"), name, property)
    {
        bool is_required = strcmp(place, "path") == 0;
        json_array_foreach(required, i, item) is_required |=
            strcmp(json_string_value(item), name) == 0;
        json_t *parameter = json_pack("{s:s,s:s,s:b,s:O}", "name", name, "in", place, "required",
                                      is_required, "schema", property);
        const json_t *description = json_object_get(property, "description");
        if (description)
            json_object_set_new(parameter, "description", json_deep_copy(description));
        json_array_append_new(list, parameter);
    }
}

static json_t *content_of(json_t *schema)
{
    return json_pack("{s:{s:O}}", "application/json", "schema", schema);
}

static json_t *make_responses(const json_t *schemas)
{
    json_t *answer = json_object_get(schemas, "answer");
    json_t *ok = json_pack("{s:s}", "description", "The function's answer");
    json_t *responses = json_pack("{s:o}", "200", ok);

    if (answer)
        json_object_set_new(ok, "content", content_of(answer));
    if (json_object_get(schemas, "body") || json_object_get(schemas, "query") ||
        json_object_get(schemas, "path") || json_object_get(schemas, "header"))
        json_object_set_new(responses, "400",
                            json_pack("{s:s}", "description",
                                      "The request does not fit; errors names each wrong field"));
    return responses;
}

static bool has_parameter(const json_t *list, struct text name)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item) if (text_equal(json_text(item, "in"), TEXT("path")) &&
                                          text_equal(json_text(item, "name"), name)) return true;
    return false;
}

/* Those of the path that no type says anything about: OpenAPI wants each named. */
static void add_path_names(json_t *list, struct text path)
{
    struct text rest = path, segment;

    while (text_split(&rest, '/', &segment)) {
        if (segment.len < 3 || segment.at[0] != '{' || segment.at[segment.len - 1] != '}')
            continue;
        struct text name = text_slice(segment, 1, segment.len - 1);
        if (!has_parameter(list, name))
            json_array_append_new(list, json_pack("{s:o,s:s,s:b,s:{s:s}}", "name",
                                                  json_from_text(name), "in", "path", "required", 1,
                                                  "schema", "type", "string"));
    }
}

/* schemas: of the types; NULL without. */
static json_t *make_operation(const json_t *schemas, struct text id, struct text path)
{
    static const char *const places[] = {"path", "query", "header"};
    json_t *parameters = json_array(), *body = json_object_get(schemas, "body");
    json_t *operation = json_pack("{s:o,s:o}", "operationId", json_from_text(id), "responses",
                                  make_responses(schemas));

    for (size_t i = 0; i < COUNT_OF(places); i++)
        add_parameters(parameters, json_object_get(schemas, places[i]), places[i]);
    add_path_names(parameters, path);
    if (json_array_size(parameters) > 0)
        json_object_set(operation, "parameters", parameters);
    json_decref(parameters);
    if (body)
        json_object_set_new(operation, "requestBody",
                            json_pack("{s:b,s:o}", "required",
                                      json_array_size(json_object_get(body, "required")) > 0,
                                      "content", content_of(body)));
    return operation;
}

static json_t *schemas_of(const struct function *function)
{
    struct error err;

    if (!function || !function->guarded)
        return NULL;
    scoped(json_decref) json_t *guard = json_parse(text_of(function->guarded->source), &err);
    const json_t *types = json_object_get(guard, "types");
    return types ? typed_schemas(types, &err) : NULL;
}

static json_t *make_document(struct text title, struct text version, struct text description,
                             struct text server)
{
    json_t *document = json_pack("{s:s,s:{s:o,s:o},s:[{s:o}],s:{}}", "openapi", "3.1.0", "info",
                                 "title", json_from_text(title), "version", json_from_text(version),
                                 "servers", "url", json_from_text(server), "paths");

    if (description.len > 0)
        json_object_set_new(json_object_get(document, "info"), "description",
                            json_from_text(description));
    return document;
}

/* --- a function --- */

static json_t *describe_function(const struct function *function, struct arena *arena)
{
    scoped(json_decref) json_t *schemas = schemas_of(function);
    const struct version *version = function->latest;
    const char *server = arena_format(arena, "/functions/%s", function->name);
    json_t *document = make_document(text_of(function->name), text_of(version->number),
                                     text_of(version->config.description), text_of(server));
    const char *method = json_object_get(schemas, "body") ? "post" : "get";

    json_object_set_new(
        json_object_get(document, "paths"), "/",
        json_pack("{s:o}", method, make_operation(schemas, text_of(function->name), TEXT("/"))));
    return document;
}

/* --- an API --- */

static const struct api_stage *shown_stage(const struct http_api *api)
{
    const struct api_stage *stage = http_api_stage(api, TEXT("$default"));

    return stage || api->stage_count == 0 ? stage : &api->stages[0];
}

static const struct function *function_of(const struct exchange *exchange,
                                          const struct api_integration *integration)
{
    if (!integration || integration->kind != INTEGRATION_FUNCTION)
        return NULL;
    return directory_find(exchange->gateway->options.directory, text_of(integration->account),
                          text_of(integration->region), text_of(integration->function));
}

/* "/a/{proxy+}" is "/a/{proxy}" in OpenAPI. */
static struct text openapi_path(struct text path, struct arena *arena)
{
    if (!text_ends(path, TEXT("+}")))
        return path;
    return text_of(arena_format(arena, "%.*s}", (int)path.len - 2, path.at));
}

static void add_methods(json_t *item, struct text method, json_t *operation)
{
    static const char *const all[] = {"get", "put", "post", "delete", "patch"};
    char name[16] = "";

    if (text_equal(method, TEXT("ANY"))) {
        for (size_t i = 0; i < COUNT_OF(all); i++)
            if (!json_object_get(item, all[i]))
                json_object_set_new(item, all[i], json_deep_copy(operation));
        json_decref(operation);
        return;
    }
    for (size_t i = 0; i < method.len && i + 1 < sizeof name; i++)
        name[i] = (char)(method.at[i] | 0x20);
    json_object_set_new(item, name, operation);
}

static enum docs_scope scope_of(const struct guard *guard)
{
    return guard && guard->docs ? guard->docs->scope : DOCS_OPEN;
}

/* Whether it lets everybody pass. */
static bool is_open(const struct guard *guard)
{
    return !guard || (!guard->signature && !guard->tokens);
}

/* Whether everybody may use the route, or is to know of it in any case. */
static bool is_shown(const struct http_api *api, const struct api_route *route)
{
    const struct guard *guard = route->guard ? route->guard : api->guard;

    return scope_of(api->guard) == DOCS_ALL ||
           (route->authorization == AUTHORIZATION_NONE && !route->needs_key && is_open(guard));
}

static void add_route(const struct exchange *exchange, json_t *paths, const struct api_route *route)
{
    struct arena *arena = &exchange->stream->arena;

    if (route->path.len == 0 || !is_shown(exchange->route.api, route))
        return;
    struct text path = openapi_path(route->path, arena);
    const char *key = arena_string(arena, path);
    scoped(json_decref) json_t *schemas = schemas_of(function_of(exchange, route->integration));
    json_t *item = json_object_get(paths, key);
    if (!item) {
        item = json_object();
        json_object_set_new(paths, key, item);
    }
    add_methods(item, route->method, make_operation(schemas, text_of(route->key), path));
}

static json_t *describe_api(const struct exchange *exchange)
{
    const struct http_api *api = exchange->route.api;
    const struct api_stage *stage = shown_stage(api);
    const json_t *shape = json_object_get(api->bundle, "api");
    struct arena *arena = &exchange->stream->arena;
    bool is_default = !stage || strcmp(stage->name, "$default") == 0;
    const char *server = arena_format(arena, "/apis/%s%s%s", api->id, is_default ? "" : "/",
                                      is_default ? "" : stage->name);
    struct text version = json_text(shape, "version");
    json_t *document = make_document(text_of(api->name), version.len ? version : TEXT("1.0"),
                                     json_text(shape, "description"), text_of(server));

    for (size_t i = 0; stage && i < stage->route_count; i++)
        add_route(exchange, json_object_get(document, "paths"), &stage->routes[i]);
    return document;
}

/* An API of which nobody may know anything is none. */
static bool shows_routes(const struct http_api *api)
{
    const struct api_stage *stage = shown_stage(api);

    for (size_t i = 0; stage && i < stage->route_count; i++)
        if (stage->routes[i].path.len > 0 && is_shown(api, &stage->routes[i]))
            return true;
    return false;
}

/* --- answering --- */

static void answer_page(struct exchange *exchange)
{
    struct arena *arena = &exchange->stream->arena;
    uint8_t random[18];
    scoped(buffer_done) struct buffer nonce = {0}, page = {0};
    struct text rest = text_from(docs_page, docs_page_len);

    crypto_random(random, sizeof random);
    crypto_base64(text_from(random, sizeof random), &nonce);
    for (;;) {
        size_t at = text_find_text(rest, TEXT(NONCE));
        buffer_add_text(&page, text_slice(rest, 0, at));
        if (at == rest.len)
            break;
        buffer_add_text(&page, buffer_text(&nonce));
        rest = text_skip(rest, at + sizeof NONCE - 1);
    }
    const char *policy =
        arena_format(arena,
                     "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; "
                     "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                     "frame-ancestors 'none'",
                     nonce.at, nonce.at);
    const struct http_field fields[] = {
        {TEXT("Content-Type"), TEXT("text/html; charset=utf-8")},
        {TEXT("Content-Security-Policy"), text_of(policy)},
        {TEXT("X-Content-Type-Options"), TEXT("nosniff")},
        {TEXT("Referrer-Policy"), TEXT("no-referrer")},
        {TEXT("Cache-Control"), TEXT("no-store")},
    };
    http_respond(exchange->stream, 200, fields, COUNT_OF(fields),
                 arena_copy(arena, buffer_text(&page)));
}

static void answer_document(struct exchange *exchange)
{
    scoped(json_decref) json_t *document =
        exchange->route.api ? describe_api(exchange)
                            : describe_function(exchange->route.function, &exchange->stream->arena);
    scoped(free) char *text = json_dumps(document, JSON_INDENT(2));

    reply_json(exchange, 200, arena_copy(&exchange->stream->arena, text_of(text)));
}

static const char *file_of(struct text path)
{
    return text_ends(path, TEXT("/docs"))           ? "/docs"
           : text_ends(path, TEXT("/openapi.json")) ? "/openapi.json"
                                                    : NULL;
}

static bool is_asked_of_api(const struct exchange *exchange, struct text file)
{
    const struct route *route = &exchange->route;
    struct text path = text_of(
        arena_format(&exchange->stream->arena, "/apis/%s%.*s", route->api->id, TEXT_ARG(file)));

    return text_equal(exchange->stream->request.path, path) && !route->api->is_endpoint_disabled &&
           (!route->matched || !text_equal(route->matched->path, file)) &&
           scope_of(route->api->guard) != DOCS_OFF && shows_routes(route->api);
}

static bool is_asked_of_function(const struct exchange *exchange, struct text file)
{
    const struct route *route = &exchange->route;
    const struct guard *guard = route->guard;
    bool is_public = route->function && auth_is_public(route) && is_open(guard);

    return route->function && guard && guard->types &&
           text_starts(exchange->stream->request.path, TEXT("/functions/")) &&
           text_equal(route->path, file) && scope_of(guard) != DOCS_OFF &&
           (is_public || scope_of(guard) == DOCS_ALL);
}

/* By the prefix that only this gateway has. A function or an API whose own route has that path
 * keeps it. */
bool docs_asked(struct exchange *exchange)
{
    struct route *route = &exchange->route;
    const char *file = file_of(exchange->stream->request.path);

    if (!file || exchange->stream->request.method != METHOD_GET)
        return false;
    exchange->docs = route->api ? is_asked_of_api(exchange, text_of(file))
                                : is_asked_of_function(exchange, text_of(file));
    if (exchange->docs && route->api) {
        route->matched = NULL;
        route->key = TEXT_NONE;
        route->guard = route->api->guard;
    }
    return exchange->docs;
}

/* Behind the addresses; the limits are those of the API or function. */
enum stage_verdict stage_docs(struct exchange *exchange)
{
    if (!exchange->docs)
        return STAGE_PASS;
    enum stage_verdict verdict = stage_limit_head(exchange);
    if (verdict != STAGE_PASS)
        return verdict;
    if (text_ends(exchange->stream->request.path, TEXT("/docs")))
        answer_page(exchange);
    else
        answer_document(exchange);
    return STAGE_ANSWERED;
}
