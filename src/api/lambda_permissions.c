/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "base/mem.h"
#include "model/alias.h"

/*
 * The resource policy: who besides the account may invoke a function. The gateway reads it
 * for URLs; here it is changed and shown. Published versions and aliases have policies of their
 * own, whose statements lie among the function's.
 */

#define URL_STATEMENT "evoke-url-public" /* as the CLI names it */
#define RULE_STATEMENT "function-yaml-events"
#define GET_POLICY_TOO "GetFunction/GetAlias"

/* --- the JSON of a statement, as AWS builds it --- */

static void write_principal(struct writer *writer, struct text principal)
{
    if (text_equal(principal, TEXT("*"))) {
        write_text(writer, "Principal", principal);
        return;
    }
    write_open(writer, "Principal", '{');
    if (name_is_account(principal)) {
        scoped(free) char *arn = mem_format("arn:aws:iam::%.*s:root", TEXT_ARG(principal));
        write_string(writer, "AWS", arn);
    } else {
        write_text(writer, text_starts(principal, TEXT("arn:")) ? "AWS" : "Service", principal);
    }
    write_close(writer, '}');
}

static void write_condition(struct writer *writer, const struct permission *permission)
{
    const struct {
        const char *key, *value;
    } equal[] = {
        {"lambda:FunctionUrlAuthType", permission->function_url_auth_type},
        {"lambda:EventSourceToken", permission->event_source_token},
        {"AWS:SourceAccount", permission->source_account},
        {"aws:PrincipalOrgID", permission->principal_org_id},
    };
    bool any = false;

    for (size_t i = 0; i < COUNT_OF(equal); i++)
        any = any || *equal[i].value;
    if (!any && !*permission->source_arn && !permission->has_invoked_via_function_url)
        return;
    write_open(writer, "Condition", '{');
    if (any) {
        write_open(writer, "StringEquals", '{');
        for (size_t i = 0; i < COUNT_OF(equal); i++)
            write_string_if(writer, equal[i].key, equal[i].value);
        write_close(writer, '}');
    }
    if (permission->has_invoked_via_function_url) {
        write_open(writer, "Bool", '{');
        write_string(writer, "lambda:InvokedViaFunctionUrl",
                     permission->invoked_via_function_url ? "true" : "false");
        write_close(writer, '}');
    }
    if (*permission->source_arn) {
        write_open(writer, "ArnLike", '{');
        write_string(writer, "AWS:SourceArn", permission->source_arn);
        write_close(writer, '}');
    }
    write_close(writer, '}');
}

static void write_statement(struct writer *writer, const struct function *function,
                            const struct permission *permission)
{
    scoped(free) char *arn = mem_format("%s%s%s", function->arn, *permission->qualifier ? ":" : "",
                                        permission->qualifier);

    write_open(writer, NULL, '{');
    write_string(writer, "Sid", permission->statement_id);
    write_string(writer, "Effect", "Allow");
    write_principal(writer, text_of(permission->principal));
    write_string(writer, "Action", permission->action);
    write_string(writer, "Resource", arn);
    write_condition(writer, permission);
    write_close(writer, '}');
}

static bool is_of(const struct permission *permission, struct text qualifier)
{
    return text_equal(text_of(permission->qualifier), qualifier);
}

static void write_policy(struct buffer *out, const struct function *function, struct text qualifier)
{
    struct writer writer = {.out = out};

    write_open(&writer, NULL, '{');
    write_string(&writer, "Version", "2012-10-17");
    write_string(&writer, "Id", "default");
    write_open(&writer, "Statement", '[');
    for (size_t i = 0; i < function->permission_count; i++)
        if (is_of(&function->permissions[i], qualifier))
            write_statement(&writer, function, &function->permissions[i]);
    write_close(&writer, ']');
    write_close(&writer, '}');
}

/* --- the list of statements --- */

static bool has_policy(const struct function *function, struct text qualifier)
{
    for (size_t i = 0; i < function->permission_count; i++)
        if (is_of(&function->permissions[i], qualifier))
            return true;
    return false;
}

static struct permission *find_statement(struct function *function, struct text qualifier,
                                         struct text id)
{
    for (size_t i = 0; i < function->permission_count; i++)
        if (is_of(&function->permissions[i], qualifier) &&
            text_equal(text_of(function->permissions[i].statement_id), id))
            return &function->permissions[i];
    return NULL;
}

static struct permission *add_statement(struct function *function)
{
    struct permission *permission;

