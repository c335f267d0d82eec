/* SPDX-License-Identifier: Apache-2.0 */
#include "router/pattern_operators.h"

#include <limits.h>

#include "router/address.h"
#include "router/fold.h"
#include "router/number.h"
#include "router/utf8.h"

/*
 * The values and match expressions of a field's list. Messages, and what is noticed first,
 * are event-ruler's (JsonRuleCompiler.processMatchExpression).
 */

#define NOT_ONE_KEY "Only one key allowed in match expression"
#define TOO_MANY "Too many elements in numeric expression"

void atoms_add(struct atoms *atoms, struct arena *arena, const struct atom *atom)
{
    if (atoms->count == atoms->capacity) {
        size_t capacity = atoms->capacity ? atoms->capacity * 2 : 2;
        struct atom *grown = arena_alloc(arena, capacity * sizeof *grown);
        if (atoms->count)
            memcpy(grown, atoms->at, atoms->count * sizeof *grown);
        atoms->at = grown;
        atoms->capacity = capacity;
    }
    atoms->at[atoms->count++] = *atom;
}

static int expect(struct lexer *lexer, enum token token, const char *otherwise)
{
    return lexer_next(lexer) == token ? 0 : lexer_fail(lexer, "%s", otherwise);
}

static int expect_end(struct lexer *lexer)
{
    return expect(lexer, TOKEN_OBJECT_END, NOT_ONE_KEY);
}

/* The string that must come next. */
static int expect_text(struct lexer *lexer, const char *otherwise, struct text *ret)
{
    if (expect(lexer, TOKEN_STRING, otherwise) < 0)
        return -1;
    *ret = lexer_text(lexer);
    return lexer->failed ? -1 : 0;
}

/* A character and its two cases, side by side. */
static struct text *split_folds(struct arena *arena, struct text text, size_t *ret_count)
{
    struct text *parts = arena_alloc(arena, 2 * text.len * sizeof *parts);
    size_t count = 0, len;

    for (; text.len; text = text_skip(text, len)) {
        struct fold fold;
        uint32_t code = utf8_read(text, &len);
        if (fold_find(code, &fold)) {
            parts[count++] = arena_copy(arena, text_of(fold.lower));
            parts[count++] = arena_copy(arena, text_of(fold.upper));
        } else {
            parts[count++] = text_slice(text, 0, len);
            parts[count++] = text_slice(text, 0, len);
        }
    }
    *ret_count = count;
    return parts;
}

static struct atom fold_atom(struct arena *arena, enum atom_kind kind, struct text text)
{
    struct atom atom = {.kind = kind, .text = text};

    if (!fold_is_ascii(text)) {
        atom.parts = split_folds(arena, text, &atom.part_count);
        return atom;
    }
    char *folded = arena_alloc(arena, text.len + 1);
    fold_ascii(text, folded);
    atom.text = text_from(folded, text.len);
    return atom;
}

/* Cuts text at its stars into parts (room for one more than there are stars); positions in
 * messages count the opening quote. */
static int split_wildcard(struct lexer *lexer, struct text text, char *bytes, struct text *parts,
                          size_t *ret_count)
{
    char *start = bytes;
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i], next = i + 1 < text.len ? text.at[i + 1] : '\0';
        if (c == '*') {
            if (next == '*')
                return lexer_fail(lexer, "Consecutive wildcard characters at pos %zu", i + 1);
            parts[count++] = text_from(start, (size_t)(bytes - start));
            start = bytes;
            continue;
        }
        if (c == '\\') {
            if (next != '*' && next != '\\')
                return lexer_fail(lexer, "Invalid escape character at pos %zu", i + 1);
            c = next;
            i++;
        }
        *bytes++ = c;
    }
    parts[count++] = text_from(start, (size_t)(bytes - start));
    *ret_count = count;
    return 0;
}

static int wildcard_atom(struct lexer *lexer, struct arena *arena, struct text text,
                         struct atom *ret)
{
    size_t stars = 0;

