/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/limit.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/crypto.h"
#include "base/map.h"
#include "base/mem.h"

/*
 * Both parts of the table are sets of WAYS slots; a key's hash chooses the set, and its tag
 * the slot in it. Tag and number at once share a word, so that a slot in use cannot change
 * hands. A slot that changes hands is tagged CLAIMED while its counters are emptied; who looks
 * for either key meanwhile does not find it, and at worst a key gets a second slot, of which
 * the later one is never found again and falls out of use.
 */
#define WAYS 8
#define TAG_SHIFT 24
#define AT_ONCE_MASK ((UINT64_C(1) << TAG_SHIFT) - 1)
#define CLAIMED UINT64_C(1) /* hashes yield tags from 2 up; 0: free */
#define COUNT_BITS 46       /* of a quota's word: what was taken; above it the period */
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
#define DAY_MS INT64_C(86400000)
#define HEADER "evoke-quotas 1"

struct limit_slot {
    _Atomic uint64_t word;   /* tag << TAG_SHIFT | number at once */
    _Atomic int64_t full_ns; /* when the bucket is full again; monotonic */
    _Atomic uint64_t quota;  /* period << COUNT_BITS | taken */
    _Atomic int64_t used_ms; /* when it was last looked for, roughly */
};

struct part {
    struct limit_slot *slots;
    size_t sets; /* a power of two */
};

struct limit_table {
    struct part others, clients;
    uint64_t seed[2];
    _Atomic int64_t now_ms; /* of the last look, for used_ms */
};

struct limit_rate limit_rate_of(double rate, int64_t burst)
{
    if (rate <= 0 || burst <= 0)
        return (struct limit_rate){.is_set = true};
    double interval = 1e9 / (rate < LIMIT_RATE_MAX ? rate : LIMIT_RATE_MAX);
    /* A bucket that takes over a year to fill is as good as one that never does. */
    double longest = 366.0 * 86400 * 1e9, depth = interval * (double)(burst - 1);

    return (struct limit_rate){
        .is_set = true,
        .interval_ns = (int64_t)((interval < longest ? interval : longest) + 0.5),
        .depth_ns = (int64_t)(depth < longest ? depth : longest),
    };
}

static struct part part_new(size_t slots)
{
    size_t sets = 64 / WAYS;

    while (sets * WAYS < slots)
        sets *= 2;
    return (struct part){mem_zalloc(sets * WAYS * sizeof(struct limit_slot)), sets};
}

struct limit_table *limit_table_new(size_t others, size_t clients)
{
    struct limit_table *table = mem_new(struct limit_table);

    table->others = part_new(others);
    table->clients = part_new(clients);
    crypto_random(table->seed, sizeof table->seed);
    return table;
}

void limit_table_free(struct limit_table *table)
{
    if (!table)
        return;
    free(table->others.slots);
    free(table->clients.slots);
    free(table);
}

/* --- finding the slot of a key --- */

static uint64_t hash_key(const struct limit_table *table, enum limit_kind kind, struct text key)
{
    const uint64_t seed[2] = {table->seed[0] + (uint64_t)kind, table->seed[1]};

    return map_hash_keyed(key, seed);
}

static uint64_t tag_of(uint64_t hash)
{
    uint64_t tag = hash >> TAG_SHIFT;
    return tag > CLAIMED ? tag : tag + 2;
}

static struct limit_slot *set_of(const struct limit_table *table, enum limit_kind kind,
                                 uint64_t hash)
{
    const struct part *part = kind == LIMIT_OF_CLIENT ? &table->clients : &table->others;

    return part->slots + (hash & (part->sets - 1)) * WAYS;
}

static struct limit_slot *find_in(struct limit_slot *set, uint64_t tag)
{
    for (int i = 0; i < WAYS; i++)
        if (atomic_load_explicit(&set[i].word, memory_order_acquire) >> TAG_SHIFT == tag)
            return &set[i];
    return NULL;
}

