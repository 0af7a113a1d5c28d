"""Run inside a sandbox (or, as a control, outside): tries everything that must not work there.

Takes one JSON object of targets as its argument and prints one JSON object: attempt -> "DONE" or the refusal.
"""

import ctypes
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from typing import Any

TARGETS: dict[str, Any] = json.loads(sys.argv[1])
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, PTRACE_ATTACH, KEYCTL_SESSION = 0x10000000, 16, 0
NAMED: dict[str, Callable[[], object]] = {}


def called(result: int) -> None:
    """Raises the C library's error of a call that failed."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def read(path: str) -> None:
    if os.path.isdir(path):
        if not os.listdir(path):
            raise OSError("nothing to see")
    else:
        with open(path, "rb") as file:
            file.read(1)


def overwrite(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o755))


def connect(family: int, address: Any) -> None:
    with socket.socket(family) as client:
        client.settimeout(2)
        client.connect(address)


def through_link(target: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(target, f"{folder}/link")
        read(f"{folder}/link")


def find_variable() -> None:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if TARGETS["canary"].encode() in file.read():
                    return
        except OSError:
            continue
    raise OSError("in no process")


def see_process() -> None:
    with open(f"/proc/{TARGETS['pid']}/cmdline", "rb") as file:
        if TARGETS["token"].encode() not in file.read():
            raise OSError("another process")


def kill_victim() -> None:
    see_process()
    os.kill(TARGETS["pid"], 9)


def trace() -> None:
    see_process()
    called(LIBC.ptrace(PTRACE_ATTACH, TARGETS["pid"], 0, 0))


def become_root() -> None:
    os.setuid(0)


def gain_by_set_uid() -> None:
    for program in ("/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount"):
        if os.path.exists(program) and not os.statvfs(program).f_flag & os.ST_NOSUID:
            return
    raise OSError("programs of the superuser have no effect here")


def gain_capabilities() -> None:
    with open("/proc/self/status") as file:
        facts = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    if int(facts["CapEff"], 16) == 0 and int(facts["CapBnd"], 16) == 0 and facts["NoNewPrivs"].strip() == "1":
        raise OSError("no capability, and none to be had")


for name, path in TARGETS["secrets"].items():
    NAMED[f"read {name}"] = lambda path=path: read(path)  # type: ignore[misc]
    NAMED[f"read {name} through a link"] = lambda path=path: through_link(path)  # type: ignore[misc]
    NAMED[f"read {name} through /proc"] = lambda path=path: read(f"/proc/1/root{path}")  # type: ignore[misc]
for name, path in TARGETS["untouchable"].items():
    NAMED[f"write {name}"] = lambda path=path: overwrite(path)  # type: ignore[misc]
NAMED |= {
    "go up out of the project": lambda: read("../../../" + os.path.basename(TARGETS["project"])),
    "find a variable of the host": find_variable,
    "see a process of the host": see_process,
    "kill a process of the host": kill_victim,
    "trace a process of the host": trace,
    "reach the dashboard": lambda: connect(socket.AF_INET, ("127.0.0.1", TARGETS["port"])),
    "reach the internet": lambda: connect(socket.AF_INET, ("1.1.1.1", 443)),
    "resolve a name": lambda: socket.getaddrinfo("example.com", 443),
    "reach the broker": lambda: connect(socket.AF_UNIX, TARGETS["broker"]),
    "reach an abstract socket": lambda: connect(socket.AF_UNIX, "\0" + TARGETS["abstract"]),
    "open a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
    "mount": lambda: called(LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None)),
    "unmount git's protection": lambda: called(LIBC.umount2(b".git", 2)),
    "remount git writable": lambda: called(LIBC.mount(b"none", b".git", None, 0x1000 | 0x20, None)),
    "make a user namespace": lambda: called(LIBC.unshare(CLONE_NEWUSER)),
    "change the root": lambda: os.chroot("/tmp"),
    "make a device": lambda: os.mknod("/tmp/disk", 0o60666, os.makedev(*TARGETS["disk"])),
    "become uid 0": become_root,
    "gain by a set-uid program": gain_by_set_uid,
    "gain a capability": gain_capabilities,
    "change the host's name": lambda: socket.sethostname("owned"),
    "load a kernel module": lambda: called(LIBC.syscall(TARGETS["finit_module"], 0, b"", 0)),
    "look into the keyring": lambda: called(LIBC.syscall(TARGETS["keyctl"], KEYCTL_SESSION, -3, 0)),
    "replace git's folder": lambda: os.rename(".git", "gone"),
    "see devices of the host": lambda: read("/dev/vda" if os.path.exists("/dev/vda") else "/dev/sda"),
    "see /sys": lambda: read("/sys"),
}


def attempt(action: Callable[[], object]) -> str:
    try:
        action()
    except (OSError, ValueError) as error:
        return f"refused: {error}"
    return "DONE"


wanted = TARGETS.get("only") or list(NAMED)
print(json.dumps({name: attempt(NAMED[name]) for name in wanted}))
