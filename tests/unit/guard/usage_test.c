/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/usage.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "loop/loop.h"
#include "test.h"

#define DAY_MS INT64_C(86400000)

struct running {
    struct usages *usages;
    struct usages_wait waits[2];
    struct loop_message message;
};

static int done;

static void on_done(struct usages_wait *wait)
{
    if (++done == 2)
        loop_stop(loop_current());
}

/* The second is asked while the first is under way. */
static void ask(struct loop_message *message)
{
    struct running *r = container_of(message, struct running, message);

    for (int i = 0; i < 2; i++) {
        r->waits[i].done = on_done;
        usages_collect(r->usages, &r->waits[i]);
    }
    CHECK(done == 0);
}

static void remove_file(char *path)
{
    (void)unlink(path);
    free(path);
}

static char *make_path(void)
{
    char *path = mem_strdup("/tmp/evoke-usage-XXXXXX");
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    (void)unlink(path);
    return path;
}

static struct usages *open_usages(struct loop **loop, const char *path)
{
    const struct usages_options options = {
        .control = *loop, .loops = loop, .loop_count = 1, .path = path};

    return usages_new(&options);
}

TEST(what_shards_counted_is_told_by_day_and_kept)
{
    char *path = make_path();
    struct loop *loop = loop_new("test");
    int64_t now_ms = clock_now_ms(), today = now_ms / DAY_MS;
    struct running r = {.usages = open_usages(&loop, path), .message = {.run = ask}};
    struct usage *usage = usages_of(r.usages, 0);

    usage_add(usage, TEXT("p"), TEXT("one"), now_ms);
    usage_add(usage, TEXT("p"), TEXT("one"), now_ms);
    usage_add(usage, TEXT("p"), TEXT("two"), now_ms - DAY_MS);
    usage_add(usage, TEXT("p"), TEXT("old"), now_ms - 100 * DAY_MS);
    CHECK(usages_find(r.usages, TEXT("p"), TEXT("one"), today) == 0);
    loop_post(loop, &r.message);
    loop_run(loop);
    CHECK(usages_find(r.usages, TEXT("p"), TEXT("one"), today) == 2);
    CHECK(usages_find(r.usages, TEXT("p"), TEXT("one"), today - 1) == 0);
    CHECK(usages_find(r.usages, TEXT("p"), TEXT("two"), today - 1) == 1);
    CHECK(usages_find(r.usages, TEXT("q"), TEXT("one"), today) == 0);
    usage_add(usage, TEXT("p"), TEXT("one"), now_ms); /* not collected before the end */
    usages_close(r.usages);
    struct usages *again = open_usages(&loop, path);
    CHECK(usages_find(again, TEXT("p"), TEXT("one"), today) == 3);
    CHECK(usages_find(again, TEXT("p"), TEXT("two"), today - 1) == 1);
    CHECK(usages_find(again, TEXT("p"), TEXT("old"), today - 100) == 0);
    usages_close(again);
    loop_free(loop);
    remove_file(path);
}

TEST(a_file_that_is_none_is_begun_anew)
{
    static const char *const bad[] = {"nonsense\n", "20000 p k\n", "20000 p k x\n",
                                      "20000 p k 1 2\n", "x p k 1\n", "20000 p k -1\n"};
    char *path = make_path();
    struct loop *loop = loop_new("test");
    struct error err;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        scoped(free) char *text = mem_format("20000 p k 7\n%s", bad[i]);
        CHECK(path_write(path, text_of(text), 0600, &err) == 0);
        struct usages *usages = open_usages(&loop, path);
        CHECK_MSG(usages_find(usages, TEXT("p"), TEXT("k"), 20000) == 0, "%s", bad[i]);
        usages_close(usages);
    }
    loop_free(loop);
    remove_file(path);
}
