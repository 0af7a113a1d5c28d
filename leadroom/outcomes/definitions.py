"""What every figure means: the one text that the page shows and docs/outcomes.md repeats."""

from dataclasses import dataclass

ENOUGH = 20
"""Below this many items a rate would be noise, so the page shows counts."""
AFTER_DAYS = 7
"""How long after a merge an incident may be its doing."""


@dataclass(frozen=True)
class Definition:
    """A figure: its short title, and what is counted, over what, and what it leaves out."""

    key: str
    title: str
    text: str

    @property
    def anchor(self) -> str:
        """Id of the definition on the page, and of its heading in the guide."""
        return f"figure-{self.key}"


_ALL = (
    Definition(
        "interventions",
        "Unplanned interventions per shipped item",
        "Acts of people on items that were merged and done in the week, over the number of those items. An act is one "
        "press: what it wrote at one moment counts once. Planned are acts at gates the risk asks for: answers and "
        "picks, hand-over to planning, a verdict on the test plan, the signature of a merge, an answer to an "
        "irreversible action. Unplanned is everything where an agent had to be helped or stopped: a note in mid-run, "
        "an answer to its question, resume, stop, a read-only question, sent back to be planned, built or verified "
        "again, a changed document, a verification queued again, a case set aside, tests thawed, an action parked for "
        "lack of trust or confidence. Parallel work pays only if the unplanned number falls.",
    ),
    Definition(
        "waiting",
        "Time agents waited for a human",
        "Elapsed hours of shipped items in which no agent worked and the next move was a person's: a run that waits, "
        "failed, was lost or halted; a plan at its reviewer; a merge to sign; an item held or stuck. Nights and "
        "weekends count, because the agents waited through them. An hour in which another agent of the item worked is "
        "worked time; so is a model's rate limit. The rest is machine time: queues, verification, merging.",
    ),
    Definition(
        "cycle",
        "Cycle time to first human review",
        "From the request until a person first judged finished work: signed its merge, or sent it back from "
        "verification or stitch. Elapsed time, of items shipped in the week. Reading the plan is not a review of work.",
    ),
    Definition(
        "rework",
        "Rework",
        "Shipped items whose work went back at least once, over all shipped items. Sent back by a person: a returned "
        "plan, or a move from build, verification or stitch back to planning or building. Sent back by checks: the "
        "same move made by Leadroom because frozen tests or a verifier said no.",
    ),
    Definition(
        "incidents",
        f"Incidents within {AFTER_DAYS} days of a merge on the files it touched",
        f"Incidents that opened at most {AFTER_DAYS} days after a merge, name a file that the merge changed, and were "
        "confirmed by a person as its doing, over merges; by the week of the merge. A file counts as named when the "
        "shorter path is the end of the longer one, folder by folder. Suggestions nobody confirmed are shown beside it "
        "and not counted, and so is the number of merges whose days are not over.",
    ),
    Definition(
        "p95",
        "p95 of the flows you care about",
        "The median of the samples your monitor sent for a flow in the week; each sample is the 95th percentile of one "
        "of its windows, in milliseconds. Percentiles of windows cannot be added up to the percentile of a week, so "
        "this is the middle window, and the worst is named beside it.",
    ),
    Definition(
        "tickets",
        "Support tickets by tag",
        "Tickets opened in the time shown that carry the tag, over all tickets. A ticket with two tags counts in both.",
    ),
    Definition(
        "attention",
        "Alignment : review time",
        "Hours that shipped items stood with a person while being aligned, to hours they stood with a person for a "
        "plan, a verification or a merge. Elapsed time, not attention: an item that waited overnight for a pick waited "
        "all night.",
    ),
    Definition(
        "cost",
        "Cost and tokens per item",
        "Tokens of all runs of shipped items, as the models' servers counted them, over the items. Dollars by the "
        "prices set in LEADROOM_PRICES when the item was measured, only for items all of whose models have one.",
    ),
    Definition(
        "timeline",
        "Timeline of an item",
        "Its life from request to done without gaps: an agent worked; else the next move was a person's; else it "
        "waited for the machine.",
    ),
    Definition(
        "ceiling",
        "Ceiling of running agents",
        "A hint from the last seven days against the seven before. Up one step (2, 4, 8, 16) when at least "
        f"{ENOUGH // 4} items shipped, unplanned interventions per item did not rise and are at most one, at most a "
        "third of the items were reworked, no incident was confirmed, and agents worked at least as long as they "
        "waited for a human. Down one step when unplanned interventions per item rose by half and passed two, or more "
        "than half of the items were reworked. Leadroom never changes the ceiling itself.",
    ),
    Definition(
        "break_in",
        "Break-in phase",
        "New skills and new versions of skills in the week beside the share of reworked items. Many new skills: agents "
        "are still being taught. Few, with little rework: they are broken in. Few, with much rework: what they lack is "
        "not being written down.",
    ),
)
DEFINITIONS = {definition.key: definition for definition in _ALL}


def as_markdown() -> str:
    """The definitions as sections of the guide."""
    return "\n".join(f'<a id="{one.anchor}"></a>\n### {one.title}\n\n{one.text}\n' for one in _ALL)
