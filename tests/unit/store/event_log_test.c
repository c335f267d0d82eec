/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_log_priv.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "test.h"

/* A log of small segments in a folder, and what was found in it: "P1 S1 D1 " and so on. */
struct fixture {
    char folder[64];
    struct event_log log;
    struct event_index index;
    struct event_batch batch;
    struct buffer seen;
};

static void visit(void *arg, const struct event_record *record, const struct event_place *place)
{
    struct fixture *fixture = arg;

    (void)event_log_apply(&fixture->log, &fixture->index, record, place);
    buffer_add_format(&fixture->seen, "%c%d ", "PSD"[record->action], (int)record -> id);
}

static int try_open(struct fixture *fixture, struct error *err)
{
    buffer_clear(&fixture->seen);
    buffer_add_literal(&fixture->seen, "");
    return event_log_open(&fixture->log, fixture->folder, SEGMENT_BYTES_MIN, visit, fixture, err);
}

static void close_log(struct fixture *fixture)
{
    event_log_close(&fixture->log);
    event_index_done(&fixture->index);
}

static void reopen(struct fixture *fixture, const char *want)
{
    struct error err;

    close_log(fixture);
    CHECK_MSG(try_open(fixture, &err) == 0, "%s", err.text);
    CHECK_TEXT(buffer_text(&fixture->seen), want);
}

static void fixture_init(struct fixture *fixture)
{
    struct error err;

    /* In memory where there is such a place: thousands of opens wait for no disk there. */
    *fixture = (struct fixture){.folder = "/dev/shm/evoke-log-XXXXXX"};
    if (!mkdtemp(fixture->folder)) {
        memcpy(fixture->folder, "/tmp/evoke-log-XXXXXX", 22);
        CHECK(mkdtemp(fixture->folder));
    }
    CHECK_MSG(try_open(fixture, &err) == 0, "%s", err.text);
}

static void fixture_done(struct fixture *fixture)
{
    struct error err;

    close_log(fixture);
    event_batch_done(&fixture->batch);
    buffer_done(&fixture->seen);
    CHECK(path_remove_tree(fixture->folder, &err) == 0);
}

/* A frame is made for the segment it will be in. */
static void add(struct fixture *fixture, const struct event_record *record)
{
    size_t len = FRAME_HEAD + FRAME_ALIGN + event_record_size(record);
    struct error ignored;

    if (fixture->batch.len == 0) /* else the commit tells */
        (void)event_log_make_room(&fixture->log, len, true, &ignored);
    event_frame_begin(&fixture->batch, event_log_stamp(&fixture->log));
    (void)event_frame_add(&fixture->batch, record);
    event_frame_end(&fixture->batch);
}

/* One commit of what was added. The one test that looks at places writes one record each. */
static int commit(struct fixture *fixture, struct error *err)
{
    int result = event_log_make_room(&fixture->log, fixture->batch.len, true, err);

    if (result == 0)
        result = event_log_write(&fixture->log, &fixture->batch, err);
    event_batch_clear(&fixture->batch);
    return result;
}

static void must_commit(struct fixture *fixture)
{
    struct error err;

    CHECK_MSG(commit(fixture, &err) == 0, "%s", err.text);
}

static struct event_record put_record(uint64_t id, struct text body)
{
    return (struct event_record){
        .action = EVENT_PUT, .id = id, .lane = TEXT("queue/a"), .note = TEXT("{}"), .body = body};
}

static void put(struct fixture *fixture, uint64_t id, struct text body)
{
    const struct event_record record = put_record(id, body);

    add(fixture, &record);
    must_commit(fixture);
}

static char *file_path(const struct fixture *fixture, uint32_t number)
{
    return mem_format("%s/" EVENT_LOG_NAME, fixture->folder, number);
}

static struct buffer read_file(const struct fixture *fixture, uint32_t number)
{
    scoped(free) char *path = file_path(fixture, number);
    struct buffer bytes = {0};
    struct error err;

    CHECK(path_read(path, 1 << 20, &bytes, &err) == 0);
    return bytes;
}

static void write_file(const struct fixture *fixture, uint32_t number, struct text bytes)
{
    scoped(free) char *path = file_path(fixture, number);
    scoped(close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, bytes.at, bytes.len) == (ssize_t)bytes.len);
}

