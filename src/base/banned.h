/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Included before every source file (-include). Functions that are easy to use wrongly
 * fail to compile, and assert() stays in release builds: it logs and aborts. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef assert
#define assert(expression)                                                                         \
    ((expression) ? (void)0 : assert_failed(#expression, __FILE__, __LINE__, __func__))
void assert_failed(const char *expression, const char *file, int line, const char *function)
    __attribute__((noreturn, cold));

#undef sprintf /* with _FORTIFY_SOURCE a macro for clang */
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll gmtime    \
    localtime asctime ctime mktemp tmpnam
/* OpenSSL has parameters of this name, so it cannot be poisoned. */
#define rand() banned_use_crypto_random
#define srand(seed) banned_use_crypto_random
