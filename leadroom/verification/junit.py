"""Test results per case from JUnit XML. The file was written in reach of hostile code, so it is only read strictly."""

import re
from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError, ParserCreate

from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Skipped
from junitparser import TestCase as XmlCase

from leadroom.verification.actions import Result
from leadroom.verification.enums import Outcome

SIZE_LIMIT = 20_000_000
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
    if len(xml) > SIZE_LIMIT:
        raise ValueError(f"the results have {len(xml):,} bytes; {SIZE_LIMIT:,} is the limit")
    try:
        _refuse_document_type(xml)
        parsed = JUnitXml.fromstring(xml)
        reported = [case for case in _cases(parsed) if isinstance(case, XmlCase)]
    except (ParseError, ExpatError, LookupError, JUnitXmlError, RecursionError, TypeError) as error:
        raise ValueError(f"the results are not JUnit XML ({error})") from error
    wanted = {_key(node_id): node_id for node_id in node_ids}
    rows = []
    for case in reported:
        exact = _name(case)
        plain = re.sub(r"\[.*\]$", "", exact, flags=re.DOTALL)
        rows.append((wanted.get(exact) or wanted.get(plain) or "", case))
    return rows


def _refuse_document_type(xml: bytes) -> None:
    """Entities are declared there; the parser knows one in whatever encoding it hides."""

    def refuse(*_: object) -> None:
        raise ValueError("the results declare a document type, which no test runner writes")

    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(xml, True)


def _cases(parsed: Any) -> Iterable[Any]:
    """Every case at any depth: suites may hold suites."""
    for child in parsed:
        yield from [child] if isinstance(child, XmlCase) else _cases(child)


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
