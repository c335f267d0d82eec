/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include <math.h>

#include "base/mem.h"
#include "model/alias.h"

/* CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases. */

#define LIST_MAX 50
#define PATTERN_ALIAS "(?!^[0-9]+$)([a-zA-Z0-9-_]+)"
#define PATTERN_NUMBER "[0-9]+"
#define PATTERN_VERSION "(\\$LATEST(\\.PUBLISHED)?|[0-9]+)"

/* --- showing --- */

/* As Java shows it: "0.2", "1.0". */
static void add_double(struct buffer *out, double number)
{
    char digits[32];

    snprintf(digits, sizeof digits, "%.15g", number);
    buffer_add_format(out, "%s%s", digits, strpbrk(digits, ".en") ? "" : ".0");
}

static void write_routing(struct writer *writer, const struct alias *alias)
{
    scoped(buffer_done) struct buffer weight = {0};

    if (!*alias->other)
        return;
    add_double(&weight, (double)alias->weight / ALIAS_WEIGHT_ALL);
    write_open(writer, "RoutingConfig", '{');
    write_open(writer, "AdditionalVersionWeights", '{');
    write_json(writer, alias->other, buffer_text(&weight));
    write_close(writer, '}');
    write_close(writer, '}');
}

static void write_alias(struct writer *writer, const struct function *function,
                        const struct alias *alias)
{
    scoped(free) char *arn = mem_format("%s:%s", function->arn, alias->name);

    write_open(writer, NULL, '{');
    write_string(writer, "AliasArn", arn);
    write_string(writer, "Name", alias->name);
    write_string(writer, "FunctionVersion", alias->version);
    write_string(writer, "Description", alias->description);
    write_routing(writer, alias);
    write_string(writer, "RevisionId", alias->revision_id);
    write_close(writer, '}');
}

static void reply_alias(struct call *call, int status, const struct function *function,
                        struct text name)
{
    struct writer writer = call_writer(call);

    write_alias(&writer, function, alias_find(function, name));
    call_reply(call, status);
}

/* --- the weights of a request --- */

static const json_t *weights_of(const struct call *call)
{
    return json_object_get(json_object_get(call->input, "RoutingConfig"),
                           "AdditionalVersionWeights");
}

static void add_java_map(struct buffer *out, const json_t *weights)
{
    const char *key, *before = "{";
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)weights, key, value)
    {
        buffer_add_format(out, "%s%s=", before, key);
        add_double(out, json_number_value(value));
        before = ", ";
    }
    buffer_add_char(out, '}');
}

static bool fail_weights(struct call *call, const json_t *weights, const char *constraint)
{
    scoped(buffer_done) struct buffer shown = {0};

    add_java_map(&shown, weights);
    call_fail(call, "ValidationException",
              "1 validation error detected: Value '%.*s' at "
              "'routingConfig.additionalVersionWeights' failed to satisfy constraint: %s",
              TEXT_ARG(buffer_text(&shown)), constraint);
    return false;
}

static bool is_number(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return text.len > 0;
}

/* False: answered. */
static bool check_weights(struct call *call, const json_t *weights)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)weights, key, value)
    {
        if (!json_is_number(value)) {
            call_fail(call, "SerializationException",
                      "STRING_VALUE can not be converted to a Double");
            return false;
        }
        if (!is_number(text_of(key)) || strlen(key) > 1024)
            return fail_weights(
                call, weights,
                "Map keys must satisfy constraint: [Member must have length less "
                "than or equal to 1024, Member must have length greater than or "
                "equal to 1, Member must satisfy regular expression pattern: " PATTERN_NUMBER
                ", Member must not be null]");
        if (!(json_number_value(value) >= 0 && json_number_value(value) <= 1))
            return fail_weights(call, weights,
                                "Map value must satisfy constraint: [Member must have value less "
                                "than or equal to 1.0, Member must have value greater than or "
                                "equal to 0.0, Member must not be null]");
    }
    if (json_object_size(weights) <= 1)
        return true;
    call_fail(call, "InvalidParameterValueException",
              "Number of items in AdditionalVersionWeights cannot be greater than 1");
    return false;
}

/* --- what an alias is set to --- */

/* False: answered, because the function has no such version. */
static bool check_version(struct call *call, const struct function *function, const char *number)
{
    const struct target target = {text_of(function->name), text_of(number)};

    if (function_version(function, target.qualifier))
        return true;
    lambda_fail_not_found(call, &target);
    return false;
}

