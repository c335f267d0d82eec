/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>

/* The text is made aside, because callers may pass err->text as an argument to say
 * more about an error. */
__attribute__((format(printf, 2, 0))) static size_t
format_text(char text[static sizeof(((struct error *)0)->text)], const char *format, va_list args)
{
    const size_t size = sizeof(((struct error *)0)->text);
    int len = vsnprintf(text, size, format, args);

    if (len < 0) {
        text[0] = '\0';
        return 0;
    }
    return (size_t)len < size ? (size_t)len : size - 1;
}

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
    char text[sizeof err->text];
    va_list args;

    va_start(args, format);
    size_t len = format_text(text, format, args);
    va_end(args);

    err->code = code;
    memcpy(err->text, text, len + 1);
    return -1;
}

int error_system(struct error *err, const char *format, ...)
{
    int number = errno;
    char text[sizeof err->text], reason[128];
    va_list args;

    va_start(args, format);
    size_t len = format_text(text, format, args);
    va_end(args);
    snprintf(text + len, sizeof text - len, ": %s", strerror_r(number, reason, sizeof reason));

    err->code = ERROR_SYSTEM;
    memcpy(err->text, text, strlen(text) + 1);
    return -1;
}
