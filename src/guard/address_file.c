/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/address_file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "guard/phrases.h"
#include "loop/loop.h"

/*
 * Readers find the list by an atomic pointer and count themselves while they use it, some
 * microseconds; a list that was replaced is freed when nobody is counted, at the latest with
 * the file. The mutex is for opening, closing and reloading, never for readers.
 */
#define SETTLE_MS 200 /* writers of several files, or of one in pieces, are done by then */

struct address_list {
    struct ranges *ranges;
    struct phrases *phrases;
    struct address_list *next; /* of the retired ones */
};

struct address_file {
    struct address_files *files;
    struct list link;
    enum address_file_kind kind;
    char *path;
    struct stat seen; /* of what was read last */
    int users;
    _Atomic(struct address_list *) current;
    atomic_int readers;
    struct address_list *retired;
};

struct address_files {
    struct loop *loop;
    pthread_mutex_t lock;
    struct list list;
    int inotify;
    struct loop_io io;
    struct loop_timer settle;
    struct loop_job job;
    bool is_working, is_again, is_ending;
};

/* --- reading --- */

static void list_free(struct address_list *list)
{
    if (!list)
        return;
    ranges_free(list->ranges);
    phrases_free(list->phrases);
    free(list);
}
DEFINE_SCOPED(struct address_list *, list_free)

uint16_t address_country(struct text code)
{
    uint16_t sum = 0;

    if (code.len != 2)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        char c = code.at[i];
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 32);
        if (c < 'A' || c > 'Z')
            return 0;
        sum = (uint16_t)(sum << 8 | (uint8_t)c);
    }
    return sum;
}

static struct text trim(struct text text)
{
    while (text.len > 0 && (text.at[text.len - 1] == '\r' || text.at[text.len - 1] == '\n'))
        text.len--;
    return text_trim(text);
}

static struct text unquote(struct text text)
{
    text = trim(text);
    if (text.len >= 2 && text.at[0] == '"' && text.at[text.len - 1] == '"')
        return text_slice(text, 1, text.len - 1);
    return text;
}

static int add_country(struct ranges *ranges, struct text line, bool is_first, struct error *err)
{
    struct text network = TEXT_NONE, code = TEXT_NONE;

    (void)text_split(&line, ',', &network);
    (void)text_split(&line, ',', &code);
    network = unquote(network);
    code = unquote(code);
    if (is_first && !text_contains(network, '.') && !text_contains(network, ':'))
        return 0; /* names of columns */
    if (!address_country(code))
        return error_set(err, ERROR_INVALID, "'%.*s' is no country of two letters",
                         TEXT_ARG(text_slice(code, 0, 20)));
    return ranges_add(ranges, network, address_country(code), err);
}

static int add_line(struct address_list *list, enum address_file_kind kind, struct text line,
                    bool is_first, struct error *err)
{
    switch (kind) {
    case ADDRESS_FILE_NETWORKS:
        return ranges_add(list->ranges, line, 1, err);
    case ADDRESS_FILE_PHRASES:
        return phrases_add(list->phrases, line, err);
    case ADDRESS_FILE_COUNTRIES:
        return add_country(list->ranges, line, is_first, err);
    }
    return -1;
}

static struct address_list *list_parse(enum address_file_kind kind, struct text content,
                                       struct error *err)
{
    scoped(list_free) struct address_list *list = mem_new(struct address_list);
    struct text line;
    bool is_first = true;

    if (kind == ADDRESS_FILE_PHRASES)
        list->phrases = phrases_new();
    else
        list->ranges = ranges_new();
    for (int64_t number = 1; text_split(&content, '\n', &line); number++) {
        struct error why;
        line = trim(text_slice(line, 0, text_find(line, '#')));
        if (line.len == 0)
            continue;
        if (add_line(list, kind, line, is_first, &why) < 0) {
            (void)error_set(err, why.code, "line %lld: %s", (long long)number, why.text);
            return NULL;
        }
        is_first = false;
    }
    if (list->phrases)
        phrases_build(list->phrases);
    else
        ranges_build(list->ranges);
    return take(list);
}

