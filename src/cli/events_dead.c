/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/events.h"

#include "cli/call.h"
#include "cli/lambda.h"
#include "cli/output.h"
#include "cli/table.h"

/*
 * Dead letters are messages of a queue, so everything here is SQS's API. To look at them is
 * to receive them without making them invisible; to redrive one is to put the event back
 * first and to delete the message then, so that it may come twice but cannot be lost.
 */

#define RECEIVE_MAX 10          /* SQS: messages of one receive */
#define REDRIVE_VISIBILITY_S 60 /* long enough to put ten events */
#define SHOWN_MAX 1000

/* --- the queue --- */

static json_t *sqs(struct session *session, const char *action, json_t *input, struct error *err)
{
    scoped(json_decref) json_t *taken = input;
    scoped(free) char *body = json_write(taken);
    const struct call call = {
        .method = "POST",
        .path = "/",
        .service = "sqs",
        .target = arena_format(&session->arena, "AmazonSQS.%s", action),
        .body = text_of(body),
    };

    return call_json(session, &call, err);
}

/* Its dead-letter queue, else the queue that OnFailure names; "" without. */
static const char *find_arn(struct session *session, const char *name, struct error *err)
{
    scoped(json_decref) json_t *function = lambda_configuration(session, name, err);
    if (!function)
        return NULL;
    struct text arn = json_text(json_object_get(function, "DeadLetterConfig"), "TargetArn");
    if (arn.len == 0) {
        struct error ignored;
        const char *path =
            arena_format(&session->arena, "/2019-09-25/functions/%s/event-invoke-config", name);
        scoped(json_decref) json_t *config = lambda_get(session, path, &ignored);
        const json_t *destinations = json_object_get(config, "DestinationConfig");
        arn = json_text(json_object_get(destinations, "OnFailure"), "Destination");
        return arena_string(&session->arena, arn);
    }
    return arena_string(&session->arena, arn);
}

/* NULL and *err: there is none. */
static const char *find_queue(struct session *session, const char *name, struct error *err)
{
    const char *arn = find_arn(session, name, err);
    struct text queue = text_of(arn);

    if (!arn)
        return NULL;
    if (!text_starts(queue, TEXT("arn:aws:sqs:"))) {
        (void)error_set(err, ERROR_NOT_FOUND,
                        "the function '%s' has no queue for its dead letters: give it a "
                        "DeadLetterConfig, or a queue as its OnFailure destination",
                        name);
        return NULL;
    }
    while (text_contains(queue, ':'))
        queue = text_skip(queue, text_find(queue, ':') + 1);
    scoped(json_decref) json_t *answer =
        sqs(session, "GetQueueUrl", json_pack("{s:o}", "QueueName", json_from_text(queue)), err);
    return answer ? arena_string(&session->arena, json_text(answer, "QueueUrl")) : NULL;
}

static json_t *receive(struct session *session, const char *url, int visibility_s,
                       struct error *err)
{
    return sqs(session, "ReceiveMessage",
               json_pack("{s:s,s:i,s:i,s:i,s:[s],s:[s]}", "QueueUrl", url, "MaxNumberOfMessages",
                         RECEIVE_MAX, "VisibilityTimeout", visibility_s, "WaitTimeSeconds", 0,
                         "MessageAttributeNames", "All", "AttributeNames", "All"),
               err);
}

/* --- looking --- */

/* All messages that are visible, by id: those received are hidden for a moment, so that the
 * next receive brings others, and shown again at the end. */
static json_t *receive_all(struct session *session, const char *url, struct error *err)
{
    scoped(json_decref) json_t *all = json_array();

    for (;;) {
        scoped(json_decref) json_t *answer = receive(session, url, REDRIVE_VISIBILITY_S, err);
        const json_t *messages = json_object_get(answer, "Messages");
        if (!answer)
            return NULL;
        if (json_array_size(messages) == 0 || json_array_size(all) >= SHOWN_MAX)
            return take(all);
        json_array_extend(all, (json_t *)(uintptr_t)messages);
    }
}

static void show_again(struct session *session, const char *url, const json_t *messages)
{
    size_t index;
    const json_t *message;
    struct error ignored;

    json_array_foreach(messages, index, message)
    {
        scoped(json_decref) json_t *answer =
            sqs(session, "ChangeMessageVisibility",
                json_pack("{s:s,s:O,s:i}", "QueueUrl", url, "ReceiptHandle",
                          json_object_get(message, "ReceiptHandle"), "VisibilityTimeout", 0),
                &ignored);
        (void)answer;
    }
}

static struct text attribute(const json_t *message, const char *name)
{
    const json_t *attributes = json_object_get(message, "MessageAttributes");

    return json_text(json_object_get(attributes, name), "StringValue");
}

/* A dead letter is the event; the record of a destination holds it. */
static json_t *event_of(const json_t *message, struct text *ret_error)
{
    struct error err;
    json_t *body = json_parse(json_text(message, "Body"), &err);
    json_t *payload = json_object_get(body, "requestPayload");

    *ret_error = attribute(message, "ErrorMessage");
    if (!json_object_get(body, "requestContext") || !payload)
        return body;
    *ret_error = json_text(json_object_get(body, "responsePayload"), "errorMessage");
    json_incref(payload);
    json_decref(body);
    return payload;
}

