/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <modsecurity/rules_set.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "guard/waf_priv.h"

/*
 * The rule set's 900 rules take 16 MB and a tenth of a second, so they are compiled once, without
 * anything of a route. A route's own set begins with what its setting says, then gets the rule
 * set's rules merged into it, which the library does by pointers, and then what stands behind them:
 * some 40 KB and a millisecond. Paranoia and thresholds are variables that the beginning sets,
 * exclusions are looked up in the set that a request is inspected by, and mode and limits are that
 * set's own.
 */

/* --- what the library inspects by --- */

void waf_set_unref(struct waf_set *set)
{
    if (!set || atomic_fetch_sub(&set->refs, 1) > 1)
        return;
    msc_rules_cleanup(set->library_set);
    free(set);
}

/* The library's text names the file and line of a rule; a route's own rules have no file. */
static int refuse(const char *reason, struct error *err)
{
    (void)error_set(err, ERROR_INVALID, "waf: the rules cannot be loaded: %.300s",
                    reason ? reason : "");
    free((char *)(uintptr_t)reason);
    return -1;
}

static int add(RulesSet *set, const char *text, struct error *err)
{
    const char *reason = NULL;

    return msc_rules_add(set, text, &reason) < 0 ? refuse(reason, err) : 0;
}

static int merge(RulesSet *set, RulesSet *core, struct error *err)
{
    const char *reason = NULL;

    return msc_rules_merge(set, core, &reason) < 0 ? refuse(reason, err) : 0;
}

/* --- the rule set's own rules; with the lock of building --- */

static RulesSet *core_load(const char *folder, struct error *err)
{
    scoped(buffer_done) struct buffer text = {0};

    if (waf_text_core(folder, &text, err) < 0)
        return NULL;
    RulesSet *core = msc_create_rules_set();
    if (add(core, text.at, err) == 0)
        return core;
    msc_rules_cleanup(core);
    return NULL;
}

static void core_replace(struct waf_sets *sets, RulesSet *core)
{
    if (sets->core)
        msc_rules_cleanup(sets->core);
    sets->core = core;
}

/* --- a setting's set; with the lock of building --- */

static struct waf_set *set_load(struct waf_sets *sets, const char *head,
                                const struct waf_settings *settings, struct error *err)
{
    if (!sets->core)
        core_replace(sets, core_load(sets->folder, err));
    if (!sets->core)
        return NULL;
    struct waf_set *set = mem_new(struct waf_set);
    atomic_store(&set->refs, 1);
    set->library_set = msc_create_rules_set();
    if (add(set->library_set, head, err) == 0 && merge(set->library_set, sets->core, err) == 0 &&
        (settings->after.len == 0 || add(set->library_set, settings->after.at, err) == 0))
        return set;
    waf_set_unref(set);
    return NULL;
}

struct waf_set *waf_rules_set(struct waf_rules *rules)
{
    pthread_mutex_lock(&rules->sets->lock);
    struct waf_set *set = rules->set;
    atomic_fetch_add(&set->refs, 1);
    pthread_mutex_unlock(&rules->sets->lock);
    return set;
}

/* Takes the set. */
static void set_replace(struct waf_rules *rules, struct waf_set *set)
{
    pthread_mutex_lock(&rules->sets->lock);
    struct waf_set *old = rules->set;
    rules->set = set;
    pthread_mutex_unlock(&rules->sets->lock);
    waf_set_unref(old);
}

/* --- rules --- */

static void rules_free(struct waf_rules *rules)
{
    waf_set_unref(rules->set);
    free(rules->key_copy);
    free(rules->part);
    free(rules);
}

/* "OWASP_CRS/4.25.0": 4 */
static int rule_set_of(const char *version)
{
    const char *slash = strchr(version, '/');

    return slash && slash[1] >= '0' && slash[1] <= '9' ? slash[1] - '0' : 4;
}

static struct waf_rules *rules_new(struct waf_sets *sets, const struct waf_settings *settings)
{
    struct waf_rules *rules = mem_new(struct waf_rules);

