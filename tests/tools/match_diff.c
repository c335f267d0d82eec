/* SPDX-License-Identifier: Apache-2.0 */
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "router/matcher.h"
#include "router/pattern.h"

/*
 * Random patterns over random events, matched here and by a peer (see
 * tests/differential/RulerPeer.java for what they say to each other):
 *     match_diff SEED PAIRS SECONDS PEER [ARGUMENT...]
 * Ends after that many pairs or seconds, and tells each difference and the counts; exits 1
 * when there was one. All patterns of a batch are matched together as well as one by one.
 */
#define PATTERNS 16
#define EVENTS 64
#define DIFFERENCES_TOLD 40

extern char **environ;

struct batch {
    struct buffer patterns[PATTERNS], events[EVENTS];
};

struct run {
    uint64_t random, pairs, matches, refused, texts, crashes, corrected, differences;
    FILE *to, *from;
    struct match_scratch *scratch;
    bool folds; /* the pattern being made ignores case here and there, or has wildcards */
    bool mixes; /* it has both */
    struct batch batch;
};

static uint32_t below(struct run *run, uint32_t limit)
{
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return (uint32_t)((run->random >> 32) * limit >> 32);
}

static bool one_in(struct run *run, uint32_t chance)
{
    return below(run, chance) == 0;
}

#define PICK(run, list) list[below(run, COUNT_OF(list))]

static const char *const names[] = {"a", "b",   "c",   "a",   "b",
                                    "c", "a.b", "d-e", "b.c", "long-name-1"};
static const char *const words[] = {"a",
                                    "b",
                                    "A",
                                    "ab",
                                    "aB",
                                    "abc",
                                    "ABC",
                                    "abab",
                                    "ba",
                                    "bab",
                                    "x",
                                    "",
                                    "aab",
                                    "abcabc",
                                    "é",
                                    "É",
                                    "äb",
                                    "ÄB",
                                    "ß",
                                    "SS",
                                    "ss",
                                    "sS",
                                    "K",
                                    "k",
                                    "K",
                                    "ı",
                                    "I",
                                    "i",
                                    "İ",
                                    "i̇",
                                    "ſ",
                                    "Σ",
                                    "σ",
                                    "ς",
                                    "ŉ",
                                    "日本",
                                    "語",
                                    "a\"b",
                                    "a\\b",
                                    "a*b",
                                    "*",
                                    "\xf0\x9f\x98\x80",
                                    "a/b",
                                    "\n\t",
                                    "10.0.0.1",
                                    "10.1.2.3",
                                    "192.168.1.7",
                                    "010.0.0.1",
                                    "2001:db8::1",
                                    "2001:DB8:0:0::1",
                                    "300.1.1.1",
                                    "null",
                                    "true",
                                    "1",
                                    "12345678901234567890123456789"};
static const char *const numbers[] = {"0",
                                      "-0",
                                      "0.0",
                                      "1",
                                      "1.0",
                                      "10e-1",
                                      "2",
                                      "-1",
                                      "3.5",
                                      "35e-1",
                                      "100",
                                      "1e2",
                                      "1E+2",
                                      "99.5",
                                      "0.1",
                                      "0.10",
                                      "-122.42916360922355",
                                      "-122.42916360922356",
                                      "-122.4291636092235",
                                      "37.729900216217324",
                                      "12345678901234567890",
                                      "12345678901234567891",
                                      "123456789012",
                                      "9007199254740993",
                                      "9007199254740992",
                                      "1e400",
                                      "1E400",
                                      "1e-400",
                                      "0.30000000000000004",
                                      "0.1000000000000000055",
                                      "1.7976931348623e307",
                                      "-5",
                                      "5",
                                      "5.000000000000001"};
static const char *const cidrs[] = {"10.0.0.0/8",     "10.1.0.0/16",   "192.168.0.0/16",
                                    "192.168.1.0/25", "2001:db8::/32", "2001:db8::1/127",
                                    "10.0.0.1/31",    "172.16.0.0/12"};

