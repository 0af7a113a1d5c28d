"""Writes of the weekly raw read."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict
from leadroom.reading import rules, sampling
from leadroom.reading.enums import RawVerdict
from leadroom.reading.models import RawRead, RawReadItem
from leadroom.reading.originals import originals_of, what_triage_said
from leadroom.triage import actions as triage
from leadroom.triage.enums import ReportState


@transaction.atomic
def draw_raw_read(*, user: User, zone: ZoneInfo, by: Actor, now: dt.datetime) -> RawRead | None:
    """The sample of the week before this one, drawn once; None when nothing was reported in it.

    Reports of the projects this person sees, from Monday to Sunday in their zone.
    """
    week = sampling.monday_of(now.astimezone(zone).date()) - dt.timedelta(days=sampling.WEEK_DAYS)
    if found := RawRead.objects.filter(user=user, week=week).first():
        return found
    reports = originals_of(user, zone, week)
    if not reports:
        return None
    seed = sampling.seed_of(user.pk, week)
    chosen = sampling.drawn(reports, seed)
    raw, is_new = RawRead.objects.get_or_create(
        user=user, week=week, defaults={"seed": seed, "drawn_from": len(reports), "drawn_at": now}
    )
    if is_new:
        said = what_triage_said(chosen)
        RawReadItem.objects.bulk_create(
            RawReadItem(raw_read=raw, position=n, report_id=pk, said=said[pk]) for n, pk in enumerate(chosen, start=1)
        )
        payload = {"week": str(week), "seed": seed, "drawn_from": len(reports), "reports": chosen}
        record(by=by, now=now, verb="reading.raw.drawn", subject=f"reading.raw:{raw.pk}", payload=payload)
    return raw


@transaction.atomic
def judge_original(*, original: RawReadItem, verdict: RawVerdict, by: Actor, now: dt.datetime) -> None:
    """The lead read an original: triage had it right, or missed something; then the report is unread again.

    Raises NotPermitted, BadInput for no verdict, Conflict when it was judged already.
    """
    rules.check_own(original.raw_read.user_id, by)
    if verdict is RawVerdict.UNREAD:
        raise BadInput("Say whether triage had it right; nothing was changed.")
    first = RawReadItem.objects.filter(pk=original.pk, verdict="").update(verdict=verdict, read_at=now)
    if not first:
        raise Conflict("This original was judged already, maybe in another tab; nothing was changed.")
    record(
        by=by,
        now=now,
        verb="reading.raw.judged",
        subject=f"reading.raw:{original.raw_read_id}",
        item_id=original.report.item_id,
        payload={"report": original.report_id, "verdict": verdict},
    )
    if verdict is RawVerdict.MISSED:
        triage.mark(report=original.report, state=ReportState.UNREAD, by=by, now=now)
