/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/alias.h"
#include "model/manifest.h"

/* Function URLs: of $LATEST, or of an alias. */

#define URLS_MAX 50 /* Lambda: of one answer */
#define NO_RESOURCE "The resource you requested does not exist."
#define NO_FUNCTION "Function does not exist"

void url_make(struct function_url *url, enum url_auth auth, enum invoke_mode mode)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t random[sizeof url->id - 1];

    crypto_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        url->id[i] = letters[random[i] % (sizeof letters - 1)];
    url->id[sizeof random] = '\0';
    url->auth = auth;
    url->mode = mode;
    url->mode_given = false;
    url->created_ms = url->modified_ms = clock_now_ms();
}

/* --- CORS --- */

static void free_strings(char ***strings, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        free((*strings)[i]);
    free(*strings);
    *strings = NULL;
    *count = 0;
}

static void clear_cors(struct cors *cors)
{
    free_strings(&cors->allow_origins, &cors->origin_count);
    free_strings(&cors->allow_methods, &cors->method_count);
    free_strings(&cors->allow_headers, &cors->header_count);
    free_strings(&cors->expose_headers, &cors->expose_count);
    *cors = (struct cors){.max_age_s = -1};
}

static bool read_strings(const json_t *array, char ***ret, size_t *ret_count)
{
    size_t index;
    json_t *element;

    if (!json_is_array(array))
        return false;
    *ret = json_array_size(array) ? mem_alloc(json_array_size(array) * sizeof(char *)) : NULL;
    json_array_foreach(array, index, element)(*ret)[index] =
        text_dup(text_from(json_string_value(element), json_string_length(element)));
    *ret_count = json_array_size(array);
    return true;
}

static void read_cors(const json_t *json, struct cors *cors)
{
    if (!json_is_object(json))
        return;
    clear_cors(cors);
    cors->is_set = true;
    cors->allow_credentials = json_bool(json, "AllowCredentials", false);
    cors->max_age_s = json_int(json, "MaxAge", -1);
    cors->has_origins = read_strings(json_object_get(json, "AllowOrigins"), &cors->allow_origins,
                                     &cors->origin_count);
    cors->has_methods = read_strings(json_object_get(json, "AllowMethods"), &cors->allow_methods,
                                     &cors->method_count);
    cors->has_headers = read_strings(json_object_get(json, "AllowHeaders"), &cors->allow_headers,
                                     &cors->header_count);
    cors->has_expose = read_strings(json_object_get(json, "ExposeHeaders"), &cors->expose_headers,
                                    &cors->expose_count);
}

static char **copy_strings(char *const *strings, size_t count)
{
    char **copy = count ? mem_alloc(count * sizeof(char *)) : NULL;

    for (size_t i = 0; i < count; i++)
        copy[i] = mem_strdup(strings[i]);
    return copy;
}

static void copy_cors(struct cors *to, const struct cors *from)
{
    clear_cors(to);
    *to = *from;
    to->allow_origins = copy_strings(from->allow_origins, from->origin_count);
    to->allow_methods = copy_strings(from->allow_methods, from->method_count);
    to->allow_headers = copy_strings(from->allow_headers, from->header_count);
    to->expose_headers = copy_strings(from->expose_headers, from->expose_count);
}

static void write_cors(struct writer *writer, const struct cors *cors)
{
    if (!cors->is_set)
        return;
    write_open(writer, "Cors", '{');
    if (cors->allow_credentials)
        write_bool(writer, "AllowCredentials", true);
    if (cors->has_headers)
        write_strings(writer, "AllowHeaders", cors->allow_headers, cors->header_count);
    if (cors->has_methods)
        write_strings(writer, "AllowMethods", cors->allow_methods, cors->method_count);
    if (cors->has_origins)
        write_strings(writer, "AllowOrigins", cors->allow_origins, cors->origin_count);
    if (cors->has_expose)
        write_strings(writer, "ExposeHeaders", cors->expose_headers, cors->expose_count);
    if (cors->max_age_s >= 0)
        write_int(writer, "MaxAge", cors->max_age_s);
    write_close(writer, '}');
}

/* --- what function.yaml says --- */