    for (size_t i = 0; i < text.len; i++)
        stars += text.at[i] == '*';
    struct text *parts = arena_alloc(arena, (stars + 1) * sizeof *parts);
    *ret = (struct atom){.kind = ATOM_WILDCARD, .text = text, .parts = parts};
    if (split_wildcard(lexer, text, arena_alloc(arena, text.len + 1), parts, &ret->part_count) < 0)
        return -1;
    lexer->is_too_complex |= pattern_is_too_complex(arena, parts, ret->part_count);
    return 0;
}

static int parse_wildcard(struct lexer *lexer, struct arena *arena, struct atom *ret)
{
    struct text text;

    if (expect_text(lexer, "wildcard match pattern must be a string", &text) < 0 ||
        wildcard_atom(lexer, arena, text, ret) < 0)
        return -1;
    return expect_end(lexer);
}

/* {"prefix": {"equals-ignore-case": "..."}}, behind the second brace. */
static int parse_fold_within(struct lexer *lexer, struct arena *arena, bool is_prefix,
                             struct atom *ret)
{
    struct text text;

    if (expect(lexer, TOKEN_NAME,
               is_prefix ? "Prefix expression name not found"
                         : "Suffix expression name not found") < 0)
        return -1;
    struct text name = lexer_text(lexer);
    if (!text_equal(name, TEXT("equals-ignore-case")))
        return lexer_fail(lexer, "Unsupported %s pattern: %.*s", is_prefix ? "prefix" : "suffix",
                          TEXT_ARG(name));
    if (expect_text(lexer, "equals-ignore-case match pattern must be a string", &text) < 0 ||
        expect_end(lexer) < 0 || expect_end(lexer) < 0)
        return -1;
    *ret = fold_atom(arena, is_prefix ? ATOM_PREFIX_FOLD : ATOM_SUFFIX_FOLD, text);
    return 0;
}

static int parse_affix(struct lexer *lexer, struct arena *arena, bool is_prefix, struct atom *ret)
{
    enum token token = lexer_next(lexer);

    if (token == TOKEN_OBJECT)
        return parse_fold_within(lexer, arena, is_prefix, ret);
    if (token != TOKEN_STRING)
        return lexer_fail(lexer, "%s match pattern must be a string",
                          is_prefix ? "prefix" : "suffix");
    *ret = (struct atom){.kind = is_prefix ? ATOM_PREFIX : ATOM_SUFFIX, .text = lexer_text(lexer)};
    return expect_end(lexer);
}

static int parse_prefix(struct lexer *lexer, struct arena *arena, struct atom *ret)
{
    return parse_affix(lexer, arena, /* is_prefix= */ true, ret);
}

static int parse_suffix(struct lexer *lexer, struct arena *arena, struct atom *ret)
{
    return parse_affix(lexer, arena, /* is_prefix= */ false, ret);
}

static int parse_fold(struct lexer *lexer, struct arena *arena, struct atom *ret)
{
    struct text text;

    if (expect_text(lexer, "equals-ignore-case match pattern must be a string", &text) < 0 ||
        expect_end(lexer) < 0)
        return -1;
    *ret = fold_atom(arena, ATOM_EXACT_FOLD, text);
    return 0;
}

static int parse_exactly(struct lexer *lexer, struct arena *arena, struct atom *ret)
{
    struct text text;

    if (expect_text(lexer, "exact match pattern must be a string", &text) < 0 ||
        expect_end(lexer) < 0)
        return -1;
    *ret = (struct atom){.kind = ATOM_EXACT, .text = text};
    return 0;
}

static int parse_exists(struct lexer *lexer, struct arena *arena, struct atom *ret)
{
    bool is_word = lexer_next(lexer) == TOKEN_WORD;
    bool wanted = text_equal(lexer->text, TEXT("true"));

    if (!is_word || (!wanted && !text_equal(lexer->text, TEXT("false"))))
        return lexer_fail(lexer, "exists match pattern must be either true or false.");
    *ret = (struct atom){.kind = wanted ? ATOM_EXISTS : ATOM_ABSENT};
    return expect_end(lexer);
}

