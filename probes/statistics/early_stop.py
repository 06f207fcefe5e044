"""Early stopping of hopeless probes at a stated false-stop rate. Pure, standard library only.

A probe is stopped when its training curve lies outside what finished probes showed that were *not* hopeless. The rule
knows nothing of what a good curve looks like, so a change that trains unlike anything before it (another order of the
rows, another mix) may be stopped although it is good: that is what the rate counts, and what `false_stops` and
`replayed` check on a ledger before anybody switches the rule on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from statistics import fmean, median
from typing import Literal

from pydantic import Field

from probes.frozen import Frozen
from probes.outcome import TrainingPoint
from probes.statistics.intervals import wilson
from probes.statistics.verdicts import Interval

Signal = Literal["loss", "reward_margin"]

CHECKPOINTS = (0.25, 0.5, 0.75)
"""Shares of the training after which a probe is looked at."""
SMOOTHING = 0.25
"""Share of the training so far that a look averages over."""


@dataclass(frozen=True)
class FinishedCurve:
    """A completed probe, as far as the rule needs it."""

    recipe: str
    """Equal for replicates: probes of one recipe are not independent, so the recipe is the unit."""
    points: tuple[TrainingPoint, ...]
    beta: float
    """Weight of the preference term: reward margins are told in its unit and divided by it."""
    score: float
    """The target's mean, 0 … 10."""


class Checkpoint(Frozen):
    """One look at a training."""

    points: int
    """Points of the curve that are complete then."""
    step: int
    most_loss: float | None = None
    """Stop above this."""
    least_reward_margin: float | None = None
    """Stop below this, in log-probability per token (divided by beta); None under `sft`."""


class StopRule(Frozen):
    """When a training is hopeless; travels in the request and is no part of a probe's identity."""

    rate: float = Field(gt=0.0, le=0.2)
    """Stated chance that a probe which is not hopeless is stopped, over all looks together."""
    floor: float
    """Probes that scored below it were hopeless."""
    recipes: int
    """Recipes above the floor that the bounds come from and were checked on."""
    checkpoints: tuple[Checkpoint, ...]

    def stops(self, points: Sequence[TrainingPoint], beta: float) -> str | None:
        """Return why a training is stopped whose complete points so far are `points`; None: go on."""
        for look in self.checkpoints:
            if look.points == len(points):
                crossing = _crossing(look, _signals(points, look.points, beta))
                rate = f"{self.rate:.0%}"
                return crossing and f"{crossing}, outside what earlier probes showed (false-stop rate {rate})"
        return None


class FalseStops(Frozen):
    """What a rule did, or would have done, to finished probes."""

    good: int
    """Recipes that met a rule and are not hopeless; a recipe counts by its first probe."""
    good_stopped: int
    """The false stops among them."""
    interval: Interval
    """Wilson interval of the share of false stops; None bounds without a recipe to try."""
    hopeless: int
    hopeless_stopped: int
    steps: int
    """Training steps of all first probes."""
    steps_saved: int
    """Steps that stopping saved."""


def stop_rule(finished: Iterable[FinishedCurve], rate: float, floor: float) -> StopRule | None:
    """Return the rule of a night at false-stop `rate`; None while it has too few finished probes for that rate.

    Method: split conformal prediction (Lei et al. 2018) over recipes that are not hopeless, each by its first probe.
    Of the first 2 k, k = ceil(1 / rate) - 1, every other one gives centre and scale of each signal at each look, the
    others one score each: their worst standardised signal over all looks, so that the rate holds for all of them
    together. The bound is the largest score, which the next good recipe exceeds with probability 1 / (k + 1) <= rate if
    it is exchangeable with these. In a night it need not be, since the working recipe moves: so the bounds are held
    against the next k + 1 good recipes, and if they would have stopped more of them than the rate, there is no rule.

    Later recipes change nothing: bounds that learned from survivors would tighten by themselves. Probes whose curve has
    other steps than the first are left out.

    Args:
        finished: Completed probes, in the order in which they ran.
        rate: Stated chance that a probe which is not hopeless is stopped.
        floor: Score below which a probe is hopeless.
    """
    scores = ceil(1 / rate - 1e-9) - 1
    good = list(islice((probe for probe in _first_probes(finished) if probe.score >= floor), 3 * scores + 1))
    fitted, checked = good[: 2 * scores], good[2 * scores : 3 * scores + 1]
    if len(checked) < scores + 1:
        return None
    looks = _looks(good[0].points)
    values = [_values(probe, looks) for probe in fitted]
    centres = _centres(values[::2])
    width = max(_worst(own, centres) for own in values[1::2])
    bounds = _bounds(looks, centres, width)
    rule = StopRule(rate=rate, floor=floor, recipes=len(fitted) + len(checked), checkpoints=bounds)
    wrong = sum(_steps_saved(probe, rule) > 0 for probe in checked)
    return rule if wrong <= rate * len(checked) + 1e-9 else None


def false_stops(finished: Sequence[FinishedCurve], rule: StopRule) -> FalseStops:
    """Return what the rule does to each finished recipe when it is built from the others (leave one recipe out).

    Where the others do not support a rule, the recipe is not counted. The Wilson interval assumes independent recipes.
    """
    firsts = list(_first_probes(finished))
    others = ((probe, (other for other in firsts if other is not probe)) for probe in firsts)
    return _count([(probe, stop_rule(rest, rule.rate, rule.floor)) for probe, rest in others], rule.floor)


