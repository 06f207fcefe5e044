"""A night as its events tell it: the fold of a ledger into what happened so far.

`NightRecord.apply` takes one event after the other, so that the same code serves the running night, a resumed one
and the report. It decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from probes.candidate import Candidate
from probes.outcome import ProbeOutcome
from probes.recipe import Recipe
from probes.statistics.blocks import Block
from probes.statistics.controls import ControlReading
from probes.statistics.earlier import DriftCheck
from probes.statistics.verdicts import CandidateReading, Claim, Noise, PowerTable
from probes.validity import Flag
from tracking import events as ev
from tracking.answers import AnswersRecord
from tracking.finished import FinishedProbe, Slot, slot_of
from tracking.invalidation import Invalidation, standing
from tracking.memory.known import EarlierNights
from tracking.policy import Policy, TargetChoice
from tracking.spending import Bill, Spending, device_hour_usd

_NO_STEPS = frozenset(
    {
        "session_started",
        "session_resumed",
        "session_stopped",
        "power_checked",
        "noise_estimated",
        "target_settled",
        "policy_set",
        "measurement_flagged",
        "answers_kept",
        "summary_written",
        "probe_started",
        "warned",
    }
)
_FIRST_LINES = frozenset({"session_started", "earlier_nights_read", "warned", "session_resumed", "session_stopped"})
_OUTLAST = (
    "open_plans",
    "highest_number",
    "invalidated",
    "invalidations",
    "marked",
    "first_at",
    "last_at",
    "active_s",
    "spending",
)
"""Fields that an invalidation leaves as they are: what was done and what it took."""


@dataclass
class NightRecord:
    """Everything a reader of the ledger may want to know, in the order in which it happened."""

    started: ev.SessionStarted | None = None
    earlier: EarlierNights | None = None
    """What it took over from earlier nights; None: it was told to know nothing of them."""
    drift: DriftCheck | None = None
    power: PowerTable | None = None
    probes: list[FinishedProbe] = field(default_factory=list[FinishedProbe])
    open_plans: dict[str, ev.ProbePlan] = field(default_factory=dict[str, ev.ProbePlan])
    """Key → plan of probes that started and have not finished."""
    highest_number: int = 0
    """Of all probes that started or ended, the invalidated ones among them."""
    invalidated: list[FinishedProbe] = field(default_factory=list[FinishedProbe])
    """Probes that were measured and no longer count; they are not in `probes`."""
    invalidations: list[Invalidation] = field(default_factory=list[Invalidation])
    marked: dict[int, Invalidation] = field(default_factory=dict[int, Invalidation])
    """Number of an invalidated probe → the mark."""
    is_set_back: bool = False
    """Whether the night has not gone on since the latest mark."""
    controls: tuple[ControlReading, ...] | None = None
    """The control probes as read; None before that, and in a night without."""
    flags: list[Flag] = field(default_factory=list[Flag])
    answers: AnswersRecord = field(default_factory=AnswersRecord)
    """What the probes answered, as far as it tells of the instrument."""
    noise: Noise | None = None
    target_choice: TargetChoice | None = None
    """What the baseline's scores chose; None before that, and where the session names its target."""
    policy: Policy | None = None
    """What was decided before the search; None before that."""
    candidates: dict[str, Candidate] = field(default_factory=dict[str, Candidate])
    live: dict[str, int] = field(default_factory=dict[str, int])
    """Candidate that wants more probes → its place in the order of proposal."""
    readings: dict[str, list[CandidateReading]] = field(default_factory=dict[str, list[CandidateReading]])
    refusals: list[ev.ProposalRefused] = field(default_factory=list[ev.ProposalRefused])
    model_turns: list[ev.ModelTurn] = field(default_factory=list[ev.ModelTurn])
    designs: list[ev.DesignChosen] = field(default_factory=list[ev.DesignChosen])
    blocks: list[Block] = field(default_factory=list[Block])
    in_blocks: Counter[str] = field(default_factory=Counter[str])
    """Candidate → Plackett-Burman blocks that it is a factor of."""
    revisits: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """Candidate → for each time it was taken up again the readings it had."""
    taken_up: list[ev.CandidateRevisited] = field(default_factory=list[ev.CandidateRevisited])
    """The same with the reasons, in order."""
    moves_at_reading: dict[str, int] = field(default_factory=dict[str, int])
    """Candidate → moves of the working recipe before its latest reading."""
    accepted: tuple[str, ...] = ()
    moves: list[tuple[int, tuple[str, ...]]] = field(default_factory=list[tuple[int, tuple[str, ...]]])
    """Probes finished before the working recipe moved, and what was accepted then."""
    working_recipe: Recipe | None = None
    search_ended: str | None = None
    confirm_probes: int | None = None
    """Probes of the confirmation as fixed when the search ended."""
    claim: Claim | None = None
    shown: tuple[ev.ShownItem, ...] | None = None
    """Items whose answers the report shows; None before they were kept."""
    summary: ev.SummaryWritten | None = None
    """What a language model made of the report; None: none was asked."""
    warnings: list[ev.Warned] = field(default_factory=list[ev.Warned])
    resumes: list[ev.SessionResumed] = field(default_factory=list[ev.SessionResumed])
    stopped: ev.SessionStopped | None = None
    scored: dict[Slot, dict[int, FinishedProbe]] = field(default_factory=dict[Slot, dict[int, FinishedProbe]])
    """Question → replicate → the probe that has its scores."""
    failed: dict[Slot, list[FinishedProbe]] = field(default_factory=dict[Slot, list[FinishedProbe]])
    """Question → probes that left none."""
    failed_rows: dict[str, list[FinishedProbe]] = field(default_factory=dict[str, list[FinishedProbe]])
    """Candidate → rows of blocks with its change that left none."""
    seen: Counter[str] = field(default_factory=Counter[str])
    """Candidate → scored probes of the search with its change."""
    raced: int = 0
    """Scored probes of single candidates in the search."""
    short: int = 0
    """Probes that cost a part of a whole one: smoke runs, and two of the controls."""
    completed: dict[str, ProbeOutcome] = field(default_factory=dict[str, ProbeOutcome])
    """Key → what it measured, of probes that ran to their end."""
    last_step: str = ""
    """Kind of the latest event that moved the night on; starts, stops, warnings and announcements do not."""
    first_at: str = ""
    last_at: str = ""
    active_s: float = 0.0
    """Time from line to line, what passed between a stop, a resume or a mark and the line before left out."""
    spending: Spending = field(default_factory=Spending)
    history: list[ev.Event] = field(default_factory=list[ev.Event], repr=False)
    """The events that count, for an invalidation to fold again; starts of probes, which are large, left out."""

    @classmethod
    def replay(cls, events: Iterable[ev.Event]) -> NightRecord:
        """Return the night that `events` tell."""
        night = cls()
        for event in events:
            night.apply(event)
        return night

    def apply(self, event: ev.Event) -> None:
        """Take one more event."""
        self.spending.take(event)
        is_pause = self.stopped is not None or isinstance(event, ev.SessionResumed | ev.MeasurementsInvalidated)
        if self.last_at and not is_pause:
            self.active_s += max(0.0, seconds_between(self.last_at, event.at))
        self.first_at = self.first_at or event.at
        self.last_at = event.at
        if isinstance(event, ev.MeasurementsInvalidated):
            self._set_back(event)
            return
        if not isinstance(event, ev.ProbeStarted):
            self.history.append(event)
        if event.kind not in _NO_STEPS:
            self.last_step = event.kind
        self._take_of_session(event)
        self._take_of_measurement(event)
        self._take_of_search(event)

    def _take_of_session(self, event: ev.Event) -> None:
        """Take what starts, interrupts and ends a night."""
        match event:
            case ev.SessionStarted():
                self.started = event
                self.working_recipe = event.baseline
            case ev.EarlierNightsRead():
                self.earlier = event.earlier
            case ev.SessionResumed():
                self.resumes.append(event)
                self.stopped = None
                self.is_set_back = False
            case ev.PowerChecked():
                self.power = event.power
            case ev.Warned():
                self.warnings.append(event)
            case ev.SessionStopped():
                self.stopped = event
            case _:
                pass

    def _take_of_measurement(self, event: ev.Event) -> None:
        """Take what was measured, and what that says of noise, target and claim."""
        match event:
            case ev.ProbeStarted():
                self.open_plans[event.key] = event.plan
                self.highest_number = max(self.highest_number, event.plan.number)
            case ev.ProbeFinished():
                self.open_plans.pop(event.outcome.key, None)
                self._take_probe(FinishedProbe(event.plan, event.outcome, event.at))
            case ev.ControlsChecked():
                self.controls = event.controls
            case ev.MeasurementFlagged():
                self.flags.append(event.flag)
            case ev.NoiseEstimated():
                self.noise = event.noise
            case ev.DriftChecked():
                self.drift = event.drift
            case ev.TargetSettled():
                self.target_choice = event.target
            case ev.ClaimMade():
                self.claim = event.claim
            case ev.AnswersKept():
                self.shown = event.items
            case ev.SummaryWritten():
                self.summary = event
            case _:
                pass

    def _take_of_search(self, event: ev.Event) -> None:
        """Take what was proposed, tried and decided."""
        match event:
            case ev.PolicySet():
                self.policy = event.policy
            case ev.CandidateProposed():
                self.candidates[event.candidate.id] = event.candidate
                self._note_live(event.candidate.id)
            case ev.ProposalRefused():
                self.refusals.append(event)
            case ev.ModelTurn():
                self.model_turns.append(event)
            case ev.DesignChosen():
                self.designs.append(event)
            case ev.BlockPlanned():
                self.blocks.append(event.block)
                if event.block.kind == "plackett_burman":
                    self.in_blocks.update(event.block.factors)
            case ev.CandidateRevisited():
                self.taken_up.append(event)
                self.revisits.setdefault(event.candidate, []).append(len(self.readings.get(event.candidate, ())))
                self._note_live(event.candidate)
            case ev.CandidateDecided():
                self.readings.setdefault(event.candidate, []).append(event.reading)
                self.moves_at_reading[event.candidate] = len(self.moves)
                self._note_live(event.candidate)
            case ev.WorkingRecipeMoved():
                self.moves.append((len(self.probes), event.accepted))
                self.accepted = event.accepted
                self.working_recipe = event.recipe
            case ev.SearchEnded():
                self.search_ended = event.reason
                self.confirm_probes = event.confirm_probes
            case _:
                pass

    def _set_back(self, event: ev.MeasurementsInvalidated) -> None:
        """Become the night as it stood, but for what outlasts it: the fold of the events that still count."""
        before = NightRecord.replay(standing(self.history, event.since))
        lost = self.probes[len(before.probes) :]
        numbers = tuple(probe.plan.number for probe in lost)
        mark = Invalidation(event, numbers, self.candidates, self.claim, len(self.resumes))
        self.invalidated += lost
        self.invalidations.append(mark)
        self.marked.update(dict.fromkeys(numbers, mark))
        kept = {name: vars(self)[name] for name in _OUTLAST}
        vars(self).update({**vars(before), **kept, "stopped": None, "is_set_back": True})

    def _take_probe(self, probe: FinishedProbe) -> None:
        self.probes.append(probe)
        self.highest_number = max(self.highest_number, probe.plan.number)
        self.answers.take(probe)
        if probe.is_completed:
            self.completed[probe.outcome.key] = probe.outcome
        slot = slot_of(probe.plan)
        if not probe.is_scored:
            self.failed.setdefault(slot, []).append(probe)
            for name in probe.plan.changes if probe.plan.arm == "block" else ():
                self.failed_rows.setdefault(name, []).append(probe)
            self.short += probe.plan.is_short
            return
        done = self.scored.setdefault(slot, {})
        if probe.plan.replicate not in done:
            self.short += probe.plan.is_short
            self.raced += slot[:2] == ("search", "candidate")
        done[probe.plan.replicate] = probe
        if probe.plan.phase == "search" and probe.plan.arm != "final":
            self.seen.update(probe.plan.changes)

    def _note_live(self, candidate: str) -> None:
        if not self.is_live(candidate):
            self.live.pop(candidate, None)
        elif candidate not in self.live:
            # A candidate taken up again stands where it was proposed; there are few of them.
            last = len(self.candidates) - 1
            is_new = next(reversed(self.candidates)) == candidate
            self.live[candidate] = last if is_new else list(self.candidates).index(candidate)

    @property
    def ended(self) -> list[FinishedProbe]:
        """All probes that ended, the invalidated ones among them, in the order of their ends."""
        if not self.invalidated:
            return self.probes
        return sorted((*self.invalidated, *self.probes), key=lambda probe: probe.at)

    def named(self, plan: ev.ProbePlan) -> Mapping[str, Candidate]:
        """Return the candidates as a probe's plan names them: an invalidation sets their names free."""
        mark = self.marked.get(plan.number)
        return mark.candidates if mark else self.candidates

    @property
    def withdrawn(self) -> Claim | None:
        """The claim that an invalidation took back and nothing has replaced."""
        claims = [mark.claim for mark in self.invalidations if mark.claim is not None]
        return claims[-1] if claims and self.claim is None else None

    @property
    def is_under_way(self) -> bool:
        """Whether anything was recorded beyond a night's first lines: itself, what it knows of others, warnings."""
        return any(event.kind not in _FIRST_LINES for event in self.history) or bool(self.open_plans)

    @property
    def model_spend_usd(self) -> float:
        """What language models' proposals cost, as far as it is known; money stays spent whatever is invalidated."""
        return self.spending.agent_usd

    def tries(self, slot: Slot, replicate: int) -> int:
        """Return how often a replicate was tried and ended without scores."""
        return sum(probe.plan.replicate == replicate for probe in self.failed.get(slot, ()))

    @property
    def target(self) -> str:
        """The metric the night raises: a category, or `overall`; `auto` is resolved by the power table."""
        for row in self.power.categories if self.power else ():
            if row.role == "target":
                return row.category
        section: Any = self.started.config.get("target", {}) if self.started else {}
        named = str(section.get("category", "overall"))
        return "overall" if named == "auto" else named

    @property
    def bill(self) -> Bill:
        """What the night has cost so far, in dollars at its own rates."""
        return self.spending.bill(device_hour_usd(self.started.config) if self.started else None)

    @property
    def design(self) -> ev.Design | None:
        """How the search spends its probes at present; None before its first."""
        return self.designs[-1].design if self.designs else None

    def is_live(self, candidate: str) -> bool:
        """Whether a candidate wants more probes."""
        readings = self.readings.get(candidate, [])
        return not readings or readings[-1].decision == "more" or len(readings) in self.revisits.get(candidate, ())

    def reading(self, candidate: str) -> CandidateReading | None:
        """Return the latest reading of a candidate, None before the first."""
        readings = self.readings.get(candidate)
        return readings[-1] if readings else None


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds from one ISO 8601 time to another."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
