/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/package.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/unpack.h"
#include "engine/zip.h"
#include "model/limits.h"
#include "test.h"

/* ZIP_CORPUS is the folder of archives, shared with the fuzz target. */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REFUSAL_CPU_US 2000000
#define REFUSAL_GROWTH_KB (256 << 10)
#else
#define REFUSAL_CPU_US 100000
#define REFUSAL_GROWTH_KB (8 << 10)
#endif

/* A world of its own: ROOT/data is the data folder, ROOT/outside must stay as it is. */
struct fixture {
    char root[64];
    char *data, *outside;
};

static void fixture_init(struct fixture *fixture)
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

static int count_in(const char *folder)
{
    DIR *open = opendir(folder);
    int count = 0;

    CHECK_MSG(open, "%s", folder);
    for (const struct dirent *entry; (entry = readdir(open));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(open);
    return count;
}

static int count_below(const struct fixture *fixture, const char *name)
{
    scoped(free) char *path = path_join(fixture->data, name);

    return count_in(path);
}

static void check_outside(const struct fixture *fixture, const char *after)
{
    struct error err;
    struct buffer content = {0};

    CHECK_MSG(count_in(fixture->root) == 2 && count_in(fixture->data) == 3, "after %s", after);
    CHECK(path_read(fixture->outside, 100, &content, &err) == 0);
    CHECK_TEXT(buffer_text(&content), "untouched");
    buffer_done(&content);
}

static void check_nothing_left(const struct fixture *fixture, const char *after)
{
    static const char *const folders[] = {"code", "zip", "staging"};

    for (size_t i = 0; i < COUNT_OF(folders); i++)
        CHECK_MSG(count_below(fixture, folders[i]) == 0, "%s left something in %s", after,
                  folders[i]);
    check_outside(fixture, after);
}

static void fixture_done(struct fixture *fixture)
{
    struct error err;

    CHECK_MSG(path_remove_tree(fixture->root, &err) == 0, "%s", err.text);
    free(fixture->data);
    free(fixture->outside);
}

static struct buffer read_archive(const char *name)
{
    scoped(free) char *path = path_join(ZIP_CORPUS, name);
    struct buffer archive = {0};
    struct error err;

    CHECK_MSG(path_read(path, LIMIT_ZIP_BYTES, &archive, &err) == 0, "%s", err.text);
    return archive;
}

static void stage_file(const struct fixture *fixture, const char *name, struct package *ret)
{
    struct buffer archive = read_archive(name);
    struct error err;

    CHECK_MSG(package_stage(fixture->data, NULL, buffer_text(&archive), ret, &err) == 0, "%s: %s", name,
              err.text);
    buffer_done(&archive);
}

static void refuse(const struct fixture *fixture, const char *name, struct text archive,
                   const char *want)
{
    struct error err = {0};
    struct package package;

    CHECK_MSG(package_stage(fixture->data, NULL, archive, &package, &err) < 0, "%s was accepted", name);
    CHECK_MSG(strstr(err.text, want), "%s: '%s' is not '%s'", name, err.text, want);
    CHECK_MSG(err.code == ERROR_INVALID || err.code == ERROR_LIMIT, "%s: code %d", name, err.code);
    check_nothing_left(fixture, name);
}

/* What each bad archive of the corpus is refused for. */
static const struct {
    const char *name, *error;
} bad[] = {
    {"aes", "is neither stored nor deflated"},
    {"below-then-file", "is there twice"},
    {"central-disk", "has a damaged header in the central directory"},
    {"central-extra-damaged", "has a damaged header in the central directory"},
    {"central-extra-short", "has a damaged header in the central directory"},
    {"central-signature", "the ZIP's central directory is damaged"},
    {"comment-has-signature", "the ZIP has more than one end record"},
    {"comment-is-archive", "the ZIP has more than one end record"},
    {"comment-longer", "this is not a ZIP archive, or it was cut off"},
    {"crc-wrong", "has contents that do not match its checksum"},
    {"descriptor-crc", "has a data descriptor that differs from its header"},
    {"descriptor-lie", "has a local header that differs from the central directory"},
    {"descriptor-missing", "has a data descriptor that differs from its header"},
    {"descriptor-size", "has a data descriptor that differs from its header"},
    {"duplicate-folder", "is there twice"},
    {"duplicate", "is there twice"},
    {"empty", "the ZIP is empty"},
    {"encrypted", "is encrypted"},
    {"end-65535-entries", "the ZIP has 65535 entries, and at most 20000 are allowed"},
    {"end-bytes-before", "the ZIP's end record is inconsistent"},
    {"end-central-disk", "the ZIP is a part of an archive of several files"},
    {"end-claims-end", "the ZIP has more than one end record"},
    {"end-count-less", "the ZIP's central directory has more than its entries"},
    {"end-count-more", "the ZIP's end record is inconsistent"},
    {"end-counts-differ", "the ZIP is a part of an archive of several files"},
    {"end-disk", "the ZIP is a part of an archive of several files"},
    {"end-offset-far", "the ZIP's end record is inconsistent"},
    {"end-offset", "the ZIP's end record is inconsistent"},
    {"end-size-less", "the ZIP's end record is inconsistent"},
    {"end-size-more", "the ZIP's end record is inconsistent"},
    {"end-twice", "the ZIP has more than one end record"},
    {"file-and-folder", "is there twice"},
    {"file-then-below", "lies below something that is not a folder"},
    {"folder-and-file", "is there twice"},
    {"folder-hidden-contents", "unpacks to more than its header says"},
    {"folder-with-contents", "is a folder with contents"},
    {"gap-before-directory", "is followed by bytes that belong to no entry"},
    {"gap-hidden-entry", "is followed by bytes that belong to no entry"},
    {"gap", "is followed by bytes that belong to no entry"},
    {"gzip", "this is not a ZIP archive, or it was cut off"},
    {"kind-block", "is neither a file, a folder nor a link"},
    {"kind-device", "is neither a file, a folder nor a link"},
    {"kind-fifo", "is neither a file, a folder nor a link"},
    {"kind-file-by-mode", "is a folder and a file"},
    {"kind-folder-by-mode", "is a file and a folder"},
    {"kind-socket", "is neither a file, a folder nor a link"},
    {"kind-stdin", "is neither a file, a folder nor a link"},
    {"leading-garbage-shifted", "the ZIP's end record is inconsistent"},
    {"leading-garbage", "the ZIP does not begin with an entry"},
    {"link-absolute", "is a link to an absolute path"},
    {"link-backslash", "is a link to a name with a NUL or a backslash"},
    {"link-dots", "is a link that leads out of the package"},
    {"link-empty", "is a link without a target, or with one that is too long"},
    {"link-folder", "is a folder and a link"},
    {"link-long", "is a link without a target, or with one that is too long"},
    {"link-nested-out", "is a link that leads out of the package"},
    {"link-nul", "is a link to a name with a NUL or a backslash"},
    {"link-out-inside", "is a link that leads out of the package"},
    {"link-out-of-name", "is a link that leads out of the package"},
    {"link-out", "is a link that leads out of the package"},
    {"link-then-file", "is there twice"},
    {"link-then-write", "lies below something that is not a folder"},
    {"link-through-later-link", "is a link that leads out of the package"},
    {"link-through-link", "is a link that leads out of the package"},
    {"local-crc", "has a local header that differs from the central directory"},
    {"local-descriptor-flag", "has a local header that differs from the central directory"},
    {"local-extra-damaged", "has a damaged local header"},
    {"local-flags", "has a local header that differs from the central directory"},
    {"local-method", "has a local header that differs from the central directory"},
    {"local-name-longer", "has another name in its local header"},
    {"local-name", "has another name in its local header"},
    {"local-packed-size", "has a local header that differs from the central directory"},
    {"local-signature", "has no local header"},
    {"local-size", "has a local header that differs from the central directory"},
    {"lone-local", "this is not a ZIP archive, or it was cut off"},
    {"manifest-broken", "function.yaml, line 1, column 9: 'memory' must be a whole number"},
    {"manifest-folder", "function.yaml is not a plain file"},
    {"manifest-large", "function.yaml is larger than 65536 bytes"},
    {"manifest-link", "function.yaml is not a plain file"},
    {"masked-headers", "uses a feature of ZIP that is not served"},
    {"method-bzip2", "is neither stored nor deflated"},
    {"method-deflate64", "is neither stored nor deflated"},
    {"method-lzma", "is neither stored nor deflated"},
    {"method-zstd", "is neither stored nor deflated"},
    {"name-absolute", "has an absolute path"},
    {"name-backslash-inside", "has a backslash in its name"},
    {"name-backslash", "has a backslash in its name"},
    {"name-control", "has control characters in its name"},
    {"name-deep", "the ZIP has folders deeper than 64"},
    {"name-delete", "has control characters in its name"},
    {"name-dot-inside", "has an empty part in its path"},
    {"name-dot", "has an empty part in its path"},
    {"name-dotdot-end", "leads out of the package by '..'"},
    {"name-dotdot-folder", "leads out of the package by '..'"},
    {"name-dotdot-harmless", "leads out of the package by '..'"},
    {"name-dotdot-inside", "leads out of the package by '..'"},
    {"name-dotdot", "leads out of the package by '..'"},
    {"name-double-slash", "has an absolute path"},
    {"name-drive-slash", "has an absolute path"},
    {"name-drive", "has an absolute path"},
    {"name-empty-part", "has an empty part in its path"},
    {"name-long-name", "the ZIP has a name of more than 1024 bytes"},
    {"name-long-part", "has a part of more than 255 bytes in its path"},
    {"name-no-name", "the ZIP has an entry without a name"},
    {"name-not-utf8", "has a name that is not UTF-8"},
    {"name-nul-first", "has control characters in its name"},
    {"name-nul", "has control characters in its name"},
    {"name-only-slash", "has an absolute path"},
    {"name-overlong-utf8", "has a name that is not UTF-8"},
    {"name-surrogate", "has a name that is not UTF-8"},
    {"name-unc", "has a backslash in its name"},
    {"no-bytes", "this is not a ZIP archive"},
    {"outside-wrap", "lies outside of the ZIP"},
    {"outside", "lies outside of the ZIP"},
    {"overlap-content", "overlaps another"},
    {"overlap-directory", "lies outside of the ZIP"},
    {"overlap-same", "has another name in its local header"},
    {"packed-cut", "has damaged contents"},
    {"packed-garbage", "has damaged contents"},
    {"packed-more", "has bytes after its end"},
    {"patched", "uses a feature of ZIP that is not served"},
    {"size-less", "unpacks to more than its header says"},
    {"size-more", "unpacks to less than its header says"},
    {"stored-two-sizes", "is stored, but with two sizes"},
    {"strong-encryption", "uses a feature of ZIP that is not served"},
    {"text", "this is not a ZIP archive"},
    {"trailing-archive", "the ZIP's end record is inconsistent"},
    {"trailing-garbage", "this is not a ZIP archive, or it was cut off"},
    {"trailing-newline", "this is not a ZIP archive, or it was cut off"},
    {"unicode-name", "has a damaged header in the central directory"},
    {"write-then-link", "is there twice"},
    {"zip64-end-many", "the ZIP has a ZIP64 end record, which is not served"},
    {"zip64-end-plain", "the ZIP has a ZIP64 end record, which is not served"},
    {"zip64-extra-unused", "has a damaged header in the central directory"},
    {"zip64-huge", "Unzipped size must be smaller than 262144000 bytes"},
    {"zip64-local-lie", "has a damaged local header"},
    {"zip64-missing", "Unzipped size must be smaller than 262144000 bytes"},
    {"zip64-offset-wrap", "lies outside of the ZIP"},
    {"zip64-short", "has a damaged header in the central directory"},
    {"zip64-size-lie", "has a local header that differs from the central directory"},
    {"zip64-twice", "has a damaged header in the central directory"},
};

static const char *error_of(const char *file)
{
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        scoped(free) char *name = mem_format("bad-%s.zip", bad[i].name);
        if (strcmp(name, file) == 0)
            return bad[i].error;
    }
    return NULL;
}

