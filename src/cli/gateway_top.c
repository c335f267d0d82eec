/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gateway_top.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/output.h"
#include "cli/table.h"

#define BUCKETS_MAX 64
#define LINES_USUAL 24
#define LINES_AROUND 7 /* of the screen, beside routes and clients */
#define CLIENTS_SHOWN 5

/* Of a route, or of all: counted over some time. */
struct figures {
    struct text api, stage, route; /* of a sample */
    int64_t requests, errors, throttled, forbidden, blocked;
    int64_t ran[BUCKETS_MAX + 1];
};

struct view {
    const json_t *sample, *before; /* before NULL: since the daemon's start */
    int64_t over_ms;               /* the time between */
    int64_t buckets_us[BUCKETS_MAX];
    size_t bucket_count;
    struct figures *rows, all;
    size_t row_count;
};

/* --- figures --- */

static struct figures read_route(const json_t *route)
{
    const json_t *durations = json_object_get(route, "durations");
    struct figures figures = {
        .api = json_text(route, "api"),
        .stage = json_text(route, "stage"),
        .route = json_text(route, "route"),
        .requests = json_int(route, "requests", 0),
        .errors = json_int(json_object_get(route, "status"), "5xx", 0),
        .throttled = json_int(route, "throttled", 0),
        .forbidden = json_int(route, "forbidden", 0),
        .blocked = json_int(route, "blocked", 0),
    };

    for (size_t i = 0; i < json_array_size(durations) && i <= BUCKETS_MAX; i++)
        figures.ran[i] = json_integer_value(json_array_get(durations, i));
    return figures;
}

static void add(struct figures *to, const struct figures *other, int sign)
{
    to->requests += sign * other->requests;
    to->errors += sign * other->errors;
    to->throttled += sign * other->throttled;
    to->forbidden += sign * other->forbidden;
    to->blocked += sign * other->blocked;
    for (size_t i = 0; i <= BUCKETS_MAX; i++)
        to->ran[i] += sign * other->ran[i];
}

/* Milliseconds that a share of the requests took at most, evenly spread within a bucket; 0 of
 * none. */
static double quantile(const struct view *view, const struct figures *figures, double share)
{
    double left = share * (double)figures->requests, from = 0;

    if (figures->requests == 0)
        return 0;
    for (size_t i = 0; i < view->bucket_count; i++) {
        double to = (double)view->buckets_us[i], ran = (double)figures->ran[i];
        if (ran > 0 && left <= ran)
            return (from + (to - from) * left / ran) / 1000;
        left -= ran;
        from = to;
    }
    return from / 1000;
}

static void subtract_before(const struct view *view, struct figures *row)
{
    const json_t *route;
    size_t index;

    json_array_foreach(json_object_get(view->before, "routes"), index, route)
    {
        struct figures was = read_route(route);
        if (text_equal(was.api, row->api) && text_equal(was.stage, row->stage) &&
            text_equal(was.route, row->route) && was.requests <= row->requests)
            add(row, &was, -1);
    }
}

static int by_requests(const void *a, const void *b)
{
    const struct figures *x = a, *y = b;

    if (x->requests != y->requests)
        return x->requests < y->requests ? 1 : -1;
    return text_compare(x->route, y->route);
}

static void view_read(struct view *view, struct arena *arena)
{
    const json_t *routes = json_object_get(view->sample, "routes"), *route,
                 *buckets = json_object_get(view->sample, "bucketsUs");
    size_t index;

    for (size_t i = 0; i < json_array_size(buckets) && i < BUCKETS_MAX; i++)
        view->buckets_us[view->bucket_count++] = json_integer_value(json_array_get(buckets, i));
    view->rows = arena_zalloc(arena, (json_array_size(routes) + 1) * sizeof *view->rows);
    json_array_foreach(routes, index, route)
    {
        struct figures *row = &view->rows[view->row_count++];
        *row = read_route(route);
        subtract_before(view, row);
        add(&view->all, row, 1);
    }
    qsort(view->rows, view->row_count, sizeof *view->rows, by_requests);
}

static double per_second(int64_t count, int64_t over_ms)
{
    return over_ms > 0 ? (double)count * 1000 / (double)over_ms : 0;
}

/* --- drawing --- */

static void add_row(struct table *table, const struct view *view, const struct figures *row)
{
    table_add(table, row->api.len ? row->api : TEXT("-"));
    table_add(table, row->stage.len ? row->stage : TEXT("-"));
    table_add(table, row->route);
    table_add_format(table, "%.1f", per_second(row->requests, view->over_ms));
    table_add_format(table, "%lld", (long long)row->requests);
    table_add_format(table, "%.1f", quantile(view, row, 0.5));
    table_add_format(table, "%.1f", quantile(view, row, 0.99));
    table_add_format(table, "%lld", (long long)row->errors);
    table_add_format(table, "%lld", (long long)row->throttled);
    table_add_format(table, "%lld", (long long)row->forbidden);
    table_add_format(table, "%lld", (long long)row->blocked);
}

