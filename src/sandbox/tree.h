/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "sandbox/spawner.h"

/*
 * What a sandbox sees of files, built once by the spawner: a mount namespace whose root
 * is a read-only tmpfs with the system's folders, a few files of /etc, and devices, all
 * by allow-list. A sandbox is cloned from it and adds only what is its own (/tmp,
 * /proc, /dev/shm, the code, the runtime). So the host's other folders are not hidden
 * from a function, they were never in its namespace, and starting one costs the same
 * however many mounts the host has.
 *
 * Code and runtimes stay in a second namespace, the host's view. From there they are
 * given out as detached mounts: a sandbox's user namespace could not walk a data folder
 * of mode 0700, and need not.
 */
#define TREE_INIT "/.init"       /* evoke-init, inside */
#define TREE_USER "sbx_user1051" /* Lambda's name and numbers, for what asks */
#define TREE_UID 993
#define TREE_GID 990
#define TREE_HOSTNAME "sandbox"
#define TREE_HIDDEN_MAX 32

struct tree {
    int host_ns, sandbox_ns;                /* the spawner is in the second, but to open mounts */
    int code_root, runtimes_root;           /* in the host's view; the latter may be -1 */
    int proc;                               /* /proc of the spawner's PID namespace */
    const char *hidden[TREE_HIDDEN_MAX];    /* files and folders below /proc that are there */
    const char *read_only[TREE_HIDDEN_MAX]; /* NULL-terminated, both */
};

/* Builds the tree and enters it. The caller is in mount and PID namespaces of its own
 * and has its privileges; it stays in the tree. */
int tree_build(struct tree *tree, const struct spawner_options *options, struct error *err);

/* Detached read-only mounts for a sandbox; descriptors, -1 where not wanted. */
struct tree_mounts {
    int code, runtime;
    int resolv, hosts; /* the host's files, for a sandbox on the host's network */
};
int tree_open(const struct tree *tree, const struct sandbox_plan *plan, struct tree_mounts *ret,
              struct error *err);
void tree_mounts_close(struct tree_mounts *mounts);

/* In the child, in its own copy of the namespace: adds what is the sandbox's own. */
int tree_complete(const struct tree *tree, const struct sandbox_plan *plan,
                  const struct tree_mounts *mounts, struct error *err);
