/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/zip.h"

#include <sys/stat.h>

#include "base/mem.h"
#include "engine/zip_priv.h"
#include "model/limits.h"

/*
 * The container: APPNOTE.TXT 6.3.10, sections 4.3 and 4.4. The order of the checks goes
 * from cheap to dear, and nothing is allocated or unpacked for an archive before its
 * numbers add up: end record, central directory, local headers, layout, names, links.
 *
 * The ZIP64 end record is refused: below 50 MB and 20,000 entries no tool needs it. ZIP64
 * sizes of an entry are read, because tools write them when they do not know the size
 * before.
 */
#define END_LEN 22
#define CENTRAL_LEN 46
#define LOCAL_LEN 30
#define LOCATOR_LEN 20
#define COMMENT_MAX 65535

#define END_SIGNATURE 0x06054b50u
#define LOCATOR_SIGNATURE 0x07064b50u
#define CENTRAL_SIGNATURE 0x02014b50u
#define LOCAL_SIGNATURE 0x04034b50u
#define DESCRIPTOR_SIGNATURE 0x08074b50u

#define FLAG_ENCRYPTED 0x0001
#define FLAG_DESCRIPTOR 0x0008
#define FLAGS_KNOWN 0x080e /* deflate's level, descriptor, UTF-8 */

#define METHOD_STORED 0
#define METHOD_DEFLATED 8

#define EXTRA_ZIP64 0x0001
#define EXTRA_UNICODE_NAME 0x7075

#define HOST_UNIX 3
#define HOST_DARWIN 19

#define RATIO_FREE_BYTES (1 << 20) /* entries up to this size may shrink as they like */
#define ALL_ONES 0xffffffffu

static uint16_t get16(const char *at)
{
    const uint8_t *byte = (const uint8_t *)at;
    return (uint16_t)(byte[0] | byte[1] << 8);
}

static uint32_t get32(const char *at)
{
    return get16(at) | (uint32_t)get16(at + 2) << 16;
}

static uint64_t get64(const char *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static int broken(struct error *err, const struct zip_entry *entry, const char *what)
{
    char shown[ZIP_SHOWN_LEN];

    return error_set(err, ERROR_INVALID, "the entry '%s' %s", zip_show_name(entry->name, shown),
                     what);
}

/* An end record is where its comment reaches exactly to the end of the archive. There
 * must be one such place, and no other signature behind it: some readers look for the
 * last signature, others for the first that fits. */
static int find_end(struct text source, size_t *ret, struct error *err)
{
    size_t found = SIZE_MAX, signatures = 0;
    size_t lowest = source.len > END_LEN + COMMENT_MAX ? source.len - END_LEN - COMMENT_MAX : 0;

    if (source.len < END_LEN)
        return error_set(err, ERROR_INVALID, ZIP_NONE);
    for (size_t at = source.len - END_LEN + 1; at-- > lowest && found == SIZE_MAX;) {
        if (source.at[at] != 'P' || get32(source.at + at) != END_SIGNATURE)
            continue;
        signatures++;
        if (at + END_LEN + get16(source.at + at + 20) == source.len)
            found = at;
    }
    if (found == SIZE_MAX)
        return error_set(err, ERROR_INVALID, ZIP_NONE ", or it was cut off");
    if (signatures > 1)
        return error_set(err, ERROR_INVALID, "the ZIP has more than one end record");
    *ret = found;
    return 0;
}

/* No earlier record may claim the one that was found as part of its comment. */
static int refuse_earlier_end(struct text source, size_t end, struct error *err)
{
    size_t lowest = source.len > END_LEN + COMMENT_MAX ? source.len - END_LEN - COMMENT_MAX : 0;

    for (size_t at = end; at-- > lowest;)
        if (source.at[at] == 'P' && get32(source.at + at) == END_SIGNATURE &&
            at + END_LEN + get16(source.at + at + 20) == source.len)
            return error_set(err, ERROR_INVALID, "the ZIP has more than one end record");
    return 0;
}

/* ret: where the central directory begins and how many entries it has. */
static int read_end(struct text source, struct zip *zip, size_t *ret_end, struct error *err)
{
    size_t end = 0;

    if (find_end(source, &end, err) < 0 || refuse_earlier_end(source, end, err) < 0)
        return -1;

    const char *at = source.at + end;
    uint32_t size = get32(at + 12), offset = get32(at + 16);
    size_t count = get16(at + 10);

    if (end >= LOCATOR_LEN && get32(at - LOCATOR_LEN) == LOCATOR_SIGNATURE)
        return error_set(err, ERROR_INVALID, "the ZIP has a ZIP64 end record, which is not served");
    if (get16(at + 4) != 0 || get16(at + 6) != 0 || get16(at + 8) != count)
        return error_set(err, ERROR_INVALID, "the ZIP is a part of an archive of several files");
    if (count > LIMIT_ZIP_ENTRIES)
        return error_set(err, ERROR_LIMIT, "the ZIP has %zu entries, and at most %d are allowed",
                         count, LIMIT_ZIP_ENTRIES);
    if (count == 0)
        return error_set(err, ERROR_INVALID, "the ZIP is empty");
    if ((uint64_t)offset + size != end || (uint64_t)count * CENTRAL_LEN > size)
        return error_set(err, ERROR_INVALID, "the ZIP's end record is inconsistent");
    zip->count = count;
    zip->directory = offset;
    *ret_end = end;
    return 0;
}

/* What a header tells of sizes; offset stays 0 for a local header. */
struct sizes {
    uint64_t size, packed_size, offset;
    bool zip64;
};

/* The fields of a ZIP64 extra stand for those that are all ones, in this order. */
static int read_zip64(struct text value, struct sizes *sizes, bool local)
{
    uint64_t *const fields[] = {&sizes->size, &sizes->packed_size, &sizes->offset};

    if (sizes->zip64)
        return -1;
    sizes->zip64 = true;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        bool wanted = *fields[i] == ALL_ONES;

        if (!wanted && (!local || i == 2 || value.len < 8))
            continue;
        if (value.len < 8 || (!wanted && get64(value.at) != *fields[i]))
            return -1;
        *fields[i] = get64(value.at);
        value = text_skip(value, 8);
    }
    return value.len == 0 ? 0 : -1;
}

