"""Test results per case from JUnit XML. The file was written in reach of hostile code, so it is only read strictly."""

import re
from collections.abc import Iterable

from junitparser import Error, Failure, Skipped
from junitparser import TestCase as XmlCase

from leadroom.lib.junitxml import cases_of
from leadroom.verification.actions import Result
from leadroom.verification.enums import Outcome

MESSAGE_LIMIT = 8_000
_WORST = [Outcome.PASSED, Outcome.SKIPPED, Outcome.FAILED, Outcome.ERROR]


def read_results(xml: bytes, node_ids: Iterable[str]) -> dict[str, Result]:
    """Node id to result for those of `node_ids` that the file reports; the rest are absent.

    A parametrised test named without its brackets stands for all its variants: it passed when every one did.
    Raises ValueError when the file is too large or not JUnit XML.
    """
    found: dict[str, list[Result]] = {}
    for node_id, case in _matched(xml, node_ids):
        if node_id:
            found.setdefault(node_id, []).append(_result(case))
    return {node_id: _together(results) for node_id, results in found.items()}


def strangers(xml: bytes, node_ids: Iterable[str]) -> list[str]:
    """Tests the file calls passed although nobody asked for them. Raises ValueError as `read_results` does."""
    rows = [case for node_id, case in _matched(xml, node_ids) if not node_id and case.name]
    return [_name(case) for case in rows if _result(case).outcome == Outcome.PASSED]


def collection_errors(xml: bytes) -> dict[str, str]:
    """Dotted module name to what went wrong while pytest read it. Raises ValueError as `read_results` does."""
    rows = [case for _, case in _matched(xml, ()) if case.name and not case.classname]
    return {str(case.name): _result(case).message for case in rows if _result(case).outcome == Outcome.ERROR}


def module_name(node_id: str) -> str:
    """`tests/test_x.py::test_y` as pytest names the module: `tests.test_x`."""
    return node_id.split("::")[0].removesuffix(".py").replace("/", ".")


def _name(case: XmlCase) -> str:
    return f"{case.classname or ''}::{case.name or ''}"


def _matched(xml: bytes, node_ids: Iterable[str]) -> list[tuple[str, XmlCase]]:
    """Every reported case with the node id it is of, empty for one nobody named."""
    reported = cases_of(xml)
    wanted = {_key(node_id): node_id for node_id in node_ids}
    rows = []
    for case in reported:
        exact = _name(case)
        plain = re.sub(r"\[.*\]$", "", exact, flags=re.DOTALL)
        rows.append((wanted.get(exact) or wanted.get(plain) or "", case))
    return rows


def _key(node_id: str) -> str:
    """`tests/test_x.py::TestA::test_y[1]` as pytest names it in JUnit: `tests.test_x.TestA::test_y[1]`."""
    path, *rest = node_id.split("::")
    classname = path.removesuffix(".py").replace("/", ".")
    return "::".join([".".join([classname, *rest[:-1]]), rest[-1]])


def _result(case: XmlCase) -> Result:
    outcome, message = Outcome.PASSED, ""
    for entry in case.result:
        kind = {Skipped: Outcome.SKIPPED, Failure: Outcome.FAILED, Error: Outcome.ERROR}.get(type(entry))
        if kind is not None and _WORST.index(kind) > _WORST.index(outcome):
            outcome, message = kind, f"{entry.message or ''}\n{entry.text or ''}".strip()
    seconds = float(case.time or 0)
    return Result(outcome, seconds if 0 <= seconds < 1e6 else 0.0, message[:MESSAGE_LIMIT])


def _together(results: list[Result]) -> Result:
    worst = max(results, key=lambda result: _WORST.index(result.outcome))
    return Result(worst.outcome, sum(result.seconds for result in results), worst.message)
