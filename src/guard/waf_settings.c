/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/path.h"
#include "guard/fields.h"
#include "guard/waf_priv.h"

/* --- a user's own rules --- */

static int read_rules(const json_t *part, const char *name, struct buffer *files,
                      struct buffer *out, struct error *err)
{
    scoped(buffer_done) struct buffer content = {0};
    struct text rules = TEXT_NONE;

    if (fields_text(part, "waf", name, &rules, err) < 0)
        return -1;
    if (text_is_set(rules) && rules.at[0] == '/') {
        scoped(free) char *path = text_dup(rules);
        struct error why;
        if (path_read(path, WAF_RULES_BYTES_MAX, &content, &why) < 0)
            return error_set(err, why.code, "waf.%s: %s", name, why.text);
        buffer_add_format(files, "%s\n", path);
        rules = buffer_text(&content);
    }
    if (waf_own_check(rules, name, err) < 0)
        return -1;
    buffer_add_text(out, rules);
    if (rules.len > 0)
        buffer_add_char(out, '\n');
    return 0;
}

/* --- exclusions --- */

static bool is_safe(struct text text, const char *also)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum((unsigned char)text.at[i]) && !strchr(also, text.at[i]))
            return false;
    return text.len > 0 && text.len <= 200;
}

static bool is_id_or_range(struct text text)
{
    size_t dash = text_find(text, '-');
    int64_t first, last;

    if (!text_to_int(text_slice(text, 0, dash), 1, INT32_MAX, &first))
        return false;
    return dash == text.len ||
           (text_to_int(text_skip(text, dash + 1), 1, INT32_MAX, &last) && last >= first);
}

/* "942100", "942100-942999", "tag:attack-sqli", each with ";ARGS:q" for that variable only. */
static int write_exclusion(struct text entry, struct buffer *out, struct error *err)
{
    struct text target = entry, what;
    int64_t id;

    (void)text_split(&target, ';', &what);
    bool is_tag = text_starts(what, TEXT("tag:")), has_target = what.len < entry.len;
    struct text name = is_tag ? text_skip(what, 4) : what;
    bool is_good = is_tag ? is_safe(name, "-_./") : is_id_or_range(name);

    if (has_target)
        is_good = is_good && is_safe(target, ":_-.[]") &&
                  (is_tag || text_to_int(name, 1, INT32_MAX, &id));
    if (!is_good)
        return error_set(err, ERROR_INVALID,
                         "waf.exclude: '%.*s' is none of 942100, 942100-942999, 942100;ARGS:q, "
                         "tag:NAME, tag:NAME;ARGS:q",
                         TEXT_ARG(text_slice(entry, 0, 80)));
    if (has_target)
        buffer_add_format(out, "SecRuleUpdateTargetBy%s %.*s \"!%.*s\"\n", is_tag ? "Tag" : "Id",
                          TEXT_ARG(name), TEXT_ARG(target));
    else
        buffer_add_format(out, "SecRuleRemoveBy%s %.*s\n", is_tag ? "Tag" : "Id", TEXT_ARG(name));
    return 0;
}

static int read_exclusions(const json_t *part, struct buffer *out, struct error *err)
{
    const json_t *list = json_object_get(part, "exclude"), *item;
    size_t i;
    char number[24];

    if (list && !json_is_array(list))
        return error_set(err, ERROR_INVALID, "waf.exclude must be a list of rules");
    json_array_foreach(list, i, item)
    {
        struct text entry = {json_string_value(item), json_string_length(item)};
        if (json_is_integer(item))
            entry = text_from(number, (size_t)snprintf(number, sizeof number, "%lld",
                                                       (long long)json_integer_value(item)));
        if (write_exclusion(entry, out, err) < 0)
            return -1;
    }
    return 0;
}

/* --- the rest --- */

static int read_mode(const json_t *value, enum waf_mode *ret, struct error *err)
{
    static const char *const names[] = {"off", "detect", "block"};
    const char *name = json_string_value(value);

    for (size_t i = 0; name && i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum waf_mode)i;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "waf%s must be off, detect or block",
                     json_is_object(value) ? "" : " (or waf.mode)");
}

