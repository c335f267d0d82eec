/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "api/events_manifest.h"
#include "api/guards.h"
#include "api/scheduler_manifest.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/package.h"
#include "engine/zip.h"
#include "model/manifest.h"

/*
 * CreateFunction and UpdateFunctionCode:
 *
 *     control: what the request says, and whether it may be -> pool: the package is decoded,
 *     checked and unpacked -> control: looked at again, as others may have been faster;
 *     function.yaml applied; deployed
 */

#define BAD_ZIP "Could not unzip uploaded file. Please check your file, then try to upload again."

struct upload {
    struct version *version; /* what will be $LATEST */
    struct package package;
    struct error err;
    bool failed, is_not_base64, is_too_large;
    call_f *deploy;
    struct target target;
    const char *published;        /* number of the version to answer with; NULL: $LATEST */
    const struct function *saved; /* kept until it is shown */
    call_f *then;                 /* when all that the file asks for is there */
};

static void drop_upload(void *state)
{
    struct upload *upload = state;

    version_unref(upload->version);
    if (upload->saved)
        function_unref(upload->saved);
    package_done(&upload->package);
    free(upload);
}

static struct upload *upload_new(struct call *call, call_f *deploy)
{
    struct upload *upload = mem_new(struct upload);

    upload->deploy = deploy;
    call->state = upload;
    call->drop = drop_upload;
    return upload;
}

/* --- what the request says of its code --- */

/* The object that holds ZipFile and its siblings. */
static json_t *code_of(const struct call *call)
{
    json_t *code = json_object_get(call->input, "Code");

    return json_is_object(code) ? code : call->input;
}

static bool is_served_here(struct call *call)
{
    const json_t *architectures = json_object_get(call->input, "Architectures");
    const char *wanted = json_string_value(json_array_get(architectures, 0));

    if (!wanted || strcmp(wanted, config_architecture) == 0)
        return true;
    call_fail(call, "InvalidParameterValueException",
              "Functions for %s do not run on this machine, which is %s.", wanted,
              config_architecture);
    return false;
}

static bool check_code(struct call *call)
{
    const json_t *code = code_of(call);
    bool has_uri = json_text(code, "ImageUri").len > 0, creates = code != call->input;

    if (has_uri && !creates)
        call_fail(call, "InvalidParameterValueException",
                  "Please don't provide ImageUri when updating a function with packageType Zip.");
    else if (has_uri || text_equal(call_input(call, "PackageType"), TEXT("Image")))
        call_fail(call, "InvalidParameterValueException",
                  "PackageType Image is not served by Evoke; deploy a ZIP.");
    else if (json_text(code, "S3Bucket").len > 0)
        call_fail(call, "InvalidParameterValueException",
                  "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: "
                  "The specified bucket does not exist");
    else if (json_text(code, "ZipFile").len == 0)
        call_fail(call, "InvalidParameterValueException",
                  "Please provide a source for function code.");
    else
        return is_served_here(call);
    return false;
}

/* --- staging --- */

static int stage(struct call *call, struct upload *upload)
{
    scoped(buffer_done) struct buffer zip = {0};
    json_t *code = code_of(call);

    upload->is_not_base64 = !crypto_unbase64(json_text(code, "ZipFile"), &zip);
    (void)json_object_del(code, "ZipFile");
    upload->is_too_large = zip.len > LIMIT_ZIP_BYTES;
    if (upload->is_not_base64 || upload->is_too_large)
        return -1;
    return package_stage(call->api->options->data_folder, call->api->options->guards,
                         buffer_text(&zip), &upload->package, &upload->err);
}

static void work_stage(struct call *call)
{
    struct upload *upload = call->state;

    upload->failed = stage(call, upload) < 0;
}

static void fail_stage(struct call *call, const struct upload *upload)
{
    struct text why = text_of(upload->err.text);

    if (upload->is_not_base64)
        call_fail(call, "SerializationException", "ZipFile is not base64.");
    else if (upload->is_too_large)
        call_fail(call, "RequestEntityTooLargeException",
                  "Zipped size must be smaller than %d bytes", LIMIT_ZIP_BYTES);
    else if (upload->err.code != ERROR_INVALID ||
             text_find_text(why, TEXT("function.yaml")) != why.len)
        call_fail_error(call, &upload->err);
    else if (text_starts(why, TEXT(ZIP_NONE)))
        call_fail(call, "InvalidParameterValueException", BAD_ZIP);
    else
        call_fail(call, "InvalidParameterValueException", BAD_ZIP " (%s)", upload->err.text);
}

static void after_stage(struct call *call)
{
    struct upload *upload = call->state;
    struct engine *engine = call->api->engine;

    if (upload->failed)
        fail_stage(call, upload);
    else
        upload->deploy(call);
    engine_release_code(engine);
}

static void start_stage(struct call *call)
{
    engine_hold_code(call->api->engine);
    call_work(call, work_stage, after_stage);
}

