# SPDX-License-Identifier: Apache-2.0
"""A Python handler (parses the event, answers JSON) against nginx `return 200`."""
import peers

HANDLER = """import json
def handler(event, context):
    return {"statusCode": 200, "headers": {"content-type": "application/json"},
            "body": json.dumps({"path": event["rawPath"], "hello": "world"})}
"""

with peers.evoke() as daemon, peers.nginx('{"path": "/", "hello": "world"}') as nginx:
    daemon.create("python", {"main.py": HANDLER}, runtime="python3.11")
    url = daemon.gateway + daemon.open_url("python")
    assert b"world" in peers.ask(url)
    peers.compare("Python", url, nginx, 32, {"rate": 0.3})
