/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lambda.h"

#include <time.h>

#include "base/clock.h"
#include "cli/call.h"
#include "http/uri.h"

#define WAIT_MAX_US (180 * 1000000ll) /* unpacking 250 MB and a trial load, on a slow disk */
#define WAIT_FIRST_MS 5
#define WAIT_MOST_MS 250
#define STATEMENT_ID "evoke-url-public"
#define DETAILS "/_evoke/functions/"

static const char *encoded(struct session *session, const char *name)
{
    scoped(buffer_done) struct buffer out = {0};

    uri_encode(&out, text_of(name), false);
    return arena_string(&session->arena, buffer_text(&out));
}

const char *lambda_path(struct session *session, const char *name, const char *rest)
{
    return arena_format(&session->arena, "/2015-03-31/functions/%s%s", encoded(session, name),
                        rest);
}

json_t *lambda_get(struct session *session, const char *path, struct error *err)
{
    const struct call call = {.method = "GET", .path = path};

    return call_json(session, &call, err);
}

json_t *lambda_list(struct session *session, struct error *err)
{
    scoped(json_decref) json_t *all = json_array();
    const char *path = "/2015-03-31/functions";

    while (path) {
        scoped(json_decref) json_t *page = lambda_get(session, path, err);
        if (!page)
            return NULL;
        json_array_extend(all, json_object_get(page, "Functions"));
        struct text marker = json_text(page, "NextMarker");
        scoped(buffer_done) struct buffer encoded = {0};
        uri_encode(&encoded, marker, false);
        path = marker.len ? arena_format(&session->arena, "/2015-03-31/functions?Marker=%.*s",
                                         TEXT_ARG(buffer_text(&encoded)))
                          : NULL;
    }
    return take(all);
}

json_t *lambda_configuration(struct session *session, const char *name, struct error *err)
{
    return lambda_get(session, lambda_path(session, name, "/configuration"), err);
}

json_t *lambda_details(struct session *session, const char *name, struct error *err)
{
    return lambda_get(session, arena_format(&session->arena, DETAILS "%s", encoded(session, name)),
                      err);
}

json_t *lambda_status(struct session *session, struct error *err)
{
    return lambda_get(session, "/_evoke/status", err);
}

bool lambda_is_settled(const json_t *configuration)
{
    return !text_equal(json_text(configuration, "State"), TEXT("Pending")) &&
           !text_equal(json_text(configuration, "LastUpdateStatus"), TEXT("InProgress"));
}

static void pause_ms(int64_t ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&time, NULL);
}

json_t *lambda_wait(struct session *session, const char *name, struct error *err)
{
    int64_t began_us = clock_mono_us(), wait_ms = WAIT_FIRST_MS;

    for (;;) {
        scoped(json_decref) json_t *configuration = lambda_configuration(session, name, err);
        if (!configuration || lambda_is_settled(configuration)) {
            terminal_progress_end(&session->terminal);
            return take(configuration);
        }
        int64_t waited_us = clock_mono_us() - began_us;
        if (waited_us > WAIT_MAX_US) {
            (void)error_set(err, ERROR_LIMIT,
                            "'%s' is still not ready after %d s; see 'evoke show "
                            "%s'",
                            name, (int)(waited_us / 1000000), name);
            return NULL;
        }
        if (waited_us >= PROGRESS_AFTER_US)
            terminal_progress(&session->terminal, "starting an instance of %s (%.1f s)", name,
                              (double)waited_us / 1e6);
        pause_ms(wait_ms);
        wait_ms = wait_ms * 2 > WAIT_MOST_MS ? WAIT_MOST_MS : wait_ms * 2;
    }
}

static const char *url_path(struct session *session, const char *name)
{
    return arena_format(&session->arena, "/2021-10-31/functions/%s/url", encoded(session, name));
}

/* The id is the first label of the host: "http://ID.localhost:8080/". */
void lambda_url_read(struct session *session, struct text url, struct lambda_url *ret)
{
    struct text rest = text_skip(url, text_find_text(url, TEXT("://")) + 3);
    struct text host = text_slice(rest, 0, text_find(rest, '/'));
    size_t dot = text_find(host, '.');

    *ret = (struct lambda_url){.auth = ""};
    ret->path_form = ret->host_form = arena_string(&session->arena, url);
    if (!text_starts(text_skip(host, dot), TEXT(".localhost")))
        return;
    snprintf(ret->id, sizeof ret->id, "%.*s", TEXT_ARG(text_slice(host, 0, dot)));
    if (*session->gateway)
        ret->path_form = arena_format(&session->arena, "%s/urls/%s/", session->gateway, ret->id);
}

