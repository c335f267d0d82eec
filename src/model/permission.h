/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/text.h"
#include "model/function.h"

/* Whether a function's resource policies let somebody use it: the statements that AddPermission
 * makes, each of which allows and none of which denies. The function's own count for all its
 * versions and aliases, those of a qualifier for that alone. */
struct permission_ask {
    struct text service;   /* "events.amazonaws.com"; TEXT_NONE: somebody without a name */
    struct text action;    /* "lambda:InvokeFunction" */
    struct text qualifier; /* it is asked for; TEXT_NONE: none */
    struct text source_arn, source_account; /* on whose behalf a service asks */
    struct text url_auth_type;              /* "NONE", "AWS_IAM": by the function's URL */
    struct text role, session; /* ARNs of who asks, or none: of a role and its session */
};
bool permission_lets(const struct function *function, const struct permission_ask *ask);
