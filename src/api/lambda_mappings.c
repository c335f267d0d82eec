/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "router/pattern.h"
#include "source/mapping.h"
#include "store/queue_message.h"

/* Create, Get, List, Update and Delete of EventSourceMapping: queues that invoke functions. */

#define LIST_MAX 100
#define BATCH_DEFAULT 10      /* Lambda: messages, unless said */
#define BATCH_FIFO_MAX 10     /* Lambda */
#define FILTERS_MAX 5         /* Lambda */
#define FILTER_BYTES_MAX 4096 /* Lambda: of one pattern */

#define NO_MAPPING "The resource you requested does not exist."

const char *lambda_mapping_key(struct call *call, struct text uuid)
{
    return arena_format(&call->arena, "%.*s/%.*s/%.*s", TEXT_ARG(call->api->account),
                        TEXT_ARG(call->api->region), TEXT_ARG(uuid));
}

char *lambda_mapping_arn(const struct call *call, struct text uuid)
{
    return mem_format("arn:aws:lambda:%.*s:%.*s:event-source-mapping:%.*s",
                      TEXT_ARG(call->api->region), TEXT_ARG(call->api->account), TEXT_ARG(uuid));
}

static bool fail(struct call *call, const char *message)
{
    call_fail(call, "InvalidParameterValueException", "%s", message);
    return false;
}

static const json_t *given(const struct call *call, const char *name)
{
    const json_t *value = json_object_get(call->input, name);

    return json_is_null(value) ? NULL : value;
}

/* --- showing --- */

static void write_filters(struct writer *writer, const json_t *filters)
{
    size_t index;
    const json_t *filter;

    if (json_array_size(filters) == 0)
        return;
    write_open(writer, "FilterCriteria", '{');
    write_open(writer, "Filters", '[');
    json_array_foreach(filters, index, filter)
    {
        write_open(writer, NULL, '{');
        write_string(writer, "Pattern", json_string_value(filter));
        write_close(writer, '}');
    }
    write_close(writer, ']');
    write_close(writer, '}');
}

static void write_function_response_types(struct writer *writer, const json_t *document)
{
    write_open(writer, "FunctionResponseTypes", '[');
    if (json_bool(document, "partial", false))
        write_string(writer, NULL, "ReportBatchItemFailures");
    write_close(writer, ']');
}

static void write_mapping(struct call *call, struct writer *writer, struct text key,
                          const json_t *document, const char *state)
{
    struct text rest = key, uuid = TEXT_NONE;
    int64_t modified_ms = json_int(document, "modified", 0);
    int64_t concurrency = json_int(document, "concurrency", 0);
    scoped(buffer_done) struct buffer text = {0};

    while (text_split(&rest, '/', &uuid))
        ;
    write_open(writer, NULL, '{');
    write_text(writer, "UUID", uuid);
    write_int(writer, "BatchSize", json_int(document, "batch", BATCH_DEFAULT));
    write_int(writer, "MaximumBatchingWindowInSeconds", json_int(document, "window", 0));
    write_text(writer, "EventSourceArn", json_text(document, "queue"));
    write_filters(writer, json_object_get(document, "filters"));
    write_text(writer, "FunctionArn", json_text(document, "function"));
    buffer_add_format(&text, "%lld.%03d", (long long)(modified_ms / 1000),
                      (int)(modified_ms % 1000));
    write_json(writer, "LastModified", buffer_text(&text));
    write_string(writer, "State", state);
    write_string(writer, "StateTransitionReason", "USER_INITIATED");
    write_function_response_types(writer, document);
    scoped(free) char *arn = lambda_mapping_arn(call, uuid);
    write_string(writer, "EventSourceMappingArn", arn);
    if (concurrency > 0) {
        write_open(writer, "ScalingConfig", '{');
        write_int(writer, "MaximumConcurrency", concurrency);
        write_close(writer, '}');
    }
    write_close(writer, '}');
}

/* --- what a request says --- */

