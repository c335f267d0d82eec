/* SPDX-License-Identifier: Apache-2.0 */
#include "model/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/civil.h"
#include "base/mem.h"
#include "model/zone_rule.h"

/*
 * A zone is one array of spans, each with the offset that holds from its beginning to the
 * next one's. The changes that the rule at the file's end stands for are written out once
 * (two a year), so that looking something up knows of no rule.
 */

#define FOLDER "/usr/share/zoneinfo"
#define FILE_MAX (256 << 10) /* bytes; the largest of the database has 4 KB */
#define SPANS_MAX 4096       /* changes in a file; the most there are is 240 */
#define RULE_YEARS_TO 2200
#define LAST_S INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define OFFSET_MAX (26 * 3600)       /* RFC 8536 3.2: -25 to 26 hours */

struct span {
    int64_t from_s; /* UTC */
    int64_t offset_s;
};

struct zone {
    size_t count, capacity;
    struct span *spans; /* rising; the first begins with time itself */
};

static void add_span(struct zone *zone, int64_t from_s, int64_t offset_s)
{
    if (zone->count > 0 && zone->spans[zone->count - 1].offset_s == offset_s)
        return;
    if (zone->count == zone->capacity) {
        zone->capacity = zone->capacity ? 2 * zone->capacity : 8;
        zone->spans = mem_realloc(zone->spans, zone->capacity * sizeof *zone->spans);
    }
    zone->spans[zone->count++] = (struct span){from_s, offset_s};
}

/* --- the file --- */

struct header {
    char version;
    int64_t utc_marks, standard_marks, leaps, times, types, name_bytes;
};

