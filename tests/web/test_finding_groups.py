"""A finding's page with a large group: each other group is suggested once, copies do not drown it."""

import re

import pytest
from django.test import Client

from leadroom.triage import actions
from leadroom.triage.enums import LinkState
from leadroom.triage.models import Finding, Link
from tests import factories as f

pytestmark = pytest.mark.django_db

HANGS = "Queue worker hangs after Redis reconnect", "queue/worker.py blocks in brpop for ever."
STOPS = "Jobs stop once Redis fails over", "Stuck in brpop of queue/worker.py until a restart."
COPIES = 12


@pytest.fixture
def groups() -> tuple[Finding, Finding]:
    """One finding, and one told in other words twelve times over."""
    project = f.make_project()
    taken = []
    for title, body in (HANGS, *[STOPS] * COPIES):
        given = {"title": title, "body": body, "severity": "minor", "by": f.PIPELINE, "now": f.NOW}
        taken.append(actions.bring_in(project_id=project.pk, **given).finding)
    return taken[0], taken[1]


def page(finding: Finding) -> str:
    client = Client()
    client.force_login(f.lead_of(finding.project))
    return client.get(f"/triage/findings/{finding.pk}/").content.decode()


def headings(text: str) -> list[str]:
    """What each row of evidence says it is about."""
    rows = re.findall(r'<div class="line"><span class="strong">(.*?)<span class="push', text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def test_copies_of_a_copy_are_suggested_to_nobody_again(groups: tuple[Finding, Finding]) -> None:
    assert Link.objects.filter(state=LinkState.SUGGESTED).count() == 1
    assert Link.objects.filter(state=LinkState.LINKED).count() == COPIES - 1


def test_each_page_names_the_other_side_once(groups: tuple[Finding, Finding]) -> None:
    first, second = groups
    for copy in Finding.objects.filter(root=second):  # as an older Leadroom stored them
        Link.objects.create(newer=copy, older=first, kind="SAME", probability=0.001, made_at=f.NOW)
    assert [words for words in headings(page(first)) if words.startswith("Maybe")] == [
        f"Maybe the same as finding {second.pk} {shown(second)}"
    ]
    asked = [words for words in headings(page(second)) if words.startswith("Maybe")]
    assert asked == [f"Maybe the same as finding {first.pk} {shown(second)}"]


def shown(newer: Finding) -> str:
    chance = Link.objects.get(newer=newer).probability
    assert chance is not None
    return f"{round(chance * 100)} % likely" if chance >= 0.005 else "less than 1 % likely"


def test_copies_are_named_shortly_and_each_can_be_split_off(groups: tuple[Finding, Finding]) -> None:
    text = page(groups[1])
    linked = [words for words in headings(text) if words.startswith("The same problem as")]
    assert len(linked) == 3
    assert "Others have the same text word for word" in text
    assert f"{COPIES - 1 - 8} more</summary>" in text
    assert text.count("Split off</button>") == COPIES - 1
