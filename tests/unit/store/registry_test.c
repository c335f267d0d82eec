/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry.h"

#include <sqlite3.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "test.h"

/* A store and a control loop that this thread runs while it waits. */
struct fixture {
    char folder[64];
    struct store *store;
    struct loop *control;
    struct registry *registry;
    int waiting;
};

struct waiting {
    struct registry_change change;
    struct fixture *fixture;
    bool done, failed;
};

static void open_all(struct fixture *fixture)
{
    struct error err;

    fixture->store = store_open(fixture->folder, &err);
    CHECK_MSG(fixture->store, "%s", err.text);
    fixture->control = loop_new("control");
    fixture->registry = registry_open(fixture->store, fixture->control, "rule", &err);
    CHECK_MSG(fixture->registry, "%s", err.text);
}

static void close_all(struct fixture *fixture)
{
    store_close(fixture->store);
    registry_free(fixture->registry);
    loop_free(fixture->control);
}

static void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){.folder = "/tmp/evoke-registry-XXXXXX"};
    CHECK(mkdtemp(fixture->folder));
    open_all(fixture);
}

static void fixture_done(struct fixture *fixture)
{
    struct error err;

    close_all(fixture);
    CHECK(path_remove_tree(fixture->folder, &err) == 0);
}

static void reopen(struct fixture *fixture)
{
    close_all(fixture);
    open_all(fixture);
}

static void on_done(struct registry_change *change, bool failed, const struct error *err)
{
    struct waiting *waiting = container_of(change, struct waiting, change);

    CHECK(!waiting->done && (!failed || err->text[0]));
    waiting->done = true;
    waiting->failed = failed;
    if (--waiting->fixture->waiting == 0)
        loop_stop(waiting->fixture->control);
}

static void begin(struct fixture *fixture, struct waiting *waiting)
{
    *waiting = (struct waiting){.change.done = on_done, .fixture = fixture};
    fixture->waiting++;
}

static void wait_all(struct fixture *fixture)
{
    loop_run(fixture->control);
    CHECK(fixture->waiting == 0);
}

static void put(struct fixture *fixture, struct waiting *waiting, const char *key, int value)
{
    registry_put(fixture->registry, text_of(key), json_pack("{s:i}", "v", value), &waiting->change);
}

static bool list_one(void *arg, struct text key, const json_t *document)
{
    buffer_add_format(arg, "%.*s=%d;", TEXT_ARG(key), (int)json_int(document, "v", -1));
    return true;
}

static void check_listed(const struct fixture *fixture, struct text prefix, struct text after,
                         const char *want)
{
    scoped(buffer_done) struct buffer out = {0};

    buffer_add_literal(&out, "");
    registry_each(fixture->registry, prefix, after, list_one, &out);
    CHECK_TEXT(buffer_text(&out), want);
}

static void check_all(const struct fixture *fixture, const char *want)
{
    check_listed(fixture, TEXT_NONE, TEXT_NONE, want);
}

