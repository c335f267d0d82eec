/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/deliveries.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "test.h"

#define HOOK TEXT("hook")

static enum delivery_verdict begin(struct deliveries *deliveries, const char *id, int64_t now_ms,
                                   int64_t until_ms, struct delivery_place **ret_place)
{
    return deliveries_begin(deliveries, HOOK, text_of(id), now_ms, until_ms, ret_place);
}

/* From its beginning to its end. */
static enum delivery_verdict deliver(struct deliveries *deliveries, const char *id, int64_t now_ms,
                                     int64_t until_ms, bool is_taken)
{
    struct delivery_place *place;
    enum delivery_verdict verdict = begin(deliveries, id, now_ms, until_ms, &place);

    deliveries_end(place, is_taken);
    return verdict;
}

TEST(a_delivery_that_was_taken_is_known_again)
{
    scoped(deliveries_free) struct deliveries *deliveries = deliveries_new();
    struct delivery_place *place, *other;

    CHECK(begin(deliveries, "a", 0, 100, &place) == DELIVERY_NEW && place);
    CHECK(begin(deliveries, "a", 0, 100, &other) == DELIVERY_UNDER_WAY && !other);
    CHECK(begin(deliveries, "b", 0, 100, &other) == DELIVERY_NEW && other);
    deliveries_end(other, true);
    deliveries_end(place, true);
    CHECK(deliver(deliveries, "a", 1, 100, true) == DELIVERY_TAKEN);
    CHECK(deliveries_begin(deliveries, TEXT("other"), TEXT("a"), 1, 100, &other) == DELIVERY_NEW);
    deliveries_end(NULL, true);
}

TEST(what_failed_may_come_again)
{
    scoped(deliveries_free) struct deliveries *deliveries = deliveries_new();

    for (int i = 0; i < 3; i++)
        CHECK(deliver(deliveries, "a", i, 100, false) == DELIVERY_NEW);
    CHECK(deliver(deliveries, "a", 3, 100, true) == DELIVERY_NEW);
    CHECK(deliver(deliveries, "a", 4, 100, false) == DELIVERY_TAKEN);
}

TEST(a_delivery_is_forgotten_when_its_time_is_over)
{
    scoped(deliveries_free) struct deliveries *deliveries = deliveries_new();

    CHECK(deliver(deliveries, "a", 0, 100, true) == DELIVERY_NEW);
    CHECK(deliver(deliveries, "a", 100, 100, true) == DELIVERY_TAKEN);
    CHECK(deliver(deliveries, "a", 101, 200, true) == DELIVERY_NEW);
    CHECK(deliver(deliveries, "a", 102, 200, true) == DELIVERY_TAKEN);
}

/* The newest are known, whatever came before; other routes lose nothing by it. */
TEST(the_oldest_go_first)
{
    scoped(deliveries_free) struct deliveries *deliveries = deliveries_new();
    const int count = 100 * DELIVERIES_KEPT;
    int known = 0, kept = 0;
    char id[24];

    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "%d", i);
        CHECK(deliver(deliveries, id, i, INT64_MAX, true) == DELIVERY_NEW);
    }
    for (int i = count - 16; i < count; i++) {
        snprintf(id, sizeof id, "%d", i);
        known += deliver(deliveries, id, count, INT64_MAX, true) == DELIVERY_TAKEN;
    }
    CHECK(known == 16);
    for (int i = 0; i < count - DELIVERIES_KEPT * 2; i += 1000) {
        snprintf(id, sizeof id, "%d", i);
        kept += deliver(deliveries, id, count, INT64_MAX, false) == DELIVERY_TAKEN;
    }
    CHECK_MSG(kept < 40, "%d of those long ago are known", kept);
}

TEST(what_is_under_way_is_never_forgotten)
{
    scoped(deliveries_free) struct deliveries *deliveries = deliveries_new();
    struct delivery_place *place, *other;
    int unplaced = 0;
    char id[24];

    CHECK(begin(deliveries, "mine", 0, 0, &place) == DELIVERY_NEW);
    for (int i = 0; i < 3 * DELIVERIES_KEPT; i++) {
        snprintf(id, sizeof id, "%d", i);
        CHECK(begin(deliveries, id, 1, 1000, &other) == DELIVERY_NEW);
        unplaced += !other;
    }
    CHECK(unplaced >= 2 * DELIVERIES_KEPT); /* and passed all the same */
    CHECK(begin(deliveries, "mine", 2, 1000, &other) == DELIVERY_UNDER_WAY);
    deliveries_end(place, true);
}

struct crowd {
    struct deliveries *deliveries;
    pthread_barrier_t barrier;
    atomic_int passed[300];
};

static void *compete(void *arg)
{
    struct crowd *crowd = arg;
    char id[24];

    pthread_barrier_wait(&crowd->barrier);
    for (size_t i = 0; i < COUNT_OF(crowd->passed); i++) {
        snprintf(id, sizeof id, "%zu", i);
        if (deliver(crowd->deliveries, id, 0, 1000, true) == DELIVERY_NEW)
            atomic_fetch_add(&crowd->passed[i], 1);
    }
    return NULL;
}

TEST(of_threads_that_have_the_same_delivery_one_passes_at_most)
{
    scoped(deliveries_free) struct deliveries *deliveries = deliveries_new();
    scoped(free) struct crowd *crowd = mem_new(struct crowd);
    pthread_t threads[4];

    crowd->deliveries = deliveries;
    CHECK(pthread_barrier_init(&crowd->barrier, NULL, COUNT_OF(threads)) == 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, compete, crowd) == 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < COUNT_OF(crowd->passed); i++)
        CHECK(atomic_load(&crowd->passed[i]) <= 1);
    pthread_barrier_destroy(&crowd->barrier);
}
