/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <semaphore.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/path.h"
#include "test.h"

/* A data folder and a loop that hears the answers. */
struct fixture {
    char folder[64];
    struct loop *home;
    sem_t answered;
};

struct waiting {
    struct store_write write;
    struct fixture *fixture;
    bool failed;
    struct error err;
};

static void fixture_init(struct fixture *fixture)
{
    struct error err;

    memcpy(fixture->folder, "/tmp/evoke-store-XXXXXX", 24);
    CHECK(mkdtemp(fixture->folder));
    CHECK(sem_init(&fixture->answered, 0, 0) == 0);
    fixture->home = loop_new("home");
    CHECK(loop_start(fixture->home, &err) == 0);
}

static void fixture_done(struct fixture *fixture)
{
    struct error err;

    loop_stop(fixture->home);
    loop_join(fixture->home);
    loop_free(fixture->home);
    sem_destroy(&fixture->answered);
    CHECK(path_remove_tree(fixture->folder, &err) == 0);
}

static struct store *open_store(const char *folder)
{
    struct error err;
    struct store *store = store_open(folder, &err);

    CHECK_MSG(store, "%s", err.text);
    return store;
}

static void add(struct store_write *write, enum store_action action, const char *key,
                struct text body)
{
    struct store_change *change = &write->changes[write->count++];

    *change = (struct store_change){
        .action = action, .kind = mem_strdup("function"), .key = mem_strdup(key)};
    if (action == STORE_PUT)
        buffer_add_text(&change->body, body);
}

static void on_done(struct store_write *write, bool failed, const struct error *err)
{
    struct waiting *waiting = container_of(write, struct waiting, write);

    loop_assert_here(waiting->fixture->home);
    waiting->failed = failed;
    if (failed)
        waiting->err = *err;
    sem_post(&waiting->fixture->answered);
}

static void begin(struct waiting *waiting, struct fixture *fixture)
{
    *waiting =
        (struct waiting){.write = {.done = on_done, .loop = fixture->home}, .fixture = fixture};
}

static void wait_for(struct fixture *fixture, int count)
{
    while (count-- > 0)
        while (sem_wait(&fixture->answered) < 0)
            ;
}

static void put(struct fixture *fixture, struct store *store, const char *key, struct text body)
{
    struct waiting waiting;

    begin(&waiting, fixture);
    add(&waiting.write, STORE_PUT, key, body);
    store_write(store, &waiting.write);
    wait_for(fixture, 1);
    CHECK_MSG(!waiting.failed, "%s", waiting.err.text);
}

/* All documents as "key=body;". */
static int list_one(void *arg, struct text key, struct text body, struct error *err)
{
    buffer_add_format(arg, "%.*s=%.*s;", TEXT_ARG(key), TEXT_ARG(body));
    return 0;
}

static void check_documents(struct store *store, const char *want)
{
    struct buffer all = {0};
    struct error err;

    CHECK_MSG(store_each(store, "function", list_one, &all, &err) == 0, "%s", err.text);
    CHECK_TEXT(buffer_text(&all), want);
    buffer_done(&all);
}

static sqlite3 *open_beside(const struct fixture *fixture)
{
    scoped(free) char *path = path_join(fixture->folder, "state.db");
    sqlite3 *db;

    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    return db;
}

