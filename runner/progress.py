"""One plain line per event: what `progress.log` keeps and what a terminal without a cursor shows."""

from __future__ import annotations

from pathlib import Path

from probes.aggregation import Weights
from probes.errors import LedgerError
from probes.outcome import ProbeOutcome, ProbeStatus
from probes.words import printable
from runner.report.measurement import controls_in_words
from tracking import events as ev
from tracking.figures import show, show_count, show_effect
from tracking.headline import probe_in_words
from tracking.memory.words import knowledge_in_words
from tracking.night import NightRecord


def line_of(event: ev.Event, night: NightRecord) -> str:
    """Return `event` in one line; `night` has already taken it."""
    match event:
        case ev.SessionStarted():
            return f"session {event.session} started, config {event.config_digest}"
        case ev.EarlierNightsRead():
            return f"earlier nights: {knowledge_in_words(event.earlier)}"
        case ev.DriftChecked():
            return f"drift check: {'; '.join(event.drift.warnings) or 'nothing moved'}"
        case ev.SessionResumed():
            return f"session resumed: {event.reason}"
        case ev.PowerChecked():
            return f"power ({event.power.noise_source} noise): {event.power.sentence}"
        case ev.ProbeStarted():
            return (
                f"probe {event.plan.number} started: {question_of(event.plan, night)}, seed {event.plan.request.seed}"
            )
        case ev.ProbeFinished():
            took = show(event.outcome.seconds, "duration")
            result = _result(event.outcome, event.plan.request.weights)
            return f"probe {event.plan.number} {event.outcome.status} in {took}: {result}"
        case ev.NoiseEstimated():
            sd = show(event.noise.target_sd, "score")
            return f"noise: run-to-run sd of {night.target} is {sd}, from {event.noise.runs} probes"
        case ev.TargetSettled():
            return f"target: {event.target.category}, {event.target.reason}"
        case ev.PolicySet():
            return f"policy: {event.policy.sentence}"
        case ev.CandidateProposed():
            candidate = event.candidate
            because = f" ({candidate.rationale})" if candidate.rationale else ""
            who = f"{candidate.id} proposed by {candidate.proposer}, lane {candidate.change.lane}"
            return f"{who}: {candidate.change}{because}"
        case ev.ProposalRefused():
            return f"proposal of {event.proposer} refused: {event.reason}"
        case ev.ModelTurn():
            spent = f", {event.cost_usd:.4f} USD" if event.cost_usd is not None else ""
            return f"turn of {event.proposer} {event.outcome}{spent}{': ' + event.reason if event.reason else ''}"
        case ev.DesignChosen():
            return f"design: {event.design}, {event.reason}"
        case ev.BlockPlanned():
            block = event.block
            return f"block {block.number}: {len(block.rows)} probes for {', '.join(block.factors)}; {block.aliasing}"
        case ev.CandidateRevisited():
            return f"{event.candidate} taken up again: {event.reason}"
        case ev.CandidateDecided():
            reading = event.reading
            effect = f", {show_effect(reading.effect, reading.interval)}" if reading.effect is not None else ""
            return f"{event.candidate} {reading.decision}{effect}: {reading.reason}"
        case ev.WorkingRecipeMoved():
            return f"working recipe: {' + '.join(event.accepted) or 'the baseline'}"
        case ev.SearchEnded():
            return f"search ended: {event.reason}"
        case ev.ClaimMade():
            word = "confirmed" if event.claim.confirmed else "not confirmed"
            return f"claim {word}: {event.claim.reason}"
        case ev.AnswersKept():
            return f"answers kept for the report: {show_count(len(event.items), 'item')}"
        case ev.SummaryWritten():
            return f"summary of {event.model}: {event.reason or show_count(len(event.text), 'character')}"
        case ev.ControlsChecked():
            return f"controls: {controls_in_words(event.controls)}"
        case ev.MeasurementFlagged():
            return f"{'measurement broken' if event.flag.stops else 'flag'}, {event.flag.check}: {event.flag.message}"
        case ev.Warned():
            return f"warning, {event.subject}: {event.message}"
        case ev.MeasurementsInvalidated():
            mark = night.invalidations[-1]
            return f"{show_count(len(mark.numbers), 'probe')} invalidated {mark.words}"
        case ev.SessionStopped():
            return f"session {event.stop_reason}{': ' + event.message if event.message else ''}"


def question_of(plan: ev.ProbePlan, night: NightRecord) -> str:
    """Return which question a probe answers.

    `c03 learning_rate 0.005 → 0.01, replicate 2`, `smoke run of the baseline`, `block 1 row 5 of 12: c01 + c04`.
    """
    again = f", attempt {plan.attempt}" if plan.attempt > 1 else ""
    candidate = night.named(plan).get(plan.candidate or "")
    if plan.phase == "smoke":
        return f"smoke run of {f'{candidate.id} {candidate.change}' if candidate else 'the baseline'}{again}"
    if plan.phase == "control":
        return f"{probe_in_words(night, plan)}{again}"
    if plan.arm == "block":
        rows = next((len(block.rows) for block in night.blocks if block.number == plan.block), None)
        total = f" of {rows}" if rows else ""
        changes = " + ".join(plan.changes) or "no change"
        return f"block {plan.block} row {plan.replicate + 1}{total}: {changes}{again}"
    replicate = f"replicate {plan.replicate + 1}"
    if candidate is not None:
        return f"{candidate.id} {candidate.change}, {replicate}{again}"
    arm = f"{plan.phase} {plan.arm}" if plan.phase == "confirm" else probe_in_words(night, plan)
    return f"{arm}, {replicate}{again}"


class ProgressLog:
    """A ledger observer that appends one line per event to `progress.log`."""

    def __init__(self, path: Path) -> None:
        """Write to `path`."""
        self._path = path
        self._night = NightRecord()

    def take(self, event: ev.Event) -> None:
        """Take an event of an earlier stretch of the night, whose line is written."""
        self._night.apply(event)

    def __call__(self, event: ev.Event) -> None:
        """Append the event's line.

        Raises:
            LedgerError: the folder cannot be written.
        """
        self.take(event)
        self.note(event.at, line_of(event, self._night))

    def note(self, at: str, text: str) -> None:
        """Append a line that is no event.

        Raises:
            LedgerError: the folder cannot be written.
        """
        try:
            with self._path.open("a", encoding="utf-8") as log:
                log.write(f"{at} {printable(' '.join(text.split()))}\n")
        except OSError as error:
            raise LedgerError(
                f"`{self._path}` cannot be written: {error.strerror}; free some space, then resume"
            ) from error


def _result(outcome: ProbeOutcome, weights: Weights | None) -> str:
    if outcome.status is not ProbeStatus.COMPLETED:
        return outcome.message or "no message"
    means = outcome.category_means()
    parts = [f"overall {show(outcome.overall(weights), 'score')}"]
    parts += [f"{name} {show(mean, 'score')}" for name, mean in means.items()]
    failures = outcome.critical_failures()
    return ", ".join(parts) + (f", {failures} critical failures" if failures else "")
