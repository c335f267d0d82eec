/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_priv.h"

#include "api/sqs_attributes.h"
#include "base/clock.h"
#include "base/mem.h"

/* Queues themselves: made, found, listed, changed, deleted. On the control thread. */

#define DELETED_PAUSE_MS 60000 /* SQS: until the name may be used again */
#define DELETED_SWEEP 1000     /* names kept before old ones are looked for */

static struct text own_key(struct call *call, struct text name)
{
    return text_of(arena_format(&call->arena, "%.*s/%.*s/%.*s", TEXT_ARG(call->api->account),
                                TEXT_ARG(call->api->region), TEXT_ARG(name)));
}

static bool exists(void *arg, struct text arn)
{
    struct call *call = arg;
    struct text lane = queue_lane_of_arn(arn, &call->arena);

    return text_is_set(lane) &&
           queues_document(call->api->queues, text_skip(lane, sizeof LANE_QUEUE)) != NULL;
}

/* False: answered. */
static bool check_attributes(struct call *call, const json_t *attributes, bool is_fifo)
{
    struct sqs_complaint complaint;
    const struct sqs_check check = {
        .attributes = attributes, .is_fifo = is_fifo, .exists = exists, .arg = call};

    if (sqs_attributes_valid(&check, &complaint))
        return true;
    call_fail(call, complaint.code, "%s", complaint.text);
    return false;
}

/* --- names that were deleted a moment ago --- */

struct deleted_name {
    int64_t until_ms;
};

static void forget_deleted(struct map *deleted, int64_t now_ms)
{
    struct map_cursor cursor = {0};

    while (map_next(deleted, &cursor)) {
        struct deleted_name *name = cursor.value;
        if (name->until_ms > now_ms)
            continue;
        map_remove(deleted, cursor.key);
        free(name);
    }
}

static void remember_deleted(struct api *api, struct text key)
{
    struct deleted_name *name = mem_new(struct deleted_name);

    name->until_ms = clock_now_ms() + DELETED_PAUSE_MS;
    if (api->deleted_queues.count >= DELETED_SWEEP)
        forget_deleted(&api->deleted_queues, clock_now_ms());
    free(map_put(&api->deleted_queues, key, name));
}

static bool was_deleted(const struct api *api, struct text key)
{
    const struct deleted_name *name = map_find(&api->deleted_queues, key);

    return name && name->until_ms > clock_now_ms();
}

/* --- CreateQueue --- */

static void reply_url(struct call *call, struct text name)
{
    struct sqs_answer answer = sqs_answer_of(call, /* has_result= */ true);

    sqs_answer_text(&answer, "QueueUrl", sqs_queue_url(call, name));
    sqs_reply(call, &answer);
}

static void reply_created(struct call *call)
{
    reply_url(call, sqs_of(call)->name);
}

/* False: answered. */
static bool check_name(struct call *call, struct text name, bool is_fifo)
{
    struct text stem = is_fifo && text_ends(name, TEXT(".fifo"))
                           ? text_slice(name, 0, name.len - (sizeof ".fifo" - 1))
                           : name;

    if (name.len == 0) {
        sqs_fail_missing(call, "QueueName");
        return false;
    }
    if (is_fifo && stem.len == name.len) {
        call_fail(call, "InvalidParameterValueException",
                  "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
                  "underscores, must end with .fifo suffix and be 1 to 80 in length.");
        return false;
    }
    if (sqs_entry_id_is_valid(stem) && name.len <= 80)
        return true;
    call_fail(call, "InvalidParameterValueException",
              "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in "
              "length");
    return false;
}

static json_t *new_document(struct call *call, const json_t *attributes, bool is_fifo)
{
    const json_t *tags = json_object_get(call->input, "tags");
    json_t *own = json_object();
    int64_t now_s = clock_now_ms() / 1000;

    if (!tags)
        tags = json_object_get(call->input, "Tags");
    sqs_attributes_apply(own, attributes);
    const char *scope = sqs_attribute_shown(own, is_fifo, "DeduplicationScope");
    return json_pack("{s:o,s:s*,s:o,s:I,s:I}", "attributes", own, QUEUE_SCOPE, scope, "tags",
                     json_is_object(tags) ? json_deep_copy(tags) : json_object(), "created",
                     (json_int_t)now_s, "modified", (json_int_t)now_s);
}

static void answer_existing(struct call *call, const json_t *document, struct text name,
                            const json_t *attributes)
{
    const char *conflict = sqs_attributes_conflict(sqs_part(document, "attributes"),
                                                   text_ends(name, TEXT(".fifo")), attributes);

    if (conflict)
        call_fail(call, "QueueNameExists",
                  "A queue already exists with the same name and a different value for attribute "
                  "%s",
                  conflict);
    else
        reply_url(call, name);
}