static void add_routes(const struct session *session, const struct view *view, size_t most,
                       struct buffer *out)
{
    static const char *const head[] = {"API",    "STAGE", "ROUTE", "REQ/S", "REQUESTS", "P50 MS",
                                       "P99 MS", "5XX",   "429",   "403",   "WAF"};
    scoped(table_done) struct table table = {
        .columns = COUNT_OF(head), .has_head = true, .right = 0x7f8};

    for (size_t i = 0; i < COUNT_OF(head); i++)
        table_add(&table, text_of(head[i]));
    for (size_t i = 0; i < view->row_count && i < most; i++)
        add_row(&table, view, &view->rows[i]);
    table_format(&table, &session->terminal, out);
}

static void add_clients(const struct session *session, const struct view *view, struct buffer *out)
{
    scoped(table_done) struct table table = {.columns = 2, .has_head = true, .right = 2};
    int64_t over_ms = json_int(view->sample, "clientsMs", 0);
    const json_t *client;
    size_t index;

    table_add(&table, TEXT("CLIENT"));
    table_add(&table, TEXT("REQ/S"));
    json_array_foreach(json_object_get(view->sample, "clients"), index, client)
    {
        if (index >= CLIENTS_SHOWN)
            break;
        table_add(&table, json_text(client, "address"));
        table_add_format(&table, "%.1f", per_second(json_int(client, "requests", 0), over_ms));
    }
    buffer_add_char(out, '\n');
    table_format(&table, &session->terminal, out);
}

static void draw(const struct session *session, const struct view *view, size_t most,
                 struct buffer *out)
{
    const struct figures *all = &view->all;

    buffer_add_format(out,
                      "%.1f requests/s  p50 %.1f ms  p99 %.1f ms  5xx %lld  429 %lld  403 %lld  "
                      "blocked by the WAF %lld  (%s)\n\n",
                      per_second(all->requests, view->over_ms), quantile(view, all, 0.5),
                      quantile(view, all, 0.99), (long long)all->errors, (long long)all->throttled,
                      (long long)all->forbidden, (long long)all->blocked,
                      view->before ? "Ctrl-C ends" : "since the daemon's start");
    add_routes(session, view, most, out);
    add_clients(session, view, out);
}

/* --- asking --- */

static json_t *ask(struct session *session, int64_t *ret_uptime_ms, struct error *err)
{
    const struct call call = {.method = "GET", .path = "/_evoke/gateway/top"};
    scoped(json_decref) json_t *answer = call_json(session, &call, err);

    if (!answer)
        return NULL;
    *ret_uptime_ms = json_int(answer, "uptimeMs", 0);
    return json_incref(json_object_get(answer, "traffic"));
}

static size_t rows_of_screen(void)
{
    struct winsize size = {0};
    size_t lines = LINES_USUAL;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
        lines = size.ws_row;
    return lines > LINES_AROUND + CLIENTS_SHOWN + 1 ? lines - LINES_AROUND - CLIENTS_SHOWN : 1;
}

static void print_json(struct view *view)
{
    json_t *routes = json_object_get(view->sample, "routes"), *route;
    size_t index;

    json_array_foreach(routes, index, route)
    {
        struct figures figures = read_route(route);
        json_object_set_new(route, "p50Ms", json_real(quantile(view, &figures, 0.5)));
        json_object_set_new(route, "p99Ms", json_real(quantile(view, &figures, 0.99)));
    }
    output_json(view->sample);
}

static int show_once(struct session *session, struct error *err)
{
    scoped(buffer_done) struct buffer out = {0};
    struct view view = {0};
    scoped(json_decref) json_t *sample = ask(session, &view.over_ms, err);

    if (!sample)
        return -1;
    view.sample = sample;
    view_read(&view, &session->arena);
    if (session->json) {
        print_json(&view);
        return 0;
    }
    draw(session, &view, SIZE_MAX, &out);
    output_buffer(stdout, &out);
    return 0;
}

static void wait_ms(int64_t ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static void show(const struct session *session, struct view *view)
{
    scoped(buffer_done) struct buffer out = {0};
    struct arena arena = {0};

    buffer_add_literal(&out, "\033[H\033[J"); /* home; clear what follows */
    view_read(view, &arena);
    draw(session, view, rows_of_screen(), &out);
    output_buffer(stdout, &out);
    (void)fflush(stdout);
    arena_done(&arena);
}

static int show_live(struct session *session, int64_t every_ms, struct error *err)
{
    int64_t uptime_ms, was_ms;
    json_t *before = ask(session, &was_ms, err);

    while (before) {
        wait_ms(every_ms);
        json_t *sample = ask(session, &uptime_ms, err);
        if (sample) {
            struct view view = {.sample = sample, .before = before, .over_ms = uptime_ms - was_ms};
            show(session, &view);
        }
        json_decref(before);
        before = sample;
        was_ms = uptime_ms;
    }
    return -1;
}

int gateway_top(struct session *session, bool once, int64_t every_ms, struct error *err)
{
    if (once || session->json || !session->terminal.out_is_terminal)
        return show_once(session, err);
    return show_live(session, every_ms, err);
}
