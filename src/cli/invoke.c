/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "base/crypto.h"
#include "base/path.h"
#include "cli/arguments.h"
#include "cli/call.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"
#include "cli/output.h"
#include "cli/pretty.h"
#include "http/uri.h"
#include "model/limits.h"

struct settings {
    char *qualifier;
    bool async, log;
};

static const struct option options[] = {
    {"async", OPTION_BOOL, offsetof(struct settings, async), NULL, 0, 0, "",
     "hand the payload over as an event and do not wait for the function"},
    {"log", OPTION_BOOL, offsetof(struct settings, log), NULL, 0, 0, "",
     "show what the function logged (its last 4 KB)"},
    {"qualifier", OPTION_STRING, offsetof(struct settings, qualifier), NULL, 0, 0, "VERSION",
     "the version to invoke, $LATEST if not given"},
    {0},
};

static int read_payload(const struct arguments *arguments, struct buffer *ret, struct error *err)
{
    const char *word = arguments->word_count > 1 ? arguments->words[1] : "{}";

    if (strcmp(word, "-") == 0)
        return arguments_read(word, LIMIT_PAYLOAD, ret, err);
    if (word[0] == '@')
        return path_read(word + 1, LIMIT_PAYLOAD, ret, err);
    buffer_add_text(ret, text_of(word));
    return 0;
}

static const char *make_path(struct session *session, const char *name, const char *qualifier)
{
    scoped(buffer_done) struct buffer encoded = {0};

    if (!qualifier)
        return lambda_path(session, name, "/invocations");
    uri_encode(&encoded, text_of(qualifier), false);
    return lambda_path(session, name,
                       arena_format(&session->arena, "/invocations?Qualifier=%.*s",
                                    TEXT_ARG(buffer_text(&encoded))));
}

static void decode_log(const struct answer *answer, struct buffer *out)
{
    (void)crypto_unbase64(answer_header(answer, "x-amz-log-result"), out);
}

static bool is_json(struct text text)
{
    struct error ignored;
    scoped(json_decref) json_t *json = json_parse(text, &ignored);

    return json != NULL;
}

