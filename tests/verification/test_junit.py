"""Results per case from a file that hostile code could have written."""

import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadroom.lib.junitxml import SIZE_LIMIT
from leadroom.testplans.checks import NODE_ID
from leadroom.verification.actions import Result
from leadroom.verification.bench import PYTEST_OPTIONS
from leadroom.verification.enums import Outcome
from leadroom.verification.junit import MESSAGE_LIMIT, read_results

NODE = "tests/test_x.py::test_y"


def case(inside: str = "", *, classname: str = "tests.test_x", name: str = "test_y", time: str = "0.5") -> str:
    attributes = f"classname={quoteattr(classname)} name={quoteattr(name)} time={quoteattr(time)}"
    return f"<testcase {attributes}>{inside}</testcase>"


def suite(*cases: str) -> bytes:
    inside = "".join(cases)
    return f'<?xml version="1.0"?><testsuites><testsuite name="pytest">{inside}</testsuite></testsuites>'.encode()


def result(*cases: str, node: str = NODE) -> Result:
    return read_results(suite(*cases), [node])[node]


@pytest.mark.parametrize(
    ("inside", "outcome", "message"),
    [
        ("", Outcome.PASSED, ""),
        ("<system-out>all is well</system-out>", Outcome.PASSED, ""),
        ('<failure message="assert 3 == 4">the trace</failure>', Outcome.FAILED, "assert 3 == 4\nthe trace"),
        ('<error message="fixture broke">trace</error>', Outcome.ERROR, "fixture broke\ntrace"),
        ('<skipped message="not today" />', Outcome.SKIPPED, "not today"),
        ('<failure message="f" /><error message="at teardown" />', Outcome.ERROR, "at teardown"),
        ('<error message="at teardown" /><failure message="f" />', Outcome.ERROR, "at teardown"),
        ('<skipped message="s" /><failure message="f" />', Outcome.FAILED, "f"),
    ],
)
def test_the_worst_of_what_is_said_of_a_case_counts(inside: str, outcome: Outcome, message: str) -> None:
    assert result(case(inside)) == Result(outcome, 0.5, message)


def test_a_test_named_without_brackets_stands_for_all_its_variants() -> None:
    passed, failed = case(name="test_y[1]"), case('<failure message="2" />', name="test_y[2-[x]]")
    assert result(passed, case(name="test_y[a b]")) == Result(Outcome.PASSED, 1.0, "")
    assert result(passed, failed, passed) == Result(Outcome.FAILED, 1.5, "2")
    assert result(passed, case("<skipped />", name="test_y[2]")).outcome == Outcome.SKIPPED


def test_a_variant_named_with_its_brackets_is_that_one_alone() -> None:
    wanted = f"{NODE}[1]"
    both = suite(case(name="test_y[1]"), case('<failure message="2" />', name="test_y[2]"))
    assert read_results(both, [wanted]) == {wanted: Result(Outcome.PASSED, 0.5, "")}
    found = read_results(both, [wanted, NODE])
    assert (found[wanted].outcome, found[NODE].outcome) == (Outcome.PASSED, Outcome.FAILED)


def test_a_case_reported_twice_passed_only_when_it_passed_twice() -> None:
    """A forged line beside the true one does not help."""
    assert result(case(), case('<failure message="no" />')).outcome == Outcome.FAILED


def test_suites_may_hold_suites() -> None:
    xml = f'<testsuites><testsuite name="a"><testsuite name="b">{case()}</testsuite></testsuite></testsuites>'
    assert read_results(xml.encode(), [NODE])[NODE].outcome == Outcome.PASSED
    assert read_results(f'<testsuite name="a">{case()}</testsuite>'.encode(), [NODE])[NODE].outcome == Outcome.PASSED


