/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include <curl/curl.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "cli/lambda.h"

#define FILE_MAX (64 << 10)
#define ROOT_DATA "/var/lib/evoke"
#define DEFAULT_REGION "us-east-1"
#define DEFAULT_ACCOUNT "000000000000"

const struct option session_options[] = {
    {"endpoint", OPTION_STRING, offsetof(struct session, endpoint), NULL, 0, 0, "URL",
     "the daemon's API, such as http://127.0.0.1:9000"},
    {"data", OPTION_STRING, offsetof(struct session, data), NULL, 0, 0, "DIR",
     "the daemon's data folder, where its address and key are found"},
    {"region", OPTION_STRING, offsetof(struct session, asked_region), NULL, 0, 0, "NAME",
     "the region to ask for"},
    {"json", OPTION_BOOL, offsetof(struct session, json), NULL, 0, 0, "",
     "output for programs, as JSON"},
    {"no-color", OPTION_BOOL, offsetof(struct session, no_color), NULL, 0, 0, "",
     "no colours (also: NO_COLOR=1)"},
    {"quiet", OPTION_BOOL, offsetof(struct session, quiet), NULL, 0, 0, "",
     "only what was asked for; also -q"},
    {0},
};

void session_init(struct session *session, const struct command *const *commands)
{
    *session = (struct session){.commands = commands};
    option_defaults(session_options, session);
    session_wishes_known(session);
}

void session_done(struct session *session)
{
    option_done(session_options, session);
    arena_done(&session->arena);
    if (session->curl)
        curl_easy_cleanup(session->curl);
    session->curl = NULL;
}

void session_wishes_known(struct session *session)
{
    const struct terminal_wish wish = {session->no_color, session->quiet, session->json};

    terminal_init(&session->terminal, &wish);
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static const char *data_folder(struct session *session)
{
    if (session->data)
        return session->data;
    if (environment("EVOKE_DATA"))
        return environment("EVOKE_DATA");
    if (geteuid() == 0)
        return ROOT_DATA;
    if (environment("XDG_DATA_HOME"))
        return arena_format(&session->arena, "%s/evoke", environment("XDG_DATA_HOME"));
    const char *home = environment("HOME");
    return arena_format(&session->arena, "%s/.local/share/evoke", home ? home : "");
}

char *session_profile_value(struct arena *arena, struct text file, struct text profile,
                            struct text key)
{
    struct text line;
    bool here = false;

    while (text_split(&file, '\n', &line)) {
        line = text_trim(text_ends(line, TEXT("\r")) ? text_slice(line, 0, line.len - 1) : line);
        if (text_starts(line, TEXT("["))) {
            struct text name = text_slice(line, 1, text_find(line, ']'));
            here = text_equal(text_trim(name), profile);
            continue;
        }
        size_t equals = text_find(line, '=');
        if (here && equals < line.len && text_equal(text_trim(text_slice(line, 0, equals)), key))
            return arena_string(arena, text_trim(text_skip(line, equals + 1)));
    }
    return NULL;
}

/* An unprivileged person with a daemon of root's: its folder is there, but closed. */
static int fail_unread(struct session *session, const char *path, struct error *err)
{
    if (errno == EACCES || errno == EPERM)
        return error_set(err, ERROR_DENIED,
                         "'%s' may be read by its owner only: run this as the user who runs "
                         "'evoke serve' (sudo), or give --endpoint and AWS_ACCESS_KEY_ID",
                         path);
    session->unreachable = true;
    if (!session->data && geteuid() != 0 && access(ROOT_DATA, F_OK) == 0)
        return error_set(err, ERROR_NOT_FOUND,
                         "no daemon of yours has run here (no '%s'): start one with 'evoke "
                         "serve', or use root's with 'sudo evoke'",
                         path);
    return error_set(err, ERROR_NOT_FOUND,
                     "no daemon has run here (no '%s'): start one with 'evoke serve'", path);
}

static int read_credentials(struct session *session, struct error *err)
{
    scoped(free) char *path = path_join(data_folder(session), "credentials");
    scoped(buffer_done) struct buffer content = {0};

    if (access(path, R_OK) < 0)
        return fail_unread(session, path, err);
    if (path_read(path, FILE_MAX, &content, err) < 0)
        return -1;

    struct text file = buffer_text(&content), profile = TEXT("default");
    session->access_key =
        session_profile_value(&session->arena, file, profile, TEXT("aws_access_key_id"));
    session->secret =
        session_profile_value(&session->arena, file, profile, TEXT("aws_secret_access_key"));
    if (!session->access_key || !session->secret)
        return error_set(err, ERROR_INVALID, "'%s' has no key in its profile 'default'", path);
    session->key_origin = arena_string(&session->arena, text_of(path));
    return 0;
}

/* The key of an endpoint that was named by URL. */
static int find_key(struct session *session, struct error *err)
{
    if (!environment("AWS_ACCESS_KEY_ID") || !environment("AWS_SECRET_ACCESS_KEY")) {
        if (read_credentials(session, err) == 0)
            return 0;
        session->unreachable = false;
        return error_set(err, ERROR_NOT_FOUND,
                         "no key for %s: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give "
                         "the daemon's folder with --data",
                         session->api);
    }
    session->access_key = environment("AWS_ACCESS_KEY_ID");
    session->secret = environment("AWS_SECRET_ACCESS_KEY");
    if (environment("AWS_SESSION_TOKEN"))
        session->token = environment("AWS_SESSION_TOKEN");
    session->key_origin = "AWS_ACCESS_KEY_ID";
    return 0;
}

static char *without_slash(struct session *session, const char *url)
{
    struct text text = text_of(url);

    while (text_ends(text, TEXT("/")))
        text.len--;
    return arena_string(&session->arena, text);
}

static int use_endpoint(struct session *session, const char *url, struct error *err)
{
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        session->misused = true;
        return error_set(err, ERROR_INVALID,
                         "'%s' is not an endpoint; one looks like http://127.0.0.1:9000", url);
    }
    session->api = without_slash(session, url);
    if (environment("AWS_REGION"))
        session->region = environment("AWS_REGION");
    else if (environment("AWS_DEFAULT_REGION"))
        session->region = environment("AWS_DEFAULT_REGION");
    return find_key(session, err);
}

