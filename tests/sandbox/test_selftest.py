"""The self-test holds here, is quick, and notices a sandbox that does not hold."""

import time
from pathlib import Path

import pytest

from leadroom.sandbox import bwrap, selftest
from leadroom.sandbox.selftest import check_isolation

NAMES = {
    "starts", "files", "read_only", "kernel", "network", "namespaces", "processes", "environment", "user",
}  # fmt: skip


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "_held", None)


@pytest.mark.usefixtures("unproven")
def test_this_machine_isolates_and_the_answer_is_kept() -> None:
    isolation = check_isolation()
    assert {check.name for check in isolation.checks if check.ok} == NAMES
    assert isolation.level == 1
    started = time.perf_counter()
    assert check_isolation() is isolation
    assert time.perf_counter() - started < 0.01


@pytest.mark.usefixtures("unproven")
@pytest.mark.parametrize(
    ("dropped", "failing"),
    [
        ("--unshare-net", {"network", "namespaces"}),
        ("--unshare-ipc", {"namespaces"}),
        ("--clearenv", {"environment"}),
    ],
)
def test_a_weaker_sandbox_is_noticed(dropped: str, failing: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    strict = bwrap._namespaces

    def weaker(*given: object) -> list[str]:
        flags = strict(*given)  # type: ignore[arg-type]
        return [
            *(flag for flag in flags if flag != dropped),
            *(["--setenv", "STRANGE", "1"] * (dropped == "--clearenv")),
        ]

    monkeypatch.setattr(bwrap, "_namespaces", weaker)
    isolation = check_isolation()
    assert isolation.level == 0
    assert failing <= {check.name for check in isolation.checks if not check.ok}
    assert not selftest.is_proven()


@pytest.mark.usefixtures("unproven")
def test_without_bubblewrap_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> str:
        return ""

    monkeypatch.setattr("shutil.which", missing)
    monkeypatch.setattr("os.access", lambda *_: False)
    isolation = check_isolation()
    assert isolation.level == 0
    assert "apt-get install bubblewrap" in isolation.reason


@pytest.mark.usefixtures("unproven")
def test_a_bubblewrap_that_may_not_make_namespaces_is_told_with_its_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(bwrap, "find_binary", lambda: str(refusing))
    isolation = check_isolation()
    assert isolation.level == 0
    assert "No permissions to create a new namespace" in isolation.reason
    assert "unprivileged_userns" in isolation.reason
