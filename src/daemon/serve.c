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
#include "daemon/config.h"
#include "daemon/doors.h"
#include "daemon/reload.h"
#include "engine/engine.h"
#include "engine/package.h"
#include "gateway/access_format.h"
#include "gateway/gateway.h"
#include "gateway/http_apis.h"
#include "gateway/meter.h"
#include "gateway/sockets.h"
#include "guard/address_file.h"
#include "guard/deliveries.h"
#include "guard/guard.h"
#include "guard/limit_file.h"
#include "guard/upstreams.h"
#include "guard/usage.h"
#include "guard/waf.h"
#include "router/bus_inbox.h"
#include "router/buses.h"
#include "router/replay.h"
#include "source/mapping.h"
#include "source/queue.h"
#include "source/scheduled_rules.h"
#include "source/schedules.h"
#include "source/timer.h"
#include "store/event_store.h"
#include "target/targets.h"

/*
 * The wiring. Order matters: the spawner is forked while there is one thread; the store
 * and the keys are opened; every component of every shard is built before a loop runs; then
 * the shards start and the main thread becomes the control loop. Taking down goes the other
 * way: listeners, running invocations, logs, loops, store.
 */

#define EXPIRE_MS (3600 * 1000)

/* What one shard has of each component. */
struct place {
    struct daemon *daemon;
    struct shard *shard;
    struct loop *loop;
    struct http_server *server;
    struct api_shard *api;
    struct gateway *gateway;
    struct origin api_origin, gateway_origin; /* requests from outside */
    struct loop_message drain, flush, drained;
};

struct daemon {
    struct config config;
    const struct settings *settings;
    int lock_fd;
    struct spawner_report report;
    pid_t spawner;
    int *sockets;
    struct interpreters *interpreters;
    struct store *store;
    struct event_store *events;
    struct registry *queue_documents;
    struct queues *queues;
    struct buses *buses;
    const struct directory **directories; /* of the shards */
    struct replays *replays;
    struct bus_inbox *inbox;
    struct log_writer **log_writers; /* of the shards */
    struct targets *targets;
    struct timer *timer;
    struct scheduled_rules *rules;
    struct schedules *schedules;
    struct registry *mapping_documents;
    struct mappings *mappings;
    struct apigateway *apigateway;
    struct access_format *access_format; /* NULL: combined */
    struct meters *meters;
    struct limit_table *limits;
    struct deliveries *deliveries;
    struct limit_file *limit_file;
    struct address_files *address_files;
    struct reloading *reloading;
    struct waf *waf; /* NULL: there is none */
    struct guard_services guards;
    struct upstreams *upstreams;
    struct usages *usages;
    struct http_apis *http_apis;
    struct sockets *web_sockets;
    struct keyring *keyring;
    struct log_store *logs;
    struct loop *control, **loops;
    struct engine *engine;
    struct api *api;
    struct doors *doors;
    const struct endpoint *api_endpoint, *gateway_endpoint;
    struct place *places;
    int shards, waiting;
    bool is_stopping;
    struct loop_signal term, interrupt;
    struct loop_timer expire;
    struct loop_job expire_job;
};

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

/* --- building --- */

static void listen_all(struct place *place, int index)
{
    struct doors *doors = place->daemon->doors;

    doors_listen(doors, index, DOOR_API, place->server, &api_app, &place->api_origin);
    doors_listen(doors, index, DOOR_API_TLS, place->server, &api_app, &place->api_origin);
    doors_listen(doors, index, DOOR_GATEWAY, place->server, &gateway_app, &place->gateway_origin);
    doors_listen(doors, index, DOOR_GATEWAY_TLS, place->server, &gateway_app,
                 &place->gateway_origin);
}

