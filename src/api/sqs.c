/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_priv.h"

#include "api/sqs_form.h"
#include "base/clock.h"

/*
 * Amazon SQS over the built-in queue. A client speaks JSON 1.0 or the older query protocol;
 * both end in call->input and leave through struct sqs_answer, so an action knows neither.
 *
 * What is about messages runs on the queue's home loop, what is about the queue itself on the
 * control thread.
 */

/* --- which queue --- */

struct sqs_call *sqs_of(const struct call *call)
{
    return call->state;
}

/* The account and name at the end of a queue's URL; the host may be any. A name alone is that
 * of a queue of the caller's. */
static bool read_url(const struct call *call, struct text url, struct text *ret_account,
                     struct text *ret_name)
{
    struct text rest = url, piece;

    *ret_account = *ret_name = TEXT_NONE;
    if (!text_contains(url, '/')) {
        *ret_account = call->api->account;
        *ret_name = url;
        return true;
    }
    while (text_split(&rest, '/', &piece)) {
        *ret_account = *ret_name;
        *ret_name = piece;
    }
    return ret_name->len > 0 && ret_account->len > 0;
}

/* At a queue's URL it is that queue unless the parameters name another. */
static struct text url_of(const struct call *call)
{
    struct text url = call_input(call, "QueueUrl");

    return url.len == 0 && sqs_is_queue_path(call->path) ? call->path : url;
}

static struct sqs_call *new_state(struct call *call, struct text account, struct text name)
{
    struct sqs_call *state = arena_zalloc(&call->arena, sizeof *state);
    struct arena *arena = &call->arena;

    state->name = arena_copy(arena, name);
    state->key = text_of(arena_format(arena, "%.*s/%.*s/%.*s", TEXT_ARG(account),
                                      TEXT_ARG(call->api->region), TEXT_ARG(name)));
    state->lane = text_of(arena_format(arena, LANE_QUEUE "/%.*s", TEXT_ARG(state->key)));
    return state;
}

/* A function may use what its function.yaml lists. */
static bool check_function(struct call *call)
{
    struct sqs_call *state = sqs_of(call);

    if (call->caller != KEY_INSTANCE || auth_may_send(call, state->name))
        return true;
    const char *permission = arena_format(&call->arena, "sqs:%s", call->action->name);
    auth_deny(call, permission,
              text_of(arena_format(&call->arena, "arn:aws:sqs:%.*s:%.*s:%.*s",
                                   TEXT_ARG(call->api->region), TEXT_ARG(call->api->account),
                                   TEXT_ARG(state->name))));
    return false;
}

bool sqs_read_queue(struct call *call)
{
    struct text url = url_of(call), account, name;

    if (url.len == 0) {
        sqs_fail_missing(call, "QueueUrl");
        return false;
    }
    if (!read_url(call, url, &account, &name)) {
        call_fail(call, "InvalidAddress", "The address %.*s is not valid for this endpoint.",
                  TEXT_ARG(text_slice(url, 0, 1000)));
        return false;
    }
    call->state = new_state(call, account, name);
    return check_function(call);
}

static void on_ready(struct queues_ready *ready)
{
    struct sqs_call *state = container_of(ready, struct sqs_call, ready);
    struct call *call = state->call;
    struct queue *queue = queues_here(call->api->queues, state->lane);

    if (queue)
        state->then(call, queue);
    else
        sqs_fail_absent(call);
}

static void at_home(struct call *call)
{
    queues_when_ready(call->api->queues, &sqs_of(call)->ready);
}

void sqs_go_home(struct call *call, void (*then)(struct call *call, struct queue *queue))
{
    struct loop *home = queues_home(call->api->queues, sqs_of(call)->lane);

    sqs_of(call)->call = call;
    sqs_of(call)->ready.run = on_ready;
    sqs_of(call)->then = then;
    if (loop_current() == home)
        at_home(call);
    else
        call_go(call, home, at_home);
}

const json_t *sqs_find_document(struct call *call)
{
    const json_t *document = queues_document(call->api->queues, sqs_of(call)->key);

    if (!document)
        sqs_fail_absent(call);
    return document;
}

const json_t *sqs_part(const json_t *document, const char *part)
{
    return json_object_get(document, part);
}

json_t *sqs_edit(const json_t *document)
{
    json_t *copy = json_deep_copy(document);

    (void)json_object_set_new(copy, "modified", json_integer(clock_now_ms() / 1000));
    return copy;
}

/* --- saving --- */