/* APPNOTE 4.6.9: a version, the CRC of the header's name, and the name in UTF-8. */
static int read_unicode_name(struct text value, struct text raw)
{
    return value.len > 5 && text_equal(text_skip(value, 5), raw) ? 0 : -1;
}

static int read_extras(struct text extras, struct text raw, bool local, struct sizes *sizes)
{
    while (extras.len) {
        if (extras.len < 4 || extras.len - 4 < get16(extras.at + 2))
            return -1;
        struct text value = text_from(extras.at + 4, get16(extras.at + 2));
        uint16_t id = get16(extras.at);

        if (id == EXTRA_ZIP64 && read_zip64(value, sizes, local) < 0)
            return -1;
        if (id == EXTRA_UNICODE_NAME && read_unicode_name(value, raw) < 0)
            return -1;
        extras = text_skip(extras, 4 + value.len);
    }
    return 0;
}

/* The high half of the attributes is st_mode where the archive was made on Unix. */
static int read_mode(struct zip_entry *entry, uint16_t made_by, uint32_t attributes,
                     struct error *err)
{
    unsigned host = made_by >> 8, mode = attributes >> 16;

    if ((host != HOST_UNIX && host != HOST_DARWIN) || mode == 0)
        return 0;
    entry->executable = entry->kind == ZIP_FILE && (mode & 0111) != 0;
    switch (mode & S_IFMT) {
    case 0:
        return 0;
    case S_IFREG:
        return entry->kind == ZIP_FILE ? 0 : broken(err, entry, "is a folder and a file");
    case S_IFDIR:
        return entry->kind == ZIP_FOLDER ? 0 : broken(err, entry, "is a file and a folder");
    case S_IFLNK:
        if (entry->kind == ZIP_FOLDER)
            return broken(err, entry, "is a folder and a link");
        entry->kind = ZIP_LINK;
        entry->executable = false;
        return 0;
    }
    return broken(err, entry, "is neither a file, a folder nor a link");
}

static int check_coding(const struct zip_entry *entry, struct error *err)
{
    if (entry->flags & FLAG_ENCRYPTED)
        return broken(err, entry, "is encrypted");
    if (entry->flags & ~FLAGS_KNOWN)
        return broken(err, entry, "uses a feature of ZIP that is not served");
    if (entry->method != METHOD_STORED && entry->method != METHOD_DEFLATED)
        return broken(err, entry, "is neither stored nor deflated");
    if (entry->method == METHOD_STORED && entry->packed_size != entry->size)
        return broken(err, entry, "is stored, but with two sizes");
    return 0;
}

