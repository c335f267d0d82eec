/* SPDX-License-Identifier: Apache-2.0 */
#include "model/policy.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/policy_priv.h"

enum principal_type { PRINCIPAL_ALL, PRINCIPAL_AWS, PRINCIPAL_SERVICE, PRINCIPAL_FEDERATED };

struct principal {
    enum principal_type type;
    struct text name;
};

/* Actions, resources or principals, or all but these. present: the element is there. */
struct patterns {
    struct policy_pattern *list;
    size_t count;
    bool present, negated;
};
struct principals {
    struct principal *list;
    size_t count;
    bool present, negated;
};

struct statement {
    bool denies;
    struct principals principals;
    struct patterns actions, resources;
    struct policy_conditions conditions;
};

struct policy {
    struct arena arena; /* of everything below */
    struct statement *statements;
    size_t count;
};

int policy_fail(struct policy_compiler *compiler, const char *format, ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (compiler->statement == 0)
        return error_set(compiler->err, ERROR_INVALID, "the policy is not valid: %s", text);
    return error_set(compiler->err, ERROR_INVALID, "statement %d of the policy is not valid: %s",
                     compiler->statement, text);
}

/* --- strings, or lists of them --- */

size_t policy_value_count(const json_t *json)
{
    return json_is_array(json) ? json_array_size(json) : 1;
}

/* Conditions are often written with numbers and truth values. */
static int add_scalar(struct policy_compiler *compiler, const json_t *json, const char *element,
                      size_t index, policy_value_f *add, void *context)
{
    if (json_is_string(json))
        return add(compiler, text_from(json_string_value(json), json_string_length(json)), index,
                   context);
    if (json_is_boolean(json))
        return add(compiler, json_is_true(json) ? TEXT("true") : TEXT("false"), index, context);
    if (!json_is_number(json))
        return policy_fail(compiler, "%s must be a string or a list of strings", element);
    scoped(free) char *number = json_write(json);
    return add(compiler, text_of(number), index, context);
}

int policy_values_each(struct policy_compiler *compiler, const json_t *json, const char *element,
                       policy_value_f *add, void *context)
{
    size_t index;
    json_t *item;

    compiler->values += policy_value_count(json);
    if (compiler->values > POLICY_VALUES_MAX)
        return policy_fail(compiler, "the policy has more than %d values", POLICY_VALUES_MAX);
    if (!json_is_array(json))
        return add_scalar(compiler, json, element, 0, add, context);
    json_array_foreach(json, index, item) if (add_scalar(compiler, item, element, index, add,
                                                         context) < 0) return -1;
    return 0;
}

/* --- Action, Resource --- */

static int add_action(struct policy_compiler *compiler, struct text value, size_t index,
                      void *context)
{
    struct patterns *patterns = context;

    if (!text_equal(value, TEXT("*")) && !text_contains(value, ':'))
        return policy_fail(compiler,
                           "the action '%.*s' names no service: it is \"*\" or like "
                           "\"execute-api:Invoke\"",
                           TEXT_ARG(value));
    return policy_pattern_compile(compiler, value, PATTERN_WILD, &patterns->list[index]);
}

static int add_resource(struct policy_compiler *compiler, struct text value, size_t index,
                        void *context)
{
    struct patterns *patterns = context;

    if (value.len == 0)
        return policy_fail(compiler, "a resource is empty");
    return policy_pattern_compile(compiler, value, PATTERN_WILD | PATTERN_VARIABLES,
                                  &patterns->list[index]);
}

/* The element or its opposite, not both. */
static int find_element(struct policy_compiler *compiler, const json_t *json, const char *name,
                        const char *opposite, const json_t **ret, bool *ret_negated)
{
    const json_t *not = json_object_get(json, opposite);

    *ret = json_object_get(json, name);
    *ret_negated = not != NULL;
    if (*ret && not )
        return policy_fail(compiler, "%s and %s exclude each other", name, opposite);
    *ret = not ? not : *ret;
    return 0;
}

