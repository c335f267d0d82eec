/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_store_priv.h"

#include "base/log.h"

/*
 * Tells the receivers what was left, and what was put since the opening: so a lane hears of its
 * old records before any new one, and of each once.
 */

int event_store_read_set(const struct event_store *store, const struct event_entry *entry,
                         struct buffer *bytes, struct event_record *ret, struct error *err)
{
    const struct event_place *place = &entry->set;

    if (event_log_read(&store->log, place->segment, place->at, place->len, bytes, err) < 0)
        return -1;
    if (!event_record_parse_head(buffer_text(bytes), ret) || ret->id != entry->id)
        return error_set(err, ERROR_SYSTEM, "file %u of '%s' is damaged at byte %u", place->segment,
                         store->log.path, place->at);
    return 0;
}

/* Reads lane and note of a record; texts are borrowed from the buffers. */
static int read_record(const struct event_store *store, const struct event_entry *entry,
                       struct buffer *put, struct buffer *set, struct event_record *ret,
                       struct error *err)
{
    const struct event_log *log = &store->log;
    struct event_record last;

    buffer_clear(put);
    buffer_clear(set);
    if (event_log_read(log, entry->put.segment, entry->put.at, entry->put.len - entry->body_len,
                       put, err) < 0)
        return -1;
    if (!event_record_parse_head(buffer_text(put), ret) || ret->id != entry->id)
        return error_set(err, ERROR_SYSTEM, "file %u of '%s' is damaged at byte %u",
                         entry->put.segment, log->path, entry->put.at);
    if (entry->set.len == 0)
        return 0;
    if (event_store_read_set(store, entry, set, &last, err) < 0)
        return -1;
    ret->due_ms = last.due_ms;
    ret->note = last.note;
    return 0;
}

static void on_start(struct loop_message *message)
{
    struct event_store *store = container_of(message, struct event_store, start);
    scoped(buffer_done) struct buffer put = {0}, set = {0};
    scoped(free) uint64_t *ids = event_index_ids(&store->index);
    struct event_record record;
    struct error err;

    store->is_started = true;
    for (size_t i = 0; i < store->index.count; i++) {
        const struct event_entry *entry = event_index_find(&store->index, ids[i]);
        if (read_record(store, entry, &put, &set, &record, &err) < 0)
            log_error("an event cannot be read and stays behind", LOG_ERROR(&err));
        else
            event_outbox_deliver(&store->outbox, &record);
    }
    event_outbox_send(&store->outbox);
    event_compact_check(store);
}

void event_store_subscribe(struct event_store *store, struct event_receiver *receiver)
{
    struct event_outbox *outbox = &store->outbox;

    assert(outbox->receiver_count < COUNT_OF(outbox->receivers));
    outbox->receivers[outbox->receiver_count++] = receiver;
}

void event_store_start(struct event_store *store)
{
    store->start.run = on_start;
    loop_post(store->writer, &store->start);
}
