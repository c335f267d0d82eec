/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

/* Many sandboxes, the spawner itself, and what is left when one of its ends is gone. */

/* The user id that the host sees, and the process's state. */
static unsigned host_uid(pid_t pid)
{
    char path[64];
    struct stat st;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    CHECK_MSG(stat(path, &st) == 0, "no process %d", pid);
    (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "re");
    unsigned uid = 0;
    char line[256];
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "Uid: %u", &uid) == 1)
            break;
    fclose(status);
    return uid;
}

TEST(many_sandboxes_live_side_by_side_each_with_its_own_user)
{
    enum { COUNT = 40 };
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run runs[COUNT];
    unsigned uids[COUNT];
    struct error err;

    for (int i = 0; i < COUNT; i++)
        runs[i] = send_start(&stage, &plan);
    for (int i = 0; i < COUNT; i++) {
        struct spawner_event event = next_event(&stage);
        CHECK_MSG(event.kind == SPAWNER_STARTED, "%s", event.text);
        runs[event.id - runs[0].id].started = event;
    }
    for (int i = 0; i < COUNT; i++) {
        uids[i] = host_uid(runs[i].started.pid);
        CHECK(uids[i] != 0 || !stage.report.privileged);
        for (int j = 0; j < i; j++)
            CHECK((uids[i] != uids[j]) == stage.report.privileged);
    }
    for (int i = 0; i < COUNT; i++)
        CHECK(spawner_send_kill(stage.socket, runs[i].id, &err) == 0);
    for (int i = 0; i < COUNT; i++)
        CHECK(next_event(&stage).kind == SPAWNER_EXITED);
    for (int i = 0; i < COUNT; i++)
        run_close(&runs[i]);
    stage_close(&stage);
}

TEST(a_shards_end_takes_its_sandboxes_and_no_others)
{
    struct stage stage = {0}, other;
    int sockets[2];
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));

    open_folders(&stage);
    launch(&stage, sockets, 2);
    other = stage;
    stage.socket = sockets[0];
    other.socket = sockets[1];
    struct run run = send_start(&stage, &plan), kept = send_start(&other, &plan);
    expect_started(&stage, &run);
    expect_started(&other, &kept);

    (void)close(stage.socket);
    await_gone(run.started.pid);
    CHECK(kill(kept.started.pid, 0) == 0);
    struct error err;
    CHECK(spawner_send_kill(other.socket, kept.id, &err) == 0);
    expect_exited(&other, &kept);
    run_close(&run);
    run_close(&kept);
    stage_close(&other);
}

TEST(the_daemons_end_takes_everything)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("bomb")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    expect_started(&stage, &run);
    read_log(&run, "full", &log);
    stage_close(&stage);
    read_log(&run, NULL, &log);
    await_gone(run.started.pid);
    run_close(&run);
}

/* A daemon of its own, which is killed: tells what it has, a function's pid as the id. */
static void be_daemon(int tell)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("bomb")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    expect_started(&stage, &run);
    read_log(&run, "full", &log);
    stage.next_id = (uint64_t)run.started.pid;
    CHECK(write(tell, &stage, sizeof stage) == sizeof stage);
    for (;;)
        pause();
}

TEST(the_daemons_end_takes_what_is_frozen)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run run = send_start(&stage, &plan);
    scoped(buffer_done) struct buffer log = {0};

    expect_started(&stage, &run);
    read_log(&run, "waiting", &log);
    if (run.started.freeze_fd >= 0) {
        const char *word = run.started.freeze_v2 ? "1" : "FROZEN";
        CHECK(write(run.started.freeze_fd, word, strlen(word)) == (ssize_t)strlen(word));
    }
    stage_close(&stage);
    await_gone(run.started.pid);
    run_close(&run);
}

TEST(a_daemon_killed_at_once_leaves_no_process)
{
    struct stage stage;
    int tell[2];

    CHECK(pipe2(tell, O_CLOEXEC) == 0);
    pid_t daemon = fork();
    if (daemon == 0)
        be_daemon(tell[1]);
    (void)close(tell[1]);
    CHECK(read(tell[0], &stage, sizeof stage) == sizeof stage);
    (void)close(tell[0]);
    CHECK(kill(daemon, SIGKILL) == 0);
    CHECK(await_exit(daemon) == SIGKILL);
    await_gone((pid_t)stage.next_id);
    await_gone(stage.pid);

    /* And starts again from what the dead one left. */
    launch(&stage, &stage.socket, 1);
    stage_close(&stage);
}

TEST(a_killed_spawner_takes_everything)
{
    struct stage stage = stage_open();
    const struct sandbox_plan plan = usual_plan(ARGV(WORD("wait")));
    struct run run = send_start(&stage, &plan);
    struct spawner_event event;
    struct error err;

    expect_started(&stage, &run);
    CHECK(kill(stage.pid, SIGKILL) == 0);
    CHECK(await_exit(stage.pid) == SIGKILL);
    await_gone(run.started.pid);
    CHECK(spawner_receive(stage.socket, &event, &err) < 0);
    CHECK(spawner_send_kill(stage.socket, run.id, &err) < 0);
    run_close(&run);
    (void)close(stage.socket);

    launch(&stage, &stage.socket, 1);
    stage_close(&stage);
}