struct saving {
    struct queues_change change;
    struct call *call;
    call_f *then;
};

static void on_saved(struct queues_change *change, bool failed, const struct error *err)
{
    struct saving *saving = container_of(change, struct saving, change);

    if (failed)
        sqs_fail_store(saving->call, err);
    else
        saving->then(saving->call);
}

void sqs_save(struct call *call, json_t *document, call_f *then)
{
    struct saving *saving = arena_zalloc(&call->arena, sizeof *saving);

    saving->call = call;
    saving->then = then;
    saving->change.done = on_saved;
    queues_put(call->api->queues, sqs_of(call)->key, document, &saving->change);
}

/* --- failing --- */

void sqs_fail_absent(struct call *call)
{
    call_fail(call, "QueueDoesNotExist", "The specified queue does not exist%s.",
              call->protocol == PROTOCOL_SQS_QUERY ? " for this wsdl version" : "");
}

void sqs_fail_value(struct call *call, struct text value, const char *parameter, const char *reason)
{
    call_fail(call, "InvalidParameterValueException",
              "Value %.*s for parameter %s is invalid. Reason: %s", TEXT_ARG(value), parameter,
              reason);
}

void sqs_fail_missing(struct call *call, const char *parameter)
{
    call_fail(call, "MissingRequiredParameterException",
              "The request must contain the parameter %s.", parameter);
}

void sqs_fail_store(struct call *call, const struct error *err)
{
    if (err->code == ERROR_LIMIT)
        call_fail(call, "RequestThrottled", "%s", err->text);
    else
        call_fail(call, "ServiceException", "%s", err->text);
}

/* --- answering --- */

struct text sqs_queue_url(struct call *call, struct text name)
{
    struct text account = call->api->account;

    if (call->host.len > 0)
        return text_of(arena_format(&call->arena, "http://%.*s/%.*s/%.*s", TEXT_ARG(call->host),
                                    TEXT_ARG(account), TEXT_ARG(name)));
    return text_of(arena_format(&call->arena, "%s/%.*s/%.*s", call->api->api_url, TEXT_ARG(account),
                                TEXT_ARG(name)));
}

struct sqs_answer sqs_answer_of(struct call *call, bool has_result)
{
    struct sqs_answer answer = {
        .out = &call->answer,
        .action = call->action->name,
        .request_id = call->request_id,
        .is_xml = call->protocol == PROTOCOL_SQS_QUERY,
        .has_result = has_result,
    };

    sqs_answer_begin(&answer);
    return answer;
}

void sqs_reply(struct call *call, struct sqs_answer *answer)
{
    sqs_answer_end(answer);
    call_reply(call, 200);
}

void sqs_reply_empty(struct call *call)
{
    struct sqs_answer answer = sqs_answer_of(call, /* has_result= */ false);

    sqs_reply(call, &answer);
}

/* --- batches --- */

static bool check_entry_id(struct call *call, json_t *entries, size_t index)
{
    struct text id = json_text(json_array_get(entries, index), "Id");

    if (!sqs_entry_id_is_valid(id)) {
        call_fail(call, "InvalidBatchEntryId",
                  "A batch entry id can only contain alphanumeric characters, hyphens and "
                  "underscores. It can be at most 80 letters long.");
        return false;
    }
    for (size_t i = 0; i < index; i++)
        if (text_equal(json_text(json_array_get(entries, i), "Id"), id)) {
            call_fail(call, "BatchEntryIdsNotDistinct", "Id %.*s repeated.", TEXT_ARG(id));
            return false;
        }
    return true;
}

