"""The two pictures of a plan: criterion × layer, and capability × end-to-end flow. A gap is seen at a glance."""

from dataclasses import dataclass

from leadroom.testplans.enums import CasePath
from leadroom.testplans.models import TestPlan
from leadroom.testplans.queries import coverage, flow_matrix

_PATH_ICONS = {CasePath.HAPPY: "circle-check", CasePath.ERROR: "ban", CasePath.BOUNDARY: "git-compare"}


@dataclass(frozen=True)
class Cell:
    """A field of the matrix: covered by these cases, or not at all."""

    state: str
    keys: list[str]


@dataclass(frozen=True)
class CoverageLine:
    id: str
    text: str
    cells: list[Cell]
    is_gap: bool


@dataclass(frozen=True)
class Walked:
    """A path of a flow, with its icon and the cases that walk it."""

    icon: str
    word: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class FlowLine:
    """A capability: what each flow does with it. `state` is covered, gap, or differs (a gap the plan argues)."""

    id: str
    text: str
    cells: list[list[Walked]]
    missing: str
    argued: str
    state: str


@dataclass(frozen=True)
class Matrices:
    """Both pictures and how many rows of each have a gap."""

    coverage: list[CoverageLine]
    gaps: int
    flows: tuple[str, ...]
    capabilities: list[FlowLine]
    open_paths: int


def present_matrices(plan: TestPlan) -> Matrices:
    """Of a plan with its document and cases at hand; asks the database nothing."""
    lines = [
        CoverageLine(
            row.criterion,
            row.text,
            [Cell("covered" if cell else "gap" if row.is_gap else "", list(cell)) for cell in row.cells],
            row.is_gap,
        )
        for row in coverage(plan)
    ]
    matrix = flow_matrix(plan)
    capabilities = [
        FlowLine(
            row.goal,
            row.text,
            [
                [Walked(_PATH_ICONS[CasePath(path)], CasePath(path).label, keys) for path, keys in cell.paths]
                for cell in row.cells
            ],
            " and ".join(word.lower() for word in row.missing),
            row.argued,
            "covered" if not row.missing else "differs" if row.argued else "gap",
        )
        for row in matrix.rows
    ]
    return Matrices(
        coverage=lines,
        gaps=sum(line.is_gap for line in lines),
        flows=matrix.flows,
        capabilities=capabilities,
        open_paths=sum(line.state == "gap" for line in capabilities),
    )
