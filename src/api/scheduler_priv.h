/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/api_priv.h"
#include "source/schedules.h"

/* What the files of the Scheduler share. All actions run on the control thread. */

#define SCHEDULER PROTOCOL_REST_JSON, "scheduler"
#define SCHEDULER_PAGE_MAX 100                /* AWS: items of one answer */
#define SCHEDULER_NAME_MAX 64                 /* AWS */
#define SCHEDULER_TAGS_MAX 200                /* AWS: of a request; a group has LIMIT_TAGS */
#define SCHEDULER_BODY_MAX (2 * API_JSON_MAX) /* an Input of LIMIT_PAYLOAD_ASYNC, escaped */

/* "ACCOUNT/REGION/" and up to two more names, in the call's arena; group TEXT_NONE: the default
 * one. */
struct text scheduler_key(struct call *call, struct text group, struct text name);
struct text scheduler_group_key(struct call *call, struct text group);
struct text scheduler_arn(struct call *call, const char *what, struct text rest);

/* ^[0-9a-zA-Z-_.]+$ and ^[a-zA-Z0-9-_]+$ */
bool scheduler_is_name(struct text text);
bool scheduler_is_token(struct text text);
bool scheduler_is_role(struct text text);
bool scheduler_is_dead_letter(struct text text);
bool scheduler_is_kms_key(struct text text);
bool scheduler_is_group_arn(struct text text);
bool scheduler_is_event_source(struct text text);

/* A change of the schedules that the call waits for: then() runs on the control thread when it
 * is stored; the call fails otherwise. change->done is set already. */
struct schedules_change *scheduler_change(struct call *call, call_f *then);

/* Ends of calls. */
void scheduler_reply_arn(struct call *call, const char *member, struct text arn);
void scheduler_reply_empty(struct call *call);                     /* {} */
void scheduler_fail_group(struct call *call, struct text name);    /* it does not exist */
void scheduler_fail_schedule(struct call *call, struct text name); /* it does not exist */

/* One page of a list. Give each document to scheduler_page_add() from registry_each(); it says
 * whether there is room. */
struct scheduler_page {
    struct call *call;
    struct writer writer;
    struct text after; /* of NextToken */
    int64_t max, count;
    struct text last;
    bool is_cut;
};
/* False: NextToken is none of ours; answered. Begins {"MEMBER":[ */
bool scheduler_page_begin(struct scheduler_page *page, struct call *call, const char *member);
/* False: the page is full, and this one is on the next. */
bool scheduler_page_has_room(struct scheduler_page *page, struct text key);
void scheduler_page_end(struct scheduler_page *page);
/* A member as it is in the document; absent: nothing. */
void scheduler_write_member(struct writer *writer, const json_t *document, const char *name);

extern const struct param scheduler_tag_row; /* of a list of tags */

/* Tags of a request: [{"Key": ..., "Value": ...}] put into *tags, an object. False: answered. */
bool scheduler_read_tags(struct call *call, json_t *tags);
