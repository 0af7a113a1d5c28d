"""What a report claims, held against what Leadroom recorded itself. Pure: others gather the record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_NAMED = 5


@dataclass(frozen=True)
class Record:
    """What Leadroom knows by itself of the work that a report tells of.

    `commands`: how many the session ran, None where the role has no shell. `changed`: paths that differ from the base,
    None without a working tree. `verification` is 0 while no verification of exactly this work has ended; `failed` are
    keys of its `cases` that did not pass, `refusals` why the work was refused.
    """

    commands: int | None = None
    changed: frozenset[str] | None = None
    verification: int = 0
    cases: int = 0
    failed: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


def contradictions(body: Mapping[str, Any], record: Record) -> list[dict[str, str]]:
    """`{"about": "tests" | "files", "sentence"}` for every claim that the record speaks against; sentences for people.

    Silence of the record is no contradiction: what nobody verified yet is compared once it was.
    """
    found = [{"about": "tests", "sentence": said} for said in _of_tests(body.get("tests"), record)]
    return found + [{"about": "files", "sentence": said} for said in _of_files(body.get("changed"), record)]


def _of_tests(tests: Any, record: Record) -> Iterable[str]:
    if not isinstance(tests, Mapping):
        return
    green, red = tests.get("green") or 0, tests.get("red") or 0
    if green and record.commands == 0:
        yield f"It counts {green} green tests, but the run ran no command at all."
    if not green or red or not record.verification:
        return
    where = f"verification {record.verification} of the same work"
    if record.failed:
        yield (
            f"It says that {green} tests are green and none is red; in {where} {len(record.failed)} of {record.cases} "
            f"cases did not pass: {_few(record.failed)}."
        )
    if record.refusals:
        yield f"It says that {green} tests are green; {where} was refused: {record.refusals[0]}"


def _of_files(changed: Any, record: Record) -> Iterable[str]:
    said = [_plain(one) for one in changed or () if isinstance(one, str)]
    if not said:
        return
    if record.changed is None:
        yield f"It says that it changed {_few(said)}; the run has no working tree it could change."
        return
    untouched = [one for one in said if not any(path == one or path.startswith(f"{one}/") for path in record.changed)]
    if untouched:
        yield f"It says that it changed {_few(untouched)}; in its tree that is as it was."
    silent = [path for path in sorted(record.changed) if not any(path == o or path.startswith(f"{o}/") for o in said)]
    if silent:
        yield f"Its tree also changes {_few(silent)}, which the report does not name."


def _plain(path: str) -> str:
    return path.strip().removeprefix("./").rstrip("/")


def _few(names: Iterable[str]) -> str:
    known = list(dict.fromkeys(names))
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return ", ".join(known[:MOST_NAMED]) + more
