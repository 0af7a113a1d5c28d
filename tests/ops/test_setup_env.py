"""The stdlib-only set-up, loaded from a checkout of its own so that it looks after that one."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path("leadroom") / "ops" / "setup_env.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script, a pyproject.toml and constraints.txt, and no environment."""
    target = tmp_path / "checkout"
    (target / SCRIPT).parent.mkdir(parents=True)
    shutil.copy(ROOT / SCRIPT, target / SCRIPT)
    (target / "pyproject.toml").write_text("[project]\nname = 'demo'\nversion = '1'\n")
    (target / "constraints.txt").write_text("pytest==9.2.0\n")
    return target


@pytest.fixture
def setup_env(checkout: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_env_of_checkout", checkout / SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def furnish(module: ModuleType, *, extras: tuple[str, ...] = ()) -> None:
    """Both environments as a finished set-up leaves them."""
    for folder, stamp in (
        (module.VENV, module.fingerprint(*extras)),
        (module.TOOLBOX, module.fingerprint("toolbox")),
    ):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)
        (folder / ".leadroom-stamp").write_text(stamp)


def test_it_runs_on_a_bare_python_with_nothing_installed(checkout: Path) -> None:
    argv = [sys.executable, "-I", "-S", str(checkout / SCRIPT)]
    asked = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert asked.returncode == 2
    assert "setup | run | test" in asked.stdout


def test_a_fresh_environment_is_left_alone(setup_env: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    furnish(setup_env)
    assert setup_env.main(["setup"]) == 0
    assert capsys.readouterr().out == ""


def test_an_environment_for_tests_also_serves_to_run(setup_env: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    furnish(setup_env, extras=("dev",))
    assert setup_env.main(["setup"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_it_is_stale_when_what_it_was_made_from_changes(setup_env: ModuleType, checkout: Path, name: str) -> None:
    before = setup_env.fingerprint()
    with (checkout / name).open("a") as stream:
        stream.write("# changed\n")
    assert setup_env.fingerprint() != before


def test_an_old_python_is_named_with_the_cure(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_env.sys, "version_info", (3, 10, 4))
    assert setup_env.main(["setup"]) == 1
    assert "make run PYTHON=python3.12" in capsys.readouterr().err


def test_debians_missing_venv_is_named_with_the_command(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup_env, "has_venv", lambda: False)
    monkeypatch.setattr(setup_env.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert setup_env.main(["setup"]) == 1
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    command = f"apt-get update && apt-get install -y --no-install-recommends python{version}-venv"
    assert f"sudo sh -c '{command}'" in capsys.readouterr().err


def test_a_missing_browser_is_named_with_the_command_to_those_who_may_not_install(
    setup_env: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_env.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: None if name == "chromium" else f"/usr/bin/{name}")
    with pytest.raises(setup_env.Stop, match=r"install .*chromium"):
        setup_env.install_system_packages()


def test_an_environment_that_was_moved_is_made_anew(setup_env: ModuleType) -> None:
    made = [sys.executable, "-m", "venv", str(setup_env.TOOLBOX)]
    subprocess.run(made, check=True)
    assert setup_env.is_sound(setup_env.TOOLBOX)
    elsewhere = setup_env.TOOLBOX.rename(setup_env.ROOT / "elsewhere")
    assert not setup_env.is_sound(elsewhere)
    assert not setup_env.is_sound(setup_env.TOOLBOX)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("def test_one(): pass\ndef test_two(): pass\n", 0, "2 passed"),
        ("def test_one(): assert False\ndef test_two(): pass\n", 1, "1 failed, 1 passed"),
        ("", 5, "no tests ran"),
    ],
)
def test_a_pass_of_pytest_gives_its_status_and_its_last_line(
    setup_env: ModuleType,
    checkout: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    body: str,
    status: int,
    words: str,
) -> None:
    (checkout / "test_demo.py").write_text(body)
    setup_env.PYTHON = Path(sys.executable)
    arguments = ["-n0", "-p", "no:randomly", "-p", "no:django", "-p", "no:cacheprovider"]
    got, summary = setup_env.run_pytest(arguments, "embedded")
    assert (got, words in summary) == (status, True)
    assert summary.encode() in capfdbinary.readouterr().out


def test_the_build_server_gets_the_status_of_make_test(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\necho "make $*"\nexit 5\n')
    make.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([ROOT / ".ci" / "run"], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (5, "make test\n")
