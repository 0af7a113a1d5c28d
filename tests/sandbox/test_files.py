"""The file tools: what an agent gets for right, wrong and hostile requests."""

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadroom.lib.errors import BadInput
from leadroom.sandbox.files import MALFORMED, ToolOutcome, file_tool, parse_answer
from leadroom.sandbox.profiles import tree_profile


def tool(tree: Path, operation: str, *, is_writable: bool = True, **arguments: Any) -> ToolOutcome:
    return asyncio.run(file_tool(tree_profile(tree, is_writable=is_writable), operation, arguments))


def test_read_numbers_lines_and_says_how_many_remain(tree: Path) -> None:
    assert tool(tree, "read", path="hello.txt") == ToolOutcome(
        False, "     1\tone\n     2\ttwo\n     3\tthree", ("hello.txt",)
    )
    part = tool(tree, "read", path="hello.txt", offset=2, limit=1)
    assert part.text == "     2\ttwo\n… 1 more lines; read on with offset 3."
    late = tool(tree, "read", path="hello.txt", offset=9)
    assert late.is_error
    assert "has 3 lines" in late.text


def test_read_takes_the_absolute_path_an_agent_sees_inside(tree: Path) -> None:
    assert tool(tree, "read", path="/work/trees/run-1/hello.txt").paths == ("hello.txt",)


def test_a_folder_is_listed(tree: Path) -> None:
    (tree / "link").symlink_to("hello.txt")
    listing = tool(tree, "read", path=".")
    assert listing.text.splitlines() == [".git/", "hello.txt  (14 bytes)", "link  (symbolic link)", "pkg/"]


