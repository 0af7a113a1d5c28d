import os
import socket
from pathlib import Path

from leadroom.lib.paths import SUN_PATH_LIMIT, broker_socket


def test_the_socket_lies_in_the_data_folder_when_the_kernel_takes_the_path() -> None:
    assert broker_socket(Path("/srv/leadroom")) == Path("/srv/leadroom/broker/valkey.sock")


def test_the_longest_path_that_stays_can_really_be_bound(tmp_path: Path) -> None:
    room = SUN_PATH_LIMIT - len(os.fsencode(tmp_path / "broker" / "valkey.sock")) - 1
    longest, too_long = tmp_path / ("é" * (room // 2) + "x" * (room % 2)), tmp_path / ("é" * (room // 2 + 1))
    inside = broker_socket(longest)
    assert inside.is_relative_to(longest)
    inside.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(inside))
    assert not broker_socket(too_long).is_relative_to(tmp_path)


def test_a_long_path_has_one_short_place_of_its_own() -> None:
    one, other = Path("/srv/" + "a" * 200), Path("/srv/" + "b" * 200)
    assert broker_socket(one) == broker_socket(one)
    assert broker_socket(one) != broker_socket(other)
    assert len(os.fsencode(broker_socket(one))) <= SUN_PATH_LIMIT
    assert str(os.getuid()) in str(broker_socket(one))