static void set_code(struct version *version, const struct package *package)
{
    memcpy(version->code, package->code, sizeof version->code);
    memcpy(version->code_sha256, package->code_sha256, sizeof version->code_sha256);
    version->code_bytes = package->zip_bytes;
    version->modified_ms = clock_now_ms();
    version->serial = 0;
    model_set(&version->load_error, TEXT_NONE);
    crypto_uuid(version->revision_id);
}

/* Numbers a version when asked to; its number is kept for the answer. */
static void publish_if_asked(struct call *call, struct upload *upload, struct function *function)
{
    if (!json_is_true(json_object_get(call->input, "Publish")))
        return;
    const struct version *version = lambda_publish(function, NULL);
    upload->published = arena_string(&call->arena, text_of(version->number));
}

static const struct version *version_to_show(const struct call *call)
{
    const struct upload *upload = call->state;

    return function_version(upload->saved, text_of(upload->published));
}

static void follow_events(struct call *call)
{
    struct upload *upload = call->state;

    events_follow_manifest(call, upload->target.name, upload->package.manifest, upload->then);
}

/* The schedule and the rule of function.yaml, once the function is stored; then the answer. */
static void follow_manifest(struct call *call, call_f *then)
{
    struct upload *upload = call->state;

    upload->saved = function_ref(call->saved);
    upload->then = then;
    scheduler_follow_manifest(call, upload->target.name, upload->package.manifest, follow_events);
}

/* --- CreateFunction --- */

static void show_created(struct call *call)
{
    const struct upload *upload = call->state;

    config_reply(call, 201, upload->saved, version_to_show(call), CONFIG_WITHOUT_UPDATE);
}

static void reply_created(struct call *call)
{
    follow_manifest(call, show_created);
}

static void set_creating(struct function *function)
{
    function->state = STATE_PENDING;
    function->update_status = UPDATE_IN_PROGRESS;
    model_set(&function->state_reason, TEXT("The function is being created."));
    model_set(&function->state_reason_code, TEXT("Creating"));
}

static void set_tags(struct function *function, json_t *tags)
{
    const char *key;
    size_t key_len;
    json_t *value;

    json_object_keylen_foreach(tags, key, key_len, value)
    {
        function_set_tag(function, text_from(key, key_len),
                         text_from(json_string_value(value), json_string_length(value)));
    }
}

static struct function *make_function(struct call *call, struct upload *upload)
{
    struct function *function = function_new();

    model_set(&function->account, call->api->account);
    model_set(&function->region, call->api->region);
    model_set(&function->name, upload->target.name);
    model_set(&function->arn, text_of(lambda_arn(call, upload->target.name, TEXT_NONE)));
    function->created_ms = clock_now_ms();
    set_creating(function);
    set_tags(function, json_object_get(call->input, "Tags"));
    lambda_set_latest(function, take(upload->version));
    url_apply_manifest(function, upload->package.manifest, upload->package.guarded);
    events_apply_manifest(function, upload->package.manifest);
    publish_if_asked(call, upload, function);
    return function;
}

static void deploy_created(struct call *call)
{
    struct upload *upload = call->state;

    set_code(upload->version, &upload->package);
    config_apply_manifest(&upload->version->config, upload->package.manifest);
    if (config_check(call, upload->version) &&
        events_check_manifest(call, upload->target.name, upload->package.manifest) &&
        guards_check_manifest(call, upload->package.manifest, upload->package.guarded))
        lambda_deploy(call, make_function(call, upload), true, reply_created);
}

static bool may_create(struct call *call, const struct target *target)
{
    if (target->name.len > LIMIT_FUNCTION_NAME) {
        call_fail(call, "InvalidParameterValueException",
                  "1 validation error detected: Value '%.*s' at 'functionName' failed to satisfy "
                  "constraint: Member must have length less than or equal to %d",
                  TEXT_ARG(target->name), LIMIT_FUNCTION_NAME);
        return false;
    }
    if (json_object_size(json_object_get(call->input, "Tags")) > LIMIT_TAGS) {
        call_fail(call, "InvalidParameterValueException",
                  "Number of tags exceeds resource tag limit.");
        return false;
    }
    if (!lambda_check_tags(call))
        return false;
    if (engine_find(call->api->engine, call->api->account, call->api->region, target->name)) {
        call_fail(call, "ResourceConflictException", "Function already exist: %.*s",
                  TEXT_ARG(target->name));
        return false;
    }
    return true;
}

static void make_version(struct call *call, struct upload *upload)
{
    struct version *version = upload->version = version_new();

    model_set(&version->account, call->api->account);
    model_set(&version->region, call->api->region);
    model_set(&version->name, upload->target.name);
    model_set(&version->number, TEXT("$LATEST"));
    model_set(&version->arn, text_of(lambda_arn(call, upload->target.name, TEXT_NONE)));
}

/* What the API gave decides without function.yaml: told before the package is unpacked. */
static bool check_given(struct call *call, struct version *version)
{
    int64_t both = 1 << CONFIG_RUNTIME | 1 << CONFIG_HANDLER;

    return (version->config.given_by_api & both) != both || config_check(call, version);
}

