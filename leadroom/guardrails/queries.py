"""Reads of the switch: what is locked, and whether something may be done in spite of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import DatabaseError, connection
from django.db.models import Q, QuerySet

from leadroom.guardrails import flag
from leadroom.guardrails.enums import Lock, ScopeKind
from leadroom.guardrails.models import Switch
from leadroom.lib.errors import Locked

SWITCH_LOCK = 0x72656164
"""Advisory lock on Postgres: a press takes it alone, guarded writes share it. SQLite's writers are one at a time."""


@dataclass(frozen=True)
class Locks:
    """Everything that is locked, by file and database together."""

    by_key: Mapping[str, Lock]
    is_readable: bool = True

    def of(self, project_id: int | None, agent_id: int | None = None) -> Lock:
        """The lock that counts for an agent of a project, or for the project when no agent is named."""
        if not self.is_readable:
            return Lock.UNREADABLE
        return flag.strongest(*(self.by_key.get(key, Lock.OPEN) for key in flag.keys_of(project_id, agent_id)))

    @property
    def projects(self) -> list[int]:
        """Ids of projects that are locked as such."""
        return self._targets(ScopeKind.PROJECT)

    @property
    def agents(self) -> list[int]:
        return self._targets(ScopeKind.AGENT)

    @property
    def is_everything(self) -> bool:
        return not self.is_readable or flag.EVERYTHING in self.by_key

    def _targets(self, kind: ScopeKind) -> list[int]:
        found = (key.partition(":") for key in self.by_key)
        return [int(target) for word, _, target in found if word == kind and target.isdigit()]


def engaged() -> QuerySet[Switch]:
    """Switches that are not open."""
    return Switch.objects.exclude(level=Lock.OPEN).select_related("project").order_by("pk")


def locks_in_database() -> dict[str, Lock]:
    """Raises DatabaseError when it cannot be asked."""
    return {switch.key: Lock(switch.level) for switch in Switch.objects.exclude(level=Lock.OPEN)}


def locks_now() -> Locks:
    """File and database together. Never raises: what cannot be read locks everything."""
    try:
        return with_flag(locks_in_database())
    except DatabaseError:
        return Locks({}, is_readable=False)


def with_flag(stored: Mapping[str, Lock]) -> Locks:
    """What the database has, and what the file says beside it."""
    try:
        by_key = dict(flag.read_flag().locks)
    except flag.FlagUnreadable:
        return Locks({}, is_readable=False)
    for key, level in stored.items():
        by_key[key] = flag.strongest(level, by_key.get(key, Lock.OPEN))
    return Locks(by_key)


def standing_lock(project_id: int | None, agent_id: int | None = None) -> Lock:
    """The lock that counts now. Never raises."""
    return locks_now().of(project_id, agent_id)


def share_the_switch() -> None:
    """Inside a transaction: from here to its end no scope becomes locked, so what was checked holds (Postgres)."""
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [SWITCH_LOCK])


def check_unlocked(project_id: int | None, agent_id: int | None = None, *, kept: str = "nothing was changed") -> None:
    """Raises Locked with the sentence for the disabled button when the switch covers this. `kept` says what was not
    done. Asked inside the transaction of a write, it also keeps the switch from being pressed before the write ends.
    """
    share_the_switch()
    lock = standing_lock(project_id, agent_id)
    if lock is Lock.OPEN:
        return
    if lock is Lock.UNREADABLE:
        raise Locked(
            f"Leadroom cannot read its read-only flag, and what it cannot read counts as read-only: {kept}. "
            "Mend it on the Guardrails page."
        )
    switch = strongest_switch(flag.keys_of(project_id, agent_id))
    whose = scope_name(switch) if switch else "Everything"
    who = f" by {switch.set_by}" if switch and switch.set_by else ""
    raise Locked(f"{whose} is {lock.label.lower()}, set{who}: {kept}. Unlock it on the Guardrails page first.")


def strongest_switch(keys: Iterable[str]) -> Switch | None:
    """The engaged switch that counts among these scopes, in one query."""
    wanted = Q()
    for key in keys:
        kind, _, target = key.partition(":")
        wanted |= Q(kind=kind, target=int(target or 0))
    rows = list(engaged().filter(wanted))
    return max(rows, key=lambda row: flag.STRENGTH[Lock(row.level)], default=None)


def scope_name(switch: Switch) -> str:
    """The scope in words: `Everything`, `Evenly`, `An agent of Evenly`."""
    if switch.kind == ScopeKind.EVERYTHING or switch.project is None:
        return "Everything"
    return switch.project.name if switch.kind == ScopeKind.PROJECT else f"An agent of {switch.project.name}"
