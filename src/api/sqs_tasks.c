/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_priv.h"

/*
 * Move tasks: StartMessageMoveTask, ListMessageMoveTasks, CancelMessageMoveTask. The control
 * thread checks the queues, the source's home loop has the task. A task's handle is the base64
 * of {"taskId": ID, "sourceArn": ARN}, as clients of SQS know it.
 */

#define TASK_RATE_MAX 500   /* SQS: messages a second */
#define TASK_RESULTS_MAX 10 /* SQS: of one list */

/* The queue of an ARN in the request becomes the call's. False: answered. */
static bool read_source(struct call *call, struct text arn)
{
    struct text lane = queue_lane_of_arn(arn, &call->arena);
    struct sqs_call *state = arena_zalloc(&call->arena, sizeof *state);

    call->state = state;
    state->lane = lane;
    state->key = text_skip(lane, sizeof LANE_QUEUE);
    if (text_is_set(lane) && queues_document(call->api->queues, state->key))
        return true;
    call_fail(call, "ResourceNotFoundException",
              "The resource that you specified for the SourceArn parameter doesn't exist.");
    return false;
}

/* --- start --- */

struct sources {
    struct text arn;
    bool found;
};

static bool looks_for_source(void *arg, struct text key, const json_t *document)
{
    struct sources *sources = arg;
    struct error err;
    struct text text = json_text(sqs_part(document, "attributes"), "RedrivePolicy");
    scoped(json_decref) json_t *policy = text.len > 0 ? json_parse(text, &err) : NULL;

    sources->found = text_equal(json_text(policy, "deadLetterTargetArn"), sources->arn);
    return !sources->found;
}

static bool is_dead_letter_queue(struct call *call, struct text arn)
{
    struct sources sources = {.arn = arn};

    queues_each(call->api->queues, TEXT(""), TEXT_NONE, looks_for_source, &sources);
    return sources.found;
}

/* False: answered. */
static bool check_destination(struct call *call)
{
    struct text arn = call_input(call, "DestinationArn");
    struct text lane = queue_lane_of_arn(arn, &call->arena);

    if (!text_is_set(arn) ||
        (text_is_set(lane) &&
         queues_document(call->api->queues, text_skip(lane, sizeof LANE_QUEUE))))
        return true;
    call_fail(call, "ResourceNotFoundException",
              "The resource that you specified for the DestinationArn parameter doesn't exist.");
    return false;
}

static struct text handle_of(struct call *call, struct text arn, const char *id)
{
    scoped(buffer_done) struct buffer plain = {0};
    scoped(buffer_done) struct buffer encoded = {0};

    struct writer writer = {.out = &plain};
    write_open(&writer, NULL, '{');
    write_string(&writer, "taskId", id);
    write_text(&writer, "sourceArn", arn);
    write_close(&writer, '}');
    crypto_base64(buffer_text(&plain), &encoded);
    return arena_copy(&call->arena, buffer_text(&encoded));
}

static void start_here(struct call *call, struct queue *queue)
{
    char id[UUID_LEN + 1];

    if (!queue_task_start(queue, call_input(call, "DestinationArn"),
                          json_int(call->input, "MaxNumberOfMessagesPerSecond", 0), id)) {
        call_fail(call, "InvalidParameterValueException",
                  "There is already a task running. Only one active task is allowed for a source "
                  "queue arn at a given time.");
        return;
    }
    struct sqs_answer answer = sqs_answer_of(call, /* has_result= */ true);
    sqs_answer_text(&answer, "TaskHandle", handle_of(call, call_input(call, "SourceArn"), id));
    sqs_reply(call, &answer);
}

void sqs_start_move_task(struct call *call)
{
    struct text arn = call_input(call, "SourceArn");
    int64_t rate = json_int(call->input, "MaxNumberOfMessagesPerSecond", 1);

    if (!read_source(call, arn))
        return;
    if (!is_dead_letter_queue(call, arn))
        call_fail(call, "InvalidParameterValueException",
                  "Source queue must be configured as a Dead Letter Queue.");
    else if (rate < 1 || rate > TASK_RATE_MAX)
        call_fail(call, "InvalidParameterValueException",
                  "Value %lld for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must "
                  "be between 1 and %d, if provided.",
                  (long long)rate, TASK_RATE_MAX);
    else if (check_destination(call))
        sqs_go_home(call, start_here);
}

/* --- list --- */

struct listing {
    struct call *call;
    struct sqs_answer answer;
    int64_t left;
    bool is_open;
};

