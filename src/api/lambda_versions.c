/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "base/mem.h"

/* PublishVersion, ListVersionsByFunction, and what belongs to a version without being set
 * here: code signing. */

#define LIST_MAX 50

/* --- PublishVersion --- */

static void reply_published(struct call *call)
{
    const struct function *function = call->saved;
    const char *number = call->state;

    config_reply(call, 201, function, function_version(function, text_of(number)),
                 CONFIG_QUALIFIED);
}

static bool check_code(struct call *call, const struct version *latest)
{
    struct text given = call_input(call, "CodeSha256");

    if (!given.len || text_equal(given, text_of(latest->code_sha256)))
        return true;
    call_fail(call, "InvalidParameterValueException",
              "CodeSHA256 (%.*s) is different from current CodeSHA256 in $LATEST (%s). Please try "
              "again with the CodeSHA256 in $LATEST.",
              TEXT_ARG(given), latest->code_sha256);
    return false;
}

static void publish_version(struct call *call)
{
    struct text description = call_input(call, "Description");
    struct target target;

    if (!lambda_target(call, &target))
        return;
    const struct function *function = lambda_find(call, &target);
    if (!function || !lambda_may_change(call, function) ||
        !lambda_check_revision(call, function->latest->revision_id, call_input(call, "RevisionId"),
                               "GetFunction/GetAlias") ||
        !check_code(call, function->latest))
        return;
    struct function *changed = lambda_edit(function);
    const struct version *version = lambda_publish(
        changed, text_is_set(description) ? arena_string(&call->arena, description) : NULL);
    call->state = arena_string(&call->arena, text_of(version->number));
    lambda_save(call, changed, reply_published);
}

/* --- ListVersionsByFunction --- */

static void list_versions(struct call *call)
{
    int64_t max = call_query_int(call, "MaxItems", LIST_MAX), from = 0, left;
    struct writer writer = call_writer(call);
    struct target target;

    if (!lambda_target(call, &target))
        return;
    const struct function *function = lambda_find(call, &target);
    if (!function)
        return;
    left = max < LIST_MAX ? max : LIST_MAX;
    (void)text_to_int(call_query(call, "Marker"), 0, INT32_MAX, &from);
    write_open(&writer, NULL, '{');
    write_open(&writer, "Versions", '[');
    /* 0 is $LATEST; the marker is the first one of the page. */
    size_t at = (size_t)from;
    for (; at <= function->version_count && left-- > 0; at++)
        config_write(&writer, NULL, function, at ? function->versions[at - 1] : function->latest,
                     CONFIG_QUALIFIED | CONFIG_WITHOUT_STATE);
    write_close(&writer, ']');
    if (at <= function->version_count) {
        scoped(free) char *next = mem_format("%zu", at);
        write_string(&writer, "NextMarker", next);
    }
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* --- GetFunctionCodeSigningConfig: there is none, as with most functions on AWS --- */

static void get_code_signing(struct call *call)
{
    struct writer writer = call_writer(call);
    struct target target;

    if (!lambda_target(call, &target))
        return;
    const struct function *function = lambda_find(call, &target);
    if (!function)
        return;
    write_open(&writer, NULL, '{');
    write_string(&writer, "FunctionName", function->name);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static const struct param publish_params[] = {
    ROW_FUNCTION(PARAM_PATH),
    {PARAM_BODY, PARAM_STRING, "CodeSha256", "codeSha256"},
    {PARAM_BODY, PARAM_STRING, "Description", "description", .max = LIMIT_DESCRIPTION},
    {PARAM_BODY, PARAM_STRING, "RevisionId", "revisionId"},
    {0},
};
static const struct param list_params[] = {ROW_MAX_ITEMS(10000), ROW_NAMESPACED, {0}};

const struct action lambda_version_actions[] = {
    {"PublishVersion", LAMBDA, METHOD_POST, PATH_FUNCTION "/versions", BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, publish_params, publish_version, NULL},
    {"ListVersionsByFunction", LAMBDA, METHOD_GET, PATH_FUNCTION "/versions", BODY_NONE, 0,
     ACCESS_SIGNED, PLACE_CONTROL, list_params, list_versions, NULL},
    {"GetFunctionCodeSigningConfig", LAMBDA, METHOD_GET,
     "/2020-06-30/functions/{FunctionName}/code-signing-config", BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, lambda_namespaced_params, get_code_signing, NULL},
    {0},
};
