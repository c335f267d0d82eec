/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "api/events_manifest.h"
#include "api/scheduler_manifest.h"
#include "base/clock.h"
#include "base/mem.h"
#include "model/alias.h"

/* GetFunction, GetFunctionConfiguration, ListFunctions, UpdateFunctionConfiguration,
 * DeleteFunction, GetAccountSettings. */

#define LIST_MAX 50 /* functions in one answer, whatever MaxItems says */

/* --- GetFunction --- */

/* A link that works without a signature for ten minutes: what is signed is digest and end. */
static void write_location(struct call *call, struct writer *writer, const struct version *version)
{
    const struct api *api = call->api;
    int64_t expires_ms = clock_now_ms() + API_CODE_URL_MS;
    char hex[2 * SHA256_LEN + 1];

    admin_sign_code(api, text_of(version->code), expires_ms, hex);
    scoped(free) char *location =
        mem_format("http://%.*s/_evoke/code/%s.zip?expires=%lld&signature=%s", TEXT_ARG(call->host),
                   version->code, (long long)expires_ms, hex);
    write_open(writer, "Code", '{');
    write_string(writer, "RepositoryType", "S3");
    write_string(writer, "Location", location);
    write_close(writer, '}');
}

static void write_tags(struct writer *writer, const struct function *function)
{
    if (function->tag_count == 0)
        return;
    write_open(writer, "Tags", '{');
    for (size_t i = 0; i < function->tag_count; i++) {
        write_key(writer, text_of(function->tags[i].key));
        write_string(writer, NULL, function->tags[i].value);
    }
    write_close(writer, '}');
}

