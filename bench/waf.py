#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What inspecting a request costs, by kind and size of body, beside the estimate by which the
gateway refuses: python3 bench/waf.py [--paranoia N] [--folder RULES]. Of every shape the largest
that the default limits accept must stay within 20 ms (OVER at the end of a line says if not)."""
import argparse
import base64
import json
import os
import pathlib
import subprocess

BUILD = pathlib.Path(os.environ.get("EVOKE_BUILD", "build"))
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def deep(n, width, key=20):
    """n levels down, width members at the end: each is inspected with the whole way to it."""
    return b'{"' + b'":{"'.join([b"k" * key] * n) + b'":[' + b",".join([b"1"] * width) + b"]" + b"}" * n


def multipart(n):
    part = b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nvalue\r\n'
    return b"".join(part % i for i in range(n)) + b"--b--\r\n"


SHAPES = {
    "JSON, n members": (JSON, lambda n: json.dumps({f"key{i}": i for i in range(n)}).encode()),
    "JSON, n words": (JSON, lambda n: json.dumps([f"a word {i}" for i in range(n)]).encode()),
    "JSON, a string of 100 n": (JSON, lambda n: json.dumps({"a": "lorem ip" * (n * 100 // 8)}).encode()),
    "JSON, n at depth 10": (JSON, lambda n: deep(10, n)),
    "JSON, n at depth 30": (JSON, lambda n: deep(30, n)),
    "form, n fields": (FORM, lambda n: "&".join(f"k{i}=v{i}" for i in range(n)).encode()),
    "form, a field of 100 n": (FORM, lambda n: b"a=" + b"lorem+ip" * (n * 100 // 8)),
    "form, quotes of 100 n": (FORM, lambda n: b"a=" + b"%27" * (n * 100 // 3)),
    "form, n times <": (FORM, lambda n: b"a=" + b"%3c" * n),
    "form, n times &lt;": (FORM, lambda n: b"a=" + b"%26lt%3b" * n),
    "form, n times {": (FORM, lambda n: b"a=" + b"%7b" * n),
    "form, n times a newline": (FORM, lambda n: b"a=" + b"%0a" * n),
    "form, 10 n times a=": (FORM, lambda n: b"a=" + b"a%3d" * (n * 10)),
    "JSON, n times <": (JSON, lambda n: json.dumps({"a": "<" * n}).encode()),
    "JSON, n times \\u003c": (JSON, lambda n: b'{"a":"' + b"\\u003c" * n + b'"}'),
    "multipart, n fields": ("multipart/form-data; boundary=b", multipart),
    "XML, n elements": ("text/xml", lambda n: b"<a>" + b"<b c='d'>e</b>" * n + b"</a>"),
    "text, 100 n": ("text/plain", lambda n: b"lorem ip" * (n * 100 // 8)),
    "query, n arguments": (None, lambda n: "&".join(f"k{i}=v" for i in range(n))),
}


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
    worst = 0
    for shape in SHAPES:
        for n in (0, 10, 30, 100, 200, 300, 400, 1000):
            ms, estimate = measure(player, shape, n)
            accepted = estimate <= 20
            worst = max(worst, ms if accepted else 0)
            print(f"{shape:26} n {n:5}  {ms:8.1f} ms  estimated {estimate:8.1f}"
                  f"{'  REFUSED' if not accepted else '  OVER' if ms > 20 else ''}", flush=True)
            if estimate > 60:
                break
    print(f"worst accepted: {worst:.1f} ms at paranoia {chosen.paranoia}")


if __name__ == "__main__":
    main()
