/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ignore.h"

#include <fnmatch.h>

#include "base/mem.h"
#include "base/scoped.h"

struct ignore_pattern {
    char *glob;
    bool from_top, folders_only, takes_back;
};

static const char always[] = ".git/\n"
                             "__pycache__/\n"
                             "*.pyc\n"
                             "/node_modules/.cache/\n"
                             "/.evokeignore\n"
                             ".DS_Store\n";

static int add_pattern(struct ignore *ignore, struct text line, struct error *err)
{
    struct ignore_pattern pattern = {0};

    if (ignore->count == IGNORE_PATTERNS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d patterns", IGNORE_PATTERNS_MAX);
    if (text_find_text(line, TEXT("**")) < line.len)
        return error_set(err, ERROR_INVALID,
                         "'**' is not supported; a name without '/' already "
                         "matches at any depth");
    if (text_starts(line, TEXT("!"))) {
        pattern.takes_back = true;
        line = text_skip(line, 1);
    }
    if (text_ends(line, TEXT("/"))) {
        pattern.folders_only = true;
        line.len--;
    }
    pattern.from_top = text_contains(line, '/');
    if (text_starts(line, TEXT("/")))
        line = text_skip(line, 1);
    if (line.len == 0)
        return error_set(err, ERROR_INVALID, "the pattern is empty");
    pattern.glob = text_dup(line);
    ignore->patterns =
        mem_realloc(ignore->patterns, (ignore->count + 1) * sizeof *ignore->patterns);
    ignore->patterns[ignore->count++] = pattern;
    return 0;
}

void ignore_init(struct ignore *ignore)
{
    struct error err;

    *ignore = (struct ignore){0};
    int failed = ignore_parse(ignore, text_from(always, sizeof always - 1), &err);
    assert(!failed);
}

int ignore_parse(struct ignore *ignore, struct text source, struct error *err)
{
    struct text line;

    for (int number = 1; text_split(&source, '\n', &line); number++) {
        if (text_ends(line, TEXT("\r")))
            line.len--;
        line = text_trim(line);
        if (line.len == 0 || line.at[0] == '#')
            continue;
        if (text_contains(line, '\0') || add_pattern(ignore, line, err) < 0)
            return error_set(err, ERROR_INVALID, ".evokeignore:%d: %s", number,
                             text_contains(line, '\0') ? "a NUL" : err->text);
    }
    return 0;
}

static bool matches(const struct ignore_pattern *pattern, const char *path, bool is_folder)
{
    const char *slash = strrchr(path, '/');
    const char *subject = pattern->from_top || !slash ? path : slash + 1;

    if (pattern->folders_only && !is_folder)
        return false;
    return fnmatch(pattern->glob, subject, FNM_PATHNAME) == 0;
}

bool ignore_matches(const struct ignore *ignore, const char *path, bool is_folder)
{
    for (size_t i = ignore->count; i-- > 0;)
        if (matches(&ignore->patterns[i], path, is_folder))
            return !ignore->patterns[i].takes_back;
    return false;
}

void ignore_done(struct ignore *ignore)
{
    for (size_t i = 0; i < ignore->count; i++)
        free(ignore->patterns[i].glob);
    free(ignore->patterns);
    *ignore = (struct ignore){0};
}