    rules->sets = sets;
    atomic_store(&rules->refs, 1);
    rules->mode = settings->mode;
    rules->effort =
        (struct waf_effort){(int)settings->paranoia, sets ? rule_set_of(sets->version) : 0};
    rules->response = settings->response;
    rules->limits = settings->limits;
    return rules;
}

/* What a file says may change, so two settings that name different ones stay apart. */
static void make_key(const struct waf_settings *settings, struct text head, char ret[static 65])
{
    scoped(buffer_done) struct buffer key = {0};
    uint8_t hash[SHA256_LEN];

    buffer_add_format(&key, "%d %d %lld %lld %lld %lld %lld %lld %d\n", (int)settings->mode,
                      (int)settings->response, (long long)settings->limits.response,
                      (long long)settings->paranoia, (long long)settings->limits.bytes,
                      (long long)settings->limits.arguments, (long long)settings->limits.depth,
                      (long long)settings->limits.budget_ms, settings->limits.is_skipping);
    buffer_add_format(&key, "%zu %zu\n", settings->files.len, head.len);
    buffer_add_text(&key, buffer_text(&settings->files));
    buffer_add_text(&key, head);
    buffer_add_text(&key, buffer_text(&settings->after));
    crypto_sha256(buffer_text(&key), hash);
    crypto_hex(hash, sizeof hash, ret);
}

static struct waf_rules *find(struct waf_sets *sets, struct text key)
{
    pthread_mutex_lock(&sets->lock);
    struct waf_rules *rules = map_find(&sets->rules, key);
    if (rules)
        atomic_fetch_add(&rules->refs, 1);
    pthread_mutex_unlock(&sets->lock);
    return rules;
}

static struct waf_rules *add_rules(struct waf_sets *sets, const struct waf_settings *settings,
                                   const char *key, const char *part)
{
    struct waf_rules *rules = rules_new(sets, settings);

    rules->part = mem_strdup(part);
    rules->key_copy = mem_strdup(key);
    rules->key = text_of(rules->key_copy);
    pthread_mutex_lock(&sets->lock);
    (void)map_put(&sets->rules, rules->key, rules);
    pthread_mutex_unlock(&sets->lock);
    return rules;
}

/* With the lock of building: the other is for moments. A file of rules may have been read again
 * since these were compiled, and says now what it said then: hence a set of its own for each. */
static struct waf_rules *find_or_load(struct waf_sets *sets, const struct waf_settings *settings,
                                      const char *part, struct error *err)
{
    scoped(buffer_done) struct buffer head = {0};
    char key[65];

    waf_text_head(settings, sets->folder, &head);
    make_key(settings, buffer_text(&head), key);
    struct waf_rules *rules = find(sets, text_of(key));
    if (rules && settings->files.len == 0)
        return rules;
    struct waf_set *set = set_load(sets, head.at, settings, err);
    if (!set) {
        waf_rules_unref(rules);
        return NULL;
    }
    if (!rules)
        rules = add_rules(sets, settings, key, part);
    set_replace(rules, set);
    return rules;
}

struct waf_rules *waf_sets_compile(struct waf_sets *sets, const json_t *part, struct error *err)
{
    struct waf_settings settings;
    struct waf_rules *rules = NULL;

    if (waf_settings_read(part, &settings, err) < 0)
        return NULL;
    if (settings.mode == WAF_OFF) {
        rules = rules_new(NULL, &settings);
    } else if (!sets) {
        (void)error_set(err, ERROR_INVALID, "waf: this daemon runs without its firewall");
    } else {
        scoped(free) char *source = json_dumps(part, JSON_SORT_KEYS | JSON_ENCODE_ANY);
        pthread_mutex_lock(&sets->building);
        rules = find_or_load(sets, &settings, source, err);
        pthread_mutex_unlock(&sets->building);
    }
    waf_settings_done(&settings);
    return rules;
}

struct waf_rules *waf_rules_ref(const struct waf_rules *const_rules)
{
    struct waf_rules *rules = (struct waf_rules *)(uintptr_t)const_rules;

    atomic_fetch_add(&rules->refs, 1);
    return rules;
}