static int compile_patterns(struct policy_compiler *compiler, const json_t *json, const char *name,
                            const char *opposite, policy_value_f *add, struct patterns *ret)
{
    const json_t *values;

    if (find_element(compiler, json, name, opposite, &values, &ret->negated) < 0)
        return -1;
    if (!values)
        return 0;
    ret->present = true;
    ret->count = policy_value_count(values);
    if (ret->count == 0)
        return policy_fail(compiler, "%s is empty", ret->negated ? opposite : name);
    ret->list = arena_zalloc(compiler->arena, ret->count * sizeof *ret->list);
    return policy_values_each(compiler, values, ret->negated ? opposite : name, add, ret);
}

/* --- Principal --- */

static const struct {
    const char *name;
    enum principal_type type;
} principal_types[] = {
    {"AWS", PRINCIPAL_AWS},
    {"Service", PRINCIPAL_SERVICE},
    {"Federated", PRINCIPAL_FEDERATED},
};

struct principal_adding {
    struct principals *principals;
    enum principal_type type;
};

static int add_principal(struct policy_compiler *compiler, struct text value, size_t index,
                         void *context)
{
    const struct principal_adding *adding = context;
    struct principals *principals = adding->principals;
    bool everybody = adding->type == PRINCIPAL_AWS && text_equal(value, TEXT("*"));

    if (!everybody && text_contains(value, '*') && adding->type != PRINCIPAL_SERVICE)
        return policy_fail(compiler,
                           "the principal '%.*s' has a wildcard: name it whole, or everybody by "
                           "\"*\"",
                           TEXT_ARG(value));
    principals->list[principals->count++] = (struct principal){
        everybody ? PRINCIPAL_ALL : adding->type, arena_copy(compiler->arena, value)};
    return 0;
}

static int compile_typed_principals(struct policy_compiler *compiler, const json_t *json,
                                    struct principals *ret)
{
    const char *name;
    json_t *values;
    size_t room = 0;

    json_object_foreach((json_t *)(uintptr_t)json, name, values) room += policy_value_count(values);
    if (room > POLICY_VALUES_MAX)
        return policy_fail(compiler, "the policy has more than %d values", POLICY_VALUES_MAX);
    ret->list = arena_zalloc(compiler->arena, (room + 1) * sizeof *ret->list);
    json_object_foreach((json_t *)(uintptr_t)json, name, values)
    {
        struct principal_adding adding = {ret, PRINCIPAL_ALL};
        for (size_t i = 0; i < COUNT_OF(principal_types); i++)
            if (strcmp(name, principal_types[i].name) == 0)
                adding.type = principal_types[i].type;
        if (adding.type == PRINCIPAL_ALL)
            return policy_fail(compiler, "a principal is of AWS, Service or Federated, not '%s'",
                               name);
        if (policy_values_each(compiler, values, name, add_principal, &adding) < 0)
            return -1;
    }
    return 0;
}

static int compile_principals(struct policy_compiler *compiler, const json_t *json,
                              struct principals *ret)
{
    static struct principal everybody = {.type = PRINCIPAL_ALL};
    const json_t *values;

    if (find_element(compiler, json, "Principal", "NotPrincipal", &values, &ret->negated) < 0)
        return -1;
    ret->present = values != NULL;
    if (compiler->kind == POLICY_OF_IDENTITY)
        return values ? policy_fail(compiler, "Principal has no place in an identity's policy") : 0;
    if (!values)
        return policy_fail(compiler, "it needs a Principal");
    if (json_is_string(values) && strcmp(json_string_value(values), "*") == 0) {
        ret->list = &everybody;
        ret->count = 1;
        return 0;
    }
    if (!json_is_object(values))
        return policy_fail(compiler, "Principal must be \"*\" or an object such as {\"AWS\": ...}");
    return compile_typed_principals(compiler, values, ret);
}

