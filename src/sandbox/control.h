/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "sandbox/protocol.h"

/*
 * What travels beside a message's bytes on the sockets between daemon, spawner and the
 * first process of a sandbox: descriptors, and who sends. {.len = 0} is nothing.
 */
struct control {
    char bytes[CMSG_SPACE(sizeof(int) * EVENT_FD_COUNT) + CMSG_SPACE(sizeof(struct ucred))]
        __attribute__((aligned(16)));
    size_t len;
};
_Static_assert((int)EVENT_FD_COUNT >= (int)SANDBOX_FD_COUNT, "a plan's descriptors have room");

/* At most EVENT_FD_COUNT; none is fine. The message sends duplicates. */
void control_add_fds(struct control *control, const int *fds, size_t count);
/* Names a process (needs the right to: CAP_SYS_ADMIN, or it is the sender). The receiver
 * reads its number in its own PID namespace. */
void control_add_pid(struct control *control, pid_t pid);
/* The message to send, which borrows both. */
struct msghdr control_message(struct control *control, struct iovec *bytes);

/* The message to receive into, likewise. */
struct msghdr control_room(struct control *control, struct iovec *bytes);
/* What came with a received message: returns how many descriptors, the caller's from now
 * on; those beyond max are closed. */
size_t control_take_fds(struct msghdr *message, int *ret_fds, size_t max);
/* -1 when the message named no process. */
pid_t control_pid(struct msghdr *message);
