/* SPDX-License-Identifier: Apache-2.0 */
#include "api_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BYTES 8192
#define REQUEST_HEAD_MAX 1024
#define CHUNK_LINE_MAX 256
#define ERROR_TYPE "Lambda-Runtime-Function-Error-Type"
#define ERROR_BODY "Lambda-Runtime-Function-Error-Body"

static int fail(int code)
{
    errno = code;
    return -1;
}

static int parse_port(const char *text, in_port_t *ret_port)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || port == 0 || port > 65535)
        return fail(EINVAL);
    *ret_port = htons((uint16_t)port);
    return 0;
}

static int parse_peer(struct evoke_api *api, const char *host, in_port_t port)
{
    struct sockaddr_in ip4 = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6, .sin6_port = port};

    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &ip4.sin_addr) == 1) {
        memcpy(&api->peer, &ip4, sizeof ip4);
        api->peer_len = sizeof ip4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &ip6.sin6_addr) != 1)
        return fail(EINVAL);
    memcpy(&api->peer, &ip6, sizeof ip6);
    api->peer_len = sizeof ip6;
    return 0;
}

int evoke_api_open(struct evoke_api *api, const char *address, int passed_fd)
{
    char host[sizeof api->host];
    in_port_t port;

    *api = (struct evoke_api){.fd = -1, .passed_fd = passed_fd};
    const char *colon = address ? strrchr(address, ':') : NULL;
    if (!colon || strlen(address) >= sizeof host || parse_port(colon + 1, &port) < 0)
        return fail(EINVAL);
    memcpy(api->host, address, strlen(address) + 1);

    const char *at = address;
    size_t len = (size_t)(colon - address);
    if (len > 2 && at[0] == '[' && at[len - 1] == ']') {
        at++;
        len -= 2;
    }
    memcpy(host, at, len);
    host[len] = '\0';
    return parse_peer(api, host, port);
}

static void disconnect(struct evoke_api *api)
{
    if (api->fd >= 0)
        (void)close(api->fd);
    api->fd = -1;
}

void evoke_api_close(struct evoke_api *api)
{
    disconnect(api);
    if (api->passed_fd >= 0)
        (void)close(api->passed_fd);
    api->passed_fd = -1;
    free(api->input);
    api->input = NULL;
    api->input_len = api->input_size = 0;
}

static int connect_peer(struct evoke_api *api)
{
    int one = 1;

    api->fd = api->passed_fd;
    api->passed_fd = -1;
    if (api->fd >= 0)
        return 0;
    api->fd = socket(api->peer.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (api->fd < 0)
        return -1;
    (void)setsockopt(api->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (connect(api->fd, (struct sockaddr *)&api->peer, api->peer_len) < 0)
        if (errno != EINTR)
            return -1;
    return 0;
}

static int send_all(int fd, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};

    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        size_t left = (size_t)sent;
        while (message.msg_iovlen > 0 && left >= message.msg_iov[0].iov_len) {
            left -= message.msg_iov[0].iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov[0].iov_base = (char *)message.msg_iov[0].iov_base + left;
            message.msg_iov[0].iov_len -= left;
        }
    }
    return 0;
}

/* Its length, or -1 when it is longer than REQUEST_HEAD_MAX. */
static int write_head(const struct evoke_api *api, const struct evoke_api_request *request,
                      char head[static REQUEST_HEAD_MAX])
{
    int len = snprintf(head, REQUEST_HEAD_MAX, "%s %s HTTP/1.1\r\nHost: %s\r\n", request->method,
                       request->path, api->host);

    if (len > 0 && len < REQUEST_HEAD_MAX && request->streamed)
        len += snprintf(head + len, REQUEST_HEAD_MAX - (size_t)len,
                        "Content-Type: %s\r\nTransfer-Encoding: chunked\r\n"
                        "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
                        "Trailer: " ERROR_TYPE ", " ERROR_BODY "\r\n",
                        request->content_type);
    else if (len > 0 && len < REQUEST_HEAD_MAX && request->content_type)
        len += snprintf(head + len, REQUEST_HEAD_MAX - (size_t)len,
                        "Content-Type: %s\r\nContent-Length: %zu\r\n", request->content_type,
                        request->body_len);
    if (len > 0 && len < REQUEST_HEAD_MAX && request->error_type)
        len += snprintf(head + len, REQUEST_HEAD_MAX - (size_t)len, ERROR_TYPE ": %s\r\n",
                        request->error_type);
    if (len > 0 && len < REQUEST_HEAD_MAX)
        len += snprintf(head + len, REQUEST_HEAD_MAX - (size_t)len, "\r\n");
    return len > 0 && len < REQUEST_HEAD_MAX ? len : fail(EMSGSIZE);
}

