"""The proof over several hosts: each says of its own processes what no other host can see."""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.db.models import Q, QuerySet

from leadroom.agents.enums import HELD
from leadroom.agents.models import Run
from leadroom.guardrails.models import Switch
from leadroom.lib.clock import now


def _lately(switch: Switch, runs: QuerySet[Run]) -> QuerySet[Run]:
    """Runs that were held when the switch was pressed, or are."""
    lately = Q(state__in=HELD)
    return runs.filter(lately | Q(ended_at__gte=switch.set_at) if switch.set_at else lately)


def held_here(switch: Switch, runs: QuerySet[Run]) -> bool:
    """Whether this host held one of them."""
    return _lately(switch, runs).filter(host=settings.HOST_NAME).exists()


def elsewhere(switch: Switch, runs: QuerySet[Run]) -> dict[str, list[int]]:
    """Other hosts that held some of them, with those runs' numbers."""
    rows = _lately(switch, runs).exclude(host__in=["", settings.HOST_NAME])
    found: dict[str, list[int]] = {}
    for host, pk in rows.order_by("pk").values_list("host", "pk"):
        found.setdefault(host, []).append(pk)
    return found


def note_look(switch: Switch, *, is_still: bool) -> None:
    """What this host saw of its own processes under this press, in the data folder that all hosts share."""
    path = _path(switch, settings.HOST_NAME)
    if not is_still:
        path.unlink(missing_ok=True)
        return
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps({"host": settings.HOST_NAME, "at": now().isoformat()}), encoding="utf-8")
    fresh.replace(path)


def forget_looks(switch: Switch) -> None:
    """Once the switch is proven nobody asks for them any more."""
    for path in _path(switch, "").parent.glob(f"{switch.pk}.*"):
        path.unlink(missing_ok=True)


def silent(switch: Switch, hosts: Iterable[str]) -> list[str]:
    """Those of the hosts that did not say yet that nothing of the scope moves there."""
    return sorted(host for host in hosts if not _has_looked(switch, host))


def _has_looked(switch: Switch, host: str) -> bool:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        return bool(json.loads(_path(switch, host).read_text(encoding="utf-8"))["host"] == host)
    return False


def _path(switch: Switch, host: str) -> Path:
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in host)[:120]
    return settings.HOME_DIR / "run" / "looks" / f"{switch.pk}.{switch.epoch}.{name}"
