/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/limit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/scoped.h"
#include "test.h"

#define DAY_MS INT64_C(86400000)

static int take_many(struct limit_table *table, const char *key, const struct limit_rate *rate,
                     int64_t now_us, int times)
{
    int passed = 0;
    int64_t retry_ms;

    for (int i = 0; i < times; i++)
        passed +=
            limit_take(table, LIMIT_OF_ROUTE, text_of(key), rate, now_us, &retry_ms) == LIMIT_PASS;
    return passed;
}

TEST(a_bucket_gives_its_burst_at_once_and_then_its_rate)
{
    scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
    const struct limit_rate rate = limit_rate_of(10, 5);
    int64_t now_us = 1000000, retry_ms = 0;

    CHECK(take_many(table, "a", &rate, now_us, 100) == 5);
    CHECK(limit_take(table, LIMIT_OF_ROUTE, TEXT("a"), &rate, now_us, &retry_ms) == LIMIT_RATE);
    CHECK(retry_ms == 100);
    CHECK(take_many(table, "a", &rate, now_us + 99999, 10) == 0);
    CHECK(take_many(table, "a", &rate, now_us + 100000, 10) == 1);
    CHECK(take_many(table, "a", &rate, now_us + 400000, 10) == 3);
    CHECK(take_many(table, "a", &rate, now_us + 60000000, 10) == 5);
    CHECK(take_many(table, "b", &rate, now_us, 10) == 5);
}

TEST(a_second_of_steady_requests_passes_exactly_the_rate)
{
    scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
    const struct limit_rate rate = limit_rate_of(300, 1);
    int passed = 0;

    for (int64_t us = 0; us < 10000000; us += 500)
        passed += take_many(table, "a", &rate, 5000000 + us, 1);
    CHECK_MSG(passed >= 2700 && passed <= 3001, "%d", passed);
}

TEST(a_rate_of_zero_lets_nothing_pass_and_none_everything)
{
    scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
    const struct limit_rate none = {0}, zero = limit_rate_of(0, 5);

    CHECK(take_many(table, "a", &none, 1, 1000) == 1000);
    CHECK(take_many(table, "a", &zero, 1, 10) == 0);
}

TEST(kinds_of_keys_do_not_meet)
{
    scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
    const struct limit_rate rate = limit_rate_of(1, 1);
    int64_t retry_ms;

    for (int round = 0; round < 2; round++)
        for (int kind = LIMIT_OF_ROUTE; kind <= LIMIT_OF_CLIENT; kind++)
            CHECK(limit_take(table, (enum limit_kind)kind, TEXT("x"), &rate, 1000, &retry_ms) ==
                  (round == 0 ? LIMIT_PASS : LIMIT_RATE));
}

TEST(a_flood_of_clients_forgets_clients_but_no_route)
{
    scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
    const struct limit_rate rate = limit_rate_of(0.001, 1);
    const struct limit_quota daily = {true, 10, LIMIT_DAY};
    int64_t retry_ms;

    CHECK(take_many(table, "route", &rate, 1000000, 2) == 1);
    CHECK(!limit_take_quota(table, LIMIT_OF_ROUTE, TEXT("route"), &daily, DAY_MS, &retry_ms));
    for (int i = 0; i < 100000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        CHECK(limit_take(table, LIMIT_OF_CLIENT, text_of(key), &rate, 1000000 + i, &retry_ms) ==
              LIMIT_PASS);
    }
    CHECK(limit_take(table, LIMIT_OF_CLIENT, TEXT("0"), &rate, 1200000, &retry_ms) == LIMIT_PASS);
    CHECK(take_many(table, "route", &rate, 1200000, 2) == 0);
    CHECK(limit_used(table, LIMIT_OF_ROUTE, TEXT("route"), &daily, DAY_MS) == 1);
}

TEST(a_new_key_takes_the_place_of_a_full_bucket_before_that_of_an_empty_one)
{
    scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
    const struct limit_rate slow = limit_rate_of(0.001, 1), quick = limit_rate_of(1e6, 1);
    int64_t retry_ms;

    CHECK(!limit_take(table, LIMIT_OF_CLIENT, TEXT("bad"), &slow, 1000000, &retry_ms));
    for (int i = 0; i < 10000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        CHECK(!limit_take(table, LIMIT_OF_CLIENT, text_of(key), &quick, 2000000 + 10000 * i,
                          &retry_ms));
    }
    CHECK(limit_take(table, LIMIT_OF_CLIENT, TEXT("bad"), &slow, 102000000, &retry_ms) ==
          LIMIT_RATE);
}

