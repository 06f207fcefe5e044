"""How sure the claim is before it is tried: the chance that the confirmation lets a recipe pass, and the probes for it.

A recipe at a guard's margin keeps the guard and still fails its test: the estimate must lie above the margin by more
than its error. So the final recipe is chosen by its chance to be claimed, and the confirmation's size by its guards'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agent.context import NightContext
from agent.noise import planned_noise
from agent.plan import NightPlan
from agent.referee import Referee
from agent.schedule import probes_used
from probes.statistics.assurance import chance_of_passing, largest_confirmation

SURE = 0.9
"""Chance of the nearest guard from which on a larger confirmation is not worth its probes."""


class Assurance:
    """The chance that the confirmation lets a recipe pass, by the search's fit: that of its weakest test.

    All tests must pass, the target's and every guard's, and they pass together more often than their chances multiplied
    say. It ranks recipes and sizes and is no forecast: the fit allows for misfit, so that more is claimed than it says
    (`results/LOG.md`).
    """

    def __init__(self, plan: NightPlan, referee: Referee) -> None:
        self._referee, self._target = referee, plan.target
        guards = {name: (-margin, plan.referee.confirm_level) for name, margin in plan.guards.items()}
        self._tests = {**guards, plan.target: (0.0, plan.level)}
        """Metric → what the difference must exceed, and at which level."""
        self._sd = {name: referee.run_sd(name) * ratio for name, ratio in _held_out_ratios(plan).items()}

    def of(self, changes: Sequence[str], probes: int) -> float:
        """Return the chance of a recipe with `changes` in a confirmation of so many probes, half on either side."""
        return min(self._of_test(name, changes, probes) for name in self._tests)

    def nearest_guard(self, changes: Sequence[str], probes: int) -> tuple[float, str]:
        """Return the least chance of a guard to pass, and which guard that is; without guards all is sure."""
        guards = (name for name in self._tests if name != self._target)
        return min(((self._of_test(name, changes, probes), name) for name in guards), default=(1.0, ""))

    def _of_test(self, name: str, changes: Sequence[str], probes: int) -> float:
        bar, level = self._tests[name]
        return chance_of_passing(self._referee.total(name, changes), bar, self._sd[name], probes // 2, level)


def wanted_confirmation(context: NightContext) -> int:
    """Return the probes with which the working recipe's guards are sure to pass, from the session's up to the limit.

    The target has no say: what it lacks is better looked for than tested longer.
    """
    plan, accepted = context.plan, context.night.accepted
    if not accepted or largest_confirmation(plan.confirm_probes, plan.budget_probes) <= plan.confirm_probes:
        return plan.confirm_probes
    assurance = Assurance(plan, Referee(context.night, plan, context.evidence))

    def chance(probes: int) -> float:
        return assurance.nearest_guard(accepted, probes)[0]

    return grown_confirmation(plan.confirm_probes, plan.budget_probes, chance)


def grown_confirmation(confirm_probes: int, budget_probes: int, chance: Callable[[int], float]) -> int:
    """Return the fewest probes of a confirmation whose `chance` is sure, from the session's up to the limit."""
    most = largest_confirmation(confirm_probes, budget_probes)
    return next((probes for probes in range(confirm_probes, most, 2) if chance(probes) >= SURE), most)


def why_confirm(context: NightContext) -> str:
    """Return why the search ends here though it could go on."""
    plan, accepted = context.plan, context.night.accepted
    assurance = Assurance(plan, Referee(context.night, plan, context.evidence))
    _, guard = assurance.nearest_guard(accepted, plan.confirm_probes)
    return f"the rest of the budget goes to the confirmation, where {guard} could else fail its test"


def affordable_confirmation(context: NightContext, kept: int = 0) -> int:
    """Return the probes of the confirmation: the session's, and what the search left beside `kept`, up to the limit."""
    plan, used = context.plan, probes_used(context.night)
    most = largest_confirmation(plan.confirm_probes, plan.budget_probes)
    for probes in range(most, plan.confirm_probes, -2):
        if context.budget.refusal(used, probes - plan.confirm_probes + kept, reserve_confirmation=True) is None:
            return probes
    return plan.confirm_probes


def _held_out_ratios(plan: NightPlan) -> Mapping[str, float]:
    """Return how much noisier each metric is on the held-out items than on the search's, by their numbers."""
    noise = planned_noise(plan)
    known = noise.search.categories.keys() & noise.held_out.categories.keys()
    ratios = {name: noise.held_out.categories[name] / noise.search.categories[name] for name in known}
    ratios |= {plan.target: noise.held_out.target / noise.search.target}
    return {name: ratios.get(name, 1.0) for name in (plan.target, *plan.guards)}
