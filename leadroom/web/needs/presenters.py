"""Cards of the Needs-you panel: each leads to the very place, and one press does what one press can."""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.http import HttpRequest
from django.urls import reverse

from leadroom.agents.enums import RunState
from leadroom.guardrails.enums import Reason
from leadroom.lib.errors import NotPermitted
from leadroom.projects.enums import Risk
from leadroom.projects.models import Membership, WorkItem
from leadroom.reading.queries import Waiting
from leadroom.requirements.enums import AmbiguityState
from leadroom.requirements.models import Ambiguity
from leadroom.requirements.rules import check_approve_all
from leadroom.triage.enums import Route
from leadroom.verification.enums import VerificationState
from leadroom.web import access
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch

SEEN = "seen-"
"""Prefix of the form fields that carry the digest of each question a person saw."""


@dataclass(frozen=True)
class Action:
    """One button: a POST to `url`, a `link`, or the `reason` why it is not possible now."""

    label: str
    url: str = ""
    link: str = ""
    key: str = ""
    style: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Card:
    """One open card as `components/card.html` draws it."""

    id: str
    url: str
    kind: str
    icon: str
    tone: str
    asked: str
    why: str
    recommended: str
    if_ignored: str
    who: str
    since: dt.datetime
    project: str
    hue: int
    title: str
    actions: tuple[Action, ...]
    state: str = "open"


@dataclass(frozen=True)
class Facts:
    """What the buttons need beside the cards, read once for all of them."""

    request: HttpRequest
    led: frozenset[int]
    seen: dict[int, dict[str, str]]
    conflicted: frozenset[int]


def present_cards(waiting: list[Waiting], request: HttpRequest) -> list[Card]:
    """Cards in the order given, in a fixed number of queries however often a request asks."""
    facts = _facts(request)
    return [_card(card, facts) for card in waiting]


def _facts(request: HttpRequest) -> Facts:
    """Read once per request, for everything that waits: the panel and a page often draw the same cards."""
    cached = getattr(request, "_card_facts", None)
    if cached is None:
        every = access.waiting(request)
        cached = Facts(
            request=request,
            led=_led_projects(request, every),
            seen=seen_digests(card.subject_id for card in every if card.kind == "picks"),
            conflicted=_conflicted([card.subject_id for card in every if card.kind == "stitch"]),
        )
        request._card_facts = cached  # type: ignore[attr-defined]
    return cached


def seen_digests(item_ids: Iterable[int]) -> dict[int, dict[str, str]]:
    """Item id to the digests of its open questions, as hidden form fields."""
    found: dict[int, dict[str, str]] = {}
    if ids := list(item_ids):
        rows = Ambiguity.objects.filter(item_id__in=ids, state=AmbiguityState.OPEN).prefetch_related("candidates")
        for ambiguity in rows:
            found.setdefault(ambiguity.item_id, {})[SEEN + ambiguity.key] = ambiguity.digest
    return found


def _led_projects(request: HttpRequest, waiting: list[Waiting]) -> frozenset[int]:
    if getattr(request.user, "is_superuser", False):
        return frozenset(card.item.project_id for card in waiting)
    rows = Membership.objects.filter(user_id=request.user.pk or 0, role="lead")
    return frozenset(rows.values_list("project_id", flat=True))


def _conflicted(item_ids: list[int]) -> frozenset[int]:
    if not item_ids:
        return frozenset()
    rows = Stitch.objects.filter(item_id__in=item_ids, state=StitchState.CONFLICTED)
    return frozenset(rows.values_list("item_id", flat=True))


def _card(card: Waiting, facts: Facts) -> Card:
    look = _LOOKS[card.kind]
    url, actions = look.build(card, facts)
    if card.item.project_id not in facts.led:
        reason = f"You may look at {card.item.project.name}, but only its lead decides here."
        actions = tuple(a if a.link else Action(label=a.label, style=a.style, reason=reason) for a in actions)
    is_conflict = card.kind == "stitch" and card.subject_id in facts.conflicted
    is_bad = is_conflict or card.kind in ("run", "verification", "item", "lock")
    return Card(
        id=f"card-{card.kind}-{card.subject_id}",
        url=url,
        kind=look.word,
        icon=look.icon,
        tone="bad" if is_bad else "",
        asked=card.asked,
        why=card.why,
        recommended=card.recommended,
        if_ignored=card.if_ignored,
        who=card.who,
        since=card.since,
        project=f"{card.item.project.name} #{card.item.number}" if card.item.number else card.item.project.name,
        hue=card.item.project.colour,
        title=card.item.title,
        actions=actions,
    )


Built = tuple[str, tuple[Action, ...]]


def _picks(card: Waiting, facts: Facts) -> Built:
    item, url = card.item, reverse("align:item", args=[card.item.pk])
    decide = Action("Decide", link=url, style="primary")
    if item.risk == Risk.CRITICAL:
        return url, (
            decide,
            Action("Approve all recommended", reason=approve_all_reason(item, facts.request)),
        )
    fields = facts.seen.get(item.pk, {})
    every = Action("Approve all recommended", url=reverse("align:pick_all", args=[item.pk]), key="a", fields=fields)
    return url, (decide, every)


