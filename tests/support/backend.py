"""pytest plugin: gives the session its own data folder and real servers before Django reads its settings.

`LEADROOM_TEST_BACKEND=embedded` (default): SQLite and the embedded broker on a unix socket.
`LEADROOM_TEST_BACKEND=grown-up`: Postgres, and Redis on a TCP port, as larger installations have them.
Every process of a parallel run has its own folder and broker; Postgres is one server, with a database each.
"""

import atexit
import contextlib
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from leadroom.lib.paths import broker_socket
from tests.support import services

BACKEND = "LEADROOM_TEST_BACKEND"
POSTGRES_FOLDER = "LEADROOM_TEST_POSTGRES"
SAME_ON_BOTH = (
    "tests/e2e/",
    "tests/house/test_structure.py",
    "tests/house/test_urls.py::test_a_form",
    "tests/house/test_urls.py::test_every_page",
    "tests/house/test_urls.py::test_no_form",
    "tests/lib/",
    "tests/ops/",
    "tests/rehearsal/",
    "tests/runners/",
    "tests/sandbox/",
    "tests/security/",
    "tests/skills/",
    "tests/triage/test_evaluation.py",
    "tests/triage/test_safety.py",
    "tests/verification/",
    "tests/web/test_frame",
    "tests/web/test_templatetags.py",
    "tests/worktrees/test_git",
)
"""Where tests touch neither database nor broker, or ask nothing of them that others do not ask on both."""
NOT_THE_SAME = (
    "tests/e2e/test_kills.py",
    "tests/e2e/test_outcomes.py",
    "tests/ops/test_freeze.py",
    "tests/ops/test_up.py",
    "tests/runners/test_holder.py",
    "tests/runners/test_reporting.py",
    "tests/runners/test_weighing.py",
    "tests/security/test_agents_decide_nothing.py",
    "tests/security/test_floods.py",
    "tests/security/test_hidden_characters.py",
    "tests/security/test_live_access.py",
    "tests/verification/test_hand_in.py",
    "tests/verification/test_verifications.py",
)
"""Of those, where locks, transactions, odd text, killed processes or whole pages meet the database."""
PROGRAMS = ("tests/e2e/", "tests/ops/test_rehearse.py", "tests/ops/test_serve.py", "tests/ops/test_up.py")
"""One process runs these, one after the other: two whole programs with browsers at once are slow on two cores."""
HEAVY = (
    *PROGRAMS,
    "tests/chaos/",
    "tests/runners/",
    "tests/verification/",
    "tests/house/test_urls.py",
    "tests/live/",
    "tests/security/",
    "tests/triage/test_evaluation.py",
)
"""Files that take long are begun first, or one process would be at the last of them while the other has nothing."""
_KEPT = {BACKEND, POSTGRES_FOLDER, "LEADROOM_TOOLCHAIN"}
_cleanups = contextlib.ExitStack()


def is_grown_up() -> bool:
    """Whether this session runs on Postgres and Redis."""
    return os.environ.get(BACKEND, "embedded") == "grown-up"


def _own_folder(prefix: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    _cleanups.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _prepare_environment() -> None:
    if os.environ.get(BACKEND, "embedded") not in {"embedded", "grown-up"}:
        raise pytest.UsageError(f"{BACKEND} is {os.environ[BACKEND]!r}; set it to embedded or grown-up.")
    for name in [name for name in os.environ if name.startswith("LEADROOM_") and name not in _KEPT]:
        del os.environ[name]
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "REDIS_URL"):
        os.environ.pop(name, None)
    home = _own_folder("lr-home-")
    os.environ["LEADROOM_HOME"] = str(home)
    os.environ["LEADROOM_UNDO_SECONDS"] = "0"  # who tests the time to undo says how long it is
    if is_grown_up():
        if POSTGRES_FOLDER not in os.environ:  # a worker of a parallel run finds its controller's
            folder = _own_folder("lr-pg-")
            server = services.start_postgres(folder)
            _cleanups.callback(server.stop)
            os.environ[POSTGRES_FOLDER] = str(folder)
            _cleanups.callback(os.environ.pop, POSTGRES_FOLDER, None)
            os.environ["DATABASE_URL"] = server.url
        redis = services.start_redis(_own_folder("lr-redis-"))
        os.environ["REDIS_URL"] = redis.url
    else:
        os.environ.pop("DATABASE_URL", None)
        (home / "broker").mkdir()
        redis = services.start_broker_socket(home / "broker", broker_socket(home))
    _cleanups.callback(redis.stop)


@contextlib.contextmanager
def program_environment(home: Path) -> Iterator[dict[str, str]]:
    """Environment for a whole program of its own in `home`, on this session's kind of backend.

    Embedded: the folder only, the program brings its broker. Grown up: a fresh database and a fresh Redis.
    """
    dropped = {"REDIS_URL", "DATABASE_URL"}
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    env["LEADROOM_HOME"] = str(home)
    with contextlib.ExitStack() as stack:
        if is_grown_up():
            env["DATABASE_URL"] = stack.enter_context(services.fresh_database(Path(os.environ[POSTGRES_FOLDER])))
            folder = Path(tempfile.mkdtemp(prefix="lr-redis-", dir="/tmp"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            redis = services.start_redis(folder)
            stack.callback(redis.stop)
            env["REDIS_URL"] = redis.url
        yield env


@pytest.hookimpl(wrapper=True, tryfirst=True)  # a wrapper, because pytest-django's own hook reads the settings first
def pytest_load_initial_conftests() -> Generator[None, object, object]:
    _prepare_environment()
    return (yield)


@pytest.hookimpl(trylast=True)  # after the shuffling
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long files first; on the second backend without what no database and no broker can change."""
    items.sort(key=_weight)
    if not is_grown_up() or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    left_out = [item for item in items if _is_same(item.nodeid)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not _is_same(item.nodeid)]


class _ByFile(LoadScopeScheduling):
    """A file's tests stay together, and those of whole programs.

    Marks (`xdist_group`) would say the same, but have no effect in pytest-xdist 3.8 with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "programs" if nodeid.startswith(PROGRAMS) else nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _ByFile(config, log)


def _weight(item: pytest.Item) -> int:
    return next((place for place, prefix in enumerate(HEAVY) if item.nodeid.startswith(prefix)), len(HEAVY))


def _is_same(nodeid: str) -> bool:
    return nodeid.startswith(SAME_ON_BOTH) and not nodeid.startswith(NOT_THE_SAME)


def pytest_report_header() -> str:
    return "backend: " + ("Postgres and Redis" if is_grown_up() else "SQLite and the embedded broker")


def pytest_unconfigure() -> None:
    _cleanups.close()


atexit.register(_cleanups.close)
