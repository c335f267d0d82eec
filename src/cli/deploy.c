/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "cli/arguments.h"
#include "cli/call.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"
#include "cli/output.h"
#include "cli/package.h"
#include "cli/quote.h"
#include "model/limits.h"

struct settings {
    char *name, *runtime, *handler, *env;
    int64_t memory_mb, timeout_s; /* 0: not given */
    bool wait;
};

static const struct option options[] = {
    {"name", OPTION_STRING, offsetof(struct settings, name), NULL, 0, 0, "NAME",
     "the function's name, if function.yaml or the folder's name should not give it"},
    {"runtime", OPTION_STRING, offsetof(struct settings, runtime), NULL, 0, 0, "RUNTIME",
     "such as nodejs20.x, python3.x or provided.al2023; see 'evoke runtimes'"},
    {"handler", OPTION_STRING, offsetof(struct settings, handler), NULL, 0, 0, "HANDLER",
     "such as index.handler"},
    {"memory", OPTION_INT, offsetof(struct settings, memory_mb), NULL, LIMIT_MEMORY_MB_MIN,
     LIMIT_MEMORY_MB_MAX, "MB", "memory of an instance"},
    {"timeout", OPTION_INT, offsetof(struct settings, timeout_s), NULL, 1, LIMIT_TIMEOUT_S,
     "SECONDS", "how long an invocation may take"},
    {"env", OPTION_STRING, offsetof(struct settings, env), NULL, 0, 0, "NAME=VALUE",
     "an environment variable; may be given several times, and replaces all there were"},
    {"wait", OPTION_BOOL, offsetof(struct settings, wait), "true", 0, 0, "true|false",
     "wait until the new code serves"},
    {0},
};

/* A deployment under way. */
struct deployment {
    struct session *session;
    const struct settings *settings;
    const struct arguments *arguments;
    json_t *configuration; /* what the flags say */
    struct local_package package;
    const char *name;
    bool created;
    int64_t began_us;
};

static int add_variables(const struct deployment *deployment, json_t *request, struct error *err)
{
    struct text value;
    size_t cursor = 0;

    if (!arguments_has(deployment->arguments, TEXT("env")))
        return 0;
    json_t *variables = json_object();
    json_object_set_new(request, "Environment", json_pack("{s:o}", "Variables", variables));
    while (arguments_next(deployment->arguments, TEXT("env"), &cursor, &value)) {
        size_t equals = text_find(value, '=');
        if (equals == 0 || equals == value.len)
            return error_set(err, ERROR_INVALID, "--env %.*s: write NAME=VALUE", TEXT_ARG(value));
        scoped(free) char *name = text_dup(text_slice(value, 0, equals));
        json_object_set_new(variables, name, json_from_text(text_skip(value, equals + 1)));
    }
    return 0;
}

/* What the flags say, as both CreateFunction and UpdateFunctionConfiguration take it. The
 * rest is read from function.yaml by the daemon. */
static json_t *make_configuration(const struct deployment *deployment, struct error *err)
{
    const struct settings *settings = deployment->settings;
    scoped(json_decref) json_t *request = json_object();

    if (settings->runtime)
        json_object_set_new(request, "Runtime", json_from_text(text_of(settings->runtime)));
    if (settings->handler)
        json_object_set_new(request, "Handler", json_from_text(text_of(settings->handler)));
    if (settings->memory_mb)
        json_object_set_new(request, "MemorySize", json_integer(settings->memory_mb));
    if (settings->timeout_s)
        json_object_set_new(request, "Timeout", json_integer(settings->timeout_s));
    if (add_variables(deployment, request, err) < 0)
        return NULL;
    return take(request);
}

/* The members of fields, and "ZipFile" in key's object ("Code") or beside them (NULL). The
 * ZIP is written straight into the text: as a document it would be copied three times. */
static void make_body(const json_t *fields, const char *key, struct text zip, struct buffer *out)
{
    scoped(free) char *rest = json_write(fields);
    struct text members = text_slice(text_of(rest), 1, strlen(rest) - 1);

    buffer_add_char(out, '{');
    if (key)
        buffer_add_format(out, "\"%s\":{", key);
    buffer_add_literal(out, "\"ZipFile\":\"");
    crypto_base64(zip, out);
    buffer_add_text(out, key ? TEXT("\"}") : TEXT("\""));
    if (members.len)
        buffer_add_char(out, ',');
    buffer_add_text(out, members);
    buffer_add_char(out, '}');
}

