# SPDX-License-Identifier: Apache-2.0
"""A function that tries to get out of its sandbox and tells how each attempt ended. Every
attempt is made by a child, so that one that is killed tells so too."""
import ctypes
import errno
import mmap
import os
import socket
import stat
import struct
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
NEW = {"ns": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000,
       "pid": 0x20000000, "net": 0x40000000, "time": 0x80}
# Name: number on x86-64, arguments that would do harm.
SYSCALLS = {
    "mount": (165, b"x", b"/tmp", b"tmpfs", 0, 0), "umount2": (166, b"/proc", 2),
    "pivot_root": (155, b"/tmp", b"/tmp"), "chroot": (161, b"/tmp"), "open_tree": (428, -100, b"/", 1),
    "move_mount": (429, -100, b"/", -100, b"/tmp", 0), "fsopen": (430, b"tmpfs", 0),
    "fsconfig": (431, 3, 0, 0, 0, 0), "fsmount": (432, 3, 0, 0), "fspick": (433, -100, b"/", 0),
    "mount_setattr": (442, -100, b"/", 0, 0, 0), "ptrace-traceme": (101, 0, 0, 0, 0),
    "ptrace-attach": (101, 16, 1, 0, 0), "ptrace-seize": (101, 0x4206, 1, 0, 0),
    "bpf": (321, 0, 0, 0), "io_uring_setup": (425, 8, 0), "io_uring_enter": (426, 3, 0, 0, 0, 0),
    "io_uring_register": (427, 3, 0, 0, 0), "userfaultfd": (323, 0), "keyctl": (250, 0, -3, 1),
    "add_key": (248, b"user", b"x", b"x", 1, -3), "request_key": (249, b"user", b"x", 0, -3),
    "perf_event_open": (298, 0, 0, -1, -1, 0), "setns": (308, 3, 0), "personality": (135, 0x0040000),
    "kexec_load": (246, 0, 0, 0, 0), "kexec_file_load": (320, 3, 3, 0, b"", 0),
    "init_module": (175, 0, 0, b""), "finit_module": (313, 3, b"", 0), "delete_module": (176, b"x", 0),
    "open_by_handle_at": (304, -100, 0, 0), "name_to_handle_at": (303, -100, b"/", 0, 0, 0),
    "process_vm_readv": (310, 1, 0, 0, 0, 0, 0), "process_vm_writev": (311, 1, 0, 0, 0, 0, 0),
    "process_madvise": (440, 3, 0, 0, 0, 0), "pidfd_getfd": (438, 3, 0, 0), "kcmp": (312, 1, 1, 0, 0, 0),
    "reboot": (169, 0xfee1dead, 672274793, 0x89abcdef, 0), "swapon": (167, b"/tmp/x", 0),
    "swapoff": (168, b"/tmp/x"), "syslog": (103, 3, 0, 0), "sethostname": (170, b"x", 1),
    "setdomainname": (171, b"x", 1), "iopl": (172, 3), "ioperm": (173, 0, 1, 1), "acct": (163, 0),
    "settimeofday": (164, 0, 0), "clock_settime": (227, 0, 0), "adjtimex": (159, 0),
    "clock_adjtime": (305, 0, 0), "quotactl": (179, 0, 0, 0, 0), "quotactl_fd": (443, 3, 0, 0, 0),
    "lookup_dcookie": (212, 0, 0, 0), "fanotify_init": (300, 0, 0), "fanotify_mark": (301, 3, 0, 0, 0, 0),
    "vhangup": (153,), "modify_ldt": (154, 0, 0, 0), "move_pages": (279, 1, 0, 0, 0, 0, 0),
    "migrate_pages": (256, 1, 0, 0, 0), "mbind": (237, 0, 0, 0, 0, 0, 0), "set_mempolicy": (238, 0, 0, 0),
    "get_mempolicy": (239, 0, 0, 0, 0, 0), "vmsplice": (278, 1, 0, 0, 0), "uselib": (134, b"/tmp/x"),
    "io_setup": (206, 8, 0), "memfd_secret": (447, 0), "ustat": (136, 0, 0), "sysfs": (139, 3),
    "nfsservctl": (180, 0, 0, 0), "_sysctl": (156, 0), "remap_file_pages": (216, 0, 0, 0, 0, 0),
    "set_mempolicy_home_node": (450, 0, 0, 0, 0), "cachestat": (451, 3, 0, 0, 0), "a-new-one": (600,),
}
PLATFORM = {
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR", "_HANDLER", "TZ", "LANG", "PATH", "LD_LIBRARY_PATH", "HOME", "PYTHONPATH",
    "AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL", "EVOKE_GATEWAY", "_X_AMZN_TRACE_ID"}