/* Left out of Create they are harmless; they belong to streams and brokers. */
static bool check_unserved(struct call *call)
{
    static const char *const names[] = {"SelfManagedEventSource",
                                        "Topics",
                                        "Queues",
                                        "SourceAccessConfigurations",
                                        "AmazonManagedKafkaEventSourceConfig",
                                        "SelfManagedKafkaEventSourceConfig",
                                        "DocumentDBEventSourceConfig",
                                        "ParallelizationFactor",
                                        "BisectBatchOnFunctionError",
                                        "MaximumRecordAgeInSeconds",
                                        "MaximumRetryAttempts",
                                        "TumblingWindowInSeconds"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (given(call, names[i])) {
            call_fail(call, "InvalidParameterValueException",
                      "Unsupported %s parameter for given event source mapping type.", names[i]);
            return false;
        }
    if (given(call, "StartingPosition") || given(call, "StartingPositionTimestamp"))
        return fail(call, "StartingPosition is not valid for SQS event sources.");
    if (!given(call, "ProvisionedPollerConfig"))
        return true;
    return fail(call, "ProvisionedPollerConfig is not served by Evoke yet.");
}

static bool check_pattern(struct call *call, const json_t *filter)
{
    struct text source = json_text(filter, "Pattern");
    struct error err;
    struct pattern *pattern =
        source.len <= FILTER_BYTES_MAX ? pattern_compile(source, NULL, &err) : NULL;

    pattern_unref(pattern);
    return pattern ? true : fail(call, "Invalid filter pattern definition.");
}

/* Replaces the document's filters by the request's. False: answered. */
static bool read_filters(struct call *call, json_t *document)
{
    const json_t *criteria = given(call, "FilterCriteria"), *filter;
    const json_t *filters = json_object_get(criteria, "Filters");
    size_t index;

    if (!criteria)
        return true;
    if (json_array_size(filters) > FILTERS_MAX)
        return fail(call, "The number of filters exceeds the maximum of 5.");
    json_t *patterns = json_array();
    json_object_set_new(document, "filters", patterns);
    json_array_foreach(filters, index, filter)
    {
        if (!check_pattern(call, filter))
            return false;
        json_array_append(patterns, json_object_get(filter, "Pattern"));
    }
    return true;
}

static void take_int(json_t *document, const char *name, const json_t *number)
{
    if (json_is_integer(number))
        json_object_set_new(document, name, json_integer(json_integer_value(number)));
}

static void read_settings(const struct call *call, json_t *document)
{
    const json_t *scaling = given(call, "ScalingConfig");
    const json_t *types = given(call, "FunctionResponseTypes");
    const json_t *enabled = given(call, "Enabled");

    take_int(document, "batch", given(call, "BatchSize"));
    take_int(document, "window", given(call, "MaximumBatchingWindowInSeconds"));
    if (scaling) /* an empty one takes the limit away */
        json_object_set_new(document, "concurrency",
                            json_integer(json_int(scaling, "MaximumConcurrency", 0)));
    if (types)
        json_object_set_new(document, "partial", json_boolean(json_array_size(types) > 0));
    if (enabled)
        json_object_set_new(document, "enabled", json_boolean(json_is_true(enabled)));
    json_object_set_new(document, "modified", json_integer(clock_now_ms()));
}

static bool check_batch(struct call *call, const json_t *document)
{
    int64_t batch = json_int(document, "batch", BATCH_DEFAULT);
    int64_t window = json_int(document, "window", 0);
    bool is_fifo = text_ends(json_text(document, "queue"), TEXT(".fifo"));

    if (is_fifo && batch > BATCH_FIFO_MAX)
        return fail(call, "Batch size must be at most 10 for FIFO queues.");
    if (is_fifo && window > 0)
        return fail(call, "Batching window is not supported for FIFO queues.");
    if (batch > BATCH_DEFAULT && window == 0)
        return fail(call, "Maximum batch window in seconds must be greater than 0 if maximum "
                          "batch size is greater than 10");
    return true;
}

/* The function is kept as it was named: alone, or with a qualifier. False: answered. */
static bool read_function(struct call *call, json_t *document)
{
    struct target target;

    if (!lambda_read_target(call, call_input(call, "FunctionName"), TEXT_NONE, &target))
        return false;
    const struct function *function =
        engine_find(call->api->engine, call->api->account, call->api->region, target.name);
    if (!function || !function_version(function, target.qualifier))
        return fail(call, "Function does not exist");
    json_object_set_new(document, "name", json_from_text(target.name));
    json_object_set_new(document, "qualifier", json_from_text(target.qualifier));
    json_object_set_new(document, "function",
                        json_from_text(text_of(lambda_arn(call, target.name, target.qualifier))));
    return true;
}

/* --- the source --- */

/* False: answered. Streams of other services do not exist here, and AWS says it so. */
static bool check_source(struct call *call, struct text arn)
{
    if (text_starts(arn, TEXT("arn:aws:dynamodb:")) || text_starts(arn, TEXT("arn:aws:kinesis:"))) {
        if (!given(call, "StartingPosition"))
            return fail(call, "1 validation error detected: Value null at 'startingPosition' "
                              "failed to satisfy constraint: Member must not be null.");
        call_fail(call, "InvalidParameterValueException", "Stream not found: %.*s", TEXT_ARG(arn));
        return false;
    }
    if (!text_is_set(queue_lane_of_arn(arn, &call->arena)))
        return fail(call, "Unrecognized event source.");
    return true;
}

static bool check_queue_exists(struct call *call, struct text arn)
{
    struct text key = text_skip(queue_lane_of_arn(arn, &call->arena), sizeof LANE_QUEUE);

    if (queues_document(call->api->queues, key))
        return true;
    return fail(call, "Error occurred while ReceiveMessage. SQS Error Code: "
                      "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified "
                      "queue does not exist.");
}

struct search {
    struct text queue, function; /* TEXT_NONE: any */
    struct text found;           /* the key of the first that matches */
};

static bool matches(const struct search *search, const json_t *document)
{
    return (!text_is_set(search->queue) ||
            text_equal(json_text(document, "queue"), search->queue)) &&
           (!text_is_set(search->function) ||
            text_equal(json_text(document, "function"), search->function));
}

static bool on_search(void *arg, struct text key, const json_t *document)
{
    struct search *search = arg;

    if (matches(search, document))
        search->found = key;
    return !text_is_set(search->found);
}

static bool check_duplicate(struct call *call, const json_t *document)
{
    struct search search = {.queue = json_text(document, "queue"),
                            .function = json_text(document, "function")};
    struct text uuid = TEXT_NONE;

    mappings_each(call->api->mappings, text_of(lambda_mapping_key(call, TEXT_NONE)), TEXT_NONE,
                  on_search, &search);
    if (!text_is_set(search.found))
        return true;
    while (text_split(&search.found, '/', &uuid))
        ;
    call_fail(call, "ResourceConflictException",
              "An event source mapping with SQS arn (\" %.*s \") and function (\" %.*s \") already "
              "exists. Please update or delete the existing mapping with UUID %.*s",
              TEXT_ARG(search.queue), TEXT_ARG(json_text(document, "name")), TEXT_ARG(uuid));
    return false;
}

/* --- changes --- */

struct changing {
    struct call *call;
    struct mappings_change change;
    const char *key;
    json_t *document; /* shown: the new one, or what was deleted */
};

static void drop_changing(void *state)
{
    struct changing *changing = state;

    json_decref(changing->document);
}

static void on_changed(struct mappings_change *change, bool failed, const struct error *err)
{
    struct changing *changing = container_of(change, struct changing, change);
    struct call *call = changing->call;
    struct writer writer = call_writer(call);

    if (failed) {
        call_fail_error(call, err);
        return;
    }
    write_mapping(call, &writer, text_of(changing->key), changing->document,
                  mappings_state(call->api->mappings, text_of(changing->key)));
    call_reply(call, 202);
}

/* document: taken; NULL deletes, and the one there is will be shown. */
static void change_mapping(struct call *call, const char *key, json_t *document)
{
    struct changing *changing = arena_zalloc(&call->arena, sizeof *changing);
    const json_t *shown = document ? document : mappings_find(call->api->mappings, text_of(key));

    changing->call = call;
    changing->key = key;
    changing->document = json_incref((json_t *)(uintptr_t)shown);
    changing->change.done = on_changed;
    call->state = changing;
    call->drop = drop_changing;
    mappings_put(call->api->mappings, text_of(key), document, &changing->change);
}

static void create_mapping(struct call *call)
{
    struct text arn = call_input(call, "EventSourceArn");
    const json_t *destinations = given(call, "DestinationConfig");
    scoped(json_decref) json_t *document = json_object();
    char uuid[UUID_LEN + 1];

    if (!check_source(call, arn))
        return;
    if (json_object_size(destinations) > 0) {
        fail(call, "Unsupported DestinationConfig parameter for given event source mapping type.");
        return;
    }
    json_object_set_new(document, "queue", json_from_text(arn));
    read_settings(call, document);
    if (!check_unserved(call) || !check_batch(call, document) || !read_filters(call, document) ||
        !read_function(call, document) || !check_duplicate(call, document) ||
        !check_queue_exists(call, arn) || !lambda_mapping_tags(call, document))
        return;
    crypto_uuid(uuid);
    change_mapping(call, lambda_mapping_key(call, text_of(uuid)), take(document));
}

/* NULL: answered. */
static const json_t *find_mapping(struct call *call, const char **ret_key)
{
    *ret_key = lambda_mapping_key(call, call->path_values[0]);
    const json_t *document = mappings_find(call->api->mappings, text_of(*ret_key));

    if (!document)
        call_fail(call, "ResourceNotFoundException", NO_MAPPING);
    return document;
}

static bool is_being_deleted(struct call *call, const char *key)
{
    if (strcmp(mappings_state(call->api->mappings, text_of(key)), "Deleting") != 0)
        return false;
    call_fail(call, "ResourceInUseException",
              "Cannot update the event source mapping because it is in use.");
    return true;
}

static void update_mapping(struct call *call)
{
    const char *key;
    const json_t *before = find_mapping(call, &key);

    if (!before || is_being_deleted(call, key))
        return;
    scoped(json_decref) json_t *document = json_copy((json_t *)(uintptr_t)before);
    read_settings(call, document);
    if (!check_unserved(call) || !check_batch(call, document) || !read_filters(call, document) ||
        (given(call, "FunctionName") && !read_function(call, document)))
        return;
    change_mapping(call, key, take(document));
}

static void delete_mapping(struct call *call)
{
    const char *key;

    if (find_mapping(call, &key) && !is_being_deleted(call, key))
        change_mapping(call, key, NULL);
}

/* --- reading --- */

static void get_mapping(struct call *call)
{
    const char *key;
    const json_t *document = find_mapping(call, &key);
    struct writer writer = call_writer(call);

    if (!document)
        return;
    write_mapping(call, &writer, text_of(key), document,
                  mappings_state(call->api->mappings, text_of(key)));
    call_reply(call, 200);
}

struct listing {
    struct call *call;
    struct writer writer;
    struct search search;
    int64_t left;
    struct text last;
    bool more;
};

static bool on_list(void *arg, struct text key, const json_t *document)
{
    struct listing *listing = arg;

    if (!matches(&listing->search, document))
        return true;
    listing->more = listing->left-- == 0;
    if (listing->more)
        return false;
    listing->last = arena_copy(&listing->call->arena, key);
    write_mapping(listing->call, &listing->writer, key, document,
                  mappings_state(listing->call->api->mappings, key));
    return true;
}

static void list_mappings(struct call *call)
{
    struct text marker = call_query(call, "Marker"), name = call_query(call, "FunctionName");
    int64_t max = call_query_int(call, "MaxItems", LIST_MAX);
    struct listing listing = {
        .call = call, .writer = call_writer(call), .left = max < LIST_MAX ? max : LIST_MAX};
    const char *prefix = lambda_mapping_key(call, TEXT_NONE);
    struct target target;

    if (text_is_set(name)) {
        if (!lambda_read_target(call, name, TEXT_NONE, &target))
            return;
        listing.search.function = text_of(lambda_arn(call, target.name, target.qualifier));
    }
    listing.search.queue = call_query(call, "EventSourceArn");
    write_open(&listing.writer, NULL, '{');
    write_open(&listing.writer, "EventSourceMappings", '[');
    mappings_each(call->api->mappings, text_of(prefix),
                  text_is_set(marker) ? text_of(lambda_mapping_key(call, marker)) : TEXT_NONE,
                  on_list, &listing);
    write_close(&listing.writer, ']');
    if (listing.more)
        write_text(&listing.writer, "NextMarker", text_skip(listing.last, strlen(prefix)));
    write_close(&listing.writer, '}');
    call_reply(call, 200);
}

/* --- the table --- */

#define SOURCE_PATTERN                                                                    \
    "arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-" \
    "[a-z]+-\\d{1})?:(\\d{12})?:(.*)"

/* clang-format off */
static const struct param response_type = {
    PARAM_BODY, PARAM_STRING, "", "", .values = "ReportBatchItemFailures"};
static const struct param scaling_members[] = {
    {PARAM_BODY, PARAM_INT, "MaximumConcurrency", "maximumConcurrency", .min = 2, .max = 1000},
    {0},
};
static const struct param setting_params[] = {
    {PARAM_BODY, PARAM_BOOL, "Enabled", "enabled"},
    {PARAM_BODY, PARAM_INT, "BatchSize", "batchSize", .min = 1, .max = QUEUE_BATCH_MAX},
    {PARAM_BODY, PARAM_INT, "MaximumBatchingWindowInSeconds", "maximumBatchingWindowInSeconds",
     .max = 300},
    {PARAM_BODY, PARAM_LIST, "FunctionResponseTypes", "functionResponseTypes", .max = 1,
     .members = &response_type},
    {PARAM_BODY, PARAM_OBJECT, "ScalingConfig", "scalingConfig", .members = scaling_members},
    {0},
};
static const struct param create_params[] = {
    {PARAM_BODY, PARAM_STRING, "EventSourceArn", "eventSourceArn", .pattern = SOURCE_PATTERN,
     .matches = name_is_arn},
    ROW_FUNCTION(PARAM_BODY),
    {PARAM_BODY, PARAM_STRING, "StartingPosition", "startingPosition",
     .values = "LATEST, AT_TIMESTAMP, TRIM_HORIZON"},
    {PARAM_ALSO, .members = setting_params},
    {PARAM_ALSO, .members = lambda_tags_params},
    {0},
};
static const struct param update_params[] = {
    {PARAM_BODY, PARAM_STRING, "FunctionName", "functionName", .min = 1, .max = 140,
     .pattern = PATTERN_FUNCTION, .matches = name_is_function},
    {PARAM_ALSO, .members = setting_params},
    {0},
};
static const struct param list_params[] = {ROW_MAX_ITEMS(10000), {0}};
/* clang-format on */

#define PATH_MAPPINGS "/2015-03-31/event-source-mappings"
#define PATH_MAPPING PATH_MAPPINGS "/{UUID}"

const struct action lambda_mapping_actions[] = {
    {"CreateEventSourceMapping", LAMBDA, METHOD_POST, PATH_MAPPINGS, BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, create_params, create_mapping, NULL},
    {"GetEventSourceMapping", LAMBDA, METHOD_GET, PATH_MAPPING, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, NULL, get_mapping, NULL},
    {"ListEventSourceMappings", LAMBDA, METHOD_GET, PATH_MAPPINGS, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, list_params, list_mappings, NULL},
    {"UpdateEventSourceMapping", LAMBDA, METHOD_PUT, PATH_MAPPING, BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, update_params, update_mapping, NULL},
    {"DeleteEventSourceMapping", LAMBDA, METHOD_DELETE, PATH_MAPPING, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, NULL, delete_mapping, NULL},
    {0},
};
