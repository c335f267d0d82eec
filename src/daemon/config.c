/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "base/path.h"
#include "model/function.h"

static int fail_unknown(struct text name, const char *argument, struct error *err)
{
    struct nearest nearest = {.typed = name};
    char hint[NEAREST_HINT_MAX];

    option_offer(settings_options, &nearest);
    nearest_offer(&nearest, "config");
    return error_set(err, ERROR_INVALID, "there is no option '%s'%s", argument,
                     nearest_hint(&nearest, "--", hint));
}

/* The value of an option at argv[*at]: "--name=value", or the next argument. */
static int take_option(char **argv, int *at, struct text *ret_name, struct text *ret_value,
                       struct error *err)
{
    struct text argument = text_of(argv[*at]);
    if (!text_starts(argument, TEXT("--")))
        return error_set(err, ERROR_INVALID, "'%s' is one argument too many", argv[*at]);

    argument = text_skip(argument, 2);
    size_t equals = text_find(argument, '=');
    *ret_name = text_slice(argument, 0, equals);
    if (!text_equal(*ret_name, TEXT("config")) && !option_find(settings_options, *ret_name))
        return fail_unknown(*ret_name, argv[*at], err);
    if (equals < argument.len) {
        *ret_value = text_skip(argument, equals + 1);
        return 0;
    }
    if (!argv[*at + 1])
        return error_set(err, ERROR_INVALID, "'%s' needs a value", argv[*at]);
    *ret_value = text_of(argv[++*at]);
    return 0;
}

typedef int option_use_f(struct config *config, struct text name, struct text value,
                         struct error *err);

static int use_file(struct config *config, struct text name, struct text value, struct error *err)
{
    if (!text_equal(name, TEXT("config")))
        return 0;
    scoped(free) char *path = text_dup(value);
    return option_read_file(settings_options, &config->settings, path, err);
}

static int use_setting(struct config *config, struct text name, struct text value,
                       struct error *err)
{
    if (text_equal(name, TEXT("config")))
        return 0;
    return option_set(settings_options, &config->settings, name, value, err);
}

static int each_option(struct config *config, char **argv, option_use_f *use, struct error *err)
{
    for (int i = 1; argv[i]; i++) {
        struct text name, value;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            config->help = true;
            continue;
        }
        if (take_option(argv, &i, &name, &value, err) < 0 || use(config, name, value, err) < 0)
            return -1;
    }
    return 0;
}

static char *default_data_folder(void)
{
    const char *chosen = getenv("EVOKE_DATA"), *xdg = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");

    if (chosen && chosen[0])
        return mem_strdup(chosen);
    if (geteuid() == 0)
        return mem_strdup("/var/lib/evoke");
    if (xdg && xdg[0] == '/')
        return path_join(xdg, "evoke");
    return mem_format("%s/.local/share/evoke", home && home[0] ? home : "");
}

static bool is_folder(const char *path)
{
    struct stat stat_;

    return stat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode);
}

/* Beside the program: in the build tree, or where `make install` puts them. */
static char *find_runtimes(void)
{
    static const char *const places[] = {"../../runtimes", "../lib/evoke/runtimes"};
    char program[4096];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);

    while (len > 0 && program[len - 1] != '/')
        len--;
    for (size_t i = 0; len > 0 && i < COUNT_OF(places); i++) {
        scoped(free) char *path = mem_format("%.*s%s", (int)len, program, places[i]);
        char *real = is_folder(path) ? realpath(path, NULL) : NULL;
        if (real)
            return real;
    }
    return mem_strdup("/usr/local/lib/evoke/runtimes");
}

static int64_t cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

int config_read(struct config *config, int argc, char **argv, struct error *err)
{
    struct settings *settings = &config->settings;

    option_defaults(settings_options, settings);
    if (each_option(config, argv, use_file, err) < 0 ||
        each_option(config, argv, use_setting, err) < 0)
        return -1;
    if (!settings->data || !settings->data[0]) {
        free(settings->data);
        settings->data = default_data_folder();
    }
    if (!settings->runtimes || !settings->runtimes[0]) {
        free(settings->runtimes);
        settings->runtimes = find_runtimes();
    } else if (!is_folder(settings->runtimes)) {
        return error_set(err, ERROR_INVALID, "'runtimes': there is no folder '%s'",
                         settings->runtimes);
    }
    if (settings->shards == 0)
        settings->shards = cores();
    if (settings->shards > VERSION_SHARDS_MAX)
        settings->shards = VERSION_SHARDS_MAX;
    return 0;
}
