/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

/* PutRuntimeManagementConfig, GetRuntimeManagementConfig: when a function gets a new build of its
 * runtime. Here that is the interpreter as it is installed, so that there is one mode. */

static void reply_mode(struct call *call)
{
    struct target target;
    const struct function *function;
    struct writer writer = call_writer(call);

    const struct version *version = lambda_target_version(call, &target, &function);
    if (!version)
        return;
    write_open(&writer, NULL, '{');
    write_string(&writer, "UpdateRuntimeOn", "Auto");
    write_string(&writer, "FunctionArn",
                 lambda_arn(call, text_of(function->name), text_of(version->number)));
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void put_mode(struct call *call)
{
    if (text_equal(call_input(call, "UpdateRuntimeOn"), TEXT("Auto")))
        reply_mode(call);
    else
        call_fail(call, "InvalidParameterValueException",
                  "Functions run the interpreter that is installed, whatever its build: "
                  "UpdateRuntimeOn can only be Auto.");
}

static const struct param put_params[] = {
    {PARAM_ALSO, .members = lambda_name_params},
    {PARAM_BODY, PARAM_STRING, "UpdateRuntimeOn", "updateRuntimeOn", .required = true,
     .values = "Auto, Manual, FunctionUpdate"},
    {0},
};

#define PATH_MODE "/2021-07-20/functions/{FunctionName}/runtime-management-config"

const struct action lambda_runtime_actions[] = {
    {"PutRuntimeManagementConfig", LAMBDA, METHOD_PUT, PATH_MODE, BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, put_params, put_mode, NULL},
    {"GetRuntimeManagementConfig", LAMBDA, METHOD_GET, PATH_MODE, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, lambda_name_params, reply_mode, NULL},
    {0},
};