static void create_function(struct call *call)
{
    struct target target;

    if (!lambda_read_target(call, call_input(call, "FunctionName"), TEXT_NONE, &target) ||
        !check_code(call) || !may_create(call, &target))
        return;
    struct upload *upload = upload_new(call, deploy_created);
    upload->target = target;
    make_version(call, upload);
    if (config_apply_request(call, &upload->version->config, target.name) &&
        check_given(call, upload->version))
        start_stage(call);
}

/* --- UpdateFunctionCode --- */

static void show_updated(struct call *call)
{
    const struct upload *upload = call->state;

    config_reply(call, 200, upload->saved, version_to_show(call),
                 upload->published ? CONFIG_QUALIFIED : 0);
}

static void reply_updated(struct call *call)
{
    follow_manifest(call, show_updated);
}

/* NULL: answered. */
static const struct function *find_to_update(struct call *call, const struct target *target)
{
    const struct function *function = lambda_find(call, target);

    if (!function || !lambda_may_change(call, function) ||
        !lambda_check_revision(call, function->latest->revision_id, call_input(call, "RevisionId"),
                               "GetFunction/GetAlias"))
        return NULL;
    return function;
}

static void deploy_updated(struct call *call)
{
    struct upload *upload = call->state;
    const struct function *function = find_to_update(call, &upload->target);

    if (!function)
        return;
    upload->version = version_copy(function->latest);
    set_code(upload->version, &upload->package);
    config_apply_manifest(&upload->version->config, upload->package.manifest);
    if (!config_check(call, upload->version) ||
        !events_check_manifest(call, upload->target.name, upload->package.manifest) ||
        !guards_check_manifest(call, upload->package.manifest, upload->package.guarded))
        return;
    struct function *changed = function_edit(function);
    lambda_set_latest(changed, take(upload->version));
    url_apply_manifest(changed, upload->package.manifest, upload->package.guarded);
    events_apply_manifest(changed, upload->package.manifest);
    publish_if_asked(call, upload, changed);
    changed->update_status = UPDATE_IN_PROGRESS;
    model_set(&changed->update_reason, TEXT("The function is being created."));
    model_set(&changed->update_reason_code, TEXT("Creating"));
    lambda_deploy(call, changed, false, reply_updated);
}

static void update_function_code(struct call *call)
{
    struct target target;

    if (!lambda_target(call, &target))
        return;
    const struct function *function = find_to_update(call, &target);
    if (!function || !check_code(call))
        return;
    if (json_is_true(json_object_get(call->input, "DryRun"))) {
        config_reply(call, 200, function, function->latest, 0);
        return;
    }
    upload_new(call, deploy_updated)->target = target;
    start_stage(call);
}

/* --- the table --- */

static const struct param architecture = {PARAM_BODY, PARAM_STRING, "", "",
                                          .values = "x86_64, arm64"};
static const struct param place_members[] = {
    {PARAM_BODY, PARAM_STRING, "ZipFile", "zipFile"},
    {PARAM_BODY, PARAM_STRING, "S3Bucket", "s3Bucket", .min = 3, .max = 63,
     .pattern = "[0-9A-Za-z\\.\\-_]*(?<!\\.)", .matches = name_is_bucket},
    {PARAM_BODY, PARAM_STRING, "S3Key", "s3Key", .min = 1, .max = 1024},
    {PARAM_BODY, PARAM_STRING, "S3ObjectVersion", "s3ObjectVersion", .min = 1, .max = 1024},
    {PARAM_BODY, PARAM_STRING, "ImageUri", "imageUri"},
    {0},
};
static const struct param both_params[] = {
    {PARAM_BODY, PARAM_LIST, "Architectures", "architectures", .min = 1, .max = 1,
     .members = &architecture},
    {PARAM_BODY, PARAM_BOOL, "Publish", "publish"},
    {0},
};
static const struct param create_params[] = {
    ROW_FUNCTION(PARAM_BODY),
    {PARAM_BODY, PARAM_STRING, "Role", "role", .required = true},
    {PARAM_ALSO, .members = config_params},
    {PARAM_BODY, PARAM_OBJECT, "Code", "code", .required = true, .members = place_members},
    {PARAM_BODY, PARAM_STRING, "PackageType", "packageType", .values = "Zip, Image"},
    {PARAM_ALSO, .members = both_params},
    {PARAM_ALSO, .members = lambda_tags_params},
    {0},
};
static const struct param update_params[] = {
    ROW_FUNCTION(PARAM_PATH),
    {PARAM_ALSO, .members = place_members},
    {PARAM_ALSO, .members = both_params},
    {PARAM_BODY, PARAM_BOOL, "DryRun", "dryRun"},
    {PARAM_BODY, PARAM_STRING, "RevisionId", "revisionId"},
    {0},
};

const struct action lambda_code_actions[] = {
    {"CreateFunction", LAMBDA, METHOD_POST, PATH_FUNCTIONS, BODY_JSON, API_CODE_REQUEST_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, create_params, create_function, NULL},
    {"UpdateFunctionCode", LAMBDA, METHOD_PUT, PATH_FUNCTION "/code", BODY_JSON,
     API_CODE_REQUEST_MAX, ACCESS_SIGNED, PLACE_CONTROL, update_params, update_function_code, NULL},
    {0},
};
