/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "guard/waf_priv.h"

/*
 * What the library is given to read. Debian's own load file is for Apache and is refused by
 * it, and it ships no recommended settings, so both are here; the rule set's files are
 * included from where they are. Variables have the names of rule set 3.x and 4.x side by side:
 * each knows its own.
 */

/* Which body is read how, and what makes one unreadable. Numbers and meanings are those of
 * the project's modsecurity.conf-recommended. Collections that outlive a request are never
 * made (see below): the library reads them without a lock, and they never expire. */
static const char base_text[] =
    "SecRequestBodyAccess On\n"
    "SecRequestBodyLimit 16777216\n"
    "SecRequestBodyNoFilesLimit 16777216\n"
    "SecRequestBodyLimitAction Reject\n"
    "SecRequestBodyJsonDepthLimit 512\n"
    "SecAuditEngine Off\n"
    "SecArgumentSeparator &\n"
    "SecCookieFormat 0\n"
    "SecResponseBodyMimeType text/plain text/html text/xml application/json\n"
    "SecResponseBodyLimit 16777216\n"
    "SecResponseBodyLimitAction ProcessPartial\n"
    "SecRule REQUEST_HEADERS:Content-Type \"^(?:application(?:/soap\\+|/)|text/)xml\" "
    "\"id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML\"\n"
    "SecRule REQUEST_HEADERS:Content-Type \"^application/(?:[a-z0-9.-]+\\+)?json|"
    "^application/x-amz-json-1\\.[01]\" "
    "\"id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON\"\n"
    /* What no type says how to read, and begins as JSON: functions read it so, whatever its type.
     * The header is ours. */
    "SecRule REQUEST_HEADERS:" WAF_JSON_FIELD " "
    "\"@streq 1\" \"id:200008,phase:1,t:none,pass,nolog,chain\"\n"
    "SecRule REQBODY_PROCESSOR \"!@rx ^(?:URLENCODED|MULTIPART|XML|JSON)$\" "
    "\"t:none,ctl:requestBodyProcessor=JSON\"\n"
    /* As the library's manual and the rule set have it: the body as a whole is for the rules only
     * where nothing has taken it apart. This library leaves it in REQUEST_BODY always, so that
     * the name of an element was taken for an attack and each member was inspected twice. */
    "SecRule REQBODY_PROCESSOR \"@rx ^(?:XML|JSON)$\" \"id:200020,phase:1,t:none,pass,nolog,"
    "ctl:ruleRemoveTargetByTag=OWASP_CRS;REQUEST_BODY\"\n"
    "SecRule REQBODY_ERROR \"!@eq 0\" \"id:200002,phase:2,t:none,log,deny,status:400,"
    "msg:'Failed to parse request body'\"\n"
    "SecRule MULTIPART_STRICT_ERROR \"!@eq 0\" \"id:200003,phase:2,t:none,log,deny,status:400,"
    "msg:'Multipart request body failed strict validation'\"\n"
    "SecRule MULTIPART_UNMATCHED_BOUNDARY \"@eq 1\" \"id:200004,phase:2,t:none,log,deny,"
    "status:400,msg:'Multipart parser detected a possible unmatched boundary'\"\n"
    "SecRule TX:/^MSC_/ \"!@streq 0\" \"id:200005,phase:2,t:none,log,deny,status:400,"
    "msg:'ModSecurity internal error flagged'\"\n";

/* What AWS-like clients need and the rule set refuses by default. Compressed bodies cannot be
 * read by the rules, so content-encoding stays restricted. */
static const char aws_text[] =
    "SecAction \"id:900200,phase:1,pass,nolog,t:none,setvar:'tx.allowed_methods="
    "GET HEAD POST OPTIONS PUT PATCH DELETE'\"\n"
    "SecAction \"id:900220,phase:1,pass,nolog,t:none,setvar:'tx.allowed_request_content_type="
    "|application/x-www-form-urlencoded| |multipart/form-data| |multipart/related| |text/xml| "
    "|application/xml| |application/soap+xml| |application/x-amf| |application/json| "
    "|application/cloudevents+json| |application/cloudevents-batch+json| "
    "|application/octet-stream| |application/csp-report| |application/xss-auditor-report| "
    "|text/plain| |application/x-amz-json-1.0| |application/x-amz-json-1.1| "
    "|application/graphql| |application/vnd.amazon.eventstream|'\"\n"
    "SecAction \"id:900250,phase:1,pass,nolog,t:none,"
    "setvar:'tx.restricted_headers=/proxy/ /lock-token/ /content-encoding/ /accept-charset/',"
    "setvar:'tx.restricted_headers_basic=/content-encoding/ /proxy/ /lock-token/ "
    "/x-http-method-override/ /x-http-method/ /x-method-override/ /x-middleware-subrequest/ "
    "/expect/'\"\n";

