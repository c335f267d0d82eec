# SPDX-License-Identifier: Apache-2.0
"""`evoke gateway reload`: certificates, lists and rule files are read again, or it says why not."""
import contextlib
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
    site.rules.write_text('SecRule NONSENSE x "id:1001,phase:2"\n')
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


@contextlib.contextmanager
def asking(connect, path):
    """Clients that ask again and again meanwhile; the list gets the statuses of their answers."""
    over, answers = threading.Event(), []

    def ask():
        connection = connect()
        while not over.is_set():
            connection.request("GET", path, headers={"user-agent": "a client"})
            answer = connection.getresponse()
            answer.read()
            answers.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_nothing_fails_while_it_is_read(site):
    with asking(site.connect, "/walled?word=plum") as answers:
        for i in range(4):
            site.rules.write_text(RULE.format(word=f"word{i}", id=1001))
            site.ca.issue(site.folder, "default", "localhost")
            site.run("gateway", "reload")
    assert len(answers) > 4 and set(answers) == {200}


LISTS = """
http:
  route: /%s
  addresses: {deny-file: %s/deny, bots-file: %s/bots, geo-file: %s/geo, countries: {deny: [AQ]}}
"""


@pytest.fixture
def listed(tmp_path, make_daemon):
    """Two functions behind lists of their own: of "calm" what is in them never concerns the tests' clients."""
    daemon = make_daemon()
    for name in ("calm", "tried"):
        folder = tmp_path / name
        folder.mkdir()
        put_lists(folder, 0)
        daemon.create(name, {"main.py": HANDLER, "function.yaml": LISTS % (name, *[folder] * 3)})
    daemon.lists = tmp_path
    return daemon


def put_lists(folder, number, deny="192.0.2.0/24", country="AQ", network="198.51.100.0/24"):
    (folder / "deny").write_text(f"{deny} # {number}\n")
    (folder / "bots").write_text(f"robot{number}\n")
    (folder / "geo").write_text(f"{network},{country}\n203.0.113.{number},DE\n")


def tried(daemon, agent="a client"):
    return daemon.get("/tried", headers={"user-agent": agent})[0]


def test_lists_count_from_then_on_and_nothing_fails_meanwhile(listed):
    with asking(listed.connect, "/calm") as answers:
        for number in range(1, 5):
            put_lists(listed.lists / "calm", number)
            put_lists(listed.lists / "tried", number)
            assert "lists of addresses: 6\n" in listed.run("gateway", "reload").stdout
            assert [tried(listed, f"robot{number - i}") for i in (0, 1)] == [403, 200]
            assert tried(listed) == 200
        for changed in ({"deny": "127.0.0.0/8"}, {"network": "127.0.0.0/8"}):
            put_lists(listed.lists / "tried", 9, **changed)
            listed.run("gateway", "reload")
            assert tried(listed) == 403, changed
        put_lists(listed.lists / "tried", 9, network="127.0.0.0/8", country="DE")
        listed.run("gateway", "reload")
        assert tried(listed) == 200
    assert len(answers) > 4 and set(answers) == {200}


@pytest.mark.parametrize("name, content, says", [
    ("deny", "192.0.2.0/24\nnowhere\n", "line 2"),
    ("bots", "", None),
    ("geo", "192.0.2.0/24,Antarctica\n", "no country of two letters"),
    ("deny", None, "cannot be read"),
    ("geo", None, "cannot be read"),
])
def test_a_broken_list_leaves_the_old_one_in_force(listed, name, content, says):
    folder = listed.lists / "tried"
    put_lists(folder, 1, deny="127.0.0.0/8")
    listed.run("gateway", "reload")
    assert tried(listed) == 403
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    done = listed.run("gateway", "reload", check=False)
    assert done.returncode == (1 if says else 0)
    assert not says or (says in done.stderr and str(folder / name) in done.stderr)
    assert tried(listed) == 403 and listed.get("/calm")[0] == 200
    put_lists(folder, 2)
    listed.run("gateway", "reload")
    assert [tried(listed), tried(listed, "robot2"), tried(listed, "robot1")] == [200, 403, 200]


def test_a_daemon_without_such_files_has_nothing_to_read(daemon):
    done = daemon.run("gateway", "reload")
    assert done.stdout == "certificates: 0\nlists of addresses: 0\nrule sets of the firewall: 0\n"
