/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where in the log each record is that lives: a hash table from id. One thread's. {0} is
 * empty. 40 bytes an entry, 46 to 92 a record with the table's free room.
 */
struct event_place {
    uint32_t segment, at, len; /* of the record in the log; len 0: there is none */
};
struct event_entry {
    uint64_t id;                 /* 0: free */
    struct event_place put, set; /* set: the last SET, which has the note that counts */
    uint32_t body_len, note_len;
};
struct event_index {
    struct event_entry *entries;
    size_t count, capacity;
    int64_t bytes; /* of all notes and bodies */
};
void event_index_done(struct event_index *index);

/* NULL: absent. Valid until the next change. */
struct event_entry *event_index_find(const struct event_index *index, uint64_t id);
/* The entry of that id; a new one is {0} but for the id. */
struct event_entry *event_index_add(struct event_index *index, uint64_t id);
void event_index_remove(struct event_index *index, struct event_entry *entry);
/* All ids, rising; the caller frees. */
uint64_t *event_index_ids(const struct event_index *index);
