"""What the writes of this room share: locking a project's shelf, the forest of links, and the figures of a group."""

import datetime as dt
from collections.abc import Collection, Mapping

from django.db.models import Count, Max, Q

from leadroom.lib.errors import Conflict
from leadroom.triage import priority
from leadroom.triage.enums import (
    FINDINGS,
    LINKS,
    QUIET_FINDINGS,
    FindingState,
    LinkKind,
    LinkState,
)
from leadroom.triage.models import Finding, Habit, Link, Shelf

HEAD_FIELDS = (
    "size",
    "worst",
    "reporters",
    "last_seen_at",
    "priority",
    "rationale",
    "rubric",
    "weighed",
    "weighed_at",
    "raised_at",
    "state",
    "is_regression",
    "is_looked_at",
    "snoozed_until",
    "route",
)
"""Fields of a finding that leads its group that figures move."""
OF_GROUP = ("points", "claimed", "workaround", "hazard")
DAY = dt.timedelta(days=1)


def lock_shelf(project_id: int) -> Shelf:
    """Of two writers of a project's findings one waits for the other."""
    Shelf.objects.get_or_create(project_id=project_id)
    return Shelf.objects.select_for_update().get(project_id=project_id)


def lock_link(link: Link) -> Link:
    """The link as it is now, with the project's shelf locked."""
    lock_shelf(link.newer.project_id)
    return Link.objects.select_related("newer", "older").get(pk=link.pk)


def root_of(finding: Finding) -> Finding:
    """The finding that leads the group, as it is stored now."""
    return Finding.objects.get(pk=Finding.objects.get(pk=finding.pk).root_pk)


def lock_head(finding: Finding) -> Finding:
    """`root_of` with the shelf locked."""
    lock_shelf(finding.project_id)
    return root_of(finding)


def join(link: Link, at: dt.datetime) -> None:
    """LINKED from now on; of the kind SAME, the newer one's group comes under the older one's root."""
    LINKS.check_move(LinkState(link.state), LinkState.LINKED)
    link.state, link.decided_at = LinkState.LINKED, at
    link.save(update_fields=["state", "kind", "by_itself", "decided_at"])
    if link.kind == LinkKind.SAME:
        root = root_of(link.older)
        set_root(link.newer_id, root.pk)
        root = measure(root.pk, at)
        if root.state == FindingState.RESOLVED:
            come_back(root, at)
    elif link.kind == LinkKind.REGRESSION:
        come_back(root_of(link.newer), at)


def set_root(finding_id: int, root_id: int | None) -> None:
    """Moves a finding and all that was linked to it under a root, or makes it the root of its own."""
    top = Finding.objects.get(pk=finding_id)
    edges: dict[int, list[int]] = {}
    inside = Q(newer__root_id=top.root_pk) | Q(newer_id=top.root_pk)
    rows = Link.objects.filter(inside, state=LinkState.LINKED, kind=LinkKind.SAME)
    for newer, older in rows.values_list("newer_id", "older_id"):
        edges.setdefault(older, []).append(newer)
    below, frontier = set(), [finding_id]
    while frontier:
        for newer in edges.get(frontier.pop(), ()):
            if newer not in below:
                below.add(newer)
                frontier.append(newer)
    Finding.objects.filter(pk=finding_id).update(root_id=root_id)
    Finding.objects.filter(pk__in=below).update(root_id=root_id or finding_id)


def measure(root_id: int, at: dt.datetime) -> Finding:
    """Counts a group anew and weighs it: for groups that were put together or taken apart."""
    head = Finding.objects.get(pk=root_id)
    figures = Finding.objects.filter(Q(pk=root_id) | Q(root_id=root_id)).aggregate(
        size=Count("pk"), worst=Max("rank"), reporters=Count("reporter", distinct=True), last_seen_at=Max("seen_at")
    )
    for name, value in figures.items():
        setattr(head, name, value)
    return weigh(head, at)


