/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/package.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/unpack.h"
#include "engine/zip.h"
#include "guard/guard.h"
#include "model/guarded.h"
#include "model/limits.h"

/*
 * Both forms of a package are made in a folder below staging/, saved to disk there and
 * then renamed to where they belong: what has its final name is complete, after a crash
 * too.
 */
#define CODE "code"
#define ZIP "zip"
#define STAGING "staging"
#define ASIDE STAGING "/unused"
#define MANIFEST_NAME "function.yaml"

/* A folder of its own below staging/, gone with all it contains when it is closed. */
struct staging {
    char *folder, *code, *zip;
};

static void staging_done(struct staging *staging)
{
    struct error ignored; /* what stays is removed by the next package_prepare() */

    if (staging->folder)
        (void)path_remove_tree(staging->folder, &ignored);
    free(staging->folder);
    free(staging->code);
    free(staging->zip);
}

static void staging_done_scoped(struct staging *staging)
{
    staging_done(staging);
}

static int staging_init(struct staging *staging, const char *data_folder, struct error *err)
{
    char *folder = mem_format("%s/" STAGING "/XXXXXX", data_folder);

    *staging = (struct staging){0};
    if (!mkdtemp(folder)) {
        error_system(err, "cannot make the folder '%s'", folder);
        free(folder);
        return -1;
    }
    staging->folder = folder;
    staging->code = path_join(folder, CODE);
    staging->zip = path_join(folder, ZIP);
    return 0;
}

static char *code_path(const char *data_folder, const char *code)
{
    return mem_format("%s/" CODE "/%s", data_folder, code);
}

static char *zip_path(const char *data_folder, const char *code)
{
    return mem_format("%s/" ZIP "/%s.zip", data_folder, code);
}

int package_prepare(const char *data_folder, struct error *err)
{
    scoped(free) char *code = path_join(data_folder, CODE);
    scoped(free) char *zip = path_join(data_folder, ZIP);
    scoped(free) char *staging = path_join(data_folder, STAGING);

    if (path_make_folders(code, 0755, err) < 0 || path_make_folders(zip, 0700, err) < 0 ||
        path_remove_tree(staging, err) < 0 || path_make_folders(staging, 0700, err) < 0)
        return -1;
    return path_sync(data_folder, err);
}

static int on_manifest(void *arg, struct text piece, struct error *err)
{
    buffer_add_text(arg, piece);
    return 0;
}

/* Here, where it may take its time, and not where requests are served. */
static int compile_guard(const struct manifest *manifest, const struct guard_services *guards,
                         struct guarded **ret, struct error *err)
{
    scoped(json_decref) json_t *json = manifest_guard(manifest);
    scoped(free) char *source = json ? json_dumps(json, JSON_COMPACT) : NULL;
    struct error reason;

    if (!source)
        return 0;
    scoped(guarded_unref) struct guarded *guarded = guarded_new(text_of(source));
    if (guard_settle(guarded, guards, &reason) < 0)
        return manifest_refuse(manifest, &reason, err);
    *ret = take(guarded);
    return 0;
}

static int read_manifest(const struct zip *zip, struct manifest **ret, struct error *err)
{
    const struct zip_entry *entry = zip_find(zip, TEXT(MANIFEST_NAME));
    scoped(buffer_done) struct buffer source = {0};

    *ret = NULL;
    if (!entry)
        return 0;
    if (entry->kind != ZIP_FILE)
        return error_set(err, ERROR_INVALID, MANIFEST_NAME " is not a plain file");
    if (entry->size > LIMIT_YAML_BYTES)
        return error_set(err, ERROR_LIMIT, MANIFEST_NAME " is larger than %d bytes",
                         LIMIT_YAML_BYTES);
    if (zip_read(zip, entry, on_manifest, &source, err) < 0)
        return -1;
    scoped(manifest_free) struct manifest *manifest = manifest_parse(buffer_text(&source), err);
    if (!manifest)
        return -1;
    *ret = take(manifest);
    return 0;
}

static void identify(struct text zip, struct package *package)
{
    uint8_t digest[SHA256_LEN];
    scoped(buffer_done) struct buffer base64 = {0};

    crypto_sha256(zip, digest);
    crypto_hex(digest, sizeof digest, package->code);
    crypto_base64(text_from(digest, sizeof digest), &base64);
    assert(base64.len < sizeof package->code_sha256);
    memcpy(package->code_sha256, base64.at, base64.len + 1);
}

static bool exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

/* Complete by construction; see the top. */
static bool is_stored(const char *data_folder, const char *code)
{
    scoped(free) char *code_folder = code_path(data_folder, code);
    scoped(free) char *zip_file = zip_path(data_folder, code);

    return exists(code_folder) && exists(zip_file);
}

