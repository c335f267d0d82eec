/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/filter.h>

#include "base/error.h"

/*
 * The system calls a function may use: an allow-list, compiled once by libseccomp into
 * a BPF program that every sandbox loads.
 *
 *   not on the list                           ENOSYS, so that C libraries fall back
 *   known and refused (mount, ptrace, ...)    EPERM
 *   clone() into a new namespace              EPERM; clone3() ENOSYS, its flags are in memory
 *   socket() other than UNIX, INET, INET6     EAFNOSUPPORT
 *   socket() of another type or protocol      EPERM, EPROTONOSUPPORT
 *   another architecture's calls (i386, x32)  the process is killed
 */
int seccomp_filter_compile(struct sock_fprog *ret, struct error *err);
void seccomp_filter_free(struct sock_fprog *program);

/* Confines the calling thread, for good. Needs no_new_privs. */
int seccomp_filter_load(const struct sock_fprog *program, struct error *err);

/* The lists, for the test that checks the program against them. NULL-terminated. */
extern const char *const seccomp_allowed[];
extern const char *const seccomp_refused[];
