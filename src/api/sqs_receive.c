/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_priv.h"

#include "base/mem.h"

/*
 * ReceiveMessage. A receive waits on the queue's home loop, its client's connection is on
 * another: when the client goes, a message with the request's id finds the receive there, so
 * that no message is given to nobody.
 */
struct receiving {
    struct queue_receive receive;
    struct call *call;
    const json_t *system_names[2], *attribute_names;
};

/* --- which attributes --- */

static bool lists_name(const json_t *names, struct text name)
{
    size_t index;
    json_t *wanted;

    json_array_foreach(names, index, wanted)
    {
        struct text text = text_from(json_string_value(wanted), json_string_length(wanted));
        if (text_equal(text, name) || text_equal(text, TEXT("All")))
            return true;
    }
    return false;
}

static bool wants_system(const struct receiving *receiving, const char *name)
{
    return lists_name(receiving->system_names[0], text_of(name)) ||
           lists_name(receiving->system_names[1], text_of(name));
}

/* "All", ".*", "*", a name, or "prefix.*": all that begins with the prefix. */
static bool filter_takes(struct text filter, struct text name)
{
    if (text_equal(filter, TEXT("All")) || text_equal(filter, TEXT("*")))
        return true;
    if (text_ends(filter, TEXT(".*")))
        return text_starts(name, text_slice(filter, 0, filter.len - 2));
    return text_equal(filter, name);
}

static bool is_wanted(const void *arg, struct text name)
{
    const json_t *filters = arg;
    size_t index;
    json_t *filter;

    json_array_foreach(filters, index, filter)
    {
        if (filter_takes(text_from(json_string_value(filter), json_string_length(filter)), name))
            return true;
    }
    return false;
}

/* --- the answer --- */

struct system_attribute {
    const char *name;
    struct text value; /* "": the message has none */
};

#define SYSTEM_ATTRIBUTES 9

static void system_attributes(const struct queue_delivery *delivery, bool is_fifo,
                              char numbers[3][24],
                              struct system_attribute out[static SYSTEM_ATTRIBUTES])
{
    const struct note *note = &delivery->note;
    const int64_t values[3] = {note->sent_ms, note->receives, note->first_received_ms};

    for (int i = 0; i < 3; i++)
        snprintf(numbers[i], 24, "%lld", (long long)values[i]);
    const struct system_attribute all[SYSTEM_ATTRIBUTES] = {
        {"SenderId", note->sender},
        {"SentTimestamp", text_of(numbers[0])},
        {"ApproximateReceiveCount", text_of(numbers[1])},
        {"ApproximateFirstReceiveTimestamp", text_of(numbers[2])},
        {"SequenceNumber", is_fifo ? text_of(delivery->sequence) : TEXT_NONE},
        {"MessageDeduplicationId", is_fifo ? note->dedup : TEXT_NONE},
        {"MessageGroupId", note->group},
        {"AWSTraceHeader", note->trace},
        {"DeadLetterQueueSourceArn", note->origin_arn},
    };
    memcpy(out, all, sizeof all);
}

static void write_system(struct sqs_answer *answer, const struct receiving *receiving,
                         const struct queue_delivery *delivery)
{
    char numbers[3][24];
    struct system_attribute all[SYSTEM_ATTRIBUTES];
    bool is_open = false, is_fifo = queue_settings(receiving->receive.queue)->is_fifo;

    system_attributes(delivery, is_fifo, numbers, all);
    for (size_t i = 0; i < SYSTEM_ATTRIBUTES; i++) {
        if (all[i].value.len == 0 || !wants_system(receiving, all[i].name))
            continue;
        if (!is_open)
            sqs_answer_map(answer, "Attributes");
        is_open = true;
        sqs_answer_entry(answer, "Attribute", "Name", text_of(all[i].name), all[i].value);
    }
    if (is_open)
        sqs_answer_map_end(answer);
}

static void write_attribute(struct sqs_answer *answer, struct text name, const json_t *attribute)
{
    sqs_answer_entry_begin(answer, "MessageAttribute", name);
    sqs_answer_text_if(answer, "StringValue", json_text(attribute, "StringValue"));
    sqs_answer_text_if(answer, "BinaryValue", json_text(attribute, "BinaryValue"));
    sqs_answer_text(answer, "DataType", json_text(attribute, "DataType"));
    sqs_answer_entry_end(answer, "MessageAttribute");
}

static void write_attributes(struct sqs_answer *answer, const struct receiving *receiving,
                             const struct queue_delivery *delivery)
{
    struct error err;
    char digest[QUEUE_DIGEST_LEN + 1];
    size_t count;

    if (delivery->note.attributes.len == 0 || json_array_size(receiving->attribute_names) == 0)
        return;
    scoped(json_decref) json_t *attributes = json_parse(delivery->note.attributes, &err);
    if (!queue_digest_attributes(attributes, is_wanted, receiving->attribute_names, digest))
        return;
    sqs_answer_text(answer, "MD5OfMessageAttributes", text_of(digest));
    struct text *names = queue_digest_names(attributes, &receiving->call->arena, &count);
    sqs_answer_map(answer, "MessageAttributes");
    for (size_t i = 0; i < count; i++)
        if (is_wanted(receiving->attribute_names, names[i]))
            write_attribute(answer, names[i],
                            json_object_getn(attributes, names[i].at, names[i].len));
    sqs_answer_map_end(answer);
}

