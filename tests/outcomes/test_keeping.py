"""Records kept by their ids, matched to merges, counted once a person confirms; shipped items measured once."""

import datetime as dt
from pathlib import Path

import pytest

from leadroom.ledger.models import Entry
from leadroom.lib.actors import system
from leadroom.lib.errors import Conflict, NotPermitted
from leadroom.outcomes import actions, gathering, queries
from leadroom.outcomes.enums import Came, MatchState
from leadroom.outcomes.models import Advice, Incident, IncidentMatch, ItemMeasure, Ticket
from leadroom.projects.enums import Stage
from leadroom.projects.models import Project, WorkItem
from leadroom.skills.models import SkillVersion
from leadroom.worktrees.models import Stitch
from tests import factories as f
from tests.support.outcomes import incident_row, ship

pytestmark = pytest.mark.django_db
HOUSE = system("webhook")


@pytest.fixture
def project() -> Project:
    return f.make_project()


def keep(project: Project, *rows: dict, webhook_id: str = "", now: dt.datetime = f.NOW) -> actions.Kept:
    return actions.keep_incidents(
        project=project, rows=rows, came=Came.WEBHOOK, by=HOUSE, now=now, webhook_id=webhook_id
    )


def test_the_same_id_again_updates_and_never_doubles(project: Project) -> None:
    assert keep(project, incident_row("I-1"), incident_row("I-2")) == actions.Kept(2, 0, 0)
    assert keep(project, incident_row("I-1"), incident_row("I-2", title="Worse")) == actions.Kept(0, 1, 1)
    assert sorted(Incident.objects.values_list("title", flat=True)) == ["Totals are off", "Worse"]
    other = f.make_project(name="Other")
    assert keep(other, incident_row("I-1")).new == 1


def test_a_webhook_id_is_taken_once_and_a_refused_one_stores_nothing(project: Project) -> None:
    keep(project, incident_row("I-1"), webhook_id="msg_1")
    before = Entry.objects.count()
    with pytest.raises(Conflict, match="taken in before"):
        keep(project, incident_row("I-2"), webhook_id="msg_1")
    assert Incident.objects.count() == 1
    assert Entry.objects.count() == before
    keep(f.make_project(name="Other"), incident_row("I-1"), webhook_id="msg_1")


def test_ids_of_webhooks_are_forgotten_after_a_week(project: Project) -> None:
    keep(project, incident_row("I-1"), webhook_id="msg_1")
    keep(project, incident_row("I-1"), webhook_id="msg_2", now=f.NOW + dt.timedelta(days=8))
    assert list(project.webhook_deliveries.values_list("webhook_id", flat=True)) == ["msg_2"]


def test_a_shipped_item_is_measured_once_from_its_ledger(project: Project) -> None:
    item = ship(project)
    assert gathering.measure_next(now=f.NOW) == 1
    assert gathering.measure_next(now=f.NOW) == 0
    row = ItemMeasure.objects.get(item=item)
    life = (row.shipped_at - item.created_at).total_seconds()
    assert row.worked_seconds + row.human_seconds + row.machine_seconds == pytest.approx(life)
    assert row.planned >= 1
    assert row.stitch == Stitch.objects.get(item=item)
    assert Entry.objects.filter(verb="outcomes.item.measured", item_id=item.pk).count() == 1


def test_an_item_that_breaks_keeps_no_other_from_being_measured(project: Project, monkeypatch) -> None:
    broken, other = ship(project), ship(project)
    real = gathering.measure_one

    def measure_one(item: WorkItem, *, now: dt.datetime) -> None:
        if item == broken:
            raise ValueError("a stage nobody knows")
        real(item, now=now)

    monkeypatch.setattr(gathering, "measure_one", measure_one)
    assert gathering.measure_next(now=f.NOW) == 1
    assert ItemMeasure.objects.get().item == other


def test_new_rules_measure_anew(project: Project) -> None:
    item = ship(project)
    gathering.measure_next(now=f.NOW)
    ItemMeasure.objects.update(version=0, planned=99)
    assert gathering.measure_next(now=f.NOW) == 1
    assert ItemMeasure.objects.get(item=item).planned < 99


def test_only_items_that_are_done_are_measured(project: Project) -> None:
    f.make_item(project)
    dropped = f.make_item(project)
    f.move(dropped, Stage.DROPPED)
    assert gathering.measure_next(now=f.NOW) == 0


def test_dollars_only_where_every_model_has_a_price(settings) -> None:
    settings.PRICES = {"a": (5.0, 25.0)}
    assert gathering.spent([("a", 1_000_000, 100_000), ("", 0, 0)]).cost_micros == 7_500_000  # 5 + 2.5 dollars
    assert gathering.spent([("a", 10, 1), ("b", 1, 1)]).cost_micros is None
    assert gathering.spent([]).cost_micros is None


