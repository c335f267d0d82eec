/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_truststores.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "http/tls.h"

/*
 * A file is looked at every second while there is any: a domain's file may be a link into a folder
 * that is replaced as a whole, may come by a network, and is one of few. What cannot be read leaves
 * what was read before.
 */

#define LOOK_MS 1000
#define FILE_BYTES_MAX (1 << 20)
#define FILE_SCHEME TEXT("file://")
#define S3_SCHEME TEXT("s3://")
#define S3_FOLDER "truststores"

struct truststore {
    char *uri;
    struct truststore_file file; /* read, or tried, last */
    int64_t publication;         /* the last that had use for it */
};

/* One in the pool: what it found. */
struct look {
    struct truststore *store;
    const char *uri;
    struct stat before;
    struct truststore_file file;
    struct error err;
    bool is_good;
};

struct truststores {
    char *data_folder;
    struct map stores; /* uri -> struct truststore */
    struct loop *control;
    void (*changed)(void *arg);
    void *arg;
    struct loop_timer timer;
    struct loop_job job;
    int64_t publication;
    struct look *looks;
    size_t look_count;
    bool is_working;
};

/* --- a file --- */

/* The caller frees; NULL: it is none. */
static char *path_of(const char *data_folder, struct text uri, struct error *err)
{
    struct text rest = text_skip(uri, S3_SCHEME.len), piece;

    if (text_starts(uri, FILE_SCHEME))
        uri = text_skip(uri, FILE_SCHEME.len);
    if (text_starts(uri, TEXT("/")))
        return text_dup(uri);
    bool is_s3 = text_starts(uri, S3_SCHEME) && rest.len > 0 && text_contains(rest, '/');
    for (struct text names = rest; is_s3 && text_split(&names, '/', &piece);)
        is_s3 = piece.len > 0 && !text_equal(piece, TEXT("..")) && !text_equal(piece, TEXT("."));
    if (is_s3)
        return mem_format("%s/" S3_FOLDER "/%.*s", data_folder, TEXT_ARG(rest));
    error_set(err, ERROR_INVALID,
              "truststoreUri '%.*s': it is file:///PATH, /PATH, or s3://BUCKET/KEY, which is the "
              "file %s/" S3_FOLDER "/BUCKET/KEY",
              TEXT_ARG(text_slice(uri, 0, 200)), data_folder);
    return NULL;
}

static int read_file(const char *path, struct buffer *ret, struct error *err)
{
    struct error why;
    struct stat found;

    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode))
        return error_set(err, ERROR_INVALID, "the truststore '%s' is no file", path);
    if (path_read(path, FILE_BYTES_MAX, ret, err) < 0)
        return -1;
    struct tls_clients *clients = tls_clients_parse(buffer_text(ret), &why);
    tls_clients_unref(clients);
    return clients ? 0 : error_set(err, ERROR_INVALID, "the truststore '%s': %s", path, why.text);
}

int truststores_read(const char *data_folder, struct text uri, struct truststore_file *ret,
                     struct error *err)
{
    scoped(free) char *path = path_of(data_folder, uri, err);

    *ret = (struct truststore_file){0};
    if (!path)
        return -1;
    if (stat(path, &ret->seen) < 0)
        ret->seen = (struct stat){0};
    if (read_file(path, &ret->pem, err) == 0)
        return 0;
    buffer_done(&ret->pem);
    return -1;
}

/* --- looking --- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Whether something else is served now. What was put meanwhile is newer. */
static bool settle(struct look *look)
{
    struct truststore *store = look->store;
    bool is_new = !is_same(&look->file.seen, &look->before) &&
                  is_same(&store->file.seen, &look->before);

    if (is_new && !look->is_good) {
        log_warn("truststore of a domain is not read, what was read before stays",
                 LOG_TEXT("uri", store->uri), LOG_ERROR(&look->err));
        store->file.seen = look->file.seen;
    }
    if (is_new && look->is_good) {
        buffer_done(&store->file.pem);
        store->file = look->file;
        look->file.pem = (struct buffer){0};
    }
    buffer_done(&look->file.pem);
    return is_new && look->is_good;
}

