"""The control probes at the start of a night: which are missing, and what they say about the instrument."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import sqrt
from typing import get_args

from agent.noise import planned_noise
from agent.plan import NightPlan
from agent.schedule import Wanted, is_open, missing_calibration
from probes.aggregation import overall_variance
from probes.figures import show
from probes.request import Control
from probes.statistics.controls import ControlReading, read_controls
from probes.statistics.runs import OVERALL
from probes.statistics.spread import PlannedNoise
from probes.validity import Flag
from tracking.finished import FinishedProbe, Slot
from tracking.night import NightRecord

CONTROLS: tuple[Control, ...] = get_args(Control)
TURN_OFF = "`--set referee.controls=false` starts a night without this check"


def missing_controls(night: NightRecord, plan: NightPlan) -> list[Wanted]:
    """Return the control probes that are missing, after the first baseline: they are held against it.

    A baseline in the place of a first one that failed comes after them, as where nothing was interrupted.
    """
    if not plan.referee.controls or night.controls is not None:
        return []
    slots = [Slot("control", arm) for arm in CONTROLS]
    wanted = [Wanted(slot, 0, plan.baseline, plan.search_seed(0)) for slot in slots if is_open(night, plan, slot, 0)]
    baseline = missing_calibration(night, plan)[: 0 if _baselines(night) else 1]
    return [*baseline, *wanted] if baseline and baseline[0].replicate == 0 else [*wanted, *baseline]


def hold_controls(night: NightRecord, plan: NightPlan) -> tuple[ControlReading, ...]:
    """Return the readings of the finished control probes, target first."""
    probes = {arm: night.scored.get(Slot("control", arm), {}).get(0) for arm in CONTROLS}
    scores = {str(arm): _scores(probe) for arm, probe in probes.items() if probe is not None}
    baselines = _baselines(night)
    if baselines:
        scores["baseline"] = _scores(baselines[min(baselines)])
    if 0 not in baselines:
        scores.pop("repeat", None)
    return read_controls(_sds(planned_noise(plan), plan), scores)


def control_flags(night: NightRecord, readings: tuple[ControlReading, ...], plan: NightPlan) -> list[Flag]:
    """Return what the control probes found wrong, the fatal first."""
    constant = [reading for reading in readings if reading.is_constant]
    moving = tuple(reading for reading in readings if not reading.is_constant)
    flags = [_constant(reading, night, plan) for reading in constant]
    flags += [*_blind(moving, plan), *_unsteady(moving), *_untrained(moving, plan)]
    return sorted(flags, key=lambda flag: not flag.stops)


def _constant(reading: ControlReading, night: NightRecord, plan: NightPlan) -> Flag:
    """Return the flag of a metric that gave every control the same score; on the target it stops the night."""
    causes = Counter(
        item.cause
        for probe in _baselines(night).values()
        for item in probe.outcome.items
        if item.category == reading.metric and item.cause
    )
    why = f" (commonest cause: {causes.most_common(1)[0][0]})" if causes else ""
    text = (
        f"{reading.metric} is {_points(reading.baseline)} for the trained baseline, for the untrained base and for a "
        f"model taught to say nothing{why}: its scorer measures nothing; run `nightlab suite check` on the suite and "
        "read a few answers in `probes/*/responses.jsonl`"
    )
    return Flag(check="constant scores", subject=reading.metric, message=text, stops=reading.metric == plan.target)


def _blind(readings: tuple[ControlReading, ...], plan: NightPlan) -> list[Flag]:
    """Return a flag for each metric that did not see a training broken on purpose; blind in all, the night stops."""
    if all(reading.sees_harm is None for reading in readings):
        cure = "see the logs of the control probes in the session's probes folder"
        text = f"the training broken on purpose could not be held against a baseline, so harm may go unseen; {cure}"
        return [Flag(check="harm", subject="session", message=text)] if readings else []
    told = {reading.metric: reading.sees_harm for reading in readings}
    is_blind = told.get(plan.target) is False and told.get(OVERALL) is False
    return [
        Flag(check="harm", subject=reading.metric, message=_unseen(reading, is_blind), stops=is_blind)
        for reading in readings
        if reading.sees_harm is False and (not is_blind or reading.metric == plan.target)
    ]


def _unseen(reading: ControlReading, is_blind: bool) -> str:
    scores = f"{_points(reading.broken)} on {reading.metric} where the baseline scores {_points(reading.baseline)}"
    if not is_blind:
        return f"a model taught to say nothing scores {scores}: harm cannot be seen there with one probe"
    return (
        "the instrument cannot tell a broken model from a whole one: taught to answer nothing at all, the model scores "
        f"{scores} (run-to-run sd {_points(reading.sd)}); look at the suite's scorers, at the answers in "
        f"`probes/*/responses.jsonl`, and at whether the adapter is served. {TURN_OFF}"
    )


def _unsteady(readings: tuple[ControlReading, ...]) -> list[Flag]:
    """Return a stop for each metric on which the same recipe and seed did not measure the same."""
    return [
        Flag(
            check="repeat",
            subject=reading.metric,
            message=f"the same recipe with the same seed scored {_points(reading.baseline)} and then "
            f"{_points(reading.repeat)} on {reading.metric}; seeds differ by an sd of {_points(reading.sd)}: something "
            "other than the recipe decides (a server that changed, answers of another model, a judge that drifts); "
            f"mend that first. {TURN_OFF}",
            stops=True,
        )
        for reading in readings
        if reading.repeats is False
    ]


def _untrained(readings: tuple[ControlReading, ...], plan: NightPlan) -> list[Flag]:
    """Return a flag when training with the baseline recipe does not beat the base model without any."""
    for reading in readings:
        if reading.metric != plan.target or reading.base is None or reading.baseline is None:
            continue
        if reading.base >= reading.baseline:
            text = (
                f"without any training the base model scores {_points(reading.base)} on {plan.target}, the baseline "
                f"recipe {_points(reading.baseline)}: what the night claims is a gain over the baseline recipe, not "
                "over the base model"
            )
            return [Flag(check="base", subject=plan.target, message=text)]
    return []


def _baselines(night: NightRecord) -> Mapping[int, FinishedProbe]:
    """Return replicate → baseline probe with scores; the control probes repeat replicate 0."""
    return night.scored.get(Slot("calibrate", "baseline"), {})


def _scores(probe: FinishedProbe) -> Mapping[str, float | None]:
    return {**probe.means, OVERALL: probe.overall}


def _sds(noise: PlannedNoise, plan: NightPlan) -> dict[str, float]:
    """Return metric → run-to-run sd on the search items: the target, the overall, then every category."""
    own = noise.search.categories
    shared = min(noise.shared_sd**2, *(sd**2 for sd in own.values()))
    overall = sqrt(shared + overall_variance({name: sd**2 - shared for name, sd in own.items()}, plan.weights))
    sds = {plan.target: noise.search.target, OVERALL: overall, **own}
    return {**sds, plan.target: noise.search.target}


def _points(score: float | None) -> str:
    return show(score, "score")