static struct atom address_atom(struct arena *arena, struct address address, unsigned bits)
{
    address_mask(&address, bits);
    return (struct atom){
        .kind = ATOM_ADDRESS,
        .bits = bits,
        .text = arena_copy(arena, text_from(address.bytes, address.len)),
    };
}

/* As Java's Integer.parseInt: a sign is allowed. */
static bool parse_mask(struct text text, int64_t *ret)
{
    bool negative = text.len && *text.at == '-';

    if (text.len && (*text.at == '-' || *text.at == '+'))
        text = text_skip(text, 1);
    if (!text_to_int(text, 0, INT_MAX, ret))
        return false;
    *ret = negative ? -*ret : *ret;
    return true;
}

/* Splits as Java's String.split("/"): empty pieces at the end do not count. */
static bool split_cidr(struct text text, struct text *ret_address, struct text *ret_mask)
{
    while (text.len && text.at[text.len - 1] == '/')
        text.len--;
    size_t slash = text_find(text, '/');
    *ret_address = text_slice(text, 0, slash);
    *ret_mask = text_skip(text, slash + 1);
    return slash < text.len && !text_contains(*ret_mask, '/');
}

static int cidr_atom(struct lexer *lexer, struct arena *arena, struct text text, struct atom *ret)
{
    struct text address_text, mask_text;
    struct address address;
    int64_t mask;

    if (!split_cidr(text, &address_text, &mask_text))
        return lexer_fail_nowhere(lexer, "Malformed CIDR, one '/' required");
    if (!parse_mask(mask_text, &mask))
        return lexer_fail_nowhere(lexer, "Malformed CIDR, mask bits must be an integer");
    if (mask < 0)
        return lexer_fail_nowhere(lexer, "Malformed CIDR, mask bits must not be negative");
    if (!address_is_alike(address_text))
        return lexer_fail_nowhere(lexer, "Nonstandard IP address: %.*s", TEXT_ARG(address_text));
    if (!address_parse(address_text, &address))
        return lexer_fail_nowhere(lexer, "Invalid IP address: %.*s", TEXT_ARG(address_text));
    if (mask >= address.len * 8)
        return lexer_fail_nowhere(lexer, address.len == 4 ? "IPv4 mask bits must be < 32"
                                                          : "IPv6 mask bits must be < 128");
    *ret = address_atom(arena, address, (unsigned)mask);
    return 0;
}

static int parse_cidr(struct lexer *lexer, struct arena *arena, struct atom *ret)
{
    struct text text;

    if (expect_text(lexer, "prefix match pattern must be a string", &text) < 0 ||
        cidr_atom(lexer, arena, text, ret) < 0)
        return -1;
    return expect_end(lexer);
}

/* The number that text is, when it can be compared. */
static bool to_number(struct text text, double *ret)
{
    struct number number;

    if (!number_parse(text, &number) || (number.value != 0 && !number_is_comparable(&number)))
        return false;
    *ret = number.value;
    return true;
}

static int parse_bound(struct lexer *lexer, const char *sign, struct text *ret)
{
    if (lexer_next(lexer) != TOKEN_NUMBER)
        return lexer_fail(lexer, "Value of %s must be numeric", sign);
    *ret = lexer_text(lexer);
    return 0;
}

static int bound_value(struct lexer *lexer, struct text text, double *ret)
{
    if (to_number(text, ret))
        return 0;
    return lexer_fail(lexer, "Cannot compare number : %.*s", TEXT_ARG(text));
}

static const char *token_text(struct lexer *lexer, struct arena *arena)
{
    switch (lexer->token) {
    case TOKEN_OBJECT:
        return "{";
    case TOKEN_OBJECT_END:
        return "}";
    case TOKEN_ARRAY:
        return "[";
    case TOKEN_ARRAY_END:
        return "]";
    case TOKEN_NONE:
    case TOKEN_NAME:
    case TOKEN_STRING:
    case TOKEN_NUMBER:
    case TOKEN_WORD:
        break;
    }
    return arena_string(arena, lexer_text(lexer));
}

/* The second half of a range; the lexer stands at it. */
static int parse_range_top(struct lexer *lexer, struct arena *arena, struct text bottom,
                           struct atom *range)
{
    struct text top;

