/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/path.h"
#include "base/scoped.h"

#define ASIDE_SUFFIX ".daemon"
#define CPU_PERIOD_US 100000
#define PROC_FILE_MAX (1 << 20)
#define GROUP_FILE_MAX 65536
#define LIMITERS (1u << CONTROLLER_MEMORY | 1u << CONTROLLER_PIDS | 1u << CONTROLLER_CPU)

/* Writes a file of a group. -1 and errno when it is not there or refuses. */
static int write_file(int folder, const char *name, const char *value)
{
    scoped(close) int fd = openat(folder, name, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, value, strlen(value)) >= 0 ? 0 : -1;
}

static int write_number(int folder, const char *name, int64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return write_file(folder, name, text);
}

/* The file's text, NUL-terminated and cut off at size; false when it is not there. */
static bool read_file(int folder, const char *name, char *ret, size_t size)
{
    scoped(close) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, ret, size - 1);

    ret[len > 0 ? len : 0] = '\0';
    return len >= 0;
}

/* The number behind key in a file of "key number" lines; a file of one bare number has
 * the key "". -1 when absent. */
static int64_t read_number(int folder, const char *name, const char *key)
{
    char content[4096];
    struct text line, word;
    int64_t number;

    if (!read_file(folder, name, content, sizeof content))
        return -1;
    for (struct text rest = text_of(content); text_split(&rest, '\n', &line);) {
        if (*key && (!text_split(&line, ' ', &word) || !text_equal(word, text_of(key))))
            continue;
        return text_to_int(line, 0, INT64_MAX, &number) ? number : -1;
    }
    return -1;
}

static bool has_word(int folder, const char *name, const char *word)
{
    char content[4096];
    struct text piece;

    (void)read_file(folder, name, content, sizeof content);
    struct text rest = text_trim(text_slice(text_of(content), 0, strcspn(content, "\n")));
    while (text_split(&rest, ' ', &piece))
        if (text_equal(piece, text_of(word)))
            return true;
    return false;
}

static int open_folder(int at, const char *path)
{
    return openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Kills what an earlier daemon left, which is nothing unless its spawner was killed too
 * (and a v1 freezer holds what it froze even then). */
static void kill_stale(int parent, const char *name)
{
    char content[GROUP_FILE_MAX];
    struct text line;
    int64_t pid;

    scoped(close) int folder = open_folder(parent, name);
    if (folder < 0 || write_file(folder, "cgroup.kill", "1") == 0)
        return;
    if (!read_file(folder, "cgroup.procs", content, sizeof content))
        return;
    for (struct text rest = text_of(content); text_split(&rest, '\n', &line);)
        if (text_to_int(line, 2, INT32_MAX, &pid))
            (void)kill((pid_t)pid, SIGKILL);
    (void)write_file(folder, "freezer.state", "THAWED");
}

static void remove_stale(int parent)
{
    int fd = open_folder(parent, ".");
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!folder)
        return;
    while ((entry = readdir(folder))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        if (unlinkat(parent, entry->d_name, AT_REMOVEDIR) == 0)
            continue;
        kill_stale(parent, entry->d_name);
        (void)unlinkat(parent, entry->d_name, AT_REMOVEDIR);
    }
    (void)closedir(folder);
}

/* Makes the parent folder, or finds it where several controllers share a hierarchy. NULL
 * when it cannot be written to. */
