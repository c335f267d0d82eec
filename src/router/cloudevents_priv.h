/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/scan.h"
#include "router/cloudevents.h"

/* An event while its attributes are collected. */
struct cloud_draft {
    struct arena *arena;
    struct cloud_attribute *attributes;
    size_t count, capacity;
    bool is_known; /* values were accepted before: they are not checked again */
    enum cloud_data data_kind;
    struct text data;
};

/* Adds an attribute whose texts last as long as the event. -1 when its name or its value is
 * not allowed, it is there already, or there are too many. */
int cloud_draft_add(struct cloud_draft *draft, struct cloud_attribute attribute, struct error *err);

/* The same from JSON: null is no attribute. */
int cloud_draft_add_json(struct cloud_draft *draft, struct text name,
                         const struct scan_value *value, struct error *err);

/* Text or bytes as the content type has it. */
void cloud_draft_set_bytes(struct cloud_draft *draft, struct text bytes, struct text type);

/* Checks what an event must have and hands it over. */
int cloud_draft_end(const struct cloud_draft *draft, struct cloud_event *ret, struct error *err);

/* The string's characters: in the input, or decoded into the arena. */
struct text cloud_string(const struct scan_value *string, struct arena *arena);

/* Whether data of that type (TEXT_NONE: none given) is JSON: anything/json, anything+json. */
bool cloud_type_is_json(struct text content_type);
/* "application/json" of "Application/JSON; charset=utf-8", as it stands. */
struct text cloud_media_type(struct text content_type);

/* EventBridge's form: "2026-01-31T12:00:00Z". Returns out. */
char *cloud_time_format(int64_t seconds, char out[static 32]);
/* As Knative compares times: in UTC, the fraction (9 digits at most) without zeroes at its
 * end. A text that is no time, or one before 1970, stays. */
struct text cloud_time_normal(struct text time, struct arena *arena);

/* The data members of a structured event, as they come. */
struct cloud_parts {
    bool has_data, has_base64;
    struct scan_value data, base64;
};
/* Adds a member of a structured event. */
int cloud_draft_add_member(struct cloud_draft *draft, const struct scan_value *name,
                           const struct scan_value *value, struct cloud_parts *parts,
                           struct error *err);
int cloud_draft_set_data(struct cloud_draft *draft, const struct cloud_parts *parts,
                         struct error *err);

/* Append ,"name":value to a JSON object that has members already. */
void cloud_write_attribute(const struct cloud_attribute *attribute, struct buffer *out);
void cloud_write_data(const struct cloud_event *event, struct buffer *out); /* if there is any */
