/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#define ARCHIVE(name, made, more)                               \
    "{\"ArchiveName\":\"" name                                  \
    "\",\"EventSourceArn\":\"" ARN("event-bus/default") "\",\"" \
                                                        "CreationTime\":" made more "}"
#define SHOP ",\"EventPattern\":\"{\\\"source\\\":[\\\"shop\\\"]}\""
#define MINUTE INT64_C(60000)

struct looking {
    const char *key;
    int64_t from_ms, to_ms;
    struct archive_counts counts;
    char times[200]; /* "60000 60001 " */
};

static void run_look(struct world *world, void *arg)
{
    struct looking *looking = arg;
    struct text key = text_of(looking->key);
    const json_t *document = registry_find(buses_registry(world->buses, BUSES_ARCHIVE), key);
    const struct archives *archives = buses_archives(world->buses);
    size_t count, len = 0;

    looking->counts = archive_counts(archives, key, document);
    scoped(free) struct archived *list =
        archive_list(archives, key, document, looking->from_ms, looking->to_ms, &count);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(looking->times + len, sizeof looking->times - len, "%lld ",
                                (long long)list[i].time_ms);
    answer(world);
}

static struct looking look(struct world *world, const char *key, int64_t from_ms, int64_t to_ms)
{
    struct looking looking = {.key = key, .from_ms = from_ms, .to_ms = to_ms};

    settle(world);
    step(world, run_look, &looking);
    return looking;
}

TEST(an_archive_has_what_its_bus_gets_and_its_pattern_takes)
{
    struct world world = {0};

    world_init(&world);
    put(&world, EVENT("0", "shop"), 1);
    put_document(&world, BUSES_ARCHIVE, HEAD "all", ARCHIVE("all", "1", ""));
    put_document(&world, BUSES_ARCHIVE, HEAD "some", ARCHIVE("some", "1", SHOP));
    put(&world, EVENT("1", "shop"), 2);
    put(&world, EVENT("2", "other"), 3);
    struct looking all = look(&world, HEAD "all", 0, 10), some = look(&world, HEAD "some", 0, 10);
    CHECK(all.counts.events == 2 && some.counts.events == 1);
    CHECK(all.counts.bytes == 240 && some.counts.bytes == 120);
    CHECK_TEXT(text_of(all.times), "2 3 ");
    CHECK_TEXT(text_of(some.times), "2 ");
    CHECK(list_empty(&world.arrived));
    world_done(&world);
}

TEST(what_is_listed_goes_by_minute_and_then_by_arrival)
{
    struct world world = {0};

    world_init(&world);
    put_document(&world, BUSES_ARCHIVE, HEAD "all", ARCHIVE("all", "1", ""));
    static const int64_t times[] = {3 * MINUTE, MINUTE + 9, MINUTE, 2 * MINUTE, MINUTE - 1};
    for (size_t i = 0; i < COUNT_OF(times); i++)
        put(&world, EVENT("1", "shop"), times[i]);
    CHECK_TEXT(text_of(look(&world, HEAD "all", 0, INT64_MAX).times),
               "59999 60009 60000 120000 180000 ");
    CHECK_TEXT(text_of(look(&world, HEAD "all", MINUTE, 3 * MINUTE).times), "60009 60000 120000 ");
    CHECK_TEXT(text_of(look(&world, HEAD "all", 4 * MINUTE, INT64_MAX).times), "");
    world_done(&world);
}

TEST(an_archive_is_there_again_after_a_start)
{
    struct world world = {0};

    world_init(&world);
    put_document(&world, BUSES_ARCHIVE, HEAD "all", ARCHIVE("all", "1", ""));
    put(&world, EVENT("1", "shop"), 7);
    world_close(&world);
    world_open(&world);
    struct looking all = look(&world, HEAD "all", 0, 10);
    CHECK(all.counts.events == 1 && all.counts.bytes == 120);
    CHECK_TEXT(text_of(all.times), "7 ");
    put(&world, EVENT("2", "shop"), 8);
    CHECK_TEXT(text_of(look(&world, HEAD "all", 0, 10).times), "7 8 ");
    world_done(&world);
}

TEST(an_archive_made_anew_has_nothing_of_the_old_one)
{
    struct world world = {0};

    world_init(&world);
    put_document(&world, BUSES_ARCHIVE, HEAD "all", ARCHIVE("all", "1", ""));
    put(&world, EVENT("1", "shop"), 7);
    put_document(&world, BUSES_ARCHIVE, HEAD "all", NULL);
    put(&world, EVENT("2", "shop"), 8);
    put_document(&world, BUSES_ARCHIVE, HEAD "all", ARCHIVE("all", "2", ""));
    CHECK(look(&world, HEAD "all", 0, 10).counts.events == 0);
    put(&world, EVENT("3", "shop"), 9);
    CHECK_TEXT(text_of(look(&world, HEAD "all", 0, 10).times), "9 ");
    world_done(&world);
}

TEST(the_lane_says_which_archive_and_which_of_its_lives)
{
    struct error err;
    scoped(json_decref) json_t *document = json_parse(TEXT("{\"CreationTime\":12}"), &err);
    scoped(free) char *lane = archive_lane(TEXT(HEAD "a"), document);

    CHECK_TEXT(text_of(lane), "archive/" HEAD "a/12");
}
