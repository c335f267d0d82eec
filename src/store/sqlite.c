/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/file.h>

#include "base/mem.h"
#include "base/path.h"

/*
 * One SQLite database in WAL mode. The writer is a loop of its own: writes reach it by its
 * mailbox, and a deferred task commits all that came in one iteration. While a commit waits
 * for the disk the mailbox fills, so the busier the daemon, the more writes share an fsync,
 * without a timer that would make a lone write wait.
 *
 * synchronous=FULL: in WAL mode NORMAL may lose the last commits when the power goes, and
 * they were acknowledged.
 */
#define FILE_NAME "state.db"
#define LOCK_NAME "lock"
#define APPLICATION_ID 1165389675 /* "Evok": tells file(1) and us whose database it is */
#define BUSY_MS 10000             /* somebody looks at the database with another program */

/* Step i brings a database of version i to version i + 1. Steps that were released never
 * change; new ones are added at the end. */
static const char *const schema[] = {
    "CREATE TABLE document ("
    " kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY (kind, key)) WITHOUT ROWID, STRICT",
};
#define SCHEMA_VERSION ((int)COUNT_OF(schema))

enum statement { BEGIN, COMMIT, ROLLBACK, PUT, DELETE, EACH, STATEMENTS };
static const char *const statements[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [PUT] = "INSERT INTO document (kind, key, body) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
    [DELETE] = "DELETE FROM document WHERE kind = ?1 AND key = ?2",
    [EACH] = "SELECT key, body FROM document WHERE kind = ?1 ORDER BY key",
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    int lock;
    struct loop *writer; /* its thread owns the rest */
    struct loop_task commit;
    struct store_write *first, **end; /* what the next commit takes, in order */
    atomic_uint_fast64_t writes, commits, failures;
};

static int fail(struct store *store, const char *what, struct error *err)
{
    return error_set(err, ERROR_SYSTEM, "cannot %s the store: %s", what, sqlite3_errmsg(store->db));
}

/* Runs a statement that returns no rows. */
static int run(struct store *store, enum statement statement, struct error *err)
{
    sqlite3_stmt *prepared = store->statements[statement];
    int result = sqlite3_step(prepared);

    if (result != SQLITE_DONE)
        fail(store, "write to", err);
    sqlite3_reset(prepared);
    sqlite3_clear_bindings(prepared);
    return result == SQLITE_DONE ? 0 : -1;
}

static void bind_string(sqlite3_stmt *prepared, int index, const char *string)
{
    /* Only out of memory can make it fail, and then the statement fails: NOT NULL. */
    (void)sqlite3_bind_text64(prepared, index, string, strlen(string), SQLITE_STATIC, SQLITE_UTF8);
}

static int apply_change(struct store *store, const struct store_change *change, struct error *err)
{
    enum statement statement = change->action == STORE_PUT ? PUT : DELETE;
    sqlite3_stmt *prepared = store->statements[statement];

    if (change->body.len > STORE_BODY_MAX)
        return error_set(err, ERROR_LIMIT, "the document '%s' has more than %d bytes", change->key,
                         STORE_BODY_MAX);
    bind_string(prepared, 1, change->kind);
    bind_string(prepared, 2, change->key);
    if (change->action == STORE_PUT) {
        /* A NULL pointer would be bound as NULL, not as an empty body. */
        const char *body = change->body.len ? change->body.at : "";
        (void)sqlite3_bind_blob64(prepared, 3, body, change->body.len, SQLITE_STATIC);
    }
    return run(store, statement, err);
}

static int apply_changes(struct store *store, const struct store_write *first,
                         const struct store_write *end, struct error *err)
{
    for (const struct store_write *write = first; write != end; write = write->next)
        for (size_t i = 0; i < write->count; i++)
            if (apply_change(store, &write->changes[i], err) < 0)
                return -1;
    return 0;
}

