"""Stand-ins for the parts a night gets from outside. Each is used beside a test of the real part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from agent.ports import OnFinish, OnStart
from probes.frozen import digest_of
from probes.outcome import GenerationConfig, ItemScores, ProbeOutcome, ProbeStatus
from probes.recipe import Recipe
from probes.request import FileRef, ProbeRequest, Purpose, Split
from tracking.events import Event, ProbePlan

CATEGORIES = ("ground_truth", "private_voice", "verified_response")


@dataclass
class FakeClock:
    """A clock that moves one second at every look."""

    seconds: float = 0.0

    def now(self) -> str:
        self.seconds += 1.0
        return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)).isoformat(timespec="milliseconds")

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class MemoryLedger:
    """A ledger that keeps its events in a list."""

    written: list[Event] = field(default_factory=list)

    def append(self, event: Event) -> None:
        self.written.append(event)


class OpenBudget:
    """A budget limited by probes alone."""

    def __init__(self, probes: int, confirm_probes: int) -> None:
        self._probes, self._confirm = probes, confirm_probes

    def refusal(self, probes_used: int, probes_wanted: int, reserve_confirmation: bool) -> str | None:
        limit = self._probes - (self._confirm if reserve_confirmation else 0)
        return None if probes_used + probes_wanted <= limit else f"the budget of {self._probes} probes is spent"

    def halt(self, reserve_confirmation: bool) -> str | None:
        return None


def make_request(recipe: Recipe, seed: int, split: Split, purpose: Purpose | None = None) -> ProbeRequest:
    return ProbeRequest(
        recipe=recipe.replace(steps=2 if purpose in ("smoke", "broken") else 10),
        control=None if purpose == "smoke" else purpose,
        seed=seed,
        split=split,
        base_model=FileRef(path="/model", digest="m"),
        train=(FileRef(path="/train.jsonl", digest="t"),),
        suite=FileRef(path=f"/{split}.jsonl", digest=split),
        samples=1,
        generation=GenerationConfig(),
        versions={"torch": "0"},
        folder="/probe",
        deadline_s=10.0,
    )


class SimulatedLauncher:
    """Probes whose scores come from a known landscape plus seeded noise: the truth is known, so it can be tested.

    Args:
        effects: Recipe → category → effect against the baseline's level of 5.
        noise_sd: Run-to-run sd of every category mean.
        failures: Probe number → status for probes that end without scores.
        stop_after: Probes after which the launcher acts as if Ctrl-C was pressed.
    """

    workers = 2

    def __init__(
        self,
        effects: Callable[[Recipe], Mapping[str, float]],
        noise_sd: float = 0.4,
        failures: Mapping[int, ProbeStatus] | None = None,
        stop_after: int | None = None,
        items: int = 8,
    ) -> None:
        self.effects, self.noise_sd, self.failures = effects, noise_sd, dict(failures or {})
        self.stop_after, self.items, self.ran = stop_after, items, list[str]()

    @property
    def is_stopping(self) -> bool:
        return self.stop_after is not None and len(self.ran) >= self.stop_after

    def run(self, plans: Sequence[ProbePlan], on_start: OnStart, on_finish: OnFinish) -> None:
        for plan in plans:
            if self.is_stopping:
                return
            if on_start(plan) is False:
                return
            self.ran.append(plan.request.key)
            on_finish(plan, self.outcome(plan))

    def outcome(self, plan: ProbePlan) -> ProbeOutcome:
        status = self.failures.pop(plan.number, ProbeStatus.COMPLETED)
        if status is not ProbeStatus.COMPLETED:
            return ProbeOutcome(key=plan.request.key, status=status, message=f"simulated {status}", seconds=1.0)
        original = plan.request.model_copy(update={"control": None})
        rng = np.random.default_rng(int(digest_of([original.key])[:8], 16))
        effects = self.effects(plan.request.recipe)
        items: list[ItemScores] = []
        for category in CATEGORIES:
            level = 5.0 + effects.get(category, 0.0) + rng.normal(0.0, self.noise_sd)
            level = {"broken": 0.0, "base": 3.0}.get(plan.request.control or "", level)
            scatter = rng.normal(0.0, 0.2, self.items)
            scatter -= scatter.mean()
            items += [
                ItemScores(item=f"{category}-{i}", category=category, difficulty="easy", scores=(float(level + x),))
                for i, x in enumerate(scatter)
            ]
        return ProbeOutcome(key=plan.request.key, status=status, items=tuple(items), seconds=1.0)
