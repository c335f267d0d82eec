/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/api_priv.h"
#include "router/buses.h"
#include "router/pattern.h"

/* What the files of the EventBridge actions share. All of them but PutEvents run on the
 * control thread. */

#define EVENTS PROTOCOL_JSON, "events", METHOD_POST, NULL, BODY_JSON, API_JSON_MAX, ACCESS_SIGNED
#define EVENTS_DEFAULT TEXT("default")
#define EVENTS_PAGE 100 /* in one answer unless Limit says less: AWS's */

#define PATTERN_NAME "[\\.\\-_A-Za-z0-9]+"
#define EVENTS_PATTERN_ENDPOINT \
    "^((%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@\\x26=+$,A-Za-z0-9])+)([).!';/?:,])?$"
#define PATTERN_BUS "[/\\.\\-_A-Za-z0-9]+"
#define PATTERN_BUS_ARN \
    "(arn:aws[\\w-]*:events:[a-z]{2}-[a-z]+-[\\w-]+:[0-9]{12}:event-bus\\/)?" PATTERN_BUS

#define PATTERN_SOURCE_ARN \
    "^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:.+\\/.+$"
#define PATTERN_HEADER_KEY "^[!#$%&'*+-.^_`|~0-9a-zA-Z]+$"
#define PATTERN_HEADER_VALUE "^[ \\t]*[\\x20-\\x7E]+([ \\t]+[\\x20-\\x7E]+)*[ \\t]*$"
#define PATTERN_QUERY_KEY "[^\\x00-\\x1F\\x7F]+"
#define PATTERN_QUERY_VALUE "[^\\x00-\\x09\\x0B\\x0C\\x0E-\\x1F\\x7F]+"

/* Rows many actions have. */
/* clang-format off */
#define ROW_TEXT(name, at, least, most)                                                            \
    {PARAM_BODY, PARAM_STRING, name, at, .min = least, .max = most}
#define ROW_TEXT_NEEDED(name, at, least, most)                                                     \
    {PARAM_BODY, PARAM_STRING, name, at, .required = true, .min = least, .max = most}
#define ROW_NAME(name, at, most)                                                                   \
    {PARAM_BODY, PARAM_STRING, name, at, .required = true, .min = 1, .max = most,                  \
     .pattern = PATTERN_NAME, .matches = name_is_event_name, .pattern_first = true}
#define ROW_PREFIX(most)                                                                           \
    {PARAM_BODY, PARAM_STRING, "NamePrefix", "namePrefix", .min = 1, .max = most,                  \
     .pattern = PATTERN_NAME, .matches = name_is_event_name, .pattern_first = true}
#define ROW_BUS_OR_ARN                                                                             \
    {PARAM_BODY, PARAM_STRING, "EventBusName", "eventBusName", .min = 1, .max = 1600,              \
     .pattern = PATTERN_BUS_ARN, .matches = name_is_bus_or_arn, .pattern_first = true}
#define ROW_PAGE                                                                                   \
    ROW_TEXT("NextToken", "nextToken", 1, 2048),                                                   \
    {PARAM_BODY, PARAM_INT, "Limit", "limit", .min = 1, .max = EVENTS_PAGE}
#define ROW_ONE_LINE                                                                               \
    {PARAM_BODY, PARAM_STRING, "Description", "description", .max = 512,                           \
     .pattern = ".*", .matches = name_is_one_line, .pattern_first = true}
#define ROW_KMS_KEY                                                                                \
    {PARAM_BODY, PARAM_STRING, "KmsKeyIdentifier", "kmsKeyIdentifier", .max = 2048,                \
     .pattern = "^[a-zA-Z0-9_\\-/:]*$", .matches = name_is_kms_key, .pattern_first = true}
#define ROW_SOURCE_ARN(needed)                                                                     \
    {PARAM_BODY, PARAM_STRING, "EventSourceArn", "eventSourceArn", .required = needed, .min = 1,   \
     .max = 1600, .pattern = PATTERN_SOURCE_ARN, .matches = name_is_source_arn,                    \
     .pattern_first = true}
#define ROW_TAGS                                                                                   \
    {PARAM_BODY, PARAM_LIST, "Tags", "tags", .members = &events_tag_row}
/* clang-format on */

extern const struct param events_tag_row;
extern const struct param events_target_row; /* of PutTargets: events_target_rows.c */

