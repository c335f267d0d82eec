# SPDX-License-Identifier: Apache-2.0
"""Fails always, on the line where the recorded one did."""


def handler(event, context):
    print(event)
    raise Exception("intentional failure")
