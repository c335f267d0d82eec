/* SPDX-License-Identifier: Apache-2.0 */
#include "router/tags.h"

#include "model/function.h"
#include "model/limits.h"
#include "test.h"

static struct tag tag(const char *key, const char *value)
{
    /* The tests do not write to them. */
    return (struct tag){(char *)(uintptr_t)key, (char *)(uintptr_t)value};
}

TEST(a_selector_names_functions_by_their_tags)
{
    const struct tag tags[] = {tag("team", "billing"), tag("stage", "live"), tag("empty", "")};
    static const struct {
        const char *selector;
        bool want;
    } cases[] = {
        {"team=billing", true},
        {"team=shipping", false},
        {"team=Billing", false},
        {"Team=billing", false},
        {"team", true},
        {"owner", false},
        {"team!=shipping", true},
        {"team!=billing", false},
        {"owner!=me", true},
        {"team=billing,stage=live", true},
        {" team = billing , stage != test ,empty ", true},
        {"team=billing,stage=test", false},
        {"empty=", true},
        {"team=", false},
        {"owner=", false},
        {"team=a=b", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(tags_free) struct tag_selector *selector =
            tags_compile(text_of(cases[i].selector), &err);
        CHECK_MSG(selector, "'%s': %s", cases[i].selector, err.text);
        CHECK_MSG(tags_select(selector, tags, COUNT_OF(tags)) == cases[i].want, "'%s'",
                  cases[i].selector);
    }
}

TEST(a_value_may_hold_an_equals_sign)
{
    const struct tag tags[] = {tag("x", "a=b")};
    struct error err;
    scoped(tags_free) struct tag_selector *selector = tags_compile(TEXT("x=a=b"), &err);

    CHECK(tags_select(selector, tags, 1));
}

TEST(what_is_no_selector_is_refused)
{
    static const char *const bad[] = {
        "", " ", "=billing", "!=billing", "team=billing,", ",team", "team,,stage"};
    scoped(buffer_done) struct buffer long_one = {0};
    struct error err = {0};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_MSG(!tags_compile(text_of(bad[i]), &err), "'%s' was accepted", bad[i]);
        CHECK(err.code == ERROR_INVALID && err.text[0]);
    }
    while (long_one.len <= LIMIT_SELECTOR_BYTES)
        buffer_add_literal(&long_one, "x,");
    CHECK(!tags_compile(buffer_text(&long_one), &err) && err.code == ERROR_LIMIT);
}

static struct cloud_event event_with(struct cloud_attribute *attributes, const char *type,
                                     const char *tags)
{
    attributes[0] = (struct cloud_attribute){.name = TEXT("type"), .value = text_of(type)};
    attributes[1] = (struct cloud_attribute){.name = TEXT("tags"), .value = text_of(tags)};
    return (struct cloud_event){.attributes = attributes, .count = tags ? 2 : 1};
}

TEST(a_function_accepts_events_by_dotted_words)
{
    static const struct {
        const char *accepts, *type, *tags;
        bool want;
    } cases[] = {
        {"orders", "orders", NULL, true},
        {"orders", "orders.eu", NULL, false},
        {"orders", "ordersx", NULL, false},
        {"orders.*", "orders.created", NULL, true},
        {"orders.*", "orders", NULL, false},
        {"orders.*", "orders.eu.created", NULL, false},
        {"orders.*", "orders.", NULL, false},
        {"orders.*.created", "orders.eu.created", NULL, true},
        {"orders.*.created", "orders.created", NULL, false},
        {"orders.#", "orders", NULL, true},
        {"orders.#", "orders.eu.created", NULL, true},
        {"orders.#", "order", NULL, false},
        {"#", "anything.at.all", NULL, true},
        {"orders.+", "orders.created", NULL, true},
        {"orders.+", "orders.eu.created", NULL, false},
        {"orders.++", "orders.eu.created", NULL, true},
        {"orders.++", "orders", NULL, true},
        {"++.orders", "x.orders", NULL, false},
        {"*", "one", NULL, true},
        {"*", "two.words", NULL, false},
        {"invoices.# orders.*", "orders.created", NULL, true},
        {"invoices.#,orders.*", "orders.created", NULL, true},
        {"", "orders", NULL, false},
        {"#.orders", "x.orders", NULL, false},
        /* Tags, when there are any, instead of the type. */
        {"orders.*", "com.example", "billing orders.created", true},
        {"orders.*", "com.example", "billing,orders.created", true},
        {"orders.*", "orders.created", "billing", false},
        {"orders.*", "orders.created", "", false},
        {"An Order", "An Order", NULL, false},
        {"#", "An Order", NULL, true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct tag tags[] = {tag("team", "x"), tag("accepts", cases[i].accepts)};
        struct cloud_attribute attributes[2];
        struct cloud_event event = event_with(attributes, cases[i].type, cases[i].tags);
        CHECK_MSG(tags_accept(tags, COUNT_OF(tags), &event) == cases[i].want,
                  "'%s' for '%s' and '%s'", cases[i].accepts, cases[i].type,
                  cases[i].tags ? cases[i].tags : "(none)");
        CHECK(!tags_accept(tags, 1, &event));
    }
}

TEST(a_bad_pattern_is_refused_with_its_reason)
{
    static const char *const good[] = {"",  "a",       "a.b-c_d",  "*",
                                       "#", "a.*.b.#", "a.+.b.++", " a , b "};
    static const char *const bad[] = {".",  "a.", ".a",    "a..b", "#.a", "a.b*",
                                      "a#", "**", "ok a.", "++.a", "+++", "a+"};

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct error err;
        CHECK_MSG(tags_check_accepts(text_of(good[i]), &err) == 0, "'%s' was refused", good[i]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error err = {0};
        CHECK_MSG(tags_check_accepts(text_of(bad[i]), &err) < 0, "'%s' was accepted", bad[i]);
        CHECK(err.code == ERROR_INVALID && err.text[0]);
    }
}
