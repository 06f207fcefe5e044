"""A finished night as later nights remember it: its noise, its baseline's level, raw effects, its one test.

A few kilobytes of what a ledger says in megabytes. `runner.report` needs the ledger; a later night needs only this.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean
from typing import Any

import numpy as np

from probes.candidate import LaneName
from probes.comparability import conditions
from probes.errors import LedgerError
from probes.frozen import Frozen, digest_of
from probes.recipe import Recipe
from probes.statistics.design import Array, Design
from probes.statistics.earlier import BaselineLevel, Movement, RawEffect
from probes.statistics.fits import WINDOW
from probes.statistics.priors import raw_effects
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL, Run
from tracking import events as ev
from tracking.finished import FinishedProbe, comparable
from tracking.memory.moves import RememberedMove
from tracking.memory.outcomes import movements_of, moves_of
from tracking.night import NightRecord


class Residuals(Frozen):
    """What a model leaves over of a night's scores."""

    degrees_of_freedom: int
    squares: dict[str, float]
    """Category, `overall` or `critical_failures` → residual sum of squares."""


class NightTest(Frozen):
    """The test a night ended in."""

    p_value: float
    level: float
    confirmed: bool
    probes: str
    """Digest of the keys of the confirmation's probes: equal ones are one test, however often it is told."""


class RememberedNight(Frozen):
    """What later nights need of a finished night."""

    session: str
    started: str
    """ISO 8601, UTC."""
    seed: int
    series: int = 0
    target: str
    project: str
    """See `EarlierNights.project`."""
    conditions: dict[str, str]
    """Condition → value of its search probes; empty when none left a score."""
    baseline: str
    """Digest of the baseline recipe, wherever the base model lies."""
    train: tuple[str, ...] = ()
    """Digests of the training files."""
    level: BaselineLevel | None = None
    """The baseline's scores on the search items; None without any."""
    replicates: Residuals | None = None
    """Of the search: how far replicates of one recipe differ."""
    fit: Residuals | None = None
    """Of the search: that, and how far effects do not add up."""
    held_out_conditions: dict[str, str] = {}
    """Condition → value of its confirmation; empty without one."""
    confirmation: Residuals | None = None
    """Of the two arms of the confirmation."""
    keys: tuple[str, ...] = ()
    """Keys of all scored probes: two nights that share one are not two measurements."""
    effects: tuple[RawEffect, ...] = ()
    test: NightTest | None = None
    """None when no change was accepted: nothing was tested."""
    moves: tuple[RememberedMove, ...] = ()
    """Its decided changes and how they ended."""
    movements: tuple[Movement, ...] = ()
    """What the changes of each lane did to each category."""


def remember(night: NightRecord, project: str) -> RememberedNight:
    """Return what later nights need of a night.

    Raises:
        ComparabilityError: its own probes were measured under different conditions.
        LedgerError: it never started.
    """
    if night.started is None:
        raise LedgerError("the ledger does not begin with `session_started`; restore the file from a copy")
    probes = scored_search(night)
    confirmation = _scored(night, ("confirm",), "confirmation")
    config: dict[str, Any] = night.started.config
    baselines = [probe for probe in probes if not probe.plan.changes]
    return RememberedNight(
        session=night.started.session,
        started=night.started.at,
        seed=int(config.get("seed", 0)),
        series=night.earlier.series if night.earlier else 0,
        target=night.target,
        project=project,
        conditions=_conditions(probes),
        baseline=recipe_digest(baselines[0].plan.request.recipe) if baselines else "",
        train=tuple(ref.digest for ref in baselines[0].plan.request.train) if baselines else (),
        level=_level(night.started.session, baselines),
        replicates=within_recipes(probes),
        fit=left_over(probes),
        held_out_conditions=_conditions(confirmation),
        confirmation=within_recipes(confirmation),
        keys=tuple(sorted(probe.outcome.key for probe in (*probes, *confirmation))),
        effects=_effects(night, probes),
        test=_test(night),
        moves=moves_of(night),
        movements=moved_categories(night),
    )


def moved_categories(night: NightRecord) -> tuple[Movement, ...]:
    """Return what a night's changes did to every category, whatever its target was."""
    probes = scored_search(night)
    left = left_over(probes)
    runs = [_run(probe) for probe in probes]
    return movements_of(night, runs, left.squares, left.degrees_of_freedom) if left else ()


