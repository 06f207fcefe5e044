"""What a night has spent, folded from its events: seconds on devices, and dollars for what language models said.

A probe is charged for the time it held a worker, at the session's rate for an hour of a device; what served its answers
is part of that rate. Judges and the agent's own questions cost what their replies report. Not covered: hours for which
a rented machine waits between probes (`budget.hours` bounds those), and a judge's replies to a probe that died on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from probes.outcome import ProbeOutcome
from tracking import events as ev

_HOUR_S = 3600.0


class ProbeCost(NamedTuple):
    """What one probe took."""

    train_s: float
    evaluate_s: float
    other_s: float
    judge_usd: float | None
    """0 without a judge, None when its cost is unknown."""


class Bill(NamedTuple):
    """Dollars by what they were spent on; None is unknown, never 0."""

    train_usd: float | None
    evaluate_usd: float | None
    other_usd: float | None
    """Starting, loading and saving, and probes that an interruption cut off."""
    judge_usd: float | None
    agent_usd: float | None

    @property
    def model_usd(self) -> float | None:
        """What language models cost: judges and the agent's own questions."""
        return _sum((self.judge_usd, self.agent_usd))

    @property
    def usd(self) -> float | None:
        """Everything together; None when a part is unknown."""
        return _sum(self)


@dataclass
class Tally:
    """Sums over probes."""

    probes: int = 0
    train_s: float = 0.0
    evaluate_s: float = 0.0
    other_s: float = 0.0
    judge_usd: float = 0.0
    """Of the probes whose judge's cost is known."""
    unpriced: int = 0
    """Probes whose judge's cost is not known."""

    def add(self, cost: ProbeCost) -> None:
        """Take one more probe."""
        self.probes += 1
        self.train_s += cost.train_s
        self.evaluate_s += cost.evaluate_s
        self.other_s += cost.other_s
        self.judge_usd += cost.judge_usd or 0.0
        self.unpriced += cost.judge_usd is None

    def bill(self, device_hour: float | None, judge_mean_usd: float | None = None) -> Bill:
        """Return the dollars; a probe whose judge's cost is unknown is charged `judge_mean_usd`, by default the mean.

        Args:
            device_hour: USD for an hour of a worker's device, None when the session names no rate.
            judge_mean_usd: What such a probe costs, where more is known than these sums tell.
        """
        if self.unpriced and judge_mean_usd is None:
            judge_mean_usd = self.judge_mean_usd
        judge = self.judge_usd if not self.unpriced else None
        if self.unpriced and judge_mean_usd is not None:
            judge = self.judge_usd + self.unpriced * judge_mean_usd
        seconds = (self.train_s, self.evaluate_s, self.other_s)
        train, evaluate, other = (None if device_hour is None else device_hour * s / _HOUR_S for s in seconds)
        return Bill(train, evaluate, other, judge, 0.0)

    @property
    def judge_mean_usd(self) -> float | None:
        """Mean cost of a probe's judge where it is known, None where it never is."""
        known = self.probes - self.unpriced
        return self.judge_usd / known if known else None


@dataclass
class Spending:
    """The fold. What was spent stays spent: an invalidation of the measurements changes nothing here."""

    probes: dict[int, ProbeCost] = field(default_factory=dict[int, ProbeCost])
    """Number → cost; an outcome that was known already and only counted again is not among them."""
    all: Tally = field(default_factory=Tally)
    whole: Tally = field(default_factory=Tally)
    """Probes at full length, controls and smoke runs left out."""
    lost_s: float = 0.0
    """Seconds of probes that an interruption cut off, as far as the ledger can tell."""
    turns: int = 0
    """Questions put to a language model: the agent's, and the one for the report's summary."""
    unpriced_turns: int = 0
    agent_usd: float = 0.0
    """Of the turns whose cost is known."""
    unpriced_requests: int = 0
    """Of the agent's turns: what may be billed besides."""
    running: dict[str, str] = field(default_factory=dict[str, str])
    """Key → start of the probes that have not ended."""
    _done: set[str] = field(default_factory=set[str], repr=False)
    _last_at: str = ""

    def take(self, event: ev.Event) -> None:
        """Take one more event."""
        match event:
            case ev.ProbeStarted():
                self.running[event.key] = event.at
            case ev.ProbeFinished():
                self._take_probe(event)
            case ev.SessionResumed():
                self.lost_s += sum(_seconds(began, self._last_at) for began in self.running.values())
                self.running.clear()
            case ev.ModelTurn() | ev.SummaryWritten():
                self._take_turn(event)
            case _:
                pass
        if not isinstance(event, ev.MeasurementsInvalidated):
            self._last_at = event.at

    def bill(self, device_hour: float | None) -> Bill:
        """Return what everything cost at `device_hour` USD for an hour of a device."""
        probes = self.all.bill(device_hour)
        lost = None if device_hour is None else device_hour * self.lost_s / _HOUR_S
        return probes._replace(other_usd=_sum((probes.other_usd, lost)), agent_usd=self._turns_usd())

    def of(self, numbers: Iterable[int]) -> Tally:
        """Return the sums over the probes with these numbers."""
        tally = Tally()
        for number in numbers:
            if number in self.probes:
                tally.add(self.probes[number])
        return tally

    def _take_probe(self, event: ev.ProbeFinished) -> None:
        key = event.outcome.key
        if self.running.pop(key, None) is None and key in self._done:
            return
        self._done.add(key)
        cost = probe_cost(event.outcome)
        self.probes[event.plan.number] = cost
        self.all.add(cost)
        if event.plan.is_whole:
            self.whole.add(cost)

    def _take_turn(self, turn: ev.ModelTurn | ev.SummaryWritten) -> None:
        """Count what a question of the agent or for the summary cost, unless nobody was asked."""
        if turn.attempts == 0:
            return
        self.turns += 1
        is_free = False
        if isinstance(turn, ev.ModelTurn):
            self.unpriced_requests += turn.unpriced
            is_free = turn.outcome == "failed" and turn.usage is None and not turn.unpriced
        self.unpriced_turns += turn.cost_usd is None and not is_free
        self.agent_usd += turn.cost_usd or 0.0

    def _turns_usd(self) -> float | None:
        known = self.turns - self.unpriced_turns
        if self.unpriced_turns and not known:
            return None
        return self.agent_usd * self.turns / known if known else 0.0


def probe_cost(outcome: ProbeOutcome) -> ProbeCost:
    """Return what a probe took; time that is neither training nor evaluation is `other_s`."""
    train_s = outcome.training.seconds if outcome.training else 0.0
    evaluate_s = outcome.evaluation_seconds or 0.0
    judge_usd = outcome.judge.cost_usd if outcome.judge is not None else 0.0
    return ProbeCost(train_s, evaluate_s, max(0.0, outcome.seconds - train_s - evaluate_s), judge_usd)


def device_hour_usd(config: Mapping[str, Any]) -> float | None:
    """Return the rate in a ledger's copy of the session file, None where it names none."""
    return config.get("budget", {}).get("rates", {}).get("device_hour")


def budget_usd(config: Mapping[str, Any]) -> float | None:
    """Return the dollars a night may spend by the ledger's copy of its session file, None for any."""
    return config.get("budget", {}).get("usd")


def _sum(parts: Iterable[float | None]) -> float | None:
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def _seconds(earlier: str, later: str) -> float:
    between = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return max(0.0, between.total_seconds())
