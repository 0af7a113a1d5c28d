"""`manage.py rehearse --script NAME [--json]`: a whole working day of the program, headless, in a home of its own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from leadroom.lib.errors import LeadroomError
from leadroom.ops.rehearsals.scripts import SCRIPTS, WITHOUT_PROGRAM
from leadroom.ops.rehearsals.stage import Stage, environment, free_port

_INSIDE = "LEADROOM_REHEARSING"


class Command(BaseCommand):
    help = "Plays a rehearsal with real web, worker, broker and holder processes; exits 0 only when it came out well."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--script", default="first", choices=sorted(SCRIPTS))
        parser.add_argument("--json", action="store_true", help="only JSON, as the last line")
        parser.add_argument("--keep", action="store_true", help="keep the temporary home and say where it is")

    def handle(self, *args: Any, **options: Any) -> None:
        if os.environ.get(_INSIDE) == str(settings.HOME_DIR):
            sys.exit(self._play(options["script"], is_json=options["json"]))
        home = Path(tempfile.mkdtemp(prefix="leadroom-rehearsal-"))
        arguments = ["rehearse", "--script", options["script"], *(["--json"] if options["json"] else [])]
        env = {**environment(home, free_port(), os.environ), _INSIDE: str(home.resolve())}
        try:
            status = subprocess.call([sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments], env=env)
        finally:
            if options["keep"]:
                self.stderr.write(f"kept: {home}")
            else:
                _remove(home)
        sys.exit(status)

    def _play(self, script: str, *, is_json: bool) -> int:
        outcome: dict[str, Any] = {"script": script, "ok": False, "stage": "", "stages": []}
        outcome |= {"cases": {"passed": 0, "failed": 0}, "merge_commit": "", "events": 0, "facts": {}}
        stage = Stage()
        try:
            call_command("migrate", verbosity=0)
            with nullcontext() if script in WITHOUT_PROGRAM else stage:
                if not is_json and script not in WITHOUT_PROGRAM:
                    self.stdout.write(f"{script}: playing on {stage.url}")
                outcome |= SCRIPTS[script](stage)
        except LeadroomError as error:
            outcome["problem"] = str(error)
        outcome["facts"]["processes_left"] = stage.processes_left()
        outcome["ok"] = outcome["ok"] and not outcome["facts"]["processes_left"]
        self.stdout.write(json.dumps(outcome))
        return 0 if outcome["ok"] else 1


def _remove(home: Path) -> None:
    """The temporary home; a sandbox's read-only folders are made writable first."""
    for folder, _, _ in os.walk(home):
        os.chmod(folder, 0o700)
    shutil.rmtree(home)
