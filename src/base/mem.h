/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Allocation for sizes we chose. Never returns NULL: the process ends when there is
 * no memory. A size that comes from outside is bounded by a named limit first. */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
/* From the beginning of a cache line; large sizes in large pages, if the kernel has them. */
#define MEM_LINE 64
void *mem_lines(size_t size);
void *mem_realloc(void *old, size_t size);
void *mem_copy(const void *from, size_t size);
char *mem_strdup(const char *string);
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *mem_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* A new T, zeroed. */
#define mem_new(T) ((T *)mem_zalloc(sizeof(T)))
