/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

/*
 * CloudEvents 1.0: events with named attributes, as they come over HTTP and as they are
 * carried within the envelope that rules match and functions are given.
 */

/* An attribute's type, for what writes numbers and truth without quotes. URIs and times are
 * strings. */
enum cloud_kind { CLOUD_STRING, CLOUD_INTEGER, CLOUD_BOOLEAN };

struct cloud_attribute {
    struct text name;  /* a-z and 0-9 */
    struct text value; /* as text whatever the kind: "42", "true" */
    enum cloud_kind kind;
};

enum cloud_data {
    CLOUD_DATA_NONE,
    CLOUD_DATA_JSON,  /* a JSON value, as it stood in what was decoded */
    CLOUD_DATA_TEXT,  /* UTF-8 */
    CLOUD_DATA_BYTES, /* anything */
};

/* A plain value; its texts belong to what it was decoded from and the arena. */
struct cloud_event {
    const struct cloud_attribute *attributes; /* none twice; required ones included */
    size_t count;
    enum cloud_data data_kind;
    struct text data;
};

/* NULL when the event does not have it. */
const struct cloud_attribute *cloudevents_find(const struct cloud_event *event, struct text name);
/* TEXT_NONE when the event does not have it. */
struct text cloudevents_text(const struct cloud_event *event, struct text name);

/* How a message carries events, by its Content-Type. */
enum cloud_mode {
    CLOUD_BINARY,     /* one: attributes in ce- headers, data as body */
    CLOUD_STRUCTURED, /* one: application/cloudevents+json */
    CLOUD_BATCH,      /* a list: application/cloudevents-batch+json */
};
enum cloud_mode cloudevents_mode(struct text content_type);

struct cloud_header {
    struct text name, value; /* names in any case */
};

/* "2026-01-31T13:00:00.5+01:00" (RFC 3339) to seconds since 1970; years 1 to 9999. */
bool cloud_time_parse(struct text time, int64_t *ret_s);

struct cloud_message {
    const struct cloud_header *headers;
    size_t header_count;
    struct text body;
};

/*
 * The events of a message (borrowed, as is the arena, for as long as the events are used),
 * *ret_events in the arena. An event must be valid: a batch with one that is not is refused
 * as a whole. -1 with ERROR_INVALID; ERROR_LIMIT beyond LIMIT_CLOUD_BATCH events or
 * LIMIT_CLOUD_ATTRIBUTES of one.
 */
int cloudevents_decode(const struct cloud_message *message, struct arena *arena,
                       struct cloud_event **ret_events, size_t *ret_count, struct error *err);

/* Appends the event as application/cloudevents+json, without blanks between its parts. Data
 * of CLOUD_DATA_JSON must be JSON. */
void cloudevents_write_json(const struct cloud_event *event, struct buffer *out);

/* The headers of a binary message, Content-Type among them if there is one; event.data is
 * its body. In the arena. */
struct cloud_header *cloudevents_write_headers(const struct cloud_event *event, struct arena *arena,
                                               size_t *ret_count);

/*
 * The envelope of an event, which is EventBridge's, in AWS's order:
 *
 *     envelope             event
 *     id, source           id, source
 *     detail-type          type
 *     time                 time, in UTC and to the second; the time of acceptance if it has none
 *     detail               data, if that is a JSON object; {} otherwise
 *     cloudevent           the rest, so that nothing is lost: {"specversion": "1.0"}, all other
 *                          attributes, "time" when the envelope's is not the same text (null
 *                          when the event has none), and data that is not a JSON object as
 *                          "data" or "data_base64" (null when the event has none)
 *     account, region      the daemon's; not part of the event
 *     version, resources   "0", []
 */
struct cloud_envelope {
    struct text account, region;
    int64_t accepted_ms; /* wall clock */
};
void cloudevents_write_envelope(const struct cloud_event *event,
                                const struct cloud_envelope *envelope, struct buffer *out);

/* The event that an envelope carries. One without "cloudevent" (PutEvents, schedules) becomes
 * an event of the same id, source, time and type whose data is the detail. Texts are in the
 * envelope (borrowed as long as the event is used) and the arena. -1 when envelope is not one. */
int cloudevents_read_envelope(struct text envelope, struct arena *arena, struct cloud_event *ret,
                              struct error *err);
