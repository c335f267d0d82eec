/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/package.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cli/folder.h"
#include "cli/zip_reader.h"
#include "model/limits.h"

#define MANIFEST_NAME "function.yaml"

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

char *local_package_name(const char *path)
{
    scoped(free) char *real = realpath(path, NULL); /* "." has no name of its own */
    struct text rest = text_of(real ? real : path), part, name = TEXT("");

    while (text_split(&rest, '/', &part))
        if (part.len > 0)
            name = part;
    if (text_ends(name, TEXT(".zip")))
        name.len -= 4;
    char *result = text_dup(text_slice(name, 0, LIMIT_FUNCTION_NAME));
    for (char *at = result; *at; at++)
        if (!is_name_char(*at))
            *at = '-';
    return result;
}

static int parse_manifest(struct local_package *package, const char *path, struct text source,
                          struct error *err)
{
    package->manifest = manifest_parse(source, err);
    if (package->manifest)
        return 0;
    /* "function.yaml, line 2, column 1: ...": which one, is known here. */
    struct text why = text_of(err->text);
    bool names_it = text_starts(why, TEXT(MANIFEST_NAME));
    return error_set(err, ERROR_INVALID, "%s%s%s", path, names_it ? "" : ": ",
                     err->text + (names_it ? sizeof MANIFEST_NAME - 1 : 0));
}

/* The commonest mistake with a compiled function, and a deployment later to find it. */
static int check_bootstrap(const struct local_package *package, const char *folder,
                           struct error *err)
{
    const char *runtime = package->manifest ? package->manifest->runtime : NULL;
    scoped(free) char *bootstrap = path_join(folder, "bootstrap");
    scoped(free) char *makefile = path_join(folder, "Makefile");

    if (!runtime || strncmp(runtime, "provided", 8) != 0)
        return 0;
    if (access(bootstrap, F_OK) < 0)
        return error_set(err, ERROR_NOT_FOUND, "'%s' is missing: runtime '%s' runs it%s%s",
                         bootstrap, runtime,
                         access(makefile, F_OK) == 0 ? "; build it with make -C " : "",
                         access(makefile, F_OK) == 0 ? folder : "");
    if (access(bootstrap, X_OK) < 0)
        return error_set(err, ERROR_INVALID, "'%s' is not executable: chmod +x %s", bootstrap,
                         bootstrap);
    return 0;
}

static int open_folder(const char *path, struct local_package *package, struct error *err)
{
    scoped(free) char *manifest = path_join(path, MANIFEST_NAME);
    scoped(buffer_done) struct buffer source = {0};
    struct folder_report report;

    if (access(manifest, F_OK) == 0) {
        if (path_read(manifest, LIMIT_YAML_BYTES, &source, err) < 0 ||
            parse_manifest(package, manifest, buffer_text(&source), err) < 0)
            return -1;
    }
    if (check_bootstrap(package, path, err) < 0)
        return -1;
    return folder_pack(path, &package->zip, &report, err);
}

static int open_zip(const char *path, struct local_package *package, struct error *err)
{
    scoped(buffer_done) struct buffer source = {0};
    bool found;

    if (path_read(path, LIMIT_ZIP_BYTES, &package->zip, err) < 0)
        return -1;
    if (zip_reader_find(buffer_text(&package->zip), TEXT(MANIFEST_NAME), LIMIT_YAML_BYTES, &source,
                        &found, err) < 0)
        return error_set(err, err->code, "'%s': %s", path, err->text);
    if (!found)
        return 0;
    scoped(free) char *name = mem_format("%s in %s", MANIFEST_NAME, path);
    return parse_manifest(package, name, buffer_text(&source), err);
}

int local_package_open(const char *path, struct local_package *ret, struct error *err)
{
    struct stat status;

    *ret = (struct local_package){0};
    if (stat(path, &status) < 0)
        return error_system(err, "cannot find '%s'", path);
    ret->name = local_package_name(path);
    if ((S_ISDIR(status.st_mode) ? open_folder : open_zip)(path, ret, err) < 0) {
        local_package_done(ret);
        return -1;
    }
    return 0;
}

void local_package_done(struct local_package *package)
{
    buffer_done(&package->zip);
    manifest_free(package->manifest);
    free(package->name);
    *package = (struct local_package){0};
}