/* How little is lost with a slot: the higher the better to take. Negative: not to be taken. */
static int64_t worth_taking(const struct limit_slot *slot, uint64_t word, int64_t now_ms)
{
    if (word == 0)
        return INT64_MAX;
    if (word & AT_ONCE_MASK || word >> TAG_SHIFT == CLAIMED)
        return -1;
    int64_t age_ms = now_ms - atomic_load_explicit(&slot->used_ms, memory_order_relaxed);
    bool is_full = atomic_load_explicit(&slot->full_ns, memory_order_relaxed) <= now_ms * 1000000;
    bool has_quota = atomic_load_explicit(&slot->quota, memory_order_relaxed) != 0;

    if (age_ms < 0)
        age_ms = 0;
    return age_ms + (is_full && !has_quota ? INT64_MAX / 2 : 0);
}

static struct limit_slot *claim_in(struct limit_slot *set, uint64_t tag, int64_t now_ms)
{
    for (int tries = 0; tries < WAYS; tries++) {
        struct limit_slot *best = NULL;
        uint64_t best_word = 0;
        int64_t best_worth = -1;

        for (int i = 0; i < WAYS; i++) {
            uint64_t word = atomic_load_explicit(&set[i].word, memory_order_acquire);
            int64_t worth = worth_taking(&set[i], word, now_ms);
            if (worth > best_worth) {
                best = &set[i];
                best_word = word;
                best_worth = worth;
            }
        }
        if (!best)
            return NULL;
        if (!atomic_compare_exchange_strong(&best->word, &best_word, CLAIMED << TAG_SHIFT))
            continue;
        atomic_store(&best->full_ns, 0);
        atomic_store(&best->quota, 0);
        atomic_store(&best->used_ms, now_ms);
        atomic_store_explicit(&best->word, tag << TAG_SHIFT, memory_order_release);
        return best;
    }
    return NULL;
}

static struct limit_slot *slot_of(struct limit_table *table, enum limit_kind kind, struct text key)
{
    uint64_t hash = hash_key(table, kind, key), tag = tag_of(hash);
    struct limit_slot *set = set_of(table, kind, hash), *slot = find_in(set, tag);
    int64_t now_ms = atomic_load_explicit(&table->now_ms, memory_order_relaxed);

    if (!slot)
        return claim_in(set, tag, now_ms);
    if (atomic_load_explicit(&slot->used_ms, memory_order_relaxed) != now_ms)
        atomic_store_explicit(&slot->used_ms, now_ms, memory_order_relaxed);
    return slot;
}

/* --- taking --- */

static enum limit_verdict refuse(enum limit_verdict verdict, int64_t retry_ms,
                                 int64_t *ret_retry_ms)
{
    *ret_retry_ms = retry_ms > 1 ? retry_ms : 1;
    return verdict;
}

enum limit_verdict limit_take(struct limit_table *table, enum limit_kind kind, struct text key,
                              const struct limit_rate *rate, int64_t mono_us, int64_t *ret_retry_ms)
{
    if (!rate->is_set)
        return LIMIT_PASS;
    if (rate->interval_ns == 0)
        return refuse(LIMIT_RATE, 1000, ret_retry_ms);
    atomic_store_explicit(&table->now_ms, mono_us / 1000, memory_order_relaxed);

    struct limit_slot *slot = slot_of(table, kind, key);
    if (!slot)
        return LIMIT_PASS;
    int64_t now_ns = mono_us * 1000, full_ns = atomic_load(&slot->full_ns), next_ns;
    do {
        int64_t from_ns = full_ns > now_ns ? full_ns : now_ns;
        int64_t over_ns = from_ns - now_ns - rate->depth_ns;
        if (over_ns > 0)
            return refuse(LIMIT_RATE, (over_ns + 999999) / 1000000, ret_retry_ms);
        next_ns = from_ns + rate->interval_ns;
    } while (!atomic_compare_exchange_weak(&slot->full_ns, &full_ns, next_ns));
    return LIMIT_PASS;
}

/* --- quotas --- */