    function->permissions = mem_realloc(function->permissions, (function->permission_count + 1) *
                                                                   sizeof *function->permissions);
    permission = &function->permissions[function->permission_count++];
    *permission = (struct permission){
        .qualifier = mem_strdup(""),
        .statement_id = mem_strdup(""),
        .action = mem_strdup(""),
        .principal = mem_strdup(""),
        .source_arn = mem_strdup(""),
        .source_account = mem_strdup(""),
        .function_url_auth_type = mem_strdup(""),
        .event_source_token = mem_strdup(""),
        .principal_org_id = mem_strdup(""),
    };
    return permission;
}

static void remove_statement(struct function *function, struct permission *permission)
{
    free(permission->qualifier);
    free(permission->statement_id);
    free(permission->action);
    free(permission->principal);
    free(permission->source_arn);
    free(permission->source_account);
    free(permission->function_url_auth_type);
    free(permission->event_source_token);
    free(permission->principal_org_id);
    size_t after = function->permission_count - 1 - (size_t)(permission - function->permissions);
    memmove(permission, permission + 1, after * sizeof *permission);
    function->permission_count--;
}

void permission_forget(struct function *function, struct text qualifier)
{
    for (size_t i = function->permission_count; i-- > 0;)
        if (is_of(&function->permissions[i], qualifier))
            remove_statement(function, &function->permissions[i]);
}

void permission_open_url(struct function *function)
{
    if (find_statement(function, TEXT(""), TEXT(URL_STATEMENT)))
        return;
    struct permission *permission = add_statement(function);
    model_set(&permission->statement_id, TEXT(URL_STATEMENT));
    model_set(&permission->action, TEXT("lambda:InvokeFunctionUrl"));
    model_set(&permission->principal, TEXT("*"));
    model_set(&permission->function_url_auth_type, TEXT("NONE"));
}

void permission_close_url(struct function *function)
{
    struct permission *permission = find_statement(function, TEXT(""), TEXT(URL_STATEMENT));

    if (permission)
        remove_statement(function, permission);
}

/* Of the rule that function.yaml asks for; rule_arn: none, it asks for none. */
void permission_follow_rule(struct function *function, struct text rule_arn)
{
    struct permission *permission = find_statement(function, TEXT(""), TEXT(RULE_STATEMENT));

    if (rule_arn.len == 0) {
        if (permission)
            remove_statement(function, permission);
        return;
    }
    if (!permission)
        permission = add_statement(function);
    model_set(&permission->statement_id, TEXT(RULE_STATEMENT));
    model_set(&permission->action, TEXT("lambda:InvokeFunction"));
    model_set(&permission->principal, TEXT("events.amazonaws.com"));
    model_set(&permission->source_arn, rule_arn);
}

/* --- actions --- */

static const struct function *find(const struct call *call, struct text name)
{
    return engine_find(call->api->engine, call->api->account, call->api->region, name);
}

/* NULL: answered. missing is what AWS says, before the ARN, where there is no such function.
 * What belongs to $LATEST is what no qualifier means. */
static const struct function *find_function(struct call *call, const char *missing,
                                            struct text *ret_qualifier)
{
    struct target target;

    if (!lambda_target(call, &target))
        return NULL;
    *ret_qualifier = text_is_set(target.qualifier) ? target.qualifier : TEXT("");
    if (text_equal(*ret_qualifier, TEXT("$LATEST"))) {
        call_fail(call, "InvalidParameterValueException",
                  "We currently do not support adding policies for $LATEST.");
        return NULL;
    }
    const struct function *function = find(call, target.name);
    if (!function)
        call_fail(call, "ResourceNotFoundException", "%s: %s", missing,
                  lambda_arn(call, target.name, TEXT_NONE));
    else if (!function_version(function, *ret_qualifier))
        call_fail(call, "ResourceNotFoundException", "%s: %s",
                  name_is_alias(*ret_qualifier) ? "Cannot find alias arn" : "Function not found",
                  lambda_arn(call, target.name, *ret_qualifier));
    else
        return function;
    return NULL;
}

/* What a policy's revision is: that of what it belongs to. */
static const char *revision_of(const struct function *function, struct text qualifier)
{
    const struct alias *alias = alias_find(function, qualifier);

    return alias ? alias->revision_id : function_version(function, qualifier)->revision_id;
}

/* A service ("events.amazonaws.com", "alexa-appkit.amazon.com"), an account, an ARN or
 * everybody. */
static bool is_principal(struct text principal)
{
    static const char *const services[] = {".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"};

    if (text_equal(principal, TEXT("*")) || name_is_account(principal) || name_is_arn(principal))
        return true;
    if (text_contains(principal, ':') || text_contains(principal, '*') ||
        text_contains(principal, '$'))
        return false;
    for (size_t i = 0; i < COUNT_OF(services); i++)
        if (text_ends(principal, text_of(services[i])))
            return true;
    return false;
}

