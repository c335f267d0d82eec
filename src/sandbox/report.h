/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * What a sandbox's first process tells the spawner over its report socket
 * (SOCK_SEQPACKET): first as the child that builds the sandbox (apply.c), then, after
 * exec, as the reaper (init.c). The socket is descriptor REPORT_FD of the reaper and is
 * closed in the function. The spawner's one message to the child is a byte that says
 * that its user and group ids are mapped.
 */
#define REPORT_FD 7

enum report_kind {
    REPORT_READY = 1,   /* value: the Runtime API's port; the listeners go along */
    REPORT_FAILED,      /* text says what could not be done */
    REPORT_RUNNING,     /* the function's program was executed */
    REPORT_EXEC_FAILED, /* value: errno */
    REPORT_EXITED,      /* value: the function's wait status */
};

struct report {
    uint32_t kind;
    int32_t value;
    char text[200];
};
