#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bootstrap that speaks raw HTTP to the Runtime API, or writes the ring by hand, and breaks
the rules as its event (or the variable INIT) says. The answers it gets are kept, and told by
the event {"do": "report"}. Events {"do": "ok"} are answered as they should be."""
import http.client
import json
import mmap
import os
import struct
import threading
import time

API = "/2018-06-01/runtime/"
SEEN = []  # [what, status] of each call that broke a rule
CONNECTION = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def call(method, path, body=None, connection=CONNECTION, **headers):
    connection.request(method, API + path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def answer(request_id, value):
    return call("POST", f"invocation/{request_id}/response", json.dumps(value))[0]


def seen(what, status):
    SEEN.append([what, status])


# --- breaking the Runtime API's rules while an event is open ---

def early(_id):
    seen("answer to an event of the future", answer("00000000-0000-4000-8000-000000000000", "x"))


def unknown(_id):
    for path in ("x", "..", "%2e%2e", "a" * 3000, "", "*", _id[:-1], _id + "0", _id.upper() + "x",
                 "11111111-2222-4333-8444-555555555555"):
        seen(f"answer to {path[:40]!r}", answer(path, "stolen"))
        seen(f"error for {path[:40]!r}", call("POST", f"invocation/{path}/error", "{}")[0])


def init_late(_id):
    seen("init/error", call("POST", "init/error", '{"errorType":"Late"}')[0])


def next_twice(_id):
    seen("next", call("GET", "invocation/next")[0])
    other = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    seen("next elsewhere", call("GET", "invocation/next", connection=other)[0])


def methods(_id):
    for method, path in (("GET", f"invocation/{_id}/response"), ("PUT", f"invocation/{_id}/response"),
                         ("POST", "invocation/next"), ("DELETE", f"invocation/{_id}"),
                         ("GET", "init/error"), ("GET", "../../metrics"), ("GET", "restore/next")):
        seen(f"{method} {path[-20:]}", call(method, path)[0])


def half(_id):
    """Answers by halves: a body that breaks off, many times."""
    for _ in range(20):
        other = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        other.putrequest("POST", f"{API}invocation/{_id}/response")
        other.putheader("Content-Length", "100")
        other.endheaders(b"half")
        other.close()


def other_functions(_id, target):
    seen("answer to another function's event", answer(target, "stolen"))


DURING = {"early": early, "unknown": unknown, "init_late": init_late, "next_twice": next_twice,
          "methods": methods, "half": half}


# --- the ring ---

IN, OUT, EVENTS, ANSWERS, DATA = 64, 256, 448, 16832, 25024
BYTES = DATA + 2 * (256 << 10)
READY, INIT_ERROR, RESPONSE = 1, 2, 3


class Ring:
    def __init__(self):
        self.at = mmap.mmap(3, BYTES)
        self.sent = self.read = 0
        os.set_blocking(4, True)

    def get(self, at):
        return struct.unpack_from("=I", self.at, at)[0]

    def put(self, at, *values):
        struct.pack_into(f"={len(values)}I", self.at, at, *values)

    def kick(self):
        os.write(5, struct.pack("=Q", 1))

    def send(self, kind, sequence=0, payload=b"", offset=0, length=None, type_len=0):
        at = DATA + (256 << 10) + offset
        if at + len(payload) <= BYTES:
            self.at[at:at + len(payload)] = payload
        struct.pack_into("=IIQqqIII", self.at, ANSWERS + self.sent % 128 * 64, kind, 0, sequence, 0, 0,
                         offset, len(payload) if length is None else length, type_len)
        self.sent += 1
        self.put(OUT, self.sent)
        self.kick()

    def event(self):
        """(sequence, slot, what) of the next event, claimed."""
        while self.get(IN) == self.read:
            self.put(IN + 128, 1)
            if self.get(IN) == self.read:
                os.read(4, 8)
        slot = EVENTS + self.read % 128 * 128
        _, _, sequence, _, offset, length = struct.unpack_from("=IIQqII", self.at, slot)
        self.put(slot, 2)
        self.read += 1
        self.put(IN + 64, self.read)
        return sequence, slot, json.loads(self.at[DATA + offset:DATA + offset + length])


def noise(ring, sequence, slot):
    for at in range(0, BYTES, 4096):
        part = os.urandom(min(4096, BYTES - at))
        ring.at[at:at + len(part)] = part
        ring.kick()


def flood(ring, *answer_of):
    while True:
        if (ring.sent - ring.get(OUT + 64)) % (1 << 32) < 100:
            ring.send(*answer_of)


def block_reply(ring, sequence, slot):
    """Whoever shares the descriptor's flags now blocks where it read without."""
    os.set_blocking(5, True)
    while True:
        ring.kick()
        try:
            os.read(5, 8)
        except OSError:
            pass


