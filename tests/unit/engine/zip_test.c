/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/zip.h"

#include "package_world.h"

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
