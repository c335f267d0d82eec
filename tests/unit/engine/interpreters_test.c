/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/interpreters_priv.h"

#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "test.h"

static void interpreters_free_scoped(struct interpreters **interpreters)
{
    interpreters_free(*interpreters);
}

/* A machine of scripts that print a version. */
struct machine {
    char root[64];
    char *runtimes;
};

static void put(const struct machine *machine, const char *name, const char *content, mode_t mode)
{
    scoped(free) char *path = mem_format("%s%s", machine->root, name);
    scoped(free) char *folder = text_dup(text_from(path, (size_t)(strrchr(path, '/') - path)));
    struct error err;

    CHECK(path_make_folders(folder, 0755, &err) == 0);
    CHECK_MSG(path_write(path, text_of(content), mode, &err) == 0, "%s", err.text);
}

static void put_program(const struct machine *machine, const char *name, const char *output)
{
    scoped(free) char *script =
        mem_format("#!/bin/sh\n[ \"$*\" = --version ] && echo '%s'\n", output);

    put(machine, name, script, 0755);
}

static void machine_init(struct machine *machine)
{
    memcpy(machine->root, "/tmp/evoke-interpreters-XXXXXX", 31);
    CHECK(mkdtemp(machine->root));
    machine->runtimes = mem_format("%s/runtimes", machine->root);
}

static void machine_done(struct machine *machine)
{
    struct error err;

    free(machine->runtimes);
    CHECK(path_remove_tree(machine->root, &err) == 0);
}

/* The program without the machine's root. */
static const char *program(const struct machine *machine, const struct interpreter *interpreter)
{
    CHECK(text_starts(text_of(interpreter->program), text_of(machine->root)));
    return interpreter->program + strlen(machine->root);
}

static void put_usual(const struct machine *machine)
{
    put_program(machine, "/usr/bin/node", "v18.20.4");
    put_program(machine, "/usr/local/bin/node", "v22.1.0");
    put_program(machine, "/usr/bin/python3.11", "Python 3.11.2");
    put_program(machine, "/usr/local/bin/python3.13", "Python 3.13.0rc1");
    scoped(free) char *link = mem_format("%s/usr/bin/python3", machine->root);
    CHECK(symlink("python3.11", link) == 0);
}

TEST(an_identifier_gets_the_exact_interpreter_or_the_nearest)
{
    static const struct {
        const char *identifier, *program, *version;
        bool exact;
    } cases[] = {
        {"nodejs22.x", "/usr/local/bin/node", "22.1.0", true},
        {"nodejs18.x", "/usr/bin/node", "18.20.4", true},
        {"nodejs20.x", "/usr/local/bin/node", "22.1.0", false}, /* as near as 18: the newer */
        {"nodejs24.x", "/usr/local/bin/node", "22.1.0", false},
        {"nodejs16.x", "/usr/bin/node", "18.20.4", false},
        {"nodejs8.10", "/usr/bin/node", "18.20.4", false},
        {"nodejs4.3-edge", "/usr/bin/node", "18.20.4", false},
        {"nodejs", "/usr/local/bin/node", "22.1.0", true},
        {"python3.11", "/usr/bin/python3.11", "3.11.2", true},
        {"python3.13", "/usr/local/bin/python3.13", "3.13.0", true},
        {"python3.12", "/usr/local/bin/python3.13", "3.13.0", false},
        {"python3.14", "/usr/local/bin/python3.13", "3.13.0", false},
        {"python3.9", "/usr/bin/python3.11", "3.11.2", false},
        {"python3.x", "/usr/bin/python3.11", "3.11.2", true}, /* what "python3" is */
    };
    struct machine machine;

    machine_init(&machine);
    put_usual(&machine);
    scoped(interpreters_free) struct interpreters *interpreters =
        interpreters_find_below(machine.root, machine.runtimes);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        bool exact = !cases[i].exact;
        const struct interpreter *found =
            interpreters_resolve(interpreters, text_of(cases[i].identifier), &exact, &err);
        CHECK_MSG(found, "'%s': %s", cases[i].identifier, err.text);
        CHECK_TEXT(text_of(program(&machine, found)), cases[i].program);
        CHECK_TEXT(text_of(found->version), cases[i].version);
        CHECK_MSG(exact == cases[i].exact, "'%s'", cases[i].identifier);
    }
    machine_done(&machine);
}