/* --- control groups ---------------------------------------------------------------- */

TEST(groups_of_an_earlier_daemon_are_removed)
{
    struct stage stage = stage_open();
    bool groups = strncmp(stage.report.pids, "cgroup", 6) == 0;

    CHECK((count_groups(&stage) > 0) == groups || !groups);
    make_stale = true;
    (void)count_groups(&stage);
    make_stale = false;
    CHECK(kill(stage.pid, SIGKILL) == 0);
    (void)await_exit(stage.pid);
    (void)close(stage.socket);
    CHECK((count_groups(&stage) > 0) == groups || !groups);

    launch(&stage, &stage.socket, 1);
    (void)close(stage.socket);
    CHECK(await_exit(stage.pid) == 0);
    CHECK_MSG(count_groups(&stage) == 0, "%d groups are left", groups_found);
    struct error err;
    CHECK(path_remove_tree(stage.folder, &err) == 0);
}

/* The interpreters and compiled languages that functions are written in need more of the
 * kernel than the probe: threads, timers, signals, just-in-time code. */
TEST(the_languages_of_functions_run)
{
    static const struct {
        const char *program, *option, *code;
        int64_t memory_bytes;
    } cases[] = {
        {"/usr/bin/node", "-e",
         "const {Worker} = require('worker_threads');"
         "if (require('os').cpus().length < 1) process.exit(2);"
         "require('fs').writeFileSync('/tmp/x', 'x');"
         "require('child_process').execFileSync('/bin/true');"
         "require('net').createServer().listen(0, '127.0.0.1', function () { this.close(); });"
         "new Worker('process.exit(7)', {eval: true}).on('exit', c => process.exit(c - 7));",
         512 * MB},
        {"/usr/bin/python3", "-c",
         "import threading, subprocess, multiprocessing, ssl, pwd, os, socket\n"
         "pwd.getpwuid(os.getuid()); ssl.create_default_context()\n"
         "subprocess.run(['/bin/true'], check=True)\n"
         "t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
         "q = multiprocessing.Queue()\n"
         "p = multiprocessing.Process(target=q.put, args=(1,)); p.start()\n"
         "assert q.get() == 1 and socket.gethostbyname('localhost') == '127.0.0.1'\n",
         512 * MB},
        {"/usr/bin/java", "-Xmx64m", "-version", 1024 * MB},
        {"/bin/sh", "-c", "test \"$(id -un)\" = sbx_user1051 && date >/dev/null && ls / | wc -l",
         128 * MB},
    };
    struct stage stage = stage_open();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char program[64], option[16], code[2048];
        if (access(cases[i].program, X_OK) < 0)
            continue;
        (void)snprintf(program, sizeof program, "%s", cases[i].program);
        (void)snprintf(option, sizeof option, "%s", cases[i].option);
        (void)snprintf(code, sizeof code, "%s", cases[i].code);
        struct sandbox_plan plan = usual_plan((char *[]){program, option, code, NULL});
        plan.memory_bytes = cases[i].memory_bytes;
        plan.tmp_bytes = 64 * MB;
        plan.pids = 256;
        struct run run = run_to_end(&stage, &plan);
        scoped(buffer_done) struct buffer log = {0};
        read_log(&run, NULL, &log);
        CHECK_MSG(run.ended.status == 0, "%s: status %d\n%s", program, run.ended.status, log.at);
        run_close(&run);
    }
    stage_close(&stage);
}

TEST(what_is_no_request_does_no_harm)
{
    struct stage stage = stage_open();
    char garbage[4096];

    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (char)(i * 31);
    CHECK(send(stage.socket, garbage, sizeof garbage, MSG_NOSIGNAL) == sizeof garbage);
    struct spawner_event event = next_event(&stage);
    CHECK(event.kind == SPAWNER_FAILED && event.id == 0);

    const struct sandbox_plan plan = usual_plan(ARGV(WORD("exit"), WORD("0")));
    struct run run = run_to_end(&stage, &plan);
    run_close(&run);
    stage_close(&stage);
}

TEST(a_host_that_cannot_is_told_why)
{
    struct stage stage = {0};
    struct spawner_report report;
    struct error err = {0};
    int socket;
    pid_t pid;

    open_folders(&stage);
    const struct spawner_options options = {
        .code_root = inside(&stage, "code"),
        .init_path = "/nonexistent/evoke-init",
        .sockets = 1,
    };
    CHECK(spawner_launch(&options, &socket, &pid, &report, &err) < 0);
    CHECK_MSG(strstr(err.text, "/nonexistent/evoke-init"), "%s", err.text);
    CHECK(socket == -1 && count_groups(&stage) == 0);
    CHECK(path_remove_tree(stage.folder, &err) == 0);
}
