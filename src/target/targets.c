/* SPDX-License-Identifier: Apache-2.0 */
#include "target/targets_priv.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/broadcast.h"
#include "router/dead_letter.h"
#include "store/log_store.h"

#define IN_FLIGHT_MAX 32     /* calls of one lane at once */
#define BODIES_MAX 128       /* of one lane's waiting events in memory */
#define ATTEMPTS_DEFAULT 185 /* EventBridge: retries */
#define AGE_DEFAULT_S 86400  /* EventBridge */
#define RETRY_FIRST_MS 1000  /* doubled by each attempt */
#define RETRY_MAX_MS 600000

static void pump(struct lane *lane);

/* --- life of a delivery --- */

static void free_delivery(struct delivery *delivery)
{
    loop_timer_clear(&delivery->retry);
    list_remove(&delivery->link);
    event_free(delivery->event);
    arena_done(&delivery->arena);
    buffer_done(&delivery->scratch);
    buffer_done(&delivery->call.answer);
    free(delivery);
}

static void leave(struct delivery *delivery)
{
    struct lane *lane = delivery->lane;

    free_delivery(delivery);
    lane->in_flight--;
    pump(lane);
}

/* A delete that failed is told again after the next start. */
static void on_settled(struct event_write *write, bool failed, const struct error *err)
{
    if (failed)
        log_warn("a delivery could not be taken off its lane", LOG_ERROR(err));
    leave(container_of(write, struct delivery, write));
}

static void settle(struct delivery *delivery, size_t count)
{
    delivery->changes[0] = (struct event_change){.action = EVENT_DELETE, .id = delivery->event->id};
    delivery->write = (struct event_write){
        .done = on_settled,
        .loop = delivery->lane->place->loop,
        .changes = delivery->changes,
        .count = count,
    };
    event_store_write(delivery->lane->place->targets->options.events, &delivery->write);
}

void delivery_succeed(struct delivery *delivery)
{
    settle(delivery, 1);
}

/* The event as it matched: what was transformed has it beside. */
static struct text original(struct delivery *delivery)
{
    struct error err;
    scoped(json_decref) json_t *extra = json_parse(delivery->note.extra, &err);
    const json_t *event = json_object_get(extra, "event");
    scoped(free) char *text = event ? json_write(event) : NULL;

    return text ? text_of(arena_string(&delivery->arena, text_of(text)))
                : buffer_text(&delivery->event->body);
}

static void give_up(struct delivery *delivery, const char *code, const char *why,
                    const char *exhausted)
{
    const struct note *note = &delivery->note;
    const struct dead_letter letter = {
        .queue_arn = note->dead_letter,
        .event = original(delivery),
        .rule_arn = note->source_arn,
        .target_arn = note->target_arn,
        .target_id = note->target_id,
        .error_code = text_of(code),
        .error_message = text_of(why),
        .exhausted = text_of(exhausted),
        .retries = note->attempts,
        .trace = note->trace,
        .hops = note->hops,
    };

    settle(delivery, dead_letter_put(&letter, &delivery->arena, &delivery->changes[1]) ? 2 : 1);
}

void delivery_fail(struct delivery *delivery, const char *code, const char *why)
{
    give_up(delivery, code, why, "");
}

/* --- trying again --- */

static void on_retry(struct loop_timer *timer)
{
    struct delivery *delivery = container_of(timer, struct delivery, retry);

    list_push(&delivery->lane->waiting, &delivery->link);
    pump(delivery->lane);
}

/* The timer counts whether or not the disk took the note of it. */
static void on_noted(struct event_write *write, bool failed, const struct error *err)
{
    struct delivery *delivery = container_of(write, struct delivery, write);
    struct lane *lane = delivery->lane;
    int64_t wait_ms = delivery->changes[0].due_ms - clock_now_ms();

    if (failed)
        log_warn("a retry could not be noted", LOG_ERROR(err));
    event_drop_body(delivery->event);
    loop_timer_set(lane->place->loop, &delivery->retry, wait_ms > 0 ? wait_ms : 0);
    lane->in_flight--;
    pump(lane);
}

/* Doubling, and up to half as much again, so that what failed together comes apart. */
static int64_t backoff_ms(int64_t attempts)
{
    int64_t wait_ms = attempts < 10 ? RETRY_FIRST_MS << attempts : RETRY_MAX_MS;
    uint32_t jitter;

    crypto_random(&jitter, sizeof jitter);
    if (wait_ms > RETRY_MAX_MS)
        wait_ms = RETRY_MAX_MS;
    return wait_ms + jitter % (wait_ms / 2);
}

