/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/endpoint.h"

#include <stdio.h>

#include "base/mem.h"
#include "http/server.h"

#define LOCALHOST "localhost:"

static int bind_address(struct endpoint *endpoint, const char *host, int shards, struct error *err)
{
    char *address = endpoint->addresses[endpoint->address_count];

    snprintf(address, sizeof endpoint->addresses[0], "%s:%u", host, (unsigned)endpoint->port);
    if (http_check_unused(text_of(address), err) < 0)
        return -1;
    for (int shard = 0; shard < shards; shard++) {
        int fd = http_bind(text_of(address), &endpoint->port, err);
        if (fd < 0)
            return -1;
        endpoint->fds[shard * ENDPOINT_ADDRESSES_MAX + endpoint->address_count] = fd;
        snprintf(address, sizeof endpoint->addresses[0], "%s:%u", host, (unsigned)endpoint->port);
    }
    endpoint->address_count++;
    return 0;
}

static void close_all(struct endpoint *endpoint, int shards)
{
    for (int i = 0; i < shards * ENDPOINT_ADDRESSES_MAX; i++)
        if (endpoint->fds[i] >= 0)
            (void)close(endpoint->fds[i]);
    endpoint_done(endpoint);
}

static int split_port(struct endpoint *endpoint, struct text address, char *host, size_t size)
{
    size_t colon = address.len;
    int64_t port;

    while (colon > 0 && address.at[colon - 1] != ':')
        colon--;
    if (colon == 0 || colon - 1 >= size || !text_to_int(text_skip(address, colon), 0, 65535, &port))
        return -1;
    snprintf(host, size, "%.*s", (int)(colon - 1), address.at);
    endpoint->port = (uint16_t)port;
    return 0;
}

int endpoint_bind(struct endpoint *endpoint, const char *setting, struct text address, int shards,
                  struct error *err)
{
    char host[48];
    struct error cause, ignored;

    *endpoint = (struct endpoint){0};
    if (split_port(endpoint, address, host, sizeof host) < 0)
        return error_set(err, ERROR_INVALID,
                         "'%s' must be HOST:PORT, as in 127.0.0.1:9000, not '%.*s'", setting,
                         TEXT_ARG(address));
    size_t count = (size_t)shards * ENDPOINT_ADDRESSES_MAX;
    endpoint->fds = mem_alloc(count * sizeof *endpoint->fds);
    for (size_t i = 0; i < count; i++)
        endpoint->fds[i] = -1;

    bool both = text_starts(address, TEXT(LOCALHOST));
    if (bind_address(endpoint, both ? "127.0.0.1" : host, shards, &cause) < 0) {
        bool is_taken = cause.code == ERROR_CONFLICT;
        close_all(endpoint, shards);
        return error_set(err, cause.code, "'%s': %s%s%s", setting, cause.text,
                         is_taken ? ": stop what listens there, or choose another port with --" : "",
                         is_taken ? setting : "");
    }
    if (both)
        (void)bind_address(endpoint, "[::1]", shards, &ignored);
    return 0;
}

void endpoint_done(struct endpoint *endpoint)
{
    free(endpoint->fds);
    endpoint->fds = NULL;
}
