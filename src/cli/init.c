/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stddef.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "cli/output.h"
#include "cli/package.h"
#include "cli/quote.h"
#include "cli/scaffold.h"

struct settings {
    char *runtime, *name;
};

static const struct option options[] = {
    {"runtime", OPTION_STRING, offsetof(struct settings, runtime), "node", 0, 0, "node|python|c",
     "the language"},
    {"name", OPTION_STRING, offsetof(struct settings, name), NULL, 0, 0, "NAME",
     "the function's name, if it should not be the folder's"},
    {0},
};

/* Where the C library can be, seen from this program: in a build tree, installed. */
static const char *const sdk_places[] = {
    "../../runtimes/c",
    "../lib/evoke/runtimes/c",
    "../" EVOKE_LIBDIR "/evoke/runtimes/c",
};

/* The folder with evoke.h and libevoke.a; the caller frees. */
static char *find_sdk(struct error *err)
{
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);

    if (len < 0) {
        (void)error_system(err, "cannot tell where this program is");
        return NULL;
    }
    program[len] = '\0';
    *strrchr(program, '/') = '\0';
    for (size_t i = 0; i < COUNT_OF(sdk_places); i++) {
        scoped(free) char *place = path_join(program, sdk_places[i]);
        scoped(free) char *library = path_join(place, "libevoke.a");
        if (access(library, R_OK) == 0)
            return realpath(place, NULL);
    }
    (void)error_set(err, ERROR_NOT_FOUND,
                    "the C library is not there (looked for 'libevoke.a' in '%s/%s' and places "
                    "like it): install Evoke with its runtimes",
                    program, sdk_places[0]);
    return NULL;
}

static int check_absent(const struct scaffold *scaffold, const char *folder, struct error *err)
{
    for (const struct scaffold_file *f = scaffold->files; f->name; f++) {
        scoped(free) char *path = path_join(folder, f->name);
        if (access(path, F_OK) == 0)
            return error_set(err, ERROR_CONFLICT,
                             "'%s' is there already and is not overwritten: choose another folder",
                             path);
    }
    return 0;
}

static int write_files(const struct scaffold *scaffold, const char *folder, const char *name,
                       const char *sdk, struct error *err)
{
    if (path_make_folders(folder, 0777, err) < 0)
        return -1;
    for (const struct scaffold_file *f = scaffold->files; f->name; f++) {
        scoped(free) char *path = path_join(folder, f->name);
        scoped(buffer_done) struct buffer content = {0};
        scaffold_fill(f->content, name, sdk, &content);
        if (path_write(path, buffer_text(&content), 0644, err) < 0)
            return -1;
    }
    return 0;
}

static void print_json(const struct scaffold *scaffold, const char *folder, const char *name)
{
    scoped(json_decref) json_t *files = json_array();

    for (const struct scaffold_file *f = scaffold->files; f->name; f++)
        json_array_append_new(files, json_string(f->name));
    scoped(json_decref) json_t *answer =
        json_pack("{s:o, s:s, s:s, s:O}", "folder", json_from_text(text_of(folder)), "name", name,
                  "runtime", scaffold->runtime, "files", files);
    output_json(answer);
}

static void print_next(const struct scaffold *scaffold, const char *folder, const char *name)
{
    scoped(buffer_done) struct buffer out = {0}, quoted = {0};

    quote_shell(&quoted, text_of(folder));
    buffer_add_format(&out, "made %s in %s:", name, folder);
    for (const struct scaffold_file *f = scaffold->files; f->name; f++)
        buffer_add_format(&out, " %s", f->name);
    buffer_add_literal(&out, "\n\nNext: ");
    if (scaffold->needs_build)
        buffer_add_format(&out, "make -C %.*s && ", TEXT_ARG(buffer_text(&quoted)));
    buffer_add_format(&out, "evoke deploy %.*s\n", TEXT_ARG(buffer_text(&quoted)));
    output_buffer(stdout, &out);
}

static int init(const struct session *session, const struct scaffold *scaffold, const char *folder,
                const char *name, struct error *err)
{
    scoped(free) char *sdk = scaffold->needs_build ? find_sdk(err) : mem_strdup("");

    if (!sdk || check_absent(scaffold, folder, err) < 0 ||
        write_files(scaffold, folder, name, sdk, err) < 0)
        return EXIT_ERROR;
    if (session->json)
        print_json(scaffold, folder, name);
    else if (!session->quiet)
        print_next(scaffold, folder, name);
    return EXIT_OK;
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    struct settings settings;
    scoped(arguments_done) struct arguments arguments = {
        .options = options, .object = &settings, .least = 1, .most = 1};

    option_defaults(options, &settings);
    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    const char *folder = arguments.words[0];
    const struct scaffold *scaffold = scaffold_find(settings.runtime);
    scoped(free) char *name = local_package_name(settings.name ? settings.name : folder);
    if (!scaffold)
        (void)error_set(err, ERROR_INVALID, "--runtime must be node, python or c, not '%s'",
                        settings.runtime);
    else if (!*name)
        (void)error_set(err, ERROR_INVALID, "the function has no name: give it one with --name");
    else
        return init(session, scaffold, folder, name, err);
    return EXIT_USAGE;
}

const struct command command_init = {
    .name = "init",
    .usage = "DIR",
    .summary = "make the files of a new function",
    .help = "function.yaml, a handler that works as it is, and a README; for C a Makefile too.\n"
            "Files that are there already are never overwritten.\n"
            "\n"
            "  evoke init hello --runtime python\n"
            "  evoke deploy hello\n",
    .run = run,
    .options = options,
};