static struct cgroup_hierarchy *add_hierarchy(struct cgroup *cgroup, const char *own,
                                              const char *name)
{
    struct cgroup_hierarchy *hierarchy = &cgroup->hierarchies[cgroup->hierarchy_count];
    int len = snprintf(hierarchy->path, sizeof hierarchy->path, "%s/%s", own, name);

    if (len < 0 || (size_t)len >= sizeof hierarchy->path)
        return NULL;
    for (struct cgroup_hierarchy *known = cgroup->hierarchies; known < hierarchy; known++)
        if (strcmp(known->path, hierarchy->path) == 0)
            return known;

    if (mkdir(hierarchy->path, 0755) < 0 && errno != EEXIST)
        return NULL;
    scoped(close) int fd = open_folder(AT_FDCWD, hierarchy->path);
    scoped(close) int above = open_folder(AT_FDCWD, own);
    if (fd < 0 || above < 0 || faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) < 0)
        return NULL;
    remove_stale(fd);
    hierarchy->fd = take_fd(fd);
    hierarchy->above = take_fd(above);
    cgroup->hierarchy_count++;
    return hierarchy;
}

static void add_v1(struct cgroup *cgroup, const struct cgroup_layout *layout, const char *name)
{
    for (int i = 0; i < CONTROLLER_COUNT; i++) {
        if (!layout->v1[i][0] || cgroup->kinds[i] != CGROUP_NONE)
            continue;
        struct cgroup_hierarchy *hierarchy = add_hierarchy(cgroup, layout->v1[i], name);
        if (!hierarchy)
            continue;
        hierarchy->controllers |= 1u << i;
        cgroup->kinds[i] = CGROUP_V1;
    }
}

static bool enable(int folder, unsigned controllers)
{
    for (int i = 0; i < CONTROLLER_COUNT; i++) {
        char word[16];
        if (!(controllers & 1u << i))
            continue;
        (void)snprintf(word, sizeof word, "+%s", cgroup_controller_names[i]);
        if (!has_word(folder, "cgroup.subtree_control", word + 1) &&
            write_file(folder, "cgroup.subtree_control", word) < 0)
            return false;
    }
    return true;
}

/* A v2 group that gives controllers to its children may not hold processes, unless it
 * is the root: then this process steps into a group of its own beside. */
static bool enable_aside(int folder, unsigned controllers, const char *name)
{
    char aside[CGROUP_NAME_MAX + 16];

    if (enable(folder, controllers))
        return true;
    if (errno != EBUSY)
        return false;

    (void)snprintf(aside, sizeof aside, "%s" ASIDE_SUFFIX, name);
    if (mkdirat(folder, aside, 0755) < 0 && errno != EEXIST)
        return false;
    scoped(close) int own = open_folder(folder, aside);
    if (own < 0 || write_file(own, "cgroup.procs", "0") < 0)
        return false;
    if (enable(folder, controllers))
        return true;

    (void)write_file(folder, "cgroup.procs", "0");
    (void)unlinkat(folder, aside, AT_REMOVEDIR);
    return false;
}

/* The controllers that groups below the folder can have. */
static unsigned offered(int folder)
{
    unsigned controllers = 0;

    for (int i = 0; i < CONTROLLER_COUNT; i++)
        if (has_word(folder, "cgroup.controllers", cgroup_controller_names[i]))
            controllers |= 1u << i;
    return controllers & LIMITERS;
}

/* Makes the parent folder below own, its groups with the controllers of the mask that own
 * offers. False when they cannot be had. */
static bool add_v2_at(struct cgroup *cgroup, const char *own, const char *name, unsigned mask)
{
    scoped(close) int folder = open_folder(AT_FDCWD, own);
    if (folder < 0)
        return false;

    unsigned controllers = offered(folder) & mask;
    if (controllers && !enable_aside(folder, controllers, name))
        return false;
    struct cgroup_hierarchy *added = add_hierarchy(cgroup, own, name);
    if (!added)
        return false;

    if (!enable(added->fd, controllers))
        controllers = 0;
    added->v2 = true;
    added->controllers = controllers | 1u << CONTROLLER_FREEZER;
    for (int i = 0; i < CONTROLLER_COUNT; i++)
        if (added->controllers & 1u << i)
            cgroup->kinds[i] = CGROUP_V2;
    return true;
}

/* A process that was started by a daemon, or launches a second time, is in the group
 * beside: its own is the one above. */
