# SPDX-License-Identifier: Apache-2.0
"""A Lambda Runtime API server for one instance, for tests without a daemon."""

import queue
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from ring_peer import ERROR, INIT_ERROR, READY, RESPONSE, Answer, Timeout

PREFIX = "/2018-06-01/runtime/"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:tested"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        peer = self.server.peer
        assert self.path == PREFIX + "invocation/next", self.path
        peer.gets += 1
        if peer.gets == 1:
            peer.answers.put(Answer(READY, 0, 0, 0, b"", ""))
        event = peer.events.get()
        if event is None:
            self.close_connection = True
            return
        headers, payload = event
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        if peer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.write_chunks(payload)
        else:
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

    def write_chunks(self, payload):
        for at in range(0, len(payload), 1000):
            part = payload[at : at + 1000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self):
        peer = self.server.peer
        headers = {name.lower(): value for name, value in self.headers.items()}
        body, trailers = self.read_body()
        path = self.path[len(PREFIX) :]
        kind = {"init/error": INIT_ERROR}.get(path)
        if kind is None:
            word, request_id, last = path.split("/")
            assert word == "invocation" and request_id == peer.current, self.path
            kind = {"response": RESPONSE, "error": ERROR}[last]
        error_type = headers.get("lambda-runtime-function-error-type", "")
        answer = Answer(kind, 0, 0, 0, body, error_type, headers=headers, trailers=trailers)
        data = b'{"status":"OK"}'
        self.send_response(202)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        peer.answers.put(answer)

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0))), {}
        body, trailers = b"", {}
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            assert self.rfile.readline() == b"\r\n"
            self.server.peer.chunks.put(time.monotonic())
        while line := self.rfile.readline().strip():
            name, value = line.decode().split(":", 1)
            trailers[name.lower()] = value.strip()
        return body, trailers


class ApiPeer:
    def __init__(self):
        self.events, self.answers, self.chunks = queue.Queue(), queue.Queue(), queue.Queue()
        self.gets = 0
        self.chunked = False
        self.current = None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.peer = self
        self.address = f"127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()

    def push(self, payload, request_id=None, deadline_ms=None, context=b"", trace=b"", headers=None):
        self.current = request_id or str(uuid.uuid4())
        all_headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.current,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms or int(time.time() * 1000) + 3000),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
        }
        if context:
            all_headers["Lambda-Runtime-Client-Context"] = context.decode()
        if trace:
            all_headers["Lambda-Runtime-Trace-Id"] = trace.decode()
        self.events.put(({**all_headers, **(headers or {})}, payload))

    def answer(self, timeout=20):
        try:
            return self.answers.get(timeout=timeout)
        except queue.Empty:
            raise Timeout("the instance has not answered") from None
