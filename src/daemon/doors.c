/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/doors.h"

#include <errno.h>
#include <signal.h>
#include <sys/inotify.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/ranges.h"
#include "gateway/gateway.h"
#include "loop/broadcast.h"

#define SETTLE_MS 200 /* a certificate and its key are two files */

struct certificates {
    struct tls *api, *gateway; /* clients prove who they are to the gateway only */
};

struct doors {
    const struct settings *settings;
    struct endpoint endpoints[DOORS];
    struct ranges *proxies;  /* NULL: none is trusted */
    struct http_door *doors; /* DOORS for each shard, each of its shard's loop */
    int shards;
    struct certificates certificates; /* the latest; a reference each for every shard's door */

    struct loop *control;
    struct loop *const *loops;
    struct loop_signal hang_up;
    struct loop_io folder;
    struct loop_timer changed;
    struct loop_job job;
    struct certificates loaded; /* of the job; api NULL: refused with load_error */
    struct error load_error;
    struct list reloads; /* to be told at the end of the next loading */
    struct list told;    /* of this one */
    bool loading, again, stopped;
};

static bool has_tls(const struct settings *settings)
{
    return settings->api_tls || settings->gateway_tls;
}

static void certificates_done(struct certificates *certificates)
{
    tls_unref(certificates->api);
    tls_unref(certificates->gateway);
    *certificates = (struct certificates){0};
}

static int load(const struct settings *settings, struct certificates *ret, struct error *err)
{
    struct tls_options options = {.certificates = settings->tls_certificates};

    ret->api = tls_open(&options, err);
    if (!ret->api)
        return -1;
    options.client_ca = settings->tls_client_ca;
    if (options.client_ca)
        options.client_auth = strcmp(settings->tls_client_auth, "optional") == 0
                                  ? TLS_CLIENT_OPTIONAL
                                  : TLS_CLIENT_REQUIRED;
    ret->gateway = tls_open(&options, err);
    if (ret->gateway)
        return 0;
    certificates_done(ret);
    return -1;
}

static int bind_all(struct doors *doors, struct error *err)
{
    const struct settings *settings = doors->settings;
    const struct {
        const char *setting, *address;
    } rows[] = {
        [DOOR_API] = {"api", settings->api},
        [DOOR_GATEWAY] = {"gateway", settings->gateway},
        [DOOR_API_TLS] = {"api-tls", settings->api_tls},
        [DOOR_GATEWAY_TLS] = {"gateway-tls", settings->gateway_tls},
    };

    for (int i = 0; i < DOORS; i++)
        if (rows[i].address && endpoint_bind(&doors->endpoints[i], rows[i].setting,
                                             text_of(rows[i].address), doors->shards, err) < 0)
            return -1;
    return 0;
}

/* What was bound stays bound when it fails: the process ends then. */
struct doors *doors_open(const struct settings *settings, struct error *err)
{
    struct doors *doors = mem_new(struct doors);
    struct error why;

    doors->settings = settings;
    list_init(&doors->reloads);
    list_init(&doors->told);
    doors->shards = (int)settings->shards;
    doors->doors = mem_zalloc((size_t)doors->shards * DOORS * sizeof *doors->doors);
    if (settings->trusted_proxies) {
        doors->proxies = ranges_of_list(text_of(settings->trusted_proxies), &why);
        if (!doors->proxies)
            (void)error_set(err, ERROR_INVALID, "'trusted-proxies': %s", why.text);
    }
    if ((settings->trusted_proxies && !doors->proxies) ||
        (has_tls(settings) && load(settings, &doors->certificates, err) < 0) ||
        bind_all(doors, err) < 0) {
        certificates_done(&doors->certificates);
        ranges_free(doors->proxies);
        free(doors->doors);
        free(doors);
        return NULL;
    }
    return doors;
}

const struct endpoint *doors_endpoint(const struct doors *doors, enum door door)
{
    const struct endpoint *endpoint = &doors->endpoints[door];

    return endpoint->address_count > 0 ? endpoint : NULL;
}

const struct ranges *doors_proxies(const struct doors *doors)
{
    return doors->proxies;
}

static struct http_door *door_of(const struct doors *doors, int shard, enum door door)
{
    return &doors->doors[shard * DOORS + (int)door];
}

void doors_listen(struct doors *doors, int shard, enum door door, struct http_server *server,
                  const struct http_app *app, void *context)
{
    const struct endpoint *endpoint = doors_endpoint(doors, door);
    struct http_door *own = door_of(doors, shard, door);

    if (!endpoint)
        return;
    *own = (struct http_door){.app = app, .context = context, .port = endpoint->port};
    if ((door == DOOR_GATEWAY && doors->settings->gateway_proxied) ||
        (door == DOOR_GATEWAY_TLS && doors->settings->gateway_tls_proxied))
        own->proxies = doors->proxies;
    if (door == DOOR_API_TLS)
        own->tls = tls_ref(doors->certificates.api);
    else if (door == DOOR_GATEWAY_TLS) {
        own->tls = tls_ref(doors->certificates.gateway);
        own->clients = gateway_clients;
    }
    for (int i = 0; i < endpoint->address_count; i++)
        http_listen_door(server, endpoint->fds[shard * ENDPOINT_ADDRESSES_MAX + i], own);
}

