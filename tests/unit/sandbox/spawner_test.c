/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

/* What one sandbox is, how it ends and what it may use. */

TEST(a_function_finds_what_it_is_promised_and_nothing_else)
{
    static const char *const lines[] = {
        "fds 0 1 2 3 4 5 6",
        "env FIRST=1",
        "env SECOND=a b=c",
        "ids 993 993 990 990",
        "host sandbox",
        "oom_score 500",
        "timer_slack_us 50",
        "CapInh:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "CapAmb:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "cwd /var/task",
        "folder/opt 0",
        "folder/var 5",
        "folder/var/task 1",
        "folder/var/runtime 1",
        "folder/sys -1",
        "folder/root -1",
        "folder/home -1",
        "read/etc/passwd ok",
        "read/etc/shadow ENOENT",
        "read/proc/1/environ EACCES",
        "read/proc/meminfo ok",
        "read/dev/urandom ok",
        "list/proc/1/fd EACCES",
        "write/tmp ok",
        "write/dev/shm ok",
        "write/dev/null ok",
        "tmp_bytes 16777216",
        "socket/netlink EAFNOSUPPORT",
        "socket/vsock EAFNOSUPPORT",
        "socket/packet EAFNOSUPPORT",
        "socket/raw EPERM",
        "socket/unix ok",
        "connect/runtime ok",
        "connect/api ok",
        "connect/gateway ok",
        "connect/other ECONNREFUSED",
        "connect/outside ENETUNREACH",
        "connect/metadata ENETUNREACH",
        "mount EPERM",
        "umount EPERM",
        "unshare EPERM",
        "clone EPERM",
        "ptrace EPERM",
        "bpf EPERM",
        "io_uring ENOSYS",
        "keyctl EPERM",
        "chroot EPERM",
        "sethostname EPERM",
        "end",
    };
    static const char *const refused[] = {"read/proc/kallsyms",
                                          "read/proc/keys",
                                          "read/proc/config.gz",
                                          "write/usr",
                                          "write/etc",
                                          "write/",
                                          "write/var/task",
                                          "write/var/task/bootstrap",
                                          "chmod/var/task/bootstrap",
                                          "write/.init",
                                          "setuid"};
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("report")));
    struct run run = run_to_end(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    read_log(&run, NULL, &log);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        CHECK_MSG(has_line(&log, lines[i]), "'%s' is not in\n%s", lines[i], log.at);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        char allowed[64];
        (void)snprintf(allowed, sizeof allowed, "%s ok", refused[i]);
        CHECK_MSG(!has_line(&log, allowed), "'%s' is in\n%s", allowed, log.at);
    }
    CHECK(run.ended.status == 0 && !run.ended.out_of_memory);
    run_close(&run);
    stage_close(&stage);
}

TEST(the_timers_of_a_program_without_a_runtime_are_coarse)
{
    struct stage stage = stage_open();
    struct sandbox_plan plan = usual_plan(ARGV(WORD("report")));
    scoped(buffer_done) struct buffer log = {0};

    plan.runtime = NULL;
    struct run run = run_to_end(&stage, &plan);
    read_log(&run, NULL, &log);
    CHECK_MSG(has_line(&log, "timer_slack_us 1000"), "%s", log.at);
    run_close(&run);
    stage_close(&stage);
}

TEST(the_report_tells_what_this_world_lacks)
{
    const char *hidden = getenv("SPAWNER_TEST_HIDE");
    struct stage stage = stage_open();
    const struct spawner_report *report = &stage.report;

    CHECK(report->privileged == (geteuid() == 0));
    if (hidden && strcmp(hidden, "v2") == 0)
        CHECK(strcmp(report->memory, "cgroup v1") == 0 &&
              strcmp(report->freezer, "cgroup v1") == 0);
    if (hidden && strcmp(hidden, "all") == 0)
        CHECK(strcmp(report->memory, "rlimit") == 0 && strcmp(report->freezer, "none") == 0 &&
              strcmp(report->cpu, "none") == 0 && report->missing_count >= 3);
    for (int i = 0; i < report->missing_count; i++)
        CHECK(report->missing[i][0] && strlen(report->missing[i]) < sizeof report->missing[0] - 1);
    stage_close(&stage);
}