def shipped_with(project: Project, paths: list[str], *, days_ago: float) -> WorkItem:
    item = ship(project)
    gathering.measure_next(now=f.NOW)
    merged_at = f.NOW - dt.timedelta(days=days_ago)
    Stitch.objects.filter(item=item).update(merged_at=merged_at)
    ItemMeasure.objects.filter(item=item).update(paths=paths)
    return item


def test_an_incident_is_suggested_to_the_merge_and_counts_once_a_person_confirms(project: Project) -> None:
    item = shipped_with(project, ["evenly/money.py"], days_ago=2)
    shipped_with(project, ["README.md"], days_ago=1)
    shipped_with(project, ["evenly/money.py"], days_ago=9)
    keep(project, incident_row("I-1", opened_at=f.NOW, paths=["/app/evenly/money.py"]))
    match = IncidentMatch.objects.get()
    assert match.stitch.item == item
    since = f.NOW - dt.timedelta(days=30)
    assert sum(row.confirmed for row in queries.merges([project.pk], since)) == 0
    with pytest.raises(NotPermitted):
        actions.decide_match(match=match, to=MatchState.CONFIRMED, by=HOUSE, now=f.NOW)
    actions.decide_match(match=match, to=MatchState.CONFIRMED, by=f.human(f.lead_of(project)), now=f.NOW)
    found = queries.merges([project.pk], since)
    assert (sum(row.confirmed for row in found), len(found)) == (1, 3)
    stale = IncidentMatch.objects.get()
    stale.state = MatchState.SUGGESTED
    with pytest.raises(Conflict):
        actions.decide_match(match=stale, to=MatchState.REJECTED, by=f.human(f.lead_of(project)), now=f.NOW)


def test_what_a_person_decided_survives_the_next_import(project: Project) -> None:
    shipped_with(project, ["evenly/money.py"], days_ago=2)
    row = incident_row("I-1", opened_at=f.NOW, paths=["evenly/money.py"])
    keep(project, row)
    actions.decide_match(
        match=IncidentMatch.objects.get(), to=MatchState.REJECTED, by=f.human(f.lead_of(project)), now=f.NOW
    )
    keep(project, {**row, "title": "Again"})
    assert IncidentMatch.objects.get().state == MatchState.REJECTED


def test_an_incident_that_came_before_the_measure_is_suggested_with_it(project: Project) -> None:
    item = ship(project)
    Stitch.objects.filter(item=item).update(merged_at=f.NOW - dt.timedelta(days=1))
    keep(project, incident_row("I-1", opened_at=f.NOW, paths=[]))
    assert not IncidentMatch.objects.exists()
    stitch = Stitch.objects.get(item=item)
    measured = gathering.measure(queries.facts_of(item.pk), created_at=item.created_at, ended_at=item.stage_entered_at)
    actions.measure_item(
        item=item, stitch=stitch, measured=measured, spent=gathering.spent([]), paths=["x.py"], by=HOUSE, now=f.NOW
    )
    assert IncidentMatch.objects.get().files == []


def test_files_of_a_merge_come_from_git(project: Project, tmp_path: Path) -> None:
    """Where git cannot say, the item is measured all the same."""
    ship(project)
    gathering.measure_next(now=f.NOW)
    assert ItemMeasure.objects.get().paths is None


def test_advice_is_given_anew_only_when_its_words_change(project: Project, settings) -> None:
    settings.CEILING = 2
    SkillVersion.objects.all().delete()
    gathering.advise(now=f.NOW)
    gathering.advise(now=f.NOW)
    assert Advice.objects.count() == 1
    assert settings.CEILING == 2
    for _ in range(5):
        ship(project)
    gathering.measure_next(now=f.NOW)
    gathering.advise(now=f.NOW + dt.timedelta(hours=1))
    assert Advice.objects.count() == 2
    assert "5" in str(queries.latest_advice())


def test_tickets_and_samples_are_kept_by_project(project: Project) -> None:
    rows = [{"external_id": "T-1", "title": "x", "tags": ["ui"], "opened_at": f.NOW}]
    actions.keep_tickets(project=project, rows=rows, came=Came.CSV, by=f.human(f.lead_of(project)), now=f.NOW)
    assert queries.ticket_tags([project.pk], f.NOW - dt.timedelta(days=1)) == [["ui"]]
    assert queries.ticket_tags([project.pk + 1], f.NOW - dt.timedelta(days=1)) == []
    assert Ticket.objects.get().came == Came.CSV
