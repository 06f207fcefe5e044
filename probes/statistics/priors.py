"""Priors learned from earlier nights: how large the effects of a lane's changes have been, lane by lane.

Empirical Bayes on what the nights measured, not on what their referee concluded: a posterior mean is shrunk already,
and a prior fitted to it would shrink twice. So each night's probes are fitted once more with a flat prior, and the
spread of those estimates beyond their own standard errors is the spread of the effects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from math import exp, isinf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from probes.candidate import LaneName
from probes.statistics.earlier import LanePrior, RawEffect
from probes.statistics.effects import EffectPrior
from probes.statistics.race import fit_effects
from probes.statistics.runs import Run

FLAT = EffectPrior(0.0, 10.0)
"""Flat on a scale of 0 to 10: an effect that no probe could tell apart keeps a standard error of no weight."""
SESSION_WEIGHT = 10.0
"""The session's own prior weighs as much as this many candidates measured without noise."""
MOST_CHANGES = 1000
"""Of one night: a prior learned from so many gains nothing from more, and the fit grows with their cube."""
_NODES = 32
_NARROWEST, _WIDEST = 0.02, 20.0


def raw_effects(
    runs: Sequence[Run],
    metric: str,
    noise_sd: float,
    lanes: Mapping[str, LaneName],
    most_changes: int = MOST_CHANGES,
) -> tuple[RawEffect, ...]:
    """Return the effect of every probed change, by least squares over all runs of the night at once.

    Assumes that effects add up. Every change with a scored probe enters, whatever was decided about it: only those that
    left no score (diverged, crashed, stopped by their smoke run) are missing, so the prior is that of changes which
    reach a score. Estimates of one night share the error of its baseline, which is left out of account.

    Args:
        runs: Scored probes on the search items, in order.
        metric: The night's target.
        noise_sd: Run-to-run sd of the metric, > 0.
        lanes: Candidate → its lane.
        most_changes: Changes fitted; a run with any other is left out.
    """
    if not runs:
        return ()
    first = set(islice(dict.fromkeys(name for run in runs for name in sorted(run.changes)), most_changes))
    fitted = fit_effects([run for run in runs if run.changes <= first], metric, FLAT, noise_sd)
    effects = {name: fitted.of(name) for name in fitted.names if name in lanes}
    return tuple(
        RawEffect(lane=lanes[name], effect=effect.mean, standard_error=effect.sd) for name, effect in effects.items()
    )


def learn_prior(effects: Sequence[RawEffect], session: EffectPrior) -> tuple[EffectPrior, float]:
    """Return the prior of a lane's effects and the share of the data in it.

    Method: maximum marginal likelihood of location and scale, each estimate being normal around its effect and the
    effects a Student t with the session's degrees of freedom; then mixed with the session's prior, which weighs as
    `SESSION_WEIGHT` candidates, on the mean and on the variance. A noisy estimate counts for the share of its variance
    that could be effect. Being a likelihood, it does not mind that promising changes were replicated more often; a mean
    of the estimates would. Without estimates the session's prior is returned with share 0.

    Args:
        effects: Estimates of one lane, from any number of nights.
        session: The prior the session file states.
    """
    if not effects:
        return session, 0.0
    values = np.array([each.effect for each in effects])
    variances = np.array([each.standard_error**2 for each in effects])
    mean, sd = _fit(values, variances, session)
    count = float(np.sum(session.sd**2 / (session.sd**2 + variances)))
    share = count / (count + SESSION_WEIGHT)
    return (
        EffectPrior(
            share * mean + (1 - share) * session.mean,
            sqrt(share * sd**2 + (1 - share) * session.sd**2),
            session.tail_df,
        ),
        share,
    )


def lane_priors(effects: Sequence[RawEffect], target: str, session: EffectPrior) -> tuple[LanePrior, ...]:
    """Return the learned prior of every lane that has estimates."""
    learned: list[LanePrior] = []
    lanes: list[LaneName] = list(dict.fromkeys(each.lane for each in effects))
    for lane in lanes:
        own = [each for each in effects if each.lane == lane]
        prior, share = learn_prior(own, session)
        learned.append(
            LanePrior(target=target, lane=lane, mean=prior.mean, sd=prior.sd, candidates=len(own), weight=share)
        )
    return tuple(learned)


def _fit(values: NDArray[np.float64], variances: NDArray[np.float64], session: EffectPrior) -> tuple[float, float]:
    """Return location and scale of the effects' distribution by maximum marginal likelihood."""
    if isinf(session.tail_df):
        precisions = np.ones(1)
    else:
        # A Student t is a normal whose precision is Gamma distributed; its quantiles stand for it.
        steps = (np.arange(_NODES) + 0.5) / _NODES
        precisions = stats.gamma.ppf(steps, session.tail_df / 2, scale=2 / session.tail_df)

    def surprise(at: NDArray[np.float64]) -> float:
        spread = variances[:, None] + exp(2 * float(at[1])) / precisions[None, :]
        density = np.exp(-0.5 * (values[:, None] - at[0]) ** 2 / spread) / np.sqrt(spread)
        return -float(np.log(density.mean(axis=1) + 1e-300).sum())

    bounds = [(float(values.min()), float(values.max())), (log(_NARROWEST), log(_WIDEST))]
    starts = ((float(np.median(values)), scale) for scale in (session.sd / 4, session.sd, 4 * session.sd))
    fits = (
        optimize.minimize(surprise, np.array([mean, log(scale)]), method="Nelder-Mead", bounds=bounds)
        for mean, scale in starts
    )
    best = min(fits, key=lambda fit: float(fit.fun))
    return float(best.x[0]), exp(float(best.x[1]))
