"""News after commit: "this topic moved". Rows in the database are the truth; a lost hint costs one tick."""

import json
import logging
import time
from functools import lru_cache

import redis
from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)
_quiet_until = 0.0


def channel_of(topic: str) -> str:
    """Redis channel that carries the topic's hints."""
    return f"{settings.LIVE_PREFIX}:live:{topic}"


def publish(topic: str, name: str, id: int | str = 0) -> None:
    """After the current transaction commits, hint that `topic` (`run.42`, `item.3`, `room`) has news.

    A topic `item.N` also wakes the task named by `settings.LIVE_WAKE_TASK`. Never raises: pages and loops find the
    rows by themselves when the broker is down.
    """
    transaction.on_commit(lambda: _send(topic, name, id), robust=True)


def publish_item(item_id: int, name: str) -> None:
    """News of a work item: its own page, the board and the Needs-you panel."""
    publish(f"item.{item_id}", name, item_id)
    publish("room", name, item_id)


@lru_cache(maxsize=1)
def _waker() -> Celery:
    """Only sends: the worker's own application lives above this room."""
    waker = Celery("leadroom-live", set_as_current=False)
    waker.config_from_object("django.conf:settings", namespace="CELERY")
    return waker


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1)


def _send(topic: str, name: str, id: int | str) -> None:
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        _client().publish(channel_of(topic), json.dumps([topic, name, id]))
        if topic.startswith("item."):
            _waker().send_task(settings.LIVE_WAKE_TASK, [int(topic[5:])], expires=30, retry=False)
    except (redis.RedisError, OperationalError, OSError) as error:
        _quiet_until = time.monotonic() + 1.0  # a page must not wait for a dead broker twice
        log.warning("live hint not sent, pages refresh by themselves: %s", error)