def within_recipes(probes: Sequence[FinishedProbe]) -> Residuals | None:
    """Return how far replicates differ from their own recipe's mean; None when no recipe was scored twice.

    Method: one-way ANOVA, the within-recipe sums of squares. A measurement that was looked up again counts once.
    """
    groups: dict[str, list[Run]] = {}
    for probe in _once(probes):
        groups.setdefault(recipe_digest(probe.plan.request.recipe), []).append(_run(probe))
    df, squares = 0, dict[str, float]()
    for group in (runs for runs in groups.values() if len(runs) > 1):
        df += len(group) - 1
        for name, scores in zip(_metrics(group), _scores(group).T, strict=True):
            squares[name] = squares.get(name, 0.0) + float(np.sum((scores - scores.mean()) ** 2))
    return Residuals(degrees_of_freedom=df, squares=squares) if df else None


def left_over(probes: Sequence[FinishedProbe]) -> Residuals | None:
    """Return what an additive model of level and changes leaves over; None when nothing is left.

    Method: least squares over `WINDOW` probes at a time, each window with a level and effects of its own, so that very
    long nights stay quick; every window costs degrees of freedom. A measurement that was looked up again counts once.
    """
    runs = [_run(probe) for probe in _once(probes)]
    df, squares = 0, dict[str, float]()
    for start in range(0, len(runs), WINDOW):
        window = runs[start : start + WINDOW]
        split = Design.of([run.changes for run in window]).split(_scores(window))
        df += split.df
        for name, square in zip(_metrics(window), np.diag(split.residual_M_M), strict=True):
            squares[name] = squares.get(name, 0.0) + float(square)
    return Residuals(degrees_of_freedom=df, squares=squares) if df else None


def scored_search(night: NightRecord) -> list[FinishedProbe]:
    """Return the probes with a full score on the search items, by number.

    Raises:
        ComparabilityError: they were measured under different conditions.
    """
    return _scored(night, ("calibrate", "search"), "search")


def recipe_digest(recipe: Recipe) -> str:
    """Return the digest of a recipe as a probe's key sees it: without the place of the base model."""
    return digest_of(recipe.model_dump(mode="json", exclude={"base_model"}))


def _name(night: NightRecord) -> str:
    return night.started.session if night.started else "unknown"


def _scored(night: NightRecord, phases: Sequence[ev.Phase], what: str) -> list[FinishedProbe]:
    scored = [p for p in night.probes if p.plan.phase in phases and p.is_scored]
    return comparable(scored, f"the probes of the {what} of session {_name(night)}")


def _once(probes: Sequence[FinishedProbe]) -> list[FinishedProbe]:
    return list({probe.outcome.key: probe for probe in probes}.values())


def _metrics(runs: Sequence[Run]) -> list[str]:
    return [*sorted(runs[0].categories), OVERALL, CRITICAL_FAILURES]


def _scores(runs: Sequence[Run]) -> Array:
    """Return runs by metrics."""
    return np.array([[run.metric(name) for name in _metrics(runs)] for run in runs])


def _conditions(probes: Sequence[FinishedProbe]) -> dict[str, str]:
    return conditions(probes[0].plan.request) if probes else {}


def _run(probe: FinishedProbe) -> Run:
    return Run(
        changes=frozenset(probe.plan.changes),
        seed=probe.plan.request.seed,
        categories={name: mean for name, mean in probe.means.items() if mean is not None},
        critical_failures=probe.outcome.critical_failures(),
        weights=probe.plan.request.weights,
    )


def _level(session: str, baselines: Sequence[FinishedProbe]) -> BaselineLevel | None:
    if not baselines:
        return None
    names = [*sorted(baselines[0].means), OVERALL]
    means = {name: fmean(score for p in baselines if (score := p.metric(name)) is not None) for name in names}
    return BaselineLevel(session=session, runs=len(baselines), means=means)


def _effects(night: NightRecord, probes: Sequence[FinishedProbe]) -> tuple[RawEffect, ...]:
    target, left = night.target, left_over(probes)
    square = left.squares.get(target) if left else None
    if left is None or not square:
        return ()
    lanes: dict[str, LaneName] = {name: candidate.change.lane for name, candidate in night.candidates.items()}
    sd = sqrt(square / left.degrees_of_freedom)
    return raw_effects([_run(probe) for probe in probes], target, sd, lanes)


def _test(night: NightRecord) -> NightTest | None:
    claim = night.claim
    if claim is None or claim.p_value is None:
        return None
    keys = sorted(p.outcome.key for p in night.probes if p.plan.phase == "confirm")
    return NightTest(p_value=claim.p_value, level=claim.level, confirmed=claim.confirmed, probes=digest_of(keys))