int lambda_url_find(struct session *session, const char *name, struct lambda_url *ret,
                    struct error *err)
{
    *ret = (struct lambda_url){.auth = "", .path_form = "", .host_form = ""};
    if (session_ask_status(session, err) < 0)
        return -1;
    scoped(json_decref) json_t *json = lambda_get(session, url_path(session, name), err);
    if (!json)
        return err->code == ERROR_NOT_FOUND && !session->unreachable ? 0 : -1;
    lambda_url_read(session, json_text(json, "FunctionUrl"), ret);
    ret->auth = arena_string(&session->arena, json_text(json, "AuthType"));
    return 0;
}

/* Sends a JSON object (taken) and drops the answer. */
static int send_object(struct session *session, const char *method, const char *path,
                       json_t *object, struct error *err)
{
    scoped(json_decref) json_t *body = object;
    scoped(free) char *text = body ? json_write(body) : NULL;
    const struct call call = {.method = method, .path = path, .body = text_of(text)};
    scoped(json_decref) json_t *answer = call_json(session, &call, err);

    return answer ? 0 : -1;
}

/* Absence is what was wanted. */
static int remove_permission(struct session *session, const char *name, struct error *err)
{
    const char *path = lambda_path(session, name, "/policy/" STATEMENT_ID);

    if (send_object(session, "DELETE", path, NULL, err) < 0 &&
        (err->code != ERROR_NOT_FOUND || session->unreachable))
        return -1;
    return 0;
}

static int add_permission(struct session *session, const char *name, struct error *err)
{
    json_t *permission =
        json_pack("{s:s, s:s, s:s, s:s}", "StatementId", STATEMENT_ID, "Action",
                  "lambda:InvokeFunctionUrl", "Principal", "*", "FunctionUrlAuthType", "NONE");

    if (send_object(session, "POST", lambda_path(session, name, "/policy"), permission, err) < 0 &&
        err->code != ERROR_CONFLICT)
        return -1;
    return 0;
}

int lambda_url_open(struct session *session, const char *name, const char *auth, struct error *err)
{
    const char *path = url_path(session, name);

    if (send_object(session, "POST", path, json_pack("{s:s}", "AuthType", auth), err) < 0 &&
        (err->code != ERROR_CONFLICT ||
         send_object(session, "PUT", path, json_pack("{s:s}", "AuthType", auth), err) < 0))
        return -1;
    return strcmp(auth, "NONE") == 0 ? add_permission(session, name, err)
                                     : remove_permission(session, name, err);
}

int lambda_url_delete(struct session *session, const char *name, struct error *err)
{
    if (send_object(session, "DELETE", url_path(session, name), NULL, err) < 0)
        return -1;
    return remove_permission(session, name, err);
}

static void add_trace(const json_t *trace, struct buffer *out)
{
    size_t index;
    json_t *line;

    json_array_foreach(trace, index, line)
    {
        struct text text = text_from(json_string_value(line), json_string_length(line));
        while (text_ends(text, TEXT("\n")))
            text.len--;
        buffer_add_text(out, text);
        buffer_add_char(out, '\n');
    }
}

/* Node's trace begins with "Type: message" itself. */
static bool trace_has_head(const json_t *trace, struct text type)
{
    const json_t *first = json_array_get(trace, 0);
    struct text text = text_from(json_string_value(first), json_string_length(first));

    return type.len > 0 && text_starts(text, type);
}

void lambda_error_text(struct text error, struct buffer *out)
{
    struct error ignored;
    scoped(json_decref) json_t *json = json_parse(error, &ignored);
    struct text type = json_text(json, "errorType"), message = json_text(json, "errorMessage");
    const json_t *trace = json_object_get(json, "trace");

    if (!json_is_array(trace))
        trace = json_object_get(json, "stackTrace");
    if (!type.len && !message.len) {
        buffer_add_text(out, error);
        buffer_add_char(out, '\n');
        return;
    }
    if (!trace_has_head(trace, type)) {
        buffer_add_format(out, "%.*s%s%.*s\n", TEXT_ARG(type), type.len && message.len ? ": " : "",
                          TEXT_ARG(message));
    }
    add_trace(trace, out);
}
