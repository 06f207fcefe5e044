"""Whole nights over known landscapes: the real graph, lanes and referee; only the probes are made up.

What a simulated night leaves out: trainings, workers and the command line round them, and the MLflow mirror.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from time import process_time
from types import MappingProxyType

import numpy as np

from agent.context import Appends, NightContext
from agent.plan import NightPlan
from agent.ports import OnFinish, OnStart
from agent.proposers.statistical import StatisticalProposer
from lanes.knob_lane import KnobLane
from lanes.knobs import Knob
from lanes.lane import Lane
from lanes.pickers import Picker, PickerName
from probes.candidate import KnobValue, LaneName
from probes.frozen import digest_of
from probes.outcome import GenerationConfig, ItemScores, ProbeOutcome, ProbeStatus
from probes.recipe import Recipe
from probes.request import FileRef, ProbeRequest, Purpose, Split
from tracking.events import Event, ProbePlan, SessionStarted
from tracking.night import NightRecord

ITEMS = 4
"""Items per category; a category's noise is the same on all of them."""
Levels = Mapping[str, float]
Truth = Callable[[Recipe], Levels | None]
"""Recipe → category → its true level; None: the recipe cannot be trained."""


class NamedLane(KnobLane):
    """A lane over numbers and words of any name, which it keeps as JSON in the recipe's system prompt."""

    def __init__(self, knobs: Mapping[str, Knob], baseline: Mapping[str, KnobValue], picker: Picker) -> None:
        """Keep what the recipe leaves unsaid: a knob that it does not name is at its baseline."""
        super().__init__("hyperparameters", knobs, picker, {})
        self._baseline = dict(baseline)

    def value(self, recipe: Recipe, knob: str) -> KnobValue:
        """Return the knob's value."""
        return settings_of(recipe).get(knob, self._baseline[knob])

    def with_value(self, recipe: Recipe, knob: str, value: KnobValue) -> Recipe:
        """Return `recipe` with the knob set; equal settings are equal recipes."""
        settings = {**settings_of(recipe), knob: value}
        said = {name: at for name, at in sorted(settings.items()) if at != self._baseline[name]}
        return recipe.replace(system_prompt=json.dumps(said) if said else None)


def settings_of(recipe: Recipe) -> Mapping[str, KnobValue]:
    """Return the knobs of a `NamedLane` that are not at their baseline."""
    return _settings(recipe.system_prompt) if recipe.system_prompt else {}


@lru_cache(maxsize=256)
def _settings(text: str) -> Mapping[str, KnobValue]:
    """Return what a recipe's text says: an ask looks at every knob of the same recipe."""
    return MappingProxyType(json.loads(text))


class ListLedger:
    """A ledger in memory."""

    def __init__(self) -> None:
        """Start empty."""
        self.written: list[Event] = []

    def append(self, event: Event) -> None:
        """Keep one event."""
        self.written.append(event)


@dataclass
class SteppingClock:
    """A clock that moves one second at every look: nights of equal seeds are equal."""

    seconds: float = 0.0

    def now(self) -> str:
        """Return the time, ISO 8601."""
        self.seconds += 1.0
        return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)).isoformat(timespec="milliseconds")

    def monotonic(self) -> float:
        """Return seconds since the start."""
        return self.seconds


@dataclass(frozen=True)
class ProbeBudget:
    """So many probes, and nothing else."""

    probes: int
    confirm_probes: int

    def refusal(self, probes_used: int, probes_wanted: int, reserve_confirmation: bool) -> str | None:
        """Return why so many probes cannot be had, None when they can."""
        limit = self.probes - (self.confirm_probes if reserve_confirmation else 0)
        return None if probes_used + probes_wanted <= limit else f"the budget of {self.probes} probes is spent"

    def halt(self, reserve_confirmation: bool) -> str | None:
        """Return None: what was granted may start."""
        del reserve_confirmation


@dataclass
class SimulatedLauncher:
    """Probes whose scores are the truth and noise drawn from their key."""

    truth: Truth
    noise_sd: Levels
    """Category → run-to-run sd."""
    seed: int = 0
    workers: int = 1
    is_stopping: bool = False
    spent_s: float = field(default=0.0, init=False)
    """CPU time of the launcher itself, which is none of the agent's."""
    batches: list[int] = field(default_factory=list[int], init=False)
    """Probes handed over at each call."""

    def run(self, plans: Sequence[ProbePlan], on_start: OnStart, on_finish: OnFinish) -> None:
        """Run all plans, one after the other."""
        self.batches.append(len(plans))
        for plan in plans:
            on_start(plan)
            began = process_time()
            outcome = self.outcome(plan.request)
            self.spent_s += process_time() - began
            on_finish(plan, outcome)

    def outcome(self, request: ProbeRequest) -> ProbeOutcome:
        """Return what the probe of a request measures."""
        levels = self.truth(request.recipe)
        if levels is None:
            return ProbeOutcome(key=request.key, status=ProbeStatus.DIVERGED, message="simulated", seconds=1.0)
        rng = np.random.default_rng([self.seed, int(digest_of([request.key])[:8], 16)])
        items = tuple(
            ItemScores(item=f"{name}-{i}", category=name, difficulty="easy", scores=(score,))
            for name, level in levels.items()
            for score in [float(level + rng.normal(0.0, self.noise_sd[name]))]
            for i in range(ITEMS)
        )
        return ProbeOutcome(key=request.key, status=ProbeStatus.COMPLETED, items=items, seconds=1.0)


def open_night(
    plan: NightPlan,
    launcher: SimulatedLauncher,
    lanes: Mapping[LaneName, Lane],
    folder: Path,
    ledger: Appends,
    proposer: PickerName = "optuna",
) -> NightContext:
    """Return a night about to start; its checkpoints go to `folder`."""
    clock = SteppingClock()
    context = NightContext(
        plan=plan,
        ledger=ledger,
        night=NightRecord(),
        launcher=launcher,
        lanes=lanes,
        budget=ProbeBudget(plan.budget_probes, plan.confirm_probes),
        clock=clock,
        make_request=request_of,
        checkpoint_path=folder / "checkpoints.sqlite",
        proposer=StatisticalProposer(proposer),
    )
    context.record(
        SessionStarted(
            at=clock.now(), session=plan.session, config={}, config_digest="", baseline=plan.baseline, provenance={}
        )
    )
    return context


def request_of(recipe: Recipe, seed: int, split: Split, purpose: Purpose | None = None) -> ProbeRequest:
    """Return the request of a simulated probe."""
    file = FileRef(path="f", digest="d")
    return ProbeRequest(
        recipe=recipe.replace(steps=2 if purpose in ("smoke", "broken") else 10),
        control=None if purpose == "smoke" else purpose,
        seed=seed,
        split=split,
        base_model=file,
        train=(file,),
        suite=FileRef(path="f", digest=split),
        samples=1,
        generation=GenerationConfig(),
        versions={},
        folder="probe",
        deadline_s=1.0,
    )
