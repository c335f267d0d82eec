/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/api_priv.h"
#include "api/sqs_answer.h"
#include "api/sqs_message.h"
#include "source/queue.h"
#include "source/queue_digest.h"

/* What the files of the SQS API share. */

#define SQS_BATCH_MAX 10   /* SQS: entries of one call */
#define SQS_DELAY_MAX 900  /* SQS: s */
#define SQS_WAIT_MAX 20    /* SQS: s */
#define SQS_RECEIVE_MAX 10 /* SQS: messages of one call */
#define SQS_LIST_MAX 1000  /* SQS: queues of one page */

/* call->state of every action that is about one queue; in the call's arena. */
struct sqs_call {
    struct call *call;
    struct text name, key, lane; /* "NAME", "ACCOUNT/REGION/NAME", "queue/..." */
    struct text trace;           /* X-Amzn-Trace-Id of the request */
    int hops;                    /* functions the chain went through */
    void (*then)(struct call *call, struct queue *queue);
    struct queues_ready ready;
    void *own; /* the action's */
};

/* On the shard: which queue the request is about. False: answered. */
bool sqs_read_queue(struct call *call);
/* On the shard: goes on with then() on the queue's home loop, where call_reply() and
 * call_fail() may be used; answers when there is no such queue. */
void sqs_go_home(struct call *call, void (*then)(struct call *call, struct queue *queue));
struct sqs_call *sqs_of(const struct call *call);
/* On the control thread: the queue's document. NULL: answered. */
const json_t *sqs_find_document(struct call *call);
/* The document's attributes, tags, or an empty object. */
const json_t *sqs_part(const json_t *document, const char *part);
/* Stores a document, or with NULL deletes; then() runs on the control thread when it is done.
 * Takes the document. */
void sqs_save(struct call *call, json_t *document, call_f *then);
/* A deep copy of the document, with its time of modification. */
json_t *sqs_edit(const json_t *document);

/* "http://HOST/ACCOUNT/NAME", HOST as the client called it; in the call's arena. */
struct text sqs_queue_url(struct call *call, struct text name);

void sqs_fail_absent(struct call *call);
/* "Value V for parameter P is invalid. Reason: R" */
void sqs_fail_value(struct call *call, struct text value, const char *parameter,
                    const char *reason);
void sqs_fail_missing(struct call *call, const char *parameter);
/* An error of the store: full, or broken. */
void sqs_fail_store(struct call *call, const struct error *err);

struct sqs_answer sqs_answer_of(struct call *call, bool has_result);
/* Of an action that answers with nothing. */
void sqs_reply_empty(struct call *call);
void sqs_reply(struct call *call, struct sqs_answer *answer);

/* The entries of a batch as AWS wants them: 1 to 10, with ids that are distinct and well
 * formed. NULL: answered. kind: "SendMessageBatchRequestEntry". */
json_t *sqs_batch_entries(struct call *call, const char *kind);
/* One that failed; list and item are open already as sqs_batch_fail_begin() leaves them. */
struct sqs_failure {
    struct text id;
    const char *code; /* the exception's; NULL: the entry did not fail */
    struct text message;
    bool is_ours;
};
void sqs_write_failures(struct sqs_answer *answer, const struct sqs_failure *failures,
                        size_t count);

/* --- actions --- */

extern const struct param sqs_params[];
call_f sqs_create_queue, sqs_delete_queue, sqs_get_queue_url, sqs_list_queues;
call_f sqs_get_queue_attributes, sqs_set_queue_attributes, sqs_list_dead_letter_source_queues;
call_f sqs_tag_queue, sqs_untag_queue, sqs_list_queue_tags;
call_f sqs_add_permission, sqs_remove_permission;
call_f sqs_send_message, sqs_send_message_batch;
call_f sqs_receive_message;
call_f sqs_delete_message, sqs_delete_message_batch;
call_f sqs_change_visibility, sqs_change_visibility_batch, sqs_purge_queue;
call_f sqs_start_move_task, sqs_list_move_tasks, sqs_cancel_move_task;
