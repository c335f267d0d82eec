/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/environment_priv.h"

#include <stdio.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "sandbox/protocol.h"

/* Which sandbox is whose, and the socket to the spawner. */
struct launcher {
    struct loop *loop;
    int socket;
    struct loop_io io;
    uint64_t next_id;
    struct map environments; /* id as text -> struct environment */
    struct list waiting;     /* starts that the full socket did not take yet */
    struct list kills;       /* and ends of those that were started */
};

static struct text key_of(uint64_t id, char out[24])
{
    return text_from(out, (size_t)snprintf(out, 24, "%llu", (unsigned long long)id));
}

struct loop *launcher_loop(const struct launcher *launcher)
{
    return launcher->loop;
}

static void ended(struct launcher *launcher, struct environment *environment)
{
    char key[24];

    (void)map_remove(&launcher->environments, key_of(environment->id, key));
    list_remove(&environment->waiting_kill);
    environment->state = ENVIRONMENT_ENDED;
    loop_defer(launcher->loop, &environment->end_task);
}

static void fail(struct launcher *launcher, struct environment *environment, const char *reason)
{
    snprintf(environment->end.reason, sizeof environment->end.reason, "%.*s",
             (int)sizeof environment->end.reason - 1, reason);
    ended(launcher, environment);
}

static void free_plan(struct sandbox_plan *plan)
{
    if (!plan)
        return;
    for (char *const *arg = plan->argv; *arg; arg++)
        free(*arg);
    for (char *const *variable = plan->envp; *variable; variable++)
        free(*variable);
    free((void *)(uintptr_t)plan->argv);
    free((void *)(uintptr_t)plan->envp);
    free((void *)(uintptr_t)plan->code);
    free((void *)(uintptr_t)plan->runtime);
    free(plan);
}