static int write_zip(const char *path, struct text zip, struct error *err)
{
    scoped(close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    return fd < 0 || path_write_open(fd, zip) < 0 ? error_system(err, "cannot write '%s'", path)
                                                  : 0;
}

/* Large packages have thousands of files, and an fsync for each would wait for the disk
 * thousands of times: one syncfs() saves them all. */
static int fill_staging(const struct staging *staging, const struct zip *zip, struct text source,
                        struct error *err)
{
    if (write_zip(staging->zip, source, err) < 0)
        return -1;
    if (mkdir(staging->code, 0755) < 0)
        return error_system(err, "cannot make the folder '%s'", staging->code);

    scoped(close) int root = open(staging->code, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0 || fchmod(root, 0755) < 0)
        return error_system(err, "cannot open the folder '%s'", staging->code);
    if (unpack(zip, root, err) < 0)
        return -1;
    return syncfs(root) < 0 ? error_system(err, "cannot save a package to disk") : 0;
}

static int sync_folders(const char *data_folder, struct error *err)
{
    scoped(free) char *code = path_join(data_folder, CODE);
    scoped(free) char *zip = path_join(data_folder, ZIP);

    return path_sync(zip, err) < 0 ? -1 : path_sync(code, err);
}

/* Somebody else may have stored the same at the same time: a rename does not replace a
 * folder that is not empty, and then theirs stays. */
static int move_code(const struct staging *staging, const char *to, struct error *err)
{
    if (rename(staging->code, to) == 0 || errno == ENOTEMPTY || errno == EEXIST)
        return 0;
    return error_system(err, "cannot store a package as '%s'", to);
}

static int commit(const struct staging *staging, const char *data_folder, const char *code,
                  struct error *err)
{
    scoped(free) char *code_folder = code_path(data_folder, code);
    scoped(free) char *zip_file = zip_path(data_folder, code);

    if (rename(staging->zip, zip_file) < 0)
        return error_system(err, "cannot store a package as '%s'", zip_file);
    if (move_code(staging, code_folder, err) == 0)
        return sync_folders(data_folder, err);
    if (!exists(code_folder))
        (void)unlink(zip_file);
    return -1;
}

static int store(const char *data_folder, const struct zip *zip, struct text source,
                 const char *code, struct error *err)
{
    scoped(staging_done) struct staging staging;

    if (staging_init(&staging, data_folder, err) < 0)
        return -1;
    if (fill_staging(&staging, zip, source, err) < 0)
        return -1;
    return commit(&staging, data_folder, code, err);
}

int package_stage(const char *data_folder, const struct guard_services *guards, struct text source,
                  struct package *ret, struct error *err)
{
    scoped(zip_close) struct zip *zip = zip_open(source, err);
    scoped(manifest_free) struct manifest *manifest = NULL;
    scoped(guarded_unref) struct guarded *guarded = NULL;

    if (!zip || read_manifest(zip, &manifest, err) < 0 ||
        (manifest && compile_guard(manifest, guards, &guarded, err) < 0))
        return -1;

    struct package package = {.zip_bytes = (int64_t)source.len,
                              .unpacked_bytes = (int64_t)zip_unpacked_bytes(zip)};
    identify(source, &package);
    if (!is_stored(data_folder, package.code) &&
        store(data_folder, zip, source, package.code, err) < 0)
        return -1;
    package.manifest = take(manifest);
    package.guarded = take(guarded);
    *ret = package;
    return 0;
}

void package_done(struct package *package)
{
    manifest_free(package->manifest);
    guarded_unref(package->guarded);
    *package = (struct package){0};
}

static bool is_digest(const char *code)
{
    return strlen(code) == 64 && strspn(code, "0123456789abcdef") == 64;
}

/* The folder leaves its place in one step, so that no half of it can be taken for code. */
int package_remove(const char *data_folder, const char *code, struct error *err)
{
    scoped(staging_done) struct staging staging = {0};

    if (!is_digest(code))
        return error_set(err, ERROR_INVALID, "'%s' is not the digest of a package", code);
    if (staging_init(&staging, data_folder, err) < 0)
        return -1;

    scoped(free) char *code_folder = code_path(data_folder, code);
    scoped(free) char *zip_file = zip_path(data_folder, code);
    if (rename(code_folder, staging.code) < 0 && errno != ENOENT)
        return error_system(err, "cannot remove '%s'", code_folder);
    if (unlink(zip_file) < 0 && errno != ENOENT)
        return error_system(err, "cannot remove '%s'", zip_file);
    return 0;
}

/* The digest that an entry of code/ or zip/ is named after, or "". */
static void digest_of(const char *name, const char *suffix, char ret[65])
{
    struct text text = text_of(name);

    ret[0] = '\0';
    if (text.len == 64 + strlen(suffix) && text_ends(text, text_of(suffix)))
        snprintf(ret, 65, "%.64s", name);
    if (!is_digest(ret))
        ret[0] = '\0';
}

static int set_aside_in(const char *data_folder, const char *folder, const char *suffix,
                        bool (*is_used)(void *arg, const char *code), void *arg, struct error *err)
{
    scoped(free) char *path = path_join(data_folder, folder);
    int count = 0;
    DIR *listing = opendir(path);
    if (!listing)
        return error_system(err, "cannot list '%s'", path);

    for (struct dirent *entry; (entry = readdir(listing)) && count >= 0;) {
        char digest[65];
        digest_of(entry->d_name, suffix, digest);
        if (!digest[0] || is_used(arg, digest))
            continue;
        scoped(free) char *from = path_join(path, entry->d_name);
        scoped(free) char *to = mem_format("%s/" ASIDE "/%s", data_folder, entry->d_name);
        count = rename(from, to) < 0 ? error_system(err, "cannot set '%s' aside", from) : count + 1;
    }
    (void)closedir(listing);
    return count;
}

int package_set_aside(const char *data_folder, bool (*is_used)(void *arg, const char *code),
                      void *arg, struct error *err)
{
    scoped(free) char *aside = path_join(data_folder, ASIDE);

    if (path_make_folders(aside, 0700, err) < 0)
        return -1;
    int codes = set_aside_in(data_folder, CODE, "", is_used, arg, err);
    int zips = codes < 0 ? -1 : set_aside_in(data_folder, ZIP, ".zip", is_used, arg, err);
    return zips < 0 ? -1 : codes + zips;
}

int package_remove_aside(const char *data_folder, struct error *err)
{
    scoped(free) char *aside = path_join(data_folder, ASIDE);

    return path_remove_tree(aside, err);
}
