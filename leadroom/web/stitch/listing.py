"""The list of stitches."""

import datetime as dt
from dataclasses import dataclass

from django.urls import reverse

from leadroom.lib.shapes import count_of
from leadroom.projects.enums import Risk, Stage
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch


@dataclass(frozen=True)
class StitchRow:
    """A stitch in the list."""

    pk: int
    url: str
    item: str
    project: str
    hue: int
    state: str
    risk: str
    note: str
    since: dt.datetime


def present_queue(stitches: list[Stitch]) -> list[StitchRow]:
    """Those that wait for a person first, then those Leadroom works on, then what was merged."""
    ordered = sorted(stitches, key=lambda s: (_rank(s), s.item.risk != Risk.CRITICAL, s.item.stage_entered_at))
    return [
        StitchRow(
            pk=stitch.pk,
            url=reverse("stitch:item", args=[stitch.item_id]),
            item=stitch.item.title,
            project=f"{stitch.item.project.name} #{stitch.item.number}",
            hue=stitch.item.project.colour,
            state=stitch.state,
            risk=stitch.item.risk,
            note=_note(stitch),
            since=stitch.signed_at or stitch.item.stage_entered_at,
        )
        for stitch in ordered
    ]


def _rank(stitch: Stitch) -> int:
    if stitch.state in (StitchState.CLEAN, StitchState.CONFLICTED) and stitch.item.stage == Stage.STITCH:
        return 0
    return 2 if stitch.state == StitchState.MERGED else 1


def _note(stitch: Stitch) -> str:
    owner = stitch.item.stitch_owner.get_username()
    if stitch.state == StitchState.CONFLICTED:
        return f"{count_of(len(stitch.conflicts), 'file')} in conflict; {owner} sends it back"
    if stitch.state == StitchState.CLEAN:
        ready = stitch.item.stage == Stage.STITCH
        return f"verified; {owner} signs" if ready else "the frozen plan runs on the merged tree"
    if stitch.state == StitchState.MERGED:
        return stitch.published_ref.removeprefix("refs/heads/") or stitch.problem or "being published"
    return "Leadroom is at it"
