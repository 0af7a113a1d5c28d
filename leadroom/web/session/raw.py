"""The weekly raw read: originals as agents filed them, beside what triage had said."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import NotPermitted
from leadroom.reading import actions
from leadroom.reading.enums import RawVerdict
from leadroom.reading.models import RawRead, RawReadItem
from leadroom.reading.sessions import hours_of, raw_read_of
from leadroom.triage.enums import FindingState, ReportState, SuggestedAction
from leadroom.web import access
from leadroom.web.guardrails.scoping import leads_anything
from leadroom.web.regions import redrawn
from leadroom.web.session.forms import read_raw_verdict
from leadroom.web.session.presenters import ONLY_LEADS
from leadroom.web.triage.presenters import ReportView, present_report


@dataclass(frozen=True)
class Original:
    """One report verbatim, what triage had made of it in words, and the lead's verdict."""

    pk: int
    position: int
    report: ReportView
    said: str
    verdict: str
    is_missed: bool

    @property
    def dom_id(self) -> str:
        return f"original-{self.pk}"


def _said(said: dict[str, Any]) -> str:
    """`read, info, suggested acknowledge; put with “…”, open`."""
    words = [ReportState(said["state"]).label.lower(), said["severity"]]
    words.append(f"suggested {SuggestedAction(said['suggested']).label.lower()}")
    text = ", ".join(words)
    if said.get("group"):
        text += f"; put with “{said['group']}”"
    if said.get("finding_state") in FindingState.values:
        text += f"; the finding was {FindingState(said['finding_state']).label.lower()}"
    return text


def _context(request: HttpRequest) -> dict[str, Any]:
    found = raw_read_of(access.person_id(request))
    rows = _originals(found) if found else []
    verdicts = [
        (RawVerdict.RIGHT.value, "a", "Triage had it right"),
        (RawVerdict.MISSED.value, "d", "It missed something"),
    ]
    return {
        "needs": None,
        "raw": found,
        "originals": rows,
        "read": sum(bool(row.verdict) for row in rows),
        "verdicts": verdicts,
    }


def _originals(raw: RawRead) -> list[Original]:
    rows = raw.items.select_related("report__item__project", "report__run__agent")
    return [
        Original(
            pk=row.pk,
            position=row.position,
            report=present_report(row.report),
            said=_said(row.said),
            verdict=RawVerdict(row.verdict).label if row.verdict else "",
            is_missed=row.verdict == RawVerdict.MISSED,
        )
        for row in rows
    ]


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The newest raw read."""
    fragment = "#body" if request.headers.get("HX-Request") == "true" else ""
    return render(request, f"session/raw.html{fragment}", _context(request))


@require_POST
def draw(request: HttpRequest) -> HttpResponse:
    """Draw last week's sample now; drawn already, it stays as it is."""
    if not leads_anything(request):
        raise NotPermitted(ONLY_LEADS)
    now = clock.now()
    zone = hours_of(access.person_id(request), now).tz
    raw = actions.draw_raw_read(user=request.user, zone=zone, by=access.person(request), now=now)  # type: ignore[arg-type]
    text = f"{raw.items.count()} of {raw.drawn_from} reports of that week" if raw else "No agent reported last week"
    return redrawn(request, "raw-body", lambda: index_body(request), text, reverse("session:raw"))


def index_body(request: HttpRequest) -> HttpResponse:
    return render(request, "session/raw.html#body", _context(request))


@require_POST
def judge(request: HttpRequest, pk: int) -> HttpResponse:
    """Triage had it right, or missed something."""
    rows = RawReadItem.objects.filter(raw_read__user=access.person_id(request)).select_related("raw_read", "report")
    original, said = access.one(rows, pk), read_raw_verdict(request.POST)
    actions.judge_original(original=original, verdict=said, by=access.person(request), now=clock.now())
    text = "Unread again, for a second look" if said is RawVerdict.MISSED else "Noted"
    return redrawn(request, "raw-body", lambda: index_body(request), text, reverse("session:raw"))
