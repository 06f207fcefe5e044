"""How the same money measures more: answers per item, replicates or samples, and what equal train seeds buy."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from probes.aggregation import Weights
from probes.statistics.spread import Items, Variances
from probes.statistics.verdicts import NoiseAdvice, NoiseComponents

WORTH_SAYING = 0.05
"""Smaller savings of time are no reason to change anything."""
MOST_SAMPLES = 32
"""More answers per item are never advised."""


@dataclass(frozen=True)
class ProbeCosts:
    """What the parts of a probe took, mean over probes."""

    training_s: float
    evaluation_s_per_sample: float
    """Evaluation of one answer to every item, > 0."""

    @property
    def ratio(self) -> float:
        """Training in units of one answer to every item."""
        return self.training_s / self.evaluation_s_per_sample


def known_variances(components: NoiseComponents | None) -> Variances | None:
    """Return the measured variances; None unless seed and sampling could be told apart."""
    if components is None:
        return None
    run, category = components.run.sd, components.run_category.sd
    item, sampling = components.run_item.sd, components.sampling.sd
    if run is None or item is None or sampling is None:
        return None
    return Variances(run**2, (category or 0.0) ** 2, item**2, sampling**2)


def best_samples(cost_ratio: float, seed_variance: float, sampling_variance: float) -> float | None:
    """Return the number of answers per item that measures a metric best for the money, at least 1.

    Method: the precision per second of a probe, 1 / ((V + S / K) · (ratio + K)), is largest at K* = sqrt(ratio · S / V)
    (allocation in two stages, e.g. Cochran, Sampling Techniques, ch. 10). Assumes that cost is linear in K. None when
    no seed-level variance was seen: then no number of answers is too many.
    """
    return max(1.0, sqrt(cost_ratio * sampling_variance / seed_variance)) if seed_variance > 0 else None


def advise(
    variances: Variances | None,
    items: Items,
    samples: int,
    costs: ProbeCosts | None,
    correlation: float | None,
    weights: Weights | None = None,
) -> NoiseAdvice:
    """Say what the next probe's money is best spent on.

    Args:
        variances: Measured components; None when they could not be told apart.
        items: Items of each category that enters the target.
        samples: Answers per item now.
        costs: Measured costs of a probe.
        correlation: Of two recipes over equal train seeds; None when not known.
        weights: Category → its share of the target; None: all count the same.
    """
    pairing = None if correlation is None else max(0.0, min(1.0, correlation))
    best = saved = None
    if variances is not None and costs is not None and items:
        seed, answer = variances.seed_level(items, weights), variances.answer_level(items, weights)
        best = best_samples(costs.ratio, seed, answer)
        nearest = min(MOST_SAMPLES, MOST_SAMPLES if best is None else max(1, round(best)))
        saved = 1 - _price(nearest, costs.ratio, seed, answer) / _price(samples, costs.ratio, seed, answer)
        saved = max(0.0, saved)
    buy = None
    if saved is not None and saved >= WORTH_SAYING:
        buy = "samples" if best is None or best > samples else "replicates"
    return NoiseAdvice(
        samples=samples,
        cost_ratio=costs.ratio if costs else None,
        best_samples=best,
        time_saved=saved,
        better_buy=buy,
        pairing_saves=pairing,
        sentence=f"{_about_samples(samples, best, saved, buy, costs, variances)} {_about_pairing(pairing)}".strip(),
    )


def _price(samples: int, ratio: float, seed: float, answer: float) -> float:
    """Return the cost of one unit of precision: variance of a probe times what it takes."""
    return (seed + answer / samples) * (ratio + samples)


def _about_samples(
    samples: int,
    best: float | None,
    saved: float | None,
    buy: str | None,
    costs: ProbeCosts | None,
    variances: Variances | None,
) -> str:
    now = "1 answer per item" if samples == 1 else f"{samples} answers per item"
    if variances is None:
        if samples == 1:
            return "With 1 answer per item sampling cannot be told from the train seed: `suite.samples = 2` would tell."
        return "Too few replicates to say where the noise comes from."
    if costs is None or saved is None:
        return ""
    wanted = f"about {round(best)}" if best is not None and best <= MOST_SAMPLES else f"{MOST_SAMPLES} or more"
    if buy is None:
        verb = "is" if samples == 1 else "are"
        return f"{now} {verb} about right (best: {wanted}): another replicate buys as much as another answer."
    less = f"the same precision in {100 * saved:.0f} % less time"
    because = f"training takes as long as {costs.ratio:.1f} rounds of answers"
    if buy == "samples":
        return f"More answers are the better buy: {wanted} per item instead of {samples} give {less} ({because})."
    answers = "answer" if wanted == "about 1" else "answers"
    return (
        f"More replicates are the better buy: {wanted} {answers} per item instead of {samples} give {less} ({because})."
    )


def _about_pairing(pairing: float | None) -> str:
    if pairing is None:
        return ""
    if pairing < WORTH_SAYING:
        return "Equal train seeds buy nothing here: two recipes do not move together."
    return f"Comparing on equal train seeds saves {100 * pairing:.0f} % of the probes."
