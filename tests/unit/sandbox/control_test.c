/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/control.h"

#include <fcntl.h>
#include <unistd.h>

#include "test.h"

static void pair_up(int pair[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
}

static void send_control(int socket, struct control *control)
{
    struct iovec bytes = {(char[]){"x"}, 1};
    const struct msghdr message = control_message(control, &bytes);

    CHECK(sendmsg(socket, &message, MSG_NOSIGNAL) == 1);
}

static struct msghdr receive(int socket, struct control *control, struct iovec *bytes)
{
    struct msghdr message = control_room(control, bytes);

    CHECK(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1);
    CHECK(!(message.msg_flags & MSG_CTRUNC));
    return message;
}

/* How many descriptors the process has, but for the one that lists them. */
static size_t count_fds(void)
{
    size_t count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

TEST(descriptors_arrive_in_their_order_and_close_on_exec)
{
    int pair[2], pipes[EVENT_FD_COUNT][2], sent[EVENT_FD_COUNT], got[EVENT_FD_COUNT];
    struct control out = {.len = 0}, in;
    char byte;
    struct iovec room = {&byte, 1};

    pair_up(pair);
    for (int i = 0; i < EVENT_FD_COUNT; i++) {
        CHECK(pipe2(pipes[i], O_CLOEXEC) == 0);
        sent[i] = pipes[i][1];
    }
    control_add_fds(&out, sent, EVENT_FD_COUNT);
    send_control(pair[0], &out);

    struct msghdr message = receive(pair[1], &in, &room);
    CHECK(control_take_fds(&message, got, EVENT_FD_COUNT) == EVENT_FD_COUNT);
    CHECK(control_pid(&message) == -1);
    for (int i = 0; i < EVENT_FD_COUNT; i++) {
        const char mark = (char)('a' + i);
        CHECK(fcntl(got[i], F_GETFD) == FD_CLOEXEC);
        CHECK(write(got[i], &mark, 1) == 1 && read(pipes[i][0], &byte, 1) == 1 && byte == mark);
        close(got[i]);
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    close(pair[0]);
    close(pair[1]);
}

TEST(descriptors_that_nobody_wants_are_closed)
{
    int pair[2], got = -1;
    struct control out = {.len = 0}, in;
    char byte;
    struct iovec room = {&byte, 1};

    pair_up(pair);
    const int sent[] = {pair[0], pair[1], pair[0]};
    const size_t before = count_fds();
    control_add_fds(&out, sent, COUNT_OF(sent));
    send_control(pair[0], &out);
    struct msghdr message = receive(pair[1], &in, &room);
    CHECK(count_fds() == before + 3);
    CHECK(control_take_fds(&message, &got, 1) == 1 && got >= 0);
    CHECK(count_fds() == before + 1);
    close(got);
    close(pair[0]);
    close(pair[1]);
}

TEST(a_process_is_named_beside_descriptors)
{
    const int on = 1;
    int pair[2], got[2];
    struct control out = {.len = 0}, in;
    char byte;
    struct iovec room = {&byte, 1};

    pair_up(pair);
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    control_add_fds(&out, pair, 2);
    control_add_pid(&out, getpid());
    send_control(pair[0], &out);
    struct msghdr message = receive(pair[1], &in, &room);
    CHECK(control_pid(&message) == getpid());
    CHECK(control_take_fds(&message, got, 2) == 2);
    close(got[0]);
    close(got[1]);
    close(pair[0]);
    close(pair[1]);
}

TEST(nothing_need_come_along)
{
    int pair[2], got;
    struct control out = {.len = 0}, in;
    char byte;
    struct iovec room = {&byte, 1};

    pair_up(pair);
    control_add_fds(&out, NULL, 0);
    send_control(pair[0], &out);
    struct msghdr message = receive(pair[1], &in, &room);
    CHECK(byte == 'x');
    CHECK(control_take_fds(&message, &got, 1) == 0 && control_pid(&message) == -1);
    close(pair[0]);
    close(pair[1]);
}
