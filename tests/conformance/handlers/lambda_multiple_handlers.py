# SPDX-License-Identifier: Apache-2.0
"""Two handlers; each says which one it is."""


def handler(event, context):
    return {"handler": "handler"}


def handler_two(event, context):
    return {"handler": "handler_two"}
