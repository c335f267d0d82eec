/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/async_priv.h"

/* What people do with events that wait: look at them, have them tried now, take them away. */

static struct lane *lane_find(struct engine *engine, struct text name)
{
    struct async *async = async_home(engine, name);

    loop_assert_here(async->shard->loop);
    return map_find(&async->lanes, name);
}

/* --- looking --- */

struct walk {
    bool (*each)(void *arg, const struct engine_event *event);
    void *arg;
    bool is_over;
};

static void show(struct walk *walk, const struct event *event, const char *state)
{
    const struct engine_event shown = {
        .id = event->id,
        .arrived_ms = event->arrived_ms,
        .due_ms = event->due_ms,
        .state = state,
        .note = buffer_text(&event->note),
        .body_len = event->body_len,
    };

    walk->is_over = walk->is_over || !walk->each(walk->arg, &shown);
}

static void show_list(struct walk *walk, struct list *events, const char *state)
{
    for (struct list *node = events->next; node != events && !walk->is_over; node = node->next)
        show(walk, container_of(node, struct event, link), state);
}

void engine_events_each(struct engine *engine, struct text name,
                        bool (*each)(void *arg, const struct engine_event *event), void *arg)
{
    struct lane *lane = lane_find(engine, name);
    struct walk walk = {each, arg, false};

    if (!lane)
        return;
    list_each (task, &lane->running)
        show(&walk, container_of(task, struct task, link)->event, "running");
    list_each (loaded, &lane->loaded)
        show(&walk, container_of(loaded, struct task, link)->event, "ready");
    show_list(&walk, &lane->again, "ready");
    show_list(&walk, &lane->ready, "ready");
    list_each (delayed, &lane->delayed)
        show(&walk, container_of(delayed, struct delayed, link)->event, "delayed");
}

/* --- having them tried now --- */

int64_t engine_events_retry(struct engine *engine, struct text name)
{
    struct lane *lane = lane_find(engine, name);
    int64_t count = 0;

    if (!lane)
        return 0;
    list_each (node, &lane->delayed) {
        struct delayed *delayed = container_of(node, struct delayed, link);
        loop_timer_set(lane->async->shard->loop, &delayed->timer, 0);
        count++;
    }
    loop_timer_clear(&lane->pause);
    lane_look(lane);
    return count;
}

/* --- taking them away --- */

static int64_t remove_listed(struct lane *lane, struct list *events, uint64_t id)
{
    int64_t count = 0;

    list_each (node, events) {
        struct event *event = container_of(node, struct event, link);
        if (id && event->id != id)
            continue;
        list_remove(&event->link);
        async_delete(lane->async, event->id);
        if (event->has_body)
            lane->async->kept_bytes -= (int64_t)event->body_len;
        event_free(event);
        count++;
    }
    return count;
}

static int64_t remove_delayed(struct lane *lane, uint64_t id)
{
    int64_t count = 0;

    list_each (node, &lane->delayed) {
        struct delayed *delayed = container_of(node, struct delayed, link);
        if (id && delayed->event->id != id)
            continue;
        list_remove(&delayed->link);
        loop_timer_clear(&delayed->timer);
        async_delete(lane->async, delayed->event->id);
        event_free(delayed->event);
        free(delayed);
        count++;
    }
    return count;
}

/* Not those whose body is on its way: they run, or are asked for again. */
static int64_t remove_loaded(struct lane *lane, uint64_t id)
{
    int64_t count = 0;

    list_each (node, &lane->loaded) {
        struct task *task = container_of(node, struct task, link);
        if (task->is_reading || (id && task->event->id != id))
            continue;
        list_remove(&task->link);
        lane->loaded_count--;
        async_delete(lane->async, task->event->id);
        task_free(task);
        count++;
    }
    return count;
}

int64_t engine_events_remove(struct engine *engine, struct text name, uint64_t id)
{
    struct lane *lane = lane_find(engine, name);

    if (!lane)
        return 0;
    int64_t count = remove_listed(lane, &lane->again, id) + remove_listed(lane, &lane->ready, id) +
                    remove_delayed(lane, id) + remove_loaded(lane, id);
    lane_look(lane);
    return count;
}