static void add_word(struct run *run, struct buffer *to)
{
    do
        buffer_add_text(to, text_of(PICK(run, words)));
    while (one_in(run, 4));
}

/* A string, some of its characters as escapes. */
static void add_string(struct run *run, struct buffer *to, struct text text)
{
    scoped(buffer_done) struct buffer plain = {0};

    buffer_add_json(&plain, text);
    for (size_t i = 0; i < plain.len; i++) {
        char c = plain.at[i];
        bool escaped = i > 0 && plain.at[i - 1] == '\\';
        if (c >= 'a' && c <= 'z' && !escaped && !text_contains(text, '\\') && text.len < 4 &&
            !text_contains(text, '\n') && one_in(run, 16))
            buffer_add_format(to, "\\u%04X", c);
        else
            buffer_add_char(to, c);
    }
}

static void add_random_string(struct run *run, struct buffer *to)
{
    scoped(buffer_done) struct buffer word = {0};

    add_word(run, &word);
    add_string(run, to, buffer_text(&word));
}

static void add_number(struct run *run, struct buffer *to)
{
    if (one_in(run, 8))
        buffer_add_format(to, "%s%u.%0*u", one_in(run, 2) ? "-" : "", below(run, 200),
                          1 + (int)below(run, 8), below(run, 1000));
    else if (one_in(run, 8))
        buffer_add_int(to, below(run, 100000));
    else
        buffer_add_text(to, text_of(PICK(run, numbers)));
}

static void add_scalar(struct run *run, struct buffer *to)
{
    static const char *const constants[] = {"null", "true", "false"};

    if (one_in(run, 8))
        buffer_add_text(to, text_of(PICK(run, constants)));
    else if (one_in(run, 3))
        add_number(run, to);
    else
        add_random_string(run, to);
}

static void add_value(struct run *run, struct buffer *to, int depth);

static void add_object(struct run *run, struct buffer *to, int depth)
{
    buffer_add_char(to, '{');
    for (uint32_t i = 0, count = below(run, 5); i < count; i++) {
        buffer_add_text(to, i ? TEXT(", ") : TEXT_NONE);
        add_string(run, to, text_of(PICK(run, names)));
        buffer_add_char(to, ':');
        add_value(run, to, depth + 1);
    }
    buffer_add_char(to, '}');
}

static void add_array(struct run *run, struct buffer *to, int depth)
{
    buffer_add_char(to, '[');
    for (uint32_t i = 0, count = below(run, 4); i < count; i++) {
        buffer_add_text(to, i ? TEXT(",") : TEXT_NONE);
        add_value(run, to, depth + 1);
    }
    buffer_add_char(to, ']');
}

static void add_value(struct run *run, struct buffer *to, int depth)
{
    uint32_t kind = depth > 5 ? 9 : below(run, 10);

    if (kind < 3)
        add_object(run, to, depth);
    else if (kind < 5)
        add_array(run, to, depth);
    else
        add_scalar(run, to);
}

static void add_list_of(struct run *run, struct buffer *to,
                        void add(struct run *run, struct buffer *to))
{
    if (one_in(run, 2)) {
        add(run, to);
        return;
    }
    buffer_add_char(to, '[');
    for (uint32_t i = 0, count = 1 + below(run, 3); i < count; i++) {
        buffer_add_text(to, i ? TEXT(",") : TEXT_NONE);
        add(run, to);
    }
    buffer_add_char(to, ']');
}

