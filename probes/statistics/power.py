"""Power before money: what the confirmation could see, and whether the guards could pass, at a given noise."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from scipy import optimize, stats

from probes.statistics.noise import estimate_noise
from probes.statistics.runs import OVERALL
from probes.statistics.verdicts import CategoryPower, Noise, PowerTable

POWER = 0.8
LEAST_ITEMS = 7
"""Fewer items in a category that decides anything give a direction, not a claim."""


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
    if runs_per_arm < 2:
        return 0.0
    df = 2 * (runs_per_arm - 1)
    shift = margin / (sd * sqrt(2 / runs_per_arm))
    return float(stats.nct.sf(stats.t.ppf(1 - level, df), df, shift))


def power_table(
    noise: Noise,
    target: str,
    guards: Mapping[str, float],
    items: Mapping[str, tuple[int, int]],
    confirm_probes: int,
    level: float,
    assumed_sd: float,
    assumed_category_sd: float,
    source: str = "assumed",
) -> PowerTable:
    """Return what each category and the target can resolve in the confirmation.

    Args:
        noise: Measured noise; what it lacks is assumed.
        target: Category, or `overall`.
        guards: Category → non-inferiority margin.
        items: Category → (search items, held-out items).
        confirm_probes: Probes kept back, half for each side.
        level: One-sided level.
        assumed_sd: Run-to-run sd of the target before anything was measured.
        assumed_category_sd: The same for one category's mean.
        source: `assumed`, `measured` or `earlier night`.
    """
    runs = confirm_probes // 2
    target_sd = noise.target_sd or assumed_sd
    rows: list[CategoryPower] = []
    chance = 1.0
    for name, (search, held_out) in sorted(items.items()):
        sd = noise.category_sd.get(name) or assumed_category_sd
        margin = guards.get(name)
        passes = None if margin is None else pass_probability(sd, runs, margin, level)
        chance *= 1.0 if passes is None else passes
        rows.append(
            CategoryPower(
                category=name,
                role="target" if name == target else "guard" if margin is not None else "watched",
                items_search=search,
                items_held_out=held_out,
                margin=margin,
                resolvable=resolvable_difference(sd, runs, level),
                pass_probability=passes,
            )
        )
    resolvable = resolvable_difference(target_sd, runs, level)
    sentence = (
        f"With {runs} runs a side and a run-to-run sd of {target_sd:.2f}, a gain of {resolvable:.2f} points "
        f"in {target} is confirmed with {POWER:.0%} power; when nothing changed, all guards pass "
        f"{chance:.0%} of the time."
    )
    return PowerTable.model_validate(
        {
            "noise_source": source,
            "target_sd": target_sd,
            "categories": rows,
            "target_resolvable": resolvable,
            "guards_pass_probability": chance,
            "sentence": sentence,
        }
    )


def empty_noise() -> Noise:
    """Return the noise of a night that has measured nothing yet."""
    return estimate_noise([], OVERALL)


def blind_guards(table: PowerTable, least: float = 0.5) -> list[CategoryPower]:
    """Return the guards that pass less than `least` of the time though nothing changed: they cannot do their work."""
    return [row for row in table.categories if row.pass_probability is not None and row.pass_probability < least]


def _noncentrality(runs_per_arm: int, level: float, power: float) -> float:
    df = 2 * (runs_per_arm - 1)
    critical = float(stats.t.ppf(1 - level, df))
    return float(optimize.brentq(lambda shift: float(stats.nct.sf(critical, df, shift)) - power, 0.0, 50.0))
