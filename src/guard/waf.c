/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/waf.h"

#include <modsecurity/intervention.h>
#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "guard/waf_priv.h"

/*
 * A transaction of the library takes a millisecond or ten, so it runs on threads of the WAF
 * and nowhere else; one belongs to one thread at a time. The lock is that of the queue. A check
 * goes to the queue by its owner's loop and comes back by a message to it, so whether it runs and
 * whether it was closed are the loop's alone to know.
 */
enum work { WORK_REQUEST, WORK_ANSWER, WORK_END };

struct check {
    struct waf_check public;
    struct loop_message message;
    struct list link;
    enum work work;
    struct waf *waf;
    struct waf_rules *rules;
    struct waf_set *set; /* of the rules, when it began */
    struct loop *loop;
    void (*done)(struct waf_check *check);
    bool is_running, is_closed;
    Transaction *transaction;
    struct arena arena; /* of what is inspected next */
    struct text uri, method, client, body;
    const char *version;
    uint16_t client_port, port;
    int status;
    struct http_field *fields;
    size_t field_count;
};

struct waf {
    ModSecurity *library;
    struct waf_sets sets;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list queue;
    int queued, queue_max, thread_count;
    bool is_ending;
    pthread_t threads[WAF_THREADS_MAX];
};

/* --- what matched --- */

/* What stands between a prefix and what ends it, in a line of the library. */
static void copy_between(const char *line, const char *prefix, const char *end, char *ret,
                         size_t room)
{
    const char *at = strstr(line, prefix);
    size_t len = 0;

    if (at)
        for (at += strlen(prefix); at[len] && len < room - 1; len++) {
            if (strncmp(at + len, end, strlen(end)) == 0)
                break;
            ret[len] = (unsigned char)at[len] < ' ' ? '?' : at[len];
        }
    ret[len] = '\0';
}

static bool is_verdict(int64_t id)
{
    return (id >= 949110 && id <= 949111) || (id >= 959100 && id <= 959101);
}

/* "Inbound Anomaly Score Exceeded (Total Score: 15)" */
static int64_t score_of(const char *line)
{
    static const char words[] = "Total Score: ";
    const char *at = strstr(line, words);

    return at ? strtoll(at + sizeof words - 1, NULL, 10) : 0;
}

/* A rule that logs matched; the library gives a line for people. */
static void on_log(void *check_, const void *line_)
{
    struct check *check = check_;
    const char *line = line_, *id = line ? strstr(line, "[id \"") : NULL;
    struct waf_check *result = &check->public;

    if (!id)
        return;
    int64_t number = strtoll(id + 5, NULL, 10);
    if (is_verdict(number)) {
        result->is_logged_only |= check->rules->mode == WAF_DETECT;
        result->score = score_of(line);
    }
    if (result->match_count == WAF_MATCHES_MAX)
        return;
    struct waf_match *match = &result->matches[result->match_count++];
    match->id = number;
    copy_between(line, "[msg \"", "\"", match->message, sizeof match->message);
    copy_between(line, "against variable `", "'", match->variable, sizeof match->variable);
    if (!match->variable[0]) /* what libinjection finds */
        copy_between(line, " found within ", ": ", match->variable, sizeof match->variable);
}

/* --- one transaction, on a thread of the WAF --- */

/* The library leaves what it does not set, so it is zeroed each time. */
static bool is_stopped(struct check *check)
{
    ModSecurityIntervention intervention = {.status = 200};

    if (!msc_intervention(check->transaction, &intervention))
        return false;
    if (intervention.log && check->rules->mode == WAF_BLOCK)
        on_log(check, intervention.log); /* the rule that blocks is told here alone */
    free(intervention.url);
    free(intervention.log);
    if (check->rules->mode == WAF_BLOCK)
        check->public.status = intervention.status >= 400 ? intervention.status : 403;
    return check->rules->mode == WAF_BLOCK;
}

static const unsigned char *bytes(struct text text)
{
    return (const unsigned char *)(text.len ? text.at : "");
}

static void inspect_request(struct check *check)
{
    Transaction *t = msc_new_transaction(check->waf->library, check->set->library_set, check);

    check->transaction = t;
    msc_process_connection(t, check->client.at, check->client_port, "127.0.0.1", check->port);
    msc_process_uri(t, check->uri.at, check->method.at, check->version);
    for (size_t i = 0; i < check->field_count; i++)
        msc_add_n_request_header(t, bytes(check->fields[i].name), check->fields[i].name.len,
                                 bytes(check->fields[i].value), check->fields[i].value.len);
    msc_process_request_headers(t);
    if (is_stopped(check))
        return;
    if (check->body.len > 0)
        msc_append_request_body(t, bytes(check->body), check->body.len);
    if (is_stopped(check))
        return;
    /* Also without a body: the rules for queries are of this phase. */
    msc_process_request_body(t);
    (void)is_stopped(check);
}