/* False: answered. */
static bool check_alias(struct call *call, const struct function *function,
                        const struct alias *alias)
{
    bool has_other = *alias->other != '\0';

    if (has_other && strcmp(alias->version, "$LATEST") == 0) {
        call_fail_bare(call, "InvalidParameterValueException",
                       TEXT("$LATEST is not supported for an alias pointing to more than 1 "
                            "version"));
        return false;
    }
    if (!check_version(call, function, alias->version) ||
        (has_other && !check_version(call, function, alias->other)))
        return false;
    if (!has_other || strcmp(alias->version, alias->other) != 0)
        return true;
    call_fail(call, "InvalidParameterValueException",
              "Invalid function version %s. Function version %s is already included in routing "
              "configuration.",
              alias->other, alias->other);
    return false;
}

static void apply_weights(struct alias *alias, const json_t *weights)
{
    const char *key;
    json_t *value;

    model_set(&alias->other, TEXT(""));
    alias->weight = 0;
    json_object_foreach((json_t *)(uintptr_t)weights, key, value)
    {
        model_set(&alias->other, text_of(key));
        alias->weight = llround(json_number_value(value) * ALIAS_WEIGHT_ALL);
    }
}

/* Sets what the request gives. */
static void apply_request(struct call *call, struct alias *alias)
{
    struct text version = call_input(call, "FunctionVersion");

    if (text_is_set(version))
        model_set(&alias->version, version);
    if (text_is_set(call_input(call, "Description")))
        model_set(&alias->description, call_input(call, "Description"));
    if (weights_of(call))
        apply_weights(alias, weights_of(call));
    crypto_uuid(alias->revision_id);
}

/* --- CreateAlias --- */

static void reply_created(struct call *call)
{
    reply_alias(call, 201, call->saved, call_input(call, "Name"));
}

/* False: answered. */
static bool check_new(struct call *call, const struct function *function, struct text name)
{
    if (alias_find(function, name)) {
        call_fail(call, "ResourceConflictException", "Alias already exists: %s:%.*s", function->arn,
                  TEXT_ARG(name));
        return false;
    }
    if (function->alias_count < LIMIT_ALIASES)
        return true;
    call_fail(call, "InvalidParameterValueException",
              "A function can have at most %d aliases; delete one that is not needed.",
              LIMIT_ALIASES);
    return false;
}

static void create_alias(struct call *call)
{
    struct target target;

    if (!check_weights(call, weights_of(call)) || !lambda_target(call, &target))
        return;
    target.qualifier = call_input(call, "FunctionVersion");
    const struct function *function = lambda_find(call, &target);
    if (!function)
        return;
    scoped(function_unref) struct function *changed = function_edit(function);
    struct text name = call_input(call, "Name");
    if (!check_new(call, function, name))
        return;
    struct alias *alias = alias_put(changed, name);
    apply_request(call, alias);
    if (check_alias(call, function, alias))
        lambda_save(call, take(changed), reply_created);
}

/* --- the others --- */

/* The function of the path. NULL: answered. */
static const struct function *find_function(struct call *call)
{
    struct target target;

    if (!lambda_target(call, &target))
        return NULL;
    target.qualifier = TEXT_NONE;
    return lambda_find(call, &target);
}

static void get_alias(struct call *call)
{
    const struct function *function = find_function(call);
    struct text name = call->path_values[1];

    if (!function)
        return;
    if (alias_find(function, name))
        reply_alias(call, 200, function, name);
    else
        call_fail(call, "ResourceNotFoundException", "Cannot find alias arn: %s:%.*s",
                  function->arn, TEXT_ARG(name));
}

static void reply_updated(struct call *call)
{
    reply_alias(call, 200, call->saved, call->path_values[1]);
}

static void update_alias(struct call *call)
{
    struct text name = call->path_values[1];

    if (!check_weights(call, weights_of(call)))
        return;
    const struct function *function = find_function(call);
    const struct alias *before = function ? alias_find(function, name) : NULL;
    if (function && !before)
        call_fail(call, "ResourceNotFoundException", "Alias not found: %s:%.*s", function->arn,
                  TEXT_ARG(name));
    if (!before || !lambda_check_revision(call, before->revision_id, call_input(call, "RevisionId"),
                                          "GetFunction/GetAlias"))
        return;
    scoped(function_unref) struct function *changed = function_edit(function);
    struct alias *alias = alias_put(changed, name);
    apply_request(call, alias);
    if (check_alias(call, function, alias))
        lambda_save(call, take(changed), reply_updated);
}

static void reply_deleted(struct call *call)
{
    call_reply(call, 204);
}

