"""The eye a holder has on the read-only switch: a thread that freezes, thaws and kills without asking anybody.

The file is looked at every 20 ms and the database, for switches that were pressed on another host, every 200 ms. A
database that does not answer is no news here; the gate, which asks it for every call, fails closed.
"""

import logging
import os
import signal
import threading

from django.db import DatabaseError, connection

from leadroom.guardrails import flag
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.queries import locks_in_database
from leadroom.sandbox.process import kill_live
from leadroom.sandbox.registry import freeze, sweep, thaw

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.02
ASK_EVERY = 10
"""Looks at the file between two questions to the database."""


class SwitchWatch(threading.Thread):
    """Watches every scope that covers an agent of a project.

    PAUSED: the sandboxes with `marker` are frozen until it ends. READ_ONLY, or a flag that cannot be read: they are
    killed and this process is told to put its work down (SIGTERM); `has_halted` is then true. With `is_harmless` (a
    session that can write nothing) it goes on while read-only.
    """

    def __init__(self, *, project_id: int | None, agent_id: int | None, marker: str, is_harmless: bool = False) -> None:
        super().__init__(name="switch", daemon=True)
        self._scopes = flag.keys_of(project_id, agent_id)
        self._marker, self._is_harmless = marker, is_harmless
        self._ended = threading.Event()
        self._by_file, self._by_database = Lock.OPEN, Lock.OPEN
        self._signature: tuple[int, int, int] | None = None
        self._looks = 0
        self.has_halted = False
        self.lock = Lock.OPEN

    def run(self) -> None:
        try:
            while not self._ended.wait(LOOK_SECONDS):
                self._look_at_file()
                if self._looks % ASK_EVERY == 0:
                    self._ask_database()
                self._looks += 1
                self._follow(flag.strongest(self._by_file, self._by_database))
        finally:
            connection.close()

    def stop(self) -> None:
        """End the watch; harmless when it never began."""
        self._ended.set()
        if self.is_alive():
            self.join(timeout=10)

    def _look_at_file(self) -> None:
        try:
            status = os.stat(flag.flag_path())
            signature = (status.st_mtime_ns, status.st_ino, status.st_size)
        except FileNotFoundError:
            signature = None
        except OSError:
            self._by_file, self._signature = Lock.UNREADABLE, None
            return
        if signature != self._signature or self._by_file is Lock.UNREADABLE:
            self._by_file = self._of_file()
            self._signature = signature

    def _of_file(self) -> Lock:
        try:
            locks = flag.read_flag().locks
        except flag.FlagUnreadable as error:
            log.error("read-only: %s", error)
            return Lock.UNREADABLE
        return flag.strongest(*(locks.get(key, Lock.OPEN) for key in self._scopes))

    def _ask_database(self) -> None:
        try:
            locks = locks_in_database()
        except DatabaseError:
            log.warning("the switch could not be asked for in the database", exc_info=True)
            connection.close()
            return
        self._by_database = flag.strongest(*(locks.get(key, Lock.OPEN) for key in self._scopes))

    def _follow(self, lock: Lock) -> None:
        before, self.lock = self.lock, lock
        if lock in (Lock.READ_ONLY, Lock.UNREADABLE):
            if before is Lock.PAUSED and self._is_harmless:
                thaw(self._marker)
            if not self._is_harmless and not self.has_halted:
                self._halt()
        elif lock is Lock.PAUSED:
            if before is not Lock.PAUSED or self._looks % ASK_EVERY == 0:  # one that began just before the pause
                freeze(self._marker)
        elif before is Lock.PAUSED:
            thaw(self._marker)

    def _halt(self) -> None:
        self.has_halted = True
        kill_live(self._marker)
        os.kill(os.getpid(), signal.SIGTERM)
        sweep(self._marker)  # what another process of ours may have started under the same mark
