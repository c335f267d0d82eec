/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>

#include "sandbox/cgroup.h"
#include "sandbox/plan.h"
#include "sandbox/tree.h"

/*
 * What the first process of a sandbox does between clone3() and exec: it is in its new
 * namespaces, has every capability there, and gives up one thing after the other.
 */
struct apply {
    const struct sandbox_plan *plan;
    const int *fds; /* of the plan, SANDBOX_FD_COUNT */
    int report;     /* the child's end of the report socket; changes when descriptors move */
    const struct cgroup_group *group;
    const struct tree *tree;
    const struct tree_mounts *mounts;
    const struct sock_fprog *filter;
    int landlock_abi;
    bool privileged;   /* the user ids inside belong to this sandbox alone */
    bool limit_memory; /* no control group does */
    bool limit_pids;
};

/* Ends in exec of the reaper, or reports the step that failed and exits. */
void apply_run(struct apply *apply) __attribute__((noreturn));
