/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>

#include "server_world.h"

/* A client of nghttp2's against the server: what is said of the server's frames alone. */

#define STREAMS_MAX 1024

struct heard {
    int32_t id; /* 0: unused */
    int status;
    struct buffer fields, body; /* fields: "name: value\n" each */
    bool is_over;
    uint32_t reset; /* error code, when the server reset it */
};

struct client {
    int fd;
    nghttp2_session *session;
    struct heard heard[STREAMS_MAX];
    int over;         /* streams that have ended */
    int32_t goaway;   /* error code of the server's; -1: none */
    bool is_gone;     /* the connection has ended */
    struct text body; /* of a request, what is not sent yet */
};

static struct heard *find(struct client *client, int32_t id)
{
    CHECK(id % 2 == 1 && id / 2 < STREAMS_MAX);
    return &client->heard[id / 2];
}

static int on_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                    void *ctx)
{
    struct heard *heard = find(ctx, frame->hd.stream_id);
    struct text key = text_from(name, name_len), content = text_from(value, value_len);
    int64_t status;

    if (text_equal(key, TEXT(":status")) && text_to_int(content, 100, 599, &status))
        heard->status = (int)status;
    else if (!text_equal(key, TEXT("date")))
        buffer_add_format(&heard->fields, "%.*s: %.*s\n", TEXT_ARG(key), TEXT_ARG(content));
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *at,
                   size_t len, void *ctx)
{
    buffer_add(&find(ctx, id)->body, at, len);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct client *client = ctx;

    if (frame->hd.type == NGHTTP2_GOAWAY)
        client->goaway = (int32_t)frame->goaway.error_code;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        find(client, frame->hd.stream_id)->reset = frame->rst_stream.error_code;
    return 0;
}

static int on_over(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
    struct client *client = ctx;

    find(client, id)->is_over = true;
    client->over++;
    return 0;
}

/* window: of each stream, which only consume() opens again; 0: the library's. */
static void open_client(struct client *client, const struct fixture *fixture, uint32_t window)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    const nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};

    *client = (struct client){.fd = dial(fixture), .goaway = -1};
    CHECK(setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0);
    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_over);
    nghttp2_option_set_no_auto_window_update(option, window ? 1 : 0);
    CHECK(nghttp2_session_client_new2(&client->session, callbacks, client, option) == 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    CHECK(nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, &entry, window ? 1 : 0) == 0);
}

static void close_client(struct client *client)
{
    nghttp2_session_del(client->session);
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        buffer_done(&client->heard[i].fields);
        buffer_done(&client->heard[i].body);
    }
    close(client->fd);
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *room, size_t len,
                         uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct client *client = ctx;
    struct text piece = text_slice(client->body, 0, len);

    memcpy(room, piece.at, piece.len);
    client->body = text_skip(client->body, piece.len);
    if (client->body.len == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)piece.len;
}

/* A request; its body, if any, is the client's. */
static struct heard *ask(struct client *client, const char *method, const char *path)
{
    const nghttp2_nv fields[] = {field(":method", method), field(":path", path),
                                 field(":scheme", "http"), field(":authority", "a")};
    const nghttp2_data_provider provider = {.read_callback = read_body};
    int32_t id = nghttp2_submit_request(client->session, NULL, fields, COUNT_OF(fields),
                                        client->body.len ? &provider : NULL, NULL);

    CHECK_MSG(id > 0, "%s", nghttp2_strerror(id));
    struct heard *heard = find(client, id);
    heard->id = id;
    return heard;
}

static void send_all(struct client *client)
{
    const uint8_t *at;
    ssize_t len;

    while (!client->is_gone && (len = nghttp2_session_mem_send(client->session, &at)) > 0)
        for (ssize_t sent; len > 0; at += sent, len -= sent) {
            sent = send(client->fd, at, (size_t)len, MSG_NOSIGNAL);
            if (sent < 0) { /* it may have closed the connection already */
                client->is_gone = true;
                return;
            }
        }
}

/* Takes what comes next; false when nothing more will. */
static bool hear_next(struct client *client)
{
    uint8_t room[65536];
    ssize_t len = recv(client->fd, room, sizeof room, 0);

    CHECK_MSG(len >= 0 || errno == ECONNRESET, "nothing came: %s", strerror(errno));
    if (len > 0)
        CHECK(nghttp2_session_mem_recv(client->session, room, (size_t)len) == len);
    return len > 0;
}

static void step(struct client *client)
{
    send_all(client);
    client->is_gone |= !hear_next(client);
}

static void hear_ends(struct client *client, int count)
{
    while (client->over < count) {
        CHECK_MSG(!client->is_gone, "ended after %d streams", client->over);
        step(client);
    }
    send_all(client);
}

TEST(streams_are_answered_beside_each_other)
{
    struct fixture fixture;
    struct client client;

    start(&fixture, &http_limits_public);
    open_client(&client, &fixture, 0);
    for (int i = 0; i < 50; i++) {
        (void)ask(&client, "GET", "/later");
        (void)ask(&client, "GET", "/hello");
    }
    hear_ends(&client, 100);
    for (int i = 0; i < 100; i++) {
        CHECK(client.heard[i].status == 200 && client.heard[i].reset == 0);
        CHECK_TEXT(buffer_text(&client.heard[i].body), i % 2 ? "hello" : "later");
        CHECK_TEXT(buffer_text(&client.heard[i].fields),
                   "content-type: text/plain\ncontent-length: 5\n");
    }
    close_client(&client);
    stop(&fixture, 100, 0);
}