static void execute(sqlite3 *db, const char *sql)
{
    CHECK_MSG(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
}

TEST(documents_survive_a_reopen_in_key_order)
{
    struct fixture fixture;

    fixture_init(&fixture);
    struct store *store = open_store(fixture.folder);
    check_documents(store, "");
    put(&fixture, store, "b", TEXT("2"));
    put(&fixture, store, "a", TEXT("1"));
    put(&fixture, store, "c", TEXT("3"));
    put(&fixture, store, "b", TEXT("22"));
    put(&fixture, store, "empty", TEXT(""));
    store_close(store);

    store = open_store(fixture.folder);
    check_documents(store, "a=1;b=22;c=3;empty=;");
    struct waiting waiting;
    begin(&waiting, &fixture);
    add(&waiting.write, STORE_DELETE, "a", TEXT_NONE);
    add(&waiting.write, STORE_DELETE, "absent", TEXT_NONE);
    add(&waiting.write, STORE_PUT, "d", TEXT("4"));
    store_write(store, &waiting.write);
    wait_for(&fixture, 1);
    CHECK(!waiting.failed);
    check_documents(store, "b=22;c=3;d=4;empty=;");
    store_close(store);
    fixture_done(&fixture);
}

TEST(kinds_are_apart)
{
    struct fixture fixture;
    struct waiting waiting;

    fixture_init(&fixture);
    struct store *store = open_store(fixture.folder);
    put(&fixture, store, "a", TEXT("1"));
    begin(&waiting, &fixture);
    waiting.write.changes[0] = (struct store_change){
        .action = STORE_PUT, .kind = mem_strdup("setting"), .key = mem_strdup("a")};
    waiting.write.count = 1;
    store_write(store, &waiting.write);
    wait_for(&fixture, 1);
    check_documents(store, "a=1;");
    store_close(store);
    fixture_done(&fixture);
}

TEST(writes_during_a_commit_share_the_next)
{
    struct fixture fixture;
    static struct waiting waiting[100];

    fixture_init(&fixture);
    struct store *store = open_store(fixture.folder);
    sqlite3 *beside = open_beside(&fixture);
    execute(beside, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < COUNT_OF(waiting); i++) {
        begin(&waiting[i], &fixture);
        add(&waiting[i].write, STORE_PUT, "same", i == 99 ? TEXT("last") : TEXT("x"));
        store_write(store, &waiting[i].write);
    }
    execute(beside, "ROLLBACK");
    wait_for(&fixture, COUNT_OF(waiting));
    for (size_t i = 0; i < COUNT_OF(waiting); i++)
        CHECK_MSG(!waiting[i].failed, "%s", waiting[i].err.text);
    struct store_counters counters = store_counters(store);
    CHECK_MSG(counters.commits <= 2, "%d commits", (int)counters.commits);
    CHECK(counters.writes == COUNT_OF(waiting) && counters.failures == 0);
    check_documents(store, "same=last;");
    sqlite3_close(beside);
    store_close(store);
    fixture_done(&fixture);
}

TEST(a_write_that_fails_leaves_nothing_and_spares_the_others)
{
    struct fixture fixture;
    struct waiting waiting[3];
    scoped(free) char *large = mem_zalloc(STORE_BODY_MAX + 1);

    fixture_init(&fixture);
    struct store *store = open_store(fixture.folder);
    sqlite3 *beside = open_beside(&fixture);
    execute(beside, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < COUNT_OF(waiting); i++)
        begin(&waiting[i], &fixture);
    add(&waiting[0].write, STORE_PUT, "before", TEXT("1"));
    add(&waiting[1].write, STORE_PUT, "half", TEXT("1"));
    add(&waiting[1].write, STORE_PUT, "large", text_from(large, STORE_BODY_MAX + 1));
    add(&waiting[2].write, STORE_PUT, "after", TEXT("1"));
    for (size_t i = 0; i < COUNT_OF(waiting); i++)
        store_write(store, &waiting[i].write);
    execute(beside, "ROLLBACK");
    wait_for(&fixture, COUNT_OF(waiting));

    CHECK(!waiting[0].failed && waiting[1].failed && !waiting[2].failed);
    CHECK(waiting[1].err.code == ERROR_LIMIT && strstr(waiting[1].err.text, "'large'"));
    check_documents(store, "after=1;before=1;");
    CHECK(store_counters(store).failures == 1);
    put(&fixture, store, "large", text_from(large, STORE_BODY_MAX));
    sqlite3_close(beside);
    store_close(store);
    fixture_done(&fixture);
}

TEST(closing_finishes_what_was_queued)
{
    struct fixture fixture;
    static struct waiting waiting[50];

    fixture_init(&fixture);
    struct store *store = open_store(fixture.folder);
    for (size_t i = 0; i < COUNT_OF(waiting); i++) {
        char key[16];

        snprintf(key, sizeof key, "%zu", i);
        begin(&waiting[i], &fixture);
        add(&waiting[i].write, STORE_PUT, key, TEXT("x"));
        store_write(store, &waiting[i].write);
    }
    store_close(store);
    wait_for(&fixture, COUNT_OF(waiting));
    for (size_t i = 0; i < COUNT_OF(waiting); i++)
        CHECK(!waiting[i].failed);
    fixture_done(&fixture);
}

TEST(a_second_opener_is_refused)
{
    struct fixture fixture;
    struct error err = {0};

    fixture_init(&fixture);
    struct store *store = open_store(fixture.folder);
    CHECK(!store_open(fixture.folder, &err));
    CHECK(err.code == ERROR_CONFLICT && strstr(err.text, "another evoke daemon uses '/tmp/evoke-"));
    store_close(store);
    store_close(open_store(fixture.folder));
    fixture_done(&fixture);
}

TEST(a_store_of_a_newer_evoke_is_refused)
{
    struct fixture fixture;
    struct error err = {0};

    fixture_init(&fixture);
    store_close(open_store(fixture.folder));
    sqlite3 *beside = open_beside(&fixture);
    execute(beside, "PRAGMA user_version = 99");
    sqlite3_close(beside);
    CHECK(!store_open(fixture.folder, &err) && err.code == ERROR_SYSTEM);
    CHECK_MSG(strstr(err.text, "schema version 99"), "%s", err.text);
    fixture_done(&fixture);
}

TEST(a_file_that_is_no_database_is_refused)
{
    struct fixture fixture;
    struct error err = {0};

    fixture_init(&fixture);
    scoped(free) char *path = path_join(fixture.folder, "state.db");
    CHECK(path_write(path, TEXT("this is no database, and longer than its header ......."), 0600,
                     &err) == 0);
    CHECK(!store_open(fixture.folder, &err) && err.code == ERROR_SYSTEM);
    CHECK_MSG(strstr(err.text, "not a database"), "%s", err.text);
    fixture_done(&fixture);
}

TEST(nobody_else_can_read_the_files)
{
    struct fixture fixture;
    static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm", "lock"};

    fixture_init(&fixture);
    struct store *store = open_store(fixture.folder);
    put(&fixture, store, "a", TEXT("1"));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        scoped(free) char *path = path_join(fixture.folder, names[i]);
        struct stat status;

        CHECK_MSG(stat(path, &status) == 0, "%s", path);
        CHECK_MSG((status.st_mode & 07777) == 0600, "%s has %o", path, status.st_mode);
    }
    store_close(store);
    fixture_done(&fixture);
}