json_t *sqs_batch_entries(struct call *call, const char *kind)
{
    json_t *entries = json_object_get(call->input, "Entries");
    size_t count = json_array_size(entries);

    if (count == 0) {
        call_fail(call, "EmptyBatchRequest", "There should be at least one %s in the request.",
                  kind);
        return NULL;
    }
    if (count > SQS_BATCH_MAX) {
        call_fail(call, "TooManyEntriesInBatchRequest",
                  "Maximum number of entries per request are %d. You have sent %zu.", SQS_BATCH_MAX,
                  count);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (!check_entry_id(call, entries, i))
            return NULL;
    return entries;
}

void sqs_write_failures(struct sqs_answer *answer, const struct sqs_failure *failures, size_t count)
{
    char query_code[ERRORS_CODE_MAX];
    bool is_open = false;

    for (size_t i = 0; i < count; i++) {
        if (!failures[i].code)
            continue;
        if (!is_open)
            sqs_answer_list(answer, "Failed");
        is_open = true;
        errors_query_code(failures[i].code, query_code);
        sqs_answer_item(answer, "BatchResultErrorEntry");
        sqs_answer_text(answer, "Id", failures[i].id);
        sqs_answer_bool(answer, "SenderFault", !failures[i].is_ours);
        sqs_answer_text(answer, "Code", text_of(query_code));
        sqs_answer_text(answer, "Message", failures[i].message);
        sqs_answer_item_end(answer, "BatchResultErrorEntry");
    }
    if (is_open)
        sqs_answer_list_end(answer);
}

/* --- the table --- */

#define ROW(type, name)              \
    {                                \
        PARAM_BODY, type, name, name \
    }

/* Types only: SQS has its own words for what is wrong with a value. */
const struct param sqs_params[] = {
    ROW(PARAM_STRING, "QueueUrl"),
    ROW(PARAM_STRING, "QueueName"),
    ROW(PARAM_STRING, "MessageBody"),
    ROW(PARAM_INT, "DelaySeconds"),
    ROW(PARAM_STRING, "MessageGroupId"),
    ROW(PARAM_STRING, "MessageDeduplicationId"),
    ROW(PARAM_STRING, "ReceiptHandle"),
    ROW(PARAM_INT, "VisibilityTimeout"),
    ROW(PARAM_INT, "MaxNumberOfMessages"),
    ROW(PARAM_INT, "WaitTimeSeconds"),
    ROW(PARAM_INT, "MaxResults"),
    ROW(PARAM_INT, "MaxNumberOfMessagesPerSecond"),
    ROW(PARAM_STRING, "NextToken"),
    ROW(PARAM_STRING, "QueueNamePrefix"),
    ROW(PARAM_STRING, "Label"),
    ROW(PARAM_STRING, "SourceArn"),
    ROW(PARAM_STRING, "DestinationArn"),
    ROW(PARAM_STRING, "TaskHandle"),
    {0},
};

#define SQS PROTOCOL_SQS_JSON, "sqs", METHOD_POST, NULL, BODY_JSON, API_SQS_MAX
#define QUEUES SQS, ACCESS_SIGNED, PLACE_CONTROL, sqs_params
#define MESSAGES SQS, ACCESS_SIGNED, PLACE_SHARD, sqs_params
#define FUNCTIONS SQS, ACCESS_FUNCTIONS, PLACE_SHARD, sqs_params

const struct action sqs_actions[] = {
    {"SendMessage", FUNCTIONS, sqs_send_message, NULL},
    {"SendMessageBatch", FUNCTIONS, sqs_send_message_batch, NULL},
    {"ReceiveMessage", MESSAGES, sqs_receive_message, NULL},
    {"DeleteMessage", MESSAGES, sqs_delete_message, NULL},
    {"DeleteMessageBatch", MESSAGES, sqs_delete_message_batch, NULL},
    {"ChangeMessageVisibility", MESSAGES, sqs_change_visibility, NULL},
    {"ChangeMessageVisibilityBatch", MESSAGES, sqs_change_visibility_batch, NULL},
    {"PurgeQueue", MESSAGES, sqs_purge_queue, NULL},
    {"CreateQueue", QUEUES, sqs_create_queue, NULL},
    {"DeleteQueue", QUEUES, sqs_delete_queue, NULL},
    {"GetQueueUrl", FUNCTIONS, sqs_get_queue_url, NULL},
    {"ListQueues", QUEUES, sqs_list_queues, NULL},
    {"GetQueueAttributes", QUEUES, sqs_get_queue_attributes, NULL},
    {"SetQueueAttributes", QUEUES, sqs_set_queue_attributes, NULL},
    {"ListDeadLetterSourceQueues", QUEUES, sqs_list_dead_letter_source_queues, NULL},
    {"TagQueue", QUEUES, sqs_tag_queue, NULL},
    {"UntagQueue", QUEUES, sqs_untag_queue, NULL},
    {"ListQueueTags", QUEUES, sqs_list_queue_tags, NULL},
    {"AddPermission", QUEUES, sqs_add_permission, NULL},
    {"RemovePermission", QUEUES, sqs_remove_permission, NULL},
    {"StartMessageMoveTask", QUEUES, sqs_start_move_task, NULL},
    {"ListMessageMoveTasks", QUEUES, sqs_list_move_tasks, NULL},
    {"CancelMessageMoveTask", QUEUES, sqs_cancel_move_task, NULL},
    {0},
};