TEST(every_bad_archive_is_refused_for_its_reason)
{
    struct fixture fixture;
    DIR *corpus = opendir(ZIP_CORPUS);
    size_t seen = 0;

    CHECK(corpus);
    fixture_init(&fixture);
    for (const struct dirent *entry; (entry = readdir(corpus));) {
        if (!text_starts(text_of(entry->d_name), TEXT("bad-")))
            continue;
        CHECK_MSG(error_of(entry->d_name), "no row for %s", entry->d_name);
        struct buffer archive = read_archive(entry->d_name);
        refuse(&fixture, entry->d_name, buffer_text(&archive), error_of(entry->d_name));
        buffer_done(&archive);
        seen++;
    }
    CHECK(seen == COUNT_OF(bad));
    closedir(corpus);
    fixture_done(&fixture);
}

TEST(every_good_archive_is_accepted_and_no_beginning_of_one)
{
    struct fixture fixture;
    DIR *corpus = opendir(ZIP_CORPUS);
    struct error err;
    int seen = 0;

    CHECK(corpus);
    fixture_init(&fixture);
    for (const struct dirent *entry; (entry = readdir(corpus));) {
        struct package package = {0};
        if (!text_starts(text_of(entry->d_name), TEXT("good-")))
            continue;
        struct buffer archive = read_archive(entry->d_name);
        for (size_t len = 0; len < archive.len; len++) {
            scoped(free) char *cut = mem_copy(archive.at, len ? len : 1); /* ASan sees its end */
            struct zip *zip = zip_open(text_from(cut, len), &err);
            CHECK_MSG(!zip, "%s cut to %zu bytes was accepted", entry->d_name, len);
        }
        stage_file(&fixture, entry->d_name, &package);
        CHECK(package.zip_bytes == (int64_t)archive.len);
        package_done(&package);
        buffer_done(&archive);
        seen++;
    }
    CHECK(seen >= 20);
    CHECK(count_below(&fixture, "code") == seen && count_below(&fixture, "zip") == seen);
    CHECK(count_below(&fixture, "staging") == 0);
    check_outside(&fixture, "good archives");
    closedir(corpus);
    fixture_done(&fixture);
}

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

