/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scoped.h"
#include "test.h"

static char root[64];

static const char *at(const char *name)
{
    static char path[4][256];
    static int turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", root, name);
    return out;
}

static bool exists(const char *name)
{
    struct stat status;
    return lstat(at(name), &status) == 0;
}

static mode_t mode_of(const char *name)
{
    struct stat status;
    CHECK(stat(at(name), &status) == 0);
    return status.st_mode & 07777;
}

static void put(const char *name, const char *content)
{
    struct error err = {0};
    CHECK_MSG(path_write(at(name), text_of(content), 0644, &err) == 0, "%s", err.text);
}

/* First, so that the others have their folder. */
TEST(folders_are_made_with_their_parents)
{
    struct error err = {0};
    snprintf(root, sizeof root, "/tmp/evoke-path-XXXXXX");
    CHECK(mkdtemp(root));
    umask(022);
    CHECK(path_make_folders(at("a/b//c/"), 0750, &err) == 0);
    CHECK(mode_of("a") == 0750 && mode_of("a/b/c") == 0750);
    CHECK(path_make_folders(at("a/b/c"), 0700, &err) == 0);
    CHECK(mode_of("a/b/c") == 0750);
    CHECK(path_make_folders("/", 0755, &err) == 0);
    put("file", "x");
    CHECK(path_make_folders(at("file"), 0755, &err) < 0);
    CHECK(err.code == ERROR_SYSTEM && strstr(err.text, "Not a directory"));
    CHECK(path_make_folders(at("file/x"), 0755, &err) < 0);
    CHECK(path_make_folders("", 0755, &err) < 0);
}

TEST(names_are_joined_by_one_slash)
{
    static const struct {
        const char *folder, *name, *joined;
    } rows[] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        scoped(free) char *joined = path_join(rows[i].folder, rows[i].name);
        CHECK(strcmp(joined, rows[i].joined) == 0);
    }
}

TEST(what_was_written_is_read)
{
    struct error err = {0};
    scoped(buffer_done) struct buffer content = {0};
    CHECK(path_write(at("f"), TEXT("one\0two"), 0600, &err) == 0);
    CHECK(mode_of("f") == 0600);
    buffer_add_literal(&content, ">");
    CHECK(path_read(at("f"), 7, &content, &err) == 0);
    CHECK(text_equal(buffer_text(&content), TEXT(">one\0two")));
    CHECK(path_write(at("f"), TEXT_NONE, 0666, &err) == 0);
    CHECK(mode_of("f") == 0666);
    buffer_clear(&content);
    CHECK(path_read(at("f"), 0, &content, &err) == 0 && content.len == 0);
}

TEST(a_large_file_is_read_whole)
{
    enum { SIZE = 300001 };
    static char bytes[SIZE];
    struct error err = {0};
    scoped(buffer_done) struct buffer content = {0};
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 7);
    CHECK(path_write(at("large"), text_from(bytes, SIZE), 0600, &err) == 0);
    CHECK(path_read(at("large"), SIZE, &content, &err) == 0);
    CHECK(content.len == SIZE && memcmp(content.at, bytes, SIZE) == 0);
    buffer_clear(&content);
    CHECK(path_read(at("large"), SIZE - 1, &content, &err) < 0);
    CHECK(err.code == ERROR_LIMIT && content.len == 0);
}

TEST(a_failed_read_appends_nothing)
{
    struct error err = {0};
    scoped(buffer_done) struct buffer content = {0};
    buffer_add_literal(&content, "kept");
    put("f", "too long");
    CHECK(path_read(at("f"), 7, &content, &err) < 0 && err.code == ERROR_LIMIT);
    CHECK(path_read(at("absent"), 7, &content, &err) < 0 && err.code == ERROR_NOT_FOUND);
    CHECK(path_read(root, 7, &content, &err) < 0 && err.code == ERROR_SYSTEM);
    CHECK(strcmp(content.at, "kept") == 0);
}

TEST(a_failed_write_leaves_the_old_file_and_no_other)
{
    struct error err = {0};
    CHECK(path_make_folders(at("w/taken/x"), 0755, &err) == 0);
    CHECK(path_write(at("w/taken"), TEXT("new"), 0644, &err) < 0);
    CHECK(err.code == ERROR_SYSTEM);
    CHECK(path_write(at("absent/f"), TEXT("new"), 0644, &err) < 0);
    CHECK(rmdir(at("w/taken/x")) == 0 && rmdir(at("w/taken")) == 0);
    CHECK(rmdir(at("w")) == 0); /* it holds no temporary file */
}

