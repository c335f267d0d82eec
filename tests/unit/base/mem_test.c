/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scoped.h"
#include "test.h"

TEST(zeroed_memory_is_zero)
{
    scoped(free) char *bytes = mem_zalloc(64);
    for (int i = 0; i < 64; i++)
        CHECK(bytes[i] == 0);
    struct pair {
        int a;
        char *b;
    };
    scoped(free) struct pair *pair = mem_new(struct pair);
    CHECK(pair->a == 0 && pair->b == NULL);
}

TEST(nothing_is_still_something)
{
    scoped(free) char *none = mem_alloc(0);
    scoped(free) char *zeroed = mem_zalloc(0);
    scoped(free) char *copy = mem_copy(NULL, 0);
    CHECK(none && zeroed && copy);
    none = mem_realloc(none, 0);
    CHECK(none);
}

TEST(lines_begin_where_cache_lines_do)
{
    static const size_t sizes[] = {0, 1, MEM_LINE, 1000};

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        scoped(free) char *lines = mem_lines(sizes[i]);
        CHECK((uintptr_t)lines % MEM_LINE == 0);
        memset(lines, 1, sizes[i]);
    }
}

TEST(copies_are_equal_and_apart)
{
    static const char source[] = "one\0two";
    scoped(free) char *copy = mem_copy(source, sizeof source);
    scoped(free) char *string = mem_strdup(source);
    scoped(free) char *format = mem_format("%s-%d", "x", 7);
    CHECK(copy != source && memcmp(copy, source, sizeof source) == 0);
    CHECK(strcmp(string, "one") == 0);
    CHECK(strcmp(format, "x-7") == 0);
    copy = mem_realloc(copy, 4096);
    CHECK(memcmp(copy, source, sizeof source) == 0);
}

TEST(without_memory_the_process_ends)
{
    pid_t child = fork();
    if (child == 0) {
        volatile size_t size = SIZE_MAX / 2;
        (void)close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        free(mem_alloc(size));
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    /* A sanitizer's allocator may end the process itself, with its own exit status. */
    CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) != 0);
}
