/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <time.h>

#include "base/clock.h"
#include "cli/arguments.h"
#include "cli/call.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"
#include "cli/output.h"

#define FOLLOW_EVERY_MS 300
#define OVERLAP_MS 3000 /* a shard may write a line a little behind another one's */

struct settings {
    bool follow;
    int64_t since_ms;
    char *filter;
};

static const struct option options[] = {
    {"follow", OPTION_BOOL, offsetof(struct settings, follow), NULL, 0, 0, "",
     "go on with new lines as they come; also -f"},
    {"since", OPTION_MILLIS, offsetof(struct settings, since_ms), "10m", 0, 0, "DURATION",
     "how far to look back: 30s, 10m, 24h"},
    {"filter", OPTION_STRING, offsetof(struct settings, filter), NULL, 0, 0, "PATTERN",
     "only lines that match a CloudWatch Logs filter pattern"},
    {0},
};

/* Which lines were printed is known by their ids, as the same span is asked for again and
 * again. Two generations: what is older than an overlap is forgotten. */
struct reading {
    struct session *session;
    const struct settings *settings;
    const char *group;
    int64_t from_ms, last_ms;
    size_t printed;
    json_t *seen, *seen_before; /* objects: id -> null */
    int64_t turned_ms;
};

static json_t *make_request(const struct reading *reading, struct text token)
{
    json_t *request = json_pack("{s:s, s:I, s:b}", "logGroupName", reading->group, "startTime",
                                (json_int_t)reading->from_ms, "interleaved", 1);

    if (reading->settings->filter)
        json_object_set_new(request, "filterPattern",
                            json_from_text(text_of(reading->settings->filter)));
    if (token.len)
        json_object_set_new(request, "nextToken", json_from_text(token));
    return request;
}

static void print_event(const struct reading *reading, const json_t *event)
{
    const struct terminal *terminal = &reading->session->terminal;
    struct text message = json_text(event, "message");
    char at[32];

    if (reading->session->json) {
        scoped(free) char *line = json_write(event);
        puts(line);
        return;
    }
    while (text_ends(message, TEXT("\n")))
        message.len--;
    printf("%s%s%s ", terminal_out(terminal, STYLE_DIM),
           clock_format_iso(json_int(event, "timestamp", 0), at),
           terminal_out(terminal, STYLE_NONE));
    output_log(stdout, message);
    putchar('\n');
}

static bool is_seen(const struct reading *reading, const char *id)
{
    return json_object_get(reading->seen, id) || json_object_get(reading->seen_before, id);
}

static void take_event(struct reading *reading, const json_t *event)
{
    const char *id = json_string_value(json_object_get(event, "eventId"));
    int64_t at_ms = json_int(event, "timestamp", 0);

    if (id && is_seen(reading, id))
        return;
    if (id && reading->settings->follow)
        json_object_set_new(reading->seen, id, json_null());
    if (at_ms > reading->last_ms)
        reading->last_ms = at_ms;
    reading->printed++;
    print_event(reading, event);
}

/* A function that was never invoked has no log group. */
static json_t *ask(const struct reading *reading, struct text token, struct error *err)
{
    scoped(json_decref) json_t *request = make_request(reading, token);
    scoped(free) char *body = json_write(request);
    const struct call call = {
        .method = "POST",
        .path = "/",
        .service = "logs",
        .target = "Logs_20140328.FilterLogEvents",
        .body = text_of(body),
    };
    scoped(answer_done) struct answer answer = {0};

    if (call_send(reading->session, &call, &answer, err) < 0)
        return NULL;
    if (answer.status == 200)
        return json_parse(buffer_text(&answer.body), err);
    if (text_find_text(buffer_text(&answer.body), TEXT("ResourceNotFoundException")) <
        answer.body.len)
        return json_object();
    (void)answer_fail(reading->session, &answer, err);
    return NULL;
}

