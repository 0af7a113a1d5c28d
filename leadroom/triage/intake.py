"""A finding that comes in: what is read from a report, and what became of it."""

import dataclasses
import datetime as dt
from typing import Any

from leadroom.agents.models import Run
from leadroom.lib.actors import Actor, ActorKind
from leadroom.lib.shapes import storable
from leadroom.triage.engine import model
from leadroom.triage.enums import LinkKind, LinkState
from leadroom.triage.judging import Judgement, Match
from leadroom.triage.models import Finding, Link, Report

BODY_KEPT = 100_000
"""Characters of a finding's text that are kept; the report itself has all of it."""


@dataclasses.dataclass(frozen=True)
class Source:
    """Who says it. `reporter` is counted as one affected, `habit` is whose use of severities is known.

    `origin` names what was said where it was brought in from, if it was.
    """

    reporter: str
    habit: str
    is_agent: bool
    origin: str = ""


@dataclasses.dataclass(frozen=True)
class Intake:
    """What became of one text. `woken` is a quiet finding that it made worse, and so brought back."""

    finding: Finding
    judgement: Judgement
    woken: int | None = None

    def for_ledger(self) -> dict[str, Any]:
        """The engine's decision and its version, for the entry of whoever took the text in."""
        link = self.judgement.link
        return {
            "finding": self.finding.pk,
            "linked_to": link.root_id if link else None,
            "rule": link.rule if link else "",
            "suggested": [match.root_id for match in self.judgement.suggestions],
            "priority": self.finding.priority,
            "woken": self.woken,
            "engine": model.load().version,
        }


def link_of(finding: Finding, match: Match, state: LinkState, version: str, at: dt.datetime) -> Link:
    """The row of a match, not yet stored."""
    return Link(
        newer=finding,
        older_id=match.root_id,
        kind=LinkKind.REGRESSION if match.is_resolved else LinkKind.SAME,
        state=state,
        by_itself=state == LinkState.LINKED,
        probability=match.probability,
        evidence={**match.evidence, "rule": match.rule, "through": match.finding_id},
        engine=version,
        made_at=at,
    )


def source_of_run(run: Run) -> Source:
    """The same agent at two items is affected twice."""
    return Source(f"{run.agent.name} on #{run.item.number}"[:200], run.agent.name[:200], is_agent=True)


def source_of(by: Actor, reporter: str, origin: str = "") -> Source:
    """Whoever is named, else whoever brings it in."""
    name = storable((reporter.strip() or by.name)[:200])
    return Source(name, name, is_agent=by.kind is ActorKind.AGENT, origin=origin[:200])


def text_of(report: Report) -> tuple[str, str]:
    """Title and body of a report as the engine reads them: what is open first, what was done last."""
    body = report.body
    parts = [*body.get("unsure", ()), *body.get("needs", ()), *body.get("follow_ups", ()), *body.get("done", ())]
    places = [str(source.get("uri", "")) for source in body.get("sources", ())]
    return report.summary, "\n".join([*map(str, parts), *places])