/* Archives that are too large to be kept are made here. */
struct maker {
    struct buffer entries, directory;
    int count;
};

static void add16(struct buffer *out, unsigned value)
{
    buffer_add_char(out, (char)value);
    buffer_add_char(out, (char)(value >> 8));
}

static void add32(struct buffer *out, uint32_t value)
{
    add16(out, value & 0xffff);
    add16(out, value >> 16);
}

/* From the version needed to the lengths: the same in both headers. */
static void add_common(struct buffer *out, const char *name, struct text packed, uint32_t size)
{
    add16(out, 20);
    add16(out, 0);
    add16(out, 8);
    add32(out, 0);
    add32(out, 0); /* CRC; where it matters, the refusal comes before it is compared */
    add32(out, (uint32_t)packed.len);
    add32(out, size);
    add16(out, (unsigned)strlen(name));
    add16(out, 0);
}

static void make_central(struct maker *maker, const char *name, struct text packed, uint32_t size,
                         size_t offset)
{
    add32(&maker->directory, 0x02014b50);
    add16(&maker->directory, 20);
    add_common(&maker->directory, name, packed, size);
    add16(&maker->directory, 0);
    add32(&maker->directory, 0);
    add32(&maker->directory, 0);
    add32(&maker->directory, (uint32_t)offset);
    buffer_add_text(&maker->directory, text_of(name));
    maker->count++;
}

