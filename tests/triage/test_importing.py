"""Findings brought in as a file: read whole first, the same again is known, agents do not."""

import datetime as dt
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from leadroom.lib.actors import Actor, ActorKind, system
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.projects.models import Project
from leadroom.triage import actions
from leadroom.triage.actions import importing
from leadroom.triage.imports.reading import Kind
from leadroom.triage.models import Finding, Link
from tests import factories as f
from tests.support.refusals import refused_without_effect

pytestmark = pytest.mark.django_db

TABLE = b"""title,severity,body,created,id
Queue worker hangs after Redis reconnect,high,After a failover queue/worker.py blocks in brpop for ever.,2026-01-02,1
Queue worker hangs after Redis reconnect,high,After a failover queue/worker.py blocks in brpop for ever.,2026-01-03,2
Rows of the grid overlap at 390 pixels,low,,2199-01-01,3
,low,no title,,4
"""


def bring(project: Project, data: bytes = TABLE, kind: Kind = Kind.CSV, by: Actor | None = None) -> actions.Imported:
    return actions.import_findings(project=project, kind=kind, data=data, by=by or system("import"), now=f.NOW)


def test_a_file_is_taken_in_linked_and_told() -> None:
    project = f.make_project()
    found = bring(project)
    assert (found.taken, found.linked, found.known) == (3, 1, 0)
    assert [(row.number, row.why) for row in found.refused] == [(5, "It has no title.")]
    assert found.notes == ["1 row dated in the future: taken in as of now."]
    assert found.sentence == "3 findings taken in, 1 of them linked to older ones, 1 row refused."
    seen = dict(Finding.objects.values_list("origin", "seen_at"))
    assert seen["csv:1"] == dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    assert seen["csv:3"] == f.NOW


def test_the_same_file_again_is_known_and_the_next_export_adds_what_is_new() -> None:
    project = f.make_project()
    bring(project)
    again = bring(project)
    assert (again.taken, again.known) == (0, 3)
    more = bring(project, TABLE + b"Search page takes nine seconds,medium,,,5\n")
    assert (more.taken, more.known) == (1, 3)
    assert bring(f.make_project()).taken == 3


def test_rows_without_a_key_are_known_by_their_file() -> None:
    project = f.make_project()
    data = b"title\nSearch page takes nine seconds to load\n"
    assert (bring(project, data).taken, bring(project, data).known) == (1, 1)
    assert bring(project, data + b"\n").taken == 1, "another file may tell of it again"


def test_a_file_that_breaks_off_takes_nothing_in() -> None:
    project = f.make_project()
    with refused_without_effect(BadInput, "breaks off inside quotes"):
        bring(project, TABLE + b'"cut o')
    with refused_without_effect(BadInput, "No row of the file can be a finding"):
        bring(project, b"title,id\n,1\n")


def test_an_import_that_was_interrupted_keeps_whole_batches_and_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = f.make_project()
    monkeypatch.setattr(importing, "BATCH", 2)
    data = b"title,id\n" + b"".join(b"Page %d of the report takes nine seconds,%d\n" % (n * n, n) for n in range(5))
    real, calls = importing.bring_in, []

    def stops(**given: object) -> object:
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(**given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(importing, "bring_in", stops)
        with pytest.raises(KeyboardInterrupt):
            bring(project, data)
    assert Finding.objects.filter(project=project).count() == 2
    again = bring(project, data)
    assert (again.taken, again.known) == (3, 2)


def test_an_agent_brings_in_no_files() -> None:
    project = f.make_project()
    with refused_without_effect(NotPermitted, "An agent files reports"):
        bring(project, by=Actor(ActorKind.AGENT, "run:1", "Dev"))


def test_a_file_of_a_megabyte_in_another_language_is_taken_in() -> None:
    project = f.make_project()
    issue = {"number": 1, "title": "検索が遅い", "body": "検索ページが開くまで九秒かかる。" * 60_000}
    assert bring(project, json.dumps([issue], ensure_ascii=False).encode(), Kind.GITHUB).taken == 1
    assert not Link.objects.exists()


def test_the_command_tells_what_became_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = f.make_project()
    file = tmp_path / "found.csv"
    file.write_bytes(TABLE)
    call_command("import_findings", str(file), "--project", project.slug, "--kind", "csv")
    assert "3 findings taken in" in (told := capsys.readouterr().out)
    assert "row 5: It has no title." in told
    call_command("import_findings", str(file), "--project", project.slug, "--kind", "csv", "--json")
    assert json.loads(capsys.readouterr().out)["known"] == 3
    for given, sentence in [
        (("nowhere.csv", "--project", project.slug), "cannot be read"),
        ((str(file), "--project", "no-such"), "There is no project 'no-such'"),
    ]:
        with pytest.raises(CommandError, match=sentence):
            call_command("import_findings", *given, "--kind", "csv")
