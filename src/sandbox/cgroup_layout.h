/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/text.h"

/*
 * Where this host keeps its control groups and where in them a process is: read from
 * the text of /proc/self/mountinfo and /proc/self/cgroup. Covers v1 (a hierarchy a
 * controller or several together), v2 (one for all), both side by side, and none.
 */
enum cgroup_controller {
    CONTROLLER_MEMORY,
    CONTROLLER_PIDS,
    CONTROLLER_CPU,
    CONTROLLER_FREEZER, /* v1 only; v2 groups can always be frozen */
    CONTROLLER_COUNT,
};

#define CGROUP_PATH_MAX 1024

struct cgroup_layout {
    char v1[CONTROLLER_COUNT][CGROUP_PATH_MAX]; /* the process's own folder, or "" */
    char v2[CGROUP_PATH_MAX];
    char v2_mount[CGROUP_PATH_MAX]; /* where v2 is mounted, or "" */
};

extern const char *const cgroup_controller_names[CONTROLLER_COUNT];

/* Cannot fail: what is not understood is as if it were not there. */
void cgroup_layout_parse(struct text mountinfo, struct text cgroup, struct cgroup_layout *ret);
