/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
/* clang-format on */

#undef assert
#define assert(expression)                                                                         \
    ((expression) ? (void)0 : assert_failed(#expression, __FILE__, __LINE__, __func__))

/*
 * A thin layer over cmocka. A test file holds TEST(a_sentence_about_behaviour) { ... }
 * blocks and ends with nothing: main() below runs all of them in order.
 */
#define TESTS_MAX 128
static struct CMUnitTest tests_[TESTS_MAX];
static size_t tests_count_;

#define TEST(name)                                                                                 \
    static void name(void **state);                                                                \
    __attribute__((constructor)) static void name##_register(void)                                 \
    {                                                                                              \
        if (tests_count_ == TESTS_MAX)                                                             \
            abort();                                                                               \
        tests_[tests_count_++] = (struct CMUnitTest){#name, name, NULL, NULL, NULL};               \
    }                                                                                              \
    static void name(__attribute__((unused)) void **state)

#define CHECK(condition) CHECK_MSG(condition, "%s", #condition)
#define CHECK_MSG(condition, ...)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error(__VA_ARGS__);                                                              \
            print_error("\n");                                                                     \
            _fail(__FILE__, __LINE__);                                                             \
        }                                                                                          \
    } while (0)

#define CHECK_TEXT(actual, literal)                                                                \
    do {                                                                                           \
        struct text check_ = (actual);                                                             \
        CHECK_MSG(text_equal(check_, text_of(literal)), "'%.*s' is not '%s'", TEXT_ARG(check_),    \
                  literal);                                                                        \
    } while (0)

int main(void)
{
    return _cmocka_run_group_tests("unit", tests_, tests_count_, NULL, NULL);
}
