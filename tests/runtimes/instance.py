# SPDX-License-Identifier: Apache-2.0
"""An instance of a function under test: its process, and the peer that plays the shard."""

import json
import os
import pathlib
import subprocess
import threading

from api_peer import ARN, ApiPeer
from ring_peer import ANSWERED_BY_API, ERROR, INIT_ERROR, READY, RESPONSE, RingPeer, parse_log

ROOT = pathlib.Path(__file__).resolve().parents[2]


def find_runtimes():
    """$EVOKE_BUILD, else the build folder that was built last."""
    chosen = os.environ.get("EVOKE_BUILD")
    folders = [pathlib.Path(chosen)] if chosen else [ROOT / "build", *ROOT.glob("build*")]
    built = [f / "runtimes" for f in folders if (f / "runtimes/c/libevoke.a").exists()]
    return max(built, key=lambda f: (f / "c/libevoke.a").stat().st_mtime, default=None)


RUNTIMES = find_runtimes()


class Instance:
    """transport: "ring" or "api". With the ring a Runtime API is there as well."""

    def __init__(self, command, folder, transport="ring", handler="", env=None):
        self.api = ApiPeer()
        self.ring = RingPeer() if transport == "ring" else None
        self.peer = self.ring or self.api
        reader, writer = os.pipe()
        environment = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(folder),
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "tested",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/tested",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2024/01/01/[$LATEST]0123",
            "_EVOKE_FUNCTION_ARN": ARN,
            **({"_EVOKE_RING": "1"} if self.ring else {}),
            **(env or {}),
        }
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=writer,
            stderr=writer, close_fds=False, preexec_fn=self._descriptors,
        )
        os.close(writer)
        self._log, self._more_log = b"", threading.Condition()
        self._log_thread = threading.Thread(target=self._read_log, args=(reader,), daemon=True)
        self._log_thread.start()
        self.first = None

    def _descriptors(self):
        """In the child: 3, 4 and 5 as the ring has them, and nothing else."""
        if self.ring:
            copies = [os.dup2(fd, 200 + i) for i, fd in enumerate(self.ring.descriptors())]
            for i, fd in enumerate(copies):
                os.dup2(fd, 3 + i)
        os.closerange(6 if self.ring else 3, 256)

    def _read_log(self, fd):
        with os.fdopen(fd, "rb", 0) as pipe:
            while data := pipe.read(65536):
                with self._more_log:
                    self._log += data
                    self._more_log.notify_all()

    def start(self):
        """Waits until it is ready, or has said why not."""
        self.first = self.peer.answer()
        return self

    def send(self, event=None, **more):
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.peer.push(payload, **more)

    def invoke(self, event=None, **more):
        """The answer to an event."""
        self.send(event, **more)
        answer = self.peer.answer()
        if self.ring:
            assert answer.sequence == self.ring.sequence
        return answer

    def result(self, event=None, **more):
        answer = self.invoke(event, **more)
        assert answer.kind == RESPONSE, answer
        return json.loads(answer.payload)

    def error(self, event=None, **more):
        answer = self.invoke(event, **more)
        assert answer.kind == ERROR, answer
        record = json.loads(answer.payload)
        assert answer.type == record["errorType"]
        return record

    def init_error(self):
        assert self.first.kind == INIT_ERROR, self.first
        record = json.loads(self.first.payload)
        assert self.first.type == record["errorType"]
        return record

    def exit(self, timeout=20):
        """Its exit status, once it has ended by itself."""
        status = self.process.wait(timeout)
        self._log_thread.join(timeout)
        return status

    def wait_for_log(self, text, timeout=20):
        """Until it has printed text, while it runs on."""
        with self._more_log:
            assert self._more_log.wait_for(lambda: text.encode() in self._log, timeout), self._log

    def log(self):
        """Ends it; what it printed, as (sequence, text)."""
        self.process.kill()
        self.process.wait()
        self._log_thread.join(20)
        return parse_log(self._log)

    def text(self):
        """What it printed, without frames."""
        return "".join(text for _, text in self.log())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.api.close()
        if self.ring:
            self.ring.close()


def is_ready(instance):
    return instance.first.kind == READY


STREAM_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


def stream_answer(function, event=None):
    """The answer that came to the Runtime API, whichever way the event went."""
    function.api.current = STREAM_ID
    function.send(event, request_id=STREAM_ID)
    if function.ring:
        closing = function.ring.answer()
        assert closing.kind == ANSWERED_BY_API, closing
    return function.api.answer()