/* What the file says about requests. */
static void apply_guard(struct function *function, struct guarded *guarded)
{
    guarded_unref(function->guarded);
    function->guarded = guarded_ref(guarded);
}

/* The file describes the URL whenever it has an http section; without one a URL that is
 * there stays, as it may have been made by hand. */
void url_apply_manifest(struct function *function, const struct manifest *manifest,
                        struct guarded *guarded)
{
    struct function_url *url = &function->url;

    function_set_routes(function, manifest ? manifest->routes : NULL,
                        manifest ? manifest->route_count : 0);
    apply_guard(function, guarded);
    if (!manifest || !manifest->has_http)
        return;
    bool iam = manifest->http_auth && strcmp(manifest->http_auth, "iam") == 0;
    bool stream = manifest->http_mode && strcmp(manifest->http_mode, "stream") == 0;
    if (!*url->id)
        url_make(url, URL_AUTH_NONE, INVOKE_BUFFERED);
    url->auth = iam ? URL_AUTH_IAM : URL_AUTH_NONE;
    url->mode = stream ? INVOKE_RESPONSE_STREAM : INVOKE_BUFFERED;
    copy_cors(&url->cors, &manifest->cors);
    if (iam)
        permission_close_url(function);
    else
        permission_open_url(function);
}

/* --- showing --- */

static struct text gateway_port(const struct api *api)
{
    struct text url = text_of(api->gateway_url);

    while (text_contains(url, ':'))
        url = text_skip(url, text_find(url, ':') + 1);
    return url;
}

enum show { SHOW_GIVEN_MODE = 1, SHOW_MODIFIED = 2 };

/* qualifier: whose URL it is, empty for the function's. */
static void write_url(struct call *call, struct writer *writer, const struct function *function,
                      struct text qualifier, unsigned show)
{
    const struct function_url *url = alias_url(function, qualifier);
    char time[32];
    scoped(free) char *address =
        mem_format("http://%s.localhost:%.*s/", url->id, TEXT_ARG(gateway_port(call->api)));

    write_open(writer, NULL, '{');
    write_string(writer, "FunctionUrl", address);
    write_string(writer, "FunctionArn", lambda_arn(call, text_of(function->name), qualifier));
    write_string(writer, "AuthType", url->auth == URL_AUTH_IAM ? "AWS_IAM" : "NONE");
    write_cors(writer, &url->cors);
    write_string(writer, "CreationTime", clock_format_iso(url->created_ms, time));
    if (show & SHOW_MODIFIED)
        write_string(writer, "LastModifiedTime", clock_format_iso(url->modified_ms, time));
    if (!(show & SHOW_GIVEN_MODE) || url->mode_given)
        write_string(writer, "InvokeMode",
                     url->mode == INVOKE_RESPONSE_STREAM ? "RESPONSE_STREAM" : "BUFFERED");
    write_close(writer, '}');
}

/* --- actions --- */

/* The function and what of it has the URL. NULL: answered; missing is what AWS says where there
 * is no such function or alias. */
static const struct function *find_function(struct call *call, const char *missing,
                                            struct text *ret_qualifier)
{
    struct target target;

    if (!lambda_target(call, &target))
        return NULL;
    bool is_latest =
        !text_is_set(target.qualifier) || text_equal(target.qualifier, TEXT("$LATEST"));
    *ret_qualifier = is_latest ? TEXT("") : target.qualifier;
    const struct function *function =
        engine_find(call->api->engine, call->api->account, call->api->region, target.name);
    if (function && alias_url(function, *ret_qualifier))
        return function;
    call_fail(call, "ResourceNotFoundException", "%s", missing);
    return NULL;
}

static const struct function *find_url(struct call *call, const char *missing,
                                       struct text *ret_qualifier)
{
    const struct function *function = find_function(call, missing, ret_qualifier);

    if (!function || *alias_url(function, *ret_qualifier)->id)
        return function;
    call_fail(call, "ResourceNotFoundException", NO_RESOURCE);
    return NULL;
}

