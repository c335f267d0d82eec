# SPDX-License-Identifier: Apache-2.0
"""Waits as many seconds as the event says."""
import time


def handler(event, context):
    print("starting wait")
    time.sleep(event["wait"])
    print("done waiting")
