/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "api/api.h"
#include "api/apigateway.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "daemon/daemon_priv.h"
#include "daemon/doors.h"
#include "daemon/reload.h"
#include "gateway/access_format.h"
#include "gateway/gateway.h"
#include "gateway/http_apis.h"
#include "gateway/meter.h"
#include "gateway/sockets.h"
#include "guard/address_file.h"
#include "guard/deliveries.h"
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
#include "target/targets.h"

/* Who is made of what: each component is given what it needs of those made before it. */

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

/* A daemon without a firewall serves all routes that ask for none; a rule set that was named
 * is wanted. */
static int build_guards(struct daemon *daemon, struct error *err)
{
    scoped(free) char *path = path_join(daemon->settings->data, "quotas");
    int64_t threads = daemon->settings->waf_threads;

    daemon->deliveries = deliveries_new();
    daemon->limits = limit_table_new(LIMIT_ROUTES_AND_KEYS, LIMIT_CLIENTS);
    daemon->limit_file = limit_file_open(daemon->control, path, daemon->limits);
    daemon->address_files = address_files_new(daemon->control);
    const struct waf_options options = {
        .threads = (int)(threads ? threads : (daemon->shards + 1) / 2),
        .queue_max = (int)daemon->settings->waf_queue,
        .folder = daemon->settings->waf_rules,
    };
    daemon->waf = waf_new(&options, err);
    if (!daemon->waf && options.folder)
        return error_set(err, err->code, "'waf-rules': %s", err->text);
    if (!daemon->waf)
        log_info("there is no firewall", LOG_ERROR(err));
    daemon->guards = (struct guard_services){daemon->address_files, daemon->waf};
    return 0;
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
        return error_set(err, err->code, "'upstream-networks': %s", err->text);
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

int daemon_build(struct daemon *daemon, struct error *err)
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
    if (build_guards(daemon, err) < 0)
        return -1;
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