static void build_place(struct daemon *daemon, int index)
{
    struct place *place = &daemon->places[index];

    place->daemon = daemon;
    place->shard = engine_shard(daemon->engine, index);
    place->loop = daemon->loops[index];
    place->api = api_shard_new(daemon->api, place->shard);
    const struct gateway_options options = {
        .loop = place->loop,
        .invoker = shard_invoker(place->shard),
        .directory = shard_directory(place->shard),
        .buses = buses_view(daemon->buses, index),
        .events = daemon->events,
        .apis = http_apis_view(daemon->http_apis, index),
        .limits = daemon->limits,
        .deliveries = daemon->deliveries,
        .waf = daemon->waf,
        .upstreams = daemon->upstreams,
        .logs = shard_log_writer(place->shard),
        .services = api_shard_services(place->api),
        .usage = usages_of(daemon->usages, index),
        .upstream_ca = daemon->settings->upstream_ca,
        .keyring = daemon->keyring,
        .account = daemon->settings->account,
        .region = daemon->settings->region,
        .sockets = daemon->web_sockets,
        .shard = index,
        .socket_idle_ms = daemon->settings->websocket_idle_s * 1000,
        .port = daemon->gateway_endpoint->port,
        .data_folder = daemon->settings->access_log ? daemon->settings->data : NULL,
        .access_format = daemon->access_format,
        .forwarding = {.trusted = doors_proxies(daemon->doors),
                       .by_forwarded =
                           strcmp(daemon->settings->forwarded_header, "forwarded") == 0},
        .compresses = daemon->settings->gateway_compression,
        .meter = meters_of(daemon->meters, index),
    };
    place->gateway = gateway_new(&options);
    place->api_origin = (struct origin){.service = place->api};
    place->gateway_origin = (struct origin){.service = place->gateway};
    shard_set_doors(place->shard, &api_app, place->api, &gateway_app, place->gateway);
    place->server = http_server_new(place->loop, &http_limits_public);
    listen_all(place, index);
}

static int build_queues(struct daemon *daemon, struct error *err)
{
    daemon->queue_documents = registry_open(daemon->store, daemon->control, "queue", err);
    if (!daemon->queue_documents)
        return -1;
    const struct queues_options options = {
        .store = daemon->events,
        .registry = daemon->queue_documents,
        .control = daemon->control,
        .loops = daemon->loops,
        .loop_count = daemon->shards,
    };
    daemon->queues = queues_new(&options);
    return 0;
}

static int build_buses(struct daemon *daemon, struct error *err)
{
    const struct buses_options options = {
        .store = daemon->store,
        .events = daemon->events,
        .control = daemon->control,
        .loops = daemon->loops,
        .loop_count = daemon->shards,
        .account = daemon->settings->account,
        .region = daemon->settings->region,
    };

    daemon->buses = buses_open(&options, err);
    if (!daemon->buses)
        return -1;
    daemon->directories = mem_zalloc((size_t)daemon->shards * sizeof *daemon->directories);
    for (int i = 0; i < daemon->shards; i++)
        daemon->directories[i] = shard_directory(engine_shard(daemon->engine, i));
    daemon->replays = replays_new(daemon->buses, daemon->directories);
    const struct bus_inbox_options inbox = {
        .buses = daemon->buses,
        .events = daemon->events,
        .loops = daemon->loops,
        .directories = daemon->directories,
        .loop_count = daemon->shards,
    };
    daemon->inbox = bus_inbox_new(&inbox);
    return 0;
}

static void build_targets(struct daemon *daemon)
{
    daemon->log_writers = mem_zalloc((size_t)daemon->shards * sizeof(struct log_writer *));
    for (int i = 0; i < daemon->shards; i++)
        daemon->log_writers[i] = shard_log_writer(engine_shard(daemon->engine, i));
    const struct targets_options options = {
        .buses = daemon->buses,
        .events = daemon->events,
        .control = daemon->control,
        .loops = daemon->loops,
        .loop_count = daemon->shards,
        .logs = daemon->log_writers,
        .account = daemon->settings->account,
        .region = daemon->settings->region,
        .may_connect = upstreams_may_connect,
        .may_connect_arg = daemon->upstreams,
    };
    daemon->targets = targets_new(&options);
}