static void leave_aside(char path[CGROUP_PATH_MAX])
{
    char *last = strrchr(path, '/');

    if (last && last != path && text_ends(text_of(last), TEXT(ASIDE_SUFFIX)))
        *last = '\0';
}

/* Below our own group, as one does in a service that was delegated its group; else, with
 * the rights for it, below the root, where a login session's rules do not matter; else
 * without controllers, for freezing alone. */
static void add_v2(struct cgroup *cgroup, const struct cgroup_layout *layout, const char *name)
{
    if (!layout->v2[0] || add_v2_at(cgroup, layout->v2, name, LIMITERS))
        return;
    if (strcmp(layout->v2, layout->v2_mount) != 0 && geteuid() == 0 &&
        add_v2_at(cgroup, layout->v2_mount, name, LIMITERS))
        return;
    (void)add_v2_at(cgroup, layout->v2, name, 0);
}

void cgroup_open(struct cgroup *cgroup, const char *name)
{
    scoped(buffer_done) struct buffer mountinfo = {0}, groups = {0};
    struct cgroup_layout layout = {0};
    struct error ignored;

    *cgroup = (struct cgroup){.launch = (uint64_t)clock_now_ms()};
    (void)snprintf(cgroup->name, sizeof cgroup->name, "%s", name);
    if (path_read("/proc/self/mountinfo", PROC_FILE_MAX, &mountinfo, &ignored) < 0 ||
        path_read("/proc/self/cgroup", PROC_FILE_MAX, &groups, &ignored) < 0)
        return;
    cgroup_layout_parse(buffer_text(&mountinfo), buffer_text(&groups), &layout);
    leave_aside(layout.v2);
    add_v2(cgroup, &layout, name);
    add_v1(cgroup, &layout, name);
}

void cgroup_remove(struct cgroup *cgroup)
{
    for (int i = 0; i < cgroup->hierarchy_count; i++)
        (void)unlinkat(cgroup->hierarchies[i].above, cgroup->name, AT_REMOVEDIR);
}

void cgroup_close(struct cgroup *cgroup)
{
    for (int i = 0; i < cgroup->hierarchy_count; i++) {
        (void)close(cgroup->hierarchies[i].fd);
        (void)close(cgroup->hierarchies[i].above);
    }
    *cgroup = (struct cgroup){0};
}

static int limit_memory(int folder, bool v2, int64_t bytes)
{
    if (v2) {
        /* Swap and the killing of all are refinements that a kernel may lack. */
        (void)write_file(folder, "memory.swap.max", "0");
        (void)write_file(folder, "memory.oom.group", "1");
        return write_number(folder, "memory.max", bytes);
    }
    if (write_number(folder, "memory.limit_in_bytes", bytes) < 0)
        return -1;
    (void)write_number(folder, "memory.memsw.limit_in_bytes", bytes);
    return 0;
}

static int limit_cpu(int folder, bool v2, int64_t percent)
{
    char text[48];
    int64_t quota = percent * CPU_PERIOD_US / 100;

    (void)snprintf(text, sizeof text, "%lld %d", (long long)quota, CPU_PERIOD_US);
    if (v2)
        return write_file(folder, "cpu.max", text);
    if (write_number(folder, "cpu.cfs_period_us", CPU_PERIOD_US) < 0)
        return -1;
    /* EINVAL: more than a group above us has, whose limit then counts anyway. */
    return write_number(folder, "cpu.cfs_quota_us", quota) < 0 && errno != EINVAL ? -1 : 0;
}

