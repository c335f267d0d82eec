/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_log_priv.h"

#include <endian.h>
#include <fcntl.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_MOST 65536

/* Gives what stands where frames begin the heads of frames, with their checksums: else nearly
 * all inputs would be refused for those alone. */
static void repair(char *bytes, size_t len)
{
    for (size_t at = 0; at + FRAME_HEAD <= len;) {
        memcpy(bytes + at, "EvFr", 4);
        uint32_t crc = htole32(event_crc(0, bytes + at, FRAME_HEAD - 4));
        memcpy(bytes + at + FRAME_HEAD - 4, &crc, sizeof crc);
        size_t step = event_frame_len(text_from(bytes + at, len - at), 0);
        if (step == 0)
            return;
        at += step;
    }
}

static void check_frame(struct text bytes)
{
    struct event_frame frame;
    struct event_record record, head;
    struct event_body body;
    size_t at, len = FRAME_HEAD;

    if (!event_frame_parse(bytes, 0, &frame))
        return;
    while (event_frame_next(&frame, &record, &at)) {
        struct text rest = text_skip(bytes, at);
        assert(at == len && event_record_parse_head(rest, &head) && head.id == record.id);
        if (event_body_find(rest, &body))
            assert(body.id == record.id &&
                   event_body_is_sound(&body, text_slice(rest, body.at, body.at + body.len)));
        len += event_record_size(&record);
    }
    assert(len <= frame.bytes.len && frame.bytes.len - len < FRAME_ALIGN);
}

static void visit(void *arg, const struct event_record *record, const struct event_place *place)
{
    buffer_add_format(arg, "%d %llu %u;", record->action, (unsigned long long)record->id,
                      place->at);
}

/* What a log with that segment holds; false when it cannot be opened. */
static bool read_log(const char *folder, struct buffer *seen)
{
    struct event_log log = {0};
    struct error err;
    bool opened = event_log_open(&log, folder, SEGMENT_BYTES_MIN, visit, seen, &err) == 0;

    event_log_close(&log);
    return opened;
}

static void write_segment(const char *folder, struct text frames)
{
    const struct segment_head head = {.number = 1, .next_id = 1};
    scoped(free) char *path = mem_format("%s/" EVENT_LOG_NAME, folder, 1u);
    scoped(close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char bytes[SEGMENT_HEAD];

    segment_head_format(&head, bytes);
    ssize_t written = write(fd, bytes, sizeof bytes) + write(fd, frames.at, frames.len);
    assert(written == (ssize_t)(SEGMENT_HEAD + frames.len));
}

/* Input: a byte that says whether to repair the heads of frames, and what follows the head of
 * the only segment. If that opens, what was unfinished is cut off: it opens again the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(buffer_done) struct buffer first = {0}, second = {0};
    char folder[] = "/dev/shm/evoke-fuzz-XXXXXX";
    struct error err;

    if (size < 1 || size > SIZE_MOST)
        return 0;
    log_configure(LEVEL_ERROR, false);
    scoped(free) char *frames = mem_copy(data + 1, size - 1);
    if (data[0] & 1)
        repair(frames, size - 1);
    check_frame(text_from(frames, size - 1));
    if (!mkdtemp(folder))
        return 0;
    write_segment(folder, text_from(frames, size - 1));
    if (read_log(folder, &first)) {
        bool again = read_log(folder, &second);
        assert(again && text_equal(buffer_text(&first), buffer_text(&second)));
    }
    int failed = path_remove_tree(folder, &err);
    assert(!failed);
    return 0;
}
