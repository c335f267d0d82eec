/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>
#include <zlib.h>

#include "package_world.h"
#include "zip_maker.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REFUSAL_CPU_US 2000000
#define REFUSAL_GROWTH_KB (256 << 10)
#else
#define REFUSAL_CPU_US 100000
#define REFUSAL_GROWTH_KB (8 << 10)
#endif

/* count MB of zeros, deflated: one flushed block again and again, then an empty last one. */
static struct buffer deflated_zeros(int count)
{
    scoped(free) char *zeros = mem_zalloc(1 << 20);
    char block[8192];
    z_stream stream = {.next_in = (Bytef *)zeros,
                       .avail_in = 1 << 20,
                       .next_out = (Bytef *)block,
                       .avail_out = sizeof block};
    struct buffer out = {0};

    CHECK(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    CHECK(deflate(&stream, Z_FULL_FLUSH) == Z_OK && stream.avail_in == 0);
    for (int i = 0; i < count; i++)
        buffer_add(&out, block, sizeof block - stream.avail_out);
    buffer_add_literal(&out, "\x03\x00");
    deflateEnd(&stream);
    return out;
}

static int64_t cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

static int64_t peak_kb(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void refuse_cheaply(const char *name, struct buffer archive, const char *want)
{
    struct fixture fixture;

    fixture_init(&fixture);
    int64_t cpu = cpu_us(), peak = peak_kb();
    refuse(&fixture, name, buffer_text(&archive), want);
    cpu = cpu_us() - cpu;
    peak = peak_kb() - peak;
    CHECK_MSG(cpu <= REFUSAL_CPU_US, "%s took %d us", name, (int)cpu);
    CHECK_MSG(peak <= REFUSAL_GROWTH_KB, "%s took %d KB", name, (int)peak);
    fixture_done(&fixture);
    buffer_done(&archive);
}

#define TOO_LARGE "Unzipped size must be smaller than 262144000 bytes"

TEST(an_honest_bomb_is_refused_by_its_size)
{
    struct maker maker = {0};
    struct buffer zeros = deflated_zeros(300);

    make_entry(&maker, "zeros", buffer_text(&zeros), 300u << 20);
    buffer_done(&zeros);
    refuse_cheaply("honest bomb", made(&maker), TOO_LARGE);
}

TEST(a_bomb_of_many_small_entries_is_refused_by_its_sum)
{
    struct maker maker = {0};
    struct buffer zeros = deflated_zeros(1);

    for (int i = 0; i < 251; i++) {
        char name[24];

        snprintf(name, sizeof name, "zeros%d", i);
        make_entry(&maker, name, buffer_text(&zeros), 1u << 20);
    }
    buffer_done(&zeros);
    refuse_cheaply("split bomb", made(&maker), TOO_LARGE);
}

TEST(a_bomb_below_the_limit_is_refused_by_its_ratio)
{
    struct maker maker = {0};
    struct buffer zeros = deflated_zeros(200);

    make_entry(&maker, "zeros", buffer_text(&zeros), 200u << 20);
    buffer_done(&zeros);
    refuse_cheaply("dense bomb", made(&maker), "unpacks to more than 200 times its size");
}

TEST(a_lying_bomb_is_stopped_at_the_size_it_tells)
{
    struct maker maker = {0};
    struct buffer zeros = deflated_zeros(1000);

    make_entry(&maker, "zeros", buffer_text(&zeros), 1000);
    buffer_done(&zeros);
    refuse_cheaply("lying bomb", made(&maker), "unpacks to more than its header says");
}

/* Fifield's construction: each entry's contents begin with a stored block that quotes the
 * next entry's local header, so that all share one kernel at the end. */
TEST(a_bomb_of_overlapping_entries_is_refused)
{
    enum { COUNT = 200, HEADER = 30 + 4 };
    struct maker maker = {0};
    struct buffer zeros = deflated_zeros(1);
    size_t total = COUNT * (HEADER + 5) + zeros.len;

    for (int i = 0; i < COUNT; i++) {
        char name[24];
        size_t offset = maker.entries.len;
        struct text packed = text_from(zeros.at, total - offset - HEADER);

        snprintf(name, sizeof name, "e%03d", i);
        make_central(&maker, name, packed, 1u << 20, offset);
        make_local(&maker, name, packed, 1u << 20);
        buffer_add_char(&maker.entries, 0); /* a stored block, not the last */
        add16(&maker.entries, HEADER);
        add16(&maker.entries, 0xffff - HEADER);
    }
    buffer_add_text(&maker.entries, buffer_text(&zeros));
    buffer_done(&zeros);
    refuse_cheaply("overlap bomb", made(&maker), "overlaps another");
}

TEST(too_many_files_are_refused)
{
    struct maker maker = {0};

    for (int i = 0; i <= LIMIT_ZIP_ENTRIES; i++) {
        char name[24];

        snprintf(name, sizeof name, "f%d", i);
        make_entry(&maker, name, TEXT("\x03\x00"), 0);
    }
    refuse_cheaply("many files", made(&maker), "has 20001 entries, and at most 20000 are allowed");
}

TEST(too_many_folders_in_few_names_are_refused)
{
    struct maker maker = {0};

    for (int i = 0; i < 400; i++) {
        char name[256];
        int len = snprintf(name, sizeof name, "d%d", i);

        for (int depth = 0; depth < 60; depth++)
            len += snprintf(name + len, sizeof name - (size_t)len, "/d");
        make_entry(&maker, name, TEXT("\x03\x00"), 0);
    }
    refuse_cheaply("many folders", made(&maker), "more files and folders than the 20000");
}

TEST(an_archive_that_is_too_large_is_refused)
{
    struct buffer archive = {0};

    memset(buffer_room(&archive, LIMIT_ZIP_BYTES + 1), 'P', LIMIT_ZIP_BYTES + 1);
    buffer_added(&archive, LIMIT_ZIP_BYTES + 1);
    refuse_cheaply("large archive", archive, "the ZIP has 52428801 bytes");
}