static void add_member(struct buffer *out, const char *name, struct text value)
{
    buffer_add_format(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
    if (text_is_set(value))
        buffer_add_json(out, value);
    else
        buffer_add_literal(out, "null");
}

/* The payload as it came if it is JSON, else as a string. */
static void print_json(const struct answer *answer)
{
    scoped(buffer_done) struct buffer out = {0}, log = {0};
    struct text payload = buffer_text(&answer->body);

    buffer_add_format(&out, "{\"status\":%d", answer->status);
    add_member(&out, "functionError", answer_header(answer, "x-amz-function-error"));
    add_member(&out, "executedVersion", answer_header(answer, "x-amz-executed-version"));
    add_member(&out, "requestId", answer_header(answer, "x-amzn-requestid"));
    decode_log(answer, &log);
    add_member(&out, "log", log.len ? buffer_text(&log) : TEXT_NONE);
    if (is_json(payload)) {
        buffer_add_literal(&out, ",\"payload\":");
        buffer_add_text(&out, payload);
    } else {
        add_member(&out, "payload", payload.len ? payload : TEXT(""));
    }
    buffer_add_literal(&out, "}\n");
    output_buffer(stdout, &out);
}

/* For a person, indented and ended by a newline; for a pipe, as it came. */
static void print_payload(const struct session *session, struct text payload)
{
    scoped(buffer_done) struct buffer out = {0};

    if (session->terminal.out_is_terminal && is_json(payload))
        pretty_json(payload, &out);
    else
        buffer_add_text(&out, payload);
    if (session->terminal.out_is_terminal)
        buffer_add_char(&out, '\n');
    output_buffer(stdout, &out);
}

static void print_log(const struct session *session, const struct answer *answer)
{
    scoped(buffer_done) struct buffer log = {0};

    decode_log(answer, &log);
    if (log.len == 0)
        return;
    if (log.at[log.len - 1] != '\n')
        buffer_add_char(&log, '\n');
    fprintf(stderr, "%s", terminal_err(&session->terminal, STYLE_DIM));
    output_log(stderr, buffer_text(&log));
    fprintf(stderr, "%s", terminal_err(&session->terminal, STYLE_NONE));
}

static void print_function_error(const struct session *session, const struct answer *answer)
{
    scoped(buffer_done) struct buffer out = {0};

    lambda_error_text(buffer_text(&answer->body), &out);
    fprintf(stderr, "%sthe function failed:%s ", terminal_err(&session->terminal, STYLE_RED),
            terminal_err(&session->terminal, STYLE_NONE));
    output_buffer(stderr, &out);
}

/* It is on disk, and will be run. */
static void print_accepted(const struct session *session, const struct answer *answer)
{
    if (session->json)
        print_json(answer);
    else
        printf("accepted: request id %.*s\n", TEXT_ARG(answer_header(answer, "x-amzn-requestid")));
}

static int print_answer(const struct session *session, const struct answer *answer)
{
    bool failed = text_is_set(answer_header(answer, "x-amz-function-error"));

    if (session->json) {
        print_json(answer);
        return failed ? EXIT_FUNCTION : EXIT_OK;
    }
    if (!failed)
        print_payload(session, buffer_text(&answer->body));
    fflush(stdout);
    print_log(session, answer);
    if (failed)
        print_function_error(session, answer);
    return failed ? EXIT_FUNCTION : EXIT_OK;
}

static int invoke(struct session *session, const struct settings *settings, const char *name,
                  struct text payload, struct error *err)
{
    scoped(answer_done) struct answer answer = {0};
    struct http_field headers[2];
    size_t count = 0;

    if (settings->log)
        headers[count++] = (struct http_field){TEXT("x-amz-log-type"), TEXT("Tail")};
    if (settings->async)
        headers[count++] = (struct http_field){TEXT("x-amz-invocation-type"), TEXT("Event")};
    const struct call call = {
        .method = "POST",
        .path = make_path(session, name, settings->qualifier),
        .headers = headers,
        .header_count = count,
        .body = payload,
        .uploading = "sending the payload",
        .waiting = arena_format(&session->arena, "%s runs", name),
    };

    if (call_send(session, &call, &answer, err) < 0)
        return session_exit(session);
    if (answer.status < 200 || answer.status > 299) {
        (void)answer_fail(session, &answer, err);
        return EXIT_ERROR;
    }
    if (settings->async) {
        print_accepted(session, &answer);
        return EXIT_OK;
    }
    return print_answer(session, &answer);
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    struct settings settings;
    scoped(buffer_done) struct buffer payload = {0};
    scoped(arguments_done) struct arguments arguments = {
        .options = options, .object = &settings, .least = 1, .most = 2};

    option_defaults(options, &settings);
    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    if (read_payload(&arguments, &payload, err) < 0)
        return EXIT_ERROR;
    return invoke(session, &settings, arguments.words[0], buffer_text(&payload), err);
}

const struct command command_invoke = {
    .name = "invoke",
    .usage = "FUNCTION [PAYLOAD|@FILE|-]",
    .summary = "run a function and print its answer",
    .help = "The payload is JSON: as it stands, from a file (@FILE), or from the input (-);\n"
            "{} if not given. The answer goes to stdout, indented on a terminal and byte for\n"
            "byte into a pipe. When the function fails, its error goes to stderr and the exit\n"
            "code is 3. With --async the function runs later, and again if it fails; what comes\n"
            "out at once is the request id.\n"
            "\n"
            "  evoke invoke hello '{\"name\":\"you\"}'\n"
            "  evoke invoke hello @event.json --log\n"
            "  evoke invoke hello '{\"n\":1}' --async\n"
            "  echo '[1,2]' | evoke invoke hello -\n",
    .run = run,
    .options = options,
};
