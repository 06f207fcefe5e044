"""What the night may still spend: probes and hours, with the confirmation's share kept back."""

from __future__ import annotations

from math import ceil

from runner.config import BudgetConfig
from tracking.clock import Clock
from tracking.events import Event, ProbeFinished

_HOUR_S = 3600.0


class NightBudget:
    """Implements `agent.ports.Budget`; observes the ledger to learn how long a probe takes.

    The time of the confirmation is foreseen as whole waves over the workers at the mean duration of all probes so far.
    """

    def __init__(self, config: BudgetConfig, clock: Clock, workers: int, used_before_s: float = 0.0) -> None:
        """Start counting now; `used_before_s` is what earlier stretches of the night took."""
        self._config, self._clock, self._workers = config, clock, workers
        self._used_before_s = used_before_s
        self._began = clock.monotonic()
        self._probe_s = 0.0
        self._probes = 0

    def __call__(self, event: Event) -> None:
        """Take an event of the ledger."""
        if isinstance(event, ProbeFinished) and event.plan.is_whole:
            self._probe_s += event.outcome.seconds
            self._probes += 1

    def take(self, event: Event) -> None:
        """Take an event of an earlier stretch of the night."""
        self(event)

    @property
    def used_s(self) -> float:
        """Wall time of the night so far, pauses before a resume left out."""
        return self._used_before_s + self._clock.monotonic() - self._began

    @property
    def mean_probe_s(self) -> float | None:
        """Mean duration of a probe, None before the first has ended; smoke runs are shorter and left out."""
        return self._probe_s / self._probes if self._probes else None

    def seconds_for(self, probes: int) -> float:
        """Return the wall time that `probes` take on all workers, 0 while the duration is unknown."""
        return ceil(probes / self._workers) * (self.mean_probe_s or 0.0)

    def left_s(self, probes_used: int) -> float | None:
        """Return the seconds until the budget ends, the nearer of its limits; None while nothing is known."""
        limits: list[float] = []
        if self.mean_probe_s is not None:
            limits.append(self.seconds_for(max(0, self._config.probes - probes_used)))
        if self._config.hours is not None:
            limits.append(max(0.0, self._config.hours * _HOUR_S - self.used_s))
        return min(limits) if limits else None

    def refusal(self, probes_used: int, probes_wanted: int, reserve_confirmation: bool) -> str | None:
        """Return why `probes_wanted` more cannot be started now, None when they can."""
        kept = self._config.confirm_probes if reserve_confirmation else 0
        if probes_used + probes_wanted + kept > self._config.probes:
            held = f", {kept} are kept for the confirmation" if kept else ""
            return f"the budget of {self._config.probes} probes is spent: {probes_used} are used{held}"
        if self._config.hours is None:
            return None
        limit_s = self._config.hours * _HOUR_S
        # What was kept back may be spent to the last minute; a started confirmation is not cut by an estimate.
        needed_s = self.seconds_for(probes_wanted) + self.seconds_for(kept) if reserve_confirmation else 0.0
        if self.used_s + needed_s > limit_s or self.used_s >= limit_s:
            held = f", the confirmation needs {self.seconds_for(kept) / 60:.0f} min" if kept else ""
            return f"the budget of {self._config.hours:g} h is spent: {self.used_s / _HOUR_S:.2f} h are used{held}"
        return None
