/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/meter.h"

#include <pthread.h>

#include "base/map.h"
#include "base/mem.h"
#include "gateway/meter_rules.h"
#include "model/function.h"

#define WINDOW_US INT64_C(10000000)
#define CLIENTS 64       /* that a window of a shard knows */
#define CLIENTS_SHOWN 20 /* of all shards */
#define ADDRESS_BYTES 46
#define OTHERS "other routes"

enum { CLASS_GONE, CLASS_2XX = 2, CLASS_3XX, CLASS_4XX, CLASS_5XX, CLASSES };
static const char *const class_names[CLASSES] = {
    [CLASS_GONE] = "gone", [CLASS_2XX] = "2xx", [CLASS_3XX] = "3xx",
    [CLASS_4XX] = "4xx",   [CLASS_5XX] = "5xx",
};

struct row {
    char *api, *stage, *route;
    int64_t classes[CLASSES];
    int64_t throttled, forbidden, received_bytes, sent_bytes, us;
    int64_t ran[DURATION_BUCKETS + 1];
    int64_t blocked, would_block; /* by the firewall */
    struct rule_counts rules;
};

struct client {
    char address[ADDRESS_BYTES];
    int64_t count;
};

/*
 * Who asked in some ten seconds. When all places are taken, a new client takes that of the one
 * with the fewest requests, and its count with it ("space saving"): who asks more than one in
 * CLIENTS of all is there for certain.
 */
struct window {
    int64_t from_us;
    int count;
    uint64_t hashes[CLIENTS];
    struct client clients[CLIENTS];
};

struct meter {
    pthread_mutex_t lock;
    struct map rows; /* struct row by "api\nstage\nroute" */
    struct buffer key;
    struct window now, before;
};

struct meters {
    int count;
    struct meter *list;
};

struct meters *meters_new(int count)
{
    struct meters *meters = mem_new(struct meters);

    meters->count = count;
    meters->list = mem_zalloc((size_t)count * sizeof *meters->list);
    for (int i = 0; i < count; i++)
        pthread_mutex_init(&meters->list[i].lock, NULL);
    return meters;
}

static void row_free(struct row *row)
{
    free(row->api);
    free(row->stage);
    free(row->route);
    free(row);
}

static void free_rows(struct map *rows)
{
    struct map_cursor cursor = {0};

    while (map_next(rows, &cursor))
        row_free(cursor.value);
    map_done(rows);
}

void meters_free(struct meters *meters)
{
    if (!meters)
        return;
    for (int i = 0; i < meters->count; i++) {
        free_rows(&meters->list[i].rows);
        buffer_done(&meters->list[i].key);
        pthread_mutex_destroy(&meters->list[i].lock);
    }
    free(meters->list);
    free(meters);
}

struct meter *meters_of(struct meters *meters, int index)
{
    return &meters->list[index];
}

/* --- counting --- */

static struct row *find_row(struct map *rows, struct buffer *key, struct text api,
                            struct text stage, struct text route)
{
    buffer_clear(key);
    buffer_add_text(key, api);
    buffer_add_char(key, '\n');
    buffer_add_text(key, stage);
    buffer_add_char(key, '\n');
    buffer_add_text(key, route);
    struct row *row = map_find(rows, buffer_text(key));
    if (row)
        return row;
    if (rows->count >= METER_ROUTES_MAX && !text_equal(route, TEXT(OTHERS)))
        return find_row(rows, key, TEXT_NONE, TEXT_NONE, TEXT(OTHERS));
    row = mem_new(struct row);
    row->api = text_dup(api);
    row->stage = text_dup(stage);
    row->route = text_dup(route);
    (void)map_put(rows, buffer_text(key), row);
    return row;
}

static int duration_bucket(int64_t us)
{
    int bucket = 0;

    while (bucket < DURATION_BUCKETS && us > DURATION_BUCKET_US(bucket))
        bucket++;
    return bucket;
}

static void count_row(struct row *row, const struct meter_entry *entry)
{
    int class = entry->status / 100;

    row->classes[class >= CLASS_2XX && class <= CLASS_5XX ? class : CLASS_GONE]++;
    row->throttled += entry->status == 429;
    row->forbidden += entry->status == 403;
    row->received_bytes += entry->received_bytes;
    row->sent_bytes += entry->sent_bytes;
    row->us += entry->us;
    row->ran[duration_bucket(entry->us)]++;
}