static int limit(const struct cgroup_hierarchy *hierarchy, int folder,
                 const struct sandbox_plan *plan, struct error *err)
{
    if (hierarchy->controllers & 1u << CONTROLLER_MEMORY &&
        limit_memory(folder, hierarchy->v2, plan->memory_bytes) < 0)
        return error_system(err, "cannot limit the memory of a control group");
    /* One more than the function's for the reaper. */
    if (hierarchy->controllers & 1u << CONTROLLER_PIDS &&
        write_number(folder, "pids.max", plan->pids + 1) < 0)
        return error_system(err, "cannot limit the processes of a control group");
    if (hierarchy->controllers & 1u << CONTROLLER_CPU &&
        limit_cpu(folder, hierarchy->v2, plan->cpu_percent) < 0)
        return error_system(err, "cannot limit the processor of a control group");
    return 0;
}

/* An eventfd that the kernel signals when the group's memory does not suffice. */
static int watch_memory(int folder)
{
    char text[32];

    scoped(close) int control = openat(folder, "memory.oom_control", O_RDONLY | O_CLOEXEC);
    scoped(close) int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)snprintf(text, sizeof text, "%d %d", event, control);
    if (control < 0 || event < 0 || write_file(folder, "cgroup.event_control", text) < 0)
        return -1;
    return take_fd(event);
}

static void open_v2(struct cgroup_group *group, int folder)
{
    group->v2_fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    group->freeze_fd = openat(folder, "cgroup.freeze", O_RDWR | O_CLOEXEC);
}

static void open_v1(struct cgroup_group *group, const struct cgroup_hierarchy *hierarchy,
                    int folder)
{
    if (hierarchy->controllers & 1u << CONTROLLER_FREEZER)
        group->freeze_fd = openat(folder, "freezer.state", O_RDWR | O_CLOEXEC);
    if (hierarchy->controllers & 1u << CONTROLLER_MEMORY)
        group->oom_event = watch_memory(folder);
}

static void open_memory(struct cgroup_group *group, const struct cgroup_hierarchy *hierarchy,
                        int folder)
{
    if (!(hierarchy->controllers & 1u << CONTROLLER_MEMORY))
        return;
    const char *peak = hierarchy->v2 ? "memory.peak" : "memory.max_usage_in_bytes";
    group->memory_fd = openat(folder, peak, O_RDONLY | O_CLOEXEC);
    if (group->memory_fd < 0) /* before Linux 5.19 */
        group->memory_fd = openat(folder, "memory.current", O_RDONLY | O_CLOEXEC);
}

/* The parent folder was removed by the spawner of an earlier daemon, which was killed and
 * ends only now: it found it empty. */
static bool make_parent_again(struct cgroup_hierarchy *hierarchy, const char *name)
{
    if (mkdirat(hierarchy->above, name, 0755) < 0 && errno != EEXIST)
        return false;
    scoped(close) int fd = open_folder(hierarchy->above, name);
    if (fd < 0 || (hierarchy->v2 && !enable(fd, hierarchy->controllers & LIMITERS)))
        return false;
    (void)close(hierarchy->fd);
    hierarchy->fd = take_fd(fd);
    return true;
}

static int join(struct cgroup *cgroup, struct cgroup_group *group,
                struct cgroup_hierarchy *hierarchy, const struct sandbox_plan *plan,
                struct error *err)
{
    if (mkdirat(hierarchy->fd, group->name, 0755) < 0 &&
        (errno != ENOENT || !make_parent_again(hierarchy, cgroup->name) ||
         mkdirat(hierarchy->fd, group->name, 0755) < 0))
        return error_system(err, "cannot make the control group '%s'", group->name);

    scoped(close) int folder = open_folder(hierarchy->fd, group->name);
    if (folder < 0)
        return error_system(err, "cannot open the control group '%s'", group->name);
    if (limit(hierarchy, folder, plan, err) < 0)
        return -1;

    open_memory(group, hierarchy, folder);
    if (hierarchy->v2) {
        open_v2(group, folder);
        return 0;
    }
    open_v1(group, hierarchy, folder);
    int tasks = openat(folder, "tasks", O_WRONLY | O_CLOEXEC);
    if (tasks < 0)
        return error_system(err, "cannot open the tasks of a control group");
    group->tasks[group->tasks_count++] = tasks;
    return 0;
}

