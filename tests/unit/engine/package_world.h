/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/package.h"
#include "model/limits.h"
#include "test.h"

/* ZIP_CORPUS is the folder of archives, shared with the fuzz target. */

/* A world of its own: ROOT/data is the data folder, ROOT/outside must stay as it is. */
struct fixture {
    char root[64];
    char *data, *outside;
};

static inline void fixture_init(struct fixture *fixture)
{
    struct error err;

    umask(077); /* modes must not depend on it */
    memcpy(fixture->root, "/tmp/evoke-package-XXXXXX", 26);
    CHECK(mkdtemp(fixture->root));
    fixture->data = path_join(fixture->root, "data");
    fixture->outside = path_join(fixture->root, "outside");
    CHECK(path_write(fixture->outside, TEXT("untouched"), 0600, &err) == 0);
    CHECK(path_make_folders(fixture->data, 0700, &err) == 0);
    CHECK_MSG(package_prepare(fixture->data, &err) == 0, "%s", err.text);
}

static inline int count_in(const char *folder)
{
    DIR *open = opendir(folder);
    int count = 0;

    CHECK_MSG(open, "%s", folder);
    for (const struct dirent *entry; (entry = readdir(open));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(open);
    return count;
}

static inline int count_below(const struct fixture *fixture, const char *name)
{
    scoped(free) char *path = path_join(fixture->data, name);

    return count_in(path);
}

static inline void check_outside(const struct fixture *fixture, const char *after)
{
    struct error err;
    struct buffer content = {0};

    CHECK_MSG(count_in(fixture->root) == 2 && count_in(fixture->data) == 3, "after %s", after);
    CHECK(path_read(fixture->outside, 100, &content, &err) == 0);
    CHECK_TEXT(buffer_text(&content), "untouched");
    buffer_done(&content);
}

static inline void check_nothing_left(const struct fixture *fixture, const char *after)
{
    static const char *const folders[] = {"code", "zip", "staging"};

    for (size_t i = 0; i < COUNT_OF(folders); i++)
        CHECK_MSG(count_below(fixture, folders[i]) == 0, "%s left something in %s", after,
                  folders[i]);
    check_outside(fixture, after);
}

static inline void fixture_done(struct fixture *fixture)
{
    struct error err;

    CHECK_MSG(path_remove_tree(fixture->root, &err) == 0, "%s", err.text);
    free(fixture->data);
    free(fixture->outside);
}

static inline struct buffer read_archive(const char *name)
{
    scoped(free) char *path = path_join(ZIP_CORPUS, name);
    struct buffer archive = {0};
    struct error err;

    CHECK_MSG(path_read(path, LIMIT_ZIP_BYTES, &archive, &err) == 0, "%s", err.text);
    return archive;
}

static inline void stage_file(const struct fixture *fixture, const char *name, struct package *ret)
{
    struct buffer archive = read_archive(name);
    struct error err;

    CHECK_MSG(package_stage(fixture->data, NULL, buffer_text(&archive), ret, &err) == 0, "%s: %s",
              name, err.text);
    buffer_done(&archive);
}

static inline void refuse(const struct fixture *fixture, const char *name, struct text archive,
                          const char *want)
{
    struct error err = {0};
    struct package package;

    CHECK_MSG(package_stage(fixture->data, NULL, archive, &package, &err) < 0, "%s was accepted",
              name);
    CHECK_MSG(strstr(err.text, want), "%s: '%s' is not '%s'", name, err.text, want);
    CHECK_MSG(err.code == ERROR_INVALID || err.code == ERROR_LIMIT, "%s: code %d", name, err.code);
    check_nothing_left(fixture, name);
}
