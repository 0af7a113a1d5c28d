"""May this be done to this link or finding by this person? The sentence raised is the tooltip of the button."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.lib.shapes import count_of
from leadroom.triage.enums import (
    ROUTE_OF_ACTION,
    SEVERITY_RANK,
    STATE_OF_ROUTE,
    FindingState,
    LinkKind,
    LinkState,
    Priority,
    ReportStatus,
    Route,
    Severity,
    SuggestedAction,
)
from leadroom.triage.models import Decision, Finding, Link, RuleDraft, SavedFilter

NOTE_LIMIT = 4_000
LONGEST_SNOOZE = dt.timedelta(days=366)
AUTOMATIC = (Route.ACKNOWLEDGE, Route.KNOWN_ISSUE, Route.DROP)
"""Routes that a rule may take: they start no work, and what gets worse comes back."""

MOST_ASKS = 1_000


def check_person(by: Actor) -> None:
    """Raises NotPermitted for an agent or a part of Leadroom."""
    if not by.is_human:
        raise NotPermitted("Only a person decides what is the same; nothing was changed.")


def check_accept(link: Link, by: Actor) -> None:
    """Raises NotPermitted, or Conflict for a link that is no open suggestion or whose newer finding is linked."""
    check_person(by)
    if link.state != LinkState.SUGGESTED:
        raise Conflict("This suggestion was decided already; nothing was changed. Load the page again.")
    if link.kind == LinkKind.SAME and link.newer.root_id is not None:
        raise Conflict("The newer finding belongs to a group already. Split it first, or link the groups by hand.")


def check_link(first: Finding, second: Finding, kind: LinkKind, by: Actor) -> None:
    """Raises NotPermitted, BadInput for findings of two projects, Conflict when they are one group already."""
    check_person(by)
    if first.project_id != second.project_id:
        raise BadInput("These findings are of two projects and cannot be linked; nothing was changed.")
    if first.pk == second.pk:
        raise Conflict("These two are in one group already; nothing was changed.")
    older, newer = sorted((first.pk, second.pk))
    if Link.objects.filter(newer_id=newer, older_id=older, state=LinkState.LINKED).exists():
        raise Conflict("These two are linked already; cut that link first to give it another kind.")


def check_cut(link: Link, by: Actor) -> None:
    """Raises NotPermitted, or Conflict when it is cut already."""
    check_person(by)
    if link.state == LinkState.CUT:
        raise Conflict("This link was cut already; nothing was changed.")


def check_split(link: Link | None) -> Link:
    """The link that a split cuts. Raises Conflict for a finding that came to no other."""
    if link is None:
        raise Conflict("This finding leads its group, so there is nothing to split it from. Split one of the others.")
    return link


def check_state(by: Actor) -> None:
    """Raises NotPermitted for an agent; a person may, and Leadroom by its own rules (a fix was merged)."""
    if by.kind == "agent":
        raise NotPermitted("An agent does not close or open findings; nothing was changed.")


def check_reader(by: Actor) -> None:
    """Raises NotPermitted for an agent or a part of Leadroom."""
    if not by.is_human:
        raise NotPermitted("Only a person marks findings as read.")


def check_route(head: Finding, to: Route, note: str, by: Actor) -> None:
    """Raises NotPermitted for an agent and for a rule that would start work or touch P0 or P1; Conflict; BadInput."""
    check_state(by)
    if to == Route.SNOOZE:
        raise BadInput("Say until when to put it off; nothing was changed.")
    if len(note) > NOTE_LIMIT:
        raise BadInput(f"The note has {len(note):,} characters; {NOTE_LIMIT:,} is the limit. Nothing was changed.")
    if not by.is_human:
        if to not in AUTOMATIC:
            raise NotPermitted("Only a person starts work on a finding; nothing was changed.")
        if head.priority in (Priority.P0, Priority.P1):
            raise NotPermitted(f"A {head.priority} finding waits for a person; nothing was changed.")
    if head.route == to and head.state == STATE_OF_ROUTE[to]:
        raise Conflict(f"This finding is routed so already ({to.label.lower()}); nothing was changed.")


def automatic_route(
    *,
    action: str,
    priority: str,
    worst: int,
    is_regression: bool,
    status: str,
    confidence: float,
    floor: float,
    trust_left: int,
) -> Route | None:
    """The route a rule takes for an agent's report by itself, or None: a person decides. Table in docs/triage.md."""
    to = ROUTE_OF_ACTION[SuggestedAction(action)]
    most = SEVERITY_RANK[Severity.COSMETIC if to == Route.DROP else Severity.MINOR]
    is_routine = to in AUTOMATIC and worst <= most and priority in (Priority.P2, Priority.P3) and not is_regression
    is_trusted = status == ReportStatus.COMPLETE and confidence >= floor and trust_left > 0
    return to if is_routine and is_trusted else None


