"""The ledger's head outside the database: a cut tail and a rewritten chain are told."""

import json
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from leadroom.ledger.actions import record
from leadroom.ledger.models import ChainHead, Entry
from leadroom.lib.actors import system
from leadroom.lib.digest import digest_of
from leadroom.projects.models import Project
from leadroom.worktrees.anchors import anchor_head, audit, read_anchors
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.signing import merge_key
from tests import factories as f
from tests.worktrees.repositories import small_repository

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path: Path, settings: object) -> Project:
    settings.HOME_DIR = tmp_path / "home"  # type: ignore[attr-defined]
    (tmp_path / "home" / "run").mkdir(parents=True)
    made = f.make_project(source=str(small_repository(tmp_path / "shop").path))
    control_of(made)
    return made


def write(count: int) -> None:
    for n in range(count):
        record(by=system("test"), now=f.NOW, verb="tests.thing.happened", subject=f"tests.thing:{n}")


def raw(sql: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def cut_to(count: int) -> None:
    """What somebody with the database would do: the tail away, and a head that agrees."""
    kept = list(Entry.objects.order_by("pk").values_list("pk", "hash"))[:count]
    raw("DELETE FROM ledger_entry WHERE id > %s", kept[-1][0])
    ChainHead.objects.filter(pk=1).update(hash=kept[-1][1], count=count)


def test_the_head_is_tagged_signed_and_git_itself_believes_it(project: Project) -> None:
    assert anchor_head(now=f.NOW) == 1
    assert anchor_head(now=f.NOW) == 1  # again: the same tag
    (anchor,) = read_anchors()
    assert anchor.is_signed
    assert (anchor.entries, anchor.head) == (Entry.objects.count(), Entry.objects.order_by("-pk")[0].hash)
    assert audit().breaks == ()
    name = f"leadroom-audit/{anchor.entries:012d}"
    listed = subprocess.run(
        ["git", "--git-dir", str(project.control_path), "tag", "-l", name], capture_output=True, text=True, check=True
    )
    assert listed.stdout.strip() == name
    assert merge_key().allowed_signers.exists()


def test_a_cut_tail_is_told_although_chain_and_head_agree(project: Project) -> None:
    write(5)
    anchor_head(now=f.NOW)
    count = Entry.objects.count()
    cut_to(count - 3)
    found = audit()
    assert [line for line in found.breaks if "the tail was cut" in line]
    assert str(count) in found.breaks[-1]


def test_a_chain_written_anew_is_told(project: Project) -> None:
    write(3)
    anchor_head(now=f.NOW)
    previous = ""
    for entry in Entry.objects.order_by("pk"):
        entry.previous_hash = previous
        entry.actor_name = "Somebody else" if not previous else entry.actor_name
        previous = digest_of(entry.hashed_fields())
        raw(
            "UPDATE ledger_entry SET actor_name = %s, previous_hash = %s, hash = %s WHERE id = %s",
            entry.actor_name, entry.previous_hash, previous, entry.pk,
        )  # fmt: skip
    ChainHead.objects.filter(pk=1).update(hash=previous)
    assert [line for line in audit().breaks if "written anew" in line]


def test_an_anchor_of_somebody_else_does_not_count(project: Project) -> None:
    anchor_head(now=f.NOW)
    for path in (project.control_path.parent.parent.parent / "keys").iterdir():
        path.unlink()
    assert "not signed by this Leadroom" in audit().breaks[-1]


def test_the_command_verifies_anchors_and_exports(project: Project) -> None:
    item = f.make_item(project)
    out = StringIO()
    call_command("audit", "anchor", stdout=out)
    call_command("audit", "verify", "--json", stdout=out)
    told = json.loads(out.getvalue().splitlines()[-1])
    assert told["ok"]
    assert told["anchored_entries"] == told["entries"]
    out = StringIO()
    call_command("audit", "export", "--project", project.slug, stdout=out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert lines
    assert {line["item"] for line in lines} == {item.pk}
    cut_to(Entry.objects.count() - 1)
    with pytest.raises(SystemExit):
        call_command("audit", "verify", stdout=StringIO())
