import errno
import socket
from pathlib import Path

import pytest

from leadroom.lib.errors import Conflict, NotPermitted
from leadroom.ops import launch
from leadroom.ops.holders import MARKER


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "localhost", "::1"])
def test_loopback_needs_neither_tls_nor_password(host: str) -> None:
    launch.check_can_bind(host, public_url="http://127.0.0.1:8000", has_password=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.4", "leadroom.example", "::", ""])
def test_other_addresses_need_both(host: str) -> None:
    with pytest.raises(NotPermitted, match="LEADROOM_PUBLIC_URL=https"):
        launch.check_can_bind(host, public_url="http://leadroom.example", has_password=True)
    with pytest.raises(NotPermitted, match="createsuperuser"):
        launch.check_can_bind(host, public_url="https://leadroom.example", has_password=False)
    launch.check_can_bind(host, public_url="https://leadroom.example", has_password=True)


def test_a_taken_port_names_the_next_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"Port {port} on 127.0.0.1 is taken.*LEADROOM_PORT={port + 1}"):
            launch.listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(NotPermitted, match=f"LEADROOM_HOST={host}"):
        launch.listen(host, 0)


def test_a_reserved_port_is_refused_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reserved(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", Reserved)  # root may bind every port, so the kernel cannot be asked
    with pytest.raises(NotPermitted, match=r"reserved.*8001"):
        launch.listen("127.0.0.1", 80)


def test_the_rehearsal_keeps_its_port_while_it_is_free(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    first = launch.choose_rehearsal_port(tmp_path)
    assert launch.choose_rehearsal_port(tmp_path) == first
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        second = launch.choose_rehearsal_port(tmp_path)
    assert second != first
    assert launch.choose_rehearsal_port(tmp_path) == second


@pytest.mark.parametrize("note", ["", "x", "99999999", "-1"])
def test_a_damaged_note_of_the_port_is_ignored(tmp_path: Path, note: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "rehearsal.port").write_text(note)
    assert 0 < launch.choose_rehearsal_port(tmp_path) < 65536


def make_plan(home: Path, **changes: object) -> launch.Plan:
    fields = {
        "home": home,
        "host": "127.0.0.1",
        "port": 8000,
        "host_name": "desk",
        "redis_url": f"unix://{home}/broker/valkey.sock",
        "broker_socket": home / "broker" / "valkey.sock",
        "rehearsal_url": "http://127.0.0.1:9",
        "rehearsal_port": 9,
    }
    return launch.Plan(**{**fields, **changes})  # type: ignore[arg-type]


def test_children_agree_on_home_broker_and_ports_whatever_the_caller_had(tmp_path: Path) -> None:
    env = launch.child_environment(make_plan(tmp_path), {"PATH": "/bin", "LEADROOM_HOME": "~/elsewhere"})
    assert env["LEADROOM_HOME"] == str(tmp_path)
    assert env["REDIS_URL"] == f"unix://{tmp_path}/broker/valkey.sock"
    assert env["LEADROOM_REHEARSAL_URL"] == "http://127.0.0.1:9"
    assert (env["PATH"], env[MARKER]) == ("/bin", "1")


def test_nothing_is_embedded_when_servers_are_named(tmp_path: Path) -> None:
    assert launch.broker_spec(make_plan(tmp_path, broker_socket=None)) == []
    assert launch.rehearsal_spec(make_plan(tmp_path, rehearsal_port=None)) == []
    assert not (tmp_path / "broker").exists()


def test_the_worker_takes_the_queue_of_its_host(tmp_path: Path) -> None:
    with socket.socket() as listener:
        worker = next(s for s in launch.house_specs(make_plan(tmp_path), listener) if s.name == "worker")
    assert "celery,host.desk" in worker.argv