@pytest.mark.parametrize(
    "other",
    [
        case(classname="tests.test_z"),
        case(name="test_yy"),
        case(classname="other.tests.test_x"),
        case(classname="tests.test_x.TestA"),
        '<testcase name="test_y" />',
        '<testcase classname="tests.test_x" />',
        "",
    ],
)
def test_what_is_not_reported_is_absent_and_never_passed(other: str) -> None:
    assert read_results(suite(other), [NODE]) == {}


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (b"", "not JUnit XML"),
        (b"PASSED", "not JUnit XML"),
        (b"<html><body>ok</body></html>", "not JUnit XML"),
        (suite(case())[:-20], "not JUnit XML"),
        (b"\xff\xfe\x00", "not JUnit XML"),
        (b"<!DOCTYPE testsuites []>" + suite(case()), "document type"),
        (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><testsuites/>', "document type"),
        (b"<!--" + b" " * 5_000 + b'--><!DOCTYPE x [<!ENTITY a "aaaa">]><testsuite/>', "document type"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><testsuite/>'.encode("utf-16"), "document type"),
        (b'<?xml version="1.0" encoding="nonsense"?><testsuite/>', "not JUnit XML"),
        (suite(case(time="soon")), "could not convert"),
        (b" " * (SIZE_LIMIT + 1), "the results have 20,000,001 bytes; 20,000,000 is the limit"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_whole(xml: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_results(xml, [NODE])


@pytest.mark.parametrize("time", ["-5", "1e300", "nan", "inf", ""])
def test_nonsense_for_a_duration_does_no_harm(time: str) -> None:
    assert result(case(time=time)) == Result(Outcome.PASSED, 0.0, "")


def test_long_messages_are_cut() -> None:
    assert len(result(case(f'<failure message="{"x" * 90_000}" />')).message) == MESSAGE_LIMIT


PART = st.text("abcdefgtuvw_-012", min_size=1, max_size=6).filter(lambda s: not s.startswith("-"))
WORD = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True)
NODES = st.builds(
    lambda folders, file, classes, test: "::".join(["/".join([*folders, f"{file}.py"]), *classes, f"test_{test}"]),
    st.lists(PART, max_size=3),
    PART,
    st.lists(WORD.map(lambda s: f"Test{s}"), max_size=2),
    WORD,
)


def as_pytest_names_it(node_id: str) -> tuple[str, str]:
    """Class name and name as `_pytest.junitxml.mangle_test_address` writes them."""
    path, *names = node_id.split("::")
    return ".".join([path.replace("/", ".").removesuffix(".py"), *names[:-1]]), names[-1]


@given(st.lists(NODES, min_size=1, max_size=5, unique_by=as_pytest_names_it))
def test_every_node_id_finds_its_own_result(nodes: list[str]) -> None:
    cases = []
    for number, node in enumerate(nodes):
        assert NODE_ID.fullmatch(node)
        classname, name = as_pytest_names_it(node)
        cases.append(case(f'<failure message="{number}" />' if number % 2 else "", classname=classname, name=name))
    found = read_results(suite(*cases), nodes)
    assert {node: found[node].outcome for node in nodes} == {
        node: Outcome.FAILED if number % 2 else Outcome.PASSED for number, node in enumerate(nodes)
    }


def test_what_pytest_itself_writes_is_found(tmp_path: Path) -> None:
    """Folders, classes, parameters, and a pytest.ini of a folder, as in repositories of several packages."""
    folder = tmp_path / "packages" / "shop-1" / "tests"
    folder.mkdir(parents=True)
    (folder.parent / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_shop.py").write_text(
        "import pytest\n"
        "class TestTotal:\n"
        "    class TestInner:\n"
        "        def test_sum(self): pass\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_n(n): assert n == 1\n"
        "@pytest.mark.skip\n"
        "def test_later(): pass\n"
        "@pytest.fixture\n"
        "def broken(): raise OSError\n"
        "def test_broken(broken): pass\n"
    )
    stem = "packages/shop-1/tests/test_shop.py"
    wanted = {
        f"{stem}::TestTotal::TestInner::test_sum": Outcome.PASSED,
        f"{stem}::test_n": Outcome.FAILED,
        f"{stem}::test_n[1]": Outcome.PASSED,
        f"{stem}::test_later": Outcome.SKIPPED,
        f"{stem}::test_broken": Outcome.ERROR,
    }
    argv = [sys.executable, "-m", "pytest", *PYTEST_OPTIONS, "--junitxml=out.xml", *wanted]
    subprocess.run(argv, cwd=tmp_path, env={"PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, capture_output=True)
    found = read_results((tmp_path / "out.xml").read_bytes(), wanted)
    assert {node: result.outcome for node, result in found.items()} == wanted
