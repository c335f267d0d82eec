/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/waf.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "patience.h"
#include "test.h"

/* One request after another through the rules, each on a loop that runs until it is done. */
struct bench {
    struct waf *waf;
    const char *answer; /* of the function; NULL: only the request is inspected */
};

static struct bench bench_open(int threads, int queue_max)
{
    const struct waf_options options = {.threads = threads, .queue_max = queue_max};
    struct error err = {0};
    struct bench bench = {.waf = waf_new(&options, &err)};

    CHECK_MSG(bench.waf, "%s", err.text);
    return bench;
}

static void bench_close(struct bench *bench)
{
    waf_free(bench->waf);
}

static struct waf_rules *compile(struct bench *bench, const char *source, struct error *err)
{
    struct error why;
    scoped(json_decref) json_t *part = json_parse(text_of(source), &why);

    CHECK_MSG(part, "%s", why.text);
    return waf_rules_compile(bench->waf, part, err);
}

static struct waf_rules *rules_of(struct bench *bench, const char *source)
{
    struct error err = {0};
    struct waf_rules *rules = compile(bench, source, &err);

    CHECK_MSG(rules, "%s: %s", source, err.text);
    return rules;
}

static void on_checked(struct waf_check *check)
{
    const struct http_field html = {TEXT("content-type"), TEXT("text/html")};
    struct bench *bench = check->owner;
    const char *answer = bench ? bench->answer : NULL;

    if (!answer || check->status) {
        loop_stop(loop_current());
        return;
    }
    bench->answer = NULL;
    waf_check_answer(check, 200, &html, 1, text_of(answer));
}

static void run_free(struct loop *loop)
{
    loop_run(loop);
    loop_free(loop);
}

/* target; type NULL: no body. The check stays open. */
static struct waf_check *inspect(struct bench *bench, const struct waf_rules *rules,
                                 const char *target, const char *type, const char *body)
{
    const struct http_field fields[] = {
        {TEXT("host"), TEXT("localhost")},
        {TEXT("user-agent"), TEXT("test")},
        {TEXT("accept"), TEXT("*/*")},
        {TEXT("content-type"), text_of(type)},
    };
    struct text rest = text_of(target), path = rest;
    const struct http_request head = {
        .method = type ? METHOD_POST : METHOD_GET,
        .method_text = type ? TEXT("POST") : TEXT("GET"),
        .target = rest,
        .path = text_slice(path, 0, text_find(path, '?')),
        .query = text_contains(rest, '?') ? text_skip(rest, text_find(rest, '?') + 1) : TEXT_NONE,
        .fields = fields,
        .field_count = type ? 4 : 3,
    };
    const struct waf_request request = {.head = &head,
                                        .version = "1.1",
                                        .client = "192.0.2.1",
                                        .client_port = 1,
                                        .port = 80,
                                        .body = text_of(body)};
    struct loop *loop = loop_new("test");
    struct waf_check *check = waf_check_request(bench->waf, rules, &request, loop, on_checked);

    CHECK(check);
    check->owner = bench;
    run_free(loop);
    return check;
}

static int status_of(struct bench *bench, const struct waf_rules *rules, const char *target,
                     const char *type, const char *body)
{
    struct waf_check *check = inspect(bench, rules, target, type, body);
    int status = check->status;

    waf_check_close(check);
    return status;
}

static bool has_match(const struct waf_check *check, int64_t id)
{
    for (size_t i = 0; i < check->match_count; i++)
        if (check->matches[i].id == id)
            return true;
    return false;
}

#define SQLI "1'%20OR%20'1'%3D'1%20UNION%20SELECT%20password%20FROM%20users--"
#define JSON_SQLI "{\"a\":\"1' OR '1'='1 UNION SELECT password FROM users--\"}"

#define PART(type)                                                                                 \
    "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: " type "\r\n\r\nhello\r\n" \
    "--b--\r\n"