TEST(provided_needs_nothing)
{
    static const char *const names[] = {"provided", "provided.al2", "provided.al2023"};
    struct machine machine;

    machine_init(&machine);
    scoped(interpreters_free) struct interpreters *interpreters =
        interpreters_find_below(machine.root, machine.runtimes);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct error err;
        bool exact = false;
        const struct interpreter *found =
            interpreters_resolve(interpreters, text_of(names[i]), &exact, &err);
        CHECK(found && exact);
        CHECK_TEXT(text_of(found->language), "provided");
        CHECK(found->program[0] == '\0' && found->version[0] == '\0');
    }
    machine_done(&machine);
}

TEST(what_cannot_be_run_is_said_clearly)
{
    static const struct {
        const char *identifier;
        enum error_code code;
        const char *part;
    } cases[] = {
        {"nodejs20.x", ERROR_NOT_FOUND, "install the package 'nodejs'"},
        {"python3.x", ERROR_NOT_FOUND, "install the package 'python3'"},
        {"python2.7", ERROR_NOT_FOUND, "install the package 'python3'"},
        {"java21", ERROR_NOT_FOUND, "use provided.al2023"},
        {"go1.x", ERROR_NOT_FOUND, "use provided.al2023"},
        {"nodejs21.x", ERROR_INVALID,
         "Value nodejs21.x at 'runtime' failed to satisfy constraint: Member must satisfy enum "
         "value set: ["},
        {"provided.al3", ERROR_INVALID, "[nodejs20.x, provided.al2023, python3.14, python3.12,"},
        {"python3", ERROR_INVALID, "] or be a valid ARN"},
        {"", ERROR_INVALID, "Value  at 'runtime'"},
        {"a-name-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on",
         ERROR_INVALID, "] or be a valid ARN"},
    };
    struct machine machine;

    machine_init(&machine);
    scoped(interpreters_free) struct interpreters *interpreters =
        interpreters_find_below(machine.root, machine.runtimes);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        bool exact;
        CHECK_MSG(!interpreters_resolve(interpreters, text_of(cases[i].identifier), &exact, &err),
                  "'%s' was accepted", cases[i].identifier);
        CHECK_MSG(err.code == cases[i].code && strstr(err.text, cases[i].part), "'%s': %s",
                  cases[i].identifier, err.text);
    }
    machine_done(&machine);
}

TEST(python_2_is_never_run_by_python_3)
{
    struct machine machine;
    struct error err;
    bool exact;

    machine_init(&machine);
    put_usual(&machine);
    scoped(interpreters_free) struct interpreters *interpreters =
        interpreters_find_below(machine.root, machine.runtimes);
    CHECK(!interpreters_resolve(interpreters, TEXT("python2.7"), &exact, &err));
    CHECK(err.code == ERROR_NOT_FOUND);
    machine_done(&machine);
}

TEST(only_working_programs_below_usr_count)
{
    struct machine machine;
    struct error err;
    bool exact;

    machine_init(&machine);
    put_program(&machine, "/home/me/node", "v20.0.0");
    put_program(&machine, "/usr/bin/nodejs", "nodejs 20.0.0");
    put_program(&machine, "/usr/bin/python3", "Python three");
    put_program(&machine, "/usr/bin/python3.x1", "Python 3.9.1");
    put(&machine, "/usr/bin/python3.10", "no program", 0755);
    put(&machine, "/usr/bin/python3.12", "#!/bin/sh\necho Python 3.12.0\n", 0644);
    scoped(free) char *link = mem_format("%s/usr/bin/node", machine.root);
    CHECK(symlink("../../home/me/node", link) == 0);
    scoped(interpreters_free) struct interpreters *interpreters =
        interpreters_find_below(machine.root, machine.runtimes);
    CHECK(!interpreters_resolve(interpreters, TEXT("nodejs20.x"), &exact, &err));
    CHECK(!interpreters_resolve(interpreters, TEXT("python3.x"), &exact, &err));
    machine_done(&machine);
}