TEST(a_quota_is_for_its_period_of_utc)
{
    static const struct {
        enum limit_period period;
        int64_t now_ms, end_ms;
    } cases[] = {
        {LIMIT_DAY, 20000 * DAY_MS + 5, 20001 * DAY_MS},
        {LIMIT_WEEK, 20000 * DAY_MS, 20002 * DAY_MS},         /* 2024-10-04, a Friday */
        {LIMIT_MONTH, 20000 * DAY_MS, 20028 * DAY_MS},        /* to 2024-11-01 */
        {LIMIT_MONTH, 19782 * DAY_MS, 19783 * DAY_MS},        /* 2024-02-29 */
        {LIMIT_MONTH, 20147 * DAY_MS + 1000, 20148 * DAY_MS}, /* 2025-02-28 */
        {LIMIT_MONTH, 20088 * DAY_MS + 1000, 20089 * DAY_MS}, /* 2024-12-31 */
        {LIMIT_MONTH, 20089 * DAY_MS, 20120 * DAY_MS},        /* 2025-01-01 */
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
        const struct limit_quota quota = {true, 2, cases[i].period};
        struct text key = TEXT("k");
        int64_t retry_ms = 0;

        for (int n = 0; n < 2; n++)
            CHECK(!limit_take_quota(table, LIMIT_OF_KEY, key, &quota, cases[i].now_ms, &retry_ms));
        CHECK(limit_take_quota(table, LIMIT_OF_KEY, key, &quota, cases[i].now_ms, &retry_ms) ==
              LIMIT_QUOTA);
        CHECK_MSG(retry_ms == cases[i].end_ms - cases[i].now_ms, "case %zu: %lld", i,
                  (long long)retry_ms);
        CHECK(limit_take_quota(table, LIMIT_OF_KEY, key, &quota, cases[i].end_ms - 1, &retry_ms) ==
              LIMIT_QUOTA);
        CHECK(!limit_take_quota(table, LIMIT_OF_KEY, key, &quota, cases[i].end_ms, &retry_ms));
    }
}

TEST(what_is_at_once_is_counted_to_its_end)
{
    scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
    struct limit_slot *slots[3];

    for (int i = 0; i < 3; i++)
        CHECK(limit_enter(table, LIMIT_OF_ROUTE, TEXT("r"), 3, &slots[i]) == LIMIT_PASS);
    struct limit_slot *more;
    CHECK(limit_enter(table, LIMIT_OF_ROUTE, TEXT("r"), 3, &more) == LIMIT_AT_ONCE && !more);
    limit_leave(slots[1]);
    CHECK(limit_enter(table, LIMIT_OF_ROUTE, TEXT("r"), 3, &more) == LIMIT_PASS);
    limit_leave(more);
    limit_leave(slots[0]);
    limit_leave(slots[2]);
    limit_leave(NULL);
}

TEST(a_slot_in_use_is_not_given_away)
{
    scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
    struct limit_slot *slots[64 * 2];
    int counted = 0;

    for (size_t i = 0; i < COUNT_OF(slots); i++) {
        char key[16];
        snprintf(key, sizeof key, "%zu", i);
        CHECK(limit_enter(table, LIMIT_OF_ROUTE, text_of(key), 1, &slots[i]) == LIMIT_PASS);
        counted += slots[i] != NULL;
    }
    CHECK_MSG(counted > 48 && counted <= 64, "%d", counted);
    for (size_t i = 0; i < COUNT_OF(slots); i++)
        limit_leave(slots[i]);
}