/* The file as it is with the bytes from..to replaced by c, and cut at `to` if it says so. */
static void spoil(const struct fixture *fixture, uint32_t number, struct text sound, size_t from,
                  size_t to, char c)
{
    scoped(free) char *bytes = mem_copy(sound.at, sound.len);

    memset(bytes + from, c, to - from);
    write_file(fixture, number, text_from(bytes, sound.len));
}

TEST(a_torn_tail_is_cut_off_wherever_it_is_torn)
{
    struct fixture fixture;
    static const char ends[] = {'\0', 'x'};

    fixture_init(&fixture);
    put(&fixture, 1, TEXT("first"));
    put(&fixture, 2, TEXT("second"));
    size_t start = fixture.log.segments[0].used;
    put(&fixture, 3, TEXT("third, which is torn"));
    size_t end = fixture.log.segments[0].used;
    scoped(buffer_done) struct buffer sound = read_file(&fixture, 1);
    for (size_t at = start; at < end; at++) {
        for (size_t i = 0; i < COUNT_OF(ends); i++) {
            if (sound.at[at] == ends[i])
                continue;
            spoil(&fixture, 1, buffer_text(&sound), at, end, ends[i]);
            reopen(&fixture, "P1 P2 ");
            CHECK(fixture.log.segments[0].used == start);
            put(&fixture, 4, TEXT("x"));
            reopen(&fixture, "P1 P2 P4 ");
        }
        write_file(&fixture, 1, text_slice(buffer_text(&sound), 0, at));
        reopen(&fixture, "P1 P2 ");
        put(&fixture, 4, TEXT("x"));
        reopen(&fixture, "P1 P2 P4 ");
    }
    write_file(&fixture, 1, buffer_text(&sound));
    reopen(&fixture, "P1 P2 P3 ");
    fixture_done(&fixture);
}

TEST(a_sound_frame_behind_a_torn_one_of_the_same_commit_is_cut_off_too)
{
    struct fixture fixture;
    const struct event_record second = put_record(2, TEXT("2")), third = put_record(3, TEXT("3"));

    fixture_init(&fixture);
    put(&fixture, 1, TEXT("1"));
    size_t start = fixture.log.segments[0].used;
    add(&fixture, &second);
    add(&fixture, &third);
    must_commit(&fixture);
    scoped(buffer_done) struct buffer sound = read_file(&fixture, 1);
    reopen(&fixture, "P1 P2 P3 ");
    spoil(&fixture, 1, buffer_text(&sound), start + 20, start + 21, 'x');
    reopen(&fixture, "P1 ");
    reopen(&fixture, "P1 ");
    fixture_done(&fixture);
}

static void check_damage(struct fixture *fixture, uint32_t number, size_t at)
{
    scoped(free) char *path = file_path(fixture, number);
    scoped(free) char *want = mem_format("'%s' is damaged at byte %zu: ", path, at);
    struct error err = {0};

    close_log(fixture);
    CHECK(try_open(fixture, &err) < 0 && err.code == ERROR_SYSTEM);
    CHECK_MSG(strncmp(err.text, want, strlen(want)) == 0, "%s, not %s", err.text, want);
}

TEST(damage_before_the_tail_is_told_with_file_and_byte)
{
    struct fixture fixture;

    fixture_init(&fixture);
    put(&fixture, 1, TEXT("1"));
    size_t start = fixture.log.segments[0].used;
    put(&fixture, 2, TEXT("this is on disk when the next is written"));
    size_t end = fixture.log.segments[0].used;
    put(&fixture, 3, TEXT("3"));
    scoped(buffer_done) struct buffer sound = read_file(&fixture, 1);
    for (size_t at = start; at < end; at++) {
        spoil(&fixture, 1, buffer_text(&sound), at, at + 1, (char)(sound.at[at] ^ 0x10));
        check_damage(&fixture, 1, start);
    }
    for (size_t at = 0; at < SEGMENT_HEAD; at++) {
        spoil(&fixture, 1, buffer_text(&sound), at, at + 1, (char)(sound.at[at] ^ 0x10));
        check_damage(&fixture, 1, 0);
    }
    write_file(&fixture, 1, buffer_text(&sound));
    reopen(&fixture, "P1 P2 P3 ");
    fixture_done(&fixture);
}