static bool check_statement(struct call *call, const struct function *function,
                            struct text qualifier)
{
    struct text id = call_input(call, "StatementId");

    if (!is_principal(call_input(call, "Principal"))) {
        call_fail(call, "InvalidParameterValueException",
                  "The provided principal was invalid. Please check the principal and try again.");
        return false;
    }
    if (text_is_set(call_input(call, "FunctionUrlAuthType")) &&
        !text_equal(call_input(call, "Action"), TEXT("lambda:InvokeFunctionUrl"))) {
        call_fail(call, "InvalidParameterValueException",
                  "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action");
        return false;
    }
    for (size_t i = 0; i < function->permission_count; i++) {
        if (!is_of(&function->permissions[i], qualifier) ||
            !text_equal(text_of(function->permissions[i].statement_id), id))
            continue;
        call_fail(call, "ResourceConflictException",
                  "The statement id (%.*s) provided already exists. Please provide a new statement "
                  "id, or remove the existing statement.",
                  TEXT_ARG(id));
        return false;
    }
    return true;
}

static void read_statement(const struct call *call, struct permission *permission)
{
    const struct {
        const char *name;
        char **field;
    } members[] = {
        {"StatementId", &permission->statement_id},
        {"Action", &permission->action},
        {"Principal", &permission->principal},
        {"SourceArn", &permission->source_arn},
        {"SourceAccount", &permission->source_account},
        {"FunctionUrlAuthType", &permission->function_url_auth_type},
        {"EventSourceToken", &permission->event_source_token},
        {"PrincipalOrgID", &permission->principal_org_id},
    };
    const json_t *via_url = json_object_get(call->input, "InvokedViaFunctionUrl");

    for (size_t i = 0; i < COUNT_OF(members); i++)
        model_set(members[i].field, call_input(call, members[i].name));
    permission->has_invoked_via_function_url = json_is_boolean(via_url);
    permission->invoked_via_function_url = json_is_true(via_url);
}

static void reply_added(struct call *call)
{
    scoped(buffer_done) struct buffer statement = {0};
    struct writer inner = {.out = &statement}, writer = call_writer(call);
    const struct function *function = call->saved;

    write_statement(&inner, function, &function->permissions[function->permission_count - 1]);
    write_open(&writer, NULL, '{');
    write_text(&writer, "Statement", buffer_text(&statement));
    write_close(&writer, '}');
    call_reply(call, 201);
}

/* With a version of a new revision; its instances stay. */
static struct function *edit_version(const struct function *function, struct text number)
{
    struct function *changed = function_edit(function);

    for (size_t i = 0; i < changed->version_count; i++) {
        struct version *version = changed->versions[i];
        if (!text_equal(text_of(version->number), number))
            continue;
        changed->versions[i] = version_copy(version);
        changed->versions[i]->serial = version->serial;
        crypto_uuid(changed->versions[i]->revision_id);
        version_unref(version);
    }
    return changed;
}

static struct function *edit_policy(const struct function *function, struct text qualifier)
{
    if (alias_find(function, qualifier)) {
        struct function *changed = function_edit(function);
        crypto_uuid(alias_put(changed, qualifier)->revision_id);
        return changed;
    }
    if (qualifier.len > 0)
        return edit_version(function, qualifier);
    struct function *changed = lambda_edit(function);
    memcpy(changed->policy_revision_id, changed->latest->revision_id,
           sizeof changed->policy_revision_id);
    return changed;
}

static void add_permission(struct call *call)
{
    struct text qualifier;
    const struct function *function = find_function(call, "Function not found", &qualifier);

    if (!function ||
        !lambda_check_revision(call, revision_of(function, qualifier),
                               call_input(call, "RevisionId"), "GetPolicy") ||
        !check_statement(call, function, qualifier))
        return;
    scoped(function_unref) struct function *changed = edit_policy(function, qualifier);
    scoped(buffer_done) struct buffer policy = {0};
    struct permission *permission = add_statement(changed);
    read_statement(call, permission);
    model_set(&permission->qualifier, qualifier);
    write_policy(&policy, changed, qualifier);
    if (policy.len > LIMIT_POLICY_BYTES) {
        call_fail(call, "PolicyLengthExceededException",
                  "The final policy size (%zu) is bigger than the limit (%d).", policy.len,
                  LIMIT_POLICY_BYTES);
        return;
    }
    lambda_save(call, take(changed), reply_added);
}

static void reply_removed(struct call *call)
{
    call_reply(call, 204);
}

