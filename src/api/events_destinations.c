/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

/* CreateApiDestination, DescribeApiDestination, ListApiDestinations, UpdateApiDestination,
 * DeleteApiDestination. */

#define RATE_DEFAULT 300 /* calls a second: AWS's */

static const json_t *find_destination(struct call *call, struct text name)
{
    const json_t *destination = events_find(call, BUSES_DESTINATION, events_key(call, name));

    if (!destination)
        call_fail(call, "ResourceNotFoundException",
                  "Failed to describe the api-destination(s). An api-destination '%.*s' does not "
                  "exist.",
                  TEXT_ARG(name));
    return destination;
}

/* The connection an ARN names: "connection/NAME/ID". NULL: there is none. */
static const json_t *connection_of(struct call *call, struct text arn)
{
    struct text name = events_resource(arn, "connection");
    const json_t *connection = events_find(
        call, BUSES_CONNECTION, events_key(call, text_slice(name, 0, text_find(name, '/'))));

    return connection && text_equal(json_text(connection, "ConnectionArn"), arn) ? connection
                                                                                 : NULL;
}

/* A destination is active as long as its connection is authorized. */
static const char *state_of(struct call *call, const json_t *destination)
{
    const json_t *connection = connection_of(call, json_text(destination, "ConnectionArn"));

    return connection && text_equal(json_text(connection, "ConnectionState"), TEXT("AUTHORIZED"))
               ? "ACTIVE"
               : "INACTIVE";
}