/* Tears a record whose body is a frame that says, with that salt, that more was on disk. */
static void tear_forgery(struct fixture *fixture, uint32_t salt)
{
    const struct event_record inner = {.action = EVENT_DELETE, .id = 1};
    const struct event_stamp stamp = {.salt = salt, .sequence = 1000, .durable = 999};
    size_t before = FRAME_HEAD + RECORD_HEAD_LONG + strlen("queue/a") + strlen("{}");
    size_t start = fixture->log.segments[0].used;
    scoped(buffer_done) struct buffer body = {0};
    struct event_batch batch = {0};

    event_frame_begin(&batch, stamp);
    (void)event_frame_add(&batch, &inner);
    event_frame_end(&batch);
    /* It begins at a multiple of 8, as frames do. */
    buffer_add(&body, "........", (FRAME_ALIGN - before % FRAME_ALIGN) % FRAME_ALIGN);
    buffer_add_text(&body, buffer_text(&batch.copied));
    event_batch_done(&batch);
    put(fixture, 2, buffer_text(&body));
    scoped(buffer_done) struct buffer sound = read_file(fixture, 1);
    spoil(fixture, 1, buffer_text(&sound), start, start + 1, 'x');
}

TEST(an_event_that_looks_like_a_frame_is_none)
{
    struct fixture fixture;

    fixture_init(&fixture);
    put(&fixture, 1, TEXT("1"));
    size_t start = fixture.log.segments[0].used;
    tear_forgery(&fixture, fixture.log.segments[0].salt + 1);
    reopen(&fixture, "P1 ");
    tear_forgery(&fixture, fixture.log.segments[0].salt); /* which nobody can know */
    check_damage(&fixture, 1, start);
    fixture_done(&fixture);
}

/* Fills segment 1 and begins 2 and 3; the last frame of 1 starts there. */
static size_t fill_three(struct fixture *fixture)
{
    char body[900] = {0};
    size_t start = 0;

    for (uint64_t id = 1; fixture->log.count < 3; id++) {
        size_t used = fixture->log.segments[0].used;
        struct event_record record = put_record(id, text_from(body, sizeof body));
        add(fixture, &record);
        must_commit(fixture);
        if (fixture->log.segments[0].used > used)
            start = used;
    }
    return start;
}

TEST(the_end_of_a_full_segment_is_known)
{
    struct fixture fixture;

    fixture_init(&fixture);
    size_t start = fill_three(&fixture);
    reopen(&fixture, "P1 P2 P3 P4 P5 P6 P7 P8 P9 ");
    scoped(buffer_done) struct buffer sound = read_file(&fixture, 1);
    spoil(&fixture, 1, buffer_text(&sound), sound.len - 1, sound.len, 'x');
    check_damage(&fixture, 1, start);
    spoil(&fixture, 1, buffer_text(&sound), start, sound.len, '\0');
    check_damage(&fixture, 1, start);
    write_file(&fixture, 1, text_slice(buffer_text(&sound), 0, start));
    check_damage(&fixture, 1, start);
    write_file(&fixture, 1, TEXT(""));
    check_damage(&fixture, 1, 0);
    fixture_done(&fixture);
}

TEST(a_missing_or_mixed_up_file_is_told)
{
    struct fixture fixture;
    struct error err = {0};

    fixture_init(&fixture);
    (void)fill_three(&fixture);
    scoped(free) char *first = file_path(&fixture, 1);
    scoped(free) char *second = file_path(&fixture, 2);
    scoped(free) char *fourth = file_path(&fixture, 4);
    close_log(&fixture);
    CHECK(rename(second, fourth) == 0);
    CHECK(try_open(&fixture, &err) < 0);
    scoped(free) char *want = mem_format("'%s' is missing", second);
    CHECK_TEXT(text_of(err.text), want);
    scoped(buffer_done) struct buffer other = read_file(&fixture, 1);
    write_file(&fixture, 2, buffer_text(&other));
    CHECK(unlink(fourth) == 0);
    check_damage(&fixture, 2, 0);
    CHECK(unlink(first) == 0);
    fixture_done(&fixture);
}

TEST(a_segment_of_a_newer_evoke_is_refused)
{
    struct fixture fixture;
    const struct segment_head head = {.number = 1, .next_id = 1};
    char bytes[SEGMENT_HEAD];
    struct error err;

    segment_head_format(&head, bytes);
    bytes[8] = 9;
    uint32_t crc = event_crc(0, bytes, SEGMENT_HEAD - 4);
    memcpy(bytes + SEGMENT_HEAD - 4, &crc, 4);
    fixture_init(&fixture);
    write_file(&fixture, 1, text_from(bytes, sizeof bytes));
    close_log(&fixture);
    CHECK(try_open(&fixture, &err) < 0);
    CHECK_MSG(strstr(err.text, "it has format 9 and this Evoke knows 1"), "%s", err.text);
    fixture_done(&fixture);
}

