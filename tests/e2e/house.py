"""A running Leadroom as its machine's owner sees it: commands, rows of the database, files of the data folder."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.support.program import ROOT, Program, running_program, until

DEMO = Path("rehearsal/repositories/evenly")
Row = tuple[Any, ...]

_NEW_ITEM = """
from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.projects.actions import create_item
from leadroom.projects.models import Project
from leadroom.projects.people import first_lead
project = Project.objects.get(is_rehearsal=True)
print(create_item(
    project=project, request={request!r}, title={title!r}, rehearsal_script={script!r}, by=system("test"), now=now(),
    stitch_owner=first_lead(),
).pk)
"""
_CHAIN = """
from leadroom.ledger.queries import check_chain
import json
chain = check_chain()
print(json.dumps([chain.entries, len(chain.breaks)]))
"""
_SIGNATURE = """
from leadroom.projects.models import WorkItem
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.signing import allowed_keys, merge_key
keys = allowed_keys(merge_key().allowed_signers)
print(int(control_of(WorkItem.objects.get(pk={item}).project).verify_commit({commit!r}, allowed=keys)))
"""


class House:
    """One whole program of a test module's own."""

    def __init__(self, program: Program) -> None:
        self.program = program

    @property
    def url(self) -> str:
        return self.program.url

    @property
    def demo_repository(self) -> Path:
        return self.program.home / DEMO

    def manage(self, *arguments: str) -> str:
        """What `manage.py <arguments>` printed. Raises AssertionError when it failed."""
        env = {**self.program.env, "LEADROOM_REHEARSAL_URL": self.program.running()["rehearsal_url"]}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"manage.py {arguments[0]}: {done.stderr}"
        return done.stdout.strip()

    def python(self, source: str) -> str:
        """What the source printed, run with the house's own models."""
        return self.manage("shell", "--no-imports", "--command", source).splitlines()[-1]

    def rows(self, query: str, *values: Any) -> list[Row]:
        """Rows as the database has them, read past the house. `%s` stands for a value."""
        if url := self.program.env.get("DATABASE_URL"):
            with psycopg.connect(url) as database:
                return list(database.execute(query, values))  # type: ignore[call-overload]
        path = self.program.home / "db.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
            return list(database.execute(query.replace("%s", "?"), values))

    def one(self, query: str, *values: Any) -> Any:
        """The first column of the first row, None without one."""
        found = self.rows(query, *values)
        return found[0][0] if found else None

    def seed(self, script: str) -> int:
        """The rehearsal project with the item of a demo script. Its id."""
        self.manage("seed_demo", f"--only={script}")
        return int(self.one("SELECT id FROM projects_workitem WHERE rehearsal_script = %s", script))

    def seed_project(self) -> None:
        """The rehearsal project without any item."""
        self.manage("seed_demo", "--only=none of them")

    def new_item(self, script: str, title: str = "", request: str = "Please.") -> int:
        """One more item of the rehearsal project, played by `script`. Its id."""
        source = _NEW_ITEM.format(script=script, title=title or f"Item played by {script}", request=request)
        return int(self.python(source))

    def link(self) -> str:
        """A fresh one-time sign-in link."""
        return self.manage("login_link").split()[-1]

    def stage(self, item: int) -> str:
        return str(self.one("SELECT stage FROM projects_workitem WHERE id = %s", item))

    def wait_stage(self, item: int, stage: str, *, seconds: float = 60.0) -> None:
        """Waits until the item has come to the stage. Raises AssertionError with what every run did."""
        try:
            until(lambda: self.stage(item) == stage, seconds=seconds, what=f"item {item} at {stage}")
        except AssertionError as error:
            runs = self.rows("SELECT id, role, state, failure FROM agents_run WHERE item_id = %s", item)
            raise AssertionError(f"{error}; it is at {self.stage(item)}, runs {runs}\n{self.program.logs()}") from None

    def run_of(self, item: int, role: str, *, seconds: float = 30.0) -> int:
        """Id of the item's newest run of the role, waited for."""
        query = "SELECT max(id) FROM agents_run WHERE item_id = %s AND role = %s"
        return int(until(lambda: self.one(query, item, role), seconds=seconds, what=f"a {role} run"))

    def run_state(self, run: int) -> str:
        return str(self.one("SELECT state FROM agents_run WHERE id = %s", run))

    def seqs(self, run: int) -> list[int]:
        return [seq for (seq,) in self.rows("SELECT seq FROM agents_runevent WHERE run_id = %s ORDER BY id", run)]

    def holder_of(self, run: int) -> int:
        """Process id of the live holder of a run, waited for."""
        path = self.program.home / "run" / "holders" / f"run-{run}.lock"

        def pid() -> int:
            with contextlib.suppress(OSError, ValueError, KeyError):
                found = int(json.loads(path.read_text())["pid"])
                os.kill(found, 0)
                return found
            return 0

        return until(pid, what=f"a holder of run {run}")

    def kill_holder(self, run: int) -> int:
        """kill -9 of the process that holds the run. Returns its id."""
        pid = self.holder_of(run)
        os.kill(pid, signal.SIGKILL)
        return pid

    def chain(self) -> tuple[int, int]:
        """Entries of the ledger, and how many places its chain is broken at."""
        entries, breaks = json.loads(self.python(_CHAIN))
        return entries, breaks

    def is_signed(self, item: int, commit: str) -> bool:
        """Whether the merge commit carries a signature of this house that verifies."""
        return self.python(_SIGNATURE.format(item=item, commit=commit)) == "1"

    def git(self, *words: str, repository: Path | None = None) -> str:
        """git in the demonstration repository, or in another."""
        return git(repository or self.demo_repository, *words)


def git(folder: Path, *words: str) -> str:
    """What git printed. Raises CalledProcessError."""
    argv = ["git", "-c", "user.name=Ana", "-c", "user.email=ana@example.invalid", *words]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(argv, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def running_house(folder: Path, **extra: str) -> Iterator[House]:
    """A started house in `folder` without any project; its rehearsal model answers at once."""
    with running_program(folder, **{"REHEARSAL_PACE": "0", **extra}) as program:
        yield House(program)
