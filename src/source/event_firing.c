/* SPDX-License-Identifier: Apache-2.0 */
#include "source/event_firing.h"

#include "base/clock.h"
#include "base/mem.h"

struct event_firing {
    struct event_firer firer;
    struct timer_firing *firing; /* its arena is the control thread's: read only on the way */
    struct loop_message message;
    struct bus_rule *rule; /* NULL: by the rules of the buses */
    struct dispatch dispatch;
    size_t count;
    struct text bus_keys[EVENT_FIRING_MAX];
    struct bus_event events[EVENT_FIRING_MAX];
};

struct event_firing *event_firing_new(const struct event_firer *firer, struct timer_firing *firing)
{
    struct event_firing *self = mem_new(struct event_firing);

    self->firer = *firer;
    self->firing = firing;
    return self;
}

bool event_firing_add(struct event_firing *self, struct text bus_key,
                      const struct envelope *envelope)
{
    struct arena *arena = &self->firing->arena;
    scoped(buffer_done) struct buffer json = {0};

    if (self->count == EVENT_FIRING_MAX)
        return false;
    envelope_write(envelope, &json);
    self->bus_keys[self->count] = arena_copy(arena, bus_key);
    self->events[self->count++] = (struct bus_event){
        .json = arena_copy(arena, buffer_text(&json)),
        .id = arena_copy(arena, envelope->id),
        .accepted_ms = clock_now_ms(),
        .time_ms = envelope->time_ms,
        .size = (int64_t)(envelope->source.len + envelope->detail_type.len + envelope->detail.len),
    };
    return true;
}

void event_firing_set_rule(struct event_firing *self, struct bus_rule *rule)
{
    self->rule = rule;
}

void event_firing_free(struct event_firing *self)
{
    if (!self)
        return;
    bus_rule_unref(self->rule);
    free(self);
}

/* Control loop again. What the dispatch made is copied: its memory goes with it. */
static void on_back(struct loop_message *message)
{
    struct event_firing *self = container_of(message, struct event_firing, message);
    struct timer_firing *firing = self->firing;

    for (size_t i = 0; i < self->dispatch.count; i++) {
        const struct event_change *made = &self->dispatch.changes[i];
        struct event_change *change = timer_change(firing);
        *change = *made;
        change->lane = arena_copy(&firing->arena, made->lane);
        change->note = arena_copy(&firing->arena, made->note);
        change->body = arena_copy(&firing->arena, made->body);
    }
    dispatch_done(&self->dispatch);
    event_firing_free(self);
    timer_write(firing);
}

static void on_shard(struct loop_message *message)
{
    struct event_firing *self = container_of(message, struct event_firing, message);

    dispatch_init(&self->dispatch, self->firer.view, self->firer.functions);
    for (size_t i = 0; i < self->count; i++) {
        if (self->rule)
            dispatch_to_rule(&self->dispatch, self->rule, &self->events[i]);
        else
            dispatch_event(&self->dispatch, self->bus_keys[i], &self->events[i]);
    }
    self->message.run = on_back;
    loop_post(self->firer.control, &self->message);
}

void event_firing_go(struct event_firing *self)
{
    self->message.run = on_shard;
    loop_post(self->firer.shard, &self->message);
}