static int check_size(struct zip *zip, const struct zip_entry *entry, struct error *err)
{
    if (entry->kind == ZIP_FOLDER && (entry->size > 0 || entry->crc != 0))
        return broken(err, entry, "is a folder with contents");
    if (entry->kind == ZIP_LINK && (entry->size == 0 || entry->size > LIMIT_ZIP_NAME))
        return broken(err, entry, "is a link without a target, or with one that is too long");
    if (entry->size >= LIMIT_UNZIPPED_BYTES ||
        (zip->unpacked += entry->size) >= LIMIT_UNZIPPED_BYTES)
        return error_set(err, ERROR_LIMIT, "Unzipped size must be smaller than %d bytes",
                         LIMIT_UNZIPPED_BYTES);
    if (entry->size > RATIO_FREE_BYTES && entry->size / LIMIT_ZIP_RATIO > entry->packed_size) {
        char shown[ZIP_SHOWN_LEN];
        return error_set(err, ERROR_LIMIT, "the entry '%s' unpacks to more than %d times its size",
                         zip_show_name(entry->name, shown), LIMIT_ZIP_RATIO);
    }
    return 0;
}

/* One header of the central directory, which is taken off rest. */
static int read_central(struct zip *zip, struct text *rest, struct zip_entry *entry,
                        struct error *err)
{
    const char *at = rest->at;

    if (rest->len < CENTRAL_LEN || get32(at) != CENTRAL_SIGNATURE)
        return error_set(err, ERROR_INVALID, "the ZIP's central directory is damaged");

    size_t name_len = get16(at + 28), extra_len = get16(at + 30), comment_len = get16(at + 32);
    struct sizes sizes = {get32(at + 24), get32(at + 20), get32(at + 42), false};
    struct text raw = text_from(at + CENTRAL_LEN, name_len);
    struct text extras = text_from(at + CENTRAL_LEN + name_len, extra_len);

    if (rest->len - CENTRAL_LEN < name_len + extra_len + comment_len)
        return error_set(err, ERROR_INVALID, "the ZIP's central directory is damaged");
    if (zip_name_check(raw, entry, err) < 0)
        return -1;
    if (get16(at + 34) != 0 || read_extras(extras, raw, false, &sizes) < 0)
        return broken(err, entry, "has a damaged header in the central directory");

    entry->flags = get16(at + 8);
    entry->method = get16(at + 10);
    entry->crc = get32(at + 16);
    entry->size = sizes.size;
    entry->packed_size = sizes.packed_size;
    entry->header = sizes.offset;
    *rest = text_skip(*rest, CENTRAL_LEN + name_len + extra_len + comment_len);
    if (read_mode(entry, get16(at + 4), get32(at + 38), err) < 0 || check_coding(entry, err) < 0)
        return -1;
    return check_size(zip, entry, err);
}

static int read_directory(struct zip *zip, size_t end, struct error *err)
{
    struct text rest = text_slice(zip->source, zip->directory, end);

    zip->entries = mem_zalloc(zip->count * sizeof *zip->entries);
    for (size_t i = 0; i < zip->count; i++)
        if (read_central(zip, &rest, &zip->entries[i], err) < 0)
            return -1;
    if (rest.len)
        return error_set(err, ERROR_INVALID,
                         "the ZIP's central directory has more than its entries");
    return 0;
}

/* With a descriptor the local header may leave open what it did not know yet. */
static bool same(uint64_t local, uint64_t central, bool may_be_open)
{
    return local == central || (may_be_open && local == 0);
}

static int compare_local(const struct zip *zip, struct zip_entry *entry, struct error *err)
{
    /* A folder's stored name has the slash that entry->name lacks. */
    struct text raw = text_from(entry->name.at, entry->name.len + (entry->kind == ZIP_FOLDER));
    bool open = entry->flags & FLAG_DESCRIPTOR;

    if (entry->header > zip->directory || zip->directory - entry->header < LOCAL_LEN)
        return broken(err, entry, "lies outside of the ZIP");

    const char *at = zip->source.at + entry->header;
    size_t name_len = get16(at + 26), extra_len = get16(at + 28);
    uint64_t room = zip->directory - entry->header - LOCAL_LEN;
    struct sizes sizes = {get32(at + 22), get32(at + 18), 0, false};

    if (get32(at) != LOCAL_SIGNATURE || room < name_len + extra_len)
        return broken(err, entry, "has no local header");
    if (!text_equal(text_from(at + LOCAL_LEN, name_len), raw))
        return broken(err, entry, "has another name in its local header");
    if (read_extras(text_from(at + LOCAL_LEN + name_len, extra_len), raw, true, &sizes) < 0)
        return broken(err, entry, "has a damaged local header");
    if (get16(at + 6) != entry->flags || get16(at + 8) != entry->method ||
        !same(get32(at + 14), entry->crc, open) || !same(sizes.size, entry->size, open) ||
        !same(sizes.packed_size, entry->packed_size, open))
        return broken(err, entry, "has a local header that differs from the central directory");
    entry->content = entry->header + LOCAL_LEN + name_len + extra_len;
    if (zip->directory - entry->content < entry->packed_size)
        return broken(err, entry, "lies outside of the ZIP");
    return 0;
}

