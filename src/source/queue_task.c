/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"

/*
 * Move tasks. A task moves what is visible, some messages at a time, each in a write of its
 * own, until nothing is visible. A rate is kept by a timer that allows so many per tick.
 */

#define OPEN_MAX 100 /* moves under way at once */
#define KEPT_MAX 10  /* SQS: tasks that ended and are listed */
#define TICK_MS 100

struct queue_task {
    struct list link; /* in the queue's tasks when it has ended */
    struct queue *queue;
    struct queue_task_info info;
    char *destination_arn; /* NULL: back to where each came from */
    struct loop_timer tick;
    int64_t ticks, taken; /* for the rate */
    size_t open;
};

struct task_move {
    struct queue_move move;
    struct queue_task *task;
};

static void advance(struct queue_task *task);

static void end_task(struct queue_task *task, enum queue_task_status status, const char *failure)
{
    if (task->info.status != TASK_RUNNING)
        return;
    task->info.status = status;
    task->info.failure = failure;
    loop_timer_clear(&task->tick);
}

static void free_task(struct queue_task *task)
{
    free(task->destination_arn);
    free(task);
}

/* From the one under way to those that ended. */
static void retire(struct queue_task *task)
{
    struct queue *queue = task->queue;

    queue->task = NULL;
    list_push_front(&queue->tasks, &task->link);
    if (++queue->task_count <= KEPT_MAX)
        return;
    struct queue_task *oldest = container_of(queue->tasks.prev, struct queue_task, link);
    list_remove(&oldest->link);
    queue->task_count--;
    free_task(oldest);
}

static void on_task_moved(struct queue_move *move, bool failed)
{
    struct task_move *one = container_of(move, struct task_move, move);
    struct queue_task *task = one->task;
    scoped(queue_unref) struct queue *queue = task->queue;

    free(one);
    task->open--;
    task->info.moved += !failed;
    if (failed)
        end_task(task, TASK_FAILED, "InternalError");
    advance(task);
}

/* Where it goes; TEXT_NONE: the task has failed. */
static struct text lane_for(struct queue_task *task, const struct message *message,
                            struct arena *arena)
{
    struct note note = {0};
    struct text arn = text_of(task->destination_arn);

    if (!task->destination_arn && message_note(message, arena, &note))
        arn = note.origin_arn;
    struct text lane = queue_lane_of_arn(arn, arena);
    if (!text_is_set(lane))
        end_task(task, TASK_FAILED, "CouldNotDetermineMessageSource");
    else if (!queues_find(task->queue->shard->queues, lane))
        end_task(task, TASK_FAILED, "AWS.SimpleQueueService.NonExistentQueue");
    else
        return lane;
    return TEXT_NONE;
}

static bool move_one(struct queue_task *task, struct message *message)
{
    scoped(arena_done) struct arena arena = {0};
    struct text lane = lane_for(task, message, &arena);

    if (!text_is_set(lane))
        return false;
    struct task_move *one = mem_new(struct task_move);
    one->task = task;
    one->move = (struct queue_move){
        .done = on_task_moved,
        .queue = queue_ref(task->queue),
        .message = message,
        .lane = lane,
    };
    task->open++;
    task->taken++;
    queue_move(&one->move);
    return true;
}

static bool may_take(const struct queue_task *task)
{
    int64_t allowed = task->info.per_second * task->ticks * TICK_MS / 1000;

    return task->open < OPEN_MAX && (task->info.per_second == 0 || task->taken < allowed);
}

static void advance(struct queue_task *task)
{
    struct message *message = NULL;

    while (task->info.status == TASK_RUNNING && may_take(task)) {
        message = queue_first_visible(task->queue);
        if (!message || !move_one(task, message))
            break;
    }
    /* Groups of a FIFO queue come one message after the other. */
    if (task->open == 0 && task->info.status == TASK_RUNNING && !queue_first_visible(task->queue))
        end_task(task, TASK_COMPLETED, NULL);
    if (task->open == 0 && task->info.status != TASK_RUNNING)
        retire(task);
}

static void on_tick(struct loop_timer *timer)
{
    struct queue_task *task = container_of(timer, struct queue_task, tick);

    task->ticks++;
    loop_timer_set(task->queue->shard->loop, timer, TICK_MS);
    advance(task);
}

bool queue_task_start(struct queue *queue, struct text destination_arn, int64_t per_second,
                      char ret_id[static 37])
{
    if (queue->task)
        return false;
    struct queue_task *task = mem_new(struct queue_task);
    crypto_uuid(task->info.id);
    memcpy(ret_id, task->info.id, sizeof task->info.id);
    task->queue = queue;
    task->destination_arn = text_is_set(destination_arn) ? text_dup(destination_arn) : NULL;
    task->info.destination_arn = text_of(task->destination_arn);
    task->info.per_second = per_second;
    task->info.to_move = (int64_t)queue->counts[MESSAGE_VISIBLE];
    task->info.started_ms = clock_now_ms();
    task->tick.fire = on_tick;
    loop_timer_set(queue->shard->loop, &task->tick, TICK_MS);
    queue->task = task;
    return true;
}

bool queue_task_cancel(struct queue *queue, struct text id, int64_t *ret_moved)
{
    struct queue_task *task = queue->task;

    if (!task || task->info.status != TASK_RUNNING || !text_equal(text_of(task->info.id), id))
        return false;
    *ret_moved = task->info.moved;
    end_task(task, TASK_CANCELLED, NULL);
    advance(task);
    return true;
}

void queue_tasks_each(const struct queue *queue,
                      bool (*each)(void *arg, const struct queue_task_info *info), void *arg)
{
    if (queue->task && !each(arg, &queue->task->info))
        return;
    list_each (node, &queue->tasks)
        if (!each(arg, &container_of(node, struct queue_task, link)->info))
            return;
}

void queue_task_stop(struct queue *queue)
{
    if (!queue->task)
        return;
    end_task(queue->task, TASK_CANCELLED, NULL);
    advance(queue->task);
}

void queue_tasks_free(struct queue *queue)
{
    if (queue->task)
        free_task(queue->task);
    list_each (node, &queue->tasks)
        free_task(container_of(node, struct queue_task, link));
}