static void remove_permission(struct call *call)
{
    struct text id = call->path_values[1], qualifier;
    const struct function *function = find_function(call, "No policy found for", &qualifier);

    if (!function)
        return;
    if (!has_policy(function, qualifier)) {
        call_fail(call, "ResourceNotFoundException",
                  "No policy is associated with the given resource.");
        return;
    }
    scoped(function_unref) struct function *changed = edit_policy(function, qualifier);
    struct permission *permission = find_statement(changed, qualifier, id);
    if (!permission) {
        call_fail(call, "ResourceNotFoundException",
                  "Statement %.*s is not found in resource policy.", TEXT_ARG(id));
        return;
    }
    if (!lambda_check_revision(call, revision_of(function, qualifier),
                               call_query(call, "RevisionId"), GET_POLICY_TOO))
        return;
    remove_statement(changed, permission);
    lambda_save(call, take(changed), reply_removed);
}

static void get_policy(struct call *call)
{
    scoped(buffer_done) struct buffer policy = {0};
    struct writer writer = call_writer(call);
    struct target target;

    if (!lambda_target(call, &target))
        return;
    const struct function *function = find(call, target.name);
    if (!function) {
        lambda_fail_not_found(call, &target);
        return;
    }
    bool of_latest =
        !text_is_set(target.qualifier) || text_equal(target.qualifier, TEXT("$LATEST"));
    struct text qualifier = of_latest ? TEXT("") : target.qualifier;
    if (!has_policy(function, qualifier)) {
        call_fail(call, "ResourceNotFoundException", "The resource you requested does not exist.");
        return;
    }
    write_policy(&policy, function, qualifier);
    write_open(&writer, NULL, '{');
    write_text(&writer, "Policy", buffer_text(&policy));
    write_string(&writer, "RevisionId", revision_of(function, qualifier));
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* --- the table --- */

#define ARN_PATTERN                                                                              \
    "arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-" \
    "\\d{1})?:(\\d{12})?:(.*)"

static const struct param add_params[] = {
    {PARAM_ALSO, .members = lambda_name_params},
    {PARAM_BODY, PARAM_STRING, "StatementId", "statementId", .required = true, .min = 1, .max = 100,
     .pattern = "([a-zA-Z0-9-_]+)", .matches = name_is_statement_id},
    {PARAM_BODY, PARAM_STRING, "Action", "action", .required = true,
     .pattern = "(lambda:[*]|lambda:[a-zA-Z]+|[*])", .matches = name_is_permission_action},
    {PARAM_BODY, PARAM_STRING, "Principal", "principal", .required = true, .max = 2048,
     .pattern = "[^\\s]+", .matches = name_has_no_blanks},
    {PARAM_BODY, PARAM_STRING, "SourceArn", "sourceArn", .max = 10000, .pattern = ARN_PATTERN,
     .matches = name_is_arn},
    {PARAM_BODY, PARAM_STRING, "SourceAccount", "sourceAccount", .max = 12, .pattern = "\\d{12}",
     .matches = name_is_account},
    {PARAM_BODY, PARAM_STRING, "EventSourceToken", "eventSourceToken", .max = 256,
     .pattern = "[a-zA-Z0-9._\\-]+", .matches = name_is_event_source_token},
    {PARAM_BODY, PARAM_STRING, "RevisionId", "revisionId"},
    {PARAM_BODY, PARAM_STRING, "PrincipalOrgID", "principalOrgID", .min = 12, .max = 34,
     .pattern = "o-[a-z0-9]{10,32}", .matches = name_is_org},
    {PARAM_BODY, PARAM_STRING, "FunctionUrlAuthType", "functionUrlAuthType",
     .values = "NONE, AWS_IAM"},
    {PARAM_BODY, PARAM_BOOL, "InvokedViaFunctionUrl", "invokedViaFunctionUrl"},
    {0},
};
static const struct param remove_params[] = {
    {PARAM_ALSO, .members = lambda_name_params},
    {PARAM_PATH, PARAM_STRING, "StatementId", "statementId", .required = true, .min = 1, .max = 100,
     .pattern = "([a-zA-Z0-9-_.]+)", .matches = name_is_namespaced_statement_id},
    {0},
};

#define PATH_POLICY PATH_FUNCTION "/policy"

const struct action lambda_permission_actions[] = {
    {"AddPermission", LAMBDA, METHOD_POST, PATH_POLICY, BODY_JSON, API_JSON_MAX, ACCESS_SIGNED,
     PLACE_CONTROL, add_params, add_permission, NULL},
    {"RemovePermission", LAMBDA, METHOD_DELETE, PATH_POLICY "/{StatementId}", BODY_NONE, 0,
     ACCESS_SIGNED, PLACE_CONTROL, remove_params, remove_permission, NULL},
    {"GetPolicy", LAMBDA, METHOD_GET, PATH_POLICY, BODY_NONE, 0, ACCESS_SIGNED, PLACE_CONTROL,
     lambda_name_params, get_policy, NULL},
    {0},
};