static const char *status_name(enum queue_task_status status)
{
    static const char *const names[] = {
        [TASK_RUNNING] = "RUNNING",
        [TASK_COMPLETED] = "COMPLETED",
        [TASK_CANCELLED] = "CANCELLED",
        [TASK_FAILED] = "FAILED",
    };

    return names[status];
}

static void write_task(struct listing *listing, const struct queue_task_info *info)
{
    struct sqs_answer *answer = &listing->answer;
    struct text source = call_input(listing->call, "SourceArn");

    if (info->status == TASK_RUNNING)
        sqs_answer_text(answer, "TaskHandle", handle_of(listing->call, source, info->id));
    sqs_answer_text(answer, "Status", text_of(status_name(info->status)));
    sqs_answer_text(answer, "SourceArn", source);
    sqs_answer_text_if(answer, "DestinationArn", info->destination_arn);
    if (info->per_second > 0)
        sqs_answer_int(answer, "MaxNumberOfMessagesPerSecond", info->per_second);
    sqs_answer_int(answer, "ApproximateNumberOfMessagesMoved", info->moved);
    sqs_answer_int(answer, "ApproximateNumberOfMessagesToMove", info->to_move);
    if (info->failure)
        sqs_answer_text(answer, "FailureReason", text_of(info->failure));
    sqs_answer_int(answer, "StartedTimestamp", info->started_ms);
}

static bool list_task(void *arg, const struct queue_task_info *info)
{
    struct listing *listing = arg;

    if (listing->left-- <= 0)
        return false;
    if (!listing->is_open)
        sqs_answer_list(&listing->answer, "Results");
    listing->is_open = true;
    sqs_answer_item(&listing->answer, "ListMessageMoveTasksResultEntry");
    write_task(listing, info);
    sqs_answer_item_end(&listing->answer, "ListMessageMoveTasksResultEntry");
    return true;
}

static void list_here(struct call *call, struct queue *queue)
{
    struct listing listing = {
        .call = call,
        .answer = sqs_answer_of(call, /* has_result= */ true),
        .left = json_int(call->input, "MaxResults", 1),
    };

    queue_tasks_each(queue, list_task, &listing);
    if (listing.is_open)
        sqs_answer_list_end(&listing.answer);
    sqs_reply(call, &listing.answer);
}

void sqs_list_move_tasks(struct call *call)
{
    int64_t max = json_int(call->input, "MaxResults", 1);

    if (!read_source(call, call_input(call, "SourceArn")))
        return;
    if (max < 1 || max > TASK_RESULTS_MAX)
        call_fail(call, "InvalidParameterValueException",
                  "Value %lld for parameter MaxResults is invalid. Reason: Must be between 1 and "
                  "%d, if provided.",
                  (long long)max, TASK_RESULTS_MAX);
    else
        sqs_go_home(call, list_here);
}

/* --- cancel --- */

static void cancel_here(struct call *call, struct queue *queue)
{
    const char *id = sqs_of(call)->own;
    int64_t moved = 0;

    if (!queue_task_cancel(queue, text_of(id), &moved)) {
        call_fail(call, "ResourceNotFoundException", "Task does not exist.");
        return;
    }
    struct sqs_answer answer = sqs_answer_of(call, /* has_result= */ true);
    sqs_answer_int(&answer, "ApproximateNumberOfMessagesMoved", moved);
    sqs_reply(call, &answer);
}

static bool read_handle(struct call *call, struct text *ret_arn, struct text *ret_id)
{
    struct error err;
    scoped(buffer_done) struct buffer plain = {0};

    if (!crypto_unbase64(call_input(call, "TaskHandle"), &plain))
        return false;
    scoped(json_decref) json_t *handle = json_parse(buffer_text(&plain), &err);
    *ret_arn = arena_copy(&call->arena, json_text(handle, "sourceArn"));
    *ret_id = arena_copy(&call->arena, json_text(handle, "taskId"));
    return ret_id->len > 0 && text_is_set(queue_lane_of_arn(*ret_arn, &call->arena));
}

void sqs_cancel_move_task(struct call *call)
{
    struct text arn, id;

    if (!read_handle(call, &arn, &id)) {
        call_fail(call, "InvalidParameterValueException",
                  "Value for parameter TaskHandle is invalid.");
        return;
    }
    if (!read_source(call, arn))
        return;
    sqs_of(call)->own = arena_string(&call->arena, id);
    sqs_go_home(call, cancel_here);
}