def check_snooze(head: Finding, until: dt.datetime | None, by: Actor, now: dt.datetime) -> None:
    """Raises NotPermitted, Conflict for what is settled, BadInput for a moment that is past or a year away."""
    if not by.is_human:
        raise NotPermitted("Only a person puts a finding off; nothing was changed.")
    if head.state == FindingState.RESOLVED:
        raise Conflict("This finding is resolved, so there is nothing to put off; nothing was changed.")
    if until is not None and not now < until <= now + LONGEST_SNOOZE:
        raise BadInput("Put it off until a moment within the next year; nothing was changed.")


def check_undo(decision: Decision, head: Finding, by: Actor, *, standing: int) -> None:
    """Raises NotPermitted, or Conflict when it is undone, was followed by another, or the finding moved on.

    `standing` is the id of the newest decision about the finding that was not taken back.
    """
    if not by.is_human:
        raise NotPermitted("Only a person takes a decision back; nothing was changed.")
    if decision.undone_at is not None:
        raise Conflict("This decision was taken back already; nothing was changed.")
    if decision.finding_id != head.pk:
        raise Conflict("The finding was linked to another one since; split it first. Nothing was changed.")
    if standing != decision.pk or head.state != STATE_OF_ROUTE[Route(decision.route)]:
        raise Conflict("The finding moved on since that decision; nothing was changed. Decide it anew.")


def check_asks(by: Actor, asks_per_day: int) -> None:
    """Raises NotPermitted for others than people, BadInput for a budget nobody can mean."""
    if not by.is_human:
        raise NotPermitted("Only a person lets a model be asked; nothing was changed.")
    if not 1 <= asks_per_day <= MOST_ASKS:
        raise BadInput(f"A day has 1 to {MOST_ASKS} questions, not {asks_per_day}; nothing was changed.")


def check_import(by: Actor) -> None:
    """Raises NotPermitted for an agent: its own words come in as its report."""
    if by.kind == "agent":
        raise NotPermitted("An agent files reports; it does not bring in files of findings. Nothing was taken in.")


RECURRENT = 3
"""Reports of the same from which it counts as recurrent."""


def check_teach(head: Finding, by: Actor) -> None:
    """Raises NotPermitted, or Conflict for what is neither low nor recurrent, or was drafted already."""
    if not by.is_human:
        raise NotPermitted("Only a person teaches agents; nothing was drafted.")
    if head.worst > SEVERITY_RANK[Severity.MINOR] or head.priority in (Priority.P0, Priority.P1):
        raise Conflict("Only low findings (minor or less, P2 or P3) become a rule; nothing was drafted.")
    if head.size < RECURRENT:
        raise Conflict(f"It was reported {count_of(head.size, 'time')}; a rule needs {RECURRENT}. Nothing was drafted.")
    if RuleDraft.objects.filter(finding=head).exists():
        raise Conflict("A rule was drafted from this finding already; nothing was changed.")


def check_own_filter(kept: SavedFilter, by: Actor) -> None:
    """Raises NotPermitted for somebody else's view."""
    if not by.is_human or str(kept.user_id) != by.id:
        raise NotPermitted("This view is somebody else's; nothing was changed.")


def is_golden(figures: Mapping[str, Any]) -> bool:
    """Whether the golden set came out as it must: no wrong link by itself, every duplicate among the first five."""
    return figures["auto_wrong"] == 0 and figures["recall_at_5"] == 1.0
