/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/unpack.h"

#include <fcntl.h>
#include <pthread.h>

#include "engine/zip.h"
#include "package_world.h"
#include "zip_maker.h"

TEST(files_get_their_modes_and_contents)
{
    static const struct {
        const char *archive, *path;
        mode_t mode;
        const char *content; /* or the target of a link */
    } cases[] = {
        {"good-go.zip", "bootstrap", S_IFREG | 0755, "#!/bin/sh\n"},
        {"good-go.zip", "data/x", S_IFREG | 0644, "stored"},
        {"good-go.zip", "data", S_IFDIR | 0755, NULL},
        {"good-info-zip.zip", "bin/run", S_IFREG | 0755, NULL},
        {"good-info-zip.zip", "app.py", S_IFREG | 0644, "pass\n"},
        {"good-info-zip.zip", "link", S_IFLNK | 0777, "bin/run"},
        {"good-info-zip.zip", "gr\u00fc\u00df.txt", S_IFREG | 0644, "x"},
        {"good-info-zip-piped.zip", "bin/run", S_IFREG | 0755, NULL},
        {"good-python.zip", "bin/run", S_IFREG | 0755, "#!/bin/sh\necho hello\n"},
        {"good-python-stream.zip", "bin/run", S_IFREG | 0755, "#!/bin/sh\necho hello\n"},
        {"good-python-stream-zip64.zip", "bin/run", S_IFREG | 0755, "#!/bin/sh\necho hello\n"},
        {"good-python.zip", "app.py", S_IFREG | 0644, NULL},
        {"good-python.zip", "empty", S_IFDIR | 0755, NULL},
        {"good-windows.zip", "folder", S_IFDIR | 0755, NULL},
        {"good-windows.zip", "folder/app.py", S_IFREG | 0644, "pass\n"},
        {"good-modes.zip", "setuid", S_IFREG | 0755, "hello"},
        {"good-modes.zip", "closed", S_IFREG | 0644, "hello"},
        {"good-modes.zip", "none", S_IFREG | 0644, "hello"},
        {"good-modes.zip", "group", S_IFREG | 0755, "hello"},
        {"good-modes.zip", "world", S_IFREG | 0644, "hello"},
        {"good-modes.zip", "folder", S_IFDIR | 0755, NULL},
        {"good-links.zip", "lib/libx.so", S_IFLNK | 0777, "./libx.so.1"},
        {"good-links.zip", "current", S_IFLNK | 0777, "lib"},
        {"good-links.zip", "a/b/c", S_IFLNK | 0777, "../../lib//libx.so"},
        {"good-unicode.zip", "gr\u00fc\u00df/\u6587.txt", S_IFREG | 0644, "hello"},
        {"good-unicode.zip", "gr\u00fc\u00df", S_IFDIR | 0755, NULL},
    };
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct package package;
        struct buffer content = {0};
        struct stat status;
        struct error err;
        char target[64] = "";

        stage_file(&fixture, cases[i].archive, &package);
        scoped(free) char *path =
            mem_format("%s/code/%s/%s", fixture.data, package.code, cases[i].path);
        CHECK_MSG(lstat(path, &status) == 0, "%s", path);
        CHECK_MSG(status.st_mode == cases[i].mode, "%s has mode %o", path, status.st_mode);
        if (cases[i].content && S_ISLNK(cases[i].mode)) {
            CHECK(readlink(path, target, sizeof target - 1) > 0);
            CHECK_TEXT(text_of(target), cases[i].content);
        } else if (cases[i].content) {
            CHECK_MSG(path_read(path, 1000, &content, &err) == 0, "%s", err.text);
            CHECK_TEXT(buffer_text(&content), cases[i].content);
        }
        buffer_done(&content);
        package_done(&package);
    }
    fixture_done(&fixture);
}

/* A folder in the tree changes places with a link to the outside, all the time. */
struct swapping {
    int root;
    atomic_int swaps;
    atomic_bool stop;
};

static void *swap(void *arg)
{
    struct swapping *swapping = arg;

    while (!atomic_load(&swapping->stop))
        if (renameat2(swapping->root, "d", swapping->root, "trap", RENAME_EXCHANGE) == 0)
            atomic_fetch_add(&swapping->swaps, 1);
    return NULL;
}

TEST(a_folder_that_becomes_a_link_meanwhile_is_not_followed)
{
    struct fixture fixture;
    struct maker maker = {0};
    struct error err;
    pthread_t thread;

    fixture_init(&fixture);
    scoped(free) char *tree = path_join(fixture.root, "tree");
    scoped(free) char *victim = path_join(fixture.root, "victim");
    CHECK(mkdir(tree, 0700) == 0 && mkdir(victim, 0700) == 0);
    scoped(close) int root = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(root >= 0 && mkdirat(root, "d", 0700) == 0 && symlinkat(victim, root, "trap") == 0);
    scoped(close) int folder = openat(root, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    make_entry(&maker, "d/a/x", TEXT("\x03\x00"), 0);
    make_entry(&maker, "d/y", TEXT("\x03\x00"), 0);
    make_entry(&maker, "d/a/z", TEXT("\x03\x00"), 0);
    struct buffer archive = made(&maker);
    scoped(zip_close) struct zip *zip = zip_open(buffer_text(&archive), &err);
    CHECK_MSG(zip, "%s", err.text);

    struct swapping swapping = {.root = root};
    CHECK(pthread_create(&thread, NULL, swap, &swapping) == 0);
    for (int i = 0; i < 10000 || atomic_load(&swapping.swaps) < 10000; i++) {
        (void)unpack(zip, root, &err);
        (void)unlinkat(folder, "a/x", 0);
        (void)unlinkat(folder, "a/z", 0);
        (void)unlinkat(folder, "a", AT_REMOVEDIR);
        (void)unlinkat(folder, "y", 0);
    }
    atomic_store(&swapping.stop, true);
    pthread_join(thread, NULL);
    CHECK(count_in(victim) == 0);
    buffer_done(&archive);
    fixture_done(&fixture);
}
