/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/call.h"

#include <curl/curl.h>

#include "base/clock.h"
#include "base/scoped.h"
#include "http/sigv4.h"
#include "model/limits.h"

#define CONNECT_MS 5000l
#define ANSWER_S (LIMIT_TIMEOUT_S + 100l) /* an invocation, and what is around it */
#define HEAD_MAX (64 << 10)
#define PROGRESS_EVERY_US 100000
#define MEGABYTE 1048576.0

DEFINE_SCOPED(struct curl_slist *, curl_slist_free_all)

/* One exchange under way. */
struct exchange {
    struct session *session;
    const struct call *call;
    struct answer *answer;
    int64_t began_us, shown_us;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct exchange *exchange = arg;

    if (exchange->answer->body.len + size * count > LIMIT_API_BODY)
        return 0;
    buffer_add(&exchange->answer->body, bytes, size * count);
    return size * count;
}

/* Names come in any case; they are kept in lower case. */
static size_t on_head(char *bytes, size_t size, size_t count, void *arg)
{
    struct exchange *exchange = arg;
    struct buffer *head = &exchange->answer->head;
    struct text line = text_from(bytes, size * count);
    size_t colon = text_find(line, ':');

    if (text_starts(line, TEXT("HTTP/"))) /* a 100 may have come before */
        buffer_clear(head);
    if (colon == line.len)
        return line.len;
    if (head->len + line.len > HEAD_MAX)
        return 0;
    for (size_t i = 0; i < line.len; i++) {
        char c = line.at[i];
        buffer_add_char(head, i < colon && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
    return line.len;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct exchange *exchange = arg;
    const struct call *call = exchange->call;
    int64_t now_us = clock_mono_us();

    if (now_us - exchange->began_us < PROGRESS_AFTER_US ||
        now_us - exchange->shown_us < PROGRESS_EVERY_US)
        return 0;
    exchange->shown_us = now_us;
    if (call->uploading && up < up_total)
        terminal_progress(&exchange->session->terminal, "%s: %.1f of %.1f MB", call->uploading,
                          (double)up / MEGABYTE, (double)up_total / MEGABYTE);
    else if (call->waiting)
        terminal_progress(&exchange->session->terminal, "%s (%.1f s)", call->waiting,
                          (double)(now_us - exchange->began_us) / 1e6);
    return 0;
}

/* The headers of a request: those that are signed, then the signature. */
struct head {
    struct http_field fields[CALL_HEADERS_MAX + 5];
    size_t count;
};

static void add_field(struct head *head, const char *name, const char *value)
{
    head->fields[head->count++] = (struct http_field){text_of(name), text_of(value)};
}

static const char *host_of(struct session *session)
{
    struct text rest = text_of(strstr(session->api, "://") + 3);

    return arena_string(&session->arena, text_slice(rest, 0, text_find(rest, '/')));
}

static void make_head(struct session *session, const struct call *call, const char *timestamp,
                      struct head *head)
{
    assert(call->header_count <= CALL_HEADERS_MAX);
    add_field(head, "host", host_of(session));
    add_field(head, "x-amz-date", timestamp);
    if (*session->token)
        add_field(head, "x-amz-security-token", session->token);
    if (call->target)
        add_field(head, "x-amz-target", call->target);
    if (call->body.len)
        add_field(head, "content-type",
                  call->target ? "application/x-amz-json-1.1" : "application/json");
    for (size_t i = 0; i < call->header_count; i++)
        head->fields[head->count++] = call->headers[i];
}

static struct text sign(struct session *session, const struct call *call, const struct head *head,
                        int64_t now_ms)
{
    struct text target = text_of(call->path);
    size_t question = text_find(target, '?');
    const struct sigv4_signing signing = {
        .method = text_of(call->method),
        .path = text_slice(target, 0, question),
        .query = text_skip(target, question + 1),
        .headers = head->fields,
        .header_count = head->count,
        .body = call->body,
        .access_key = text_of(session->access_key),
        .secret = text_of(session->secret),
        .region = text_of(session->region),
        .service = text_of(call->service ? call->service : "lambda"),
        .now_ms = now_ms,
    };

    return sigv4_sign(&signing, &session->arena);
}

static struct curl_slist *make_headers(struct session *session, const struct call *call)
{
    int64_t now_ms = clock_now_ms();
    char timestamp[32];
    struct head head = {0};

    make_head(session, call, clock_format_basic(now_ms, timestamp), &head);
    struct text signature = sign(session, call, &head, now_ms);
    add_field(&head, "authorization", arena_string(&session->arena, signature));

    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; i < head.count; i++)
        list = curl_slist_append(list, arena_format(&session->arena, "%.*s: %.*s",
                                                    TEXT_ARG(head.fields[i].name),
                                                    TEXT_ARG(head.fields[i].value)));
    assert(list);
    return list;
}

/* A proxy of the environment is for the world outside, not for this machine. */
static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           strncmp(host, "localhost", 9) == 0;
}