static int build_schedules(struct daemon *daemon, struct error *err)
{
    const struct timer_options timer = {.control = daemon->control, .events = daemon->events};
    const struct event_firer firer = {.control = daemon->control,
                                      .shard = daemon->loops[0],
                                      .view = buses_view(daemon->buses, 0),
                                      .functions = daemon->directories[0]};

    daemon->timer = timer_new(&timer);
    const struct scheduled_rules_options rules = {
        .buses = daemon->buses,
        .timer = daemon->timer,
        .firer = firer,
        .account = daemon->settings->account,
        .region = daemon->settings->region,
    };
    daemon->rules = scheduled_rules_new(&rules);
    const struct schedules_options options = {
        .store = daemon->store,
        .control = daemon->control,
        .timer = daemon->timer,
        .firer = firer,
        .account = daemon->settings->account,
        .region = daemon->settings->region,
    };
    daemon->schedules = schedules_open(&options, err);
    return daemon->schedules ? 0 : -1;
}

/* A daemon without a firewall serves all routes that ask for none. */
static void build_guards(struct daemon *daemon)
{
    scoped(free) char *path = path_join(daemon->settings->data, "quotas");
    int64_t threads = daemon->settings->waf_threads;
    struct error err;

    daemon->deliveries = deliveries_new();
    daemon->limits = limit_table_new(LIMIT_ROUTES_AND_KEYS, LIMIT_CLIENTS);
    daemon->limit_file = limit_file_open(daemon->control, path, daemon->limits);
    daemon->address_files = address_files_new(daemon->control);
    const struct waf_options options = {
        .threads = (int)(threads ? threads : (daemon->shards + 1) / 2),
        .queue_max = (int)daemon->settings->waf_queue,
        .folder = daemon->settings->waf_rules,
    };
    daemon->waf = waf_new(&options, &err);
    if (!daemon->waf)
        log_info("there is no firewall", LOG_ERROR(&err));
    daemon->guards = (struct guard_services){daemon->address_files, daemon->waf};
}

static void build_usages(struct daemon *daemon)
{
    scoped(free) char *path = path_join(daemon->settings->data, "usage");
    const struct usages_options options = {
        .control = daemon->control,
        .loops = daemon->loops,
        .loop_count = daemon->shards,
        .path = path,
    };

    daemon->usages = usages_new(&options);
}

static int build_upstreams(struct daemon *daemon, struct error *err)
{
    daemon->upstreams = upstreams_compile(daemon->settings->upstream_networks, err);
    if (!daemon->upstreams)
        return -1;
    for (int i = 0; i < DOORS; i++) {
        const struct endpoint *endpoint = doors_endpoint(daemon->doors, (enum door)i);
        if (endpoint)
            upstreams_add_own(daemon->upstreams, endpoint->port);
    }
    return 0;
}

static int build_mappings(struct daemon *daemon, struct error *err)
{
    scoped(free) struct mapping_place *places = mem_zalloc((size_t)daemon->shards * sizeof *places);

    daemon->mapping_documents = registry_open(daemon->store, daemon->control, "mapping", err);
    if (!daemon->mapping_documents)
        return -1;
    for (int i = 0; i < daemon->shards; i++) {
        struct shard *shard = engine_shard(daemon->engine, i);
        places[i] =
            (struct mapping_place){daemon->loops[i], shard_invoker(shard), shard_directory(shard)};
    }
    const struct mappings_options options = {
        .queues = daemon->queues,
        .events = daemon->events,
        .registry = daemon->mapping_documents,
        .control = daemon->control,
        .places = places,
        .place_count = daemon->shards,
    };
    daemon->mappings = mappings_new(&options);
    return 0;
}

static void build_http_apis(struct daemon *daemon)
{
    const struct http_apis_options options = {
        .control = daemon->control,
        .loops = daemon->loops,
        .loop_count = daemon->shards,
        .account = daemon->settings->account,
        .region = daemon->settings->region,
        .guards = &daemon->guards,
    };

    daemon->http_apis = http_apis_new(&options);
    daemon->web_sockets = sockets_new(daemon->shards);
}

