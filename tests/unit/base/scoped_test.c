/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scoped.h"

#include <errno.h>
#include <fcntl.h>

#include "base/mem.h"
#include "test.h"

static int freed;

struct thing {
    int number;
};
static void thing_free(struct thing *thing)
{
    freed = freed * 10 + thing->number;
    free(thing);
}
DEFINE_SCOPED(struct thing *, thing_free)

static struct thing *thing_new(int number)
{
    struct thing *thing = mem_new(struct thing);
    thing->number = number;
    return thing;
}

static struct thing *second_of_three(void)
{
    scoped(thing_free) struct thing *a = thing_new(1);
    scoped(thing_free) struct thing *b = thing_new(2);
    scoped(thing_free) struct thing *c = thing_new(3);
    (void)a;
    (void)c;
    return take(b);
}

TEST(scopes_release_last_first_and_not_what_was_taken)
{
    freed = 0;
    scoped(thing_free) struct thing *taken = second_of_three();
    CHECK(freed == 31);
    CHECK(taken->number == 2);
}

TEST(descriptors_are_closed_unless_taken)
{
    int closed, kept;
    {
        scoped(close) int a = open("/dev/null", O_RDONLY | O_CLOEXEC);
        scoped(close) int b = open("/dev/null", O_RDONLY | O_CLOEXEC);
        scoped(close) int none = -1;
        (void)none;
        closed = a;
        kept = take_fd(b);
        CHECK(b == -1);
    }
    CHECK(fcntl(closed, F_GETFD) == -1 && errno == EBADF);
    CHECK(fcntl(kept, F_GETFD) != -1);
    (void)close(kept);
}
