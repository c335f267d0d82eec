/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/path.h"
#include "gateway/events.h"
#include "gateway/gateway_priv.h"
#include "gateway/socket_priv.h"
#include "guard/upstreams.h"
#include "http/client.h"
#include "store/log_store.h"

#define LOG_NAME "access.log"

const struct tls_clients *gateway_clients(void *context, struct text name)
{
    const struct origin *origin = context;
    const struct gateway *gateway = origin->service;
    const struct api_domain *domain = route_domain(&gateway->options, name);

    return domain ? api_domain_clients(domain) : NULL;
}

struct gateway *gateway_new(const struct gateway_options *options)
{
    struct gateway *gateway = mem_new(struct gateway);

    gateway->options = *options;
    gateway->options.account = mem_strdup(options->account);
    gateway->options.region = mem_strdup(options->region);
    gateway->options.data_folder = NULL;
    gateway->time_s = -1;
    if (options->sockets)
        options->sockets->shards[options->shard] = (struct socket_shard){options->loop, gateway};
    list_init(&gateway->postings);
    list_init(&gateway->unheard);
    gateway->authorizing = authorizing_new(options->loop, options->invoker, options->directory,
                                           options->upstreams);
    gateway->client = client_new(options->loop);
    if (options->upstreams)
        client_restrict(gateway->client, upstreams_may_connect, options->upstreams);
    client_trust(gateway->client, options->upstream_ca);
    if (options->data_folder) {
        scoped(free) char *path = path_join(options->data_folder, LOG_NAME);
        gateway->log = access_log_new(options->loop, path, options->access_format);
    }
    return gateway;
}

void gateway_flush(struct gateway *gateway)
{
    if (gateway->log)
        access_log_flush(gateway->log);
}

void gateway_free(struct gateway *gateway)
{
    struct map_cursor cursor = {0};

    if (!gateway)
        return;
    events_done(gateway);
    map_done(&gateway->open_sockets);
    socket_calls_done(gateway);
    client_free(gateway->client);
    while (map_next(&gateway->stage_logs, &cursor))
        log_stream_close(cursor.value);
    map_done(&gateway->stage_logs);
    authorizing_free(gateway->authorizing);
    access_log_free(gateway->log);
    buffer_done(&gateway->scratch);
    free((char *)(uintptr_t)gateway->options.account);
    free((char *)(uintptr_t)gateway->options.region);
    free(gateway);
}
