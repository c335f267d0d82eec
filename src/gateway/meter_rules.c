/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/meter_rules.h"

static size_t find(const struct rule_counts *counts, int64_t id)
{
    size_t at = 0;

    while (at < counts->count && counts->rules[at].id != id)
        at++;
    return at;
}

void rule_counts_add(struct rule_counts *counts, int64_t id, int64_t matches)
{
    size_t at = find(counts, id);

    if (at >= METER_RULES_MAX && id != 0) {
        rule_counts_add(counts, 0, matches);
        return;
    }
    if (at == counts->count)
        counts->rules[counts->count++].id = id;
    counts->rules[at].matches += matches;
}

void rule_counts_merge(struct rule_counts *to, const struct rule_counts *from)
{
    for (size_t i = 0; i < from->count; i++)
        rule_counts_add(to, from->rules[i].id, from->rules[i].matches);
}
