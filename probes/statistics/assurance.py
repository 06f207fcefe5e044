"""Assurance: the chance that a test will pass, over what is believed now of the effect it will look for.

And how far a confirmation may grow for its sake.
"""

from __future__ import annotations

from math import erfc, sqrt

from scipy import special

from probes.statistics.effects import Posterior

MOST_TIMES, MOST_SHARE = 3, 1 / 3
"""A confirmation grows up to so many times the session's, and to this share of the budget."""


def chance_of_passing(effect: Posterior, bar: float, sd: float, runs_per_arm: int, level: float) -> float:
    """Return the chance that a one-sided two-sample test of `difference > bar` will pass; 0 with under 2 runs a side.

    The power averaged over the posterior of the effect (assurance: O'Hagan, Stevens and Campbell 2005). The estimate
    is normal around the true effect with the test's standard error, taken as known: the test passes where it lies the
    critical value of Student's t above the bar. At 8 runs a side that is within .01 of drawing the variance too.

    Args:
        effect: What is believed of the difference.
        bar: What the difference must exceed: 0 for superiority, minus the margin for non-inferiority.
        sd: Run-to-run sd of the metric, above 0.
        runs_per_arm: Runs on either side.
        level: One-sided level of the test.
    """
    if runs_per_arm < 2:
        return 0.0
    error = sd * sqrt(2 / runs_per_arm)
    needed = bar + float(special.stdtrit(2 * (runs_per_arm - 1), 1 - level)) * error
    return 0.5 * erfc((needed - effect.mean) / sqrt(2 * (effect.sd**2 + error**2)))


def largest_confirmation(confirm_probes: int, budget_probes: int) -> int:
    """Return the most probes that a confirmation may grow to, a pair at a time from the session's on."""
    most = int(min(MOST_TIMES * confirm_probes, MOST_SHARE * budget_probes))
    return max(confirm_probes, most - (most - confirm_probes) % 2)
