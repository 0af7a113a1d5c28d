"""What is recognised as irreversible, said in words, and what is left alone."""

import pytest

from leadroom.guardrails.enums import PatternKind
from leadroom.guardrails.irreversible import HIDDEN, OwnPattern, blast_radius, of_command, runs_tests, scripts_of


def radius(command: str, *, scripts: dict[str, str] | None = None, own: tuple[OwnPattern, ...] = ()) -> tuple[str, ...]:
    given = {"command": command}
    return blast_radius(tool="run_command", tool_kind="execute", given=given, scripts=scripts or {}, own=own)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("git push --force origin main", "overwrites or deletes a branch"),
        ("git push origin +main", "overwrites or deletes a branch"),
        ("git -C x -c a=b push -f", "overwrites or deletes a branch"),
        ("git push origin main", "publishes commits to another repository"),
        ("git commit --amend -m x", "loses commits"),
        ("git rebase -i HEAD~3", "rewrites history"),
        ("rm -rf data", "deletes everything under data"),
        ("rm *.csv", "deletes everything under *.csv"),
        ("find . -name '*.py' -delete", "deletes every file that a search finds"),
        ("python manage.py migrate", "migrates or empties a database"),
        ("twine upload dist/*", "publishes a package"),
        ("curl -X DELETE http://api/users/1", "writes to another system"),
        ("psql -c 'DROP TABLE users, orders, items'", "deletes 3 tables items, orders, users"),
        ("sqlite3 app.db 'delete from users'", "deletes every row of a table"),
        ("stripe payouts create --amount 100", "may move money"),
    ],
)
def test_a_telling_command_is_said_in_words(command: str, words: str) -> None:
    assert words in radius(command)


@pytest.mark.parametrize(
    "command",
    [
        "sh -c 'rm -rf data'",
        "bash -lc \"cd x && sh -c 'rm -rf data'\"",
        "FOO=1 sudo env -i timeout 5 rm -rf data",
        "true; false || rm -rf data",
        "echo $(rm -rf data)",
        "alias x='rm -rf data'; x",
        "bash <<'EOF'\nrm -rf data\nEOF",
        "eval 'rm -rf data'",
        "cat <<EOF | sh\nrm -rf data\nEOF",
    ],
)
def test_it_is_found_however_the_shell_wraps_it(command: str) -> None:
    assert "deletes everything under data" in radius(command)


@pytest.mark.parametrize(
    "command",
    [
        "echo cm0gLXJmIGRhdGE= | base64 -d | sh",
        'eval "$(cat x)"',
        "$CMD -rf /",
        "python -c \"import base64; exec(base64.b64decode('cHJpbnQoMSk='))\"",
        "echo 'an open quote",
        'sh -c "sh -c \\"sh -c \'sh -c \\\\\\"sh -c x\\\\\\"\'\\""',
    ],
)
def test_what_hides_what_it_runs_counts_as_irreversible(command: str) -> None:
    assert HIDDEN in radius(command)


@pytest.mark.parametrize(
    "command",
    [
        "python -m pytest -q",
        "rm -rf build __pycache__ .pytest_cache",
        "git status && git log -3",
        "grep -rn 'DROP TABLE' src",
        "cat > notes.txt <<EOF\nrm -rf data\nEOF",
        "make test",
        "sed -i s/a/b/ x.py",
    ],
)
def test_everyday_work_is_left_alone(command: str) -> None:
    assert radius(command) == ()


def test_a_script_is_read_before_it_runs() -> None:
    assert scripts_of("sh tools/clean.sh && ./deploy && python -m pytest") == ("tools/clean.sh", "deploy")
    assert radius("sh clean.sh", scripts={"clean.sh": "set -e\nrm -rf data\n"}) == (
        "deletes everything under data (in clean.sh)",
    )
    code = {"drop.py": "import shutil\nshutil.rmtree('data')\n"}
    assert radius("python drop.py", scripts=code) == ("deletes files (in drop.py)",)
    assert scripts_of("sh ../../etc/x") == ()


def test_a_projects_own_patterns_by_tool_command_and_path() -> None:
    own = (
        OwnPattern(PatternKind.COMMAND, "make release*", "publishes a release"),
        OwnPattern(PatternKind.PATH, "migrations/*", "changes the schema"),
        OwnPattern(PatternKind.TOOL, "write_*", "replaces a file"),
    )
    assert radius("make release VERSION=2", own=own) == ("publishes a release",)
    written = blast_radius(
        tool="write_file", tool_kind="edit", given={"path": "migrations/0002.py"}, scripts={}, own=own
    )
    assert written == ("replaces a file", "changes the schema: migrations/0002.py")


def test_deletes_moves_and_keys_are_irreversible_by_tool_and_path() -> None:
    assert blast_radius(tool="x", tool_kind="delete", given={}, scripts={}) == ("deletes a file",)
    given = {"path": "conf/server.pem"}
    assert blast_radius(tool="edit_file", tool_kind="edit", given=given, scripts={}) == (
        "overwrites a key or certificate: conf/server.pem",
    )


@pytest.mark.parametrize("command", ["pytest -q", "python -m pytest tests", "npm test", "cd x && make check"])
def test_a_test_run_is_one_by_its_program(command: str) -> None:
    assert runs_tests(command)


@pytest.mark.parametrize("command", ["echo 3 passed", "printf pytest", "ls tests"])
def test_saying_so_is_no_test_run(command: str) -> None:
    assert not runs_tests(command)


def test_a_monstrous_command_line_ends_quickly_and_is_not_trusted() -> None:
    assert of_command("echo " + "$(" * 500 + ")" * 500) in ([], [HIDDEN])
