/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "guard/waf_priv.h"

/*
 * What a route's own rules may say. The library takes the next directive wherever the last one
 * ends, on the same line too, and ends a quoted text where its scanner thinks. So a rule is read
 * here more narrowly than there: a directive that is allowed, as many words as it has, no quotes
 * whose end can be doubted; and what would reach beyond the request is not allowed anywhere, not
 * even in quotes.
 */

static const struct directive {
    const char *name;
    size_t min, max; /* words behind it */
} directives[] = {
    {"SecRule", 2, 3},
    {"SecAction", 1, 1},
    {"SecMarker", 1, 1},
    {"SecRuleRemoveById", 1, 1000},
    {"SecRuleRemoveByTag", 1, 1},
    {"SecRuleRemoveByMsg", 1, 1},
    {"SecRuleUpdateTargetById", 2, 2},
    {"SecRuleUpdateTargetByTag", 2, 2},
    {"SecRuleUpdateTargetByMsg", 2, 2},
    {"SecRuleUpdateActionById", 2, 2},
};

/* Files, programs, what outlives a request, what holds for all of them. In lower case. */
static const char *const forbidden[] = {
    "exec:",
    "setenv:",
    "inspectfile",
    "fromfile",
    "pmf ",
    "ipmatchf ",
    "validatedtd",
    "validateschema",
    "fuzzyhash",
    "@rbl",
    "@geolookup",
    "@gsb",
    "initcol:",
    "setsid:",
    "setuid:",
    "setrsc:",
    "expirevar:",
    "deprecatevar:",
    "ctl:audit",
    "ctl:debug",
    "include ",
    "includeoptional",
    "secargument",
    "secaudit",
    "seccachetransformations",
    "secchrootdir",
    "seccollectiontimeout",
    "seccomponentsignature",
    "secconn",
    "seccontentinjection",
    "seccookie",
    "secdatadir",
    "secdebuglog",
    "secdefaultaction",
    "secdisablebackend",
    "secgeolookup",
    "secgsblookup",
    "secguardianlog",
    "sechash",
    "sechttpblkey",
    "secinterceptonerror",
    "secpcrematch",
    "secremoterules",
    "secrequestbody",
    "secrequestencoding",
    "secresponsebody",
    "secruleengine",
    "secruleinheritance",
    "secruleperftime",
    "secrulescript",
    "secsensorid",
    "secserversignature",
    "secstatusengine",
    "secstream",
    "sectmp",
    "secunicode",
    "secupload",
    "secwebappid",
    "secxmlexternal",
};

/* --- words that are not allowed anywhere --- */

/* "ENV", "&ENV:HOME", "%{env.HOME}": the daemon's own environment. */
static bool is_environment(const char *lower, const char *at)
{
    return (at == lower || strchr(" \"'|!&{,", at[-1])) && strchr(" \"'|:.}", at[3]);
}

/* setvar:tx.x, setvar:'!tx.x': other collections outlive the request. */
static bool is_setting_more(const char *at)
{
    at += strlen("setvar:");
    at += *at == '\'';
    at += *at == '!';
    return strncmp(at, "tx.", 3) != 0;
}

static int check_words(const char *lower, const char *where, struct error *err)
{
    const char *found = NULL, *at;

    for (size_t i = 0; !found && i < COUNT_OF(forbidden); i++)
        if (strstr(lower, forbidden[i]))
            found = forbidden[i];
    for (at = lower; !found && (at = strstr(at, "env")); at++)
        if (is_environment(lower, at))
            found = "env";
    for (at = lower; !found && (at = strstr(at, "setvar:")); at++)
        if (is_setting_more(at))
            found = "setvar: of anything but tx";
    if (!found)
        return 0;
    return error_set(
        err, ERROR_INVALID,
        "waf.%s: '%s' is not for a route's rules: they may not reach beyond the request", where,
        found);
}

/* As it stands, a tab as a blank; and with lines joined without anything between them. */
static int check_all_words(struct text rules, const char *where, struct error *err)
{
    scoped(free) char *lower = text_dup(rules);
    size_t len = 0;

    for (size_t i = 0; i < rules.len; i++)
        lower[i] = lower[i] == '\t' ? ' ' : (char)tolower((unsigned char)lower[i]);
    if (check_words(lower, where, err) < 0)
        return -1;
    for (size_t i = 0; i < rules.len; i++)
        if (lower[i] == '\\' && lower[i + 1] == '\n')
            i++;
        else
            lower[len++] = lower[i];
    lower[len] = '\0';
    return check_words(lower, where, err);
}