def fill_wake(ring, sequence, slot):
    """A wake-up that never finds room."""
    def fill():
        while True:
            try:
                os.write(4, struct.pack("=Q", 0xfffffffffffffffe))
            except OSError:
                time.sleep(1)  # the end of a pipe that only reads

    threading.Thread(target=fill, daemon=True).start()
    ring.send(RESPONSE, sequence, b'"next please"')
    ring.put(IN + 128, 1)
    time.sleep(60)


def unclaim_and(end):
    def run(ring, sequence, slot):
        while True:
            ring.put(slot, 1)
            end()
    return run


def resize(ring, sequence, slot):
    for what in (lambda: os.ftruncate(3, 0), lambda: os.ftruncate(3, 1 << 30),
                 lambda: os.posix_fallocate(3, 0, BYTES + 4096)):
        try:
            what()
            os._exit(9)
        except OSError:
            pass
    ring.send(RESPONSE, sequence, b'"the size stays"')


SCRIBBLES = {
    "noise": noise,
    "answer-counter": lambda r, s, _: (r.put(OUT, 0x7fffffff), r.kick()),
    "answer-counter-129": lambda r, s, _: (r.put(OUT, r.sent + 129), r.kick()),
    "event-counter": lambda r, s, _: (r.put(IN + 64, r.read + 1), r.send(RESPONSE, s + 1, b"1")),
    "offset": lambda r, s, _: r.send(RESPONSE, s, b"1", offset=0xffffff00),
    "length": lambda r, s, _: r.send(RESPONSE, s, length=0xffffffff),
    "length-and-offset": lambda r, s, _: r.send(RESPONSE, s, offset=(256 << 10) - 1, length=2),
    "type-length": lambda r, s, _: r.send(4, s, b"x", type_len=0xffffffff),
    "wrapping-lengths": lambda r, s, _: r.send(4, s, b"x", offset=1, length=0xffffffff, type_len=1),
    "kind-0": lambda r, s, _: r.send(0, s), "kind-99": lambda r, s, _: r.send(99, s),
    "by-api-without": lambda r, s, _: r.send(5, s),
    "sequence-next": lambda r, s, _: r.send(RESPONSE, s + 1, b"1"),
    "sequence-0": lambda r, s, _: r.send(RESPONSE, 0, b"1"),
    "sequence-huge": lambda r, s, _: r.send(RESPONSE, (1 << 64) - 1, b"1"),
    "answer-twice": lambda r, s, _: (r.send(RESPONSE, s, b"1"), r.send(RESPONSE, s, b"2")),
    "ready-flood": lambda r, s, _: flood(r, READY),
    "init-error-flood": lambda r, s, _: flood(r, INIT_ERROR, 0, b"x" * 60000),
    "block-reply": block_reply, "fill-wake": fill_wake,
    "unclaim-and-run": unclaim_and(lambda: None),
    "unclaim-and-exit": unclaim_and(lambda: os._exit(7)),
    "resize": resize,
}


def serve_ring():
    ring = Ring()
    ring.put(4, 1)
    ring.kick()
    ring.send(READY)
    while True:
        sequence, slot, event = ring.event()
        if event["do"] in SCRIBBLES:
            SCRIBBLES[event["do"]](ring, sequence, slot)
            if event["do"] not in ("answer-twice", "resize"):
                time.sleep(60)
        else:
            ring.send(RESPONSE, sequence, b'"ok"')


def serve_api():
    while True:
        _, body, headers = call("GET", "invocation/next")
        request_id, event = headers["Lambda-Runtime-Aws-Request-Id"], json.loads(body)
        do = event["do"]
        if do == "report":
            answer(request_id, SEEN)
            SEEN.clear()
        elif do == "id":
            answer(request_id, request_id)
            seen("the answer again", answer(request_id, "second"))
            seen("an error after the answer", call("POST", f"invocation/{request_id}/error", "{}")[0])
        elif do == "steal":
            other_functions(request_id, event["id"])
            answer(request_id, "ok")
        elif do == "attach-late":
            ring = Ring()
            ring.put(4, 1)
            ring.kick()
            ring.send(RESPONSE, 1, b'"by the ring"')
            answer(request_id, "ok")
        else:
            DURING.get(do, lambda _id: None)(request_id)
            answer(request_id, "ok")


INIT = os.environ.get("INIT", "")
if INIT == "answer-first":
    seen("answer before the first event", answer("00000000-0000-4000-8000-000000000000", "x"))
elif INIT == "error-then-next":
    seen("init/error", call("POST", "init/error", '{"errorType":"Own"}')[0])
serve_ring() if INIT == "ring" else serve_api()
