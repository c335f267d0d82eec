# SPDX-License-Identifier: Apache-2.0
"""What a function finds in its sandbox, and what it cannot reach, make or become from there."""
import os
import platform
import socket
import subprocess
import urllib.parse

import pytest
from evoke_daemon import ROOT, free_port

RING_FDS = {"3": "/memfd:evoke-ring (deleted)", "4": "pipe:", "5": "pipe:", "6": "socket:"}
HIDDEN = ["/root", "/home", "/var/lib", "/var/log", "/var/cache", "/boot", "/mnt", "/media", "/srv", "/sys",
          "/run", "/work", "/lost+found", "/proc/kallsyms", "/proc/keys", "/proc/key-users",
          "/proc/config.gz", "/proc/kcore", "/proc/kmsg", "/proc/sched_debug", "/proc/timer_list",
          "/proc/slabinfo", "/proc/vmallocinfo", "/proc/kpagecount", "/proc/latency_stats",
          "/proc/sysrq-trigger", "/proc/acpi", "/proc/scsi", "/proc/1/environ", "/proc/1/maps",
          "/proc/1/root/root", "/etc/shadow", "/etc/gshadow", "/etc/machine-id", "/etc/ssh",
          "/etc/ssl/private", "/etc/sudoers", "/etc/crontab", "/etc/fstab", "/dev/mem", "/dev/kmsg"]
REFUSED = {"EPERM", "ENOSYS", "signal 31", "EAFNOSUPPORT", "EPROTONOSUPPORT", "EROFS", "EACCES",
           "ENOENT", "EXDEV", "ENETUNREACH", "ECONNREFUSED", "EINVAL"}


@pytest.fixture(scope="module")
def probe(daemon):
    daemon.create("probe", {"main.py": (ROOT / "tests/support/probe.py").read_text()}, Timeout=60,
                  MemorySize=512, Environment={"Variables": {"OWN": "1"}})

    def ask(what, *arguments):
        found, answer = daemon.invoke("probe", {"probe": what, "with": arguments})
        assert "FunctionError" not in answer, found
        return found

    return ask


def not_refused(tried):
    return {name: outcome for name, outcome in tried.items() if outcome not in REFUSED}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="system call numbers of x86-64")
def test_no_system_call_opens_a_way_out(probe):
    """98 attempts: namespaces, mounts, other processes, modules, clocks, foreign ABIs."""
    tried = probe("kernel")
    assert len(tried) >= 98 and not_refused(tried) == {}
    assert [tried[name] for name in tried if name[:4] in ("x32-", "i386")] == ["signal 31"] * 4


def test_no_socket_but_tcp_udp_and_unix(probe):
    """638 kinds of sockets, 7 made: netlink, packet, raw, vsock, alg, xdp ... are not."""
    tried = probe("sockets")
    assert len(tried) == 638 + 10
    assert sorted(not_refused(tried)) == ["1/1", "1/2", "1/5", "10/1", "10/2", "2/1", "2/2"]


def test_no_network_but_the_daemons_three_ports(daemon, probe):
    """Nothing of the host's loopback, of private networks, of metadata services, no names."""
    own = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    hosts = ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "10.0.0.1", "10.255.255.255",
             "172.16.0.1", "192.168.0.1", "100.64.0.1", "8.8.8.8", "1.1.1.1", "224.0.0.1",
             "255.255.255.255", "2001:4860:4860::8888", "fe80::1", "::ffff:8.8.8.8", *own]
    loopback = ["127.0.0.1", "127.0.0.2", "127.255.255.254", "0.0.0.0", "::1", "::ffff:127.0.0.1"]
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, \
            socket.socket(socket.AF_UNIX) as unix:
        udp.bind(("0.0.0.0", free_port()))
        tcp.bind(udp.getsockname())
        tcp.listen()
        name = f"evoke-probe-{os.getpid()}"
        unix.bind("\0" + name)
        unix.listen()
        ports = [tcp.getsockname()[1], *(urllib.parse.urlsplit(url).port for url in
                                         (daemon.api, daemon.gateway)), 22, 53, 80]
        tried = probe("network", hosts, ports, name)
        near = probe("network", loopback, ports, name)
        for listener in (tcp, udp, unix):
            listener.settimeout(0)
            with pytest.raises(BlockingIOError):
                listener.recv(1) if listener is udp else listener.accept()
    names = [name for name in tried if name.startswith("dns ")]
    assert len(names) == 4 and {tried.pop(name) for name in names} == {"OSError"}  # gaierror
    assert len(tried) >= 15 * 6 * 2 + 1 and not_refused(tried) == {}
    assert [name for name in not_refused(near) if "STREAM" in name] == []
    assert probe("open_ports") == [8080, 9000, 9001]


def test_nothing_but_tmp_is_writable(probe):
    """38 attempts on folders, programs, code, kernel settings and devices."""
    tried = probe("writable")
    assert len(tried) == 38 and not_refused(tried) == {}


def test_the_hosts_own_is_hidden(daemon, probe):
    data = [str(folder) for folder in [daemon.data, *daemon.data.parents][:-2]]
    paths = HIDDEN + data + [os.path.expanduser("~"), str(ROOT)]
    assert probe("readable", paths) == {}


def test_only_its_own_descriptors_variables_and_processes(probe):
    found = probe("process")
    assert sorted(found["fds"], key=int) == ["0", "1", "2", "3", "4", "5", "6"]
    assert found["fds"]["0"] == "/dev/null" and found["fds"]["1"] == found["fds"]["2"]
    assert [fd for fd, name in RING_FDS.items() if not found["fds"][fd].startswith(name)] == []
    assert len({found["fds"][fd] for fd in "13456"}) == 5
    assert set(found["env"]) - set(found["platform"]) <= {"OWN", "_EVOKE_FUNCTION_ARN", "_EVOKE_RING"}
    assert found["cwd"] == "/var/task" and found["host"] != socket.gethostname()
    assert found["pids"] == ["1", "2"]


def test_no_privileges_to_have_or_to_gain(probe):
    found = probe("process")
    status = found["status"]
    assert [status[f"Cap{name}"].strip("0") for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")] == [""] * 5
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert 0 not in found["ids"] and found["groups"] == []
    gained = probe("setuid")
    assert gained["uid"] == found["ids"][0] and gained["su"] != 0
    assert gained["setuid(0)"] in REFUSED and gained["setgroups"] in REFUSED