    if (lexer->token != TOKEN_STRING)
        return lexer_fail(lexer, "Bad value in numeric range: %s", token_text(lexer, arena));
    struct text sign = lexer_text(lexer);
    if (lexer->failed)
        return -1;
    range->high_open = text_equal(sign, TEXT("<"));
    if (!range->high_open && !text_equal(sign, TEXT("<=")))
        return lexer_fail(lexer, "Bad numeric range operator: %.*s", TEXT_ARG(sign));
    if (parse_bound(lexer, range->high_open ? "<" : "<=", &top) < 0 ||
        expect(lexer, TOKEN_ARRAY_END, "Too many terms in numeric range expression") < 0 ||
        bound_value(lexer, bottom, &range->low) < 0 || bound_value(lexer, top, &range->high) < 0)
        return -1;
    return range->low < range->high ? 0 : lexer_fail(lexer, "Bottom must be less than top");
}

static int parse_range(struct lexer *lexer, struct arena *arena, struct text sign, struct atom *ret)
{
    struct text bound;

    if (!text_equal(sign, TEXT("<")) && !text_equal(sign, TEXT("<=")) &&
        !text_equal(sign, TEXT(">")) && !text_equal(sign, TEXT(">="))) {
        (void)lexer_next(lexer);
        return lexer_fail(lexer, "Unrecognized numeric range operator: %.*s", TEXT_ARG(sign));
    }
    bool is_open = sign.len == 1, is_low = sign.at[0] == '>';
    if (parse_bound(lexer, is_low ? is_open ? ">" : ">=" : is_open ? "<" : "<=", &bound) < 0)
        return -1;
    *ret = (struct atom){
        .kind = ATOM_RANGE, .low = -__builtin_inf(), .high = __builtin_inf(), .low_open = is_low};
    if (is_low) {
        ret->low_open = is_open;
        if (lexer_next(lexer) != TOKEN_ARRAY_END)
            return parse_range_top(lexer, arena, bound, ret);
        return bound_value(lexer, bound, &ret->low);
    }
    ret->high_open = is_open;
    if (expect(lexer, TOKEN_ARRAY_END, TOO_MANY) < 0)
        return -1;
    return bound_value(lexer, bound, &ret->high);
}

static int parse_equals(struct lexer *lexer, struct atom *ret)
{
    struct text text;

    *ret = (struct atom){.kind = ATOM_NUMBER};
    if (parse_bound(lexer, "equals", &text) < 0 || expect(lexer, TOKEN_ARRAY_END, TOO_MANY) < 0 ||
        bound_value(lexer, text, &ret->low) < 0)
        return -1;
    ret->high = ret->low;
    return 0;
}

static int parse_numeric(struct lexer *lexer, struct arena *arena, struct atom *ret)
{
    if (expect(lexer, TOKEN_ARRAY, "Value of numeric must be an array.") < 0)
        return -1;
    if (lexer_next(lexer) != TOKEN_STRING)
        return lexer_fail(lexer, "Invalid member in numeric match: %s", token_text(lexer, arena));
    struct text sign = lexer_text(lexer);
    if (lexer->failed)
        return -1;
    if (text_equal(sign, TEXT("=")) ? parse_equals(lexer, ret) < 0
                                    : parse_range(lexer, arena, sign, ret) < 0)
        return -1;
    return expect(lexer, TOKEN_OBJECT_END, TOO_MANY);
}

/* A value within anything-but, at which the lexer stands: a string or a number. */
static int but_plain(struct lexer *lexer, const char *otherwise, struct atom *ret)
{
    if (lexer->token == TOKEN_STRING) {
        *ret = (struct atom){.kind = ATOM_EXACT, .text = lexer_text(lexer)};
        return lexer->failed ? -1 : 0;
    }
    if (lexer->token != TOKEN_NUMBER)
        return lexer_fail(lexer, "%s", otherwise);
    *ret = (struct atom){.kind = ATOM_NUMBER};
    if (!to_number(lexer_text(lexer), &ret->low))
        return lexer_fail_nowhere(lexer, "Cannot compare number : %.*s",
                                  TEXT_ARG(lexer_text(lexer)));
    ret->high = ret->low;
    return 0;
}

