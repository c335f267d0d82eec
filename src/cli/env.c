/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli_priv.h"
#include "cli/output.h"
#include "cli/quote.h"

static void add_export(struct buffer *out, const char *name, const char *value)
{
    buffer_add_format(out, "export %s=", name);
    quote_shell(out, text_of(value));
    buffer_add_char(out, '\n');
}

/* Tools from before 2023 do not know AWS_ENDPOINT_URL. */
static void add_alias(struct buffer *out, const char *endpoint)
{
    scoped(buffer_done) struct buffer command = {0};

    buffer_add_literal(&command, "aws --endpoint-url ");
    quote_shell(&command, text_of(endpoint));
    buffer_add_literal(out, "alias aws=");
    quote_shell(out, buffer_text(&command));
    buffer_add_char(out, '\n');
}

static void add_all(const struct session *session, struct buffer *out)
{
    add_export(out, "AWS_ENDPOINT_URL", session->api);
    add_export(out, "AWS_ACCESS_KEY_ID", session->access_key);
    add_export(out, "AWS_SECRET_ACCESS_KEY", session->secret);
    if (*session->token)
        add_export(out, "AWS_SESSION_TOKEN", session->token);
    else
        buffer_add_literal(out, "unset AWS_SESSION_TOKEN\n");
    add_export(out, "AWS_DEFAULT_REGION", session->region);
    add_export(out, "AWS_REGION", session->region);
    add_alias(out, session->api);
}

static void add_member(struct buffer *out, const char *name, const char *value)
{
    buffer_add_format(out, "%c\"%s\":", out->len ? ',' : '{', name);
    buffer_add_json(out, text_of(value));
}

static void add_json(const struct session *session, struct buffer *out)
{
    add_member(out, "AWS_ENDPOINT_URL", session->api);
    add_member(out, "AWS_ACCESS_KEY_ID", session->access_key);
    add_member(out, "AWS_SECRET_ACCESS_KEY", session->secret);
    if (*session->token)
        add_member(out, "AWS_SESSION_TOKEN", session->token);
    add_member(out, "AWS_DEFAULT_REGION", session->region);
    add_member(out, "AWS_REGION", session->region);
    buffer_add_literal(out, "}\n");
}

static int run(struct session *session, int argc, char **argv, struct error *err)
{
    scoped(arguments_done) struct arguments arguments = {0};
    scoped(buffer_done) struct buffer out = {0};

    if (arguments_parse(&arguments, session, argc, argv, err) < 0)
        return EXIT_USAGE;
    if (session_find(session, err) < 0)
        return session_exit(session);
    (session->json ? add_json : add_all)(session, &out);
    output_buffer(stdout, &out);
    if (session->terminal.out_is_terminal && !session->json && !session->quiet)
        puts("# paste these lines, or: eval \"$(evoke env)\"");
    return EXIT_OK;
}

const struct command command_env = {
    .name = "env",
    .usage = "",
    .summary = "print the environment that AWS tools need",
    .help = "Export lines for the AWS CLI, the SDKs and Terraform, and an alias for AWS CLIs\n"
            "too old to know AWS_ENDPOINT_URL (before 2.13).\n"
            "\n"
            "  eval \"$(evoke env)\"\n"
            "  aws lambda list-functions\n",
    .run = run,
};
