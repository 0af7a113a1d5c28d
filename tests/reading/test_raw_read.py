"""The weekly raw read: the same seed draws the same sample, and what triage missed comes back."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadroom.lib.errors import Conflict, NotPermitted
from leadroom.reading import actions, sampling
from leadroom.reading.enums import RawVerdict, Verdict
from leadroom.reading.models import RawRead, RawReadItem
from leadroom.triage.enums import ReportState
from leadroom.triage.models import Report
from tests import factories as f
from tests.support.sittings import TUESDAY, by, make_sitting


@given(ids=st.sets(st.integers(1, 10_000), max_size=60), seed=st.text(max_size=20))
def test_the_sample_does_not_depend_on_the_order_and_stays_within(ids: set[int], seed: str) -> None:
    shuffled = list(ids)
    random.Random(1).shuffle(shuffled)
    drawn = sampling.drawn(shuffled, seed)
    assert drawn == sampling.drawn(sorted(ids), seed)
    assert len(drawn) == min(len(ids), sampling.SAMPLE) == len(set(drawn))
    assert set(drawn) <= ids


def test_every_original_has_its_chance() -> None:
    seen = {pk for n in range(200) for pk in sampling.drawn(range(100), f"seed {n}")}
    assert len(seen) == 100


@pytest.mark.django_db
def test_last_weeks_reports_are_drawn_once_with_what_triage_had_said() -> None:
    session = make_sitting(12)
    given_ = {"user": session.user, "zone": session.tz, **by(session)}
    raw = actions.draw_raw_read(**given_)
    assert raw is not None
    assert (raw.items.count(), raw.drawn_from) == (10, 12)
    ids = list(Report.objects.values_list("pk", flat=True))
    assert list(raw.items.values_list("report_id", flat=True)) == sampling.drawn(ids, raw.seed)
    said = raw.items.all()[0].said
    assert (said["finding_state"], said["suggested"]) == ("ACKNOWLEDGED", "acknowledge")
    assert actions.draw_raw_read(**given_) == raw


@pytest.mark.django_db
def test_what_triage_missed_is_unread_again_and_judged_once() -> None:
    session = make_sitting(1)
    actions.give_verdict(entry=session.items.get(), verdict=Verdict.READ, **by(session))
    actions.draw_raw_read(user=session.user, zone=session.tz, **by(session))
    original = RawReadItem.objects.select_related("raw_read", "report").get()
    with pytest.raises(NotPermitted):
        actions.judge_original(original=original, verdict=RawVerdict.MISSED, by=f.human(f.make_user()), now=TUESDAY)
    actions.judge_original(original=original, verdict=RawVerdict.MISSED, **by(session))
    assert Report.objects.get().state == ReportState.UNREAD
    with pytest.raises(Conflict, match="judged already"):
        actions.judge_original(original=original, verdict=RawVerdict.RIGHT, **by(session))


@pytest.mark.django_db
def test_a_week_without_reports_has_none() -> None:
    session = make_sitting(0)
    assert actions.draw_raw_read(user=session.user, zone=session.tz, **by(session)) is None
    assert not RawRead.objects.exists()
