/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "test.h"

/* What happened, in order. */
struct trace {
    struct loop *loop;
    int at[64];
    size_t count;
};

static void note(struct trace *trace, int what)
{
    if (trace->count < COUNT_OF(trace->at))
        trace->at[trace->count++] = what;
}

static void check_trace(const struct trace *trace, const int *want, size_t count)
{
    CHECK_MSG(trace->count == count, "%zu things happened, not %zu", trace->count, count);
    for (size_t i = 0; i < count; i++)
        CHECK_MSG(trace->at[i] == want[i], "thing %zu is %d, not %d", i, trace->at[i], want[i]);
}
#define CHECK_TRACE(trace, ...) \
    check_trace(trace, (const int[]){__VA_ARGS__}, COUNT_OF(((const int[]){__VA_ARGS__})))

struct noted_message {
    struct loop_message message;
    struct trace *trace;
    int what;
};

static void on_message(struct loop_message *message)
{
    struct noted_message *self = container_of(message, struct noted_message, message);
    note(self->trace, self->what);
}

struct noted_task {
    struct loop_task task;
    struct trace *trace;
    int what;
    struct loop_task *then; /* scheduled by this one */
};

static void on_task(struct loop_task *task)
{
    struct noted_task *self = container_of(task, struct noted_task, task);
    note(self->trace, self->what);
    if (self->then)
        loop_defer(self->trace->loop, self->then);
}

struct noted_timer {
    struct loop_timer timer;
    struct trace *trace;
    int what;
    int64_t again_ms; /* set again, until what runs out */
};

static void on_timer(struct loop_timer *timer)
{
    struct noted_timer *self = container_of(timer, struct noted_timer, timer);
    note(self->trace, self->what);
    if (self->again_ms >= 0 && --self->what > 0)
        loop_timer_set(self->trace->loop, timer, self->again_ms);
}

static void on_last_timer(struct loop_timer *timer)
{
    struct noted_timer *self = container_of(timer, struct noted_timer, timer);
    note(self->trace, self->what);
    loop_stop(self->trace->loop);
}

TEST(messages_run_in_order_and_all_before_the_stop)
{
    struct trace trace = {.loop = loop_new("test")};
    struct noted_message messages[5];

    for (int i = 0; i < 5; i++) {
        messages[i] = (struct noted_message){{.run = on_message}, &trace, i};
        loop_post(trace.loop, &messages[i].message);
    }
    loop_stop(trace.loop);
    loop_run(trace.loop);
    CHECK_TRACE(&trace, 0, 1, 2, 3, 4);
    CHECK(loop_current() == NULL);
    loop_free(trace.loop);
}

#define SENDERS 4
#define EACH 5000

struct counted_message {
    struct loop_message message;
    int sender, number;
};

static int counted_next[SENDERS], counted_wrong, counted_all;

static void on_counted(struct loop_message *message)
{
    struct counted_message *self = container_of(message, struct counted_message, message);

    counted_wrong += counted_next[self->sender]++ != self->number;
    if (++counted_all == SENDERS * EACH)
        loop_stop(loop_current());
    free(self);
}

struct sender {
    struct loop *loop;
    int number;
    pthread_t thread;
};

static void *send_all(void *arg)
{
    const struct sender *sender = arg;

    for (int i = 0; i < EACH; i++) {
        struct counted_message *message = mem_new(struct counted_message);
        *message = (struct counted_message){{.run = on_counted}, sender->number, i};
        loop_post(sender->loop, &message->message);
    }
    return NULL;
}

TEST(messages_of_many_threads_all_arrive_each_threads_in_order)
{
    struct loop *loop = loop_new("receiver");
    struct error err;
    struct sender senders[SENDERS];

    CHECK_MSG(loop_start(loop, &err) == 0, "%s", err.text);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.loop = loop, .number = i};
        CHECK(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]) == 0);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    loop_join(loop);
    CHECK(counted_all == SENDERS * EACH);
    CHECK(counted_wrong == 0);
    loop_free(loop);
}

