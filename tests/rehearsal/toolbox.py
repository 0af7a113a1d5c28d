"""The shapes of the agents' tools as the scripts must use them, written down a second time on purpose.

The rehearsal may import nothing of the house, so the scripts are checked against the contract and not
against its code.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Sentence = Annotated[str, Field(min_length=2, max_length=600)]
CriterionId = Annotated[str, Field(pattern=r"^AC-\d{3}$")]
Confidence = Annotated[float, Field(ge=0, le=1)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ReadFile(Shape):
    path: Sentence | Literal["."]
    offset: int = 0
    limit: int = 1


class SearchFiles(Shape):
    pattern: Sentence
    path: str = "."
    glob: str = "*"


class EditFile(Shape):
    path: Sentence
    old_text: Annotated[str, Field(min_length=1)]
    new_text: str
    replace_all: bool = False


class WriteFile(Shape):
    path: Sentence
    text: str


class Source(Shape):
    kind: Literal["file", "requirement", "test_run", "url"]
    uri: Sentence
    note: Sentence = "none"


class RunCommand(Shape):
    command: Sentence
    timeout_seconds: Annotated[int, Field(gt=0, le=600)] = 120
    sources: list[Source] = []


class SetPhase(Shape):
    phase: Literal["design", "tests", "code", "self_review"]
    note: Sentence


class Candidate(Shape):
    title: Sentence
    rationale: Sentence
    consequences: Sentence
    sources: list[Source] = []
    confidence: Confidence
    if_wrong: Sentence
    conflicts: list[Annotated[str, Field(pattern=r"^A-\d{3}:[123]$")]] = []


class AmbiguityIn(Shape):
    key: Annotated[str, Field(pattern=r"^A-\d{3}$")]
    question: Sentence
    why: Sentence
    dimension: Literal["scope", "users", "behaviour", "constraints", "integration"]
    candidates: Annotated[list[Candidate], Field(min_length=2, max_length=3)]
    recommended: Literal[1, 2, 3]


class Risk(Shape):
    level: Literal["light", "standard", "critical"]
    reason: Sentence


class ProposalIn(Shape):
    key: Literal["A", "B", "C"]
    title: Sentence
    summary: Sentence
    choices: dict[str, Literal[1, 2, 3]]


class ProposeAmbiguities(Shape):
    risk: Risk
    ambiguities: Annotated[list[AmbiguityIn], Field(min_length=1)]
    proposals: list[ProposalIn] = []


class QuestionIn(Shape):
    key: Annotated[str, Field(pattern=r"^Q-\d{3}$")]
    question: Sentence
    why: Sentence
    dimension: Literal["scope", "users", "behaviour", "constraints", "integration"]
    assume: Sentence
    because: Sentence
    confidence: Confidence
    sources: Annotated[list[Source], Field(min_length=1)]
    opened_by: list[str] = []


class AskQuestions(Shape):
    risk: Risk
    questions: Annotated[list[QuestionIn], Field(min_length=1)]


class Criterion(Shape):
    id: CriterionId
    text: Sentence
    because: Annotated[list[Annotated[str, Field(pattern=r"^(request|[AQ]-\d{3})$")]], Field(min_length=1)]


class Goal(Shape):
    id: Annotated[str, Field(pattern=r"^G-\d{3}$")]
    text: Sentence
    criteria: Annotated[list[Criterion], Field(min_length=1)]


class Scenario(Shape):
    persona: Sentence
    text: Sentence


class OpenQuestion(Shape):
    text: Sentence
    state: Literal["resolved", "deferred"]


class SubmitDocument(Shape):
    title: Sentence
    goals: Annotated[list[Goal], Field(min_length=1)]
    constraints: list[Sentence]
    non_goals: list[Sentence]
    scope_boundary: Sentence
    scenarios: Annotated[list[Scenario], Field(min_length=1)]
    open_questions: list[OpenQuestion]
    confidence: Literal["HIGH", "MEDIUM", "LOW"]
    missing: list[Sentence]


class Case(Shape):
    id: Annotated[str, Field(pattern=r"^[UIE]-\d{3}$")]
    layer: Literal["unit", "integration", "end_to_end"]
    title: Sentence
    criteria: Annotated[list[CriterionId], Field(min_length=1)]
    precondition: Sentence
    steps: Annotated[list[Sentence], Field(min_length=1)]
    expected: Sentence
    path: Literal["happy", "error", "boundary"]
    priority: Literal["must", "should"]
    node_id: Annotated[str, Field(pattern=r"^tests/test_\w+\.py::test_\w+$")]
    command: Literal[""]


class NotCovered(Shape):
    what: Sentence
    why: Sentence


class AnswerIn(Shape):
    finding: Annotated[str, Field(pattern=r"^F-\d+$")]
    text: Sentence


class SubmitPlan(Shape):
    summary: Sentence
    cases: Annotated[list[Case], Field(min_length=1)]
    forbidden_zones: list[Sentence]
    failure_modes: list[Sentence]
    environment: Sentence
    not_covered: list[NotCovered]
    answers: list[AnswerIn] = []


class ReviewFinding(Shape):
    case: Annotated[str, Field(pattern=r"^([UIE]-\d{3})?$")]
    kind: Literal["hole", "self_fulfilling", "missing_criterion", "unclear"]
    severity: Literal["critical", "major", "minor"]
    text: Sentence


class SubmitReview(Shape):
    summary: Sentence
    verdict: Literal["approve", "change"]
    findings: list[ReviewFinding]


class SubmitTests(Shape):
    note: Sentence


class Verdict(Shape):
    criterion: CriterionId
    answer: Literal["YES", "PARTIAL", "NO"]
    file: str
    behaviour: Sentence


class SubmitVerdicts(Shape):
    summary: Sentence
    verdicts: list[Verdict]


class Ask(Shape):
    question: Sentence
    why: Sentence
    recommendation: Sentence
    options: Annotated[list[Sentence], Field(min_length=2)]


class Tests(Shape):
    green: Annotated[int, Field(ge=0)]
    red: Annotated[int, Field(ge=0)]
    not_run: Annotated[int, Field(ge=0)]


class Report(Shape):
    status: Literal["COMPLETE", "NEEDS_INPUT", "BLOCKED"]
    summary: Annotated[str, Field(min_length=10, max_length=140)]
    severity: Literal["critical", "major", "minor", "cosmetic", "info"]
    suggested_action: Literal["decide", "fix", "follow-up", "known issue", "acknowledge", "drop"]
    done: list[Sentence]
    tests: Tests
    unsure: list[Sentence]
    needs: list[Sentence]
    follow_ups: list[Sentence]
    sources: Annotated[list[Source], Field(min_length=1)]
    confidence: Confidence


SHAPES: dict[str, type[Shape]] = {
    "read_file": ReadFile, "search_files": SearchFiles, "edit_file": EditFile, "write_file": WriteFile,
    "run_command": RunCommand, "set_phase": SetPhase, "propose_ambiguities": ProposeAmbiguities,
    "ask_questions": AskQuestions,
    "submit_document": SubmitDocument, "submit_plan": SubmitPlan, "submit_review": SubmitReview, "ask": Ask,
    "submit_tests": SubmitTests, "submit_verdicts": SubmitVerdicts, "report": Report,
}  # fmt: skip
ROLES: dict[str, set[str]] = {
    "requirements": {
        "read_file", "search_files", "propose_ambiguities", "ask_questions", "submit_document", "ask", "report",
    },
    "planner": {"read_file", "search_files", "submit_plan", "ask", "report"},
    "reviewer": {"submit_review", "report"},
    "developer": {
        "read_file", "search_files", "edit_file", "write_file", "run_command", "set_phase", "submit_tests",
        "ask", "report",
    },
    "verifier": {"read_file", "search_files", "submit_verdicts", "report"},
}  # fmt: skip


def check(name: str, arguments: dict[str, object]) -> None:
    """Raises pydantic's ValidationError when a call does not fit its tool."""
    TypeAdapter(SHAPES[name]).validate_python(arguments)
