/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

/* CreateConnection, DescribeConnection, ListConnections, UpdateConnection,
 * DeauthorizeConnection, DeleteConnection. Secrets go in and never come out. */

static const char *const state_members[] = {"ConnectionArn", "ConnectionState", "CreationTime",
                                            "LastModifiedTime", NULL};

static const json_t *find_connection(struct call *call, struct text name)
{
    const json_t *connection = events_find(call, BUSES_CONNECTION, events_key(call, name));

    if (!connection)
        call_fail(call, "ResourceNotFoundException",
                  "Failed to describe the connection(s). Connection '%.*s' does not exist.",
                  TEXT_ARG(name));
    return connection;
}

static void reply_members(struct call *call, const json_t *connection, bool authorized)
{
    static const char *const more[] = {"LastAuthorizedTime", NULL};
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    events_write_members(&writer, connection, state_members);
    if (authorized)
        events_write_members(&writer, connection, more);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void reply_created(struct call *call)
{
    reply_members(call,
                  events_find(call, BUSES_CONNECTION, events_key(call, call_input(call, "Name"))),
                  /* authorized= */ false);
}

static void reply_changed(struct call *call)
{
    reply_members(call,
                  events_find(call, BUSES_CONNECTION, events_key(call, call_input(call, "Name"))),
                  /* authorized= */ true);
}

/* --- CreateConnection, UpdateConnection --- */

static const char *parameters_of(struct text type)
{
    if (text_equal(type, TEXT("BASIC")))
        return "BasicAuthParameters";
    if (text_equal(type, TEXT("API_KEY")))
        return "ApiKeyAuthParameters";
    return "OAuthParameters";
}

/* The type's own parameters and no other's. False: answered. */
static bool check_parameters(struct call *call, struct text type, const json_t *parameters)
{
    static const char *const all[] = {"BasicAuthParameters", "ApiKeyAuthParameters",
                                      "OAuthParameters"};

    if (json_object_get(call->input, "InvocationConnectivityParameters") ||
        json_object_get(parameters, "ConnectivityParameters")) {
        events_fail_invalid(call, "Connections to private APIs are not served by Evoke: leave "
                                  "InvocationConnectivityParameters and ConnectivityParameters "
                                  "away.");
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        bool wanted = strcmp(all[i], parameters_of(type)) == 0;
        if (wanted == json_is_object(json_object_get(parameters, all[i])))
            continue;
        events_fail_invalid(call,
                            "Parameter AuthParameters is not valid. Reason: %s must %sbe "
                            "given with AuthorizationType %.*s.",
                            all[i], wanted ? "" : "not ", TEXT_ARG(type));
        return false;
    }
    return true;
}

/* A client's credentials are tried out before they count; the others are taken as given. */
static void set_state(json_t *connection)
{
    bool is_oauth =
        text_equal(json_text(connection, "AuthorizationType"), TEXT("OAUTH_CLIENT_CREDENTIALS"));

    events_set_text(connection, "ConnectionState",
                    is_oauth ? TEXT("AUTHORIZING") : TEXT("AUTHORIZED"));
    json_object_del(connection, "StateReason");
    events_set_time(connection, "LastAuthorizedTime");
    events_set_time(connection, "LastModifiedTime");
}

static void set_arns(struct call *call, json_t *connection, struct text name)
{
    char id[UUID_LEN + 1], secret[UUID_LEN + 1];

    crypto_uuid(id);
    crypto_uuid(secret);
    events_set_text(
        connection, "ConnectionArn",
        text_of(arena_format(&call->arena, "%s/%s", events_arn(call, "connection", name), id)));
    events_set_text(
        connection, "SecretArn",
        text_of(arena_format(&call->arena,
                             "arn:aws:secretsmanager:%.*s:%.*s:secret:events!connection/%.*s/%s-"
                             "%.6s",
                             TEXT_ARG(call->api->region), TEXT_ARG(call->api->account),
                             TEXT_ARG(name), id, secret)));
}

static void create_connection(struct call *call)
{
    static const char *const given[] = {"Name",           "Description",      "AuthorizationType",
                                        "AuthParameters", "KmsKeyIdentifier", NULL};
    struct text name = call_input(call, "Name"), key = events_key(call, name);

    if (!check_parameters(call, call_input(call, "AuthorizationType"),
                          json_object_get(call->input, "AuthParameters")))
        return;
    if (events_find(call, BUSES_CONNECTION, key)) {
        call_fail(call, "ResourceAlreadyExistsException", "Connection %.*s already exists.",
                  TEXT_ARG(name));
        return;
    }
    json_t *connection = json_object();
    events_take_members(connection, call->input, given);
    set_arns(call, connection, name);
    events_set_time(connection, "CreationTime");
    set_state(connection);
    events_save(call, BUSES_CONNECTION, key, connection, reply_created);
}

static void update_connection(struct call *call)
{
    static const char *const given[] = {"Description", "AuthorizationType", "KmsKeyIdentifier",
                                        NULL};
    struct text name = call_input(call, "Name");
    const json_t *connection = find_connection(call, name),
                 *parameters = json_object_get(call->input, "AuthParameters");

    if (!connection)
        return;
    scoped(json_decref) json_t *changed = json_copy((json_t *)(uintptr_t)connection);
    events_take_members(changed, call->input, given);
    if (parameters) {
        /* What the request leaves away stays: AWS updates member by member. */
        json_t *merged = json_deep_copy(json_object_get(connection, "AuthParameters"));
        if (!text_equal(json_text(changed, "AuthorizationType"),
                        json_text(connection, "AuthorizationType")))
            json_object_clear(merged);
        scoped(json_decref) json_t *copy = json_deep_copy(parameters);
        json_object_update_recursive(merged, copy);
        json_object_set_new(changed, "AuthParameters", merged);
    }
    if (!check_parameters(call, json_text(changed, "AuthorizationType"),
                          json_object_get(changed, "AuthParameters")))
        return;
    set_state(changed);
    events_save(call, BUSES_CONNECTION, events_key(call, name), take(changed), reply_changed);
}

/* --- DescribeConnection, ListConnections --- */

static void drop_secret_values(json_t *http)
{
    static const char *const lists[] = {"HeaderParameters", "QueryStringParameters",
                                        "BodyParameters"};
    json_t *parameter;
    size_t index;

    for (size_t i = 0; i < COUNT_OF(lists); i++)
        json_array_foreach(json_object_get(http, lists[i]), index, parameter)
        {
            if (json_bool(parameter, "IsValueSecret", false))
                json_object_del(parameter, "Value");
        }
}

static json_t *without_secrets(const json_t *parameters)
{
    json_t *shown = json_deep_copy(parameters), *oauth = json_object_get(shown, "OAuthParameters");

    json_object_del(json_object_get(shown, "BasicAuthParameters"), "Password");
    json_object_del(json_object_get(shown, "ApiKeyAuthParameters"), "ApiKeyValue");
    json_object_del(json_object_get(oauth, "ClientParameters"), "ClientSecret");
    drop_secret_values(json_object_get(oauth, "OAuthHttpParameters"));
    drop_secret_values(json_object_get(shown, "InvocationHttpParameters"));
    return shown;
}

static void describe_connection(struct call *call)
{
    static const char *const members[] = {"ConnectionArn",      "Name",
                                          "Description",        "ConnectionState",
                                          "StateReason",        "AuthorizationType",
                                          "SecretArn",          "KmsKeyIdentifier",
                                          "CreationTime",       "LastModifiedTime",
                                          "LastAuthorizedTime", NULL};
    const json_t *connection = find_connection(call, call_input(call, "Name"));
    struct writer writer = call_writer(call);

    if (!connection)
        return;
    scoped(json_decref) json_t *shown =
        without_secrets(json_object_get(connection, "AuthParameters"));
    scoped(free) char *text = json_write(shown);
    write_open(&writer, NULL, '{');
    events_write_members(&writer, connection, members);
    write_json(&writer, "AuthParameters", text_of(text));
    write_close(&writer, '}');
    call_reply(call, 200);
}

static bool matches(struct call *call, const json_t *connection)
{
    struct text state = call_input(call, "ConnectionState");

    return !text_is_set(state) || text_equal(state, json_text(connection, "ConnectionState"));
}

static void write_item(struct call *call, struct writer *writer, struct text name,
                       const json_t *connection)
{
    static const char *const members[] = {"ConnectionArn",
                                          "Name",
                                          "ConnectionState",
                                          "StateReason",
                                          "AuthorizationType",
                                          "CreationTime",
                                          "LastModifiedTime",
                                          "LastAuthorizedTime",
                                          NULL};

    write_open(writer, NULL, '{');
    events_write_members(writer, connection, members);
    write_close(writer, '}');
}

static void list_connections(struct call *call)
{
    const struct events_list list = {BUSES_CONNECTION, "Connections", events_key(call, TEXT("")),
                                     matches, write_item};

    events_reply_list(call, &list);
}

/* --- DeauthorizeConnection, DeleteConnection --- */

static void deauthorize_connection(struct call *call)
{
    struct text name = call_input(call, "Name");
    const json_t *connection = find_connection(call, name);

    if (!connection)
        return;
    json_t *changed = json_copy((json_t *)(uintptr_t)connection);
    json_object_del(changed, "AuthParameters");
    json_object_set_new(changed, "AuthParameters", json_object());
    events_set_text(changed, "ConnectionState", TEXT("DEAUTHORIZED"));
    events_set_time(changed, "LastModifiedTime");
    events_save(call, BUSES_CONNECTION, events_key(call, name), changed, reply_changed);
}

static void reply_deleting(struct call *call)
{
    reply_members(call, call->state, /* authorized= */ true);
}

static void drop_document(void *document)
{
    json_decref(document);
}

static void delete_connection(struct call *call)
{
    struct text name = call_input(call, "Name");
    const json_t *connection = find_connection(call, name);

    if (!connection)
        return;
    json_t *deleting = json_deep_copy(connection);
    events_set_text(deleting, "ConnectionState", TEXT("DELETING"));
    call->state = deleting;
    call->drop = drop_document;
    events_delete(call, BUSES_CONNECTION, events_key(call, name), reply_deleting);
}

/* --- the table --- */

#define PATTERN_CREDENTIAL "^[ \\t]*[^\\x00-\\x1F:\\x7F]+([ \\t]+[^\\x00-\\x1F:\\x7F]+)*[ \\t]*$"
#define ROW_CREDENTIAL(name, at, needed, secret)                                      \
    {                                                                                 \
        PARAM_BODY, PARAM_STRING, name, at,                                           \
            .required = needed, .min = 1, .max = 512, .pattern = PATTERN_CREDENTIAL,  \
            .matches = name_is_credential, .pattern_first = true, .sensitive = secret \
    }
#define ROWS_OF_AUTH(kind)                                                                 \
    {PARAM_BODY, PARAM_OBJECT, "BasicAuthParameters", "basicAuthParameters",               \
     .members = basic_rows_##kind},                                                        \
        {PARAM_BODY, PARAM_OBJECT, "OAuthParameters", "oAuthParameters",                   \
         .members = oauth_rows_##kind},                                                    \
        {PARAM_BODY, PARAM_OBJECT, "ApiKeyAuthParameters", "apiKeyAuthParameters",         \
         .members = key_rows_##kind},                                                      \
        {PARAM_BODY, PARAM_OBJECT, "InvocationHttpParameters", "invocationHttpParameters", \
         .members = http_rows},                                                            \
    {                                                                                      \
        0                                                                                  \
    }

#define DEFINE_PARAMETER_ROW(kind, key_rules, value_rules)                                        \
    static const struct param kind##_rows[] = {                                                   \
        {PARAM_BODY, PARAM_STRING, "Key", "key", .max = 512, key_rules},                          \
        {PARAM_BODY, PARAM_STRING, "Value", "value", .max = 512, .sensitive = true, value_rules}, \
        {PARAM_BODY, PARAM_BOOL, "IsValueSecret", "isValueSecret"},                               \
        {0},                                                                                      \
    };                                                                                            \
    static const struct param kind##_row = {PARAM_BODY, PARAM_OBJECT, "", "",                     \
                                            .members = kind##_rows}
#define MATCHES(regex, function) .pattern = regex, .matches = function, .pattern_first = true
DEFINE_PARAMETER_ROW(header, MATCHES(PATTERN_HEADER_KEY, name_is_header_key),
                     MATCHES(PATTERN_HEADER_VALUE, name_is_header_value));
DEFINE_PARAMETER_ROW(query, MATCHES(PATTERN_QUERY_KEY, name_is_query_key),
                     MATCHES(PATTERN_QUERY_VALUE, name_is_query_value));
DEFINE_PARAMETER_ROW(body, .min = 0, .min = 0);
static const struct param http_rows[] = {
    {PARAM_BODY, PARAM_LIST, "HeaderParameters", "headerParameters", .max = 100,
     .members = &header_row},
    {PARAM_BODY, PARAM_LIST, "QueryStringParameters", "queryStringParameters", .max = 100,
     .members = &query_row},
    {PARAM_BODY, PARAM_LIST, "BodyParameters", "bodyParameters", .max = 100, .members = &body_row},
    {0},
};
/* CreateConnection needs all of a kind's members, UpdateConnection none. */
#define DEFINE_AUTH_ROWS(kind, needed)                                                         \
    static const struct param basic_rows_##kind[] = {                                          \
        ROW_CREDENTIAL("Username", "username", needed, false),                                 \
        ROW_CREDENTIAL("Password", "password", needed, true),                                  \
        {0},                                                                                   \
    };                                                                                         \
    static const struct param key_rows_##kind[] = {                                            \
        ROW_CREDENTIAL("ApiKeyName", "apiKeyName", needed, false),                             \
        ROW_CREDENTIAL("ApiKeyValue", "apiKeyValue", needed, true),                            \
        {0},                                                                                   \
    };                                                                                         \
    static const struct param client_rows_##kind[] = {                                         \
        ROW_CREDENTIAL("ClientID", "clientID", needed, false),                                 \
        ROW_CREDENTIAL("ClientSecret", "clientSecret", needed, true),                          \
        {0},                                                                                   \
    };                                                                                         \
    static const struct param oauth_rows_##kind[] = {                                          \
        {PARAM_BODY, PARAM_OBJECT, "ClientParameters", "clientParameters", .required = needed, \
         .members = client_rows_##kind},                                                       \
        {PARAM_BODY, PARAM_STRING, "AuthorizationEndpoint", "authorizationEndpoint",           \
         .required = needed, .min = 1, .max = 2048, .pattern = EVENTS_PATTERN_ENDPOINT,        \
         .matches = name_is_endpoint, .pattern_first = true},                                  \
        {PARAM_BODY, PARAM_STRING, "HttpMethod", "httpMethod", .required = needed,             \
         .values = "POST, PUT, GET"},                                                          \
        {PARAM_BODY, PARAM_OBJECT, "OAuthHttpParameters", "oAuthHttpParameters",               \
         .members = http_rows},                                                                \
        {0},                                                                                   \
    };                                                                                         \
    static const struct param auth_rows_##kind[] = {ROWS_OF_AUTH(kind)}