TEST(deferred_tasks_run_once_before_the_loop_sleeps)
{
    struct trace trace = {.loop = loop_new("test")};
    struct noted_task second = {{.run = on_task}, &trace, 2};
    struct noted_task first = {{.run = on_task}, &trace, 1, .then = &second.task};
    struct noted_task cancelled = {{.run = on_task}, &trace, 3};
    struct noted_timer last = {{.fire = on_last_timer}, &trace, 9};

    loop_defer(trace.loop, &first.task);
    loop_defer(trace.loop, &first.task);
    loop_defer(trace.loop, &cancelled.task);
    loop_cancel(&cancelled.task);
    loop_cancel(&cancelled.task);
    loop_timer_set(trace.loop, &last.timer, 5);
    loop_run(trace.loop);
    CHECK_TRACE(&trace, 1, 2, 9);
    loop_free(trace.loop);
}

static void on_endless_task(struct loop_task *task)
{
    struct noted_task *self = container_of(task, struct noted_task, task);
    self->what++;
    loop_defer(self->trace->loop, task);
}

TEST(a_task_that_schedules_itself_does_not_starve_timers)
{
    struct trace trace = {.loop = loop_new("test")};
    struct noted_task endless = {{.run = on_endless_task}, &trace};
    struct noted_timer last = {{.fire = on_last_timer}, &trace, 9};

    loop_defer(trace.loop, &endless.task);
    loop_timer_set(trace.loop, &last.timer, 2);
    loop_run(trace.loop);
    CHECK_TRACE(&trace, 9);
    CHECK(endless.what > 4);
    loop_cancel(&endless.task);
    loop_free(trace.loop);
}

TEST(timers_fire_in_order_of_their_time)
{
    struct trace trace = {.loop = loop_new("test")};
    struct noted_timer timers[] = {
        {{.fire = on_timer}, &trace, 3, -1}, {{.fire = on_timer}, &trace, 1, -1},
        {{.fire = on_timer}, &trace, 2, -1}, {{.fire = on_last_timer}, &trace, 4, -1},
        {{.fire = on_timer}, &trace, 5, -1}, {{.fire = on_timer}, &trace, 6, -1},
    };
    static const int64_t after_ms[] = {6, 0, 3, 9, 2, 100000};

    for (size_t i = 0; i < COUNT_OF(timers); i++) {
        CHECK(!loop_timer_is_set(&timers[i].timer));
        loop_timer_set(trace.loop, &timers[i].timer, after_ms[i]);
        CHECK(loop_timer_is_set(&timers[i].timer));
    }
    loop_timer_clear(&timers[4].timer);
    loop_timer_set(trace.loop, &timers[4].timer, 4); /* again, later */
    int64_t began_us = loop_now_us(trace.loop);
    loop_run(trace.loop);
    CHECK(loop_now_us(trace.loop) - began_us >= 9000);
    CHECK_TRACE(&trace, 1, 2, 5, 3, 4);
    CHECK(loop_timer_is_set(&timers[5].timer));
    loop_timer_clear(&timers[5].timer);
    loop_timer_clear(&timers[5].timer);
    CHECK(!loop_timer_is_set(&timers[5].timer));
    loop_free(trace.loop);
}

TEST(a_timer_may_be_set_again_while_it_fires)
{
    struct trace trace = {.loop = loop_new("test")};
    struct noted_timer again = {{.fire = on_timer}, &trace, 3, .again_ms = 0};
    struct noted_timer last = {{.fire = on_last_timer}, &trace, 9};

    loop_timer_set(trace.loop, &again.timer, 0);
    loop_timer_set(trace.loop, &last.timer, 20);
    loop_run(trace.loop);
    CHECK_TRACE(&trace, 3, 2, 1, 9);
    loop_free(trace.loop);
}

static void count_timer(struct loop_timer *timer)
{
    struct noted_timer *self = container_of(timer, struct noted_timer, timer);
    self->trace->count++;
}

