"""A proposal for the night's design: rows of changes chosen a round at a time, where the joint fit is still undecided.

Every probe of the search trains the baseline with several of the live changes at once. Which ones is chosen for each
row from the posterior, so any number of live candidates, any number of rows left and any forbidden pair will do, and
nothing is left over for a race. A change that is believed in is set aside: it leaves the rows, which stay near the
baseline's level where gains do not saturate, and stays in the fit. The final recipe is every change that the whole
night's fit believes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from probes.statistics.config import RefereeConfig
from probes.statistics.race import EffectPrior, Effects, fit_effects
from probes.statistics.runs import Run
from runner.bench.nights import Night, SpentError
from runner.bench.race import TARGET, as_run, change_name

Array = NDArray[np.float64]
_Fit = tuple[Effects, float]
DRAWS = 128
"""On/off vectors of which a row is the best."""


@dataclass(frozen=True)
class RowRules:
    """How rows are chosen and read."""

    live: int = 14
    """Candidates undecided at a time."""
    round: int = 4
    """Rows chosen together and probed side by side."""
    aside_level: float = 0.97
    """Set aside at P(effect > 0) of at least this."""
    ship_level: float = 0.84
    """In the final recipe at P(effect > 0) of at least this."""
    reject_level: float = 0.25
    worthwhile: float = 0.15
    least_rows: int = 4
    """Rows with the change on before it may be decided."""
    last_refill: float = 10.0
    """With fewer probes left no new candidate is started: nothing could be learned of it."""
    noise_allowance: float = 1.2
    """Factor on the run-to-run sd: rows hold several changes, and effects do not quite add up."""


RULES, ROWS = RefereeConfig(), RowRules()


def choose_rows(
    mean: Array,
    covariance: Array,
    count: int,
    noise_sd: float,
    chance: np.random.Generator,
    allows: Callable[[NDArray[np.bool_]], bool] = lambda on: True,
) -> list[NDArray[np.bool_]]:
    """Return the on/off vectors of the next `count` probes, chosen before any of them is run.

    Each is the best of `DRAWS` random vectors by the variance it is expected to take off the effects whose sign is
    open: Σ w_i (Σx)_i² / (σ² + x'Σx) with w_i = φ(m_i / s_i) / s_i, the rate at which E[max(0, effect)] grows with the
    variance that a probe resolves (the knowledge gradient's limit for small steps, Frazier et al. 2008). The posterior
    is then updated as if the row had been measured, which needs no score.

    Args:
        mean: Posterior means, the level first, then one per live change.
        covariance: Their covariance.
        count: Rows wanted.
        noise_sd: Run-to-run sd of a score.
        chance: Draws the vectors.
        allows: Whether a vector may be probed: two changes of one knob may not.
    """
    covariance, live = covariance.copy(), len(mean) - 1
    rows: list[NDArray[np.bool_]] = []
    for _ in range(count):
        on = chance.random((DRAWS, live)) < 0.5
        design = np.column_stack([np.ones(DRAWS), on])
        carried = design @ covariance
        variance = noise_sd**2 + np.einsum("ij,ij->i", carried, design)
        sd = np.sqrt(np.diag(covariance)[1:])
        weights = np.exp(-0.5 * (mean[1:] / sd) ** 2) / sd
        worth = (carried[:, 1:] ** 2 @ weights) / variance
        best = next((int(i) for i in np.argsort(-worth, kind="stable") if allows(on[i])), None)
        row = on[best] if best is not None else np.zeros(live, dtype=np.bool_)
        step = covariance @ np.concatenate([[1.0], row])
        covariance -= np.outer(step, step) / (noise_sd**2 + step[0] + step[1:] @ row)
        rows.append(row)
    return rows


@dataclass
class _State:
    """The night so far."""

    runs: list[Run] = field(default_factory=list[Run])
    live: dict[int, int] = field(default_factory=dict[int, int])
    """Undecided candidate → rows it was on in."""


def chosen_rows(night: Night, rules: RefereeConfig = RULES, design: RowRules = ROWS) -> tuple[int, ...]:
    """Run rounds of chosen rows until the search is spent and return every change believed in at the end."""
    state, waiting = _State(), iter(night.candidates)
    chance = np.random.default_rng([7, night.number])
    try:
        for _ in range(rules.calibration_runs):
            _record(night, state, ())
        fit = _fit(state.runs, rules, design)
        while _fill(night, state, waiting, design):
            for changes in _next_rows(state, fit, rules, design, chance):
                _record(night, state, changes)
            fit = _fit(state.runs, rules, design)
            _decide(state, fit, design)
    except SpentError:
        pass
    effects, _ = _fit(state.runs, rules, design)
    return tuple(int(name[1:]) for name in effects.names if effects.of(name).above(0.0) >= design.ship_level)


def _fill(night: Night, state: _State, waiting: Iterator[int], design: RowRules) -> bool:
    """Fill the free places with candidates that survived a smoke run; return whether there is anything to probe."""
    while len(state.live) < design.live and night.left > design.last_refill:
        change = next(waiting, None)
        if change is None:
            break
        if not night.smoke(change):
            state.live[change] = 0
    return bool(state.live)


def _next_rows(
    state: _State, fit: _Fit, rules: RefereeConfig, design: RowRules, chance: np.random.Generator
) -> list[tuple[int, ...]]:
    effects, noise_sd = fit
    live = list(state.live)
    mean, covariance = joint_state(effects, [change_name(change) for change in live], _prior(rules))
    return [
        tuple(change for change, is_on in zip(live, row, strict=True) if is_on)
        for row in choose_rows(mean, covariance, design.round, noise_sd, chance)
    ]


def _decide(state: _State, fit: _Fit, design: RowRules) -> None:
    effects, _ = fit
    for change, rows in list(state.live.items()):
        if rows < design.least_rows:
            continue
        effect = effects.of(change_name(change))
        if effect.above(design.worthwhile) < design.reject_level or effect.above(0.0) >= design.aside_level:
            del state.live[change]


def joint_state(effects: Effects, names: Sequence[str], prior: EffectPrior) -> tuple[Array, Array]:
    """Return mean and covariance of the level and some changes; one that was never probed has its prior."""
    seen = [(i, 1 + effects.names.index(name)) for i, name in enumerate(names, start=1) if name in effects.names]
    to, of = [0, *(i for i, _ in seen)], [0, *(i for _, i in seen)]
    mean = np.full(1 + len(names), prior.mean)
    covariance = np.diag(np.full(1 + len(names), prior.sd**2))
    mean[to] = effects.mean[of]
    covariance[np.ix_(to, to)] = effects.covariance[np.ix_(of, of)]
    return mean, covariance


def _fit(runs: Sequence[Run], rules: RefereeConfig, design: RowRules) -> _Fit:
    noise_sd = design.noise_allowance * residual_sd(runs, rules)
    return fit_effects(runs, TARGET, _prior(rules), noise_sd), noise_sd


def residual_sd(runs: Sequence[Run], rules: RefereeConfig) -> float:
    """Return the sd that least squares leaves over, mixed with the assumed one."""
    names = sorted({name for run in runs for name in run.changes})
    rows = np.array([[1.0, *(float(name in run.changes) for name in names)] for run in runs])
    scores = np.array([run.metric(TARGET) for run in runs])
    basis, weight, _ = np.linalg.svd(rows, full_matrices=False)
    basis = basis[:, weight > 1e-7 * weight[0]]
    left = scores - basis @ (basis.T @ scores)
    df = len(runs) - basis.shape[1]
    return sqrt((rules.noise_weight * rules.assumed_sd**2 + float(left @ left)) / (rules.noise_weight + df))


def _prior(rules: RefereeConfig) -> EffectPrior:
    return EffectPrior(rules.prior_mean, rules.prior_sd, rules.prior_tail_df)


def _record(night: Night, state: _State, changes: tuple[int, ...]) -> None:
    state.runs.append(as_run(changes, night.measure(changes), len(state.runs)))
    for change in changes:
        state.live[change] += 1