void sqs_create_queue(struct call *call)
{
    struct text name = call_input(call, "QueueName");
    json_t *attributes = json_object_get(call->input, "Attributes");
    sqs_attributes_normalise(attributes);
    bool is_fifo = text_equal(json_text(attributes, "FifoQueue"), TEXT("true"));
    struct sqs_call *state = arena_zalloc(&call->arena, sizeof *state);

    if (!check_name(call, name, is_fifo) || !check_attributes(call, attributes, is_fifo))
        return;
    *state = (struct sqs_call){.name = name, .key = own_key(call, name)};
    call->state = state;
    const json_t *document = queues_document(call->api->queues, state->key);
    if (document) {
        answer_existing(call, document, name, attributes);
        return;
    }
    if (was_deleted(call->api, state->key)) {
        call_fail(call, "QueueDeletedRecently",
                  "You must wait 60 seconds after deleting a queue before you can create another "
                  "with the same name.");
        return;
    }
    sqs_save(call, new_document(call, attributes, is_fifo), reply_created);
}

/* --- DeleteQueue --- */

static void reply_deleted(struct call *call)
{
    remember_deleted(call->api, sqs_of(call)->key);
    sqs_reply_empty(call);
}

void sqs_delete_queue(struct call *call)
{
    if (sqs_read_queue(call) && sqs_find_document(call))
        sqs_save(call, NULL, reply_deleted);
}

/* --- GetQueueUrl: on the shard, as functions may ask too --- */

void sqs_get_queue_url(struct call *call)
{
    struct text name = call_input(call, "QueueName");
    struct text owner = call_input(call, "QueueOwnerAWSAccountId");
    struct text lane =
        text_of(arena_format(&call->arena, LANE_QUEUE "/%.*s", TEXT_ARG(own_key(call, name))));

    if (name.len == 0)
        sqs_fail_missing(call, "QueueName");
    else if (call->caller == KEY_INSTANCE && !auth_may_send(call, name))
        auth_deny(call, "sqs:GetQueueUrl", TEXT("*"));
    else if ((owner.len > 0 && !text_equal(owner, call->api->account)) ||
             !queues_find(call->api->queues, lane))
        sqs_fail_absent(call);
    else
        reply_url(call, name);
}

/* --- lists --- */

/* Queues of one page, in the order of their names. */
struct page {
    struct call *call;
    struct sqs_answer answer;
    const char *json_name;
    struct text prefix;          /* of the keys: "ACCOUNT/REGION/" */
    struct text dead_letter_arn; /* ListDeadLetterSourceQueues; TEXT_NONE: all */
    struct text last;
    int64_t max, count;
    bool is_more;
};

static bool takes(const struct page *page, const json_t *document)
{
    struct error err;

    if (!text_is_set(page->dead_letter_arn))
        return true;
    struct text text = json_text(sqs_part(document, "attributes"), "RedrivePolicy");
    scoped(json_decref) json_t *policy = text.len > 0 ? json_parse(text, &err) : NULL;
    return text_equal(json_text(policy, "deadLetterTargetArn"), page->dead_letter_arn);
}

static bool add_queue(void *arg, struct text key, const json_t *document)
{
    struct page *page = arg;

    if (!takes(page, document))
        return true;
    if (page->count == page->max) {
        page->is_more = true;
        return false;
    }
    if (page->count++ == 0)
        sqs_answer_list(&page->answer, page->json_name);
    page->last = text_skip(key, page->prefix.len);
    sqs_answer_element(&page->answer, "QueueUrl", sqs_queue_url(page->call, page->last));
    return true;
}

/* A token is the name of the last queue of the page before. */
static void reply_page(struct page *page, struct text name_prefix)
{
    struct call *call = page->call;
    struct text token = call_input(call, "NextToken");

    page->prefix = own_key(call, TEXT(""));
    page->answer = sqs_answer_of(call, /* has_result= */ true);
    queues_each(call->api->queues, own_key(call, name_prefix),
                token.len > 0 ? own_key(call, token) : TEXT_NONE, add_queue, page);
    if (page->count > 0)
        sqs_answer_list_end(&page->answer);
    if (page->is_more && json_object_get(call->input, "MaxResults"))
        sqs_answer_text(&page->answer, "NextToken", page->last);
    sqs_reply(call, &page->answer);
}

/* False: answered. */
static bool read_max(struct call *call, int64_t *ret)
{
    char digits[24];

    *ret = json_int(call->input, "MaxResults", SQS_LIST_MAX);
    if (*ret >= 1 && *ret <= SQS_LIST_MAX)
        return true;
    snprintf(digits, sizeof digits, "%lld", (long long)*ret);
    sqs_fail_value(call, text_of(digits), "MaxResults", "Must be between 1 and 1000, if provided.");
    return false;
}

void sqs_list_queues(struct call *call)
{
    struct page page = {.call = call, .json_name = "QueueUrls"};

    if (read_max(call, &page.max))
        reply_page(&page, call_input(call, "QueueNamePrefix"));
}