/* The writes from first up to end in one transaction. */
static int commit(struct store *store, const struct store_write *first,
                  const struct store_write *end, struct error *err)
{
    struct error ignored;

    if (run(store, BEGIN, err) < 0)
        return -1;
    if (apply_changes(store, first, end, err) == 0 && run(store, COMMIT, err) == 0) {
        atomic_fetch_add_explicit(&store->commits, 1, memory_order_relaxed);
        return 0;
    }
    /* After some errors SQLite has rolled back by itself. */
    if (!sqlite3_get_autocommit(store->db))
        (void)run(store, ROLLBACK, &ignored);
    return -1;
}

static void release_changes(struct store_write *write)
{
    for (size_t i = 0; i < write->count; i++) {
        free(write->changes[i].kind);
        free(write->changes[i].key);
        buffer_done(&write->changes[i].body);
        write->changes[i] = (struct store_change){0};
    }
    write->count = 0;
}

static void on_answer(struct loop_message *message)
{
    struct store_write *write = container_of(message, struct store_write, message);

    write->done(write, write->failed, &write->error);
}

static void answer(struct store *store, struct store_write *write)
{
    atomic_fetch_add_explicit(write->failed ? &store->failures : &store->writes, 1,
                              memory_order_relaxed);
    release_changes(write);
    write->message.run = on_answer;
    loop_post(write->loop, &write->message);
}

/* A write that cannot be stored must not take those with it that happened to come at the
 * same time: after a failure each is tried alone. */
static void on_commit(struct loop_task *task)
{
    struct store *store = container_of(task, struct store, commit);
    struct store_write *write = store->first;
    struct error err;

    store->first = NULL;
    store->end = &store->first;
    bool together = commit(store, write, NULL, &err) == 0;
    while (write) {
        struct store_write *next = write->next;

        write->failed = !together && commit(store, write, next, &write->error) < 0;
        answer(store, write); /* gone from here */
        write = next;
    }
}

static void on_write(struct loop_message *message)
{
    struct store_write *write = container_of(message, struct store_write, message);
    struct store *store = write->store;

    write->next = NULL;
    *store->end = write;
    store->end = &write->next;
    loop_defer(store->writer, &store->commit);
}

void store_write(struct store *store, struct store_write *write)
{
    assert(write->count <= STORE_CHANGES_MAX && write->loop && write->done);
    write->store = store;
    write->message.run = on_write;
    loop_post(store->writer, &write->message);
}

static int each_row(struct store *store, sqlite3_stmt *prepared,
                    int (*each)(void *arg, struct text key, struct text body, struct error *err),
                    void *arg, struct error *err)
{
    int result;

    while ((result = sqlite3_step(prepared)) == SQLITE_ROW) {
        /* sqlite3_column_bytes() after the pointer: it may convert. */
        const void *key = sqlite3_column_text(prepared, 0);
        size_t key_len = (size_t)sqlite3_column_bytes(prepared, 0);
        const void *body = sqlite3_column_blob(prepared, 1);
        size_t body_len = (size_t)sqlite3_column_bytes(prepared, 1);

        if (each(arg, text_from(key, key_len), text_from(body, body_len), err) < 0)
            return -1;
    }
    return result == SQLITE_DONE ? 0 : fail(store, "read", err);
}

int store_each(struct store *store, const char *kind,
               int (*each)(void *arg, struct text key, struct text body, struct error *err),
               void *arg, struct error *err)
{
    sqlite3_stmt *prepared = store->statements[EACH];

    bind_string(prepared, 1, kind);
    int result = each_row(store, prepared, each, arg, err);
    sqlite3_reset(prepared);
    sqlite3_clear_bindings(prepared);
    return result;
}

struct store_counters store_counters(const struct store *store)
{
    return (struct store_counters){
        .writes = atomic_load_explicit(&store->writes, memory_order_relaxed),
        .commits = atomic_load_explicit(&store->commits, memory_order_relaxed),
        .failures = atomic_load_explicit(&store->failures, memory_order_relaxed),
    };
}

