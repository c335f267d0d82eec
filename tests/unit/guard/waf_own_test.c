/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/waf_priv.h"

#include <string.h>

#include "test.h"

#define ID "\"id:1001,phase:1,pass\""

TEST(rules_that_stay_in_the_request_are_taken)
{
    static const char *const cases[] = {
        "",
        "\n# a comment\n\n",
        "SecRule ARGS:pet \"@streq dog\" \"id:1001,phase:1,deny,status:418,msg:'no dogs'\"",
        "secrule ARGS|!ARGS:x|REQUEST_HEADERS:/^x-/ x " ID "\n",
        "SecRule ARGS \"@rx (?i)[\\\"']x\" \\\n  \"id:1001,phase:1,\\\n  pass\"\n",
        "SecRule ARGS \"@pm a b\" \"id:1001,phase:1,pass,chain\"\n  SecRule ARGS:a \"b\"",
        "SecAction \"id:1001,phase:1,pass,setvar:tx.a=1,setvar:'!tx.b',setvar:'tx.c=%{ARGS.q}'\"\n",
        "SecMarker END\nSecRuleRemoveById 1 2 3-5\nSecRuleRemoveByTag attack-sqli\n",
        "SecRuleUpdateTargetById 942100 \"!ARGS:q\"\nSecRuleUpdateActionById 1 \"pass,nolog\"",
        "SecRule REQUEST_FILENAME \"@endsWith /.env\" " ID,
        "SecRule ARGS:environment \"@contains second\" " ID,
        "\tSecRule ARGS \"@rx include\\s+x\" " ID,
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        CHECK_MSG(waf_own_check(text_of(cases[i]), "rules", &err) == 0, "%s: %s", cases[i],
                  err.text);
    }
}

TEST(rules_that_reach_beyond_the_request_are_refused)
{
    static const struct {
        const char *rules, *says;
    } cases[] = {
        {"Include /etc/passwd", "line 1: a route's rules are"},
        {"# a\n\nSecDebugLog /x", "line 3: a route's rules are"},
        /* The library takes what follows on the same line, or behind any white space. */
        {"SecRule ARGS x " ID " SecDebugLog /x", "SecRule has 2 to 3 words behind it"},
        {"SecRule ARGS x " ID " Include /x", "SecRule has 2 to 3 words"},
        {"SecRule ARGS x " ID "SecDebugLog /x", "where a text in quotes ends"},
        {"SecRule ARGS x " ID "\rSecDebugLog /x", "end in a line feed alone"},
        {"SecRule ARGS x \\\n " ID " \\\n SecDebugLog /x", "SecRule has"},
        {"SecMarker a SecDebugLog /x", "SecMarker has 1 to 1"},
        {"SecAction " ID " x", "SecAction has"},
        {"SecRule ARGS", "SecRule has"},
        {"# a \\\nSecRule ARGS x " ID, "a route's rules are"},
        /* Quotes that may end elsewhere than they seem to. */
        {"SecRule ARGS \"\\\" " ID, "where a text in quotes ends"},
        {"SecRule ARGS \"\\\" x\" " ID, "where a text in quotes ends"},
        {"SecRule ARGS \"@rx \\\" x\" " ID, "where a text in quotes ends"},
        {"SecRule ARGS \"a\\\\\" " ID, "where a text in quotes ends"},
        {"SecRule ARGS \"a", "where a text in quotes ends"},
        {"SecRule ARGS a\"b " ID, "where a text in quotes ends"},
        /* Nowhere, whatever it looks like. */
        {"SecRule ARGS \"@rx a Include /x\" " ID, "'include '"},
        {"SecRule ARGS \"@rx a\tINCLUDE\t/x\" " ID, "'include '"},
        {"SecRule ARGS \"@rx SecAuditLog /x\" " ID, "'secaudit'"},
        {"SecRule ARGS \"@rx secremoteRules k u\" " ID, "'secremoterules'"},
        {"SecRule ARGS x \"id:1,phase:1,EXEC:/bin/x\"", "'exec:'"},
        {"SecRule ARGS x \"id:1,phase:1,ex\\\nec:/bin/x\"", "'exec:'"},
        {"SecRule ARGS x \"id:1,phase:1,pass,setenv:a=b\"", "'setenv:'"},
        {"SecRule ARGS x \"id:1,phase:1,pass,ctl:auditEngine=On\"", "'ctl:audit'"},
        {"SecRule ARGS \"@pmFromFile /etc/passwd\" " ID, "'fromfile'"},
        {"SecRule ARGS \"@pmf\t/etc/passwd\" " ID, "'pmf '"},
        {"SecRule ENV x " ID, "'env'"},
        {"SecRule \"&ENV:HOME\" x " ID, "'env'"},
        {"SecRule ARGS|env:/x/ x " ID, "'env'"},
        {"SecAction \"id:1,phase:1,pass,setvar:tx.a=%{ENV.HOME}\"", "'env'"},
        {"SecAction \"id:1,phase:1,pass,setvar:global.a=1\"", "'setvar: of anything but tx'"},
        {"SecAction \"id:1,phase:1,pass,setvar:tx.a=1,setvar:'!ip.a'\"", "'setvar: of anything"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        CHECK_MSG(waf_own_check(text_of(cases[i].rules), "rules", &err) < 0, "%s", cases[i].rules);
        CHECK_MSG(strstr(err.text, cases[i].says), "%s says '%s'", cases[i].rules, err.text);
    }
}

TEST(rules_have_a_size)
{
    static char rules[WAF_RULES_BYTES_MAX + 2];
    struct error err = {0};

    memset(rules, '\n', sizeof rules - 1);
    CHECK(waf_own_check(text_from(rules, WAF_RULES_BYTES_MAX), "rules", &err) == 0);
    CHECK(waf_own_check(text_from(rules, WAF_RULES_BYTES_MAX + 1), "rules", &err) < 0);
    CHECK(strstr(err.text, "at most 262144 bytes"));
    CHECK(waf_own_check(text_from("\0", 1), "rules", &err) < 0);
}
