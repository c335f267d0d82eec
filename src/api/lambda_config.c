/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/manifest.h"

#if defined(__x86_64__)
const char config_architecture[] = "x86_64";
#else
const char config_architecture[] = "arm64";
#endif

#define DEFAULT_TIMEOUT_S 3
#define CREATING "The function is being created."

/* --- constraints --- */

static const struct param environment_value = {PARAM_BODY, PARAM_STRING, "", "", .sensitive = true};
static const struct param environment_members[] = {
    {PARAM_BODY, PARAM_MAP, "Variables", "variables", .members = &environment_value,
     .key_matches = name_is_variable, .key_pattern = "[a-zA-Z]([a-zA-Z0-9_])+", .sensitive = true},
    {0},
};
static const struct param tracing_members[] = {
    {PARAM_BODY, PARAM_STRING, "Mode", "mode", .values = "Active, PassThrough"},
    {0},
};
static const struct param dead_letter_members[] = {
    {PARAM_BODY, PARAM_STRING, "TargetArn", "targetArn",
     .pattern = "(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()", .matches = name_is_dead_letter},
    {0},
};
static const struct param storage_members[] = {
    {PARAM_BODY, PARAM_INT, "Size", "size", .required = true, .min = LIMIT_TMP_MB_MIN,
     .max = LIMIT_TMP_MB_MAX},
    {0},
};
static const struct param snap_start_members[] = {
    {PARAM_BODY, PARAM_STRING, "ApplyOn", "applyOn", .values = "PublishedVersions, None"},
    {0},
};
static const struct param logging_members[] = {
    {PARAM_BODY, PARAM_STRING, "LogFormat", "logFormat", .values = "JSON, Text"},
    {PARAM_BODY, PARAM_STRING, "ApplicationLogLevel", "applicationLogLevel",
     .values = "TRACE, ERROR, INFO, DEBUG, FATAL, WARN"},
    {PARAM_BODY, PARAM_STRING, "SystemLogLevel", "systemLogLevel", .values = "INFO, DEBUG, WARN"},
    {PARAM_BODY, PARAM_STRING, "LogGroup", "logGroup", .min = 1, .max = 512,
     .pattern = "[\\.\\-_/#A-Za-z0-9]+", .matches = name_is_log_group},
    {0},
};

#define ROLE_PATTERN "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"

const struct param config_params[] = {
    {PARAM_BODY, PARAM_STRING, "Runtime", "runtime"},
    {PARAM_BODY, PARAM_STRING, "Role", "role", .pattern = ROLE_PATTERN,
     .matches = name_is_role_arn},
    {PARAM_BODY, PARAM_STRING, "Handler", "handler", .max = LIMIT_HANDLER, .pattern = "[^\\s]+",
     .matches = name_has_no_blanks},
    {PARAM_BODY, PARAM_STRING, "Description", "description", .max = LIMIT_DESCRIPTION},
    {PARAM_BODY, PARAM_INT, "Timeout", "timeout", .min = 1, .max = LIMIT_TIMEOUT_S},
    {PARAM_BODY, PARAM_INT, "MemorySize", "memorySize", .min = LIMIT_MEMORY_MB_MIN,
     .max = LIMIT_MEMORY_MB_MAX},
    {PARAM_BODY, PARAM_OBJECT, "Environment", "environment", .members = environment_members},
    {PARAM_BODY, PARAM_OBJECT, "DeadLetterConfig", "deadLetterConfig",
     .members = dead_letter_members},
    {PARAM_BODY, PARAM_OBJECT, "TracingConfig", "tracingConfig", .members = tracing_members},
    {PARAM_BODY, PARAM_OBJECT, "EphemeralStorage", "ephemeralStorage", .members = storage_members},
    {PARAM_BODY, PARAM_OBJECT, "SnapStart", "snapStart", .members = snap_start_members},
    {PARAM_BODY, PARAM_OBJECT, "LoggingConfig", "loggingConfig", .members = logging_members},
    {0},
};

/* --- showing --- */

