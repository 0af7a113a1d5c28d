"""Dying on purpose: `LEADROOM_CRASH_AT=point:n` ends a process at its n-th pass of a point, as a power cut would."""

import os
import threading

STATUS = 137
"""The exit status of a process that died at its point: what a shell reports after SIGKILL."""
_lock = threading.Lock()
_passes: dict[str, int] = {}


def crash_point(name: str) -> None:
    """Die here, without a word and without cleaning up, when the environment names this pass; else nothing."""
    point, _, number = os.environ.get("LEADROOM_CRASH_AT", "").rpartition(":")
    if point != name:
        return
    with _lock:
        _passes[name] = _passes.get(name, 0) + 1
        if str(_passes[name]) == number:
            os._exit(STATUS)