/* --- reading certificates anew --- */

static void replace(struct http_door *door, struct tls *tls)
{
    if (!door->tls)
        return;
    tls_unref(door->tls);
    door->tls = tls_ref(tls);
}

static void on_shard(void *arg, int shard)
{
    const struct doors *doors = arg;

    replace(door_of(doors, shard, DOOR_API_TLS), doors->certificates.api);
    replace(door_of(doors, shard, DOOR_GATEWAY_TLS), doors->certificates.gateway);
}

static void start_loading(struct doors *doors);

static size_t count_certificates(const struct doors *doors)
{
    return doors->certificates.gateway ? tls_certificate_count(doors->certificates.gateway) : 0;
}

static void tell(struct doors *doors, const struct error *err)
{
    for (struct list *node; (node = list_pop(&doors->told));) {
        struct doors_reload *reload = container_of(node, struct doors_reload, link);
        reload->done(reload, count_certificates(doors), err);
    }
}

static void finish_loading(struct doors *doors, const struct error *err)
{
    tell(doors, err);
    doors->loading = false;
    if (doors->again && !doors->stopped)
        start_loading(doors);
}

static void on_shards_done(void *arg)
{
    struct doors *doors = arg;

    log_info("certificates read",
             LOG_NUM("count", (int64_t)count_certificates(doors)));
    finish_loading(doors, NULL);
}

static void on_loaded(struct loop_job *job)
{
    struct doors *doors = container_of(job, struct doors, job);

    if (!doors->loaded.api) {
        log_warn("certificates are not read anew, the old ones stay",
                 LOG_ERROR(&doors->load_error));
        finish_loading(doors, &doors->load_error);
        return;
    }
    certificates_done(&doors->certificates);
    doors->certificates = doors->loaded;
    doors->loaded = (struct certificates){0};
    loop_broadcast(doors->loops, doors->shards, on_shard, on_shards_done, doors);
}

static void load_in_pool(struct loop_job *job)
{
    struct doors *doors = container_of(job, struct doors, job);

    (void)load(doors->settings, &doors->loaded, &doors->load_error);
}

static void start_loading(struct doors *doors)
{
    doors->again = doors->loading;
    if (doors->loading)
        return;
    doors->loading = true;
    for (struct list *node; (node = list_pop(&doors->reloads));)
        list_push(&doors->told, node);
    doors->job.work = load_in_pool;
    doors->job.done = on_loaded;
    loop_work(doors->control, &doors->job);
}

static void on_hang_up(struct loop_signal *caught, int number)
{
    struct doors *doors = container_of(caught, struct doors, hang_up);

    if (has_tls(doors->settings) && !doors->stopped)
        start_loading(doors);
}

void doors_reload(struct doors *doors, struct doors_reload *reload)
{
    if (!has_tls(doors->settings) || doors->stopped) {
        reload->done(reload, 0, NULL);
        return;
    }
    list_push(&doors->reloads, &reload->link);
    start_loading(doors);
}

static void on_settled(struct loop_timer *timer)
{
    start_loading(container_of(timer, struct doors, changed));
}

static void on_folder(struct loop_io *io, int events)
{
    struct doors *doors = container_of(io, struct doors, folder);
    char buffer[4096] __attribute__((aligned(8)));

    while (read(io->fd, buffer, sizeof buffer) > 0)
        ;
    loop_timer_set(doors->control, &doors->changed, SETTLE_MS);
}

static void on_folder_closed(struct loop_io *io)
{
    close(io->fd);
}

static void watch_folder(struct doors *doors)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd < 0 || inotify_add_watch(fd, doors->settings->tls_certificates,
                                    IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) < 0) {
        log_warn("changed certificates will not be noticed; send SIGHUP",
                 LOG_TEXT("error", strerror(errno)));
        if (fd >= 0)
            close(fd);
        return;
    }
    doors->folder.ready = on_folder;
    doors->folder.closed = on_folder_closed;
    loop_io_start(doors->control, &doors->folder, fd, LOOP_READ);
}

void doors_watch(struct doors *doors, struct loop *control, struct loop *const *shards)
{
    doors->control = control;
    doors->loops = shards;
    doors->hang_up.caught = on_hang_up;
    doors->changed.fire = on_settled;
    loop_signal_start(control, &doors->hang_up, SIGHUP);
    if (has_tls(doors->settings))
        watch_folder(doors);
}

void doors_unwatch(struct doors *doors)
{
    doors->stopped = true;
    loop_timer_clear(&doors->changed);
    loop_io_stop(&doors->folder);
}
