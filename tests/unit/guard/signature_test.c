/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/signature.h"

#include "base/json.h"
#include "test.h"

#define GITHUB "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
#define ITS "27cd941322e1680d5ca33d849138ee0dd315215425deb2f39662ea127b661e53"
#define ITS_UPPER \
    "27CD941322E1680D5CA33D849138EE0DD315215425DEB2F39662EA127B661E53"
#define STANDARD "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define SLACK_BODY                                                                             \
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="     \
    "G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-" \
    "collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F"       \
    "397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."             \
    "803a0bc887a14d10d2c447fce8b6703c"

static struct signature *compile(const char *source, struct error *err)
{
    scoped(json_decref) json_t *json = json_loads(source, JSON_DECODE_ANY, NULL);

    CHECK_MSG(json != NULL, "%s", source);
    return signature_compile(json, err);
}

/* fields: name, value, name, value, NULL */
static bool passes(const char *settings, const char *const *fields, const char *body, int64_t now_s,
                   struct signed_delivery *ret_delivery)
{
    struct http_field list[8];
    struct http_request request = {.fields = list};
    struct error err = {0};
    scoped(signature_free) struct signature *signature = compile(settings, &err);

    CHECK_MSG(signature != NULL, "%s: %s", settings, err.text);
    for (; fields[0]; fields += 2)
        list[request.field_count++] = (struct http_field){text_of(fields[0]), text_of(fields[1])};
    return signature_check(signature, &request, text_of(body), now_s, ret_delivery, &err) == 0;
}