int address_list_check(enum address_file_kind kind, struct text content, struct error *err)
{
    scoped(list_free) struct address_list *list = list_parse(kind, content, err);
    return list ? 0 : -1;
}

static struct address_list *list_load(enum address_file_kind kind, const char *path,
                                      struct stat *ret_seen, struct error *err)
{
    scoped(buffer_done) struct buffer content = {0};
    struct error why;

    if (stat(path, ret_seen) < 0) {
        (void)error_system(err, "'%s' cannot be read", path);
        return NULL;
    }
    if (path_read(path, ADDRESS_FILE_BYTES_MAX, &content, err) < 0)
        return NULL;
    struct address_list *list = list_parse(kind, buffer_text(&content), &why);
    if (!list)
        (void)error_set(err, why.code, "'%s', %s", path, why.text);
    return list;
}

/* --- using --- */

static const struct address_list *enter(struct address_file *file)
{
    atomic_fetch_add(&file->readers, 1);
    return atomic_load(&file->current);
}

static void leave(struct address_file *file)
{
    atomic_fetch_sub(&file->readers, 1);
}

uint16_t address_file_find(struct address_file *file, address_number address)
{
    uint16_t value = ranges_find(enter(file)->ranges, address);

    leave(file);
    return value;
}

bool address_file_match(struct address_file *file, struct text text)
{
    bool matches = phrases_match(enter(file)->phrases, text);

    leave(file);
    return matches;
}

/* --- replacing --- */

static void free_retired(struct address_file *file)
{
    while (file->retired) {
        struct address_list *list = file->retired;
        file->retired = list->next;
        list_free(list);
    }
}

/* Who counted itself before the exchange may have the old list, who does so later has not. */
static void replace(struct address_file *file, struct address_list *list)
{
    struct address_list *old = atomic_exchange(&file->current, list);

    old->next = file->retired;
    file->retired = old;
    if (atomic_load(&file->readers) == 0)
        free_retired(file);
}