static int read_response(const json_t *part, struct waf_settings *ret, struct error *err)
{
    static const char *const names[] = {"off", "head", "body"};
    struct text name = text_of(names[ret->response]);

    if (fields_text(part, "waf", "response", &name, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (text_equal(name, text_of(names[i]))) {
            ret->response = (enum waf_response)i;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "waf.response must be off, head or body");
}

/* What would never be looked at is not to be set. */
static int check_response(const json_t *part, const struct waf_settings *settings,
                          struct error *err)
{
    static const char *const phases[] = {"phase:3", "phase:4", "phase:response"};
    const struct text texts[] = {buffer_text(&settings->before), buffer_text(&settings->after)};

    if (settings->response != WAF_RESPONSE_OFF)
        return 0;
    if (json_object_get(part, "outbound-threshold"))
        return error_set(err, ERROR_INVALID,
                         "waf.outbound-threshold needs waf.response: head or body");
    for (size_t i = 0; i < COUNT_OF(phases) * COUNT_OF(texts); i++) {
        struct text rules = texts[i % COUNT_OF(texts)];
        const char *phase = phases[i / COUNT_OF(texts)];
        if (text_find_text(rules, text_of(phase)) < rules.len)
            return error_set(err, ERROR_INVALID,
                             "waf.rules: a rule of '%s' needs waf.response: head or body", phase);
    }
    return 0;
}

static int read_limits(const json_t *part, struct waf_limits *limits, struct error *err)
{
    static const char *const names[] = {"bytes", "arguments", "depth", "budget", "response", NULL};
    const json_t *member = json_object_get(part, "limits");

    if (member && fields_check(member, "waf.limits", names, err) < 0)
        return -1;
    if (fields_int(member, "waf.limits", "bytes", 1, 8 << 20, &limits->bytes, err) < 0 ||
        fields_int(member, "waf.limits", "arguments", 1, 100000, &limits->arguments, err) < 0 ||
        fields_int(member, "waf.limits", "depth", 1, 500, &limits->depth, err) < 0 ||
        fields_int(member, "waf.limits", "budget", 1, 60000, &limits->budget_ms, err) < 0 ||
        fields_int(member, "waf.limits", "response", 1, 8 << 20, &limits->response, err) < 0)
        return -1;
    struct text oversize = TEXT("refuse");
    if (fields_text(part, "waf", "oversize", &oversize, err) < 0)
        return -1;
    limits->is_skipping = text_equal(oversize, TEXT("skip"));
    if (!limits->is_skipping && !text_equal(oversize, TEXT("refuse")))
        return error_set(err, ERROR_INVALID, "waf.oversize must be refuse or skip");
    return 0;
}

static int read_object(const json_t *part, struct waf_settings *ret, struct error *err)
{
    static const char *const names[] = {"mode",    "paranoia", "threshold",   "outbound-threshold",
                                        "exclude", "rules",    "rules-after", "response",
                                        "limits",  "oversize", NULL};
    const json_t *mode = json_object_get(part, "mode");

    if (fields_check(part, "waf", names, err) < 0 || (mode && read_mode(mode, &ret->mode, err) < 0))
        return -1;
    if (read_response(part, ret, err) < 0 ||
        fields_int(part, "waf", "paranoia", 1, 4, &ret->paranoia, err) < 0 ||
        fields_int(part, "waf", "threshold", 1, 100000, &ret->threshold, err) < 0 ||
        fields_int(part, "waf", "outbound-threshold", 1, 100000, &ret->outbound_threshold, err) <
            0 ||
        read_limits(part, &ret->limits, err) < 0 ||
        read_rules(part, "rules", &ret->files, &ret->before, err) < 0 ||
        read_rules(part, "rules-after", &ret->files, &ret->after, err) < 0 ||
        check_response(part, ret, err) < 0)
        return -1;
    return read_exclusions(part, &ret->after, err);
}

int waf_settings_read(const json_t *part, struct waf_settings *ret, struct error *err)
{
    *ret = (struct waf_settings){
        .mode = WAF_BLOCK,
        .paranoia = 1,
        .threshold = 5,
        .outbound_threshold = 4,
        .limits = {.bytes = 128 << 10,
                   .arguments = 1000,
                   .depth = 32,
                   .budget_ms = 20,
                   .response = 128 << 10},
    };
    if (!json_is_object(part))
        return read_mode(part, &ret->mode, err);
    if (read_object(part, ret, err) == 0)
        return 0;
    waf_settings_done(ret);
    return -1;
}

void waf_settings_done(struct waf_settings *settings)
{
    buffer_done(&settings->before);
    buffer_done(&settings->after);
    buffer_done(&settings->files);
}
