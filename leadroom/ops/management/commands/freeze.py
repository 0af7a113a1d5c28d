"""`manage.py freeze --all | --project SLUG | --agent ID`: the read-only switch by hand, with web and broker down."""

import getpass
import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from leadroom.agents.models import Agent
from leadroom.guardrails import actions, flag, scopes
from leadroom.guardrails.enums import Lock, SwitchState
from leadroom.guardrails.models import Switch
from leadroom.guardrails.scopes import Scope
from leadroom.lib.actors import Actor, ActorKind
from leadroom.lib.clock import now
from leadroom.lib.errors import LeadroomError
from leadroom.pipeline import locking
from leadroom.projects.models import Project

NOT_PROVEN = 2
"""Exit status when the scope is locked and not proven still."""
LOOK_SECONDS = 0.1


class Command(BaseCommand):
    help = (
        "Makes a scope read-only (or pauses it) and proves it. Works while web, worker and broker are down. "
        "Only a signed-in person opens it again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--all", action="store_true", help="everything")
        which.add_argument("--project", metavar="SLUG", help="one project")
        which.add_argument("--agent", metavar="ID", type=int, help="one agent of a project, by its number")
        parser.add_argument("--pause", action="store_true", help="freeze only: what runs goes on after the pause")
        parser.add_argument("--wait", type=float, default=15.0, metavar="SECONDS", help="how long to try to prove it")
        parser.add_argument("--reason", default="", help="one sentence for the record")
        parser.add_argument("--json", action="store_true", dest="as_json", help="the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        level = Lock.PAUSED if options["pause"] else Lock.READ_ONLY
        if options["all"]:  # before the database is asked anything
            flag.engage(flag.EVERYTHING, level)
        try:
            scope = _scope(options)
            by = Actor(ActorKind.SYSTEM, "freeze", f"{getpass.getuser()} at the command line")
            switch = actions.press(scope=scope, level=level, reason=options["reason"], by=by, now=now())
            is_proven = _prove(switch, options["wait"])
        except DatabaseError as error:
            self._without_database(options, level, str(error))
            return
        except LeadroomError as error:
            raise CommandError(str(error)) from error
        seconds = round(time.monotonic() - began, 3)
        if options["as_json"]:
            facts = {"scope": switch.key, "level": switch.level, "state": switch.state, "epoch": switch.epoch}
            self.stdout.write(json.dumps({**facts, "seconds": seconds, "checks": switch.checks}))
        else:
            self.stdout.write(f"{scope.name}: {Lock(switch.level).label.lower()}, {_words(switch)} after {seconds} s")
            for check in switch.checks:
                self.stdout.write(f"  {'ok ' if check['ok'] else 'NO '} {check['sentence']}")
        if not is_proven:
            raise SystemExit(NOT_PROVEN)

    def _without_database(self, options: dict[str, Any], level: Lock, problem: str) -> None:
        if not options["all"]:
            raise CommandError(
                f"The database does not answer ({problem}), so the project or agent cannot be looked up. "
                "Nothing was locked; use --all, which needs no database."
            )
        ended = locking.end_everything() if level == Lock.READ_ONLY else 0
        self.stdout.write(
            f"Everything: {level.label.lower()} by the flag file, which every holder follows; {ended} ended here. "
            f"The database does not answer ({problem}); it takes the lock over once it does. Not proven."
        )
        raise SystemExit(NOT_PROVEN)


def _scope(options: dict[str, Any]) -> Scope:
    if options["project"]:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}; nothing was locked.")
        return scopes.of_project(project)
    if options["agent"] is not None:
        agent = Agent.objects.select_related("project").filter(pk=options["agent"]).first()
        if agent is None:
            raise CommandError(f"There is no agent {options['agent']}; nothing was locked.")
        return scopes.of_agent(agent.pk, agent.name, agent.project)
    return scopes.EVERYTHING


def _prove(switch: Switch, wait_seconds: float) -> bool:
    """Look again and again until it is proven, by us or by the worker, or the time is over."""
    deadline = time.monotonic() + wait_seconds
    while True:
        switch.refresh_from_db()
        if switch.state == SwitchState.VERIFIED:
            return True
        if switch.state == SwitchState.UNENFORCED:
            return False
        if locking.settle(switch):
            continue
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)


def _words(switch: Switch) -> str:
    return {
        SwitchState.VERIFIED: "verified",
        SwitchState.UNENFORCED: "NOT ENFORCED on this machine",
    }.get(SwitchState(switch.state), "requested, NOT PROVEN YET")
