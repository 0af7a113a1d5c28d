"""Tests that lie, quit, forge and reach about: what a verification makes of them."""

import pytest

from leadroom.verification.enums import VerificationState
from tests.support.stage import Stage
from tests.verification.bench import outcomes, request, verify

QUITTERS = {
    "sys.exit(0)": "import sys; sys.exit(0)",
    "os._exit(0)": "import os; os._exit(0)",
    "os._exit(5)": "import os; os._exit(5)",
    "a signal": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "pytest.exit": "import pytest; pytest.exit('enough', returncode=0)",
    "a skip in mid-test": "import pytest; pytest.skip('not today')",
}


@pytest.mark.parametrize("quit", list(QUITTERS.values()), ids=list(QUITTERS))
def test_a_test_that_ends_the_process_is_not_passed_and_takes_no_other_with_it(stage: Stage, quit: str) -> None:
    verification = request(
        stage,
        {"U-001": "test_quits", "U-002": "test_after"},
        tests__test_it_py=f"def test_quits():\n    {quit}\n\n\ndef test_after():\n    assert True\n",
    )
    found = outcomes(verify(stage, verification))
    assert found["U-001"] != "passed"
    assert found["U-002"] == "passed"
    assert verification.state == VerificationState.FAILED


def test_nothing_is_written_outside_the_tree(stage: Stage) -> None:
    text = """
import os, pathlib

def test_writes_about():
    written = []
    for place in ("/work/evil", "../evil", "../../evil", "../../control.git/objects/evil", "/etc/evil"):
        try:
            pathlib.Path(place).write_text("x")
            written.append(place)
        except OSError:
            pass
    assert not [p for p in written if "control.git" in p or p.startswith("/etc")], written
"""
    verification = request(stage, {"U-001": "test_writes_about"}, tests__test_it_py=text)
    before = stage.source.digest()
    results = verify(stage, verification)
    assert outcomes(results) == {"U-001": "passed"}, results["U-001"].message
    assert stage.source.digest() == before
    assert not [path for path in stage.home.parent.rglob("evil")]


FORGED = """
JUNIT = '''<testsuites><testsuite name="x" tests="2">
<testcase classname="tests.test_it" name="test_cheats" time="0.1"/>
<testcase classname="tests.test_it" name="test_honest" time="0.1"/>
</testsuite></testsuites>'''


def forge():
    import pathlib
    pathlib.Path("/work/out/junit.xml").write_text(JUNIT)


def test_honest():
    assert False, "honestly red"
"""
_LEAVE = "    import os\n    {}\n    os._exit(0)\n"
CHEATS = {
    "and leaves with a failure": "def test_cheats():\n    import os\n    forge()\n    os._exit(1)\n",
    "and leaves with an odd status": "def test_cheats():\n    import os\n    forge()\n    os._exit(3)\n",
    "at the end": "def test_cheats():\n    import atexit\n    atexit.register(forge)\n    assert False\n",
    "as a folder": "def test_cheats():\n" + _LEAVE.format("os.mkdir('/work/out/junit.xml')"),
    "as a pipe": "def test_cheats():\n" + _LEAVE.format("os.mkfifo('/work/out/junit.xml')"),
    "as a link": "def test_cheats():\n" + _LEAVE.format("os.symlink('/etc/passwd', '/work/out/junit.xml')"),
    "as rubbish": "def test_cheats():\n" + _LEAVE.format("open('/work/out/junit.xml', 'w').write('<a>')"),
    "as a giant": "def test_cheats():\n" + _LEAVE.format("open('/work/out/junit.xml', 'w').truncate(1_900_000_000)"),
}


@pytest.mark.parametrize("cheat", list(CHEATS.values()), ids=list(CHEATS))
def test_results_a_test_wrote_itself_are_not_believed(stage: Stage, cheat: str) -> None:
    verification = request(
        stage, {"U-001": "test_cheats", "U-002": "test_honest"}, tests__test_it_py=FORGED + "\n\n" + cheat
    )
    results = verify(stage, verification)
    assert verification.state == VerificationState.FAILED
    assert outcomes(results)["U-001"] != "passed"
    assert outcomes(results)["U-002"] != "passed"


def test_a_pytest_of_the_repositorys_own_does_not_take_the_runners_place(stage: Stage) -> None:
    fake = """
import pathlib
def main(argv=None):
    case = '<testcase classname="tests.test_it" name="test_bad"/>'
    pathlib.Path("/work/out/junit.xml").write_text(f'<testsuites><testsuite name="x">{case}</testsuite></testsuites>')
    return 0
if __name__ == "__main__":
    raise SystemExit(main())
"""
    verification = request(
        stage,
        {"U-001": "test_bad"},
        pytest_py=fake,
        sitecustomize_py="raise SystemExit(0)\n",
        tests__test_it_py="def test_bad():\n    assert False\n",
    )
    assert outcomes(verify(stage, verification)) == {"U-001": "failed"}


def test_hooks_and_settings_around_the_tree_do_not_run(stage: Stage) -> None:
    canary = stage.home.parent / "canary"
    for name in ("post-checkout", "post-commit", "reference-transaction"):
        hook = stage.source.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
        hook.chmod(0o755)
    verification = request(stage, {"U-001": "test_good"}, tests__test_it_py="def test_good():\n    assert True\n")
    canary.unlink(missing_ok=True)  # the owner's own commit ran the owner's own hooks
    trees = stage.project.folder / "trees"
    trees.mkdir(exist_ok=True)
    for folder in (trees, stage.project.folder, stage.home):
        (folder / "conftest.py").write_text(f"open({str(canary)!r}, 'w')\nraise RuntimeError('from outside')\n")
        (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    results = verify(stage, verification)
    assert outcomes(results) == {"U-001": "passed"}, verification.output
    assert not canary.exists()
