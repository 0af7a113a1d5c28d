"""What a reader would not see is drawn, and nobody approves it without having said that they looked."""

import subprocess
import unicodedata
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from leadroom.projects.enums import Stage
from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import TestPlan
from leadroom.web.templatetags.safetext import hidden_characters, plain_html
from leadroom.worktrees import joining
from leadroom.worktrees.actions import open_stitch
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Stitch
from tests import factories as f
from tests.worktrees.repositories import small_repository

pytestmark = [pytest.mark.security, pytest.mark.django_db]
VISIBLE_FORMATS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
"""Characters of category Cf that have a shape of their own."""


def test_every_character_without_a_shape_is_counted() -> None:
    for point in range(0x110000):
        kind = unicodedata.category(chr(point))
        if kind in ("Cc", "Cf", "Zl", "Zp") and point not in VISIBLE_FORMATS and chr(point) not in "\t\n":
            assert hidden_characters(f"a{chr(point)}b") == 1, hex(point)


@pytest.mark.parametrize("text", ["a\ufe0fb", "pay\ufe0e\ufe0fload", "x\ufe00\ufe01", "✅️\ufe0f\ufe0e"])
def test_variation_selectors_that_vary_nothing_are_counted(text: str) -> None:
    assert hidden_characters(text) >= 1


@pytest.mark.parametrize("text", ["✅️ ❤️ ☎︎ 1️⃣ #️⃣", "日本語", "שלום", "Größe", "a\tb\nc", "👍🏽"])
def test_ordinary_writing_is_not(text: str) -> None:
    assert hidden_characters(text) == 0
    assert "chip-char" not in plain_html(text)


def send(client: Client, plan: TestPlan, **data: str) -> int:
    return client.post(reverse("plans:send", args=[plan.pk]), {"seen": plan.digest, **data}).status_code


def plan_with(text: str) -> tuple[Client, TestPlan]:
    cases = [f.case_shape(key, layer) for key, layer in (("U-001", "unit"), ("I-001", "integration"))]
    cases.append(f.case_shape("E-001", "end_to_end", steps=[text]))
    plan = f.make_plan(cases=cases)
    client = Client()
    client.force_login(f.lead_of(plan.item.project))
    return client, plan


def test_a_plan_with_hidden_characters_is_approved_only_by_who_looked() -> None:
    client, plan = plan_with("Split\u202e 10.00\u200b.")
    page = client.get(reverse("plans:detail", args=[plan.pk])).content.decode()
    assert "This plan holds 2 hidden characters" in page
    answer = client.post(reverse("plans:send", args=[plan.pk]), {"seen": plan.digest, "verdict": "approve"})
    assert answer.status_code == 422
    assert "tick that you looked at them" in answer.content.decode()
    plan.refresh_from_db()
    assert plan.state == PlanState.LEAD_REVIEW
    assert send(client, plan, verdict="approve", hidden_seen="1") == 302
    plan.refresh_from_db()
    assert plan.state == PlanState.FROZEN


def test_sending_such_a_plan_back_asks_nothing() -> None:
    client, plan = plan_with("Split\u202e 10.00.")
    assert send(client, plan, verdict="change", summary="Write it plainly.") == 302


def test_a_plain_plan_asks_nothing() -> None:
    client, plan = plan_with("Split 10.00 ✅️.")
    assert "hidden_seen" not in client.get(reverse("plans:detail", args=[plan.pk])).content.decode()
    assert send(client, plan, verdict="approve") == 302


def joined(folder: Path, text: str) -> Stitch:
    """A verified stitch of real work that brings `text`."""
    source = small_repository(folder / "shop")
    source.git("checkout", "-q", "-b", "side")
    work = source.commit(shop_py=text)
    source.git("checkout", "-q", "main")
    project = f.make_project(source=str(source.path))
    control = control_of(project)
    fetch = ["git", "--git-dir", str(control.path), "fetch", "-q", str(source.path), "side:refs/leadroom/test"]
    subprocess.run(fetch, check=True, capture_output=True)
    plan = f.make_frozen_plan(f.make_aligned_item(project))
    f.move(plan.item, Stage.VERIFY)
    stitch = open_stitch(item=plan.item, commit=work, by=f.PIPELINE, now=f.NOW)
    joining.try_merge(stitch=stitch, now=f.NOW)
    f.make_verification(plan, commit=stitch.trial)
    f.move(plan.item, Stage.STITCH)
    return stitch


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    for name in ("run", "keys", "projects"):
        (tmp_path / "home" / name).mkdir(parents=True)
    settings.HOME_DIR = tmp_path / "home"
    return tmp_path


def sign(client: Client, stitch: Stitch, **data: str) -> int:
    given = {"seen": stitch.digest, "sentence": "Nothing is lost by it.", **data}
    return client.post(reverse("stitch:sign", args=[stitch.item_id]), given).status_code


def test_a_merge_with_hidden_characters_is_signed_only_by_who_looked(home: Path) -> None:
    stitch = joined(home, "if access != 'user\u202e \u2066# admin\u2069 \u2066':\r\n    pass\r\n")
    client = Client()
    client.force_login(stitch.item.stitch_owner)
    page = client.get(reverse("stitch:item", args=[stitch.item_id])).content.decode()
    assert "The change brings 4 hidden characters" in page
    assert sign(client, stitch) == 422
    stitch.refresh_from_db()
    assert stitch.state == StitchState.CLEAN
    assert sign(client, stitch, hidden_seen="1") == 302
    stitch.refresh_from_db()
    assert stitch.state == StitchState.SIGNED


def test_a_plain_merge_asks_nothing(home: Path) -> None:
    stitch = joined(home, "PRICE = 'Größe ✅️'\r\n")
    client = Client()
    client.force_login(stitch.item.stitch_owner)
    assert "hidden_seen" not in client.get(reverse("stitch:item", args=[stitch.item_id])).content.decode()
    assert sign(client, stitch) == 302
