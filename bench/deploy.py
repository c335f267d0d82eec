# SPDX-License-Identifier: Apache-2.0
"""A 1 MB ZIP from CreateFunction to its first answer over its URL."""
import os
import statistics
import time

import peers

FILLER = {"filler.bin": os.urandom(1 << 20)}
C_SOURCE = ('#include "evoke.h"\nstatic void handler(const char *e, size_t n, struct evoke_context *c)'
            '{evoke_respond(c, "1");}\nint main(void){return evoke_run(handler, NULL);}\n')
KINDS = {
    "C": ({"bootstrap": (peers.c_function(C_SOURCE), 0o755)}, "provided.al2023", "bootstrap", 150),
    "Node.js": ({"index.js": "exports.handler = async () => 1"}, "nodejs20.x", "index.handler", 300),
    "Python": ({"main.py": "def handler(e, c): return 1"}, "python3.11", "main.handler", 300),
}

with peers.evoke() as daemon:
    client = daemon.boto("lambda")
    for name, (files, runtime, handler, goal) in KINDS.items():
        times = []
        for number in range(peers.ROUNDS * 2 + 1):
            function = f"{name.lower().replace('.', '')}{number}"
            code = peers.make_zip({**files, "filler.bin": os.urandom(1 << 20)})
            began = time.monotonic()
            client.create_function(FunctionName=function, Runtime=runtime, Handler=handler,
                                   Role="arn:aws:iam::000000000000:role/r", Code={"ZipFile": code})
            while True:
                try:
                    client.invoke(FunctionName=function, Payload="{}")["Payload"].read()
                    break
                except (client.exceptions.ResourceConflictException,
                        client.exceptions.ResourceNotFoundException):
                    pass  # Pending: asked again at once
            times.append((time.monotonic() - began) * 1000)
        peers.show_value(f"{name}: 1 MB ZIP to first answer, median", statistics.median(times[1:]),
                         "ms", goal)