/* --- what matches names: events_names.c --- */

bool name_is_event_name(struct text text);
bool name_is_bus(struct text text);
bool name_is_bus_or_arn(struct text text);
bool name_is_path_key(struct text text);
bool name_is_events_action(struct text text);
bool name_is_account_or_all(struct text text);
bool name_is_credential(struct text text);
bool name_is_endpoint(struct text text);
bool name_is_connection_arn(struct text text);
bool name_is_source_arn(struct text text);
bool name_is_one_line(struct text text);
bool name_is_kms_key(struct text text);
bool name_is_partner_source(struct text text);
bool name_is_header_key(struct text text);
bool name_is_header_value(struct text text);
bool name_is_query_key(struct text text);
bool name_is_query_value(struct text text);
bool name_is_path_value(struct text text);

/* --- names: events.c --- */

/* "default" when the member is absent; of an ARN its last part. */
struct text events_bus_name(const struct call *call, const char *member);
struct text events_resource(struct text arn, const char *kind); /* after ":KIND/", or TEXT_NONE */
/* "ACCOUNT/REGION/NAME" and "ACCOUNT/REGION/BUS/RULE", in the arena. */
struct text events_key(struct call *call, struct text name);
struct text events_rule_key(struct call *call, struct text bus, struct text rule);
/* "arn:aws:events:REGION:ACCOUNT:RESOURCE/NAME", in the arena. */
const char *events_arn(struct call *call, const char *resource, struct text name);
const char *events_rule_arn(struct call *call, struct text bus, struct text rule);

/* --- documents --- */

/* Borrowed until the next change. NULL: answered that it does not exist. */
const json_t *events_find_bus(struct call *call, struct text name);
const json_t *events_find_rule(struct call *call, struct text bus, struct text name);
const json_t *events_find(const struct call *call, enum buses_kind kind, struct text key);
void events_fail_bus(struct call *call, struct text name);

/* Copies the members of the request that are there, and not null. names ends with NULL. */
void events_take_members(json_t *document, const json_t *input, const char *const *names);
/* Writes the members of the document that are there; "...Time" is milliseconds there and
 * seconds in the answer. */
void events_write_members(struct writer *writer, const json_t *document, const char *const *names);
void events_set_text(json_t *document, const char *name, struct text value);
void events_set_time(json_t *document, const char *name); /* to now */

/* Stored and published, then then() runs, or the call was answered. events_save() takes the
 * document. */
void events_save(struct call *call, enum buses_kind kind, struct text key, json_t *document,
                 call_f *then);
void events_delete(struct call *call, enum buses_kind kind, struct text key, call_f *then);
void events_reply_empty(struct call *call); /* {} */
void events_fail_invalid(struct call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* NULL: answered InvalidEventPatternException. */
struct pattern *events_compile_pattern(struct call *call, struct text source);
/* The same, to be stored; an empty pattern is right. */
bool events_check_pattern(struct call *call, struct text source);
/* The same for a rule, which may have the filters of a trigger for a pattern. */
bool events_check_condition(struct call *call, struct text source);

/* --- lists --- */

/*
 * Answers one page of a list: of the documents whose key starts with the head and NamePrefix
 * those that match, written by write_item. matches and write_item see the call; matches NULL:
 * all. ok false: the token was wrong, and that was answered.
 */
struct events_list {
    enum buses_kind kind;
    const char *member; /* "Rules" */
    struct text head;   /* of the keys: "ACCOUNT/REGION/", "ACCOUNT/REGION/BUS/" */
    bool (*matches)(struct call *call, const json_t *document);
    void (*write_item)(struct call *call, struct writer *writer, struct text name,
                       const json_t *document);
};
void events_reply_list(struct call *call, const struct events_list *list);

/* AWS lists archives and replays by one of State, EventSourceArn and NamePrefix. False: the
 * request has several, and that was answered. */
bool events_check_one_filter(struct call *call, const char *action);

/* The same for members of a document, counted from 0: where NextToken says to begin.
 * False: answered. */
bool events_page_start(struct call *call, size_t *ret_start);
size_t events_page_limit(const struct call *call);
void events_write_token(struct call *call, struct writer *writer, struct text token);

/* --- tags: events_tags.c --- */

/* Reads a request's Tags into an object. False: answered, because there are too many. */
bool events_take_tags(struct call *call, json_t *document);
