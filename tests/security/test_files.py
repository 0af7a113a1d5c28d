"""What lies on the disk is this user's alone: a new home, one that was there before, and a running house's."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import ROOT, running_program

pytestmark = pytest.mark.security
SHOW = "from django.conf import settings; print(settings.HOME_DIR)"
PUBLIC = {"merge_ed25519.pub", "allowed_signers"}
"""Made to be read; they lie in a folder that only their owner enters."""


def open_to_others(path: Path) -> bool:
    return bool(path.lstat().st_mode & 0o077) and not path.is_symlink()


def start(home: Path, **extra: str) -> "subprocess.CompletedProcess[str]":
    """What importing the settings does to a home, under the laxest umask."""
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    code = f"import os; os.umask(0)\nimport django; django.setup()\n{SHOW}"
    env |= {"LEADROOM_HOME": str(home), "DJANGO_SETTINGS_MODULE": "leadroom.settings", **extra}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)


def test_a_new_home_is_private(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    start(home)
    assert sorted(path.name for path in home.iterdir()) == [
        "db.sqlite3",
        "keys",
        "log",
        "projects",
        "run",
        "secret.key",
    ]
    assert [path for path in (home, *home.rglob("*")) if open_to_others(path)] == []


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o750])
def test_an_empty_folder_made_beforehand_becomes_private(tmp_path: Path, mode: int) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(mode)
    start(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [path for path in home.rglob("*") if open_to_others(path)] == []


def test_a_home_that_was_opened_is_closed_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    start(home)
    for path in (home, home / "log", home / "keys", home / "projects", home / "run", home / "db.sqlite3"):
        path.chmod(0o777)
    start(home)
    assert [path for path in (home, *home.rglob("*")) if open_to_others(path)] == []


def test_a_folder_of_other_things_stays_as_it_is_but_hides_ours(tmp_path: Path) -> None:
    home = tmp_path / "shared"
    home.mkdir()
    home.chmod(0o755)
    (home / "theirs.txt").write_text("not ours")
    (home / "theirs.txt").chmod(0o644)
    start(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o755
    assert [path.name for path in home.rglob("*") if open_to_others(path)] == ["theirs.txt"]


def test_a_running_house_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    with running_program(tmp_path, LEADROOM_DEMO="1", REHEARSAL_PACE="0") as program:
        home = program.home
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        inside = [path for path in home.iterdir() if path.name != "rehearsal"]
        assert {"run", "log", "keys", "projects", "secret.key"} <= {path.name for path in inside}
        assert [path for path in inside if open_to_others(path) and path.name not in ("gitconfig", "rehearsal")] == []
        keys = [path for path in (home / "keys").iterdir() if path.name not in PUBLIC]
        sockets = [path for path in home.rglob("*") if path.is_socket()]
        assert [path for path in (*keys, *sockets) if open_to_others(path)] == []