static int read_once(struct reading *reading, struct error *err)
{
    scoped(free) char *token = NULL;
    size_t index;
    json_t *event;

    do {
        scoped(json_decref) json_t *page = ask(reading, text_of(token), err);
        if (!page)
            return -1;
        json_array_foreach(json_object_get(page, "events"), index, event)
            take_event(reading, event);
        struct text next = json_text(page, "nextToken");
        free(token);
        token = next.len ? text_dup(next) : NULL;
    } while (token);
    fflush(stdout);
    return 0;
}

static void forget_old(struct reading *reading)
{
    int64_t now_ms = clock_now_ms();

    if (now_ms - reading->turned_ms < 2 * OVERLAP_MS)
        return;
    reading->turned_ms = now_ms;
    json_decref(reading->seen_before);
    reading->seen_before = reading->seen;
    reading->seen = json_object();
}

static int follow(struct reading *reading, struct error *err)
{
    const struct timespec pause = {0, FOLLOW_EVERY_MS * 1000000};

    while (!ferror(stdout)) {
        (void)nanosleep(&pause, NULL);
        if (reading->last_ms - OVERLAP_MS > reading->from_ms) {
            reading->from_ms = reading->last_ms - OVERLAP_MS;
            forget_old(reading);
        }
        if (read_once(reading, err) < 0)
            return -1;
    }
    return 0;
}

/* Where the function logs. A deleted function's log is still there, under the default
 * name. */
static int find_group(struct reading *reading, const char *name, bool *ret_is_function,
                      struct error *err)
{
    struct arena *arena = &reading->session->arena;
    scoped(json_decref) json_t *configuration = lambda_configuration(reading->session, name, err);
    struct text group = json_text(json_object_get(configuration, "LoggingConfig"), "LogGroup");

    if (!configuration && (reading->session->unreachable || err->code != ERROR_NOT_FOUND))
        return -1;
    *ret_is_function = configuration != NULL;
    reading->group =
        group.len ? arena_string(arena, group) : arena_format(arena, "/aws/lambda/%s", name);
    return 0;
}

static void hint(const struct session *session, const char *name)
{
    if (!session->quiet && !session->json)
        fprintf(stderr, "no lines of %s in this time; --since 24h looks further back\n", name);
}

static int read_logs(struct reading *reading, const char *name, struct error *err)
{
    bool is_function;

    if (find_group(reading, name, &is_function, err) < 0)
        return session_exit(reading->session);
    struct error not_found = *err;
    if (read_once(reading, err) < 0)
        return session_exit(reading->session);
    if (!is_function && reading->printed == 0) {
        *err = not_found;
        return EXIT_ERROR;
    }
    if (!reading->settings->follow) {
        if (reading->printed == 0)
            hint(reading->session, name);
        return EXIT_OK;
    }
    return follow(reading, err) < 0 ? session_exit(reading->session) : EXIT_OK;
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    struct settings settings;
    scoped(arguments_done) struct arguments arguments = {
        .options = options, .object = &settings, .least = 1, .most = 1};

    option_defaults(options, &settings);
    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    int64_t now_ms = clock_now_ms();
    struct reading reading = {
        .session = session,
        .settings = &settings,
        .from_ms = settings.since_ms < now_ms ? now_ms - settings.since_ms : 0,
        .seen = json_object(),
        .seen_before = json_object(),
        .turned_ms = now_ms,
    };
    int exit_code = read_logs(&reading, arguments.words[0], err);
    json_decref(reading.seen);
    json_decref(reading.seen_before);
    return exit_code;
}

const struct command command_logs = {
    .name = "logs",
    .usage = "FUNCTION",
    .summary = "print what a function logged",
    .help = "Times are in UTC. With --json an event a line, as CloudWatch Logs gives it.\n"
            "\n"
            "  evoke logs hello -f\n"
            "  evoke logs hello --since 2h --filter ERROR\n",
    .run = run,
    .options = options,
};
