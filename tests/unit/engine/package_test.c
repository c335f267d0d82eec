/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/package.h"

#include <pthread.h>

#include "base/crypto.h"
#include "package_world.h"

TEST(the_same_package_is_stored_once)
{
    struct fixture fixture;
    struct package first, second;
    struct buffer archive = read_archive("good-manifest.zip"), stored = {0};
    struct error err;
    uint8_t digest[SHA256_LEN];
    char hex[65];

    fixture_init(&fixture);
    stage_file(&fixture, "good-manifest.zip", &first);
    stage_file(&fixture, "good-manifest.zip", &second);
    crypto_sha256(buffer_text(&archive), digest);
    crypto_hex(digest, sizeof digest, hex);
    CHECK_TEXT(text_of(first.code), hex);
    CHECK_TEXT(text_of(second.code), hex);
    CHECK(strlen(first.code_sha256) == 44);
    CHECK(second.manifest && second.manifest->memory_mb == 256);
    CHECK(first.unpacked_bytes == second.unpacked_bytes && first.unpacked_bytes > 0);
    CHECK(count_below(&fixture, "code") == 1 && count_below(&fixture, "zip") == 1);

    scoped(free) char *path = mem_format("%s/zip/%s.zip", fixture.data, first.code);
    CHECK(path_read(path, LIMIT_ZIP_BYTES, &stored, &err) == 0);
    CHECK(text_equal(buffer_text(&stored), buffer_text(&archive)));
    package_done(&first);
    package_done(&second);
    buffer_done(&archive);
    buffer_done(&stored);
    fixture_done(&fixture);
}

static void *stage_many(void *arg)
{
    for (int i = 0; i < 20; i++) {
        struct package package;

        stage_file(arg, "good-links.zip", &package);
        package_done(&package);
    }
    return NULL;
}

TEST(two_threads_may_store_the_same_package)
{
    struct fixture fixture;
    pthread_t thread;

    fixture_init(&fixture);
    CHECK(pthread_create(&thread, NULL, stage_many, &fixture) == 0);
    stage_many(&fixture);
    pthread_join(thread, NULL);
    CHECK(count_below(&fixture, "code") == 1 && count_below(&fixture, "zip") == 1);
    CHECK(count_below(&fixture, "staging") == 0);
    fixture_done(&fixture);
}

TEST(a_removed_package_is_gone)
{
    struct fixture fixture;
    struct package package;
    struct error err = {0};

    fixture_init(&fixture);
    stage_file(&fixture, "good-deep.zip", &package);
    CHECK_MSG(package_remove(fixture.data, package.code, &err) == 0, "%s", err.text);
    check_nothing_left(&fixture, "removal");
    CHECK_MSG(package_remove(fixture.data, package.code, &err) == 0, "%s", err.text);
    CHECK(package_remove(fixture.data, "../outside", &err) < 0 && err.code == ERROR_INVALID);
    check_outside(&fixture, "removal");
    package_done(&package);
    fixture_done(&fixture);
}

TEST(what_a_killed_daemon_was_unpacking_is_removed)
{
    struct fixture fixture;
    struct package package;
    struct error err;

    fixture_init(&fixture);
    stage_file(&fixture, "good-go.zip", &package);
    scoped(free) char *half = mem_format("%s/staging/abc/code/d", fixture.data);
    CHECK(path_make_folders(half, 0700, &err) == 0);
    CHECK(package_prepare(fixture.data, &err) == 0);
    CHECK(count_below(&fixture, "staging") == 0 && count_below(&fixture, "code") == 1);
    package_done(&package);
    fixture_done(&fixture);
}

TEST(a_failure_of_the_disk_leaves_nothing)
{
    static const char *const broken[] = {"code", "zip", "staging"};
    struct buffer archive = read_archive("good-go.zip");

    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct fixture fixture;
        struct package package;
        struct error err = {0};

        fixture_init(&fixture);
        scoped(free) char *folder = path_join(fixture.data, broken[i]);
        CHECK(path_remove_tree(folder, &err) == 0);
        CHECK(path_write(folder, TEXT("no folder"), 0600, &err) == 0);
        CHECK(package_stage(fixture.data, NULL, buffer_text(&archive), &package, &err) < 0);
        CHECK_MSG(err.code == ERROR_SYSTEM, "%s", err.text);
        for (size_t k = 0; k < COUNT_OF(broken); k++)
            CHECK(k == i || count_below(&fixture, broken[k]) == 0);
        fixture_done(&fixture);
    }
    buffer_done(&archive);
}
