/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include "base/scoped.h"
#include "base/text.h"
#include "test.h"

TEST(a_distance_counts_letters_added_removed_changed_and_swapped)
{
    static const struct {
        const char *a, *b;
        size_t want;
    } cases[] = {
        {"", "", 0},         {"list", "list", 0},  {"", "list", 4},
        {"lst", "list", 1},  {"liist", "list", 1}, {"last", "list", 1},
        {"lsit", "list", 1}, {"deploy", "url", 5}, {"kitten", "sitting", 3},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(nearest_distance(text_of(cases[i].a), text_of(cases[i].b)) == cases[i].want, "'%s' to '%s'",
                  cases[i].a, cases[i].b);
    CHECK(nearest_distance(TEXT("a word that is longer than any command is"), TEXT("list")) == SIZE_MAX);
}

TEST(the_closest_word_is_offered_if_it_is_close)
{
    static const char *const words[] = {"serve", "init",   "deploy", "invoke",    "list",
                                        "logs",  "delete", "url",    "completion"};
    static const struct {
        const char *typed, *want;
    } cases[] = {
        {"deplyo", "deploy"},  {"lst", "list"},      {"comp", "completion"},
        {"log", "logs"},       {"inovke", "invoke"}, {"remove", NULL},
        {"x", NULL},           {"", NULL},           {"ulr", "url"},
        {"destroy", "deploy"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct nearest nearest = {.typed = text_of(cases[i].typed)};
        for (size_t j = 0; j < COUNT_OF(words); j++)
            nearest_offer(&nearest, words[j]);
        CHECK_MSG(text_equal(text_of(nearest.best), text_of(cases[i].want)) &&
                      !nearest.best == !cases[i].want,
                  "'%s' gave '%s'", cases[i].typed, nearest.best ? nearest.best : "nothing");
    }
}
