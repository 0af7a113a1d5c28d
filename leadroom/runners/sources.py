"""Every source an agent declares is looked up before it counts; and what the session itself saw is gathered."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from leadroom.agents.enums import EventKind
from leadroom.agents.models import Run, RunEvent
from leadroom.ledger.models import Entry
from leadroom.ledger.provenance import Found, SourceKind, is_subject, kind_of, no, place_of
from leadroom.lib.digest import digest_of
from leadroom.lib.errors import LeadroomError
from leadroom.projects.models import Project, WorkItem
from leadroom.requirements.queries import ambiguities_of, latest_revision
from leadroom.runners import shapes
from leadroom.runners.fetched import Fetched, same_place
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.models import Worktree

OBSERVED_SHOWN = 60
_TOOL_KINDS = {"read_file": "file", "search_files": "search", "run_command": "command", "fetch": "url"}
_PAGES = {
    "items": "projects.item",
    "runs": "agents.run",
    "plans": "testplans.plan",
    "stitch": "projects.item",
    "triage": "triage.report",
}
_PAGE = re.compile(r"^/(\w+)/(\d{1,18})/")
_ITEM = re.compile(r"^([a-z0-9-]{1,60})#(\d{1,9})\b")


@dataclass(frozen=True)
class Seen:
    """One thing the session did before: a read, a search, a command, a fetch; `digest` covers what came back.

    `fetched` is what Leadroom kept of a fetch that a server answered; then `digest` covers the whole body.
    """

    seq: int
    at: dt.datetime
    tool: str
    what: str
    is_error: bool
    digest: str
    fetched: Fetched | None = None

    def as_source(self) -> dict[str, Any]:
        """As `ledger.actions.record` takes it."""
        said = "and it failed" if self.is_error else "and got an answer"
        why = f"Line {self.seq} of the run's transcript: it called {self.tool} {said}."
        if self.fetched is not None:
            why = f"{why} Status {self.fetched.status}, {self.fetched.size:,} bytes, at {self.fetched.when}."
        found = Found(True, why, f"line {self.seq}", self.digest, self.at, is_observed=True)
        return {"kind": _TOOL_KINDS.get(self.tool, self.tool)[:40], "uri": self.what[:500], "found": found.as_json()}


def seen_by(run: Run) -> list[Seen]:
    """What earlier turns of the run read, searched, ran or fetched, oldest first."""
    asked: dict[str, tuple[str, str]] = {}
    found: list[Seen] = []
    rows = RunEvent.objects.filter(run=run, kind__in=[EventKind.TOOL_CALL, EventKind.TOOL_RESULT]).order_by("seq")
    for event in rows.iterator(500):
        body = event.payload
        if event.kind == EventKind.TOOL_CALL:
            given = body.get("input") if isinstance(body.get("input"), Mapping) else {}
            what = next((given[name] for name in ("command", "url", "pattern", "path") if given.get(name)), "")
            asked[body["id"]] = (str(body.get("kind", "")), str(what))
            continue
        kind, what = asked.get(body.get("id", ""), ("", ""))
        if what and kind in ("read", "search", "execute", "fetch") and not body.get("parked"):
            is_error = bool(body.get("is_error"))
            fetched = Fetched.of(body["fetched"]) if body.get("fetched") else None
            if kind == "fetch" and fetched is None:
                continue  # refused, or no answer that could be kept: nothing was seen
            digest = fetched.digest if fetched else digest_of(body.get("text", ""))
            found.append(Seen(event.seq, event.at, body["name"], what, is_error, digest, fetched))
    return found


def fetched_before(run: Run) -> list[tuple[RunEvent, Fetched]]:
    """What other runs of the same item fetched, oldest first; a server's refusal is left out.

    Leadroom itself asked and kept time and digest, so it holds for the item whoever wanted it.
    """
    rows = RunEvent.objects.filter(run__item_id=run.item_id, kind=EventKind.TOOL_RESULT, payload__name="fetch")
    rows = rows.exclude(run=run).order_by("at", "pk")
    pairs = [(event, Fetched.of(event.payload["fetched"])) for event in rows if event.payload.get("fetched")]
    return [(event, fetched) for event, fetched in pairs if fetched.is_good]


def observed(run: Run) -> list[dict[str, Any]]:
    """What the session saw, the newest of each, with the model's server it spoke to, as sources for the ledger."""
    newest = {(seen.tool, seen.what): seen for seen in seen_by(run)}
    sources = [seen.as_source() for seen in sorted(newest.values(), key=lambda s: s.seq)[-OBSERVED_SHOWN:]]
    if run.endpoint_url:
        turns = RunEvent.objects.filter(run=run, kind=EventKind.USAGE)
        last = turns.order_by("-seq").first()
        count = turns.count()
        why = f"{count} answers of {run.model or 'the model'} came from there before."
        found = Found(True, why, run.model, "", last.at if last else None, is_observed=True)
        sources.append({"kind": "model endpoint", "uri": run.endpoint_url, "found": found.as_json()})
    return sources