/* --- one directive --- */

/* The length of a text in quotes, both counted; 0: it does not end, or the library may see another
 * end: a quote that is escaped where a text begins, or by one of two backslashes. */
static size_t quoted_len(struct text line)
{
    for (size_t i = 1; i < line.len; i++) {
        if (line.at[i] != '"')
            continue;
        if (line.at[i - 1] != '\\' || i == 1)
            return i + 1;
        if (i == 2 || strchr("\\ \"", line.at[i - 2]))
            return 0;
    }
    return 0;
}

/* False: the words of the line cannot be told apart. */
static bool next_word(struct text *line, struct text *ret)
{
    size_t len = 0;

    *line = text_trim(*line);
    if (line->len > 0 && line->at[0] == '"') {
        len = quoted_len(*line);
        if (len == 0 || (len < line->len && line->at[len] != ' ' && line->at[len] != '\t'))
            return false;
    }
    while (len < line->len && line->at[len] != ' ' && line->at[len] != '\t')
        if (line->at[len++] == '"')
            return false;
    *ret = text_slice(*line, 0, len);
    *line = text_skip(*line, len);
    return true;
}

static const struct directive *find_directive(struct text word)
{
    for (size_t i = 0; i < COUNT_OF(directives); i++)
        if (text_equal_nocase(word, text_of(directives[i].name)))
            return &directives[i];
    return NULL;
}

static int refuse(const char *where, int number, const char *what, struct error *err)
{
    return error_set(err, ERROR_INVALID, "waf.%s, line %d: %s", where, number, what);
}

static int check_directive(struct text line, const char *where, int number, struct error *err)
{
    static const char *const unclear =
        "it cannot be told where a text in quotes ends (write \\x22 for a quote in a text)";
    struct text word;
    size_t count = 0;

    if (!next_word(&line, &word))
        return refuse(where, number, unclear, err);
    const struct directive *directive = find_directive(word);
    if (!directive)
        return refuse(where, number,
                      "a route's rules are SecRule, SecAction, SecMarker, SecRuleRemove... and "
                      "SecRuleUpdate... only",
                      err);
    for (line = text_trim(line); line.len > 0; line = text_trim(line), count++)
        if (!next_word(&line, &word))
            return refuse(where, number, unclear, err);
    if (count >= directive->min && count <= directive->max)
        return 0;
    return error_set(
        err, ERROR_INVALID,
        "waf.%s, line %d: %s has %zu to %zu words behind it, and nothing follows on the "
        "same line",
        where, number, directive->name, directive->min, directive->max);
}

/* --- all of them --- */

static int check_bytes(struct text rules, const char *where, struct error *err)
{
    for (size_t i = 0; i < rules.len; i++)
        if ((unsigned char)rules.at[i] < ' ' && rules.at[i] != '\t' && rules.at[i] != '\n')
            return error_set(err, ERROR_INVALID,
                             "waf.%s: rules are text of lines that end in a line feed alone",
                             where);
    if (rules.len <= WAF_RULES_BYTES_MAX)
        return 0;
    return error_set(err, ERROR_INVALID, "waf.%s: rules are text of at most %d bytes", where,
                     WAF_RULES_BYTES_MAX);
}

int waf_own_check(struct text rules, const char *where, struct error *err)
{
    scoped(buffer_done) struct buffer whole = {0}; /* a directive, its lines joined */
    struct text rest = rules, line;
    int number = 0, first = 1;

    if (check_bytes(rules, where, err) < 0)
        return -1;
    while (text_split(&rest, '\n', &line)) {
        number++;
        if (whole.len == 0) {
            first = number;
            line = text_trim(line);
            if (line.len == 0 || (line.at[0] == '#' && !text_ends(line, TEXT("\\"))))
                continue;
        }
        bool goes_on = text_ends(line, TEXT("\\"));
        buffer_add_text(&whole, text_slice(line, 0, line.len - goes_on));
        buffer_add_char(&whole, ' ');
        if (goes_on)
            continue;
        if (check_directive(buffer_text(&whole), where, first, err) < 0)
            return -1;
        buffer_clear(&whole);
    }
    if (whole.len > 0 && check_directive(buffer_text(&whole), where, first, err) < 0)
        return -1;
    return check_all_words(rules, where, err);
}