static void make_local(struct maker *maker, const char *name, struct text packed, uint32_t size)
{
    add32(&maker->entries, 0x04034b50);
    add_common(&maker->entries, name, packed, size);
    buffer_add_text(&maker->entries, text_of(name));
}

static void make_entry(struct maker *maker, const char *name, struct text packed, uint32_t size)
{
    make_central(maker, name, packed, size, maker->entries.len);
    make_local(maker, name, packed, size);
    buffer_add_text(&maker->entries, packed);
}

static struct buffer made(struct maker *maker)
{
    struct buffer archive = buffer_take(&maker->entries);
    size_t start = archive.len;

    buffer_add_text(&archive, buffer_text(&maker->directory));
    add32(&archive, 0x06054b50);
    add32(&archive, 0);
    add16(&archive, (unsigned)maker->count);
    add16(&archive, (unsigned)maker->count);
    add32(&archive, (uint32_t)maker->directory.len);
    add32(&archive, (uint32_t)start);
    add16(&archive, 0);
    buffer_done(&maker->directory);
    return archive;
}

/* count MB of zeros, deflated: one flushed block again and again, then an empty last one. */
static struct buffer deflated_zeros(int count)
{
    scoped(free) char *zeros = mem_zalloc(1 << 20);
    char block[8192];
    z_stream stream = {.next_in = (Bytef *)zeros,
                       .avail_in = 1 << 20,
                       .next_out = (Bytef *)block,
                       .avail_out = sizeof block};
    struct buffer out = {0};

