# SPDX-License-Identifier: Apache-2.0
"""Gives back what it gets."""


def handler(event, context):
    print(event)
    return event