/* AWS names the build of a runtime by a digest; ours stands for the identifier. */
static void write_runtime_version(struct writer *writer, const struct version *version)
{
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];

    crypto_sha256(text_of(version->config.runtime), digest);
    crypto_hex(digest, sizeof digest, hex);
    scoped(free) char *arn = mem_format("arn:aws:lambda:%s::runtime:%s", version->region, hex);
    write_open(writer, "RuntimeVersionConfig", '{');
    write_string(writer, "RuntimeVersionArn", arn);
    write_close(writer, '}');
}

static void write_environment(struct writer *writer, const struct function_config *config)
{
    if (!config->has_environment)
        return;
    write_open(writer, "Environment", '{');
    write_open(writer, "Variables", '{');
    for (size_t i = 0; i < config->variable_count; i++) {
        write_key(writer, text_of(config->variables[i].name));
        write_string(writer, NULL, config->variables[i].value);
    }
    write_close(writer, '}');
    write_close(writer, '}');
}

static void write_logging(struct writer *writer, const struct function_config *config)
{
    write_open(writer, "LoggingConfig", '{');
    write_string(writer, "LogFormat", config->log_format == LOG_FORMAT_JSON ? "JSON" : "Text");
    write_string_if(writer, "ApplicationLogLevel", config->application_log_level);
    write_string_if(writer, "SystemLogLevel", config->system_log_level);
    write_string(writer, "LogGroup", config->log_group);
    write_close(writer, '}');
}

/* A version that was published is served as it is; $LATEST may be on its way. */
static void write_update(struct writer *writer, const struct function *function,
                         const struct version *version)
{
    bool is_latest = version->serial == function->latest->serial;
    bool creating = function->state == STATE_PENDING;
    enum update_status status = creating    ? UPDATE_IN_PROGRESS
                                : is_latest ? function->update_status
                                            : UPDATE_SUCCESSFUL;

    write_string(writer, "LastUpdateStatus", update_status_name(status));
    if (status == UPDATE_SUCCESSFUL)
        return;
    write_string_if(writer, "LastUpdateStatusReason",
                    creating ? CREATING : function->update_reason);
    write_string_if(writer, "LastUpdateStatusReasonCode",
                    creating ? "Creating" : function->update_reason_code);
}

/* Numbered by the UpdateFunctionCode that is under way: it begins to exist when that ends. */
static bool is_being_published(const struct function *function, const struct version *version)
{
    return function->state == STATE_ACTIVE && function->update_status == UPDATE_IN_PROGRESS &&
           version->serial != function->latest->serial &&
           lambda_is_unchanged(function->latest, version);
}

static void write_state(struct writer *writer, const struct function *function,
                        const struct version *version, unsigned flags)
{
    bool publishing = is_being_published(function, version);

    if (flags & CONFIG_WITHOUT_STATE)
        return;
    write_string(writer, "State",
                 function_state_name(publishing ? STATE_PENDING : function->state));
    write_string_if(writer, "StateReason", publishing ? CREATING : function->state_reason);
    write_string_if(writer, "StateReasonCode",
                    publishing ? "Creating" : function->state_reason_code);
    if (!(flags & CONFIG_WITHOUT_UPDATE) && !publishing)
        write_update(writer, function, version);
    write_runtime_version(writer, version);
}

static void write_code(struct writer *writer, const struct version *version)
{
    char time[32];

    write_int(writer, "CodeSize", version->code_bytes);
    write_string(writer, "CodeSha256", version->code_sha256);
    write_string(writer, "LastModified", clock_format_lambda(version->modified_ms, time));
    write_string(writer, "PackageType", "Zip");
    write_open(writer, "Architectures", '[');
    write_string(writer, NULL, config_architecture);
    write_close(writer, ']');
}

static void write_settings(struct writer *writer, const struct function_config *config)
{
    write_string(writer, "Runtime", config->runtime);
    write_string(writer, "Role", config->role);
    write_string(writer, "Handler", config->handler);
    write_string(writer, "Description", config->description);
    write_int(writer, "Timeout", config->timeout_s);
    write_int(writer, "MemorySize", config->memory_mb);
    write_environment(writer, config);
    if (*config->dead_letter) {
        write_open(writer, "DeadLetterConfig", '{');
        write_string(writer, "TargetArn", config->dead_letter);
        write_close(writer, '}');
    }
    write_open(writer, "TracingConfig", '{');
    write_string(writer, "Mode", config->tracing_mode);
    write_close(writer, '}');
    write_open(writer, "EphemeralStorage", '{');
    write_int(writer, "Size", config->tmp_mb);
    write_close(writer, '}');
    write_open(writer, "SnapStart", '{');
    write_string(writer, "ApplyOn", "None");
    write_string(writer, "OptimizationStatus", "Off");
    write_close(writer, '}');
    write_logging(writer, config);
}