static bool is_changed(const struct stat *a, const struct stat *b)
{
    return a->st_ino != b->st_ino || a->st_dev != b->st_dev || a->st_size != b->st_size ||
           a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

static int reload(struct address_file *file, struct error *err)
{
    struct stat now;

    if (stat(file->path, &now) == 0 && !is_changed(&now, &file->seen))
        return 0;
    struct address_list *list = list_load(file->kind, file->path, &now, err);
    if (!list) {
        log_warn("a list was not read again; the old one stays", LOG_TEXT("file", file->path),
                 LOG_ERROR(err));
        return -1;
    }
    file->seen = now;
    replace(file, list);
    log_info("a list was read again", LOG_TEXT("file", file->path));
    return 0;
}

/* The lock is held while files are read: opening another waits as long. */
int address_files_reload(struct address_files *files, json_t *faults)
{
    struct error err;
    int count = 0;

    pthread_mutex_lock(&files->lock);
    list_each (node, &files->list) {
        count++;
        if (reload(container_of(node, struct address_file, link), &err) < 0 && faults)
            json_array_append_new(faults, json_string(err.text));
    }
    pthread_mutex_unlock(&files->lock);
    return count;
}

static void reload_all(struct loop_job *job)
{
    (void)address_files_reload(container_of(job, struct address_files, job), NULL);
}

static void free_all(struct address_files *files)
{
    pthread_mutex_destroy(&files->lock);
    free(files);
}

static void on_reloaded(struct loop_job *job)
{
    struct address_files *files = container_of(job, struct address_files, job);

    files->is_working = false;
    if (files->is_ending)
        free_all(files);
    else if (files->is_again)
        loop_timer_set(files->loop, &files->settle, SETTLE_MS);
}

static void on_settled(struct loop_timer *timer)
{
    struct address_files *files = container_of(timer, struct address_files, settle);

    files->is_again = files->is_working;
    if (files->is_working)
        return;
    files->is_working = true;
    loop_work(files->loop, &files->job);
}

static void on_change(struct loop_io *io, int events)
{
    struct address_files *files = container_of(io, struct address_files, io);
    char seen[4096];

    while (read(files->inotify, seen, sizeof seen) > 0)
        ;
    loop_timer_set(files->loop, &files->settle, SETTLE_MS);
}

/* --- opening and closing --- */

struct address_files *address_files_new(struct loop *loop)
{
    struct address_files *files = mem_new(struct address_files);

    files->loop = loop;
    pthread_mutex_init(&files->lock, NULL);
    list_init(&files->list);
    files->job = (struct loop_job){.work = reload_all, .done = on_reloaded};
    files->settle.fire = on_settled;
    files->inotify = loop ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
    if (files->inotify >= 0) {
        files->io.ready = on_change;
        loop_io_start(loop, &files->io, files->inotify, LOOP_READ);
    }
    return files;
}

static void on_unwatched(struct loop_io *io)
{
    struct address_files *files = container_of(io, struct address_files, io);

    (void)close(files->inotify);
    files->is_ending = true;
    if (!files->is_working)
        free_all(files);
}

void address_files_free(struct address_files *files)
{
    if (!files)
        return;
    if (files->inotify < 0) {
        free_all(files);
        return;
    }
    loop_timer_clear(&files->settle);
    files->io.closed = on_unwatched;
    loop_io_stop(&files->io);
}

/* The folder is watched, not the file: editors put a new one in its place. */
static void watch(struct address_files *files, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (files->inotify < 0)
        return;
    scoped(free) char *folder =
        slash == path ? mem_strdup("/") : text_dup(text_from(path, (size_t)(slash - path)));
    if (inotify_add_watch(files->inotify, folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_MASK_ADD) < 0)
        log_warn("changes of a list will not be seen", LOG_TEXT("file", path));
}

static struct address_file *find(struct address_files *files, enum address_file_kind kind,
                                 struct text path)
{
    list_each (node, &files->list) {
        struct address_file *file = container_of(node, struct address_file, link);
        if (file->kind == kind && text_equal(text_of(file->path), path))
            return file;
    }
    return NULL;
}

static struct address_file *open_new(struct address_files *files, enum address_file_kind kind,
                                     struct text path, struct error *err)
{
    scoped(free) char *name = text_dup(path);
    struct stat seen;
    struct address_list *list;

    watch(files, name);
    list = list_load(kind, name, &seen, err);
    if (!list)
        return NULL;
    struct address_file *file = mem_new(struct address_file);
    file->files = files;
    file->kind = kind;
    file->path = take(name);
    file->seen = seen;
    atomic_store(&file->current, list);
    list_push(&files->list, &file->link);
    return file;
}

struct address_file *address_file_open(struct address_files *files, enum address_file_kind kind,
                                       struct text path, struct error *err)
{
    if (path.len == 0 || path.at[0] != '/' || path.len > 1024 || memchr(path.at, 0, path.len)) {
        (void)error_set(err, ERROR_INVALID, "'%.*s' must be the absolute path of a file",
                        TEXT_ARG(text_slice(path, 0, 80)));
        return NULL;
    }
    pthread_mutex_lock(&files->lock);
    struct address_file *file = find(files, kind, path);
    if (!file)
        file = open_new(files, kind, path, err);
    if (file)
        file->users++;
    pthread_mutex_unlock(&files->lock);
    return file;
}

void address_file_close(struct address_file *file)
{
    if (!file)
        return;
    struct address_files *files = file->files;
    pthread_mutex_lock(&files->lock);
    bool is_last = --file->users == 0;
    if (is_last)
        list_remove(&file->link);
    pthread_mutex_unlock(&files->lock);
    if (!is_last)
        return;
    list_free(atomic_load(&file->current));
    free_retired(file);
    free(file->path);
    free(file);
}