TEST(quotas_survive_a_restart)
{
    scoped(limit_table_free) struct limit_table *before = limit_table_new(64, 64);
    scoped(limit_table_free) struct limit_table *after = limit_table_new(64, 64);
    scoped(buffer_done) struct buffer saved = {0};
    const struct limit_quota quota = {true, 5, LIMIT_DAY};
    int64_t retry_ms, now_ms = 20000 * DAY_MS;
    struct error err = {0};

    for (int i = 0; i < 3; i++) {
        CHECK(!limit_take_quota(before, LIMIT_OF_ROUTE, TEXT("r"), &quota, now_ms, &retry_ms));
        CHECK(!limit_take_quota(before, LIMIT_OF_CLIENT, TEXT("c"), &quota, now_ms, &retry_ms));
    }
    limit_save(before, now_ms, &saved);
    CHECK_MSG(limit_restore(after, buffer_text(&saved), &err) == 0, "%s", err.text);
    CHECK(limit_used(after, LIMIT_OF_ROUTE, TEXT("r"), &quota, now_ms) == 3);
    CHECK(limit_used(after, LIMIT_OF_CLIENT, TEXT("c"), &quota, now_ms) == 3);
    CHECK(limit_used(after, LIMIT_OF_CLIENT, TEXT("c"), &quota, now_ms + DAY_MS) == 0);
    buffer_clear(&saved);
    limit_save(after, now_ms + DAY_MS, &saved);
    CHECK(text_find_text(buffer_text(&saved), TEXT("\no ")) == saved.len);
}

TEST(damaged_quotas_are_refused_and_change_nothing)
{
    static const char *const cases[] = {
        "",
        "x",
        "evoke-quotas 1\n",
        "evoke-quotas 1 1 2 8 8\n",
        "evoke-quotas 1 1 2 8 8\no 0 5 1",
        "evoke-quotas 1 1 2 8 8\no 8 5 1\nend\n",
        "evoke-quotas 1 1 2 8 8\no 0 1 1\nend\n",
        "evoke-quotas 1 1 2 8 8\nz 0 5 1\nend\n",
        "evoke-quotas 1 1 2 8 8\no 0 5 g\nend\n",
        "evoke-quotas 1 1 2 8 8\no 0 5 00000000000000001\nend\n",
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
        struct error err = {0};
        CHECK_MSG(limit_restore(table, text_of(cases[i]), &err) < 0, "case %zu", i);
        CHECK(err.code == ERROR_INVALID && err.text[0]);
    }
}

struct crowd {
    struct limit_table *table;
    struct limit_rate rate;
    atomic_int passed, most, inside;
    atomic_bool is_wrong;
};

static void *take_all(void *crowd_)
{
    struct crowd *crowd = crowd_;
    int64_t retry_ms;

    for (int64_t us = 0; us < 1000000; us += 10) {
        if (limit_take(crowd->table, LIMIT_OF_ROUTE, TEXT("r"), &crowd->rate, 1000000 + us,
                       &retry_ms) == LIMIT_PASS)
            atomic_fetch_add(&crowd->passed, 1);
    }
    return NULL;
}

static void *enter_all(void *crowd_)
{
    struct crowd *crowd = crowd_;

    for (int i = 0; i < 50000; i++) {
        struct limit_slot *slot;
        if (limit_enter(crowd->table, LIMIT_OF_ROUTE, TEXT("e"), 2, &slot) != LIMIT_PASS)
            continue;
        if (atomic_fetch_add(&crowd->inside, 1) >= 2)
            atomic_store(&crowd->is_wrong, true);
        atomic_fetch_sub(&crowd->inside, 1);
        limit_leave(slot);
    }
    return NULL;
}

static void run_threads(struct crowd *crowd, void *(*run)(void *))
{
    pthread_t threads[4];

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, run, crowd) == 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
}

/* Each thread lives through the same second, so those behind find the bucket used up. */
TEST(threads_together_take_no_more_than_one_alone)
{
    scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
    struct crowd crowd = {.table = table, .rate = limit_rate_of(1000, 50)};

    /* The key is there before they meet over it. */
    CHECK(take_many(table, "r", &crowd.rate, 999999, 1) == 1);
    run_threads(&crowd, take_all);
    CHECK_MSG(crowd.passed >= 1049 - 53 && crowd.passed <= 1050, "%d", (int)crowd.passed);
    struct limit_slot *slot;
    CHECK(limit_enter(table, LIMIT_OF_ROUTE, TEXT("e"), 2, &slot) == LIMIT_PASS);
    limit_leave(slot);
    run_threads(&crowd, enter_all);
    CHECK(!crowd.is_wrong);
}