/* Makes every write fail whose body holds the value 666, as a broken disk would. */
static void forbid(const struct fixture *fixture)
{
    scoped(free) char *path = path_join(fixture->folder, "state.db");
    sqlite3 *db;

    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db,
                       "CREATE TRIGGER forbid BEFORE INSERT ON document"
                       " WHEN CAST(new.body AS TEXT) LIKE '%666%'"
                       " BEGIN SELECT RAISE(ABORT, 'no'); END",
                       NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

TEST(a_change_is_seen_at_once_and_is_there_after_a_reopen)
{
    struct fixture fixture;
    struct waiting first, second;

    fixture_init(&fixture);
    begin(&fixture, &first);
    put(&fixture, &first, "b", 1);
    put(&fixture, &first, "a", 2);
    begin(&fixture, &second);
    put(&fixture, &second, "b", 3);
    registry_delete(fixture.registry, TEXT("absent"), &second.change);
    CHECK(!first.done && !second.done);
    check_all(&fixture, "a=2;b=3;");
    CHECK(registry_count(fixture.registry) == 2);
    CHECK(json_int(registry_find(fixture.registry, TEXT("b")), "v", 0) == 3);
    CHECK(!registry_find(fixture.registry, TEXT("c")));
    wait_all(&fixture);
    CHECK(first.done && !first.failed && second.done && !second.failed);
    CHECK(store_counters(fixture.store).writes == 2);

    reopen(&fixture);
    check_all(&fixture, "a=2;b=3;");
    begin(&fixture, &first);
    registry_delete(fixture.registry, TEXT("b"), &first.change);
    check_all(&fixture, "a=2;");
    wait_all(&fixture);
    reopen(&fixture);
    check_all(&fixture, "a=2;");
    fixture_done(&fixture);
}

TEST(listing_begins_after_a_key_and_keeps_to_a_prefix)
{
    struct fixture fixture;
    struct waiting waiting;

    fixture_init(&fixture);
    begin(&fixture, &waiting);
    put(&fixture, &waiting, "x/a", 1);
    put(&fixture, &waiting, "x/b", 2);
    put(&fixture, &waiting, "x/ba", 3);
    put(&fixture, &waiting, "x0", 4);
    put(&fixture, &waiting, "w", 5);
    put(&fixture, &waiting, "x", 6);
    check_listed(&fixture, TEXT("x/"), TEXT_NONE, "x/a=1;x/b=2;x/ba=3;");
    check_listed(&fixture, TEXT("x/"), TEXT("x/a"), "x/b=2;x/ba=3;");
    check_listed(&fixture, TEXT("x/"), TEXT("x/aa"), "x/b=2;x/ba=3;");
    check_listed(&fixture, TEXT("x/"), TEXT("x/ba"), "");
    check_listed(&fixture, TEXT("x/b"), TEXT("a"), "x/b=2;x/ba=3;");
    check_listed(&fixture, TEXT("y"), TEXT_NONE, "");
    check_all(&fixture, "w=5;x=6;x/a=1;x/b=2;x/ba=3;x0=4;");
    wait_all(&fixture);
    fixture_done(&fixture);
}

static bool stop_at_second(void *arg, struct text key, const json_t *document)
{
    return ++*(int *)arg < 2;
}

TEST(listing_stops_when_told_to)
{
    struct fixture fixture;
    struct waiting waiting;
    int seen = 0;

    fixture_init(&fixture);
    begin(&fixture, &waiting);
    for (int i = 0; i < 8; i++)
        put(&fixture, &waiting, (char[]){(char)('a' + i), 0}, i);
    registry_each(fixture.registry, TEXT_NONE, TEXT_NONE, stop_at_second, &seen);
    CHECK(seen == 2);
    wait_all(&fixture);
    fixture_done(&fixture);
}

TEST(what_cannot_be_stored_is_taken_back)
{
    struct fixture fixture;
    struct waiting first, bad;

    fixture_init(&fixture);
    forbid(&fixture);
    begin(&fixture, &first);
    put(&fixture, &first, "a", 1);
    put(&fixture, &first, "b", 2);
    begin(&fixture, &bad);
    put(&fixture, &bad, "a", 3);
    put(&fixture, &bad, "new", 666);
    put(&fixture, &bad, "a", 4);
    registry_delete(fixture.registry, TEXT("b"), &bad.change);
    check_all(&fixture, "a=4;new=666;");
    wait_all(&fixture);
    CHECK(!first.failed && bad.failed);
    check_all(&fixture, "a=1;b=2;");
    CHECK(registry_count(fixture.registry) == 2);
    reopen(&fixture);
    check_all(&fixture, "a=1;b=2;");
    fixture_done(&fixture);
}

TEST(a_failed_change_spares_a_later_one_of_the_same_key)
{
    struct fixture fixture;
    struct waiting first, bad, later;

    fixture_init(&fixture);
    forbid(&fixture);
    begin(&fixture, &first);
    put(&fixture, &first, "a", 1);
    begin(&fixture, &bad);
    put(&fixture, &bad, "a", 666);
    begin(&fixture, &later);
    put(&fixture, &later, "a", 3);
    wait_all(&fixture);
    CHECK(!first.failed && bad.failed && !later.failed);
    check_all(&fixture, "a=3;");
    reopen(&fixture);
    check_all(&fixture, "a=3;");
    fixture_done(&fixture);
}

TEST(after_two_failed_changes_the_value_before_both_is_back)
{
    struct fixture fixture;
    struct waiting first, bad, worse;

    fixture_init(&fixture);
    forbid(&fixture);
    begin(&fixture, &first);
    put(&fixture, &first, "a", 1);
    begin(&fixture, &bad);
    put(&fixture, &bad, "a", 666);
    begin(&fixture, &worse);
    put(&fixture, &worse, "a", 6660);
    wait_all(&fixture);
    CHECK(!first.failed && bad.failed && worse.failed);
    check_all(&fixture, "a=1;");
    fixture_done(&fixture);
}

TEST(one_change_may_span_registries)
{
    struct fixture fixture;
    struct waiting waiting;
    struct error err;

    fixture_init(&fixture);
    forbid(&fixture);
    struct registry *targets = registry_open(fixture.store, fixture.control, "target", &err);
    CHECK(targets);
    begin(&fixture, &waiting);
    put(&fixture, &waiting, "a", 1);
    registry_put(targets, TEXT("a"), json_integer(666), &waiting.change);
    wait_all(&fixture);
    CHECK(waiting.failed);
    CHECK(registry_count(fixture.registry) == 0 && registry_count(targets) == 0);
    registry_free(targets);
    fixture_done(&fixture);
}

static void key_of(int i, char out[static 32])
{
    snprintf(out, 32, "000000000000/us-east-1/%06d", i);
}

static bool check_order(void *arg, struct text key, const json_t *document)
{
    char want[32];

    key_of((*(int *)arg)++, want);
    CHECK_TEXT(key, want);
    return true;
}

TEST(thousands_of_documents_stay_in_order)
{
    enum { COUNT = 4096, STEP = 1021 }; /* prime: every key once, in a mixed order */
    static struct waiting waiting[COUNT];
    struct fixture fixture;
    char key[32];
    int seen = 0;

    fixture_init(&fixture);
    for (int i = 0; i < COUNT; i++) {
        begin(&fixture, &waiting[i]);
        key_of(i * STEP % COUNT, key);
        put(&fixture, &waiting[i], key, i);
    }
    CHECK(registry_count(fixture.registry) == COUNT);
    registry_each(fixture.registry, TEXT_NONE, TEXT_NONE, check_order, &seen);
    CHECK(seen == COUNT);
    wait_all(&fixture);
    reopen(&fixture);
    seen = 0;
    registry_each(fixture.registry, TEXT_NONE, TEXT_NONE, check_order, &seen);
    CHECK(seen == COUNT);
    for (int i = 0; i < COUNT; i++) {
        begin(&fixture, &waiting[i]);
        key_of(i * STEP % COUNT, key);
        registry_delete(fixture.registry, text_of(key), &waiting[i].change);
        CHECK(!registry_find(fixture.registry, text_of(key)));
    }
    CHECK(registry_count(fixture.registry) == 0);
    wait_all(&fixture);
    fixture_done(&fixture);
}

static void on_stored(struct store_write *write, bool failed, const struct error *err)
{
    CHECK(!failed);
    loop_stop(write->loop);
}

TEST(a_damaged_document_is_named)
{
    struct fixture fixture;
    struct error err = {0};

    fixture_init(&fixture);
    struct store_write write = {.done = on_stored, .loop = fixture.control, .count = 1};
    write.changes[0] = (struct store_change){
        .action = STORE_PUT, .kind = mem_strdup("bus"), .key = mem_strdup("k")};
    buffer_add_literal(&write.changes[0].body, "{");
    store_write(fixture.store, &write);
    loop_run(fixture.control);
    CHECK(!registry_open(fixture.store, fixture.control, "bus", &err));
    CHECK(err.code == ERROR_SYSTEM && strstr(err.text, "the stored bus 'k' is damaged"));
    fixture_done(&fixture);
}