int cgroup_group_make(struct cgroup *cgroup, const struct sandbox_plan *plan,
                      struct cgroup_group *ret, struct error *err)
{
    *ret = (struct cgroup_group){.v2_fd = -1, .memory_fd = -1, .freeze_fd = -1, .oom_event = -1};
    if (cgroup->hierarchy_count)
        (void)snprintf(ret->name, sizeof ret->name, "%llx-%llu", (unsigned long long)cgroup->launch,
                       (unsigned long long)++cgroup->next);

    for (int i = 0; i < cgroup->hierarchy_count; i++) {
        if (join(cgroup, ret, &cgroup->hierarchies[i], plan, err) == 0)
            continue;
        (void)cgroup_group_remove(cgroup, ret);
        cgroup_group_close(ret);
        return -1;
    }
    return 0;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void cgroup_group_started(struct cgroup_group *group)
{
    close_one(&group->v2_fd);
    while (group->tasks_count > 0)
        close_one(&group->tasks[--group->tasks_count]);
}

/* The group's folder in the hierarchy that has the controller, or -1. */
static int open_group(const struct cgroup *cgroup, const struct cgroup_group *group,
                      enum cgroup_controller controller, bool *ret_v2)
{
    for (int i = 0; i < cgroup->hierarchy_count; i++) {
        const struct cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
        if (!(hierarchy->controllers & 1u << controller))
            continue;
        *ret_v2 = hierarchy->v2;
        return open_folder(hierarchy->fd, group->name);
    }
    return -1;
}

/* Exiting takes processor time, of which a thousand forks left none. A v1 group that is
 * frozen does not die at all. */
static void speed_up(const struct cgroup_hierarchy *hierarchy, int folder)
{
    if (hierarchy->v2)
        (void)write_file(folder, "cgroup.kill", "1");
    if (hierarchy->controllers & 1u << CONTROLLER_CPU)
        (void)write_file(folder, hierarchy->v2 ? "cpu.max" : "cpu.cfs_quota_us",
                         hierarchy->v2 ? "max" : "-1");
    if (hierarchy->controllers & 1u << CONTROLLER_FREEZER)
        (void)write_file(folder, "freezer.state", "THAWED");
}

void cgroup_group_kill(const struct cgroup *cgroup, const struct cgroup_group *group)
{
    for (int i = 0; group->name[0] && i < cgroup->hierarchy_count; i++) {
        scoped(close) int folder = open_folder(cgroup->hierarchies[i].fd, group->name);
        if (folder >= 0)
            speed_up(&cgroup->hierarchies[i], folder);
    }
}

struct cgroup_usage cgroup_group_usage(const struct cgroup *cgroup,
                                       const struct cgroup_group *group)
{
    bool v2 = false;

    scoped(close) int folder = open_group(cgroup, group, CONTROLLER_MEMORY, &v2);
    if (folder < 0)
        return (struct cgroup_usage){0};

    const char *events = v2 ? "memory.events" : "memory.oom_control";
    int64_t peak = read_number(folder, v2 ? "memory.peak" : "memory.max_usage_in_bytes", "");
    return (struct cgroup_usage){
        .out_of_memory = read_number(folder, events, "oom_kill") > 0,
        .memory_peak_bytes = peak > 0 ? peak : 0,
    };
}

bool cgroup_group_remove(const struct cgroup *cgroup, const struct cgroup_group *group)
{
    bool removed = true;

    for (int i = 0; i < cgroup->hierarchy_count; i++)
        if (unlinkat(cgroup->hierarchies[i].fd, group->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            removed = false;
    return removed;
}

void cgroup_group_close(struct cgroup_group *group)
{
    cgroup_group_started(group);
    close_one(&group->memory_fd);
    close_one(&group->freeze_fd);
    close_one(&group->oom_event);
}