/* APPNOTE 4.3.9: CRC and both sizes of 4 or 8 bytes each, a signature before or not. As
 * the next entry must follow at once, the length tells which of the four it is. */
static bool is_descriptor(const struct zip_entry *entry, struct text found)
{
    if (found.len == 16 || found.len == 24) {
        if (get32(found.at) != DESCRIPTOR_SIGNATURE)
            return false;
        found = text_skip(found, 4);
    }
    if (found.len == 12)
        return get32(found.at) == entry->crc && get32(found.at + 4) == entry->packed_size &&
               get32(found.at + 8) == entry->size;
    return found.len == 20 && get32(found.at) == entry->crc &&
           get64(found.at + 4) == entry->packed_size && get64(found.at + 12) == entry->size;
}

static int check_end_of(const struct zip *zip, const struct zip_entry *entry, uint64_t next,
                        struct error *err)
{
    uint64_t end = entry->content + entry->packed_size;

    if (end > next)
        return broken(err, entry, "overlaps another");
    if (entry->flags & FLAG_DESCRIPTOR)
        return is_descriptor(entry, text_slice(zip->source, end, next))
                   ? 0
                   : broken(err, entry, "has a data descriptor that differs from its header");
    return end == next ? 0 : broken(err, entry, "is followed by bytes that belong to no entry");
}

static int by_header(const void *a, const void *b)
{
    uint64_t first = (*(const struct zip_entry *const *)a)->header;
    uint64_t second = (*(const struct zip_entry *const *)b)->header;

    return first < second ? -1 : first > second;
}

static int check_layout(const struct zip *zip, struct error *err)
{
    scoped(free) const struct zip_entry **order = mem_alloc(zip->count * sizeof(void *));

    for (size_t i = 0; i < zip->count; i++)
        order[i] = &zip->entries[i];
    qsort(order, zip->count, sizeof *order, by_header);
    if (order[0]->header != 0)
        return error_set(err, ERROR_INVALID, "the ZIP does not begin with an entry");
    for (size_t i = 0; i < zip->count; i++) {
        uint64_t next = i + 1 < zip->count ? order[i + 1]->header : zip->directory;

        if (check_end_of(zip, order[i], next, err) < 0)
            return -1;
    }
    return 0;
}

static int compare_locals(struct zip *zip, struct error *err)
{
    for (size_t i = 0; i < zip->count; i++)
        if (compare_local(zip, &zip->entries[i], err) < 0)
            return -1;
    return check_layout(zip, err);
}

struct zip *zip_open(struct text source, struct error *err)
{
    scoped(zip_close) struct zip *zip = NULL;
    size_t end = 0;

    if (source.len > LIMIT_ZIP_BYTES) {
        error_set(err, ERROR_LIMIT, "the ZIP has %zu bytes, and at most %d are allowed", source.len,
                  LIMIT_ZIP_BYTES);
        return NULL;
    }
    zip = mem_new(struct zip);
    zip->source = source;
    if (read_end(source, zip, &end, err) < 0 || read_directory(zip, end, err) < 0 ||
        compare_locals(zip, err) < 0 || zip_tree_build(zip, err) < 0 ||
        zip_links_check(zip, err) < 0)
        return NULL;
    return take(zip);
}

void zip_close(struct zip *zip)
{
    if (!zip)
        return;
    for (size_t i = 0; zip->entries && i < zip->count; i++)
        free(zip->entries[i].target);
    free(zip->entries);
    map_done(&zip->paths);
    free(zip);
}

size_t zip_count(const struct zip *zip)
{
    return zip->count;
}

const struct zip_entry *zip_entry(const struct zip *zip, size_t index)
{
    assert(index < zip->count);
    return &zip->entries[index];
}

uint64_t zip_unpacked_bytes(const struct zip *zip)
{
    return zip->unpacked;
}