/* Days since 1970 of the first of the month (Howard Hinnant's "civil" arithmetic). */
static int64_t month_begin(int64_t day, int64_t *ret_next)
{
    int64_t z = day + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t begin = day - (doy - (153 * mp + 2) / 5);
    /* The year of this arithmetic begins in March, so February ends it. */
    int64_t year = yoe + 1, length = (153 * (mp + 1) + 2) / 5 - (153 * mp + 2) / 5;

    if (mp == 11)
        length = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    *ret_next = begin + length;
    return begin;
}

static int64_t period_begin(enum limit_period period, int64_t day, int64_t *ret_next)
{
    switch (period) {
    case LIMIT_DAY:
        break;
    case LIMIT_WEEK: { /* 1970 began on a Thursday */
        int64_t begin = day - (day + 4) % 7;
        *ret_next = begin + 7;
        return begin;
    }
    case LIMIT_MONTH:
        return month_begin(day, ret_next);
    }
    *ret_next = day + 1;
    return day;
}

int64_t limit_period_day(enum limit_period period, int64_t epoch_ms)
{
    int64_t next;

    return period_begin(period, epoch_ms / DAY_MS, &next);
}

/* A period is known by its first day and its kind: 16 and 2 bits. */
static uint64_t period_of(enum limit_period period, int64_t epoch_ms, int64_t *ret_end_ms)
{
    int64_t next, begin = period_begin(period, epoch_ms / DAY_MS, &next);

    *ret_end_ms = next * DAY_MS;
    return ((uint64_t)begin & 0xffff) << 2 | (uint64_t)period;
}

enum limit_verdict limit_take_quota(struct limit_table *table, enum limit_kind kind,
                                    struct text key, const struct limit_quota *quota,
                                    int64_t epoch_ms, int64_t *ret_retry_ms)
{
    if (!quota->is_set)
        return LIMIT_PASS;
    struct limit_slot *slot = slot_of(table, kind, key);
    if (!slot)
        return LIMIT_PASS;
    int64_t end_ms;
    uint64_t period = period_of(quota->period, epoch_ms, &end_ms);
    uint64_t word = atomic_load(&slot->quota), next;
    do {
        uint64_t taken = word >> COUNT_BITS == period ? word & COUNT_MASK : 0;
        if ((int64_t)taken >= quota->limit)
            return refuse(LIMIT_QUOTA, end_ms - epoch_ms, ret_retry_ms);
        next = period << COUNT_BITS | (taken + 1);
    } while (!atomic_compare_exchange_weak(&slot->quota, &word, next));
    return LIMIT_PASS;
}

int64_t limit_used(const struct limit_table *table, enum limit_kind kind, struct text key,
                   const struct limit_quota *quota, int64_t epoch_ms)
{
    uint64_t hash = hash_key(table, kind, key);
    const struct limit_slot *slot = find_in(set_of(table, kind, hash), tag_of(hash));
    int64_t end_ms;

    if (!slot)
        return 0;
    uint64_t word = atomic_load(&slot->quota);
    bool is_now = word >> COUNT_BITS == period_of(quota->period, epoch_ms, &end_ms);
    return is_now ? (int64_t)(word & COUNT_MASK) : 0;
}

/* --- at once --- */

enum limit_verdict limit_enter(struct limit_table *table, enum limit_kind kind, struct text key,
                               int64_t max, struct limit_slot **ret_slot)
{
    uint64_t tag = tag_of(hash_key(table, kind, key));

    *ret_slot = NULL;
    struct limit_slot *slot = slot_of(table, kind, key);
    if (!slot)
        return LIMIT_PASS;
    uint64_t word = atomic_load(&slot->word);
    do {
        if (word >> TAG_SHIFT != tag) /* it changed hands just now */
            return LIMIT_PASS;
        if ((int64_t)(word & AT_ONCE_MASK) >= max || (word & AT_ONCE_MASK) == AT_ONCE_MASK)
            return LIMIT_AT_ONCE;
    } while (!atomic_compare_exchange_weak(&slot->word, &word, word + 1));
    *ret_slot = slot;
    return LIMIT_PASS;
}

void limit_leave(struct limit_slot *slot)
{
    if (!slot)
        return;
    uint64_t before = atomic_fetch_sub(&slot->word, 1);
    assert(before & AT_ONCE_MASK);
}

/* --- over a restart --- */

