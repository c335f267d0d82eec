/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/broadcast.h"

#include <stdatomic.h>

#include "test.h"

#define LISTENERS 3

struct news {
    struct loop *control, *loops[LISTENERS];
    atomic_int heard[LISTENERS];
    bool on_its_loop[LISTENERS];
    struct loop_message begin;
    int done;
    bool done_late; /* not before loop_broadcast() returned */
    bool returned;
};

static void apply(void *arg, int index)
{
    struct news *news = arg;

    news->on_its_loop[index] = loop_current() == news->loops[index];
    atomic_fetch_add(&news->heard[index], 1);
}

static void on_done(void *arg)
{
    struct news *news = arg;

    loop_assert_here(news->control);
    news->done_late = news->returned;
    if (++news->done == 2)
        loop_stop(news->control);
}

static void on_begin(struct loop_message *message)
{
    struct news *news = container_of(message, struct news, begin);

    loop_broadcast(news->loops, LISTENERS, apply, on_done, news);
    loop_broadcast(news->loops, LISTENERS, apply, on_done, news);
    news->returned = true;
}

TEST(news_reach_every_loop_once_and_are_reported_by_the_sender)
{
    struct news news = {.control = loop_new("control"), .begin.run = on_begin};
    struct error err;

    for (int i = 0; i < LISTENERS; i++) {
        news.loops[i] = loop_new("listener");
        CHECK(loop_start(news.loops[i], &err) == 0);
    }
    loop_post(news.control, &news.begin);
    loop_run(news.control);
    for (int i = 0; i < LISTENERS; i++) {
        loop_stop(news.loops[i]);
        loop_join(news.loops[i]);
        CHECK(news.heard[i] == 2);
        CHECK(news.on_its_loop[i]);
    }
    CHECK(news.done == 2);
    CHECK(news.done_late);
    for (int i = 0; i < LISTENERS; i++)
        loop_free(news.loops[i]);
    loop_free(news.control);
}
