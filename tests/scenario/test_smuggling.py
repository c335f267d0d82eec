# SPDX-License-Identifier: Apache-2.0
"""Request smuggling: no bytes that one server may read as one request and another as two
become two here; what is ambiguous is answered 400, and the connection is closed."""
import re
import socket
import urllib.parse

import pytest

ECHO = {"main.py": "def handler(event, context):\n    return event['rawPath']\n"}
CHUNKED = "Transfer-Encoding: chunked"
# Where the mutated byte stands: the families of defparam/smuggler, and underscores.
FAMILIES = [("Transfer-Encoding:", "chunked"), ("Transfer-Encoding", ": chunked"), ("", CHUNKED),
            (CHUNKED, ""), ("X: X", CHUNKED), (CHUNKED, "X: X"), ("X: X\r", CHUNKED),
            ("X: X", "\n" + CHUNKED), (CHUNKED + "\r", "X: X"), (CHUNKED, "\nX: X"),
            ("Transfer", "Encoding: chunked"), ("Transfer-", "Encoding: chunked")]
MUTATED = [before + chr(byte) + after for before, after in FAMILIES for byte in range(256)]
# Two headers, or one twice, that disagree or could.
HEADERS = [CHUNKED, CHUNKED.upper(), f"{CHUNKED}\r\n{CHUNKED}", f"{CHUNKED}\r\nTransfer-Encoding: x",
           f"Transfer-Encoding: x\r\n{CHUNKED}", "Transfer-Encoding: chunked, chunked",
           "Transfer-Encoding: identity, chunked", "Transfer-Encoding: chunked, identity",
           "Transfer-Encoding: ,chunked", "Transfer-Encoding: \"chunked\"", "Transfer-Encoding:",
           "Transfer-Encoding: chunked;q=1", "Transfer-Encoding:\r\n chunked", "Content-Length: 0",
           "Content-Length: 4", "Content-Length: +4", "Content-Length: 4, 4", "Content-Length: 0x4",
           "Content-Length: -1", "Content-Length: 4 4", "Content-Length:", "Content-Length: 1e1",
           "Content-Length: 18446744073709551620", "Content_Length: 4", "Content-Length : 4",
           " Content-Length: 4", "Host: other", "Content-Length\x00: 4"]
# A chunked body that hides a request, by readers of numbers that accept more than hex digits.
SIZES = ["0x5", "+5", "-5", "5_0", "5 ", " 5", "\t5", "5\t", "", ";5", "5;\n", "5\n", "5\r", "5 5",
         "5,5", "0x", "ffffffffffffffff5", "10000000000000005", "-0", "0_0", "0x0", "+0", "0 0",
         "5\x00", "5\x0b", "\u0665", "5;a=\"\r\n\"", "5;\r", "g", "5h", "5.0", "5;a\x00"]
PAIR = "GET {0}one HTTP/1.1\r\nHost: a\r\n\r\nGET {0}two HTTP/1.1\r\nHost: a\r\n\r\n"


class Target:
    """A port to attack: a request with a body, and one that must not appear."""

    def __init__(self, address, outer, path):
        parts = urllib.parse.urlsplit(address)
        self.at, self.outer, self.path = (parts.hostname, parts.port), outer, path
        self.served = 0  # requests that were answered 200
        self.is_function = path.startswith("/urls/")
        self.hidden = f"GET {path}smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        self.last = f"GET {path}last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    def answers(self, text):
        """Sends it and a last request, and returns [(status, body)] until the other side closes."""
        with socket.create_connection(self.at, timeout=20) as client:
            try:
                client.sendall((text + self.last).encode("latin-1"))
            except OSError:
                pass  # closed while we were still writing
            got = b""
            try:
                while piece := client.recv(65536):
                    got += piece
            except ConnectionResetError:
                pass
        found = []
        while got:
            head, _, rest = got.partition(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
            found.append((int(head[9:12]), rest[:length].decode()))
            self.served += found[-1][0] == 200
            got = rest[length:]
        return found

    def cl_te(self, header):
        body = "0\r\n\r\n" + self.hidden
        return f"POST {self.outer} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{header}\r\n\r\n{body}"

    def te_cl(self, header):
        size = f"{len(self.hidden):02x}"
        return (f"POST {self.outer} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(size) + 2}\r\n{header}"
                f"\r\n\r\n{size}\r\n{self.hidden}\r\n0\r\n\r\n")

    def sized(self, size):
        return (f"POST {self.outer} HTTP/1.1\r\nHost: a\r\n{CHUNKED}\r\n\r\n{size}\r\nabcde\r\n0\r\n\r\n"
                .replace("\u0665", "\xd9\xa5"))


@pytest.fixture(scope="module", params=["gateway", "api"])
def target(daemon, request):
    if request.param == "api":
        return Target(daemon.api, "/2015-03-31/functions", "/healthz?")
    daemon.create("echo", ECHO)
    path = daemon.open_url("echo")
    return Target(daemon.gateway, path + "outer", path)


def check_refused(target, text):
    answers = target.answers(text)
    assert [status for status, _ in answers] == [400], (text, answers)


def is_other_header(header):
    """Whether RFC 9110 leaves no doubt that this is some other header, or several."""
    return all(re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t\x21-\x7e\x80-\xff]*", line) and
               line.split(":")[0].lower().replace("_", "-") != "transfer-encoding" for line in header.split("\r\n"))


def test_no_mutated_transfer_encoding_hides_a_request(daemon, target):
    refused = passed = 0
    for header in MUTATED:
        if "\r\n\r\n" in header + "\r\n" or header.startswith("\r\n"):
            continue  # ends the head: what follows is a body by any reading
        answers = target.answers(target.cl_te(header))
        assert len([a for a in answers if "smuggled" in a[1]]) == 0 and len(answers) <= 2, header
        if is_other_header(header):
            assert answers[0][0] != 400, (header, answers)
            passed += 1
            continue
        assert [status for status, _ in answers] == [400], (header, answers)
        check_refused(target, target.te_cl(header))
        refused += 2
    assert refused + passed > 3500 and refused > 3 * passed, (refused, passed)
    if target.is_function:  # and none ran unseen
        text = daemon.get("/metrics", which="api")[2].decode()
        counts = re.findall(r"^evoke_invocations_total.* (\d+)$", text, re.M)
        assert sum(map(int, counts)) == target.served


def test_disagreeing_headers_and_odd_sizes_are_refused(target):
    for header in HEADERS:
        check_refused(target, target.cl_te(header))
    for size in SIZES:
        answers = [status for status, _ in target.answers(target.sized(size))]
        assert answers in ([400], [403]), (size, answers)  # 403: refused before the body


def test_honest_pairs_are_two_requests(target):
    """The control: pipelining works, so that a hidden request would have been seen."""
    for first in ("", f"POST {target.path} HTTP/1.1\r\nHost: a\r\n{CHUNKED}\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"):
        statuses = [status for status, _ in target.answers(first + PAIR.format(target.path))]
        assert len(statuses) == (4 if first else 3) and set(statuses[-3:]) == {200}
    for end in ("\n\n", "\r\n \r\n\r\n", "\r\nHost: b\r\n\r\n", "\r\r\n\r\n"):
        bad = PAIR.format(target.path)[:-4] + end
        assert [status for status, _ in target.answers(bad)] == [200, 400], end