/* What Lambda says at length, in the words of this command. */
static void explain(const struct deployment *deployment, struct error *err)
{
    struct text why = text_of(err->text);

    if (text_find_text(why, TEXT("at 'runtime' failed")) < why.len) {
        struct text runtime = json_text(deployment->configuration, "Runtime");
        if (!runtime.len && deployment->package.manifest)
            runtime = text_of(deployment->package.manifest->runtime);
        (void)error_set(err, err->code,
                        "'%.*s' is no runtime: use nodejs, python3.x or provided.al2023, or one "
                        "that 'evoke runtimes' lists",
                        TEXT_ARG(runtime));
    } else if (text_starts(why, TEXT("Runtime and Handler are mandatory"))) {
        (void)error_set(err, err->code,
                        "the function needs a runtime and a handler: in its function.yaml "
                        "('evoke init' makes one), or with --runtime and --handler");
    } else if (text_find_text(why, TEXT("at 'functionName' failed")) < why.len) {
        (void)error_set(err, err->code,
                        "'%s' is no name for a function: letters, digits, '-' and '_', at most "
                        "%d characters",
                        deployment->name, LIMIT_FUNCTION_NAME);
    }
}

static int send_code(const struct deployment *deployment, const char *method, const char *path,
                     struct text body, struct error *err)
{
    struct session *session = deployment->session;
    const struct call call = {
        .method = method,
        .path = path,
        .body = body,
        .uploading = arena_format(&session->arena, "uploading %s", deployment->name),
        .waiting = arena_format(&session->arena, "unpacking %s", deployment->name),
    };
    scoped(json_decref) json_t *answer = call_json(session, &call, err);

    return answer ? 0 : -1;
}

static int create(struct deployment *deployment, struct error *err)
{
    struct session *session = deployment->session;
    scoped(buffer_done) struct buffer body = {0};

    if (session_ask_status(session, err) < 0)
        return -1;
    scoped(json_decref) json_t *fields = json_deep_copy(deployment->configuration);
    json_object_set_new(fields, "FunctionName", json_from_text(text_of(deployment->name)));
    json_object_set_new(fields, "Role",
                        json_sprintf("arn:aws:iam::%s:role/evoke", session->account));
    make_body(fields, "Code", buffer_text(&deployment->package.zip), &body);
    deployment->created = true;
    return send_code(deployment, "POST", "/2015-03-31/functions", buffer_text(&body), err);
}

static int settle(const struct deployment *deployment, struct error *err)
{
    scoped(json_decref) json_t *configuration =
        lambda_wait(deployment->session, deployment->name, err);

    return configuration ? 0 : -1;
}

static int update_code(const struct deployment *deployment, struct error *err)
{
    scoped(json_decref) json_t *nothing = json_object();
    scoped(buffer_done) struct buffer body = {0};

    make_body(nothing, NULL, buffer_text(&deployment->package.zip), &body);
    return send_code(deployment, "PUT", lambda_path(deployment->session, deployment->name, "/code"),
                     buffer_text(&body), err);
}

static int update_configuration(const struct deployment *deployment, struct error *err)
{
    struct session *session = deployment->session;
    scoped(free) char *body = json_write(deployment->configuration);
    const struct call call = {
        .method = "PUT",
        .path = lambda_path(session, deployment->name, "/configuration"),
        .body = text_of(body),
    };
    scoped(json_decref) json_t *answer = call_json(session, &call, err);

    return answer ? 0 : -1;
}

/* Code first: a new handler's name means nothing to the old code. An update that is still
 * going on (somebody else's) is waited for. */
static int update(struct deployment *deployment, struct error *err)
{
    deployment->created = false;
    if (settle(deployment, err) < 0 || update_code(deployment, err) < 0)
        return -1;
    if (json_object_size(deployment->configuration) == 0)
        return 0;
    if (settle(deployment, err) < 0)
        return -1;
    if (update_configuration(deployment, err) == 0)
        return 0;
    explain(deployment, err);
    /* Of an answer that did not come nobody knows. */
    bool was_refused = !deployment->session->unreachable && err->code != ERROR_SYSTEM;
    return error_set(err, err->code, "the new code is in place, its settings %s as before: %s",
                     was_refused ? "are" : "may be", err->text);
}

