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
/* Whether a user's text holds nothing but rules that stay in the request: no files, programs,
 * remote rules, collections that outlive a request. */
int waf_settings_check_rules(struct text rules, const char *at, struct error *err);

/* The whole rule set as text for the library, the rule set's own files as Include. Fails when
 * there is none in the folder. ret_version: of the rule set. waf_text.c */
#define WAF_DEFAULT_FOLDER "/usr/share/modsecurity-crs"
int waf_text_write(const struct waf_settings *settings, const char *folder, struct buffer *out,
                   struct error *err);
int waf_text_version(const char *folder, char ret[static 64], struct error *err);

struct waf_rules {
    struct waf *waf;
    atomic_int refs;
    struct text key; /* in the map of the WAF */
    char *key_copy;
    char *part;              /* the setting it was compiled from, JSON; NULL: not in the map */
    struct waf_rules *newer; /* of the same setting, read again; with the lock. Or NULL */
    enum waf_mode mode;
    struct waf_effort effort;
    enum waf_response response;
    struct waf_limits limits;
    void *set; /* the library's RulesSet; NULL: off */
};
