/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "api/api.h"
#include "api/apigateway.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "daemon/daemon_priv.h"
#include "daemon/doors.h"
#include "engine/package.h"
#include "gateway/gateway.h"
#include "gateway/sockets.h"
#include "guard/limit_file.h"
#include "guard/usage.h"
#include "router/buses.h"
#include "source/mapping.h"
#include "source/queue.h"
#include "source/schedules.h"
#include "source/timer.h"
#include "store/event_store.h"

/*
 * The wiring. Order matters: the spawner is forked while there is one thread; the store
 * and the keys are opened; every component of every shard is built before a loop runs; then
 * the shards start and the main thread becomes the control loop. Taking down goes the other
 * way: listeners, running invocations, logs, loops, store.
 */

#define EXPIRE_MS (3600 * 1000)

/* --- before there are threads --- */

static int lock_data(struct daemon *daemon, struct error *err)
{
    const char *data = daemon->settings->data;
    char pid[24] = "";

    if (path_make_folders(data, 0700, err) < 0)
        return -1;
    scoped(free) char *path = path_join(data, "daemon.lock");
    daemon->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (daemon->lock_fd < 0)
        return error_system(err, "cannot open '%s'", path);
    if (flock(daemon->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        ssize_t len = read(daemon->lock_fd, pid, sizeof pid - 1);
        pid[len > 0 ? len : 0] = '\0';
        return error_set(err, ERROR_CONFLICT,
                         "another evoke daemon (pid %s) uses '%s': stop it, or give this one a "
                         "folder of its own with --data",
                         pid, data);
    }
    int len = snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (ftruncate(daemon->lock_fd, 0) < 0 || pwrite(daemon->lock_fd, pid, (size_t)len, 0) != len)
        return error_system(err, "cannot write '%s'", path);
    return 0;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Beside the program: in the build tree, or where `make install` puts it. */
static char *find_init(void)
{
    static const char *const places[] = {"../sandbox/evoke-init", "../libexec/evoke/evoke-init"};
    char program[4096];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);

    while (len > 0 && program[len - 1] != '/')
        len--;
    for (size_t i = 0; len > 0 && i < COUNT_OF(places); i++) {
        char *path = mem_format("%.*s%s", (int)len, program, places[i]);
        if (access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return mem_strdup("/usr/local/libexec/evoke/evoke-init");
}

static int launch_spawner(struct daemon *daemon, struct error *err)
{
    scoped(free) char *code = path_join(daemon->settings->data, "code");
    scoped(free) char *init = find_init();
    const struct spawner_options options = {
        .code_root = code,
        .runtimes_root = daemon->settings->runtimes,
        .init_path = init,
        .sockets = daemon->shards,
    };

    daemon->sockets = mem_zalloc((size_t)daemon->shards * sizeof *daemon->sockets);
    if (spawner_launch(&options, daemon->sockets, &daemon->spawner, &daemon->report, err) < 0)
        return -1;
    for (int i = 0; i < daemon->report.missing_count; i++)
        log_warn("not everything can be enforced here",
                 LOG_TEXT("what", daemon->report.missing[i]));
    return 0;
}

static int open_state(struct daemon *daemon, struct error *err)
{
    const char *data = daemon->settings->data;
    const struct event_store_options events = {.folder = data,
                                               .max_bytes = daemon->settings->events_max_bytes};

    daemon->store = store_open(data, err);
    daemon->keyring = daemon->store ? keyring_open(data, err) : NULL;
    daemon->logs = daemon->keyring ? log_store_open(data, err) : NULL;
    daemon->events = daemon->logs ? event_store_open(&events, err) : NULL;
    return daemon->events ? 0 : -1;
}

/* --- running --- */

static void add_address(json_t *json, const char *name, const struct endpoint *endpoint)
{
    if (endpoint)
        (void)json_object_set_new(json, name, json_sprintf("https://%s", endpoint->addresses[0]));
}

static int write_address_file(const struct daemon *daemon, struct error *err)
{
    scoped(free) char *path = path_join(daemon->settings->data, "daemon.json");
    scoped(json_decref) json_t *json =
        json_pack("{s:o,s:o,s:s,s:s,s:i,s:s}", "api",
                  json_sprintf("http://%s", daemon->api_endpoint->addresses[0]), "gateway",
                  json_sprintf("http://%s", daemon->gateway_endpoint->addresses[0]), "region",
                  daemon->settings->region, "account", daemon->settings->account, "pid",
                  (int)getpid(), "version", EVOKE_VERSION);
    add_address(json, "api-tls", doors_endpoint(daemon->doors, DOOR_API_TLS));
    add_address(json, "gateway-tls", doors_endpoint(daemon->doors, DOOR_GATEWAY_TLS));
    scoped(free) char *text = json_write(json);

    return path_write(path, text_of(text), 0644, err);
}

static void print_address(const char *name, const struct endpoint *endpoint)
{
    if (endpoint)
        printf(" %s=https://%s", name, endpoint->addresses[0]);
}

static void on_served(void *arg)
{
    struct daemon *daemon = arg;
    struct error err;

    if (write_address_file(daemon, &err) < 0)
        log_warn("commands will not find this daemon by themselves", LOG_ERROR(&err));
    printf("evoke ready api=http://%s gateway=http://%s", daemon->api_endpoint->addresses[0],
           daemon->gateway_endpoint->addresses[0]);
    print_address("api-tls", doors_endpoint(daemon->doors, DOOR_API_TLS));
    print_address("gateway-tls", doors_endpoint(daemon->doors, DOOR_GATEWAY_TLS));
    printf(" data=%s\n", daemon->settings->data);
    fflush(stdout);
}

static void on_ready(void *arg)
{
    struct daemon *daemon = arg;

    buses_start(daemon->buses);
    event_store_start(daemon->events);
    queues_start(daemon->queues);
    schedules_start(daemon->schedules);
    timer_start(daemon->timer);
    mappings_start(daemon->mappings);
    usages_start(daemon->usages);
    apigateway_start(daemon->apigateway, on_served, daemon);
}

static void on_flushed(void *arg)
{
    struct place *place = arg;

    loop_stop(place->loop);
}

static void on_flush(struct loop_message *message)
{
    struct place *place = container_of(message, struct place, flush);

    gateway_flush(place->gateway);
    log_writer_flush(shard_log_writer(place->shard), on_flushed, place);
}

/* Everything is answered and every instance is gone. */
static void finish_stop(struct daemon *daemon)
{
    for (int i = 0; i < daemon->shards; i++) {
        daemon->places[i].flush.run = on_flush;
        loop_post(daemon->places[i].loop, &daemon->places[i].flush);
    }
    loop_stop(daemon->control);
}

static void count_down(struct daemon *daemon)
{
    if (--daemon->waiting == 0)
        finish_stop(daemon);
}

static void on_engine_drained(void *arg)
{
    count_down(arg);
}

static void on_place_drained(struct loop_message *message)
{
    count_down(container_of(message, struct place, drained)->daemon);
}

static void on_server_drained(void *arg)
{
    struct place *place = arg;

    place->drained.run = on_place_drained;
    loop_post(place->daemon->control, &place->drained);
}

static void on_drain(struct loop_message *message)
{
    struct place *place = container_of(message, struct place, drain);

    http_server_drain(place->server, on_server_drained, place);
}

static void stop(struct daemon *daemon)
{
    if (daemon->is_stopping) {
        log_warn("stopped at once, asked twice");
        _exit(EXIT_ERROR);
    }
    daemon->is_stopping = true;
    log_info("stopping", LOG_NUM("drain_ms", daemon->settings->drain_ms));
    daemon->waiting = daemon->shards + 1;
    for (int i = 0; i < daemon->shards; i++) {
        daemon->places[i].drain.run = on_drain;
        loop_post(daemon->places[i].loop, &daemon->places[i].drain);
    }
    loop_timer_clear(&daemon->expire);
    doors_unwatch(daemon->doors);
    mappings_drain(daemon->mappings);
    queues_drain(daemon->queues);
    timer_stop(daemon->timer);
    engine_drain(daemon->engine, daemon->settings->drain_ms, on_engine_drained, daemon);
}

static void on_term(struct loop_signal *caught, int number)
{
    stop(container_of(caught, struct daemon, term));
}

static void on_interrupt(struct loop_signal *caught, int number)
{
    stop(container_of(caught, struct daemon, interrupt));
}

static void expire_logs(struct loop_job *job)
{
    struct daemon *daemon = container_of(job, struct daemon, expire_job);
    struct error err;

    if (log_store_expire(daemon->logs, clock_now_ms() - daemon->settings->log_retention_ms, &err) <
        0)
        log_warn("old logs could not be removed", LOG_ERROR(&err));
}

static void on_expired(struct loop_job *job)
{
    struct daemon *daemon = container_of(job, struct daemon, expire_job);

    if (!daemon->is_stopping)
        loop_timer_set(daemon->control, &daemon->expire, EXPIRE_MS);
}

static void on_expire(struct loop_timer *timer)
{
    struct daemon *daemon = container_of(timer, struct daemon, expire);

    daemon->expire_job.work = expire_logs;
    daemon->expire_job.done = on_expired;
    loop_work(daemon->control, &daemon->expire_job);
}

static int run_loops(struct daemon *daemon, struct error *err)
{
    for (int i = 0; i < daemon->shards; i++)
        if (loop_start(daemon->loops[i], err) < 0)
            return -1;
    daemon->term.caught = on_term;
    daemon->interrupt.caught = on_interrupt;
    loop_signal_start(daemon->control, &daemon->term, SIGTERM);
    loop_signal_start(daemon->control, &daemon->interrupt, SIGINT);
    doors_watch(daemon->doors, daemon->control, daemon->loops);
    daemon->expire.fire = on_expire;
    loop_timer_set(daemon->control, &daemon->expire, 1000);
    engine_start(daemon->engine, on_ready, daemon);
    loop_run(daemon->control);
    return 0;
}

static void take_down(struct daemon *daemon)
{
    for (int i = 0; i < daemon->shards; i++)
        loop_join(daemon->loops[i]);
    limit_file_close(daemon->limit_file);
    usages_close(daemon->usages);
    event_store_close(daemon->events);
    store_close(daemon->store);
    scoped(free) char *path = path_join(daemon->settings->data, "daemon.json");
    (void)unlink(path);
    log_info("stopped");
}

static int build_and_run(struct daemon *daemon, struct error *err)
{
    const struct settings *settings = daemon->settings;

    if (lock_data(daemon, err) < 0 || package_prepare(settings->data, err) < 0)
        return -1;
    raise_descriptor_limit();
    (void)signal(SIGPIPE, SIG_IGN);
    daemon->interpreters = interpreters_find(settings->runtimes);
    if (launch_spawner(daemon, err) < 0 || open_state(daemon, err) < 0)
        return -1;
    daemon->doors = doors_open(settings, err);
    if (!daemon->doors)
        return -1;
    daemon->api_endpoint = doors_endpoint(daemon->doors, DOOR_API);
    daemon->gateway_endpoint = doors_endpoint(daemon->doors, DOOR_GATEWAY);
    if (daemon_build(daemon, err) < 0 || run_loops(daemon, err) < 0)
        return -1;
    take_down(daemon);
    return 0;
}

static enum log_level level_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i], name) == 0)
            return (enum log_level)i;
    return LEVEL_INFO;
}

static void print_help(void)
{
    scoped(buffer_done) struct buffer help = {0};

    option_help(settings_options, &help);
    printf("Usage: evoke serve [OPTION]...\n\nRuns the daemon in the foreground.\n\n"
           "  --config FILE   read settings from a file of lines \"name = value\"\n%.*s",
           (int)help.len, help.at);
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    static struct daemon daemon;

    (void)session;
    daemon.settings = &daemon.config.settings;
    if (config_read(&daemon.config, argc, argv, err) < 0)
        return EXIT_USAGE;
    if (daemon.config.help) {
        print_help();
        return EXIT_OK;
    }
    if (settings_check(daemon.settings, err) < 0)
        return EXIT_USAGE;
    log_configure(level_of(daemon.settings->log_level),
                  strcmp(daemon.settings->log_format, "json") == 0);
    daemon.shards = (int)daemon.settings->shards;
    return build_and_run(&daemon, err) < 0 ? EXIT_ERROR : EXIT_OK;
}

const struct command command_serve = {
    .name = "serve",
    .usage = "",
    .summary = "run the daemon",
    .help =
        "Settings come from defaults, then the file of --config FILE (lines \"name = value\"),\n"
        "then the command line.\n",
    .options = settings_options,
    .run = run,
};