/* The last reference goes under the lock, so that nobody finds what is being freed. */
void waf_rules_unref(struct waf_rules *rules)
{
    if (!rules)
        return;
    int refs = atomic_load(&rules->refs);
    while (refs > 1)
        if (atomic_compare_exchange_weak(&rules->refs, &refs, refs - 1))
            return;
    struct waf_sets *sets = rules->sets;
    if (!sets) {
        if (atomic_fetch_sub(&rules->refs, 1) == 1)
            rules_free(rules);
        return;
    }
    pthread_mutex_lock(&sets->lock);
    bool is_last = atomic_fetch_sub(&rules->refs, 1) == 1;
    if (is_last)
        (void)map_remove(&sets->rules, rules->key);
    pthread_mutex_unlock(&sets->lock);
    if (is_last)
        rules_free(rules);
}

/* --- reading again --- */

static int reload_one(struct waf_sets *sets, struct waf_rules *rules, struct error *err)
{
    scoped(json_decref) json_t *part = json_loads(rules->part, JSON_DECODE_ANY, NULL);
    scoped(buffer_done) struct buffer head = {0};
    struct waf_settings settings;

    if (waf_settings_read(part, &settings, err) < 0)
        return -1;
    waf_text_head(&settings, sets->folder, &head);
    struct waf_set *set = set_load(sets, head.at, &settings, err);
    waf_settings_done(&settings);
    if (!set)
        return -1;
    set_replace(rules, set);
    return 0;
}

/* All in use, counted. */
static struct waf_rules **take_all(struct waf_sets *sets, size_t *ret_count)
{
    struct map_cursor cursor = {0};
    size_t count = 0;

    pthread_mutex_lock(&sets->lock);
    struct waf_rules **all = mem_zalloc((sets->rules.count + 1) * sizeof *all);
    while (map_next(&sets->rules, &cursor)) {
        all[count] = cursor.value;
        atomic_fetch_add(&all[count++]->refs, 1);
    }
    pthread_mutex_unlock(&sets->lock);
    *ret_count = count;
    return all;
}

static void add_fault(json_t *faults, const struct error *err)
{
    json_array_append_new(faults, json_string(err->text));
}

/* Nobody's rules are read when they are asked for. */
static void core_reload(struct waf_sets *sets, size_t users, json_t *faults)
{
    struct error err;
    RulesSet *core = users > 0 ? core_load(sets->folder, &err) : NULL;

    if (users > 0 && !core)
        add_fault(faults, &err);
    else
        core_replace(sets, core);
}

int waf_sets_reload(struct waf_sets *sets, json_t *faults)
{
    size_t count;
    struct error err;

    pthread_mutex_lock(&sets->building);
    scoped(free) struct waf_rules **all = take_all(sets, &count);
    core_reload(sets, count, faults);
    for (size_t i = 0; i < count; i++) {
        if (reload_one(sets, all[i], &err) < 0)
            add_fault(faults, &err);
        waf_rules_unref(all[i]);
    }
    pthread_mutex_unlock(&sets->building);
    /* Each thread of the pool has memory of its own, and would keep what an old rule set took
     * there. */
    (void)malloc_trim(0);
    return (int)count;
}

/* --- the whole --- */

int waf_sets_init(struct waf_sets *sets, const char *folder, struct error *err)
{
    sets->folder = mem_strdup(folder);
    pthread_mutex_init(&sets->building, NULL);
    pthread_mutex_init(&sets->lock, NULL);
    return waf_text_version(folder, sets->version, err);
}

void waf_sets_done(struct waf_sets *sets)
{
    core_replace(sets, NULL);
    map_done(&sets->rules);
    pthread_mutex_destroy(&sets->building);
    pthread_mutex_destroy(&sets->lock);
    free(sets->folder);
}

enum waf_mode waf_rules_mode(const struct waf_rules *rules)
{
    return rules->mode;
}

const struct waf_effort *waf_rules_effort(const struct waf_rules *rules)
{
    return &rules->effort;
}

enum waf_response waf_rules_response(const struct waf_rules *rules)
{
    return rules->response;
}

const struct waf_limits *waf_rules_limits(const struct waf_rules *rules)
{
    return &rules->limits;
}