def sources_in(shape: Any) -> Iterator[shapes.Source]:
    """Every declared source of a call, at whatever depth."""
    if isinstance(shape, shapes.Source):
        yield shape
    elif isinstance(shape, shapes.Shape):
        for name in type(shape).model_fields:
            yield from sources_in(getattr(shape, name))
    elif isinstance(shape, list):
        for inner in shape:
            yield from sources_in(inner)


def look_up_all(run: Run, worktree: Worktree | None, shape: shapes.Shape, *, now: dt.datetime, dashboards: str) -> None:
    """Sets `found` of every source of the call. Never raises for what an agent wrote."""
    look = Look(run, worktree, now, tuple(line.strip() for line in dashboards.splitlines() if line.strip()))
    for source in sources_in(shape):
        source.found = look.up(source.kind, source.uri).as_json()


def _is_ours(netloc: str) -> bool:
    """Whether an address leads to a page of this Leadroom; one without a server does."""
    return netloc == "" or netloc in {urlsplit(origin).netloc for origin in settings.LIVE_ORIGINS}


class Look:
    """Looks sources up for one call of one run."""

    def __init__(self, run: Run, worktree: Worktree | None, now: dt.datetime, dashboards: tuple[str, ...] = ()) -> None:
        self.run, self.worktree, self.now, self.dashboards = run, worktree, now, dashboards

    @cached_property
    def item(self) -> WorkItem:
        return WorkItem.objects.select_related("project").get(pk=self.run.item_id)

    @cached_property
    def seen(self) -> list[Seen]:
        return seen_by(self.run)

    @cached_property
    def before(self) -> list[tuple[RunEvent, Fetched]]:
        return fetched_before(self.run)

    def up(self, kind: str, uri: str) -> Found:
        """What a look at the source gives."""
        meant, uri = kind_of(kind), uri.strip()
        if other := self._elsewhere(uri):
            return other
        if is_subject(uri):
            return self._record(uri)
        if meant in (SourceKind.URL, SourceKind.API, SourceKind.DASHBOARD) or "://" in uri:
            return self._address(uri)
        if meant in (SourceKind.TEST_RUN, SourceKind.COMMAND):
            return self._command(uri)
        if meant is SourceKind.REQUIREMENT:
            return self._requirement(uri)
        if meant is SourceKind.SKILL:
            return self._skill(uri)
        if meant is SourceKind.FILE:
            return self._file(uri)
        return no(f"Leadroom knows no source of the kind {kind[:40]!r}.")

    def _elsewhere(self, uri: str) -> Found | None:
        match = _ITEM.match(uri)
        if match is None:
            return None
        slug, number = match.groups()
        if slug != self.item.project.slug:
            is_known = Project.objects.filter(slug=slug).exists()
            return no("It belongs to another project." if is_known else f"There is no project {slug!r}.")
        item = WorkItem.objects.filter(project=self.item.project, number=int(number)).first()
        return self._record(f"projects.item:{item.pk}") if item else no(f"The project has no item {number}.")

    def _record(self, subject: str) -> Found:
        """A record of Leadroom's: it must be in the ledger, of this project, from before, and not this run's own."""
        entry = Entry.objects.filter(subject=subject).order_by("-pk").first()
        if entry is None:
            return no(f"Leadroom has no record {subject}.")
        if (
            entry.item_id is None
            or not WorkItem.objects.filter(pk=entry.item_id, project_id=self.item.project_id).exists()
        ):
            return no("It belongs to another project.")
        if subject == f"agents.run:{self.run.pk}" or entry.actor_id == f"run:{self.run.pk}":
            return no("It is this run's own word; nothing can be its own source.")
        if entry.at > self.now + dt.timedelta(minutes=5):
            return no("It is dated in the future.")
        return Found(
            True, f"{entry.verb} by {entry.actor_name}, in the ledger.", f"entry {entry.pk}", entry.hash, entry.at
        )

    def _address(self, uri: str) -> Found:
        try:
            parts = urlsplit(uri)
        except ValueError:
            return no("It is no address.")
        if fetched := self._fetched(same_place(uri)):
            return fetched
        if (page := _PAGE.match(parts.path)) and page.group(1) in _PAGES and _is_ours(parts.netloc):
            return self._record(f"{_PAGES[page.group(1)]}:{page.group(2)}")
        if any(uri.startswith(known) for known in self.dashboards):
            return Found(True, "A dashboard that the lead vouches for; Leadroom did not read it itself.", at=self.now)
        return no("Nobody fetched it for this item, so there is no time and no content to hold it to.")

    def _fetched(self, place: str) -> Found | None:
        """What Leadroom was told by that address: by this run, else by another of the item; the newest of each."""
        for seen in reversed(self.seen):
            got = seen.fetched
            if got is not None and got.is_good and same_place(got.url) == place:
                why = f"Fetched in this run at {got.when}, digest {got.short}, line {seen.seq} of its transcript."
                return Found(True, why, f"line {seen.seq}", got.digest, got.at)
        for event, got in reversed(self.before):
            if same_place(got.url) == place:
                why = f"Fetched in run {event.run_id} of this item at {got.when}, digest {got.short}, line {event.seq}."
                return Found(True, why, f"run {event.run_id} line {event.seq}", got.digest, got.at)
        return None

    def _command(self, uri: str) -> Found:
        ran = [seen for seen in self.seen if seen.tool == "run_command" and seen.what.strip() == uri]
        if not ran:
            return no("This run did not run that command.")
        last = ran[-1]
        ended = "it failed" if last.is_error else "it succeeded"
        return Found(
            True, f"Run in this session, and {ended}: line {last.seq}.", f"line {last.seq}", last.digest, last.at
        )

    def _requirement(self, uri: str) -> Found:
        key = uri.strip().split()[0] if uri.strip() else ""
        if key == "request":
            return Found(True, "The request as it was written.", "", self.item.request_digest, self.item.created_at)
        revision = latest_revision(self.item)
        if revision is not None:
            goals = {goal["id"]: goal["text"] for goal in revision.body["goals"]}
            if text := {**revision.criteria, **goals}.get(key):
                why = f"In revision {revision.number} of the requirements document."
                return Found(True, why, f"revision {revision.number}", digest_of(text), revision.created_at)
        decided = ambiguities_of(self.item).filter(key=key, decided_at__isnull=False).first()
        if decided is not None:
            return Found(True, "Decided by the lead.", "", decided.digest, decided.decided_at)
        return no(f"The item has no criterion, goal or decision {key[:20]!r}.")

    def _skill(self, uri: str) -> Found:
        name, _, digest = uri.partition("@")
        for version in self.run.skills.select_related("skill"):
            if version.skill.name == name and version.digest.startswith((digest, f"sha256:{digest}")):
                return Found(True, "A skill this run was given.", version.digest[7:17], version.digest, version.seen_at)
        return no("This run was given no such version of that skill.")

    def _file(self, uri: str) -> Found:
        place = place_of(uri)
        if place is None:
            return no("It is no place inside the repository.")
        control = ControlRepository(self.item.project.control_path)
        try:
            base = self._base(control)
            commit = control.resolve(place.commit) if place.commit else base
            if commit is None or base is None:
                return no("There is no such commit in the project; a commit is named by all its 40 characters.")
            if not control.is_ancestor(commit, base):
                return self._own_or_unknown(control, commit)
            content = control.file_at(commit, place.path, limit_bytes=2_000_000)
        except LeadroomError as error:
            return no(str(error)[:300])
        if content is None:
            is_own = self.worktree is not None and control.file_at(self.worktree.head, place.path) is not None
            return no("This run wrote that file itself; nothing can be its own source." if is_own else "No such file.")
        lines = content.decode("utf-8", "replace").splitlines()
        if place.first > len(lines) or place.last < place.first:
            return no(f"The file has {len(lines)} lines at {commit[:10]}.")
        text = "\n".join(lines[place.first - 1 : place.last]) if place.first else content
        shown = lines[place.first - 1].strip()[:120] if place.first else f"{len(lines)} lines"
        return Found(True, f"At {commit[:10]} it reads: {shown}", commit, digest_of(text), self.now)

    def _base(self, control: ControlRepository) -> str | None:
        if self.worktree is not None:
            return self.worktree.base
        return control.head(self.item.project.default_branch) if control.path.exists() else None

    def _own_or_unknown(self, control: ControlRepository, commit: str) -> Found:
        if self.worktree is not None and control.is_ancestor(commit, self.worktree.head):
            return no("That commit is this run's own work; nothing can be its own source.")
        return no("That commit came after the state this run works on.")