TEST(attacks_are_blocked_and_plain_requests_pass)
{
    static const struct {
        const char *target, *type, *body;
        int status;
    } cases[] = {
        {"/a?q=hello", NULL, NULL, 0},
        {"/a?q=" SQLI, NULL, NULL, 403},
        {"/a?q=%3Cscript%3Ealert(1)%3C/script%3E", NULL, NULL, 403},
        {"/../../etc/passwd", NULL, NULL, 403},
        {"/.git/config", NULL, NULL, 403},
        /* CVE-2024-1019 */
        {"/a%3f/.git/config", NULL, NULL, 403},
        {"/a%3F/.git/config", NULL, NULL, 403},
        {"/a%3fb", NULL, NULL, 0},
        {"/a", "application/json", "{\"a\":\"hello\"}", 0},
        {"/a", "application/json", JSON_SQLI, 403},
        {"/a", "application/x-amz-json-1.0", JSON_SQLI, 403},
        {"/a", "application/vnd.api+json; charset=utf-8", JSON_SQLI, 403},
        {"/a", "application/json", "{\"a\":", 400},
        {"/a", "application/x-amz-json-1.1", "{\"a\":1}", 0},
        {"/a", "application/octet-stream", "abc", 0},
        /* JSON is read as JSON whatever its type, as functions read it. */
        {"/a", "text/plain", JSON_SQLI, 403},
        {"/a", "application/octet-stream", JSON_SQLI, 403},
        {"/a", "application/graphql", JSON_SQLI, 403},
        {"/a", NULL, JSON_SQLI, 403},
        {"/a", "text/plain", "{\"a\":\"hello\"}", 0},
        {"/a", "text/plain", "{\"a\":NaN}", 400},
        {"/a", "text/plain", "[info] {name} said hello", 0},
        {"/a", "application/x-www-form-urlencoded", "{\"a\":1}", 0},
        {"/a", "application/json", "", 0},
        {"/a?q=" SQLI, "application/json", "", 403},
        {"/a", "application/x-www-form-urlencoded", "q=" SQLI, 403},
        /* Texts and attributes are looked at, names are not. */
        {"/a", "text/xml", "<java.lang.Runtime a='b'>c</java.lang.Runtime>", 0},
        {"/a", "text/xml", "<a>java.lang.Runtime</a>", 403},
        {"/a", "text/xml", "<a b='java.lang.Runtime'/>", 403},
        {"/a", "text/plain", "java.lang.Runtime", 403},
        {"/a", "multipart/form-data; boundary=b", PART("text/plain; charset=utf-8"), 0},
        {"/a", "multipart/form-data; boundary=b", PART("text/plain; charset=utf-7"), 403},
    };
    struct bench bench = bench_open(1, 10);
    struct waf_rules *rules = rules_of(&bench, "\"block\"");

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct waf_check *check =
            inspect(&bench, rules, cases[i].target, cases[i].type, cases[i].body);
        CHECK_MSG(check->status == cases[i].status, "%s %s: %d (%lld %s)", cases[i].target,
                  cases[i].body ? cases[i].body : "", check->status,
                  (long long)(check->match_count ? check->matches[0].id : 0),
                  check->match_count ? check->matches[0].message : "");
        waf_check_close(check);
    }
    waf_rules_unref(rules);
    bench_close(&bench);
}

TEST(detecting_tells_what_would_have_been_blocked)
{
    struct bench bench = bench_open(2, 10);
    struct waf_rules *rules = rules_of(&bench, "{\"mode\":\"detect\"}");
    struct waf_check *check = inspect(&bench, rules, "/a?q=" SQLI, NULL, NULL);

    CHECK(check->status == 0 && check->is_logged_only);
    CHECK(has_match(check, 942100) && has_match(check, 949110));
    CHECK_TEXT(text_of(check->matches[0].message),
               "SQL Injection Attack Detected via libinjection");
    CHECK_TEXT(text_of(check->matches[0].variable), "ARGS:q");
    CHECK(check->us > 0);
    waf_check_close(check);
    check = inspect(&bench, rules, "/a?q=x", NULL, NULL);
    CHECK(!check->is_logged_only && check->match_count == 0);
    waf_check_close(check);
    waf_rules_unref(rules);
    bench_close(&bench);
}

