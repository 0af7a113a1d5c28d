"""The toolbox: every tool of every role, defined once. docs/agent-tools.md is generated from it."""

from dataclasses import dataclass

from leadroom.agents.enums import Role
from leadroom.guardrails.enums import ToolKind
from leadroom.runners import shapes


@dataclass(frozen=True)
class Tool:
    """Name, ACP kind, what the agent reads about it, the shape of its input, and the roles that have it."""

    name: str
    kind: ToolKind
    description: str
    shape: type[shapes.Shape]
    roles: frozenset[Role]

    def definition(self) -> dict:
        """As the Messages API takes it."""
        return {
            "name": self.name,
            "description": self.description,
            "input_schema": self.shape.model_json_schema(),
        }


_EVERY = frozenset(Role)
_READERS = frozenset({Role.REQUIREMENTS, Role.PLANNER, Role.DEVELOPER, Role.VERIFIER})
_DEVELOPER = frozenset({Role.DEVELOPER})

_TOOLS = (
    Tool(
        "read_file",
        ToolKind.READ,
        "Read a text file of the working tree with line numbers, or list a folder. Paths are relative to the tree.",
        shapes.ReadFile,
        _READERS,
    ),
    Tool(
        "search_files",
        ToolKind.SEARCH,
        "Search the working tree's text files by regular expression; answers path:line: text, 200 lines at most.",
        shapes.SearchFiles,
        _READERS,
    ),
    Tool(
        "fetch",
        ToolKind.FETCH,
        "GET one web address (https) of a server that the lead listed for the project; your brief names them, and with "
        "none named there is nothing to fetch. Leadroom asks, without cookies or credentials and without following "
        "redirects; text of 1 MB at most comes back. What was fetched can be named as a source of kind url or api.",
        shapes.Fetch,
        _READERS,
    ),
    Tool(
        "edit_file",
        ToolKind.EDIT,
        "Replace old_text by new_text in a file. old_text must occur exactly once unless replace_all is true.",
        shapes.EditFile,
        _DEVELOPER,
    ),
    Tool(
        "write_file",
        ToolKind.EDIT,
        "Write a whole text file, creating folders as needed; an existing file is replaced.",
        shapes.WriteFile,
        _DEVELOPER,
    ),
    Tool(
        "run_command",
        ToolKind.EXECUTE,
        "Run a shell command at the root of the working tree, in a sandbox without network. Output and exit status "
        "come back; nothing it started goes on afterwards. The tree's .git is read-only: Leadroom commits for you.",
        shapes.RunCommand,
        _DEVELOPER,
    ),
    Tool(
        "set_phase",
        ToolKind.HOUSE,
        "Say which phase of the work begins: design, then tests, then code, then self_review.",
        shapes.SetPhase,
        _DEVELOPER,
    ),
    Tool(
        "propose_ambiguities",
        ToolKind.HOUSE,
        "Hand the lead everything the request leaves open, each with two or three candidate resolutions, and the risk "
        "you see. The run then waits; the picks arrive as the next message. An empty list says nothing is open.",
        shapes.ProposeAmbiguities,
        frozenset({Role.REQUIREMENTS}),
    ),
    Tool(
        "ask_questions",
        ToolKind.HOUSE,
        "Put one round of questions to the lead, each with the answer you would assume. The run then waits; the "
        "answers arrive as the next message. A later round asks only what answers opened; rounds end by rules.",
        shapes.AskQuestions,
        frozenset({Role.REQUIREMENTS}),
    ),
    Tool(
        "submit_document",
        ToolKind.HOUSE,
        "Submit the requirements document: goals with testable acceptance criteria, each traced to a pick.",
        shapes.SubmitDocument,
        frozenset({Role.REQUIREMENTS}),
    ),
    Tool(
        "submit_plan",
        ToolKind.HOUSE,
        "Submit the test plan. Machine checks come first; what they find is listed and nothing is stored until mended.",
        shapes.SubmitPlan,
        frozenset({Role.PLANNER}),
    ),
    Tool(
        "submit_review",
        ToolKind.HOUSE,
        "Submit your independent review of the test plan: a verdict and findings beside the cases they concern.",
        shapes.SubmitReview,
        frozenset({Role.REVIEWER}),
    ),
    Tool(
        "submit_tests",
        ToolKind.HOUSE,
        "Hand in the plan's tests, before the code. Leadroom commits the tree and runs every case on the base commit "
        "with only the tests laid over: each must fail there for the right reason. What does not is named and nothing "
        "is frozen. Accepted, the tests and what decides their meaning are frozen and read-only.",
        shapes.SubmitTests,
        _DEVELOPER,
    ),
    Tool(
        "submit_verdicts",
        ToolKind.HOUSE,
        "Submit your word on every acceptance criterion: YES, PARTIAL or NO, with file and behaviour.",
        shapes.SubmitVerdicts,
        frozenset({Role.VERIFIER}),
    ),
    Tool(
        "ask",
        ToolKind.ANSWER,
        "Ask the lead one question when nothing you were given answers it. Recommend an answer. The run then waits.",
        shapes.Ask,
        frozenset({Role.REQUIREMENTS, Role.PLANNER, Role.DEVELOPER}),
    ),
    Tool(
        "report",
        ToolKind.HOUSE,
        "End the run with the structured report. COMPLETE is refused when what your role had to give is not there.",
        shapes.ReportShape,
        _EVERY,
    ),
)

TOOLBOX: dict[str, Tool] = {tool.name: tool for tool in _TOOLS}


def tools_of(role: str) -> list[Tool]:
    """The role's tools, in the toolbox's order."""
    return [tool for tool in TOOLBOX.values() if role in tool.roles]
