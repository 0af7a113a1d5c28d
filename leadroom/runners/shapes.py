"""What each tool takes, as pydantic models: the one definition that the model, the checks and the docs share."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ModelWrapValidatorHandler, model_validator
from pydantic.json_schema import SkipJsonSchema

from leadroom.guardrails.calibration import is_usable
from leadroom.runners.faults import together

Short = Annotated[str, Field(min_length=1, max_length=300)]
Sentence = Annotated[str, Field(min_length=1, max_length=2_000)]
Text = Annotated[str, Field(max_length=10_000)]


def _confidence(given: Any) -> Any:
    """Raises ValueError in words a model can act on: 65 for 0.65 is the usual slip."""
    if not is_usable(given):
        hint = f"; {given} would be {given / 100:g}" if isinstance(given, int) and 1 < given <= 100 else ""
        raise ValueError(f"a confidence is a number from 0 to 1, such as 0.65{hint}")
    return given


Confidence = Annotated[float, BeforeValidator(_confidence), Field(ge=0, le=1, allow_inf_nan=False)]
Key = Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9_-]+$")]
Path = Annotated[str, Field(min_length=1, max_length=4_000)]
Sentences = Annotated[list[Sentence], Field(max_length=200)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


def _leadrooms(given: Any) -> None:
    """What Leadroom found when it looked; an agent cannot send it. Raises ValueError."""
    if given is not None:
        raise ValueError("`found` is written by Leadroom, which looks every source up itself; leave it out")


class Source(Shape):
    kind: Annotated[str, Field(min_length=1, max_length=40, description="file, requirement, url, test run, skill, …")]
    uri: Annotated[str, Field(min_length=1, max_length=500, description="such as src/core.py:12 or AC-003")]
    note: Annotated[str, Field(max_length=500)] = ""
    found: SkipJsonSchema[Annotated[dict[str, Any] | None, BeforeValidator(_leadrooms)]] = None


Sources = Annotated[list[Source], Field(max_length=20)]


class ReadFile(Shape):
    path: Path
    offset: Annotated[int, Field(ge=1, description="first line, counted from 1")] = 1
    limit: Annotated[int, Field(ge=1, le=5_000, description="how many lines")] = 2_000


class SearchFiles(Shape):
    pattern: Annotated[str, Field(min_length=1, max_length=1_000, description="a Python regular expression")]
    path: Path = "."
    glob: Annotated[str, Field(max_length=200, description="only file names like this, such as *.py")] = ""


class Fetch(Shape):
    url: Annotated[str, Field(min_length=1, max_length=500, description="such as https://docs.example.org/api.html")]
    sources: Sources = []


class EditFile(Shape):
    path: Path
    old_text: Annotated[str, Field(min_length=1, max_length=500_000)]
    new_text: Annotated[str, Field(max_length=500_000)]
    replace_all: bool = False
    sources: Sources = []


class WriteFile(Shape):
    path: Path
    text: Annotated[str, Field(max_length=2_000_000)]
    sources: Sources = []


class RunCommand(Shape):
    command: Annotated[str, Field(min_length=1, max_length=20_000)]
    timeout_seconds: Annotated[float, Field(gt=0, le=1_200)] = 300
    sources: Sources = []


class SetPhase(Shape):
    phase: Literal["design", "tests", "code", "self_review"]
    note: Sentence


class RiskProposal(Shape):
    level: Literal["light", "standard", "critical"]
    reason: Short


class CandidateShape(Shape):
    title: Short
    rationale: Sentence
    consequences: Sentence
    sources: Sources = []
    confidence: Confidence
    if_wrong: Sentence
    conflicts: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,20}:[1-3]$")]],
        Field(max_length=20, description="candidates of other ambiguities it excludes, such as A-003:2"),
    ] = []


class AmbiguityShape(Shape):
    key: Key
    question: Sentence
    why: Sentence
    dimension: Literal["scope", "users", "behaviour", "constraints", "integration"]
    candidates: Annotated[
        list[CandidateShape],
        Field(min_length=2, max_length=3, description="likely, plausible alternative, ambitious"),
    ]
    recommended: Annotated[int, Field(ge=1, le=3)]
    despite: Annotated[
        str, Field(max_length=500, description="only when told that it is answered already: what stays open")
    ] = ""


class ProposalShape(Shape):
    key: Literal["A", "B", "C"]
    title: Short
    summary: Sentence
    choices: Annotated[dict[Key, Annotated[int, Field(ge=1, le=3)]], Field(max_length=60)]


class ProposeAmbiguities(Shape):
    risk: RiskProposal
    ambiguities: Annotated[list[AmbiguityShape], Field(max_length=60)]
    proposals: Annotated[
        list[ProposalShape],
        Field(
            max_length=3, description="complete drafts: one candidate of every ambiguity, consistent, each different"
        ),
    ] = []


class QuestionShape(Shape):
    key: Key
    question: Sentence
    why: Sentence
    dimension: Literal["scope", "users", "behaviour", "constraints", "integration"]
    assume: Annotated[str, Field(min_length=1, max_length=300, description="the answer you would assume")]
    because: Sentence
    confidence: Confidence
    sources: Annotated[list[Source], Field(max_length=20)] = []
    opened_by: Annotated[
        list[Key], Field(max_length=60, description="from the second round on: keys whose answers opened it")
    ] = []


class AskQuestions(Shape):
    risk: RiskProposal
    questions: Annotated[list[QuestionShape], Field(min_length=1, max_length=20)]


class Criterion(Shape):
    id: Annotated[str, Field(pattern=r"^AC-\d{3}$")]
    text: Sentence
    because: Annotated[list[Key], Field(min_length=1, max_length=60, description="ambiguity keys or 'request'")]


class Goal(Shape):
    id: Annotated[str, Field(pattern=r"^G-\d{3}$")]
    text: Sentence
    criteria: Annotated[list[Criterion], Field(max_length=100)]


class Scenario(Shape):
    persona: Short
    text: Sentence


class OpenQuestion(Shape):
    text: Sentence
    state: Literal["resolved", "deferred"]


class SubmitDocument(Shape):
    title: Short
    goals: Annotated[list[Goal], Field(max_length=50)]
    constraints: Sentences = []
    non_goals: Sentences = []
    scope_boundary: Sentence
    scenarios: Annotated[list[Scenario], Field(max_length=200)] = []
    open_questions: Annotated[list[OpenQuestion], Field(max_length=200)] = []
    confidence: Literal["HIGH", "MEDIUM", "LOW"]
    missing: Sentences = []


class CaseShape(Shape):
    id: Key
    layer: Literal["unit", "integration", "end_to_end"]
    title: Short
    criteria: Annotated[list[Key], Field(max_length=100)]
    precondition: Text = ""
    steps: Sentences = []
    expected: Sentence
    flow: Annotated[str, Field(max_length=200, description="end to end only: the journey the case walks")] = ""
    path: Literal["happy", "error", "boundary"]
    priority: Literal["must", "should"]
    node_id: Annotated[str, Field(max_length=500)] = ""
    command: Annotated[str, Field(max_length=2_000)] = ""
    holds_before: Annotated[bool, Field(description="true for what works already and must stay")] = False


class NotCovered(Shape):
    what: Sentence
    why: Sentence


class Answer(Shape):
    finding: Annotated[str, Field(max_length=20, description="the finding's id in your brief, such as F-2")]
    text: Sentence


class SubmitPlan(Shape):
    summary: Sentence
    cases: Annotated[list[CaseShape], Field(max_length=1_000)]
    forbidden_zones: Sentences = []
    failure_modes: Sentences = []
    environment: Text = ""
    not_covered: Annotated[list[NotCovered], Field(max_length=200)] = []
    answers: Annotated[
        list[Answer], Field(max_length=200, description="after a review: why a finding was not worked in")
    ] = []


class FindingShape(Shape):
    case: Annotated[str, Field(max_length=20, description="a case id, or empty for the whole plan")] = ""
    kind: Literal["hole", "self_fulfilling", "missing_criterion", "unclear"]
    severity: Literal["critical", "major", "minor"]
    text: Sentence


class SubmitReview(Shape):
    summary: Sentence
    verdict: Literal["approve", "change"]
    findings: Annotated[list[FindingShape], Field(max_length=100)] = []


class SubmitTests(Shape):
    note: Sentence


class VerdictShape(Shape):
    criterion: Key
    answer: Literal["YES", "PARTIAL", "NO"]
    file: Annotated[
        str, Field(max_length=500, description="path:line where the behaviour is; empty when there is none")
    ]
    behaviour: Annotated[Sentence, Field(description="what the repository does, as you found it")]


class SubmitVerdicts(Shape):
    summary: Sentence
    verdicts: Annotated[list[VerdictShape], Field(max_length=500)]


class Ask(Shape):
    question: Sentence
    why: Sentence
    recommendation: Sentence
    options: Annotated[list[Short], Field(max_length=5)] = []


class TestCounts(Shape):
    __test__ = False

    green: Annotated[int, Field(ge=0)]
    red: Annotated[int, Field(ge=0)]
    not_run: Annotated[int, Field(ge=0)]


class ReportShape(Shape):
    """The structured report that every run ends with."""

    status: Literal["COMPLETE", "NEEDS_INPUT", "BLOCKED"]
    summary: Short
    severity: Literal["critical", "major", "minor", "cosmetic", "info"]
    suggested_action: Literal["decide", "fix", "follow-up", "known issue", "acknowledge", "drop"]
    done: Sentences
    tests: TestCounts
    unsure: Sentences
    needs: Sentences
    follow_ups: Sentences
    sources: Annotated[list[Source], Field(max_length=50)]
    confidence: Confidence
    changed: Annotated[
        list[Path], Field(max_length=1_000, description="every file you changed; compared with the tree's own diff")
    ] = []

    @model_validator(mode="wrap")
    @classmethod
    def _named_together(cls, given: Any, handler: ModelWrapValidatorHandler["ReportShape"]) -> "ReportShape":
        """What is missing, what is wrong and what contradicts itself is said in one refusal."""
        return together(given, handler)
