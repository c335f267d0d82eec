/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "engine/zip_priv.h"
#include "model/limits.h"

/* Paths: which names may become files, what stands where, and where links lead. */

#define SEGMENT_MAX 255 /* NAME_MAX of every file system we may meet */

char *zip_show_name(struct text name, char out[static ZIP_SHOWN_LEN])
{
    size_t len = name.len < ZIP_SHOWN_LEN ? name.len : ZIP_SHOWN_LEN - 1;

    for (size_t i = 0; i < len; i++)
        out[i] = name.at[i] >= ' ' && name.at[i] <= '~' ? name.at[i] : '?';
    out[len] = '\0';
    return out;
}

static int refuse(struct error *err, struct text name, const char *what)
{
    char shown[ZIP_SHOWN_LEN];

    return error_set(err, ERROR_INVALID, "the entry '%s' %s", zip_show_name(name, shown), what);
}

static bool has_control(struct text name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((uint8_t)name.at[i] < 0x20 || name.at[i] == 0x7f)
            return true;
    return false;
}

static bool has_drive(struct text name)
{
    return name.len >= 2 && name.at[1] == ':' &&
           ((name.at[0] >= 'a' && name.at[0] <= 'z') || (name.at[0] >= 'A' && name.at[0] <= 'Z'));
}

static bool is_dot(struct text segment)
{
    return text_equal(segment, TEXT("."));
}

static bool is_dot_dot(struct text segment)
{
    return text_equal(segment, TEXT(".."));
}

/* Takes the next segment off a path. Unlike text_split() it yields the empty one at the
 * end of "a/", so that nothing escapes the check. */
static bool next_segment(struct text *rest, struct text *ret)
{
    if (!rest->at)
        return false;
    size_t slash = text_find(*rest, '/');

    *ret = text_slice(*rest, 0, slash);
    *rest = slash < rest->len ? text_skip(*rest, slash + 1) : TEXT_NONE;
    return true;
}

static int check_segments(struct text name, struct text shown, struct error *err)
{
    struct text segment;
    size_t depth = 0;

    while (next_segment(&name, &segment)) {
        if (!segment.len || is_dot(segment))
            return refuse(err, shown, "has an empty part in its path");
        if (is_dot_dot(segment))
            return refuse(err, shown, "leads out of the package by '..'");
        if (segment.len > SEGMENT_MAX)
            return refuse(err, shown, "has a part of more than 255 bytes in its path");
        if (depth++ > LIMIT_ZIP_DEPTH)
            return error_set(err, ERROR_LIMIT, "the ZIP has folders deeper than %d",
                             LIMIT_ZIP_DEPTH);
    }
    return 0;
}

int zip_name_check(struct text raw, struct zip_entry *entry, struct error *err)
{
    if (!raw.len)
        return error_set(err, ERROR_INVALID, "the ZIP has an entry without a name");
    if (raw.len > LIMIT_ZIP_NAME)
        return error_set(err, ERROR_LIMIT, "the ZIP has a name of more than %d bytes",
                         LIMIT_ZIP_NAME);
    if (has_control(raw))
        return refuse(err, raw, "has control characters in its name");
    if (!text_is_utf8(raw))
        return refuse(err, raw, "has a name that is not UTF-8");
    if (text_contains(raw, '\\'))
        return refuse(err, raw, "has a backslash in its name");
    if (raw.at[0] == '/' || has_drive(raw))
        return refuse(err, raw, "has an absolute path");

    bool folder = raw.at[raw.len - 1] == '/';
    entry->kind = folder ? ZIP_FOLDER : ZIP_FILE;
    entry->name = text_slice(raw, 0, raw.len - folder);
    return check_segments(entry->name, raw, err);
}

/* The value in zip->paths of a folder that has no entry of its own. */
static const struct zip_entry implied = {.kind = ZIP_FOLDER};

static size_t find_last_slash(struct text path)
{
    size_t at = path.len;

    while (at > 0 && path.at[at - 1] != '/')
        at--;
    return at ? at - 1 : SIZE_MAX;
}

static int count_path(const struct zip *zip, struct error *err)
{
    if (zip->paths.count > LIMIT_ZIP_ENTRIES)
        return error_set(err, ERROR_LIMIT,
                         "the ZIP has more files and folders than the %d that are allowed",
                         LIMIT_ZIP_ENTRIES);
    return 0;
}

/* From the path upwards to the first folder that is known: each path is added once, so
 * that deep names cost no more than what they make. */
