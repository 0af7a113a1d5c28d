"""`manage.py up`: everything Leadroom needs on one machine, from one terminal."""

import contextlib
import io
import os
import time
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from django.db import connections

from leadroom.lib.clock import now
from leadroom.lib.errors import LeadroomError
from leadroom.lib.paths import broker_socket
from leadroom.ops import database, launch
from leadroom.ops.instance import InstanceLock, Running
from leadroom.ops.readiness import Probe
from leadroom.ops.supervisor import Supervisor


class Command(BaseCommand):
    help = "Starts web, worker, beat, the rehearsal model and the broker; Ctrl-C stops them all."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        lock = InstanceLock(settings.HOME_DIR)
        try:
            lock.acquire(port=settings.PORT)
            self._run()
        except LeadroomError as error:
            raise CommandError(str(error)) from error
        finally:
            lock.release()

    def _run(self) -> None:
        # the address first: nothing at all has happened yet when it is refused
        launch.check_can_bind(settings.HOST, public_url=settings.PUBLIC_URL, has_password=True)
        with launch.listen(settings.HOST, settings.PORT) as listener:
            plan = _plan()
            supervisor = self._supervisor(plan)
            supervisor.install_signals()
            try:
                web, *others = launch.house_specs(plan, listener)
                # on an empty database nobody can be signed in, so web may warm up while it is filled
                early = [web] if launch.is_loopback(settings.HOST) and database.is_empty() else []
                supervisor.start([*launch.broker_spec(plan), *launch.rehearsal_spec(plan), *early])
                self._prepare_database()
                if not supervisor.stops_asked:
                    demo = [launch.seed_spec(settings.BASE_DIR)] if _wants_demo() else []
                    supervisor.start([*([] if early else [web]), *others, *demo])
                connections.close_all()
            except BaseException:
                supervisor.stop()
                raise
            supervisor.run()

    def _supervisor(self, plan: launch.Plan) -> Supervisor:
        host = "127.0.0.1" if settings.HOST == "0.0.0.0" else settings.HOST  # noqa: S104 - compared, not bound
        running = Running(
            pid=os.getpid(),
            host=settings.HOST,
            port=settings.PORT,
            url=settings.PUBLIC_URL,
            started_at=now().isoformat(),
            broker=plan.redis_url if plan.broker_socket else "",
            rehearsal_url=plan.rehearsal_url,
        )
        return Supervisor(
            home=settings.HOME_DIR,
            folder=settings.BASE_DIR,
            env=launch.child_environment(plan, os.environ),
            running=running,
            probe=Probe(host, settings.PORT, host_header=f"127.0.0.1:{settings.PORT}"),
            say=self._say,
            on_ready=self._say_how_to_sign_in,
        )

    def _prepare_database(self) -> None:
        began = time.monotonic()
        try:
            count = database.bring_up_to_date(settings.HOME_DIR)
            has_password = launch.is_loopback(settings.HOST) or database.has_password()
        except DatabaseError as error:
            raise CommandError(
                f"The database cannot be used ({str(error).strip()}). Nothing in it was changed; "
                "check DATABASE_URL and that its server runs, then start again."
            ) from error
        launch.check_can_bind(settings.HOST, public_url=settings.PUBLIC_URL, has_password=has_password)
        if count:
            self._say(f"database ready, {count} migrations applied in {time.monotonic() - began:.1f} s")

    def _say_how_to_sign_in(self) -> None:
        answer = io.StringIO()
        try:
            call_command("login_link", stdout=answer)
            self._say(f"sign in (once, 15 minutes): {answer.getvalue().strip()}")
        except Exception as error:  # what runs well must not fall for want of a link
            self._say(f"No sign-in link could be made ({error}); try `python manage.py login_link`.")
        finally:
            connections.close_all()
        self._say(f"data in {settings.HOME_DIR}; Ctrl-C stops everything")

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone; stopping must go on
            self.stdout.write(line)
            self.stdout.flush()


def _plan() -> launch.Plan:
    is_embedded = not os.environ.get("REDIS_URL", "").strip()
    port = None if settings.REHEARSAL_URL else launch.choose_rehearsal_port(settings.HOME_DIR)
    return launch.Plan(
        home=settings.HOME_DIR,
        host=settings.HOST,
        port=settings.PORT,
        host_name=settings.HOST_NAME,
        redis_url=settings.REDIS_URL,
        broker_socket=broker_socket(settings.HOME_DIR) if is_embedded else None,
        rehearsal_url=settings.REHEARSAL_URL or f"http://127.0.0.1:{port}",
        rehearsal_port=port,
    )


def _wants_demo() -> bool:
    return os.environ.get("LEADROOM_DEMO", "1").strip() != "0" and not database.has_project()
