"""Locks that do not hold: a person is told at once, in quiet time too."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from leadroom.guardrails.enums import Lock, ScopeKind, SwitchState
from leadroom.guardrails.models import Switch
from leadroom.guardrails.queries import engaged
from leadroom.projects.models import Project, WorkItem
from leadroom.reading.enums import Cause
from leadroom.triage.enums import Severity

PROOF_WITHIN = dt.timedelta(seconds=30)
"""A proof takes some seconds, at most 15 with 200 agents; what is not proven by then is not holding."""
MOST_TOLD = 3


def lock_cards(project_ids: list[int], now: dt.datetime) -> Iterator[dict[str, Any]]:
    """The fields of a card each, oldest first: read-only locks on this machine's level 0, and those still unproven."""
    late = Q(state=SwitchState.REQUESTED, set_at__lt=now - PROOF_WITHIN)
    here = Q(project_id__in=project_ids) | Q(project=None)
    rows = engaged().filter(Q(state=SwitchState.UNENFORCED) | late, here, level=Lock.READ_ONLY)
    for switch in rows.select_related("project").order_by("set_at", "pk") if project_ids else ():
        yield {
            "kind": "lock",
            "item": WorkItem(project=switch.project or Project.objects.get(pk=min(project_ids)), number=0, title=""),
            "subject_id": switch.pk,
            "asked": f"Read-only is not holding: {_name(switch)}",
            "why": " ".join(_failed(switch)) or "No host has said that everything stands still.",
            "recommended": "Look what is left on the Guardrails page; end it there or on the host that is named.",
            "if_ignored": "What is left may go on writing; nothing of it is merged, published or signed.",
            "who": f"{switch.set_by or 'Leadroom'}, who set it",
            "since": switch.set_at or now,
            "cause": Cause.READ_ONLY_FAILURE,
            "severity": Severity.CRITICAL,
        }


def _name(switch: Switch) -> str:
    scope = switch.get_kind_display().lower()
    if switch.project is None:
        return scope
    return f"{'the whole' if switch.kind == ScopeKind.PROJECT else scope + ' of'} {switch.project.name}"


def _failed(switch: Switch) -> list[str]:
    failed = [str(check.get("sentence", "")) for check in switch.checks if not check.get("ok")]
    return failed[:MOST_TOLD]