static const char *not_text_within(enum atom_kind kind)
{
    if (kind == ATOM_EXACT_FOLD)
        return "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not "
               "supported.";
    return kind == ATOM_WILDCARD ? "wildcard match pattern must be a string"
                                 : "prefix/suffix match pattern must be a string";
}

/* The same within {"prefix": ...} and its like. Wildcards are looked at later. */
static int but_text(struct lexer *lexer, struct arena *arena, enum atom_kind kind, struct atom *ret)
{
    if (lexer->token != TOKEN_STRING)
        return lexer_fail(lexer, "%s", not_text_within(kind));
    struct text text = lexer_text(lexer);
    if (lexer->failed)
        return -1;
    if (text.len == 0 && (kind == ATOM_PREFIX || kind == ATOM_SUFFIX))
        return lexer_fail(lexer, "Null prefix/suffix not allowed");
    *ret = kind == ATOM_EXACT_FOLD ? fold_atom(arena, kind, text)
                                   : (struct atom){.kind = kind, .text = text};
    return 0;
}

static int parse_but_plain_list(struct lexer *lexer, struct arena *arena, struct atoms *atoms)
{
    bool has_text = false, has_number = false;

    while (lexer_next(lexer) != TOKEN_ARRAY_END) {
        struct atom atom;
        if (lexer->failed ||
            but_plain(lexer, "Inside anything but list, start|null|boolean is not supported.",
                      &atom) < 0)
            return lexer_fail_again(lexer);
        has_text |= atom.kind == ATOM_EXACT;
        has_number |= atom.kind == ATOM_NUMBER;
        atoms_add(atoms, arena, &atom);
    }
    if (has_text == has_number)
        return lexer_fail(lexer, "Inside anything but list, either all values are number or "
                                 "string, mixed type is not supported");
    return 0;
}

static int parse_but_text_list(struct lexer *lexer, struct arena *arena, enum atom_kind kind,
                               struct atoms *atoms)
{
    while (lexer_next(lexer) != TOKEN_ARRAY_END) {
        struct atom atom;
        if (lexer->failed || but_text(lexer, arena, kind, &atom) < 0)
            return lexer_fail_again(lexer);
        atoms_add(atoms, arena, &atom);
    }
    return 0;
}

/* What kind of anything-but an object within it makes; the lexer stands at its brace. */
static int parse_but_kind(struct lexer *lexer, enum atom_kind *ret)
{
    static const struct {
        struct text name;
        enum atom_kind kind;
    } kinds[] = {
        {TEXT("equals-ignore-case"), ATOM_EXACT_FOLD},
        {TEXT("prefix"), ATOM_PREFIX},
        {TEXT("suffix"), ATOM_SUFFIX},
        {TEXT("wildcard"), ATOM_WILDCARD},
    };

    if (expect(lexer, TOKEN_NAME, "Anything-But expression name not found") < 0)
        return -1;
    struct text name = lexer_text(lexer);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (text_equal(name, kinds[i].name)) {
            *ret = kinds[i].kind;
            return 0;
        }
    }
    return lexer_fail(lexer, "Unsupported anything-but pattern: %.*s", TEXT_ARG(name));
}

/* ATOM_BUT: the plain kind, of strings or numbers. */
static int parse_but_values(struct lexer *lexer, struct arena *arena, enum atom_kind kind,
                            struct atoms *atoms)
{
    struct atom atom;

    if (lexer->token == TOKEN_ARRAY)
        return kind == ATOM_BUT ? parse_but_plain_list(lexer, arena, atoms)
                                : parse_but_text_list(lexer, arena, kind, atoms);
    if (kind == ATOM_BUT ? but_plain(lexer, "", &atom) < 0
                         : but_text(lexer, arena, kind, &atom) < 0)
        return -1;
    atoms_add(atoms, arena, &atom);
    return 0;
}