static const char *member(struct session *session, const json_t *json, const char *key,
                          const char *absent)
{
    struct text text = json_text(json, key);

    return text.len ? arena_string(&session->arena, text) : absent;
}

static int use_folder(struct session *session, struct error *err)
{
    scoped(free) char *path = path_join(data_folder(session), "daemon.json");
    scoped(buffer_done) struct buffer content = {0};

    if (access(path, R_OK) < 0)
        return fail_unread(session, path, err);
    if (path_read(path, FILE_MAX, &content, err) < 0)
        return -1;
    scoped(json_decref) json_t *json = json_parse(buffer_text(&content), err);
    if (!json || !json_text(json, "api").len)
        return error_set(err, ERROR_INVALID,
                         "'%s' does not say where the daemon is: restart 'evoke serve'", path);
    session->api = without_slash(session, member(session, json, "api", ""));
    session->gateway = without_slash(session, member(session, json, "gateway", ""));
    session->region = member(session, json, "region", session->region);
    session->account = member(session, json, "account", session->account);
    return read_credentials(session, err);
}

static const char *asked_endpoint(const struct session *session)
{
    if (session->endpoint || session->data)
        return session->endpoint;
    const char *url = environment("AWS_ENDPOINT_URL_LAMBDA");
    return url ? url : environment("AWS_ENDPOINT_URL");
}

int session_find(struct session *session, struct error *err)
{
    const char *endpoint = asked_endpoint(session);

    if (session->found)
        return 0;
    session->gateway = session->account = session->token = "";
    session->region = DEFAULT_REGION;
    int result = endpoint ? use_endpoint(session, endpoint, err) : use_folder(session, err);
    if (result < 0)
        return -1;
    if (session->asked_region)
        session->region = session->asked_region;
    session->found = true;
    return 0;
}

int session_ask_status(struct session *session, struct error *err)
{
    if (session_find(session, err) < 0)
        return -1;
    if (*session->gateway && *session->account)
        return 0;
    scoped(json_decref) json_t *status = lambda_status(session, err);
    if (!status)
        return -1;
    const json_t *gateways = json_object_get(status, "gateway");
    const char *gateway =
        json_string_value(json_is_array(gateways) ? json_array_get(gateways, 0) : gateways);
    if (gateway)
        session->gateway =
            without_slash(session, arena_format(&session->arena, "%s%s",
                                                strstr(gateway, "://") ? "" : "http://", gateway));
    session->account = member(session, status, "account", DEFAULT_ACCOUNT);
    return 0;
}
