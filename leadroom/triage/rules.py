"""May this be done to this link by this person? The sentence raised is the tooltip of the disabled button."""

from collections.abc import Mapping
from typing import Any

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.triage.enums import LinkKind, LinkState
from leadroom.triage.models import Finding, Link


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


def is_golden(figures: Mapping[str, Any]) -> bool:
    """Whether the golden set came out as it must: no wrong link by itself, every duplicate among the first five."""
    return figures["auto_wrong"] == 0 and figures["recall_at_5"] == 1.0