    CHECK(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    CHECK(deflate(&stream, Z_FULL_FLUSH) == Z_OK && stream.avail_in == 0);
    for (int i = 0; i < count; i++)
        buffer_add(&out, block, sizeof block - stream.avail_out);
    buffer_add_literal(&out, "\x03\x00");
    deflateEnd(&stream);
    return out;
}

static int64_t cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

static int64_t peak_kb(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void refuse_cheaply(const char *name, struct buffer archive, const char *want)
{
    struct fixture fixture;

    fixture_init(&fixture);
    int64_t cpu = cpu_us(), peak = peak_kb();
    refuse(&fixture, name, buffer_text(&archive), want);
    cpu = cpu_us() - cpu;
    peak = peak_kb() - peak;
    CHECK_MSG(cpu <= REFUSAL_CPU_US, "%s took %d us", name, (int)cpu);
    CHECK_MSG(peak <= REFUSAL_GROWTH_KB, "%s took %d KB", name, (int)peak);
    fixture_done(&fixture);
    buffer_done(&archive);
}

#define TOO_LARGE "Unzipped size must be smaller than 262144000 bytes"

TEST(an_honest_bomb_is_refused_by_its_size)
{
    struct maker maker = {0};
    struct buffer zeros = deflated_zeros(300);

    make_entry(&maker, "zeros", buffer_text(&zeros), 300u << 20);
    buffer_done(&zeros);
    refuse_cheaply("honest bomb", made(&maker), TOO_LARGE);
}

TEST(a_bomb_of_many_small_entries_is_refused_by_its_sum)
{
    struct maker maker = {0};
    struct buffer zeros = deflated_zeros(1);

    for (int i = 0; i < 251; i++) {
        char name[24];

        snprintf(name, sizeof name, "zeros%d", i);
        make_entry(&maker, name, buffer_text(&zeros), 1u << 20);
    }
    buffer_done(&zeros);
    refuse_cheaply("split bomb", made(&maker), TOO_LARGE);
}

TEST(a_bomb_below_the_limit_is_refused_by_its_ratio)
{
    struct maker maker = {0};
    struct buffer zeros = deflated_zeros(200);

    make_entry(&maker, "zeros", buffer_text(&zeros), 200u << 20);
    buffer_done(&zeros);
    refuse_cheaply("dense bomb", made(&maker), "unpacks to more than 200 times its size");
}

TEST(a_lying_bomb_is_stopped_at_the_size_it_tells)
{
    struct maker maker = {0};
    struct buffer zeros = deflated_zeros(1000);

    make_entry(&maker, "zeros", buffer_text(&zeros), 1000);
    buffer_done(&zeros);
    refuse_cheaply("lying bomb", made(&maker), "unpacks to more than its header says");
}

/* Fifield's construction: each entry's contents begin with a stored block that quotes the
 * next entry's local header, so that all share one kernel at the end. */
TEST(a_bomb_of_overlapping_entries_is_refused)
{
    enum { COUNT = 200, HEADER = 30 + 4 };
    struct maker maker = {0};
    struct buffer zeros = deflated_zeros(1);
    size_t total = COUNT * (HEADER + 5) + zeros.len;

    for (int i = 0; i < COUNT; i++) {
        char name[24];
        size_t offset = maker.entries.len;
        struct text packed = text_from(zeros.at, total - offset - HEADER);

        snprintf(name, sizeof name, "e%03d", i);
        make_central(&maker, name, packed, 1u << 20, offset);
        make_local(&maker, name, packed, 1u << 20);
        buffer_add_char(&maker.entries, 0); /* a stored block, not the last */
        add16(&maker.entries, HEADER);
        add16(&maker.entries, 0xffff - HEADER);
    }
    buffer_add_text(&maker.entries, buffer_text(&zeros));
    buffer_done(&zeros);
    refuse_cheaply("overlap bomb", made(&maker), "overlaps another");
}

TEST(too_many_files_are_refused)
{
    struct maker maker = {0};

    for (int i = 0; i <= LIMIT_ZIP_ENTRIES; i++) {
        char name[24];

        snprintf(name, sizeof name, "f%d", i);
        make_entry(&maker, name, TEXT("\x03\x00"), 0);
    }
    refuse_cheaply("many files", made(&maker), "has 20001 entries, and at most 20000 are allowed");
}

TEST(too_many_folders_in_few_names_are_refused)
{
    struct maker maker = {0};

    for (int i = 0; i < 400; i++) {
        char name[256];
        int len = snprintf(name, sizeof name, "d%d", i);

        for (int depth = 0; depth < 60; depth++)
            len += snprintf(name + len, sizeof name - (size_t)len, "/d");
        make_entry(&maker, name, TEXT("\x03\x00"), 0);
    }
    refuse_cheaply("many folders", made(&maker), "more files and folders than the 20000");
}

TEST(an_archive_that_is_too_large_is_refused)
{
    struct buffer archive = {0};

    memset(buffer_room(&archive, LIMIT_ZIP_BYTES + 1), 'P', LIMIT_ZIP_BYTES + 1);
    buffer_added(&archive, LIMIT_ZIP_BYTES + 1);
    refuse_cheaply("large archive", archive, "the ZIP has 52428801 bytes");
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
