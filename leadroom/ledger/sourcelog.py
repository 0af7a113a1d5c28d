"""The source log: what was used for each step, from where, and why it is trusted. For people, and as W3C PROV."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q
from prov.model import ProvDocument

from leadroom.ledger.models import Entry, Source
from leadroom.lib.actors import ActorKind

STEPS_SHOWN = 400
NAMESPACE = "https://leadroom.invalid/prov#"
HOW_CHECKED = (
    "Files are looked up in the repository, criteria in the document, commands in the run's own transcript. A web "
    "address or an API answer counts only when Leadroom fetched it for a run of this item, from a server the lead "
    "listed; its time and digest are kept. "
    "A dashboard counts when the lead vouched for its address; Leadroom did not read it."
)
"""What "found" means, for whoever reads the log."""
_DELIVERED = {"propose_ambiguities": "proposals", "ask_questions": "questions"}


@dataclass(frozen=True)
class Step:
    """One entry of the ledger with its sources: those declared, and those Leadroom saw being used before."""

    entry: Entry
    declared: tuple[Source, ...]
    observed: tuple[Source, ...]

    @property
    def how_checked(self) -> str:
        return HOW_CHECKED

    @property
    def words(self) -> str:
        """What was done: `Ambiguities proposed`."""
        room, thing, verb = (*self.entry.verb.split("."), "", "")[:3]
        if self.entry.verb == "guardrails.answer.weighed":
            tool = str(self.entry.payload.get("tool", ""))
            return f"Looked at before its {_DELIVERED.get(tool, tool.removeprefix('submit_').replace('_', ' '))}"
        return f"{thing or room} {verb.replace('_', ' ')}".strip().capitalize()

    @property
    def why_trusted(self) -> str:
        """In one sentence, for somebody who reads no code."""
        looked = [source for source in self.declared if source.is_resolved is not None]
        held = [source for source in looked if source.is_resolved]
        if not self.declared:
            things = "one thing" if len(self.observed) == 1 else f"{len(self.observed)} things"
            return f"Leadroom saw {things} being read or run before it." if self.observed else ""
        if not looked:
            return "Declared before Leadroom looked sources up; nobody checked them."
        if not held:
            return "Not trusted: none of its sources could be found, so it counts as unsourced."
        if len(looked) == 1:
            return "Leadroom found its source itself."
        left = len(looked) - len(held)
        rest = f"; {left} {'does' if left == 1 else 'do'} not count" if left else ""
        return f"Leadroom found {len(held)} of its {len(looked)} sources itself{rest}."


def steps_of(*, item_id: int, run_id: int | None = None) -> list[Step]:
    """Steps that have sources, oldest first, of an item or of one run of it. Two queries."""
    entries = Entry.objects.filter(item_id=item_id, sources__isnull=False)
    if run_id is not None:
        entries = entries.filter(Q(actor_id=f"run:{run_id}") | Q(subject=f"agents.run:{run_id}"))
    found = []
    for entry in entries.distinct().order_by("pk").prefetch_related("sources")[:STEPS_SHOWN]:
        sources = sorted(entry.sources.all(), key=lambda source: source.pk)
        declared = tuple(source for source in sources if not source.is_observed)
        found.append(Step(entry, declared, tuple(source for source in sources if source.is_observed)))
    return found


def as_markdown(title: str, steps: Sequence[Step]) -> str:
    """The log as Markdown; what agents wrote is shown as code, so that it cannot mark anything up."""
    parts = [f"# Source log: {_plain(title)}", "", HOW_CHECKED, ""]
    for step in steps:
        at = step.entry.at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        parts += [f"## {_plain(step.words)}", "", f"{at}, {_plain(step.entry.actor_name)}. {step.why_trusted}", ""]
        parts += [_line(source) for source in step.declared]
        if step.observed:
            parts += ["", f"Seen by Leadroom before it ({len(step.observed)}):", ""]
            parts += [_line(source) for source in step.observed]
        parts.append("")
    return "\n".join(parts).rstrip("\n") + "\n"


def _line(source: Source) -> str:
    state = {True: "found", False: "does not count", None: "not looked up"}[source.is_resolved]
    said = [_code(source.uri), f"({_plain(source.kind)}, {state})"]
    if source.note:
        said.append(f"said to show: {_code(source.note)}.")
    if source.why:
        said.append(f"Leadroom: {_code(source.why)}.")
    if source.digest:
        said.append(f"Content {source.digest}.")
    return "- " + " ".join(said)


def _code(text: str) -> str:
    flat = " ".join(text.split())
    longest = max((len(run) for run in _ticks(flat)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {flat} {fence}" if longest else f"`{flat}`"


def _ticks(text: str) -> Iterable[str]:
    return (part for part in "".join(c if c == "`" else " " for c in text).split())


def _plain(text: str) -> str:
    return "".join(c if c.isalnum() or c in " .,:;#()'-/+&%!?" else " " for c in text).strip()


def as_prov(steps: Sequence[Step]) -> str:
    """The log as PROV-JSON (W3C Member Submission, 2013): entries are activities, sources entities, doers agents."""
    document = ProvDocument()
    document.add_namespace("lr", NAMESPACE)
    for step in steps:
        entry = step.entry
        activity = document.activity(
            f"lr:entry-{entry.pk}", entry.at, entry.at, {"lr:verb": entry.verb, "lr:hash": entry.hash}
        )
        made = document.entity(f"lr:{entry.subject.replace(':', '-')}", {"prov:label": entry.subject})
        document.wasGeneratedBy(made, activity, entry.at)
        kind = "prov:Person" if entry.actor_kind == ActorKind.HUMAN else "prov:SoftwareAgent"
        doer = document.agent(
            f"lr:{entry.actor_kind}-{entry.actor_id.replace(':', '-').replace(' ', '-')}",
            {"prov:type": document.valid_qualified_name(kind), "prov:label": entry.actor_name},
        )
        document.wasAssociatedWith(activity, doer)
        for source in (*step.declared, *step.observed):
            entity = document.entity(f"lr:source-{source.pk}", _attributes(source))
            document.used(activity, entity, source.retrieved_at or entry.at)
            if source.is_resolved and not source.is_observed:
                document.wasDerivedFrom(made, entity, activity)
    return str(document.unified().serialize(format="json", indent=2))


def _attributes(source: Source) -> dict[str, str | bool]:
    said: dict[str, str | bool] = {"prov:label": source.uri, "lr:kind": source.kind, "lr:observed": source.is_observed}
    if source.is_resolved is not None:
        said["lr:resolved"] = source.is_resolved
    for name in ("note", "why", "revision", "digest"):
        if value := getattr(source, name):
            said[f"lr:{name}"] = value
    return said
