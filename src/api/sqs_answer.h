/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/writer.h"
#include "base/buffer.h"

/*
 * The answer of an SQS action, written once and sent as JSON or as XML. Where the two name a
 * thing differently both names are given: lists and maps have a plural in JSON, and in XML one
 * element for each member. What is empty is left out by who writes.
 */
struct sqs_answer {
    struct buffer *out;
    const char *action, *request_id;
    bool is_xml, has_result; /* has_result: the action answers with something */
    size_t head;             /* what stands before that */
    struct writer json;      /* private */
};

void sqs_answer_begin(struct sqs_answer *answer);
void sqs_answer_end(struct sqs_answer *answer);

void sqs_answer_text(struct sqs_answer *answer, const char *name, struct text value);
void sqs_answer_text_if(struct sqs_answer *answer, const char *name, struct text value); /* set */
void sqs_answer_int(struct sqs_answer *answer, const char *name, int64_t value);
void sqs_answer_bool(struct sqs_answer *answer, const char *name, bool value);

/* A list of structures: list, (item, members, item_end)..., list_end. */
void sqs_answer_list(struct sqs_answer *answer, const char *json_name);
void sqs_answer_list_end(struct sqs_answer *answer);
void sqs_answer_item(struct sqs_answer *answer, const char *xml_name);
void sqs_answer_item_end(struct sqs_answer *answer, const char *xml_name);
/* A string in a list. */
void sqs_answer_element(struct sqs_answer *answer, const char *xml_name, struct text value);

/* A map of texts: map, entries, map_end. key_name: "Name" or "Key". */
void sqs_answer_map(struct sqs_answer *answer, const char *json_name);
void sqs_answer_map_end(struct sqs_answer *answer);
void sqs_answer_entry(struct sqs_answer *answer, const char *xml_name, const char *key_name,
                      struct text key, struct text value);
/* An entry whose value is a structure; its members follow. */
void sqs_answer_entry_begin(struct sqs_answer *answer, const char *xml_name, struct text key);
void sqs_answer_entry_end(struct sqs_answer *answer, const char *xml_name);
