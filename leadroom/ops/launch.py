"""What `up` starts, on which address, with which environment."""

import contextlib
import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from leadroom.lib.errors import Conflict, LeadroomError, NotPermitted
from leadroom.ops.broker import broker_command, find_broker, make_private_folder
from leadroom.ops.children import ChildSpec
from leadroom.ops.holders import MARKER


@dataclass(frozen=True)
class Plan:
    """Where everything of one start is. `broker_socket` is None when REDIS_URL names a server of its own."""

    home: Path
    host: str
    port: int
    host_name: str
    redis_url: str
    broker_socket: Path | None
    rehearsal_url: str
    rehearsal_port: int | None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_can_bind(host: str, *, public_url: str, has_password: bool) -> None:
    """Raises NotPermitted when others could reach `host` without TLS in front or without a password."""
    if is_loopback(host):
        return
    wants = f"LEADROOM_HOST={host} lets other machines reach Leadroom"
    if not public_url.startswith("https://"):
        raise NotPermitted(
            f"{wants}, so it needs TLS in front. Nothing was started; put a proxy with a certificate "
            "before it and set LEADROOM_PUBLIC_URL=https://your.name, or unset LEADROOM_HOST."
        )
    if not has_password:
        raise NotPermitted(
            f"{wants}, and nobody has a password yet. The pages were not started; run "
            "`python manage.py createsuperuser` (or `changepassword NAME`) and start again."
        )


def listen(host: str, port: int) -> socket.socket:
    """The web server's listening socket, held by the supervisor: requests wait while web restarts.

    Raises Conflict with the cure when the port is taken, NotPermitted for an address of no use.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _refusal(host, port, error) from error
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def _refusal(host: str, port: int, error: OSError) -> LeadroomError:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 8001
        return Conflict(
            f"Port {port} on {host} is taken by another program. Nothing was started; stop that program, "
            f"or choose another port: LEADROOM_PORT={other}."
        )
    if error.errno == errno.EACCES:
        return NotPermitted(
            f"Port {port} is reserved for the system. Nothing was started; choose one above 1023, "
            "such as LEADROOM_PORT=8001."
        )
    return NotPermitted(
        f"LEADROOM_HOST={host} is not an IPv4 address or name of this machine ({error.strerror}). "
        "Nothing was started; unset it to listen on 127.0.0.1."
    )


def choose_rehearsal_port(home: Path) -> int:
    """The port of last time if it is free, else a free one, remembered in `<home>/run/rehearsal.port`."""
    note = home / "run" / "rehearsal.port"
    remembered = 0
    with contextlib.suppress(OSError, ValueError):
        remembered = int(note.read_text())
    for wanted in (remembered, 0):
        with socket.socket() as candidate, contextlib.suppress(OSError, OverflowError):
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            candidate.bind(("127.0.0.1", wanted))
            port = int(candidate.getsockname()[1])
            note.write_text(str(port))
            return port
    raise Conflict("No free port was found on 127.0.0.1. Nothing was started; end some programs and try again.")


def child_environment(plan: Plan, base: Mapping[str, str]) -> dict[str, str]:
    """`base` with everything spelled out that the children must agree on, and the marker of `up`."""
    return {
        **base,
        "DJANGO_SETTINGS_MODULE": base.get("DJANGO_SETTINGS_MODULE", "leadroom.settings"),
        "LEADROOM_HOME": str(plan.home),
        "LEADROOM_HOST": plan.host,
        "LEADROOM_PORT": str(plan.port),
        "LEADROOM_HOST_NAME": plan.host_name,
        "LEADROOM_REHEARSAL_URL": plan.rehearsal_url,
        "REDIS_URL": plan.redis_url,
        "PYTHONUNBUFFERED": "1",
        MARKER: "1",
    }


def _python(*argv: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *argv)


def broker_spec(plan: Plan) -> list[ChildSpec]:
    """The embedded broker, or nothing when REDIS_URL names one. Raises BadInput when no program is found."""
    if plan.broker_socket is None:
        return []
    folder = plan.home / "broker"
    for private in (folder, plan.broker_socket.parent):
        make_private_folder(private)
    return [ChildSpec("broker", tuple(broker_command(find_broker(), socket=plan.broker_socket, folder=folder)))]


def rehearsal_spec(plan: Plan) -> list[ChildSpec]:
    """The scripted model server, or nothing when LEADROOM_REHEARSAL_URL names one."""
    if plan.rehearsal_port is None:
        return []
    return [ChildSpec("rehearsal", _python("leadroom.rehearsal", "--port", str(plan.rehearsal_port)))]


def web_command(*listen_on: str) -> tuple[str, ...]:
    """argv of a web process on the address that these daphne options name."""
    return _python("daphne", *listen_on, "-v", "0", "--no-server-name", "leadroom.asgi:application")


def worker_command(host_name: str) -> tuple[str, ...]:
    """argv of a worker for the common queue and the one of its host, where runs are placed."""
    return _python(
        *(
            "celery",
            "-A",
            "leadroom.celery",
            "worker",
            "-P",
            "threads",
            "-c",
            "4",
            "--prefetch-multiplier",
            "1",
        ),
        *("-Q", f"celery,host.{host_name}", "-n", f"leadroom-{os.getpid()}@{host_name}", "-l", "WARNING"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )


def beat_command(home: Path) -> tuple[str, ...]:
    """argv of the clock that sends the periodic tasks. One is enough for all hosts together."""
    schedule = str(home / "run" / "beat-schedule")
    return _python("celery", "-A", "leadroom.celery", "beat", "-s", schedule, "--pidfile=", "-l", "WARNING")


def house_specs(plan: Plan, listener: socket.socket) -> list[ChildSpec]:
    """Web, worker and beat."""
    fd = listener.fileno()
    return [
        ChildSpec("web", web_command("--fd", str(fd)), pass_fds=(fd,)),
        ChildSpec("worker", worker_command(plan.host_name), grace_seconds=5.0),
        ChildSpec("beat", beat_command(plan.home)),
    ]


def seed_spec(folder: Path) -> ChildSpec:
    """The first start's rehearsal project, made while web starts."""
    return ChildSpec("seed", (sys.executable, str(folder / "manage.py"), "seed_demo"), is_once=True)
