"""Power before money: what the confirmation could see, and whether the guards could pass, at a given noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import sqrt
from typing import Literal

import numpy as np
from scipy import optimize, stats

from probes.figures import show
from probes.statistics.runs import CRITICAL_FAILURES, OVERALL
from probes.statistics.spread import MOST_SHARED, PlannedNoise
from probes.statistics.verdicts import CategoryPower, PowerTable

POWER = 0.8
LEAST_ITEMS = 7
"""Fewer items in a category that decides anything give a direction, not a claim."""
NODES = 41
"""Points of the Gauss–Hermite rule over what the categories of one run share."""


def is_directional(items: int) -> bool:
    """Return whether so few items of a category give a direction only: no claim may rest on them."""
    return items < LEAST_ITEMS


def resolvable_difference(sd: float, runs_per_arm: int, level: float, power: float = POWER) -> float:
    """Return the smallest true difference found with `power` by a one-sided two-sample t-test at `level`.

    Exact through the noncentral t distribution. Assumes equal variance `sd`² and independent runs. Infinite with fewer
    than 2 runs a side.
    """
    if runs_per_arm < 2:
        return float("inf")
    return _noncentrality(runs_per_arm, level, power) * sd * sqrt(2 / runs_per_arm)


def pass_probability(sd: float, runs_per_arm: int, margin: float, level: float) -> float:
    """Return the chance that a non-inferiority test at `margin` passes when nothing changed; 0 with under 2 runs."""
    return joint_pass_probability([(sd, margin)], 0.0, runs_per_arm, level)


def joint_pass_probability(
    guards: Sequence[tuple[float, float]], shared_sd: float, runs_per_arm: int, level: float
) -> float:
    """Return the chance that every guard passes its non-inferiority test when nothing changed.

    The guards of one run move together by what the run does to all categories alike, so their chances do not simply
    multiply. Method: given the shared part of the two arms' difference the guards are independent, each a noncentral t
    test; the chances are multiplied there and averaged over the shared part by Gauss–Hermite quadrature. Assumption:
    the guards' variance estimates are independent (they correlate by the square of the scores' correlation). 1 without
    guards, 0 with under 2 runs a side.

    Args:
        guards: Run-to-run sd, above 0, and margin of each guard.
        shared_sd: Sd that all categories of one run share, at most the smallest guard's.
        runs_per_arm: Runs on either side.
        level: One-sided level of each test.
    """
    if not guards:
        return 1.0
    if runs_per_arm < 2:
        return 0.0
    df = 2 * (runs_per_arm - 1)
    critical = float(stats.t.ppf(1 - level, df))
    points, weights = np.polynomial.hermite_e.hermegauss(NODES) if shared_sd > 0 else (np.zeros(1), np.ones(1))
    passed = weights / weights.sum()
    for sd, margin in guards:
        shared = min(shared_sd / sd, MOST_SHARED)
        own = sqrt(1 - shared**2)
        shift = margin / (sd * sqrt(2 / runs_per_arm)) + shared * points
        passed = passed * np.asarray(stats.nct.sf(critical / own, df, shift / own))
    return float(min(1.0, passed.sum()))


def power_table(
    noise: PlannedNoise,
    target: str,
    guards: Mapping[str, float],
    items: Mapping[str, tuple[int, int]],
    confirm_probes: int,
    level: float,
) -> PowerTable:
    """Return what each category and the target can resolve in the confirmation.

    Args:
        noise: Run-to-run noise on both splits.
        target: Category, or `overall`.
        guards: Guard → non-inferiority margin.
        items: Category → (search items, held-out items).
        confirm_probes: Probes kept back, half for each side.
        level: One-sided level.
    """
    runs = confirm_probes // 2
    rows = [_row(name, counts, noise, target, guards, runs, level) for name, counts in sorted(items.items())]
    if target == OVERALL:
        every = sum(search for search, _ in items.values()), sum(held_out for _, held_out in items.values())
        rows.append(_row(OVERALL, every, noise, target, guards, runs, level))
    resolvable = resolvable_difference(noise.held_out.target, runs, level)
    testable = [(noise.held_out.categories[n], m) for n, m in guards.items() if n in noise.held_out.categories]
    chance = joint_pass_probability(testable, noise.shared_sd, runs, level)
    if CRITICAL_FAILURES in guards:
        every = sum(search for search, _ in items.values()), sum(held_out for _, held_out in items.values())
        rows.append(_row(CRITICAL_FAILURES, every, noise, target, guards, runs, level))
        chance *= 1.0 if rows[-1].pass_probability is None else rows[-1].pass_probability
    return PowerTable(
        noise_source=noise.source,
        target_sd=noise.search.target,
        categories=tuple(rows),
        target_resolvable=resolvable,
        guards_pass_probability=chance,
        sentence=_sentence(target, runs, noise.held_out.target, resolvable, chance if guards else None),
        noise_words=noise.words,
    )


def power_of_choice(power: PowerTable, choices: Sequence[PowerTable], confirm_probes: int) -> PowerTable:
    """Return the power of a night that chooses its target itself: what holds whichever category it takes.

    Args:
        power: Of the same night with `overall` as its target, for all that does not hang on the choice.
        choices: With each category that may be chosen as its target; at least one.
        confirm_probes: Probes kept back, half for each side.
    """
    resolvable = [table.target_resolvable for table in choices]
    chance = min(table.guards_pass_probability for table in choices)
    low, high = f"{min(resolvable):.2f}", f"{max(resolvable):.2f}"
    where = "the category that the night chooses"
    gain = f"{high} points in {where}" if low == high else f"{low} to {high} points, depending on {where},"
    rows = tuple(row for row in power.categories if row.role != "target")
    return power.model_copy(
        update={
            "categories": rows,
            "target_resolvable": max(resolvable),
            "guards_pass_probability": chance,
            "sentence": f"With {confirm_probes // 2} runs a side, a gain of {gain} is confirmed with "
            f"{100 * POWER:.0f} % power"
            + _passes(chance if any(row.role == "guard" for row in rows) else None, "at least "),
        }
    )


def blind_guards(table: PowerTable, least: float = 0.5) -> list[CategoryPower]:
    """Return the guards that pass less than `least` of the time though nothing changed: they cannot do their work."""
    return [row for row in table.categories if row.pass_probability is not None and row.pass_probability < least]


def _row(
    name: str,
    items: tuple[int, int],
    noise: PlannedNoise,
    target: str,
    guards: Mapping[str, float],
    runs: int,
    level: float,
) -> CategoryPower:
    """Return what one metric can resolve; None where its noise is not known or no item is held out."""
    sd, held_out_sd = _sd(name, target, noise)
    margin = guards.get(name)
    role: Literal["target", "guard", "watched"] = (
        "target" if name == target else "guard" if margin is not None else "watched"
    )
    passes = None
    if margin is not None and held_out_sd is not None:
        passes = pass_probability(held_out_sd, runs, margin, level)
    return CategoryPower(
        category=name,
        role=role,
        items_search=items[0],
        items_held_out=items[1],
        margin=margin,
        resolvable=None if held_out_sd is None else resolvable_difference(held_out_sd, runs, level),
        pass_probability=passes,
        sd_search=sd,
        sd_held_out=held_out_sd,
        directional=role != "watched" and is_directional(min(items)),
    )


def _sd(name: str, target: str, noise: PlannedNoise) -> tuple[float | None, float | None]:
    """Return a metric's sd on the search and on the held-out items."""
    if name == target:
        return noise.search.target, noise.held_out.target
    if name == CRITICAL_FAILURES:
        return noise.critical_failures_sd, noise.critical_failures_sd
    return noise.search.categories.get(name), noise.held_out.categories.get(name)


def _sentence(target: str, runs: int, sd: float, resolvable: float, chance: float | None) -> str:
    seen = (
        f"With {runs} runs a side and a run-to-run sd of {sd:.2f} on the held-out items, a gain of {resolvable:.2f} "
        f"points in {target} is confirmed with {100 * POWER:.0f} % power"
    )
    return seen + _passes(chance)


def _passes(chance: float | None, bound: str = "") -> str:
    if chance is None:
        return "; no guard is watched."
    return f"; when nothing changed, all guards pass {bound}{show(chance, 'chance')} of the time."


@cache
def _noncentrality(runs_per_arm: int, level: float, power: float) -> float:
    df = 2 * (runs_per_arm - 1)
    critical = float(stats.t.ppf(1 - level, df))
    return float(optimize.brentq(lambda shift: float(stats.nct.sf(critical, df, shift)) - power, 0.0, 50.0))