/* then: another one behind it, or NULL. */
static int send_requests(struct evoke_api *api, const struct evoke_api_request *request,
                         const struct evoke_api_request *then)
{
    char heads[2][REQUEST_HEAD_MAX];
    struct iovec parts[4];
    size_t count = 0;

    for (int i = 0; i < 2 && request; i++, request = then, then = NULL) {
        int len = write_head(api, request, heads[i]);
        if (len < 0)
            return -1;
        parts[count++] = (struct iovec){heads[i], (size_t)len};
        if (request->body_len > 0)
            parts[count++] = (struct iovec){(void *)(uintptr_t)request->body, request->body_len};
    }
    return send_all(api->fd, parts, count);
}

/* A Unix socket wakes who sleeps in recv() also when the other side has read what it was
 * sent; who sleeps in poll() is left alone. */
static ssize_t wait_and_receive(int fd, char *at, size_t len)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return poll(&ready, 1, -1) < 0 ? -1 : recv(fd, at, len, 0);
}

/* Reads until len bytes of the answer are there. */
static int need(struct evoke_api *api, size_t len)
{
    if (len > EVOKE_API_BODY_MAX + EVOKE_API_HEAD_MAX)
        return fail(EMSGSIZE);
    while (api->input_len < len) {
        size_t size = len + READ_BYTES;
        if (api->input_size < size) {
            size = size < 2 * api->input_size ? 2 * api->input_size : size;
            char *larger = realloc(api->input, size);
            if (!larger)
                return -1;
            api->input = larger;
            api->input_size = size;
        }
        ssize_t count = wait_and_receive(api->fd, api->input + api->input_len,
                                         api->input_size - api->input_len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -1 : fail(ECONNRESET);
        api->input_len += (size_t)count;
    }
    return 0;
}

/* Finds the CR LF that ends the line at `from`, reading on as needed. */
static int need_line(struct evoke_api *api, size_t from, size_t max, size_t *ret_end)
{
    size_t at = from;

    for (;;) {
        if (need(api, at + 1) < 0)
            return -1;
        char *newline = memchr(api->input + at, '\n', api->input_len - at);
        if (newline) {
            *ret_end = (size_t)(newline - api->input) - 1;
            return newline > api->input + from && newline[-1] == '\r' ? 0 : fail(EPROTO);
        }
        at = api->input_len;
        if (at - from > max)
            return fail(EMSGSIZE);
    }
}

/* Where the header ends and the body begins; status and header lines in between. */
static int read_head(struct evoke_api *api, struct evoke_api_reply *reply, size_t *ret_body)
{
    size_t end, head;

    if (need_line(api, 0, EVOKE_API_HEAD_MAX, &end) < 0)
        return -1;
    const char *line = api->input;
    if (end < 12 || memcmp(line, "HTTP/1.1 ", 9) != 0 || (end > 12 && line[12] != ' '))
        return fail(EPROTO);
    reply->status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9')
            return fail(EPROTO);
        reply->status = reply->status * 10 + (line[i] - '0');
    }

    size_t at = head = end + 2;
    for (;;) {
        if (need_line(api, at, EVOKE_API_HEAD_MAX, &end) < 0)
            return -1;
        if (end == at)
            break;
        at = end + 2;
        if (at > EVOKE_API_HEAD_MAX)
            return fail(EMSGSIZE);
    }
    reply->head_len = at - head;
    reply->head = api->input + head;
    *ret_body = end + 2;
    return 0;
}

