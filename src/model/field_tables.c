/* SPDX-License-Identifier: Apache-2.0 */
#include "model/field_priv.h"
#include "model/function.h"

/* A member added to a struct of function.h gets its row here, and is kept, copied and
 * freed. Names are those of the stored documents: they stay when members are renamed. */

_Static_assert(sizeof(enum function_state) == sizeof(unsigned), "FIELD_ENUM is an unsigned");
_Static_assert(sizeof(struct variable) == sizeof(struct field_pair), "variables are pairs");
_Static_assert(sizeof(struct tag) == sizeof(struct field_pair), "tags are pairs");

static const char *const log_formats[] = {"Text", "JSON", NULL};
static const char *const states[] = {"Pending", "Active", "Inactive", "Failed", NULL};
static const char *const update_statuses[] = {"Successful", "InProgress", "Failed", NULL};
static const char *const url_auths[] = {"NONE", "AWS_IAM", NULL};
static const char *const invoke_modes[] = {"BUFFERED", "RESPONSE_STREAM", NULL};

const char *function_state_name(enum function_state state)
{
    return states[state];
}

const char *update_status_name(enum update_status status)
{
    return update_statuses[status];
}

/* clang-format off */
#define STRING(T, m) {#m, FIELD_STRING, offsetof(struct T, m), 0, NULL, 0}
#define CHARS(T, m) {#m, FIELD_CHARS, offsetof(struct T, m), sizeof(((struct T *)0)->m), NULL, 0}
#define INT(T, m, absent) {#m, FIELD_INT, offsetof(struct T, m), 0, NULL, absent}
#define BOOL(T, m) {#m, FIELD_BOOL, offsetof(struct T, m), 0, NULL, 0}
#define ENUM(T, m, names) {#m, FIELD_ENUM, offsetof(struct T, m), 0, names, 0}
#define STRINGS(T, m, count) \
    {#m, FIELD_STRINGS, offsetof(struct T, m), offsetof(struct T, count), NULL, 0}
#define PAIRS(T, m, count) \
    {#m, FIELD_PAIRS, offsetof(struct T, m), offsetof(struct T, count), NULL, 0}
/* clang-format on */

const struct field cors_fields[] = {
    BOOL(cors, is_set),
    BOOL(cors, allow_credentials),
    STRINGS(cors, allow_origins, origin_count),
    STRINGS(cors, allow_methods, method_count),
    STRINGS(cors, allow_headers, header_count),
    STRINGS(cors, expose_headers, expose_count),
    BOOL(cors, has_origins),
    BOOL(cors, has_methods),
    BOOL(cors, has_headers),
    BOOL(cors, has_expose),
    INT(cors, max_age_s, -1),
    {0},
};

const struct field config_fields[] = {
    STRING(function_config, runtime),
    STRING(function_config, handler),
    STRING(function_config, role),
    STRING(function_config, description),
    INT(function_config, timeout_s, 3),
    INT(function_config, memory_mb, 128),
    INT(function_config, tmp_mb, 512),
    PAIRS(function_config, variables, variable_count),
    BOOL(function_config, has_environment),
    ENUM(function_config, log_format, log_formats),
    STRING(function_config, application_log_level),
    STRING(function_config, system_log_level),
    STRING(function_config, log_group),
    STRING(function_config, tracing_mode),
    STRING(function_config, dead_letter),
    INT(function_config, given_by_api, 0),
    BOOL(function_config, host_network),
    STRINGS(function_config, calls, call_count),
    STRINGS(function_config, queues, queue_count),
    STRINGS(function_config, buses, bus_count),
    {0},
};

const struct field version_fields[] = {
    STRING(version, account),
    STRING(version, region),
    STRING(version, name),
    STRING(version, number),
    STRING(version, arn),
    CHARS(version, code),
    CHARS(version, code_sha256),
    INT(version, code_bytes, 0),
    STRING(version, resolved_runtime),
    STRING(version, load_error),
    CHARS(version, revision_id),
    INT(version, modified_ms, 0),
    STRING(version, published_description),
    {0},
};

const struct field url_fields[] = {
    CHARS(function_url, id),
    ENUM(function_url, auth, url_auths),
    ENUM(function_url, mode, invoke_modes),
    BOOL(function_url, mode_given),
    INT(function_url, created_ms, 0),
    INT(function_url, modified_ms, 0),
    {0},
};

const struct field permission_fields[] = {
    STRING(permission, qualifier),
    STRING(permission, statement_id),
    STRING(permission, action),
    STRING(permission, principal),
    STRING(permission, source_arn),
    STRING(permission, source_account),
    STRING(permission, function_url_auth_type),
    STRING(permission, event_source_token),
    STRING(permission, principal_org_id),
    BOOL(permission, invoked_via_function_url),
    BOOL(permission, has_invoked_via_function_url),
    {0},
};

const struct field event_invoke_fields[] = {
    STRING(event_invoke, qualifier),
    INT(event_invoke, max_retries, -1),
    INT(event_invoke, max_age_s, -1),
    STRING(event_invoke, on_success),
    STRING(event_invoke, on_failure),
    INT(event_invoke, modified_ms, 0),
    {0},
};

const struct field alias_fields[] = {
    STRING(alias, name),
    STRING(alias, description),
    STRING(alias, version),
    STRING(alias, other),
    INT(alias, weight, 0),
    CHARS(alias, revision_id),
    {0},
};

const struct field function_fields[] = {
    STRING(function, account),
    STRING(function, region),
    STRING(function, name),
    STRING(function, arn),
    INT(function, next_version, 1),
    ENUM(function, state, states),
    STRING(function, state_reason),
    STRING(function, state_reason_code),
    ENUM(function, update_status, update_statuses),
    STRING(function, update_reason),
    STRING(function, update_reason_code),
    STRINGS(function, routes, route_count),
    CHARS(function, policy_revision_id),
    BOOL(function, may_recurse),
    INT(function, reserved_concurrency, -1),
    PAIRS(function, tags, tag_count),
    INT(function, created_ms, 0),
    {0},
};