void delivery_retry(struct delivery *delivery, const char *code, const char *why, int64_t after_s)
{
    struct note *note = &delivery->note;
    int64_t most = note->has_max_attempts ? note->max_attempts : ATTEMPTS_DEFAULT;
    int64_t age_s = note->max_age_s > 0 ? note->max_age_s : AGE_DEFAULT_S;
    int64_t now_ms = clock_now_ms(), wait_ms = backoff_ms(note->attempts);

    if (wait_ms < after_s * 1000)
        wait_ms = after_s * 1000;
    if (note->attempts >= most) {
        give_up(delivery, code, why, "MaximumRetryAttempts");
        return;
    }
    if (now_ms + wait_ms > note->first_ms + age_s * 1000) {
        give_up(delivery, code, why, "MaximumEventAgeInSeconds");
        return;
    }
    note->attempts++;
    note->error_code = text_of(arena_string(&delivery->arena, text_of(code)));
    note->error_message = text_of(arena_string(&delivery->arena, text_of(why)));
    buffer_clear(&delivery->scratch);
    note_format(note, &delivery->scratch);
    delivery->changes[0] = (struct event_change){
        .action = EVENT_SET,
        .id = delivery->event->id,
        .due_ms = now_ms + wait_ms,
        .note = buffer_text(&delivery->scratch),
    };
    delivery->write = (struct event_write){.done = on_noted,
                                           .loop = delivery->lane->place->loop,
                                           .changes = delivery->changes,
                                           .count = 1};
    event_store_write(delivery->lane->place->targets->options.events, &delivery->write);
}

/* --- log groups --- */

static void on_flushed(void *arg)
{
    delivery_succeed(arg);
}

static struct log_stream *log_of(struct lane *lane)
{
    const struct targets_options *options = &lane->place->targets->options;
    char name[UUID_LEN + 1];

    if (lane->log)
        return lane->log;
    crypto_uuid(name);
    lane->log = log_stream_open(options->logs[lane->place->index], text_of(options->account),
                                text_of(options->region), text_of(lane->resource), text_of(name));
    return lane->log;
}

static void write_log(struct delivery *delivery)
{
    struct lane *lane = delivery->lane;

    log_stream_add(log_of(lane), clock_now_ms(), buffer_text(&delivery->event->body));
    log_writer_flush(lane->place->targets->options.logs[lane->place->index], on_flushed, delivery);
}

/* --- attempts --- */

static void attempt(struct delivery *delivery)
{
    if (strcmp(delivery->lane->kind, "log-group") == 0)
        write_log(delivery);
    else
        destination_attempt(delivery);
}

static void on_read(struct event_read *read, bool failed, const struct error *err)
{
    struct delivery *delivery = container_of(read, struct delivery, read);

    if (failed) {
        log_warn("an event could not be read", LOG_ERROR(err));
        leave(delivery);
        return;
    }
    delivery->event->body = buffer_take(&read->body);
    delivery->event->has_body = true;
    attempt(delivery);
}

static void begin(struct delivery *delivery)
{
    delivery->lane->in_flight++;
    if (delivery->event->has_body) {
        attempt(delivery);
        return;
    }
    delivery->read = (struct event_read){
        .done = on_read, .loop = delivery->lane->place->loop, .id = delivery->event->id};
    event_store_read(delivery->lane->place->targets->options.events, &delivery->read);
}

/* Whether the rate lets one more go now; else the pace timer calls again. */
static bool may_go(struct lane *lane)
{
    int64_t rate = destination_rate(lane), now_ms = loop_now_us(lane->place->loop) / 1000;

    if (rate == 0)
        return true;
    if (now_ms < lane->next_ms) {
        if (!loop_timer_is_set(&lane->pace))
            loop_timer_set(lane->place->loop, &lane->pace, lane->next_ms - now_ms);
        return false;
    }
    if (rate < 1000)
        lane->next_ms = now_ms + 1000 / rate;
    return true;
}

static void pump(struct lane *lane)
{
    while (!list_empty(&lane->waiting) && lane->in_flight < IN_FLIGHT_MAX && may_go(lane))
        begin(container_of(list_pop(&lane->waiting), struct delivery, link));
}

static void on_pace(struct loop_timer *timer)
{
    pump(container_of(timer, struct lane, pace));
}

/* --- arrival --- */

/* "target/ACCOUNT/REGION/KIND/RESOURCE" */
static struct lane *lane_of(struct place *place, const char *name)
{
    struct lane *lane = map_find(&place->lanes, text_of(name));
    struct text rest = text_of(name), piece;

    if (lane)
        return lane;
    for (int i = 0; i < 3; i++)
        (void)text_split(&rest, '/', &piece);
    size_t slash = text_find(rest, '/');
    lane = mem_new(struct lane);
    lane->place = place;
    lane->name = mem_strdup(name);
    lane->kind = text_dup(text_slice(rest, 0, slash));
    lane->resource = text_dup(text_skip(rest, slash + 1));
    lane->pace.fire = on_pace;
    list_init(&lane->waiting);
    (void)map_put(&place->lanes, text_of(name), lane);
    return lane;
}