TEST(settings_change_what_is_found)
{
    struct bench bench = bench_open(1, 10);
    struct waf_rules *high = rules_of(&bench, "{\"threshold\":1000}");
    struct waf_rules *excluded = rules_of(
        &bench, "{\"exclude\":[\"tag:attack-sqli;ARGS:q\",\"tag:attack-generic;ARGS:q\"]}");
    struct waf_rules *own =
        rules_of(&bench, "{\"rules\":\"SecRule ARGS:pet \\\"@streq dog\\\" \\\\\\n  "
                         "\\\"id:1001,phase:1,deny,status:418,msg:'no dogs'\\\"\"}");
    struct waf_rules *strict = rules_of(&bench, "{\"paranoia\":4}");
    struct waf_rules *few = rules_of(&bench, "{\"limits\":{\"arguments\":2}}");
    struct waf_rules *lines = rules_of(&bench, "{\"exclude\":[200002]}");

    CHECK(status_of(&bench, lines, "/a", "text/plain", "{\"a\":1}\n{\"a\":2}\n") == 0);
    CHECK(status_of(&bench, high, "/a?q=" SQLI, NULL, NULL) == 0);
    CHECK(status_of(&bench, excluded, "/a?q=" SQLI, NULL, NULL) == 0);
    CHECK(status_of(&bench, excluded, "/a?r=" SQLI, NULL, NULL) == 403);
    CHECK(status_of(&bench, own, "/a?pet=dog", NULL, NULL) == 418);
    CHECK(status_of(&bench, own, "/a?pet=cat", NULL, NULL) == 0);
    CHECK(status_of(&bench, strict, "/a?q=a%27%27%22%23b", NULL, NULL) == 403);
    CHECK(status_of(&bench, few, "/a?a=1&b=2", NULL, NULL) == 0);
    CHECK(status_of(&bench, few, "/a?a=1&b=2&c=3", NULL, NULL) == 400);
    waf_rules_unref(high);
    waf_rules_unref(excluded);
    waf_rules_unref(own);
    waf_rules_unref(strict);
    waf_rules_unref(few);
    waf_rules_unref(lines);
    bench_close(&bench);
}

TEST(equal_settings_share_their_rules)
{
    struct bench bench = bench_open(1, 10);
    struct waf_rules *a = rules_of(&bench, "\"block\""),
                     *b = rules_of(&bench, "{\"mode\":\"block\"}");
    struct waf_rules *c = rules_of(&bench, "\"detect\"");

    CHECK(a == b && a != c);
    waf_rules_unref(a);
    CHECK(status_of(&bench, b, "/a?q=" SQLI, NULL, NULL) == 403);
    waf_rules_unref(b);
    waf_rules_unref(c);
    bench_close(&bench);
}

/* They are merged from what is compiled by itself, so a number may be there twice. */
TEST(a_number_of_the_rule_set_is_not_for_a_route)
{
    struct bench bench = bench_open(1, 10);
    struct error err = {0};

    CHECK(!compile(&bench, "{\"rules\":\"SecRule ARGS x \\\"id:942100,phase:2,deny\\\"\"}", &err));
    CHECK(strstr(err.text, "942100 is duplicated"));
    CHECK(!compile(&bench, "{\"rules-after\":\"SecRule ARGS x \\\"id:942100,phase:2,deny\\\"\"}",
                   &err));
    CHECK(strstr(err.text, "942100 is duplicated"));
    struct waf_rules *rules = rules_of(&bench, "\"block\"");
    CHECK(status_of(&bench, rules, "/a?q=" SQLI, NULL, NULL) == 403);
    waf_rules_unref(rules);
    bench_close(&bench);
}

static void write_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "we");

    CHECK(file && fputs(content, file) >= 0);
    (void)fclose(file);
}