static void print_table(const struct session *session, const json_t *messages)
{
    static const char *const head[] = {"ID", "SIZE", "ERROR"};
    scoped(table_done) struct table table = {
        .columns = COUNT_OF(head), .has_head = true, .right = 1 << 1};
    scoped(buffer_done) struct buffer out = {0};
    size_t index;
    const json_t *message;
    char size[16];

    for (size_t i = 0; i < COUNT_OF(head); i++)
        table_add(&table, text_of(head[i]));
    json_array_foreach(messages, index, message)
    {
        struct text error;
        scoped(json_decref) json_t *event = event_of(message, &error);
        table_add(&table, json_text(message, "MessageId"));
        table_add(&table, text_of(text_format_bytes(json_text(message, "Body").len, size)));
        table_add(&table, text_slice(error, 0, text_find(error, '\n')));
    }
    table_format(&table, &session->terminal, &out);
    output_buffer(stdout, &out);
}

int dead_list(struct session *session, const char *name, const char *id, struct error *err)
{
    const char *url = find_queue(session, name, err);
    scoped(json_decref) json_t *messages = url ? receive_all(session, url, err) : NULL;

    (void)id;
    if (!messages)
        return -1;
    show_again(session, url, messages);
    if (session->json)
        output_json(messages);
    else if (json_array_size(messages) == 0)
        printf("%s has no dead letters.\n", name);
    else
        print_table(session, messages);
    return 0;
}

static const json_t *find_message(const json_t *messages, const char *id)
{
    size_t index;
    const json_t *message;

    json_array_foreach(messages, index, message)
    {
        if (text_equal(json_text(message, "MessageId"), text_of(id)))
            return message;
    }
    return NULL;
}

int dead_show(struct session *session, const char *name, const char *id, struct error *err)
{
    const char *url = find_queue(session, name, err);
    scoped(json_decref) json_t *messages = url ? receive_all(session, url, err) : NULL;

    if (!messages)
        return -1;
    show_again(session, url, messages);
    const json_t *message = find_message(messages, id);
    if (!message)
        return error_set(err, ERROR_NOT_FOUND, "there is no dead letter '%s'", id);
    output_json(message);
    return 0;
}

/* --- redriving and purging --- */

static int put_back(struct session *session, const char *name, const json_t *message,
                    struct error *err)
{
    static const struct http_field type = {TEXT("x-amz-invocation-type"), TEXT("Event")};
    struct text ignored;
    scoped(json_decref) json_t *event = event_of(message, &ignored);
    if (!event)
        return error_set(err, ERROR_INVALID, "the dead letter '%.*s' is no JSON",
                         TEXT_ARG(json_text(message, "MessageId")));
    scoped(free) char *body = json_write(event);
    const struct call call = {.method = "POST",
                              .path = lambda_path(session, name, "/invocations"),
                              .headers = &type,
                              .header_count = 1,
                              .body = text_of(body)};
    scoped(json_decref) json_t *answer = call_json(session, &call, err);

    return answer ? 0 : -1;
}

static int delete_message(struct session *session, const char *url, const json_t *message,
                          struct error *err)
{
    scoped(json_decref) json_t *answer =
        sqs(session, "DeleteMessage",
            json_pack("{s:s,s:O}", "QueueUrl", url, "ReceiptHandle",
                      json_object_get(message, "ReceiptHandle")),
            err);

    return answer ? 0 : -1;
}

typedef int message_f(struct session *session, const char *name, const char *url,
                      const json_t *message, struct error *err);

/* Each message, or the one with that id. How many; -1 and *err. */
static int64_t with_each(struct session *session, const char *name, const char *id, message_f *with,
                         struct error *err)
{
    const char *url = find_queue(session, name, err);
    scoped(json_decref) json_t *messages = url ? receive_all(session, url, err) : NULL;
    int64_t count = 0;
    size_t index;
    const json_t *message;
    int failed = messages ? 0 : -1;

    json_array_foreach(messages, index, message)
    {
        if (failed || (id && !text_equal(json_text(message, "MessageId"), text_of(id))))
            continue;
        failed = with(session, name, url, message, err);
        count += !failed;
    }
    if (messages)
        show_again(session, url, messages); /* those that were left */
    return failed ? -1 : count;
}

static int say_count(const struct session *session, int64_t count, const char *what)
{
    if (count < 0)
        return -1;
    if (session->json)
        printf("{\"Count\":%lld}\n", (long long)count);
    else if (!session->quiet)
        printf("%lld %s\n", (long long)count, what);
    return 0;
}

static int redrive_one(struct session *session, const char *name, const char *url,
                       const json_t *message, struct error *err)
{
    return put_back(session, name, message, err) < 0 ? -1
                                                     : delete_message(session, url, message, err);
}

int dead_redrive(struct session *session, const char *name, const char *id, struct error *err)
{
    return say_count(session, with_each(session, name, id, redrive_one, err), "put back");
}

static int purge_one(struct session *session, const char *name, const char *url,
                     const json_t *message, struct error *err)
{
    (void)name;
    return delete_message(session, url, message, err);
}

int dead_purge(struct session *session, const char *name, const char *id, struct error *err)
{
    return say_count(session, with_each(session, name, id, purge_one, err), "taken away");
}