static void write_settings(const struct waf_settings *settings, struct buffer *out)
{
    long long threshold = settings->threshold, outbound = settings->outbound_threshold;
    int paranoia = (int)settings->paranoia;

    buffer_add_format(out,
                      "SecAction \"id:900000,phase:1,pass,nolog,t:none,"
                      "setvar:tx.paranoia_level=%d,setvar:tx.executing_paranoia_level=%d,"
                      "setvar:tx.blocking_paranoia_level=%d,"
                      "setvar:tx.detection_paranoia_level=%d\"\n",
                      paranoia, paranoia, paranoia, paranoia);
    buffer_add_format(out,
                      "SecAction \"id:900110,phase:1,pass,nolog,t:none,"
                      "setvar:tx.inbound_anomaly_score_threshold=%lld,"
                      "setvar:tx.outbound_anomaly_score_threshold=%lld\"\n",
                      threshold, outbound);
    buffer_add_literal(out, "SecAction \"id:900990,phase:1,pass,nolog,t:none,"
                            "setvar:tx.crs_setup_version=1\"\n");
    buffer_add_format(out,
                      "SecArgumentsLimit %lld\n"
                      "SecRule &ARGS \"@gt %lld\" \"id:200007,phase:2,t:none,log,deny,status:400,"
                      "msg:'Too many arguments'\"\n",
                      (long long)settings->limits.arguments + 2,
                      (long long)settings->limits.arguments);
}

static bool is_file(const char *folder, const char *name)
{
    scoped(free) char *path = path_join(folder, name);
    return access(path, R_OK) == 0;
}

/* Rule files stand in the folder, in "rules" of it, or in "@owasp_crs" (a Go package's). */
static int find_rules(const char *folder, char **ret_rules, char **ret_first, struct error *err)
{
    static const char *const places[] = {"rules", "@owasp_crs", "."};

    for (size_t i = 0; i < COUNT_OF(places); i++) {
        scoped(free) char *rules = path_join(folder, places[i]);
        scoped(free) char *first = path_join(rules, "REQUEST-901-INITIALIZATION.conf");
        if (access(first, R_OK) != 0)
            continue;
        *ret_rules = take(rules);
        *ret_first = take(first);
        return 0;
    }
    return error_set(err, ERROR_NOT_FOUND,
                     "'%s' holds no OWASP Core Rule Set (rules/REQUEST-901-INITIALIZATION.conf); "
                     "install modsecurity-crs or name another by waf-rules",
                     folder);
}

int waf_text_version(const char *folder, char ret[static 64], struct error *err)
{
    scoped(free) char *rules = NULL, *first = NULL;
    scoped(buffer_done) struct buffer content = {0};
    struct text word = TEXT_NONE;

    if (find_rules(folder, &rules, &first, err) < 0 || path_read(first, 1 << 20, &content, err) < 0)
        return -1;
    word =
        text_skip(buffer_text(&content), text_find_text(buffer_text(&content), TEXT("OWASP_CRS/")));
    size_t len = 0;
    while (len < word.len && len < 63 && !strchr("'\" \n,", word.at[len]))
        len++;
    memcpy(ret, word.len ? word.at : "", len);
    ret[len] = '\0';
    return 0;
}

/* A set-up file says what to do by default in phases 1 and 2, once; without one we do. */
static void write_setup(const char *folder, struct buffer *out)
{
    static const char *const debian = "/etc/modsecurity/crs";
    bool is_debian = strcmp(folder, WAF_DEFAULT_FOLDER) == 0;
    const char *place = is_debian ? debian : folder;

    if (is_file(place, "crs-setup.conf"))
        buffer_add_format(out, "Include %s/crs-setup.conf\n", place);
    else
        buffer_add_literal(out, "SecDefaultAction \"phase:1,log,auditlog,pass\"\n"
                                "SecDefaultAction \"phase:2,log,auditlog,pass\"\n");
    if (is_debian && is_file(debian, "REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf"))
        buffer_add_format(out, "Include %s/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf\n", debian);
}

void waf_text_head(const struct waf_settings *settings, const char *folder, struct buffer *out)
{
    buffer_add_format(out, "SecRuleEngine %s\nSecResponseBodyAccess %s\n",
                      settings->mode == WAF_BLOCK ? "On" : "DetectionOnly",
                      settings->response == WAF_RESPONSE_BODY ? "On" : "Off");
    buffer_add_text(out, text_of(base_text));
    write_setup(folder, out);
    write_settings(settings, out);
    buffer_add_text(out, text_of(aws_text));
    buffer_add_text(out, buffer_text(&settings->before));
}

int waf_text_core(const char *folder, struct buffer *out, struct error *err)
{
    scoped(free) char *rules = NULL, *first = NULL;

    if (find_rules(folder, &rules, &first, err) < 0)
        return -1;
    buffer_add_format(out, "Include %s/*.conf\n", rules);
    /* The headers of a part have their end of line in this library, behind which the rule finds no
     * charset that it knows. */
    buffer_add_literal(out, "SecRuleUpdateActionById 922150 \"t:trim\"\n");
    /* initcol of ip and global, and what would write to them. */
    buffer_add_literal(out, "SecRuleRemoveById 901320\nSecRuleRemoveById 901321\n"
                            "SecRuleRemoveById 912000-912999\n");
    if (strcmp(folder, WAF_DEFAULT_FOLDER) == 0 &&
        is_file("/etc/modsecurity/crs", "RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf"))
        buffer_add_literal(out, "Include /etc/modsecurity/crs/"
                                "RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf\n");
    return 0;
}