#define RULE(word) "SecRule ARGS:word \"@streq " word "\" \"id:1001,phase:2,deny,status:403\"\n"

/* Reading again changes what was compiled; compiling again goes by what the file says now. */
TEST(a_file_of_rules_counts_as_it_was_read_last)
{
    char folder[] = "/tmp/evoke-waf-XXXXXX", path[64], part[128];
    struct bench bench = bench_open(1, 10);
    scoped(json_decref) json_t *faults = json_array();

    CHECK(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/own.conf", folder);
    (void)snprintf(part, sizeof part, "{\"rules\":\"%s\"}", path);
    write_file(path, RULE("apple"));
    struct waf_rules *rules = rules_of(&bench, part);
    CHECK(status_of(&bench, rules, "/a?word=apple", NULL, NULL) == 403);
    write_file(path, RULE("pear"));
    CHECK(waf_reload(bench.waf, faults) == 1 && json_array_size(faults) == 0);
    CHECK(status_of(&bench, rules, "/a?word=apple", NULL, NULL) == 0);
    CHECK(status_of(&bench, rules, "/a?word=pear", NULL, NULL) == 403);
    write_file(path, RULE("apple"));
    struct waf_rules *again = rules_of(&bench, part);
    CHECK(status_of(&bench, again, "/a?word=apple", NULL, NULL) == 403);
    write_file(path, "SecRule nonsense\n");
    CHECK(waf_reload(bench.waf, faults) == 1 && json_array_size(faults) == 1);
    CHECK(status_of(&bench, again, "/a?word=apple", NULL, NULL) == 403);
    (void)unlink(path);
    CHECK(waf_reload(bench.waf, faults) == 1 && json_array_size(faults) == 2);
    CHECK(status_of(&bench, again, "/a?word=apple", NULL, NULL) == 403);
    (void)rmdir(folder);
    waf_rules_unref(rules);
    waf_rules_unref(again);
    bench_close(&bench);
}

/* An own rule of phase 1 stands before the rule set; 480 bytes of each request stayed. */
TEST(what_is_blocked_at_once_leaves_nothing_behind)
{
    struct bench bench = bench_open(1, 10);
    struct waf_rules *rules =
        rules_of(&bench, "{\"rules\":\"SecRule ARGS:pet \\\"@streq dog\\\" "
                         "\\\"id:1001,phase:1,deny,status:418,msg:'no dogs'\\\"\"}");
    const int count = 1000; /* so that what is allocated once, 50 KB, does not count */
    size_t before = 0;

    for (int i = -50; i < count; i++) {
        if (i == 0)
            before = mallinfo2().uordblks;
        CHECK(status_of(&bench, rules, "/a?pet=dog", NULL, NULL) == 418);
    }
    /* The firewall's thread may still be giving back what the last one took. */
    size_t after;
    for (int looks = 0; (after = mallinfo2().uordblks) >= before + (size_t)count * 100;)
        CHECK_MSG(patience_lasts(&looks), "%zu became %zu", before, after);
    waf_rules_unref(rules);
    bench_close(&bench);
}

TEST(answers_are_inspected_too)
{
    static const struct {
        const char *answer;
        int status;
    } cases[] = {
        {"<p>hello</p>", 0},
        {"You have an error in your SQL syntax; check the manual that corresponds to your MySQL "
         "server version for the right syntax to use near x at line 1",
         403},
    };
    struct bench bench = bench_open(1, 10);
    struct waf_rules *rules = rules_of(&bench, "{\"response\":\"body\"}");

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bench.answer = cases[i].answer;
        int status = status_of(&bench, rules, "/a", NULL, NULL);
        CHECK_MSG(status == cases[i].status, "%s: %d", cases[i].answer, status);
    }
    waf_rules_unref(rules);
    bench_close(&bench);
}