DEFINE_AUTH_ROWS(create, true);
DEFINE_AUTH_ROWS(update, false);

#define ROW_CONNECTION ROW_NAME("Name", "name", 64)
#define ROW_TYPE(needed)                                                             \
    {                                                                                \
        PARAM_BODY, PARAM_STRING, "AuthorizationType", "authorizationType",          \
            .required = needed, .values = "BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY" \
    }

static const struct param create_rows[] = {
    ROW_CONNECTION,
    ROW_ONE_LINE,
    ROW_TYPE(true),
    {PARAM_BODY, PARAM_OBJECT, "AuthParameters", "authParameters", .required = true,
     .members = auth_rows_create},
    ROW_KMS_KEY,
    {0},
};
static const struct param update_rows[] = {
    ROW_CONNECTION,
    ROW_ONE_LINE,
    ROW_TYPE(false),
    {PARAM_BODY, PARAM_OBJECT, "AuthParameters", "authParameters", .members = auth_rows_update},
    ROW_KMS_KEY,
    {0},
};
static const struct param name_rows[] = {ROW_CONNECTION, {0}};
static const struct param list_rows[] = {
    ROW_PREFIX(64),
    {PARAM_BODY, PARAM_STRING, "ConnectionState", "connectionState",
     .values = "DEAUTHORIZING, AUTHORIZING, ACTIVE, DEAUTHORIZED, FAILED_CONNECTIVITY, DELETING, "
               "UPDATING, AUTHORIZED, CREATING"},
    ROW_PAGE,
    {0},
};

const struct action events_connection_actions[] = {
    {"CreateConnection", EVENTS, PLACE_CONTROL, create_rows, create_connection, NULL},
    {"DescribeConnection", EVENTS, PLACE_CONTROL, name_rows, describe_connection, NULL},
    {"ListConnections", EVENTS, PLACE_CONTROL, list_rows, list_connections, NULL},
    {"UpdateConnection", EVENTS, PLACE_CONTROL, update_rows, update_connection, NULL},
    {"DeauthorizeConnection", EVENTS, PLACE_CONTROL, name_rows, deauthorize_connection, NULL},
    {"DeleteConnection", EVENTS, PLACE_CONTROL, name_rows, delete_connection, NULL},
    {0},
};