static void write_config(struct writer *writer, const char *key, const struct function *function,
                         const struct version *version, struct text qualifier, unsigned flags)
{
    scoped(free) char *arn =
        mem_format("%s%s%.*s", function->arn, qualifier.len > 0 ? ":" : "", TEXT_ARG(qualifier));

    write_open(writer, key, '{');
    write_string(writer, "FunctionName", function->name);
    write_string(writer, "FunctionArn", arn);
    write_string(writer, "Version", version->number);
    write_string(writer, "RevisionId", version->revision_id);
    write_settings(writer, &version->config);
    write_code(writer, version);
    write_state(writer, function, version, flags);
    write_close(writer, '}');
}

void config_write(struct writer *writer, const char *key, const struct function *function,
                  const struct version *version, unsigned flags)
{
    struct text qualifier = flags & CONFIG_QUALIFIED ? text_of(version->number) : TEXT_NONE;

    write_config(writer, key, function, version, qualifier, flags);
}

void config_write_for(struct writer *writer, const char *key, const struct function *function,
                      const struct version *version, struct text qualifier)
{
    write_config(writer, key, function, version, qualifier, 0);
}

void config_reply(struct call *call, int status, const struct function *function,
                  const struct version *version, unsigned flags)
{
    struct writer writer = call_writer(call);

    config_write(&writer, NULL, function, version, flags);
    call_reply(call, status);
}

/* --- what the request gives --- */

static void free_variables(struct function_config *config)
{
    for (size_t i = 0; i < config->variable_count; i++) {
        free(config->variables[i].name);
        free(config->variables[i].value);
    }
    free(config->variables);
    config->variables = NULL;
    config->variable_count = 0;
}

static void set_variables(struct function_config *config, json_t *map)
{
    const char *key;
    size_t key_len, count = json_object_size(map), index = 0;
    json_t *value;

    free_variables(config);
    config->has_environment = true;
    config->variables = count ? mem_alloc(count * sizeof *config->variables) : NULL;
    json_object_keylen_foreach(map, key, key_len, value)
    {
        config->variables[index++] = (struct variable){
            text_dup(text_from(key, key_len)),
            text_dup(text_from(json_string_value(value), json_string_length(value))),
        };
    }
    config->variable_count = index;
}

/* Members of Lambda's that would change what a function does, and are not served. Left out,
 * empty or switched off they are harmless. */
static const struct unserved {
    const char *name, *member; /* the member that matters; NULL: any */
    const char *harmless;
} unserved[] = {
    {"VpcConfig", "SubnetIds", ""},
    {"KMSKeyArn", NULL, ""},
    {"Layers", NULL, ""},
    {"FileSystemConfigs", NULL, ""},
    {"ImageConfig", NULL, ""},
    {"CodeSigningConfigArn", NULL, ""},
    {"SnapStart", "ApplyOn", "None"},
    {"TenancyConfig", NULL, ""},
    {"CapacityProviderConfig", NULL, ""},
    {"DurableConfig", NULL, ""},
    {"RuntimeConfig", NULL, ""},
    {"AcceleratorConfig", NULL, ""},
};

static bool asks_for(const json_t *input, const struct unserved *what)
{
    const json_t *value = json_object_get(input, what->name);

    if (what->member)
        value = json_object_get(value, what->member);
    if (json_is_string(value))
        return strcmp(json_string_value(value), what->harmless) != 0;
    return json_array_size(value) + json_object_size(value) > 0;
}

