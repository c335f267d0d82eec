/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/interpreters_priv.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"

/*
 * A candidate is a name in a bin folder. It counts when it resolves to a program below
 * /usr, which is all of the system that a sandbox sees, and answers --version like its
 * language does. The first one found of a language is what its users get who ask for no
 * version, as their shell would.
 */
#define INTERPRETERS_MAX 32 /* found on one machine */
#define VERSION_OUTPUT_MAX 256
#define VERSION_MS 5000 /* for an interpreter to answer; a cold disk needs 1 s */
#define PACKAGE_FILE_MAX (1 << 20)
#define IDENTIFIER_SHOWN 64 /* bytes of an unknown identifier in an error */

struct language {
    const char *name;
    const char *banner; /* what --version prints before the number */
    const char *const *programs;
    const char *numbered; /* what versions in a folder's names come after, or NULL */
    const char *package;  /* Debian's */
};

static const struct language nodejs = {"nodejs", "v", (const char *const[]){"node", "nodejs", NULL},
                                       NULL, "nodejs"};
static const struct language python = {"python", "Python ", (const char *const[]){"python3", NULL},
                                       "python3.", "python3"};

static const char *const bin_folders[] = {"/usr/local/bin", "/usr/bin"};

struct interpreters {
    char *root, *runtimes_root;
    size_t count;
    struct interpreter all[INTERPRETERS_MAX];
};

/* All that AWS has had. Those that can be chosen there today come first, in the order of its
 * validation error, which is that of a Java HashSet of so many. "python3.x" is ours. */
static const struct identifier {
    const char *name;
    bool current;
} identifiers[] = {
    {"nodejs20.x", true},     {"provided.al2023", true}, {"python3.14", true},
    {"python3.12", true},     {"python3.13", true},      {"nodejs24.x", true},
    {"nodejs22.x", true},     {"java25", true},          {"python3.10", true},
    {"python3.11", true},     {"java21", true},          {"ruby3.3", true},
    {"ruby3.4", true},        {"ruby4.0", true},         {"ruby3.2", true},
    {"python3.8", true},      {"python3.9", true},       {"java17", true},
    {"nodejs16.x", true},     {"dotnet10", true},        {"dotnet8", true},
    {"java11", true},         {"dotnet6", true},         {"nodejs18.x", true},
    {"provided.al2", true},   {"java8.al2", true},       {"nodejs", false},
    {"nodejs4.3", false},     {"nodejs6.10", false},     {"nodejs8.10", false},
    {"nodejs10.x", false},    {"nodejs12.x", false},     {"nodejs14.x", false},
    {"java8", false},         {"python2.7", false},      {"python3.6", false},
    {"python3.7", false},     {"dotnetcore1.0", false},  {"dotnetcore2.0", false},
    {"dotnetcore2.1", false}, {"dotnetcore3.1", false},  {"nodejs4.3-edge", false},
    {"go1.x", false},         {"ruby2.5", false},        {"ruby2.7", false},
    {"provided", false},
};
#define ANY_PYTHON "python3.x"

static const struct interpreter provided = {
    .language = "provided", .program = "", .version = "", .libraries = ""};

static void closedir_scoped(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}

/* Reads what the program says until it ends or the time is up. */
static void read_output(int fd, char out[static VERSION_OUTPUT_MAX])
{
    const int64_t due_us = clock_mono_us() + VERSION_MS * INT64_C(1000);
    size_t len = 0;

    for (;;) {
        int64_t left_ms = (due_us - clock_mono_us()) / 1000;
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0 || len == VERSION_OUTPUT_MAX - 1)
            break;
        int ready = poll(&readable, 1, (int)left_ms);
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t count = ready > 0 ? read(fd, out + len, VERSION_OUTPUT_MAX - 1 - len) : 0;
        if (count <= 0)
            break;
        len += (size_t)count;
    }
    out[len] = '\0';
}

