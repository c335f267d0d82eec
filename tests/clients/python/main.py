# SPDX-License-Identifier: Apache-2.0
import os

if os.environ.get("FAIL_INIT"):
    raise TypeError(os.environ["FAIL_INIT"])


class HandlerError(Exception):
    pass


calls = 0


def handler(event, context):
    global calls
    calls += 1
    do = event["do"]
    if do == "echo":
        return event["value"]
    if do == "raise":
        raise HandlerError(event["message"])
    if do == "count":
        return {"calls": calls, "pid": os.getpid(), "id": context.aws_request_id,
                "arn": context.invoked_function_arn,
                "left": context.get_remaining_time_in_millis()}
    if do == "print":
        print(event["text"])
    return None
