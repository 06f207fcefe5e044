"""What can happen in a night: a closed union of frozen events, one JSON line each in the ledger.

The ledger is the truth: state, report, MLflow and `results.tsv` are all rebuilt from these lines. Events carry facts
and decisions, never objects; `at` is the only field that two identical nights may differ in.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from probes.candidate import Candidate
from probes.frozen import Frozen
from probes.language_models.model import Usage
from probes.outcome import ProbeOutcome
from probes.recipe import Recipe
from probes.request import Control, ProbeRequest
from probes.statistics.blocks import Block
from probes.statistics.controls import ControlReading
from probes.statistics.earlier import DriftCheck
from probes.statistics.verdicts import CandidateReading, Claim, Noise, PowerTable
from probes.validity import Flag
from tracking.memory.known import EarlierNights
from tracking.policy import Policy, TargetChoice

Phase = Literal["control", "calibrate", "smoke", "search", "confirm"]
"""`control`: checks the instrument, not a recipe. `smoke`: a quarter of the steps and one answer per item, only to see
whether a change ruins the model."""
Arm = Literal["baseline", "candidate", "block", "final", Control]

Design = Literal["race", "blocks", "rows", "rehearsal"]
"""How the search spends its probes; after `rehearsal` nothing new is tried."""


def is_short(phase: Phase, arm: Arm) -> bool:
    """Whether a probe costs a part of a whole one: smoke runs, a training broken on purpose, the base alone."""
    return phase == "smoke" or arm in ("base", "broken")


class ProbePlan(Frozen):
    """Which question a probe answers."""

    number: int
    """1, 2, … in the order in which probes are asked for."""
    phase: Phase
    arm: Arm
    """`baseline`: the session's first recipe; `candidate`: a change on a working recipe; `block`: a row of a block,
    with about half of its changes; `final`: the recipe that confirmation holds against the baseline."""
    candidate: str | None = None
    """Candidate id when `arm` is `candidate`."""
    changes: tuple[str, ...] = ()
    """Ids of the candidates whose changes are in the recipe that was trained, in the order in which they apply."""
    block: int | None = None
    """Number of the block when `arm` is `block`; `replicate` is the row then."""
    replicate: int
    """0, 1, … within its arm and phase."""
    attempt: int = 1
    """2, 3, … when an earlier try ended without a result."""
    request: ProbeRequest

    @property
    def is_short(self) -> bool:
        """Whether it costs a part of a whole probe."""
        return is_short(self.phase, self.arm)

    @property
    def is_whole(self) -> bool:
        """Whether it is a measurement of a recipe at full length, neither a control nor a smoke run."""
        return self.phase not in ("control", "smoke")


class _Event(Frozen):
    at: str
    """ISO 8601, UTC."""


class SessionStarted(_Event):
    """First line: everything the night depends on."""

    kind: Literal["session_started"] = "session_started"
    session: str
    config: dict[str, Any]
    """The resolved session file."""
    config_digest: str
    baseline: Recipe
    provenance: dict[str, Any]
    """Commit, library versions, hardware, data and suite digests."""
    space: dict[str, dict[str, str]] = {}
    """Lane → knob → its range and step limit in words: what the night may search."""


class EarlierNightsRead(_Event):
    """Second line: what the night takes over from earlier ones. Absent when it was told to know nothing of them."""

    kind: Literal["earlier_nights_read"] = "earlier_nights_read"
    earlier: EarlierNights


class DriftChecked(_Event):
    """Tonight's calibration was held against earlier nights."""

    kind: Literal["drift_checked"] = "drift_checked"
    drift: DriftCheck


class SessionResumed(_Event):
    """The night went on after an interruption."""

    kind: Literal["session_resumed"] = "session_resumed"
    reason: str


class PowerChecked(_Event):
    """The preflight's table, printed before money is spent."""

    kind: Literal["power_checked"] = "power_checked"
    power: PowerTable


class ProbeStarted(_Event):
    """A probe was handed to a worker; without a matching `probe_finished` it was interrupted."""

    kind: Literal["probe_started"] = "probe_started"
    plan: ProbePlan
    key: str


class ProbeFinished(_Event):
    """A probe ended, in whatever status."""

    kind: Literal["probe_finished"] = "probe_finished"
    plan: ProbePlan
    outcome: ProbeOutcome


class ControlsChecked(_Event):
    """The control probes were held against the noise."""

    kind: Literal["controls_checked"] = "controls_checked"
    controls: tuple[ControlReading, ...]


class MeasurementFlagged(_Event):
    """Something is wrong with what was measured."""

    kind: Literal["measurement_flagged"] = "measurement_flagged"
    flag: Flag


class NoiseEstimated(_Event):
    """Run-to-run noise as estimated so far."""

    kind: Literal["noise_estimated"] = "noise_estimated"
    noise: Noise


class TargetSettled(_Event):
    """The session said `auto`, and the baseline's scores chose the category to raise."""

    kind: Literal["target_settled"] = "target_settled"
    target: TargetChoice


class PolicySet(_Event):
    """The baseline is measured: what the night raises and which lanes it searches, each with its reason."""

    kind: Literal["policy_set"] = "policy_set"
    policy: Policy


class CandidateProposed(_Event):
    """A lane asked for a change and it passed the rules."""

    kind: Literal["candidate_proposed"] = "candidate_proposed"
    candidate: Candidate


class ProposalRefused(_Event):
    """A proposal broke a rule of its lane."""

    kind: Literal["proposal_refused"] = "proposal_refused"
    proposer: str
    proposal: dict[str, Any]
    reason: str


