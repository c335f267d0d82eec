/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_form.h"

#include "base/json.h"
#include "http/uri.h"

/*
 * A name is read piece by piece. A table says what its first piece stands for: a value, a
 * list, a map or, in a list of entries, a whole parameter again. Members of lists and maps
 * are gathered by number in an object, and put in order at the end.
 */
enum kind {
    KIND_TEXT,
    KIND_INT,
    KIND_LIST,    /* NAME.1 */
    KIND_MAP,     /* NAME.1.Name, NAME.1.Value; or Key and Value */
    KIND_VALUES,  /* NAME.1.Name, NAME.1.Value.DataType: a map of objects */
    KIND_ENTRIES, /* NAME.1.PARAMETER */
};

struct rule {
    const char *name; /* in the form */
    enum kind kind;
    const char *member; /* in JSON */
};

static const struct rule rules[] = {
    {"ActionName", KIND_LIST, "Actions"},
    {"Attribute", KIND_MAP, "Attributes"},
    {"AttributeName", KIND_LIST, "AttributeNames"},
    {"AWSAccountId", KIND_LIST, "AWSAccountIds"},
    {"ChangeMessageVisibilityBatchRequestEntry", KIND_ENTRIES, "Entries"},
    {"DelaySeconds", KIND_INT, "DelaySeconds"},
    {"DeleteMessageBatchRequestEntry", KIND_ENTRIES, "Entries"},
    {"DestinationArn", KIND_TEXT, "DestinationArn"},
    {"Id", KIND_TEXT, "Id"},
    {"Label", KIND_TEXT, "Label"},
    {"MaxNumberOfMessages", KIND_INT, "MaxNumberOfMessages"},
    {"MaxNumberOfMessagesPerSecond", KIND_INT, "MaxNumberOfMessagesPerSecond"},
    {"MaxResults", KIND_INT, "MaxResults"},
    {"MessageAttribute", KIND_VALUES, "MessageAttributes"},
    {"MessageAttributeName", KIND_LIST, "MessageAttributeNames"},
    {"MessageBody", KIND_TEXT, "MessageBody"},
    {"MessageDeduplicationId", KIND_TEXT, "MessageDeduplicationId"},
    {"MessageGroupId", KIND_TEXT, "MessageGroupId"},
    {"MessageSystemAttribute", KIND_VALUES, "MessageSystemAttributes"},
    {"MessageSystemAttributeName", KIND_LIST, "MessageSystemAttributeNames"},
    {"NextToken", KIND_TEXT, "NextToken"},
    {"QueueName", KIND_TEXT, "QueueName"},
    {"QueueNamePrefix", KIND_TEXT, "QueueNamePrefix"},
    {"QueueOwnerAWSAccountId", KIND_TEXT, "QueueOwnerAWSAccountId"},
    {"QueueUrl", KIND_TEXT, "QueueUrl"},
    {"ReceiptHandle", KIND_TEXT, "ReceiptHandle"},
    {"ReceiveRequestAttemptId", KIND_TEXT, "ReceiveRequestAttemptId"},
    {"SendMessageBatchRequestEntry", KIND_ENTRIES, "Entries"},
    {"SourceArn", KIND_TEXT, "SourceArn"},
    {"Tag", KIND_MAP, "Tags"},
    {"TagKey", KIND_LIST, "TagKeys"},
    {"TaskHandle", KIND_TEXT, "TaskHandle"},
    {"VisibilityTimeout", KIND_INT, "VisibilityTimeout"},
    {"WaitTimeSeconds", KIND_INT, "WaitTimeSeconds"},
};

static const struct rule *find_rule(struct text name)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (text_equal(text_of(rules[i].name), name))
            return &rules[i];
    return NULL;
}

/* --- gathering --- */

/* The object that is the member of that name; made when it is not there. */
static json_t *member_object(json_t *object, const char *name)
{
    json_t *member = json_object_get(object, name);

    if (member)
        return json_is_object(member) ? member : NULL;
    member = json_object();
    (void)json_object_set_new(object, name, member);
    return member;
}

/* By number, as text that sorts: "0007". */
static json_t *numbered(json_t *object, const char *name, int64_t number)
{
    char key[8];

    snprintf(key, sizeof key, "%04d", (int)number);
    json_t *all = member_object(object, name);
    return all ? member_object(all, key) : NULL;
}

static bool next_number(struct text *rest, int64_t *ret)
{
    struct text piece;

    return text_split(rest, '.', &piece) && text_to_int(piece, 1, SQS_FORM_INDEX_MAX, ret);
}

static void add_parameter(json_t *object, struct text name, struct text value, bool in_entry);

static void add_numbered(json_t *object, const struct rule *rule, struct text rest,
                         struct text value)
{
    int64_t number;

