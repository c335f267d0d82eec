/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_priv.h"

/* Tags and permissions of a queue: parts of its document. On the control thread. */

#define SQS_TAGS_MAX 50   /* SQS */
#define SQS_ACTIONS_MAX 7 /* SQS: in one permission */
#define SQS_POLICY_VERSION "2008-10-17"

/* --- tags --- */

void sqs_tag_queue(struct call *call)
{
    const json_t *tags = json_object_get(call->input, "Tags"), *document;

    if (!sqs_read_queue(call) || !(document = sqs_find_document(call)))
        return;
    if (json_object_size(tags) == 0) {
        sqs_fail_missing(call, "Tags");
        return;
    }
    scoped(json_decref) json_t *changed = sqs_edit(document);
    json_t *own = json_object_get(changed, "tags");
    (void)json_object_update(own, (json_t *)(uintptr_t)tags);
    if (json_object_size(own) > SQS_TAGS_MAX) {
        call_fail(call, "InvalidParameterValueException", "Too many tags added for queue %.*s.",
                  TEXT_ARG(sqs_of(call)->name));
        return;
    }
    sqs_save(call, take(changed), sqs_reply_empty);
}

void sqs_untag_queue(struct call *call)
{
    const json_t *keys = json_object_get(call->input, "TagKeys"), *document;
    size_t index;
    json_t *key;

    if (!sqs_read_queue(call) || !(document = sqs_find_document(call)))
        return;
    json_t *changed = sqs_edit(document), *own = json_object_get(changed, "tags");
    json_array_foreach(keys, index, key)
    {
        if (json_is_string(key))
            (void)json_object_deln(own, json_string_value(key), json_string_length(key));
    }
    sqs_save(call, changed, sqs_reply_empty);
}

void sqs_list_queue_tags(struct call *call)
{
    const json_t *document;
    const char *key;
    size_t key_len;
    json_t *value;

    if (!sqs_read_queue(call) || !(document = sqs_find_document(call)))
        return;
    const json_t *tags = sqs_part(document, "tags");
    struct sqs_answer answer = sqs_answer_of(call, /* has_result= */ true);
    if (json_object_size(tags) > 0)
        sqs_answer_map(&answer, "Tags");
    json_object_keylen_foreach((json_t *)(uintptr_t)tags, key, key_len, value)
    {
        sqs_answer_entry(&answer, "Tag", "Key", text_from(key, key_len),
                         text_from(json_string_value(value), json_string_length(value)));
    }
    if (json_object_size(tags) > 0)
        sqs_answer_map_end(&answer);
    sqs_reply(call, &answer);
}

/* --- permissions: statements of the queue's policy --- */

static const char *arn_of(struct call *call)
{
    return arena_format(&call->arena, "arn:aws:sqs:%.*s:%.*s:%.*s", TEXT_ARG(call->api->region),
                        TEXT_ARG(call->api->account), TEXT_ARG(sqs_of(call)->name));
}

/* The queue's policy, or the one AddPermission begins with. New. */
static json_t *policy_of(struct call *call, const json_t *document)
{
    struct error err;
    struct text text = json_text(sqs_part(document, "attributes"), "Policy");
    json_t *policy = text.len > 0 ? json_parse(text, &err) : NULL;

    if (policy && json_is_array(json_object_get(policy, "Statement")))
        return policy;
    json_decref(policy);
    return json_pack("{s:s,s:s,s:[]}", "Version", SQS_POLICY_VERSION, "Id",
                     arena_format(&call->arena, "%s/SQSDefaultPolicy", arn_of(call)), "Statement");
}

static size_t find_statement(const json_t *statements, struct text label)
{
    size_t index = 0;

    while (index < json_array_size(statements) &&
           !text_equal(json_text(json_array_get(statements, index), "Sid"), label))
        index++;
    return index;
}

/* One text as it is, several as a list. Takes list. */
static json_t *one_or_list(json_t *list)
{
    if (json_array_size(list) != 1)
        return list;
    json_t *only = json_incref(json_array_get(list, 0));
    json_decref(list);
    return only;
}

static json_t *formatted(struct call *call, const char *member, const char *before,
                         const char *after)
{
    const json_t *list = json_object_get(call->input, member);
    json_t *all = json_array(), *one;
    size_t index;

    json_array_foreach(list, index, one)
    {
        if (json_is_string(one))
            (void)json_array_append_new(
                all, json_sprintf("%s%s%s", before, json_string_value(one), after));
    }
    return one_or_list(all);
}

static void save_policy(struct call *call, const json_t *document, json_t *policy)
{
    json_t *changed = sqs_edit(document), *attributes = json_object_get(changed, "attributes");

    if (json_array_size(json_object_get(policy, "Statement")) == 0) {
        (void)json_object_del(attributes, "Policy");
    } else {
        scoped(free) char *text = json_write(policy);
        (void)json_object_set_new(attributes, "Policy", json_string(text));
    }
    sqs_save(call, changed, sqs_reply_empty);
}

/* False: answered. */
static bool check_permission(struct call *call)
{
    static const char *const members[][2] = {{"AWSAccountIds", "AWSAccountId"},
                                             {"Actions", "ActionName"}};

    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (json_array_size(json_object_get(call->input, members[i][0])) == 0) {
            sqs_fail_missing(call, members[i][1]);
            return false;
        }
    if (json_array_size(json_object_get(call->input, "Actions")) > SQS_ACTIONS_MAX) {
        call_fail(call, "OverLimit", "%zu Actions were found, maximum allowed is %d.",
                  json_array_size(json_object_get(call->input, "Actions")), SQS_ACTIONS_MAX);
        return false;
    }
    if (sqs_entry_id_is_valid(call_input(call, "Label")))
        return true;
    sqs_fail_missing(call, "Label");
    return false;
}

void sqs_add_permission(struct call *call)
{
    struct text label = call_input(call, "Label");
    const json_t *document;

    if (!sqs_read_queue(call) || !(document = sqs_find_document(call)) || !check_permission(call))
        return;
    scoped(json_decref) json_t *policy = policy_of(call, document);
    json_t *statements = json_object_get(policy, "Statement");
    if (find_statement(statements, label) < json_array_size(statements)) {
        sqs_fail_value(call, label, "Label", "Already exists.");
        return;
    }
    (void)json_array_append_new(
        statements,
        json_pack("{s:o,s:s,s:{s:o},s:o,s:s}", "Sid", json_from_text(label), "Effect", "Allow",
                  "Principal", "AWS", formatted(call, "AWSAccountIds", "arn:aws:iam::", ":root"),
                  "Action", formatted(call, "Actions", "SQS:", ""), "Resource", arn_of(call)));
    save_policy(call, document, policy);
}

void sqs_remove_permission(struct call *call)
{
    struct text label = call_input(call, "Label");
    const json_t *document;

    if (!sqs_read_queue(call) || !(document = sqs_find_document(call)))
        return;
    scoped(json_decref) json_t *policy = policy_of(call, document);
    json_t *statements = json_object_get(policy, "Statement");
    size_t index = find_statement(statements, label);
    if (label.len == 0 || index == json_array_size(statements)) {
        sqs_fail_value(call, label, "Label", "can't find label.");
        return;
    }
    (void)json_array_remove(statements, index);
    save_policy(call, document, policy);
}