static void begin_looks(struct truststores *all)
{
    struct map_cursor cursor = {0};

    all->looks = mem_zalloc((all->stores.count + 1) * sizeof *all->looks);
    all->look_count = 0;
    while (map_next(&all->stores, &cursor)) {
        struct truststore *store = cursor.value;
        if (store->publication == all->publication)
            all->looks[all->look_count++] =
                (struct look){.store = store, .uri = store->uri, .before = store->file.seen};
    }
}

static bool end_looks(struct truststores *all)
{
    bool is_changed = false;

    for (size_t i = 0; i < all->look_count; i++)
        is_changed |= settle(&all->looks[i]);
    free(take(all->looks));
    return is_changed;
}

static void look_at(const char *data_folder, struct look *look)
{
    scoped(free) char *path = path_of(data_folder, text_of(look->uri), &look->err);

    if (path && stat(path, &look->file.seen) == 0 && is_same(&look->file.seen, &look->before))
        return;
    look->is_good =
        truststores_read(data_folder, text_of(look->uri), &look->file, &look->err) == 0;
}

static void work(struct loop_job *job)
{
    struct truststores *all = container_of(job, struct truststores, job);

    for (size_t i = 0; i < all->look_count; i++)
        look_at(all->data_folder, &all->looks[i]);
}

static void on_worked(struct loop_job *job)
{
    struct truststores *all = container_of(job, struct truststores, job);

    all->is_working = false;
    bool has_any = all->look_count > 0;
    if (end_looks(all))
        all->changed(all->arg);
    if (has_any)
        loop_timer_set(all->control, &all->timer, LOOK_MS);
}

static void on_timer(struct loop_timer *timer)
{
    struct truststores *all = container_of(timer, struct truststores, timer);

    begin_looks(all);
    all->is_working = true;
    all->job = (struct loop_job){.work = work, .done = on_worked};
    loop_work(all->control, &all->job);
}

/* --- which there are --- */

static struct truststore *add(struct truststores *all, struct text uri)
{
    struct truststore *store = map_find(&all->stores, uri);

    if (store)
        return store;
    store = mem_new(struct truststore);
    store->uri = text_dup(uri);
    map_put(&all->stores, uri, store);
    return store;
}

void truststores_put(struct truststores *all, struct text uri, struct truststore_file *file)
{
    struct truststore *store = add(all, uri);

    buffer_done(&store->file.pem);
    store->file = *file;
    file->pem = (struct buffer){0};
}

void truststores_load(struct truststores *all, struct text uri)
{
    struct look look = {.store = add(all, uri)};

    look.uri = look.store->uri;
    look_at(all->data_folder, &look);
    (void)settle(&look);
}

void truststores_begin(struct truststores *all)
{
    all->publication++;
}

struct text truststores_find(struct truststores *all, struct text uri)
{
    struct truststore *store = add(all, uri);

    store->publication = all->publication;
    if (all->changed && !all->is_working && !loop_timer_is_set(&all->timer))
        loop_timer_set(all->control, &all->timer, LOOK_MS);
    return buffer_text(&store->file.pem);
}

void truststores_watch(struct truststores *all, void (*changed)(void *arg), void *arg)
{
    all->changed = changed;
    all->arg = arg;
}

struct truststores *truststores_new(struct loop *control, const char *data_folder)
{
    struct truststores *all = mem_new(struct truststores);

    all->control = control;
    all->data_folder = mem_strdup(data_folder);
    all->timer.fire = on_timer;
    return all;
}

void truststores_free(struct truststores *all)
{
    struct map_cursor cursor = {0};

    if (!all)
        return;
    while (map_next(&all->stores, &cursor)) {
        struct truststore *store = cursor.value;
        buffer_done(&store->file.pem);
        free(store->uri);
        free(store);
    }
    map_done(&all->stores);
    free(all->looks);
    free(all->data_folder);
    free(all);
}