/* Whether it exists is asked first: a large ZIP should not be sent twice. */
static int upload(struct deployment *deployment, struct error *err)
{
    struct error absent = {0};
    scoped(json_decref) json_t *known =
        lambda_configuration(deployment->session, deployment->name, &absent);

    if (known)
        return update(deployment, err);
    if (deployment->session->unreachable || absent.code != ERROR_NOT_FOUND) {
        *err = absent;
        return -1;
    }
    if (create(deployment, err) == 0)
        return 0;
    if (err->code != ERROR_CONFLICT)
        return -1;
    /* Somebody made it meanwhile; or what is taken is something else, such as its route. */
    scoped(json_decref) json_t *made =
        lambda_configuration(deployment->session, deployment->name, &absent);
    if (!made)
        return -1;
    *err = (struct error){0};
    return update(deployment, err);
}

static void add_line(struct buffer *out, const struct terminal *terminal, const char *label,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
static void add_line(struct buffer *out, const struct terminal *terminal, const char *label,
                     const char *format, ...)
{
    va_list args;

    va_start(args, format);
    scoped(free) char *value = mem_vformat(format, args);
    va_end(args);
    buffer_add_format(out, "  %s%-9s%s%s\n", terminal_out(terminal, STYLE_DIM), label,
                      terminal_out(terminal, STYLE_NONE), value);
}

static void add_next(const struct deployment *deployment, struct text url, struct buffer *out)
{
    buffer_add_literal(out, "\nNext: ");
    if (url.len) {
        buffer_add_literal(out, "curl ");
        quote_shell(out, url);
    } else {
        buffer_add_literal(out, "evoke invoke ");
        quote_shell(out, text_of(deployment->name));
        buffer_add_literal(out, " '{}'");
    }
    buffer_add_literal(out, "\n");
}

static void print_report(const struct deployment *deployment, const json_t *details)
{
    const struct terminal *terminal = &deployment->session->terminal;
    const json_t *configuration = json_object_get(details, "Configuration");
    struct text resolved = json_text(details, "ResolvedRuntime"), url = json_text(details, "Url");
    struct lambda_url forms;
    scoped(buffer_done) struct buffer out = {0};
    char size[16];

    if (url.len) {
        lambda_url_read(deployment->session, url, &forms);
        url = text_of(forms.path_form);
    }
    buffer_add_format(&out, "%s%s%s %s\n", terminal_out(terminal, STYLE_GREEN),
                      deployment->created ? "created" : "updated",
                      terminal_out(terminal, STYLE_NONE), deployment->name);
    add_line(&out, terminal, "version", "%.*s, SHA-256 %.*s",
             TEXT_ARG(json_text(configuration, "Version")),
             TEXT_ARG(json_text(configuration, "CodeSha256")));
    add_line(&out, terminal, "runtime", "%.*s, %lld MB, timeout %lld s",
             TEXT_ARG(resolved.len ? resolved : json_text(configuration, "Runtime")),
             (long long)json_int(configuration, "MemorySize", 0),
             (long long)json_int(configuration, "Timeout", 0));
    add_line(&out, terminal, "size", "%s zipped",
             text_format_bytes((uint64_t)json_int(configuration, "CodeSize", 0), size));
    add_line(&out, terminal, "time", "%.1f s",
             (double)(clock_mono_us() - deployment->began_us) / 1e6);
    if (url.len)
        add_line(&out, terminal, "url", "%.*s", TEXT_ARG(url));
    if (!json_is_object(json_object_get(details, "LoadError")))
        add_next(deployment, url, &out);
    output_buffer(stdout, &out);
}

static void print_json(const struct deployment *deployment, json_t *details)
{
    json_object_set_new(details, "Created", json_boolean(deployment->created));
    json_object_set_new(details, "TimeMs",
                        json_integer((clock_mono_us() - deployment->began_us) / 1000));
    output_json(details);
}

/* The trial load: the function is there, but invoking it tells the same error. */
static int report_load_error(const struct deployment *deployment, const json_t *details)
{
    const struct terminal *terminal = &deployment->session->terminal;
    const json_t *load_error = json_object_get(details, "LoadError");
    scoped(buffer_done) struct buffer out = {0};

    if (!json_is_object(load_error))
        return EXIT_OK;
    if (deployment->session->json)
        return EXIT_FUNCTION;
    scoped(free) char *text = json_write(load_error);
    buffer_add_format(&out, "\n%s'%s' is deployed, but cannot be loaded:%s\n",
                      terminal_err(terminal, STYLE_RED), deployment->name,
                      terminal_err(terminal, STYLE_NONE));
    lambda_error_text(text_of(text), &out);
    fflush(stdout);
    output_buffer(stderr, &out);
    return EXIT_FUNCTION;
}

/* Failed, as the State or the LastUpdateStatus has it: the reason is the daemon's. */
static int check_state(const json_t *configuration, struct error *err)
{
    if (text_equal(json_text(configuration, "State"), TEXT("Failed")))
        return error_set(err, ERROR_SYSTEM, "%.*s",
                         TEXT_ARG(json_text(configuration, "StateReason")));
    if (text_equal(json_text(configuration, "LastUpdateStatus"), TEXT("Failed")))
        return error_set(err, ERROR_SYSTEM, "%.*s (the old code goes on serving)",
                         TEXT_ARG(json_text(configuration, "LastUpdateStatusReason")));
    return 0;
}

static int finish(const struct deployment *deployment, struct error *err)
{
    struct session *session = deployment->session;

    if (deployment->settings->wait) {
        scoped(json_decref) json_t *configuration = lambda_wait(session, deployment->name, err);
        if (!configuration || check_state(configuration, err) < 0)
            return session_exit(session);
    }
    scoped(json_decref) json_t *details = lambda_details(session, deployment->name, err);
    if (!details || session_ask_status(session, err) < 0)
        return session_exit(session);
    if (session->json)
        print_json(deployment, details);
    else if (session->quiet)
        puts(deployment->name);
    else
        print_report(deployment, details);
    return report_load_error(deployment, details);
}

static const char *choose_name(const struct deployment *deployment)
{
    if (deployment->settings->name)
        return deployment->settings->name;
    const struct manifest *manifest = deployment->package.manifest;
    return manifest && manifest->name ? manifest->name : deployment->package.name;
}

static int deploy(struct deployment *deployment, struct error *err)
{
    const char *path = deployment->arguments->words[0];

    if (local_package_open(path, &deployment->package, err) < 0)
        return EXIT_ERROR;
    deployment->name = choose_name(deployment);
    if (!*deployment->name) {
        (void)error_set(err, ERROR_INVALID, "the function has no name: give it one with --name");
        return EXIT_USAGE;
    }
    if (upload(deployment, err) < 0) {
        explain(deployment, err);
        return session_exit(deployment->session);
    }
    return finish(deployment, err);
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    struct settings settings;
    scoped(arguments_done) struct arguments arguments = {
        .options = options, .object = &settings, .least = 1, .most = 1};
    struct deployment deployment = {session, &settings, &arguments, .began_us = clock_mono_us()};

    option_defaults(options, &settings);
    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    deployment.configuration = make_configuration(&deployment, err);
    int exit_code = deployment.configuration ? deploy(&deployment, err) : EXIT_USAGE;
    local_package_done(&deployment.package);
    json_decref(deployment.configuration);
    return exit_code;
}

const struct command command_deploy = {
    .name = "deploy",
    .usage = "DIR|ZIP",
    .summary = "create a function, or give it new code",
    .help =
        "Zips the folder (or takes the ZIP file as it is), sends it, and waits until it\n"
        "serves. Settings come from function.yaml in it; options beat the file. What\n"
        ".evokeignore lists is left out, patterns as in .gitignore.\n"
        "\n"
        "The new code is loaded once to try it. When that fails the error is shown and the\n"
        "exit code is 3: the function is there, but invoking it tells the same error.\n"
        "\n"
        "  evoke deploy hello\n"
        "  evoke deploy build/hello.zip --name hello --runtime python3.x --handler app.handler\n"
        "  evoke deploy . --memory 512 --env LEVEL=debug --env REGION=eu\n",
    .run = run,
    .options = options,
};