static void add_wildcard_text(struct run *run, struct buffer *to)
{
    scoped(buffer_done) struct buffer word = {0};

    for (uint32_t i = 0, count = 1 + below(run, 4); i < count; i++) {
        static const char *const pieces[] = {"a", "b", "ab", "ba", "abc", "\\*", "é", "\\\\", "c"};
        if (one_in(run, 2) && !(word.len && word.at[word.len - 1] == '*' &&
                                !(word.len > 1 && word.at[word.len - 2] == '\\')))
            buffer_add_char(&word, '*');
        buffer_add_text(&word, text_of(PICK(run, pieces)));
    }
    if (one_in(run, 2) && !(word.len > 1 && word.at[word.len - 1] == '*'))
        buffer_add_char(&word, '*');
    buffer_add_json(to, buffer_text(&word));
}

/* event-ruler folds characters of more than 16 bits otherwise: see docs/event-patterns.md. */
static void add_foldable_string(struct run *run, struct buffer *to)
{
    scoped(buffer_done) struct buffer word = {0};

    do {
        buffer_clear(&word);
        add_word(run, &word);
    } while (text_find_text(buffer_text(&word), TEXT("\xf0\x9f")) < word.len);
    add_string(run, to, buffer_text(&word));
}

static void add_numeric(struct run *run, struct buffer *to)
{
    static const char *const signs[] = {"=", "<", "<=", ">", ">="};
    const char *sign = PICK(run, signs);

    buffer_add_format(to, "[\"%s\",", sign);
    add_number(run, to);
    if (*sign == '>' && one_in(run, 2)) {
        buffer_add_format(to, ",\"%s\",", one_in(run, 2) ? "<" : "<=");
        add_number(run, to);
    }
    buffer_add_char(to, ']');
}

static void add_anything_but(struct run *run, struct buffer *to)
{
    /* The last two for patterns that fold, the two before for those that have wildcards. */
    static const struct {
        const char *name;
        void (*add)(struct run *run, struct buffer *to);
    } kinds[] = {
        {NULL, add_number},
        {NULL, add_random_string},
        {"prefix", add_random_string},
        {"wildcard", add_wildcard_text},
        {"suffix", add_random_string},
        {"equals-ignore-case", add_foldable_string},
    };
    uint32_t kind = below(run, run->folds ? 5 : 4);

    kind += run->folds && kind >= 3;
    buffer_add_literal(to, "{\"anything-but\":");
    if (kinds[kind].name)
        buffer_add_format(to, "{\"%s\":", kinds[kind].name);
    add_list_of(run, to, kinds[kind].add);
    buffer_add_text(to, kinds[kind].name ? TEXT("}}") : TEXT("}"));
}

/* event-ruler is often wrong where a field has wildcards beside suffixes or texts whose case it
 * ignores, and has to be asked again: most patterns have one or the other. */
static void add_wild_or_folded(struct run *run, struct buffer *to)
{
    static const char *const folded[] = {
        "{\"equals-ignore-case\":", "{\"prefix\":{\"equals-ignore-case\":",
        "{\"suffix\":{\"equals-ignore-case\":"};
    uint32_t kind = below(run, COUNT_OF(folded));

    if (!run->folds) {
        buffer_add_literal(to, "{\"wildcard\":");
        add_wildcard_text(run, to);
        buffer_add_char(to, '}');
        return;
    }
    buffer_add_text(to, text_of(folded[kind]));
    add_foldable_string(run, to);
    buffer_add_text(to, kind ? TEXT("}}") : TEXT("}"));
}

static void add_atom(struct run *run, struct buffer *to)
{
    if (run->mixes)
        run->folds = one_in(run, 2);
    switch (below(run, 16)) {
    case 0:
    case 1:
        buffer_add_text(to,
                        run->folds && one_in(run, 2) ? TEXT("{\"suffix\":") : TEXT("{\"prefix\":"));
        add_random_string(run, to);
        break;
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
        add_wild_or_folded(run, to);
        return;
    case 7:
        buffer_add_format(to, "{\"exists\":%s", one_in(run, 2) ? "true" : "false");
        break;
    case 8:
    case 9:
        buffer_add_literal(to, "{\"numeric\":");
        add_numeric(run, to);
        break;
    case 10:
        buffer_add_format(to, "{\"cidr\":\"%s\"", PICK(run, cidrs));
        break;
    case 11:
    case 12:
        add_anything_but(run, to);
        return;
    default:
        add_scalar(run, to);
        return;
    }
    buffer_add_char(to, '}');
}

