/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "http/sigv4.h"

/*
 * Load for a queue: each connection sends a batch of messages, receives and deletes as many,
 * again and again, every request signed. Boto3 takes longer to make one request than the
 * daemon to serve it, so the generator is a C program; a connection is a thread that blocks.
 *
 * usage: queue_load ADDRESS PORT QUEUE-URL KEY SECRET CONNECTIONS SECONDS BATCH BODY-BYTES
 * prints: messages that went the whole way, and how many a second.
 */
#define ANSWER_MAX (1 << 20)

static struct {
    const char *address, *url, *key, *secret;
    int port, batch, body_bytes;
    int64_t until_us;
    atomic_llong deleted;
} load;

struct client {
    pthread_t thread;
    int fd;
    struct arena arena;
    struct buffer request, body, answer;
};

static void die(const char *what, struct text said)
{
    fprintf(stderr, "queue_load: %s: %.*s\n", what, TEXT_ARG(text_slice(said, 0, 500)));
    exit(1);
}

static void connect_client(struct client *client)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load.port)};
    int on = 1;

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, load.address, &peer.sin_addr) != 1 ||
        connect(client->fd, (struct sockaddr *)&peer, sizeof peer) < 0)
        die("cannot connect", text_of(load.address));
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* --- one exchange --- */

static void write_request(struct client *client, const char *action)
{
    int64_t now_ms = clock_now_ms();
    char date[32];
    const char *target = arena_format(&client->arena, "AmazonSQS.%s", action);
    const char *host = arena_format(&client->arena, "%s:%d", load.address, load.port);
    const struct http_field fields[] = {
        {TEXT("host"), text_of(host)},
        {TEXT("x-amz-date"), text_of(clock_format_basic(now_ms, date))},
        {TEXT("x-amz-target"), text_of(target)},
    };
    const struct sigv4_signing signing = {
        .method = TEXT("POST"),
        .path = TEXT("/"),
        .query = TEXT(""),
        .headers = fields,
        .header_count = COUNT_OF(fields),
        .body = buffer_text(&client->body),
        .access_key = text_of(load.key),
        .secret = text_of(load.secret),
        .region = TEXT("us-east-1"),
        .service = TEXT("sqs"),
        .now_ms = now_ms,
    };
    struct text authorization = sigv4_sign(&signing, &client->arena);

    buffer_clear(&client->request);
    buffer_add_format(&client->request,
                      "POST / HTTP/1.1\r\nHost: %s\r\nX-Amz-Date: %s\r\nX-Amz-Target: %s\r\n"
                      "Content-Type: application/x-amz-json-1.0\r\nAuthorization: %.*s\r\n"
                      "Content-Length: %zu\r\n\r\n",
                      host, date, target, TEXT_ARG(authorization), client->body.len);
    buffer_add_text(&client->request, buffer_text(&client->body));
}

static void send_all(struct client *client)
{
    struct text rest = buffer_text(&client->request);

    while (rest.len > 0) {
        ssize_t sent = send(client->fd, rest.at, rest.len, MSG_NOSIGNAL);
        if (sent <= 0)
            die("the connection broke", TEXT(""));
        rest = text_skip(rest, (size_t)sent);
    }
}

/* The answer's body: everything after the head, as long as the head says. */
static struct text read_answer(struct client *client)
{
    static const struct text length = {"Content-Length: ", sizeof "Content-Length: " - 1};
    size_t head = 0, all = SIZE_MAX;

    buffer_clear(&client->answer);
    while (client->answer.len < all) {
        char *room = buffer_room(&client->answer, 64 << 10);
        ssize_t got = recv(client->fd, room, 64 << 10, 0);
        if (got <= 0 || client->answer.len > ANSWER_MAX)
            die("no answer", buffer_text(&client->answer));
        buffer_added(&client->answer, (size_t)got);
        struct text text = buffer_text(&client->answer);
        head = text_find_text(text, TEXT("\r\n\r\n")) + 4;
        if (all == SIZE_MAX && head <= text.len) {
            size_t at = text_find_text(text, length);
            if (at == text.len)
                die("an answer without a length", text);
            all = head + strtoul(text.at + at + length.len, NULL, 10);
        }
    }
    if (!text_starts(buffer_text(&client->answer), TEXT("HTTP/1.1 200 ")))
        die("refused", buffer_text(&client->answer));
    return text_skip(buffer_text(&client->answer), head);
}