TEST(what_the_schemes_document_is_right)
{
    static const struct {
        const char *settings, *body;
        const char *fields[8];
        int64_t now_s;
        bool right;
        const char *id;
    } cases[] = {
        {"\"github It's_a_Secret_to_Everybody\"",
         "Hello, World!",
         {"x-hub-signature-256", "sha256=" GITHUB},
         0,
         false,
         NULL},
        {"{\"scheme\":\"github\",\"secrets\":[\"new\",\"It's a Secret to Everybody\"]}",
         "Hello, World!",
         {"x-hub-signature-256", "sha256=" GITHUB, "x-github-delivery", "d"},
         0,
         true,
         NULL},
        {"{\"scheme\":\"github\",\"secrets\":[\"It's a Secret to Everybody\"]}",
         "Hello, World?",
         {"x-hub-signature-256", "sha256=" GITHUB},
         0,
         false,
         NULL},
        {"{\"scheme\":\"github\",\"secrets\":[\"It's a Secret to Everybody\"]}",
         "Hello, World!",
         {"x-hub-signature-256", GITHUB},
         0,
         false,
         NULL},
        {"{\"scheme\":\"github\",\"secrets\":[\"It's a Secret to Everybody\"]}",
         "Hello, World!",
         {NULL},
         0,
         false,
         NULL},
        {"\"slack 8f742231b10e8888abcd99yyyzzz85a5\"",
         SLACK_BODY,
         {"x-slack-signature",
          "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
          "x-slack-request-timestamp", "1531420618"},
         1531420918,
         true,
         NULL},
        {"\"slack 8f742231b10e8888abcd99yyyzzz85a5\"",
         SLACK_BODY,
         {"x-slack-signature",
          "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
          "x-slack-request-timestamp", "1531420618"},
         1531420919,
         false,
         NULL},
        {"\"standard whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
         "{\"test\": 2432232314}",
         {"webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp", "1614265330",
          "webhook-signature", "v1,AAAA v2," STANDARD " " STANDARD},
         1614265030,
         true,
         "msg_p5jXN8AQM9LWM0D4loKWxJek"},
        {"\"standard MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
         "{\"test\": 2432232314}",
         {"webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp", "1614265330",
          "webhook-signature", STANDARD},
         1614265029,
         false,
         NULL},
        {"\"standard MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
         "{\"test\": 2432232314}",
         {"webhook-id", "msg_x", "webhook-timestamp", "1614265330", "webhook-signature", STANDARD},
         1614265330,
         false,
         NULL},
        {"{\"scheme\":\"stripe\",\"secrets\":[\"whsec_test\"],\"tolerance\":10}",
         "{}",
         {"stripe-signature", "t=1,v1=00"},
         1,
         false,
         NULL},
        {"{\"scheme\":\"stripe\",\"secrets\":[\"whsec_new\",\"whsec_test\"],\"tolerance\":10}",
         "{}",
         {"stripe-signature",
          "t=1614265330, "
          "v0=x,v1=00,v1=5790023bd77209313f2e32e36caf5921bdd2fac398095f83dc2d2ecd5f696f50"},
         1614265340,
         true,
         NULL},
        {"{\"scheme\":\"stripe\",\"secrets\":[\"whsec_test\"],\"tolerance\":10}",
         "{}",
         {"stripe-signature",
          "t=1614265330,v1=5790023bd77209313f2e32e36caf5921bdd2fac398095f83dc2d2ecd5f696f50"},
         1614265341,
         false,
         NULL},
        {"\"standard whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\"",
         "{}",
         {"webhook-id", "msg_1", "webhook-timestamp", "1614265330", "webhook-signature",
          "v1a,G+FOcjOrQw25LBHP01nQRuFFFOWFpq7Zx0a8WbB9EYLleGrIWLEnEZWXrjCl+uy/"
          "iS1RUZxWElSsyZWD1VtsBA=="},
         1614265330,
         true,
         "msg_1"},
        {"\"standard whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\"",
         "{ }",
         {"webhook-id", "msg_1", "webhook-timestamp", "1614265330", "webhook-signature",
          "v1a,G+FOcjOrQw25LBHP01nQRuFFFOWFpq7Zx0a8WbB9EYLleGrIWLEnEZWXrjCl+uy/"
          "iS1RUZxWElSsyZWD1VtsBA=="},
         1614265330,
         false,
         NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct signed_delivery delivery;
        CHECK_MSG(passes(cases[i].settings, cases[i].fields, cases[i].body, cases[i].now_s,
                         &delivery) == cases[i].right,
                  "case %zu", i);
        if (!cases[i].right)
            continue;
        if (cases[i].id)
            CHECK_TEXT(delivery.id, cases[i].id);
        else
            CHECK(delivery.id.len == SHA256_LEN);
    }
}

/* Whoever has recorded a delivery can write it in other ways, but those are the same delivery. */
TEST(what_is_not_signed_does_not_tell_deliveries_apart)
{
    const char *settings = "\"github It's\"";
    const char *const first[] = {"x-hub-signature-256", "sha256=" ITS, "x-github-delivery", "a",
                                 NULL};
    const char *const second[] = {"x-hub-signature-256", "sha256=" ITS_UPPER, "x-github-delivery",
                                  "b", NULL};
    struct signed_delivery one, other, third;

    CHECK(passes(settings, first, "Hello", 0, &one));
    CHECK(passes(settings, second, "Hello", 7, &other));
    CHECK(text_equal(one.id, other.id) && one.until_s == INT64_MAX);
    const char *const stripe[] = {"stripe-signature",
                                  "t=1614265330,v1=5790023bd77209313f2e32e36caf5921bdd2fac398095f83"
                                  "dc2d2ecd5f696f50",
                                  NULL};
    CHECK(passes("{\"scheme\":\"stripe\",\"secrets\":[\"whsec_test\"],\"tolerance\":10}", stripe,
                 "{}", 1614265335, &third));
    CHECK(!text_equal(one.id, third.id) && third.until_s == 1614265340);
}

TEST(what_becomes_of_replays_is_a_setting)
{
    static const struct {
        const char *settings;
        enum signature_replay replay;
    } cases[] = {
        {"\"github x\"", SIGNATURE_ALLOW},
        {"\"stripe x\"", SIGNATURE_REFUSE},
        {"\"slack x\"", SIGNATURE_REFUSE},
        {"\"standard eA==\"", SIGNATURE_REFUSE},
        {"{\"scheme\":\"github\",\"secrets\":[\"x\"],\"replay\":\"refuse\"}", SIGNATURE_REFUSE},
        {"{\"scheme\":\"stripe\",\"secrets\":[\"x\"],\"replay\":\"allow\"}", SIGNATURE_ALLOW},
        {"{\"scheme\":\"slack\",\"secrets\":[\"x\"],\"replay\":\"ignore\"}", SIGNATURE_IGNORE},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(signature_free) struct signature *signature = compile(cases[i].settings, &err);
        CHECK_MSG(signature && signature_replay(signature) == cases[i].replay, "%s: %s",
                  cases[i].settings, err.text);
    }
}

TEST(settings_that_are_wrong_are_told)
{
    static const struct {
        const char *settings, *reason;
    } cases[] = {
        {"\"gitlab x\"", "signature.scheme must be github, stripe, slack or standard"},
        {"\"github\"", "signature.secrets must name a secret"},
        {"\"github env:NO_SUCH_SECRET\"",
         "signature.secrets: the daemon's environment has no 'NO_SUCH_SECRET'"},
        {"\"github file:/no/such\"",
         "signature.secrets: '/no/such' cannot be read: No such file or directory"},
        {"\"github file:/bin/sh\"", "signature.secrets: '/bin/sh' has more than 4096 bytes"},
        {"\"standard x!\"",
         "signature.secrets: one of scheme standard is base64 behind \"whsec_\" or, for a public "
         "key, \"whpk_\""},
        {"{\"scheme\":\"slack\",\"secrets\":[\"x\"],\"replay\":\"no\"}",
         "signature.replay must be refuse, ignore or allow: what becomes of a delivery that was "
         "taken and comes again"},
        {"\"standard whpk_AAAA\"", "signature.secrets: a public key of Ed25519 has 32 bytes"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        CHECK(!compile(cases[i].settings, &err));
        CHECK_TEXT(text_of(err.text), cases[i].reason);
    }
}