static void add_pattern(struct run *run, struct buffer *to, int depth);

static void add_field(struct run *run, struct buffer *to, int depth)
{
    if (depth < 4 && one_in(run, 8)) {
        buffer_add_literal(to, "\"$or\":[");
        add_pattern(run, to, depth + 1);
        buffer_add_char(to, ',');
        add_pattern(run, to, depth + 1);
        buffer_add_char(to, ']');
        return;
    }
    add_string(run, to, text_of(PICK(run, names)));
    buffer_add_char(to, ':');
    if (depth < 3 && one_in(run, 3)) {
        add_pattern(run, to, depth + 1);
        return;
    }
    uint32_t count = 1 + below(run, 3);
    buffer_add_char(to, '[');
    for (uint32_t i = 0; i < count; i++) {
        buffer_add_text(to, i ? TEXT(",") : TEXT_NONE);
        add_atom(run, to);
    }
    buffer_add_char(to, ']');
}

static void add_pattern(struct run *run, struct buffer *to, int depth)
{
    buffer_add_char(to, '{');
    for (uint32_t i = 0, count = 1 + below(run, 3); i < count; i++) {
        buffer_add_text(to, i ? TEXT(",") : TEXT_NONE);
        add_field(run, to, depth);
    }
    buffer_add_char(to, '}');
}

/* Something is missing or doubled: for the texts of refusals. */
static void spoil(struct run *run, struct buffer *pattern)
{
    uint32_t at = below(run, (uint32_t)pattern->len);

    if ((unsigned char)pattern->at[at] >= 0x80 ||
        (pattern->at[at] >= '/' && pattern->at[at] <= '9'))
        return;
    if (one_in(run, 2))
        memmove(pattern->at + at, pattern->at + at + 1, pattern->len-- - at - 1);
    else
        pattern->at[at] = "{}[]:,\"1a-"[below(run, 10)];
    pattern->at[pattern->len] = '\0';
}

static void fill(struct run *run)
{
    for (int i = 0; i < PATTERNS; i++) {
        buffer_clear(&run->batch.patterns[i]);
        run->folds = one_in(run, 2);
        run->mixes = one_in(run, 8);
        add_pattern(run, &run->batch.patterns[i], 0);
        if (one_in(run, 10))
            spoil(run, &run->batch.patterns[i]);
    }
    for (int i = 0; i < EVENTS; i++) {
        buffer_clear(&run->batch.events[i]);
        add_object(run, &run->batch.events[i], 0);
    }
}

static void send_batch(struct run *run)
{
    (void)fprintf(run->to, "%d %d\n", PATTERNS, EVENTS);
    for (int i = 0; i < PATTERNS + EVENTS; i++) {
        const struct buffer *line =
            i < PATTERNS ? &run->batch.patterns[i] : &run->batch.events[i - PATTERNS];
        (void)fwrite(line->at, 1, line->len, run->to);
        (void)fputc('\n', run->to);
    }
    (void)fflush(run->to);
}

static void tell(struct run *run, const char *what, int pattern, const char *event,
                 const char *ours, const char *theirs)
{
    if (++run->differences <= DIFFERENCES_TOLD)
        (void)printf("%s\n  pattern %s\n  event   %s\n  here    %s\n  there   %s\n", what,
                     run->batch.patterns[pattern].at, event, ours, theirs);
}

/* Asks the peer about one pair once more, with its operators kept apart. */
static bool stands_corrected(struct run *run, int pattern, int event, char ours)
{
    char *line = NULL;
    size_t room = 0;

    (void)fprintf(run->to, "1 1 apart\n%s\n%s\n", run->batch.patterns[pattern].at,
                  run->batch.events[event].at);
    (void)fflush(run->to);
    bool corrected = getline(&line, &room, run->from) > 0 && *line == ours;
    free(line);
    run->corrected += corrected;
    return corrected;
}