static int fewest(const struct window *window)
{
    int least = 0;

    for (int i = 1; i < window->count; i++)
        if (window->clients[i].count < window->clients[least].count)
            least = i;
    return least;
}

static void count_client(struct window *window, struct text address, int64_t count)
{
    uint64_t hash = map_hash(address);
    int at = 0;

    while (at < window->count && window->hashes[at] != hash)
        at++;
    if (at == window->count) {
        if (window->count < CLIENTS)
            window->clients[window->count++].count = 0;
        else
            at = fewest(window);
        window->hashes[at] = hash;
        snprintf(window->clients[at].address, ADDRESS_BYTES, "%.*s", TEXT_ARG(address));
    }
    window->clients[at].count += count;
}

/* A window that is over becomes the one before, if it is still of use. */
static void turn(struct meter *meter, int64_t mono_us)
{
    int64_t from_us = mono_us - mono_us % WINDOW_US;

    if (meter->now.from_us == from_us)
        return;
    if (meter->now.from_us == from_us - WINDOW_US)
        meter->before = meter->now;
    else
        meter->before.count = 0;
    meter->now.from_us = from_us;
    meter->now.count = 0;
}

void meter_add(struct meter *meter, const struct meter_entry *entry, int64_t mono_us)
{
    pthread_mutex_lock(&meter->lock);
    count_row(find_row(&meter->rows, &meter->key, entry->api, entry->stage, entry->route), entry);
    turn(meter, mono_us);
    count_client(&meter->now, entry->client, 1);
    pthread_mutex_unlock(&meter->lock);
}

void meter_add_finding(struct meter *meter, const struct meter_finding *finding)
{
    pthread_mutex_lock(&meter->lock);
    struct row *row =
        find_row(&meter->rows, &meter->key, finding->api, finding->stage, finding->route);
    row->blocked += finding->was_blocked;
    row->would_block += finding->would_block;
    for (size_t i = 0; i < finding->rule_count; i++)
        rule_counts_add(&row->rules, finding->rules[i], 1);
    pthread_mutex_unlock(&meter->lock);
}

/* --- reading --- */

static void add_row(struct row *to, const struct row *row)
{
    for (int i = 0; i < CLASSES; i++)
        to->classes[i] += row->classes[i];
    to->throttled += row->throttled;
    to->forbidden += row->forbidden;
    to->received_bytes += row->received_bytes;
    to->sent_bytes += row->sent_bytes;
    to->us += row->us;
    for (int i = 0; i <= DURATION_BUCKETS; i++)
        to->ran[i] += row->ran[i];
    to->blocked += row->blocked;
    to->would_block += row->would_block;
    rule_counts_merge(&to->rules, &row->rules);
}

static int by_name(const void *a, const void *b)
{
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
    int order = strcmp(x->api, y->api);

    if (order == 0)
        order = strcmp(x->stage, y->stage);
    return order ? order : strcmp(x->route, y->route);
}

/* What all shards counted: rows in the order of their names, to be freed with free_rows(). */
static struct row **read_rows(struct meters *meters, struct map *all)
{
    scoped(buffer_done) struct buffer key = {0};
    struct map_cursor cursor = {0};
    size_t count = 0;

    for (int i = 0; i < meters->count; i++) {
        struct meter *meter = &meters->list[i];
        struct map_cursor each = {0};
        pthread_mutex_lock(&meter->lock);
        while (map_next(&meter->rows, &each)) {
            const struct row *row = each.value;
            add_row(
                find_row(all, &key, text_of(row->api), text_of(row->stage), text_of(row->route)),
                row);
        }
        pthread_mutex_unlock(&meter->lock);
    }
    struct row **rows = mem_zalloc((all->count + 1) * sizeof(struct row *));
    while (map_next(all, &cursor))
        rows[count++] = cursor.value;
    if (count > 0)
        qsort(rows, count, sizeof *rows, by_name);
    return rows;
}

/* --- Prometheus --- */

static void add_label(struct buffer *out, const char *name, const char *value)
{
    buffer_add_format(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            buffer_add_char(out, '\\');
        if (*value == '\n')
            buffer_add_literal(out, "\\n");
        else
            buffer_add_char(out, *value);
    }
    buffer_add_literal(out, "\"");
}