/* The same of a snapshot to be changed. */
static struct function_url *edit_url(struct function *changed, struct text qualifier)
{
    return qualifier.len > 0 ? &alias_put(changed, qualifier)->url : &changed->url;
}

static void read_url(const struct call *call, struct function_url *url)
{
    struct text auth = call_input(call, "AuthType"), mode = call_input(call, "InvokeMode");

    if (text_is_set(auth))
        url->auth = text_equal(auth, TEXT("NONE")) ? URL_AUTH_NONE : URL_AUTH_IAM;
    if (text_is_set(mode))
        url->mode = text_equal(mode, TEXT("BUFFERED")) ? INVOKE_BUFFERED : INVOKE_RESPONSE_STREAM;
    url->mode_given = text_is_set(mode);
    read_cors(json_object_get(call->input, "Cors"), &url->cors);
}

static void reply_url(struct call *call, const struct function *function, struct text qualifier,
                      int status, unsigned show)
{
    struct writer writer = call_writer(call);

    write_url(call, &writer, function, qualifier, show);
    call_reply(call, status);
}

/* What was saved still has what was found in it. */
static void reply_saved(struct call *call, int status, unsigned show)
{
    struct target target;

    (void)lambda_target(call, &target);
    reply_url(call, call->saved,
              text_equal(target.qualifier, TEXT("$LATEST")) ? TEXT("") : target.qualifier, status,
              show);
}

static void reply_created(struct call *call)
{
    reply_saved(call, 201, SHOW_GIVEN_MODE);
}

static void create_url(struct call *call)
{
    struct text qualifier;
    const struct function *function = find_function(call, NO_FUNCTION, &qualifier);

    if (!function)
        return;
    if (*alias_url(function, qualifier)->id) {
        call_fail(call, "ResourceConflictException",
                  "Failed to create function url config for [functionArn = %s]. Error message:  "
                  "FunctionUrlConfig exists for this Lambda function",
                  lambda_arn(call, text_of(function->name), qualifier));
        return;
    }
    struct function *changed = function_edit(function);
    struct function_url *url = edit_url(changed, qualifier);
    url_make(url, URL_AUTH_NONE, INVOKE_BUFFERED);
    read_url(call, url);
    lambda_save(call, changed, reply_created);
}

static void get_url(struct call *call)
{
    struct text qualifier;
    const struct function *function = find_url(call, NO_RESOURCE, &qualifier);

    if (function)
        reply_url(call, function, qualifier, 200, SHOW_MODIFIED);
}

static void reply_updated(struct call *call)
{
    reply_saved(call, 200, SHOW_MODIFIED | SHOW_GIVEN_MODE);
}

static void update_url(struct call *call)
{
    struct text qualifier;
    const struct function *function = find_url(call, NO_FUNCTION, &qualifier);

    if (!function)
        return;
    struct function *changed = function_edit(function);
    struct function_url *url = edit_url(changed, qualifier);
    read_url(call, url);
    url->modified_ms = clock_now_ms();
    lambda_save(call, changed, reply_updated);
}

static void reply_deleted(struct call *call)
{
    call_reply(call, 204);
}

static void delete_url(struct call *call)
{
    struct text qualifier;
    const struct function *function = find_url(call, NO_RESOURCE, &qualifier);

    if (!function)
        return;
    struct function *changed = function_edit(function);
    struct function_url *url = edit_url(changed, qualifier);
    clear_cors(&url->cors);
    *url = (struct function_url){.cors = url->cors};
    lambda_save(call, changed, reply_deleted);
}

/* --- ListFunctionUrlConfigs: the marker is whose URL was the last of the page before --- */

#define OF_FUNCTION "$LATEST" /* which comes before all aliases: '$' does */

struct listing {
    struct call *call;
    struct writer writer;
    const struct function *function;
    int64_t left;
    struct text last;
    bool more;
};

static void list_url(struct listing *listing, struct text qualifier, const struct function_url *url)
{
    struct text marker = call_query(listing->call, "Marker");
    struct text name = qualifier.len > 0 ? qualifier : TEXT(OF_FUNCTION);

    if (!*url->id || (text_is_set(marker) && text_compare(name, marker) <= 0) || listing->more)
        return;
    if (listing->left-- == 0) {
        listing->more = true;
        return;
    }
    write_url(listing->call, &listing->writer, listing->function, qualifier, SHOW_MODIFIED);
    listing->last = name;
}

