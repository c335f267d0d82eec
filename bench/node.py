# SPDX-License-Identifier: Apache-2.0
"""A Node.js handler (parses the event, answers JSON) against a bare Node http server doing
the same work, and against npm @google-cloud/functions-framework."""
import pathlib
import subprocess
import tempfile

import peers

HANDLER = """exports.handler = async (event) => ({
  statusCode: 200, headers: {'content-type': 'application/json'},
  body: JSON.stringify({path: event.rawPath, hello: 'world'}) });
"""
BARE = """const http = require('http');
http.createServer((request, response) => {
  const event = JSON.parse(JSON.stringify({rawPath: request.url, headers: request.headers}));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({path: event.rawPath, hello: 'world'}));
}).listen(+process.argv[2], '127.0.0.1');
"""
FRAMEWORK = """exports.handler = (request, response) => {
  response.json({path: request.path, hello: 'world'}); };
"""

with tempfile.TemporaryDirectory(prefix="evoke-node-") as folder, peers.evoke() as daemon:
    folder = pathlib.Path(folder)
    (folder / "bare.js").write_text(BARE)
    (folder / "index.js").write_text(FRAMEWORK)
    daemon.create("node", {"index.js": HANDLER}, runtime="nodejs20.x", handler="index.handler",
                  MemorySize=512)
    url = daemon.gateway + daemon.open_url("node")
    assert b"world" in peers.ask(url)
    port = peers.free_port()
    with peers.server(["node", folder / "bare.js", port], port) as bare:
        peers.compare("Node.js", url, bare, 32, {"rate": 1.0}, peer="bare node http")
    installed = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund",
                                "@google-cloud/functions-framework"], cwd=folder, check=False)
    if installed.returncode:
        print("Node.js against functions-framework: skipped, npm cannot install it")
    else:
        port = peers.free_port()
        main = folder / "node_modules/@google-cloud/functions-framework/build/src/main.js"
        with peers.server(["node", main, "--target=handler", f"--port={port}"], port,
                          cwd=folder) as framework:
            peers.compare("Node.js", url, framework, 32, {"rate": 5.0}, peer="functions-framework")
