/* SPDX-License-Identifier: Apache-2.0 */
#include "router/pattern_operators.h"

#include "base/mem.h"

/*
 * The grammar of patterns, in the order in which event-ruler's JsonRuleCompiler notices what
 * is wrong. A field that occurs twice counts once, with what was said last, also within the
 * alternatives of $or; each $or multiplies the alternatives there are by its own.
 */
struct parser {
    struct lexer *lexer;
    struct arena *arena;
    struct buffer path; /* of the object that is being read */
    bool in_path;       /* the path has names, perhaps empty ones */
    size_t condition_count;
};

struct alternatives {
    struct alternative *at;
    size_t count, capacity;
};

static int parse_object(struct parser *parser, struct alternatives *alternatives, bool in_or);

static int fail_too_complex(struct parser *parser)
{
    return lexer_fail_nowhere(parser->lexer,
                              "Rule is too complex - try using fewer $or combinations");
}

static struct alternative *add_alternative(struct parser *parser, struct alternatives *to,
                                           const struct alternative *copied)
{
    if (to->count == to->capacity) {
        size_t capacity = to->capacity ? to->capacity * 2 : 4;
        struct alternative *grown = arena_alloc(parser->arena, capacity * sizeof *grown);
        if (to->count)
            memcpy(grown, to->at, to->count * sizeof *grown);
        to->at = grown;
        to->capacity = capacity;
    }
    struct alternative *added = &to->at[to->count++];
    *added = (struct alternative){0};
    if (copied && copied->count) {
        added->conditions =
            arena_alloc(parser->arena, copied->count * sizeof(added->conditions[0]));
        memcpy(added->conditions, copied->conditions, copied->count * sizeof(added->conditions[0]));
        added->count = added->capacity = copied->count;
        parser->condition_count += copied->count;
    }
    return added;
}

