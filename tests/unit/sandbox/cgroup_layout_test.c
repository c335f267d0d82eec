/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgroup_layout.h"

#include "base/scoped.h"
#include "test.h"

static struct cgroup_layout parse(const char *mountinfo, const char *cgroup)
{
    struct cgroup_layout layout;

    cgroup_layout_parse(text_of(mountinfo), text_of(cgroup), &layout);
    return layout;
}

static void check_path(const char *got, const char *want)
{
    CHECK_MSG(strcmp(got, want) == 0, "'%s' is not '%s'", got, want);
}

TEST(a_host_with_v2_alone)
{
    const struct cgroup_layout layout =
        parse("22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw\n"
              "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
              "0::/system.slice/evoke.service\n");

    check_path(layout.v2, "/sys/fs/cgroup/system.slice/evoke.service");
    check_path(layout.v2_mount, "/sys/fs/cgroup");
    for (int i = 0; i < CONTROLLER_COUNT; i++)
        check_path(layout.v1[i], "");
}

TEST(a_host_with_v1_some_controllers_together)
{
    const struct cgroup_layout layout =
        parse("31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
              "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
              "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
              "35 31 0:32 / /sys/fs/cgroup/memory rw master:3 - cgroup cgroup rw,memory\n"
              "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
              "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n",
              "9:name=systemd:/\n8:pids:/a\n4:memory:/user.slice/b\n2:cpu,cpuacct:/\n");

    check_path(layout.v1[CONTROLLER_MEMORY], "/sys/fs/cgroup/memory/user.slice/b");
    check_path(layout.v1[CONTROLLER_PIDS], "/sys/fs/cgroup/pids/a");
    check_path(layout.v1[CONTROLLER_CPU], "/sys/fs/cgroup/cpu,cpuacct");
    check_path(layout.v1[CONTROLLER_FREEZER], "");
    check_path(layout.v2, "");
}

TEST(a_host_with_both)
{
    const struct cgroup_layout layout =
        parse("35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
              "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
              "4:memory:/x\n0::/y\n");

    check_path(layout.v1[CONTROLLER_MEMORY], "/sys/fs/cgroup/memory/x");
    check_path(layout.v2, "/sys/fs/cgroup/unified/y");
    check_path(layout.v2_mount, "/sys/fs/cgroup/unified");
}

TEST(a_path_is_told_as_the_mount_shows_it)
{
    static const struct {
        const char *root, *own, *want;
    } cases[] = {
        {"/", "/", "/cg"},
        {"/", "/a/b", "/cg/a/b"},
        {"/docker/1", "/docker/1", "/cg"},
        {"/docker/1", "/docker/1/a", "/cg/a"},
        {"/docker/1", "/docker/12/a", "/cg"}, /* not below the mount's root */
        {"/docker/1", "/other", "/cg"},
        {"/", "/../outside", "/cg"}, /* out of the cgroup namespace */
        {"/", "/a:b", "/cg/a:b"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char mountinfo[256], cgroup[256];
        (void)snprintf(mountinfo, sizeof mountinfo, "35 24 0:30 %s /cg rw - cgroup2 c rw\n",
                       cases[i].root);
        (void)snprintf(cgroup, sizeof cgroup, "0::%s\n", cases[i].own);
        check_path(parse(mountinfo, cgroup).v2, cases[i].want);
    }
}

TEST(blanks_in_mount_points_are_read)
{
    const struct cgroup_layout layout =
        parse("35 24 0:30 / /c\\040g\\134 rw - cgroup2 cgroup2 rw\n", "0::/a\n");

    check_path(layout.v2, "/c g\\/a");
}

TEST(a_later_mount_covers_an_earlier_one)
{
    const struct cgroup_layout layout = parse("35 24 0:30 / /one rw - cgroup2 cgroup2 rw\n"
                                              "36 24 0:30 / /two rw - cgroup2 cgroup2 rw\n",
                                              "0::/\n");

    check_path(layout.v2, "/two");
}

TEST(what_is_not_understood_is_not_there)
{
    static const char *const mountinfos[] = {"",
                                             "\n\n",
                                             "nonsense",
                                             "35 24 0:30 / /cg rw",
                                             "35 24 0:30 / /cg rw -\n",
                                             "35 24 0:30 / /cg rw - cgroup2\n",
                                             "35 24 0:30 / /cg rw - tmpfs tmpfs rw\n"};
    static const char *const cgroups[] = {"", "\n", "0", "0:", "1:name=x:/", "x::/"};

    for (size_t i = 0; i < COUNT_OF(mountinfos); i++)
        check_path(parse(mountinfos[i], "0::/\n4:memory:/\n").v2, "");
    for (size_t i = 0; i < COUNT_OF(cgroups); i++)
        check_path(parse("35 24 0:30 / /cg rw - cgroup2 c rw\n", cgroups[i]).v2, "");
}

TEST(a_path_too_long_is_not_there)
{
    static char mountinfo[3 * CGROUP_PATH_MAX], cgroup[3 * CGROUP_PATH_MAX];
    static char name[2 * CGROUP_PATH_MAX];

    memset(name, 'x', sizeof name - 1);
    (void)snprintf(mountinfo, sizeof mountinfo, "35 24 0:30 / /%s rw - cgroup2 c rw\n", name);
    check_path(parse(mountinfo, "0::/\n").v2, "");
    check_path(parse(mountinfo, "0::/\n").v2_mount, "");
    (void)snprintf(cgroup, sizeof cgroup, "0::/%s\n", name);
    check_path(parse("35 24 0:30 / /cg rw - cgroup2 c rw\n", cgroup).v2, "");
}
