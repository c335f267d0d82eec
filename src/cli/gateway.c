/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/call.h"
#include "cli/cli_priv.h"
#include "cli/gateway_top.h"
#include "cli/output.h"
#include "cli/table.h"
#include "http/uri.h"

/* `evoke apis` lists the APIs; `evoke gateway` shows their routes and sets their guards. */

#define GUARD_MAX (256 << 10) /* bytes of a file */

static json_t *ask(struct session *session, const char *method, const char *path, struct text body,
                   struct error *err)
{
    const struct call call = {
        .method = method, .path = path, .service = "apigateway", .body = body};

    return call_json(session, &call, err);
}

static void print_rows(const struct session *session, struct table *table)
{
    scoped(buffer_done) struct buffer out = {0};

    table_format(table, &session->terminal, &out);
    output_buffer(stdout, &out);
}

/* --- evoke apis --- */

static json_t *read_apis(struct session *session, struct error *err)
{
    scoped(json_decref) json_t *all = json_array();
    const char *path = "/v2/apis";

    while (path) {
        scoped(json_decref) json_t *page = ask(session, "GET", path, TEXT_NONE, err);
        if (!page)
            return NULL;
        json_array_extend(all, json_object_get(page, "items"));
        struct text token = json_text(page, "nextToken");
        scoped(buffer_done) struct buffer encoded = {0};
        uri_encode(&encoded, token, false);
        path = token.len ? arena_format(&session->arena, "/v2/apis?nextToken=%.*s",
                                        TEXT_ARG(buffer_text(&encoded)))
                         : NULL;
    }
    return take(all);
}

static void print_apis(const struct session *session, const json_t *apis)
{
    static const char *const head[] = {"ID", "NAME", "PROTOCOL", "ENDPOINT", "CREATED (UTC)"};
    scoped(table_done) struct table table = {.columns = COUNT_OF(head), .has_head = true};
    size_t index;
    json_t *api;

    for (size_t i = 0; i < COUNT_OF(head); i++)
        table_add(&table, text_of(head[i]));
    json_array_foreach(apis, index, api)
    {
        struct text created = json_text(api, "createdDate");
        table_add(&table, json_text(api, "apiId"));
        table_add(&table, json_text(api, "name"));
        table_add(&table, json_text(api, "protocolType"));
        table_add(&table, json_text(api, "apiEndpoint"));
        table_add_format(&table, "%.*s %.*s", TEXT_ARG(text_slice(created, 0, 10)),
                         TEXT_ARG(text_slice(created, 11, 19)));
    }
    print_rows(session, &table);
}

static int run_apis(struct session *session, int argc, char **argv, struct error *err)
{
    scoped(arguments_done) struct arguments arguments = {0};
    size_t index;
    json_t *api;

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    scoped(json_decref) json_t *apis = read_apis(session, err);
    if (!apis)
        return session_exit(session);
    if (session->json) {
        output_json(apis);
    } else if (session->quiet) {
        json_array_foreach(apis, index, api) printf("%.*s\n", TEXT_ARG(json_text(api, "apiId")));
    } else if (json_array_size(apis) == 0) {
        puts("No APIs yet. Make one with 'aws apigatewayv2 create-api', or import an OpenAPI "
             "document with 'aws apigatewayv2 import-api'.");
    } else {
        print_apis(session, apis);
    }
    return EXIT_OK;
}

const struct command command_apis = {
    .name = "apis",
    .usage = "",
    .summary = "list the HTTP and WebSocket APIs",
    .help = "With --quiet only their ids, one a line; with --json an array of API Gateway's Api.\n"
            "APIs are made and changed with the AWS CLI (`aws apigatewayv2`) or an SDK.\n",
    .run = run_apis,
};

/* --- evoke gateway routes --- */

static void print_routes(const struct session *session, const json_t *routes)
{
    static const char *const head[] = {"API", "STAGE", "METHOD", "PATH", "AUTHORIZATION", "TARGET"};
    scoped(table_done) struct table table = {.columns = COUNT_OF(head), .has_head = true};
    size_t index;
    json_t *route;

    for (size_t i = 0; i < COUNT_OF(head); i++)
        table_add(&table, text_of(head[i]));
    json_array_foreach(routes, index, route)
    {
        bool is_keyed = json_bool(route, "apiKeyRequired", false);
        struct text api = json_text(route, "apiId"), target = json_text(route, "target");
        table_add(&table, text_is_set(api) ? api : TEXT("-"));
        table_add(&table, text_is_set(api) ? json_text(route, "stage") : TEXT("-"));
        table_add(&table, json_text(route, "method"));
        table_add(&table, json_text(route, "path"));
        table_add_format(&table, "%.*s%s", TEXT_ARG(json_text(route, "authorization")),
                         is_keyed ? " + API key" : "");
        table_add(&table, text_is_set(target) ? target : TEXT("-"));
    }
    print_rows(session, &table);
}

static int show_routes(struct session *session, struct error *err)
{
    scoped(json_decref) json_t *answer =
        ask(session, "GET", "/_evoke/gateway/routes", TEXT_NONE, err);
    const json_t *routes = json_object_get(answer, "routes");

    if (!answer)
        return -1;
    if (session->json)
        output_json(routes);
    else if (json_array_size(routes) == 0)
        puts("No route is served yet.");
    else
        print_routes(session, routes);
    return 0;
}

/* --- evoke gateway guard --- */

struct options {
    char *route;
    bool remove, once;
    int64_t every_ms;
};