const char *evoke_api_header(const struct evoke_api_reply *reply, const char *name, size_t *ret_len)
{
    const char *at = reply->head, *end = reply->head + reply->head_len;
    size_t name_len = strlen(name);

    while (at < end) {
        const char *line_end = memchr(at, '\r', (size_t)(end - at));
        if (!line_end)
            break;
        if ((size_t)(line_end - at) > name_len && at[name_len] == ':' &&
            strncasecmp(at, name, name_len) == 0) {
            at += name_len + 1;
            while (at < line_end && (*at == ' ' || *at == '\t'))
                at++;
            while (line_end > at && (line_end[-1] == ' ' || line_end[-1] == '\t'))
                line_end--;
            *ret_len = (size_t)(line_end - at);
            return at;
        }
        at = line_end + 2;
    }
    *ret_len = 0;
    return "";
}

static int parse_size(const char *text, size_t len, int base, size_t *ret_size)
{
    size_t size = 0;

    if (len == 0)
        return fail(EPROTO);
    for (size_t i = 0; i < len; i++) {
        char c = (char)(text[i] | 0x20);
        int digit = text[i] >= '0' && text[i] <= '9' ? text[i] - '0'
                    : c >= 'a' && c <= 'f'           ? c - 'a' + 10
                                                     : base;
        if (digit >= base)
            return fail(EPROTO);
        size = size * (size_t)base + (size_t)digit;
        if (size > EVOKE_API_BODY_MAX)
            return fail(EMSGSIZE);
    }
    *ret_size = size;
    return 0;
}

/* Bytes behind an answer can only be the next one. */
static int end_reply(struct evoke_api *api, size_t end)
{
    api->used = end;
    return api->input_len == end || api->owed > 1 ? 0 : fail(EPROTO);
}

/* Decodes the chunks in place: the body grows over the framing it has passed. */
static int read_chunks(struct evoke_api *api, size_t body, size_t *ret_len)
{
    size_t at = body, out = body, end, size;

    for (;;) {
        if (need_line(api, at, CHUNK_LINE_MAX, &end) < 0)
            return -1;
        char *extension = memchr(api->input + at, ';', end - at);
        size_t digits = extension ? (size_t)(extension - (api->input + at)) : end - at;
        if (parse_size(api->input + at, digits, 16, &size) < 0)
            return -1;
        at = end + 2;
        if (size == 0)
            break;
        if (out - body + size > EVOKE_API_BODY_MAX)
            return fail(EMSGSIZE);
        if (need(api, at + size + 2) < 0)
            return -1;
        if (memcmp(api->input + at + size, "\r\n", 2) != 0)
            return fail(EPROTO);
        memmove(api->input + out, api->input + at, size);
        out += size;
        at += size + 2;
    }
    do {
        if (need_line(api, at, EVOKE_API_HEAD_MAX, &end) < 0)
            return -1;
        size = end - at;
        at = end + 2;
    } while (size > 0);
    *ret_len = out - body;
    return end_reply(api, at);
}

static int read_body(struct evoke_api *api, const struct evoke_api_reply *reply, size_t body,
                     size_t *ret_len)
{
    size_t len, encoding_len;
    const char *encoding = evoke_api_header(reply, "transfer-encoding", &encoding_len);
    const char *length = evoke_api_header(reply, "content-length", &len);

    if (encoding_len > 0 && len > 0)
        return fail(EPROTO);
    if (encoding_len > 0) {
        if (encoding_len != 7 || strncasecmp(encoding, "chunked", 7) != 0)
            return fail(EPROTO);
        return read_chunks(api, body, ret_len);
    }
    if (reply->status == 204 || reply->status == 304) {
        *ret_len = 0;
        return 0;
    }
    if (parse_size(length, len, 10, ret_len) < 0 || need(api, body + *ret_len) < 0)
        return -1;
    return end_reply(api, body + *ret_len);
}