static char **copy_strings(char *const *strings)
{
    size_t count = 0;
    while (strings[count])
        count++;
    char **copy = mem_zalloc((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = mem_strdup(strings[i]);
    return copy;
}

static struct sandbox_plan *copy_plan(const struct sandbox_plan *plan)
{
    struct sandbox_plan *copy = mem_copy(plan, sizeof *plan);

    copy->code = mem_strdup(plan->code);
    copy->runtime = plan->runtime ? mem_strdup(plan->runtime) : NULL;
    copy->argv = copy_strings(plan->argv);
    copy->envp = copy_strings(plan->envp);
    return copy;
}

/* Why the socket did not take it: a plan can also be too large to be sent at all. */
static bool is_too_large(const struct sandbox_plan *plan, struct error *err)
{
    scoped(buffer_done) struct buffer bytes = {0};

    return protocol_encode_start(0, plan, &bytes, err) < 0;
}

/* 0 sent or given up, -1 when the socket is full. */
static int send_start(struct launcher *launcher, struct environment *environment,
                      const struct sandbox_plan *plan)
{
    struct error err;
    const int fds[SANDBOX_FD_COUNT] = {
        [SANDBOX_FD_LOG] = environment->log_write_fd,
        [SANDBOX_FD_RING] = environment->ring.memory_fd,
        [SANDBOX_FD_RING_WAKE] = environment->ring.wake_out_fd,
        [SANDBOX_FD_RING_REPLY] = environment->ring.reply_in_fd,
        [SANDBOX_FD_API] = environment->api.passed_fd,
    };

    if (spawner_send_start(launcher->socket, environment->id, plan, fds, &err) < 0) {
        if (err.code == ERROR_LIMIT && !is_too_large(plan, &err))
            return -1;
        fail(launcher, environment, err.text);
        return 0;
    }
    /* The sandbox has its own now; the log ends when it ends. */
    (void)close(take_fd(environment->log_write_fd));
    ring_sent(environment);
    runtime_api_sent(environment);
    return 0;
}

void launcher_start(struct launcher *launcher, struct environment *environment,
                    const struct sandbox_plan *plan)
{
    char key[24];

    environment->id = ++launcher->next_id;
    (void)map_put(&launcher->environments, key_of(environment->id, key), environment);
    if (list_empty(&launcher->waiting) && send_start(launcher, environment, plan) == 0)
        return;
    environment->plan_copy = copy_plan(plan);
    list_push(&launcher->waiting, &environment->waiting_start);
    loop_io_watch(&launcher->io, LOOP_READ | LOOP_WRITE);
}

void launcher_kill(struct launcher *launcher, struct environment *environment)
{
    struct error err;

    if (list_linked(&environment->waiting_start)) {
        list_remove(&environment->waiting_start);
        free_plan(take(environment->plan_copy));
        fail(launcher, environment, "it was stopped before it started");
        return;
    }
    if (environment->state == ENVIRONMENT_ENDED ||
        spawner_send_kill(launcher->socket, environment->id, &err) == 0)
        return;
    if (err.code != ERROR_LIMIT) {
        log_error("cannot ask for the end of an instance", LOG_ERROR(&err));
        return;
    }
    list_push(&launcher->kills, &environment->waiting_kill);
    loop_io_watch(&launcher->io, LOOP_READ | LOOP_WRITE);
}

static bool send_kills(struct launcher *launcher)
{
    struct error err;

    list_each (node, &launcher->kills) {
        struct environment *environment = container_of(node, struct environment, waiting_kill);
        if (spawner_send_kill(launcher->socket, environment->id, &err) < 0)
            return false;
        list_remove(node);
    }
    return true;
}

static void send_waiting(struct launcher *launcher)
{
    if (!send_kills(launcher))
        return;
    list_each (node, &launcher->waiting) {
        struct environment *environment = container_of(node, struct environment, waiting_start);
        if (send_start(launcher, environment, environment->plan_copy) < 0)
            return;
        list_remove(node);
        free_plan(take(environment->plan_copy));
    }
    loop_io_watch(&launcher->io, LOOP_READ);
}

static void take_descriptors(struct environment *environment, const struct spawner_event *event)
{
    const struct environment_door *doors[LISTENER_COUNT] = {
        [LISTENER_API] = &environment->api_door,
        [LISTENER_GATEWAY] = &environment->gateway_door,
    };

    environment->memory_fd = event->memory_fd;
    environment->freeze_fd = event->freeze_fd;
    environment->freeze_v2 = event->freeze_v2;
    for (int i = 0; i < LISTENER_COUNT; i++) {
        int fd = event->listeners[i];
        if (fd < 0)
            continue;
        /* A host network's Runtime API has its listener already. */
        if (i == LISTENER_RUNTIME && !environment->host_network)
            http_listen(environment->api.server, fd, &runtime_api_app, environment);
        else if (doors[i] && doors[i]->app)
            http_listen(environment->api.server, fd, doors[i]->app, doors[i]->context);
        else
            (void)close(fd);
    }
}

static void on_event(struct launcher *launcher, struct environment *environment,
                     const struct spawner_event *event)
{
    switch (event->kind) {
    case SPAWNER_STARTED:
        environment->pid = event->pid;
        environment->state = ENVIRONMENT_RUNNING;
        take_descriptors(environment, event);
        ring_started(environment);
        return;
    case SPAWNER_FAILED:
        environment->end.exec_errno = event->exec_errno;
        fail(launcher, environment, event->text);
        return;
    case SPAWNER_EXITED:
        environment->end.status = event->status;
        environment->end.out_of_memory = event->out_of_memory;
        environment->end.memory_peak_bytes = event->memory_peak_bytes;
        /* Its last words may have come after the last look. */
        environment->state = ENVIRONMENT_ENDED;
        output_drain(environment);
        ring_drain(environment);
        ended(launcher, environment);
        return;
    }
}

static void on_spawner(struct loop_io *io, int events)
{
    struct launcher *launcher = container_of(io, struct launcher, io);
    struct spawner_event event;
    struct error err;

    if (events & LOOP_WRITE)
        send_waiting(launcher);
    for (;;) {
        int got = spawner_receive(launcher->socket, &event, &err);
        if (got == 0)
            return;
        if (got < 0) {
            log_error("the spawner is gone; the daemon cannot go on", LOG_ERROR(&err));
            abort();
        }
        char key[24];
        struct environment *environment = map_find(&launcher->environments, key_of(event.id, key));
        assert(environment);
        on_event(launcher, environment, &event);
    }
}

struct launcher *launcher_new(struct loop *loop, int spawner_socket)
{
    struct launcher *launcher = mem_new(struct launcher);

    launcher->loop = loop;
    launcher->socket = spawner_socket;
    launcher->io.ready = on_spawner;
    list_init(&launcher->waiting);
    list_init(&launcher->kills);
    loop_io_start(loop, &launcher->io, spawner_socket, LOOP_READ);
    return launcher;
}

static void on_launcher_closed(struct loop_io *io)
{
    struct launcher *launcher = container_of(io, struct launcher, io);

    (void)close(launcher->socket);
    map_done(&launcher->environments);
    free(launcher);
}

void launcher_free(struct launcher *launcher)
{
    launcher->io.closed = on_launcher_closed;
    loop_io_stop(&launcher->io);
}
