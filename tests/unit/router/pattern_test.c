/* SPDX-License-Identifier: Apache-2.0 */
#include "router/pattern.h"

#include "test.h"

#define VALUES "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

TEST(a_pattern_that_is_wrong_is_refused_with_its_reason)
{
    static const struct {
        const char *pattern, *reason;
    } cases[] = {
        {"", "Filter is not an object"},
        {"[1]", "Filter is not an object"},
        {"{}", "Empty objects are not allowed"},
        {"{\"a\":{}}", "Empty objects are not allowed"},
        {"{\"a\":[]}", "Empty arrays are not allowed"},
        {"{\"a\":1}", "\"a\" must be an object or an array"},
        {"{\"a\":[[1]]}", "Match value must be String, number, true, false, or null"},
        {"{\"a\":[{\"x\":1}]}", "Unrecognized match type x"},
        {"{\"a\":[{\"prefix\":1}]}", "prefix match pattern must be a string"},
        {"{\"a\":[{\"prefix\":\"x\",\"y\":1}]}", "Only one key allowed in match expression"},
        {"{\"a\":[{\"cidr\":1}]}", "prefix match pattern must be a string"},
        {"{\"a\":[{\"cidr\":\"1.2.3.4\"}]}", "Malformed CIDR, one '/' required"},
        {"{\"a\":[{\"cidr\":\"1.2.3.4/x\"}]}", "Malformed CIDR, mask bits must be an integer"},
        {"{\"a\":[{\"cidr\":\"1.2.3.4/32\"}]}", "IPv4 mask bits must be < 32"},
        {"{\"a\":[{\"cidr\":\"1.2.3.x/2\"}]}", "Nonstandard IP address: 1.2.3.x"},
        {"{\"a\":[{\"cidr\":\"1.2.3.400/2\"}]}", "Invalid IP address: 1.2.3.400"},
        {"{\"a\":[{\"numeric\":[\">\",5,\"<\",1]}]}", "Bottom must be less than top"},
        {"{\"a\":[{\"numeric\":[\"~\",5]}]}", "Unrecognized numeric range operator: ~"},
        {"{\"a\":[{\"numeric\":[\"=\",1e400]}]}", "Cannot compare number : 1e400"},
        {"{\"a\":[{\"wildcard\":\"a**b\"}]}", "Consecutive wildcard characters at pos 2"},
        {"{\"a\":[{\"wildcard\":\"a\\\\x\"}]}", "Invalid escape character at pos 2"},
        {"{\"a\":[{\"anything-but\":[]}]}",
         "Inside anything but list, either all values are number or string, mixed type is not "
         "supported"},
        {"{\"$or\":[{\"a\":[1]}]}", "There must have at least 2 Objects in $or relationship."},
        {"{\"$or\":1}", "It must be an Array followed with $or."},
        {"{\"$or\":[1,2]}", "Only JSON object is allowed in array of $or relationship."},
        {"{\"$or\":[{\"prefix\":[1]},{\"a\":[1]}]}",
         "prefix is Ruler reserved fieldName which cannot be used inside $or."},
        {"{\"a\":[\U0001F600]}",
         "Unexpected character ('?' (code 55357 / 0xd83d)): expected a valid value " VALUES},
        {"{\"a\":[x\U0001F600]}", "Unrecognized token 'x': was expecting " VALUES},
        {"{\"a\":[\u2013]}",
         "Unexpected character ('\u2013' (code 8211 / 0x2013)): expected a valid value " VALUES},
        {"{\"a\":[1]/}",
         "Unexpected character ('/' (code 47)): maybe a (non-standard) comment? (not recognized as "
         "one since Feature 'ALLOW_COMMENTS' not enabled for parser)"},
        {"{\"a\":[+1]}",
         "Unexpected character ('+' (code 43)) in numeric value: JSON spec does not allow numbers "
         "to "
         "have plus signs: enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow"},
        {"{\"a\":[-I1]}", "Unexpected character ('1' (code 49)) in numeric value: expected digit "
                          "(0-9) to follow minus "
                          "sign, for valid numeric value"},
        {"{\"a\":[-I", "Unexpected end-of-input in a Number value"},
        {"{\"a\":[-INF]}", "Non-standard token '-INF': enable "
                           "`JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"},
        {"{\"a\":[NaN]}", "Non-standard token 'NaN': enable "
                          "`JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"},
        {"{\"a\":[1]",
         "Unexpected end-of-input: expected close marker for Object (start marker at [Source: "
         "(String)\"{\"a\":[1]\"; line: 1, column: 1])"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        struct pattern *pattern = pattern_compile(text_of(cases[i].pattern), NULL, &err);
        CHECK_MSG(!pattern, "%s was accepted", cases[i].pattern);
        CHECK_MSG(strcmp(err.text, cases[i].reason) == 0, "%s: '%s'", cases[i].pattern, err.text);
        CHECK(err.code == ERROR_INVALID);
    }
}

TEST(the_message_says_where_in_the_pattern)
{
    static const struct {
        const char *pattern, *message;
    } cases[] = {
        {"{\"time\": [{\"prefix\": 123}]}",
         "prefix match pattern must be a string\n at [Source: (String)\"{\"time\": [{\"prefix\": "
         "123}]}\"; line: 1, column: 25]"},
        {"{\"a\": [{\"anything-but\": {\"suffix\": \"\"}}]}",
         "Null prefix/suffix not allowed\n at [Source: (String)\"{\"a\": [{\"anything-but\": "
         "{\"suffix\": \"\"}}]}\"; line: 1, column: 38]"},
        {"{\"a\": [{\"anything-but\": {\"suffix\": [null]}}]}",
         "prefix/suffix match pattern must be a string\n at [Source: (String)\"{\"a\": "
         "[{\"anything-but\": {\"suffix\": [null]}}]}\"; line: 1, column: 41]\n at [Source: "
         "(String)\"{\"a\": [{\"anything-but\": {\"suffix\": [null]}}]}\"; line: 1, column: 41]"},
        {"{\"a\":\n [{\"cidr\": \"bad\"}]}", "Malformed CIDR, one '/' required"},
        {"{\"a\":\n []}", "Empty arrays are not allowed\n at [Source: (String)\"{\"a\":\n []}\"; "
                          "line: 2, column: 4]"},
        {"{\"a\":[\U0001F600]}",
         "Unexpected character ('?' (code 55357 / 0xd83d)): expected a valid value " VALUES
         "\n at [Source: (String)\"{\"a\":[\U0001F600]}\"; line: 1, column: 7]"},
        {"{'bad': 'quotation'}", "Unexpected character (''' (code 39)): was expecting double-quote "
                                 "to start field name\n at "
                                 "[Source: (String)\"{'bad': 'quotation'}\"; line: 1, column: 2]"},
        {"{\"a\": [1 2]}", "Unexpected character ('2' (code 50)): was expecting comma to separate "
                           "Array entries\n at [Source: (String)\"{\"a\": [1 2]}\"; line: 1, "
                           "column: 10]"},
        {"{\"a\": [1}", "Unexpected close marker '}': expected ']' (for Array starting at [Source: "
                        "(String)\"{\"a\": [1}\"; line: 1, column: 7])\n at [Source: "
                        "(String)\"{\"a\": [1}\"; line: "
                        "1, column: 9]"},
        {"{\"a\": [\"\\x\"]}", "Unrecognized character escape 'x' (code 120)\n at [Source: "
                               "(String)\"{\"a\": [\"\\x\"]}\"; line: 1, column: 10]"},
        {"this is not JSON",
         "Unrecognized token 'this': was expecting (JSON String, Number, Array, Object or token "
         "'null', 'true' or 'false')\n at [Source: (String)\"this is not JSON\"; line: 1, column: "
         "5]"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(buffer_done) struct buffer message = {0};
        CHECK(!pattern_compile(text_of(cases[i].pattern), &message, &err));
        struct text got = buffer_text(&message),
                    intro = TEXT("Event pattern is not valid. Reason: ");
        CHECK(text_starts(got, intro));
        CHECK_TEXT(text_skip(got, intro.len), cases[i].message);
    }
}

TEST(what_or_multiplies_is_bounded)
{
    scoped(buffer_done) struct buffer source = {0};
    struct error err = {0};

    buffer_add_char(&source, '{');
    for (int i = 0; i < 40; i++)
        buffer_add_format(&source, "%s\"%d\":{\"$or\":[{\"a\":[1]},{\"b\":[1]}]}", i ? "," : "", i);
    buffer_add_char(&source, '}');
    CHECK(!pattern_compile(buffer_text(&source), NULL, &err));
    CHECK(text_starts(text_of(err.text), TEXT("Rule is too complex")));
}

TEST(a_wildcard_has_ten_ways_to_match_at_most)
{
    static const struct {
        const char *wildcard;
        bool is_right;
    } cases[] = {
        {"*:*:*:*:*:event-bus/*", false}, /* six stars, and a colon behind five of them */
        {"*:*:*:*:*", true},
        {"arn:aws:events:us-east-1:*:event-bus/*", true},
        {"/Users/*/dir/dir/dir/dir/dir/doc.txt", true},
        {"/Users/*/dir/dir/dir/dir/dir/dir/dir/dir/doc.txt", true},
        {"/Users/*/dir/dir/dir/dir/dir/dir/dir/dir/dir/doc.txt", false},
        {"*aaaaaaaaa", true},
        {"*aaaaaaaaaa", false},
        {"*a*b*c*d*e*f*g*h*i", true},
        {"*a*b*c*d*e*f*g*h*i*", false},
        {"*ab*b*ab*ab*ab", true},
        {"*aba*aba*aba*aba", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        char source[128];
        snprintf(source, sizeof source, "{\"a\":[{\"wildcard\":\"%s\"}]}", cases[i].wildcard);
        struct pattern *pattern = pattern_compile(text_of(source), NULL, &err);
        CHECK_MSG(!pattern == !cases[i].is_right, "%s", source);
        if (!pattern)
            CHECK(text_starts(text_of(err.text),
                              TEXT("Rule is too complex - try using fewer wildcard characters")));
        pattern_unref(pattern);
    }
}
