/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/scoped.h"
#include "base/text.h"

/*
 * What archives hold: the receiver of LANE_ARCHIVE. The records stay in the event store until
 * their retention ends or the archive is deleted; in memory is what tells which they are.
 * All on the control thread.
 */
struct archives;
struct buses;

struct archives *archives_new(struct buses *buses); /* subscribes */
void archives_free(struct archives *archives);      /* NULL does nothing */

/* "archive/ACCOUNT/REGION/NAME/TIME", the caller's. An archive that is made anew under its
 * old name has another lane: what is left of the old one is not found in it. */
char *archive_lane(struct text key, const json_t *document);

struct archive_counts {
    int64_t events, bytes; /* bytes as AWS counts the size of an event, and 20 each */
};
struct archive_counts archive_counts(const struct archives *archives, struct text key,
                                     const json_t *document);

/* An event that is in an archive. */
struct archived {
    uint64_t id;
    int64_t time_ms; /* its own */
};
/* Those with from_ms <= time < to_ms, by the minute of their time and in order of arrival
 * within it. The caller frees the list. */
struct archived *archive_list(const struct archives *archives, struct text key,
                              const json_t *document, int64_t from_ms, int64_t to_ms,
                              size_t *ret_count);
