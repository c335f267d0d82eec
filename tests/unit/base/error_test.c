/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>

#include "base/text.h"
#include "test.h"

TEST(an_error_has_code_and_text)
{
    struct error err;
    CHECK(error_set(&err, ERROR_LIMIT, "at most %d %s", 5, "words") == -1);
    CHECK(err.code == ERROR_LIMIT);
    CHECK_TEXT(text_of(err.text), "at most 5 words");
}

TEST(a_long_text_is_cut)
{
    struct error err;
    error_set(&err, ERROR_INVALID, "%600d", 1);
    CHECK(strlen(err.text) == sizeof err.text - 1);
    errno = ENOENT;
    error_system(&err, "%600d", 1);
    CHECK(strlen(err.text) == sizeof err.text - 1);
}

TEST(an_error_can_say_more_about_itself)
{
    struct error err;
    error_set(&err, ERROR_NOT_FOUND, "no such thing");
    error_set(&err, err.code, "line %d: %s", 3, err.text);
    CHECK(err.code == ERROR_NOT_FOUND);
    CHECK_TEXT(text_of(err.text), "line 3: no such thing");
}

TEST(a_system_error_tells_errno)
{
    struct error err;
    errno = ENOENT;
    CHECK(error_system(&err, "cannot open '%s'", "x") == -1);
    CHECK(err.code == ERROR_SYSTEM);
    CHECK_TEXT(text_of(err.text), "cannot open 'x': No such file or directory");
}