static const char *arn_of(struct call *call)
{
    return arena_format(&call->arena, "arn:aws:sqs:%.*s:%.*s:%.*s", TEXT_ARG(call->api->region),
                        TEXT_ARG(call->api->account), TEXT_ARG(sqs_of(call)->name));
}

void sqs_list_dead_letter_source_queues(struct call *call)
{
    struct page page = {.call = call, .json_name = "queueUrls"};

    if (!sqs_read_queue(call) || !sqs_find_document(call) || !read_max(call, &page.max))
        return;
    page.dead_letter_arn = text_of(arn_of(call));
    reply_page(&page, TEXT(""));
}

/* --- SetQueueAttributes --- */

void sqs_set_queue_attributes(struct call *call)
{
    json_t *attributes = json_object_get(call->input, "Attributes");
    const json_t *document;

    if (!sqs_read_queue(call) || !(document = sqs_find_document(call)))
        return;
    sqs_attributes_normalise(attributes);
    if (json_object_size(attributes) == 0) {
        sqs_fail_missing(call, "Attribute.Name");
        return;
    }
    if (!check_attributes(call, attributes, text_ends(sqs_of(call)->name, TEXT(".fifo"))))
        return;
    json_t *changed = sqs_edit(document);
    sqs_attributes_apply(json_object_get(changed, "attributes"), attributes);
    sqs_save(call, changed, sqs_reply_empty);
}

/* --- GetQueueAttributes --- */

static bool wants(const struct call *call, const char *name)
{
    const json_t *names = json_object_get(call->input, "AttributeNames");
    size_t index;
    json_t *wanted;

    json_array_foreach(names, index, wanted)
    {
        const char *text = json_string_value(wanted);
        if (text && (strcmp(text, "All") == 0 || strcmp(text, name) == 0))
            return true;
    }
    return false;
}

static bool check_names(struct call *call)
{
    const json_t *names = json_object_get(call->input, "AttributeNames");
    size_t index;
    json_t *wanted;

    json_array_foreach(names, index, wanted)
    {
        struct text name = text_from(json_string_value(wanted), json_string_length(wanted));
        if (sqs_attribute_is_known(name))
            continue;
        call_fail(call, "InvalidAttributeName", "Unknown Attribute %.*s.",
                  TEXT_ARG(text_slice(name, 0, 256)));
        return false;
    }
    return true;
}

/* What is shown, gathered on two threads. */
struct showing {
    const char *names[24];
    struct text values[24];
    size_t count;
};

static void show(struct call *call, const char *name, struct text value)
{
    struct showing *showing = sqs_of(call)->own;

    if (!wants(call, name))
        return;
    assert(showing->count < COUNT_OF(showing->names));
    showing->names[showing->count] = name;
    showing->values[showing->count++] = arena_copy(&call->arena, value);
}

static void show_number(struct call *call, const char *name, int64_t number)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%lld", (long long)number);
    show(call, name, text_of(digits));
}

static void show_counts(struct call *call, struct queue *queue)
{
    const struct queue_counts counts = queue_counts(queue);
    const struct showing *showing = sqs_of(call)->own;

    show_number(call, "ApproximateNumberOfMessages", counts.visible);
    show_number(call, "ApproximateNumberOfMessagesNotVisible", counts.in_flight);
    show_number(call, "ApproximateNumberOfMessagesDelayed", counts.delayed);
    struct sqs_answer answer = sqs_answer_of(call, /* has_result= */ true);
    if (showing->count > 0)
        sqs_answer_map(&answer, "Attributes");
    for (size_t i = 0; i < showing->count; i++)
        sqs_answer_entry(&answer, "Attribute", "Name", text_of(showing->names[i]),
                         showing->values[i]);
    if (showing->count > 0)
        sqs_answer_map_end(&answer);
    sqs_reply(call, &answer);
}

void sqs_get_queue_attributes(struct call *call)
{
    const json_t *document;
    const char *name;

    if (!sqs_read_queue(call) || !(document = sqs_find_document(call)) || !check_names(call))
        return;
    bool is_fifo = text_ends(sqs_of(call)->name, TEXT(".fifo"));
    sqs_of(call)->own = arena_zalloc(&call->arena, sizeof(struct showing));
    show(call, "QueueArn", text_of(arn_of(call)));
    show_number(call, "CreatedTimestamp", json_int(document, "created", 0));
    show_number(call, "LastModifiedTimestamp", json_int(document, "modified", 0));
    for (size_t i = 0; (name = sqs_attribute_name(i)); i++) {
        const char *value = sqs_attribute_shown(sqs_part(document, "attributes"), is_fifo, name);
        if (value)
            show(call, name, text_of(value));
    }
    sqs_go_home(call, show_counts);
}