static int read_reply(struct evoke_api *api, struct evoke_api_reply *reply)
{
    size_t body, closing_len, head;

    if (read_head(api, reply, &body) < 0)
        return -1;
    head = (size_t)(reply->head - api->input);
    if (read_body(api, reply, body, &reply->body_len) < 0)
        return -1;
    /* Reading the body may have moved the buffer. */
    reply->head = api->input + head;
    reply->body = api->input + body;

    const char *closing = evoke_api_header(reply, "connection", &closing_len);
    if (closing_len == 5 && strncasecmp(closing, "close", 5) == 0)
        disconnect(api);
    return 0;
}

int evoke_api_call(struct evoke_api *api, const struct evoke_api_request *request,
                   struct evoke_api_reply *ret_reply)
{
    bool is_kept = api->fd >= 0;

    for (;;) {
        api->input_len = api->used = 0;
        api->owed = 0;
        if ((is_kept || connect_peer(api) == 0) && send_requests(api, request, NULL) == 0 &&
            read_reply(api, ret_reply) == 0)
            return 0;

        int reason = errno;
        disconnect(api);
        bool is_stale = is_kept && api->input_len == 0 && (reason == ECONNRESET || reason == EPIPE);
        if (!is_stale)
            return fail(reason);
        is_kept = false;
    }
}

static int lose(struct evoke_api *api)
{
    int reason = errno;

    disconnect(api);
    return fail(reason);
}

int evoke_api_begin(struct evoke_api *api, const struct evoke_api_request *request)
{
    api->input_len = api->used = 0;
    if ((api->fd < 0 && connect_peer(api) < 0) || send_requests(api, request, NULL) < 0)
        return lose(api);
    return 0;
}

int evoke_api_piece(struct evoke_api *api, const void *bytes, size_t len)
{
    char size[24];
    struct iovec parts[] = {{size, (size_t)snprintf(size, sizeof size, "%zx\r\n", len)},
                            {(void *)(uintptr_t)bytes, len},
                            {(void *)(uintptr_t) "\r\n", 2}};

    if (api->fd < 0)
        return fail(ECONNRESET);
    return send_all(api->fd, parts, 3) < 0 ? lose(api) : 0;
}

int evoke_api_end(struct evoke_api *api, const char *error_type, const char *error_body,
                  struct evoke_api_reply *ret_reply)
{
    static const char *const words[] = {"0\r\n" ERROR_TYPE ": ", "\r\n" ERROR_BODY ": ", "\r\n\r\n",
                                        "0\r\n\r\n"};
    const char *texts[] = {words[0], error_type, words[1], error_body, words[2]};
    struct iovec parts[5];
    size_t count = error_type ? 5 : 1;

    if (!error_type)
        texts[0] = words[3];
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct iovec){(void *)(uintptr_t)texts[i], strlen(texts[i])};
    if (api->fd < 0)
        return fail(ECONNRESET);
    if (send_all(api->fd, parts, count) < 0 || read_reply(api, ret_reply) < 0)
        return lose(api);
    return 0;
}

int evoke_api_send_both(struct evoke_api *api, const struct evoke_api_request *first,
                        const struct evoke_api_request *second)
{
    if (api->owed == 0)
        api->input_len = api->used = 0;
    if ((api->fd < 0 && connect_peer(api) < 0) || send_requests(api, first, second) < 0) {
        int reason = errno;
        disconnect(api);
        return fail(reason);
    }
    api->owed += 2;
    return 0;
}

int evoke_api_receive(struct evoke_api *api, struct evoke_api_reply *ret_reply)
{
    memmove(api->input, api->input + api->used, api->input_len - api->used);
    api->input_len -= api->used;
    api->used = 0;
    if (api->fd < 0 || read_reply(api, ret_reply) < 0) {
        int reason = api->fd < 0 ? ECONNRESET : errno;
        disconnect(api);
        return fail(reason);
    }
    api->owed--;
    return 0;
}
