/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nearest.h"

#include <stdbool.h>

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment; row i, column j is the distance of the first i letters of a to
 * the first j of b. */
size_t nearest_distance(const char *a, const char *b)
{
    size_t rows[NEAREST_LEN_MAX + 1][NEAREST_LEN_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > NEAREST_LEN_MAX || b_len > NEAREST_LEN_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= a_len; i++)
        for (size_t j = 0; j <= b_len; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            bool same = a[i - 1] == b[j - 1];
            rows[i][j] = smaller(smaller(rows[i - 1][j], rows[i][j - 1]) + 1,
                                 rows[i - 1][j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                rows[i][j] = smaller(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    return rows[a_len][b_len];
}

/* A beginning ("comp") means the whole word. Else a third of the letters may be wrong. */
void nearest_offer(struct nearest *nearest, const char *candidate)
{
    size_t len = strlen(nearest->typed);
    bool begins = len >= 2 && strncmp(nearest->typed, candidate, len) == 0;
    size_t distance = begins ? 0 : nearest_distance(nearest->typed, candidate);
    size_t allowed = smaller((len + 2) / 3, 3);

    if (distance <= allowed && (!nearest->best || distance < nearest->distance)) {
        nearest->best = candidate;
        nearest->distance = distance;
    }
}
