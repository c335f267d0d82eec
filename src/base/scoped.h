/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

/*
 * scoped(f) runs f on a local variable when its scope ends:
 *
 *     scoped(free) char *path = path_join(root, name);
 *     scoped(close) int fd = open(path, O_RDONLY | O_CLOEXEC);
 *
 * Declare and initialise in one statement: variables are released last declared
 * first. A function that uses scoped() has no goto. take() moves the value out and
 * disarms the release.
 */
#define scoped(f) __attribute__((__cleanup__(f##_scoped)))

#define DEFINE_SCOPED(type, f)                                                                     \
    static inline void f##_scoped(type *p)                                                         \
    {                                                                                              \
        if (*p)                                                                                    \
            f(*p);                                                                                 \
    }

#define take(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

/* The same for a descriptor, whose empty value is -1. */
#define take_fd(fd)                                                                                \
    ({                                                                                             \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline void free_scoped(void *p)
{
    free(*(void **)p);
}
static inline void close_scoped(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