static int split_wildcards(struct lexer *lexer, struct arena *arena, struct atoms *atoms)
{
    for (size_t i = 0; i < atoms->count; i++)
        if (atoms->at[i].kind == ATOM_WILDCARD &&
            wildcard_atom(lexer, arena, atoms->at[i].text, &atoms->at[i]) < 0)
            return -1;
    return 0;
}

static int parse_but(struct lexer *lexer, struct arena *arena, struct atom *ret)
{
    struct atoms atoms = {0};
    enum atom_kind kind = ATOM_BUT;

    if (lexer_next(lexer) == TOKEN_OBJECT) {
        if (parse_but_kind(lexer, &kind) < 0)
            return -1;
        (void)lexer_next(lexer);
    }
    if (lexer->token != TOKEN_ARRAY && lexer->token != TOKEN_STRING && lexer->token != TOKEN_NUMBER)
        return lexer_fail(lexer,
                          "Value of anything-but must be an array or single string/number value.");
    if (parse_but_values(lexer, arena, kind, &atoms) < 0 ||
        split_wildcards(lexer, arena, &atoms) < 0 ||
        expect(lexer, TOKEN_OBJECT_END, TOO_MANY) < 0 ||
        (kind != ATOM_BUT && expect(lexer, TOKEN_OBJECT_END, TOO_MANY) < 0))
        return -1;
    if (atoms.count == 0)
        return lexer_fail(lexer, "Empty arrays are not allowed");
    *ret = (struct atom){.kind = ATOM_BUT, .but = atoms.at, .but_count = atoms.count};
    return 0;
}

/* Behind the brace. */
static int parse_expression(struct lexer *lexer, struct arena *arena, struct atom *ret)
{
    static const struct {
        struct text name;
        int (*parse)(struct lexer *lexer, struct arena *arena, struct atom *ret);
    } operators[] = {
        {TEXT("prefix"), parse_prefix},           {TEXT("suffix"), parse_suffix},
        {TEXT("equals-ignore-case"), parse_fold}, {TEXT("wildcard"), parse_wildcard},
        {TEXT("numeric"), parse_numeric},         {TEXT("anything-but"), parse_but},
        {TEXT("exists"), parse_exists},           {TEXT("cidr"), parse_cidr},
        {TEXT("exactly"), parse_exactly},
    };

    if (expect(lexer, TOKEN_NAME, "Match expression name not found") < 0)
        return -1;
    struct text name = lexer_text(lexer);
    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (text_equal(name, operators[i].name))
            return operators[i].parse(lexer, arena, ret);
    return lexer_fail(lexer, "Unrecognized match type %.*s", TEXT_ARG(name));
}

/* A string that is an address means the address, however the event writes it. */
static struct atom text_atom(struct arena *arena, struct text text)
{
    struct address address;

    if (address_parse(text, &address))
        return address_atom(arena, address, address.len * 8);
    return (struct atom){.kind = ATOM_EXACT, .text = text};
}

static struct atom number_atom(struct text text)
{
    struct atom atom = {.kind = ATOM_NUMBER};

    if (!to_number(text, &atom.low))
        return (struct atom){.kind = ATOM_LITERAL, .text = text};
    atom.high = atom.low;
    return atom;
}

int operators_parse_value(struct lexer *lexer, struct arena *arena, struct atoms *atoms)
{
    struct atom atom;

    switch (lexer->token) {
    case TOKEN_OBJECT:
        if (parse_expression(lexer, arena, &atom) < 0)
            return -1;
        break;
    case TOKEN_STRING:
        atom = text_atom(arena, lexer_text(lexer));
        break;
    case TOKEN_NUMBER:
        atom = number_atom(lexer_text(lexer));
        break;
    case TOKEN_WORD:
        atom = (struct atom){.kind = ATOM_LITERAL, .text = lexer_text(lexer)};
        break;
    case TOKEN_NONE:
    case TOKEN_ARRAY:
    case TOKEN_ARRAY_END:
    case TOKEN_OBJECT_END:
    case TOKEN_NAME:
        return lexer_fail(lexer, "Match value must be String, number, true, false, or null");
    }
    atoms_add(atoms, arena, &atom);
    return lexer->failed ? -1 : 0;
}
