# SPDX-License-Identifier: Apache-2.0
"""Answers an HTTP event with its body, as JSON."""
import json


def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event.get("body"))}
