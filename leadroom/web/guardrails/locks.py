"""The switch as a page shows it: its true state, never more than was proven."""

import datetime as dt
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from leadroom.guardrails import flag
from leadroom.guardrails.enums import Lock, ScopeKind, SwitchState
from leadroom.guardrails.models import Switch
from leadroom.guardrails.queries import Locks, engaged, with_flag
from leadroom.guardrails.scopes import EVERYTHING, Scope

UNREADABLE = "Read-only: the flag cannot be read"


@dataclass(frozen=True)
class Badge:
    """What a switch may say of itself: a word, a tone, an icon, and when."""

    word: str
    tone: str
    icon: str
    at: dt.datetime | None = None


@dataclass(frozen=True)
class LockControl:
    """The switch of one scope with its buttons; a reason says why a button is refused, empty when it works."""

    dom_id: str
    name: str
    kind: str
    target: int
    level: Lock
    epoch: int
    badge: Badge
    set_by: str
    set_at: dt.datetime | None
    reason: str
    checks: tuple[dict[str, object], ...]
    press_reason: str
    release_reason: str

    @property
    def is_open(self) -> bool:
        return self.level is Lock.OPEN

    @property
    def is_read_only(self) -> bool:
        return self.level is Lock.READ_ONLY

    @property
    def is_proven(self) -> bool:
        return self.badge.tone == "ok"


@dataclass(frozen=True)
class Switches:
    """Every engaged switch and the locks that follow, read once per request."""

    by_key: dict[str, Switch]
    locks: Locks

    def of(self, scope: Scope) -> Switch | None:
        return self.by_key.get(scope.key)


def switches(request: HttpRequest) -> Switches:
    """One query per request, whoever asks."""
    cached = getattr(request, "_switches", None)
    if cached is None:
        rows = {switch.key: switch for switch in engaged()}
        cached = Switches(rows, with_flag({key: Lock(row.level) for key, row in rows.items()}))
        request._switches = cached  # type: ignore[attr-defined]
    return cached


def badge_of(switch: Switch | None) -> Badge:
    """The honest badge: *verified* with its moment, *requested* until then, *not enforced* at level 0."""
    if switch is None or switch.level == Lock.OPEN:
        return Badge("Open", "off", "lock-open")
    noun = "paused" if switch.level == Lock.PAUSED else "read-only"
    if switch.state == SwitchState.VERIFIED and switch.verified_at:
        took = f"{switch.verified_seconds or 0:.1f} s"
        at = f"{timezone.localtime(switch.verified_at):%H:%M:%S}"
        icon = "pause" if switch.level == Lock.PAUSED else "lock"
        return Badge(f"Verified {noun} {at}, {took}", "ok", icon, switch.verified_at)
    if switch.state == SwitchState.UNENFORCED:
        return Badge(f"{noun.capitalize()} not enforced", "bad", "shield-alert", switch.set_at)
    return Badge(f"{noun.capitalize()} requested", "warn", "hourglass", switch.set_at)


def control(scope: Scope, found: Switches, *, press_reason: str = "", release_reason: str = "") -> LockControl:
    """The scope's own switch with what may be done to it."""
    switch = found.of(scope)
    level = Lock(switch.level) if switch else Lock.OPEN
    return LockControl(
        dom_id=f"switch-{scope.key.replace(':', '-')}",
        name=scope.name,
        kind=scope.kind,
        target=scope.target,
        level=level,
        epoch=switch.epoch if switch else 0,
        badge=badge_of(switch),
        set_by=switch.set_by if switch else "",
        set_at=switch.set_at if switch else None,
        reason=switch.reason if switch else "",
        checks=tuple(switch.checks) if switch else (),
        press_reason=press_reason,
        release_reason=release_reason,
    )


def strongest_over(found: Switches, project_id: int | None, agent_id: int | None) -> Switch | None:
    """The switch that counts for an agent, whichever scope it covers."""
    rows = [found.by_key[key] for key in flag.keys_of(project_id, agent_id) if key in found.by_key]
    return max(rows, key=lambda row: flag.STRENGTH[Lock(row.level)], default=None)


def toggle(request: HttpRequest, scope: Scope, agent_id: int, *, refusal: str) -> LockControl:
    """The lock of one agent for a page of one run: what a wider scope locks cannot be opened here."""
    found = switches(request)
    wider = [key for key in flag.keys_of(scope.project_id, None) if key in found.by_key]
    release = refusal or ("A wider lock covers this agent; unlock it on the Guardrails page." if wider else "")
    shown = control(scope, found, press_reason=refusal, release_reason=release)
    if shown.is_open and wider:
        return control(scope, Switches({scope.key: found.by_key[wider[0]]}, found.locks), release_reason=release)
    return shown


def topbar_switch(request: HttpRequest, *, refusal: str) -> dict[str, object]:
    """What the top bar says: the switch over everything, else how many smaller ones are on."""
    found = switches(request)
    if not found.locks.is_readable:
        badge, is_on = Badge(UNREADABLE, "bad", "shield-alert"), True
    elif switch := found.of(EVERYTHING):
        badge, is_on = badge_of(switch), True
    elif found.locks.is_everything:
        badge, is_on = Badge("Read-only requested", "warn", "hourglass"), True
    else:
        visible = [row for row in found.by_key.values() if row.kind != ScopeKind.EVERYTHING]
        badge = Badge(f"{len(visible)} locked", "warn", "lock") if visible else Badge("Open", "off", "lock-open")
        is_on = False
    return {
        "badge": badge,
        "is_on": is_on,
        "url": reverse("guardrails:index"),
        "press_url": reverse("guardrails:press"),
        "refusal": refusal,
    }
