/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/environment_priv.h"

#include <errno.h>
#include <fcntl.h>

#include "model/limits.h"

/*
 * What a function prints: one pipe for stdout and stderr, so that the order is kept.
 * Our own runtimes write frames that say which event a line belongs to; anything else is
 * taken line by line and belongs to the running event. The pipe is bounded by the kernel;
 * a line without an end is cut at LIMIT_LOG_LINE.
 */

#define PIPE_BYTES (256 << 10)
#define READ_BYTES (64 << 10)
#define READS_PER_WAKE 16

static void on_output(struct loop_io *io, int events);

static void on_output_closed(struct loop_io *io)
{
    struct environment *environment = container_of(io, struct environment, log_io);

    (void)close(take_fd(environment->log_fd));
    environment_closed_handle(environment);
}

int output_open(struct environment *environment, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_system(err, "cannot make a log pipe");
    environment->log_fd = ends[0];
    environment->log_write_fd = ends[1];
    /* The function's end blocks: a full pipe slows the writer, it loses nothing. */
    (void)fcntl(ends[1], F_SETFL, 0);
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
    return 0;
}

void output_started(struct environment *environment)
{
    environment->log_io.ready = on_output;
    environment->log_io.closed = on_output_closed;
    environment->log_open = true;
    environment->handles++;
    loop_io_start(environment->loop, &environment->log_io, environment->log_fd, LOOP_READ);
}

static void emit(struct environment *environment, struct invocation *invocation, struct text text)
{
    if (text.len > 0)
        environment->calls->output(environment, invocation, text);
}

static struct invocation *running(struct environment *environment)
{
    int64_t began_us;
    return environment->is_ready ? environment_running(environment, &began_us) : NULL;
}

/* Length of the whole frame at the start of text, 0 when it is not one, SIZE_MAX when more
 * bytes are needed to know. */
static size_t frame_len(struct text text, struct ring_log_frame *ret)
{
    static const uint32_t magic = RING_LOG_MAGIC;
    size_t known = text.len < sizeof magic ? text.len : sizeof magic;

    if (memcmp(text.at, &magic, known) != 0)
        return 0;
    if (text.len < sizeof *ret)
        return SIZE_MAX;
    memcpy(ret, text.at, sizeof *ret);
    if (ret->len > RING_LOG_TEXT_MAX)
        return 0;
    return text.len < sizeof *ret + ret->len ? SIZE_MAX : sizeof *ret + ret->len;
}

/* Up to and with the newline, or up to the next frame; 0: the line is not complete. In the
 * first `searched` bytes there is neither; what it begins with is not one, though it may
 * look like one with a length that none has. */
static size_t raw_len(struct text text, size_t searched, bool at_end)
{
    static const uint32_t magic = RING_LOG_MAGIC;
    size_t from = searched > 0 ? searched : 1;
    size_t newline = searched + text_find(text_skip(text, searched), '\n');
    size_t frame = from + text_find_text(text_skip(text, from), text_from(&magic, sizeof magic));

    if (frame < newline)
        return frame;
    if (newline < text.len)
        return newline + 1;
    return at_end || text.len >= LIMIT_LOG_LINE ? text.len : 0;
}

static void parse(struct environment *environment, bool at_end)
{
    struct text rest = buffer_text(&environment->log);
    size_t searched = environment->log_searched;

    environment->log_searched = 0;
    while (rest.len > 0) {
        struct ring_log_frame frame;
        size_t len = frame_len(rest, &frame);
        if (len == SIZE_MAX && !at_end)
            break;
        if (len != 0 && len != SIZE_MAX) {
            emit(environment, ring_by_sequence(environment, frame.sequence),
                 text_from(rest.at + sizeof frame, frame.len));
        } else {
            len = len == SIZE_MAX ? rest.len : raw_len(rest, searched, at_end);
            if (len == 0) {
                /* Or a line that comes byte by byte is searched from its start each time. */
                size_t last = sizeof frame.magic - 1;
                environment->log_searched = rest.len > last ? rest.len - last : 0;
                break;
            }
            emit(environment, running(environment), text_slice(rest, 0, len));
        }
        rest = text_skip(rest, len);
        searched = 0;
    }
    buffer_consume(&environment->log, environment->log.len - rest.len);
}

void output_drain(struct environment *environment)
{
    for (int reads = 0; environment->log_open && reads < READS_PER_WAKE; reads++) {
        char *room = buffer_room(&environment->log, READ_BYTES);
        ssize_t count = read(environment->log_fd, room, READ_BYTES);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (count <= 0) {
            output_end(environment);
            return;
        }
        buffer_added(&environment->log, (size_t)count);
        parse(environment, false);
        if (count < READ_BYTES)
            return;
    }
}

void output_end(struct environment *environment)
{
    if (!environment->log_open)
        return;
    environment->log_open = false;
    parse(environment, true);
    buffer_done(&environment->log);
    loop_io_stop(&environment->log_io);
}

static void on_output(struct loop_io *io, int events)
{
    output_drain(container_of(io, struct environment, log_io));
}
