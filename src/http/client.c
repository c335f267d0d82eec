/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

#include "base/mem.h"

#define ANSWER_MAX (64 << 10) /* bytes kept of an answer, unless the call says */
#define RETRY_AFTER_MAX_S 86400

/* A socket of curl's that the loop watches. */
struct socket {
    struct loop_io io;
    struct client *client;
};

struct client {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer timer;
    struct loop_task finish;
};

/* --- the end of calls --- */

static enum client_failure failure_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_OK:
        return CLIENT_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return CLIENT_TIMEOUT;
    default:
        return CLIENT_UNREACHABLE;
    }
}

static void finish_call(struct client *client, CURL *easy, CURLcode code)
{
    struct client_call *call;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    call->failure = failure_of(code);
    call->status = (int)status;
    if (code != CURLE_OK)
        snprintf(call->reason, sizeof call->reason, "%s", curl_easy_strerror(code));
    curl_multi_remove_handle(client->multi, easy);
    curl_easy_cleanup(easy);
    curl_slist_free_all(call->headers);
    call->easy = call->headers = NULL;
    call->done(call);
}

/* At the end of the iteration: curl is not to be entered again from its callbacks. */
static void on_finish(struct loop_task *task)
{
    struct client *client = container_of(task, struct client, finish);
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            finish_call(client, message->easy_handle, message->data.result);
}

/* --- what curl waits for --- */

static void act(struct client *client, curl_socket_t fd, int events)
{
    int running;

    (void)curl_multi_socket_action(client->multi, fd, events, &running);
    loop_defer(client->loop, &client->finish);
}

static void on_ready(struct loop_io *io, int events)
{
    const struct socket *socket = container_of(io, struct socket, io);

    act(socket->client, io->fd,
        (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_closed(struct loop_io *io)
{
    free(container_of(io, struct socket, io));
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
    struct client *client = context;
    struct socket *socket = assigned;
    int events = (what != CURL_POLL_OUT ? LOOP_READ : 0) | (what != CURL_POLL_IN ? LOOP_WRITE : 0);

    if (what == CURL_POLL_REMOVE) {
        if (socket)
            loop_io_stop(&socket->io);
        return 0;
    }
    if (socket) {
        loop_io_watch(&socket->io, events);
        return 0;
    }
    socket = mem_new(struct socket);
    socket->client = client;
    socket->io.ready = on_ready;
    socket->io.closed = on_closed;
    loop_io_start(client->loop, &socket->io, fd, events);
    curl_multi_assign(client->multi, fd, socket);
    return 0;
}

static void on_timer(struct loop_timer *timer)
{
    act(container_of(timer, struct client, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long after_ms, void *context)
{
    struct client *client = context;

    if (after_ms < 0)
        loop_timer_clear(&client->timer);
    else
        loop_timer_set(client->loop, &client->timer, after_ms);
    return 0;
}

/* --- calls --- */

static size_t keep_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct client_call *call = context;
    size_t max = call->answer_max ? call->answer_max : ANSWER_MAX;
    size_t room = max - call->answer.len;

    call->is_cut = call->is_cut || size * count > room;
    buffer_add(&call->answer, bytes, size * count < room ? size * count : room);
    return size * count;
}

/* A number of seconds; dates (RFC 9110 10.2.3) are rare, and not understood. */
static size_t read_header(char *bytes, size_t size, size_t count, void *context)
{
    struct client_call *call = context;
    struct text line = text_from(bytes, size * count), name;

    if (text_split(&line, ':', &name) && text_equal_nocase(name, TEXT("retry-after"))) {
        size_t len = line.len;
        while (len > 0 && (line.at[len - 1] == '\r' || line.at[len - 1] == '\n'))
            len--;
        (void)text_to_int(text_trim(text_slice(line, 0, len)), 0, RETRY_AFTER_MAX_S,
                          &call->retry_after_s);
    }
    return size * count;
}

/* What would make two lines of one is left out. */
static bool is_field_text(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < ' ' && text.at[i] != '\t')
            return false;
    return true;
}

static void drop_header(struct client_call *call, struct text name)
{
    struct curl_slist *kept = NULL;

    for (struct curl_slist *line = call->headers; line; line = line->next) {
        struct text rest = text_of(line->data), other;
        if (text_split(&rest, ':', &other) && text_equal_nocase(other, name))
            continue;
        kept = curl_slist_append(kept, line->data);
    }
    curl_slist_free_all(call->headers);
    call->headers = kept;
}

void client_add_header(struct client_call *call, struct text name, struct text value)
{
    if (name.len == 0 || !is_field_text(name) || !is_field_text(value) || text_contains(name, ':'))
        return;
    drop_header(call, name);
    scoped(free) char *line = mem_format("%.*s: %.*s", TEXT_ARG(name), TEXT_ARG(value));
    call->headers = curl_slist_append(call->headers, line);
}

void client_drop(struct client_call *call)
{
    curl_slist_free_all(call->headers);
    call->headers = NULL;
}

static void set_body(CURL *easy, const struct client_call *call)
{
    bool has_none = strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0;

    if (strcmp(call->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (has_none && call->body.len == 0)
        return;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.len > 0 ? call->body.at : "");
}

void client_send(struct client *client, struct client_call *call)
{
    CURL *easy = curl_easy_init();

    assert(easy);
    call->client = client;
    call->easy = easy;
    set_body(easy, call);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, read_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    (void)curl_multi_add_handle(client->multi, easy);
}

/* --- life --- */

struct client *client_new(struct loop *loop)
{
    struct client *client = mem_new(struct client);

    client->loop = loop;
    client->timer.fire = on_timer;
    client->finish.run = on_finish;
    client->multi = curl_multi_init();
    assert(client->multi);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    return client;
}

void client_free(struct client *client)
{
    if (!client)
        return;
    loop_timer_clear(&client->timer);
    loop_cancel(&client->finish);
    curl_multi_cleanup(client->multi);
    free(client);
}