TEST(the_end_of_a_function_is_told_as_waitpid_gives_it)
{
    static const struct {
        const char *word;
        int number, status;
    } cases[] = {
        {"exit", 0, 0},
        {"exit", 3, 3 << 8},
        {"exit", 255, 255 << 8},
        {"signal", SIGTERM, SIGTERM},
        {"signal", SIGSEGV, SIGSEGV},
        {"signal", SIGKILL, SIGKILL},
        {"signal", SIGABRT, SIGABRT},
    };
    struct stage stage = stage_open();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char word[16], number[16];
        (void)snprintf(word, sizeof word, "%s", cases[i].word);
        (void)snprintf(number, sizeof number, "%d", cases[i].number);
        const struct sandbox_plan plan = usual_plan(ARGV(word, number));
        struct run run = run_to_end(&stage, &plan);
        CHECK_MSG(run.ended.status == cases[i].status, "%s %d: status %d", word, cases[i].number,
                  run.ended.status);
        CHECK(!run.ended.out_of_memory);
        run_close(&run);
    }
    stage_close(&stage);
}

TEST(what_a_function_leaves_behind_ends_with_it)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("leave")));
    struct run run = run_to_end(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    /* The child has the log's other end: it is closed only by its death. */
    read_log(&run, NULL, &log);
    CHECK(run.ended.status == 0);
    run_close(&run);
    stage_close(&stage);
}

static void expect_failed(struct stage *stage, const struct sandbox_plan *plan, int exec_errno,
                          const char *text)
{
    struct run run = send_start(stage, plan);

    run.ended = next_event(stage);
    CHECK_MSG(run.ended.kind == SPAWNER_FAILED, "'%s' did not fail", text);
    CHECK(run.ended.id == run.id);
    CHECK_MSG(run.ended.exec_errno == exec_errno, "%s: %d", text, run.ended.exec_errno);
    CHECK_MSG(strstr(run.ended.text, text), "'%s' does not say '%s'", run.ended.text, text);
    run_close(&run);
}

TEST(a_program_that_cannot_be_run_is_told_with_its_errno)
{
    struct stage stage = stage_open();
    struct error err;
    struct sandbox_plan plan = usual_plan(ARGV(NULL));

    (void)path_write(inside(&stage, "code/" CODE "/plain"), TEXT("x"), 0644, &err);
    (void)path_write(inside(&stage, "code/" CODE "/nonsense"), TEXT("\1\2\3"), 0755, &err);
    CHECK(chmod(inside(&stage, "code/" CODE "/nonsense"), 0755) == 0);
    (void)path_write(inside(&stage, "code/" CODE "/script"), TEXT("#!/no/such/shell\n"), 0755,
                     &err);
    CHECK(chmod(inside(&stage, "code/" CODE "/script"), 0755) == 0);
    plan.argv = (char *[]){WORD("/var/task/absent"), NULL};
    expect_failed(&stage, &plan, ENOENT, "No such file");
    plan.argv = (char *[]){WORD("/var/task/script"), NULL};
    expect_failed(&stage, &plan, ELIBACC, "library");
    plan.argv = (char *[]){WORD("/var/task/plain"), NULL};
    expect_failed(&stage, &plan, EACCES, "Permission denied");
    plan.argv = (char *[]){WORD("/var/task/nonsense"), NULL};
    expect_failed(&stage, &plan, ENOEXEC, "Exec format");
    stage_close(&stage);
}

TEST(a_plan_that_names_what_is_not_there_is_refused)
{
    struct stage stage = stage_open();
    char absent[] = "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char link[] = "eeee456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct sandbox_plan plan = usual_plan(ARGV(WORD("exit"), WORD("0")));

    plan.code = absent;
    expect_failed(&stage, &plan, 0, absent);
    CHECK(symlink("/etc", inside(&stage, "code/eeee456789abcdef0123456789abcdef0123456789abcdef"
                                         "0123456789abcdef")) == 0);
    plan.code = link;
    expect_failed(&stage, &plan, 0, link);
    plan.code = CODE;
    plan.runtime = "cobol";
    expect_failed(&stage, &plan, 0, "cobol");
    plan.runtime = "..";
    expect_failed(&stage, &plan, 0, "runtime");
    plan.runtime = NULL;
    plan.code = "../../etc";
    expect_failed(&stage, &plan, 0, "code folder");
    stage_close(&stage);
}

TEST(a_killed_sandbox_is_told_once)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run first = send_start(&stage, &plan);
    struct error err;

    expect_started(&stage, &first);
    CHECK(spawner_send_kill(stage.socket, first.id, &err) == 0);
    CHECK(spawner_send_kill(stage.socket, first.id, &err) == 0);
    expect_exited(&stage, &first);
    CHECK(first.ended.status == SIGKILL && !first.ended.out_of_memory);
    CHECK(spawner_send_kill(stage.socket, first.id, &err) == 0);

    /* Killed before it ran: an end all the same. */
    struct run second = send_start(&stage, &plan);
    CHECK(spawner_send_kill(stage.socket, second.id, &err) == 0);
    second.ended = next_event(&stage);
    if (second.ended.kind == SPAWNER_STARTED) {
        close_started(&second.ended);
        second.ended = next_event(&stage);
    }
    CHECK(second.ended.kind == SPAWNER_EXITED && second.ended.id == second.id);
    run_close(&first);
    run_close(&second);
    stage_close(&stage);
}