/* Where path is among the conditions, or belongs. */
static size_t find_place(const struct alternative *alternative, struct text path, bool *ret_found)
{
    size_t low = 0, high = alternative->count;

    *ret_found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = text_compare(alternative->conditions[middle]->path, path);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void put_condition(struct parser *parser, struct alternative *alternative,
                          const struct condition *condition)
{
    bool found;
    size_t place = find_place(alternative, condition->path, &found);

    if (found) {
        alternative->conditions[place] = condition;
        return;
    }
    if (alternative->count == alternative->capacity) {
        size_t capacity = alternative->capacity ? alternative->capacity * 2 : 4;
        const struct condition **grown =
            arena_alloc(parser->arena, capacity * sizeof(const struct condition *));
        if (alternative->count)
            memcpy(grown, alternative->conditions,
                   alternative->count * sizeof(const struct condition *));
        alternative->conditions = grown;
        alternative->capacity = capacity;
    }
    memmove(alternative->conditions + place + 1, alternative->conditions + place,
            (alternative->count - place) * sizeof(const struct condition *));
    alternative->conditions[place] = condition;
    alternative->count++;
    parser->condition_count++;
}

/* The path of a field within the current object. A nameless object is not in the path of
 * its fields, as in event-ruler. */
static struct text path_of(struct parser *parser, struct text name)
{
    size_t before = parser->path.len;

    if (before)
        buffer_add_char(&parser->path, '.');
    buffer_add_text(&parser->path, name);
    struct text path = arena_copy(parser->arena, buffer_text(&parser->path));
    parser->path.len = before;
    return path;
}

static int parse_field(struct parser *parser, struct alternatives *alternatives, struct text name)
{
    struct lexer *lexer = parser->lexer;
    struct condition *condition = arena_zalloc(parser->arena, sizeof *condition);
    struct atoms atoms = {0};

    while (lexer_next(lexer) != TOKEN_ARRAY_END)
        if (lexer->failed || operators_parse_value(lexer, parser->arena, &atoms) < 0)
            return -1;
    if (atoms.count == 0)
        return lexer_fail(lexer, "Empty arrays are not allowed");
    *condition = (struct condition){path_of(parser, name), atoms.at, atoms.count};
    if (alternatives->count == 0)
        (void)add_alternative(parser, alternatives, NULL);
    for (size_t i = 0; i < alternatives->count; i++)
        put_condition(parser, &alternatives->at[i], condition);
    return parser->condition_count > PATTERN_CONDITIONS_MAX ? fail_too_complex(parser) : 0;
}

static int parse_nested(struct parser *parser, struct alternatives *alternatives, struct text name,
                        bool in_or)
{
    size_t before = parser->path.len;
    bool was_in_path = parser->in_path;

    if (parser->in_path)
        buffer_add_char(&parser->path, '.');
    buffer_add_text(&parser->path, name);
    parser->in_path = true;
    int failed = parse_object(parser, alternatives, in_or);
    parser->path.len = before;
    parser->in_path = was_in_path;
    return failed;
}

static int parse_or_entry(struct parser *parser, const struct alternatives *before,
                          struct alternatives *alternatives)
{
    struct alternatives own = {0};

    if (parser->lexer->token != TOKEN_OBJECT)
        return lexer_fail(parser->lexer,
                          "Only JSON object is allowed in array of $or relationship.");
    for (size_t i = 0; i < before->count; i++)
        (void)add_alternative(parser, &own, &before->at[i]);
    if (own.count == 0)
        (void)add_alternative(parser, &own, NULL);
    if (parse_object(parser, &own, /* in_or= */ true) < 0)
        return -1;
    if (alternatives->count + own.count > PATTERN_ALTERNATIVES_MAX ||
        parser->condition_count > PATTERN_CONDITIONS_MAX)
        return fail_too_complex(parser);
    for (size_t i = 0; i < own.count; i++)
        *add_alternative(parser, alternatives, NULL) = own.at[i];
    return 0;
}

static int parse_or(struct parser *parser, struct alternatives *alternatives)
{
    struct lexer *lexer = parser->lexer;
    struct alternatives before = *alternatives;
    size_t entries = 0;

    *alternatives = (struct alternatives){0};
    if (lexer_next(lexer) != TOKEN_ARRAY)
        return lexer_fail(lexer, "It must be an Array followed with $or.");
    for (; lexer_next(lexer) != TOKEN_ARRAY_END; entries++)
        if (lexer->failed || parse_or_entry(parser, &before, alternatives) < 0)
            return -1;
    if (entries < 2)
        return lexer_fail(lexer, "There must have at least 2 Objects in $or relationship.");
    return 0;
}

static bool is_reserved_in_or(struct text name)
{
    static const char *const reserved[] = {"exactly",
                                           "equals-ignore-case",
                                           "prefix",
                                           "suffix",
                                           "anything-but",
                                           "exists",
                                           "wildcard",
                                           "numeric",
                                           "cidr",
                                           "=",
                                           "<",
                                           "<=",
                                           ">",
                                           ">=",
                                           "regex",
                                           "not-wildcard",
                                           "not-equals-ignore-case",
                                           "date-after",
                                           "date-on-or-after",
                                           "date-before",
                                           "date-on-or-before",
                                           "in-date-range",
                                           "ip-address-in-range",
                                           "ip-address-not-in-range"};

    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (text_equal(name, text_of(reserved[i])))
            return true;
    return false;
}

static int parse_member(struct parser *parser, struct alternatives *alternatives, bool in_or)
{
    struct lexer *lexer = parser->lexer;
    struct text name = lexer_text(lexer);

    if (text_equal(name, TEXT("$or")))
        return parse_or(parser, alternatives);
    if (in_or && is_reserved_in_or(name))
        return lexer_fail(lexer,
                          "%.*s is Ruler reserved fieldName which cannot be used inside $or.",
                          TEXT_ARG(name));
    enum token token = lexer_next(lexer);
    if (token == TOKEN_OBJECT)
        return parse_nested(parser, alternatives, name, in_or);
    if (token == TOKEN_ARRAY)
        return parse_field(parser, alternatives, name);
    return lexer_fail(lexer, "\"%.*s\" must be an object or an array", TEXT_ARG(name));
}

/* Behind its opening brace. */
static int parse_object(struct parser *parser, struct alternatives *alternatives, bool in_or)
{
    struct lexer *lexer = parser->lexer;
    bool is_empty = true;

    for (; lexer_next(lexer) != TOKEN_OBJECT_END; is_empty = false)
        if (lexer->failed || parse_member(parser, alternatives, in_or) < 0)
            return -1;
    return is_empty ? lexer_fail(lexer, "Empty objects are not allowed") : 0;
}

static int parse_document(struct parser *parser, struct alternatives *alternatives)
{
    struct lexer *lexer = parser->lexer;

    if (lexer_next(lexer) != TOKEN_OBJECT)
        return lexer_fail(lexer, "Filter is not an object");
    if (parse_object(parser, alternatives, /* in_or= */ false) < 0)
        return -1;
    if (lexer_next(lexer) != TOKEN_NONE)
        return lexer_fail(lexer, "Filter is followed by something else");
    if (lexer->is_too_complex)
        return lexer_fail_nowhere(lexer, "Rule is too complex - try using fewer wildcard "
                                         "characters or fewer repeating character sequences after "
                                         "a wildcard character");
    return lexer->failed ? -1 : 0;
}

int pattern_parse(struct text source, struct pattern *pattern, struct buffer *ret_message,
                  size_t *ret_reason_len)
{
    scoped(free) struct lexer *lexer = mem_alloc(sizeof *lexer);
    struct parser parser = {.lexer = lexer, .arena = &pattern->arena};
    struct alternatives alternatives = {0};

    lexer_init(lexer, source, &pattern->arena);
    int failed = parse_document(&parser, &alternatives);
    if (failed) {
        *ret_reason_len = lexer->reason_len;
        *ret_message = buffer_take(&lexer->message);
    }
    pattern->alternatives = alternatives.at;
    pattern->count = alternatives.count;
    lexer_done(lexer);
    buffer_done(&parser.path);
    return failed;
}
