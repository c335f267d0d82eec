# SPDX-License-Identifier: Apache-2.0
"""`evoke gateway reload`: certificates, lists and rule files are read again, or it says why not."""
import json
import threading

import pytest

import certificates

HANDLER = "def handler(event, context):\n    return 'called'\n"
RULE = 'SecRule ARGS:word "@streq {word}" "id:{id},phase:2,deny,status:403,log,msg:\'no\'"\n'


@pytest.fixture
def site(tmp_path, make_daemon):
    """A daemon with TLS and a function behind rules of a file and a list of addresses."""
    ca = certificates.Authority(tmp_path / "ca")
    folder = tmp_path / "certificates"
    ca.issue(folder, "default", "localhost")
    rules, denied = tmp_path / "own.conf", tmp_path / "denied.txt"
    rules.write_text(RULE.format(word="apple", id=1001))
    denied.write_text("192.0.2.0/24\n")
    daemon = make_daemon("--gateway-tls", "127.0.0.1:0", "--tls-certificates", folder)
    daemon.create("walled", {"main.py": HANDLER, "function.yaml": f"""
http:
  route: /walled
  waf: {{mode: block, rules: {rules}}}
  addresses: {{deny-file: {denied}}}
"""})
    daemon.ca, daemon.folder, daemon.rules, daemon.denied = ca, folder, rules, denied
    return daemon


def statuses(daemon):
    return [daemon.get(f"/walled?word={word}")[0] for word in ("apple", "pear", "plum")]


def test_rule_files_count_from_then_on(site):
    assert statuses(site) == [403, 200, 200]
    site.rules.write_text(RULE.format(word="pear", id=1001))
    assert statuses(site) == [403, 200, 200], "nobody asked for it yet"
    done = site.run("gateway", "reload")
    assert done.stdout == "certificates: 1\nlists of addresses: 1\nrule sets of the firewall: 1\n"
    assert statuses(site) == [200, 403, 200]
    site.rules.write_text(RULE.format(word="plum", id=1001))
    site.run("gateway", "reload")
    assert statuses(site) == [200, 200, 403]


def test_what_cannot_be_read_stays_as_it_was_and_is_told(site):
    assert statuses(site) == [403, 200, 200]
    site.rules.write_text("SecRule nonsense\n")
    done = site.run("gateway", "reload", check=False)
    assert done.returncode == 1 and "stays as it was: waf: the rules cannot be loaded" in done.stderr
    assert statuses(site) == [403, 200, 200]
    site.rules.unlink()
    assert str(site.rules) in site.run("gateway", "reload", check=False).stderr
    assert statuses(site) == [403, 200, 200]
    site.rules.write_text(RULE.format(word="pear", id=1001))
    (site.folder / "default.key").write_text("no key")
    site.denied.write_text("nowhere\n")
    done = site.run("gateway", "reload", "--json", check=False)
    report = json.loads(done.stdout)
    assert done.returncode == 1 and len(report["errors"]) == 2
    assert "default.key" in report["errors"][0] and "denied.txt" in report["errors"][1]
    assert statuses(site) == [200, 403, 200], "the rules could be read"


def test_nothing_fails_while_it_is_read(site):
    over, answers = threading.Event(), []

    def ask():
        connection = site.connect()
        while not over.is_set():
            connection.request("GET", "/walled?word=plum")
            answer = connection.getresponse()
            answer.read()
            answers.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for i in range(4):
            site.rules.write_text(RULE.format(word=f"word{i}", id=1001))
            site.ca.issue(site.folder, "default", "localhost")
            site.run("gateway", "reload")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert len(answers) > 4 and set(answers) == {200}


def test_a_daemon_without_such_files_has_nothing_to_read(daemon):
    done = daemon.run("gateway", "reload")
    assert done.stdout == "certificates: 0\nlists of addresses: 0\nrule sets of the firewall: 0\n"
