"""What a change is measured on: the accepted changes that blocks and rows leave in place."""

from __future__ import annotations

from collections.abc import Sequence

from agent.context import NightContext
from agent.recipes import starts_from
from agent.referee import Referee

FIRM = 1.5
"""Times the fit's noise, misfit included, by which an accepted change raises the target before others are measured on
top of it."""


def bases(context: NightContext, changes: Sequence[str]) -> tuple[str, ...]:
    """Return the accepted changes that `changes` are measured on, in order of acceptance.

    Those that they start from and the firm ones: what else helps will be shipped on top of these, and some of it helps
    there only (`make bench-proposers`, public trials). The others stay out: near saturation every effect would look
    smaller than it is (`make bench-referee`).
    """
    night = context.night
    needed = set(firm(context))
    wanted = [*needed, *changes]
    while wanted:
        base = starts_from(night, wanted.pop(), night.accepted)
        if base is not None and base not in needed:
            needed.add(base)
            wanted.append(base)
    return tuple(name for name in night.accepted if name in needed and name not in changes)


def firm(context: NightContext) -> tuple[str, ...]:
    """Return the accepted changes that raise the target far beyond noise and what changes do to one another."""
    accepted, target = context.night.accepted, context.plan.target
    if not accepted:
        return ()
    referee = Referee(context.night, context.plan, context.evidence)
    least = FIRM * referee.noise_sd(target)
    return tuple(name for name in accepted if referee.effect(name).mean >= least)
