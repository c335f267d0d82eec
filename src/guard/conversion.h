/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/scoped.h"

/* Which event a request becomes, and how the answer goes back: docs/typed-functions.md. */
enum conversion_kind {
    CONVERT_PAYLOAD_2,
    CONVERT_PAYLOAD_1,
    CONVERT_CLOUDEVENTS, /* binary, structured, batch: the event, or the list of events */
    CONVERT_S3,          /* notifications of S3, MinIO, Ceph, OSS: one shape, AWS's */
    CONVERT_RAW,         /* the body itself */
};

struct conversion {
    enum conversion_kind kind;
};

/* Of a guard's "conversion". */
struct conversion *conversion_compile(const json_t *part, struct error *err);
void conversion_free(struct conversion *conversion);
DEFINE_SCOPED(struct conversion *, conversion_free)

/*
 * Appends an S3 event as AWS sends them: {"Records": [...]}, event names without "s3:", keys
 * URL-encoded, "eventSource" what AWS says and the sender's own as "originalEventSource". A test
 * event is none: nothing is appended. -1 with ERROR_INVALID when body is no notification.
 */
int conversion_s3(struct text body, struct buffer *out, struct error *err);