TEST(many_timers_set_and_cleared_in_any_order_fire_exactly_when_left)
{
    enum { COUNT = 2000 };
    struct trace trace = {.loop = loop_new("test")};
    struct noted_timer *timers = mem_zalloc(COUNT * sizeof *timers);
    struct noted_timer last = {{.fire = on_last_timer}, &trace, 9};
    uint32_t random = 1;
    size_t left = 0;

    for (int i = 0; i < COUNT; i++) {
        timers[i] = (struct noted_timer){{.fire = count_timer}, &trace};
        loop_timer_set(trace.loop, &timers[i].timer, (random = random * 1103515245 + 12345) >> 27);
    }
    for (int i = 0; i < COUNT; i += 3)
        loop_timer_clear(&timers[i].timer);
    for (int i = 0; i < COUNT; i += 7)
        loop_timer_set(trace.loop, &timers[i].timer, (random = random * 1103515245 + 12345) >> 27);
    for (int i = 0; i < COUNT; i++)
        left += loop_timer_is_set(&timers[i].timer);
    loop_timer_set(trace.loop, &last.timer, 40);
    loop_run(trace.loop);
    CHECK_MSG(trace.count == left, "%zu fired of %zu", trace.count, left);
    free(timers);
    loop_free(trace.loop);
}

struct end {
    struct loop_io io;
    struct trace *trace;
};

static void on_end_ready(struct loop_io *io, int events)
{
    struct end *self = container_of(io, struct end, io);
    char byte;
    ssize_t got = recv(io->fd, &byte, 1, MSG_DONTWAIT);

    note(self->trace, got > 0 ? byte : got == 0 ? 'E' : -errno);
    if (got == 1 && byte == 'a')
        loop_io_watch(io, 0); /* paused: 'b' stays where it is */
    else if (got <= 0)
        loop_io_stop(io);
}

static void on_end_closed(struct loop_io *io)
{
    struct end *self = container_of(io, struct end, io);

    note(self->trace, 'c');
    loop_stop(self->trace->loop);
}

struct resume {
    struct loop_timer timer;
    struct end *end;
};

static void resume_end(struct loop_timer *timer)
{
    struct end *end = container_of(timer, struct resume, timer)->end;

    note(end->trace, 'r');
    loop_io_watch(&end->io, LOOP_READ);
}

TEST(a_descriptor_is_watched_paused_resumed_and_stopped)
{
    struct trace trace = {.loop = loop_new("test")};
    struct end end = {{.ready = on_end_ready, .closed = on_end_closed}, &trace};
    struct resume resume = {{.fire = resume_end}, &end};
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    CHECK(write(pair[1], "ab", 2) == 2);
    close(pair[1]);
    loop_io_start(trace.loop, &end.io, pair[0], LOOP_READ);
    loop_timer_set(trace.loop, &resume.timer, 5);
    loop_run(trace.loop);
    CHECK_TRACE(&trace, 'a', 'r', 'b', 'E', 'c');
    close(pair[0]);
    loop_free(trace.loop);
}

struct noted_job {
    struct loop_job job;
    struct trace *trace;
    pthread_t worker;
};

static void on_work(struct loop_job *job)
{
    container_of(job, struct noted_job, job)->worker = pthread_self();
}

static void on_done(struct loop_job *job)
{
    struct noted_job *self = container_of(job, struct noted_job, job);

    loop_assert_here(self->trace->loop);
    note(self->trace, 'd');
    loop_stop(self->trace->loop);
}

TEST(a_job_works_on_another_thread_and_is_done_on_its_loop)
{
    struct trace trace = {.loop = loop_new("test")};
    struct noted_job job = {{.work = on_work, .done = on_done}, &trace};

    loop_work(trace.loop, &job.job);
    loop_run(trace.loop);
    CHECK_TRACE(&trace, 'd');
    CHECK(!pthread_equal(job.worker, pthread_self()));
    loop_free(trace.loop);
}

static struct trace *signal_trace;

static void on_signal(struct loop_signal *caught, int number)
{
    note(signal_trace, number);
    loop_signal_stop(caught);
    loop_stop(signal_trace->loop);
}

TEST(a_signal_arrives_on_the_loop)
{
    struct trace trace = {.loop = loop_new("test")};
    struct loop_signal hangup = {.caught = on_signal};

    signal_trace = &trace;
    loop_signal_start(trace.loop, &hangup, SIGHUP);
    CHECK(kill(getpid(), SIGHUP) == 0);
    loop_run(trace.loop);
    CHECK_TRACE(&trace, SIGHUP);
    loop_free(trace.loop);
}