/* What AWS refuses of them, in its words; the rest is said to be not served. */
static bool check_limits(struct call *call, struct text runtime)
{
    static const char *const snap_start[] = {"java11",     "java17",     "java21",
                                             "java25",     "python3.12", "python3.13",
                                             "python3.14", "dotnet8",    "dotnet10"};
    const json_t *snap = json_object_get(call->input, "SnapStart");
    bool supported = !text_equal(json_text(snap, "ApplyOn"), TEXT("PublishedVersions"));

    for (size_t i = 0; i < COUNT_OF(snap_start); i++)
        supported = supported || text_equal(runtime, text_of(snap_start[i]));
    if (!supported)
        call_fail(call, "InvalidParameterValueException",
                  "%.*s is not supported for SnapStart enabled functions.", TEXT_ARG(runtime));
    else if (json_array_size(json_object_get(call->input, "Layers")) > LIMIT_LAYERS)
        call_fail(call, "InvalidParameterValueException", "Cannot reference more than %d layers.",
                  LIMIT_LAYERS);
    else
        return true;
    return false;
}

static bool check_served(struct call *call)
{
    for (size_t i = 0; i < COUNT_OF(unserved); i++) {
        if (!asks_for(call->input, &unserved[i]))
            continue;
        call_fail(call, "InvalidParameterValueException", "%s is not served by Evoke yet.",
                  unserved[i].name);
        return false;
    }
    return true;
}

static bool given(const struct call *call, const char *name)
{
    const json_t *value = json_object_get(call->input, name);

    return value && !json_is_null(value);
}

static void set_text(const struct call *call, struct function_config *config, const char *name,
                     char **field, unsigned key)
{
    if (!given(call, name))
        return;
    model_set(field, call_input(call, name));
    config->given_by_api |= INT64_C(1) << key;
}

static void set_number(struct function_config *config, const json_t *number, int64_t *field,
                       unsigned key)
{
    if (!json_is_integer(number))
        return;
    *field = json_integer_value(number);
    config->given_by_api |= INT64_C(1) << key;
}

static void set_level(char **field, struct text value)
{
    if (text_is_set(value))
        model_set(field, value);
    else if (!**field)
        model_set(field, TEXT("INFO"));
}

/* Levels exist with JSON only: they come with it, as INFO unless said, and go with it. */
static void set_log_format(struct function_config *config, enum log_format format,
                           const json_t *logging)
{
    config->log_format = format;
    if (format == LOG_FORMAT_JSON) {
        set_level(&config->application_log_level, json_text(logging, "ApplicationLogLevel"));
        set_level(&config->system_log_level, json_text(logging, "SystemLogLevel"));
        return;
    }
    model_set(&config->application_log_level, TEXT_NONE);
    model_set(&config->system_log_level, TEXT_NONE);
}

static bool set_logging(struct call *call, struct function_config *config)
{
    const json_t *logging = json_object_get(call->input, "LoggingConfig");
    struct text format = json_text(logging, "LogFormat"), group = json_text(logging, "LogGroup");
    bool as_json = text_is_set(format) ? text_equal(format, TEXT("JSON"))
                                       : config->log_format == LOG_FORMAT_JSON;

    if (!logging)
        return true;
    if (!as_json && (text_is_set(json_text(logging, "ApplicationLogLevel")) ||
                     text_is_set(json_text(logging, "SystemLogLevel")))) {
        call_fail(call, "InvalidParameterValueException",
                  "ApplicationLogLevel and SystemLogLevel can only be set when LogFormat is JSON.");
        return false;
    }
    if (text_is_set(format))
        config->given_by_api |= INT64_C(1) << CONFIG_LOG_FORMAT;
    set_log_format(config, as_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT, logging);
    if (text_is_set(group))
        model_set(&config->log_group, group);
    return true;
}

/* An empty DeadLetterConfig changes nothing, an empty TargetArn takes it away. */
static bool set_dead_letter(struct call *call, struct function_config *config)
{
    struct text arn = json_text(json_object_get(call->input, "DeadLetterConfig"), "TargetArn");

    if (!text_is_set(arn))
        return true;
    if (arn.len && text_find_text(arn, TEXT(":sqs:")) == arn.len &&
        text_find_text(arn, TEXT(":sns:")) == arn.len) {
        call_fail(call, "InvalidParameterValueException",
                  "The DeadLetterConfig target must be a queue: %.*s is none.", TEXT_ARG(arn));
        return false;
    }
    if (arn.len && !lambda_check_destination(call, arn))
        return false;
    model_set(&config->dead_letter, arn);
    return true;
}

