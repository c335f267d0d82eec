/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_priv.h"

/* GetCallerIdentity: who holds this key. */

static void get_caller_identity(struct call *call)
{
    bool is_function = call->caller == KEY_INSTANCE;
    struct text account = call->api->account;
    const char *arn = auth_caller_arn(call);
    const char *session = strrchr(arn, '/');

    buffer_add_format(&call->answer,
                      "<GetCallerIdentityResponse "
                      "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
                      "  <GetCallerIdentityResult>\n    <Arn>%s</Arn>\n    <UserId>",
                      arn);
    if (is_function)
        buffer_add_format(&call->answer, "AROAEVOKE:%s", session + 1);
    else
        buffer_add_text(&call->answer, account);
    buffer_add_format(&call->answer,
                      "</UserId>\n    <Account>%.*s</Account>\n  </GetCallerIdentityResult>\n"
                      "  <ResponseMetadata>\n    <RequestId>%s</RequestId>\n"
                      "  </ResponseMetadata>\n</GetCallerIdentityResponse>\n",
                      TEXT_ARG(account), call->request_id);
    call_reply(call, 200);
}

#define STS PROTOCOL_QUERY, "sts", METHOD_POST, NULL, BODY_FORM, API_JSON_MAX
#define NOT_YET STS, ACCESS_SIGNED, PLACE_SHARD, NULL, NULL, NULL

/* The first row also stands for a form whose action is not known yet. */
const struct action sts_actions[] = {
    {"GetCallerIdentity", STS, ACCESS_FUNCTIONS, PLACE_SHARD, NULL, get_caller_identity, NULL},
    {"AssumeRole", NOT_YET},
    {"AssumeRoleWithSAML", NOT_YET},
    {"AssumeRoleWithWebIdentity", NOT_YET},
    {"AssumeRoot", NOT_YET},
    {"DecodeAuthorizationMessage", NOT_YET},
    {"GetAccessKeyInfo", NOT_YET},
    {"GetFederationToken", NOT_YET},
    {"GetSessionToken", NOT_YET},
    {0},
};
