"""Several threads that begin at the same moment, each with a database connection of its own."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections


def run_together(*calls: Callable[[], Any], seconds: float = 30.0) -> list[Any]:
    """What each call returned, or the exception it raised, in the order given.

    Needs `transactional_db`: threads see only what is committed. Raises AssertionError when one hangs.
    """
    answers: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def work(number: int, call: Callable[[], Any]) -> None:
        try:
            gate.wait(seconds)
            answers[number] = call()
        except Exception as error:
            answers[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=given, daemon=True) for given in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return answers