static void take_event(struct place *place, struct event *event)
{
    struct delivery *delivery = mem_new(struct delivery);
    struct lane *lane = lane_of(place, event->lane);
    int64_t wait_ms = event->due_ms - clock_now_ms();
    struct error err;

    delivery->lane = lane;
    delivery->event = event;
    delivery->retry.fire = on_retry;
    if (note_parse(buffer_text(&event->note), &delivery->arena, &delivery->note, &err) < 0)
        log_warn("the note of a delivery cannot be read", LOG_ERROR(&err));
    if (lane->in_flight >= BODIES_MAX || !list_empty(&lane->waiting))
        event_drop_body(event);
    if (event->due_ms > 0 && wait_ms > 0)
        loop_timer_set(place->loop, &delivery->retry, wait_ms);
    else
        list_push(&lane->waiting, &delivery->link);
    pump(lane);
}

static struct place *place_of(struct targets *targets, struct text lane)
{
    return &targets->places[map_hash(lane) % (uint64_t)targets->options.loop_count];
}

static struct loop *home(struct event_receiver *receiver, struct text lane)
{
    return place_of(container_of(receiver, struct targets, receiver), lane)->loop;
}

static void on_arrived(struct event_receiver *receiver, struct list *events)
{
    struct targets *targets = container_of(receiver, struct targets, receiver);
    struct list *node;

    while ((node = list_pop(events))) {
        struct event *event = container_of(node, struct event, link);
        take_event(place_of(targets, text_of(event->lane)), event);
    }
}

/* --- documents --- */

struct news {
    struct targets *targets;
    bool is_connection;
    char *name;
    json_t *documents[]; /* one for each loop, so that none is shared; NULL: deleted */
};

static void apply(void *arg, int index)
{
    struct news *news = arg;
    struct place *place = &news->targets->places[index];
    struct map *map = news->is_connection ? &place->connections : &place->destinations;
    json_t *document = news->documents[index];

    if (news->is_connection)
        token_forget(place, news->name);
    json_decref(document ? map_put(map, text_of(news->name), document)
                         : map_remove(map, text_of(news->name)));
    if (news->is_connection && document && index == 0 &&
        text_equal(json_text(document, "ConnectionState"), TEXT("AUTHORIZING")))
        token_try(place, news->name, document);
}

static void on_applied(void *arg)
{
    struct news *news = arg;

    free(news->name);
    free(news);
}

static void tell(struct targets *targets, bool is_connection, struct text key,
                 const json_t *document)
{
    int count = targets->options.loop_count;
    struct news *news = mem_zalloc(sizeof *news + (size_t)count * sizeof(json_t *));
    struct text rest = key, piece;

    (void)text_split(&rest, '/', &piece);
    (void)text_split(&rest, '/', &piece);
    news->targets = targets;
    news->is_connection = is_connection;
    news->name = text_dup(rest);
    for (int i = 0; document && i < count; i++)
        news->documents[i] = json_deep_copy(document);
    loop_broadcast(targets->options.loops, count, apply, on_applied, news);
}

static void on_destination(struct buses_watch *watch, struct text key, const json_t *document)
{
    tell(container_of(watch, struct targets, destination_watch), false, key, document);
}

static void on_connection(struct buses_watch *watch, struct text key, const json_t *document)
{
    tell(container_of(watch, struct targets, connection_watch), true, key, document);
}

/* --- life --- */

struct targets *targets_new(const struct targets_options *options)
{
    struct targets *targets = mem_new(struct targets);

    targets->options = *options;
    targets->places = mem_zalloc((size_t)options->loop_count * sizeof *targets->places);
    for (int i = 0; i < options->loop_count; i++) {
        struct place *place = &targets->places[i];
        place->targets = targets;
        place->index = i;
        place->loop = options->loops[i];
        list_init(&place->trials);
        place->client = client_new(place->loop);
        client_restrict(place->client, options->may_connect, options->may_connect_arg);
    }
    targets->destination_watch =
        (struct buses_watch){.changed = on_destination, .kind = BUSES_DESTINATION};
    targets->connection_watch =
        (struct buses_watch){.changed = on_connection, .kind = BUSES_CONNECTION};
    buses_watch(options->buses, &targets->destination_watch);
    buses_watch(options->buses, &targets->connection_watch);
    targets->receiver = (struct event_receiver){LANE_TARGET, home, on_arrived};
    event_store_subscribe(options->events, &targets->receiver);
    return targets;
}

static void free_documents(struct map *map)
{
    struct map_cursor cursor = {0};

    while (map_next(map, &cursor))
        json_decref(cursor.value);
    map_done(map);
}

static void free_lanes(struct place *place)
{
    struct map_cursor cursor = {0};

    while (map_next(&place->lanes, &cursor)) {
        struct lane *lane = cursor.value;
        list_each (node, &lane->waiting)
            free_delivery(container_of(node, struct delivery, link));
        free(lane->name);
        free(lane->kind);
        free(lane->resource);
        free(lane);
    }
    map_done(&place->lanes);
}

void targets_free(struct targets *targets)
{
    if (!targets)
        return;
    for (int i = 0; i < targets->options.loop_count; i++) {
        struct place *place = &targets->places[i];
        free_lanes(place);
        token_free_all(place);
        free_documents(&place->destinations);
        free_documents(&place->connections);
        client_free(place->client);
    }
    free(targets->places);
    free(targets);
}