/* `evoke_gateway_NAME{api="",stage="",route=""`: more labels and "}" follow. */
static void begin_line(struct buffer *out, const char *name, const struct row *row)
{
    buffer_add_format(out, "evoke_gateway_%s{", name);
    add_label(out, "api", row->api);
    add_label(out, ",stage", row->stage);
    add_label(out, ",route", row->route);
}

static void add_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_add_format(out, "# HELP evoke_gateway_%s %s\n# TYPE evoke_gateway_%s %s\n", name, help,
                      name, type);
}

static void add_classes(struct buffer *out, struct row *const *rows)
{
    add_head(out, "requests_total", "counter", "Requests by route and kind of answer.");
    for (; *rows; rows++)
        for (int i = 0; i < CLASSES; i++) {
            if (!class_names[i] || (*rows)->classes[i] == 0)
                continue;
            begin_line(out, "requests_total", *rows);
            buffer_add_format(out, ",status=\"%s\"} %lld\n", class_names[i],
                              (long long)(*rows)->classes[i]);
        }
}

static void add_column(struct buffer *out, struct row *const *rows, size_t offset, const char *name,
                       const char *help)
{
    add_head(out, name, "counter", help);
    for (; *rows; rows++) {
        begin_line(out, name, *rows);
        buffer_add_format(out, "} %lld\n",
                          (long long)*(const int64_t *)((const char *)*rows + offset));
    }
}

static void add_durations(struct buffer *out, const struct row *row)
{
    int64_t total = 0;

    for (int i = 0; i < DURATION_BUCKETS; i++) {
        total += row->ran[i];
        begin_line(out, "duration_seconds_bucket", row);
        buffer_add_format(out, ",le=\"%g\"} %lld\n", (double)DURATION_BUCKET_US(i) / 1e6,
                          (long long)total);
    }
    total += row->ran[DURATION_BUCKETS];
    begin_line(out, "duration_seconds_bucket", row);
    buffer_add_format(out, ",le=\"+Inf\"} %lld\n", (long long)total);
    begin_line(out, "duration_seconds_sum", row);
    buffer_add_format(out, "} %.6f\n", (double)row->us / 1e6);
    begin_line(out, "duration_seconds_count", row);
    buffer_add_format(out, "} %lld\n", (long long)total);
}

/* Of routes where rules matched. */
static void add_rules(struct buffer *out, struct row *const *rows)
{
    add_head(out, "firewall_matches_total", "counter",
             "Matches of the firewall's rules, by route and rule.");
    for (; *rows; rows++)
        for (size_t i = 0; i < (*rows)->rules.count; i++) {
            int64_t id = (*rows)->rules.rules[i].id;
            begin_line(out, "firewall_matches_total", *rows);
            if (id)
                buffer_add_format(out, ",rule=\"%lld\"} ", (long long)id);
            else
                buffer_add_literal(out, ",rule=\"others\"} ");
            buffer_add_format(out, "%lld\n", (long long)(*rows)->rules.rules[i].matches);
        }
}

void meters_metrics(struct meters *meters, struct buffer *out)
{
    struct map all = {0};
    scoped(free) struct row **rows = read_rows(meters, &all);

    add_classes(out, rows);
    add_column(out, rows, offsetof(struct row, throttled), "throttled_total",
               "Requests answered 429, by route.");
    add_column(out, rows, offsetof(struct row, received_bytes), "received_bytes_total",
               "Bytes of requests' bodies, by route.");
    add_column(out, rows, offsetof(struct row, sent_bytes), "sent_bytes_total",
               "Bytes of answers' bodies, by route.");
    add_column(out, rows, offsetof(struct row, blocked), "firewall_blocked_total",
               "Requests and answers that the firewall blocked, by route.");
    add_column(out, rows, offsetof(struct row, would_block), "firewall_would_block_total",
               "Those it would have blocked, at routes where it only detects.");
    add_rules(out, rows);
    add_head(out, "duration_seconds", "histogram",
             "From the first byte of a request to the end of its answer, by route.");
    for (size_t i = 0; rows[i]; i++)
        add_durations(out, rows[i]);
    free_rows(&all);
}

/* --- JSON --- */

static void add_number(struct buffer *out, const char *name, int64_t number)
{
    buffer_add_format(out, ",\"%s\":%lld", name, (long long)number);
}