static void inspect_answer(struct check *check)
{
    Transaction *t = check->transaction;

    for (size_t i = 0; i < check->field_count; i++)
        msc_add_n_response_header(t, bytes(check->fields[i].name), check->fields[i].name.len,
                                  bytes(check->fields[i].value), check->fields[i].value.len);
    msc_process_response_headers(t, check->status, "HTTP/1.1");
    if (is_stopped(check))
        return;
    if (check->rules->response == WAF_RESPONSE_BODY && check->body.len > 0)
        msc_append_response_body(t, bytes(check->body), check->body.len);
    msc_process_response_body(t);
    (void)is_stopped(check);
}

static void check_free(struct check *check)
{
    if (check->transaction)
        msc_transaction_cleanup(check->transaction);
    waf_set_unref(check->set);
    waf_rules_unref(check->rules);
    arena_done(&check->arena);
    free(check);
}

/* Of this thread alone, whatever else the machine does. */
static int64_t cpu_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void run(struct check *check)
{
    int64_t began_us = cpu_us();
    bool is_last = true;

    switch (check->work) {
    case WORK_REQUEST:
        inspect_request(check);
        is_last = check->rules->response == WAF_RESPONSE_OFF || check->public.status;
        break;
    case WORK_ANSWER:
        inspect_answer(check);
        break;
    case WORK_END:
        check_free(check);
        return;
    }
    /* Phase 5: what it all came to. Not where a rule blocked: the library (3.0.9) forgets some
     * hundred bytes of a request that one of phase 1 did. */
    if (is_last && !check->public.status)
        msc_process_logging(check->transaction);
    check->public.us += cpu_us() - began_us;
    loop_post(check->loop, &check->message);
}

static void *thread_main(void *waf_)
{
    struct waf *waf = waf_;

    for (;;) {
        pthread_mutex_lock(&waf->lock);
        while (list_empty(&waf->queue) && !waf->is_ending)
            pthread_cond_wait(&waf->wake, &waf->lock);
        struct list *node = list_pop(&waf->queue);
        if (node)
            waf->queued--;
        pthread_mutex_unlock(&waf->lock);
        if (!node)
            return NULL;
        run(container_of(node, struct check, link));
    }
}

/* --- a check, on its owner's loop --- */

/* What was begun always finds a place: only requests are too many. */
static bool enqueue(struct check *check, enum work work)
{
    struct waf *waf = check->waf;

    check->work = work;
    pthread_mutex_lock(&waf->lock);
    bool has_room = work != WORK_REQUEST || waf->queued < waf->queue_max;
    check->is_running = has_room; /* a thread may end it as soon as it is in the queue */
    if (has_room) {
        list_push(&waf->queue, &check->link);
        waf->queued++;
        pthread_cond_signal(&waf->wake);
    }
    pthread_mutex_unlock(&waf->lock);
    return has_room;
}

static void on_done(struct loop_message *message)
{
    struct check *check = container_of(message, struct check, message);

    check->is_running = false;
    if (check->is_closed)
        (void)enqueue(check, WORK_END);
    else
        check->done(&check->public);
}

/* As the client wrote it, for the rules that look at the request line. But the library decodes a
 * path before it looks for its end at "?", so an encoded one would hide all that follows
 * (CVE-2024-1019): it is encoded once more. */
static struct text make_uri(struct arena *arena, struct text target)
{
    size_t end = text_find(target, '?');
    char *uri = arena_alloc(arena, target.len * 5 / 3 + 1), *to = uri;

    for (size_t i = 0; i < target.len; i++) {
        *to++ = target.at[i];
        if (target.at[i] == '%' && i + 2 < end && target.at[i + 1] == '3' &&
            (target.at[i + 2] | 32) == 'f') {
            *to++ = '2';
            *to++ = '5';
        }
    }
    *to = '\0';
    return text_from(uri, (size_t)(to - uri));
}

/* Tells the rules that the body begins as JSON does (see waf_text.c). */
static void add_mark(struct check *check)
{
    if (json_may_be(check->body))
        check->fields[check->field_count++] = (struct http_field){TEXT(WAF_JSON_FIELD), TEXT("1")};
}

