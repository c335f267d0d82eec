/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "router/cesql.h"
#include "router/trigger.h"

enum filter_kind {
    FILTER_NONE,
    FILTER_ATTRIBUTES, /* "filter.attributes" */
    FILTER_EXACT,
    FILTER_PREFIX,
    FILTER_SUFFIX,
    FILTER_ALL,
    FILTER_ANY,
    FILTER_NOT,
    FILTER_CESQL,
};

struct filter_pair {
    struct text name, value;
};

struct filter {
    enum filter_kind kind;
    bool is_void; /* comes to TRIGGER_NO_FILTER for every event */
    const struct filter_pair *pairs;
    size_t pair_count;
    const struct filter **inner; /* of all, any and not */
    size_t inner_count;
    struct cesql *cesql;
    struct filter *next; /* in the trigger's list of those with cesql */
};

struct trigger {
    struct arena arena; /* of all filters */
    const struct filter *root;
    struct filter *with_cesql;
};
