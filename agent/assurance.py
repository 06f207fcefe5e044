"""How sure the claim is before it is tried: the chance that the confirmation lets a recipe pass, and the probes for it.

A recipe at a guard's margin keeps the guard and still fails its test: the estimate must lie above the margin by more
than its error. So the final recipe is chosen, and the size of the confirmation with it, by the chance to be claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from agent.context import NightContext
from agent.noise import planned_noise
from agent.plan import NightPlan
from agent.referee import Referee
from agent.schedule import probes_used
from probes.figures import show
from probes.statistics.assurance import chance_of_passing, largest_confirmation

SURE = 0.9
"""Chance of being claimed from which on a larger confirmation is not worth its probes."""


class Assurance:
    """The chance that the confirmation lets a recipe pass, by the search's fit.

    The chances of the target's test and of every guard's are multiplied. What a run does to all categories alike makes
    them pass together more often, so with several guards near their margins the product is too small.
    """

    def __init__(self, plan: NightPlan, referee: Referee) -> None:
        self._referee = referee
        guards = {name: (-margin, plan.referee.confirm_level) for name, margin in plan.guards.items()}
        self._tests = {**guards, plan.target: (0.0, plan.level)}
        """Metric → what the difference must exceed, and at which level."""
        self._sd = {name: referee.run_sd(name) * ratio for name, ratio in _held_out_ratios(plan).items()}

    def of(self, changes: Sequence[str], probes: int) -> float:
        """Return the chance of a recipe with `changes` in a confirmation of so many probes, half on either side."""
        return prod(
            chance_of_passing(self._referee.total(name, changes), bar, self._sd[name], probes // 2, level)
            for name, (bar, level) in self._tests.items()
        )


def wanted_confirmation(context: NightContext) -> int:
    """Return the probes that make the claim of the working recipe sure: the session's, or more up to the limit."""
    plan, accepted = context.plan, context.night.accepted
    most = largest_confirmation(plan.confirm_probes, plan.budget_probes)
    if not accepted or most <= plan.confirm_probes:
        return plan.confirm_probes
    assurance = Assurance(plan, Referee(context.night, plan, context.evidence))
    sizes = range(plan.confirm_probes, most, 2)
    return next((probes for probes in sizes if assurance.of(accepted, probes) >= SURE), most)


def why_confirm(context: NightContext) -> str:
    """Return why the search ends here though it could go on: what its last probes do for the claim."""
    plan, accepted = context.plan, context.night.accepted
    assurance = Assurance(plan, Referee(context.night, plan, context.evidence))
    own, more = plan.confirm_probes, wanted_confirmation(context)
    chances = [show(assurance.of(accepted, probes), "share") for probes in (own, more)]
    return (
        f"what is left goes to the confirmation: with {more} probes the working recipe has a chance of {chances[1]} to "
        f"be claimed, with the session's {own} one of {chances[0]}"
    )


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
