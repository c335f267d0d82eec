/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Why an operation failed. A function that can fail takes a struct error as its
 * last parameter and returns -1 or NULL; only then is the error written. It is
 * a plain value on the caller's stack: nothing to free, nothing to leak.
 */
enum error_code {
    ERROR_INVALID = 1, /* the caller's input is wrong; retrying will not help */
    ERROR_NOT_FOUND,
    ERROR_CONFLICT,
    ERROR_LIMIT,  /* a configured limit was reached */
    ERROR_DENIED, /* the caller may not do this */
    ERROR_SYSTEM, /* the machine or a dependency failed */
};

struct error {
    enum error_code code;
    char text[480]; /* one sentence for a person, cut off if longer */
};

/* Fills *err and returns -1, so that a failure is one line at the call site. */
int error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ERROR_SYSTEM and ": strerror(errno)" appended. */
int error_system(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