TEST(libraries_are_seen_with_their_newest_version)
{
    struct machine machine;
    struct error err;
    bool exact;

    machine_init(&machine);
    put_usual(&machine);
    put(&machine, "/usr/lib/python3/dist-packages/boto3-1.26.27.egg-info/PKG-INFO", "", 0644);
    put(&machine, "/usr/lib/python3/dist-packages/boto3-stubs-9.0.dist-info/METADATA", "", 0644);
    put(&machine, "/usr/local/lib/python3.13/site-packages/boto3-1.40.0.dist-info/x", "", 0644);
    put(&machine, "/runtimes/nodejs/node_modules/@aws-sdk/client-s3/package.json",
        "{\"version\": \"3.99.0\"}", 0644);
    put(&machine, "/runtimes/nodejs/node_modules/@aws-sdk/client-sqs/package.json",
        "{\"version\": \"3.700.0\"}", 0644);
    put(&machine, "/runtimes/nodejs/node_modules/@aws-sdk/client-sns/package.json", "{", 0644);
    put(&machine, "/runtimes/nodejs/node_modules/@aws-sdk/types/package.json",
        "{\"version\": \"9.0.0\"}", 0644);
    scoped(interpreters_free) struct interpreters *interpreters =
        interpreters_find_below(machine.root, machine.runtimes);
    static const char *const cases[][2] = {
        {"nodejs22.x", "@aws-sdk 3.700.0"},
        {"python3.11", "boto3 1.26.27"},
        {"python3.13", "boto3 1.40.0"},
        {"provided", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct interpreter *found =
            interpreters_resolve(interpreters, text_of(cases[i][0]), &exact, &err);
        CHECK(found);
        CHECK_TEXT(text_of(found->libraries), cases[i][1]);
    }
    machine_done(&machine);
}

TEST(the_list_is_json)
{
    struct machine machine;
    struct error err;
    scoped(buffer_done) struct buffer out = {0};

    machine_init(&machine);
    put_usual(&machine);
    scoped(interpreters_free) struct interpreters *interpreters =
        interpreters_find_below(machine.root, machine.runtimes);
    interpreters_json(interpreters, &out);
    scoped(json_decref) json_t *json = json_parse(buffer_text(&out), &err);
    CHECK_MSG(json, "%s", err.text);
    const json_t *list = json_object_get(json, "runtimes");
    static const char *const want[] = {"nodejs22.x", "nodejs18.x", "python3.11", "python3.13",
                                       "provided.al2023"};
    CHECK(json_array_size(list) == COUNT_OF(want));
    for (size_t i = 0; i < COUNT_OF(want); i++)
        CHECK_TEXT(json_text(json_array_get(list, i), "runtime"), want[i]);
    CHECK_TEXT(json_text(json_array_get(list, 2), "version"), "3.11.2");
    machine_done(&machine);
}

TEST(all_identifiers_of_aws_are_known)
{
    static const char *const known[] = {"java21",     "dotnet8",    "ruby3.4",   "go1.x",
                                        "nodejs24.x", "python3.14", "python3.x", "nodejs"};
    static const char *const unknown[] = {"", "nodejs26.x", "python", "java", "NODEJS20.X"};

    for (size_t i = 0; i < COUNT_OF(known); i++)
        CHECK_MSG(interpreters_is_identifier(text_of(known[i])), "'%s'", known[i]);
    for (size_t i = 0; i < COUNT_OF(unknown); i++)
        CHECK_MSG(!interpreters_is_identifier(text_of(unknown[i])), "'%s'", unknown[i]);
}

/* This machine's own: whatever there is answers to its version. */
TEST(interpreters_of_this_machine_are_below_usr)
{
    scoped(interpreters_free) struct interpreters *interpreters = interpreters_find("/nonexistent");
    struct error err = {0};
    bool exact;
    const struct interpreter *python =
        interpreters_resolve(interpreters, TEXT("python3.x"), &exact, &err);

    if (access("/usr/bin/python3", X_OK) < 0) {
        CHECK(!python || text_starts(text_of(python->program), TEXT("/usr/local/")));
        return;
    }
    CHECK_MSG(python && python->major == 3, "%s", err.text);
    CHECK(text_starts(text_of(python->program), TEXT("/usr/")));
}