static struct text ask(struct client *client, const char *action)
{
    write_request(client, action);
    send_all(client);
    arena_reset(&client->arena);
    return read_answer(client);
}

/* --- a cycle --- */

static void begin_body(struct client *client)
{
    buffer_clear(&client->body);
    buffer_add_format(&client->body, "{\"QueueUrl\":\"%s\"", load.url);
}

static void send_batch(struct client *client)
{
    begin_body(client);
    buffer_add_literal(&client->body, ",\"Entries\":[");
    for (int i = 0; i < load.batch; i++)
        buffer_add_format(&client->body, "%s{\"Id\":\"%d\",\"MessageBody\":\"%0*d\"}",
                          i > 0 ? "," : "", i, load.body_bytes, i);
    buffer_add_literal(&client->body, "]}");
    struct text answer = ask(client, "SendMessageBatch");
    if (text_find_text(answer, TEXT("\"Failed\"")) < answer.len)
        die("a message was not sent", answer);
}

/* Puts the deletion of what came into the body; how many that are. */
static int receive_batch(struct client *client)
{
    static const struct text key = {"\"ReceiptHandle\":\"", sizeof "\"ReceiptHandle\":\"" - 1};
    int count = 0;

    begin_body(client);
    buffer_add_format(&client->body, ",\"MaxNumberOfMessages\":%d,\"WaitTimeSeconds\":1}",
                      load.batch);
    struct text rest = ask(client, "ReceiveMessage");
    begin_body(client);
    buffer_add_literal(&client->body, ",\"Entries\":[");
    for (;;) {
        size_t at = text_find_text(rest, key);
        if (at == rest.len)
            break;
        rest = text_skip(rest, at + key.len);
        buffer_add_format(&client->body, "%s{\"Id\":\"%d\",\"ReceiptHandle\":\"%.*s\"}",
                          count > 0 ? "," : "", count, (int)text_find(rest, '"'), rest.at);
        count++;
    }
    buffer_add_literal(&client->body, "]}");
    return count;
}

static void *run_client(void *arg)
{
    struct client *client = arg;

    connect_client(client);
    while (clock_mono_us() < load.until_us) {
        send_batch(client);
        int count = receive_batch(client);
        if (count == 0)
            continue;
        struct text answer = ask(client, "DeleteMessageBatch");
        if (text_find_text(answer, TEXT("\"Failed\"")) < answer.len)
            die("a message was not deleted", answer);
        atomic_fetch_add(&load.deleted, count);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 10) {
        fputs("usage: queue_load ADDRESS PORT QUEUE-URL KEY SECRET CONNECTIONS SECONDS BATCH "
              "BODY-BYTES\n",
              stderr);
        return 2;
    }
    int connections = (int)strtol(argv[6], NULL, 10), seconds = (int)strtol(argv[7], NULL, 10);
    load.address = argv[1];
    load.port = (int)strtol(argv[2], NULL, 10);
    load.url = argv[3];
    load.key = argv[4];
    load.secret = argv[5];
    load.batch = (int)strtol(argv[8], NULL, 10);
    load.body_bytes = (int)strtol(argv[9], NULL, 10);
    load.until_us = clock_mono_us() + seconds * 1000000ll;

    struct client *clients = calloc((size_t)connections, sizeof *clients);
    for (int i = 0; clients && i < connections; i++)
        if (pthread_create(&clients[i].thread, NULL, run_client, &clients[i]) != 0)
            die("no thread", TEXT(""));
    for (int i = 0; clients && i < connections; i++)
        pthread_join(clients[i].thread, NULL);
    printf("%lld %.0f\n", (long long)load.deleted, (double)load.deleted / seconds);
    return 0;
}
