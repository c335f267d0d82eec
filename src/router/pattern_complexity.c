/* SPDX-License-Identifier: Apache-2.0 */
#include "router/pattern_priv.h"

/* A limit of AWS's: its matcher follows every way in which a value may match a wildcard at once.
 * Each star is one, and so is each beginning of a piece behind one that what was read ends with. */

/* One piece between stars, and for each of its beginnings how many are under way when it has been
 * read: itself, and those that it ends with. */
struct piece {
    struct text text;
    size_t *borders; /* the longest of those, by length */
    size_t *chains;
};

static size_t step(const struct piece *piece, size_t len, char c)
{
    if (len == piece->text.len)
        len = piece->borders[len];
    while (len && piece->text.at[len] != c)
        len = piece->borders[len];
    return piece->text.len && piece->text.at[len] == c ? len + 1 : 0;
}

static struct piece prepare_piece(struct arena *arena, struct text text)
{
    struct piece piece = {
        .text = text,
        .borders = arena_zalloc(arena, (text.len + 1) * sizeof *piece.borders),
        .chains = arena_zalloc(arena, (text.len + 1) * sizeof *piece.chains),
    };

    for (size_t len = 1; len <= text.len; len++) {
        if (len > 1)
            piece.borders[len] = step(&piece, piece.borders[len - 1], text.at[len - 1]);
        piece.chains[len] = 1 + piece.chains[piece.borders[len]];
    }
    return piece;
}

/* The most beginnings of all pieces that are under way at once while this one is read. */
static size_t overlaps_in(const struct piece *pieces, size_t count, struct text read)
{
    size_t at[PATTERN_WILDCARD_COMPLEXITY_MAX] = {0}, most = 0;

    for (size_t i = 0; i < read.len; i++) {
        size_t ways = 0;
        for (size_t p = 0; p < count; p++) {
            at[p] = step(&pieces[p], at[p], read.at[i]);
            ways += pieces[p].chains[at[p]];
        }
        if (ways > most)
            most = ways;
    }
    return most;
}

bool pattern_is_too_complex(struct arena *arena, const struct text *parts, size_t count)
{
    struct piece pieces[PATTERN_WILDCARD_COMPLEXITY_MAX];
    size_t stars = count - 1;

    if (stars > PATTERN_WILDCARD_COMPLEXITY_MAX)
        return true;
    for (size_t i = 0; i < stars; i++)
        pieces[i] = prepare_piece(arena, parts[i + 1]);
    for (size_t i = 0; i < stars; i++)
        if (stars + overlaps_in(pieces, stars, pieces[i].text) > PATTERN_WILDCARD_COMPLEXITY_MAX)
            return true;
    return false;
}