/* Writes pairs for ever, all or nothing, and tells of each that was acknowledged. */
static void write_until_killed(const char *folder, int report)
{
    struct fixture fixture;
    struct error err;

    CHECK(sem_init(&fixture.answered, 0, 0) == 0);
    fixture.home = loop_new("home");
    CHECK(loop_start(fixture.home, &err) == 0);
    struct store *store = open_store(folder);
    for (int i = 0;; i++) {
        struct waiting waiting;
        char first[16], second[16];

        snprintf(first, sizeof first, "a%06d", i);
        snprintf(second, sizeof second, "b%06d", i);
        begin(&waiting, &fixture);
        add(&waiting.write, STORE_PUT, first, TEXT("x"));
        add(&waiting.write, STORE_PUT, second, TEXT("x"));
        store_write(store, &waiting.write);
        wait_for(&fixture, 1);
        if (waiting.failed || write(report, "+", 1) != 1)
            _exit(1);
    }
}

static int count_one(void *arg, struct text key, struct text body, struct error *err)
{
    ((int *)arg)[key.at[0] == 'b']++;
    return 0;
}

TEST(a_killed_writer_loses_nothing_it_acknowledged)
{
    char folder[] = "/tmp/evoke-store-XXXXXX";
    struct error err;
    int acknowledged = 0;

    CHECK(mkdtemp(folder));
    for (int kills = 1; kills <= 10; kills++) {
        int report[2], counts[2] = {0};
        char plus;

        CHECK(pipe(report) == 0);
        pid_t child = fork();
        if (child == 0) {
            close(report[0]);
            write_until_killed(folder, report[1]);
        }
        close(report[1]);
        int here = 0;
        while (here < kills * 5 && read(report[0], &plus, 1) == 1)
            here++;
        CHECK(here == kills * 5);
        CHECK(kill(child, SIGKILL) == 0);
        CHECK(waitpid(child, NULL, 0) == child);
        while (read(report[0], &plus, 1) == 1)
            here++;
        close(report[0]);
        if (here > acknowledged) /* each child begins at 0 again */
            acknowledged = here;

        struct store *store = open_store(folder);
        CHECK_MSG(store_each(store, "function", count_one, counts, &err) == 0, "%s", err.text);
        CHECK_MSG(counts[0] >= acknowledged, "%d of %d are left", counts[0], acknowledged);
        CHECK(counts[0] == counts[1]);
        store_close(store);
    }
    CHECK(path_remove_tree(folder, &err) == 0);
}
