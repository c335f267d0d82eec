# SPDX-License-Identifier: Apache-2.0
"""The shard's side of the ring (src/runtime/ring_layout.h), for tests without a daemon."""

import mmap
import os
import select
import struct
import time
import uuid
from dataclasses import dataclass, field

SLOTS = 128
DATA_BYTES = 256 << 10
RECORD_MAX = 64 << 10
BY_API = 1
READY, INIT_ERROR, RESPONSE, ERROR, ANSWERED_BY_API = 1, 2, 3, 4, 5
CLAIM_READY, CLAIM_TAKEN, CLAIM_REVOKED = 1, 2, 3

LOG_MAGIC = 0xF5EE4C01
LOG_HEAD = struct.Struct("=IIQ")
LOG_TEXT_MAX = 4096 - LOG_HEAD.size

EVENT = struct.Struct("=IIQqIIII36s52x")
ANSWER = struct.Struct("=IIQqqIII20x")
HEAD, TAIL, WAITING = 0, 64, 128
IN, OUT = 64, 64 + 192
EVENTS = OUT + 192
ANSWERS = EVENTS + SLOTS * 128
EVENT_DATA = ANSWERS + SLOTS * 64
ANSWER_DATA = EVENT_DATA + DATA_BYTES
RING_BYTES = ANSWER_DATA + DATA_BYTES

assert EVENT.size == 128 and ANSWER.size == 64


@dataclass
class Answer:
    kind: int
    sequence: int
    began_us: int
    ended_us: int
    payload: bytes
    type: str
    offset: int = 0
    headers: dict = field(default_factory=dict)
    trailers: dict = field(default_factory=dict)


class Timeout(Exception):
    pass


class RingPeer:
    def __init__(self):
        self.memory_fd = os.memfd_create("ring")
        os.ftruncate(self.memory_fd, RING_BYTES)
        self.wake_out_fd, self.wake_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.reply_fd, self.reply_in_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.memory = mmap.mmap(self.memory_fd, RING_BYTES)
        self._put(0, 1)
        self._put(OUT + WAITING, 1)
        self.sequence = self.event_head = self.data_head = self.answer_tail = 0

    def close(self):
        self.memory.close()
        for fd in (self.memory_fd, self.wake_out_fd, self.wake_fd, self.reply_fd, self.reply_in_fd):
            os.close(fd)

    def descriptors(self):
        """In the order of the instance's 3, 4 and 5."""
        return self.memory_fd, self.wake_out_fd, self.reply_in_fd

    def _get(self, at):
        return struct.unpack_from("=I", self.memory, at)[0]

    def _put(self, at, value):
        struct.pack_into("=I", self.memory, at, value)

    @property
    def attached(self):
        return self._get(4) == 1

    @property
    def instance_waits(self):
        return self._get(IN + WAITING) == 1

    @property
    def event_tail(self):
        return self._get(IN + TAIL)

    def claim_of(self, sequence):
        return self._get(EVENTS + (sequence - 1) % SLOTS * 128)

    def place(self, payload, request_id=None, deadline_ms=None, context=b"", trace=b"", flags=0,
              claim=CLAIM_READY):
        """Writes an event without publishing it; returns its sequence."""
        record = b"" if flags & BY_API else payload + context + trace
        lengths = (0, 0, 0) if flags & BY_API else (len(payload), len(context), len(trace))
        assert len(record) <= RECORD_MAX
        if self.data_head + len(record) > DATA_BYTES:
            self.data_head = 0
        self.sequence += 1
        at = EVENT_DATA + self.data_head
        self.memory[at : at + len(record)] = record
        EVENT.pack_into(
            self.memory, EVENTS + self.event_head % SLOTS * 128, claim, flags, self.sequence,
            deadline_ms or int(time.time() * 1000) + 3000, self.data_head, *lengths,
            (request_id or str(uuid.uuid4())).encode(),
        )
        self.data_head += len(record)
        self.event_head += 1
        return self.sequence

    def publish(self):
        self._put(IN + HEAD, self.event_head)
        if self._get(IN + WAITING) == 1:
            self._put(IN + WAITING, 0)
            os.write(self.wake_fd, struct.pack("=Q", 1))

    def push(self, payload, **more):
        sequence = self.place(payload, **more)
        self.publish()
        return sequence

    def _wait(self, timeout):
        """For the instance to wake us, by the rules: armed, then looked again."""
        self._put(OUT + WAITING, 1)
        if self._get(OUT + HEAD) != self.answer_tail:
            self._put(OUT + WAITING, 0)
            return
        if not select.select([self.reply_fd], [], [], timeout)[0]:
            raise Timeout("the instance has not answered")
        self.times_woken()

    def sleep(self):
        """Nothing is unread: the next answer is to wake us."""
        self._put(OUT + WAITING, 1)
        self.times_woken()

    def times_woken(self):
        try:
            return len(os.read(self.reply_fd, 4096)) // 8
        except BlockingIOError:
            return 0

    def peek(self, timeout=20):
        """The next answer, left in the ring."""
        end = time.monotonic() + timeout
        while self._get(OUT + HEAD) == self.answer_tail:
            self._wait(max(end - time.monotonic(), 0))
        slot = ANSWERS + self.answer_tail % SLOTS * 64
        kind, _, sequence, began, ended, offset, size, type_size = ANSWER.unpack_from(
            self.memory, slot
        )
        assert size + type_size <= RECORD_MAX and offset + size + type_size <= DATA_BYTES
        at = ANSWER_DATA + offset
        record = bytes(self.memory[at : at + size + type_size])
        return Answer(kind, sequence, began, ended, record[:size], record[size:].decode(), offset)

    def answer(self, timeout=20):
        answer = self.peek(timeout)
        self.answer_tail += 1
        self._put(OUT + TAIL, self.answer_tail)
        return answer

    @property
    def answers_ready(self):
        return self._get(OUT + HEAD) - self.answer_tail


def parse_log(data):
    """What came through the log pipe: (sequence, text), None for text without a frame."""
    magic = struct.pack("=I", LOG_MAGIC)
    found = []
    while data:
        if data.startswith(magic) and len(data) >= LOG_HEAD.size:
            _, size, sequence = LOG_HEAD.unpack_from(data)
            assert size <= LOG_TEXT_MAX, "a frame is larger than a pipe keeps together"
            found.append((sequence, data[LOG_HEAD.size : LOG_HEAD.size + size].decode()))
            data = data[LOG_HEAD.size + size :]
        else:
            end = data.find(magic)
            end = len(data) if end < 0 else end
            found.append((None, data[:end].decode()))
            data = data[end:]
    return found
