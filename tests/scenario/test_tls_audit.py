# SPDX-License-Identifier: Apache-2.0
"""testssl.sh finds nothing to complain of in the gateway's TLS.

Two things it looks for are not the gateway's: headers as Strict-Transport-Security come from the
function that answers, and what is in a certificate from who issues it. The function here sends
them, and the certificate names a revocation list. CAA is a record of a public name's DNS, which
localhost has not."""
import json
import os
import subprocess
import urllib.parse

import pytest

import certificates
import evoke_daemon

HANDLER = """
def handler(event, context):
    return {"statusCode": 200, "body": "hello", "headers": {
        "content-type": "text/plain", "strict-transport-security": "max-age=31536000",
        "content-security-policy": "default-src 'none'", "x-content-type-options": "nosniff",
        "x-frame-options": "DENY", "referrer-policy": "no-referrer"}}
"""
CHECKS = {
    "protocols": ["--protocols", "--server-preference"],
    "ciphers": ["--std", "--pfs"],
    "certificates": ["--server-defaults"],
    "headers": ["--headers"],
    "vulnerabilities of implementations": ["--heartbleed", "--ccs", "--ticketbleed", "--robot",
                                           "--renegotiation"],
    "vulnerabilities of versions": ["--compression", "--breach", "--poodle", "--tls-fallback",
                                    "--beast"],
    "vulnerabilities of ciphers": ["--sweet32", "--lucky13", "--freak", "--logjam", "--drown", "--rc4"],
}
FINE = {"OK", "INFO"}
# openssl(1) as testssl is to call it. With nothing to say it leaves when hands are shaken, often before
# the tickets of TLS 1.3 have come; testssl takes it for a "connect problem" that the second
# connection has none to show. So it stays until it has one, or for a while if none comes.
OPENSSL = """#!/bin/bash
for argument; do [ "$last" = -sess_out ] && tickets=$argument; last=$argument; done
[ -n "$tickets" ] || exec openssl "$@"
for ((i = 0; i < 1000; i++)); do [ -s "$tickets" ] && break; sleep 0.01; done | openssl "$@"
"""
NOT_OURS = {
    "DNS_CAArecord",   # see above
    "engine_problem",  # of the installed openssl(1), which has no GOST
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A daemon whose certificates have keys of both kinds."""
    folder = tmp_path_factory.mktemp("audit")
    ca = certificates.Authority(folder / "ca")
    for name, kind in (("default", "ec"), ("default-rsa", "rsa")):
        ca.issue(folder / "certificates", name, "localhost", kind=kind, days=90, revocation="http://ca.invalid/crl")
    daemon = evoke_daemon.Daemon(folder / "data", "--gateway-tls", "127.0.0.1:0",
                                 "--tls-certificates", folder / "certificates", "--shards", "1")
    daemon.start()
    daemon.ca = ca.crt
    daemon.create("f", {"main.py": HANDLER})
    port = urllib.parse.urlsplit(json.loads((daemon.data / "daemon.json").read_text())["gateway-tls"]).port
    daemon.target = f"localhost:{port}{daemon.open_url('f')}"
    yield daemon
    daemon.stop()


@pytest.mark.unsanitized
@pytest.mark.skipif("EVOKE_SANITIZED" in os.environ, reason="built once is enough")
@pytest.mark.parametrize("checks", CHECKS)
def test_nothing_is_found(site, checks, tmp_path):
    found, openssl = tmp_path / "found.json", tmp_path / "openssl"
    openssl.write_text(OPENSSL)
    openssl.chmod(0o755)
    done = subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip", "127.0.0.1",
         "--openssl", openssl, "--add-ca", site.ca, "--jsonfile", found, *CHECKS[checks], site.target],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False)
    findings = json.loads(found.read_text())
    assert len(findings) > 5, done.stdout
    bad = [finding for finding in findings
           if finding["severity"] not in FINE and finding["id"].split(" ")[0] not in NOT_OURS]
    assert not bad, bad