static CURL *make_handle(struct session *session)
{
    if (!session->curl)
        session->curl = curl_easy_init();
    assert(session->curl);
    curl_easy_reset(session->curl);
    curl_easy_setopt(session->curl, CURLOPT_NOSIGNAL, 1l);
    curl_easy_setopt(session->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(session->curl, CURLOPT_TIMEOUT, ANSWER_S);
    curl_easy_setopt(session->curl, CURLOPT_PATH_AS_IS, 1l);
    curl_easy_setopt(session->curl, CURLOPT_USERAGENT, "evoke/" EVOKE_VERSION);
    const char *bundle = getenv("AWS_CA_BUNDLE"); /* as the AWS CLI takes it */
    if (bundle && *bundle)
        curl_easy_setopt(session->curl, CURLOPT_CAINFO, bundle);
    if (is_loopback(host_of(session)))
        curl_easy_setopt(session->curl, CURLOPT_PROXY, "");
    return session->curl;
}

static void set_request(CURL *curl, struct exchange *exchange)
{
    const struct call *call = exchange->call;
    struct session *session = exchange->session;

    curl_easy_setopt(curl, CURLOPT_URL,
                     arena_format(&session->arena, "%s%s", session->api, call->path));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    if (call->body.len || strcmp(call->method, "GET") != 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body.len ? call->body.at : "");
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    if ((call->uploading || call->waiting) && session->terminal.live) {
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0l);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    }
}

static int fail_transfer(struct session *session, CURLcode code, struct error *err)
{
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) {
        session->unreachable = true;
        return error_set(err, ERROR_NOT_FOUND,
                         "no daemon answers at %s: start one with 'evoke serve'", session->api);
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return error_set(err, ERROR_DENIED,
                         "the certificate of %s is not trusted: name a file of its authority in "
                         "AWS_CA_BUNDLE",
                         session->api);
    return error_set(err, ERROR_SYSTEM, "the daemon at %s broke off: %s", session->api,
                     curl_easy_strerror(code));
}

int call_send(struct session *session, const struct call *call, struct answer *ret,
              struct error *err)
{
    struct exchange exchange = {session, call, ret, .began_us = clock_mono_us()};
    long status = 0;

    if (session_find(session, err) < 0)
        return -1;
    CURL *curl = make_handle(session);
    scoped(curl_slist_free_all) struct curl_slist *headers = make_headers(session, call);
    set_request(curl, &exchange);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);

    CURLcode code = curl_easy_perform(curl);
    if (call->uploading || call->waiting) /* else the line is the caller's */
        terminal_progress_end(&session->terminal);
    if (code != CURLE_OK)
        return fail_transfer(session, code, err);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    ret->status = (int)status;
    return 0;
}

struct text answer_header(const struct answer *answer, const char *name)
{
    struct text rest = buffer_text(&answer->head), line;

    while (text_split(&rest, '\n', &line)) {
        size_t colon = text_find(line, ':');
        if (!text_equal(text_slice(line, 0, colon), text_of(name)))
            continue;
        struct text value = text_skip(line, colon + 1);
        return text_trim(text_ends(value, TEXT("\r")) ? text_slice(value, 0, value.len - 1)
                                                      : value);
    }
    return TEXT_NONE;
}

static enum error_code code_of(int status)
{
    switch (status) {
    case 401:
    case 403:
        return ERROR_DENIED;
    case 404:
        return ERROR_NOT_FOUND;
    case 409:
        return ERROR_CONFLICT;
    case 413:
    case 429:
        return ERROR_LIMIT;
    default:
        return status < 500 ? ERROR_INVALID : ERROR_SYSTEM;
    }
}

/* Gateways and other servers say so of a path that leads nowhere. */
static int fail_stranger(const struct session *session, int status, enum error_code code,
                         struct error *err)
{
    return error_set(err, code,
                     "what answers at %s (status %d) is not Evoke's API: that is where 'evoke "
                     "serve' says api=, port 9000 unless set otherwise",
                     session->api, status);
}

int answer_fail(const struct session *session, const struct answer *answer, struct error *err)
{
    struct error ignored;
    scoped(json_decref) json_t *json = json_parse(buffer_text(&answer->body), &ignored);
    struct text message = json_text(json, "message");
    enum error_code code = code_of(answer->status);

    if (!message.len)
        message = json_text(json, "Message");
    bool says_nothing = !message.len || text_equal(message, TEXT("Not Found"));
    if (says_nothing && code == ERROR_NOT_FOUND)
        return fail_stranger(session, answer->status, code, err);
    if (!message.len)
        return error_set(err, code, "the daemon at %s answered with status %d", session->api,
                         answer->status);
    if (code == ERROR_DENIED && text_find_text(message, TEXT(" region,")) == message.len)
        return error_set(err, code, "%.*s (the key is from %s)", TEXT_ARG(message),
                         session->key_origin);
    return error_set(err, code, "%.*s", TEXT_ARG(message));
}

json_t *call_json(struct session *session, const struct call *call, struct error *err)
{
    scoped(answer_done) struct answer answer = {0};

    if (call_send(session, call, &answer, err) < 0)
        return NULL;
    if (answer.status < 200 || answer.status > 299) {
        (void)answer_fail(session, &answer, err);
        return NULL;
    }
    if (answer.body.len == 0)
        return json_null();
    json_t *json = json_parse(buffer_text(&answer.body), err);
    if (!json)
        (void)error_set(err, ERROR_SYSTEM,
                        "%s does not speak the daemon's API (its answer is not "
                        "JSON)",
                        session->api);
    return json;
}

void answer_done(struct answer *answer)
{
    buffer_done(&answer->body);
    buffer_done(&answer->head);
}
