# SPDX-License-Identifier: Apache-2.0
"""Gives back what it gets."""
import json


def handler(event, context):
    print(json.dumps(event))
    return event
