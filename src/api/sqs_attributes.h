/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/text.h"

/*
 * The attributes of a queue: one table says what may be set, to what, and what is shown when
 * nothing was. Values are texts, as on the wire.
 */

/* What is wrong with attributes that a client sets, in AWS's words. */
struct sqs_complaint {
    const char *code;
    char text[1024];
};

/* Checks what CreateQueue or SetQueueAttributes gives. exists() tells whether a dead letter
 * queue is there, by its ARN. */
struct sqs_check {
    const json_t *attributes; /* NULL: none */
    const json_t *current;    /* the queue's, or NULL: it is being made */
    bool is_fifo;
    bool (*exists)(void *arg, struct text arn);
    void *arg;
};
bool sqs_attributes_valid(const struct sqs_check *check, struct sqs_complaint *complaint);

/* Spells truth values as they are kept: clients write "True" too. NULL: nothing to do. */
void sqs_attributes_normalise(json_t *attributes);

/* Sets them in the document's attributes; an empty policy goes. */
void sqs_attributes_apply(json_t *current, const json_t *attributes);
/* What GetQueueAttributes shows: set, by default, or NULL. is_known: an attribute at all. */
const char *sqs_attribute_shown(const json_t *current, bool is_fifo, const char *name);
bool sqs_attribute_is_known(struct text name);
/* The name of the first of attributes that the queue has otherwise; NULL: none. */
const char *sqs_attributes_conflict(const json_t *current, bool is_fifo, const json_t *attributes);
/* Names that GetQueueAttributes All goes through, those of counts and times not among them;
 * NULL after the last. */
const char *sqs_attribute_name(size_t index);
