"""Small faults for the changed lines of Python files, most telling first. Pure: text in, mutated text out.

Why not mutmut or cosmic-ray: docs/adr/0042.
"""

import ast
import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass

TEXT_LIMIT = 300_000
_BOUNDARY = "a case exactly on the boundary is missing"
_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], str]] = {
    ast.Lt: (ast.LtE, _BOUNDARY),
    ast.LtE: (ast.Lt, _BOUNDARY),
    ast.Gt: (ast.GtE, _BOUNDARY),
    ast.GtE: (ast.Gt, _BOUNDARY),
    ast.Eq: (ast.NotEq, "no case depends on this comparison"),
    ast.NotEq: (ast.Eq, "no case depends on this comparison"),
    ast.In: (ast.NotIn, "no case depends on this membership"),
    ast.NotIn: (ast.In, "no case depends on this membership"),
    ast.Is: (ast.IsNot, "no case depends on this identity"),
    ast.IsNot: (ast.Is, "no case depends on this identity"),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}


@dataclass(frozen=True)
class Fault:
    """One mutation: 1-based `line`, the source line `before` and `after`, why a miss matters, the whole new text."""

    line: int
    before: str
    after: str
    hint: str
    text: str
    rank: int


def faults_of(text: str, lines: Collection[int]) -> list[Fault]:
    """Every fault on these lines, boundaries first. Empty for a text that is no Python or is too long to parse."""
    if len(text) > TEXT_LIMIT:
        return []
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: dict[str, Fault] = {}
    for node in _code_of(tree):
        if getattr(node, "lineno", 0) in lines:
            for rank, changed, hint in _changes(node):
                if (fault := _fault(text, node, changed, hint, rank)) is not None:
                    found.setdefault(fault.text, fault)
    return sorted(found.values(), key=lambda fault: (fault.rank, fault.line))


def _code_of(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs: no annotations, no docstrings, no default texts of f-strings."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, ast.JoinedStr):
            continue
        skipped = {"annotation", "returns", "decorator_list"}
        for name, value in ast.iter_fields(node):
            if name not in skipped:
                todo += [
                    child for child in (value if isinstance(value, list) else [value]) if isinstance(child, ast.AST)
                ]


def _changes(node: ast.AST) -> Iterator[tuple[int, ast.AST, str]]:
    """Rank (0 is most telling), the changed node, and what a plan that misses it lacks."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARE:
        other, hint = _COMPARE[type(node.ops[0])]
        changed = copy.deepcopy(node)
        changed.ops[0] = other()
        yield 0 if hint == _BOUNDARY else 1, changed, hint
    elif isinstance(node, ast.BoolOp):
        changed_bool = copy.deepcopy(node)
        changed_bool.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield 1, changed_bool, "no case has one condition true and the other false"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield 1, copy.deepcopy(node.operand), "no case depends on this negation"
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not _is_text(node):
        changed_math = copy.deepcopy(node)
        changed_math.op = _ARITHMETIC[type(node.op)]()
        yield 2, changed_math, "no case depends on this arithmetic"
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Return) and not (node.value is None or _is_none(node.value)):
        yield 2, ast.Return(value=ast.Constant(value=None)), "no case looks at what is returned"
    elif isinstance(node, ast.Raise):
        yield 1, ast.Pass(), "no case reaches this refusal"
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield 2, ast.Pass(), "no case sees whether this is done"


def _constants(node: ast.Constant) -> Iterator[tuple[int, ast.AST, str]]:
    if isinstance(node.value, bool):
        yield 2, ast.Constant(value=not node.value), "no case depends on this switch"
    elif isinstance(node.value, int):
        yield 2, ast.Constant(value=node.value + 1), "a case next to this number is missing"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )


def _fault(text: str, node: ast.AST, changed: ast.AST, hint: str, rank: int) -> Fault | None:
    """The text with the node's own characters replaced; None when that changes nothing or is no Python."""
    first, start = node.lineno, node.col_offset  # type: ignore[attr-defined]
    last, end = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
    lines = text.splitlines(keepends=True)
    head, tail = lines[first - 1].encode()[:start], lines[last - 1].encode()[end:]
    try:
        new = ast.unparse(ast.fix_missing_locations(changed))
        if isinstance(changed, ast.BoolOp | ast.BinOp | ast.Compare) and isinstance(node, ast.expr):
            new = f"({new})"
        middle = head + new.encode() + tail
        mutated = "".join([*lines[: first - 1], middle.decode(), *lines[last:]])
        ast.parse(mutated)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    before = "".join(lines[first - 1 : last]).strip()
    return None if mutated == text else Fault(first, before, middle.decode().strip(), hint, mutated, rank)
