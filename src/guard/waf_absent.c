/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "guard/waf_priv.h"

/* A build without libmodsecurity: routes may say "off", and everything else is an error that
 * says what is missing. */

struct waf *waf_new(const struct waf_options *options, struct error *err)
{
    (void)error_set(err, ERROR_NOT_FOUND,
                    "this daemon was built without its firewall; install libmodsecurity-dev and "
                    "build it again");
    return NULL;
}

void waf_free(struct waf *waf)
{
}

struct waf_rules *waf_rules_compile(struct waf *waf, const json_t *part, struct error *err)
{
    struct waf_settings settings;

    if (waf_settings_read(part, &settings, err) < 0)
        return NULL;
    enum waf_mode mode = settings.mode;
    waf_settings_done(&settings);
    if (mode == WAF_OFF)
        return mem_new(struct waf_rules);
    (void)error_set(err, ERROR_INVALID,
                    "waf: this daemon was built without its firewall; install libmodsecurity-dev "
                    "and build it again");
    return NULL;
}

void waf_rules_unref(struct waf_rules *rules)
{
    free(rules);
}

struct waf_check *waf_check_request(struct waf *waf, const struct waf_rules *rules,
                                    const struct waf_request *request, struct loop *loop,
                                    void (*done)(struct waf_check *check))
{
    return NULL;
}

void waf_check_answer(struct waf_check *check, int status, const struct http_field *fields,
                      size_t count, struct text body)
{
}

void waf_check_close(struct waf_check *check)
{
}

int waf_reload(struct waf *waf, json_t *faults)
{
    return 0;
}

const char *waf_version(const struct waf *waf)
{
    return "";
}

enum waf_mode waf_rules_mode(const struct waf_rules *rules)
{
    return WAF_OFF;
}

const struct waf_effort *waf_rules_effort(const struct waf_rules *rules)
{
    return &rules->effort;
}

enum waf_response waf_rules_response(const struct waf_rules *rules)
{
    return WAF_RESPONSE_OFF;
}

const struct waf_limits *waf_rules_limits(const struct waf_rules *rules)
{
    return &rules->limits;
}
