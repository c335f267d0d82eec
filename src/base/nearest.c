/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include <stdbool.h>
#include <stdio.h>

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment; row i, column j is the distance of the first i letters of a to
 * the first j of b. */
size_t nearest_distance(struct text a, struct text b)
{
    size_t rows[NEAREST_LEN_MAX + 1][NEAREST_LEN_MAX + 1];

    if (a.len > NEAREST_LEN_MAX || b.len > NEAREST_LEN_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= a.len; i++)
        for (size_t j = 0; j <= b.len; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            bool same = a.at[i - 1] == b.at[j - 1];
            rows[i][j] = smaller(smaller(rows[i - 1][j], rows[i][j - 1]) + 1,
                                 rows[i - 1][j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1])
                rows[i][j] = smaller(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    return rows[a.len][b.len];
}

/* A beginning ("comp") means the whole word. Else a third of the letters may be wrong. */
void nearest_offer(struct nearest *nearest, const char *candidate)
{
    struct text typed = nearest->typed, word = text_of(candidate);
    bool begins = typed.len >= 2 && text_starts(word, typed);
    size_t distance = begins ? 0 : nearest_distance(typed, word);
    size_t allowed = smaller((typed.len + 2) / 3, 3);

    if (distance <= allowed && (!nearest->best || distance < nearest->distance)) {
        nearest->best = candidate;
        nearest->distance = distance;
    }
}

const char *nearest_hint(const struct nearest *nearest, const char *prefix,
                         char room[static NEAREST_HINT_MAX])
{
    if (!nearest->best)
        return "";
    snprintf(room, NEAREST_HINT_MAX, "; did you mean '%s%s'?", prefix, nearest->best);
    return room;
}
