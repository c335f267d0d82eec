/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evoke_log.h"
#include "evoke_priv.h"

/*
 * A streamed answer is the body of one chunked request to the Runtime API, also of an event
 * that came by the ring: that carries whole answers, and who streams does not count in
 * microseconds.
 */

#define CONTENT_TYPE_MAX 255
#define ERROR_MESSAGE_MAX 1024 /* of what travels in a trailer */
#define HTTP_TYPE "application/vnd.awslambda.http-integration-response"
#define HTTP_SEPARATOR "\0\0\0\0\0\0\0\0"

static bool is_header_text(const char *text)
{
    size_t len = 0;

    for (; text[len]; len++)
        if (text[len] < ' ' || text[len] > '~')
            return false;
    return len > 0 && len <= CONTENT_TYPE_MAX;
}

int evoke_stream_begin(struct evoke_context *context, const char *content_type)
{
    struct call *call = (struct call *)context;
    struct evoke_api *api = &call->session->api;
    char path[ANSWER_PATH_MAX];
    const struct evoke_api_request request = {
        .method = "POST", .path = path, .content_type = content_type, .streamed = true};

    if (call->answered || !is_header_text(content_type))
        return -1;
    evoke_log_flush();
    evoke_answer_path(call, "response", path);
    if (evoke_api_begin(api, &request) < 0)
        exit(evoke_give_up("cannot give the answer"));
    call->answered = call->streaming = true;
    return 0;
}

int evoke_stream_begin_http(struct evoke_context *context, const char *prelude)
{
    if (evoke_stream_begin(context, HTTP_TYPE) < 0 ||
        evoke_stream_write(context, prelude, strlen(prelude)) < 0)
        return -1;
    return evoke_stream_write(context, HTTP_SEPARATOR, sizeof HTTP_SEPARATOR - 1);
}

int evoke_stream_write(struct evoke_context *context, const void *bytes, size_t len)
{
    struct call *call = (struct call *)context;

    if (!call->streaming)
        return -1;
    return len == 0 ? 0 : evoke_api_piece(&call->session->api, bytes, len);
}

/* What the platform cut off it has answered itself: the next event comes as ever. */
static int end(struct call *call, const char *error_type, const char *error_body)
{
    struct session *session = call->session;
    struct evoke_api_reply reply;
    int result = -1;

    if (!call->streaming)
        return -1;
    call->streaming = false;
    evoke_log_flush();
    if (evoke_api_end(&session->api, error_type, error_body, &reply) == 0)
        result = evoke_check_posted(&reply);
    if (!call->by_api)
        (void)evoke_ring_send(&session->ring, ANSWER_BY_API, NULL, 0, NULL, 0);
    return result;
}

int evoke_stream_end(struct evoke_context *context)
{
    return end((struct call *)context, NULL, NULL);
}

static void encode_base64(const char *text, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)(uint8_t)text[i] << 16;
        three |= i + 1 < len ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0;
        three |= i + 2 < len ? (uint8_t)text[i + 2] : 0;
        *out++ = digits[three >> 18];
        *out++ = digits[three >> 12 & 63];
        *out++ = i + 1 < len ? digits[three >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[three & 63] : '=';
    }
    *out = '\0';
}

int evoke_stream_fail(struct evoke_context *context, const char *type, const char *message)
{
    char clean[TYPE_MAX + 1], cut[ERROR_MESSAGE_MAX + 1];

    evoke_clean_type(type, clean);
    snprintf(cut, sizeof cut, "%s", message);
    char *json = evoke_format_error(clean, cut);
    const char *text = json ? json : evoke_out_of_memory;
    char *body = malloc(strlen(text) / 3 * 4 + 5);
    if (body)
        encode_base64(text, strlen(text), body);
    int result = end((struct call *)context, clean, body ? body : "");
    free(body);
    free(json);
    return result;
}
