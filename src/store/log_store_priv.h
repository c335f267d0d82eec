/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "base/text.h"
#include "store/log_store.h"

struct log_store {
    char *root; /* DIR/logs; below it account/region/group/stream */
};

/* The header of a record has one width, so that a message can be formatted in place and
 * get its header afterwards: 13 digits, a blank, 6 digits, a newline. */
#define LOG_TIME_DIGITS 13
#define LOG_LENGTH_DIGITS 6
#define LOG_HEADER_LEN (LOG_TIME_DIGITS + 1 + LOG_LENGTH_DIGITS + 1)
#define LOG_TIME_MAX INT64_C(9999999999999) /* in the year 2286 */

/* In a group's folder; its modification time is when the group was made. */
#define LOG_CREATED_NAME ".created"

/* The folder of a group, the file of a stream; the caller frees. NULL when a name is empty. */
char *log_group_path(const struct log_store *store, const struct log_place *place);
char *log_stream_path(const char *group_path, struct text name);

/* Goes through the records of a file from offset on. */
struct log_scan {
    int fd;
    uint64_t offset;      /* of the next record */
    struct buffer buffer; /* private: what was read, from the last record on */
    size_t taken;         /* private: bytes of the last record */
};
/* 1 and a record, borrowed until the next call; 0 at the end, or where what follows is not
 * a whole record; -1 with errno when the file cannot be read. */
int log_scan_next(struct log_scan *scan, struct log_record *ret);
void log_scan_done(struct log_scan *scan); /* the descriptor stays open */

static inline void log_scan_done_scoped(struct log_scan *scan)
{
    log_scan_done(scan);
}