static int lock_folder(struct store *store, const char *folder, struct error *err)
{
    scoped(free) char *path = path_join(folder, LOCK_NAME);

    store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock < 0)
        return error_system(err, "cannot open '%s'", path);
    if (flock(store->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return error_set(err, ERROR_CONFLICT, "another evoke daemon uses '%s'", folder);
    return error_system(err, "cannot lock '%s'", path);
}

static int execute(struct store *store, const char *sql, struct error *err)
{
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail(store, "open", err);
    return 0;
}

/* The number a pragma answers with; WAL's is its name, so 0. */
static int read_pragma(struct store *store, const char *sql, int *ret_number, bool *ret_is_wal,
                       struct error *err)
{
    sqlite3_stmt *prepared = NULL;
    bool found = sqlite3_prepare_v2(store->db, sql, -1, &prepared, NULL) == SQLITE_OK &&
                 sqlite3_step(prepared) == SQLITE_ROW;

    if (found) {
        const char *answered = (const char *)sqlite3_column_text(prepared, 0);
        *ret_is_wal = answered && strcmp(answered, "wal") == 0;
        *ret_number = sqlite3_column_int(prepared, 0);
    } else {
        fail(store, "open", err);
    }
    sqlite3_finalize(prepared);
    return found ? 0 : -1;
}

static int configure(struct store *store, struct error *err)
{
    bool is_wal = false;
    int number;

    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, STORE_BODY_MAX + (1 << 20));
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (read_pragma(store, "PRAGMA journal_mode = WAL", &number, &is_wal, err) < 0)
        return -1;
    if (!is_wal)
        return error_set(err, ERROR_SYSTEM, "the file system does not support SQLite's WAL mode");
    return execute(store, "PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON", err);
}

static int upgrade(struct store *store, const char *folder, struct error *err)
{
    bool ignored;
    int version;

    if (read_pragma(store, "PRAGMA user_version", &version, &ignored, err) < 0)
        return -1;
    if (version < 0 || version > SCHEMA_VERSION)
        return error_set(
            err, ERROR_SYSTEM,
            "'%s' has schema version %d and this Evoke knows up to %d; use a newer one", folder,
            version, SCHEMA_VERSION);
    for (; version < SCHEMA_VERSION; version++) {
        scoped(free) char *sql = mem_format("BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; "
                                            "PRAGMA user_version = %d; COMMIT",
                                            schema[version], APPLICATION_ID, version + 1);
        if (execute(store, sql, err) < 0)
            return -1;
    }
    return 0;
}

static int prepare(struct store *store, struct error *err)
{
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(store->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK)
            return fail(store, "open", err);
    return 0;
}

/* SQLite gives its files the mode of the first, so that is made here; and its name must
 * be on disk before anything is acknowledged. */
static int create_file(const char *folder, const char *path, struct error *err)
{
    scoped(close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd < 0 ? error_system(err, "cannot open '%s'", path) : path_sync(folder, err);
}

static int open_database(struct store *store, const char *folder, struct error *err)
{
    scoped(free) char *path = path_join(folder, FILE_NAME);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_NOFOLLOW;

    if (create_file(folder, path, err) < 0)
        return -1;
    if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK)
        return fail(store, "open", err);
    if (configure(store, err) < 0 || upgrade(store, folder, err) < 0)
        return -1;
    return prepare(store, err);
}

static void release(struct store *store)
{
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    if (store->db)
        sqlite3_close(store->db);
    if (store->writer)
        loop_free(store->writer);
    close_scoped(&store->lock);
    free(store);
}

static inline void release_scoped(struct store **store)
{
    if (*store)
        release(*store);
}

struct store *store_open(const char *folder, struct error *err)
{
    scoped(release) struct store *store = mem_new(struct store);

    store->lock = -1;
    store->end = &store->first;
    store->commit.run = on_commit;
    if (path_make_folders(folder, 0700, err) < 0 || lock_folder(store, folder, err) < 0 ||
        open_database(store, folder, err) < 0)
        return NULL;
    store->writer = loop_new("store");
    if (loop_start(store->writer, err) < 0)
        return NULL;
    return take(store);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    loop_stop(store->writer);
    loop_join(store->writer);
    release(store);
}
