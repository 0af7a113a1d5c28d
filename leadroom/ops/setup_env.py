"""From a bare checkout to a running or tested Leadroom, with nothing but Python's own library.

    python3 leadroom/ops/setup_env.py setup | run | test [pytest arguments] | check | bench

`make` calls this file. It makes `.venv` (Leadroom and what it needs, pinned by constraints.txt) and
`.toolbox` (the small environment that agents get: pytest and nothing of ours). A stamp file in each makes
the second call instant.
"""

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
TOOLBOX = ROOT / ".toolbox"
PYTHON = VENV / "bin" / "python"
OLDEST, NEWEST = (3, 11), (3, 13)
BACKENDS = {"embedded": "SQLite and the embedded broker", "grown-up": "Postgres and Redis"}
PARALLEL = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
"""A file's tests share what they start; tests/support/backend.py says what else stays together, and the order."""
SOME_FAILED = 1
"""pytest's exit status for tests that failed, as opposed to tests that could not be run."""
SUMMARY = re.compile(rb"(\d+ \w+|no tests ran).* in [\d.]+s")
SYSTEM_PACKAGES = {
    "chromium": lambda: shutil.which("chromium") is not None,
    "fonts-dejavu-core": lambda: Path("/usr/share/fonts/truetype/dejavu").is_dir(),
}
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
    ("manage.py", "states", "--check"),
    ("manage.py", "agent_tools", "--check"),
    ("manage.py", "figures", "--check"),
    ("manage.py", "makemigrations", "--check", "--dry-run"),
)


class Stop(Exception):
    """Setting up cannot go on; the text says why and what to type."""


def say(line: str) -> None:
    """One short line of progress."""
    print(line, flush=True)


def main(argv: Sequence[str]) -> int:
    """Runs one command and returns the exit status."""
    commands = {"setup": setup, "run": run, "test": test, "check": check, "bench": bench}
    if not argv or argv[0] not in commands:
        say(__doc__.strip())
        return 2
    try:
        return commands[argv[0]](list(argv[1:]))
    except Stop as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def setup(arguments: Sequence[str] = ()) -> int:
    """Makes both environments, or finds them fresh. `dev` adds what tests and checks need."""
    check_python()
    with one_at_a_time():
        make_environment(VENV, with_extras="dev" in arguments)
        make_toolbox()
    return 0


def run(arguments: Sequence[str]) -> int:
    """Sets up and becomes `manage.py up`."""
    setup()
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "manage.py", "up", *arguments])


def test(arguments: Sequence[str]) -> int:
    """The whole suite on both kinds of backend; ends with pytest's own last line of each."""
    setup(["dev"])
    install_system_packages()
    summaries, worst = [], 0
    for backend, title in BACKENDS.items():
        say(f"\ntests on {title}")
        status, summary = run_pytest(arguments, backend)
        if status == SOME_FAILED:
            status, summary = second_look(summary, backend)
        worst = worst or status
        summaries.append((title, summary, status))
    say("")
    for title, summary, status in summaries:
        say(f"{title}{'' if status == 0 else f' (exit status {status})'}:\n{summary}")
    return worst


def second_look(first: str, backend: str) -> tuple[int, str]:
    """What failed once more, alone and in order: real processes share two cores, and a timing is no defect.

    A defect fails again. What passes alone is named in the summary, so that nobody overlooks it.
    """
    say("\nwhat failed is run once more, alone:")
    alone = ["-n", "0", "-p", "no:randomly", "--last-failed", "--last-failed-no-failures", "none", "-rA"]
    status, summary = run_pytest(alone, backend)
    return status, f"{first}\nrun once more, alone: {summary}"


def check(arguments: Sequence[str]) -> int:
    """Style, format, types, import contracts, generated documents, migrations. All are run, any may fail."""
    setup(["dev"])
    failed = []
    for command in CHECKS:
        program = VENV / "bin" / command[0]
        argv = [str(PYTHON), *command] if command[0] == "manage.py" else [str(program), *command[1:]]
        say(f"· {' '.join(command)}")
        if subprocess.run(argv, cwd=ROOT, env=bare_environment(), check=False).returncode:
            failed.append(" ".join(command))
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def bench(arguments: Sequence[str]) -> int:
    """Every benchmark, quick unless other arguments are given."""
    setup(["dev"])
    worst = 0
    for path in sorted((ROOT / "bench").glob("[a-z]*.py")):
        say(f"· {path.name}")
        argv = [str(PYTHON), str(path), *(arguments or ["--quick", "--json"])]
        worst = worst or subprocess.run(argv, cwd=ROOT, env=bare_environment(), check=False).returncode
    return worst


