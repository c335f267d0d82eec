/* SPDX-License-Identifier: Apache-2.0 */
#include "router/bus_inbox.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/note.h"
#include "router/buses.h"
#include "router/dispatch.h"

#define AGAIN_MS 1000 /* until a full store is asked again */

struct bus_inbox {
    struct bus_inbox_options options;
    const struct directory **directories;
    struct event_receiver receiver;
};

/* One event, from its lane to those of its targets. */
struct arrival {
    struct bus_inbox *inbox;
    int index; /* of the shard */
    struct event *event;
    struct event_read read;
    struct dispatch dispatch;
    struct event_change *changes; /* the removal, and the dispatch's */
    struct event_write write;
    struct loop_timer timer;
    struct arena arena;
    struct note note;
};

static void arrival_free(struct arrival *arrival)
{
    dispatch_done(&arrival->dispatch);
    event_free(arrival->event);
    arena_done(&arrival->arena);
    free(arrival->changes);
    free(arrival);
}

static void write_all(struct arrival *arrival);

static void on_again(struct loop_timer *timer)
{
    write_all(container_of(timer, struct arrival, timer));
}

static void on_written(struct event_write *write, bool failed, const struct error *err)
{
    struct arrival *arrival = container_of(write, struct arrival, write);

    if (!failed) {
        arrival_free(arrival);
        return;
    }
    log_warn("an event of a bus could not be stored for its targets", LOG_ERROR(err));
    arrival->timer.fire = on_again;
    loop_timer_set(arrival->inbox->options.loops[arrival->index], &arrival->timer, AGAIN_MS);
}

static void write_all(struct arrival *arrival)
{
    event_store_write(arrival->inbox->options.events, &arrival->write);
}

/* "bus/ACCOUNT/REGION/NAME" */
static struct text bus_key(const struct event *event)
{
    return text_skip(text_of(event->lane), sizeof LANE_BUS);
}

static void route(struct arrival *arrival)
{
    struct bus_inbox *inbox = arrival->inbox;
    struct dispatch *dispatch = &arrival->dispatch;
    const struct bus_event event = {
        .json = buffer_text(&arrival->event->body),
        .id = arrival->note.request_id,
        .trace = arrival->note.trace,
        .hops = arrival->note.hops,
        .accepted_ms = arrival->note.first_ms,
        .time_ms = arrival->note.first_ms,
        .size = (int64_t)arrival->event->body_len,
    };

    dispatch_init(dispatch, buses_view(inbox->options.buses, arrival->index),
                  inbox->directories[arrival->index]);
    dispatch_event(dispatch, bus_key(arrival->event), &event);
    arrival->changes = mem_alloc((dispatch->count + 1) * sizeof *arrival->changes);
    arrival->changes[0] = (struct event_change){.action = EVENT_DELETE, .id = arrival->event->id};
    if (dispatch->count > 0)
        memcpy(arrival->changes + 1, dispatch->changes, dispatch->count * sizeof *arrival->changes);
    arrival->write = (struct event_write){.done = on_written,
                                          .loop = inbox->options.loops[arrival->index],
                                          .changes = arrival->changes,
                                          .count = dispatch->count + 1};
    write_all(arrival);
}

/* --- arrival --- */

static void on_read(struct event_read *read, bool failed, const struct error *err)
{
    struct arrival *arrival = container_of(read, struct arrival, read);

    if (failed) {
        log_error("an event of a bus could not be read", LOG_ERROR(err));
        buffer_done(&read->body);
        arrival_free(arrival);
        return;
    }
    arrival->event->body = buffer_take(&read->body);
    arrival->event->has_body = true;
    route(arrival);
}

static int home_index(const struct bus_inbox *inbox, struct text lane)
{
    return (int)(map_hash(lane) % (uint64_t)inbox->options.loop_count);
}

static void take_in(struct bus_inbox *inbox, struct event *event)
{
    struct arrival *arrival = mem_new(struct arrival);
    struct error err;

    arrival->inbox = inbox;
    arrival->index = home_index(inbox, text_of(event->lane));
    arrival->event = event;
    if (note_parse(buffer_text(&event->note), &arrival->arena, &arrival->note, &err) < 0)
        log_warn("an event of a bus lost what was noted of it", LOG_ERROR(&err));
    if (event->has_body) {
        route(arrival);
        return;
    }
    arrival->read = (struct event_read){
        .done = on_read, .loop = inbox->options.loops[arrival->index], .id = event->id};
    event_store_read(inbox->options.events, &arrival->read);
}

static void on_arrived(struct event_receiver *receiver, struct list *events)
{
    struct bus_inbox *inbox = container_of(receiver, struct bus_inbox, receiver);
    struct list *node;

    while ((node = list_pop(events)))
        take_in(inbox, container_of(node, struct event, link));
}

static struct loop *home(struct event_receiver *receiver, struct text lane)
{
    const struct bus_inbox *inbox = container_of(receiver, struct bus_inbox, receiver);

    return inbox->options.loops[home_index(inbox, lane)];
}

struct bus_inbox *bus_inbox_new(const struct bus_inbox_options *options)
{
    struct bus_inbox *inbox = mem_new(struct bus_inbox);
    size_t bytes = (size_t)options->loop_count * sizeof *inbox->directories;

    inbox->options = *options;
    inbox->directories = mem_alloc(bytes);
    memcpy(inbox->directories, options->directories, bytes);
    inbox->receiver = (struct event_receiver){LANE_BUS, home, on_arrived};
    event_store_subscribe(options->events, &inbox->receiver);
    return inbox;
}

void bus_inbox_free(struct bus_inbox *inbox)
{
    if (!inbox)
        return;
    free(inbox->directories);
    free(inbox);
}
