/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * How often rules of the firewall matched at one route. Rules beyond METER_RULES_MAX count
 * together as rule 0: a rule set has a thousand, and each is a line of /metrics for each route.
 */
#define METER_RULES_MAX 32

struct rule_counts {
    size_t count;
    struct {
        int64_t id, matches;
    } rules[METER_RULES_MAX + 1];
};

void rule_counts_add(struct rule_counts *counts, int64_t id, int64_t matches);
void rule_counts_merge(struct rule_counts *to, const struct rule_counts *from);