def weigh(head: Finding, at: dt.datetime) -> Finding:
    """Priority and rationale of a group by the formula, from figures that are up to date. Stores the head.

    What is quiet comes back when it is worse than what was decided on.
    """
    group = Finding.objects.filter(Q(pk=head.pk) | Q(root_id=head.pk)).aggregate(
        **{name: Max(name) for name in OF_GROUP}
    )
    give_priority(head, group, at)
    head.save(update_fields=HEAD_FIELDS)
    return head


def grow(head: Finding, newer: Finding, at: dt.datetime) -> Finding:
    """A finding came to a group: its figures move on without counting the group anew."""
    if not head.weighed:
        return measure(head.pk, at)
    is_known = newer.reporter == head.reporter or (
        Finding.objects.filter(root_id=head.pk, reporter=newer.reporter).exclude(pk=newer.pk).exists()
    )
    head.size, head.reporters = head.size + 1, head.reporters + (not is_known)
    head.worst, head.last_seen_at = max(head.worst, newer.rank), max(head.last_seen_at, newer.seen_at)
    own = {name: getattr(newer, name) for name in OF_GROUP}
    give_priority(head, {name: max(own[name], head.weighed[name]) for name in OF_GROUP}, at)
    head.save(update_fields=HEAD_FIELDS)
    return head


def give_priority(head: Finding, group: Mapping[str, int], at: dt.datetime) -> None:
    """Sets level, rationale and inputs, and wakes what got worse; the caller stores it.

    `group` holds the highest points, claimed, workaround and hazard of the group.
    """
    inputs = priority.Inputs(
        affected=max(head.reporters, group["claimed"]),
        severity=head.worst,
        points=group["points"],
        workaround=group["workaround"],
        days=max(0, (at - head.last_seen_at).days),
        hazard=group["hazard"],
        is_regression=head.is_regression,
        base=head.weighed.get("gave", ""),
    )
    weighed = priority.weigh(inputs)
    if weighed.is_raised:
        today = Finding.objects.filter(project_id=head.project_id, raised_at__gt=at - DAY, raised_at__lte=at)
        inputs = priority.Inputs(**{**inputs.plain(), "raised_today": today.count()})
        weighed = priority.weigh(inputs)
        head.raised_at = at if weighed.is_raised else head.raised_at
    head.priority, head.rationale, head.rubric = weighed.level, weighed.rationale, priority.RUBRIC
    head.weighed, head.weighed_at = {**inputs.plain(), "claimed": group["claimed"], "gave": weighed.base}, at
    if head.state in QUIET_FINDINGS and priority.is_worse(
        head.priority, head.worst, than_level=head.decided_priority, than_rank=head.decided_worst
    ):
        wake(head)


def wake(head: Finding) -> None:
    """Back into the inbox; the caller stores it."""
    FINDINGS.check_move(head.state, FindingState.REOPENED)
    head.state, head.route, head.snoozed_until, head.is_unread = FindingState.REOPENED, "", None, True
    head.is_looked_at = False


def come_back(head: Finding, at: dt.datetime) -> None:
    """It matches what was resolved: a regression, one priority up."""
    head.is_regression = True
    if FINDINGS.can_move(head.state, FindingState.REOPENED):
        wake(head)
    weigh(head, at)


def habit_of(project_id: int, reporter: str) -> Habit:
    """How this reporter used severities so far; the row is made when it is the first time."""
    return Habit.objects.get_or_create(project_id=project_id, reporter=reporter)[0]


def check_seen(head: Finding, seen: Collection[str]) -> None:
    """Raises Conflict when the finding is in none of the states that were seen; an empty `seen` accepts any."""
    if seen and head.state not in seen:
        raise Conflict(
            f"This finding is {FindingState(head.state).label.lower()} meanwhile; nothing was changed. "
            "Load the page again to see who decided what."
        )
