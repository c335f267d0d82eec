# SPDX-License-Identifier: Apache-2.0
"""What a function prints and logs.

On the ring, sys.stdout and sys.stderr write log frames, so that every line finds its
event. The logging module is set up as AWS's runtime does: one handler at the root, as text
or JSON by AWS_LAMBDA_LOG_FORMAT, at the level AWS_LAMBDA_LOG_LEVEL. A line break within one
message is written as a carriage return, as AWS's runtimes do: the log is read by lines.
"""

import io
import logging
import os
import sys
import time

import _evoke_json

request_id = None  # of the running event

JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"


class FrameStream(io.RawIOBase):
    """Bytes to the log pipe, through the ring's module."""

    def __init__(self, fd, ring):
        self._fd = fd
        self._write = ring.write
        self._flush = ring.flush

    def writable(self):
        return True

    def fileno(self):
        return self._fd

    def write(self, data):
        return self._write(self._fd, bytes(data))

    def flush(self):
        self._flush()


def capture(ring):
    if ring is None:
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        return
    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream = io.TextIOWrapper(
            FrameStream(fd, ring),
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            write_through=True,
        )
        setattr(sys, name, stream)


# --- logging ---


class JsonFormatter(logging.Formatter):
    # Attributes of every record; what is not among them came by extra={...}.
    KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id"}

    def __init__(self):
        super().__init__(datefmt=TIME_FORMAT + "Z")

    def format(self, record):
        exception = record.exc_info or (None, None, None)
        is_object = isinstance(record.msg, dict) and not record.args
        fields = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if is_object else record.getMessage(),
            "logger": record.name,
            "stackTrace": format_trace(exception[2]),
            "errorType": exception[0].__name__ if exception[0] else None,
            "errorMessage": str(exception[1]) if exception[0] else None,
            "requestId": record.aws_request_id or None,
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}"
            if exception[0]
            else None,
        }
        for name, value in vars(record).items():
            if name not in self.KNOWN and name not in fields:
                fields[name] = value
        return to_json({name: value for name, value in fields.items() if value is not None})


class TextFormatter(logging.Formatter):
    def __init__(self):
        super().__init__(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s",
            TIME_FORMAT,
        )

    def format(self, record):
        return super().format(record).rstrip("\n").replace("\n", "\r")


def to_json(fields):
    import json

    return json.dumps(fields, ensure_ascii=False, default=str)


def format_trace(trace):
    import traceback

    return traceback.format_tb(trace) if trace else None


class LambdaLoggerHandler(logging.Handler):
    def emit(self, record):
        try:
            sys.stdout.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def add_request_id(record):
    record.aws_request_id = request_id or ""
    return True


def set_up_logging():
    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler()
    handler.setFormatter(JsonFormatter() if JSON else TextFormatter())
    handler.addFilter(add_request_id)
    root = logging.getLogger()
    root.addHandler(handler)

    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(level, level)
    if isinstance(logging.getLevelName(level), int):
        root.setLevel(level)


# --- errors ---


def log_error(record):
    """An error of the function, as its caller gets it."""
    if JSON:
        now = time.strftime(TIME_FORMAT + "Z", time.gmtime())
        line = _evoke_json.dumps({"timestamp": now, "level": "ERROR", **record})
    else:
        line = "\r".join(error_lines(record)).replace("\n", "\r")
    sys.stdout.write(line + "\n")


def error_lines(record):
    head = ": ".join(part for part in (record["errorType"], record["errorMessage"]) if part)
    yield f"[ERROR] {head}"
    yield "Traceback (most recent call last):"
    for entry in record["stackTrace"]:
        for line in entry.splitlines():
            text = line.lstrip(" ")
            # No-break spaces: a log viewer trims others.
            yield "\u00a0" * (len(line) - len(text)) + text