def attempt(act):
    """'done', the name of an errno, or 'signal N'."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        outcome = "done"
        try:
            act()
        except OSError as error:
            outcome = errno.errorcode.get(error.errno, "OSError") if error.errno else type(error).__name__
        except BaseException as error:
            outcome = type(error).__name__
        os.write(write, outcome.encode())
        os._exit(0)
    os.close(write)
    outcome = os.read(read, 100).decode()
    os.close(read)
    status = os.waitpid(child, 0)[1]
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else outcome


def syscall(number, *arguments):
    arguments = [a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
    if LIBC.syscall(ctypes.c_long(number), *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")


def machine_code(code):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def clone3(flags):
    arguments = ctypes.create_string_buffer(struct.pack("=11Q", flags, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0))
    if LIBC.syscall(435, arguments, 88) < 0:
        raise OSError(ctypes.get_errno(), "")


def kernel():
    tried = {name: attempt(lambda call=call: syscall(*call)) for name, call in SYSCALLS.items()}
    for name, flag in NEW.items():
        tried[f"unshare-{name}"] = attempt(lambda flag=flag: syscall(272, flag))
        tried[f"clone3-{name}"] = attempt(lambda flag=flag: clone3(flag))
        if name != "time":  # its bit is part of the signal in clone()
            tried[f"clone-{name}"] = attempt(lambda flag=flag: syscall(56, flag | 17, 0, 0, 0, 0))
    tried["x32-getpid"] = attempt(lambda: syscall(0x40000000 | 39))
    tried["x32-execve"] = attempt(lambda: syscall(0x40000000 | 520, b"/bin/true", 0, 0))
    tried["i386-getpid"] = attempt(lambda: machine_code(b"\xb8\x14\0\0\0\xcd\x80\xc3"))
    tried["i386-mount"] = attempt(lambda: machine_code(b"\xb8\x15\0\0\0\xcd\x80\xc3"))
    return tried


def sockets():
    tried = {}
    for family in range(0, 64):
        for kind in range(1, 11):
            tried[f"{family}/{kind}"] = attempt(lambda f=family, k=kind: socket.socket(f, k, 0))
    for kind, protocol in ((1, 132), (1, 262), (2, 1), (2, 58), (2, 136), (3, 1), (3, 255), (3, 6)):
        tried[f"2/{kind}/{protocol}"] = attempt(
            lambda k=kind, p=protocol: socket.socket(socket.AF_INET, k, p))
    return tried


def connect(family, kind, address):
    with socket.socket(family, kind) as client:
        client.settimeout(1)
        if kind == socket.SOCK_DGRAM:
            client.sendto(b"x", address)
        else:
            client.connect(address)


def network(hosts, ports, abstract):
    tried = {}
    for host in hosts:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for port in ports:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                tried[f"{host} {port} {kind.name}"] = attempt(
                    lambda f=family, k=kind, h=host, p=port: connect(f, k, (h, p)))
    tried["abstract"] = attempt(lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract))
    for name in ("example.com", "localhost.localdomain", "metadata.google.internal", "host.docker.internal"):
        tried[f"dns {name}"] = attempt(lambda n=name: socket.getaddrinfo(n, 80))
    return tried


def open_ports():
    """All of 127.0.0.1's; a port that meets itself is none."""
    found = []
    for port in range(1, 65536):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0 and client.getsockname()[1] != port:
                found.append(port)
    return found


def writable():
    def create(folder):
        with open(f"{folder}/evil", "w"):
            pass

    folders = ["/", "/var/task", "/var/runtime", "/usr", "/usr/bin", "/usr/lib", "/bin", "/lib", "/etc",
               "/opt", "/dev", "/proc", "/proc/self", "/run", "/var", "/sys", "/sys/fs/cgroup",
               "/etc/ssl/certs"]
    tried = {folder: attempt(lambda f=folder: create(f)) for folder in folders}
    for path in ("/proc/self/exe", "/proc/1/exe", "/usr/bin/python3", "/etc/passwd", "/var/task/main.py",
                 "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
                 "/dev/kmsg", "/dev/mem", "/proc/1/mem"):
        tried[path] = attempt(lambda p=path: os.close(os.open(p, os.O_WRONLY)))
    for path, text in (("/proc/self/uid_map", b"0 0 1"), ("/proc/self/oom_score_adj", b"-1000"),
                       ("/proc/1/oom_score_adj", b"-1000"), ("/proc/self/setgroups", b"allow")):
        tried[f"write {path}"] = attempt(lambda p=path, t=text: os.write(os.open(p, os.O_WRONLY), t))
    tried["remove code"] = attempt(lambda: os.unlink("/var/task/main.py"))
    tried["rename usr"] = attempt(lambda: os.rename("/usr", "/tmp/usr"))
    tried["chmod code"] = attempt(lambda: os.chmod("/var/task/main.py", 0o777))
    for kind in (stat.S_IFCHR, stat.S_IFBLK):
        tried[f"device {kind}"] = attempt(lambda k=kind: os.mknod("/tmp/d", k | 0o666, os.makedev(1, 1)))
    return tried


def readable(paths):
    """Those of the paths that hold anything."""
    found = {}
    for path in paths:
        try:
            content = os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(4096)
        except OSError:
            continue
        if content:
            found[path] = repr(content)[:200]
    return found


def process():
    status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines()
                  if ":\t" in line)
    names = sorted(os.listdir("/proc/self/fd"), key=int)
    fds = {}
    for name in names:
        try:
            fds[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass  # the listing's own
    return {"fds": fds, "env": sorted(os.environ), "cwd": os.getcwd(), "ids": os.getresuid() + os.getresgid(),
            "groups": os.getgroups(), "status": status, "pids": [p for p in os.listdir("/proc") if p.isdigit()],
            "platform": sorted(PLATFORM), "host": os.uname().nodename, "exe": os.readlink("/proc/self/exe")}


def setuid():
    """A root-owned program with the set-user-id bit, as Debian has them, and one of our own."""
    os.makedirs("/tmp/s", exist_ok=True)
    with open("/usr/bin/id", "rb") as source, open("/tmp/s/id", "wb") as copy:
        copy.write(source.read())
    os.chmod("/tmp/s/id", 0o6755)
    uid = subprocess.run(["/tmp/s/id", "-u"], capture_output=True, text=True, check=True).stdout
    return {"uid": int(uid), "su": subprocess.run(["/usr/bin/passwd", "-S", "-a"], capture_output=True,
                                                  check=False).returncode,
            "setuid(0)": attempt(lambda: os.setuid(0)), "setgroups": attempt(lambda: os.setgroups([0]))}


def handler(event, context):
    return globals()[event["probe"]](*event.get("with", []))