TEST(a_write_replaces_a_link_and_not_what_it_points_to)
{
    struct error err = {0};
    scoped(buffer_done) struct buffer content = {0};
    put("target", "old");
    CHECK(symlink("target", at("link")) == 0);
    put("link", "new");
    CHECK(path_read(at("target"), 10, &content, &err) == 0);
    CHECK(strcmp(content.at, "old") == 0);
}

TEST(files_and_folders_are_synced)
{
    struct error err = {0};
    put("f", "x");
    CHECK(path_sync(at("f"), &err) == 0);
    CHECK(path_sync(root, &err) == 0);
    CHECK(path_sync(at("absent"), &err) < 0 && err.code == ERROR_NOT_FOUND);
}

TEST(a_tree_is_removed_and_links_are_not_followed)
{
    struct error err = {0};
    CHECK(path_make_folders(at("t/a/b/c"), 0755, &err) == 0);
    CHECK(path_make_folders(at("t/.removed-0/x"), 0755, &err) == 0);
    CHECK(path_make_folders(at("t/a/.removed-1/x"), 0755, &err) == 0);
    CHECK(path_make_folders(at("outside/x"), 0755, &err) == 0);
    put("t/a/b/f", "x");
    put("t/.removed-2", "x");
    put("outside/f", "x");
    CHECK(symlink("../outside", at("t/link")) == 0);
    CHECK(symlink("../../../outside", at("t/a/b/link")) == 0);
    CHECK(path_remove_tree(at("t/"), &err) == 0);
    CHECK(!exists("t"));
    CHECK(exists("outside/f") && exists("outside/x"));
}

TEST(a_link_or_file_or_nothing_is_removed_as_such)
{
    struct error err = {0};
    CHECK(path_make_folders(at("kept/x"), 0755, &err) == 0);
    CHECK(symlink("kept", at("to-kept")) == 0);
    put("f", "x");
    CHECK(path_remove_tree(at("to-kept/"), &err) == 0 && !exists("to-kept"));
    CHECK(exists("kept/x"));
    CHECK(path_remove_tree(at("f"), &err) == 0 && !exists("f"));
    CHECK(path_remove_tree(at("absent"), &err) == 0);
    CHECK(path_remove_tree(at("absent/absent"), &err) == 0);
    CHECK(path_remove_tree("/proc/self/status", &err) < 0 && err.code == ERROR_SYSTEM);
}

TEST(folders_without_permissions_are_removed)
{
    struct error err = {0};
    CHECK(path_make_folders(at("p/a/b/c"), 0755, &err) == 0);
    CHECK(chmod(at("p/a/b"), 0) == 0 && chmod(at("p/a"), 0500) == 0);
    CHECK_MSG(path_remove_tree(at("p"), &err) == 0, "%s", err.text);
    CHECK(!exists("p"));
}

/* Deeper than descriptors or a path could go. */
TEST(depth_does_not_matter)
{
    struct error err = {0};
    int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int depth = 0; depth < 3000; depth++) {
        CHECK(mkdirat(folder, "deep", 0755) == 0);
        int next = openat(folder, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(next >= 0);
        (void)close(folder);
        folder = next;
    }
    (void)close(folder);
    CHECK_MSG(path_remove_tree(at("deep"), &err) == 0, "%s", err.text);
    CHECK(!exists("deep"));
}

TEST(an_open_file_gets_all_or_errno_says_why_not)
{
    scoped(buffer_done) struct buffer large = {0}, back = {0};
    struct error err = {0};
    int fd = open(at("open"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

    memset(buffer_room(&large, 3 << 20), 'x', 3 << 20);
    buffer_added(&large, 3 << 20);
    CHECK(path_write_open(fd, TEXT("a")) == 0 && path_write_open(fd, TEXT("")) == 0);
    CHECK(path_write_open(fd, buffer_text(&large)) == 0);
    (void)close(fd);
    CHECK(path_read(at("open"), 4 << 20, &back, &err) == 0);
    CHECK(back.len == (3 << 20) + 1 && back.at[0] == 'a' && back.at[back.len - 1] == 'x');
    fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK(path_write_open(fd, TEXT("")) == 0);
    CHECK(path_write_open(fd, TEXT("a")) < 0 && errno == ENOSPC);
    (void)close(fd);
}

/* Last. */
TEST(many_files_are_removed)
{
    struct error err = {0};
    for (int i = 0; i < 1500; i++) {
        char name[32];
        snprintf(name, sizeof name, "many-%d", i);
        int fd = open(at(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        CHECK(fd >= 0);
        (void)close(fd);
    }
    CHECK(path_remove_tree(root, &err) == 0);
    CHECK(access(root, F_OK) < 0 && errno == ENOENT);
}
