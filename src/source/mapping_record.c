/* SPDX-License-Identifier: Apache-2.0 */
#include "source/mapping_priv.h"

#include "base/json.h"
#include "base/scan.h"
#include "source/queue_digest.h"

/* A message as Lambda's functions see it, and as a mapping's filters do. */

static void add_member(struct buffer *out, const char *name, struct text value)
{
    buffer_add_format(out, "\"%s\":", name);
    buffer_add_json(out, value);
}

static void add_if(struct buffer *out, const char *name, struct text value)
{
    if (value.len == 0)
        return;
    buffer_add_char(out, ',');
    add_member(out, name, value);
}

static void add_attributes(struct buffer *out, const struct queue_delivery *delivery)
{
    const struct note *note = &delivery->note;

    buffer_add_format(out,
                      ",\"attributes\":{\"ApproximateReceiveCount\":\"%lld\","
                      "\"SentTimestamp\":\"%lld\",",
                      (long long)note->receives, (long long)note->sent_ms);
    add_member(out, "SenderId", note->sender);
    buffer_add_format(out, ",\"ApproximateFirstReceiveTimestamp\":\"%lld\"",
                      (long long)note->first_received_ms);
    add_if(out, "SequenceNumber", text_of(delivery->sequence));
    add_if(out, "MessageGroupId", note->group);
    add_if(out, "MessageDeduplicationId", note->dedup);
    add_if(out, "AWSTraceHeader", note->trace);
    add_if(out, "DeadLetterQueueSourceArn", note->origin_arn);
    buffer_add_char(out, '}');
}

static void add_message_attribute(struct buffer *out, struct text name, const json_t *attribute)
{
    struct text string = json_text(attribute, "StringValue");
    struct text binary = json_text(attribute, "BinaryValue");

    buffer_add_json(out, name);
    buffer_add_literal(out, ":{");
    add_member(out, text_is_set(binary) ? "binaryValue" : "stringValue",
               text_is_set(binary) ? binary : string);
    buffer_add_literal(out, ",\"stringListValues\":[],\"binaryListValues\":[],");
    add_member(out, "dataType", json_text(attribute, "DataType"));
    buffer_add_char(out, '}');
}

static void add_message_attributes(struct buffer *out, const struct queue_delivery *delivery)
{
    struct error err;
    const char *key;
    size_t key_len, count = 0;
    json_t *attribute;
    char digest[QUEUE_DIGEST_LEN + 1];
    scoped(json_decref) json_t *attributes =
        delivery->note.attributes.len > 0 ? json_parse(delivery->note.attributes, &err) : NULL;

    buffer_add_literal(out, ",\"messageAttributes\":{");
    json_object_keylen_foreach(attributes, key, key_len, attribute)
    {
        if (count++ > 0)
            buffer_add_char(out, ',');
        add_message_attribute(out, text_from(key, key_len), attribute);
    }
    buffer_add_literal(out, "},");
    if (queue_digest_attributes(attributes, NULL, NULL, digest)) {
        add_member(out, "md5OfMessageAttributes", text_of(digest));
        buffer_add_char(out, ',');
    } else {
        buffer_add_literal(out, "\"md5OfMessageAttributes\":null,");
    }
}

/* body: how it stands in the record, JSON. */
static void add_record(struct buffer *out, const struct poller *poller,
                       const struct queue_delivery *delivery, bool body_as_json)
{
    struct text body = buffer_text(&delivery->body);
    char handle[QUEUE_HANDLE_LEN + 1], digest[QUEUE_DIGEST_LEN + 1];

    queue_handle_format(text_of(poller->mapping->lane), delivery->handle, handle);
    queue_digest_body(body, digest);
    buffer_add_char(out, '{');
    add_member(out, "messageId", delivery->note.request_id);
    buffer_add_char(out, ',');
    add_member(out, "receiptHandle", text_of(handle));
    buffer_add_literal(out, ",\"body\":");
    if (body_as_json)
        buffer_add_text(out, body);
    else
        buffer_add_json(out, body);
    add_attributes(out, delivery);
    add_message_attributes(out, delivery);
    add_member(out, "md5OfBody", text_of(digest));
    buffer_add_literal(out, ",\"eventSource\":\"aws:sqs\",");
    add_member(out, "eventSourceARN", text_of(poller->mapping->queue_arn));
    buffer_add_char(out, ',');
    add_member(out, "awsRegion", text_of(poller->mapping->region));
    buffer_add_char(out, '}');
}

void record_add(struct buffer *out, const struct poller *poller,
                const struct queue_delivery *delivery)
{
    add_record(out, poller, delivery, false);
}

/* Filters see a body that is JSON as the document it is. */
bool record_is_wanted(const struct poller *poller, const struct queue_delivery *delivery)
{
    const struct mapping *mapping = poller->mapping;
    scoped(buffer_done) struct buffer record = {0};
    struct scan_value ignored;
    struct error err;

    if (mapping->filter_count == 0)
        return true;
    add_record(&record, poller, delivery,
               scan_document(buffer_text(&delivery->body), NULL, NULL, &ignored));
    for (size_t i = 0; i < mapping->filter_count; i++)
        if (pattern_test(mapping->filters[i], buffer_text(&record), &err) == 1)
            return true;
    return false;
}
