/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgroup_layout.h"

#include <stdio.h>

#include "base/scoped.h"

const char *const cgroup_controller_names[CONTROLLER_COUNT] = {
    [CONTROLLER_MEMORY] = "memory",
    [CONTROLLER_PIDS] = "pids",
    [CONTROLLER_CPU] = "cpu",
    [CONTROLLER_FREEZER] = "freezer",
};

/* One line of mountinfo, as far as it matters (proc_pid_mountinfo(5)). */
struct mount_line {
    struct text root, point, type, options;
};

static bool parse_mount_line(struct text line, struct mount_line *ret)
{
    struct text field, before[6];
    size_t count = 0;

    while (count < COUNT_OF(before) && text_split(&line, ' ', &field))
        before[count++] = field;
    while (text_split(&line, ' ', &field))
        if (text_equal(field, TEXT("-")))
            break;
    if (count < COUNT_OF(before) || !text_split(&line, ' ', &ret->type) ||
        !text_split(&line, ' ', &field) || !text_split(&line, ' ', &ret->options))
        return false;
    ret->root = before[3];
    ret->point = before[4];
    return true;
}

static bool is_octal(const char *at)
{
    return at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' && at[2] >= '0' &&
           at[2] <= '7';
}

/* Appends a field of mountinfo, where blanks and the like stand as \ooo. False when it
 * does not fit. */
static bool append_unescaped(char path[CGROUP_PATH_MAX], struct text field)
{
    size_t len = strlen(path);

    for (size_t i = 0; i < field.len; i++) {
        if (len + 1 >= CGROUP_PATH_MAX)
            return false;
        const char *at = field.at + i;
        if (*at == '\\' && field.len - i > 3 && is_octal(at + 1)) {
            path[len++] = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
            i += 3;
        } else {
            path[len++] = *at;
        }
    }
    path[len] = '\0';
    return true;
}

static bool lists(struct text list, struct text name)
{
    struct text piece;

    while (text_split(&list, ',', &piece))
        if (text_equal(piece, name))
            return true;
    return false;
}

/* The process's path in the hierarchy that has the controller; v2's when it is "". */
static struct text own_path(struct text cgroup, struct text controller)
{
    struct text line, id, controllers;

    while (text_split(&cgroup, '\n', &line)) {
        if (!text_split(&line, ':', &id) || !text_split(&line, ':', &controllers))
            continue;
        if (controller.len ? lists(controllers, controller)
                           : controllers.len == 0 && text_equal(id, TEXT("0")))
            return line;
    }
    return TEXT_NONE;
}

/* The mount point and, below it, the process's path without what the mount leaves out.
 * A path outside of the mount (a container's view) means the mount point itself. */
static void place(const struct mount_line *mount, struct text own, char ret[CGROUP_PATH_MAX])
{
    struct text below = text_equal(mount->root, TEXT("/")) ? own : TEXT_NONE;

    if (!text_is_set(below) && text_starts(own, mount->root))
        below = text_skip(own, mount->root.len);
    if (below.len < 2 || below.at[0] != '/' || text_find_text(below, TEXT("/..")) < below.len)
        below = TEXT_NONE;

    ret[0] = '\0';
    bool fits = append_unescaped(ret, mount->point);
    size_t len = strlen(ret);
    if (!fits || len + below.len >= CGROUP_PATH_MAX) {
        ret[0] = '\0';
        return;
    }
    if (below.len)
        memcpy(ret + len, below.at, below.len);
    ret[len + below.len] = '\0';
}

void cgroup_layout_parse(struct text mountinfo, struct text cgroup, struct cgroup_layout *ret)
{
    struct text line;

    *ret = (struct cgroup_layout){0};
    while (text_split(&mountinfo, '\n', &line)) {
        struct mount_line mount;
        if (!parse_mount_line(line, &mount))
            continue;

        if (text_equal(mount.type, TEXT("cgroup2")) && text_is_set(own_path(cgroup, TEXT("")))) {
            place(&mount, own_path(cgroup, TEXT("")), ret->v2);
            ret->v2_mount[0] = '\0';
            if (!append_unescaped(ret->v2_mount, mount.point))
                ret->v2_mount[0] = '\0';
        }
        if (!text_equal(mount.type, TEXT("cgroup")))
            continue;
        for (int i = 0; i < CONTROLLER_COUNT; i++) {
            struct text name = text_of(cgroup_controller_names[i]);
            if (lists(mount.options, name) && text_is_set(own_path(cgroup, name)))
                place(&mount, own_path(cgroup, name), ret->v1[i]);
        }
    }
}