TEST(a_body_comes_in_and_goes_out_whole)
{
    struct fixture fixture;
    struct client client;

    start(&fixture, &http_limits_public);
    open_client(&client, &fixture, 0);
    client.body = text_from(big, 300000); /* beyond every window */
    struct heard *echo = ask(&client, "POST", "/echo");
    hear_ends(&client, 1);
    CHECK(echo->status == 200);
    CHECK(text_equal(buffer_text(&echo->body), text_from(big, 300000)));
    client.body = text_from(big, 100000);
    struct heard *paused = ask(&client, "POST", "/pause");
    hear_ends(&client, 2);
    CHECK(text_equal(buffer_text(&paused->body), text_from(big, 100000)));
    close_client(&client);
    stop(&fixture, 2, 0);
}

TEST(no_more_is_sent_than_the_clients_window_takes)
{
    struct fixture fixture;
    struct client client;

    start(&fixture, &http_limits_public);
    open_client(&client, &fixture, 1000);
    struct heard *answer = ask(&client, "GET", "/big");
    struct heard *other = ask(&client, "GET", "/hello");
    hear_ends(&client, 1); /* the other one is not held up */
    CHECK(other->is_over && !answer->is_over);
    while (answer->body.len < 1000)
        step(&client);
    /* A question behind it is answered, and nothing of the first came beside the answer. */
    struct heard *last = ask(&client, "GET", "/hello");
    hear_ends(&client, 2);
    CHECK(last->is_over && answer->body.len == 1000);
    while (!answer->is_over) {
        size_t taken = answer->body.len;
        CHECK(nghttp2_submit_window_update(client.session, NGHTTP2_FLAG_NONE, answer->id,
                                           1 << 20) == 0);
        CHECK(nghttp2_submit_window_update(client.session, NGHTTP2_FLAG_NONE, 0, 1 << 20) == 0);
        while (!answer->is_over && answer->body.len == taken)
            step(&client);
    }
    CHECK(text_equal(buffer_text(&answer->body), text_from(big, BIG_BYTES)));
    close_client(&client);
    stop(&fixture, 3, 0);
}

TEST(an_application_cannot_break_its_answer_or_its_neighbours)
{
    struct fixture fixture;
    struct client client;

    start(&fixture, &http_limits_public);
    open_client(&client, &fixture, 0);
    struct heard *inject = ask(&client, "GET", "/inject");
    struct heard *shorter = ask(&client, "GET", "/short");
    struct heard *cut = ask(&client, "GET", "/cut");
    struct heard *hello = ask(&client, "GET", "/hello");
    hear_ends(&client, 4);
    CHECK(inject->status == 299);
    CHECK_TEXT(buffer_text(&inject->fields), "x-good: yes\ncontent-length: 1\n");
    CHECK(shorter->reset == NGHTTP2_INTERNAL_ERROR && cut->reset == NGHTTP2_INTERNAL_ERROR);
    CHECK(hello->status == 200 && hello->reset == 0);
    close_client(&client);
    stop(&fixture, 4, 2);
}

TEST(a_stream_that_its_client_resets_is_reset_alone)
{
    struct fixture fixture;
    struct client client;

    start(&fixture, &http_limits_public);
    open_client(&client, &fixture, 0);
    struct heard *waits = ask(&client, "GET", "/never");
    struct heard *hello = ask(&client, "GET", "/hello");
    while (!hello->is_over)
        step(&client);
    CHECK(nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, waits->id, NGHTTP2_CANCEL) ==
          0);
    struct heard *again = ask(&client, "GET", "/hello");
    while (!again->is_over)
        step(&client);
    CHECK(client.goaway == -1 && again->status == 200);
    close_client(&client);
    stop(&fixture, 3, 1);
}

/* CVE-2023-44487: requests that are taken back as soon as they are made. */
TEST(a_client_that_only_resets_is_sent_away)
{
    struct fixture fixture;
    struct client client;
    int asked = 0;

    start(&fixture, &http_limits_public);
    open_client(&client, &fixture, 0);
    while (!client.is_gone && client.goaway < 0) {
        CHECK_MSG(asked < STREAMS_MAX, "%d resets were taken", asked);
        struct heard *heard = ask(&client, "GET", "/never");
        asked++;
        send_all(&client);
        (void)nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, heard->id,
                                        NGHTTP2_CANCEL);
        (void)nghttp2_submit_ping(client.session, NGHTTP2_FLAG_NONE, NULL);
        step(&client);
    }
    while (client.goaway < 0 && hear_next(&client))
        ;
    CHECK(client.goaway == NGHTTP2_ENHANCE_YOUR_CALM);
    close_client(&client);
    loop_post(fixture.loop, &fixture.close);
    loop_stop(fixture.loop);
    loop_join(fixture.loop);
    loop_free(fixture.loop);
    check_counts(counts.requests, counts.requests);
}

TEST(a_server_that_drains_says_so_and_finishes_what_is_open)
{
    struct fixture fixture;
    struct client client;

    start(&fixture, &http_limits_public);
    open_client(&client, &fixture, 0);
    struct heard *hello = ask(&client, "GET", "/hello");
    while (!hello->is_over)
        step(&client);
    struct heard *pieces = ask(&client, "GET", "/pieces");
    while (pieces->body.len == 0)
        step(&client);
    loop_post(fixture.loop, &fixture.drain);
    while (!client.is_gone)
        step(&client);
    CHECK(client.goaway == NGHTTP2_NO_ERROR);
    CHECK(pieces->is_over && pieces->reset == 0 && pieces->body.len == PIECES * PIECE_BYTES);
    loop_join(fixture.loop);
    loop_free(fixture.loop);
    check_counts(2, 0);
    close_client(&client);
}
