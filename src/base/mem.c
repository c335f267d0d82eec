/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

/* Logging could need memory itself, so this is written as it is. */
__attribute__((noreturn, cold)) static void out_of_memory(void)
{
    static const char line[] = "level=error msg=\"out of memory\"\n";

    ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
    (void)ignored;
    abort();
}

static void *checked(void *memory)
{
    if (!memory)
        out_of_memory();
    return memory;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *mem_lines(size_t size)
{
    const size_t large = (size_t)2 << 20;
    size_t step = size < large ? MEM_LINE : large;
    void *memory = checked(aligned_alloc(step, (size + step) & ~(step - 1)));

    if (step == large)
        (void)madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

void *mem_realloc(void *old, size_t size)
{
    return checked(realloc(old, size ? size : 1));
}

void *mem_copy(const void *from, size_t size)
{
    void *copy = mem_alloc(size);

    if (size)
        memcpy(copy, from, size);
    return copy;
}

char *mem_strdup(const char *string)
{
    return mem_copy(string, strlen(string) + 1);
}

char *mem_format(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *string = mem_vformat(format, args);
    va_end(args);
    return string;
}

char *mem_vformat(const char *format, va_list args)
{
    char *string;

    if (vasprintf(&string, format, args) < 0)
        out_of_memory();
    return string;
}
