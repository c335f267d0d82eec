/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "router/matcher.h"
#include "router/pattern.h"

/*
 *     match_bench EVENTS RULES [PASSES]
 * matches events against banks of rules and tells how many a second.
 * EVENTS has one JSON event a line, RULES has lines of a bank's name, a tab and a pattern.
 * For each bank a line: its name, events a second (the median of the passes, after one that
 * does not count), and how often its rules matched in one pass.
 *
 *     match_bench changes RULES
 * adds 100 rules one by one to a matcher of that many, and tells how long the slowest took and
 * how long a merge takes, in milliseconds.
 */
#define RULES_MAX 200000

struct events {
    struct text *at;
    size_t count;
};

struct bank {
    struct text name;
    struct matcher_rule *rules;
    size_t count;
};

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "match_bench: %s: %s\n", what, why);
    exit(2);
}

static struct text map_file(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) < 0)
        die(path, "cannot be opened");
    char *at = mmap(NULL, (size_t)status.st_size + 1, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        die(path, "cannot be mapped");
    (void)close(fd);
    return text_from(at, (size_t)status.st_size);
}

static struct events split_lines(struct text file)
{
    struct events events = {0};
    struct text line;

    for (size_t room = 0; text_split(&file, '\n', &line);) {
        if (line.len == 0)
            continue;
        if (events.count == room) {
            room = room ? room * 2 : 1024;
            events.at = mem_realloc(events.at, room * sizeof *events.at);
        }
        events.at[events.count++] = line;
    }
    return events;
}

static uint64_t match_all(const struct matcher *matcher, struct match_scratch *scratch,
                          const struct events *events)
{
    uint64_t total = 0;

    for (size_t i = 0; i < events->count; i++) {
        struct matches matches;
        struct error err;
        if (matcher_match(matcher, events->at[i], scratch, &matches, &err) < 0)
            die("an event", err.text);
        total += matches.count;
    }
    return total;
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

static void run(const struct bank *bank, const struct events *events, int passes)
{
    scoped(matcher_unref) struct matcher *matcher = matcher_new(bank->rules, bank->count);
    scoped(match_scratch_free) struct match_scratch *scratch = match_scratch_new();
    uint64_t total = match_all(matcher, scratch, events);
    double rates[32];

    for (int i = 0; i < passes; i++) {
        int64_t start = clock_mono_us();
        (void)match_all(matcher, scratch, events);
        rates[i] = (double)events->count * 1e6 / (double)(clock_mono_us() - start);
    }
    qsort(rates, (size_t)passes, sizeof rates[0], compare_doubles);
    (void)printf("%.*s\t%.0f\t%lu\n", TEXT_ARG(bank->name), rates[passes / 2],
                 (unsigned long)total);
    (void)fflush(stdout);
}

/* The rules of one bank, which follow one another. */
static bool next_bank(struct text *file, struct bank *bank)
{
    struct text line, rest = *file;

    bank->count = 0;
    while (text_split(&rest, '\n', &line)) {
        size_t tab = text_find(line, '\t');
        struct text name = text_slice(line, 0, tab);
        struct error err;
        if (bank->count && !text_equal(name, bank->name))
            break;
        bank->name = name;
        *file = rest;
        struct pattern *pattern = pattern_compile(text_skip(line, tab + 1), NULL, &err);
        if (!pattern || bank->count == RULES_MAX)
            die("a rule", pattern ? "there are too many" : err.text);
        bank->rules[bank->count] = (struct matcher_rule){bank->count, pattern};
        bank->count++;
    }
    return bank->count > 0;
}

static struct pattern *numbered_pattern(uint64_t number)
{
    char source[80];
    struct error err;

    (void)snprintf(source, sizeof source, "{\"properties\": {\"MAPBLKLOT\": [\"%07lu\"]}}",
                   (unsigned long)number);
    struct pattern *pattern = pattern_compile(text_of(source), NULL, &err);
    if (!pattern)
        die(source, err.text);
    return pattern;
}

static struct matcher *numbered_matcher(uint64_t count)
{
    struct matcher_rule *rules = mem_alloc(count * sizeof *rules);

    for (uint64_t i = 0; i < count; i++)
        rules[i] = (struct matcher_rule){i, numbered_pattern(i)};
    struct matcher *matcher = matcher_new(rules, count);
    for (uint64_t i = 0; i < count; i++)
        pattern_unref(rules[i].pattern);
    free(rules);
    return matcher;
}

static void run_changes(uint64_t count)
{
    struct matcher *matcher = numbered_matcher(count);
    int64_t slowest = 0;

    for (uint64_t i = count; i < count + 100; i++) {
        scoped(pattern_unref) struct pattern *pattern = numbered_pattern(i);
        int64_t start = clock_mono_us();
        struct matcher *next = matcher_with(matcher, i, pattern);
        int64_t took = clock_mono_us() - start;
        slowest = took > slowest ? took : slowest;
        matcher_unref(matcher);
        matcher = next;
    }
    int64_t start = clock_mono_us();
    matcher_unref(matcher_merge(matcher));
    (void)printf("change\t%.3f\nmerge\t%.1f\n", (double)slowest / 1e3,
                 (double)(clock_mono_us() - start) / 1e3);
    matcher_unref(matcher);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fputs("usage: match_bench EVENTS RULES [PASSES] | changes RULES\n", stderr);
        return 2;
    }
    if (strcmp(argv[1], "changes") == 0) {
        run_changes(strtoull(argv[2], NULL, 10));
        return 0;
    }
    struct events events = split_lines(map_file(argv[1]));
    struct text rules = map_file(argv[2]);
    struct bank bank = {.rules = mem_alloc(RULES_MAX * sizeof *bank.rules)};
    int passes = argc > 3 && argv[3][0] >= '1' && argv[3][0] <= '9' ? argv[3][0] - '0' : 3;

    while (next_bank(&rules, &bank)) {
        run(&bank, &events, passes);
        for (size_t i = 0; i < bank.count; i++)
            pattern_unref(bank.rules[i].pattern);
    }
    free(bank.rules);
    free(events.at);
    return 0;
}
