#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What inspecting a request costs at most: python3 bench/waf.py [--paranoia N] [--folder RULES] finds
the largest of each kind of request that the default limits accept, and measures it, in milliseconds
of a processor. None may take more than 20 ms (OVER at the end of a line says if one does)."""
import argparse
import base64
import json
import os
import pathlib
import subprocess
import urllib.parse

BUILD = pathlib.Path(os.environ.get("EVOKE_BUILD", "build"))
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
XML = "text/xml"
BUDGET_US = 20000
BYTES_MAX = 131072


def deep(n, width, key=20):
    """n levels down, width members at the end: each is inspected with the whole way to it."""
    return b'{"' + b'":{"'.join([b"k" * key] * n) + b'":[' + b",".join([b"1"] * width) + b"]" + b"}" * n


def multipart(n):
    part = b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nvalue\r\n'
    return b"".join(part % i for i in range(n)) + b"--b--\r\n"


def members(n):
    return json.dumps({f"key{i}": i for i in range(n)}).encode()


SHAPES = {
    "JSON, n members": (JSON, members),
    "text of JSON, n members": ("text/plain", members),
    "JSON, n words": (JSON, lambda n: json.dumps([f"a word {i}" for i in range(n)]).encode()),
    "JSON, n at depth 10": (JSON, lambda n: deep(10, n)),
    "JSON, n at depth 30": (JSON, lambda n: deep(30, n)),
    "form, n fields": (FORM, lambda n: "&".join(f"k{i}=v{i}" for i in range(n)).encode()),
    "multipart, n fields": ("multipart/form-data; boundary=b", multipart),
    "XML, n elements": (XML, lambda n: b"<a>" + b"<b c='d'>e</b>" * n + b"</a>"),
    "query, n arguments": (None, lambda n: "&".join(f"k{i}=v" for i in range(n))),
}
# What is said n times in one argument, and in a body that nothing takes apart.
SAID = ["lorem ip", "a", "漢字", "<", "&lt;", "&lt", "{", "(", "</**/", "</:", "<!--", "(\n", "é<", "\n", "\r\n",
        "\n ", "'", '"ab ', "'ab ", "=ab ", "=a", "|a", "a&", "%27", "%253c", "%5cx3c", "&#92;x3c", "\\x3c",
        "\\u003c", "\\74", "<\0", "../", "<a b='c'>", "union select ", "{$a: 1}, ",
        'if (a < b && c[i] != "d") {\n    return;\n}\n']
for word in SAID:
    SHAPES[f"JSON, n times {word!r}"] = JSON, lambda n, w=word: json.dumps({"a": w * n}).encode()
    SHAPES[f"form, n times {word!r}"] = FORM, lambda n, w=word: b"a=" + urllib.parse.quote(w * n, safe="").encode()
    SHAPES[f"XML, n times {word!r}"] = XML, lambda n, w=word: (
        b"<a>" + w.replace("&", "&amp;").replace("<", "&lt;").replace("\0", "").encode() * n + b"</a>")
    SHAPES[f"text, n times {word!r}"] = "text/plain", lambda n, w=word: w.encode() * n


class Player:
    def __init__(self, folder, settings):
        self.process = subprocess.Popen([BUILD / "tests/conformance/waf_play", folder, json.dumps(settings)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def play(self, kind, content):
        head = {"method": "POST" if kind else "GET", "path": "/", "version": "1.1",
                "headers": [["host", "localhost"], ["user-agent", "bench"], ["accept", "*/*"]]}
        if kind:
            head["headers"] += [["content-type", kind], ["content-length", str(len(content))]]
            head["body"] = base64.b64encode(content).decode()
        else:
            head["query"] = content
        self.process.stdin.write(json.dumps(head) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def is_accepted(player, shape, n):
    kind, make = SHAPES[shape]
    content = make(n)
    return len(content) <= BYTES_MAX and player.play(kind, content)["estimate"] <= BUDGET_US


def largest_accepted(player, shape):
    high = 1
    while is_accepted(player, shape, high) and high < 1 << 17:
        high *= 2
    low = high // 2
    while high - low > max(1, low // 50):
        middle = (low + high) // 2
        low, high = (middle, high) if is_accepted(player, shape, middle) else (low, middle)
    return low


def measure(player, shape, n, times=3):
    kind, make = SHAPES[shape]
    results = [player.play(kind, make(n)) for _ in range(times)]
    return min(r["us"] for r in results) / 1000, results[0]["estimate"] / 1000


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--paranoia", type=int, default=1)
    options.add_argument("--folder", default="/usr/share/modsecurity-crs")
    chosen = options.parse_args()
    player = Player(chosen.folder, {"mode": "detect", "paranoia": chosen.paranoia,
                                    "limits": {"arguments": 100000}})
    worst = (0, "")
    for shape in SHAPES:
        n = largest_accepted(player, shape)
        ms, estimate = measure(player, shape, n)
        worst = max(worst, (ms, shape))
        print(f"{shape:40} accepted up to n {n:6}  {ms:6.1f} ms  estimated {estimate:6.1f}"
              f"{'  OVER' if ms * 1000 > BUDGET_US else ''}", flush=True)
    print(f"paranoia {chosen.paranoia}: worst accepted {worst[0]:.1f} ms ({worst[1]})")


if __name__ == "__main__":
    main()
