/* SPDX-License-Identifier: Apache-2.0 */
#include "model/policy_priv.h"

#include <stdio.h>

#define ARN_PARTS 6

/* --- compiling --- */

static void add_piece(struct policy_pattern *pattern, int kind, struct text text)
{
    struct policy_piece *last = pattern->count ? &pattern->pieces[pattern->count - 1] : NULL;

    if (last && last->kind == PIECE_LITERAL && kind == PIECE_LITERAL &&
        last->text.at + last->text.len == text.at) {
        last->text.len += text.len;
        return;
    }
    if (last && last->kind == PIECE_STAR && kind == PIECE_STAR)
        return;
    pattern->pieces[pattern->count++] = (struct policy_piece){.kind = kind, .text = text};
}

/* "${name}", "${name, 'default'}", and "${*}", "${?}", "${$}" for the characters. */
static int add_variable(struct policy_compiler *compiler, struct policy_pattern *pattern,
                        struct text inner)
{
    struct text rest = inner, name = TEXT_NONE;

    if (inner.len == 1 && strchr("*?$", inner.at[0])) {
        add_piece(pattern, PIECE_LITERAL, inner);
        return 0;
    }
    if (!text_split(&rest, ',', &name) || (name = text_trim(name)).len == 0)
        return policy_fail(compiler, "a variable '${%.*s}' has no name", TEXT_ARG(inner));
    add_piece(pattern, PIECE_VARIABLE, name);
    rest = text_trim(rest);
    if (rest.len == 0)
        return 0;
    if (rest.len < 2 || rest.at[0] != '\'' || rest.at[rest.len - 1] != '\'')
        return policy_fail(compiler, "the default of '${%.*s}' must stand in single quotes",
                           TEXT_ARG(inner));
    pattern->pieces[pattern->count - 1].otherwise = text_slice(rest, 1, rest.len - 1);
    return 0;
}

int policy_pattern_compile(struct policy_compiler *compiler, struct text source, int bits,
                           struct policy_pattern *ret)
{
    struct text copy = arena_copy(compiler->arena, source);

    *ret = (struct policy_pattern){
        arena_alloc(compiler->arena, (copy.len + 1) * sizeof *ret->pieces), 0};
    for (size_t i = 0; i < copy.len; i++) {
        struct text rest = text_skip(copy, i);
        if ((bits & PATTERN_VARIABLES) && compiler->has_variables &&
            text_starts(rest, TEXT("${"))) {
            size_t end = text_find(rest, '}');
            if (end == rest.len)
                return policy_fail(compiler, "the variable in '%.*s' does not end",
                                   TEXT_ARG(source));
            if (add_variable(compiler, ret, text_slice(rest, 2, end)) < 0)
                return -1;
            i += end;
        } else if ((bits & PATTERN_WILD) && (copy.at[i] == '*' || copy.at[i] == '?')) {
            add_piece(ret, copy.at[i] == '*' ? PIECE_STAR : PIECE_ONE, text_slice(copy, i, i + 1));
        } else {
            add_piece(ret, PIECE_LITERAL, text_slice(copy, i, i + 1));
        }
    }
    return 0;
}

/* --- matching --- */

const struct policy_key *policy_key_find(const struct policy_request *request, struct text name)
{
    for (size_t i = 0; i < request->key_count; i++)
        if (text_equal_nocase(request->keys[i].name, name))
            return request->keys[i].count ? &request->keys[i] : NULL;
    return NULL;
}

/* What a piece stands for; false for a variable that has no single value: then nothing
 * matches. */
static bool resolve(const struct policy_piece *piece, const struct policy_request *request,
                    struct text *ret)
{
    if (piece->kind == PIECE_VARIABLE) {
        const struct policy_key *key = policy_key_find(request, piece->text);
        *ret = key && key->count == 1 ? key->values[0] : piece->otherwise;
        return text_is_set(*ret);
    }
    *ret = piece->text;
    return true;
}

static bool starts(struct text text, struct text prefix, bool ignores_case)
{
    struct text head = text_slice(text, 0, prefix.len);

    return ignores_case ? text_equal_nocase(head, prefix) : text_equal(head, prefix);
}

/* As text_is_like(): on a mismatch the last star takes one byte more. */
bool policy_pattern_matches(const struct policy_pattern *pattern, struct text text,
                            bool ignores_case, const struct policy_request *request)
{
    size_t at = 0, p = 0, star = SIZE_MAX, star_at = 0;

    for (;;) {
        const struct policy_piece *piece = p < pattern->count ? &pattern->pieces[p] : NULL;
        struct text want = TEXT_NONE;
        if (!piece && at == text.len)
            return true;
        if (piece && !resolve(piece, request, &want))
            return false;
        if (piece && piece->kind == PIECE_STAR) {
            star = p++;
            star_at = at;
        } else if (piece && piece->kind == PIECE_ONE && at < text.len) {
            p++;
            at++;
        } else if (piece && piece->kind != PIECE_ONE &&
                   starts(text_skip(text, at), want, ignores_case)) {
            p++;
            at += want.len;
        } else if (star != SIZE_MAX && star_at < text.len) {
            p = star + 1;
            at = ++star_at;
        } else {
            return false;
        }
    }
}

/* The pieces up to the next colon of a literal, which is cut where the colon stands. */
struct part_reader {
    const struct policy_pattern *pattern;
    size_t index;
    struct text rest; /* of the literal at index, when it is cut; else TEXT_NONE */
    struct policy_piece pieces[64];
};

static bool next_part(struct part_reader *reader, bool is_last, struct policy_pattern *ret)
{
    *ret = (struct policy_pattern){reader->pieces, 0};
    for (; reader->index < reader->pattern->count; reader->index++) {
        struct policy_piece piece = reader->pattern->pieces[reader->index];
        if (text_is_set(reader->rest))
            piece.text = reader->rest;
        if (ret->count == COUNT_OF(reader->pieces))
            return false;
        size_t colon =
            piece.kind == PIECE_LITERAL && !is_last ? text_find(piece.text, ':') : piece.text.len;
        if (colon < piece.text.len) {
            reader->rest = text_skip(piece.text, colon + 1);
            piece.text = text_slice(piece.text, 0, colon);
            ret->pieces[ret->count++] = piece;
            return true;
        }
        reader->rest = TEXT_NONE;
        ret->pieces[ret->count++] = piece;
    }
    return is_last;
}

bool policy_pattern_matches_arn(const struct policy_pattern *pattern, struct text arn,
                                const struct policy_request *request)
{
    struct part_reader reader = {.pattern = pattern};
    struct policy_pattern part;

    if (pattern->count == 1 && pattern->pieces[0].kind == PIECE_STAR)
        return true;
    if (pattern->count == 1 && pattern->pieces[0].kind == PIECE_VARIABLE)
        return policy_pattern_matches(pattern, arn, false, request);
    for (int i = 0; i < ARN_PARTS; i++) {
        bool is_last = i == ARN_PARTS - 1;
        size_t end = is_last ? arn.len : text_find(arn, ':');
        if ((!is_last && end == arn.len) || !next_part(&reader, is_last, &part) ||
            !policy_pattern_matches(&part, text_slice(arn, 0, end), false, request))
            return false;
        arn = text_skip(arn, end + 1);
    }
    return true;
}