static void write_message(struct sqs_answer *answer, const struct receiving *receiving,
                          const struct queue_delivery *delivery)
{
    char handle[QUEUE_HANDLE_LEN + 1], digest[QUEUE_DIGEST_LEN + 1];

    queue_handle_format(sqs_of(receiving->call)->lane, delivery->handle, handle);
    queue_digest_body(buffer_text(&delivery->body), digest);
    sqs_answer_item(answer, "Message");
    sqs_answer_text(answer, "MessageId", delivery->note.request_id);
    sqs_answer_text(answer, "ReceiptHandle", text_of(handle));
    sqs_answer_text(answer, "MD5OfBody", text_of(digest));
    sqs_answer_text(answer, "Body", buffer_text(&delivery->body));
    write_system(answer, receiving, delivery);
    write_attributes(answer, receiving, delivery);
    sqs_answer_item_end(answer, "Message");
}

static void reply(struct receiving *receiving)
{
    struct call *call = receiving->call;
    struct sqs_answer answer = sqs_answer_of(call, /* has_result= */ true);

    if (receiving->receive.count > 0)
        sqs_answer_list(&answer, "Messages");
    for (size_t i = 0; i < receiving->receive.count; i++)
        write_message(&answer, receiving, &receiving->receive.deliveries[i]);
    if (receiving->receive.count > 0)
        sqs_answer_list_end(&answer);
    queue_receive_done(&receiving->receive);
    sqs_reply(call, &answer);
}

/* --- waiting --- */

static struct api_shard *shard_of_loop(struct api *api, const struct loop *loop)
{
    for (int i = 0; i < api->shard_count; i++)
        if (api->shards[i]->loop == loop)
            return api->shards[i];
    return NULL;
}

/* The receives that wait on this loop, by the request's id. */
static struct map *waiting_here(struct api *api)
{
    return &shard_of_loop(api, loop_current())->waiting;
}

struct cancel {
    struct loop_message message;
    struct api *api;
    char request_id[UUID_LEN + 1];
};

static void on_cancel(struct loop_message *message)
{
    struct cancel *cancel = container_of(message, struct cancel, message);
    struct queue_receive *receive =
        map_find(waiting_here(cancel->api), text_of(cancel->request_id));

    if (receive)
        queue_receive_cancel(receive);
    free(cancel);
}

/* The client is gone, or will not read for long; on its shard. The receive may have ended
 * meanwhile. */
static void on_client_gone(struct call *call)
{
    struct cancel *cancel = mem_new(struct cancel);

    cancel->message.run = on_cancel;
    cancel->api = call->api;
    memcpy(cancel->request_id, call->request_id, sizeof cancel->request_id);
    loop_post(queues_home(call->api->queues, sqs_of(call)->lane), &cancel->message);
}

static void on_received(struct queue_receive *receive)
{
    struct receiving *receiving = container_of(receive, struct receiving, receive);
    struct call *call = receiving->call;

    map_remove(waiting_here(call->api), text_of(call->request_id));
    if (receive->over_limit && receive->count == 0 && !queue_settings(receive->queue)->is_fifo) {
        queue_receive_done(receive);
        call_fail(call, "OverLimit",
                  "The maximum number of in flight messages of this queue, %d, was reached.",
                  QUEUE_IN_FLIGHT_MAX);
        return;
    }
    reply(receiving);
}

/* --- the request --- */

static bool check_range(struct call *call, const char *name, int64_t min, int64_t max,
                        const char *reason)
{
    char digits[24];
    int64_t value = json_int(call->input, name, min);

    if (value >= min && value <= max)
        return true;
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    sqs_fail_value(call, text_of(digits), name, reason);
    return false;
}

static bool check_numbers(struct call *call)
{
    return check_range(call, "MaxNumberOfMessages", 1, SQS_RECEIVE_MAX,
                       "Must be between 1 and 10, if provided.") &&
           check_range(call, "WaitTimeSeconds", 0, SQS_WAIT_MAX,
                       "Must be >= 0 and <= 20, if provided.") &&
           check_range(call, "VisibilityTimeout", 0, QUEUE_VISIBILITY_MAX,
                       "Must be >= 0 and <= 43200, if provided.");
}

static void receive_here(struct call *call, struct queue *queue)
{
    struct receiving *receiving = arena_zalloc(&call->arena, sizeof *receiving);
    int64_t wait_s = json_int(call->input, "WaitTimeSeconds", queue_settings(queue)->wait_s);

    receiving->call = call;
    receiving->system_names[0] = json_object_get(call->input, "AttributeNames");
    /* The older protocol looks at the newer names only without the older ones. */
    if (call->protocol != PROTOCOL_SQS_QUERY || json_array_size(receiving->system_names[0]) == 0)
        receiving->system_names[1] = json_object_get(call->input, "MessageSystemAttributeNames");
    receiving->attribute_names = json_object_get(call->input, "MessageAttributeNames");
    receiving->receive = (struct queue_receive){
        .done = on_received,
        .max = (size_t)json_int(call->input, "MaxNumberOfMessages", 1),
        .wait_ms = wait_s * 1000,
        .visibility_s = json_int(call->input, "VisibilityTimeout", -1),
    };
    map_put(waiting_here(call->api), text_of(call->request_id), &receiving->receive);
    queue_receive(queue, &receiving->receive);
}

void sqs_receive_message(struct call *call)
{
    if (!sqs_read_queue(call) || !check_numbers(call))
        return;
    call->gone = on_client_gone;
    sqs_go_home(call, receive_here);
}