static void copy_fields(struct check *check, const struct http_field *fields, size_t count)
{
    check->fields =
        arena_alloc(&check->arena, (count + 1) * sizeof *check->fields); /* add_mark() */
    check->field_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!text_equal_nocase(fields[i].name, TEXT(WAF_JSON_FIELD)))
            check->fields[check->field_count++] =
                (struct http_field){arena_copy(&check->arena, fields[i].name),
                                    arena_copy(&check->arena, fields[i].value)};
}

struct waf_check *waf_check_request(struct waf *waf, const struct waf_rules *rules,
                                    const struct waf_request *request, struct loop *loop,
                                    void (*done)(struct waf_check *check))
{
    struct check *check = mem_new(struct check);

    check->waf = waf;
    check->rules = waf_rules_ref(rules);
    check->set = waf_rules_set(check->rules);
    check->loop = loop;
    check->done = done;
    check->message.run = on_done;
    check->uri = make_uri(&check->arena, request->head->target);
    check->method = arena_copy(&check->arena, request->head->method_text);
    check->client = arena_copy(&check->arena, text_of(request->client));
    check->version = arena_string(&check->arena, text_of(request->version));
    check->client_port = request->client_port;
    check->port = request->port;
    copy_fields(check, request->head->fields, request->head->field_count);
    if (!request->is_body_skipped)
        check->body = arena_copy(&check->arena, request->body);
    add_mark(check);
    if (enqueue(check, WORK_REQUEST))
        return &check->public;
    check_free(check);
    return NULL;
}

void waf_check_answer(struct waf_check *public, int status, const struct http_field *fields,
                      size_t count, struct text body)
{
    struct check *check = container_of(public, struct check, public);

    arena_reset(&check->arena);
    public->match_count = 0;
    public->is_logged_only = false;
    public->score = 0;
    check->status = status;
    copy_fields(check, fields, count);
    check->body = TEXT_NONE;
    if (check->rules->response == WAF_RESPONSE_BODY)
        check->body =
            arena_copy(&check->arena, text_slice(body, 0, (size_t)check->rules->limits.response));
    (void)enqueue(check, WORK_ANSWER);
}

void waf_check_close(struct waf_check *public)
{
    if (!public)
        return;
    struct check *check = container_of(public, struct check, public);
    check->is_closed = true;
    if (!check->is_running)
        (void)enqueue(check, WORK_END);
}

/* --- rule sets --- */

struct waf_rules *waf_rules_compile(struct waf *waf, const json_t *part, struct error *err)
{
    return waf_sets_compile(waf ? &waf->sets : NULL, part, err);
}

int waf_reload(struct waf *waf, json_t *faults)
{
    return waf_sets_reload(&waf->sets, faults);
}

/* --- the whole --- */

static void end_threads(struct waf *waf)
{
    pthread_mutex_lock(&waf->lock);
    waf->is_ending = true;
    pthread_cond_broadcast(&waf->wake);
    pthread_mutex_unlock(&waf->lock);
    for (int i = 0; i < waf->thread_count; i++)
        pthread_join(waf->threads[i], NULL);
}

void waf_free(struct waf *waf)
{
    if (!waf)
        return;
    end_threads(waf);
    waf_sets_done(&waf->sets);
    msc_cleanup(waf->library);
    pthread_mutex_destroy(&waf->lock);
    pthread_cond_destroy(&waf->wake);
    free(waf);
}

static int start_threads(struct waf *waf, int count, struct error *err)
{
    for (; waf->thread_count < count; waf->thread_count++)
        if (pthread_create(&waf->threads[waf->thread_count], NULL, thread_main, waf) != 0)
            return error_system(err, "a thread of the firewall cannot be started");
    return 0;
}

struct waf *waf_new(const struct waf_options *options, struct error *err)
{
    scoped(waf_free) struct waf *waf = mem_new(struct waf);

    waf->queue_max = options->queue_max;
    pthread_mutex_init(&waf->lock, NULL);
    pthread_cond_init(&waf->wake, NULL);
    list_init(&waf->queue);
    waf->library = msc_init();
    msc_set_connector_info(waf->library, "evoke");
    msc_set_log_cb(waf->library, on_log);
    if (waf_sets_init(&waf->sets, options->folder ? options->folder : WAF_DEFAULT_FOLDER, err) <
            0 ||
        start_threads(waf, options->threads, err) < 0)
        return NULL;
    return take(waf);
}

const char *waf_version(const struct waf *waf)
{
    return waf->sets.version;
}