static int add_parents(struct zip *zip, const struct zip_entry *entry, struct error *err)
{
    struct text path = entry->name;
    size_t slash;

    while ((slash = find_last_slash(path)) != SIZE_MAX) {
        path = text_slice(path, 0, slash);

        const struct zip_entry *parent = map_find(&zip->paths, path);
        if (parent && parent->kind != ZIP_FOLDER)
            return refuse(err, entry->name, "lies below something that is not a folder");
        if (parent)
            return 0;
        map_put(&zip->paths, path, (void *)(uintptr_t)&implied);
        if (count_path(zip, err) < 0)
            return -1;
    }
    return 0;
}

static int add_entry(struct zip *zip, struct zip_entry *entry, struct error *err)
{
    const struct zip_entry *before = map_find(&zip->paths, entry->name);

    if (before && (before != &implied || entry->kind != ZIP_FOLDER))
        return refuse(err, entry->name, "is there twice");
    map_put(&zip->paths, entry->name, entry);
    if (count_path(zip, err) < 0)
        return -1;
    return before ? 0 : add_parents(zip, entry, err);
}

int zip_tree_build(struct zip *zip, struct error *err)
{
    for (size_t i = 0; i < zip->count; i++)
        if (add_entry(zip, &zip->entries[i], err) < 0)
            return -1;
    return 0;
}

const struct zip_entry *zip_find(const struct zip *zip, struct text name)
{
    const struct zip_entry *entry = map_find(&zip->paths, name);

    return entry == &implied ? NULL : entry;
}

struct reading {
    char *at;
    size_t len;
};

static int on_target(void *arg, struct text piece, struct error *err)
{
    struct reading *reading = arg;

    memcpy(reading->at + reading->len, piece.at, piece.len);
    reading->len += piece.len;
    return 0;
}

/* Where a link leads, step by step as the kernel would go: a path within the package,
 * built in at. */
struct walk {
    char at[2 * LIMIT_ZIP_NAME + 2];
    size_t len;
};

static struct text here(const struct walk *walk)
{
    return text_from(walk->at, walk->len);
}

/* Behind a link, the words of the path would mean something else than they say: "a/.."
 * is not the folder of a. So only the last part of a target may be a link. */
static bool is_link(const struct zip *zip, const struct walk *walk)
{
    const struct zip_entry *entry = map_find(&zip->paths, here(walk));

    return entry && entry->kind == ZIP_LINK;
}

static bool step(const struct zip *zip, struct walk *walk, struct text segment)
{
    if (!segment.len || is_dot(segment))
        return true;
    if (is_link(zip, walk))
        return false;
    if (!is_dot_dot(segment)) {
        if (walk->len)
            walk->at[walk->len++] = '/';
        memcpy(walk->at + walk->len, segment.at, segment.len);
        walk->len += segment.len;
        return true;
    }
    if (!walk->len)
        return false;
    size_t slash = find_last_slash(here(walk));
    walk->len = slash == SIZE_MAX ? 0 : slash;
    return true;
}

static int check_target(const struct zip *zip, const struct zip_entry *entry, struct text target,
                        struct error *err)
{
    size_t slash = find_last_slash(entry->name);
    struct walk walk = {.len = slash == SIZE_MAX ? 0 : slash};
    struct text segment;

    if (text_contains(target, '\0') || text_contains(target, '\\'))
        return refuse(err, entry->name, "is a link to a name with a NUL or a backslash");
    if (target.at[0] == '/')
        return refuse(err, entry->name, "is a link to an absolute path");
    memcpy(walk.at, entry->name.at, walk.len);
    while (next_segment(&target, &segment))
        if (!step(zip, &walk, segment))
            return refuse(err, entry->name, "is a link that leads out of the package");
    return 0;
}

static int read_target(struct zip *zip, struct zip_entry *entry, struct error *err)
{
    struct reading reading = {.at = mem_zalloc(entry->size + 1)};

    entry->target = reading.at;
    if (zip_read(zip, entry, on_target, &reading, err) < 0)
        return -1;
    return check_target(zip, entry, text_from(reading.at, reading.len), err);
}

int zip_links_check(struct zip *zip, struct error *err)
{
    for (size_t i = 0; i < zip->count; i++)
        if (zip->entries[i].kind == ZIP_LINK && read_target(zip, &zip->entries[i], err) < 0)
            return -1;
    return 0;
}