TEST(an_unfinished_new_segment_does_not_count)
{
    struct fixture fixture;
    struct error err;

    fixture_init(&fixture);
    put(&fixture, 1, TEXT("1"));
    scoped(free) char *path = path_join(fixture.folder, EVENT_LOG_NEW);
    CHECK(path_write(path, TEXT("half a head"), 0600, &err) == 0);
    reopen(&fixture, "P1 ");
    CHECK(access(path, F_OK) < 0);
    fixture_done(&fixture);
}

/* Lets every write beyond that offset of any file fail, as a broken disk would. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

TEST(what_a_failed_write_left_is_never_read)
{
    struct fixture fixture;
    const struct event_record second = put_record(2, TEXT("2")), third = put_record(3, TEXT("3"));
    struct error err = {0};

    fixture_init(&fixture);
    put(&fixture, 1, TEXT("1"));
    size_t used = fixture.log.segments[0].used;
    add(&fixture, &second);
    size_t whole = fixture.batch.len;
    add(&fixture, &third);
    limit_files(used + whole + 10);
    CHECK(commit(&fixture, &err) < 0 && err.code == ERROR_SYSTEM);
    add(&fixture, &second);
    CHECK(commit(&fixture, &err) < 0); /* no new segment can be made */
    limit_files(RLIM_INFINITY);
    reopen(&fixture, "P1 ");
    put(&fixture, 4, TEXT("4"));
    add(&fixture, &second);
    limit_files(fixture.log.segments[0].used + 10);
    CHECK(commit(&fixture, &err) < 0);
    limit_files(RLIM_INFINITY);
    put(&fixture, 5, TEXT("5"));
    CHECK(fixture.log.count == 2);
    reopen(&fixture, "P1 P4 P5 ");
    fixture_done(&fixture);
}

TEST(a_frame_that_is_older_than_the_one_before_it_is_none)
{
    struct fixture fixture;
    const struct event_record second = put_record(2, TEXT("2"));

    fixture_init(&fixture);
    put(&fixture, 1, TEXT("1"));
    put(&fixture, 2, TEXT("2"));
    size_t end = fixture.log.segments[0].used;
    struct event_stamp stamp = event_log_stamp(&fixture.log);
    stamp.sequence--;
    event_frame_begin(&fixture.batch, stamp);
    (void)event_frame_add(&fixture.batch, &second);
    event_frame_end(&fixture.batch);
    must_commit(&fixture);
    reopen(&fixture, "P1 P2 ");
    CHECK(fixture.log.segments[0].used == end);
    fixture_done(&fixture);
}

TEST(segments_go_from_the_oldest_on_when_nothing_in_them_lives)
{
    struct fixture fixture;
    const struct event_record delete_2 = {.action = EVENT_DELETE, .id = 2};

    fixture_init(&fixture);
    (void)fill_three(&fixture);
    reopen(&fixture, "P1 P2 P3 P4 P5 P6 P7 P8 P9 ");
    CHECK(fixture.log.count == 3);
    for (uint64_t id = 5; id <= 8; id++) {
        struct event_record record = {.action = EVENT_DELETE, .id = id};
        CHECK(event_log_apply(&fixture.log, &fixture.index, &record, NULL));
    }
    event_log_drop(&fixture.log);
    CHECK(fixture.log.segments[1].live == 0 && fixture.log.count == 3);
    CHECK(event_log_apply(&fixture.log, &fixture.index, &delete_2, NULL));
    CHECK(!event_log_apply(&fixture.log, &fixture.index, &delete_2, NULL));
    for (uint64_t id = 1; id <= 4; id++) {
        struct event_record record = {.action = EVENT_DELETE, .id = id};
        (void)event_log_apply(&fixture.log, &fixture.index, &record, NULL);
    }
    event_log_drop(&fixture.log);
    CHECK(fixture.log.count == 1 && fixture.log.segments[0].number == 3);
    reopen(&fixture, "P9 ");
    CHECK(fixture.log.next_id == 10);
    fixture_done(&fixture);
}