def replayed(finished: Sequence[FinishedCurve], rate: float, floor: float) -> FalseStops:
    """Return what stopping would have done to a ledger: the first probe of each recipe meets the rule of those before.

    Later replicates are left alone, as in a night: a candidate that came through once is not hopeless.
    """
    firsts = list(_first_probes(finished))
    trials = [(probe, stop_rule(firsts[:index], rate, floor)) for index, probe in enumerate(firsts)]
    return _count(trials, floor)


_Look = tuple[int, int]
"""Complete points at a look, and the step of the last."""
_Values = dict[tuple[int, Signal], float]
"""(Points at the look, signal) → its value; higher is worse."""
_Centres = dict[tuple[int, Signal], tuple[float, float]]
"""(Points at the look, signal) → median and scale."""


def _first_probes(finished: Iterable[FinishedCurve]) -> Iterator[FinishedCurve]:
    """Yield one probe per recipe: replicates are not independent, and the first is what decides about stopping."""
    seen, steps = set[str](), list[int]()
    for probe in finished:
        own = [point.step for point in probe.points]
        steps = steps or own
        if own and own == steps and probe.recipe not in seen:
            seen.add(probe.recipe)
            yield probe


def _looks(points: Sequence[TrainingPoint]) -> list[_Look]:
    counts = sorted({round(share * len(points)) for share in CHECKPOINTS} - {0, len(points)})
    return [(count, points[count - 1].step) for count in counts]


def _signals(points: Sequence[TrainingPoint], count: int, beta: float) -> dict[Signal, float]:
    """Return the signals of the first `count` points, averaged over the last ones; higher is worse."""
    window = points[max(0, count - max(1, round(count * SMOOTHING))) : count]
    values: dict[Signal, float] = {"loss": fmean(point.loss for point in window)}
    margins = [point.reward_margin for point in window if point.reward_margin is not None]
    if margins:
        values["reward_margin"] = -fmean(margins) / beta
    return values


def _values(probe: FinishedCurve, looks: Sequence[_Look]) -> _Values:
    return {
        (count, signal): value
        for count, _ in looks
        for signal, value in _signals(probe.points, count, probe.beta).items()
    }


def _centres(recipes: Sequence[_Values]) -> _Centres:
    """Return (median, mean absolute deviation) over recipes; a signal that never varies says nothing: left out."""
    centres: _Centres = {}
    for key in recipes[0]:
        values = [recipe[key] for recipe in recipes if key in recipe]
        middle = median(values)
        scale = fmean(abs(value - middle) for value in values)
        if scale > 0.0:
            centres[key] = (middle, scale)
    return centres


def _worst(values: _Values, centres: _Centres) -> float:
    scores = [(values[key] - middle) / scale for key, (middle, scale) in centres.items() if key in values]
    return max(scores, default=0.0)


def _bounds(looks: Sequence[_Look], centres: _Centres, width: float) -> tuple[Checkpoint, ...]:
    checkpoints: list[Checkpoint] = []
    for count, step in looks:
        limits = {
            signal: middle + width * scale for (points, signal), (middle, scale) in centres.items() if points == count
        }
        if limits:
            margin = limits.get("reward_margin")
            checkpoints.append(
                Checkpoint(
                    points=count,
                    step=step,
                    most_loss=limits.get("loss"),
                    least_reward_margin=None if margin is None else -margin,
                )
            )
    return tuple(checkpoints)


def _crossing(look: Checkpoint, values: Mapping[Signal, float]) -> str | None:
    loss, margin = values["loss"], values.get("reward_margin")
    if look.most_loss is not None and loss > look.most_loss:
        return f"at step {look.step} its loss was {loss:.3g}, above {look.most_loss:.3g}"
    if look.least_reward_margin is not None and margin is not None and -margin < look.least_reward_margin:
        return f"at step {look.step} its reward margin was {-margin:.3g}, below {look.least_reward_margin:.3g}"
    return None


def _steps_saved(probe: FinishedCurve, rule: StopRule | None) -> int:
    """Return the steps that the rule would have saved of a finished probe; 0 when it lets it run."""
    for look in rule.checkpoints if rule else ():
        if _crossing(look, _signals(probe.points, look.points, probe.beta)) is not None:
            return probe.points[-1].step - look.step
    return 0


def _count(trials: Sequence[tuple[FinishedCurve, StopRule | None]], floor: float) -> FalseStops:
    good = [_steps_saved(probe, rule) for probe, rule in trials if rule and probe.score >= floor]
    hopeless = [_steps_saved(probe, rule) for probe, rule in trials if rule and probe.score < floor]
    good_stopped = sum(saved > 0 for saved in good)
    return FalseStops(
        good=len(good),
        good_stopped=good_stopped,
        interval=wilson(good_stopped, len(good)),
        hopeless=len(hopeless),
        hopeless_stopped=sum(saved > 0 for saved in hopeless),
        steps=sum(probe.points[-1].step for probe, _ in trials),
        steps_saved=sum(good) + sum(hopeless),
    )
