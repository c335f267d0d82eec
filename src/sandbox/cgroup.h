/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/text.h"
#include "sandbox/cgroup_layout.h"
#include "sandbox/plan.h"

/*
 * The control groups of one daemon: in each hierarchy that is of use a parent folder
 * named after the daemon's data, and in it one group a sandbox. A group's name is used
 * once: a v2 group that was killed kills also what is started in it later, on some
 * kernels.
 *
 * v1 and v2 may be there side by side. Each controller is used where it is; the v2
 * hierarchy is used even without controllers, since its groups can be frozen and joined
 * by clone3() at no cost.
 */
#define CGROUP_NAME_MAX 64

enum cgroup_kind { CGROUP_NONE, CGROUP_V1, CGROUP_V2 };

struct cgroup_hierarchy {
    bool v2;
    unsigned controllers; /* bits 1 << enum cgroup_controller */
    int fd;               /* the parent folder */
    int above;            /* the folder it is in: our own group */
    char path[CGROUP_PATH_MAX];
};

struct cgroup {
    enum cgroup_kind kinds[CONTROLLER_COUNT];
    struct cgroup_hierarchy hierarchies[CONTROLLER_COUNT + 1];
    int hierarchy_count;
    char name[CGROUP_NAME_MAX]; /* of the parent folders */
    uint64_t launch, next;      /* make the names unique */
};

/*
 * Finds and makes the parent folders, named name, below the groups this process is in,
 * and removes groups that an earlier daemon of the same name left in them. Where v2
 * demands it (a group with controllers for its children has no processes of its own)
 * this process moves into a group beside its parent folder. What cannot be had is
 * CGROUP_NONE: this cannot fail.
 */
void cgroup_open(struct cgroup *cgroup, const char *name);
/* Removes the parent folders when they are empty; needs no paths. */
void cgroup_remove(struct cgroup *cgroup);
void cgroup_close(struct cgroup *cgroup);

/* What one sandbox has. Descriptors are -1 where absent. */
struct cgroup_group {
    char name[CGROUP_NAME_MAX]; /* "" when there is no group at all */
    int v2_fd;                  /* for CLONE_INTO_CGROUP */
    int tasks[CONTROLLER_COUNT];
    int tasks_count;          /* v1: the child writes "0" to each */
    int memory_fd, freeze_fd; /* as in struct spawner_event */
    int oom_event;            /* v1: becomes readable when memory is short; v2 kills by itself */
};

struct cgroup_usage {
    bool out_of_memory;
    int64_t memory_peak_bytes; /* 0: unknown */
};

int cgroup_group_make(struct cgroup *cgroup, const struct sandbox_plan *plan,
                      struct cgroup_group *ret, struct error *err);
/* Closes what only the start needs: v2_fd and tasks. */
void cgroup_group_started(struct cgroup_group *group);
/* Ends all that is in the group. Call after the SIGKILL of its first process: where v2 does
 * not kill, this only takes away what would make dying slow. */
void cgroup_group_kill(const struct cgroup *cgroup, const struct cgroup_group *group);
struct cgroup_usage cgroup_group_usage(const struct cgroup *cgroup,
                                       const struct cgroup_group *group);
/* Removes the group. False when something in it is still dying: try again. */
bool cgroup_group_remove(const struct cgroup *cgroup, const struct cgroup_group *group);
void cgroup_group_close(struct cgroup_group *group);