bool config_apply_request(struct call *call, struct function_config *config, struct text name)
{
    const json_t *input = call->input;
    json_t *environment = json_object_get(input, "Environment");
    struct text mode = json_text(json_object_get(input, "TracingConfig"), "Mode");

    struct text runtime =
        given(call, "Runtime") ? call_input(call, "Runtime") : text_of(config->runtime);

    if (!check_limits(call, runtime) || !check_served(call))
        return false;
    if (!*config->log_group) {
        scoped(free) char *group = mem_format("/aws/lambda/%.*s", TEXT_ARG(name));
        model_set(&config->log_group, text_of(group));
    }
    set_text(call, config, "Runtime", &config->runtime, CONFIG_RUNTIME);
    set_text(call, config, "Handler", &config->handler, CONFIG_HANDLER);
    set_text(call, config, "Description", &config->description, CONFIG_DESCRIPTION);
    if (given(call, "Role"))
        model_set(&config->role, call_input(call, "Role"));
    set_number(config, json_object_get(input, "Timeout"), &config->timeout_s, CONFIG_TIMEOUT);
    set_number(config, json_object_get(input, "MemorySize"), &config->memory_mb, CONFIG_MEMORY);
    set_number(config, json_object_get(json_object_get(input, "EphemeralStorage"), "Size"),
               &config->tmp_mb, CONFIG_TMP);
    if (environment && !json_is_null(environment)) {
        set_variables(config, json_object_get(environment, "Variables"));
        config->given_by_api |= INT64_C(1) << CONFIG_ENVIRONMENT;
    }
    if (text_is_set(mode) || !*config->tracing_mode)
        model_set(&config->tracing_mode, text_is_set(mode) ? mode : TEXT("PassThrough"));
    return set_logging(call, config) && set_dead_letter(call, config);
}

/* --- what the file gives --- */

static bool is_free(const struct function_config *config, unsigned key)
{
    return !(config->given_by_api & INT64_C(1) << key);
}

static void take_text(struct function_config *config, char **field, unsigned key,
                      const char *from_file)
{
    if (is_free(config, key))
        model_set(field, from_file ? text_of(from_file) : TEXT_NONE);
}

static void take_number(struct function_config *config, int64_t *field, unsigned key,
                        int64_t from_file, int64_t otherwise)
{
    if (is_free(config, key))
        *field = from_file >= 0 ? from_file : otherwise;
}

static void take_environment(struct function_config *config, const struct manifest *manifest)
{
    size_t count = manifest->variable_count;

    if (!is_free(config, CONFIG_ENVIRONMENT))
        return;
    free_variables(config);
    config->has_environment = manifest->has_environment;
    config->variables = count ? mem_alloc(count * sizeof *config->variables) : NULL;
    for (size_t i = 0; i < count; i++)
        config->variables[i] = (struct variable){mem_strdup(manifest->variables[i].name),
                                                 mem_strdup(manifest->variables[i].value)};
    config->variable_count = count;
}

static void take_names(char ***names, size_t *count, char *const *given, size_t given_count)
{
    for (size_t i = 0; i < *count; i++)
        free((*names)[i]);
    free(*names);
    *count = given_count;
    *names = given_count ? mem_alloc(given_count * sizeof(char *)) : NULL;
    for (size_t i = 0; i < given_count; i++)
        (*names)[i] = mem_strdup(given[i]);
}

