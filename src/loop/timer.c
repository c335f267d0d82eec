/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "loop/loop_priv.h"

/*
 * uv_timers have to be closed before their memory goes, which takes an iteration; these
 * do not. The one uv_timer is re-armed only when an earlier timer comes; after a clear
 * it may wake the loop once for nothing, which is cheaper than re-arming each time.
 */
#define FIRST_CAPACITY 64

static void place(struct timer_heap *heap, uint32_t index, struct loop_timer *timer)
{
    heap->at[index] = timer;
    timer->index = index;
}

static void sift_up(struct timer_heap *heap, uint32_t index, struct loop_timer *timer)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;
        if (heap->at[parent]->due_ms <= timer->due_ms)
            break;
        place(heap, index, heap->at[parent]);
        index = parent;
    }
    place(heap, index, timer);
}

static void sift_down(struct timer_heap *heap, uint32_t index, struct loop_timer *timer)
{
    for (uint32_t child; (child = 2 * index + 1) < heap->count; index = child) {
        if (child + 1 < heap->count && heap->at[child + 1]->due_ms < heap->at[child]->due_ms)
            child++;
        if (heap->at[child]->due_ms >= timer->due_ms)
            break;
        place(heap, index, heap->at[child]);
    }
    place(heap, index, timer);
}

static void move(struct timer_heap *heap, uint32_t index, struct loop_timer *timer)
{
    if (index > 0 && heap->at[(index - 1) / 2]->due_ms > timer->due_ms)
        sift_up(heap, index, timer);
    else
        sift_down(heap, index, timer);
}

static void push(struct timer_heap *heap, struct loop_timer *timer)
{
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity ? heap->capacity * 2 : FIRST_CAPACITY;
        heap->at = mem_realloc(heap->at, heap->capacity * sizeof *heap->at);
    }
    heap->count++;
    sift_up(heap, heap->count - 1, timer);
}

static void remove_at(struct timer_heap *heap, uint32_t index)
{
    struct loop_timer *last = heap->at[--heap->count];

    heap->at[index]->loop = NULL;
    if (index < heap->count)
        move(heap, index, last);
}

static void on_due(uv_timer_t *handle);

static void arm(struct loop *loop)
{
    struct timer_heap *heap = &loop->timers;
    int64_t due_ms = heap->at[0]->due_ms, now_ms = (int64_t)uv_now(&loop->uv);

    if (due_ms >= heap->armed_ms)
        return;
    heap->armed_ms = due_ms;
    uv_timer_start(&loop->timer, on_due, due_ms > now_ms ? (uint64_t)(due_ms - now_ms) : 0, 0);
}

static void on_due(uv_timer_t *handle)
{
    struct loop *loop = container_of(handle, struct loop, timer);
    struct timer_heap *heap = &loop->timers;

    loop_forget_time(loop);
    heap->firing_ms = loop_now_us(loop) / 1000;
    while (heap->count > 0 && heap->at[0]->due_ms <= heap->firing_ms) {
        struct loop_timer *timer = heap->at[0];
        remove_at(heap, 0);
        timer->fire(timer);
    }
    heap->firing_ms = 0;
    heap->armed_ms = INT64_MAX;
    if (heap->count > 0)
        arm(loop);
}

void timer_heap_init(struct loop *loop)
{
    int failed = uv_timer_init(&loop->uv, &loop->timer);
    assert(!failed);
    loop->timers.armed_ms = INT64_MAX;
}

void timer_heap_done(struct loop *loop)
{
    free(loop->timers.at);
    loop->timers = (struct timer_heap){0};
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t after_ms)
{
    struct timer_heap *heap = &loop->timers;

    loop_assert_here(loop);
    assert(!timer->loop || timer->loop == loop);

    /* Rounded up: a timer is never early. */
    timer->due_ms = (loop_now_us(loop) + 999) / 1000 + (after_ms > 0 ? after_ms : 0);
    if (heap->firing_ms && timer->due_ms <= heap->firing_ms)
        timer->due_ms = heap->firing_ms + 1; /* or firing would never end */
    if (timer->loop) {
        move(heap, timer->index, timer);
    } else {
        timer->loop = loop;
        push(heap, timer);
    }
    if (!heap->firing_ms)
        arm(loop);
}

void loop_timer_clear(struct loop_timer *timer)
{
    if (!timer->loop)
        return;
    loop_assert_here(timer->loop);
    remove_at(&timer->loop->timers, timer->index);
}