static bool is_running(uint64_t quota, int64_t epoch_ms)
{
    uint64_t period = quota >> COUNT_BITS;
    int64_t end_ms;

    return (period & 3) <= LIMIT_MONTH &&
           period == period_of((enum limit_period)(period & 3), epoch_ms, &end_ms);
}

static void save_part(const struct part *part, char name, int64_t epoch_ms, struct buffer *out)
{
    for (size_t i = 0; i < part->sets * WAYS; i++) {
        uint64_t word = atomic_load(&part->slots[i].word),
                 quota = atomic_load(&part->slots[i].quota);
        if (word >> TAG_SHIFT > CLAIMED && quota & COUNT_MASK && is_running(quota, epoch_ms))
            buffer_add_format(out, "%c %zx %llx %llx\n", name, i / WAYS,
                              (unsigned long long)(word >> TAG_SHIFT), (unsigned long long)quota);
    }
}

void limit_save(const struct limit_table *table, int64_t epoch_ms, struct buffer *out)
{
    buffer_add_format(out, HEADER " %llx %llx %zx %zx\n", (unsigned long long)table->seed[0],
                      (unsigned long long)table->seed[1], table->others.sets, table->clients.sets);
    save_part(&table->others, 'o', epoch_ms, out);
    save_part(&table->clients, 'c', epoch_ms, out);
    buffer_add_literal(out, "end\n");
}

/* Hex of at most 16 digits. */
static bool take_hex(struct text *rest, uint64_t *ret)
{
    struct text word;
    uint64_t sum = 0;

    if (!text_split(rest, ' ', &word) || word.len == 0 || word.len > 16)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        int digit = text_hex_digit(word.at[i]);
        if (digit < 0)
            return false;
        sum = sum << 4 | (uint64_t)digit;
    }
    *ret = sum;
    return true;
}

static bool restore_line(struct part *part, size_t sets, struct text line)
{
    uint64_t set, tag, quota;

    if (!take_hex(&line, &set) || !take_hex(&line, &tag) || !take_hex(&line, &quota) ||
        line.len > 0 || set >= sets || tag <= CLAIMED || tag >> (64 - TAG_SHIFT))
        return false;
    if (sets != part->sets) /* another size now: the set is not known from its remains */
        return true;
    struct limit_slot *slot = claim_in(part->slots + set * WAYS, tag, 0);
    if (slot)
        atomic_store(&slot->quota, quota);
    return true;
}

static int restore_lines(struct limit_table *table, struct text lines, const uint64_t *head,
                         struct error *err)
{
    struct text line, kind;

    while (text_split(&lines, '\n', &line)) {
        if (text_equal(line, TEXT("end")))
            return 0;
        bool is_client = text_starts(line, TEXT("c "));
        if (!text_split(&line, ' ', &kind) || (!is_client && !text_equal(kind, TEXT("o"))) ||
            !restore_line(is_client ? &table->clients : &table->others,
                          is_client ? head[3] : head[2], line))
            break;
    }
    return error_set(err, ERROR_INVALID, "the saved quotas are damaged or cut off");
}

static void clear_part(struct part *part)
{
    for (size_t i = 0; i < part->sets * WAYS; i++) {
        atomic_store(&part->slots[i].word, 0);
        atomic_store(&part->slots[i].quota, 0);
    }
}

int limit_restore(struct limit_table *table, struct text saved, struct error *err)
{
    struct text first, rest = saved;
    uint64_t head[4];

    if (!text_split(&rest, '\n', &first) || !text_starts(first, TEXT(HEADER " ")))
        return error_set(err, ERROR_INVALID, "these are no saved quotas");
    first = text_skip(first, sizeof HEADER);
    for (size_t i = 0; i < COUNT_OF(head); i++)
        if (!take_hex(&first, &head[i]))
            return error_set(err, ERROR_INVALID, "the saved quotas are damaged or cut off");
    if (restore_lines(table, rest, head, err) < 0) {
        clear_part(&table->others);
        clear_part(&table->clients);
        return -1;
    }
    memcpy(table->seed, head, sizeof table->seed);
    return 0;
}