def approve_all_reason(item: WorkItem, request: HttpRequest) -> str:
    """Why “approve all recommended” is refused for the item, empty when it is not."""
    try:
        check_approve_all(item, by=access.person(request))
    except NotPermitted as error:
        return str(error)
    return ""


def _question(card: Waiting, facts: Facts) -> Built:
    url = f"{reverse('runs:detail', args=[card.extra['run_id']])}#question-{card.subject_id}"
    answer = reverse("runs:answer", args=[card.subject_id])
    options = tuple(
        Action(option, url=answer, key=str(n), fields={"text": option})
        for n, option in enumerate(card.extra["options"], start=1)
    )
    return url, (*options, Action("Answer in own words", link=url, style="quiet" if options else "primary"))


def _approval(card: Waiting, facts: Facts) -> Built:
    url = reverse("guardrails:request", args=[card.subject_id])
    answer = reverse("guardrails:answer_request", args=[card.subject_id])
    seen = {"seen": card.extra["digest"], "nonce": card.extra["nonce"]}
    look = Action("Look at it", link=url, style="primary")
    refuse = Action("Refuse", url=answer, key="d", style="danger", fields={**seen, "decision": "refuse"})
    if card.extra["why"] == Reason.IRREVERSIBLE:
        return url, (look, refuse)
    return url, (Action("Approve", url=answer, key="a", fields={**seen, "decision": "grant"}), look, refuse)


def _plan(card: Waiting, facts: Facts) -> Built:
    url = reverse("plans:detail", args=[card.subject_id])
    return url, (Action("Review", link=url, style="primary"),)


def _run(card: Waiting, facts: Facts) -> Built:
    url = reverse("runs:detail", args=[card.subject_id])
    if card.extra["state"] == RunState.CANCELLED:
        again = reverse("items:start_again", args=[card.item.pk])
        return url, (
            Action("Start again", url=again, key="a", style="primary"),
            Action("Look", link=url, style="quiet"),
        )
    label = "Resume" if card.extra["state"] in (RunState.LOST, RunState.HALTED) else "Resume, the cause is mended"
    resume = Action(label, url=reverse("runs:retry", args=[card.subject_id]), key="a", style="primary")
    return url, (
        resume,
        Action("Stop", url=reverse("runs:stop", args=[card.subject_id]), key="d", style="danger"),
    )


def _document(card: Waiting, facts: Facts) -> Built:
    url = f"{reverse('align:item', args=[card.item.pk])}#supply"
    return url, (Action("Say what is missing", link=url, style="primary"),)


def _verification(card: Waiting, facts: Facts) -> Built:
    url = reverse("items:verification", args=[card.item.pk])
    if card.extra["state"] == VerificationState.FAILED:
        back = reverse("stitch:item", args=[card.item.pk])
        return url, (Action("See the cases", link=url, style="primary"), Action("Send back with a hint", link=back))
    again = Action("Run again", url=reverse("items:verify_again", args=[card.item.pk]), key="a", style="primary")
    return url, (again, Action("See why", link=url, style="quiet"))


def _stitch(card: Waiting, facts: Facts) -> Built:
    url = reverse("stitch:item", args=[card.item.pk])
    if card.item.pk not in facts.conflicted:
        return url, (Action("Look and sign", link=url, style="primary"),)
    back = Action("Send back", url=reverse("stitch:send_back", args=[card.item.pk]), key="a", style="primary")
    return url, (back, Action("See the conflict", link=url, style="quiet"))


def _item(card: Waiting, facts: Facts) -> Built:
    url = reverse("items:detail", args=[card.item.pk])
    return url, (Action("Look", link=url, style="primary"),)


def _finding(card: Waiting, facts: Facts) -> Built:
    url, route = reverse("triage:finding", args=[card.subject_id]), reverse("triage:route", args=[card.subject_id])
    seen = {"seen": card.extra["state"]}
    return url, (
        Action("Look", link=url, style="primary"),
        Action("Fix", url=route, key="a", fields={**seen, "to": Route.FIX}),
        Action("Drop", url=route, key="d", style="quiet", fields={**seen, "to": Route.DROP}),
    )


def _lock(card: Waiting, facts: Facts) -> Built:
    url = reverse("guardrails:index")
    return url, (Action("See what is left", link=url, style="primary"),)


@dataclass(frozen=True)
class KindLook:
    """How one kind of card looks, and what builds its address and buttons."""

    word: str
    icon: str
    build: Callable[[Waiting, Facts], Built]


_LOOKS = {
    "picks": KindLook("Align", "list-checks", _picks),
    "question": KindLook("Question", "message-circle-question-mark", _question),
    "approval": KindLook("Approval", "hand", _approval),
    "plan": KindLook("Test plan", "clipboard-check", _plan),
    "run": KindLook("Run stopped", "unlink", _run),
    "document": KindLook("Requirements", "file-text", _document),
    "verification": KindLook("Verification", "flask-conical", _verification),
    "stitch": KindLook("Stitch", "git-merge", _stitch),
    "item": KindLook("Stuck", "unlink", _item),
    "finding": KindLook("Finding", "inbox", _finding),
    "lock": KindLook("Lock", "shield-alert", _lock),
}