static const struct option options[] = {
    {"route", OPTION_STRING, offsetof(struct options, route), NULL, 0, 0, "KEY",
     "the guard of one route, such as 'GET /pets', rather than of the whole API"},
    {"remove", OPTION_BOOL, offsetof(struct options, remove), NULL, 0, 0, "",
     "take the guard away"},
    {"once", OPTION_BOOL, offsetof(struct options, once), NULL, 0, 0, "",
     "print what was served since the daemon's start, and end"},
    {"every", OPTION_MILLIS, offsetof(struct options, every_ms), "1s", 100, 60000, "DURATION",
     "how often the live view is drawn"},
    {0},
};

static const char *guard_path(struct session *session, const char *api, const char *route)
{
    scoped(buffer_done) struct buffer path = {0};

    buffer_add_literal(&path, "/_evoke/apis/");
    uri_encode(&path, text_of(api), false);
    buffer_add_literal(&path, "/guard");
    if (route && *route) {
        buffer_add_literal(&path, "?routeKey=");
        uri_encode(&path, text_of(route), false);
    }
    return arena_string(&session->arena, buffer_text(&path));
}

static int set_guard(struct session *session, const char *path, const char *file, struct error *err)
{
    scoped(buffer_done) struct buffer body = {0};

    if (arguments_read(file, GUARD_MAX, &body, err) < 0)
        return -1;
    scoped(json_decref) json_t *answer = ask(session, "PUT", path, buffer_text(&body), err);
    if (answer && session->json)
        output_json(answer);
    return answer ? 0 : -1;
}

static int guard(struct session *session, const struct arguments *arguments,
                 const struct options *wishes, struct error *err)
{
    const char *path = guard_path(session, arguments->words[1], wishes->route);

    if (arguments->word_count > 2)
        return set_guard(session, path, arguments->words[2], err);
    scoped(json_decref) json_t *answer =
        ask(session, wishes->remove ? "DELETE" : "GET", path, TEXT_NONE, err);
    if (answer && !wishes->remove)
        output_json(answer);
    return answer ? 0 : -1;
}

/* --- evoke gateway reload --- */

static int reload(struct session *session, struct error *err)
{
    static const struct {
        const char *key, *what;
    } rows[] = {
        {"certificates", "certificates"},
        {"lists", "lists of addresses"},
        {"ruleSets", "rule sets of the firewall"},
    };
    const struct call call = {
        .method = "POST", .path = "/_evoke/gateway/reload", .service = "lambda"};
    scoped(json_decref) json_t *report = call_json(session, &call, err);
    const json_t *errors = json_object_get(report, "errors");

    if (!report)
        return -1;
    if (session->json)
        output_json(report);
    for (size_t i = 0; i < COUNT_OF(rows) && !session->json && !session->quiet; i++)
        printf("%s: %lld\n", rows[i].what,
               (long long)json_integer_value(json_object_get(report, rows[i].key)));
    if (json_array_size(errors) == 0)
        return 0;
    return error_set(err, ERROR_INVALID, "what cannot be read stays as it was: %s%s",
                     json_string_value(json_array_get(errors, 0)),
                     json_array_size(errors) > 1 ? " (and more, see --json)" : "");
}

/* --- the command --- */

static int run_gateway(struct session *session, int argc, char **argv, struct error *err)
{
    struct options wishes = {0};
    scoped(arguments_done) struct arguments arguments = {
        .options = options, .object = &wishes, .least = 1, .most = 3};
    int failed;

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    if (strcmp(arguments.words[0], "routes") == 0 && arguments.word_count == 1) {
        failed = show_routes(session, err);
    } else if (strcmp(arguments.words[0], "guard") == 0 && arguments.word_count > 1) {
        failed = guard(session, &arguments, &wishes, err);
    } else if (strcmp(arguments.words[0], "top") == 0 && arguments.word_count == 1) {
        failed = gateway_top(session, wishes.once, wishes.every_ms, err);
    } else if (strcmp(arguments.words[0], "reload") == 0 && arguments.word_count == 1) {
        failed = reload(session, err);
    } else {
        (void)error_set(err, ERROR_INVALID,
                        "say 'routes', 'top', 'reload', or 'guard' and the id of an API");
        return EXIT_USAGE;
    }
    return failed ? session_exit(session) : EXIT_OK;
}

const struct command command_gateway = {
    .name = "gateway",
    .usage = "routes|top|reload|guard [API] [FILE]",
    .summary = "show the routes that are served, and set what stands before them",
    .help =
        "`routes` prints every route that the running daemon serves: those of APIs, stage by\n"
        "stage, those of function.yaml, function URLs and buses; with --json all that is known of\n"
        "each. `guard` shows the guard of an API, or of one of its routes with --route; with\n"
        "a FILE (YAML or JSON; - is the standard input) it sets it, with --remove it takes it\n"
        "away.\n"
        "`top` shows what is served, drawn anew every second until Ctrl-C: requests a second,\n"
        "quantiles of how long they took, errors (5xx), 429 and 403 by route, and the clients\n"
        "that ask most. With --once, --json or in a pipe it prints all since the daemon's\n"
        "start and ends.\n"
        "`reload` has the daemon read certificates, lists of addresses and the firewall's rules\n"
        "again and prints how many of each are in use. What cannot be read stays as it was, and\n"
        "the command fails with the reason.\n"
        "\n"
        "    evoke gateway guard a1b2c3d4e5 guard.yaml --route 'POST /orders'\n",
    .run = run_gateway,
    .options = options,
};
