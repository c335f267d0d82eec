# SPDX-License-Identifier: Apache-2.0
"""Fails when it is asked to, on the line where the recorded one did."""

# The stack trace of the recording tells line 55.
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#
#


def handler(event, context):
    if event.get("raise_error"):
        raise Exception("Test exception (this is intentional)")
    return event
