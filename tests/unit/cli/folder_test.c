/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/scoped.h"
#include "cli/zip_reader.h"
#include "test.h"

static char *make_folder(void)
{
    char *folder = mem_strdup("/tmp/evoke-folder-XXXXXX");

    CHECK(mkdtemp(folder));
    return folder;
}

static void free_folder_scoped(char **folder)
{
    struct error err;

    CHECK(path_remove_tree(*folder, &err) == 0);
    free(*folder);
}

static void write_file(const char *folder, const char *name, const char *content)
{
    struct error err = {0};
    scoped(free) char *path = path_join(folder, name);
    scoped(free) char *parent = mem_strdup(path);

    *strrchr(parent, '/') = '\0';
    CHECK(path_make_folders(parent, 0755, &err) == 0);
    CHECK_MSG(path_write(path, text_of(content), 0644, &err) == 0, "%s", err.text);
}

static bool holds(const struct buffer *zip, const char *name)
{
    scoped(buffer_done) struct buffer content = {0};
    struct error err;
    bool found;

    CHECK(zip_reader_find(buffer_text(zip), text_of(name), 1000, &content, &found, &err) == 0);
    return found;
}

TEST(a_folder_is_packed_without_what_is_ignored)
{
    static const char *const kept[] = {"index.js", "lib/a.js", "lib.js", "empty/", "link"},
                             *const left[] = {".git/HEAD",    "notes.md",   "lib/x.pyc",
                                              ".evokeignore", "secret/key", "lib/"};
    scoped(free_folder) char *folder = make_folder();
    scoped(free) char *empty = path_join(folder, "empty");
    scoped(free) char *link = path_join(folder, "link");
    scoped(buffer_done) struct buffer zip = {0};
    struct folder_report report;
    struct error err = {0};

    write_file(folder, "index.js", "1");
    write_file(folder, "lib/a.js", "22");
    write_file(folder, "lib.js", "333");
    write_file(folder, "lib/x.pyc", "x");
    write_file(folder, ".git/HEAD", "x");
    write_file(folder, "notes.md", "x");
    write_file(folder, "secret/key", "x");
    write_file(folder, ".evokeignore", "*.md\nsecret/\n");
    CHECK(mkdir(empty, 0755) == 0);
    CHECK(symlink("index.js", link) == 0);
    CHECK_MSG(folder_pack(folder, &zip, &report, &err) == 0, "%s", err.text);
    CHECK(report.files == COUNT_OF(kept));
    CHECK(report.bytes == 1 + 2 + 3 + (int64_t)strlen("index.js"));
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        CHECK_MSG(holds(&zip, kept[i]), "'%s' is missing", kept[i]);
    for (size_t i = 0; i < COUNT_OF(left); i++)
        CHECK_MSG(!holds(&zip, left[i]), "'%s' is there", left[i]);
}

TEST(the_same_files_give_the_same_bytes_in_whatever_order_they_were_made)
{
    scoped(free_folder) char *one = make_folder(), *two = make_folder();
    scoped(buffer_done) struct buffer zip_one = {0}, zip_two = {0};
    struct folder_report report;
    struct error err;

    write_file(one, "a/x", "1");
    write_file(one, "a.b", "2");
    write_file(two, "a.b", "2");
    write_file(two, "a/x", "1");
    CHECK(folder_pack(one, &zip_one, &report, &err) == 0);
    CHECK(folder_pack(two, &zip_two, &report, &err) == 0);
    CHECK(text_equal(buffer_text(&zip_one), buffer_text(&zip_two)));
}

TEST(a_folder_that_cannot_be_a_package_is_refused)
{
    scoped(free_folder) char *folder = make_folder();
    scoped(free) char *pipe = path_join(folder, "pipe");
    scoped(buffer_done) struct buffer zip = {0};
    struct folder_report report;
    struct error err = {0};

    CHECK(folder_pack(folder, &zip, &report, &err) < 0);
    CHECK(err.code == ERROR_INVALID); /* nothing in it */
    CHECK(mkfifo(pipe, 0600) == 0);
    CHECK(folder_pack(folder, &zip, &report, &err) < 0);
    CHECK(err.code == ERROR_INVALID);
    CHECK(text_find_text(text_of(err.text), TEXT("/pipe'")) < strlen(err.text));
    CHECK(folder_pack("/nonexistent", &zip, &report, &err) < 0);
    CHECK(err.code == ERROR_SYSTEM && zip.len == 0);
}
