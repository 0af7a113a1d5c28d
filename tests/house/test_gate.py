"""Every tool call of every runner goes through one gate, which asks the rule before anything happens."""

import ast
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync

import leadroom
from leadroom.agents import holding
from leadroom.agents.enums import Role
from leadroom.guardrails.enums import Decision, Reason
from leadroom.guardrails.models import Policy
from leadroom.guardrails.rules import Ruling
from leadroom.runners import gate
from leadroom.runners.base import Outcome, ToolCall, Workplace
from leadroom.runners.shapes import Shape
from leadroom.runners.tools import TOOLBOX, tools_of
from tests import factories as f
from tests.support.snapshot import changed_tables, snapshot

ROOT = Path(leadroom.__file__).parent
INPUTS: dict[str, dict[str, Any]] = {
    "read_file": {"path": "a.py"},
    "search_files": {"pattern": "def"},
    "fetch": {"url": "https://docs.example.org/"},
    "edit_file": {"path": "a.py", "old_text": "a", "new_text": "b"},
    "write_file": {"path": "a.py", "text": "a"},
    "run_command": {"command": "true"},
    "set_phase": {"phase": "design", "note": "first thoughts"},
    "propose_ambiguities": {
        "risk": {"level": "light", "reason": "small"},
        "ambiguities": [f.ambiguity_shape("A-001")],
    },
    "ask_questions": {
        "risk": {"level": "light", "reason": "small"},
        "questions": [f.question_shape("Q-001")],
    },
    "submit_document": f.document_shape(),
    "submit_plan": f.plan_shape(),
    "submit_review": {"summary": "Read.", "verdict": "approve", "findings": []},
    "submit_tests": {"note": "Three cases, red because nothing is there."},
    "submit_verdicts": {"summary": "Read.", "verdicts": []},
    "ask": {"question": "Who?", "why": "Unsaid.", "recommendation": "Ada"},
    "report": f.report_shape(),
}


def place_for(name: str) -> Workplace:
    run = f.make_running_run(f.make_item(), min(TOOLBOX[name].roles))
    Policy.objects.create(project=run.item.project, fetch_hosts="docs.example.org")
    return Workplace(run, None, None)