static int spawn_version(const char *program, int output, pid_t *ret_pid)
{
    char *const arguments[] = {(char *)(uintptr_t)program, (char[]){"--version"}, NULL};
    char *const environment[] = {(char[]){"PATH=/usr/bin:/bin"}, (char[]){"LC_ALL=C"}, NULL};
    posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawn(ret_pid, program, &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    return failed ? -1 : 0;
}

/* The output is "" when the program cannot be run. */
static void ask_version(const char *program, char out[static VERSION_OUTPUT_MAX])
{
    int ends[2];
    pid_t pid;

    out[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    scoped(close) int input = ends[0];
    int failed = spawn_version(program, ends[1], &pid);
    close(ends[1]);
    if (failed)
        return;
    read_output(input, out);
    (void)kill(pid, SIGKILL); /* it has said enough, or too little */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* "20.20.2" at the start of text, as it is; empty when there is no such number. */
static struct text leading_version(struct text text)
{
    size_t len = 0;

    while (len < text.len && (isdigit((unsigned char)text.at[len]) || text.at[len] == '.'))
        len++;
    return text_slice(text, 0, len);
}

static bool parse_version(struct text version, int *ret_major, int *ret_minor)
{
    struct text major, minor;
    int64_t high, low;

    if (!text_split(&version, '.', &major) || !text_split(&version, '.', &minor) ||
        !text_to_int(major, 0, 9999, &high) || !text_to_int(minor, 0, 9999, &low))
        return false;
    *ret_major = (int)high;
    *ret_minor = (int)low;
    return true;
}

static int compare_versions(struct text a, struct text b)
{
    struct text left, right;

    for (;;) {
        int64_t x = -1, y = -1;
        bool more_a = text_split(&a, '.', &left), more_b = text_split(&b, '.', &right);
        if (!more_a && !more_b)
            return 0;
        if (more_a)
            (void)text_to_int(left, 0, INT64_MAX, &x);
        if (more_b)
            (void)text_to_int(right, 0, INT64_MAX, &y);
        if (x != y)
            return x < y ? -1 : 1;
    }
}

/* The version in a name such as "boto3-1.26.27.egg-info"; the caller frees. */
static char *find_distribution(const char *folder_name, struct text name)
{
    scoped(closedir) DIR *folder = opendir(folder_name);
    const struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        struct text rest = text_of(entry->d_name);
        if (!text_starts(rest, name) || text_slice(rest, name.len, name.len + 1).len == 0 ||
            rest.at[name.len] != '-' ||
            (!text_ends(rest, TEXT(".dist-info")) && !text_ends(rest, TEXT(".egg-info"))))
            continue;
        struct text version = leading_version(text_skip(rest, name.len + 1));
        while (text_ends(version, TEXT(".")))
            version.len--;
        if (version.len > 0)
            return text_dup(version);
    }
    return NULL;
}

/* Debian's interpreters look for modules elsewhere than those a person installed. */
static char *python_libraries(const struct interpreters *found, const struct interpreter *python3)
{
    const bool is_local =
        text_starts(text_of(python3->program + strlen(found->root)), TEXT("/usr/local/"));
    scoped(free) char *local =
        mem_format("%s/usr/local/lib/python%d.%d/%s-packages", found->root, python3->major,
                   python3->minor, is_local ? "site" : "dist");
    scoped(free) char *system = mem_format("%s/usr/lib/python3/dist-packages", found->root);
    scoped(free) char *version = find_distribution(local, TEXT("boto3"));

    if (!version && !is_local)
        version = find_distribution(system, TEXT("boto3"));
    return version ? mem_format("boto3 %s", version) : mem_strdup("");
}

static char *package_version(const char *folder, const char *package)
{
    scoped(free) char *path = mem_format("%s/%s/package.json", folder, package);
    scoped(buffer_done) struct buffer content = {0};
    struct error err;

    if (path_read(path, PACKAGE_FILE_MAX, &content, &err) < 0)
        return NULL;
    scoped(json_decref) json_t *json = json_parse(buffer_text(&content), &err);
    struct text version = leading_version(json ? json_text(json, "version") : TEXT_NONE);
    return version.len > 0 ? text_dup(version) : NULL;
}

/* The clients of an SDK release carry its number, or an older one when nothing changed. */
static char *nodejs_libraries(const struct interpreters *found)
{
    scoped(free) char *name = mem_format("%s/nodejs/node_modules/@aws-sdk", found->runtimes_root);
    scoped(closedir) DIR *folder = opendir(name);
    scoped(free) char *newest = NULL;
    const struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        if (!text_starts(text_of(entry->d_name), TEXT("client-")))
            continue;
        scoped(free) char *version = package_version(name, entry->d_name);
        if (version && (!newest || compare_versions(text_of(newest), text_of(version)) < 0)) {
            free(newest);
            newest = take(version);
        }
    }
    return newest ? mem_format("@aws-sdk %s", newest) : mem_strdup("");
}

static bool is_known(const struct interpreters *found, const char *program)
{
    for (size_t i = 0; i < found->count; i++)
        if (strcmp(found->all[i].program, program) == 0)
            return true;
    return false;
}

static void free_interpreter(struct interpreter *interpreter)
{
    free((char *)(uintptr_t)interpreter->program);
    free((char *)(uintptr_t)interpreter->version);
    free((char *)(uintptr_t)interpreter->libraries);
}

/* The program a name stands for, when it is one a sandbox can run. */
static char *resolve_program(const struct interpreters *found, const char *path)
{
    scoped(free) char *program = realpath(path, NULL);
    scoped(free) char *below = mem_format("%s/usr/", found->root);

    if (!program || !text_starts(text_of(program), text_of(below)) || access(program, X_OK) < 0)
        return NULL;
    return take(program);
}

static void try_program(struct interpreters *found, const struct language *language,
                        const char *folder, const char *name)
{
    scoped(free) char *path = mem_format("%s%s/%s", found->root, folder, name);
    scoped(free) char *program = resolve_program(found, path);
    char output[VERSION_OUTPUT_MAX];

    if (!program || is_known(found, program) || found->count == INTERPRETERS_MAX)
        return;
    ask_version(program, output);
    struct text answer = text_of(output), banner = text_of(language->banner);
    struct interpreter *next = &found->all[found->count];
    struct text version = leading_version(text_skip(answer, banner.len));
    if (!text_starts(answer, banner) || !parse_version(version, &next->major, &next->minor))
        return;
    next->language = language->name;
    next->program = take(program);
    next->version = text_dup(version);
    next->libraries = language == &nodejs ? nodejs_libraries(found) : python_libraries(found, next);
    found->count++;
}

static bool is_numbered(const struct language *language, const char *name)
{
    int64_t number;

    return text_starts(text_of(name), text_of(language->numbered)) &&
           text_to_int(text_of(name + strlen(language->numbered)), 0, 9999, &number);
}

static void try_folder(struct interpreters *found, const struct language *language,
                       const char *name)
{
    scoped(free) char *path = mem_format("%s%s", found->root, name);
    scoped(closedir) DIR *folder = language->numbered ? opendir(path) : NULL;
    const struct dirent *entry;

    while (folder && (entry = readdir(folder)))
        if (is_numbered(language, entry->d_name))
            try_program(found, language, name, entry->d_name);
}

static void find_language(struct interpreters *found, const struct language *language)
{
    for (size_t i = 0; i < COUNT_OF(bin_folders); i++)
        for (const char *const *name = language->programs; *name; name++)
            try_program(found, language, bin_folders[i], *name);
    for (size_t i = 0; i < COUNT_OF(bin_folders); i++)
        try_folder(found, language, bin_folders[i]);
}

struct interpreters *interpreters_find_below(const char *root, const char *runtimes_root)
{
    struct interpreters *found = mem_new(struct interpreters);

    found->root = mem_strdup(root);
    found->runtimes_root = mem_strdup(runtimes_root);
    find_language(found, &nodejs);
    find_language(found, &python);
    return found;
}

struct interpreters *interpreters_find(const char *runtimes_root)
{
    return interpreters_find_below("", runtimes_root);
}

void interpreters_free(struct interpreters *interpreters)
{
    if (!interpreters)
        return;
    for (size_t i = 0; i < interpreters->count; i++)
        free_interpreter(&interpreters->all[i]);
    free(interpreters->root);
    free(interpreters->runtimes_root);
    free(interpreters);
}

bool interpreters_is_identifier(struct text identifier)
{
    for (size_t i = 0; i < COUNT_OF(identifiers); i++)
        if (text_equal(identifier, text_of(identifiers[i].name)))
            return true;
    return text_equal(identifier, TEXT(ANY_PYTHON));
}

/* AWS's words. Its own list holds what can be chosen today, too. */
static int fail_unknown(struct text identifier, struct error *err)
{
    scoped(buffer_done) struct buffer list = {0};

    for (size_t i = 0; i < COUNT_OF(identifiers); i++)
        if (identifiers[i].current)
            buffer_add_format(&list, "%s%s", list.len ? ", " : "", identifiers[i].name);
    return error_set(err, ERROR_INVALID,
                     "Value %.*s at 'runtime' failed to satisfy constraint: Member must satisfy "
                     "enum value set: [%s] or be a valid ARN",
                     TEXT_ARG(text_slice(identifier, 0, IDENTIFIER_SHOWN)), list.at);
}

/* What an identifier asks for. */
struct request {
    const struct language *language;
    bool any; /* whatever is the default here */
    int major, minor;
};

static bool parse_numbers(struct text numbers, int *ret_major, int *ret_minor)
{
    struct text major, minor = TEXT_NONE;
    int64_t high = 0, low = 0;

    if (!text_split(&numbers, '.', &major) || !text_to_int(major, 0, 9999, &high))
        return false;
    (void)text_split(&numbers, '.', &minor);
    (void)text_to_int(leading_version(minor), 0, 9999, &low); /* "x" is 0 */
    *ret_major = (int)high;
    *ret_minor = (int)low;
    return true;
}

/* False for languages that we do not bring a runtime for. */
static bool parse_request(struct text identifier, struct request *ret)
{
    static const struct language *const languages[] = {&nodejs, &python};

    *ret = (struct request){.any = text_equal(identifier, TEXT(ANY_PYTHON)) ||
                                   text_equal(identifier, text_of(nodejs.name))};
    for (size_t i = 0; i < COUNT_OF(languages); i++) {
        struct text name = text_of(languages[i]->name);
        if (!text_starts(identifier, name))
            continue;
        ret->language = languages[i];
        return ret->any || parse_numbers(text_skip(identifier, name.len), &ret->major, &ret->minor);
    }
    return false;
}

/* How far an interpreter is from what was asked for; 0 is exact, -1 not usable. Releases of
 * Node are counted in its first number, those of Python in its second. */
static int distance(const struct request *request, const struct interpreter *interpreter)
{
    if (interpreter->language != request->language->name)
        return -1;
    if (request->any)
        return 0;
    if (request->language == &nodejs)
        return abs(interpreter->major - request->major);
    return interpreter->major == request->major ? abs(interpreter->minor - request->minor) : -1;
}

static bool is_newer(const struct interpreter *a, const struct interpreter *b)
{
    return a->major != b->major ? a->major > b->major : a->minor > b->minor;
}

static const struct interpreter *find_nearest(const struct interpreters *interpreters,
                                              const struct request *request, int *ret_distance)
{
    const struct interpreter *nearest = NULL;

    for (size_t i = 0; i < interpreters->count; i++) {
        const struct interpreter *candidate = &interpreters->all[i];
        int here = distance(request, candidate);
        if (here < 0)
            continue;
        if (!nearest || here < *ret_distance ||
            (here == *ret_distance && !request->any && is_newer(candidate, nearest))) {
            nearest = candidate;
            *ret_distance = here;
        }
    }
    return nearest;
}

const struct interpreter *interpreters_resolve(const struct interpreters *interpreters,
                                               struct text identifier, bool *ret_exact,
                                               struct error *err)
{
    struct request request;
    int away = 0;

    *ret_exact = true;
    if (!interpreters_is_identifier(identifier)) {
        fail_unknown(identifier, err);
        return NULL;
    }
    if (text_starts(identifier, text_of(provided.language)))
        return &provided;
    if (!parse_request(identifier, &request)) {
        error_set(err, ERROR_NOT_FOUND,
                  "Evoke has no runtime for '%.*s'; package the function with an executable "
                  "'bootstrap' and use provided.al2023",
                  TEXT_ARG(identifier));
        return NULL;
    }
    const struct interpreter *nearest = find_nearest(interpreters, &request, &away);
    if (!nearest)
        error_set(err, ERROR_NOT_FOUND,
                  "no interpreter for '%.*s' is installed; install the package '%s' and restart "
                  "evoke",
                  TEXT_ARG(identifier), request.language->package);
    *ret_exact = away == 0;
    return nearest;
}

static void add_member(struct buffer *out, const char *name, const char *value)
{
    buffer_add_format(out, "\"%s\":", name);
    buffer_add_json(out, text_of(value));
}

static void add_interpreter(const struct interpreter *interpreter, const char *identifier,
                            struct buffer *out)
{
    buffer_add_char(out, '{');
    add_member(out, "runtime", identifier);
    buffer_add_char(out, ',');
    add_member(out, "language", interpreter->language);
    buffer_add_char(out, ',');
    add_member(out, "program", interpreter->program);
    buffer_add_char(out, ',');
    add_member(out, "version", interpreter->version);
    buffer_add_char(out, ',');
    add_member(out, "libraries", interpreter->libraries);
    buffer_add_char(out, '}');
}

void interpreters_json(const struct interpreters *interpreters, struct buffer *out)
{
    buffer_add_literal(out, "{\"runtimes\":[");
    for (size_t i = 0; i < interpreters->count; i++) {
        const struct interpreter *one = &interpreters->all[i];
        char identifier[32];
        if (one->language == nodejs.name)
            snprintf(identifier, sizeof identifier, "nodejs%d.x", one->major);
        else
            snprintf(identifier, sizeof identifier, "python%d.%d", one->major, one->minor);
        add_interpreter(one, identifier, out);
        buffer_add_char(out, ',');
    }
    add_interpreter(&provided, "provided.al2023", out);
    buffer_add_literal(out, "]}");
}