static void get_function(struct call *call)
{
    struct target target;
    const struct function *function;
    struct writer writer = call_writer(call);

    const struct version *version = lambda_target_version(call, &target, &function);
    if (!version)
        return;
    write_open(&writer, NULL, '{');
    config_write_for(&writer, "Configuration", function, version, target.qualifier);
    write_location(call, &writer, version);
    write_tags(&writer, function);
    if (function->reserved_concurrency >= 0) {
        write_open(&writer, "Concurrency", '{');
        write_int(&writer, "ReservedConcurrentExecutions", function->reserved_concurrency);
        write_close(&writer, '}');
    }
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void get_function_configuration(struct call *call)
{
    struct target target;
    const struct function *function;

    const struct version *version = lambda_target_version(call, &target, &function);
    if (!version)
        return;
    struct writer writer = call_writer(call);
    config_write_for(&writer, NULL, function, version, target.qualifier);
    call_reply(call, 200);
}

/* --- ListFunctions --- */

struct listing {
    struct writer writer;
    struct text marker; /* the last "name:version" of the page before */
    int64_t left;
    char *last; /* the last one written */
    bool more;
};

/* Pages go by name and version; what was deleted in between leaves no gap. Versions of one
 * function are told apart by their number, $LATEST first. */
static bool is_after(const struct function *function, int64_t number, struct text marker)
{
    size_t colon = text_find(marker, ':');
    int order = text_compare(text_of(function->name), text_slice(marker, 0, colon));
    int64_t seen = 0;

    (void)text_to_int(text_skip(marker, colon + 1), 0, INT64_MAX, &seen);
    return !marker.len || order > 0 || (order == 0 && number > seen);
}

static void list_version(struct listing *listing, const struct function *function,
                         const struct version *version, unsigned flags)
{
    int64_t number = 0;

    (void)text_to_int(text_of(version->number), 0, INT64_MAX, &number);
    if (listing->more || !is_after(function, number, listing->marker))
        return;
    if (listing->left-- == 0) {
        listing->more = true;
        return;
    }
    free(listing->last);
    listing->last = mem_format("%s:%lld", function->name, (long long)number);
    config_write(&listing->writer, NULL, function, version, flags | CONFIG_WITHOUT_STATE);
}

static void list_functions(struct call *call)
{
    bool all = text_equal(call_query(call, "FunctionVersion"), TEXT("ALL"));
    int64_t max = call_query_int(call, "MaxItems", LIST_MAX);
    struct listing listing = {.writer = call_writer(call),
                              .marker = call_query(call, "Marker"),
                              .left = max < LIST_MAX ? max : LIST_MAX};
    size_t count;
    scoped(free) const struct function **list =
        engine_list(call->api->engine, call->api->account, call->api->region, &count);

    write_open(&listing.writer, NULL, '{');
    write_open(&listing.writer, "Functions", '[');
    for (size_t i = 0; i < count && !listing.more; i++) {
        list_version(&listing, list[i], list[i]->latest, all ? CONFIG_QUALIFIED : 0);
        for (size_t v = 0; all && v < list[i]->version_count; v++)
            list_version(&listing, list[i], list[i]->versions[v], CONFIG_QUALIFIED);
    }
    write_close(&listing.writer, ']');
    if (listing.more)
        write_string(&listing.writer, "NextMarker", listing.last);
    write_close(&listing.writer, '}');
    free(listing.last);
    call_reply(call, 200);
}

/* --- UpdateFunctionConfiguration --- */

static void reply_updated(struct call *call)
{
    config_reply(call, 200, call->saved, call->saved->latest, 0);
}

static void update_function_configuration(struct call *call)
{
    struct target target;

    if (!lambda_target(call, &target))
        return;
    const struct function *function = lambda_find(call, &target);
    if (!function || !lambda_may_change(call, function) ||
        !lambda_check_revision(call, function->latest->revision_id, call_input(call, "RevisionId"),
                               "GetFunction/GetAlias"))
        return;

    scoped(version_unref) struct version *version = version_copy(function->latest);
    if (!config_apply_request(call, &version->config, target.name) || !config_check(call, version))
        return;
    version->modified_ms = clock_now_ms();
    crypto_uuid(version->revision_id);
    struct function *changed = function_edit(function);
    lambda_set_latest(changed, take(version));
    changed->update_status = UPDATE_IN_PROGRESS;
    model_set(&changed->update_reason, TEXT("The function is being created."));
    model_set(&changed->update_reason_code, TEXT("Creating"));
    lambda_deploy(call, changed, false, reply_updated);
}

/* --- DeleteFunction --- */

static void reply_deleted(struct call *call)
{
    call_reply(call, 204);
}

static void delete_version(struct call *call, const struct function *function,
                           struct text qualifier)
{
    const struct alias *alias = alias_of_version(function, qualifier);

    if (alias) {
        call_fail(call, "ResourceConflictException",
                  "Version %.*s cannot be deleted because the alias '%s' points to it.",
                  TEXT_ARG(qualifier), alias->name);
        return;
    }
    struct function *changed = lambda_edit(function);
    for (size_t i = 0; i < changed->version_count; i++) {
        if (!text_equal(text_of(changed->versions[i]->number), qualifier))
            continue;
        version_unref(changed->versions[i]);
        changed->version_count--;
        memmove(&changed->versions[i], &changed->versions[i + 1],
                (changed->version_count - i) * sizeof(struct version *));
        break;
    }
    permission_forget(changed, qualifier);
    lambda_save(call, changed, reply_deleted);
}

static void delete_rule(struct call *call)
{
    struct target target;

    if (lambda_target(call, &target))
        events_follow_manifest(call, target.name, NULL, reply_deleted);
}

static void on_deleted(struct engine_change *change, const struct function *function, bool failed,
                       const struct error *err)
{
    struct call *call = container_of(change, struct call, change);
    struct target target;

    if (failed)
        call_fail_error(call, err);
    else if (lambda_target(call, &target))
        scheduler_follow_manifest(call, target.name, NULL, delete_rule);
}

static bool is_number(struct text text)
{
    int64_t ignored;
    return text_to_int(text, 0, INT64_MAX, &ignored);
}

static void delete_function(struct call *call)
{
    struct target target;

    if (!lambda_target(call, &target))
        return;
    if (text_equal(target.qualifier, TEXT("$LATEST"))) {
        call_fail(call, "InvalidParameterValueException",
                  "$LATEST version cannot be deleted without deleting the function.");
        return;
    }
    if (text_is_set(target.qualifier) && !is_number(target.qualifier)) {
        call_fail(call, "InvalidParameterValueException",
                  "Deletion of aliases is not currently supported.");
        return;
    }
    const struct function *function = lambda_find(call, &target);
    if (!function)
        return;
    if (text_is_set(target.qualifier)) {
        delete_version(call, function, target.qualifier);
        return;
    }
    call->change.done = on_deleted;
    engine_delete(call->api->engine, call->api->account, call->api->region, target.name,
                  &call->change);
}

/* --- GetAccountSettings --- */

static int64_t code_bytes(const struct function *function)
{
    int64_t bytes = function->latest->code_bytes;

    for (size_t i = 0; i < function->version_count; i++)
        bytes += function->versions[i]->code_bytes;
    return bytes;
}

static void get_account_settings(struct call *call)
{
    const struct api *api = call->api;
    int64_t concurrency = api->options->settings->concurrency, bytes = 0;
    struct writer writer = call_writer(call);
    size_t count;
    scoped(free) const struct function **list =
        engine_list(api->engine, api->account, api->region, &count);

    for (size_t i = 0; i < count; i++)
        bytes += code_bytes(list[i]);
    write_open(&writer, NULL, '{');
    write_open(&writer, "AccountLimit", '{');
    write_int(&writer, "TotalCodeSize", 80530636800);
    write_int(&writer, "CodeSizeUnzipped", LIMIT_UNZIPPED_BYTES);
    write_int(&writer, "CodeSizeZipped", LIMIT_ZIP_BYTES);
    write_int(&writer, "ConcurrentExecutions", concurrency);
    write_int(&writer, "UnreservedConcurrentExecutions", lambda_unreserved(api, NULL));
    write_close(&writer, '}');
    write_open(&writer, "AccountUsage", '{');
    write_int(&writer, "TotalCodeSize", bytes);
    write_int(&writer, "FunctionCount", (int64_t)count);
    write_close(&writer, '}');
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* --- the table --- */

static const struct param list_params[] = {
    {PARAM_QUERY, PARAM_STRING, "MasterRegion", "masterRegion", .min = 1, .max = 50},
    {PARAM_QUERY, PARAM_STRING, "FunctionVersion", "functionVersion", .values = "ALL"},
    ROW_MAX_ITEMS(10000),
    {0},
};

static const struct param update_params[] = {
    ROW_FUNCTION(PARAM_PATH), {PARAM_ALSO, .members = config_params}, {0}};

const struct action lambda_function_actions[] = {
    {"GetFunction", LAMBDA, METHOD_GET, PATH_FUNCTION, BODY_NONE, 0, ACCESS_SIGNED, PLACE_CONTROL,
     lambda_name_params, get_function, NULL},
    {"GetFunctionConfiguration", LAMBDA, METHOD_GET, PATH_FUNCTION "/configuration", BODY_NONE, 0,
     ACCESS_SIGNED, PLACE_CONTROL, lambda_name_params, get_function_configuration, NULL},
    {"ListFunctions", LAMBDA, METHOD_GET, PATH_FUNCTIONS, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, list_params, list_functions, NULL},
    {"UpdateFunctionConfiguration", LAMBDA, METHOD_PUT, PATH_FUNCTION "/configuration", BODY_JSON,
     API_JSON_MAX, ACCESS_SIGNED, PLACE_CONTROL, update_params, update_function_configuration,
     NULL},
    {"DeleteFunction", LAMBDA, METHOD_DELETE, PATH_FUNCTION, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, lambda_name_params, delete_function, NULL},
    {"GetAccountSettings", LAMBDA, METHOD_GET, "/2016-08-19/account-settings", BODY_NONE, 0,
     ACCESS_SIGNED, PLACE_CONTROL, NULL, get_account_settings, NULL},
    {0},
};
