# SPDX-License-Identifier: Apache-2.0
"""Resident memory of the daemon with 1,000 deployed functions that have no instance."""
import re
import pathlib
import threading

import peers

COUNT = 1000
ECHO = peers.c_function('#include "evoke.h"\nstatic void handler(const char *e, size_t n, '
                        'struct evoke_context *c){evoke_respond_bytes(c, e, n);}\n'
                        'int main(void){return evoke_run(handler, NULL);}\n')


def resident_mb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def daemon_pid(daemon):
    """The daemon itself: taskset execs it, so it is the process that was started."""
    return daemon.process.pid


with peers.evoke("--idle-timeout", "1s") as daemon:
    client = daemon.boto("lambda")
    code = peers.make_zip({"bootstrap": (ECHO, 0o755)})
    for number in range(COUNT):
        client.create_function(FunctionName=f"f{number}", Runtime="provided.al2023", Handler="x",
                               Role="arn:aws:iam::000000000000:role/r", Code={"ZipFile": code})
    while b'evoke_instances{state="idle"} 0' not in (metrics := daemon.get("/metrics", "api")[2]) \
            or b'evoke_instances{state="frozen"} 0' not in metrics \
            or b'evoke_instances{state="starting"} 0' not in metrics:
        threading.Event().wait(0.2)
    peers.show_value(f"Daemon with {COUNT} idle functions", resident_mb(daemon_pid(daemon)), "MB", 50)