TEST(the_runtime_listener_is_the_sandboxs_own)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("report")));
    struct run first = run_to_end(&stage, &plan), second = run_to_end(&stage, &plan);

    CHECK(first.started.runtime_port == SANDBOX_PORT_RUNTIME);
    /* One connection each, made by the probe inside: nobody else's. */
    for (int i = 0; i < LISTENER_COUNT; i++) {
        scoped(close) int met = accept(second.started.listeners[i], NULL, NULL);
        scoped(close) int another = accept(second.started.listeners[i], NULL, NULL);
        CHECK(met >= 0);
        CHECK(another < 0 && errno == EAGAIN);
    }
    run_close(&first);
    run_close(&second);
    stage_close(&stage);
}

TEST(trusted_code_may_have_the_hosts_network)
{
    struct stage stage = stage_open();
    struct sandbox_plan plan = usual_plan(ARGV(WORD("report")));
    scoped(buffer_done) struct buffer log = {0};

    plan.host_network = true;
    struct run run = run_to_end(&stage, &plan);
    read_log(&run, NULL, &log);
    CHECK(run.started.listeners[LISTENER_RUNTIME] >= 0 && run.started.runtime_port > 0);
    CHECK(run.started.listeners[LISTENER_API] < 0 && run.started.listeners[LISTENER_GATEWAY] < 0);
    CHECK(has_line(&log, "mount EPERM") && has_line(&log, "host sandbox"));
    CHECK(!has_line(&log, "connect/metadata EAFNOSUPPORT"));
    run_close(&run);
    stage_close(&stage);
}

TEST(a_fork_bomb_is_contained)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("bomb")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};
    struct error err;

    expect_started(&stage, &run);
    read_log(&run, "full", &log);
    CHECK(spawner_send_kill(stage.socket, run.id, &err) == 0);
    expect_exited(&stage, &run);
    /* Every process of it had the pipe. */
    read_log(&run, NULL, &log);
    run_close(&run);
    stage_close(&stage);
}

TEST(a_function_without_memory_ends_whole_and_is_told_so)
{
    struct stage stage = stage_open();
    bool group = strcmp(stage.report.memory, "rlimit") != 0;

    for (int in_child = 0; in_child < (group ? 2 : 1); in_child++) {
        char number[2] = {(char)('0' + in_child), '\0'};
        struct sandbox_plan plan = usual_plan(ARGV(WORD("eat"), number));
        plan.memory_bytes = 48 * MB;
        struct run run = run_to_end(&stage, &plan);
        if (group) {
            CHECK_MSG(run.ended.status == SIGKILL, "status %d", run.ended.status);
            CHECK(run.ended.out_of_memory);
            CHECK(run.ended.memory_peak_bytes > 32 * MB && run.ended.memory_peak_bytes <= 48 * MB);
        } else {
            CHECK_MSG(run.ended.status == 12 << 8, "status %d", run.ended.status);
        }
        run_close(&run);
    }
    stage_close(&stage);
}

TEST(tmp_has_the_size_it_was_given)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("fill"), WORD("/tmp/file")));
    struct run run = run_to_end(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    read_log(&run, NULL, &log);
    CHECK_TEXT(buffer_text(&log), "ENOSPC 16777216\n");
    run_close(&run);
    stage_close(&stage);
}

TEST(the_peak_of_memory_can_be_read_while_it_runs)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};
    char text[32] = "";

    expect_started(&stage, &run);
    read_log(&run, "waiting", &log);
    CHECK((strcmp(stage.report.memory, "rlimit") == 0) == (run.started.memory_fd < 0));
    if (run.started.memory_fd >= 0) {
        CHECK(pread(run.started.memory_fd, text, sizeof text - 1, 0) > 0);
        CHECK(strtoll(text, NULL, 10) > 0 && strtoll(text, NULL, 10) < 128 * MB);
    }
    run_close(&run);
    stage_close(&stage);
}

TEST(a_frozen_sandbox_can_be_killed)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};
    struct error err;

    expect_started(&stage, &run);
    read_log(&run, "waiting", &log);
    CHECK((strcmp(stage.report.freezer, "none") == 0) == (run.started.freeze_fd < 0));
    if (run.started.freeze_fd >= 0) {
        const char *word = run.started.freeze_v2 ? "1" : "FROZEN";
        CHECK(write(run.started.freeze_fd, word, strlen(word)) == (ssize_t)strlen(word));
    }
    CHECK(spawner_send_kill(stage.socket, run.id, &err) == 0);
    expect_exited(&stage, &run);
    CHECK(run.ended.status == SIGKILL);
    run_close(&run);
    stage_close(&stage);
}