static uint64_t big_endian(const char *at, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

static int64_t signed_at(const char *at, size_t size)
{
    uint64_t value = big_endian(at, size);

    return size == 4 ? (int32_t)value : (int64_t)value;
}

#define HEADER_BYTES 44

static bool take_header(struct text *rest, struct header *ret)
{
    const char *at = rest->at;

    if (rest->len < HEADER_BYTES || memcmp(at, "TZif", 4) != 0)
        return false;
    *ret = (struct header){
        .version = at[4],
        .utc_marks = (int64_t)big_endian(at + 20, 4),
        .standard_marks = (int64_t)big_endian(at + 24, 4),
        .leaps = (int64_t)big_endian(at + 28, 4),
        .times = (int64_t)big_endian(at + 32, 4),
        .types = (int64_t)big_endian(at + 36, 4),
        .name_bytes = (int64_t)big_endian(at + 40, 4),
    };
    *rest = text_skip(*rest, HEADER_BYTES);
    return ret->types >= 1 && ret->types <= 256 && ret->times <= SPANS_MAX;
}

/* Of what follows the header, whose times have time_size bytes. */
static int64_t body_bytes(const struct header *header, int time_size)
{
    return header->times * (time_size + 1) + header->types * 6 + header->name_bytes +
           header->leaps * (time_size + 4) + header->standard_marks + header->utc_marks;
}

static bool take_offset(const char *types, const struct header *header, unsigned type, int64_t *ret)
{
    if (type >= header->types)
        return false;
    *ret = signed_at(types + 6 * type, 4);
    return *ret > -OFFSET_MAX && *ret < OFFSET_MAX;
}

/* The offset before the first change is that of type 0. */
static bool read_spans(struct zone *zone, const char *at, const struct header *header,
                       size_t time_size)
{
    const char *indexes = at + (size_t)header->times * time_size;
    const char *types = indexes + header->times;
    int64_t offset_s, before_s = INT64_MIN;

    if (!take_offset(types, header, 0, &offset_s))
        return false;
    add_span(zone, INT64_MIN, offset_s);
    for (int64_t i = 0; i < header->times; i++) {
        int64_t from_s = signed_at(at + (size_t)i * time_size, time_size);
        if ((i > 0 && from_s <= before_s) ||
            !take_offset(types, header, (unsigned char)indexes[i], &offset_s))
            return false;
        add_span(zone, from_s, offset_s);
        before_s = from_s;
    }
    return true;
}

/* --- the rule --- */

/* A rule holds from the file's last change on, and matters from 1970 on. Each year summer time
 * begins and ends, in either order. */
static void add_rule_year(struct zone *zone, const struct zone_rule *rule, int year,
                          int64_t last_change_s)
{
    struct span begins = {zone_date_in(&rule->begins, year) - rule->standard_s, rule->summer_s};
    struct span ends = {zone_date_in(&rule->ends, year) - rule->summer_s, rule->standard_s};
    struct span first = begins.from_s < ends.from_s ? begins : ends;
    struct span second = begins.from_s < ends.from_s ? ends : begins;

    if (first.from_s > last_change_s)
        add_span(zone, first.from_s, first.offset_s);
    if (second.from_s > last_change_s && second.from_s > first.from_s)
        add_span(zone, second.from_s, second.offset_s);
}

static void add_rule(struct zone *zone, const struct zone_rule *rule, int64_t last_change_s)
{
    struct civil last;

    if (!rule->has_summer) {
        if (last_change_s == INT64_MIN)
            zone->spans[0].offset_s = rule->standard_s;
        return;
    }
    if (last_change_s > LAST_S)
        return;
    civil_set(&last, last_change_s < 0 ? 0 : last_change_s);
    for (int year = last.year; year <= RULE_YEARS_TO; year++)
        add_rule_year(zone, rule, year, last_change_s);
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n"; nothing between the ends: no rule. */
static bool read_footer(struct zone *zone, struct text footer, int64_t last_change_s)
{
    struct zone_rule rule;

    if (footer.len < 2 || footer.at[0] != '\n' || footer.at[footer.len - 1] != '\n')
        return false;
    struct text text = text_slice(footer, 1, footer.len - 1);
    if (text.len == 0)
        return true;
    if (!zone_rule_parse(text, &rule))
        return false;
    add_rule(zone, &rule, last_change_s);
    return true;
}

static bool read_body(struct zone *zone, struct text rest, const struct header *header,
                      size_t time_size)
{
    int64_t bytes = body_bytes(header, (int)time_size);
    int64_t last_change_s = INT64_MIN;

    if (header->leaps > 0 || bytes > (int64_t)rest.len ||
        !read_spans(zone, rest.at, header, time_size))
        return false;
    if (header->times > 0)
        last_change_s = signed_at(rest.at + (size_t)(header->times - 1) * time_size, time_size);
    return time_size == 4 || read_footer(zone, text_skip(rest, (size_t)bytes), last_change_s);
}

/* From version 2 on the file is there twice, and the second has times of 64 bits. */
static bool read_file(struct zone *zone, struct text bytes)
{
    struct header header;

    if (!take_header(&bytes, &header))
        return false;
    if (header.version == '\0')
        return read_body(zone, bytes, &header, 4);
    int64_t first = body_bytes(&header, 4);
    if (first > (int64_t)bytes.len)
        return false;
    bytes = text_skip(bytes, (size_t)first);
    return take_header(&bytes, &header) && read_body(zone, bytes, &header, 8);
}

struct zone *zone_parse(struct text bytes, struct error *err)
{
    scoped(zone_free) struct zone *zone = mem_new(struct zone);

    if (!read_file(zone, bytes)) {
        error_set(err, ERROR_INVALID, "this is not a time zone without leap seconds");
        return NULL;
    }
    return take(zone);
}

void zone_free(struct zone *zone)
{
    if (!zone)
        return;
    free(zone->spans);
    free(zone);
}

/* --- the database --- */

/* Nothing that leads out of the folder, or to its hidden files. */
static bool is_name(struct text name)
{
    if (name.len == 0 || name.len > ZONE_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-' || c == '+';
        bool slash = c == '/' && i > 0 && i + 1 < name.len && name.at[i - 1] != '/';
        if (!plain && !slash)
            return false;
    }
    return true;
}

static bool read_whole(const char *path, char *out, size_t room, size_t *ret_len)
{
    scoped(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;

    *ret_len = 0;
    if (fd < 0 || fstat(fd, &about) < 0 || !S_ISREG(about.st_mode))
        return false;
    for (;;) {
        ssize_t count = read(fd, out + *ret_len, room - *ret_len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count == 0 && *ret_len < room;
        *ret_len += (size_t)count;
    }
}

struct zone *zone_load(struct text name, struct error *err)
{
    struct text shown = text_slice(name, 0, ZONE_NAME_MAX);

    if (text_equal(name, TEXT("UTC"))) {
        struct zone *utc = mem_new(struct zone);
        add_span(utc, INT64_MIN, 0);
        return utc;
    }
    if (is_name(name)) {
        scoped(free) char *path = mem_format(FOLDER "/%.*s", TEXT_ARG(name));
        scoped(free) char *bytes = mem_alloc(FILE_MAX);
        size_t len;
        struct error ignored;
        struct zone *zone = read_whole(path, bytes, FILE_MAX, &len)
                                ? zone_parse(text_from(bytes, len), &ignored)
                                : NULL;
        if (zone)
            return zone;
    }
    error_set(err, ERROR_INVALID, "there is no time zone '%.*s'", TEXT_ARG(shown));
    return NULL;
}

/* --- looking up --- */

/* The span that holds at utc_s. */
static size_t find_span(const struct zone *zone, int64_t utc_s)
{
    size_t low = 0, high = zone->count; /* spans[low].from_s <= utc_s < spans[high].from_s */

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (zone->spans[middle].from_s <= utc_s)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t zone_offset(const struct zone *zone, int64_t utc_s)
{
    return zone->spans[find_span(zone, utc_s)].offset_s;
}

bool zone_from_local(const struct zone *zone, int64_t local_s, int64_t *ret_utc_s)
{
    size_t first = find_span(zone, local_s - OFFSET_MAX);

    for (size_t i = first; i < zone->count; i++) {
        int64_t utc_s = local_s - zone->spans[i].offset_s;
        if (zone->spans[i].from_s > local_s + OFFSET_MAX)
            break;
        if (utc_s >= zone->spans[i].from_s &&
            (i + 1 == zone->count || utc_s < zone->spans[i + 1].from_s)) {
            *ret_utc_s = utc_s;
            return true;
        }
    }
    return false;
}