def test_odd_files_are_named_and_not_opened(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(tree)
        server.bind("sock")
        os.chdir(here)
    (tree / "binary").write_bytes(b"a\0b")
    (tree / "huge").write_bytes(b"x" * 2_200_000)
    for name, said in (
        ("pipe", "not a regular file but a pipe"),
        ("sock", "a socket"),
        ("binary", "is a binary file"),
        ("huge", "2,200,000 bytes and files over"),
        ("nothing", "does not exist"),
        ("hello.txt/x", "a part of its path is a file"),
    ):
        outcome = tool(tree, "read", path=name)
        assert outcome.is_error, name
        assert said in outcome.text, name


ESCAPES = (
    "../../control.git/HEAD",
    "/etc/passwd",
    "out",
    "out/passwd",
    "deep",
    "root/etc/passwd",
    "pkg/../../x",
)


@pytest.mark.parametrize("path", ESCAPES)
@pytest.mark.parametrize("operation", ["read", "write", "edit", "search"])
def test_paths_out_of_the_tree_are_refused_by_name(tree: Path, operation: str, path: str) -> None:
    (tree / "out").symlink_to("/etc")
    (tree / "deep").symlink_to("../../../../../../etc/passwd")
    (tree / "root").symlink_to("/proc/self/root")
    more = {"write": {"text": "x"}, "edit": {"old_text": "a", "new_text": "b"}, "search": {"pattern": "x"}}
    outcome = tool(tree, operation, path=path, **more.get(operation, {}))
    assert outcome.is_error
    assert f"paths must stay inside the working tree; {path} points to " in outcome.text


def test_edit_replaces_one_match_keeps_the_mode_and_shows_the_change(tree: Path) -> None:
    (tree / "hello.txt").chmod(0o755)
    outcome = tool(tree, "edit", path="hello.txt", old_text="two", new_text="2")
    assert not outcome.is_error
    assert outcome.paths == ("hello.txt",)
    assert outcome.diff == "--- a/hello.txt\n+++ b/hello.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
    assert (tree / "hello.txt").read_text() == "one\n2\nthree\n"
    assert stat.S_IMODE((tree / "hello.txt").stat().st_mode) == 0o755
    assert sorted(path.name for path in tree.iterdir()) == [".git", "hello.txt", "pkg"]


def test_edit_says_how_many_matches_there_are_or_what_is_near(tree: Path) -> None:
    (tree / "twice.txt").write_text("same\nother\nsame\n")
    twice = tool(tree, "edit", path="twice.txt", old_text="same", new_text="new")
    assert twice.is_error
    assert "2 times (lines 1, 3); nothing was changed" in twice.text
    everywhere = tool(tree, "edit", path="twice.txt", old_text="same", new_text="new", replace_all=True)
    assert everywhere.text == "Replaced 2 times in twice.txt."
    assert (tree / "twice.txt").read_text() == "new\nother\nnew\n"
    none = tool(tree, "edit", path="pkg/code.py", old_text="  return 42", new_text="x")
    assert none.is_error
    assert "is not in pkg/code.py" in none.text
    assert "line 2:     return 41" in none.text


def test_edit_keeps_windows_line_ends(tree: Path) -> None:
    (tree / "dos.txt").write_bytes(b"a\r\nb\r\nc\r\n")
    assert not tool(tree, "edit", path="dos.txt", old_text="a\nb", new_text="A\nB").is_error
    assert (tree / "dos.txt").read_bytes() == b"A\r\nB\r\nc\r\n"


def test_write_creates_folders_and_replaces_through_a_link_inside(tree: Path) -> None:
    made = tool(tree, "write", path="new/deep/file.py", text="x = 1")
    assert made.diff == ("--- /dev/null\n+++ b/new/deep/file.py\n@@ -0,0 +1 @@\n+x = 1\n\\ No newline at end of file\n")
    assert (tree / "new/deep/file.py").read_text() == "x = 1"
    (tree / "alias").symlink_to("hello.txt")
    assert tool(tree, "write", path="alias", text="changed\n").paths == ("hello.txt",)
    assert (tree / "hello.txt").read_text() == "changed\n"
    assert (tree / "alias").is_symlink()


@pytest.mark.parametrize("path", [".git/hooks/pre-commit", ".git", "sub/.git/config", ".GIT/config"])
def test_nothing_of_git_is_written(tree: Path, path: str) -> None:
    profile = tree_profile(tree, is_writable=True, is_git_writable=True)
    outcome = asyncio.run(file_tool(profile, "write", {"path": path, "text": "#!/bin/sh\n"}))
    assert outcome.is_error
    assert not (tree / ".git/hooks/pre-commit").exists()
    assert not (tree / "sub").exists()


def test_a_read_only_tree_says_so(tree: Path) -> None:
    for path in ("hello.txt", "new.txt", "new/deep.txt"):
        outcome = tool(tree, "write", is_writable=False, path=path, text="x")
        assert outcome.is_error
        assert "read-only" in outcome.text
    assert (tree / "hello.txt").read_text() == "one\ntwo\nthree\n"


def test_a_large_difference_is_cut(tree: Path) -> None:
    before = "".join(f"line {n}\n" for n in range(3000))
    (tree / "long.txt").write_text(before)
    outcome = tool(tree, "write", path="long.txt", text=before.replace("line", "row"))
    assert len(outcome.diff) < 21_000
    assert "more characters of this difference are left out" in outcome.diff
    huge = "".join(f"{n}\n" for n in range(200_000))
    many = tool(tree, "write", path="long.txt", text=huge).diff
    assert "3,000 lines became 200,000, too many to compare; they differ from line 1" in many


def test_search_finds_lines_by_pattern_path_and_glob(tree: Path) -> None:
    (tree / "binary").write_bytes(b"return\0return")
    found = tool(tree, "search", pattern=r"return \d+|three")
    assert found.text.splitlines() == ["hello.txt:3: three", "pkg/code.py:2:     return 41"]
    assert found.paths == ("hello.txt", "pkg/code.py")
    assert tool(tree, "search", pattern="e", glob="**/*.py", path="pkg").paths == ("pkg/code.py",)
    assert tool(tree, "search", pattern="e", glob="*.txt").paths == ("hello.txt",)
    assert tool(tree, "search", pattern="ref: ").text == "No line matches."
    assert tool(tree, "search", pattern="(").is_error


def test_search_is_capped_and_says_so(tree: Path) -> None:
    (tree / "many.txt").write_text("hit\n" * 1000)
    lines = tool(tree, "search", pattern="hit").text.splitlines()
    assert len(lines) == 201
    assert lines[-1] == "… 800 more matching lines; narrow the pattern, path or glob."


def test_a_catastrophic_pattern_is_stopped(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "trap.txt").write_text("a" * 60 + "!\n")
    monkeypatch.setattr("leadroom.sandbox.files.TIMEOUT_SECONDS", 1.5)
    outcome = tool(tree, "search", pattern=r"^(a+)+$")
    assert outcome.is_error
    assert "stopped after" in outcome.text


def test_a_search_that_takes_too_long_gives_what_it_has(tree: Path) -> None:
    (tree / "a.txt").write_text("aaa\n")
    (tree / "trap.txt").write_text("a" * 60 + "!\n")
    script = (
        "import json; from leadroom.sandbox.inside import searching; searching.SEARCH_SECONDS = 1;"
        "print(json.dumps(searching.search({'pattern': '^(a+)+$'})))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], cwd=tree, env=env, capture_output=True, check=True)
    outcome = parse_answer(done.stdout)
    assert outcome.is_error
    assert outcome.text.splitlines()[0] == "a.txt:1: aaa"
    assert "stopped after 1 s" in outcome.text


def test_wrong_arguments_are_explained(tree: Path) -> None:
    for arguments, said in (
        ({}, "`path` is missing"),
        ({"path": 7}, "`path` must be a text"),
        ({"path": "a\0b"}, "`path` must name"),
        ({"path": ""}, "`path` must name"),
        ({"path": "x" * 5000}, "too long"),
        ({"path": "\ud800"}, "half a character"),
        ({"path": "hello.txt", "offset": "two"}, "`offset` must be a number"),
        ({"path": "hello.txt", "limit": True}, "`limit` must be a number"),
    ):
        outcome = tool(tree, "read", **arguments)
        assert outcome.is_error
        assert said in outcome.text
    with pytest.raises(BadInput):
        tool(tree, "delete", path="hello.txt")


def test_a_file_name_of_odd_bytes_is_listed_as_text(tree: Path) -> None:
    (tree / os.fsdecode(b"caf\xe9.txt")).write_text("here\n")
    assert "caf\ufffd.txt" in tool(tree, "read", path=".").text
    assert tool(tree, "search", pattern="here").text == "caf\ufffd.txt:1: here"


GOOD = {"is_error": False, "text": "t", "paths": ["a"], "diff": ""}


def test_an_answer_of_the_right_shape_is_taken() -> None:
    assert parse_answer(json.dumps(GOOD).encode()) == ToolOutcome(False, "t", ("a",), "")


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"{", b"[]", b"[" * 100_000, b"\xff", b"null",
        *(
            json.dumps(GOOD | change).encode()
            for change in (
                {"is_error": 0}, {"text": None}, {"paths": "a"}, {"paths": [1]}, {"diff": []}, {"more": 1},
                {"paths": ["a"] * 1000}, {"text": "x" * 300_000}, {"paths": ["x" * 5000]},
            )
        ),
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_an_error_outcome(wrong: bytes) -> None:
    assert parse_answer(wrong) == ToolOutcome(True, MALFORMED)


KEYS = st.sampled_from(["is_error", "text", "paths", "diff"]) | st.text()
LEAVES = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
@settings(max_examples=100, deadline=None, database=None)
def test_no_answer_can_break_the_host(value: Any) -> None:
    outcome = parse_answer(json.dumps(value).encode())
    outcome.text.encode()
    assert isinstance(outcome.is_error, bool)
