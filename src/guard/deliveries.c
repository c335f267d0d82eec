/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/deliveries.h"

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/map.h"
#include "base/mem.h"

/*
 * Regions of sets of WAYS places. The hash of the route chooses the region, that of route and
 * delivery the set, and is the place's tag, beside which its state stands in the same word: so a
 * place changes hands by one compare-and-swap. Two shards that claim a place each for the same
 * delivery see each other when they look again, and both step back.
 */
#define REGIONS 64
#define WAYS 16
#define SETS (DELIVERIES_KEPT / WAYS)
#define STATE_MASK UINT64_C(3)

enum state { FREE, CLAIMED, UNDER_WAY, TAKEN };

struct delivery_place {
    _Atomic uint64_t word; /* hash, and enum state in its lowest bits */
    _Atomic int64_t until_ms, since_ms;
};

struct deliveries {
    uint64_t seed[2];
    struct delivery_place places[REGIONS][SETS][WAYS];
};

static enum state state_of(uint64_t word)
{
    return (enum state)(word & STATE_MASK);
}

/* The one with that tag but for the place itself; *ret_word as it was. A place whose time is over
 * is freed in passing. */
static const struct delivery_place *find(struct delivery_place *set, uint64_t tag, int64_t now_ms,
                                         const struct delivery_place *but, uint64_t *ret_word)
{
    for (int i = 0; i < WAYS; i++) {
        uint64_t word = atomic_load(&set[i].word);
        if (&set[i] == but || (word & ~STATE_MASK) != tag || state_of(word) == FREE)
            continue;
        if (state_of(word) == TAKEN && atomic_load(&set[i].until_ms) < now_ms) {
            (void)atomic_compare_exchange_strong(&set[i].word, &word, FREE);
            continue;
        }
        *ret_word = word;
        return &set[i];
    }
    return NULL;
}

/* The lower the better to take; INT64_MAX: not to be taken. */
static int64_t cost_of_losing(const struct delivery_place *place, uint64_t word, int64_t now_ms)
{
    switch (state_of(word)) {
    case FREE:
        return INT64_MIN;
    case TAKEN:
        return atomic_load(&place->until_ms) < now_ms ? INT64_MIN : atomic_load(&place->since_ms);
    case CLAIMED:
    case UNDER_WAY:
        break;
    }
    return INT64_MAX;
}

/* NULL: all are under way, or others were quicker each time. */
static struct delivery_place *claim(struct delivery_place *set, uint64_t tag, int64_t now_ms)
{
    for (int tries = 0; tries < WAYS; tries++) {
        struct delivery_place *best = NULL;
        uint64_t best_word = 0;
        int64_t best_cost = INT64_MAX;

        for (int i = 0; i < WAYS; i++) {
            uint64_t word = atomic_load(&set[i].word);
            int64_t cost = cost_of_losing(&set[i], word, now_ms);
            if (cost < best_cost) {
                best = &set[i];
                best_word = word;
                best_cost = cost;
            }
        }
        if (!best || atomic_compare_exchange_strong(&best->word, &best_word, tag | CLAIMED))
            return best;
    }
    return NULL;
}

static enum delivery_verdict verdict_of(uint64_t word)
{
    return state_of(word) == TAKEN ? DELIVERY_TAKEN : DELIVERY_UNDER_WAY;
}

enum delivery_verdict deliveries_begin(struct deliveries *deliveries, struct text route,
                                       struct text id, int64_t now_ms, int64_t until_ms,
                                       struct delivery_place **ret_place)
{
    scoped(buffer_done) struct buffer key = {0};
    uint64_t region = map_hash_keyed(route, deliveries->seed), word;

    buffer_add_text(&key, route);
    buffer_add_char(&key, '\0');
    buffer_add_text(&key, id);
    uint64_t hash = map_hash_keyed(buffer_text(&key), deliveries->seed), tag = hash & ~STATE_MASK;
    struct delivery_place *set = deliveries->places[region % REGIONS][(hash >> 32) % SETS];

    *ret_place = NULL;
    if (find(set, tag, now_ms, NULL, &word))
        return verdict_of(word);
    struct delivery_place *place = claim(set, tag, now_ms);
    if (!place)
        return DELIVERY_NEW;
    atomic_store(&place->until_ms, until_ms);
    atomic_store(&place->since_ms, now_ms);
    if (find(set, tag, now_ms, place, &word)) {
        atomic_store(&place->word, FREE);
        return verdict_of(word);
    }
    atomic_store(&place->word, tag | UNDER_WAY);
    *ret_place = place;
    return DELIVERY_NEW;
}

/* Nobody else changes the word of a place that is under way. */
void deliveries_end(struct delivery_place *place, bool is_taken)
{
    if (place)
        atomic_store(&place->word,
                     is_taken ? (atomic_load(&place->word) & ~STATE_MASK) | TAKEN : FREE);
}

struct deliveries *deliveries_new(void)
{
    struct deliveries *deliveries = mem_new(struct deliveries);

    crypto_random(deliveries->seed, sizeof deliveries->seed);
    return deliveries;
}

void deliveries_free(struct deliveries *deliveries)
{
    free(deliveries);
}