/* --- statements --- */

static bool is_listed(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static int check_elements(struct policy_compiler *compiler, const json_t *json,
                          const char *const *names)
{
    const char *name;
    json_t *value;

    json_object_foreach(
        (json_t *)(uintptr_t)json, name,
        value) if (!is_listed(name, names)) return policy_fail(compiler, "there is no element '%s'",
                                                               name);
    return 0;
}

static int compile_effect(struct policy_compiler *compiler, const json_t *json,
                          struct statement *ret)
{
    struct text effect = json_text(json, "Effect");

    ret->denies = text_equal(effect, TEXT("Deny"));
    if (!ret->denies && !text_equal(effect, TEXT("Allow")))
        return policy_fail(compiler, "Effect must be \"Allow\" or \"Deny\"");
    return 0;
}

static int compile_statement(struct policy_compiler *compiler, const json_t *json,
                             struct statement *ret)
{
    static const char *const elements[] = {"Sid",       "Effect",    "Principal", "NotPrincipal",
                                           "Action",    "NotAction", "Resource",  "NotResource",
                                           "Condition", NULL};

    compiler->statement++;
    if (!json_is_object(json))
        return policy_fail(compiler, "it must be an object");
    if (check_elements(compiler, json, elements) < 0 || compile_effect(compiler, json, ret) < 0 ||
        compile_principals(compiler, json, &ret->principals) < 0 ||
        compile_patterns(compiler, json, "Action", "NotAction", add_action, &ret->actions) < 0 ||
        compile_patterns(compiler, json, "Resource", "NotResource", add_resource, &ret->resources) <
            0 ||
        policy_conditions_compile(compiler, json_object_get(json, "Condition"), &ret->conditions) <
            0)
        return -1;
    if (!ret->actions.present)
        return policy_fail(compiler, "it needs an Action");
    if (!ret->resources.present && compiler->kind == POLICY_OF_IDENTITY)
        return policy_fail(compiler, "it needs a Resource");
    return 0;
}

static int read_version(struct policy_compiler *compiler, const json_t *document)
{
    const json_t *version = json_object_get(document, "Version");
    struct text text = json_text(document, "Version");

    compiler->has_variables = text_equal(text, TEXT("2012-10-17"));
    if (!version || compiler->has_variables || text_equal(text, TEXT("2008-10-17")))
        return 0;
    return policy_fail(compiler, "Version must be \"2012-10-17\" or \"2008-10-17\"");
}

static int compile(struct policy_compiler *compiler, const json_t *document, struct policy *policy)
{
    static const char *const elements[] = {"Version", "Id", "Statement", NULL};
    const json_t *statements = json_object_get(document, "Statement");

    if (!json_is_object(document))
        return policy_fail(compiler, "it must be an object");
    if (check_elements(compiler, document, elements) < 0 || read_version(compiler, document) < 0)
        return -1;
    size_t count = json_is_array(statements) ? json_array_size(statements) : statements != NULL;
    if (count == 0 || count > POLICY_STATEMENTS_MAX)
        return policy_fail(compiler, "Statement must hold 1 to %d statements",
                           POLICY_STATEMENTS_MAX);
    policy->statements = arena_zalloc(compiler->arena, count * sizeof *policy->statements);
    for (; policy->count < count; policy->count++)
        if (compile_statement(compiler,
                              json_is_array(statements) ? json_array_get(statements, policy->count)
                                                        : statements,
                              &policy->statements[policy->count]) < 0)
            return -1;
    return 0;
}

struct policy *policy_compile(const json_t *document, enum policy_kind kind, struct error *err)
{
    scoped(policy_free) struct policy *policy = mem_new(struct policy);
    struct policy_compiler compiler = {.arena = &policy->arena, .err = err, .kind = kind};

    return compile(&compiler, document, policy) < 0 ? NULL : take(policy);
}

struct policy *policy_parse(struct text source, enum policy_kind kind, struct error *err)
{
    if (source.len > POLICY_BYTES_MAX) {
        (void)error_set(err, ERROR_LIMIT, "a policy has at most %d bytes", POLICY_BYTES_MAX);
        return NULL;
    }
    scoped(json_decref) json_t *document = json_parse(source, err);
    return document ? policy_compile(document, kind, err) : NULL;
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    arena_done(&policy->arena);
    free(policy);
}

/* --- evaluation --- */

/* "123456789012" and "arn:aws:iam::123456789012:root" are the whole account; the ARN of a
 * role means its sessions too ("arn:aws:sts::1:assumed-role/NAME/SESSION"). */
static bool means_arn(struct text name, const struct policy_principal *who)
{
    struct text rest = name, piece = TEXT_NONE;

    if (text_equal(name, who->account) && name.len > 0)
        return true;
    if (text_equal(name, who->arn) && name.len > 0)
        return true;
    for (int i = 0; i < 5; i++)
        if (!text_split(&rest, ':', &piece))
            return false;
    if (who->account.len == 0 || !text_equal(piece, who->account))
        return false;
    if (text_equal(rest, TEXT("root")))
        return true;
    if (!text_starts(rest, TEXT("role/")))
        return false;
    while (text_contains(rest, '/')) /* the path before a role's name is not in a session's ARN */
        rest = text_skip(rest, text_find(rest, '/') + 1);
    size_t at = text_find_text(who->arn, TEXT(":assumed-role/"));
    struct text session = text_skip(who->arn, at + strlen(":assumed-role/")), role = TEXT_NONE;
    return text_split(&session, '/', &role) && session.len > 0 && text_equal(role, rest);
}

static bool means(const struct principal *principal, const struct policy_principal *who)
{
    switch (principal->type) {
    case PRINCIPAL_ALL:
        return true;
    case PRINCIPAL_AWS:
        return means_arn(principal->name, who);
    case PRINCIPAL_SERVICE:
        return who->service.len > 0 && (text_equal(principal->name, TEXT("*")) ||
                                        text_equal(principal->name, who->service));
    case PRINCIPAL_FEDERATED:
        return who->federated.len > 0 && text_equal(principal->name, who->federated);
    }
    return false;
}

static bool is_for(const struct principals *principals, const struct policy_principal *who)
{
    if (!principals->present)
        return true;
    for (size_t i = 0; i < principals->count; i++)
        if (means(&principals->list[i], who))
            return !principals->negated;
    return principals->negated;
}

static bool covers(const struct patterns *patterns, struct text text, bool ignores_case,
                   const struct policy_request *request)
{
    if (!patterns->present)
        return true;
    for (size_t i = 0; i < patterns->count; i++)
        if (policy_pattern_matches(&patterns->list[i], text, ignores_case, request))
            return !patterns->negated;
    return patterns->negated;
}

static bool meets_conditions(const struct statement *statement,
                             const struct policy_request *request)
{
    if (request->ignores_conditions && statement->conditions.count > 0)
        return statement->denies;
    return policy_conditions_hold(&statement->conditions, request);
}

static bool applies(const struct statement *statement, const struct policy_request *request)
{
    return is_for(&statement->principals, &request->principal) &&
           covers(&statement->actions, request->action, /* ignores_case= */ true, request) &&
           covers(&statement->resources, request->resource, /* ignores_case= */ false, request) &&
           meets_conditions(statement, request);
}

enum policy_effect policy_evaluate(const struct policy *policy,
                                   const struct policy_request *request)
{
    enum policy_effect effect = POLICY_SILENT;

    for (size_t i = 0; i < policy->count; i++) {
        if (!applies(&policy->statements[i], request))
            continue;
        if (policy->statements[i].denies)
            return POLICY_DENY;
        effect = POLICY_ALLOW;
    }
    return effect;
}
