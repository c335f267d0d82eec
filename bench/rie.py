# SPDX-License-Identifier: Apache-2.0
"""The same Go bootstrap under AWS's runtime interface emulator and under Evoke, one
connection. Skipped, and said, where Go or its module proxy cannot be reached."""
import pathlib
import shutil
import subprocess
import tempfile

import peers

MAIN = """package main

import (
    "context"
    "encoding/json"
    "github.com/aws/aws-lambda-go/lambda"
)

func main() {
    lambda.Start(func(ctx context.Context, event json.RawMessage) (json.RawMessage, error) { return event, nil })
}
"""
POST = 'wrk.method = "POST"\nwrk.body = \'{"name":"you"}\'\nwrk.headers["Content-Type"] = "application/json"\n'
EMULATOR = "github.com/aws/aws-lambda-runtime-interface-emulator"


def go(folder, *words):
    return subprocess.run(["go", *words], cwd=folder, check=False, capture_output=True, text=True)


def build(folder):
    """Builds bootstrap and emulator; the reason when that cannot be."""
    if not shutil.which("go"):
        return "no Go"
    (folder / "main.go").write_text(MAIN)
    for words in (["mod", "init", "bench"], ["get", "github.com/aws/aws-lambda-go/lambda"],
                  ["build", "-o", "bootstrap", "."]):
        done = go(folder, *words)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
    tool = folder / "emulator"
    tool.mkdir()
    for words in (["mod", "init", "emulator"], ["get", f"{EMULATOR}/cmd/aws-lambda-rie"],
                  ["build", "-o", "../rie", f"{EMULATOR}/cmd/aws-lambda-rie"]):
        done = go(tool, *words)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
    return None


with tempfile.TemporaryDirectory(prefix="evoke-go-") as folder:
    folder = pathlib.Path(folder)
    reason = build(folder)
    if reason:
        print(f"Go under the emulator: skipped, {reason}")
    else:
        script = folder / "post.lua"
        script.write_text(POST)
        port = peers.free_port()
        rie = peers.server([folder / "rie", "--log-level", "error", "--runtime-interface-emulator-address",
                            f"127.0.0.1:{port}", folder / "bootstrap"], port)
        with peers.evoke() as daemon, rie as base:
            daemon.create("go", {"bootstrap": ((folder / "bootstrap").read_bytes(), 0o755)},
                          runtime="provided.al2023", handler="bootstrap")
            url = daemon.gateway + daemon.open_url("go")
            peers.ask(url, b"{}")
            peers.compare("Go bootstrap", url, base + "2015-03-31/functions/function/invocations", 1,
                          {"rate": 2.0}, peer="aws-lambda-rie", script=script)
