/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/map.h"
#include "guard/waf.h"

/* What the files of the WAF share. */

#define WAF_RULES_BYTES_MAX (256 << 10) /* of a route's own rules */

/* What a route's setting says: waf_settings.c. */
struct waf_settings {
    enum waf_mode mode;
    int64_t paranoia, threshold, outbound_threshold;
    enum waf_response response;
    struct waf_limits limits;
    struct buffer before, after; /* rules around the rule set's, as text */
    struct buffer files;         /* the names of those that they came from */
};
int waf_settings_read(const json_t *part, struct waf_settings *ret, struct error *err);
void waf_settings_done(struct waf_settings *settings);
/* Whether a route's own rules hold nothing but rules that stay in the request: no files, programs,
 * remote rules, environment, collections that outlive a request. where: "rules". waf_own.c */
int waf_own_check(struct text rules, const char *where, struct error *err);

/* A header that the library alone sees: "1" when the body begins as JSON does. */
#define WAF_JSON_FIELD "x-evoke-body-json"

/* What the library is given to read, in three parts (waf_text.c): what stands before the rule set
 * for a setting; the rule set itself, its files as Include, the same for all settings; what stands
 * behind it is in the settings. The second fails when there is none in the folder. ret_version: of
 * it. */
#define WAF_DEFAULT_FOLDER "/usr/share/modsecurity-crs"
void waf_text_head(const struct waf_settings *settings, const char *folder, struct buffer *out);
int waf_text_core(const char *folder, struct buffer *out, struct error *err);
int waf_text_version(const char *folder, char ret[static 64], struct error *err);

/* What the library inspects by, counted: checks may hold it while the next is read. */
struct waf_set {
    atomic_int refs;
    void *library_set; /* RulesSet */
};
void waf_set_unref(struct waf_set *set);

struct waf_rules {
    struct waf_sets *sets; /* NULL: off */
    atomic_int refs;
    struct text key; /* in the map of the sets */
    char *key_copy;
    char *part; /* the setting it was compiled from, JSON */
    enum waf_mode mode;
    struct waf_effort effort;
    enum waf_response response;
    struct waf_limits limits;
    struct waf_set *set; /* as it was read last; with the lock. NULL: off */
};
struct waf_rules *waf_rules_ref(const struct waf_rules *rules);
struct waf_set *waf_rules_set(struct waf_rules *rules); /* the caller's to unref */

/* The rules of all settings in use: waf_rules.c. */
struct waf_sets {
    char *folder;
    char version[64];
    pthread_mutex_t building; /* of who builds rules, for 100 ms; taken before the other */
    pthread_mutex_t lock;     /* of the map, of the last reference to rules, of their set */
    struct map rules;         /* by what they say */
    void *core;               /* the rule set's own rules, RulesSet; NULL: not yet. With building */
};
int waf_sets_init(struct waf_sets *sets, const char *folder, struct error *err);
void waf_sets_done(struct waf_sets *sets);
struct waf_rules *waf_sets_compile(struct waf_sets *sets, const json_t *part, struct error *err);
int waf_sets_reload(struct waf_sets *sets, json_t *faults);
