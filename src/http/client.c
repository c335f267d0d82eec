/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

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
    client_may_connect_f *may_connect; /* NULL: everything */
    const void *may_connect_arg;
    const char *ca_file; /* NULL: the system's */
};

/* --- the end of calls --- */

static void let_go(struct client_call *call)
{
    curl_multi_remove_handle(call->client->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->connect_to);
    call->easy = call->headers = call->connect_to = NULL;
}

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

static void finish_call(CURL *easy, CURLcode code)
{
    struct client_call *call;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    call->failure = failure_of(code);
    call->status = (int)status;
    if (code != CURLE_OK)
        snprintf(call->reason, sizeof call->reason, "%s", curl_easy_strerror(code));
    if (code != CURLE_OK && call->is_refused) {
        call->failure = CLIENT_REFUSED;
        snprintf(call->reason, sizeof call->reason, "the address may not be connected to");
    }
    let_go(call);
    call->done(call);
}

void client_cancel(struct client_call *call)
{
    if (call->easy)
        let_go(call);
}

/* At the end of the iteration: curl is not to be entered again from its callbacks. */
static void on_finish(struct loop_task *task)
{
    struct client *client = container_of(task, struct client, finish);
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            finish_call(message->easy_handle, message->data.result);
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

/* Heads of 1xx answers come before the one that counts, trailers behind the body. */
static void keep_head(struct client_call *call, struct text line)
{
    if (call->is_head_complete)
        return;
    if (text_starts(line, TEXT("HTTP/")))
        buffer_clear(&call->head);
    buffer_add_text(&call->head, line);
    struct text status = text_skip(buffer_text(&call->head),
                                   text_find(buffer_text(&call->head), ' ') + 1);
    call->is_head_complete = (text_equal(line, TEXT("\r\n")) || text_equal(line, TEXT("\n"))) &&
                             !text_starts(status, TEXT("1"));
}

/* A number of seconds; dates (RFC 9110 10.2.3) are rare, and not understood. */
static size_t read_header(char *bytes, size_t size, size_t count, void *context)
{
    struct client_call *call = context;
    struct text line = text_from(bytes, size * count), name;

    if (call->is_relayed)
        keep_head(call, line);
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

void client_append_header(struct client_call *call, struct text name, struct text value)
{
    if (name.len == 0 || !is_field_text(name) || !is_field_text(value) || text_contains(name, ':'))
        return;
    scoped(free) char *line = value.len > 0
                                  ? mem_format("%.*s: %.*s", TEXT_ARG(name), TEXT_ARG(value))
                                  : mem_format("%.*s;", TEXT_ARG(name));
    call->headers = curl_slist_append(call->headers, line);
}

void client_drop(struct client_call *call)
{
    curl_slist_free_all(call->headers);
    call->headers = NULL;
}

struct http_field *client_read_fields(const struct client_call *call, struct arena *arena,
                                      size_t *ret_count)
{
    struct text rest = buffer_text(&call->head), line, name;
    size_t lines = 1;

    for (size_t i = 0; i < rest.len; i++)
        lines += rest.at[i] == '\n';
    struct http_field *fields = arena_zalloc(arena, lines * sizeof *fields);
    *ret_count = 0;
    (void)text_split(&rest, '\n', &line); /* the status */
    while (text_split(&rest, '\n', &line)) {
        if (text_ends(line, TEXT("\r")))
            line = text_slice(line, 0, line.len - 1);
        if (text_contains(line, ':') && text_split(&line, ':', &name) && name.len > 0)
            fields[(*ret_count)++] = (struct http_field){name, text_trim(line)};
    }
    return fields;
}

/* Whether a request without content has none, rather than an empty one. */
static bool has_no_body(const struct client_call *call)
{
    if (strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0)
        return true;
    return call->is_relayed && strcmp(call->method, "POST") != 0 &&
           strcmp(call->method, "PUT") != 0 && strcmp(call->method, "PATCH") != 0;
}

static void set_body(CURL *easy, const struct client_call *call)
{
    if (strcmp(call->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (has_no_body(call) && call->body.len == 0)
        return;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.len > 0 ? call->body.at : "");
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct client_call *call = context;
    const struct client *client = call->client;
    struct sockaddr_storage storage = {0};

    memcpy(&storage, &address->addr,
           address->addrlen < sizeof storage ? address->addrlen : sizeof storage);
    if (client->may_connect && !client->may_connect(client->may_connect_arg, &storage)) {
        call->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool has_header(const struct client_call *call, struct text name)
{
    for (const struct curl_slist *line = call->headers; line; line = line->next) {
        struct text text = text_of(line->data);
        if (text_equal_nocase(text_slice(text, 0, name.len), name) && text.len > name.len &&
            (text.at[name.len] == ':' || text.at[name.len] == ';'))
            return true;
    }
    return false;
}

/* What curl would add by itself. */
static void add_nothing(struct client_call *call)
{
    static const char *const own[] = {"Accept", "Content-Type", "Expect", "User-Agent"};

    for (size_t i = 0; i < COUNT_OF(own); i++) {
        if (has_header(call, text_of(own[i])))
            continue;
        scoped(free) char *line = mem_format("%s:", own[i]);
        call->headers = curl_slist_append(call->headers, line);
    }
}

/* The URL gets the name that TLS asks for; where to connect to, and the Host header, stay. */
static void set_server_name(CURL *easy, struct client_call *call)
{
    CURLU *url = curl_url();
    char *host = NULL, *port = NULL, *given_port = NULL, *whole = NULL;

    if (curl_url_set(url, CURLUPART_URL, call->url, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        bool has_port = curl_url_get(url, CURLUPART_PORT, &given_port, 0) == CURLUE_OK;
        scoped(free) char *to = mem_format("::%s:%s", host, port);
        scoped(free) char *name = mem_format("%s%s%s", host, has_port ? ":" : "",
                                             has_port ? given_port : "");
        call->connect_to = curl_slist_append(NULL, to);
        curl_easy_setopt(easy, CURLOPT_CONNECT_TO, call->connect_to);
        if (!has_header(call, TEXT("Host")))
            client_append_header(call, TEXT("Host"), text_of(name));
        if (curl_url_set(url, CURLUPART_HOST, call->server_name, 0) == CURLUE_OK &&
            curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK)
            curl_easy_setopt(easy, CURLOPT_URL, whole);
    }
    curl_free(host);
    curl_free(port);
    curl_free(given_port);
    curl_free(whole);
    curl_url_cleanup(url);
}

static void set_relayed(CURL *easy, struct client_call *call)
{
    add_nothing(call);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
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
    /* A name that is still being resolved is not waited for when the call ends. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    if (client->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
    if (call->server_name)
        set_server_name(easy, call);
    if (call->is_relayed)
        set_relayed(easy, call);
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

void client_restrict(struct client *client, client_may_connect_f *may_connect, const void *arg)
{
    client->may_connect = may_connect;
    client->may_connect_arg = arg;
}

void client_trust(struct client *client, const char *ca_file)
{
    client->ca_file = ca_file;
}

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
