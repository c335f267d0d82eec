# SPDX-License-Identifier: Apache-2.0
"""Keeps a file and a number between its calls; can sleep past its timeout."""
import pathlib
import time

FILE = pathlib.Path("/tmp/kept")
number = 0


def handler(event, context):
    global number
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "write-file" in event:
        FILE.write_text(event["write-file"])
    if "set-number" in event:
        number = event["set-number"]
    if event.get("read-file"):
        return {"content": FILE.read_text()}
    if event.get("read-number"):
        return {"number": number}
    return None