/* Whether two texts are the same, but for the column where the JSON itself is broken: later
 * versions of Jackson tell the character, those that AWS's texts come from what follows it. */
static bool same_text(const char *ours, const char *theirs)
{
    struct text mine = text_of(ours), other = text_of(theirs);
    bool is_syntax =
        text_starts(mine, TEXT("Unexpected ")) || text_starts(mine, TEXT("Unrecognized token")) ||
        text_starts(mine, TEXT("Unrecognized character")) || text_starts(mine, TEXT("Illegal "));

    if (is_syntax) {
        mine = text_slice(mine, 0, text_find_text(mine, TEXT("\t at [")));
        other = text_slice(other, 0, text_find_text(other, TEXT("\t at [")));
    }
    return text_equal(mine, other);
}

static void check_refusal(struct run *run, int number, struct text message, const char *theirs)
{
    struct text ours = text_skip(message, sizeof "Event pattern is not valid. Reason: " - 1);
    scoped(free) char *line = text_dup(ours);

    run->refused++;
    for (char *c = line; *c; c++)
        if (*c == '\n')
            *c = '\t';
    if (same_text(line, theirs))
        return;
    if (++run->texts <= DIFFERENCES_TOLD)
        (void)printf("text\n  pattern %s\n  here    %s\n  there   %s\n",
                     run->batch.patterns[number].at, line, theirs);
}

static bool is_among(const struct matches *matches, uint64_t id)
{
    for (size_t i = 0; i < matches->count; i++)
        if (matches->rule_ids[i] == id)
            return true;
    return false;
}

/* Ours of all events, matched together: a row of digits for each pattern. */
static void match_together(struct run *run, struct pattern *const *patterns,
                           char rows[PATTERNS][EVENTS + 1])
{
    struct matcher_rule rules[PATTERNS];
    size_t count = 0;

    for (uint64_t i = 0; i < PATTERNS; i++)
        if (patterns[i])
            rules[count++] = (struct matcher_rule){i, patterns[i]};
    scoped(matcher_unref) struct matcher *matcher = matcher_new(rules, count);
    for (int i = 0; i < EVENTS; i++) {
        struct matches matches = {0};
        struct error err;
        bool failed = matcher_match(matcher, buffer_text(&run->batch.events[i]), run->scratch,
                                    &matches, &err) < 0;
        for (uint64_t j = 0; j < PATTERNS; j++)
            rows[j][i] = failed ? '!' : is_among(&matches, j) ? '1' : '0';
    }
    for (int i = 0; i < PATTERNS; i++)
        rows[i][EVENTS] = '\0';
}

static void check_alone(struct run *run, int number, struct pattern *pattern, const char *row)
{
    for (int i = 0; i < EVENTS; i += 1 + (int)below(run, 8)) {
        struct error err;
        int result = pattern_test(pattern, buffer_text(&run->batch.events[i]), &err);
        if (result != (row[i] == '1'))
            tell(run, "alone and together", number, run->batch.events[i].at,
                 result < 0 ? err.text
                 : result   ? "1"
                            : "0",
                 row[i] == '1' ? "1" : "0");
    }
}

/* Where the pairs differ is found now and asked about when the batch is answered. */
static void compare_row(struct run *run, const char *ours, const char *theirs, bool *ret_differs)
{
    for (int i = 0; i < EVENTS; i++) {
        run->pairs++;
        run->matches += ours[i] == '1';
        ret_differs[i] = ours[i] != theirs[i];
    }
}

static void ask_again(struct run *run, char rows[PATTERNS][EVENTS + 1],
                      bool differs[PATTERNS][EVENTS])
{
    for (int i = 0; i < PATTERNS; i++)
        for (int j = 0; j < EVENTS; j++)
            if (differs[i][j] && !stands_corrected(run, i, j, rows[i][j]))
                tell(run, "match", i, run->batch.events[j].at, rows[i][j] == '1' ? "1" : "0",
                     rows[i][j] == '1' ? "0" : "1");
}