TEST(more_than_may_wait_are_refused_and_any_may_be_closed_early)
{
    const struct http_request head = {
        .method_text = TEXT("GET"), .target = TEXT("/"), .path = TEXT("/")};
    const struct waf_request request = {.head = &head, .version = "1.1", .client = "192.0.2.1"};
    struct bench bench = bench_open(1, 3);
    struct waf_rules *rules = rules_of(&bench, "\"block\"");
    struct loop *loop = loop_new("test");
    struct waf_check *checks[64];
    int taken = 0;

    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        checks[i] = waf_check_request(bench.waf, rules, &request, loop, on_checked);
        taken += checks[i] != NULL;
    }
    CHECK_MSG(taken >= 3 && taken < 64, "%d", taken);
    for (size_t i = 0; i < COUNT_OF(checks); i++)
        waf_check_close(checks[i]);
    waf_rules_unref(rules);
    /* Behind all those that were closed. */
    struct waf_rules *after = rules_of(&bench, "\"detect\"");
    struct waf_check *last = NULL;
    while (!last)
        last = waf_check_request(bench.waf, after, &request, loop, on_checked);
    run_free(loop);
    waf_check_close(last);
    waf_rules_unref(after);
    bench_close(&bench);
}

TEST(wrong_settings_are_refused_by_their_names)
{
    static const struct {
        const char *part, *says;
    } cases[] = {
        {"\"on\"", "must be off, detect or block"},
        {"{\"mod\":\"block\"}", "waf has no setting 'mod'"},
        {"{\"paranoia\":5}", "waf.paranoia must be a whole number from 1 to 4"},
        {"{\"exclude\":[\"x\"]}", "waf.exclude: 'x' is none of 942100"},
        {"{\"exclude\":[\"942100;A\\\"\"]}", "waf.exclude"},
        {"{\"exclude\":[\"942100-1\"]}", "waf.exclude"},
        {"{\"limits\":{\"bytes\":0}}", "waf.limits.bytes"},
        {"{\"oversize\":\"x\"}", "waf.oversize must be refuse or skip"},
        {"{\"rules\":\"Include /etc/passwd\"}", "waf.rules, line 1: a route's rules are"},
        {"{\"rules\":\"SecRule ARGS x \\\"id:1,phase:1\\\"\\nSecDebugLog /x\"}", "line 2"},
        {"{\"rules\":\"SecRule ARGS x \\\"id:1,phase:1,EXEC:/bin/x\\\"\"}", "'exec:' is not for"},
        {"{\"rules\":\"SecRule ARGS \\\"@pmFromFile /etc/passwd\\\" \\\"id:1\\\"\"}", "fromfile"},
        {"{\"rules\":\"SecRule ARGS x \\\"phase:1\\\"\"}", "the rules cannot be loaded"},
        {"{\"rules\":\"/none\"}", "waf.rules: "},
        {"{\"response\":\"all\"}", "waf.response must be off, head or body"},
        {"{\"outbound-threshold\":4}", "waf.outbound-threshold needs waf.response"},
        {"{\"rules\":\"SecRule RESPONSE_STATUS x \\\"id:1,phase:3\\\"\"}",
         "a rule of 'phase:3' needs waf.response"},
    };
    struct bench bench = bench_open(1, 3);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        CHECK_MSG(!compile(&bench, cases[i].part, &err), "%s", cases[i].part);
        CHECK_MSG(strstr(err.text, cases[i].says), "%s says '%s'", cases[i].part, err.text);
    }
    bench_close(&bench);
}

TEST(a_folder_without_rules_is_refused)
{
    const struct waf_options options = {.threads = 1, .queue_max = 1, .folder = "/tmp"};
    struct error err = {0};

    CHECK(!waf_new(&options, &err));
    CHECK(strstr(err.text, "'/tmp' holds no OWASP Core Rule Set"));
}

TEST(without_a_firewall_off_is_the_only_setting)
{
    struct bench none = {0};
    struct error err = {0};
    struct waf_rules *off = compile(&none, "\"off\"", &err);

    CHECK(off && waf_rules_mode(off) == WAF_OFF);
    waf_rules_unref(off);
    CHECK(!compile(&none, "\"block\"", &err));
}