class ModelTurn(_Event):
    """A language model was asked for a change; no word of its prompt and no key is kept, only what came of it."""

    kind: Literal["model_turn"] = "model_turn"
    question: int
    """Number of the question: proposals made before it."""
    proposer: str
    """Provider and model."""
    outcome: Literal["accepted", "repaired", "refused", "failed", "skipped"]
    """`accepted`: a legal proposal at once; `repaired`: at the second go, told which rule the first had broken;
    `refused`: neither was legal; `failed`: no reply came; `skipped`: it was not asked. After the last three the
    statistical proposer stepped in."""
    proposal: dict[str, Any] | None = None
    """What was accepted: a proposal paid for is not paid for again after an interruption."""
    reason: str = ""
    """The rule that a refused answer, or the first of a repaired one, broke; why none came, or none was asked for."""
    usage: Usage | None = None
    """Tokens of all replies; None when not every reply reported them, or none came."""
    cost_usd: float | None = None
    """None when usage or price is unknown."""
    seconds: float = 0.0
    """Wall time, waits between attempts included."""
    attempts: int = 0
    """Requests sent."""
    unpriced: int = 0
    """Of these, what the provider may bill though no reply said what it took: lost on the way, or without usage."""


class DesignChosen(_Event):
    """From here on the search spends its probes in this way."""

    kind: Literal["design_chosen"] = "design_chosen"
    design: Design
    reason: str


class BlockPlanned(_Event):
    """The rows of a block; its probes follow."""

    kind: Literal["block_planned"] = "block_planned"
    block: Block


class CandidateRevisited(_Event):
    """A parked or rejected candidate is live again."""

    kind: Literal["candidate_revisited"] = "candidate_revisited"
    candidate: str
    reason: str


class CandidateDecided(_Event):
    """The referee read a candidate's replicates."""

    kind: Literal["candidate_decided"] = "candidate_decided"
    candidate: str
    reading: CandidateReading


class WorkingRecipeMoved(_Event):
    """An accepted change entered the working recipe."""

    kind: Literal["working_recipe_moved"] = "working_recipe_moved"
    accepted: tuple[str, ...]
    """Ids of all accepted candidates, in order."""
    recipe: Recipe


class SearchEnded(_Event):
    """Why no further candidate is tried."""

    kind: Literal["search_ended"] = "search_ended"
    reason: str
    confirm_probes: int | None = None
    """Probes of the confirmation, both sides: the session's and what the search left. None: the session's."""


class ClaimMade(_Event):
    """The confirmation's result: the only effect the report claims."""

    kind: Literal["claim_made"] = "claim_made"
    claim: Claim


class ShownAnswer(Frozen):
    """One answer that the report shows."""

    probe: int
    """Number of the probe that gave it."""
    sample: int
    score: float | None
    """0 … 10, None when unscored."""
    text: str
    """Its beginning; a tool call as JSON."""
    length: int
    """Characters of the whole answer."""


class ShownItem(Frozen):
    """One item with what was answered to it before and after."""

    item: str
    place: Literal["best", "worst"]
    """Whether it is among those that gained most, or lost most; by the baseline's level where there is no `after`."""
    prompt: str
    """The beginning of its last turn."""
    before: ShownAnswer
    """Of the baseline, as typical of it as there is: its score is nearest the mean."""
    after: ShownAnswer | None = None
    """Of the final recipe; None in a night without a confirmation."""


class AnswersKept(_Event):
    """The few answers that the report shows, so that it can be rebuilt from the ledger alone."""

    kind: Literal["answers_kept"] = "answers_kept"
    items: tuple[ShownItem, ...]


class SummaryWritten(_Event):
    """A language model was asked to say in a paragraph what the report says."""

    kind: Literal["summary_written"] = "summary_written"
    model: str
    """Provider and model."""
    text: str = ""
    """As it was written; the report shows it only when every figure in it is one of the night's. Empty: none came."""
    reason: str = ""
    """Why none came."""
    usage: Usage | None = None
    cost_usd: float | None = None
    """None when usage or price is unknown."""
    attempts: int = 0
    """Requests sent; 0 when none was, or no reply came."""


class Warned(_Event):
    """Something a reader of the report must know."""

    kind: Literal["warned"] = "warned"
    subject: str
    message: str


class MeasurementsInvalidated(_Event):
    """What was measured from some time on counts for nothing: the night goes back to where it stood then."""

    kind: Literal["measurements_invalidated"] = "measurements_invalidated"
    since: str
    """ISO 8601, UTC; see `tracking.invalidation.standing` for what no longer counts."""
    reason: str


class SessionStopped(_Event):
    """Last line of a stretch of work; `finished` is final, the others can be resumed."""

    kind: Literal["session_stopped"] = "session_stopped"
    stop_reason: Literal["finished", "interrupted", "failed"]
    message: str = ""


Event = Annotated[
    SessionStarted
    | EarlierNightsRead
    | DriftChecked
    | SessionResumed
    | PowerChecked
    | ProbeStarted
    | ProbeFinished
    | ControlsChecked
    | MeasurementFlagged
    | NoiseEstimated
    | TargetSettled
    | PolicySet
    | CandidateProposed
    | ProposalRefused
    | ModelTurn
    | DesignChosen
    | BlockPlanned
    | CandidateRevisited
    | CandidateDecided
    | WorkingRecipeMoved
    | SearchEnded
    | ClaimMade
    | AnswersKept
    | SummaryWritten
    | Warned
    | MeasurementsInvalidated
    | SessionStopped,
    Field(discriminator="kind"),
]

EVENT_KINDS: frozenset[str] = frozenset(kind.model_fields["kind"].default for kind in get_args(get_args(Event)[0]))
"""Every `kind` a line of the ledger may have."""