static int run_batch(struct run *run)
{
    char rows[PATTERNS][EVENTS + 1];
    bool differs[PATTERNS][EVENTS] = {0};
    struct pattern *patterns[PATTERNS];
    struct buffer messages[PATTERNS] = {0};
    struct error errors[PATTERNS];
    char *line = NULL;
    size_t room = 0;
    int failed = 0;

    fill(run);
    send_batch(run);
    for (int i = 0; i < PATTERNS; i++)
        patterns[i] =
            pattern_compile(buffer_text(&run->batch.patterns[i]), &messages[i], &errors[i]);
    match_together(run, patterns, rows);
    for (int i = 0; i < PATTERNS && !failed; i++) {
        ssize_t len = getline(&line, &room, run->from);
        if (len <= 0) {
            failed = -1;
            break;
        }
        line[len - 1] = '\0';
        if (*line == 'X') {
            run->crashes++;
        } else if (patterns[i] && *line != 'E') {
            check_alone(run, i, patterns[i], rows[i]);
            compare_row(run, rows[i], line, differs[i]);
        } else if (!patterns[i] && *line == 'E') {
            check_refusal(run, i, buffer_text(&messages[i]), line + 1);
        } else if (patterns[i] || /* what follows the last brace is ignored there */
                   !text_starts(text_of(errors[i].text), TEXT("Filter is followed by"))) {
            tell(run, "refusal", i, "-", patterns[i] ? "accepted" : messages[i].at, line);
        }
    }
    if (!failed)
        ask_again(run, rows, differs);
    for (int i = 0; i < PATTERNS; i++) {
        pattern_unref(patterns[i]);
        buffer_done(&messages[i]);
    }
    free(line);
    return failed;
}

static pid_t start_peer(struct run *run, char **command)
{
    int pair[2];
    pid_t pid;
    posix_spawn_file_actions_t actions;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 0);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 1);
    int failed = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
    posix_spawn_file_actions_destroy(&actions);
    (void)close(pair[1]);
    run->to = fdopen(pair[0], "w");
    run->from = fdopen(dup(pair[0]), "r");
    return failed ? -1 : pid;
}

int main(int argc, char **argv)
{
    struct run run = {.scratch = match_scratch_new()};

    if (argc < 5) {
        (void)fputs("usage: match_diff SEED PAIRS SECONDS PEER [ARGUMENT...]\n", stderr);
        return 2;
    }
    uint64_t wanted = strtoull(argv[2], NULL, 10);
    int64_t until = clock_mono_us() + strtoll(argv[3], NULL, 10) * 1000000;
    run.random = strtoull(argv[1], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    pid_t pid = start_peer(&run, argv + 4);
    if (pid < 0)
        return 2;
    int failed = 0;
    while (!failed && run.pairs < wanted && clock_mono_us() < until)
        failed = run_batch(&run);
    (void)fclose(run.to);
    (void)fclose(run.from);
    (void)waitpid(pid, NULL, 0);
    (void)printf("%lu pairs, %lu matches, %lu refusals (%lu with another text), %lu crashes of "
                 "the peer, %lu corrected by it when asked again, %lu differences\n",
                 (unsigned long)run.pairs, (unsigned long)run.matches, (unsigned long)run.refused,
                 (unsigned long)run.texts, (unsigned long)run.crashes, (unsigned long)run.corrected,
                 (unsigned long)run.differences);
    for (int i = 0; i < PATTERNS; i++)
        buffer_done(&run.batch.patterns[i]);
    for (int i = 0; i < EVENTS; i++)
        buffer_done(&run.batch.events[i]);
    match_scratch_free(run.scratch);
    return failed ? 2 : run.differences > 0;
}
