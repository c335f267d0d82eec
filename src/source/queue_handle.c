/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue.h"

#include <endian.h>

#include "base/crypto.h"
#include "base/map.h"

/*
 * A receipt handle is the record's id, the number of the receive, and a checksum over both
 * and the lane, in base64: it survives a restart, and one of another queue is not taken for
 * ours. It is no secret: who may receive from a queue may delete its messages.
 */
#define PREFIX "AQEB"

struct handle_bytes {
    uint64_t id, sum;
    uint64_t receives;
};

static uint64_t checksum(struct text lane, struct queue_handle handle)
{
    const uint64_t seed[2] = {handle.id, handle.receives};

    return map_hash_keyed(lane, seed);
}

void queue_handle_format(struct text lane, struct queue_handle handle,
                         char out[static QUEUE_HANDLE_LEN + 1])
{
    const struct handle_bytes bytes = {
        .id = htobe64(handle.id),
        .sum = htobe64(checksum(lane, handle)),
        .receives = htobe64(handle.receives),
    };
    scoped(buffer_done) struct buffer text = {0};

    buffer_add_literal(&text, PREFIX);
    crypto_base64(text_from(&bytes, sizeof bytes), &text);
    assert(text.len == QUEUE_HANDLE_LEN);
    memcpy(out, text.at, text.len + 1);
}

bool queue_handle_parse(struct text lane, struct text text, struct queue_handle *ret)
{
    struct handle_bytes bytes;
    scoped(buffer_done) struct buffer decoded = {0};

    if (!text_starts(text, TEXT(PREFIX)) ||
        !crypto_unbase64(text_skip(text, sizeof PREFIX - 1), &decoded) ||
        decoded.len != sizeof bytes)
        return false;
    memcpy(&bytes, decoded.at, sizeof bytes);
    *ret = (struct queue_handle){be64toh(bytes.id), (uint32_t)be64toh(bytes.receives)};
    return be64toh(bytes.receives) <= UINT32_MAX && be64toh(bytes.sum) == checksum(lane, *ret);
}
