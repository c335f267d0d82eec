# SPDX-License-Identifier: Apache-2.0
"""Events and answers as JSON.

Like AWS's runtime: text is written as it is, NaN and infinities are allowed, and a Decimal
is written with its own digits.
"""

import json

_scan = json.JSONDecoder().scan_once


def loads(text):
    """Spares the events that daemons write, without blanks around them, what json.loads
    does for others."""
    if type(text) is str:
        try:
            value, end = _scan(text, 0)
            if end == len(text):
                return value
        except StopIteration:
            pass
    return json.loads(text)


class _Decimals:
    """The encoder of the standard library takes no raw digits: each Decimal goes through
    it as a text that nobody else can know, and is replaced afterwards."""

    def __init__(self):
        import os

        self.mark = "decimal-" + os.urandom(16).hex() + ":"
        self.seen = False

    def default(self, value):
        import decimal

        if not isinstance(value, decimal.Decimal):
            raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
        if value.is_nan():
            return float("nan")
        self.seen = True
        return f"{self.mark}{value}"

    def restore(self, text):
        import re

        self.seen = False
        return re.sub(f'"{self.mark}([^"]*)"', r"\1", text)


_decimals = None


def _default(value):
    global _decimals
    if _decimals is None:
        _decimals = _Decimals()
    return _decimals.default(value)


_encode = json.JSONEncoder(ensure_ascii=False, default=_default).encode


def dumps(value):
    text = _encode(value)
    if _decimals is not None and _decimals.seen:
        text = _decimals.restore(text)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            # Half of a surrogate pair has no UTF-8, but an escape. All of what is not ASCII
            # stands within texts.
            text = "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)
    return text
