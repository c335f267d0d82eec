/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/events.h"

#include "cli/arguments.h"
#include "cli/call.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"
#include "cli/output.h"
#include "cli/table.h"

/* `evoke events`: what waits for a function, and what it failed at for good. */

struct options {
    bool dead;
};

static const struct option options[] = {
    {"dead", OPTION_BOOL, offsetof(struct options, dead), NULL, 0, 0, "",
     "the dead letters of the function instead of the events that wait for it"},
    {0},
};

static const char *path(struct session *session, const char *name, const char *rest)
{
    return arena_format(&session->arena, "/_evoke/events/%s%s%s", name, *rest ? "/" : "", rest);
}

static json_t *ask(struct session *session, const char *method, const char *where,
                   struct error *err)
{
    const struct call call = {.method = method, .path = where};

    return call_json(session, &call, err);
}

/* --- list --- */

static void add_row(struct table *table, const json_t *event)
{
    struct text arrived = json_text(event, "Arrived"), error = json_text(event, "Error");
    char size[16];

    table_add_format(table, "%lld", (long long)json_int(event, "Id", 0));
    table_add(table, json_text(event, "State"));
    table_add_format(table, "%.*s %.*s", TEXT_ARG(text_slice(arrived, 0, 10)),
                     TEXT_ARG(text_slice(arrived, 11, 19)));
    table_add_format(table, "%lld", (long long)json_int(event, "Attempts", 0));
    table_add(table, text_of(text_format_bytes((uint64_t)json_int(event, "Bytes", 0), size)));
    table_add(table, text_slice(error, 0, text_find(error, '\n')));
}

static void print_table(const struct session *session, const json_t *events)
{
    static const char *const head[] = {"ID", "STATE", "ARRIVED (UTC)", "TRIED", "SIZE", "ERROR"};
    scoped(table_done) struct table table = {
        .columns = COUNT_OF(head), .has_head = true, .right = 1 << 0 | 1 << 3 | 1 << 4};
    scoped(buffer_done) struct buffer out = {0};
    size_t index;
    json_t *event;

    for (size_t i = 0; i < COUNT_OF(head); i++)
        table_add(&table, text_of(head[i]));
    json_array_foreach(events, index, event) add_row(&table, event);
    table_format(&table, &session->terminal, &out);
    output_buffer(stdout, &out);
}

static int list(struct session *session, const char *name, const char *id, struct error *err)
{
    scoped(json_decref) json_t *answer = ask(session, "GET", path(session, name, ""), err);
    const json_t *events = json_object_get(answer, "Events");

    (void)id;
    if (!answer)
        return -1;
    if (json_array_size(events) == 0) {
        /* Of a function that is not there nothing waits either. */
        scoped(json_decref) json_t *function = lambda_configuration(session, name, err);
        if (!function)
            return -1;
    }
    if (session->json)
        output_json(events);
    else if (json_array_size(events) == 0)
        printf("No event waits for %s.\n", name);
    else
        print_table(session, events);
    if (!session->json && json_bool(answer, "More", false))
        puts("There are more.");
    return 0;
}

/* --- show, redrive, purge --- */

static int show(struct session *session, const char *name, const char *id, struct error *err)
{
    scoped(json_decref) json_t *event = ask(session, "GET", path(session, name, id), err);

    if (!event)
        return -1;
    output_json(event);
    return 0;
}

static int say_count(const struct session *session, const json_t *answer, const char *what)
{
    if (!answer)
        return -1;
    if (session->json)
        output_json(answer);
    else if (!session->quiet)
        printf("%lld %s\n", (long long)json_int(answer, "Count", 0), what);
    return 0;
}

static int redrive(struct session *session, const char *name, const char *id, struct error *err)
{
    scoped(json_decref) json_t *answer = ask(session, "POST", path(session, name, "retry"), err);

    (void)id;
    return say_count(session, answer, "tried again now");
}

static int purge(struct session *session, const char *name, const char *id, struct error *err)
{
    scoped(json_decref) json_t *answer =
        ask(session, "DELETE", path(session, name, id ? id : ""), err);

    return say_count(session, answer, "taken away");
}

/* --- the command --- */

static const struct verb {
    const char *name;
    bool needs_id;
    int (*waiting)(struct session *session, const char *name, const char *id, struct error *err);
    int (*dead)(struct session *session, const char *name, const char *id, struct error *err);
} verbs[] = {
    {"list", false, list, dead_list},
    {"show", true, show, dead_show},
    {"redrive", false, redrive, dead_redrive},
    {"purge", false, purge, dead_purge},
};

static const struct verb *find_verb(const char *name, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    (void)error_set(err, ERROR_INVALID, "'%s' is none of list, show, redrive and purge", name);
    return NULL;
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    struct options wishes = {0};
    scoped(arguments_done) struct arguments arguments = {
        .options = options, .object = &wishes, .least = 2, .most = 3};

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    const struct verb *verb = find_verb(arguments.words[0], err);
    const char *id = arguments.word_count > 2 ? arguments.words[2] : NULL;
    if (!verb)
        return EXIT_USAGE;
    if (verb->needs_id && !id) {
        (void)error_set(err, ERROR_INVALID,
                        "say which event: its ID is the first column of 'list'");
        return EXIT_USAGE;
    }
    int failed = (wishes.dead ? verb->dead : verb->waiting)(session, arguments.words[1], id, err);
    return failed ? session_exit(session) : EXIT_OK;
}

const struct command command_events = {
    .name = "events",
    .usage = "list|show|redrive|purge FUNCTION [ID]",
    .summary = "see to the events that wait for a function, and to its dead letters",
    .help = "Without --dead the events that are waiting: list them, show one's payload, have\n"
            "those that wait for a retry tried now (redrive), take one or all of them away\n"
            "(purge). With --dead what the function failed at for good, in the queue that is\n"
            "its dead-letter queue or its OnFailure destination: redrive invokes the function\n"
            "with each of them again and takes it out of the queue.\n"
            "\n"
            "    evoke events list hello\n"
            "    evoke events redrive hello --dead\n",
    .run = run,
    .options = options,
};
