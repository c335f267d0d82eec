/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/control.h"

#include <string.h>
#include <unistd.h>

static void add(struct control *control, int type, const void *payload, size_t len)
{
    const struct cmsghdr header = {
        .cmsg_len = CMSG_LEN(len), .cmsg_level = SOL_SOCKET, .cmsg_type = type};

    assert(control->len + CMSG_SPACE(len) <= sizeof control->bytes);
    memcpy(control->bytes + control->len, &header, sizeof header);
    memcpy(control->bytes + control->len + CMSG_LEN(0), payload, len);
    control->len += CMSG_SPACE(len);
}

void control_add_fds(struct control *control, const int *fds, size_t count)
{
    if (count)
        add(control, SCM_RIGHTS, fds, sizeof *fds * count);
}

void control_add_pid(struct control *control, pid_t pid)
{
    const struct ucred sender = {.pid = pid, .uid = getuid(), .gid = getgid()};

    add(control, SCM_CREDENTIALS, &sender, sizeof sender);
}

struct msghdr control_message(struct control *control, struct iovec *bytes)
{
    return (struct msghdr){
        .msg_iov = bytes,
        .msg_iovlen = 1,
        .msg_control = control->len ? control->bytes : NULL,
        .msg_controllen = control->len,
    };
}

struct msghdr control_room(struct control *control, struct iovec *bytes)
{
    control->len = sizeof control->bytes;
    return control_message(control, bytes);
}

size_t control_take_fds(struct msghdr *message, int *ret_fds, size_t max)
{
    size_t taken = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (taken < max)
                ret_fds[taken++] = fd;
            else
                (void)close(fd);
        }
    }
    return taken;
}

pid_t control_pid(struct msghdr *message)
{
    struct ucred sender = {.pid = -1};

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
            memcpy(&sender, CMSG_DATA(c), sizeof sender);
    return sender.pid;
}
