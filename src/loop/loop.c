/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop_priv.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * libuv calls the prepare handle last before it sleeps, after every other callback of
 * the iteration: deferred tasks run there. Tasks that schedule tasks get a few rounds;
 * beyond them the idle handle keeps the loop from sleeping, so that sockets and timers
 * get their turn too.
 *
 * The mailbox is a stack that senders push onto with one compare-and-swap. The loop
 * takes all of it at once and turns it round. Only the sender that finds it empty wakes
 * the loop, by an eventfd. Not by a uv_async_t: its receiver waits until the sender has
 * returned from the system call, and a sender on the same core then does not run, so that
 * each message took 25 us more.
 */
#define TASK_ROUNDS 4

static _Thread_local struct loop *current;

struct loop *loop_current(void)
{
    return current;
}

void loop_assert_here(const struct loop *loop)
{
    assert(current == loop || !atomic_load_explicit(&loop->running, memory_order_relaxed));
}

void **loop_slot(struct loop *loop, enum loop_slot slot)
{
    return &loop->slots[slot];
}

static int64_t read_clock(struct loop *loop)
{
    loop->now_us = clock_mono_us();
    return loop->now_us;
}

/* The reading is a cache, so a const loop may fill it. */
int64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us ? loop->now_us : read_clock((struct loop *)(uintptr_t)loop);
}

int64_t loop_wall_ms(const struct loop *loop)
{
    if (!loop->wall_ms)
        ((struct loop *)(uintptr_t)loop)->wall_ms = clock_now_ms();
    return loop->wall_ms;
}

void loop_forget_time(struct loop *loop)
{
    loop->now_us = loop->wall_ms = 0;
}

static void run_tasks_once(struct loop *loop)
{
    struct list batch;

    list_init(&batch);
    for (struct list *node; (node = list_pop(&loop->tasks));)
        list_push(&batch, node);
    for (struct list *node; (node = list_pop(&batch));) {
        struct loop_task *task = container_of(node, struct loop_task, link);
        task->run(task);
    }
}

static void run_tasks(struct loop *loop)
{
    for (int round = 0; round < TASK_ROUNDS && !list_empty(&loop->tasks); round++)
        run_tasks_once(loop);
}

static void on_idle(uv_idle_t *idle)
{
}

static void on_before_poll(uv_prepare_t *prepare)
{
    struct loop *loop = container_of(prepare, struct loop, before_poll);

    run_tasks(loop);
    if (!list_empty(&loop->tasks))
        uv_idle_start(&loop->busy, on_idle);
    else if (uv_is_active((uv_handle_t *)&loop->busy))
        uv_idle_stop(&loop->busy);
    loop_forget_time(loop);
}

static void run_messages(struct loop *loop)
{
    struct loop_message *newest =
        atomic_exchange_explicit(&loop->mailbox, NULL, memory_order_acquire);
    struct loop_message *oldest = NULL;

    while (newest) {
        struct loop_message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct loop_message *message = oldest;
        oldest = message->next;
        message->run(message);
    }
}

static void on_wake(uv_poll_t *wake, int status, int events)
{
    struct loop *loop = container_of(wake, struct loop, wake);
    uint64_t count;

    (void)!read(loop->wake_fd, &count, sizeof count); /* before the mailbox: no word is missed */
    run_messages(loop);
}

static void wake_up(const struct loop *loop)
{
    const uint64_t one = 1;

    (void)!write(loop->wake_fd, &one, sizeof one); /* fails only when it is awake 2^64 times */
}

static void on_stop(struct loop_message *message)
{
    uv_stop(&container_of(message, struct loop, stop_message)->uv);
}

struct loop *loop_new(const char *name)
{
    struct loop *loop = mem_new(struct loop);

    snprintf(loop->name, sizeof loop->name, "%s", name);
    list_init(&loop->tasks);
    loop->stop_message.run = on_stop;

    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int failed = uv_loop_init(&loop->uv);
    failed |= uv_poll_init(&loop->uv, &loop->wake, loop->wake_fd);
    failed |= uv_poll_start(&loop->wake, UV_READABLE, on_wake);
    failed |= uv_prepare_init(&loop->uv, &loop->before_poll);
    failed |= uv_prepare_start(&loop->before_poll, on_before_poll);
    failed |= uv_idle_init(&loop->uv, &loop->busy);
    assert(!failed); /* only when the process is out of descriptors at its start */
    timer_heap_init(loop);
    return loop;
}

void loop_run(struct loop *loop)
{
    struct loop *outer = current;

    current = loop;
    atomic_store(&loop->running, true);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    run_tasks(loop);
    atomic_store(&loop->running, false);
    current = outer;
}

static void *run_thread(void *arg)
{
    struct loop *loop = arg;

    pthread_setname_np(pthread_self(), loop->name);
    loop_run(loop);
    return NULL;
}

int loop_start(struct loop *loop, struct error *err)
{
    /* Before the thread exists: whoever called must not go on using the loop as its own. */
    atomic_store(&loop->running, true);
    int failed = pthread_create(&loop->thread, NULL, run_thread, loop);
    if (failed) {
        atomic_store(&loop->running, false);
        return error_set(err, ERROR_SYSTEM, "thread '%s' cannot be started: %s", loop->name,
                         strerror(failed));
    }
    return 0;
}

void loop_stop(struct loop *loop)
{
    if (!atomic_exchange(&loop->stopping, true))
        loop_post(loop, &loop->stop_message);
}

void loop_join(struct loop *loop)
{
    int failed = pthread_join(loop->thread, NULL);
    assert(!failed);
}

static bool is_own(const struct loop *loop, const uv_handle_t *handle)
{
    return handle == (const uv_handle_t *)&loop->wake ||
           handle == (const uv_handle_t *)&loop->before_poll ||
           handle == (const uv_handle_t *)&loop->busy ||
           handle == (const uv_handle_t *)&loop->timer;
}

/* What its owner has not stopped must not keep the last turn from ending. */
static void let_go(uv_handle_t *handle, void *arg)
{
    struct loop *loop = arg;

    if (uv_is_closing(handle))
        return;
    if (is_own(loop, handle))
        uv_close(handle, NULL);
    else
        uv_unref(handle);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    assert(!atomic_load(&loop->running));

    struct loop *outer = current;
    current = loop;
    uv_walk(&loop->uv, let_go, loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* closed() callbacks, and jobs still in the pool */
    current = outer;

    timer_heap_done(loop);
    (void)close(loop->wake_fd);
    if (uv_loop_close(&loop->uv) == 0)
        free(loop);
    else
        log_warn("a loop ended with descriptors still watched", LOG_TEXT("loop", loop->name));
}

void loop_post(struct loop *loop, struct loop_message *message)
{
    struct loop_message *head = atomic_load_explicit(&loop->mailbox, memory_order_relaxed);

    do {
        message->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&loop->mailbox, &head, message,
                                                    memory_order_release, memory_order_relaxed));
    if (!head)
        wake_up(loop);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    loop_assert_here(loop);
    if (!list_linked(&task->link))
        list_push(&loop->tasks, &task->link);
}

void loop_cancel(struct loop_task *task)
{
    list_remove(&task->link);
}