def check_python() -> None:
    """Raises Stop when this Python is too old or too new."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise Stop(
            f"This is Python {sys.version.split()[0]}; Leadroom runs on 3.11 to 3.13. Nothing was installed; "
            "name another one, for instance: make run PYTHON=python3.12"
        )


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two terminals may call `make` at once; the second waits."""
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def fingerprint(*extras: str) -> str:
    """Changes when anything does that an environment was made from, and when the checkout has moved."""
    digest = hashlib.sha256(repr((sys.version_info[:3], str(ROOT), extras)).encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def make_environment(folder: Path, *, with_extras: bool) -> None:
    """`.venv` with Leadroom in place; with the extra `dev` once that was asked for, for good."""
    stamp = folder / ".leadroom-stamp"
    known = stamp.read_text().strip() if stamp.is_file() and PYTHON.exists() else ""
    if known == fingerprint("dev") or (not with_extras and known == fingerprint()):
        return
    began = time.monotonic()
    stamp.unlink(missing_ok=True)
    make_venv(folder)
    extras = with_extras or has_package("pytest")
    say(f"installing Leadroom{' and its test tools' if extras else ''} into {folder.name} …")
    pip_install(PYTHON, ["--editable", f"{ROOT}[dev]" if extras else str(ROOT)])
    stamp.write_text(fingerprint("dev") if extras else fingerprint())
    say(f"installed in {time.monotonic() - began:.0f} s")


def has_package(name: str) -> bool:
    """Whether `.venv` has a package, without running its Python."""
    return any(VENV.glob(f"lib/python3.*/site-packages/{name}"))


def make_toolbox() -> None:
    """`.toolbox`: pytest, pinned, and nothing else; the interpreter agents' commands find first."""
    stamp = TOOLBOX / ".leadroom-stamp"
    wanted = fingerprint("toolbox")
    if stamp.is_file() and stamp.read_text() == wanted and (TOOLBOX / "bin" / "python").exists():
        return
    stamp.unlink(missing_ok=True)
    make_venv(TOOLBOX)
    say("installing pytest into .toolbox, the agents' own environment …")
    pip_install(TOOLBOX / "bin" / "python", ["pytest"])
    stamp.write_text(wanted)


def make_venv(folder: Path) -> None:
    """An environment of this Python in `folder`; one that cannot start any more is made anew."""
    if is_sound(folder):
        return
    if not has_venv():
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        apt_install([f"python{version}-venv"], why="Debian keeps Python's venv in a package of its own")
    say(f"creating {folder.name} with Python {sys.version.split()[0]} …")
    made = subprocess.run(
        [base_python(), "-m", "venv", "--clear", str(folder)],
        capture_output=True,
        text=True,
        env=bare_environment(),
        check=False,
    )
    if made.returncode:
        said = f"{made.stdout}{made.stderr}"
        raise Stop(f"{folder} could not be made; nothing else was changed. python3 -m venv says:\n{said}")


def is_sound(folder: Path) -> bool:
    """Whether the environment starts, is of this Python's version, and still lies where it was made."""
    configuration = folder / "pyvenv.cfg"
    if not configuration.is_file() or str(folder) not in configuration.read_text():
        return False
    argv = [str(folder / "bin" / "python"), "-c", "import sys, pip; print(*sys.version_info[:2])"]
    try:
        asked = subprocess.run(argv, capture_output=True, text=True, env=bare_environment(), check=False)
    except OSError:
        return False
    return asked.stdout.split() == [str(number) for number in sys.version_info[:2]]


def base_python() -> str:
    """The interpreter under an active virtual environment: that environment may be the one made anew."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def has_venv() -> bool:
    """Whether this Python can make environments with pip in them."""
    return all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))


def pip_install(python: Path, what: Sequence[str]) -> None:
    """Installs, pinned by constraints.txt. Raises Stop with the end of pip's own words."""
    log = python.parents[1] / "setup.log"
    argv = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    with log.open("w") as stream:
        done = subprocess.run(
            [*argv, "--constraint", str(ROOT / "constraints.txt"), *what],
            stdout=stream,
            stderr=stream,
            cwd=ROOT,
            env=bare_environment(),
            check=False,
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise Stop(f"Installing failed; what is installed so far is kept, so try again. {log} ends:\n{tail}")


def install_system_packages() -> None:
    """What browser tests need from Debian: installed when that is allowed, else the command to type."""
    missing = [name for name, is_there in SYSTEM_PACKAGES.items() if not is_there()]
    if missing:
        apt_install(missing, why="the browser tests use them")


def apt_install(packages: Sequence[str], *, why: str) -> None:
    """Installs Debian packages as root; anybody else gets the exact command. Raises Stop."""
    command = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(packages)}"
    missing = f"Missing: {' '.join(packages)} ({why})."
    if shutil.which("apt-get") is None:
        raise Stop(f"{missing} Install it with this system's package manager, then try again.")
    if os.geteuid() != 0:
        raise Stop(f"{missing} Type this, then try again:\n\n  sudo sh -c '{command}'\n")
    say(f"installing {' '.join(packages)} ({why}) …")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise Stop(f"{command}\nfailed:\n{tail}")


def bare_environment() -> dict[str, str]:
    """The environment without an active virtual environment or a Python path of somebody else."""
    dropped = {
        "VIRTUAL_ENV",
        "PYTHONHOME",
        "PYTHONPATH",
        "PIP_TARGET",
        "PIP_USER",
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
    }
    return {name: value for name, value in os.environ.items() if name not in dropped}


def run_pytest(arguments: Sequence[str], backend: str) -> tuple[int, str]:
    """One pass of pytest, shown as it comes. Returns its exit status and its own last line."""
    parallel = [] if any(argument.startswith("-n") for argument in arguments) else PARALLEL
    argv = [str(PYTHON), "-m", "pytest", *parallel, *arguments]
    env = {**bare_environment(), "LEADROOM_TEST_BACKEND": backend, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe, three words above
        tail = b""
        while chunk := os.read(process.stdout.fileno(), 65536):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            tail = (tail + chunk)[-8192:]
    found = [line.strip() for line in tail.splitlines() if SUMMARY.search(line)]
    return process.returncode, (found or [b"pytest ended without a summary"])[-1].decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
