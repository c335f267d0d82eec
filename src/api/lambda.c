/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "base/mem.h"

const struct param lambda_name_params[] = {ROW_QUALIFIER, ROW_NAMESPACED, {0}};
const struct param lambda_namespaced_params[] = {ROW_NAMESPACED, {0}};

/* --- names --- */

const char *lambda_arn(struct call *call, struct text name, struct text qualifier)
{
    return arena_format(&call->arena, "arn:aws:lambda:%.*s:%.*s:function:%.*s%s%.*s",
                        TEXT_ARG(call->api->region), TEXT_ARG(call->api->account), TEXT_ARG(name),
                        qualifier.len > 0 ? ":" : "", TEXT_ARG(qualifier));
}

static const char *permission_of(struct call *call)
{
    const struct action *action = call->action;

    return action->permission ? action->permission
                              : arena_format(&call->arena, "lambda:%s", action->name);
}

static bool is_within_reach(struct call *call, const struct function_name *name, struct text source)
{
    const struct api *api = call->api;

    if (text_is_set(name->region) && !text_equal(name->region, api->region)) {
        call_fail(call, "ResourceNotFoundException",
                  "Functions from '%.*s' are not reachable in this region ('%.*s')",
                  TEXT_ARG(name->region), TEXT_ARG(api->region));
        return false;
    }
    if (text_is_set(name->account) && !text_equal(name->account, api->account)) {
        const char *permission = permission_of(call);
        call_fail(call, "AccessDeniedException",
                  "User: arn:aws:iam::%.*s:root is not authorized to perform: %s on resource: "
                  "%.*s because no resource-based policy allows the %s action",
                  TEXT_ARG(api->account), permission, TEXT_ARG(source), permission);
        return false;
    }
    return true;
}

bool lambda_read_target(struct call *call, struct text name, struct text qualifier,
                        struct target *ret)
{
    struct function_name parts;

    if (!name_parse(name, NAME_NAMESPACED, &parts)) {
        call_fail(call, "InvalidParameterValueException", "The function name is invalid.");
        return false;
    }
    if (!is_within_reach(call, &parts, name))
        return false;
    if (text_is_set(qualifier) && text_is_set(parts.qualifier) &&
        !text_equal(qualifier, parts.qualifier)) {
        call_fail(call, "InvalidParameterValueException",
                  "The derived qualifier from the function name does not match the specified "
                  "qualifier.");
        return false;
    }
    ret->name = parts.name;
    ret->qualifier = text_is_set(qualifier) ? qualifier : parts.qualifier;
    return true;
}

bool lambda_target(struct call *call, struct target *ret)
{
    return lambda_read_target(call, call->path_values[0], call_query(call, "Qualifier"), ret);
}

/* --- look-ups --- */

void lambda_fail_not_found(struct call *call, const struct target *target)
{
    call_fail(call, "ResourceNotFoundException", "Function not found: %s",
              lambda_arn(call, target->name, target->qualifier));
}

static const struct function *find(const struct call *call, struct text name)
{
    return engine_find(call->api->engine, call->api->account, call->api->region, name);
}

const struct function *lambda_find(struct call *call, const struct target *target)
{
    const struct function *function = find(call, target->name);

    if (!function)
        lambda_fail_not_found(call, target);
    return function;
}

const struct version *lambda_target_version(struct call *call, struct target *ret,
                                            const struct function **ret_function)
{
    if (!lambda_target(call, ret))
        return NULL;
    const struct function *function = find(call, ret->name);
    const struct version *version = function ? function_version(function, ret->qualifier) : NULL;

    if (!version)
        lambda_fail_not_found(call, ret);
    *ret_function = function;
    return version;
}

bool lambda_may_change(struct call *call, const struct function *function)
{
    if (function->state == STATE_PENDING)
        call_fail(call, "ResourceConflictException",
                  "The operation cannot be performed at this time. The function is currently in "
                  "the following state: %s",
                  function_state_name(function->state));
    else if (function->update_status == UPDATE_IN_PROGRESS)
        call_fail(call, "ResourceConflictException",
                  "The operation cannot be performed at this time. An update is in progress for "
                  "resource: %s",
                  function->arn);
    else
        return true;
    return false;
}

bool lambda_check_revision(struct call *call, const char *revision_id, struct text given,
                           const char *action)
{
    if (!text_is_set(given) || text_equal(given, text_of(revision_id)))
        return true;
    call_fail(call, "PreconditionFailedException",
              "The Revision Id provided does not match the latest Revision Id. Call the %s API to "
              "retrieve the latest Revision Id",
              action);
    return false;
}

/* --- changes --- */

void lambda_set_latest(struct function *function, struct version *version)
{
    version_unref(function->latest);
    function->latest = version;
}

struct function *lambda_edit(const struct function *function)
{
    struct function *copy = function_edit(function);
    struct version *latest = version_copy(function->latest);

    latest->serial = function->latest->serial;
    crypto_uuid(latest->revision_id);
    lambda_set_latest(copy, latest);
    return copy;
}

static void on_changed(struct engine_change *change, const struct function *function, bool failed,
                       const struct error *err)
{
    struct call *call = container_of(change, struct call, change);

    if (failed) {
        call_fail_error(call, err);
        return;
    }
    call->saved = function;
    call->then(call);
}

void lambda_save(struct call *call, struct function *function, call_f *then)
{
    call->then = then;
    call->change.done = on_changed;
    engine_save(call->api->engine, &function, &call->change);
}

void lambda_deploy(struct call *call, struct function *function, bool create, call_f *then)
{
    call->then = then;
    call->change.done = on_changed;
    engine_deploy(call->api->engine, &function, create, &call->change);
}

/* --- versions --- */

bool lambda_is_unchanged(const struct version *latest, const struct version *published)
{
    return latest->modified_ms == published->modified_ms &&
           strcmp(latest->code_sha256, published->code_sha256) == 0;
}

const struct version *lambda_publish(struct function *function, const char *description)
{
    size_t count = function->version_count;
    if (count > 0 && lambda_is_unchanged(function->latest, function->versions[count - 1]))
        return function->versions[count - 1];

    struct version *version = version_copy(function->latest);
    scoped(free) char *number = mem_format("%lld", (long long)function->next_version++);
    scoped(free) char *arn = mem_format("%s:%s", function->arn, number);
    version->serial = version_next_serial();
    model_set(&version->number, text_of(number));
    model_set(&version->arn, text_of(arn));
    if (description) {
        model_set(&version->published_description, text_of(description));
        model_set(&version->config.description, text_of(description));
    }
    crypto_uuid(version->revision_id);
    function->versions = mem_realloc(function->versions, (count + 1) * sizeof(struct version *));
    function->versions[function->version_count++] = version;
    return version;
}