static void reply_state(struct call *call)
{
    static const char *const members[] = {"ApiDestinationArn", "CreationTime", "LastModifiedTime",
                                          NULL};
    const json_t *destination =
        events_find(call, BUSES_DESTINATION, events_key(call, call_input(call, "Name")));
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    if (destination) {
        write_string(&writer, "ApiDestinationState", state_of(call, destination));
        events_write_members(&writer, destination, members);
    }
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* False: answered. */
static bool check_request(struct call *call)
{
    struct text connection = call_input(call, "ConnectionArn");
    struct text endpoint = call_input(call, "InvocationEndpoint");

    if (text_is_set(endpoint) && !text_starts(endpoint, TEXT("https://")) &&
        !text_starts(endpoint, TEXT("http://"))) {
        events_fail_invalid(call, "Parameter InvocationEndpoint is not valid. Reason: It must "
                                  "begin with https:// or http://.");
        return false;
    }
    if (!text_is_set(connection) || connection_of(call, connection))
        return true;
    struct text name = events_resource(connection, "connection");
    call_fail(call, "ResourceNotFoundException",
              "Failed to describe the connection(s). Connection '%.*s' does not exist.",
              TEXT_ARG(text_slice(name, 0, text_find(name, '/'))));
    return false;
}

static const char *const given[] = {"Description",
                                    "ConnectionArn",
                                    "InvocationEndpoint",
                                    "HttpMethod",
                                    "InvocationRateLimitPerSecond",
                                    NULL};

static void create_api_destination(struct call *call)
{
    struct text name = call_input(call, "Name"), key = events_key(call, name);
    char id[UUID_LEN + 1];

    if (!check_request(call))
        return;
    if (events_find(call, BUSES_DESTINATION, key)) {
        call_fail(call, "ResourceAlreadyExistsException",
                  "An api-destination '%.*s' already "
                  "exists.",
                  TEXT_ARG(name));
        return;
    }
    crypto_uuid(id);
    json_t *destination = json_object();
    events_set_text(destination, "Name", name);
    events_set_text(destination, "ApiDestinationArn",
                    text_of(arena_format(&call->arena, "%s/%s",
                                         events_arn(call, "api-destination", name), id)));
    json_object_set_new(destination, "InvocationRateLimitPerSecond", json_integer(RATE_DEFAULT));
    events_take_members(destination, call->input, given);
    events_set_time(destination, "CreationTime");
    events_set_time(destination, "LastModifiedTime");
    events_save(call, BUSES_DESTINATION, key, destination, reply_state);
}

static void update_api_destination(struct call *call)
{
    struct text name = call_input(call, "Name");
    const json_t *destination = find_destination(call, name);

    if (!destination || !check_request(call))
        return;
    json_t *changed = json_copy((json_t *)(uintptr_t)destination);
    events_take_members(changed, call->input, given);
    events_set_time(changed, "LastModifiedTime");
    events_save(call, BUSES_DESTINATION, events_key(call, name), changed, reply_state);
}

static void write_destination(struct call *call, struct writer *writer, const json_t *destination)
{
    static const char *const members[] = {"ApiDestinationArn",
                                          "Name",
                                          "ConnectionArn",
                                          "InvocationEndpoint",
                                          "HttpMethod",
                                          "InvocationRateLimitPerSecond",
                                          "CreationTime",
                                          "LastModifiedTime",
                                          NULL};

    events_write_members(writer, destination, members);
    write_string(writer, "ApiDestinationState", state_of(call, destination));
}

static void describe_api_destination(struct call *call)
{
    static const char *const more[] = {"Description", NULL};
    const json_t *destination = find_destination(call, call_input(call, "Name"));
    struct writer writer = call_writer(call);

    if (!destination)
        return;
    write_open(&writer, NULL, '{');
    write_destination(call, &writer, destination);
    events_write_members(&writer, destination, more);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static bool matches(struct call *call, const json_t *destination)
{
    struct text connection = call_input(call, "ConnectionArn");

    return !text_is_set(connection) ||
           text_equal(connection, json_text(destination, "ConnectionArn"));
}

static void write_item(struct call *call, struct writer *writer, struct text name,
                       const json_t *destination)
{
    write_open(writer, NULL, '{');
    write_destination(call, writer, destination);
    write_close(writer, '}');
}

static void list_api_destinations(struct call *call)
{
    const struct events_list list = {BUSES_DESTINATION, "ApiDestinations",
                                     events_key(call, TEXT("")), matches, write_item};

    events_reply_list(call, &list);
}

static void delete_api_destination(struct call *call)
{
    struct text name = call_input(call, "Name");

    if (find_destination(call, name))
        events_delete(call, BUSES_DESTINATION, events_key(call, name), events_reply_empty);
}

/* --- the table --- */

#define METHODS "HEAD, POST, PATCH, DELETE, PUT, GET, OPTIONS"
#define PATTERN_CONNECTION_ARN                                                                   \
    "^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:connection\\/[\\.\\-_A-Za-z0-9]+" \
    "\\/[\\-A-Za-z0-9]+$"
#define ROW_CONNECTION_ARN(needed)                                                        \
    {                                                                                     \
        PARAM_BODY, PARAM_STRING, "ConnectionArn", "connectionArn",                       \
            .required = needed, .min = 1, .max = 1600, .pattern = PATTERN_CONNECTION_ARN, \
            .matches = name_is_connection_arn, .pattern_first = true                      \
    }
#define ROWS_OF_DESTINATION(needed)                                         \
    ROW_NAME("Name", "name", 64), ROW_ONE_LINE, ROW_CONNECTION_ARN(needed), \
        {PARAM_BODY,                                                        \
         PARAM_STRING,                                                      \
         "InvocationEndpoint",                                              \
         "invocationEndpoint",                                              \
         .required = needed,                                                \
         .min = 1,                                                          \
         .max = 2048,                                                       \
         .pattern = EVENTS_PATTERN_ENDPOINT,                                \
         .matches = name_is_endpoint,                                       \
         .pattern_first = true},                                            \
        {PARAM_BODY,   PARAM_STRING,       "HttpMethod",                    \
         "httpMethod", .required = needed, .values = METHODS},              \
        {PARAM_BODY,                                                        \
         PARAM_INT,                                                         \
         "InvocationRateLimitPerSecond",                                    \
         "invocationRateLimitPerSecond",                                    \
         .min = 1,                                                          \
         .max = INT32_MAX},                                                 \
    {                                                                       \
        0                                                                   \
    }

static const struct param create_rows[] = {ROWS_OF_DESTINATION(true)};
static const struct param update_rows[] = {ROWS_OF_DESTINATION(false)};
static const struct param name_rows[] = {ROW_NAME("Name", "name", 64), {0}};
static const struct param list_rows[] = {ROW_PREFIX(64), ROW_CONNECTION_ARN(false), ROW_PAGE, {0}};

const struct action events_destination_actions[] = {
    {"CreateApiDestination", EVENTS, PLACE_CONTROL, create_rows, create_api_destination, NULL},
    {"DescribeApiDestination", EVENTS, PLACE_CONTROL, name_rows, describe_api_destination, NULL},
    {"ListApiDestinations", EVENTS, PLACE_CONTROL, list_rows, list_api_destinations, NULL},
    {"UpdateApiDestination", EVENTS, PLACE_CONTROL, update_rows, update_api_destination, NULL},
    {"DeleteApiDestination", EVENTS, PLACE_CONTROL, name_rows, delete_api_destination, NULL},
    {0},
};
