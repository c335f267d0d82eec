# SPDX-License-Identifier: Apache-2.0
"""Crashes its process while it is loaded."""
import ctypes

ctypes.string_at(0)


def handler(event, context):
    pass