static int build_apigateway(struct daemon *daemon, struct error *err)
{
    const struct apigateway_options options = {
        .store = daemon->store,
        .control = daemon->control,
        .http_apis = daemon->http_apis,
        .usages = daemon->usages,
        .limits = daemon->limits,
        .data_folder = daemon->settings->data,
        .account = daemon->settings->account,
        .region = daemon->settings->region,
    };

    daemon->apigateway = apigateway_open(&options, err);
    return daemon->apigateway ? 0 : -1;
}

static int build(struct daemon *daemon, struct error *err)
{
    const char *format = daemon->settings->access_log_format;
    if (format) {
        daemon->access_format = access_format_compile(text_of(format), err);
        if (!daemon->access_format)
            return -1;
    }
    daemon->control = loop_new("control");
    daemon->loops = mem_zalloc((size_t)daemon->shards * sizeof(struct loop *));
    for (int i = 0; i < daemon->shards; i++) {
        char name[24];
        snprintf(name, sizeof name, "shard-%d", i);
        daemon->loops[i] = loop_new(name);
    }
    const struct engine_options options = {
        .settings = &daemon->config.settings,
        .store = daemon->store,
        .events = daemon->events,
        .logs = daemon->logs,
        .keyring = daemon->keyring,
        .interpreters = daemon->interpreters,
        .control = daemon->control,
        .shard_loops = daemon->loops,
        .spawner_sockets = daemon->sockets,
        .report = daemon->report,
        .data_folder = daemon->settings->data,
        .api_address = daemon->api_endpoint->addresses[0],
        .gateway_address = daemon->gateway_endpoint->addresses[0],
        .guards = &daemon->guards,
    };
    build_guards(daemon);
    daemon->engine = engine_new(&options, err);
    if (!daemon->engine)
        return -1;
    build_http_apis(daemon);
    build_usages(daemon);
    if (build_upstreams(daemon, err) < 0 || build_queues(daemon, err) < 0 ||
        build_buses(daemon, err) < 0 || build_mappings(daemon, err) < 0 ||
        build_schedules(daemon, err) < 0 || build_apigateway(daemon, err) < 0)
        return -1;
    build_targets(daemon);
    daemon->api = api_new(daemon->engine);
    daemon->meters = meters_new(daemon->shards);
    api_set_meters(daemon->api, daemon->meters);
    daemon->reloading =
        reloading_new(daemon->control, daemon->doors, daemon->address_files, daemon->waf);
    api_set_reloader(daemon->api, reloading_reloader(daemon->reloading));
    api_set_queues(daemon->api, daemon->queues);
    api_set_buses(daemon->api, daemon->buses);
    api_set_mappings(daemon->api, daemon->mappings);
    api_set_apigateway(daemon->api, daemon->apigateway);
    scoped(free) char *api_url = mem_format("http://%s", daemon->api_endpoint->addresses[0]);
    scoped(free) char *gateway_url =
        mem_format("http://%s", daemon->gateway_endpoint->addresses[0]);
    api_set_addresses(daemon->api, api_url, gateway_url);
    api_set_schedules(daemon->api, daemon->schedules);
    daemon->places = mem_zalloc((size_t)daemon->shards * sizeof *daemon->places);
    for (int i = 0; i < daemon->shards; i++)
        build_place(daemon, i);
    return 0;
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

static void on_served(void *arg)
{
    struct daemon *daemon = arg;
    struct error err;

    if (write_address_file(daemon, &err) < 0)
        log_warn("commands will not find this daemon by themselves", LOG_ERROR(&err));
    printf("evoke ready api=http://%s gateway=http://%s data=%s\n",
           daemon->api_endpoint->addresses[0], daemon->gateway_endpoint->addresses[0],
           daemon->settings->data);
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
    if (build(daemon, err) < 0 || run_loops(daemon, err) < 0)
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