static void list_urls(struct call *call)
{
    struct text qualifier;
    const struct function *function = find_function(call, NO_FUNCTION, &qualifier);
    struct listing listing = {.call = call, .writer = call_writer(call), .function = function};

    if (!function)
        return;
    listing.left = call_query_int(call, "MaxItems", URLS_MAX);
    write_open(&listing.writer, NULL, '{');
    write_open(&listing.writer, "FunctionUrlConfigs", '[');
    list_url(&listing, TEXT(""), &function->url);
    for (size_t i = 0; i < function->alias_count; i++)
        list_url(&listing, text_of(function->aliases[i].name), &function->aliases[i].url);
    write_close(&listing.writer, ']');
    if (listing.more)
        write_text(&listing.writer, "NextMarker", listing.last);
    write_close(&listing.writer, '}');
    call_reply(call, 200);
}

/* --- the table --- */

static const struct param header_name = {PARAM_BODY, PARAM_STRING, "", "", .max = 1024};
static const struct param method_name = {PARAM_BODY, PARAM_STRING, "", "", .max = 6};
static const struct param origin_name = {PARAM_BODY, PARAM_STRING, "", "", .min = 1, .max = 253};
static const struct param cors_members[] = {
    {PARAM_BODY, PARAM_BOOL, "AllowCredentials", "allowCredentials"},
    {PARAM_BODY, PARAM_LIST, "AllowHeaders", "allowHeaders", .max = 100, .members = &header_name},
    {PARAM_BODY, PARAM_LIST, "AllowMethods", "allowMethods", .max = 6, .members = &method_name},
    {PARAM_BODY, PARAM_LIST, "AllowOrigins", "allowOrigins", .max = 100, .members = &origin_name},
    {PARAM_BODY, PARAM_LIST, "ExposeHeaders", "exposeHeaders", .max = 100, .members = &header_name},
    {PARAM_BODY, PARAM_INT, "MaxAge", "maxAge", .max = 86400},
    {0},
};
static const struct param name_params[] = {ROW_URL_QUALIFIER, ROW_URL_FUNCTION, {0}};
static const struct param list_params[] = {ROW_MAX_ITEMS(URLS_MAX), ROW_URL_FUNCTION, {0}};
static const struct param setting_params[] = {
    {PARAM_BODY, PARAM_OBJECT, "Cors", "cors", .members = cors_members},
    {PARAM_BODY, PARAM_STRING, "InvokeMode", "invokeMode", .values = "RESPONSE_STREAM, BUFFERED"},
    {0},
};
static const struct param create_params[] = {
    {PARAM_ALSO, .members = name_params},
    {PARAM_BODY, PARAM_STRING, "AuthType", "authType", .required = true, .values = "NONE, AWS_IAM"},
    {PARAM_ALSO, .members = setting_params},
    {0},
};
static const struct param update_params[] = {
    {PARAM_ALSO, .members = name_params},
    {PARAM_BODY, PARAM_STRING, "AuthType", "authType", .values = "NONE, AWS_IAM"},
    {PARAM_ALSO, .members = setting_params},
    {0},
};

#define PATH_URL "/2021-10-31/functions/{FunctionName}/url"

const struct action lambda_url_actions[] = {
    {"CreateFunctionUrlConfig", LAMBDA, METHOD_POST, PATH_URL, BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, create_params, create_url, NULL},
    {"GetFunctionUrlConfig", LAMBDA, METHOD_GET, PATH_URL, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, name_params, get_url, NULL},
    {"UpdateFunctionUrlConfig", LAMBDA, METHOD_PUT, PATH_URL, BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, update_params, update_url, NULL},
    {"DeleteFunctionUrlConfig", LAMBDA, METHOD_DELETE, PATH_URL, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, name_params, delete_url, NULL},
    {"ListFunctionUrlConfigs", LAMBDA, METHOD_GET, PATH_URL "s", BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, list_params, list_urls, NULL},
    {0},
};