/* An alias that is not there is deleted. */
static void delete_alias(struct call *call)
{
    const struct function *function = find_function(call);
    struct text name = call->path_values[1];

    if (!function)
        return;
    if (!alias_find(function, name)) {
        reply_deleted(call);
        return;
    }
    struct function *changed = function_edit(function);
    alias_remove(changed, name);
    function_remove_event_invoke(changed, name);
    permission_forget(changed, name);
    lambda_save(call, changed, reply_deleted);
}

/* --- ListAliases: the marker is the last name of the page before --- */

static bool is_listed(struct call *call, const struct alias *alias)
{
    struct text marker = call_query(call, "Marker"), version = call_query(call, "FunctionVersion");

    return (!marker.len || text_compare(text_of(alias->name), marker) > 0) &&
           (!text_is_set(version) || text_equal(version, text_of(alias->version)));
}

static void list_aliases(struct call *call)
{
    int64_t max = call_query_int(call, "MaxItems", LIST_MAX),
            left = max < LIST_MAX ? max : LIST_MAX;
    const struct function *function = find_function(call);
    const struct alias *last = NULL;
    struct writer writer = call_writer(call);
    bool is_more = false;

    if (!function)
        return;
    write_open(&writer, NULL, '{');
    write_open(&writer, "Aliases", '[');
    for (size_t i = 0; i < function->alias_count && !is_more; i++) {
        if (!is_listed(call, &function->aliases[i]))
            continue;
        is_more = left-- == 0;
        if (is_more)
            break;
        last = &function->aliases[i];
        write_alias(&writer, function, last);
    }
    write_close(&writer, ']');
    if (is_more)
        write_string(&writer, "NextMarker", last->name);
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* --- the table --- */

#define ALIAS_ROW(place)                                                                        \
    {                                                                                           \
        place, PARAM_STRING, "Name", "name", .required = true, .min = 1, .max = 128,            \
                                             .pattern = PATTERN_ALIAS, .matches = name_is_alias \
    }
#define VERSION_ROW(place, is_required)                                                 \
    {                                                                                   \
        place, PARAM_STRING, "FunctionVersion", "functionVersion",                      \
            .required = is_required, .min = 1, .max = 1024, .pattern = PATTERN_VERSION, \
            .matches = name_is_version                                                  \
    }

static const struct param routing_members[] = {
    {PARAM_BODY, PARAM_MAP, "AdditionalVersionWeights", "additionalVersionWeights"},
    {0},
};
static const struct param setting_params[] = {
    {PARAM_BODY, PARAM_STRING, "Description", "description", .max = LIMIT_DESCRIPTION},
    {PARAM_BODY, PARAM_OBJECT, "RoutingConfig", "routingConfig", .members = routing_members},
    {0},
};
static const struct param create_params[] = {
    ROW_FUNCTION(PARAM_PATH),
    ALIAS_ROW(PARAM_BODY),
    VERSION_ROW(PARAM_BODY, true),
    {PARAM_ALSO, .members = setting_params},
    {0},
};
static const struct param name_params[] = {ROW_FUNCTION(PARAM_PATH), ALIAS_ROW(PARAM_PATH), {0}};
static const struct param update_params[] = {
    ROW_FUNCTION(PARAM_PATH),
    ALIAS_ROW(PARAM_PATH),
    VERSION_ROW(PARAM_BODY, false),
    {PARAM_ALSO, .members = setting_params},
    {PARAM_BODY, PARAM_STRING, "RevisionId", "revisionId"},
    {0},
};
static const struct param list_params[] = {
    ROW_MAX_ITEMS(10000), ROW_FUNCTION(PARAM_PATH), VERSION_ROW(PARAM_QUERY, false), {0}};

#define PATH_ALIASES PATH_FUNCTION "/aliases"

const struct action lambda_alias_actions[] = {
    {"CreateAlias", LAMBDA, METHOD_POST, PATH_ALIASES, BODY_JSON, API_JSON_MAX, ACCESS_SIGNED,
     PLACE_CONTROL, create_params, create_alias, NULL},
    {"GetAlias", LAMBDA, METHOD_GET, PATH_ALIASES "/{Name}", BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, name_params, get_alias, NULL},
    {"UpdateAlias", LAMBDA, METHOD_PUT, PATH_ALIASES "/{Name}", BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, update_params, update_alias, NULL},
    {"DeleteAlias", LAMBDA, METHOD_DELETE, PATH_ALIASES "/{Name}", BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, name_params, delete_alias, NULL},
    {"ListAliases", LAMBDA, METHOD_GET, PATH_ALIASES, BODY_NONE, 0, ACCESS_SIGNED, PLACE_CONTROL,
     list_params, list_aliases, NULL},
    {0},
};
