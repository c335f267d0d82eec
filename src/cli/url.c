/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "cli/lambda.h"

struct settings {
    char *auth;
    bool delete;
};

static const struct option options[] = {
    {"auth", OPTION_STRING, offsetof(struct settings, auth), NULL, 0, 0, "none|iam",
     "who may call it: everybody, or requests signed with a key"},
    {"delete", OPTION_BOOL, offsetof(struct settings, delete), NULL, 0, 0, "",
     "take the function's URL away"},
    {0},
};

/* AWS's word for it; NULL when there is none. */
static const char *auth_type(const char *auth)
{
    if (strcmp(auth, "none") == 0)
        return "NONE";
    return strcmp(auth, "iam") == 0 ? "AWS_IAM" : NULL;
}

static void print_url(const struct session *session, const struct lambda_url *url)
{
    const struct terminal *terminal = &session->terminal;

    if (session->json) {
        printf("{\"id\":\"%s\",\"auth\":\"%s\",\"url\":\"%s\",\"hostUrl\":\"%s\"}\n", url->id,
               url->auth, url->path_form, url->host_form);
        return;
    }
    /* One line, so that "$(evoke url f)" is a URL; the rest is for a person. */
    printf("%s\n", url->path_form);
    if (session->quiet || !session->terminal.out_is_terminal)
        return;
    fflush(stdout);
    fprintf(stderr, "%s", terminal_err(terminal, STYLE_DIM));
    if (strcmp(url->path_form, url->host_form) != 0)
        fprintf(stderr, "also %s\n", url->host_form);
    fprintf(stderr, "%s%s\n",
            strcmp(url->auth, "NONE") == 0
                ? "open to everybody who reaches the gateway; 'evoke url FUNCTION --auth iam' asks "
                  "for a signature"
                : "only for requests signed with a key (Signature V4, service lambda)",
            terminal_err(terminal, STYLE_NONE));
}

static int delete_url(struct session *session, const char *name, struct error *err)
{
    if (lambda_url_delete(session, name, err) < 0) {
        if (err->code == ERROR_NOT_FOUND && !session->unreachable)
            (void)error_set(err, err->code, "there is no URL of '%s'", name);
        return session_exit(session);
    }
    if (session->json)
        puts("{\"deleted\":true}");
    else if (!session->quiet)
        printf("%s has no URL any more\n", name);
    return EXIT_OK;
}

static int show_url(struct session *session, const char *name, const char *asked_auth,
                    struct error *err)
{
    struct lambda_url url;

    if (lambda_url_find(session, name, &url, err) < 0)
        return session_exit(session);
    if (!*url.host_form || (asked_auth && strcmp(asked_auth, url.auth) != 0)) {
        scoped(json_decref) json_t *function = lambda_configuration(session, name, err);
        if (!function)
            return session_exit(session);
        if (lambda_url_open(session, name, asked_auth ? asked_auth : "NONE", err) < 0 ||
            lambda_url_find(session, name, &url, err) < 0)
            return session_exit(session);
    }
    print_url(session, &url);
    return EXIT_OK;
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    struct settings settings;
    scoped(arguments_done) struct arguments arguments = {
        .options = options, .object = &settings, .least = 1, .most = 1};

    option_defaults(options, &settings);
    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    if (settings.delete)
        return delete_url(session, arguments.words[0], err);
    const char *auth = settings.auth ? auth_type(settings.auth) : NULL;
    if (settings.auth && !auth) {
        (void)error_set(err, ERROR_INVALID, "--auth must be none or iam, not '%s'", settings.auth);
        return EXIT_USAGE;
    }
    return show_url(session, arguments.words[0], auth, err);
}

const struct command command_url = {
    .name = "url",
    .usage = "FUNCTION",
    .summary = "give a function a URL, or show the one it has",
    .help = "The URL on stdout works everywhere; the other one is what Lambda's API returns, a\n"
            "host of its own, which curl and browsers resolve and many libraries do not. A new\n"
            "URL is open to everybody unless --auth iam is given.\n"
            "\n"
            "  curl \"$(evoke url hello)\"\n"
            "  evoke url hello --auth iam\n"
            "  evoke url hello --delete\n",
    .run = run,
    .options = options,
};