def use(place: Workplace, name: str, given: Any) -> Outcome:
    return async_to_sync(gate.use_tool)(place, ToolCall("call-1", name, given))


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tools whose handler was reached; nothing is carried out."""
    reached: list[str] = []

    def recorder(name: str) -> gate.Handler:
        async def handle(place: Workplace, shape: Shape) -> Outcome:
            reached.append(name)
            return Outcome("done")

        return handle

    monkeypatch.setattr(gate, "_HANDLERS", {name: recorder(name) for name in TOOLBOX})
    return reached


def test_only_the_gate_knows_the_handlers() -> None:
    """A second way to a tool would be a way around the rule."""
    knowing = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names = [node.value] if node.value.startswith("leadroom.runners.") else []
            if any(part in name for name in names for part in ("house_tools", "machine_tools", "outward_tools")):
                knowing.add(str(path.relative_to(ROOT)))
    assert knowing == {"runners/gate.py"}
    assert set(gate._HANDLERS) == set(TOOLBOX)


@pytest.mark.django_db
@pytest.mark.parametrize("name", TOOLBOX)
def test_a_tool_is_reached_when_the_rule_allows_it(name: str, handled: list[str]) -> None:
    assert use(place_for(name), name, INPUTS[name]).text == "done"
    assert handled == [name]


@pytest.mark.django_db
@pytest.mark.parametrize("name", TOOLBOX)
def test_a_denied_tool_is_never_reached(name: str, handled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        gate, "decide", lambda facts: Ruling(Decision.DENY, Reason.READ_ONLY, "Because the test says so.")
    )
    outcome = use(place_for(name), name, INPUTS[name])
    assert (outcome.text, outcome.is_error) == ("Not allowed: Because the test says so.", True)
    assert handled == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", TOOLBOX)
def test_a_run_that_was_taken_away_changes_nothing_any_more(name: str) -> None:
    place = place_for(name)
    holding.lose(run=type(place.run).objects.get(pk=place.run.pk), reason="The worker died.", now=f.NOW)
    before = snapshot()
    outcome = use(place, name, INPUTS[name])
    assert outcome.text == "Not allowed: This run is no longer the live one; stop."
    assert changed_tables(before) == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "name"), [(role, name) for role in Role for name, tool in TOOLBOX.items() if role not in tool.roles]
)
def test_a_tool_of_another_role_is_denied(role: Role, name: str, handled: list[str]) -> None:
    run = f.make_running_run(f.make_item(), role)
    outcome = use(Workplace(run, None, None), name, INPUTS[name])
    assert outcome.text == "Not allowed: Your role has no such tool; use only the tools you were given."
    assert handled == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", TOOLBOX)
@pytest.mark.parametrize(
    "given",
    [None, 7, "text", [], {"nonsense": 1}, {"path": "a\x00.py"}, {"text": "\ud800"}],
    ids=["null", "number", "text", "list", "unknown field", "NUL", "half a character"],
)
def test_input_that_cannot_be_read_is_explained_and_counted(name: str, given: Any, handled: list[str]) -> None:
    outcome = use(place_for(name), name, given)
    assert outcome.is_malformed
    assert "nothing was done" in outcome.text
    assert handled == []


@pytest.mark.django_db
def test_an_unknown_tool_is_answered_with_those_there_are(handled: list[str]) -> None:
    outcome = use(place_for("submit_review"), "approve_plan", {})
    assert outcome.text == "There is no tool 'approve_plan'. Yours are: submit_review, report."
    assert outcome.is_malformed
    assert handled == []


def test_no_tool_approves_merges_or_lifts_anything() -> None:
    words = ("approve", "sign", "merge", "publish", "freeze", "resolve", "pick", "risk", "stop", "push", "commit")
    assert not [name for name in TOOLBOX if any(word in name for word in words)]
    assert [tool.name for tool in tools_of(Role.REVIEWER)] == ["submit_review", "report"]


HANDS = {"leadroom.sandbox.files", "leadroom.sandbox.shell", "leadroom.sandbox.process", "leadroom.lib.outward"}
"""What touches an agent's machine, or another system."""
WITH_HANDS = {"runners/machine_tools.py", "runners/outward_tools.py", "runners/weighing.py"}
"""Tools behind the gate, and the gate's own look at a script before it rules."""


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_runner_has_hands_of_its_own() -> None:
    """A runner that ran a command, wrote a file or made a record by itself would pass by the gate."""
    having, recording = set(), set()
    for path in (ROOT / "runners").rglob("*.py"):
        name, imports = str(path.relative_to(ROOT)), _imports(path)
        if imports & HANDS or "subprocess" in imports:
            having.add(name)
        if name.startswith("runners/builtin/") and any(".actions" in i or ".keeping" in i for i in imports):
            recording.add(name)
    assert having == WITH_HANDS
    assert recording == set()


def test_in_the_gate_nothing_is_carried_out_before_the_ruling() -> None:
    """`_HANDLERS` is opened in one place, behind `rule_on`, which asks `decide` and nobody else."""
    tree = ast.parse((ROOT / "runners" / "gate.py").read_text())
    functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}

    def lines(name: str, kind: type[ast.AST], words: str) -> list[int]:
        nodes = [node for node in ast.walk(functions[name]) if isinstance(node, kind)]
        return [node.lineno for node in nodes if words in ast.unparse(node).splitlines()[0]]  # type: ignore[attr-defined]

    opened = {name: lines(name, ast.Subscript, "_HANDLERS[") for name in functions}
    assert {name for name, found in opened.items() if found} == {"use_tool"}
    ruled = lines("use_tool", ast.Call, "rule_on(")
    refused = lines("use_tool", ast.If, "refusal")
    assert max(ruled) < min(refused) < min(opened["use_tool"])
    assert "decide(" in ast.unparse(functions["rule_on"])


@pytest.mark.django_db
def test_trust_and_confidence_are_among_the_facts_of_every_delivery(
    handled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails the build when the gate stops looking at what the bounds say."""
    seen: list[Any] = []
    real = gate.decide
    monkeypatch.setattr(gate, "decide", lambda facts: seen.append(facts) or real(facts))
    run = f.make_running_run(f.make_item(), Role.DEVELOPER)
    Policy.objects.create(project=run.item.project, trust_per_hour=0, confidence_floor=0.9)
    outcome = use(Workplace(run, None, None), "report", INPUTS["report"])
    assert (seen[-1].trust_left, seen[-1].floor) == (0, 0.9)
    assert seen[-1].confidence is not None
    assert outcome.waits
    assert handled == []