void config_apply_manifest(struct function_config *config, const struct manifest *manifest)
{
    static const struct manifest none = {.memory_mb = -1, .timeout_s = -1, .tmp_mb = -1};

    if (!manifest)
        manifest = &none;
    take_text(config, &config->runtime, CONFIG_RUNTIME, manifest->runtime);
    take_text(config, &config->handler, CONFIG_HANDLER, manifest->handler);
    take_text(config, &config->description, CONFIG_DESCRIPTION, manifest->description);
    take_number(config, &config->timeout_s, CONFIG_TIMEOUT, manifest->timeout_s, DEFAULT_TIMEOUT_S);
    take_number(config, &config->memory_mb, CONFIG_MEMORY, manifest->memory_mb,
                LIMIT_MEMORY_MB_MIN);
    take_number(config, &config->tmp_mb, CONFIG_TMP, manifest->tmp_mb, LIMIT_TMP_MB_MIN);
    take_environment(config, manifest);
    take_names(&config->calls, &config->call_count, manifest->calls, manifest->call_count);
    take_names(&config->queues, &config->queue_count, manifest->queues, manifest->queue_count);
    take_names(&config->buses, &config->bus_count, manifest->buses, manifest->bus_count);
    if (is_free(config, CONFIG_LOG_FORMAT))
        set_log_format(config,
                       manifest->log_format && strcmp(manifest->log_format, "json") == 0
                           ? LOG_FORMAT_JSON
                           : LOG_FORMAT_TEXT,
                       NULL);
    config->host_network = manifest->network && strcmp(manifest->network, "host") == 0;
}

/* --- is it complete and right --- */

static const char *const reserved[] = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
};

static bool is_reserved(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (strcmp(reserved[i], name) == 0)
            return true;
    return false;
}

#define ENVIRONMENT_FAILED                                                               \
    "Lambda was unable to configure your environment variables because the environment " \
    "variables you have provided "

static bool check_reserved(struct call *call, const struct function_config *config)
{
    scoped(buffer_done) struct buffer names = {0};

    for (size_t i = 0; i < config->variable_count; i++)
        if (is_reserved(config->variables[i].name))
            buffer_add_format(&names, "%s%s", names.len ? ", " : "", config->variables[i].name);
    if (names.len == 0)
        return true;
    call_fail(call, "InvalidParameterValueException",
              ENVIRONMENT_FAILED "contains reserved keys that are currently not supported for "
                                 "modification. Reserved keys used in this request: %s",
              names.at);
    return false;
}

/* Measured as AWS does: the JSON of all of them. */
static bool check_environment(struct call *call, const struct function_config *config)
{
    scoped(buffer_done) struct buffer message = {0};
    struct writer writer = {.out = &message};

    buffer_add_literal(&message, ENVIRONMENT_FAILED "exceeded the 4KB limit. String measured: ");
    size_t head = message.len;
    write_open(&writer, NULL, '{');
    for (size_t i = 0; i < config->variable_count; i++) {
        write_key(&writer, text_of(config->variables[i].name));
        write_string(&writer, NULL, config->variables[i].value);
    }
    write_close(&writer, '}');
    if (message.len - head <= LIMIT_ENVIRONMENT_BYTES)
        return check_reserved(call, config);
    call_fail_text(call, "InvalidParameterValueException", buffer_text(&message));
    return false;
}

/* "nodejs20 (/usr/bin/node v20.20.2)", "python3.11 (/usr/bin/python3.11 3.11.2)". */
static void set_resolved(struct version *version, const struct interpreter *interpreter, bool exact)
{
    scoped(buffer_done) struct buffer out = {0};

    buffer_add_text(&out, text_of(interpreter->language));
    if (*interpreter->program) {
        bool node = strcmp(interpreter->language, "nodejs") == 0;
        buffer_add_format(&out, "%d", interpreter->major);
        if (!node)
            buffer_add_format(&out, ".%d", interpreter->minor);
        buffer_add_format(&out, " (%s %s%s)", interpreter->program, node ? "v" : "",
                          interpreter->version);
    }
    if (!exact)
        buffer_add_format(&out, " in place of %s", version->config.runtime);
    model_set(&version->resolved_runtime, buffer_text(&out));
}

bool config_check(struct call *call, struct version *version)
{
    const struct function_config *config = &version->config;
    struct error err;
    bool exact;

    if (!*config->runtime || !*config->handler) {
        call_fail(call, "InvalidParameterValueException",
                  "Runtime and Handler are mandatory parameters for functions created with "
                  "deployment packages.");
        return false;
    }
    const struct interpreter *interpreter = interpreters_resolve(
        call->api->options->interpreters, text_of(config->runtime), &exact, &err);
    if (!interpreter) {
        call_fail(call, "InvalidParameterValueException", "%s", err.text);
        return false;
    }
    set_resolved(version, interpreter, exact);
    return check_environment(call, config);
}
