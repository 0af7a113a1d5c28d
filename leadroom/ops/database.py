"""Bringing the database up to date, one process at a time."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import is_password_usable
from django.core.management import call_command
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

ADVISORY_LOCK = 0x1EAD_4003  # any constant, the same on every host that shares the database


def is_empty() -> bool:
    """Whether the database can be reached and has no table at all."""
    try:
        return not connection.introspection.table_names()
    except DatabaseError:
        return False


def pending_migrations() -> int:
    """How many migrations the database lacks. Raises django.db.Error when it cannot be reached."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@contextlib.contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    with (home / "run" / "migrate.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        if connection.vendor != "postgresql":
            yield
            return
        with connection.cursor() as cursor:  # other hosts share the database, not the lock file
            cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def bring_up_to_date(home: Path) -> int:
    """Applies what is missing under a lock and returns how many migrations that was."""
    if not pending_migrations():
        return 0
    with _one_at_a_time(home):
        count = pending_migrations()
        if count:
            call_command("migrate", interactive=False, verbosity=0)
        return count


def has_project() -> bool:
    """Whether anybody has made a project yet."""
    return apps.get_model("projects", "Project").objects.exists()


def has_password() -> bool:
    """Whether some active user can sign in with a password."""
    users = get_user_model().objects.filter(is_active=True)
    return any(is_password_usable(password) for password in users.values_list("password", flat=True))
