"""What the night may still spend: probes, hours and dollars, with the confirmation's share kept back."""

from __future__ import annotations

from math import ceil

from runner.config import BudgetConfig
from tracking.clock import Clock
from tracking.events import Event, ProbeFinished
from tracking.figures import show
from tracking.spending import Spending

_HOUR_S = 3600.0
_ROUNDING = 1e-9
"""Share of the dollars that sums of floats may be off by."""


class NightBudget:
    """Implements `agent.ports.Budget`; observes the ledger to learn how long a probe takes.

    The time of the confirmation is foreseen as whole waves over the workers at the mean duration of all probes so far;
    its dollars as that many probes at their mean cost so far, before the first one at that of an earlier night. While
    neither is known nothing is kept back. A running probe counts as spent at the mean.
    """

    def __init__(
        self,
        config: BudgetConfig,
        clock: Clock,
        workers: int,
        used_before_s: float = 0.0,
        earlier_probe_usd: float | None = None,
    ) -> None:
        """Start counting now.

        Args:
            config: The limits and rates.
            clock: Tells the time.
            workers: Probes that run at the same time.
            used_before_s: What earlier stretches of the night took.
            earlier_probe_usd: What a probe cost in an earlier night, None when none tells.
        """
        self._config, self._clock, self._workers = config, clock, workers
        self._used_before_s, self._earlier_probe_usd = used_before_s, earlier_probe_usd
        self._spending = Spending()
        self._began = clock.monotonic()
        self._probe_s = 0.0
        self._probes = 0

    def __call__(self, event: Event) -> None:
        """Take an event of the ledger."""
        self._spending.take(event)
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

    @property
    def spent_usd(self) -> float | None:
        """Dollars spent so far, None when they are not known."""
        return self._spending.bill(self._config.rates.device_hour).usd

    @property
    def mean_probe_usd(self) -> float | None:
        """Mean cost of a probe at full length, before the first one that of an earlier night; None: not known."""
        whole = self._spending.whole
        if not whole.probes:
            return self._earlier_probe_usd
        usd = whole.bill(self._config.rates.device_hour).usd
        return None if usd is None else usd / whole.probes

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
        spent, each = self.spent_usd, self.mean_probe_usd
        if self._config.usd is not None and spent is not None and each and self.mean_probe_s is not None:
            limits.append(self.seconds_for(max(0, int((self._config.usd - spent) / each))))
        return min(limits) if limits else None

    def refusal(self, probes_used: int, probes_wanted: int, reserve_confirmation: bool) -> str | None:
        """Return why `probes_wanted` more cannot be started now, None when they can."""
        kept = self._config.confirm_probes if reserve_confirmation else 0
        if probes_used + probes_wanted + kept > self._config.probes:
            held = f", {kept} are kept for the confirmation" if kept else ""
            more = f", and {probes_wanted} more do not fit" if probes_wanted > 1 else ""
            return f"the budget of {self._config.probes} probes is spent: {probes_used} are used{held}{more}"
        return self._out_of_time(probes_wanted, reserve_confirmation) or self._out_of_dollars(
            probes_wanted, reserve_confirmation
        )

    def halt(self, reserve_confirmation: bool) -> str | None:
        """Return why not even the next probe may start, None when it may; the probes themselves were granted."""
        return self._out_of_time(1, reserve_confirmation) or self._out_of_dollars(1, reserve_confirmation)

    def _out_of_time(self, probes_wanted: int, reserve_confirmation: bool) -> str | None:
        if self._config.hours is None:
            return None
        kept = self._config.confirm_probes if reserve_confirmation else 0
        limit_s = self._config.hours * _HOUR_S
        # What was kept back may be spent to the last minute; a started confirmation is not cut by an estimate.
        needed_s = self.seconds_for(probes_wanted) + self.seconds_for(kept) if reserve_confirmation else 0.0
        if self.used_s + needed_s > limit_s or self.used_s >= limit_s:
            held = f", the confirmation needs {self.seconds_for(kept) / 60:.0f} min" if kept else ""
            return f"the budget of {self._config.hours:g} h is spent: {self.used_s / _HOUR_S:.2f} h are used{held}"
        return None

    def _out_of_dollars(self, probes_wanted: int, reserve_confirmation: bool) -> str | None:
        limit = self._config.usd
        if limit is None:
            return None
        spent, each = self.spent_usd, self.mean_probe_usd or 0.0
        if spent is None:
            return (
                f"the budget of {show(limit, 'usd')} cannot be kept: no reply of the judge or of the agent's model "
                "reports what it used; leave `budget.usd` out, or use a server that reports usage"
            )
        kept = self._config.confirm_probes * each if reserve_confirmation else 0.0
        committed = spent + len(self._spending.running) * each
        # As with time: the confirmation may spend to the last dollar, at most one probe per worker beyond it.
        needed = probes_wanted * each + kept if reserve_confirmation else 0.0
        if committed + needed > limit * (1 + _ROUNDING) or committed >= limit * (1 - _ROUNDING):
            held = f", the confirmation needs {show(kept, 'usd')}" if kept else ""
            return f"the budget of {show(limit, 'usd')} is spent: {show(spent, 'usd')} are used{held}"
        return None