    if (!next_number(&rest, &number))
        return;
    json_t *one = numbered(object, rule->member, number);
    if (!one)
        return;
    if (rule->kind == KIND_ENTRIES) {
        add_parameter(one, rest, value, /* in_entry= */ true);
    } else if (text_starts(rest, TEXT("Value."))) {
        json_t *inner = member_object(one, "Value");
        struct text name = text_skip(rest, sizeof "Value." - 1);
        if (inner)
            (void)json_object_setn_new(inner, name.at, name.len, json_from_text(value));
    } else {
        struct text name = rest.len == 0                   ? TEXT("Value")
                           : text_equal(rest, TEXT("Key")) ? TEXT("Name")
                                                           : rest;
        (void)json_object_setn_new(one, name.at, name.len, json_from_text(value));
    }
}

/* A number that is none stays text, and is refused as such. */
static json_t *number_of(struct text value)
{
    bool negative = text_starts(value, TEXT("-"));
    int64_t number;

    if (text_to_int(text_skip(value, negative), 0, INT32_MAX, &number))
        return json_integer(negative ? -number : number);
    return json_from_text(value);
}

static void add_parameter(json_t *object, struct text name, struct text value, bool in_entry)
{
    struct text rest = name, first;

    if (!text_split(&rest, '.', &first))
        return;
    const struct rule *rule = find_rule(first);
    if (!rule || (rule->kind == KIND_ENTRIES && in_entry))
        return;
    if (rule->kind == KIND_TEXT)
        (void)json_object_set_new(object, rule->member, json_from_text(value));
    else if (rule->kind == KIND_INT)
        (void)json_object_set_new(object, rule->member, number_of(value));
    else
        add_numbered(object, rule, rest, value);
}

/* --- putting in order --- */

static void settle(json_t *object);

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Its members' keys in order; the caller frees the array. */
static const char **sorted_keys(json_t *object, size_t *ret_count)
{
    const char **keys = calloc(json_object_size(object) + 1, sizeof *keys), *key;
    json_t *value;
    size_t count = 0;

    assert(keys);
    json_object_foreach(object, key, value) keys[count++] = key;
    qsort(keys, count, sizeof *keys, by_key);
    *ret_count = count;
    return keys;
}

static void settle_one(const struct rule *rule, json_t *all, json_t *one)
{
    json_t *value = json_object_get(one, "Value");
    struct text name = json_text(one, "Name");

    if (rule->kind == KIND_ENTRIES) {
        settle(one);
        (void)json_array_append(all, one);
    } else if (rule->kind == KIND_LIST && json_is_string(value)) {
        (void)json_array_append(all, value);
    } else if (rule->kind != KIND_LIST && text_is_set(name)) {
        (void)json_object_setn_new(all, name.at, name.len,
                                   value ? json_incref(value) : json_string(""));
    }
}

/* Gathered lists and maps become what JSON clients send. */
static void settle(json_t *object)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        const struct rule *rule = &rules[i];
        json_t *gathered = json_object_get(object, rule->member);
        size_t count;
        if (rule->kind < KIND_LIST || !json_is_object(gathered))
            continue;
        bool is_map = rule->kind == KIND_MAP || rule->kind == KIND_VALUES;
        json_t *all = is_map ? json_object() : json_array();
        scoped(free) const char **keys = sorted_keys(gathered, &count);
        for (size_t k = 0; k < count; k++)
            settle_one(rule, all, json_object_get(gathered, keys[k]));
        (void)json_object_set_new(object, rule->member, all);
    }
}

/* A NUL as it is counts for no more than "%00", which cannot be decoded: JSON has no name with
 * it, so a message stored with such an attribute could not be read again. */
static bool decode(struct arena *arena, struct text *text)
{
    return text_find(*text, '\0') == text->len && uri_decode(arena, *text, true, text);
}

json_t *sqs_form_parse(struct text form, struct arena *arena)
{
    json_t *object = json_object();
    struct text name, value;

    while (uri_query_next(&form, &name, &value))
        if (decode(arena, &name) && decode(arena, &value))
            add_parameter(object, name, value, /* in_entry= */ false);
    settle(object);
    return object;
}

bool sqs_is_of_queue(struct text action)
{
    return !text_equal(action, TEXT("CreateQueue")) && !text_equal(action, TEXT("ListQueues"));
}

bool sqs_is_queue_path(struct text path)
{
    struct text account, name;
    int64_t number;

    return text_starts(path, TEXT("/")) && uri_segment_next(&path, &account) &&
           uri_segment_next(&path, &name) && path.len == 0 && name.len > 0 && account.len == 12 &&
           text_to_int(account, 0, INT64_MAX, &number);
}
