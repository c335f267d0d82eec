# SPDX-License-Identifier: Apache-2.0
"""A client of the Lambda Runtime API. Imported only when it is needed: http.client is slow
to load, and on the ring most functions never do."""

import http.client
import sys

PREFIX = "/2018-06-01/runtime/"


class Client:
    def __init__(self, address):
        self._connection = http.client.HTTPConnection(address)

    def next(self):
        """Waits for an event: its headers and its bytes."""
        response, body = self._call("GET", "invocation/next")
        if response.status != 200:
            sys.exit(f"evoke: the Runtime API answered {response.status}: {body[:200]!r}")
        return response.headers, body

    def post(self, path, body, content_type="application/json", error_type=None):
        if isinstance(body, str):
            body = body.encode()
        headers = {"Content-Type": content_type}
        if error_type:
            headers["Lambda-Runtime-Function-Error-Type"] = header_text(error_type)
        response, answer = self._call("POST", path, body, headers)
        # 413: the platform has told the caller that the answer was too large.
        if response.status // 100 != 2 and response.status != 413:
            sys.exit(f"evoke: the Runtime API answered {response.status}: {answer[:200]!r}")

    def _call(self, method, path, body=None, headers={}):
        """Once more when the server has closed the kept connection meanwhile."""
        was_open = self._connection.sock is not None
        try:
            return self._exchange(method, path, body, headers)
        except (ConnectionError, http.client.RemoteDisconnected):
            self._connection.close()
            if not was_open:
                raise
        return self._exchange(method, path, body, headers)

    def _exchange(self, method, path, body, headers):
        self._connection.request(method, PREFIX + path, body, headers)
        response = self._connection.getresponse()
        return response, response.read()


def header_text(text):
    return "".join(c if "!" <= c <= "~" else "_" for c in text)