static void add_findings(struct buffer *out, const struct row *row)
{
    add_number(out, "blocked", row->blocked);
    add_number(out, "wouldBlock", row->would_block);
    buffer_add_literal(out, ",\"rules\":[");
    for (size_t i = 0; i < row->rules.count; i++)
        buffer_add_format(out, "%s{\"id\":%lld,\"matches\":%lld}", i ? "," : "",
                          (long long)row->rules.rules[i].id,
                          (long long)row->rules.rules[i].matches);
    buffer_add_char(out, ']');
}

static void add_route(struct buffer *out, const struct row *row)
{
    int64_t requests = 0;

    for (int i = 0; i < CLASSES; i++)
        requests += row->classes[i];
    buffer_add_literal(out, "{\"api\":");
    buffer_add_json(out, text_of(row->api));
    buffer_add_literal(out, ",\"stage\":");
    buffer_add_json(out, text_of(row->stage));
    buffer_add_literal(out, ",\"route\":");
    buffer_add_json(out, text_of(row->route));
    add_number(out, "requests", requests);
    buffer_add_format(out, ",\"status\":{\"gone\":%lld", (long long)row->classes[CLASS_GONE]);
    for (int i = CLASS_2XX; i < CLASSES; i++)
        add_number(out, class_names[i], row->classes[i]);
    buffer_add_char(out, '}');
    add_number(out, "throttled", row->throttled);
    add_number(out, "forbidden", row->forbidden);
    add_findings(out, row);
    add_number(out, "receivedBytes", row->received_bytes);
    add_number(out, "sentBytes", row->sent_bytes);
    add_number(out, "durationUs", row->us);
    buffer_add_literal(out, ",\"durations\":");
    for (int i = 0; i <= DURATION_BUCKETS; i++)
        buffer_add_format(out, "%c%lld", i ? ',' : '[', (long long)row->ran[i]);
    buffer_add_literal(out, "]}");
}

static void add_window(struct map *all, const struct window *window)
{
    for (int i = 0; i < window->count; i++) {
        struct text address = text_of(window->clients[i].address);
        struct client *client = map_find(all, address);
        if (!client) {
            client = mem_new(struct client);
            *client = window->clients[i];
            (void)map_put(all, address, client);
        } else {
            client->count += window->clients[i].count;
        }
    }
}

static int by_count(const void *a, const void *b)
{
    const struct client *x = *(struct client *const *)a, *y = *(struct client *const *)b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->address, y->address);
}

static void add_clients(struct meters *meters, int64_t mono_us, struct buffer *out)
{
    struct map all = {0};
    struct map_cursor cursor = {0};
    size_t count = 0;

    for (int i = 0; i < meters->count; i++) {
        struct meter *meter = &meters->list[i];
        pthread_mutex_lock(&meter->lock);
        turn(meter, mono_us);
        add_window(&all, &meter->before);
        add_window(&all, &meter->now);
        pthread_mutex_unlock(&meter->lock);
    }
    scoped(free) struct client **clients = mem_zalloc((all.count + 1) * sizeof *clients);
    while (map_next(&all, &cursor))
        clients[count++] = cursor.value;
    qsort(clients, count, sizeof *clients, by_count);
    for (size_t i = 0; i < count; i++) {
        if (i < CLIENTS_SHOWN) {
            if (i)
                buffer_add_char(out, ',');
            buffer_add_literal(out, "{\"address\":");
            buffer_add_json(out, text_of(clients[i]->address));
            add_number(out, "requests", clients[i]->count);
            buffer_add_char(out, '}');
        }
        free(clients[i]);
    }
    map_done(&all);
}

void meters_json(struct meters *meters, int64_t mono_us, struct buffer *out)
{
    struct map all = {0};
    scoped(free) struct row **rows = read_rows(meters, &all);

    buffer_add_literal(out, "{\"routes\":[");
    for (size_t i = 0; rows[i]; i++) {
        if (i)
            buffer_add_char(out, ',');
        add_route(out, rows[i]);
    }
    buffer_add_literal(out, "],\"bucketsUs\":");
    for (int i = 0; i < DURATION_BUCKETS; i++)
        buffer_add_format(out, "%c%lld", i ? ',' : '[', (long long)DURATION_BUCKET_US(i));
    buffer_add_literal(out, "],\"clients\":[");
    add_clients(meters, mono_us, out);
    buffer_add_char(out, ']');
    add_number(out, "clientsMs", (WINDOW_US + mono_us % WINDOW_US) / 1000);
    buffer_add_literal(out, "}\n");
    free_rows(&all);
}
